"""Views of frames in a notebook: whole, bounded, and obeying nothing that the data say."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from markdown_it import MarkdownIt

import biaskit
from biaskit.errors import DataError
from biaskit.pages.exports.show import View
from biaskit.pages.numbers import number
from support.pages import Read, read

HOSTILE = "</td></table><script>alert(1)</script>\"'`|<b>\x1b[31m\u202e\ud800"
RENDER = MarkdownIt("commonmark").enable("table")


def berkeley(**roles: Any) -> pd.DataFrame:
    given = {"facet": "gender", "label": "decision", "positive": "admitted", **roles}
    return biaskit.report(biaskit.datasets.berkeley(), **given)


def html_of(view: View) -> Read:
    found = read(view._repr_html_())
    assert not found.faults
    return found


def counted(found: Read, tag: str) -> int:
    return sum(one == tag for one, _ in found.tags)


def rows_of(values: list[str], **more: list[Any]) -> pd.DataFrame:
    """Rows of a report of one metric."""
    size = len(values)
    return pd.DataFrame(
        {
            "stage": "pre-training",
            "facet": "f",
            "value": pd.Series(values, dtype=object),
            "metric": "DPL",
            "estimate": 0.25,
            "low": 0.125,
            "high": 0.5,
            "p_value": 0.5,
            "confidence": 0.9,
            "n_a": 60,
            "n_d": 40,
            "n_missing": 0,
            "note": [""] * size,
            # As objects, which hold an unpaired surrogate too.
            **{name: pd.Series(column, dtype=object) for name, column in more.items()},
        }
    )


def test_metrics_stand_below_one_another_and_values_side_by_side() -> None:
    report = berkeley(group="department")
    found = html_of(biaskit.show(report))
    heads = [facts["scope"] for tag, facts in found.tags if tag == "th"]
    metrics = report["metric"].unique()
    assert heads == ["col"] * 3 + ["row"] * len(metrics)
    assert counted(found, "td") == len(report)
    for row in report.itertuples():
        assert number(row.estimate) in found.said
        assert f"{number(row.low)}\xa0to\xa0{number(row.high)}" in found.said
    assert "gender, 95 % intervals" in found.said
    assert "1,835 rows" in found.said
    assert "Difference in proportions of labels" in found.said


def test_no_style_and_no_script_are_needed() -> None:
    found = html_of(biaskit.show(berkeley()))
    assert not {"style", "script", "link"} & {tag for tag, _ in found.tags}
    assert not any("style" in facts or "onclick" in facts for _, facts in found.tags)


def test_notes_are_whole_and_said_once() -> None:
    note = "a reason of many words, " * 30
    report = rows_of(["a", "b", "c"], note=[note, note, "another"])
    found = html_of(biaskit.show(report))
    assert counted(found, "li") == 2
    assert f"DPL (a, b): {note}" in found.said
    assert "DPL (c): another" in found.said
    assert note.strip() in repr(biaskit.show(report))


def test_a_star_marks_what_is_beyond_chance() -> None:
    report = berkeley(metrics=["DPL", "CDDL"], group="department")
    found = html_of(biaskit.show(report))
    assert "0.142*" in found.said
    assert "−0.019" in found.said
    assert "−0.019*" not in found.said
    assert "* beyond chance" in found.said
    alike = html_of(biaskit.show(report[report["metric"] == "CDDL"]))
    assert "*" not in alike.said


def test_checks_say_their_verdicts_and_reasons() -> None:
    checked = biaskit.check(berkeley(group="department"), {"DPL": 0.1, "CDDL": 0.05})
    found = html_of(biaskit.show(checked))
    for row in checked.itertuples():
        assert row.verdict in found.said
        assert row.reason in found.said
    assert "*" not in found.said


def test_rates_and_changes_have_views() -> None:
    data = biaskit.datasets.berkeley()
    roles: dict[str, Any] = {"facet": "gender", "label": "decision", "positive": "admitted"}
    rates = biaskit.rates(data, **roles)
    said = html_of(biaskit.show(rates)).said
    assert all(number(one) in said for one in rates["estimate"])
    assert "Rates by gender" in said
    first = data[data["department"] == "A"]
    drift = biaskit.compare(data, biaskit.count(first, **roles), limits={"DPL": 0.02})
    said = html_of(biaskit.show(drift)).said
    for row in drift.itertuples():
        assert number(row.change) in said
        assert f"from\xa0{number(row.baseline)}\xa0to\xa0{number(row.current)}" in said
        assert row.verdict in said


def test_numbers_of_rows_are_whole() -> None:
    data = pd.DataFrame({"f": ["a", "b"] * 50, "y": [1, 0, 1, 1] * 25, "p": [1, 1, 0, 1] * 25})
    said = repr(biaskit.show(biaskit.rates(data, facet="f", label="y", predicted="p")))
    (line,) = [one for one in said.splitlines() if one.startswith("TP ")]
    assert line.split() == ["TP", "25", "(of", "50)", "25", "(of", "50)", "50", "(of", "100)"]


def test_stacked_reports_are_told_apart() -> None:
    report = berkeley(metrics="DPL")
    stacked = pd.concat([report.assign(year=1973), report.assign(year=1974)])
    found = html_of(biaskit.show(stacked))
    assert counted(found, "table") == 2
    assert "gender, year 1973, 95 % intervals" in found.said
    assert "gender, year 1974, 95 % intervals" in found.said
    unnamed = html_of(biaskit.show(pd.concat([report, report])))
    assert counted(unnamed, "table") == 2
    assert "gender, table 2" in unnamed.said


def test_many_values_are_cut_into_blocks_and_the_rest_is_counted() -> None:
    found = html_of(biaskit.show(rows_of([f"v{i}" for i in range(1_000)])))
    assert counted(found, "table") == 12
    assert counted(found, "td") == 12 * 12
    assert "72 more tables are not shown" in found.said
    assert len(biaskit.show(rows_of([f"v{i}" for i in range(1_000)]))._repr_html_()) < 100_000


def test_many_metrics_and_notes_are_cut() -> None:
    report = rows_of(
        ["a"] * 70, metric=[f"m{i}" for i in range(70)], note=list(map(str, range(70)))
    )
    found = html_of(biaskit.show(report))
    assert counted(found, "td") == 50
    assert "20 more metrics are not shown" in found.said
    assert "20 more notes are not shown" in found.said


@pytest.mark.parametrize("text", [HOSTILE, "x" * 100_000, "* a\n\n# b", "[x](y)"], ids=range(4))
def test_whatever_the_data_say_is_shown_and_not_obeyed(text: str) -> None:
    report = rows_of(
        [text, "b"],
        facet=[text] * 2,
        metric=[text] * 2,
        note=[text] * 2,
        of=[text] * 2,
        verdict=[text] * 2,
        reason=[text] * 2,
    )
    view = biaskit.show(report)
    found = html_of(view)
    tags = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "strong"}
    assert {tag for tag, _ in found.tags} <= {*tags, "br", "small", "ul", "li", "p"}
    assert found.said.replace("\xa0", " ").isprintable()
    bundle = view._repr_mimebundle_()
    assert len("".join(bundle.values())) < 100_000
    assert bundle["text/markdown"].replace("\n", "").isprintable()
    assert repr(view).replace("\n", "").isprintable()
    tokens = RENDER.parse(bundle["text/markdown"])
    kinds = {child.type for one in tokens for child in one.children or ()}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    assert not {one.type for one in tokens} & {"html_block", "heading_open", "fence"}


def test_what_is_none_is_said() -> None:
    report = rows_of(["a", "b"], estimate=[math.nan, math.inf], low=[math.nan] * 2)
    said = html_of(biaskit.show(report)).said
    assert "undefined" in said
    assert "∞" in said


def test_a_view_has_the_forms_that_front_ends_ask_for() -> None:
    view = biaskit.show(berkeley())
    bundle = view._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {
        "text/html": view._repr_html_(),
        "text/markdown": view._repr_markdown_(),
        "text/plain": repr(view),
    }
    assert "| DPL | 0.142" in bundle["text/markdown"]


def test_a_report_from_a_file_has_the_same_view(tmp_path: Any) -> None:
    report = berkeley()
    report.to_csv(tmp_path / "report.csv", index=False)
    assert repr(biaskit.show(pd.read_csv(tmp_path / "report.csv"))) == repr(biaskit.show(report))


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame({"a": [1]}), "this is not a report: it has no column 'stage'"),
        ("report.csv", "this is not a report"),
        (pd.DataFrame({"rate": ["x"], "estimate": [1], "n": [1]}), "no column 'facet', 'value'"),
        (
            pd.DataFrame(
                {
                    **{name: ["x"] for name in ("facet", "value", "rate")},
                    **{name: ["much"] for name in ("estimate", "low", "high", "n", "n_missing")},
                }
            ),
            "estimate holds 'much', which is not a number",
        ),
    ],
)
def test_other_frames_are_refused(frame: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        biaskit.show(frame)


def test_no_rows_are_no_tables() -> None:
    assert counted(html_of(biaskit.show(berkeley().head(0))), "table") == 0
