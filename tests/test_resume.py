"""Counting that goes on where it stopped, and folders whose names are columns."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
import kill_resume
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.sources import resume

FLAGS = ["--facet", "sex", "--label", "y"]


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("days").mkdir()
    for day in range(1, 6):
        rows = {"sex": ["F", "M", "X"][: day % 3 + 1] * day, "y": [1, 0, 1][: day % 3 + 1] * day}
        pq.write_table(pa.table(rows), f"days/{day}.parquet")
    return tmp_path


def resumed(capsys: Any, *data: str, output: str = "all.counts") -> tuple[int, str]:
    code = main(["count", *(data or ("days",)), *FLAGS, "--resume", "-o", output])
    out, err = capsys.readouterr()
    return code, out + err


def test_what_was_counted_is_left_out(days: Path, capsys: Any) -> None:
    whole = biaskit.count("days", facet="sex", label="y")
    assert resumed(capsys, "days/1.parquet", "days/2.parquet")[0] == 0
    told = "34 rows of 5 files, 2 of them counted before, in 3 cells: all.counts\n"
    assert resumed(capsys) == (0, told)
    assert Counts.load("all.counts").tables == whole.tables
    assert resumed(capsys)[1].startswith("34 rows of 5 files, 5 of them counted before")
    assert Counts.load("all.counts").rows == whole.rows == 34
    assert sorted(path.name for path in days.iterdir()) == ["all.counts", "days"]


def test_counts_with_a_record_are_counts_like_any_other(days: Path, capsys: Any) -> None:
    resumed(capsys)
    assert biaskit.report("all.counts").equals(biaskit.report("days", facet="sex", label="y"))
    header = pq.read_schema("all.counts").metadata
    assert json.loads(header[b"biaskit"])["schema"] == 1
    told = json.loads(header[b"biaskit.files"])
    stat = Path("days/1.parquet").stat()
    assert told["schema"] == 1
    assert told["files"][0] == [str(days / "days/1.parquet"), stat.st_size, stat.st_mtime_ns]
    Counts.load("all.counts").save("again.counts")
    assert resume.record_in("again.counts") is None


def test_a_file_by_another_path_is_the_same_file(days: Path, capsys: Any) -> None:
    resumed(capsys)
    Path("link").symlink_to("days")
    for path in (str(days / "days"), "link/*.parquet", "./days/../days"):
        assert resumed(capsys, path)[1].startswith("34 rows of 5 files, 5 of them counted before")


def test_a_file_that_has_changed(days: Path, capsys: Any) -> None:
    resumed(capsys)
    before = Path("all.counts").read_bytes()
    pq.write_table(pa.table({"sex": ["F"], "y": [1]}), "days/3.parquet")
    code, told = resumed(capsys)
    assert code == 2
    assert "days/3.parquet has changed since it was counted" in told
    assert "remove that file (and all.counts.partial) and count again" in told
    assert Path("all.counts").read_bytes() == before
    os.utime("days/3.parquet", ns=(0, 0))
    assert resumed(capsys)[0] == 2


def test_a_broken_file_keeps_what_was_counted_before_it(days: Path, capsys: Any) -> None:
    good = Path("days/4.parquet").read_bytes()
    Path("days/4.parquet").write_bytes(good[:100])
    code, told = resumed(capsys)
    assert code == 2
    assert "days/4.parquet' " in told
    assert "the counts of 3 files are kept" in told
    assert not Path("all.counts").exists()
    Path("days/4.parquet").write_bytes(good)
    assert resumed(capsys)[1].startswith("34 rows of 5 files, 3 of them counted before")
    assert not Path("all.counts.partial").exists()


def test_a_first_file_that_is_broken_leaves_nothing(days: Path, capsys: Any) -> None:
    Path("days/1.parquet").write_bytes(b"PAR1")
    assert resumed(capsys)[0] == 2
    assert [path.name for path in days.iterdir()] == ["days"]


def test_a_file_that_changes_while_it_is_read(
    days: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = resume.stamp_of
    times = iter(range(100))
    monkeypatch.setattr(resume, "stamp_of", lambda file, **_: (*real(file)[:2], next(times)))
    code, told = resumed(capsys)
    assert code == 2
    assert "1.parquet changed while it was being read" in told
    assert not Path("all.counts").exists()


def test_an_interrupt_keeps_what_was_counted(
    days: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    real = resume.stamp_of

    def interrupted(file: Any, *, again: bool = False) -> Any:
        if again and file.name == "3.parquet":
            raise KeyboardInterrupt
        return real(file, again=again)

    monkeypatch.setattr(resume, "stamp_of", interrupted)
    code, told = resumed(capsys)
    assert code == 130
    assert told == (
        "biaskit: interrupted; the counts of 2 files are kept: the same command with --resume "
        "continues from there\n"
    )
    monkeypatch.undo()
    monkeypatch.chdir(days)
    assert resumed(capsys)[1].startswith("34 rows of 5 files, 2 of them counted before")


def test_other_roles_and_counts_without_a_record(days: Path, capsys: Any) -> None:
    resumed(capsys)
    assert main(["count", "days", "--facet", "sex", "--resume", "-o", "all.counts"]) == 2
    told = capsys.readouterr().err
    assert "counts of different roles (those in 'all.counts') cannot be continued" in told
    assert main(["count", "days", *FLAGS, "-o", "plain.counts"]) == 0
    code, told = resumed(capsys, output="plain.counts")
    assert code == 2
    assert "does not say which files are in it" in told


def test_the_partial_is_taken_where_it_has_more(days: Path, capsys: Any) -> None:
    resumed(capsys, "days/1.parquet")
    resumed(capsys, "days/1.parquet", "days/2.parquet", output="more.counts")
    Path("more.counts").rename("all.counts.partial")
    assert resumed(capsys)[1].startswith("34 rows of 5 files, 2 of them counted before")
    resumed(capsys, "days/5.parquet", output="less.counts")
    Path("less.counts").rename("all.counts.partial")
    assert resumed(capsys)[1].startswith("34 rows of 5 files, 5 of them counted before")


def test_merging_counts_that_share_a_file(days: Path, capsys: Any) -> None:
    resumed(capsys, "days/1.parquet", "days/2.parquet", output="a.counts")
    resumed(capsys, "days/3.parquet", output="b.counts")
    resumed(capsys, "days/2.parquet", output="c.counts")
    assert main(["merge", "a.counts", "b.counts", "-o", "ab.counts"]) == 0
    assert len(resume.record_in("ab.counts") or ()) == 3
    assert resumed(capsys, output="ab.counts")[1].endswith("in 3 cells: ab.counts\n")
    assert main(["merge", "a.counts", "c.counts", "-o", "ac.counts"]) == 2
    told = capsys.readouterr().err
    assert "2.parquet' are in 'c.counts' and in counts before it, so they would count twice" in told
    assert main(["count", "days/4.parquet", *FLAGS, "-o", "d.counts"]) == 0
    assert main(["merge", "a.counts", "d.counts", "-o", "ad.counts"]) == 0
    assert resume.record_in("ad.counts") is None


@pytest.mark.parametrize(
    "told",
    [b"[]", b"{}", b'{"schema": 1}', b'{"schema": 1, "files": [1]}', b'{"schema": 2, "files": []}'],
)
def test_a_hostile_record(told: bytes, days: Path, capsys: Any) -> None:
    resumed(capsys)
    table = pq.read_table("all.counts")
    metadata = {**table.schema.metadata, b"biaskit.files": told}
    pq.write_table(table.replace_schema_metadata(metadata), "all.counts")
    with pytest.raises(BiaskitError, match=r"damaged|schema 2"):
        resume.record_in("all.counts")
    assert resumed(capsys)[0] == 2


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """A handful of times; `python tests/kill_resume.py 50` does the same more often."""
    kill_resume.make_files(tmp_path / "rows", 300)
    calm = tmp_path / "calm.counts"
    seconds = kill_resume.calm_run(tmp_path / "rows", calm)
    seed = int(time.time())
    print(f"seed {seed}")
    rng = random.Random(seed)
    for i in range(3):
        output = tmp_path / f"{i}.counts"
        kept, before = kill_resume.killed_run(tmp_path / "rows", output, seconds, rng)
        assert kept == before
        assert kill_resume.same(output, calm)


# ---------------------------------------------------------------------------------- partitions


def partitioned(folder: Path, form: str) -> Path:
    table = {"sex": ["F", "M", "F"], "y": [0, 1, 1]}
    no_value = "__HIVE_DEFAULT_PARTITION__"
    days = (("2026-01-01", 7), ("2026-01-02", 8), (no_value, 7))
    for i, (day, code) in enumerate(days):
        place = f"day={day}/code={code}"
        (folder / place).mkdir(parents=True)
        columns = {name: values[: i + 1] for name, values in table.items()}
        path = folder / place / f"part-0.{form}"
        if form == "parquet":
            pq.write_table(pa.table(columns), path)
        elif form == "csv":
            rows = zip(columns["sex"], columns["y"], strict=True)
            path.write_text("sex,y\n" + "".join(f"{s},{y}\n" for s, y in rows))
        else:
            rows = zip(columns["sex"], columns["y"], strict=True)
            path.write_text("".join(json.dumps({"sex": s, "y": y}) + "\n" for s, y in rows))
    return folder


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_column_that_is_in_the_names_of_folders(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    folder = partitioned(tmp_path / "loans", form)
    plain = pa.table(
        {
            "sex": ["F", "F", "M", "F", "M", "F"],
            "y": [0, 0, 1, 0, 1, 1],
            "day": ["2026-01-01", "2026-01-02", "2026-01-02", None, None, None],
            "code": [7, 8, 8, 7, 7, 7],
        }
    )
    calls: list[dict[str, Any]] = [
        {"facet": "day", "label": "y"},
        {"facet": ["sex", ("sex", "code")], "label": "y", "group": "day"},
        {"facet": "code", "facet_above": 7, "label": "y"},
        {"facet": "sex", "label": "y", "weight": "code"},
        {"facet": "day", "group": "code"},
    ]
    for call in calls:
        assert biaskit.count(folder, **call).tables == biaskit.count(plain, **call).tables
    paths = [str(p) for p in folder.rglob(f"*.{form}")]
    assert biaskit.count(paths, **calls[0]).tables == biaskit.count(plain, **calls[0]).tables
    with pytest.raises(BiaskitError, match="the folder says day='2026-01-01', and 'day' must be n"):
        biaskit.count(folder, facet="day", facet_above=3)
    with pytest.raises(BiaskitError, match="no column 'dya'; did you mean 'day'"):
        biaskit.count(folder, facet="dya")


def test_a_column_of_the_file_itself_goes_before_one_of_the_folder(tmp_path: Path) -> None:
    for form in ("parquet", "csv", "jsonl"):
        path = partitioned(tmp_path / "sex=Z" / form, form)
        (table,) = biaskit.count(path, facet="sex", label="y").tables.values()
        assert table.levels[0] == ("F", "M")


def test_explain_says_that_a_folder_has_a_column(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    folder = partitioned(tmp_path / "loans", "parquet")
    assert main(["count", str(folder), "--facet", "day", "--label", "y", "--plan"]) == 0
    assert "named by the file's folders" in capsys.readouterr().out
