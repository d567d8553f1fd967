"""Files that are written and files that are read meanwhile: none is lost, none is half seen."""

from __future__ import annotations

import glob
import json
import os
import random
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import biaskit
import kill_resume
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.counts.roles import Roles
from biaskit.sources import record
from biaskit.sources.counting import count_roles
from biaskit.sources.files.globs import matches_here
from biaskit.store import saved, written

ROLES = {"facet": "sex", "label": "y"}
FLAGS = ["--facet", "sex", "--label", "y"]
ROWS = {"sex": ["F", "M"] * 50, "y": [0, 1, 1, 1] * 25}
CONFIG = '[[data]]\nfiles = "in/*.csv"\nfacet = "sex"\nlabel = "y"\nlimits = {DPL = 0.9}\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    lines = (f"{sex},{y}\n" for sex, y in zip(*ROWS.values(), strict=True))
    Path("in/rows.csv").write_text("sex,y\n" + "".join(lines))
    pq.write_table(pa.table(ROWS), "rows.parquet")
    biaskit.count("rows.parquet", **ROLES).save("rows.counts")
    Path("biaskit.toml").write_text(CONFIG)
    return tmp_path


# ------------------------------------------------------------------- an output that is an input


@pytest.mark.parametrize(
    ("argv", "output"),
    [
        (["report", "in/rows.csv", *FLAGS], "in/rows.csv"),
        (["report", "in/*.csv", *FLAGS], "./in/../in/rows.csv"),
        (["report", "in", *FLAGS], "link.csv"),
        (["report", "link.csv", *FLAGS], "in/rows.csv"),
        (["report", "rows.counts", "--format", "json"], "rows.counts"),
        (["report", "rows.parquet", *FLAGS], "rows.parquet"),
        (["count", "in/rows.csv", *FLAGS], "in/rows.csv"),
        (["count", "in/rows.csv", *FLAGS, "--resume"], "in/rows.csv"),
        (["check", "in/rows.csv", *FLAGS, "--limit", "DPL=0.9", "--format", "text"], "in/rows.csv"),
        (["check", "--format", "json"], "in/rows.csv"),
        (["check", "--format", "json"], "biaskit.toml"),
        (["compare", "rows.counts", "rows.counts", "--format", "json"], "rows.counts"),
        (["compare", "in", "rows.counts"], "in/rows.csv"),
        (["explain", "in", "--facet", "sex", "--model", "model.json"], "model.json"),
        (["explain", "rows.parquet", "--facet", "sex", "--model", "m", "--background", "in"], "in"),
    ],
)
def test_an_output_that_is_read_is_refused(
    here: Path, argv: list[str], output: str, capsys: Any
) -> None:
    Path("link.csv").symlink_to("in/rows.csv")
    Path("model.json").write_text("{}")
    output = "in/rows.csv" if output == "in" else output
    before = Path(output).read_bytes()
    assert main([*argv, "-o", output]) == 2
    told = capsys.readouterr().err
    assert f"cannot write '{output}': " in told
    assert "is an input and would be overwritten; give the output another name" in told
    assert Path(output).read_bytes() == before


def test_other_outputs_that_would_replace_what_is_read(here: Path, capsys: Any) -> None:
    explain = ["explain", "rows.parquet", "--facet", "sex", "--model", "m:f"]
    before = Path("rows.parquet").read_bytes()
    assert main([*explain, "--values", "rows.parquet"]) == 2
    assert main([*explain, "--values", "x.parquet", "-o", "x.parquet"]) == 2
    drift = 'baseline = "rows.parquet"\ndrift = 0.1\n'
    Path("biaskit.toml").write_text(CONFIG.replace("in/*.csv", "*.parquet") + drift)
    assert main(["baseline"]) == 2
    assert "'rows.parquet' is an input and would be overwritten" in capsys.readouterr().out
    assert Path("rows.parquet").read_bytes() == before


def test_merge_may_add_to_one_of_its_inputs(here: Path, capsys: Any) -> None:
    assert main(["merge", "rows.counts", "rows.counts", "-o", "rows.counts"]) == 0
    assert Counts.load("rows.counts").rows == 200


# ------------------------------------------------------------------------- what is written to


def test_a_link_stays_and_what_it_points_at_is_replaced(here: Path) -> None:
    Path("there").mkdir()
    Path("there/x.counts").write_bytes(b"old")
    Path("link.counts").symlink_to("there/x.counts")
    Path("gone.counts").symlink_to("there/new.counts")
    for name in ("link.counts", "gone.counts"):
        Counts.load("rows.counts").save(name)
        assert Path(name).is_symlink()
    assert Counts.load("there/x.counts").rows == Counts.load("there/new.counts").rows == 100


def test_a_pipe_is_written_through(here: Path) -> None:
    os.mkfifo("pipe.json")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe.json").read_text()))
    reader.start()
    assert main(["report", "rows.parquet", *FLAGS, "-o", "pipe.json"]) == 0
    reader.join()
    assert stat.S_ISFIFO(Path("pipe.json").stat().st_mode)
    assert json.loads(read[0])["report"]


def test_standard_output_by_a_name(here: Path) -> None:
    Path("stdout").symlink_to("/proc/self/fd/1")  # as /dev/stdout is, which nothing may harm
    run = [sys.executable, "-c", "import sys; from biaskit.cli import main; sys.exit(main())"]
    argv = ["report", "rows.parquet", *FLAGS, "--format", "json", "-o", "stdout"]
    done = subprocess.run([*run, *argv], capture_output=True, check=True)
    assert json.loads(done.stdout)["report"]
    assert Path("stdout").is_symlink()


def test_a_terminal_is_written_through(here: Path) -> None:
    """A device that nobody can replace by a file, so that the test harms nothing if it fails."""
    import pty

    leader, terminal = pty.openpty()
    name = os.ttyname(terminal)
    assert main(["metrics", "--format", "json", "-o", name]) == 0
    assert stat.S_ISCHR(Path(name).stat().st_mode)
    assert os.read(leader, 1) == b"{"


def test_the_mode_is_kept(here: Path) -> None:
    saved = Counts.load("rows.counts")
    Path("rows.counts").chmod(0o600)
    saved.save("rows.counts")
    assert stat.S_IMODE(Path("rows.counts").stat().st_mode) == 0o600
    before = os.umask(0o027)
    try:
        saved.save("new.counts")
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("new.counts").stat().st_mode) == 0o640


def test_nobody_can_lie_in_wait_at_the_temporary_name(here: Path) -> None:
    Path("victim").write_text("precious")
    Path(f".x.counts.{os.getpid()}.partial").symlink_to("victim")
    made: list[str] = []
    calm = os.open

    def seen(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".partial"):
            made.append(str(path))
            assert flags & os.O_EXCL
        return calm(path, flags, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", seen)
        for _ in range(2):
            Counts.load("rows.counts").save("x.counts")
    assert len(set(made)) == 2
    assert Path("victim").read_text() == "precious"


def test_the_folder_is_brought_to_the_disk_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    Counts.load("rows.counts").save("x.counts")
    assert synced == [False, True]


def test_a_name_that_is_as_long_as_names_can_be(here: Path) -> None:
    name = "n" * 248 + ".counts"
    Counts.load("rows.counts").save(name)
    assert Counts.load(name).rows == 100
    with pytest.raises(BiaskitError, match="File name too long"):
        Counts.load("rows.counts").save(f"n{name}")
    with pytest.raises(BiaskitError, match="a file cannot have this name"):
        Counts.load("rows.counts").save("")


def test_half_a_character_in_parquet(here: Path) -> None:
    with pytest.raises(BiaskitError, match=r"cannot write 'x.parquet': .*fix the texts"):
        saved.write("x.parquet", {"facet": ["\ud800"]})
    assert not Path("x.parquet").exists()


# ------------------------------------------------------------------------- several at a time


@pytest.mark.slow
def test_threads_that_write_one_file_while_others_read_it(here: Path) -> None:
    counts = [Counts.load("rows.counts")]
    counts.append(counts[0] + counts[0])
    counts[0].save("race.counts")
    wrong: list[Exception] = []

    def write(one: Counts) -> None:
        for _ in range(60):
            one.save("race.counts")

    def read() -> None:
        for _ in range(200):
            assert Counts.load("race.counts").rows in (100, 200)

    def guarded(run: Any, *args: Any) -> None:
        try:
            run(*args)
        except Exception as error:  # noqa: BLE001 - the main thread says what it was
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(write, counts[i % 2])) for i in range(4)]
    threads += [threading.Thread(target=guarded, args=(read,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not list(here.glob(".*"))


@pytest.mark.slow
def test_processes_of_one_pid_that_write_one_file(here: Path) -> None:
    """As in containers that share a folder: each is process 1 to itself."""
    code = """
import os, sys
os.getpid = lambda: 7
from biaskit import Counts
counts = Counts.load("rows.counts")
for _ in range(60):
    counts.save("shared.counts")
    assert Counts.load("shared.counts").rows == 100
"""
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]


def test_two_that_add_to_one_file(here: Path, capsys: Any) -> None:
    count = ["count", "rows.parquet", *FLAGS, "--resume", "-o", "all.counts"]
    Path("link.counts").symlink_to("all.counts")
    with written.locked("all.counts"):
        assert main(count) == 2
        assert "another process is adding to 'all.counts'; wait" in capsys.readouterr().err
        assert main([*count[:-1], "link.counts"]) == 2
        assert main(["merge", "rows.counts", "rows.counts", "-o", "all.counts"]) == 2
    assert not Path("all.counts").exists()
    assert main(count) == 0
    assert not list(here.glob(".*"))


def test_a_lock_ends_with_the_process_that_has_it(here: Path) -> None:
    code = """
import os, signal
from biaskit.store import saved, written
with written.locked("all.counts"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert list(here.glob(".*.lock"))
    with written.locked("all.counts"):
        pass
    assert not list(here.glob(".*.lock"))


@pytest.mark.slow
def test_files_are_whole_after_writers_were_killed(here: Path) -> None:
    """A handful of times; `python tests/kill_resume.py 50` does the same more often."""
    rng = random.Random(int(time.time()))
    for _ in range(3):
        assert kill_resume.killed_writer(here, rng) in (100, 200)


def test_nothing_is_kept_behind_a_link_that_lay_in_wait(here: Path, capsys: Any) -> None:
    Path("victim").write_text("precious")
    Path("all.counts.partial").symlink_to("victim")
    assert main(["count", "rows.parquet", *FLAGS, "--resume", "-o", "all.counts"]) == 2
    assert (
        "'all.counts.partial' is a symbolic link, so the counts would be written elsewhere; "
        "remove it" in (capsys.readouterr().err)
    )
    assert Path("victim").read_text() == "precious"


def test_merged_counts_may_go_through_a_pipe(here: Path) -> None:
    os.mkfifo("pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()))
    reader.start()
    assert main(["merge", "rows.counts", "rows.counts", "-o", "pipe"]) == 0
    reader.join()
    Path("x.counts").write_bytes(read[0])
    assert Counts.load("x.counts").rows == 200


# ------------------------------------------------------------------- files that change meanwhile


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("kernels", ["always", "never"])
def test_a_file_that_is_replaced_while_it_is_read(
    here: Path, form: str, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", kernels)
    table = pa.table({"sex": ["F", "M"] * 100_000, "y": [0, 1] * 100_000})
    for name in ("live", "next"):
        if form == "parquet":
            pq.write_table(table, f"{name}.parquet", row_group_size=50_000)
        elif form == "csv":
            Path(f"{name}.csv").write_text("sex,y\n" + "F,0\nM,1\n" * 100_000)
        else:
            lines = '{"sex": "F", "y": 0}\n{"sex": "M", "y": 1}\n'
            Path(f"{name}.jsonl").write_text(lines * 100_000)
    times = Path(f"next.{form}").stat()
    os.utime(f"live.{form}", ns=(times.st_atime_ns, times.st_mtime_ns))

    def progress(rows: int, share: float | None) -> None:
        if Path(f"next.{form}").exists():
            Path(f"next.{form}").replace(f"live.{form}")

    assert count_roles(f"live.{form}", Roles(**ROLES)).rows == 200_000
    with pytest.raises(
        BiaskitError, match=f"live.{form} changed while it was being read; count it when"
    ):
        count_roles(f"live.{form}", Roles(**ROLES), progress)


def test_a_file_that_was_read_may_change_while_others_are_read(here: Path) -> None:
    """What was read of it is whole, however long the rest takes."""
    for i in range(3):
        pq.write_table(pa.table(ROWS), f"{i}.parquet")

    def progress(rows: int, share: float | None) -> None:
        if rows == 300:
            os.utime("0.parquet", ns=(0, 0))

    names = [f"{i}.parquet" for i in range(3)]
    assert count_roles(names, Roles(**ROLES), progress).rows == 300


# ---------------------------------------------------------------------- one file by two names


def test_a_file_by_two_names_is_counted_once(here: Path, capsys: Any) -> None:
    Path("days/2026-01").mkdir(parents=True)
    pq.write_table(pa.table(ROWS), "days/2026-01/x.parquet")
    Path("days/latest").symlink_to("2026-01")
    Path("days/2026-01/alias.parquet").symlink_to("x.parquet")
    os.link("days/2026-01/x.parquet", "days/hard.parquet")
    whole = str(here / "days/2026-01/x.parquet")
    for names in (
        ["days"],
        ["days/*/*.parquet"],
        ["days/**/*.parquet"],
        ["days/2026-01/x.parquet", whole],
        ["days/latest/x.parquet", "days/hard.parquet", "days/2026-01/alias.parquet"],
    ):
        assert biaskit.count(names, **ROLES).rows == 100
        assert main(["count", *names, *FLAGS, "--resume", "-o", "all.counts"]) == 0
        assert "100 rows of 1 files" in capsys.readouterr().out
        Path("all.counts").unlink()


def test_links_in_a_circle_end(here: Path, capsys: Any) -> None:
    """Each link again leads to all of them, so that following all was without an end."""
    Path("days/2026/01").mkdir(parents=True)
    pq.write_table(pa.table(ROWS), "days/2026/01/x.parquet")
    for name, to in (("one", "."), ("2026/two", ".."), ("2026/01/three", "../.."), ("four", ".")):
        Path("days", name).symlink_to(to)
    for names in ("days/**/*.parquet", f"{here}/**/x.parquet", "**/01/**/*", "days", "days/**"):
        assert biaskit.count(names, **ROLES).rows == 100
    assert matches_here("days/**/*.parquet", here) == ["days/2026/01/x.parquet"]
    Path("biaskit.toml").write_text(
        '[[data]]\nfiles = "days/**/*.parquet"\nfacet = "sex"\nlimits = {CI = 0.9}\n'
    )
    assert main(["check"]) in (0, 1)
    assert "BK301" not in capsys.readouterr().out


PLACES = st.lists(st.sampled_from(["a", "b", ".h", "c=1", "[x]"]), max_size=3).map("/".join)
PATTERNS = st.lists(st.sampled_from(["**", "*", "a", "?", "[[]x]", "*.csv", "x.csv"]), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.sets(PLACES, min_size=1, max_size=6), PATTERNS.map("/".join))
def test_globs_match_what_they_always_have(here: Path, places: set[str], pattern: str) -> None:
    with tempfile.TemporaryDirectory(dir=here) as name:
        for place in places:
            Path(name, place).mkdir(parents=True, exist_ok=True)
            Path(name, place, "x.csv").touch()
            Path(name, place, ".x.csv").touch()
        there = glob.glob(pattern, root_dir=name, recursive=True)  # noqa: PTH207
        files, expected = (
            {one for one in found if Path(name, one).is_file() and one[-1] != "/"}
            for found in (matches_here(pattern, name), there)
        )
        assert files == expected


def test_a_file_whose_names_say_different_things_of_it(here: Path) -> None:
    for day in (1, 2):
        Path(f"days/day={day}").mkdir(parents=True)
    pq.write_table(pa.table(ROWS), "days/day=1/x.parquet")
    Path("days/day=2/x.parquet").symlink_to("../day=1/x.parquet")
    told = (
        "'days/day=1/x.parquet' and 'days/day=2/x.parquet' are the same file, and their folders' n"
    )
    with pytest.raises(BiaskitError, match=told):
        biaskit.count("days", **ROLES)
    Path("days/day=2/x.parquet").unlink()
    Path("days/day=2").rmdir()
    Path("days/day=2").symlink_to("day=1")
    with pytest.raises(BiaskitError, match=told):
        biaskit.count("days/**/*.parquet", **ROLES)


# --------------------------------------------------------------- what --resume says of its files


@pytest.fixture
def days(here: Path) -> Path:
    Path("days").mkdir()
    for day in range(1, 5):
        table = {"sex": ["F", "M", "X"][: day % 3 + 1] * day, "y": [1, 0, 1][: day % 3 + 1] * day}
        pq.write_table(pa.table({**table, "w": [0.1 * day] * len(table["y"])}), f"days/{day}.pq")
    return here


def resumed(capsys: Any, *more: str) -> tuple[int, str]:
    code = main(["count", "days", *FLAGS, "--resume", "-o", "all.counts", *more])
    out, err = capsys.readouterr()
    return code, out + err


def test_files_that_are_gone_are_said(days: Path, capsys: Any) -> None:
    assert "not there" not in resumed(capsys)[1]
    before = Counts.load("all.counts")
    Path("days/2.pq").unlink()
    code, told = resumed(capsys)
    assert code == 0
    assert told.endswith(
        f"\n1 of the files counted before no longer exist, such as '{days}/days/2.pq'; "
        "their rows are still in the counts\n"
    )
    assert Counts.load("all.counts").tables == before.tables


@pytest.mark.parametrize("weighted", [[], ["--weight", "w"]])
def test_a_file_that_has_changed_is_counted_anew(
    days: Path, capsys: Any, weighted: list[str]
) -> None:
    roles = {**ROLES, **({"weight": "w"} if weighted else {})}
    assert resumed(capsys, "--replace", *weighted)[0] == 0
    new = {"sex": ["Z", "F"], "y": [1, 1], "w": [0.7, 0.3]}
    pq.write_table(pa.table(new), "days/4.pq")
    code, told = resumed(capsys, *weighted)
    assert code == 2
    assert "4.pq has changed since it was counted" in told
    assert "give --replace to recount it" in told
    code, told = resumed(capsys, "--replace", *weighted)
    assert "of 4 files, 4 of them counted before and 1 recounted, in" in told
    whole, kept = biaskit.count("days", **roles), Counts.load("all.counts")
    assert kept.rows == whole.rows
    assert kept.to_frame()[["value", "label", "n"]].equals(
        whole.to_frame()[["value", "label", "n"]]
    )
    if weighted:
        for name in ("w", "w2"):
            assert kept.to_frame()[name].tolist() == pytest.approx(whole.to_frame()[name].tolist())
    # What was begun goes on: a later file's own counts are kept too.
    pq.write_table(pa.table(ROWS | {"w": [1.0] * 100}), "days/5.pq")
    assert resumed(capsys, *weighted)[0] == 0
    pq.write_table(pa.table(new), "days/5.pq")
    assert "and 1 recounted" in resumed(capsys, "--replace", *weighted)[1]
    assert Counts.load("all.counts").rows == whole.rows + 2


def test_a_file_that_has_changed_where_no_counts_by_file_are_kept(days: Path, capsys: Any) -> None:
    resumed(capsys)
    pq.write_table(pa.table(ROWS), "days/4.pq")
    code, told = resumed(capsys, "--replace")
    assert code == 2
    assert "count again, with --resume --replace if files may change" in told
    assert main(["count", "days", *FLAGS, "--replace", "-o", "x.counts"]) == 2
    assert "--replace goes with --resume" in capsys.readouterr().err


def test_counts_by_file_survive_a_merge(days: Path, capsys: Any) -> None:
    for name, file in (("a", "days/1.pq"), ("b", "days/4.pq")):
        run = ["count", file, *FLAGS, "--resume", "--replace", "-o", f"{name}.counts"]
        assert main(run) == 0
    assert main(["merge", "a.counts", "b.counts", "-o", "all.counts"]) == 0
    pq.write_table(pa.table({"sex": ["F"], "y": [1]}), "days/4.pq")
    capsys.readouterr()
    assert "2 of them counted before and 1 recounted" in resumed(capsys, "--replace")[1]
    assert Counts.load("all.counts").tables == biaskit.count("days", **ROLES).tables


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"cells": [], "files": []},
        {"cells": [[0, "1"]], "files": [None] * 4},
        {"cells": [], "files": [[[0, 1]], None, None, None]},
        {"cells": [[0, '"F"', "0", '"*"', '"*"']], "files": [[[0, -1]], None, None, None]},
        {"cells": [[0, "}", "0", '"*"', '"*"']], "files": [[[0, 3]], [], [], []]},
        {"cells": [[7, '"F"', "0", '"*"', '"*"']], "files": [[[0, 3]], [], [], []]},
    ],
)
def test_hostile_counts_by_file(told: dict[str, Any], days: Path, capsys: Any) -> None:
    resumed(capsys, "--replace")
    table = pq.read_table("all.counts")
    metadata = {**table.schema.metadata, b"biaskit.cells": json.dumps(told).encode()}
    del metadata[b"biaskit.checksums"]
    pq.write_table(table.replace_schema_metadata(metadata), "all.counts")
    pq.write_table(pa.table(ROWS), "days/4.pq")
    code, said = resumed(capsys, "--replace")
    assert code == 2
    assert "record of" in said
    assert "count again" in said


def test_a_record_that_could_not_be_read_again_is_not_written(
    days: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_MAX_RECORD", 100)
    code, told = resumed(capsys)
    assert code == 2
    assert "the record of 4 files is too long for 'all.counts'" in told
    assert not Path("all.counts").exists()


# ------------------------------------------------------------------------------- large numbers


def test_sums_beyond_what_counts_hold_are_errors(here: Path, capsys: Any) -> None:
    table = pq.read_table("rows.counts")
    header = json.loads(table.schema.metadata[b"biaskit"])
    cells = [2**61] * table.num_rows
    cells[-1] = 2**63 - 1 - sum(cells[:-1])
    header["rows"] = sum(cells)
    place = table.column_names.index("n")
    table = table.set_column(place, "n", pa.array(cells, pa.int64()))
    pq.write_table(
        table.replace_schema_metadata({b"biaskit": json.dumps(header).encode()}), "huge.counts"
    )
    huge = Counts.load("huge.counts")
    assert huge.rows == 2**63 - 1
    with pytest.raises(BiaskitError, match="more than counts can hold"):
        _ = huge + Counts.load("rows.counts")
    assert main(["merge", "huge.counts", "huge.counts", "-o", "m.counts"]) == 2
    assert not Path("m.counts").exists()
    assert main(["report", "huge.counts"]) == 0


def test_weights_beyond_what_counts_hold_are_errors(here: Path) -> None:
    table = pa.table({"sex": ["F", "M"], "y": [0, 1], "w": [1e154, 1.0]})
    one = biaskit.count(table, **ROLES, weight="w")
    with pytest.raises(BiaskitError, match="weights, or of their squares, overflows a float"):
        sum([one] * 3)


def test_attributions_of_too_many_rows_are_errors(here: Path) -> None:
    import numpy as np

    def first(table: Any) -> Any:
        return np.asarray(table)[:, 0].astype(float)

    rows = pa.table({"sex": ["F", "M"] * 20, "x": list(range(40))})
    made = biaskit.attribute(first, rows, facet="sex", features=["x"])
    with pytest.raises(BiaskitError, match="were counts added twice"):
        _ = replace(made, rows=2**63 - 1) + made
