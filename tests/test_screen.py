"""What a terminal shows: it fits its width, says things once, and says what it leaves out."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.cli import main
from biaskit.errors import RolesError
from biaskit.metrics import EVERY, METRICS, named

ROLES = ["--label", "decision", "--positive", "admitted"]
BY_GENDER = ["berkeley.parquet", *ROLES, "--facet", "gender", "--group", "department"]
BY_DEPARTMENT = ["berkeley.parquet", *ROLES, "--facet", "department"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    biaskit.datasets.berkeley().to_parquet("berkeley.parquet")
    ages = [age for age in range(20, 50) for _ in range(age)]
    paid = [i % 3 == 0 for i in range(len(ages))]
    pd.DataFrame({"age": ages, "code": map("c{}".format, ages), "paid": paid}).to_parquet(
        "ages.parquet"
    )
    return tmp_path


def run(capsys: Any, *argv: str) -> str:
    code = main(argv)
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return str(out)


def on_a_terminal(width: int, *argv: str) -> str:
    """What a terminal of this width shows of a call."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-m", "biaskit", *argv]
    shown = b""
    # Readline, which pdb loads, tells C alone of a COLUMNS that every child would have.
    own = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=own) as running:
        os.close(follower)
        while part := _read(leader):
            shown += part
    os.close(leader)
    assert running.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


def run_with_columns(width: int, *argv: str) -> str:
    """What a program that has the output in a pipe, and this ``COLUMNS``, reads of a call."""
    done = subprocess.run(
        [sys.executable, "-m", "biaskit", *argv],
        env={**os.environ, "COLUMNS": str(width)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # the other end is closed
        return b""


#: Names of columns that can be a table's last.
_LAST = {"note", "rate_d", "n_d", "n_missing", "high", "p_value", "estimate", "n_other"}


def table(shown: str) -> list[list[str]]:
    """Words of each line of the table on a screen, its header first."""
    parts = shown.split("\n\n")
    (found,) = (part for part in parts if part.split("\n")[0].split()[-1] in _LAST)
    return [line.split() for line in found.splitlines()]


def column(shown: str, name: str) -> list[str]:
    header, *rows = table(shown)
    return list(dict.fromkeys(row[header.index(name)] for row in rows))


def breadth(line: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in line)


# -- columns -------------------------------------------------------------------------------------


def test_what_all_rows_share_is_said_once(data: Path, capsys: Any) -> None:
    shown = run(capsys, "report", *BY_GENDER)
    assert "\nin every row: facet gender, value female, n_a 2,691, n_d 1,835\n" in shown
    columns = ["metric", "estimate", "low", "high", "p_value", "rate_a", "rate_d"]
    assert table(shown)[0] == [*columns, "note"]
    assert "n_missing" not in shown  # none is missing, and no note is needed below
    shown = run(capsys, "report", *BY_GENDER, "--metrics", "DPL,CI")
    assert table(shown)[0] == columns


def test_columns_that_say_something_stay(data: Path, capsys: Any) -> None:
    rows = biaskit.datasets.berkeley()
    rows.loc[:9, "gender"] = None
    rows.to_parquet("some.parquet")
    shown = run(capsys, "report", "some.parquet", *ROLES, "--facet", "gender")
    assert ", n_missing 10\n" in shown
    shown = run(
        capsys, "report", "some.parquet", *ROLES, "--facet", "gender", "--facet", "department"
    )
    assert {"facet", "value", "n_missing"} <= {*table(shown)[0]}


def test_a_row_alone_is_whole_where_it_fits(data: Path, capsys: Any) -> None:
    one = ["report", *BY_GENDER, "--metrics", "DPL"]
    assert table(run(capsys, *one))[0][:3] == ["facet", "value", "metric"]
    shown = on_a_terminal(80, *one)
    assert "in this row: facet gender, value female, metric DPL" in shown


def test_without_intervals_there_are_no_columns_of_them(data: Path, capsys: Any) -> None:
    shown = run(capsys, "report", *BY_GENDER, "--confidence", "none")
    assert table(shown)[0] == ["metric", "estimate", "rate_a", "rate_d"]
    assert "undefined" not in shown


def test_a_p_value_at_the_least_is_below_it(data: Path, capsys: Any) -> None:
    assert " <1e-06" in run(capsys, "report", *BY_GENDER)
    assert r"\<1e-06" in run(capsys, "report", *BY_GENDER, "--format", "markdown")
    assert '"p_value": 1e-06,' in run(capsys, "report", *BY_GENDER, "--format", "json")
    assert "<" not in run(capsys, "report", *BY_GENDER, "--format", "csv")


# -- width ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit_the_width(
    data: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    long = ["a word, another word, and a third", "x" * 3_000, "日本語の値" * 9, "\x1b[31mred "]
    rows = pd.DataFrame({"sex": long * 30, "paid": [0, 1, 1, 0, 1, 1] * 20})
    rows.to_parquet("long.parquet")
    roles = {"facet": "gender", "label": "decision", "positive": "admitted"}
    biaskit.count("berkeley.parquet", **roles).save("berkeley.counts")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for argv in (
        ["report", *BY_GENDER, "--words"],
        ["report", *BY_DEPARTMENT],
        ["report", *BY_DEPARTMENT, "--facet", "gender"],
        ["report", "long.parquet", "--facet", "sex", "--label", "paid"],
        *([["compare", "berkeley.counts", "berkeley.counts"]] if width >= 80 else []),
    ):
        lines = run(capsys, *argv).splitlines()
        assert max(map(breadth, lines)) <= width, argv
        assert all(line.isprintable() for line in lines)


def test_a_terminal_has_its_width_and_anything_else_has_none(data: Path, capsys: Any) -> None:
    flags = ["report", *BY_DEPARTMENT, "--facet", "gender"]
    wide = run(capsys, *flags)
    assert max(map(len, wide.splitlines())) > 80
    assert max(map(len, on_a_terminal(80, *flags).splitlines())) <= 80
    assert on_a_terminal(200, *flags) == wide
    # COLUMNS may be that of the program that started this one.
    assert run_with_columns(80, *flags) == wide
    # Every row is one line, with its note, where lines have no width.
    notes = run(capsys, "report", *BY_GENDER).splitlines()
    assert sum(line.endswith("disappears within groups") for line in notes) == 1


def test_what_does_not_fit_is_said(data: Path) -> None:
    shown = on_a_terminal(80, "report", *BY_DEPARTMENT, "--facet", "gender")
    assert "\nno room for n_a" in shown
    assert "n_a" not in table(shown)[0]
    assert "n_a" in table(on_a_terminal(80, "report", *BY_DEPARTMENT, "--all"))[0]


def test_a_value_over_several_lines_stands_once(data: Path) -> None:
    rows = biaskit.datasets.berkeley()
    rows["department"] = "the department of " + rows["department"]
    rows.to_parquet("long.parquet")
    flags = ["report", "long.parquet", *ROLES, "--facet", "department", "--metrics", "CI,DPL"]
    shown = on_a_terminal(80, *flags).split("\n\n")[2]
    assert [line.split()[0] for line in shown.splitlines()[1:5]] == ["the", "of", "DPL", "the"]
    wide = on_a_terminal(200, *flags).split("\n\n")[2]
    assert wide.count("the department of A") == 2


def test_long_notes_are_footnotes(data: Path) -> None:
    shown = on_a_terminal(80, "report", *BY_GENDER)
    assert table(shown)[-1][-1] == "[1]"
    assert "\n[1] by their own intervals, the disparity of DD disappears within groups\n" in shown


# -- rows that repeat others ---------------------------------------------------------------------


def test_one_side_of_two_is_shown(data: Path, capsys: Any) -> None:
    shown = run(capsys, "report", *BY_GENDER)
    assert " male" not in shown.split("\n\n")[1]
    assert "gender = male, the mirror image of female, except for KL" in shown
    assert "--all shows them" in shown
    whole = run(capsys, "report", *BY_GENDER, "--all")
    assert column(whole, "value") == ["female", "male"]
    assert "left out" not in whole
    chosen = run(capsys, "report", *BY_GENDER, "--facet-values", "male")
    assert "value male" in chosen
    assert "mirror" not in chosen
    assert "mirror" not in run(capsys, "report", *BY_DEPARTMENT)


def test_metrics_that_restate_another_are_left_out(data: Path, capsys: Any) -> None:
    shown = run(capsys, "report", *BY_DEPARTMENT)
    assert column(shown, "metric") == ["CI", "DPL", "KL", "JS", "DD"]
    assert "left out: LP, TVD and KS, which restate DPL; --all shows them\n" in shown
    assert "TVD" in column(run(capsys, "report", *BY_DEPARTMENT, "--all"), "metric")
    # Those that are asked for by name stay.
    asked = run(capsys, "report", *BY_DEPARTMENT, "--metrics", "DPL,TVD,KS")
    assert column(asked, "metric") == ["DPL", "TVD", "KS"]
    assert "left out" not in asked


def test_files_and_programs_have_everything(data: Path, capsys: Any) -> None:
    whole = len(biaskit.report("berkeley.parquet", **dict(_python(BY_GENDER))))
    for form in ("csv", "json"):
        out = run(capsys, "report", *BY_GENDER, "--format", form)
        rows = (
            json.loads(out)["report"] if form == "json" else list(csv.DictReader(io.StringIO(out)))
        )
        assert len(rows) == whole
    run(capsys, "report", *BY_GENDER, "-o", "report.txt")
    text = Path("report.txt").read_text()
    assert len(table(text)) == whole + 1
    assert {"facet", "value", "n_missing", "note"} <= {*table(text)[0]}


def _python(flags: list[str]) -> list[tuple[str, str]]:
    return [(flag[2:], value) for flag, value in zip(flags[1::2], flags[2::2], strict=True)]


RNG = np.random.default_rng(0)
BINARY = pd.DataFrame(
    {
        "sex": RNG.choice(["a", "b", "c"], 500),
        "y": RNG.integers(0, 2, 500),
        "p": RNG.integers(0, 2, 500),
    }
)


def left_out(capsys: Any, rows: pd.DataFrame, *flags: str) -> str:
    """What the screen of a report says that it leaves out."""
    rows.to_parquet("rows.parquet")
    shown = run(capsys, "report", "rows.parquet", "--facet", "sex", "--label", "y", *flags)
    return shown.partition("left out: ")[2].strip()


def test_what_is_left_out_has_the_numbers_of_another(data: Path, capsys: Any) -> None:
    predicted = ["--predicted", "p"]
    said = (
        "LP, TVD and KS, which restate DPL; FPRD, which restates SD; FNRD, which restates RD; "
        "--all shows them"
    )
    # DI and KL follow from what DPPL and DPL compare, and are other numbers; EO is looked for.
    assert left_out(capsys, BINARY, *predicted) == said
    one = left_out(capsys, BINARY, *predicted, "--facet-values", "a")
    assert one == said
    # Of three labels, the largest gap is no longer that of one of two.
    three = BINARY.assign(y=RNG.choice(["u", "v", "w"], 500))
    assert left_out(capsys, three, "--positive", "u") == ""
    assert left_out(capsys, BINARY, "--confidence", "none").startswith("LP, TVD and KS, which")


def test_a_mirror_image_is_one_in_every_number(data: Path, capsys: Any) -> None:
    two = BINARY[BINARY["sex"] != "c"]
    said = "sex = b, the mirror image of a, except for KL; --all shows them"
    assert left_out(capsys, two, "--predicted", "p").endswith(said)
    assert left_out(capsys, two, "--confidence", "none").endswith(said)
    # KL alone has no mirror image, and DPL has.
    assert left_out(capsys, two, "--metrics", "KL") == ""
    only = "sex = b, the mirror image of a; --all shows them"
    assert left_out(capsys, two, "--metrics", "DPL") == only
    off = pd.concat([two, two.assign(sex="z").head(9)])
    assert "mirror" not in left_out(capsys, off)


# -- facets of many values -----------------------------------------------------------------------


def test_a_terminal_shows_the_largest_of_many_values(data: Path, capsys: Any) -> None:
    flags = ["report", "ages.parquet", "--label", "paid", "--metrics", "CI"]
    shown = on_a_terminal(80, *flags, "--facet", "age")
    assert column(shown, "value") == [str(age) for age in range(30, 50)]
    said = " ".join(shown.split())
    assert "age: the 20 of 30 values with most rows; --all shows all, --top N others" in said
    assert "--facet-edges N,N,N cuts these numbers into ranges" in said
    texts = on_a_terminal(80, *flags, "--facet", "code")
    assert "the 20 of 30 values" in texts
    assert "--facet-edges" not in texts
    assert len(column(on_a_terminal(80, *flags, "--facet", "age", "--all"), "value")) == 30
    # Elsewhere all are there, and the hint is.
    whole = run(capsys, *flags, "--facet", "age")
    assert len(column(whole, "value")) == 30
    assert "age has 30 values; --facet-edges N,N,N cuts these numbers into ranges" in whole
    both = run(capsys, *flags, "--facet", "age", "--facet", "code")
    assert "--facet-edges age=N,N,N" in both


def test_the_largest_and_those_with_enough_rows_can_be_asked_for(data: Path, capsys: Any) -> None:
    flags = ["report", "ages.parquet", "--label", "paid", "--metrics", "CI", "--facet", "age"]
    assert column(run(capsys, *flags, "--top", "3"), "value") == ["47", "48", "49"]
    assert column(run(capsys, *flags, "--min-rows", "46"), "value") == ["46", "47", "48", "49"]
    assert column(run(capsys, *flags, "--min-rows", "46", "--top", "2"), "value") == ["48", "49"]
    out = run(capsys, *flags, "--top", "3", "--format", "csv")
    assert [row["value"] for row in csv.DictReader(io.StringIO(out))] == ["47", "48", "49"]
    for wrong, why in (
        (["--top", "3", "--all"], "give --all or --top, not both"),
        (["--top", "0"], "--top must be 1 or more, not 0"),
        (["--min-rows", "50"], "no facet value has 50 rows; the largest has 49"),
    ):
        assert main([*flags, *wrong]) == 2
        assert why in capsys.readouterr().err


# -- spellings -----------------------------------------------------------------------------------


def test_spellings_that_differ_little_are_said_and_never_merged(data: Path, capsys: Any) -> None:
    rows = {
        "sex": ["Female", "female ", "FEMALE", "Male"] * 20,
        "paid": ["yes", "Yes", "no"] * 26 + ["no"] * 2,
    }
    pd.DataFrame(rows).to_parquet("spelled.parquet")
    flags = ["spelled.parquet", "--facet", "sex", "--label", "paid", "--positive", "yes"]
    shown = run(capsys, "report", *flags)
    said = "sex has values that differ only by case or blanks, and are counted apart"
    assert f"\n{said}: 'FEMALE', 'Female', 'female '\n" in shown
    assert "\npaid has values that differ only" in shown
    assert column(shown, "value") == ["FEMALE", "Female", "Male", "female"]
    assert main(["check", *flags, "--limit", "DPL=0.9"]) in (0, 1)
    assert said in capsys.readouterr().out
    assert "differ only" not in run(capsys, "report", *BY_GENDER)
    both = biaskit.count("spelled.parquet", facet="sex & paid", label=None)
    both.save("both.counts")
    assert said in run(capsys, "report", "both.counts", "--metrics", "CI")


# -- metrics -------------------------------------------------------------------------------------


def test_a_metric_is_told_by_itself(capsys: Any) -> None:
    shown = run(capsys, "metrics", "DPL")
    lines = {line[:9].strip(): line[9:] for line in shown.splitlines()}
    assert lines["DPL"] == "Difference in proportions of labels"
    assert lines["formula"] == METRICS["DPL"].formula
    assert lines["range"] == "[-1, 1]; 0 is parity; above 0 is against facet d"
    assert lines["swap"] == "swapping the two sides changes its sign"
    assert lines["needs"].startswith("--facet, --label, --positive")
    assert METRICS["DPL"].reading in " ".join(shown.split())
    assert run(capsys, "metrics", "Difference in proportions of labels") == shown
    both = run(capsys, "metrics", "KS", "total variation distance").split("\n\n")
    assert [one.split()[0] for one in both] == ["KS", "TVD"]
    only = json.loads(run(capsys, "metrics", "DPL", "--format", "json"))["metrics"]
    assert [row["metric"] for row in only] == ["DPL"]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("disparate impact", "DI"),
        ("Disparate_impact", "DI"),
        ("equalized odds", "EO"),
        ("Equalised odds", "EO"),
        ("false-positive rate difference", "FPRD"),
        ("flip test", "FT"),
        ("cdd", "CDDL"),
    ],
)
def test_metrics_have_full_names(name: str, symbol: str) -> None:
    assert named(name).symbol == symbol


def test_every_metric_is_found_by_each_of_its_names() -> None:
    for one in EVERY.values():
        for name in (one.symbol, one.symbol.lower(), one.title.split(",")[0], *one.aliases):
            assert named(name) is one


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("xyz", "no metric 'xyz'; `biaskit metrics` lists what there is"),
        ("AUC", "no metric 'AUC'; did you mean 'AUCD'? `"),
        ("DPX", "no metric 'DPX'; did you mean 'DPL'? `biaskit metrics` lists what there is"),
        ("disparat impact", "no metric 'disparat impact'; did you mean 'DI'? `"),
        ("recall", "no metric 'recall'; did you mean 'RD'? `"),
    ],
)
def test_an_unknown_metric_is_answered_briefly(name: str, said: str, capsys: Any) -> None:
    with pytest.raises(RolesError) as refused:
        named(name)
    assert str(refused.value).startswith(said)
    assert main(["metrics", name]) == 2
    assert said in capsys.readouterr().err


def test_help_is_a_verb_too(capsys: Any) -> None:
    for asked, usual in ((["help", "report"], ["report", "-h"]), (["help"], ["-h"])):
        said = []
        for argv in (asked, usual):
            with pytest.raises(SystemExit, match="0"):
                main(argv)
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]


def test_a_metric_of_predictions_asked_of_outcomes_says_what_to_do(data: Path, capsys: Any) -> None:
    said = "; to measure the outcome itself, give its column as {}predicted{}"
    for metrics, told in (("DI,DPL", True), ("RD,DPL", False)):
        shown = run(capsys, "report", *BY_GENDER, "--metrics", metrics)
        assert "a predicted column: give --predicted" in shown
        assert (said.format("--", " and no --label") in shown) is told
    # What it says to do works.
    flags = ["--predicted", "decision", "--positive", "admitted", "--facet", "gender"]
    assert "0.6818" in run(capsys, "report", "berkeley.parquet", *flags, "--metrics", "DI")
    assert main(["check", *BY_GENDER, "--limit", "DI=0.8,1.25"]) == 2
    assert said.format("--", " and no --label") in capsys.readouterr().err
    report = biaskit.report(
        "berkeley.parquet", facet="gender", label="decision", positive="admitted", metrics="DI"
    )
    assert said.format("", "= and no label=") in report["note"][0]
