"""What is printed: no terminal and no runner of a job obeys it, whoever wrote the data."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit.cli import main
from biaskit.store import formats

#: Each is a command to somebody: GitHub (old and new), Azure, TeamCity, a terminal, a spreadsheet.
COMMANDS = [
    "::stop-commands::token",
    "  ::add-mask::secret",
    "##[add-matcher]evil.json",
    "a ##[group]b",
    "##vso[task.setvariable variable=BASH_ENV]evil.sh",
    "x##VSO[task.prependpath]evil",
    "###[error]x",
    "##teamcity[buildStatus status='SUCCESS']",
    "line\n::error::injected",
    "line\r##[error]injected",
    "\x1b]0;title\x07\x1b[31mred",
    "\x9b31mc1",
    "a\u202eb\u2066c",
    "a\u2028b\u0085c",
    "nul\0",
]
LABEL = "la\x1b[36mbel ##[x]"
FACET = "::fa\x1b[35mcet"
FLAGS = ["--facet", FACET, "--label", LABEL, "--positive", "##vso[a.b]no"]
OBEYED = re.compile(r"##(\[|vso\[|teamcity\[)", re.IGNORECASE)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    values = [value for value in COMMANDS for _ in range(20)]
    label = ["yes", "##vso[a.b]no", "::yes"] * (len(values) // 3)
    pq.write_table(pa.table({FACET: values, LABEL: label}), "evil.parquet")
    roles = {"facet": FACET, "label": LABEL, "positive": "##vso[a.b]no"}
    biaskit.count("evil.parquet", **roles).save("evil.counts")
    return tmp_path


def assert_obeyed_by_nobody(text: str, *, own: str = "") -> None:
    """Fails where a line would be a command; `own` begins those that biaskit means."""
    for line in text.split("\n"):
        assert line.isprintable(), line
        assert not OBEYED.search(line), line
        assert not line.lstrip().startswith("::") or (own and line.startswith(own)), line


def printed(capsys: Any, *argv: str) -> str:
    assert main(argv) in (0, 1, 2)
    out, err = capsys.readouterr()
    return str(out + err)


@pytest.mark.parametrize("form", ["table", "json", "csv-safe", "markdown"])
def test_reports(hostile: Path, form: str, capsys: Any) -> None:
    for argv in (
        ["report", "evil.parquet", *FLAGS, "--words", "--metrics", "DPL"],
        ["report", "evil.counts", "--metrics", "DPL"],
        ["compare", "evil.counts", "evil.counts", "--limit", "DPL=0.1"],
    ):
        out = printed(capsys, *argv, "--format", form)
        assert_obeyed_by_nobody(out)
        assert "stop-commands" in out


@pytest.mark.parametrize("form", ["text", "json", "junit", "github", "sarif", "markdown"])
def test_checks(hostile: Path, form: str, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    own = "::" if form == "github" else ""
    for argv in (
        ["check", "evil.parquet", *FLAGS, "--limit", "DPL=0.01"],
        ["check", "evil.counts", "--limit", "DPL=0.01"],
        ["check", "evil.parquet", *FLAGS[:2], "--label", "##[none]", "--limit", "DPL=0.01"],
    ):
        out = printed(capsys, *argv, "--format", form)
        if form == "github":
            assert all(re.match("::(error|warning|notice) ", line) for line in out.splitlines())
        assert_obeyed_by_nobody(out, own=own)
    assert_obeyed_by_nobody(Path("summary.md").read_text())


NAMES = [
    "::stop-commands::x.parquet",
    "a\x1b[31mb.parquet",
    "a\nb.parquet",
    "##[error]x.parquet",
    "##vso[a.b]x.parquet",
    "b\udcff.parquet",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(hostile: Path, name: str, capsys: Any) -> None:
    with Path(name).open("wb") as file:  # pyarrow takes only names that are text
        pq.write_table(pa.table({"g": ["F", "M"] * 20, "y": [0, 1] * 20}), file)
    roles = ["--facet", "g", "--label", "y"]
    for argv in (
        ["check", name, *roles, "--limit", "DPL=0.01"],
        ["check", name, *roles, "--limit", "DPL=0.01", "--format", "json"],
        ["report", name, "--facet", "none"],
        ["report", f"{name}.none", "--facet", "none"],
        ["count", name, *roles, "--plan"],
        ["count", name, *roles, "-o", f"{name}.counts"],
        ["count", name, *roles, "--resume", "-o", f"{name}.2.counts"],
        ["merge", f"{name}.counts", "-o", f"{name}.3.counts"],
        ["explain", name, "--facet", "g", "--model", f"{name}:f"],
        [name],
    ):
        assert_obeyed_by_nobody(printed(capsys, *argv))


def test_configurations(hostile: Path, capsys: Any) -> None:
    roles = f"facet = {json.dumps(FACET)}\nlabel = {json.dumps(LABEL)}\n"
    name = json.dumps("::add-mask::x\x1b[31m\n##[error]")
    for text in (
        f'[[data]]\nname = {name}\nfiles = "evil.parquet"\n{roles}limits = {{DPL = 0.1}}\n',
        f'[[data]]\nname = {name}\nfiles = "evil.parquet"\n{roles}baseline = "b.counts"\ndrift = 1',
        f'[[data]]\nfiles = "evil.parquet"\n{name} = 1\n',
        f"{name} = 1\n",
        "\x1b[31m = = 1\n",
        f'[[data]]\nname = {name}\nfiles = "evil.parquet"\n{roles}limits = {{DPL = 0.1}}\n' * 2,
    ):
        Path("biaskit.toml").write_text(text)
        for verb in (["check"], ["check", "--format", "json"], ["baseline"]):
            assert_obeyed_by_nobody(printed(capsys, *verb))


def test_errors(hostile: Path, capsys: Any) -> None:
    Path("cells.csv").write_text("g,y\nF,1\nM,2\nF,\x1b[31mboo\x1b]0;title\x07 ##[error]x\n")
    Path("lines.jsonl").write_text('{"g": "F", "y": 1}\n{"g": "M", "y": "\x1b[31m##[x]"}\n')
    Path("head.csv").write_text("g\x1b[31m ##[x],y\nF,1\n")
    Path("part/g=##[x]\x1b[31mF").mkdir(parents=True)
    pq.write_table(pa.table({"y": [0, 1]}), "part/g=##[x]\x1b[31mF/x.parquet")
    roles = ["--facet", "g", "--label", "y"]
    for argv in (
        ["report", "cells.csv", *roles, "--positive-above", "1"],
        ["check", "cells.csv", *roles, "--positive-above", "1", "--limit", "DPL=0.1"],
        ["report", "lines.jsonl", *roles],
        ["report", "head.csv", *roles],
        ["report", "part", "--facet", "y", "--weight", "g"],
        ["report", "evil.counts", "--facet", "none"],
        ["report", "evil.counts", "--facet-values", "none"],
        ["report", "evil.parquet", *FLAGS[:4]],
        ["report", "--##[error]x"],
    ):
        out = printed(capsys, *argv)
        assert out.startswith("biaskit: ") or argv[0] == "check"
        assert_obeyed_by_nobody(out)


def test_json_is_whole(hostile: Path, capsys: Any) -> None:
    out = printed(capsys, "report", "evil.counts", "--metrics", "CI", "--format", "json")
    assert {row["value"] for row in json.loads(out)["report"]} == set(COMMANDS)
    for value in (*COMMANDS, "\ud800", "\\##[x]", "emoji \U0001f600\u200d", 'quote "'):
        assert json.loads(formats.as_json([value])) == [value]
        assert_obeyed_by_nobody(formats.as_json([value]))


def test_csv_keeps_its_values_in_files_and_refuses_to_print_commands(
    hostile: Path, capsys: Any
) -> None:
    argv = ["report", "evil.counts", "--metrics", "CI", "--format", "csv"]
    out = printed(capsys, *argv)
    assert out.startswith("biaskit: ")
    assert "write to a file with -o, or give --format csv-safe or json" in out
    assert main([*argv, "-o", "report.csv"]) == 0
    lines = csv.DictReader(io.StringIO(Path("report.csv").read_bytes().decode(), newline=""))
    assert {line["value"] for line in lines} == set(COMMANDS)
    pq.write_table(pa.table({"g": ["F", "M"] * 20, "y": [0, 1] * 20}), "good.parquet")
    good = ["report", "good.parquet", "--facet", "g", "--label", "y", "--format", "csv"]
    assert main(good) == 0


@pytest.mark.parametrize("value", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", " =1", "\t=1"])
def test_csv_for_spreadsheets(tmp_path: Path, value: str, capsys: Any) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({value: [value, "x"] * 20, "y": [0, 1] * 20}), path)
    argv = ["report", str(path), f"--facet={value}", "--label", "y", "--format", "csv-safe"]
    (first, *_) = list(csv.DictReader(io.StringIO(printed(capsys, *argv))))
    assert first["facet"] == first["value"] == "'" + value.replace("\t", "\\t")
    assert float(first["low"]) < 0  # a number is not a formula
    assert formats.as_csv(["a"], [[value]]).endswith(value)


def test_nobody_is_mentioned_and_nothing_is_linked_in_markdown() -> None:
    text = formats.markdown("@octocat, https://evil.example www.evil.example me@mail.example")
    assert not re.search(r"@\w|://|www\.", text)


@pytest.mark.parametrize("suffix", ["txt", "json", "xml", "md", "sarif"])
def test_a_name_that_is_not_a_text_is_written(hostile: Path, suffix: str) -> None:
    name = "b\udcff.parquet"
    with Path(name).open("wb") as file:
        pq.write_table(pa.table({"g": ["F", "M"] * 20, "y": [0, 1] * 20}), file)
    roles = ["--facet", "g", "--label", "y", "--limit", "DPL=0.1"]
    assert main(["check", name, *roles, "-o", f"x.{suffix}"]) in (0, 1, 2)
    assert_obeyed_by_nobody(Path(f"x.{suffix}").read_text())
