"""The report of a Clarify job: what it says, and how it stands in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import clarify
from biaskit.clarify.analysis import DESCRIPTIONS
from biaskit.clarify.explaining.kernel_shap import Local
from biaskit.clarify.report import _error
from biaskit.clarify.words import MEANINGS
from biaskit.errors import RolesError
from biaskit.store.formats import as_markdown
from support.browser import chromium, opened

HOSTILE = "<script>alert(1)</script>&\"'"


def applicants(rows: int = 300) -> pd.DataFrame:
    """Applicants with a gender, one of a hundred towns, a hostile job and missing incomes."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "gender": random.choice(["female", "male", "other"], rows, p=[0.4, 0.55, 0.05]),
            "town": [f"town {i}" for i in np.arange(rows) % 100],
            "age": random.integers(18, 80, rows),
            "income": np.where(random.random(rows) < 0.1, np.nan, random.normal(30, 10, rows)),
            "job": random.choice(["clerk", "cook", HOSTILE], rows),
            "hired": random.integers(0, 2, rows),
        }
    )


def score(frame: pd.DataFrame) -> Any:
    """A score that rests on everything."""
    income = frame["income"].astype(float).fillna(30)
    return 1 / (
        1 + np.exp((45 - frame["age"]) / 20 - (income - 30) / 15 * (frame["job"] == "cook"))
    )


def two(frame: pd.DataFrame) -> Any:
    """Scores of two classes."""
    return np.stack([1 - score(frame), score(frame)], axis=1)


def page(
    tmp_path: Path,
    model: Any = score,
    baseline: Any = None,
    report_as: Any = (),
    **change: Any,
) -> str:
    """Report of a job; methods that are None are left out."""
    methods = {
        "pre_training_bias": {"methods": "all"},
        "post_training_bias": {"methods": "all"},
        "shap": {"baseline": [[40, 30.0, "cook"]], "save_local_shap_values": True},
        "pdp": {"grid_resolution": 5},
        "report": {"name": "report", "title": f"Hiring {HOSTILE}"},
        **change.pop("methods", {}),
    }
    given = {
        "dataset_type": "text/csv",
        "label": "hired",
        "label_values_or_threshold": [1],
        "group_variable": "job",
        "excluded_columns": ["gender", "town"],
        "predictor": {"model_name": "m"},
        "facet": [{"name_or_index": "gender"}],
        "methods": {key: one for key, one in methods.items() if one is not None},
        **change,
    }
    clarify.run(given, applicants(), tmp_path, model=model, baseline=baseline, report_as=report_as)
    return (tmp_path / "report.html").read_text()


def text_of(html: str) -> str:
    """Text of a page, without its styles."""
    return re.sub(
        r"<[^>]*>", " ", re.sub(r"<style.*?</style>|<script.*?</script>", "", html, flags=re.DOTALL)
    )


def test_hostile_texts_are_only_texts(tmp_path: Path) -> None:
    html = page(tmp_path, methods={"report": {"title": HOSTILE, "name": "report"}})
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


def test_groups_have_their_names_and_no_side_has_a_letter(tmp_path: Path) -> None:
    text = text_of(page(tmp_path))
    assert "gender: female" in text
    assert "to the right, gender: male is worse off" in text
    assert not re.search(r"\b(facet|side|sides) [ad]\b|\b[ad]'s\b", text)
    assert "FT has no value: FlipTest does not support non-numeric columns" in text


def test_the_only_group_is_named_where_metrics_are_explained(tmp_path: Path) -> None:
    facet = [{"name_or_index": "gender", "value_or_threshold": ["female"]}]
    text = text_of(page(tmp_path, facet=facet))
    assert "DPL: Above 0, a smaller share of gender: female than of all others" in text
    assert "gender: female (" in text
    assert {*MEANINGS} == {*DESCRIPTIONS}


def test_a_hundred_groups_stay_readable(tmp_path: Path) -> None:
    html = page(tmp_path, facet=[{"name_or_index": "town"}])
    assert len(html) < 600_000
    assert html.count("<h3") == 0
    assert html.count("<details") > 100
    text = text_of(html)
    assert "each of 100 groups with all other rows" in text
    assert "town: town 99" in text


@pytest.mark.parametrize(
    ("change", "there", "absent"),
    [
        (
            {"pre_training_bias": None, "post_training_bias": None},
            ["What the model", "Partial dependence"],
            ["What is compared", "Performance"],
        ),
        (
            {"shap": None, "pdp": None, "post_training_bias": None},
            ["What is compared", "Pre-training"],
            ["What the model", "Partial dependence", "Performance", "Post-training"],
        ),
    ],
)
def test_only_what_was_asked_for_is_shown(
    change: dict[str, Any], there: list[str], absent: list[str], tmp_path: Path
) -> None:
    text = text_of(page(tmp_path, methods=change))
    for one in there:
        assert one in text
    for one in absent:
        assert one not in text
    assert "nan" not in re.findall(r"[a-z]+", text)


def test_every_output_has_its_charts(tmp_path: Path) -> None:
    text = text_of(
        page(
            tmp_path,
            two,
            predictor={"model_name": "m", "label_headers": ["no", "yes"]},
            label_values_or_threshold=["1"],
            methods={"post_training_bias": None, "pre_training_bias": None},
        )
    )
    for label in ("no", "yes"):
        assert f"matters most for {label}" in text


def test_drift_is_shown(tmp_path: Path) -> None:
    bias_alone = {"shap": None, "pdp": None}
    page(tmp_path / "before", methods=bias_alone)
    path = tmp_path / "before/analysis.json"
    before = json.loads(path.read_text())
    group = before["pre_training_bias_metrics"]["facets"]["gender"][0]
    (dpl,) = (one for one in group["metrics"] if one["name"] == "DPL")
    assert "Drift since" not in text_of(page(tmp_path, methods=bias_alone, baseline=path))
    dpl["value"] = 0.0
    path.write_text(json.dumps(before))
    text = text_of(page(tmp_path, methods=bias_alone, baseline=path))
    assert "1 numbers beyond" not in text
    assert "Drift since the baseline" in text


def test_copies_of_the_report(tmp_path: Path) -> None:
    with chromium():  # skips where there is none
        pass
    page(tmp_path, report_as=["ipynb", "pdf"])
    cells = json.loads((tmp_path / "report.ipynb").read_text())["cells"]
    assert {cell["cell_type"] for cell in cells} == {"markdown"}
    text = "\n".join("".join(cell["source"]) for cell in cells)
    assert "<script>" not in text
    analysis = json.loads((tmp_path / "analysis.json").read_text())
    for one in analysis["pre_training_bias_metrics"]["facets"]["gender"][0]["metrics"]:
        assert as_markdown(["", ""], [[one["description"], one["value"]]]).split("\n")[2] in text
    (shap,) = analysis["explanations"]["kernel_shap"].values()
    for name, value in shap["global_shap_values"].items():
        assert f"| {name} | {value:.4f} |" in text
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_copies_that_cannot_be_made_are_refused_before_the_job(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match="copied as ipynb or pdf, not as 'docx'"):
        page(tmp_path, report_as=["docx"])
    with pytest.raises(RolesError, match="report_as is a list"):
        page(tmp_path, report_as="pdf")


def test_the_error_of_drawn_values_is_said() -> None:
    def said(error: float) -> str:
        return _error(Local([], np.empty(0), np.empty(0), "", error))

    assert said(0.0) == ""
    assert said(0.0123) == "; a value is off by some 0.012 (root mean square)"
    assert "too few" in said(float("nan"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(tmp_path_factory.mktemp("report"))


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1000])
def test_it_does_not_scroll_sideways(browser: Any, html: str, width: int) -> None:
    with opened(browser, html, width=width) as shown:
        shown.open_all()
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.said == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, html: str, scheme: str) -> None:
    with opened(browser, html, color_scheme=scheme, bypass_csp=True, width=320) as shown:
        shown.open_all()
        assert shown.violations() == []


@pytest.mark.browser
def test_labels_are_inside_their_charts(browser: Any, html: str) -> None:
    with opened(browser, html) as shown:
        assert shown.misplaced() == []
