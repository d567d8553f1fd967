"""The command line: its verbs, outputs, exit codes, and one line for every mistake."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import pty
import re
import subprocess
import sys
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit.cli import _parser, main
from biaskit.cli.flags import Once
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError
from biaskit.gate.config import DataSet
from biaskit.metrics import EVERY
from biaskit.sources.files.dialect import OPTIONS, Dialect
from biaskit.sources.parquet.source import ParquetFiles
from biaskit.sources.text.lines import JsonLinesFiles
from biaskit.sources.text.separated import CsvFiles

DATA = pd.DataFrame(
    {
        "sex": ["F", "F", "M", "M", "M", None],
        "race": ["b", "w", "b", "w", "w", "b"],
        "age": [20, 70, 30, 40, 41, 18],
        "y": [0, 1, 1, 1, 0, 1],
        "status": ["no", "yes", "yes", "yes", "no", "yes"],
        "g": ["a", "b", "a", "b", "b", "a"],
    }
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    DATA.to_parquet("rows.parquet")
    DATA.to_csv("rows.csv", index=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


CHOICES = {"metrics", "confidence", "seed", "plan", "words", "replace", "resume", "top", "all"}
HOW_MUCH = {"verbose", "quiet"}
CHECKS = {"config", "only", "limit", "threshold", "required", "min_rows", "strict", "dry_run"}


UNKNOWN = {"round_to", "missing_facet"}
PAGES = {"name", "no_counts", "limit", "baseline", "attributions"}


# How files are written, besides the options of CSV files.
WRITTEN = ("input_format", "sheet")


def test_flags_are_roles_are_keyword_arguments() -> None:
    _, verbs = _parser()
    names = {field.name for field in fields(Roles)}
    for verb in ("report", "count", "check"):
        flags = {action.dest for action in verbs[verb]._actions}
        others = {"help", "data", "format", "output", *CHOICES, *CHECKS, *HOW_MUCH, *PAGES}
        others |= {*OPTIONS, *WRITTEN, *UNKNOWN}
        assert names == flags - others
    others = {"data", "roles", "csv", "filesystem", "progress", *WRITTEN}
    assert names == set(signature(biaskit.count).parameters) - others
    shown = set(signature(biaskit.report).parameters)
    assert names == shown - {*CHOICES, *others, "missing"}


def test_flags_are_the_options_of_a_csv_wherever_rows_are_read() -> None:
    assert [*OPTIONS, *WRITTEN] == [field.name for field in fields(Dialect)]
    _, verbs = _parser()
    read_rows = (
        "report",
        "rates",
        "impact",
        "audit",
        "profile",
        "reweighing",
        "count",
        "check",
        "compare",
        "explain",
        "sweep",
    )
    for verb in read_rows:
        flags = {flag: one for one in verbs[verb]._actions for flag in one.option_strings}
        for name, (_, said) in OPTIONS.items():
            assert flags[f"--{name.replace('_', '-')}"].help == said
        assert {"--input-format", "--sheet"} <= {*flags}
    for function in (
        biaskit.count,
        biaskit.report,
        biaskit.rates,
        biaskit.impact,
        biaskit.audits.nyc_144,
        biaskit.profile,
        biaskit.reweighing,
        biaskit.page,
        biaskit.compare,
        biaskit.explain,
        biaskit.attribute,
        biaskit.shap_values,
        biaskit.partial_dependence,
        biaskit.sweep,
        biaskit.threshold,
        biaskit.calibration,
    ):
        assert {"csv", *WRITTEN, "progress"} <= {*signature(function).parameters}
    assert "csv" in {field.name for field in fields(DataSet)}


def test_report_prints_a_table(data: Path, capsys: Any) -> None:
    flags = ["--facet", "sex", "--label", "y", "--facet-values", "F", "--all"]
    code, out, err = run(capsys, "report", "rows.parquet", *flags)
    assert (code, err) == (0, "")
    summary, _, rest = out.partition("\n\n")
    assert summary.startswith("No value of sex differs surely from all others.")
    lines = rest.splitlines()
    assert (
        lines[0] == "6 rows; positive is y = 1; "
        "side d is the value in the row, side a every other known value"
    )
    assert lines[2].split() == [
        "facet",
        "value",
        "metric",
        "estimate",
        "low",
        "high",
        "p_value",
        "rate_a",
        "rate_d",
        "n_a",
        "n_d",
        "n_missing",
        "note",
    ]
    assert lines[4].split()[:4] == ["sex", "F", "DPL", "0.1667"]


def test_report_gives_the_frame_in_every_format(data: Path, capsys: Any) -> None:
    flags = ["--facet", "sex", "--label", "status", "--positive", "yes", "--group", "g"]
    expected = biaskit.report(
        "rows.parquet", facet="sex", label="status", positive="yes", group="g"
    )
    for suffix, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        assert run(capsys, "report", "rows.csv", *flags, "-o", f"out.{suffix}") == (0, "", "")
        found = read(f"out.{suffix}")
        found["note"] = found["note"].astype(object).fillna("")
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    code, out, _ = run(capsys, "report", "rows.csv", *flags, "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert found["biaskit"] == {"version": biaskit.__version__, "schema": 2}
    assert found["roles"]["positive"] == ["yes"]
    assert found["summary"]["findings"][0]["kind"] == "verdict"
    assert len(found["report"]) == len(expected)
    assert found["report"][1]["estimate"] == expected["estimate"][1]
    code, out, _ = run(capsys, "report", "rows.csv", *flags, "--format", "csv")
    assert [row["metric"] for row in csv.DictReader(io.StringIO(out))] == expected[
        "metric"
    ].tolist()
    code, out, _ = run(capsys, "report", "rows.csv", *flags, "--format", "markdown")
    assert sum(line.startswith("| ") for line in out.splitlines()) == len(expected) + 2


def test_undefined_is_null_and_infinite_is_a_text(data: Path, capsys: Any) -> None:
    Path("x.csv").write_text("sex,y\nF,0\nM,0\nM,1\n")
    _, out, _ = run(
        capsys,
        "report",
        "x.csv",
        "--facet",
        "sex",
        "--label",
        "y",
        "--format",
        "json",
        "--metrics",
        "kl,cddl",
    )
    report = json.loads(out)["report"]
    assert [row["estimate"] for row in report] == [
        "Infinity",
        None,
        pytest.approx(math.log(2)),
        None,
    ]
    assert report[1]["note"] == "not computed without a group column: give group="
    _, out, _ = run(
        capsys, "report", "x.csv", "--facet", "sex", "--label", "y", "--metrics", "KL,CDDL"
    )
    assert " inf " in out
    assert " undefined " in out


def test_several_facets_intersections_and_cuts(data: Path, capsys: Any) -> None:
    flags = ["--label", "y", "--metrics", "CI", "--format", "csv"]
    _, out, _ = run(capsys, "report", "rows.csv", "--facet", "sex", "--facet", "sex & race", *flags)
    values = [row["value"] for row in csv.DictReader(io.StringIO(out))]
    assert values == ["F", "M", "F & b", "F & w", "M & b", "M & w"]
    _, out, _ = run(
        capsys, "report", "rows.csv", "--facet", "age", "--facet-edges", "25,40.5", *flags
    )
    assert [row["value"] for row in csv.DictReader(io.StringIO(out))] == [
        "<=25",
        "(25, 40.5]",
        ">40.5",
    ]
    _, out, _ = run(capsys, "report", "rows.csv", "--facet", "age", "--facet-above", "-5", *flags)
    assert [row["n_d"] for row in csv.DictReader(io.StringIO(out))] == ["6"]
    _, out, _ = run(
        capsys, "report", "rows.csv", "--facet", "sex & race", "--facet-values", "F & b", *flags
    )
    assert [row["value"] for row in csv.DictReader(io.StringIO(out))] == ["F & b"]


def test_explain_says_each_row_in_a_sentence(data: Path, capsys: Any) -> None:
    flags = ["report", "rows.csv", "--facet", "sex", "--label", "y", "--facet-values", "F"]
    _, out, _ = run(capsys, *flags, "--words")
    assert (
        "The share whose y is 1 is 50.0 % for those whose sex is F, 16.7 points lower than the "
        "66.7 % for those whose sex is M. That could be chance.\n"
    ) in out
    assert (
        "Of the rows, those whose sex is F have 40.0 % (2) and those whose sex is M "
        "60.0 % (3). That could be chance.\n"
    ) in out
    _, out, _ = run(capsys, *flags, "--words", "--format", "json", "--metrics", "DD")
    assert json.loads(out)["report"][0]["words"].startswith("Among the rows whose y is not 1")
    _, out, _ = run(capsys, *flags, "--words", "--format", "csv", "--metrics", "CDDL")
    words = [row["words"] for row in csv.DictReader(io.StringIO(out))]
    name = "Conditional demographic disparity in labels (CDDL)"
    assert words == [f"{name} is undefined for those whose sex is F: no group column is given."]


def test_count_merge_and_report(data: Path, capsys: Any) -> None:
    DATA.iloc[:2].to_parquet("one.parquet")
    DATA.iloc[2:].to_parquet("two.parquet")
    roles = ["--facet", "sex", "--label", "status", "--group", "g"]
    for name in ("one", "two"):
        code, out, _ = run(capsys, "count", f"{name}.parquet", *roles, "-o", f"{name}.counts")
        assert code == 0
        assert "rows in" in out
    assert run(capsys, "merge", "one.counts", "two.counts", "-o", "all.counts")[:2] == (
        0,
        "6 rows from 2 files: all.counts\n",
    )
    _, merged, _ = run(capsys, "report", "all.counts", "--positive", "yes", "--format", "csv")
    _, whole, _ = run(capsys, "report", "rows.csv", *roles, "--positive", "yes", "--format", "csv")
    assert merged == whole


def explained(capsys: Any, *argv: str) -> tuple[str, list[list[str]]]:
    """First line of `count --plan`, and the cells of its table."""
    code, out, err = run(capsys, "count", *argv, "--plan")
    assert (code, err) == (0, "")
    first, _, *lines = out.splitlines()
    return first, [re.split(r" {2,}", line) for line in lines]


def test_count_explains_the_path_of_each_column(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    roles = ["--facet", "sex", "--facet", "old", "--label", "y"]
    table = pa.table(
        {
            "sex": ["F", "M", None] * 300,
            # The first row group has a short dictionary, the second one that overflows.
            "old": [0, 1] * 150 + [*range(600)],
            "y": [True, False, True] * 300,
            "w": [1] * 900,
            "nested": [[1]] * 900,
        }
    )
    options = {"row_group_size": 300, "write_batch_size": 50, "dictionary_pagesize_limit": 100}
    pq.write_table(table, "new.parquet", **options)
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    header = ["file", "column", "role", "row groups", "path", "why"]
    assert explained(capsys, "new.parquet", *roles) == (
        "BIASKIT_KERNELS is always",
        [
            header,
            ["new.parquet", "sex", "facet", "3", "encoded", "dictionary-encoded"],
            ["new.parquet", "old", "facet", "1", "encoded", "dictionary-encoded"],
            ["new.parquet", "old", "facet", "2", "Arrow", "pages that do not use the dictionary"],
            ["new.parquet", "y", "label", "3", "encoded", "values in their pages"],
        ],
    )
    _, [_, *lines] = explained(capsys, "new.parquet", *roles, "--weight", "w")
    assert lines[-1] == ["new.parquet", "w", "weight", "3", "encoded", "dictionary-encoded"]
    _, [_, *lines] = explained(
        capsys, "new.parquet", "--facet", "old", "--facet-above", "3", "--label", "nested"
    )
    assert lines == [
        ["new.parquet", "old", "facet", "1", "encoded", "dictionary-encoded"],
        [
            *["new.parquet", "old", "facet", "2", "encoded"],
            "dictionary-encoded, then values in their pages",
        ],
        [
            *["new.parquet", "nested", "label", "3", "Arrow"],
            "not a flat column of a supported type",
        ],
    ]
    monkeypatch.setenv("BIASKIT_KERNELS", "never")
    first, [_, *lines] = explained(capsys, "new.parquet", *roles)
    assert first == "BIASKIT_KERNELS is never"
    assert {tuple(line[3:]) for line in lines} == {("3", "Arrow", "BIASKIT_KERNELS is never")}
    assert [line[1] for line in lines] == ["sex", "old", "y"]


def test_count_explains_the_choice_by_size(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    roles = ["--facet", "sex", "--label", "y"]
    monkeypatch.setenv("BIASKIT_KERNELS", "auto")
    monkeypatch.setattr(ParquetFiles, "rows_by_arrow", 0)
    monkeypatch.delitem(sys.modules, "biaskit._kernels", raising=False)
    first, [_, *lines] = explained(capsys, "rows.parquet", *roles)
    assert first == "BIASKIT_KERNELS is auto"
    why = "fewer than 16,000,000 rows: kernels would take longer to load"
    assert lines == [
        ["rows.parquet", "sex", "facet", "1", "Arrow", why],
        ["rows.parquet", "y", "label", "1", "Arrow", why],
    ]
    monkeypatch.setitem(sys.modules, "biaskit._kernels", None)
    _, [_, *lines] = explained(capsys, "rows.parquet", *roles)
    assert {line[5] for line in lines} == {"fewer than 50,000 rows"}


def test_count_explains_how_texts_are_read(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    DATA.to_json("rows.jsonl", orient="records", lines=True)
    files = {"rows.csv": "Arrow", "rows.jsonl": "json"}
    monkeypatch.setattr(CsvFiles, "bytes_by_arrow", 0)
    monkeypatch.setattr(JsonLinesFiles, "bytes_by_library", 0)
    for kernels, why in (
        ("auto", "fewer than "),
        ("never", "BIASKIT_KERNELS is never"),
        ("always", "values found by the kernel"),
    ):
        monkeypatch.setenv("BIASKIT_KERNELS", kernels)
        for kernel in ("separated", "records"):
            monkeypatch.delitem(sys.modules, f"biaskit._kernels.text.{kernel}", raising=False)
        for file, other in files.items():
            _, [_, line] = explained(capsys, file, "--facet", "sex")
            way = "kernel" if kernels == "always" else other
            assert line[:4] == [file, "(all)", "0", way]
            assert line[4].startswith(why)
    _, [_, line] = explained(capsys, "rows.csv", "--facet", "sex", "--weight", "w")
    assert line[3:] == ["Arrow", "rows have weights or frequencies"]
    _, [*_, line] = explained(capsys, "rows.csv", "--facet", "sex", "--score", "w")
    assert line[3:] == ["Arrow", "rows have scores"]
    run(capsys, "count", "rows.csv", "--facet", "sex", "-o", "rows.counts")
    assert run(capsys, "count", "rows.counts", "--facet", "sex", "--plan") == (
        0,
        "rows.counts is a file of saved counts: there are no rows to read\n",
        "",
    )


def test_metrics_is_made_of_the_declarations(capsys: Any) -> None:
    code, out, _ = run(capsys, "metrics")
    assert code == 0
    for metric in EVERY.values():
        assert metric.symbol in out
        assert metric.formula in out
    _, out, _ = run(capsys, "metrics", "--format", "json")
    listed = [row["metric"] for row in json.loads(out)["metrics"]]
    assert listed == [*EVERY]


def test_demo_tells_the_story(data: Path, capsys: Any) -> None:
    code, out, _ = run(capsys, "demo", "-o", "berkeley.parquet")
    assert code == 0
    assert "DPL +0.142" in out
    assert "CDDL -0.019" in out
    assert pq.read_metadata("berkeley.parquet").num_rows == 4526
    assert sorted(path.name for path in data.iterdir()) == [
        "berkeley.parquet",
        "rows.csv",
        "rows.parquet",
    ]


def test_every_flag_that_is_given_once_may_be_given() -> None:
    _, verbs = _parser()
    for name, verb in verbs.items():
        for action in verb._actions:
            if isinstance(action, Once):
                read = argparse.Namespace(**{action.dest: action.default})
                action(verb, read, "given", action.option_strings[-1])
                assert getattr(read, action.dest) == "given", name
                with pytest.raises(RolesError, match="given twice"):
                    action(verb, read, "again", action.option_strings[-1])


REPORT = ["report", "rows.parquet", "--facet", "sex", "--label", "y"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["reprot"], "no verb 'reprot'; did you mean 'report'?"),
        ([], "required"),
        (["report"], "required: DATA"),
        ([*REPORT, "--fact", "x"], "no flag '--fact' for report; did you mean '--facet'?"),
        ([*REPORT, "--label", "z"], "--label is given twice"),
        (["report", "rows.parquet"], "facet is needed"),
        (["report", "row.parquet", "--facet", "sex"], "did you mean 'rows.parquet'?"),
        (["report", "rows.parquet", "--facet", "sx"], "no column 'sx'; did you mean 'sex'?"),
        ([*REPORT, "--positive", "7"], "--positive: '7' does not occur in 'y'; the values are '0'"),
        ([*REPORT, "--metrics", "DPX"], "no metric 'DPX'"),
        ([*REPORT, "--facet-above", "forty"], "'forty' is not a number such as 40 or AGE=40"),
        ([*REPORT, "--facet-edges", "25;40"], "'25;40' are not numbers such as 25,40,65"),
        ([*REPORT, "--confidence", "95"], "confidence must be a number between 0 and 1"),
        ([*REPORT, "--confidence", "high"], "invalid"),
        ([*REPORT, "--seed", "-1"], "seed must be an integer of 0 or more"),
        ([*REPORT, "--format", "xml"], "invalid choice: 'xml'"),
        ([*REPORT, "--format", "parquet"], "needs a file: -o FILE"),
        ([*REPORT, "-o", "out"], "'out' does not say its format"),
        ([*REPORT, "-o", "no/out.csv"], "there is no folder 'no'"),
        (["count", "rows.parquet", "--facet", "sex"], "-o/--output --plan is required"),
        (["count", "rows.parquet", "--facet", "sex", "-o", "x", "--plan"], "not allowed with"),
        (["count", "rows.parquet", "--plan"], "facet is needed"),
        (["count", "rows.parquet", "--facet", "sx", "--plan"], "did you mean 'sex'?"),
        (["count", "rows.parquet", "--facet", "sex", "-o", "."], "is a folder"),
        (["merge", "rows.parquet", "-o", "x"], "is not a counts file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    data: Path, capsys: Any, argv: list[str], message: str
) -> None:
    code, out, err = run(capsys, *argv)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.startswith("biaskit: ")
    assert err.count("\n") == 1


def test_the_output_is_checked_before_the_pass(data: Path, capsys: Any) -> None:
    """A pass over a billion rows must not end in an error that was there from the start."""
    _, _, err = run(capsys, "report", "nothing.csv", "--facet", "sex", "-o", "no/out.csv")
    assert "there is no folder 'no'" in err
    _, _, err = run(capsys, "count", "nothing.csv", "--facet", "sex", "-o", "no/out")
    assert "there is no folder 'no'" in err


def test_hostile_values_are_printed_harmlessly(data: Path, capsys: Any) -> None:
    evil = "\x1b[2J<script>|x\n"
    pd.DataFrame({"sex": [evil, "M"], "y": [0, 1]}).to_parquet("evil.parquet")
    flags = ["report", "evil.parquet", "--facet", "sex", "--label", "y"]
    for form in ("table", "markdown"):
        _, out, _ = run(capsys, *flags, "--format", form)
        assert "\x1b" not in out
        assert r"\x1b" in out
    assert r"\<script\>\|x" in out
    _, out, _ = run(capsys, *flags, "--format", "json")
    assert json.loads(out)["report"][0]["value"] == evil
    _, _, err = run(capsys, *flags, "--facet-values", "\x1b[31m")
    assert "\x1b" not in err


def test_help_is_enough_to_get_going(capsys: Any) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["report", "--help"])
    out = capsys.readouterr().out
    assert "examples:" in out
    for field in fields(Roles):
        assert f"--{field.name.replace('_', '-')}" in out


def test_a_closed_pipe_is_not_an_error(data: Path) -> None:
    command = f"{sys.executable} -m biaskit metrics | head -1"
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("metric")
    assert done.stderr == ""


def test_progress_is_shown_to_people_only(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from biaskit.cli.writing import output

    ticks = iter([0.0, 0.5, 2.0, 2.1, 4.0, 4.1])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.progress_line() as show:
        assert show is not None
        for rows, done in ((10, 0.1), (1000, 0.25), (1100, 0.3), (2000, None)):
            show(rows, done)
    assert capsys.readouterr().err == (
        "\r\x1b[K1,000 rows, 500 a second, 6 s left\r\x1b[K2,000 rows, 500 a second\r\x1b[K"
    )
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with output.progress_line() as show:
        assert show is None


def test_an_interrupt_leaves_no_traceback(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("biaskit.cli.counting.counted", interrupted)
    assert run(capsys, *REPORT) == (130, "", "biaskit: interrupted; nothing was written\n")


def test_on_a_real_terminal(data: Path) -> None:
    """A report on a terminal works, and quick work shows no progress line."""
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "biaskit", *REPORT], stdout=follower, stderr=follower, check=True
    )
    os.close(follower)
    assert done.returncode == 0
    assert b"\x1b[K" not in os.read(leader, 10_000)
    os.close(leader)


def test_flags_of_0_1_0_are_still_taken(data: Path, capsys: Any) -> None:
    """`--explain` said three things; it is the verb `explain` alone now."""
    roles = ["rows.parquet", "--facet", "sex", "--label", "y"]
    for verb, name in (("report", "--words"), ("count", "--plan")):
        new = run(capsys, verb, *roles, name)
        assert new[0] == 0
        assert run(capsys, verb, *roles, "--explain") == new
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        shown = capsys.readouterr().out
        assert name in shown
        assert "--explain" not in shown


def test_no_hidden_flag_is_proposed(data: Path, capsys: Any) -> None:
    code, _, err = run(capsys, "report", "rows.parquet", "--fact", "sex")
    assert code == 2
    assert "did you mean '--facet'" in err
    assert "--explain" not in err
