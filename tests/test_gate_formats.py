"""What the gate writes for programs and for people, however hostile the data's texts are."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import jsonschema
import pandas as pd
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from biaskit.errors import DataError
from biaskit.gate.config import DataSet
from biaskit.gate.findings import CODES, Finding
from biaskit.gate.machines import as_gate_json, as_github, as_junit, as_sarif
from biaskit.gate.outcomes import Outcome, broken, check_data_set, write_baseline
from biaskit.gate.people import as_text, conclusion, markdown_summary
from biaskit.store.formats import printable

SCHEMAS = Path(__file__).parent / "data"
SARIF = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "sarif.schema.json").read_text()))
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit.xsd"))
DRIFT = {"DPL": 0.01, "facet share": 0.001, "label share": 0.001}
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

HOSTILE = [
    "line\nbreak\r\nand return\rand tab\t",
    "\n::error file=x,title=y::z\n::stop-commands::k\n##[error]w",
    "100%25 %0A%0D%3A%2C, a: b",
    "]]>&amp;<b onclick='x'>\"q\"</b><!-- c --><![CDATA[d]]>",
    "a|b \\| c\\",
    "`code` **bold** _it_ ~~no~~ # h [l](http://x.example) ![i](j) <http://y.example> $m$",
    "\x1b[31mred\x1b]0;title\x07\x00\x7f\x9b",
    "\u2028\u2029\u0085\ufeff\u202e\ufffe\uffff",
    "{0} {name} }{ [x](1) [y](2)",
    "##vso[task.setvariable variable=x]y ##teamcity[z] ##[group]",
    "::add-mask::x @octocat https://evil.example WWW.evil.example",
    "long " * 3000,
    " = , f = ",
    "",
]


def table(facet: str, label: str, values: Sequence[str], wide: float) -> pd.DataFrame:
    """Rows in which the first half of the values is paid more often than the others."""
    rows = []
    for i, value in enumerate(values):
        paid = round(100 * (0.5 + (wide if i < len(values) / 2 else 0)))
        rows += [(value, f"yes {label}")] * paid + [(value, f"no {label}")] * (100 - paid)
    return pd.DataFrame(rows, columns=[facet, label])


def outcomes(
    folder: Path, texts: Sequence[str], names: tuple[str, str], *, strict: bool = False
) -> list[Outcome]:
    """Outcomes of every kind: passed, failed, uncertain, drifted, broken, absent."""
    facet, label = names
    for name, wide in (("fair", 0.0), ("biased", 0.5), ("unsure", 0.12)):
        table(facet, label, texts, wide).to_parquet(folder / f"{name}.parquet")
    table(facet, label, texts[1:], 0.0).to_parquet(folder / "before.parquet")
    (folder / "pointer.parquet").write_text(LFS)

    def of(stem: str, **keys: Any) -> DataSet:
        roles = {"facet": [[facet]], "label": label, "positive": f"yes {label}"}
        return DataSet.of({"files": f"{stem}.parquet", **roles, **keys}, folder)

    held: dict[str, Any] = {"limits": {"DPL": 0.1}}
    since: dict[str, Any] = {"baseline": "then.counts", "drift": DRIFT}
    write_baseline(of("before", **since))
    made = [
        of("fair", limits={"DPL": 0.9}),
        of("biased", limits={"DPL": 0.1, "KS": 0.2}, name=f"data {texts[0]}"),
        of("unsure", **held),
        of("unsure", **held, min_rows=10_000, name="few"),
        of("biased", **since, name="drift"),
        of("unsure", **since, name="less drift"),
        of("pointer", **held),
        of("gone", **held),
        of("maybe", **held, optional=True),
        of("biased", slices=[{"columns": [facet], "limit": {"DPL": 0.1}}], name="slices"),
        of("unsure", slices=[{"columns": [facet], "limit": {"DPL": 0.2}}], name="maybe slices"),
    ]
    return [check_data_set(data, strict=strict) for data in made]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


def of_all(folder: Path, *, strict: bool = False) -> list[Outcome]:
    return outcomes(folder, HOSTILE, (f"s{HOSTILE[0]}", f"p{HOSTILE[3]}"), strict=strict)


@pytest.fixture(scope="module")
def found(folder: Path) -> list[Outcome]:
    return of_all(folder)


def findings(made: Iterable[Outcome]) -> list[tuple[Outcome, Finding]]:
    return [(one, finding) for one in made for finding in one.findings]


def test_there_is_every_kind_of_outcome(found: list[Outcome]) -> None:
    codes = Counter(finding.code for _, finding in findings(found))
    assert set(codes) == set(CODES)
    assert codes["BK101"] > 10
    assert max(len(one.findings) for one in found) > 20
    assert found[0].verdicts == {"fail": 0, "uncertain": 0, "pass": len(HOSTILE)}
    assert [one.broken for one in found] == [False] * 6 + [True, True] + [False] * 3


any_text = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.text("|`*_[]()<>&%:,{}\\\n\r\x1b!#~=\"' ", max_size=12),
)


@pytest.mark.slow
@settings(max_examples=40)
@given(
    texts=st.lists(any_text, min_size=2, max_size=5, unique=True),
    names=st.tuples(any_text, any_text).map(lambda two: (f"f{two[0]}", f"l{two[1]}")),
    strict=st.booleans(),
)
def test_every_format_holds_for_any_texts(
    folder: Path, texts: list[str], names: tuple[str, str], strict: bool
) -> None:
    made = outcomes(folder, texts, names, strict=strict)
    assert_junit(made, strict)
    assert_sarif(made)
    assert_github(made)
    assert_markdown(made)
    assert_json(made)
    assert_text(made)


@pytest.mark.parametrize("strict", [False, True])
def test_every_format_holds_for_the_worst_texts(folder: Path, strict: bool) -> None:
    made = of_all(folder, strict=strict)
    assert_junit(made, strict)
    assert_sarif(made)
    assert_github(made)
    assert_markdown(made)
    assert_json(made)
    assert_text(made)


# JUnit


def assert_junit(made: Sequence[Outcome], strict: bool) -> None:
    text = as_junit(made, strict=strict)
    JUNIT.validate(text)
    suites = list(fromstring(text.encode()))
    for suite, outcome in zip(suites, made, strict=True):
        assert suite.get("name") == printable(outcome.name)
        tags = Counter(child.tag for case in suite for child in case)
        assert float(suite.get("time", "")) == pytest.approx(outcome.seconds, abs=1e-3)
        times = [float(case.get("time", "")) for case in suite]
        assert sum(times) == pytest.approx(outcome.seconds, abs=1e-6 * len(times))
        assert suite.get("tests") == str(len(suite))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped",) * 2):
            assert suite.get(attribute) == str(tags[tag]), (attribute, outcome.name)
        judged = sum(outcome.verdicts.values())
        assert sum(not len(case) for case in suite) == (not judged and not outcome.broken)
        assert tags["system-out"] == outcome.verdicts["pass"]
        values = Counter(child.text for case in suite for child in case if child.text)
        assert values == Counter(printable(one.message) for one in outcome.passed)
        said = Counter(child.get("message") for case in suite for child in case if not child.text)
        told = (printable(f"{one.code}: {one.message}") for one in outcome.findings)
        assert said == Counter(told)


def test_numbers_of_one_name_are_a_case_each(tmp_path: Path) -> None:
    """Facet `a = b` with value `c` reads as facet `a` with value `b = c`."""
    frame = table("a", "paid", ["b = c", "d"], 0.5)
    frame["a = b"] = frame["a"].map({"b = c": "e", "d": "c"})
    frame.loc[::2, "a = b"] = "e"
    frame.to_parquet(tmp_path / "rows.parquet")
    role = {"facet": ["a", "a = b"], "label": "paid", "positive": "yes paid"}
    data = DataSet.of({"files": "rows.parquet", **role, "limits": {"DPL": 0.4}}, tmp_path)
    outcome = check_data_set(data)
    names = [f"{one.row.facet} = {one.row.value}" for one in outcome.checked]
    assert names.count("a = b = c") == 2
    assert_junit([outcome], strict=False)
    assert_junit([check_data_set(data, strict=True)], strict=True)


# SARIF

PLACEHOLDER = re.compile(r"(?<!\{)(?:\{\{)*\{(?!\{)|(?<!\})(?:\}\})*\}(?!\})")
LINK = re.compile(r"(?<!\\)\]\(")


def assert_sarif(made: Sequence[Outcome]) -> None:
    log = json.loads(as_sarif(made, "0.1.0"), parse_constant=pytest.fail)
    SARIF.validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == list(CODES)
    for result, (outcome, finding) in zip(run["results"], findings(made), strict=True):
        assert rules[result["ruleIndex"]] == result["ruleId"] == finding.code
        assert result["level"] == finding.level
        text = result["message"]["text"]
        assert not LINK.search(text)
        assert not PLACEHOLDER.search(text)
        undone = text.replace("\\](", "](").replace("{{", "{").replace("}}", "}")
        assert undone == printable(f"{finding.subject}: {finding.message}")
        assert len(result["locations"]) == min(1, len(outcome.files))


def test_a_place_is_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = ["a b,c:d%#?.csv", "ü\n.csv", os.fsdecode(b"\xff.csv"), str(tmp_path / "x y.csv")]
    made = [broken("x", DataError("it is broken"), [Path(path)]) for path in paths]
    assert_sarif(made)
    results = json.loads(as_sarif(made, "0.1.0"))["runs"][0]["results"]
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"] for one in results]
    uris = [one["uri"] for one in places]
    assert uris[:3] == ["a%20b%2Cc%3Ad%25%23%3F.csv", "%C3%BC%0A.csv", "%FF.csv"]
    assert uris[3] == f"file://{tmp_path}/x%20y.csv"


def test_a_name_on_disk_that_is_not_a_text_can_be_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff,:%.csv")
    made = [broken(f"set {name}", DataError("it is broken"), [tmp_path / name, Path(name)])]
    assert_json(made)
    assert_sarif(made)
    assert_junit(made, strict=False)
    assert_github(made)
    assert_markdown(made)
    assert_text(made)


def test_sarif_has_no_more_results_than_are_read() -> None:
    finding = Finding("BK101", "error", "DPL, f = x", "1; limit 0", 1.0)
    log = json.loads(as_sarif([Outcome("x", findings=(finding,) * 25_010)], "0.1.0"))
    assert len(log["runs"][0]["results"]) == 25_000


# GitHub


def unescaped(text: str, *, also: str = "") -> str:
    """Text as the runner undoes what is escaped in a command."""
    pairs = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    for escape, char in pairs.items():
        if char in "\r\n%" + also:
            text = text.replace(escape, char)
    return text


COMMAND = re.compile(r"::(error|warning|notice) ([^:]+)::([^\r\n]+)")


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    match = COMMAND.fullmatch(line)
    assert match is not None, line
    level, properties, message = match.groups()
    assert line.isprintable()
    assert not re.search(r"%(?!25|0D|0A)", message)
    named = {}
    for one in properties.split(","):
        name, _, value = one.partition("=")
        assert name in ("file", "title")
        assert not re.search(r"%(?!25|0D|0A|3A|2C)", value)
        assert name not in named
        named[name] = unescaped(value, also=":,")
    return level, named, unescaped(message)


def assert_github(made: Sequence[Outcome]) -> None:
    """One command a line, each back as it was; the conclusion, then ten of a level at most."""
    commands = [parsed(line) for line in as_github(made).split("\n")]
    levels = Counter(level for level, _, _ in commands)
    assert max(levels.values()) <= 10
    (level, named, message), *rest = commands
    assert named == {"title": "biaskit"}
    assert message == conclusion(made)
    all_found = findings(made)
    worst = sorted((f for _, f in all_found), key=lambda f: (f.level != "error", -f.excess))
    assert level == (worst[0].level if worst else "notice")
    for one in ("error", "warning"):
        there = sum(f.level == one for f in worst)
        assert levels[one] == min(10, there + (level == one))
    shown = iter(worst)
    of = {id(finding): outcome for outcome, finding in all_found}
    for level, named, message in rest:
        finding = next(one for one in shown if one.level == level)  # in this order
        outcome = of[id(finding)]
        assert named["title"] == f"{finding.code} {CODES[finding.code].title}"
        assert named.get("file") == (lenient(outcome.files[0]) if outcome.files else None)
        assert message == lenient(f"{outcome.name}: {finding.subject}: {finding.message}")


def lenient(text: str) -> str:
    """Text whose control characters are escaped, but line ends kept."""
    first, *rest = re.split(r"([\r\n])", text)
    kept = (one if one in "\r\n" else printable(f"x{one}")[1:] for one in rest)
    return printable(first) + "".join(kept)


def test_the_worst_are_shown(found: list[Outcome]) -> None:
    many = tuple(
        Finding("BK101", level, f"DPL, f = {i}", "1; limit 0", float(i))
        for level in ("error", "warning")
        for i in range(30)
    )
    commands = [parsed(line) for line in as_github([Outcome("x", findings=many)]).split("\n")]
    shown = [(level, message.split(":")[1].strip()) for level, _, message in commands[1:]]
    assert shown == [("error", f"DPL, f = {i}") for i in range(29, 20, -1)] + [
        ("warning", f"DPL, f = {i}") for i in range(29, 19, -1)
    ]
    assert as_github([]).startswith("::notice title=biaskit::")


# Markdown

RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TAGS = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


def plain(token: Token) -> str:
    """Text of a token that holds nothing but text."""
    children = token.children or []
    assert {child.type for child in children} <= {"text"}, token.content
    return "".join(child.content for child in children).replace("\u200b", "")


def assert_markdown(made: Sequence[Outcome]) -> None:
    tokens = RENDER.parse(markdown_summary(made))
    assert {token.type for token in tokens if not token.tag} <= {"inline"}
    assert {token.tag for token in tokens if token.tag} <= TAGS
    texts = [plain(token) for token in tokens if token.type == "inline"]
    assert texts[:2] == ["biaskit", conclusion(made)]
    shown = [(one, finding) for one in made for finding in one.findings[:20]]
    assert sum(token.type == "tr_open" for token in tokens) == len(shown) + bool(shown)
    cells = [
        printable(text if len(text) <= 1_000 else f"{text[:997]}...").strip()
        for outcome, f in shown
        for text in (f.level, f.code, outcome.name, f.subject, f.message)
    ]
    if cells:
        assert texts[2:7] == ["level", "code", "data", "about", "finding"]
        assert texts[7 : 7 + len(cells)] == cells
    more = [
        f"{printable(one.name).strip()}: and {len(one.findings) - 20:,} more, closer to their "
        "limits; --format json has them all"
        for one in made
        if len(one.findings) > 20
    ]
    titles = [f"{code}: {CODES[code].title}" for code in dict.fromkeys(f.code for _, f in shown)]
    assert texts[7 * bool(cells) + 2 * (not cells) + len(cells) :] == more + titles


# JSON and text


def assert_json(made: Sequence[Outcome]) -> None:
    """Strict JSON in one shape, with every text as it was."""
    text = as_gate_json(made, 3, "0.1.0", 1)
    read = json.loads(text.encode(), parse_constant=pytest.fail)
    assert list(read) == ["biaskit", "exit_code", "not_checked", "check"]
    assert read["biaskit"] == {"version": "0.1.0", "schema": 1}
    assert (read["exit_code"], read["not_checked"]) == (1, 3)
    for record, outcome in zip(read["check"], made, strict=True):
        assert list(record) == [
            *("name", "files", "about", "rows", "broken"),
            *("verdicts", "checked", "drift", "slices", "findings"),
        ]
        assert record["name"] == outcome.name
        assert record["files"] == list(outcome.files)
        for one, checked in zip(record["checked"], outcome.checked, strict=True):
            assert list(one) == [
                *("stage", "facet", "value", "metric", "estimate", "low", "high", "p_value"),
                *("confidence", "rate_a", "rate_d", "of_a", "of_d"),
                *("n_a", "n_d", "n_missing", "n_other", "note"),
                *("limit_low", "limit_high", "verdict", "reason", "judged"),
            ]
            assert (one["facet"], one["value"]) == (checked.row.facet, checked.row.value)
        for one, drift in zip(record["drift"], outcome.drift, strict=True):
            assert list(one) == list(drift._fields)
        for one, judged in zip(record["slices"], outcome.slices, strict=True):
            assert list(one) == list(judged._fields)
            assert one["worst"] == judged.worst
        for one, finding in zip(record["findings"], outcome.findings, strict=True):
            assert one == {
                name: getattr(finding, name) for name in ("code", "level", "subject", "message")
            }


def assert_text(made: Sequence[Outcome]) -> None:
    """A line for each table and finding, and no control character but the line's end."""
    lines = as_text(made).split("\n")
    assert all(line.isprintable() for line in lines)
    shown = [min(20, len(one.findings)) + (len(one.findings) > 20) for one in made]
    assert len(lines) == len(made) + sum(shown) + 1
    longer = as_text(made, verbose=True).split("\n")
    assert all(line.isprintable() for line in longer)
    assert len(longer) == len(lines) + sum(len(one.passed) for one in made)
