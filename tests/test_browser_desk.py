"""The desk behind the page: first looks, passes with progress and cancel, and files that change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit.browser.desk import DEMO, Desk
from biaskit.browser.jobs import Cancelled, Job, Jobs, Kept
from biaskit.browser.looks import look_at_frame
from biaskit.browser.places import NoPlaceError, Root, ending_of
from biaskit.counts.counts import Counts
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, DataError, RolesError
from biaskit.sources.files.dialect import Dialect
from support.served import ROWS, a_table, served, words

ROLES = Roles(facet="sex", label="hired")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Root(tmp_path))
    yield made
    made.close()


def counted(desk: Desk, key: str, roles: Roles = ROLES, dialect: Dialect | None = None) -> Counts:
    """Counts of a table, waited for."""
    found = desk.counts(key, roles, dialect)
    if isinstance(found, Job):
        assert found.wait(60)
        found = desk.counts(key, roles, dialect)
    assert isinstance(found, Counts)
    return found


# First looks.


def kinds(desk: Desk, name: str, dialect: Dialect | None = None) -> dict[str, str]:
    look = desk.look(f"file:{name}", dialect)
    assert look is not None
    return {one.name: one.kind for one in look.columns}


COLUMNS = {
    "text": ["a", "b", "c", None],
    "whole": [1, 2, 3, 4],
    "number": [0.5, 1.5, None, 2.0],
    "truth": [True, False, True, None],
    "day": ["2020-01-01", "2021-02-03", None, "2022-12-31"],
}
KINDS = {
    "text": "text",
    "whole": "whole number",
    "number": "number",
    "truth": "yes or no",
    "day": "date",
}


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "json", "xlsx", "csv.gz"])
def test_columns_look_alike_in_every_format(desk: Desk, tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame(COLUMNS)
    path = tmp_path / f"t.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table(COLUMNS), path)
    elif ending == "xlsx":
        frame.to_excel(path, index=False)
    elif ending in ("jsonl", "json"):
        rows = [
            {name: values[at] for name, values in COLUMNS.items()}
            for at in range(len(COLUMNS["whole"]))
        ]
        path.write_text("\n".join(map(json.dumps, rows)) if ending == "jsonl" else json.dumps(rows))
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    look = desk.look(f"file:t.{ending}")
    assert look is not None
    assert {one.name: one.kind for one in look.columns} == KINDS
    by_name = {one.name: one for one in look.columns}
    assert [by_name[name].missing for name in COLUMNS] == [0.25, 0, 0.25, 0.25, 0.25]
    assert [by_name[name].distinct for name in COLUMNS] == [3, 4, 3, 2, 3]
    assert by_name["text"].values == ("a", "b", "c")
    assert look.looked_at == 4
    assert look.rows == 4


WRITTEN = {
    "semicolon": ("a;b\nx;1\ny;2\n", "utf-8", {"delimiter": ";"}),
    "tab": ("a\tb\nx\t1\ny\t2\n", "utf-8", {"delimiter": "\t"}),
    "bar": ("a|b\nx|1\ny|2\n", "utf-8", {"delimiter": "|"}),
    "plain": ("a,b\nx,1\ny,2\n", "utf-8", {}),
    "decimal": ("a;b\nx;1,5\ny;2,25\n", "utf-8", {"delimiter": ";", "decimal": ","}),
    "windows": ("naïve,b\nx,1\ny,2\n", "cp1252", {"encoding": "cp1252"}),
    "utf16": ("a,b\nx,1\ny,2\n", "utf-16", {"encoding": "utf-16"}),
    "mark": ("a,b\nx,1\ny,2\n", "utf-8-sig", {}),
    "padded": ("a, b\nx, 1\ny, 2\n", "utf-8", {"strip": True}),
    "no header": ("x,1\ny,2\nz,3\n", "utf-8", {"header": False}),
    "blanks": ("a b c d\nx 1 2 3\ny 4 5 6\n", "utf-8", {"delimiter": " "}),
    "names of two parts": ("a b\nx y\nz w\n", "utf-8", {}),
    "sentences": ("what is said here\nx y z w\nz w u\n", "utf-8", {}),
    "commas in texts": ('a;b\n"x, y";1\n"z, w";2\n', "utf-8", {"delimiter": ";"}),
    "comments": ("# by us\n# today\na,b\nx,1\n", "utf-8", {"comment": "#"}),
    "one column": ("a\nx\ny\n", "utf-8", {}),
    "header alone": ("a,b\n", "utf-8", {}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_how_a_file_is_written_is_guessed(desk: Desk, tmp_path: Path, name: str) -> None:
    text, encoding, expected = WRITTEN[name]
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    look = desk.look("file:t.csv")
    assert look is not None
    guessed = {one: value for one, value in look.dialect.items() if value != "utf-8"}
    assert guessed == expected
    dialect = Dialect(**look.dialect)
    facet = look.columns[0].name
    rows = text.count("\n") - text.count("#") - dialect.has_header
    if rows:
        assert counted(desk, "file:t.csv", Roles(facet=facet), dialect).rows == rows


def test_what_is_said_of_a_file_is_believed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\nx;1\n")
    look = desk.look("file:t.csv", Dialect(delimiter=","))
    assert look is not None
    assert [one.name for one in look.columns] == ["a;b"]
    assert look.dialect["delimiter"] == ","


def test_letters_late_in_a_file_are_seen(desk: Desk, tmp_path: Path) -> None:
    rows = b"a,b\n" + b"x,1\n" * 100_000 + "ü,1\n".encode("cp1252") * 20_000
    (tmp_path / "t.csv").write_bytes(rows)
    look = desk.look("file:t.csv")
    assert look is not None
    assert look.dialect["encoding"] == "cp1252"


def test_texts_of_any_name_are_read_as_csv(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "adult.data").write_text("39, Male, <=50K\n28, Female, >50K\n")
    look = desk.look("file:adult.data")
    assert look is not None
    assert [one.name for one in look.columns] == ["0", "1", "2"]
    made = counted(desk, "file:adult.data", Roles(facet="1"), Dialect(**look.dialect))
    assert made.rows == 2


def test_a_workbook_shows_its_sheets(desk: Desk, tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"b": [1]}).to_excel(book, sheet_name="second", index=False)
    look = desk.look("file:t.xlsx")
    assert look is not None
    assert look.sheets == ("first", "second")
    assert [one.name for one in look.columns] == ["a"]
    look = desk.look("file:t.xlsx", Dialect(sheet="second"))
    assert look is not None
    assert [one.name for one in look.columns] == ["b"]
    with pytest.raises(DataError, match=r"t\.xlsx: no sheet 'third'"):
        desk.look("file:t.xlsx", Dialect(sheet="third"))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_5000_columns_are_looked_at(desk: Desk, tmp_path: Path, ending: str) -> None:
    table = pa.table({f"c{n}": pa.array([n, n + 1, None]) for n in range(5000)})
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        import pyarrow.csv

        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    look = desk.look(f"file:t.{ending}")
    assert look is not None
    assert len(look.columns) == 5000
    assert look.columns[4999].values == ("4999", "5000")
    assert look.columns[0].missing == pytest.approx(1 / 3)


def test_of_a_large_parquet_file_little_is_read(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    values = np.random.default_rng(0).integers(0, 1 << 40, 3_000_000)
    pq.write_table(pa.table({"a": values, "b": values}), path, row_group_size=3_000_000)
    before = pa.total_allocated_bytes()
    look = desk.look("file:t.parquet")
    assert look is not None
    assert look.rows == 3_000_000
    assert look.looked_at < 10_000
    assert pa.total_allocated_bytes() - before < 1 << 22


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", b"", "empty"),
        ("t.parquet", b"", "empty"),
        ("t.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "t.parquet"),
        ("t.xlsx", b"PK\3\4" + b"x" * 100, "t.xlsx"),
        ("t.json", b"[" * 100_000, "t.json"),
        ("t.jsonl", b"{]\n", "t.jsonl"),
        ("t.csv.gz", b"no gzip", "t.csv.gz"),
        ("t.zip", b"PK\3\4", "t.zip"),
        ("t.html", b"<!doctype html>", "t.html"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(
    desk: Desk, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BiaskitError) as error:
        desk.look(f"file:{name}")
    assert told in str(error.value)
    assert str(tmp_path) not in str(error.value)


FRAMES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "arrow": lambda: pa.table(COLUMNS),
    "polars": lambda: pytest.importorskip("polars").DataFrame(COLUMNS),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_in_memory_are_looked_at(kind: str) -> None:
    look = look_at_frame(FRAMES[kind]())
    assert {one.name: one.kind for one in look.columns} == KINDS
    assert look.rows == look.looked_at == 4


def test_a_frame_with_odd_columns_is_looked_at() -> None:
    frame = pd.DataFrame({"a": [1, "x", None], "b": [[1], [2], None], "c": ["x", "y", "z"]})
    look = look_at_frame(frame)
    assert look.columns[2].kind == "text"
    assert [one.kind for one in look.columns[:2]] == ["other", "other"]


def test_a_frame_is_counted(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sex": ["F", "F", "M"], "hired": [0, 1, 1]})
    desk = Desk(None, [("people", frame)])
    assert counted(desk, "frame:0").rows == 3
    assert desk.files("frame:0") == ()
    with pytest.raises(NoPlaceError):
        desk.look("file:x.csv")
    desk.close()


def test_the_example_is_always_there(desk: Desk) -> None:
    look = desk.look(DEMO)
    assert look is not None
    assert look.looked_at == look.rows == 4526


# What is listed.


def test_tables_and_counts_are_listed_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    a_table(tmp_path)
    a_table(tmp_path, "sub/deep.csv.gz")
    a_table(tmp_path, ".hidden/x.csv")
    a_table(tmp_path, ".x.csv")
    (tmp_path / "model.pkl").write_bytes(b"x")
    (tmp_path / "other.html").write_text("<!doctype html>")
    counts = biaskit.count(tmp_path / "people.csv", ROLES)
    counts.save(tmp_path / "saved.parquet")
    page = biaskit.page(counts.choosing(positive="yes"), name="p")
    page.save(tmp_path / "page.html")
    biaskit.page(counts.choosing(positive="yes"), counts=False).save(tmp_path / "bare.html")
    (tmp_path / "link").symlink_to(tmp_path)
    listed, is_cut = desk.listed()
    assert not is_cut
    assert {one.key: one.kind for one in listed} == {
        "file:people.csv": "table",
        "file:sub/deep.csv.gz": "table",
        "file:saved.parquet": "counts",
        "file:page.html": "counts",
        DEMO: "table",
    }
    for name in ("saved.parquet", "page.html"):
        assert desk.kind(f"file:{name}") == "counts"
        assert desk.look(f"file:{name}") is None
        saved = desk.saved(f"file:{name}")
        assert saved is not None
        assert saved.rows == 700


def test_a_folder_of_many_files_is_cut(desk: Desk, tmp_path: Path) -> None:
    for n in range(600):
        (tmp_path / f"t{n:03}.csv").write_text("a\n")
    listed, is_cut = desk.listed()
    assert is_cut
    assert len(listed) == 501


def test_endings() -> None:
    assert ending_of("a.csv.zst") == ".csv.zst"
    for name in ("a.pkl", "a.gz", "a.parquet.gz", "csv", "a.csv.", "a.joblib", "a.py"):
        assert ending_of(name) == ""


# Passes.


class Slow:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.runs = 0

    def __call__(self, progress: Any) -> Counts:
        self.runs += 1
        self.began.set()
        for row in range(10_000):
            progress(row, row / 10_000)
            if self.go.wait(0.005):
                break
        return biaskit.count(pd.DataFrame({"a": ["x"]}), facet="a")


def job_of(found: Counts | Job) -> Job:
    assert isinstance(found, Job)
    return found


def test_who_asks_for_the_same_waits_for_the_same() -> None:
    jobs, work = Jobs(), Slow()
    first = job_of(jobs.result("key", work))
    assert jobs.result("key", work) is first
    assert work.began.wait(10)
    assert jobs.are_working
    work.go.set()
    assert first.wait(10)
    assert work.runs == 1
    assert isinstance(jobs.result("key", work), Counts)
    assert work.runs == 1
    assert first.outcome == "counted"
    assert not jobs.are_working
    jobs.close()


def test_two_passes_run_at_once_and_the_others_wait() -> None:
    jobs = Jobs()
    works = [Slow() for _ in range(4)]
    made = [job_of(jobs.result(n, work)) for n, work in enumerate(works)]
    assert all(work.began.wait(10) for work in works[:2])
    time.sleep(0.1)
    assert [work.runs for work in works] == [1, 1, 0, 0]
    assert [job.working.doing for job in made[2:]] == ["waiting", "waiting"]
    made[3].cancel()
    for work in works:
        work.go.set()
    assert all(job.wait(10) for job in made)
    assert [job.outcome for job in made] == ["counted", "counted", "counted", "cancelled"]
    assert works[3].runs == 0
    jobs.close()


def test_a_crowd_of_passes_is_refused() -> None:
    jobs, work = Jobs(), Slow()
    for n in range(18):
        job_of(jobs.result(n, work))
    with pytest.raises(DataError, match="too many"):
        jobs.result(18, work)
    jobs.close()
    work.go.set()


def test_a_cancelled_pass_ends_at_the_next_batch_and_can_be_asked_for_again() -> None:
    jobs, work = Jobs(), Slow()
    job = job_of(jobs.result("key", work))
    assert work.began.wait(10)
    job.cancel()
    assert job.wait(10)
    assert job.outcome == "cancelled"
    with pytest.raises(Cancelled):
        jobs.result("key", work)
    job.ended_at = time.monotonic() - 60
    again = job_of(jobs.result("key", work))
    assert again is not job
    work.go.set()
    assert again.wait(10)
    jobs.close()


def test_a_pass_that_fails_says_why_to_all_who_wait() -> None:
    def work(_: Any) -> Counts:
        raise DataError("the file is damaged")

    jobs = Jobs()
    job = job_of(jobs.result("key", work))
    assert job.wait(10)
    for _ in range(2):
        with pytest.raises(DataError, match="damaged"):
            jobs.result("key", work)
    jobs.close()


def test_counts_are_kept_up_to_a_size() -> None:
    counts = biaskit.count(pd.DataFrame({"a": [f"v{n}" for n in range(500)]}), facet="a")
    kept = Kept(100_000)
    for n in range(100):
        kept.keep(n, counts)
        assert kept.of(0) is counts
    there = [n for n in range(100) if kept.of(n) is not None]
    assert 2 <= len(there) < 20
    assert 0 in there
    assert 99 in there
    Kept(1).keep("large", counts)


def test_counts_are_those_of_biaskit_count(desk: Desk, tmp_path: Path) -> None:
    path = a_table(tmp_path)
    for roles in (ROLES, Roles(facet=["sex", ("sex", "hired")], score="score")):
        ours, theirs = counted(desk, "file:people.csv", roles), biaskit.count(path, roles)
        pd.testing.assert_frame_equal(ours.to_frame(), theirs.to_frame())


def test_choices_cost_no_second_pass(desk: Desk, tmp_path: Path) -> None:
    a_table(tmp_path)
    first = counted(desk, "file:people.csv", ROLES)
    again = desk.counts("file:people.csv", ROLES.replaced(positive="yes", facet_values="F"))
    assert again is first


# Files that change.


def test_a_file_that_has_changed_is_counted_again(desk: Desk, tmp_path: Path) -> None:
    path = a_table(tmp_path)
    assert counted(desk, "file:people.csv").rows == 700
    path.write_text(ROWS + "F,1,0.5,yes\n")
    assert counted(desk, "file:people.csv").rows == 701
    path.write_text("gender,hired\nF,yes\n")
    look = desk.look("file:people.csv")
    assert look is not None
    assert [one.name for one in look.columns] == ["gender", "hired"]
    path.unlink()
    with pytest.raises(NoPlaceError):
        desk.counts("file:people.csv", ROLES)


def _change_once(change: Any, done: list[int], rows: int, _: float | None) -> None:
    if not done:
        change()
    done.append(rows)


def test_a_file_that_changes_or_goes_while_it_is_counted(tmp_path: Path) -> None:
    from biaskit.browser import desk

    for change in (lambda path: path.unlink(), lambda path: path.write_text("sex,hired\n")):
        path = a_table(tmp_path)
        place = Root(tmp_path).place("people.csv")
        done: list[int] = []

        changing = partial(_change_once, partial(change, path), done)
        with pytest.raises(DataError, match=r"gone|changed"):
            desk._counted(place, ROLES, None, changing)
        assert done


def test_an_upload_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with served(root=tmp_path) as client:
        answer = client.post("/upload", files={"file": ("a.csv", ROWS.encode())})
        address = str(answer.url)
        shelf = client.app._shelf.path
        (one,) = (path for path in shelf.iterdir() if path.suffix == ".csv")
        one.unlink()
        answer = client.get(address)
        assert answer.status_code in (404, 422)
        assert "a.csv is gone" in words(answer)


# The pages over HTTP.


def big(folder: Path) -> Path:
    """A table that is read in many pieces."""
    path = folder / "big.jsonl"
    some = "".join(f'{{"sex": "{"FM"[n % 2]}", "hired": {n % 3}}}\n' for n in range(30_000))
    with path.open("w") as file:
        for _ in range(100):
            file.write(some)
    return path


def test_every_state_is_an_address(tmp_path: Path) -> None:
    a_table(tmp_path)
    query = "table=file:people.csv&facet=sex&label=hired&positive=yes"
    with served(tmp_path / "people.csv") as client:
        for step in ("columns", "count", "choose", "report"):
            first = client.get(f"/{step}?{query}")
            assert first.status_code == 200
            assert client.get(str(first.url)).text == first.text
    with served(tmp_path / "people.csv") as other:  # another server knows nothing of the first
        assert other.get(f"/report?{query}").status_code == 200


def test_an_error_keeps_what_was_entered(tmp_path: Path) -> None:
    a_table(tmp_path)
    with served(tmp_path / "people.csv") as client:
        answer = client.get("/count?table=file:people.csv&facet=sex&label=hired&weight=sex")
        assert answer.status_code == 422
        assert 'name="facet"' in answer.text
        assert answer.text.count("checked") >= 1
        assert "There is a problem" in words(answer)


@pytest.mark.slow
def test_a_pass_tells_how_far_it_is_and_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    big(tmp_path)
    reads = Job.reads

    def slowly(self: Job, rows: int, done: float | None) -> None:
        time.sleep(0.1)
        reads(self, rows, done)

    monkeypatch.setattr(Job, "reads", slowly)
    with served(tmp_path / "big.jsonl") as client:
        query = "table=file:big.jsonl&facet=sex&label=hired"
        answer = client.get(f"/count?{query}")
        assert "Counting the rows" in words(answer)
        assert '<meta http-equiv="refresh"' in answer.text
        (id_,) = {*re.findall(r"jobs/([\w-]+)/events", answer.text)}
        steps = []
        with client.let_in.stream("GET", f"/jobs/{id_}/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            for line in events.iter_lines():
                if line.startswith("data: {"):
                    steps.append(json.loads(line[6:]))
                if len(steps) == 5:
                    break
        assert [one["rows"] for one in steps] == sorted(one["rows"] for one in steps)
        again = client.get(f"/report?{query}")
        assert id_ in again.text  # another tab waits for the same pass
        began = time.monotonic()
        answer = client.post(f"/jobs/{id_}/cancel?{query}")
        assert answer.url.path == "/columns"
        job = client.app._desk.jobs.get(id_)
        assert job.wait(10)
        assert time.monotonic() - began < 10
        assert job.outcome == "cancelled"
        with client.let_in.stream("GET", f"/jobs/{id_}/events") as events:
            assert [*events.iter_lines()][:2] == ["event: ended", 'data: "cancelled"']


SLOWLY = """
import sys, time
import biaskit
from biaskit.browser.jobs import Job
reads = Job.reads
def slowly(self, rows, done):
    time.sleep(0.02)
    reads(self, rows, done)
Job.reads = slowly
app = biaskit.app(sys.argv[1], open_browser=False)
print(app.url, flush=True)
app.wait()
"""


@pytest.mark.slow
def test_a_server_killed_in_a_pass_starts_again(tmp_path: Path) -> None:
    big(tmp_path)
    run = [sys.executable, "-c", SLOWLY, str(tmp_path / "big.jsonl")]
    query = "table=file:big.jsonl&facet=sex&label=hired"
    for is_last in (False, True):
        with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                base, _, key = server.stdout.readline().strip().partition("/columns?")
                told = _asked_until_counted(base, key.rpartition("&")[2], query, wait=is_last)
            finally:
                server.kill()
    assert "3,000,000 rows of big.jsonl were counted" in told


def _asked_until_counted(base: str, key: str, query: str, *, wait: bool) -> str:
    import httpx2

    with httpx2.Client(base_url=base, timeout=60, follow_redirects=True) as browser:
        count = browser.get(f"/?{key}").url.join(f"count?{query}")
        told = words(browser.get(count))
        assert "Counting the rows" in told
        until = time.monotonic() + 60
        while wait and "were counted" not in told and time.monotonic() < until:
            time.sleep(0.2)
            told = words(browser.get(count))
    return told


# The call and the command.


def test_a_call_says_what_is_wrong(tmp_path: Path) -> None:
    a_table(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"x")
    for data, options, error, told in [
        ((tmp_path / "none.csv",), {}, DataError, "there is no file or folder"),
        ((tmp_path / "model.pkl",), {}, DataError, "no table by its name"),
        (("s3://bucket/x.csv",), {}, DataError, "address"),
        ((3,), {}, DataError, "not a table"),
        ((tmp_path / "people.csv",), {"root": tmp_path / "none"}, DataError, "no folder"),
        ((), {"max_upload": "many"}, RolesError, "max_upload"),
        ((), {"max_upload": "0GB"}, RolesError, "max_upload"),
        ((), {"idle": "soon"}, RolesError, "idle"),
        ((), {"port": 70_000}, RolesError, "port"),
    ]:
        with pytest.raises(error, match=told):
            biaskit.app(*data, open_browser=False, **options)  # type: ignore[arg-type]
    (tmp_path / "other").mkdir()
    with pytest.raises(RolesError, match="does not hold"):
        biaskit.app(tmp_path / "people.csv", root=tmp_path / "other", open_browser=False)


def test_a_taken_port_is_said_to_be(tmp_path: Path) -> None:
    with served(root=tmp_path) as client, pytest.raises(RolesError, match="port"):
        biaskit.app(port=client.port, open_browser=False)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    with pytest.raises(DataError, match=r"pip install 'biaskit\[app\]'"):
        biaskit.app(open_browser=False)


def test_one_table_is_opened_at_once(tmp_path: Path) -> None:
    a_table(tmp_path)
    biaskit.count(tmp_path / "people.csv", ROLES).save(tmp_path / "saved.parquet")
    frame = pd.DataFrame({"sex": ["F", "M"], "hired": [0, 1]})
    for data, step in [
        ((tmp_path / "people.csv",), "/columns?table=file%3Apeople.csv&key="),
        ((tmp_path / "saved.parquet",), "/choose?table=file%3Asaved.parquet&key="),
        ((tmp_path,), "/?key="),
        ((tmp_path / "people.csv", tmp_path / "saved.parquet"), "/?key="),
        ((frame,), "/columns?table=frame%3A0&key="),
        (("demo",), "/columns?table=demo%3Aberkeley&"),
    ]:
        with biaskit.app(*data, open_browser=False) as app:
            assert step in app.url


def test_a_notebook_shows_a_link(tmp_path: Path) -> None:
    with biaskit.app(pd.DataFrame({"a": [1]}), open_browser=False) as app:
        shown = app._repr_html_()
        assert f'href="{app.url.replace("&", "&amp;")}"' in shown
        assert 'target="_blank"' in shown
        assert "<iframe" not in shown
        assert app.url in repr(app)


def test_the_command_prints_the_address_and_ends_with_a_signal(tmp_path: Path) -> None:
    a_table(tmp_path)
    run = [sys.executable, "-m", "biaskit", "app", "people.csv", "--no-open"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    for name in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=env
        ) as server:
            assert server.stdout is not None
            first = server.stdout.readline()
            assert "http://127.0.0.1:" in first
            assert "key=" in first
            assert [*tmp_path.glob("biaskit-app-*")]
            server.send_signal(name)
            out, err = server.communicate(timeout=30)
            assert server.returncode == 0
            assert "stopped" in out
            assert err == ""
            assert not [*tmp_path.glob("biaskit-app-*")]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the memory of a process")
def test_an_upload_of_300_mb_takes_little_memory(tmp_path: Path) -> None:
    import httpx2

    run = [sys.executable, "-m", "biaskit", "app", str(a_table(tmp_path)), "--no-open"]
    some = b"F,34,0.5,yes\n" * 80_000

    def form() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
        yield b"sex,age,score,hired\n"
        for _ in range(300):
            yield some
        yield b"\r\n--b--\r\n"

    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            base, _, key = url.partition("/columns?")
            with httpx2.Client(base_url=base, timeout=120, follow_redirects=True) as browser:
                first = browser.get(f"/?{key.rpartition('&')[2]}")
                assert first.status_code == 200
                before = _peak(server.pid)
                headers = {"content-type": "multipart/form-data; boundary=b", "origin": base}
                upload = first.url.join("upload")
                answer = browser.post(
                    upload, content=form(), headers=headers, follow_redirects=False
                )
                assert answer.status_code == 303
                assert _peak(server.pid) - before <= 60
                answer = browser.get(upload.join(answer.headers["location"]))
                assert "big.csv" in words(answer)
        finally:
            server.terminate()


def _peak(pid: int) -> float:
    """Most memory that a process has had, in MB."""
    said = Path("/proc", str(pid), "status").read_text()
    return int(said.split("VmHWM:")[1].split()[0]) / 1024
