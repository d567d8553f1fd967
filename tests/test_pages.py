"""Pages: their numbers are the report's, they make themselves again, and nothing injects."""

from __future__ import annotations

import itertools
import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.cli import main
from biaskit.errors import BiaskitError, DataError
from biaskit.pages.numbers import interval, number, percent, whole
from biaskit.pages.page import Page
from biaskit.reports.rates import APART
from biaskit.reports.words import value_in_words
from support.loans import ROLES, attributed, dependence, loans, many_facets
from support.pages import paragraphs, read, tables

BERKELEY: dict[str, Any] = {
    "facet": "gender",
    "label": "decision",
    "positive": "admitted",
    "group": "department",
}
LIMITS = {"DPL": 0.1, "DI": [0.8, 1.25], "CI": [-1, 0.2]}
# Kinds of text that end an element, an attribute, a line, a cell or a direction.
HOSTILE = (
    '</script><img src=x onerror="alert(1)">',
    "\"'><svg onload=alert(1)>",
    "a\u202eb\u2066c",
    "\x00 red \x1b[31m",
    "l" * 60_000,
    "",
    " ",
    "{them} %s {0}",
    "=SUM(A1)",
    "##vso[task]",
)
_TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title style body main section nav h1 h2 h3 p strong br small i ul li a "
        "button figure figcaption div svg g path line rect circle text tspan table caption thead "
        "tbody tr th td details summary dl dt dd pre code script span",
    )
)


@pytest.fixture(scope="module")
def full() -> Page:
    """Page with everything: predictions, groups, limits, drift, a model and its features."""
    return biaskit.page(
        loans(),
        **ROLES,
        name="loans",
        limits=LIMITS,
        baseline=baseline(),
        attributions=attributed(),
        dependence=dependence(),
    )


def baseline() -> biaskit.Counts:
    return biaskit.count(loans(drift=-0.1), **ROLES)


def titled(html: str, title: str) -> list[list[str]]:
    """Rows of the only table of this caption."""
    found = [rows for caption, rows in tables(html) if caption == title]
    assert len(found) == 1, [caption for caption, _ in tables(html)]
    return found[0]


def cell(*parts: str) -> str:
    return " ".join(filter(None, parts))


def shown_metrics(html: str) -> dict[tuple[str, str, str], str]:
    """Cells of all tables of metrics, by facet, value and metric."""
    found: dict[tuple[str, str, str], str] = {}
    for caption, (head, *rows) in tables(html):
        if caption.startswith("Metrics of ") and "baseline" not in caption:
            facet = caption.removeprefix("Metrics of ").partition(":")[0].partition(",")[0]
            for symbol, *cells in rows:
                for value, text in zip(head[1:], cells, strict=True):
                    assert (facet, value, symbol) not in found
                    found[facet, value, symbol] = text
    return found


def expected_metrics(report: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    words = {"fail": "fails", "pass": "passes", "uncertain": "uncertain"}
    return {
        (row.facet, value_in_words(row.value), row.metric): cell(
            number(row.estimate),
            interval(row.low, row.high),
            words.get(getattr(row, "verdict", ""), ""),
        )
        for row in report.itertuples()
    }


def test_the_numbers_of_a_page_are_those_of_the_report(full: Page) -> None:
    report = biaskit.report(loans(), **ROLES)
    expected = expected_metrics(report)
    limited = expected_metrics(biaskit.check(report, LIMITS))
    assert len(limited) == 18
    assert shown_metrics(full.html) == expected | limited
    assert len(expected) == 144


def test_tables_of_many_values_have_every_number_once() -> None:
    table = loans(3_000).assign(age=lambda all_: all_.index % 30)
    report = biaskit.report(table, facet="age", label="repaid")
    page = biaskit.page(table, facet="age", label="repaid")
    assert shown_metrics(page.html) == expected_metrics(report)


def test_the_shares_of_a_page_are_the_rates(full: Page) -> None:
    roles = {name: one for name, one in ROLES.items() if name != "group"}
    of_labels = {name: one for name, one in roles.items() if name != "predicted"}
    for given, what in (
        (roles, "Share predicted positive"),
        (of_labels, "Share whose repaid is 1"),
    ):
        rates = biaskit.rates(loans(), **given)
        for facet in ROLES["facet"]:
            mine = rates[(rates.facet == facet) & (rates.rate == "selection")]
            expected = {
                "all together" if one.value == "(all)" else one.value: [
                    percent(one.estimate, 1),
                    f"{percent(one.low, 1)} to {percent(one.high, 1)}",
                    whole(one.n),
                ]
                for one in mine.itertuples()
                if one.value != APART
            }
            found = titled(full.html, f"{what}, by {facet}")[1:]
            assert {name: cells for name, *cells in found} == expected
            (apart,) = mine[mine.value == APART].itertuples()
            told = f"{number(100 * apart.low, 1)} to {number(100 * apart.high, 1)}"
            assert told in full.html


def test_right_and_wrong_predictions_are_the_rates(full: Page) -> None:
    rates = biaskit.rates(loans(), **{**ROLES, "group": None})
    for facet in ROLES["facet"]:
        head, *rows = titled(full.html, f"Right and wrong predictions, by {facet}")
        for name, *cells in rows:
            value = "(all)" if name == "all together" else name
            mine = rates[(rates.facet == facet) & (rates.value == value)].set_index("rate").estimate
            for column, text in zip(head[1:], cells, strict=True):
                known = mine[column if column.isupper() else column.lower()]
                assert text == (whole(known) if len(column) == 2 else percent(known, 1))
        assert len(rows) == {"sex": 3, "region": 5}[facet]


def test_the_tables_of_limits_are_the_verdicts_of_check(full: Page) -> None:
    checked = biaskit.check(biaskit.report(loans(), **ROLES), LIMITS)
    for verdict, caption in (
        ("fail", "outside of the limits"),
        ("uncertain", "uncertain"),
        ("pass", "inside of the limits"),
    ):
        mine = checked[checked.verdict == verdict]
        found = titled(full.html, f"{len(mine)} {caption}")[1:]
        assert {(*row[:4], *row[5:]) for row in found} == {
            (
                one.metric,
                f"{one.facet}: {one.value}",
                number(one.estimate),
                interval(one.low, one.high),
                *([one.reason] if verdict != "pass" else []),
            )
            for one in mine.itertuples()
        }
        assert len(mine) > 0
    told = [one for one in paragraphs(full.html) if "judged together (Holm)" in one]
    counts = checked.verdict.value_counts()
    assert f"{counts['fail']} fail, {counts['uncertain']} are uncertain" in told[0]


def test_drift_is_that_of_compare(full: Page) -> None:
    compared = biaskit.compare(biaskit.count(loans(), **ROLES), baseline())
    rows = titled(full.html, "Metrics of sex F, in the baseline and now")[1:]
    mine = compared[(compared.facet == "sex") & (compared.value == "F")]
    mine = mine[~mine.metric.isin(["facet share", "label share"])]
    assert [row[:5] for row in rows] == [
        [
            one.metric,
            number(one.baseline),
            number(one.current),
            number(one.change),
            interval(one.low, one.high),
        ]
        for one in mine.itertuples()
    ]
    assert len(rows) == 24
    for facet in ROLES["facet"]:
        shares = compared[(compared.facet == facet) & (compared.metric == "facet share")]
        rows = titled(full.html, f"Shares of the rows by {facet}, in the baseline and now")[1:]
        assert [[row[0], row[1], row[3]] for row in rows] == [
            [one.value, percent(one.baseline, 1), percent(one.current, 1)]
            for one in shares.itertuples()
        ]


def test_parts_of_the_gap_are_those_of_explain(full: Page) -> None:
    gaps = biaskit.explain(attributed(), facet="sex")
    mine = gaps[gaps.value == "F"]
    rows = titled(full.html, "Parts of the gap in the model's output, sex: F")[1:]
    assert {tuple(row[:5]) for row in rows} == {
        (
            "the gap" if one.feature == "(total)" else one.feature,
            number(one.gap),
            interval(one.low, one.high),
            number(one.mean_a),
            number(one.mean_d),
        )
        for one in mine.itertuples()
    }
    assert len(rows) == 3


def test_partial_dependence_is_all_there(full: Page) -> None:
    rows = titled(full.html, "The model's mean output as one feature is set, by sex")[1:]
    mine = dependence()
    mine = mine[mine.facet == "sex"]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        (one.feature, one.value, number(one.mean)) for one in mine.itertuples()
    ]
    assert len(rows) == 20


# The same bytes


_HASHED = """
import sys
sys.path.insert(0, {folder!r})
import biaskit
from support.loans import ROLES, loans, attributed
page = biaskit.page(loans(), **ROLES, limits={{"DPL": 0.1}}, attributions=attributed())
sys.stdout.write(page.html)
"""


def test_a_page_has_the_same_bytes_whatever_the_hashes() -> None:
    made = {
        subprocess.run(
            [sys.executable, "-c", _HASHED.format(folder=str(Path(__file__).parent))],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1")
    }
    assert len(made) == 1


def test_counts_and_rows_in_any_order_make_the_same_page(tmp_path: Path) -> None:
    table = loans()
    page = biaskit.page(table, **ROLES, name="loans")
    counts = biaskit.count(table, **ROLES)
    assert biaskit.page(counts, name="loans").html == page.html
    mixed = table.sample(frac=1, random_state=1)
    assert biaskit.page(mixed, **ROLES, name="loans").html == page.html
    parts = [tmp_path / f"{place}.parquet" for place in range(3)]
    for place, part in enumerate(parts):
        table[place::3].to_parquet(part)
    made = {
        biaskit.page([*map(str, order)], **ROLES).html for order in itertools.permutations(parts)
    }
    assert len(made) == 1
    assert "biaskit report 0.parquet 1.parquet 2.parquet --facet sex" in made.pop()


def command_of(html: str) -> list[str]:
    """The command that a page shows."""
    found = [one for one in paragraphs(html) if one.startswith("biaskit report ")]
    assert len(found) == 1, paragraphs(html)[-6:]
    return shlex.split(found[0])[1:]


def call_of(html: str) -> str:
    """The call that a page shows."""
    (found,) = [one for one in paragraphs(html) if one.startswith("biaskit.page(")]
    return found


def berkeley(folder: Path) -> Page:
    assert main(["demo", "-o", str(folder / "berkeley.parquet")]) == 0
    return biaskit.page(str(folder / "berkeley.parquet"), **BERKELEY)


def demo(folder: Path) -> Page:
    """The page of the demo, and what it is about."""
    berkeley(folder)
    assert main(["demo", "-o", str(folder / "demo.html")]) == 0
    html = (folder / "demo.html").read_text(encoding="utf-8")
    return Page(html, berkeley(folder).contents)


def odd(folder: Path) -> Page:
    """Names with quotes, blanks and signs; numbers, cuts, edges, lists, references, choices."""
    places = np.arange(1_200)
    table = pd.DataFrame(
        {
            "a 'quoted' \"b\"": np.array(["it's", 'say "x"', "-1 $HOME `x`"])[places % 3],
            "x=y": places * 17 % 83 - 20.5,
            "--out come": np.array(["-yes", "a,b", "no", "7"])[places * 5 % 11 % 4],
            "group of": np.array(["A&B", "<c>"])[places % 2],
            "w": 1 + places % 4,
        }
    )
    table.to_parquet(folder / "-od d's.parquet")
    names = [*table]
    return biaskit.page(
        str(folder / "-od d's.parquet"),
        facet=[(names[0],), "x=y"],
        facet_edges={"x=y": [-3.5, 0, 1e1]},
        facet_values={names[0]: ["it's", "-1 $HOME `x`"]},
        reference={"x=y": "(-3.5, 0]"},
        label=names[2],
        positive=["-yes", "a,b"],
        group="group of",
        frequency="w",
        limits={"DPL": 0.1, "CI": (-1, 0.25)},
        metrics=["DPL", "CI", "CDDL"],
        confidence=0.9,
        name="Odd 'one', <b>",
    )


def numeric(folder: Path) -> Page:
    """A number as the positive label, a cut facet, cut predictions, weights, a baseline."""
    table = loans().rename(columns={"income": "in come"})
    table["weight"] = 1 + np.arange(len(table)) % 3 / 2
    table.to_csv(folder / "loans.csv", index=False)
    roles: dict[str, Any] = {
        "facet": ["in come", ("sex", "branch")],
        "facet_above": {"in come": 55.5},
        "label": "repaid",
        "positive": 0,
        "predicted": "years",
        "predicted_above": 4.5,
        "weight": "weight",
    }
    biaskit.count(str(folder / "loans.csv"), **roles).save(folder / "then.counts")
    return biaskit.page(
        str(folder / "loans.csv"), **roles, baseline=str(folder / "then.counts"), seed=3
    )


def scored(folder: Path) -> Page:
    """Predictions of their own scale, of which some are positive; at most 25 is asked for."""
    loans().to_csv(folder / "loans.csv", index=False)
    return biaskit.page(
        str(folder / "loans.csv"),
        facet="income",
        facet_at_most=55.5,
        label="repaid",
        predicted="years",
        predicted_positive=[8, 9, 10],
        counts=False,
    )


def lopsided(folder: Path) -> Page:
    """A facet of one value beside another."""
    loans().assign(land="NL").to_csv(folder / "loans.csv", index=False)
    return biaskit.page(str(folder / "loans.csv"), facet=["land", "sex"], label="repaid")


def dated(folder: Path) -> Page:
    for month in range(1, 5):
        table = loans(drift=0.02 * month)
        biaskit.count(table, **ROLES).save(folder / f"2026-0{month}.counts")
    return biaskit.page(str(folder / "2026-*.counts"))


def model(folder: Path) -> Page:
    loans().to_parquet(folder / "loans.parquet")
    attributed().save(folder / "loans.attributions")
    return biaskit.page(
        str(folder / "loans.parquet"), **ROLES, attributions=str(folder / "loans.attributions")
    )


@pytest.mark.parametrize("made", [berkeley, demo, odd, numeric, scored, lopsided, dated, model])
def test_the_command_and_the_call_make_the_page_again(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = made(tmp_path)
    monkeypatch.chdir(tmp_path)
    called = eval(call_of(page.html), {"biaskit": biaskit})
    assert called.html == page.html
    command = command_of(page.html)
    assert not any("/" in one.removeprefix("./") for one in command)
    assert main([*command, "-o", "again.html"]) == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page.html
    assert main([*command, "--output", "other name.html"]) == 0
    assert (tmp_path / "other name.html").read_text(encoding="utf-8") == page.html
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out == page.html


def test_a_page_of_rows_in_memory_shows_a_call_and_no_command(full: Page) -> None:
    given = {
        "biaskit": biaskit,
        "data": loans(),
        "baseline": baseline(),
        "attributions": attributed(),
        "dependence": dependence(),
    }
    assert eval(call_of(full.html), given).html == full.html
    assert "command line" not in full.html


def test_what_a_terminal_obeys_is_in_no_command(tmp_path: Path) -> None:
    pd.DataFrame({"sex": ["\x1b[31mF", "M"] * 20, "y": [0, 1] * 20}).to_parquet(
        tmp_path / "t.parquet"
    )
    page = biaskit.page(
        str(tmp_path / "t.parquet"), facet="sex", label="y", facet_values="\x1b[31mF"
    )
    assert "command line" not in page.html
    assert "facet_values={'sex': '\\x1b[31mF'}" in call_of(page.html)


def test_a_column_with_an_and_is_in_no_command(tmp_path: Path) -> None:
    loans().rename(columns={"sex": "a & b"}).to_parquet(tmp_path / "t.parquet")
    page = biaskit.page(str(tmp_path / "t.parquet"), facet=("a & b",), label="repaid")
    assert "command line" not in page.html
    assert "facet=('a & b',)" in call_of(page.html)


# How large


def test_a_page_of_one_facet_is_small() -> None:
    roles = {"facet": "sex", "label": "repaid", "group": "branch"}
    then = biaskit.count(loans(drift=-0.1), **roles)
    page = biaskit.page(loans(), **roles, baseline=then)
    assert "in the baseline and now" in page.html
    assert "Does the gap stay where branch is the same?" in page.html
    assert len(page.html.encode()) <= 30_000


def test_a_page_of_many_numbers_is_not_large() -> None:
    page = biaskit.page(many_facets())
    assert len(page.contents.rows) == 638
    assert len(page.html.encode()) <= 150_000


# Bad input


def faults(html: str) -> Iterator[str]:
    """What a page must not have."""
    found = read(html)
    yield from found.faults
    ids = [facts["id"] for _, facts in found.tags if "id" in facts]
    yield from {f"id {one} is there twice" for one in ids if ids.count(one) > 1}
    for tag, facts in found.tags:
        if tag not in _TAGS:
            yield f"<{tag}>"
        yield from (f"{tag} {name}" for name in facts if name.startswith("on") or name == "style")
        if "href" in facts and facts["href"] not in {f"#{one}" for one in ids}:
            yield f"{facts['href']} leads nowhere"
        for name in ("aria-labelledby", "aria-describedby"):
            yield from (f"no {one}" for one in (facts.get(name) or "").split() if one not in ids)
    regions = [facts["aria-label"] for _, facts in found.tags if facts.get("role") == "region"]
    yield from {f"two regions {one}" for one in regions if regions.count(one) > 1}
    scripts = [tag for tag, _ in found.tags].count("script")
    if scripts > 2:
        yield f"{scripts} scripts"
    if not "".join(found.said.split()).isprintable():
        yield "it has characters that are not to be printed"
    for wrong in ("nan", "inf ", "None", "those in a", "facet d", "facet a"):
        if any(wrong in one.split() for one in paragraphs(html)):
            yield f"it says {wrong}"


def test_a_page_has_no_faults(full: Page) -> None:
    assert [*faults(full.html)] == []
    assert [*faults(biaskit.page(many_facets()).html)] == []
    alone = biaskit.page(loans(), facet="region", label="repaid", reference="largest")
    assert [*faults(alone.html)] == []


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda one: repr(one[:12]))
def test_hostile_names_and_values_are_shown_and_not_obeyed(hostile: str, tmp_path: Path) -> None:
    rows = 400
    places = np.arange(rows)
    column = hostile or "facet"
    table = {
        column: np.array([hostile, "other", "third"])[places % 3],
        f"{column}2": np.where(places % 2, hostile, "other"),
        f"{column} label": np.where(places * 7 % 5 < 2, hostile, "no"),
        f"{column} predicted": np.where(places * 11 % 7 < 3, hostile, "no"),
        f"{column} group": np.array([hostile, "g", "h"])[places % 5 % 3],
    }
    names = [*table]
    roles: dict[str, Any] = {
        "facet": [(names[0],), (names[1],)],
        "label": names[2],
        "predicted": names[3],
        "group": names[4],
        "positive": hostile,
    }
    if hostile == "":  # an empty text is a value in a frame
        roles["positive"] = "no"
    counts = biaskit.count(pd.DataFrame(table), **roles)
    page = biaskit.page(counts, name=hostile, limits={"DPL": 0.1}, baseline=counts, confidence=0.9)
    # Names that differ after their 80th character are cut to the same text.
    found = [one for one in faults(page.html) if len(hostile) < 80 or "two regions" not in one]
    assert found == []
    bare = biaskit.page(counts, name=hostile, limits={"DPL": 0.1}, baseline=counts, counts=False)
    assert len(bare.html) < 400_000
    assert page._repr_mimebundle_()["text/plain"].replace("\n", "").isprintable()
    frame = read(page._repr_html_())
    assert [tag for tag, _ in frame.tags] == ["iframe"]
    assert frame.tags[0][1]["srcdoc"] == page.html
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html


def test_unpaired_surrogates_in_names_are_shown_by_their_number(tmp_path: Path) -> None:
    page = biaskit.page(
        loans(), facet="sex", label="repaid", name="lone \ud800", metrics=["CI", "DPL"]
    )
    page.save(tmp_path / "page.html")
    assert r"lone \ud800" in paragraphs(page.html)[0]
    assert [*faults(page.html)] == []


def test_a_thousand_values_are_on_a_page_of_some_size() -> None:
    places = np.arange(20_000)
    table = pd.DataFrame(
        {
            "town": [f"Town {one}" for one in places * 7919 % 1_000],
            "y": (places * 104_729 % 997 < 300).astype(int),
            "p": (places * 7919 % 1_009 < 400).astype(int),
        }
    )
    page = biaskit.page(table, facet="town", label="y", predicted="p")
    assert [*faults(page.html)] == []
    assert len(page.html.encode()) < 500_000
    assert "town has 1,000 values, so only" in page.html


def test_every_metric_is_on_a_page() -> None:
    table = loans(400).assign(f1=lambda all_: all_.income, f2=lambda all_: all_.years)
    given = {**ROLES, "features": ["f1", "f2"], "metrics": [*biaskit.METRICS, "FT"]}
    page = biaskit.page(table, **given)
    shown = {symbol for _, _, symbol in shown_metrics(page.html)}
    assert shown == {*biaskit.METRICS, "FT"}
    assert shown_metrics(page.html) == expected_metrics(biaskit.report(table, **given))
    assert [*faults(page.html)] == []


def test_undefined_and_infinite_numbers_are_words() -> None:
    table = pd.DataFrame(
        {
            "sex": ["F", "M"] * 20,
            "y": [0] * 39 + [1],
            "p": [0] * 39 + [1],
            "g": ["a", "b"] * 20,
        }
    )
    page = biaskit.page(
        table, facet="sex", label="y", predicted="p", group="g", limits={"DI": 0.1, "DPL": 0.1}
    )
    assert {"undefined", "∞"} <= {one.split()[0] for one in shown_metrics(page.html).values()}
    assert [*faults(page.html)] == []
    table.loc[table.sex == "F", "y"] = None  # no rows on a side
    page = biaskit.page(table, facet="sex", label="y", predicted="p", group="g")
    assert [*faults(page.html)] == []
    assert shown_metrics(page.html)["sex", "F", "DPL"] == "undefined"


def test_a_facet_of_one_value_is_named_and_not_compared() -> None:
    table = loans().assign(land="NL")
    page = biaskit.page(table, facet="land", label="repaid")
    assert "land has one value, NL, so there is nothing to compare it with." in page.html
    assert [*faults(page.html)] == []
    both = biaskit.page(table, facet=["land", "sex"], label="repaid", limits={"DPL": 0.1})
    alone = biaskit.page(table, facet="sex", label="repaid")
    assert "land has one value, NL" in both.html
    assert shown_metrics(both.html).keys() == shown_metrics(alone.html).keys()
    assert [*faults(both.html)] == []


def test_labels_of_three_values_have_distances_alone() -> None:
    table = loans().assign(mark=lambda all_: all_.years % 3)
    with pytest.raises(BiaskitError, match="positive"):
        biaskit.page(table, facet="sex", label="mark")
    page = biaskit.page(table, facet="sex", label="mark", metrics=["KL", "JS", "LP", "TVD", "KS"])
    assert [*faults(page.html)] == []
    assert {symbol for *_, symbol in shown_metrics(page.html)} == {"KL", "JS", "LP", "TVD", "KS"}


@pytest.mark.parametrize(
    "roles",
    [
        {"facet": "sex"},
        {"facet": "sex", "predicted": "expected"},
        {"facet": "sex", "predicted": "expected", "group": "branch"},
        {"facet": "sex", "label": "repaid", "weight": "income"},
        {"facet": "sex", "label": "repaid", "frequency": "years"},
        {"facet": "income", "facet_above": 50, "label": "years", "positive_above": 5},
        {"facet": "income", "facet_edges": [30, 50, 70], "predicted": "years", "label": "repaid",
         "predicted_above": 5},
        {"facet": ["sex", ("sex", "region")], "label": "repaid", "reference": "highest"},
        {"facet": "region", "label": "repaid", "reference": "east", "group": "branch"},
        {"facet": "region", "label": "repaid", "facet_values": ["east", "west"]},
    ],
    ids=str,
)  # fmt: skip
def test_pages_of_every_role_have_the_numbers_of_their_reports(roles: dict[str, Any]) -> None:
    page = biaskit.page(loans(), **roles, limits={"CI": 0.3}, baseline=None)
    assert [*faults(page.html)] == []
    assert (
        shown_metrics(page.html).keys() == expected_metrics(biaskit.report(loans(), **roles)).keys()
    )
    again = eval(call_of(page.html), {"biaskit": biaskit, "data": loans()})
    assert again.html == page.html


def test_a_reference_goes_with_drift_and_a_model() -> None:
    roles = {**ROLES, "facet": "region", "reference": "west"}
    page = biaskit.page(
        loans(), **roles, baseline=biaskit.count(loans(drift=-0.1), **roles),
        attributions=attributed(), limits={"DPL": 0.05},
    )  # fmt: skip
    assert [*faults(page.html)] == []
    assert "west" not in {value for _, value, _ in shown_metrics(page.html)}
    assert "compared with the reference alone (region = west)" in page.html


def test_what_is_wrong_is_said_before_anything_is_made() -> None:
    table = loans()
    roles = {"facet": "sex", "label": "repaid"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"limits": {"DI": 0.2}}, "DI"),
        ({"limits": {"DLP": 0.2}}, "did you mean"),
        ({"limit": {"DPL": 0.2}}, "did you mean"),
        ({"metrics": ["DPPPL"]}, "did you mean"),
        ({"baseline": biaskit.count(table, facet="branch", label="repaid")}, "roles"),
        ({"attributions": table}, "biaskit.attribute"),
        ({"dependence": table}, "biaskit.partial_dependence"),
        ({"confidence": 2}, "confidence"),
        ({"seed": -1}, "seed"),
    ]
    for given, message in cases:
        with pytest.raises((BiaskitError, TypeError), match=message):
            biaskit.page(table, **roles, **given)
    with pytest.raises(BiaskitError, match="no rows"):
        biaskit.page(table[:0], **roles)


def test_dated_counts_show_each_metric_over_time(tmp_path: Path) -> None:
    page = dated(tmp_path)
    assert [*faults(page.html)] == []
    rows = titled(page.html, "DPL of sex F over 4 dates")[1:]
    assert [row[0] for row in rows] == [f"2026-0{month}" for month in range(1, 5)]
    reports = [biaskit.report(loans(drift=0.02 * month), **ROLES) for month in range(1, 5)]
    assert [row[1] for row in rows] == [
        number(
            one[(one.facet == "sex") & (one.value == "F") & (one.metric == "DPL")].estimate.item()
        )
        for one in reports
    ]
    paths = sorted(map(str, tmp_path.glob("*.counts")))
    shuffled = [*paths]
    random.Random(1).shuffle(shuffled)
    assert biaskit.page(shuffled).html == biaskit.page(paths).html


def test_counts_of_other_roles_among_dated_ones_are_an_error(tmp_path: Path) -> None:
    dated(tmp_path)
    biaskit.count(loans(), facet="branch", label="years", positive=1).save(
        tmp_path / "2026-05.counts"
    )
    with pytest.raises(BiaskitError, match=r"2026-05.*roles|roles.*2026-05"):
        biaskit.page(str(tmp_path / "2026-*.counts"))
    loans().to_csv(tmp_path / "2026-06.csv")
    with pytest.raises(BiaskitError, match="2026-06"):
        biaskit.page([str(tmp_path / "2026-01.counts"), str(tmp_path / "2026-06.csv")])


def test_a_date_at_which_a_facet_has_one_value_is_left_out_of_its_chart(tmp_path: Path) -> None:
    table = loans()
    roles = {"facet": "sex", "label": "repaid"}
    several = [biaskit.count(one, **roles) for one in (table[table.sex == "F"], table, table)]
    page = biaskit.page(several, name="loans")
    assert [*faults(page.html)] == []
    assert [row[0] for row in titled(page.html, "DPL of sex F over 3 dates")[1:]] == ["2", "3"]


def test_a_page_replaces_no_input(tmp_path: Path) -> None:
    page = dated(tmp_path)
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "2026-02.counts")
    before = (tmp_path / "2026-02.counts").read_bytes()
    for path in (tmp_path / "2026-02.counts", link):
        with pytest.raises(BiaskitError, match="input"):
            page.save(path)
        assert (
            main(["report", str(tmp_path / "2026-*.counts"), "--format", "html", "-o", str(path)])
            == 2
        )
    assert (tmp_path / "2026-02.counts").read_bytes() == before
    with pytest.raises(DataError, match="there is no folder"):
        page.save(tmp_path / "nowhere" / "page.html")
    (tmp_path / "2026-02.counts").unlink()
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html


def test_a_page_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = biaskit.page(loans(), facet="sex", label="repaid")
    target = tmp_path / "page.html"
    target.write_text("before")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises((BiaskitError, OSError), match="space"):
        page.save(target)
    assert target.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


# What a page says first


def shares(first: float, second: float, rows: int = 1_000) -> pd.DataFrame:
    """Two sexes with these shares of a positive label."""
    labels = [place < share * rows for share in (first, second) for place in range(rows)]
    return pd.DataFrame({"sex": ["F"] * rows + ["M"] * rows, "y": np.array(labels, int)})


HEADLINES: list[tuple[Any, dict[str, Any], str, str]] = [
    (
        shares(0.5, 0.51),
        {},
        "No value of sex differs surely from all others. That does not show that they are equal.",
        "",
    ),
    (
        shares(0.2, 0.5),
        {},
        (
            "The share whose y is 1 is 20.0 % for those whose sex is F, 30.0 points lower than the "
            "50.0 % for those whose sex is M."
        ),
        "DPL 0.300",
    ),
    (
        shares(0.2, 0.5),
        {"positive": 0},
        (
            "The share whose y is 0 is 50.0 % for those whose sex is M, 30.0 points lower than the "
            "80.0 % for those whose sex is F."
        ),
        "DPL 0.300",
    ),
    (
        shares(0.2, 0.5),
        {"facet_values": "M"},
        (
            "The share whose y is 1 is 50.0 % for those whose sex is M, 30.0 points higher than "
            "the 20.0 % for those whose sex is F."
        ),
        "DPL −0.300",
    ),
    (
        shares(0.2, 0.5).assign(p=lambda all_: all_.index % 10 < 4 + 3 * (all_.sex == "F")),
        {"predicted": "p"},
        (
            "The share predicted positive is 40.0 % for those whose sex is M, 30.0 points lower "
            "than the 70.0 % for those whose sex is F."
        ),
        "DPPL 0.300",
    ),
    (
        pd.concat([shares(0.2, 0.5), shares(0.5, 0.5, 40).replace({"F": "X", "M": "X"})]),
        {"limits": {"CI": [-1, 0.5]}},
        "Of the rows, those whose sex is X have 3.8 % (80) and all others 96.2 % (2,000).",
        "CI 0.923",
    ),
    (
        shares(0.2, 0.5),
        {"limits": {"DPL": 0.1}},
        (
            "The share whose y is 1 is 20.0 % for those whose sex is F, 30.0 points lower than the "
            "50.0 % for those whose sex is M."
        ),
        "DPL 0.300",
    ),
]


@pytest.mark.parametrize(("table", "given", "headline", "figure"), HEADLINES)
def test_the_headline_says_what_matters_most_and_its_number_is_beside_it(
    table: Any, given: dict[str, Any], headline: str, figure: str
) -> None:
    page = biaskit.page(table, facet="sex", label="y", **given)
    told = paragraphs(page.html)
    assert told[1] == headline == page.text.splitlines()[0]
    assert f'content="{headline}"' in page.html
    if figure:
        assert f"<strong>{figure}</strong>" in page.html
    assert told.count(headline) == 1


def test_a_breach_does_not_hide_the_largest_difference() -> None:
    table, given, *_ = HEADLINES[5]
    page = biaskit.page(table, facet="sex", label="y", **given)
    assert any("whose sex is F, 30.0 points lower" in one for one in paragraphs(page.html)[2:8])


def test_what_single_intervals_show_is_said_to_be_theirs() -> None:
    """The summary judges numbers together; what a chart counts by single intervals says so."""
    table = shares(0.47, 0.515)
    report = biaskit.report(table, facet="sex", label="y", metrics=["DPL"])
    assert (report.low > 0).any()
    page = biaskit.page(table, facet="sex", label="y")
    told = paragraphs(page.html)
    counted = [one for one in told if "against F" in one and "turned" not in one]
    assert counted
    assert all("own interval" in one for one in counted)


def test_a_sentence_that_is_not_sure_with_all_others_says_so() -> None:
    table = shares(0.2, 0.5)
    rank = table.groupby("y").cumcount()
    table["hand"] = np.where(rank < np.where(table.y == 1, 372, 625), "left", "right")
    page = biaskit.page(table, facet=["sex", "hand"], label="y")
    report = biaskit.report(table, facet="hand", label="y", metrics="DPL")
    assert ((report.low > 0) | (report.high < 0)).all()
    told = [one for one in paragraphs(page.html) if "for those whose hand is right," in one]
    assert told == [
        (
            "The share whose y is 1 is 32.7 % for those whose hand is right, 4.6 points lower "
            "than the 37.3 % for those whose hand is left. Where all numbers are judged together, "
            "that is not sure."
        )
    ]
    assert all("not sure" not in one for one in paragraphs(page.html) if "whose sex is F" in one)


def test_numbers_and_cuts_have_their_facet_beside_them() -> None:
    page = biaskit.page(
        loans(), facet=["years", "income"], facet_above={"years": 4}, facet_edges={"income": [50]},
        label="repaid",
    )  # fmt: skip
    assert "against years above 4" in page.html
    assert "against income at most 50" in page.html
    assert "against at most" not in page.html


def test_a_value_is_told_alone_within_groups(full: Page) -> None:
    told = [one for one in paragraphs(full.html) if one.startswith("Where branch is the same")]
    assert len(told) >= 4
    assert any(one.count("whose ") == 1 and "whose sex is F" in one for one in told)
    html = full.html.split('id="facet-region')[1]
    told = [one for one in paragraphs(html) if one.startswith("Where branch is the same")]
    assert told
    assert not any("whose sex is" in one for one in told)


def test_the_other_of_two_values_is_named_where_one_is_asked_for() -> None:
    page = biaskit.page(biaskit.datasets.berkeley(), **BERKELEY, facet_values="female")
    head = titled(page.html, "Share whose decision is admitted, by gender and department")[0]
    assert head == ["department", "female", "Rows", "male", "Rows"]
    assert "all others" not in page.html
