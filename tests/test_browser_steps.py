"""The steps of the page in a browser: what they show, what they ask, and what an address says."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import biaskit
from biaskit.browser.asked import ABOUT, DIALECT, LATE, PASS, Asked
from biaskit.browser.chosen import chosen_of
from biaskit.browser.configured import configuration, toml
from biaskit.browser.forms import hidden
from biaskit.browser.passed import dialect_of, errors_of, roles_of
from biaskit.browser.records import Column, FieldError, Listed, Look, Shown, Working
from biaskit.browser.results import About, contents_made, measured_once
from biaskit.browser.steps.choices import choices_shown
from biaskit.browser.steps.columns import columns_shown
from biaskit.browser.steps.compared import compared_shown
from biaskit.browser.steps.document import document_of, policy
from biaskit.browser.steps.explained import explained_shown
from biaskit.browser.steps.progress import progress_shown
from biaskit.browser.steps.report import report_shown, shown_contents
from biaskit.browser.steps.reproduced import configuration_of
from biaskit.browser.steps.stopped import stopped_shown
from biaskit.browser.steps.tables import first_address, tables_shown
from biaskit.cli import main
from biaskit.counts.counts import Counts
from biaskit.errors import DataError
from biaskit.gate.config import DataSet, read_config
from biaskit.pages.document import digest
from biaskit.pages.numbers import number
from biaskit.pages.page import Page
from biaskit.reports.report import measured
from support import loans
from support.pages import read

BERKELEY = "table=demo:berkeley&facet=gender&label=decision&group=department"
HOSTILE = "</script><img src=x onerror=alert(1)>"
VALUES = ('"><svg onload=alert(1)>', "a\u202eb", "c\nd", "'", "&amp;")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
# Whatever a step is made of; a data block or an inline style would not be here.
TAGS = frozenset(
    {
        *("html", "head", "meta", "title", "style", "noscript", "script", "body", "header"),
        *("footer", "nav", "main", "section", "div", "p", "span", "h1", "h2", "h3", "ul", "ol"),
        *("li", "dl", "dt", "dd", "a", "small", "strong", "br", "i", "code", "pre", "table"),
        *("caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details"),
        *("summary", "form", "fieldset", "legend", "label", "input", "select", "option"),
        *("button", "progress", "svg", "g", "path", "line", "rect", "circle", "text", "tspan"),
        *("desc", "em"),
    }
)


def berkeley(more: str = "positive=admitted") -> tuple[Counts, Asked]:
    asked = Asked.of_query(f"{BERKELEY}&{more}")
    return biaskit.count(biaskit.datasets.berkeley(), roles_of(asked)), asked


def about(**given: Any) -> About:
    return About(**{"name": "people.csv", "files": ("people.csv",), **given})


def people() -> pd.DataFrame:
    rows = [
        (sex, age, "yes" if (i + age) % 3 or sex == "M" else "no")
        for i, (sex, age) in enumerate(PEOPLE)
    ]
    df = pd.DataFrame(rows, columns=["sex", "age", "hired"])
    df["score"] = [((7 * i + age) % 100) / 100 for i, age in enumerate(df["age"])]
    df["decided"] = ["yes" if one > 0.4 else "no" for one in df["score"]]
    df["people"] = 1
    return df


PEOPLE = [(sex, age) for sex in ("F", "M", "X") for age in range(20, 60)] * 3


class Fields(HTMLParser):
    """Fields of forms, as a browser sends them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input":
            name, value = found.get("name") or "", found.get("value") or ""
            self.sent.append((as_sent(name), as_sent(value)))


def as_sent(text: str) -> str:
    """Text of a field as a browser sends it: line ends of its own, and no NUL."""
    return re.sub("\r\n|\r|\n", "\r\n", text.replace("\0", "\ufffd"))


def refuse_faults(shown: Shown) -> None:
    """Hold what every step must be, whatever it shows."""
    html = document_of(shown)
    found = read(html)
    assert found.faults == []
    tags = [tag for tag, _ in found.tags]
    assert {*tags} <= TAGS
    assert tags.count("h1") == 1
    assert tags.count("script") == 1
    ids = [one["id"] for _, one in found.tags if "id" in one]
    assert len(ids) == len({*ids})
    named_by = {one.get("for") for tag, one in found.tags if tag == "label"}
    for tag, one in found.tags:
        assert not any(name == "style" or name.startswith("on") for name in one)
        for name in ("aria-describedby", "aria-labelledby"):
            assert {*(one.get(name) or "").split()} <= {*ids}
        href = one.get("href") or ""
        if href.startswith("#"):
            assert href[1:] in ids
        # Links and forms stay below wherever the steps are.
        for address in (href, one.get("action") or "", one.get("formaction") or ""):
            assert not address.startswith(("/", "http", "javascript", "data"))
        if tag in ("input", "select") and one.get("type") != "hidden":
            assert one.get("id") in named_by or one.get("aria-label")


def code_of(shown: Shown, name: str) -> str:
    """Command, call or configuration that a report shows."""
    found = re.search(f'<pre id="again-{name}"[^>]*><code>(.*?)</code>', shown.body, re.DOTALL)
    assert found is not None
    return unescape(found[1])


NAMES = [
    one if not one.endswith(".") else f"{one}x" for one in ("table", *DIALECT, *PASS, *LATE, *ABOUT)
]


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "cut.", "limit."]), TEXTS), max_size=12), TEXTS)
@example([("facet", " a"), ("facet", "~"), ("d.", ""), ("cut.", "\x00")], "~%41")
def test_an_address_and_a_form_say_what_was_asked_for(
    pairs: list[tuple[str, str]], column: str
) -> None:
    asked = Asked().replaced(dict.fromkeys(["cut." + column], "1"))
    for name, value in pairs:
        name = f"{name}{column}" if name.endswith(".") else name
        asked = asked.replaced({name: [*asked.each(name), value]})
    assert Asked.of_query(asked.query) == asked
    assert Asked.of_query(asked.query).query == asked.query
    fields = Fields()
    fields.feed(hidden(asked))
    assert Asked.of(fields.sent) == asked


def test_an_address_has_one_form() -> None:
    one = Asked.of_query("label=y&facet=b&table=t&group=&facet=a&unknown=1&confidence=0.9")
    other = Asked.of_query("confidence=0.9&table=t&facet=b&facet=a&label=y")
    assert one == other
    assert one.counted == other.without("confidence")


@given(
    st.lists(TEXTS, min_size=3, max_size=5, unique=True),
    st.lists(TEXTS, min_size=2, max_size=4, unique=True),
    st.lists(TEXTS, min_size=2, max_size=3, unique=True),
)
@example([HOSTILE, "y & z", "~n"], [*VALUES], ["<b>", "&amp;"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_table_holds_no_step_is_broken(
    names: list[str], values: list[str], labels: list[str]
) -> None:
    facet, label, other, *_ = names
    rows = [(value, one) for value in values for one in labels for _ in range(3)]
    df = pd.DataFrame({facet: [a for a, _ in rows], label: [b for _, b in rows]})
    df[other] = range(len(df))
    asked = Asked((("table", "file:x"),)).replaced(
        {"facet": facet, "label": label, f"cut.{other}": "1, 2", "slice": [facet]}
    )
    look = Look(tuple(Column(one, "text", tuple(values), 0.1, 3) for one in names), 3, 3)
    wrong = {"": "all", "label": facet, f"cut.{other}": "x", "facet": "y"}
    refuse_faults(columns_shown(look, asked, wrong, name=facet))
    refuse_faults(columns_shown(look, asked, name=facet))
    refuse_faults(tables_shown([Listed("file:" + facet, facet, "table", 3)], wrong, folder=label))
    refuse_faults(progress_shown(Working("id"), asked, name=facet))
    refuse_faults(compared_shown([Listed(facet, facet, "table")], asked, name=label))
    refuse_faults(explained_shown([Listed(facet, facet, "table")], asked, name=label))
    counts = biaskit.count(df, roles_of(asked))
    refuse_faults(choices_shown(counts, asked, {f"d.{facet}": "x", "positive": "y"}, name=facet))
    known = next(iter(counts.tables.values())).levels.label
    asked = asked.changed(positive=str(known[0])).replaced({"limit.DPL": "0.1"})
    shown = report_shown(counts, asked, About(facet, (facet,)))
    refuse_faults(shown)
    assert "onerror=alert(1)>" not in document_of(shown)


def test_the_policy_names_the_very_style_and_script() -> None:
    html = document_of(stopped_shown())
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert f"{tag}-src 'sha256-{digest(text)}'" in policy()
    assert "unsafe" not in policy()


def test_nothing_is_chosen_that_nobody_chose() -> None:
    """No good outcome, no disadvantaged value, no column; but all others are compared with."""
    counts, asked = berkeley("")
    shown = choices_shown(counts, asked, name="x")
    checked = [one for _, one in read(shown.body).tags if "checked" in one]
    assert [one["aria-label"] for one in checked] == ["gender: compare with all others"]
    look = Look((Column("gender", "text", ("F", "M"), 0.0, 2), Column("hired", "text")), 2, 2)
    found = read(columns_shown(look, Asked.of_query("table=t"), name="x").body).tags
    assert not any("checked" in one for _, one in found)
    assert not any("selected" in one for _, one in found)


def test_only_where_nothing_can_be_misread_is_an_outcome_taken() -> None:
    df = people()
    df["hired"] = df["hired"] == "yes"
    asked = Asked.of_query("table=t&facet=sex&label=hired")
    counts = biaskit.count(df, roles_of(asked))
    shown = choices_shown(counts, asked, name="x")
    checked = [one["value"] for _, one in read(shown.body).tags if "checked" in one]
    assert checked == ["True", ""]
    assert "unless you say otherwise" in shown.body
    assert chosen_of(counts, asked).counts.roles.positive is None


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("label=hired", "facet", "Tick the column"),
        ("facet=sex", "label", "Choose the column of the outcome"),
        ("facet=sex&label=sex", "label", "sex is already one whose values are compared"),
        ("facet=age&label=hired&cut.age=old", "cut.age", "give numbers with commas"),
        ("facet=age&label=hired&cut.age=40,30", "cut.age", "the smallest first"),
        ("facet=sex&predicted=hired&label_above=3", "label_above", "Choose the column"),
        ("facet=sex&label=hired&label_above=1,2", "label_above", "Give one number"),
        ("facet=sex&label=hired&range=0,1", "range", "Choose the column of the scores"),
        ("facet=sex&score=score&range=5", "range", "least and the greatest"),
        ("facet=sex&score=score&weight=people", "weight", "leave out the weight"),
        ("facet=sex&label=score&slice=age&slice=hired&group=age", "slice", "already the group"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_keeps_what_was_entered(
    query: str, field: str, told: str
) -> None:
    asked = Asked.of_query(f"table=file:a.csv&{query}")
    with pytest.raises(FieldError) as caught:
        roles_of(asked)
    assert told in caught.value.messages[field]
    look = Look(
        (
            Column("sex", "text", ("F", "M"), 0.0, 2),
            Column("age", "whole number", ("20", "21"), 0.0, 40),
            Column("hired", "text", ("no", "yes"), 0.0, 2),
            Column("score", "number", ("0.1",), 0.0, 90),
            Column("people", "whole number", ("1",), 0.0, 3),
        ),
        9,
        9,
    )
    shown = columns_shown(look, asked, caught.value.messages, name="a.csv")
    refuse_faults(shown)
    assert shown.status == 422
    tags = read(shown.body).tags
    (link,) = [one["href"] for _, one in tags if (one.get("href") or "").startswith("#")]
    assert link is not None
    at = next(one for _, one in tags if one.get("id") == link[1:])
    assert f"{link[1:]}-error" in (at.get("aria-describedby") or "")
    sent = {(one.get("name"), one.get("value")) for _, one in tags if "selected" not in one}
    chosen = {one.get("value") for _, one in tags if "selected" in one or "checked" in one}
    for name, value in asked.parts:
        if name != "table":
            assert (name, value) in sent or value in chosen, name


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "positive"),
        ("positive=maybe", "positive"),
        ("positive=yes&positive=no", "positive"),
        ("positive=yes&d.sex=F&d.sex=M&d.sex=X", "d.sex"),
        ("positive=yes&d.sex=Q", "d.sex"),
        ("positive=yes&reference.sex=Q", "reference.sex"),
        ("positive=yes&d.sex=F&reference.sex=F", "reference.sex"),
        ("positive=yes&limit.DPL=much", "limit.DPL"),
        ("positive=yes&limit.DPL=-1", "limit.DPL"),
        ("positive=yes&predicted=decided&least.DI=2&most.DI=1", "least.DI"),
        ("positive=yes&confidence=95", "confidence"),
        ("positive=yes&round_to=2", "round_to"),
        ("positive=yes&round_to=11.5", "round_to"),
    ],
)
def test_an_invalid_choice_stands_at_its_field(query: str, field: str) -> None:
    asked = Asked.of_query(f"table=t&facet=sex&label=hired&{query}")
    counts = biaskit.count(people(), roles_of(asked))
    with pytest.raises(FieldError) as caught:
        chosen_of(counts, asked)
    assert [*caught.value.messages] == [field]
    shown = report_shown(counts, asked, about())
    refuse_faults(shown)
    assert shown.status == 422
    assert "Error: " in read(shown.body).said
    assert all(value in shown.body for _, value in asked.parts)


def test_errors_of_the_library_are_told_at_the_column_they_name() -> None:
    df = pd.DataFrame({"id": range(3000), "y": [0, 1] * 1500})
    asked = Asked.of_query("table=t&facet=id&label=y")
    with pytest.raises(DataError) as caught:
        biaskit.count(df, roles_of(asked))
    told = errors_of(caught.value, asked)
    assert [*told] == ["facet"]
    assert "facet_edges" not in told["facet"]
    assert errors_of(KeyError("x"), asked) == {"": "Something went wrong in biaskit."}


def test_errors_of_the_library_are_told_in_words_of_the_page() -> None:
    asked = Asked.of_query("table=t&facet=id&label=hired&positive=yes&limit.DPL=-1")
    df = pd.DataFrame({"id": range(400), "hired": ["yes", "no"] * 200})
    with pytest.raises(FieldError) as caught:
        chosen_of(biaskit.count(df, roles_of(asked)), asked)
    assert caught.value.messages["limit.DPL"].endswith("so 0 or more; not -1.")
    asked = asked.without("limit.")
    with pytest.raises(FieldError) as caught:
        shown_contents(biaskit.count(df, roles_of(asked)), asked, about())
    told = caught.value.messages["facet"]
    assert told.endswith("if it is a number, give the numbers at which it is cut")
    error = DataError("x.csv: no column 'sex'; that looks so: give csv={'delimiter': ';'}")
    assert errors_of(error, asked)[""].endswith("so: say so below “How the file is read”")


def test_combinations_that_are_too_many_are_told_at_their_box() -> None:
    df = pd.DataFrame({"a": [f"{i % 50}" for i in range(6000)], "y": "x"})
    df["b"] = [i // 50 % 60 for i in range(6000)]
    asked = Asked.of_query("table=t&facet=a&facet=b&together=yes&label=y&positive=x")
    with pytest.raises(FieldError) as caught:
        report_shown(biaskit.count(df, roles_of(asked)), asked, about())
    assert [*caught.value.messages] == ["together"]
    assert "leave their combinations out" in caught.value.messages["together"]


CHOICES = [
    "positive=admitted",
    "positive=rejected&d.gender=female&confidence=0.9",
    "positive=admitted&reference.gender=male&limit.DPL=0.1&limit.CDDL=0.01",
    "positive=admitted&reference.gender=largest&metric=DPL&metric=CI",
    "positive=admitted&round_to=11&limit.DPL=0.2",
]


@pytest.mark.parametrize("more", CHOICES)
def test_the_report_is_that_of_the_call_that_it_names(more: str) -> None:
    counts, asked = berkeley(more)
    _, contents = shown_contents(counts, asked, about())
    shown = report_shown(counts, asked, about(is_demo=True, files=(), name="Berkeley"))
    names: dict[str, Any] = {}
    exec(code_of(shown, "call").replace('page.save("page.html")', ""), names)
    page = names["page"]
    assert isinstance(page, Page)
    assert [repr(one) for one in page.contents.rows] == [repr(one) for one in contents.rows]
    assert [one.verdict for one in page.contents.checked] == [
        one.verdict for one in contents.checked
    ]


SCORED = "facet=sex&facet=age&cut.age=30,45&label=hired&score=score&positive=yes"


@pytest.mark.parametrize(
    "query",
    [
        f"{SCORED}&threshold=0.4&limit.DPPL=0.05",
        SCORED,
        "facet=sex&label=hired&predicted=decided&positive=yes&least.DI=0.8&limit.DPPL=0.1",
        "facet=sex&facet=age&together=yes&cut.age=40&label=hired&positive=yes&limit.DPL=0.1",
        "facet=sex&label=age&label_above=40&frequency=people&limit.DPL=0.1&reference.sex=M",
        "facet=sex&label=hired&positive=yes&d.sex=F&d.sex=X&delimiter=;&decimal=,&limit.DPL=0.1",
    ],
)
def test_the_command_and_the_configuration_give_the_same(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    asked = Asked.of_query(f"table=file:data/people.csv&{query}")
    written = {"sep": asked.one("delimiter") or ",", "decimal": asked.one("decimal") or "."}
    people().to_csv("data/people.csv", index=False, **written)
    given = {} if dialect_of(asked) is None else {"csv": dialect_of(asked)}
    counts = biaskit.count("data/people.csv", roles_of(asked), **given)  # type: ignore[arg-type]
    of = About("data/people.csv", ("data/people.csv",), dialect_of(asked))
    chosen, contents = shown_contents(counts, asked, of)
    command = code_of(report_shown(counts, asked, of), "command")
    assert main(shlex.split(command)[1:]) == 0
    capsys.readouterr()
    assert Path("page.html").read_text(encoding="utf-8") == Page.of(contents).html
    text = configuration_of(contents, of)
    if chosen.limits is None:
        assert text is None
        return
    assert text is not None
    Path("biaskit.toml").write_text(text, encoding="utf-8")
    (data,) = read_config(Path("biaskit.toml")).data
    assert isinstance(data, DataSet)
    assert main(["check", "--config", "biaskit.toml", "--format", "json"]) in (0, 1)
    (outcome,) = json.loads(capsys.readouterr().out)["check"]
    found = Counter(one.verdict for one in contents.checked)
    assert outcome["verdicts"] == {name: found[name] for name in outcome["verdicts"]}


@pytest.mark.parametrize(
    "query",
    [
        "facet=sex&slice=sex&slice=age&cut.age=30,45&label=hired&positive=yes",
        f"{SCORED}&threshold=0.4&slice=sex&slice=age",
        "facet=sex&slice=age&cut.age=30&label=hired&positive=yes&confidence=0.8&worst=DPL",
    ],
)
def test_the_command_of_the_worst_groups_finds_them(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "of --facet sex.csv"
    people().to_csv(name, index=False)
    asked = Asked.of_query(f"table=file:{name}&{query}")
    counts = biaskit.count(name, roles_of(asked))
    shown = report_shown(counts, asked, about(name=name, files=(name,)))
    assert main([*shlex.split(code_of(shown, "slices"))[1:], "--format", "json"]) == 0
    first, *rows = json.loads(capsys.readouterr().out)["slices"]
    said = read(shown.body).said
    ends = sorted(abs(first[end]) for end in ("low", "high"))
    assert f"is {number(ends[0])} to {number(ends[1])} worse off" in said
    assert rows or "No group is surely worse off" in said
    for row in rows:
        assert row["slice"] in said


def test_columns_without_a_header_are_named() -> None:
    asked = Asked.of_query("table=t&header=no&names=age, work,sex&facet=sex&label=work")
    made = dialect_of(asked)
    assert made is not None
    assert made.given() == {"header": False, "columns": ["age", "work", "sex"]}
    for wrong in ("age,,sex", "age,age"):
        with pytest.raises(FieldError) as caught:
            dialect_of(asked.changed(names=wrong))
        assert [*caught.value.messages] == ["names"]
    error = biaskit.BiaskitError("csv={'columns': '...'} names 3 columns, but the first row has 15")
    told = {"names": "The first row has 15 values, and these are 3 names."}
    assert errors_of(error, asked) == told


@given(st.dictionaries(TEXTS, st.one_of(TEXTS, st.booleans(), st.floats(allow_nan=False))))
def test_a_configuration_is_toml_whatever_its_texts(values: dict[str, Any]) -> None:
    import tomllib

    assert tomllib.loads(f"a = {toml(values)}")["a"] == values


def test_no_configuration_names_a_facet_that_no_text_names() -> None:
    roles = biaskit.Roles(facet=("a & b",), label="y", facet_values={("a & b",): "x"})
    assert configuration("n", ["f.csv"], roles, {"limits": {"DPL": 0.1}}) is None


def test_rows_of_scores_are_remembered_and_the_same() -> None:
    asked = Asked.of_query(f"table=t&{SCORED}&threshold=0.4")
    counts = biaskit.count(people(), roles_of(asked))
    for threshold in ("0.4", "0.6"):
        chosen = chosen_of(counts, asked.changed(threshold=threshold))
        expected = [repr(one.row) for one in measured(chosen.counts)]
        assert [repr(one.row) for one in measured_once(chosen.counts)] == expected
        assert [repr(one.row) for one in measured_once(chosen.counts)] == expected
        assert [repr(one) for one in contents_made(chosen, about()).rows] == expected


def test_changes_since_a_baseline_stand_in_the_report() -> None:
    asked = Asked.of_query("table=t&baseline=u&facet=sex&label=hired&positive=yes")
    counts = biaskit.count(people(), roles_of(asked))
    before = biaskit.count(people()[: len(PEOPLE) // 2], roles_of(asked.of_baseline()))
    given = about(baseline=before, baseline_name="old.csv", baseline_files=("old.csv",))
    shown = report_shown(counts, asked, given)
    refuse_faults(shown)
    said = read(shown.body).said
    assert "--baseline baseline.counts" in said
    assert "biaskit count old.csv --facet sex --label hired -o baseline.counts" in said
    assert "baseline = biaskit.count(" in said
    assert "Since the baseline" in said or "since the baseline" in said


def test_thresholds_that_keep_the_limits_are_those_of_the_library() -> None:
    asked = Asked.of_query(f"table=t&{SCORED}&threshold=0.405&limit.DPPL=0.2")
    counts = biaskit.count(people(), roles_of(asked))
    shown = report_shown(counts, asked, about())
    refuse_faults(shown)
    found = biaskit.threshold(counts.choosing(positive="yes"), limit={"DPPL": 0.2})
    kept = found.loc[found["holds"], "threshold"]
    said = read(shown.body).said
    assert 0 < len(kept) < len(found)
    assert f"those of {kept.min():g} to " in said
    assert f" {kept.max():g} keep the limits on DPPL" in said
    assert "0.405, as set" in said


def test_the_worst_groups_are_those_of_slices() -> None:
    asked = Asked.of_query(
        "table=t&facet=gender&slice=gender&slice=department&label=decision&positive=admitted"
    )
    table = biaskit.datasets.berkeley()
    shown = report_shown(biaskit.count(table, roles_of(asked)), asked, about())
    refuse_faults(shown)
    found = biaskit.slices(
        table, columns=["gender", "department"], label="decision", positive="admitted"
    )
    said = read(shown.body).said
    for row in found.iloc[1:].itertuples():
        assert str(row.slice) in said
        assert f"{row.estimate:.3f}" in said
    facets = {
        one.facet
        for one in shown_contents(biaskit.count(table, roles_of(asked)), asked, about())[1].rows
    }
    assert facets == {"gender"}
    assert "Only on this page, and in none of these files: the groups that are worst off." in said
    without = report_shown(biaskit.count(table, roles_of(asked)), asked.without("slice"), about())
    assert "Only on this page" not in without.body


def test_protected_counts_are_not_shown_exactly_by_the_worst_groups() -> None:
    asked = Asked.of_query(
        "table=t&facet=gender&slice=gender&slice=department&label=decision&positive=admitted"
        "&round_to=11"
    )
    shown = report_shown(
        biaskit.count(biaskit.datasets.berkeley(), roles_of(asked)), asked, about()
    )
    said = read(shown.body).said
    assert "needs exact numbers of people, which are protected here" in said
    assert "gender=female" not in said


def test_of_many_columns_those_are_shown_that_are_searched_for() -> None:
    columns = tuple(Column(f"column {i:04d}", "text", ("a", "b"), 0.0, 2) for i in range(5000))
    asked = Asked.of_query("table=t&facet=column+4321&find=column+12&cut.column+0007=3")
    shown = columns_shown(Look(columns, 9, 9), asked, name="x")
    refuse_faults(shown)
    assert "column 4321" in shown.body
    assert "column 1234" in shown.body
    assert "column 0003" not in shown.body
    assert len(shown.body) < 200_000
    assert "cut.column 0007" in shown.body  # what is not in sight is carried on


def test_what_makes_a_report_empty_is_said_before() -> None:
    df = pd.DataFrame({"sex": ["F", "M"] * 20, "hired": "yes", "one": "x"})
    asked = Asked.of_query("table=t&facet=sex&facet=one&label=hired")
    counts = biaskit.count(df, roles_of(asked))
    said = read(choices_shown(counts, asked, name="x").body).said
    assert "Every row has the same hired, yes" in said
    assert "one has only the value x" in said
    amounts = Asked.of_query("table=t&facet=sex&label=pay")
    df["pay"] = range(40)
    said = read(choices_shown(biaskit.count(df, roles_of(amounts)), amounts, name="x").body).said
    assert "pay has 40 different numbers. If it is an amount, go back" in said
    above = amounts.changed(label_above="500")
    said = read(choices_shown(biaskit.count(df, roles_of(above)), above, name="x").body).said
    assert "Every row has the same pay, at most 500, so it cannot differ" in said
    refuse_faults(report_shown(counts, asked.changed(positive="yes"), about()))
    columns = (
        Column("id", "whole number", ("1", "2"), 0.0, 900),
        Column("city", "text", ("a", "b"), 0.0, 2000),
        Column("one", "text", ("x",), 0.0, 1),
    )
    said = read(columns_shown(Look(columns, 9, 9), asked, name="x").body).said
    assert "to be compared in ranges" in said
    assert "more than 1,000 values cannot be compared" in said
    assert "nothing to compare" in said


def test_how_a_text_file_is_read_can_always_be_corrected() -> None:
    columns = (Column("F", "text", ("M",), 0.0, 1), Column("yes", "text", ("no",), 0.0, 2))
    for delimiter, told in ((",", "a comma"), ("\t", "a tab")):
        look = Look(columns, None, 9, {}, (), delimiter)
        shown = columns_shown(look, Asked.of_query("table=t"), name="x")
        refuse_faults(shown)
        assert f"How the file is read: {told} between values" in read(shown.body).said
        chosen = [one.get("value") for _, one in read(shown.body).tags if "selected" in one]
        assert ("tab" if delimiter == "\t" else ",") in chosen
    blanks = Look(columns, None, 9, {"strip": True}, (), ",")
    said = read(columns_shown(blanks, Asked.of_query("table=t"), name="x").body).said
    assert "blanks around values dropped" in said
    parquet = columns_shown(Look(columns, 9, 9), Asked.of_query("table=t"), name="x")
    assert "How the file is read" not in parquet.body


def test_scores_of_another_range_are_no_numbers_of_a_report() -> None:
    df = people()
    df["score"] *= 10
    asked = Asked.of_query("table=t&facet=sex&label=hired&score=score&positive=yes")
    for step in (
        lambda counts, asked: choices_shown(counts, asked, name="x"),
        lambda counts, asked: report_shown(counts, asked, about()),
    ):
        counts = biaskit.count(df, roles_of(asked))
        with pytest.raises(FieldError, match="scores are not between 0 and 1") as caught:
            step(counts, asked)
        assert [*caught.value.messages] == ["range"]
        ranged = asked.changed(range="0, 10")
        shown = step(biaskit.count(df, roles_of(ranged)), ranged)
        assert "scores are not between" not in shown.body
        narrow = asked.changed(range="0, 5")
        shown = step(biaskit.count(df, roles_of(narrow)), narrow)
        assert "scores are not between 0 and 5, so" in read(shown.body).said


def test_a_call_with_a_limit_on_one_side_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    people().to_csv("people.csv", index=False)
    query = "facet=sex&d.sex=F&label=hired&predicted=decided&positive=yes&least.DI=0.8"
    asked = Asked.of_query(f"table=t&{query}")
    shown = report_shown(biaskit.count("people.csv", roles_of(asked)), asked, about())
    assert "Of 1 number with a limit, " in shown.body
    exec(code_of(shown, "call"), {})
    assert "DI from 0.800 to any" in Path("page.html").read_text("utf-8")


ENTERED = st.sampled_from(
    [
        *("", "sex", "age", "hired", "score", "people", "yes", "no", "F", "M", "0.5", "-1", "²"),
        *("nan", "1e400", "0,1", "40,30", "30,50", "~", "largest", "highest", "DPL", "FT", "AUC"),
        *("\0", "é", "a" * 3000, "1_0", " 0.1 ", "tab", "11", "2"),
    ]
)
ALREADY = st.sampled_from(
    [
        "facet=sex&label=hired&positive=yes",
        "facet=sex&facet=age&cut.age=30,50&label=hired&score=score&positive=yes",
        "facet=sex&label=hired&predicted=decided&positive=yes",
        "facet=sex&label=age&label_above=40&frequency=people",
        "facet=sex&facet=decided&together=yes&slice=sex&slice=decided&label=hired",
    ]
)
FIELDS = [one if not one.endswith(".") else f"{one}sex" for one in (*PASS, *LATE, *DIALECT)]
FIELDS += ["limit.DPL", "limit.AUC", "least.DI", "most.DI", "reference.age", "cut.age"]


@given(ALREADY, st.lists(st.tuples(st.sampled_from(FIELDS), ENTERED), max_size=5))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_entered_is_answered_by_a_step(
    already: str, entered: list[tuple[str, str]]
) -> None:
    asked = Asked.of_query(f"table=t&{already}")
    for name, value in entered:
        asked = asked.replaced({name: [*asked.each(name), value]})
    look = Look(tuple(Column(one, "number", ("1",), 0.0, 9) for one in people().columns), 9, 9)
    try:
        dialect_of(asked)
        counts = biaskit.count(people(), roles_of(asked))
        refuse_faults(choices_shown(counts, asked, name="x"))
        refuse_faults(report_shown(counts, asked, about()))
    except (FieldError, biaskit.BiaskitError) as error:
        shown = columns_shown(look, asked, errors_of(error, asked), name="x")
        refuse_faults(shown)
        assert "There is a problem" in shown.body


def test_a_threshold_that_no_score_has_is_refused() -> None:
    asked = Asked.of_query("table=t&facet=sex&label=hired&score=score&positive=yes&threshold=7")
    with pytest.raises(FieldError) as caught:
        chosen_of(biaskit.count(people(), roles_of(asked)), asked)
    assert caught.value.messages == {"threshold": "Give a number from 0 to 1."}


def test_counts_alone_are_enough() -> None:
    """Saved counts have no address of their columns; their own roles and choices hold."""
    counts = biaskit.count(people(), facet=["sex", "age"], facet_edges={"age": [40]}, label="hired")
    asked = Asked.of_query("table=file:people.counts&positive=yes")
    shown = report_shown(counts, asked, about(name="people.counts", files=("people.counts",)))
    refuse_faults(shown)
    assert shown.status == 200
    assert "--facet-edges" in read(shown.body).said
    chosen = counts.choosing(positive="yes", reference={"sex": "M"})
    refuse_faults(choices_shown(chosen, Asked.of_query("table=t"), name="x"))


def test_the_first_step_of_each_kind_of_table() -> None:
    assert first_address("file:a.counts", "counts").startswith("choose?")
    assert first_address("file:a.csv").startswith("columns?")
    assert "facet=gender" in first_address("demo:berkeley")
    shown = tables_shown([Listed("demo:berkeley", "Berkeley", "table")], most_bytes=10**9)
    refuse_faults(shown)
    refuse_faults(tables_shown([], folder="here", errors={"file": "too large"}, most_bytes=1))
    refuse_faults(columns_shown(Look((), 0, 0), Asked.of_query("table=t"), name="empty.csv"))


def test_the_parts_of_a_gap_are_in_the_report_and_in_what_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    xgboost = pytest.importorskip("xgboost")
    monkeypatch.chdir(tmp_path)
    table = loans.loans()
    table.to_parquet("loans.parquet")
    made = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)
    made.fit(table[["income", "years"]], table["repaid"])
    made.save_model("model.json")
    asked = Asked.of_query("table=t&model=m&facet=sex&label=repaid&positive=1")
    of = about(
        name="loans.parquet",
        files=("loans.parquet",),
        model="model.json",
        attributions=biaskit.attribute("model.json", "loans.parquet", facet="sex"),
    )
    counts = biaskit.count(table, roles_of(asked))
    shown = report_shown(counts, asked, of)
    refuse_faults(shown)
    _, contents = shown_contents(counts, asked, of)
    assert contents.gaps
    names: dict[str, Any] = {}
    exec(code_of(shown, "call"), names)
    assert names["page"].contents.gaps == contents.gaps
    Path("page.html").unlink()
    for command in code_of(shown, "command").splitlines():
        assert main(shlex.split(command)[1:]) == 0
    capsys.readouterr()
    assert "What makes the gap" in Path("page.html").read_text(encoding="utf-8")
