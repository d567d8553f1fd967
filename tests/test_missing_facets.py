"""Bounds of what rows of a missing facet could do: in reports, in checks and in a gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.cli import main
from biaskit.errors import RolesError
from biaskit.metrics.metric import metric
from biaskit.pages.numbers import interval

# Selected and not, by sex, of the example of New York City's rule on automated employment
# decision tools (6 RCNY 5-302), with its 250 of unknown sex, of whom 120 are taken for selected.
SELECTED = pd.DataFrame(
    {
        "sex": ["Male", "Male", "Female", "Female", None, None],
        "selected": [1, 0, 1, 0, 1, 0],
        "n": [667, 723, 555, 626, 120, 130],
    }
)
ROLES: dict[str, Any] = {
    "facet": "sex",
    "predicted": "selected",
    "frequency": "n",
    "facet_values": "Female",
}


def test_reference_values() -> None:
    found = biaskit.report(SELECTED, **ROLES, metrics=["DI", "DPPL"], missing="bounds")
    assert found["least"].tolist() == pytest.approx([0.8122552113, -0.0800158785], abs=1e-10)
    assert found["most"].tolist() == pytest.approx([1.1823450304, 0.0978510919], abs=1e-10)
    alone = biaskit.report(SELECTED, **ROLES, metrics=["DI", "DPPL"])
    same = ["estimate", "rate_a", "rate_d", "n_a", "n_d", "n_missing"]
    pd.testing.assert_frame_equal(found[same], alone[same])
    assert (found["low"] < alone["low"]).all()
    assert (found["high"] > alone["high"]).all()
    assert "least" not in alone
    without = biaskit.report(SELECTED, **ROLES, metrics="DI", missing="bounds", confidence=None)
    assert without["least"].item() == found["least"][0]
    assert without["note"].item() == "250 rows have no sex"


def test_its_ends_are_those_of_the_two_extreme_tables() -> None:
    found = biaskit.report(SELECTED, **ROLES, metrics="DI", missing="bounds").iloc[0]
    for end, extreme, unknown in (
        ("low", "least", ["Male", "Female"]),
        ("high", "most", ["Female", "Male"]),
    ):
        told = SELECTED.assign(sex=[*SELECTED["sex"][:4], *unknown])
        row = biaskit.report(told, **ROLES, metrics="DI").iloc[0]
        assert found[extreme] == pytest.approx(row["estimate"], abs=1e-12)
        assert found[end] == pytest.approx(row[end], abs=1e-9)


def test_metrics_without_bounds_have_no_interval_and_say_why() -> None:
    rows = SELECTED.rename(columns={"selected": "hired"})
    found = biaskit.report(
        rows, facet="sex", label="hired", frequency="n", missing="bounds", facet_values="Female"
    ).set_index("metric")
    assert np.isnan(
        found.loc["KL", ["low", "high", "least", "most", "p_value"]].astype(float)
    ).all()
    assert "250 rows have no sex; no interval" in found.loc["KL", "note"]
    assert "250 rows have no sex; the interval holds" in found.loc["DPL", "note"]
    whole = biaskit.report(
        rows.dropna(), facet="sex", label="hired", frequency="n", missing="bounds"
    )
    assert (whole["least"] == whole["estimate"]).all()
    assert (whole["most"] == whole["estimate"]).all()
    assert whole["low"].notna().all()


def test_a_row_counts_only_if_the_rest_of_it_is_known() -> None:
    rows = SELECTED.assign(selected=[1, 0, 1, 0, np.nan, 0])
    found = biaskit.report(rows, **ROLES, metrics="DPPL", missing="bounds").iloc[0]
    assert found["least"] == pytest.approx(667 / (1390 + 130) - 555 / 1181, abs=1e-12)
    assert found["most"] == pytest.approx(667 / 1390 - 555 / (1181 + 130), abs=1e-12)
    assert "130 rows have no sex" in found["note"]


def test_a_row_may_be_on_neither_side_of_a_reference() -> None:
    rows = pd.DataFrame(
        {"f": ["x", "x", "y", "y", "z", "z", None], "p": [1, 0] * 3 + [1], "n": [30, 30] * 3 + [15]}
    )
    given: dict[str, Any] = {"facet": "f", "predicted": "p", "frequency": "n", "reference": "x"}
    found = biaskit.report(rows, **given, metrics="DPPL", missing="bounds").iloc[0]
    assert (found["least"], found["most"]) == pytest.approx((0.5 - 45 / 75, 45 / 75 - 0.5))


def test_weighted_rows() -> None:
    rows = SELECTED.rename(columns={"n": "w"}).assign(w=[6.5, 7.5, 5.5, 6.5, 1.25, 1.5])
    given = {**ROLES, "frequency": None, "weight": "w"}
    found = biaskit.report(rows, **given, metrics="DPPL", missing="bounds").iloc[0]
    assert found["least"] == pytest.approx(6.5 / 15.5 - 6.75 / 13.25, abs=1e-12)
    assert found["most"] == pytest.approx(7.75 / 15.25 - 5.5 / 13.5, abs=1e-12)
    assert found["low"] < found["least"]
    assert "2 rows have no sex" in found["note"]


def test_a_metric_of_ones_own_has_bounds_by_its_declaration() -> None:
    @metric(
        "RR", "q_d / q_a", needs=("predicted", "positive"), bounds=(0, float("inf")), parity=1,
        against_d="<", swap="inverts", kind="ratio", rate=lambda side: (side.n1_hat, side.n),
        reading="The ratio of the rates.",
    )  # fmt: skip
    def ratio(a: Any, d: Any) -> Any:
        """Ratio of rates."""
        return d.q_hat / a.q_hat

    own, ours = (
        biaskit.report(SELECTED, **ROLES, metrics=[one], missing="bounds") for one in (ratio, "DI")
    )
    ends = ["estimate", "low", "high", "least", "most"]
    pd.testing.assert_frame_equal(own[ends], ours[ends])


def test_invalid_ways_are_refused() -> None:
    for wrong in ("bound", True, 1):
        with pytest.raises(RolesError, match='missing must be "bounds", or None'):
            biaskit.report(SELECTED, **ROLES, missing=wrong)  # type: ignore[arg-type]


def files(folder: Path, config: str) -> str:
    SELECTED.loc[SELECTED.index.repeat(SELECTED["n"] // 5)].drop(columns="n").to_csv(
        folder / "a.csv", index=False
    )
    (folder / "biaskit.toml").write_text(
        f'[[data]]\nfiles = "a.csv"\nfacet = "sex"\npredicted = "selected"\n'
        f'facet_values = "Female"\nlimits = {{DPPL = 0.13}}\n{config}',
        encoding="utf-8",
    )
    return str(folder / "a.csv")


@pytest.mark.parametrize(
    ("config", "code", "told"),
    [
        ("", 0, "1 pass"),
        ('missing = "bounds"', 0, "1 uncertain"),
        ('missing = "bounds"\nrequired = ["DPPL"]', 1, "1 fail"),
        ('missing = "bound"', 2, 'missing must be "bounds"'),
    ],
)
def test_a_gate(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    code: int,
    told: str,
) -> None:
    files(tmp_path, config)
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == code
    assert told in capsys.readouterr().out


def test_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = files(tmp_path, "")
    roles = ["--facet", "sex", "--predicted", "selected", "--facet-values", "Female"]
    bounds = ["--missing-facet", "bounds"]
    assert main(["report", data, *roles, *bounds, "--metrics", "DPPL"]) == 0
    assert "least" in capsys.readouterr().out
    assert main(["check", data, *roles, *bounds, "--limit", "DPPL=0.13"]) == 0
    assert "1 uncertain" in capsys.readouterr().out
    assert main(["check", data, *bounds, "--config", str(tmp_path / "biaskit.toml")]) == 2
    assert "a configuration has missing as a key" in capsys.readouterr().err


def test_a_page_has_the_extremes_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = files(tmp_path, "")
    roles = ["--facet", "sex", "--predicted", "selected", "--facet-values", "Female"]
    page = tmp_path / "page.html"
    assert main(["report", data, *roles, "--missing-facet", "bounds", "-o", str(page)]) == 0
    html = page.read_text(encoding="utf-8")
    report = biaskit.report(
        data, facet="sex", predicted="selected", facet_values="Female", missing="bounds"
    ).set_index("metric")
    row = report.loc["DPPL"]
    assert f"({interval(row['least'], row['most'])})" in html
    assert interval(row["low"], row["high"]) in html
    assert "in brackets, the least and the most that it may be" in html
    assert "they may be on either side" in html
    assert "--missing-facet bounds" in html
    plain = biaskit.page(data, facet="sex", predicted="selected", facet_values="Female")
    assert "in brackets" not in plain.html
    assert "and are on no side" in plain.html
    with pytest.raises(RolesError, match="missing must be"):
        biaskit.page(data, facet="sex", predicted="selected", missing="bound")
