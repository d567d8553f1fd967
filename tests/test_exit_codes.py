"""Exit codes: 1 is a breached limit and nothing else, whatever happens to files and streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit import cli
from biaskit.cli import main
from biaskit.gate import outcomes
from biaskit.sources.dispatch import saved_counts

ROWS = {"sex": ["F", "M"] * 200, "y": [0, 1] * 200}
HELD = ["--facet", "sex", "--label", "y"]
BREACHED = [*HELD, "--limit", "DPL=0.1"]
RUN = [sys.executable, "-c", "import sys; from biaskit.cli import main; sys.exit(main())"]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table(ROWS), "rows.parquet")
    return tmp_path


def config(*data_sets: str) -> None:
    keys = 'facet = "sex"\nlabel = "y"\nlimits = {DPL = 0.1}\n'
    Path("biaskit.toml").write_text(
        "".join(f'[[data]]\nname = "{one}"\nfiles = "{one}"\n{keys}' for one in data_sets)
    )


def shell(redirected: str, *argv: str) -> tuple[int, str]:
    """Exit code and complaints of a command whose output goes somewhere in a shell."""
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirected}; exit ${{PIPESTATUS[0]}}', "bash", *RUN, *argv],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["true", "head -1"])
def test_a_reader_that_ends_early_changes_no_verdict(rows: Path, reader: str) -> None:
    assert shell(f"| {reader}", "check", "rows.parquet", *BREACHED) == (1, "")
    assert shell(f"| {reader}", "check", "rows.parquet", *HELD, "--limit", "CI=0.1") == (0, "")
    assert shell(f"| {reader}", "report", "--help") == (0, "")


def test_a_reader_that_ends_early_costs_nothing_that_is_written_after_it(rows: Path) -> None:
    code, _ = shell("| true", "check", "rows.parquet", *BREACHED, "-o", "found.json")
    assert code == 1
    assert '"exit_code": 1' in Path("found.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stream", "reason"), [("> /dev/full", "No space left on device"), (">&-", "it is closed")]
)
def test_output_that_cannot_be_written_is_one_line(rows: Path, stream: str, reason: str) -> None:
    for verb in (["check", "rows.parquet", *BREACHED], ["metrics"], ["--version"]):
        code, told = shell(stream, *verb)
        assert (code, told.count("\n")) == (2, 1)
        assert told.startswith("biaskit: cannot write to standard output: ")
        assert reason in told


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["2> /dev/full", "2>&-"])
def test_complaints_that_nobody_can_read(rows: Path, stream: str) -> None:
    assert shell(stream, "check", "none.parquet", *BREACHED)[0] == 2
    assert shell(stream, "check", "rows.parquet", *BREACHED)[0] == 1


def test_a_header_that_is_too_long_for_csv(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("long.csv").write_text('"' + "x" * 140_000 + '",y\n1,2\n')
    config("long.csv", "rows.parquet")
    assert main(["check"]) == 2
    out, err = capsys.readouterr()
    assert "error BK301: cannot be checked: 'long.csv' " in out
    assert "field larger than field limit" in out
    assert "error BK101: DPL, sex = F" in out
    assert err == ""


@pytest.mark.parametrize("error", [MemoryError(), KeyError("x"), RecursionError("deep")])
def test_whatever_nobody_foresaw_is_a_finding(
    rows: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calm = outcomes.counted

    def fail(table: Any, *rest: Any, **options: Any) -> Any:
        if "bad" in str(table.path):
            raise error
        return calm(table, *rest, **options)

    monkeypatch.setattr(outcomes, "counted", fail)
    pq.write_table(pa.table(ROWS), "bad.parquet")
    config("bad.parquet", "rows.parquet")
    assert main(["check"]) == 2
    out, _ = capsys.readouterr()
    assert "BK301" in out
    assert "error BK101: DPL, sex = F" in out
    Path("biaskit.toml").write_text(
        "".join(
            f'[[data]]\nname = "{one}"\nfiles = "{one}.parquet"\nfacet = "sex"\nlabel = "y"\n'
            f'baseline = "{one}.counts"\ndrift = 0.1\n'
            for one in ("bad", "rows")
        )
    )
    assert main(["baseline"]) == 2
    assert Path("rows.counts").exists()
    monkeypatch.setattr(outcomes, "refuse_unfit", fail)
    monkeypatch.setattr(cli.counting, "counted", fail)
    assert main(["report", "bad.parquet", *HELD]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table(ROWS), "shut.parquet")
    Path("shut.parquet").chmod(0)
    refused_everywhere("shut.parquet", capsys)


def test_a_file_that_the_system_does_not_let_open(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As above, for a root that may read everything."""
    pq.write_table(pa.table(ROWS), "shut.parquet")
    calm = pa.OSFile

    def denied(path: bytes) -> object:
        if path.endswith(b"shut.parquet"):
            raise PermissionError(13, f"Failed to open local file {path!r}. Detail: errno 13")
        return calm(path)

    monkeypatch.setattr(pa, "OSFile", denied)
    refused_everywhere("shut.parquet", capsys)


def refused_everywhere(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(biaskit.BiaskitError, match="Permission denied"):
        saved_counts(path)
    config(path, "rows.parquet")
    assert main(["check", "--format", "json"]) == 2
    assert "BK101" in (out := capsys.readouterr().out)
    assert "Permission denied" in out
    for verb in (["report", path, *HELD], ["compare", path, path]):
        assert main(verb) == 2
        assert "Permission denied" in (err := capsys.readouterr().err)
        assert err.count("\n") == 1


def test_a_folder_that_may_not_be_read(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("shut").mkdir()
    calm = os.scandir

    def denied(path: object = ".") -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return calm(path)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "scandir", denied)
    assert main(["report", "shut", *HELD]) == 2
    assert capsys.readouterr().err == "biaskit: cannot look up 'shut': Permission denied\n"


@pytest.mark.parametrize("argv", [["-v"], ["-v", "check"], ["--strict", "check", "rows.parquet"]])
def test_a_flag_before_the_verb(
    rows: Path, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    told = f"biaskit: no flag {argv[0]!r} before a verb; the verbs are 'report', 'rates', "
    assert capsys.readouterr().err.startswith(told)


def test_help_and_what_a_verb_does_not_take(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["help", "report"], ["help"], ["report", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            main(argv)
        assert capsys.readouterr().out.startswith("usage: biaskit")
    assert main(["baseline", "DPL"]) == 2
    assert capsys.readouterr().err.startswith(
        "biaskit: unexpected argument 'DPL' for baseline; see"
    )
    assert main(["report", "x" * 9_000, *HELD]) == 2
    assert len(capsys.readouterr().err) < 2_100


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tool = 1\n", "no biaskit.toml here or above"),
        ("[tool]\nbiaskit = 1\n", "names no data set"),
        ("[tool.biaskit]\ndata = [1]\n", "names no data set"),
    ],
)
def test_a_pyproject_of_another_shape(
    rows: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pyproject.toml").write_text(text)
    assert main(["check"]) == 2
    assert told in (err := capsys.readouterr().err)
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["x\0y", "x*\0y", "n" * 250 + ".parquet", "n" * 5_000, "o/" * 999])
def test_names_that_no_file_can_have(
    rows: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", name, *HELD]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    for verb in (["report", "rows.parquet", *HELD, "--format", "csv"], ["count", "rows.parquet"]):
        end = verb if verb[0] == "report" else [*verb, *HELD]
        assert main([*end, "-o", name]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    escaped = name.replace("\0", "\\u0000")
    keys = 'facet = "sex"\nlabel = "y"\n'
    Path("biaskit.toml").write_text(
        f'[[data]]\nname = "a"\nfiles = "{escaped}"\n{keys}limits = {{DPL = 0.1}}\n'
        f'[[data]]\nname = "b"\nfiles = "rows.parquet"\n{keys}baseline = "{escaped}"\ndrift = 0.1\n'
        f'[[data]]\nname = "c"\nfiles = "rows.parquet"\n{keys}limits = {{DPL = 0.1}}\n'
    )
    for verb in (["check"], ["check", "--dry-run"], ["baseline"]):
        assert main(verb) == 2
        out, err = capsys.readouterr()
        assert err == ""
        assert "BK101" in out or verb != ["check"]
    assert not [path for path in rows.iterdir() if "partial" in path.name]
