"""Charts by themselves: those of the page, chosen by value, saved as SVG and PNG."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import biaskit
from biaskit.errors import BiaskitError, DataError, RolesError

ROLES: dict[str, Any] = {
    "facet": "race",
    "label": "arrested",
    "predicted": "scored",
    "positive": 1,
}
GALLERY = Path(__file__).parent.parent / "docs" / "pages"
ATTRIBUTIONS = biaskit.Attributions.load(GALLERY / "adult.attributions")
COMPAS = biaskit.datasets.compas()
COUNTS = biaskit.count(COMPAS, **ROLES)
THEN = biaskit.count(COMPAS[::2], **ROLES)
REPORT = biaskit.report(COUNTS)
RATES = biaskit.rates(COUNTS)
ONE = "African-American"
DEPENDENCE = biaskit.partial_dependence(
    lambda rows: rows["scored"] * 0.5, COMPAS[::7], ["scored"], facet="race", columns=["scored"]
)
STACKED = pd.concat(
    [biaskit.report(one).assign(year=2025 + i) for i, one in enumerate([THEN, COUNTS])]
)


def lengths(svg: str) -> list[str]:
    """Data of the paths in a drawing, which are its marks and intervals."""
    return re.findall(r' d="([^"]+)"', svg)


@pytest.mark.parametrize(
    ("made", "page"),
    [
        pytest.param(
            lambda: biaskit.chart(biaskit.report(COUNTS, facet_values=ONE)),
            lambda: biaskit.page(COUNTS, facet_values=ONE),
            id="forest",
        ),
        pytest.param(
            lambda: biaskit.chart(
                biaskit.check(biaskit.report(COUNTS, facet_values=ONE), limits={"DPPL": 0.1})
            ),
            lambda: biaskit.page(COUNTS, facet_values=ONE, metrics="DPPL", limits={"DPPL": 0.1}),
            id="forest of a check",
        ),
        pytest.param(lambda: biaskit.chart(RATES), lambda: biaskit.page(COUNTS), id="shares"),
        pytest.param(
            lambda: biaskit.chart(biaskit.compare(COUNTS, THEN, facet_values=ONE)),
            lambda: biaskit.page(COUNTS, facet_values=ONE, baseline=THEN),
            id="drift",
        ),
        pytest.param(
            lambda: biaskit.chart(STACKED, kind="time", value=ONE),
            lambda: biaskit.page([THEN, COUNTS], facet_values=ONE),
            id="time",
        ),
        pytest.param(
            lambda: biaskit.chart(
                biaskit.explain(ATTRIBUTIONS, facet="sex", facet_values="Female")
            ),
            lambda: biaskit.page(GALLERY / "adult.counts", attributions=ATTRIBUTIONS),
            id="gap",
        ),
        pytest.param(
            lambda: biaskit.chart(DEPENDENCE),
            lambda: biaskit.page(COUNTS, dependence=DEPENDENCE),
            id="dependence",
        ),
    ],
)
def test_a_chart_is_that_of_the_page(made: Callable[[], Any], page: Callable[[], Any]) -> None:
    marks = lengths(made().svg)
    assert set(marks) <= set(lengths(page().html))
    assert len(marks) >= 3


def test_outcomes_are_those_of_the_rates() -> None:
    made = biaskit.chart(RATES, kind="outcomes").svg
    for value in RATES.query("rate == 'TPR' and estimate == estimate")["estimate"].iloc[:3]:
        assert f"{100 * value:.1f} %" in made


def test_the_shares_of_a_report_are_its_rates() -> None:
    made = biaskit.chart(REPORT, kind="shares").svg
    for value in REPORT.query("metric == 'DPPL'")["rate_d"]:
        assert f"{100 * value:.1f} %" in made


def test_ratios_are_drawn_though_they_restate_differences() -> None:
    assert "DI, disparate impact" in biaskit.chart(REPORT, kind="ratios", value=ONE).svg


@pytest.mark.parametrize(
    ("table", "choices", "says"),
    [
        (REPORT, {}, "choose by value=, one of 'African-American', 'Asian'"),
        (REPORT, {"value": "nobody"}, "no value 'nobody'; there are 'African-American'"),
        (REPORT, {"kind": "gap"}, "no chart 'gap' of what biaskit.report returns; there are 'fo"),
        (REPORT, {"kind": "time", "value": ONE}, "choose it by over="),
        (STACKED.assign(by="me"), {"kind": "time", "value": ONE}, "there are 'year', 'by'"),
        (REPORT, {"kind": "shares", "metric": "TE"}, "TE compares no shares"),
        (REPORT.iloc[:0], {}, "no rows to draw"),
        (COMPAS, {}, "made of what biaskit.report, rates, explain"),
        (None, {}, "not of None"),
    ],
)
def test_what_cannot_be_drawn_says_what_to_do(
    table: Any, choices: dict[str, Any], says: str
) -> None:
    with pytest.raises(BiaskitError, match=re.escape(says)):
        biaskit.chart(table, **choices)


def test_a_chart_is_saved_as_svg_on_a_white_ground(tmp_path: Path) -> None:
    made = biaskit.chart(REPORT, value=ONE)
    made.save(tmp_path / "x.svg")
    root = ET.fromstring((tmp_path / "x.svg").read_text("utf-8"))
    ground = root[0]
    assert ground.get("fill") == "#ffffff"
    assert (ground.get("width"), ground.get("height")) == (root.get("width"), root.get("height"))
    assert "var(" not in made.svg
    assert made._repr_svg_() == made.svg


def test_names_of_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match=r"saved as \.svg or \.png, not '\.pdf'"):
        biaskit.chart(REPORT, value=ONE).save(tmp_path / "x.pdf")
    assert not [*tmp_path.iterdir()]


def test_a_png_without_the_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(
        DataError, match=r"pip install 'biaskit\[png\]', or save the chart as \.svg"
    ):
        biaskit.chart(REPORT, value=ONE).save(tmp_path / "x.png")
    assert not [*tmp_path.iterdir()]


def test_a_png_is_twice_as_large(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="resvg-py is not installed")
    made = biaskit.chart(RATES)
    made.save(tmp_path / "x.png")
    data = (tmp_path / "x.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    root = ET.fromstring(made.svg)
    assert (width, height) == tuple(
        round(2 * float(root.get(one, 0))) for one in ("width", "height")
    )
