"""Standard input, pipes, open files, compressed files and archives: read once, within bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit.cli import main
from biaskit.errors import DataError, RolesError
from biaskit.gate.config import read_config
from biaskit.sources.files import archives
from biaskit.sources.files.archives import Member, members_of
from biaskit.sources.files.finding import files_of
from biaskit.sources.files.streams import Stream, StreamBytes, Tailed
from biaskit.sources.files.unpacking import unpacked

ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}
FLAGS = ["--facet", "sex", "--label", "y"]
ROWS = "F,1\nF,0\nM,1\nM,1\n"
TEXT = f"sex,y\n{ROWS}".encode()
LINES = b'{"sex":"F","y":1}\n{"sex":"F","y":0}\n{"sex":"M","y":1}\n{"sex":"M","y":1}\n'
EXPECTED = biaskit.count(pa.table({"sex": ["F", "F", "M", "M"], "y": [1, 0, 1, 1]}), **ROLES)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def refuses(message: str, data: Any, **more: Any) -> None:
    with pytest.raises(BiaskitError, match=message):
        biaskit.count(data, **ROLES, **more)


def biaskit_of(*args: Any, stdin: Any = subprocess.PIPE, **more: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "biaskit", *map(str, args)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Function that puts a pipe with some bytes in the place of standard input."""
    opened: list[Any] = []

    def put(data: bytes) -> None:
        read, write = os.pipe()
        thread = threading.Thread(target=_write, args=(write, data), daemon=True)
        thread.start()
        opened.append(os.fdopen(read, "r"))
        monkeypatch.setattr(sys, "stdin", opened[-1])

    yield put
    for one in opened:
        one.close()


def _write(to: int, data: bytes) -> None:
    # What is refused is not read to its end.
    with suppress(BrokenPipeError), open(to, "wb") as file:
        file.write(data)


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize(("format_", "data"), [("csv", TEXT), ("jsonl", LINES)])
@pytest.mark.parametrize("is_said", [True, False])
def test_standard_input_in_any_format(
    piped: Callable[[bytes], None], packed: str, format_: str, data: bytes, is_said: bool
) -> None:
    piped(PACKED[packed](data))
    assert biaskit.count("-", input_format=format_ + packed * is_said, **ROLES) == EXPECTED


def test_verbs_read_standard_input(
    piped: Callable[[bytes], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = tmp_path / "x.counts"
    read = ["-", "--input-format", "csv", *FLAGS]
    for verb in (
        ["report", *read],
        ["rates", *read],
        ["count", *read, "-o", str(counts)],
        ["check", *read, "--limit", "CI=0.9"],
        ["report", *read, "--format", "html", "-o", str(tmp_path / "x.html")],
    ):
        piped(TEXT)
        assert main(verb) == 0, capsys.readouterr().err
    assert biaskit.Counts.load(counts) == EXPECTED
    assert biaskit.Counts.load(tmp_path / "x.html") == EXPECTED
    assert "biaskit report - " in (tmp_path / "x.html").read_text()
    piped(TEXT)
    assert main(["compare", "-", str(counts), "--input-format", "csv"]) == 0
    piped(TEXT)
    assert main(["check", *read, "--limit", "CI=0.9", "--dry-run"]) == 0


def test_explain_reads_standard_input(
    piped: Callable[[bytes], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "doubled.py").write_text("def score(rows):\n    return 2.0 * rows['y']\n")
    (tmp_path / "rows.csv").write_bytes(TEXT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    call = ["explain", "-", "--input-format", "csv", "--model", "doubled:score", "--features", "y"]
    call += ["--facet", "sex", "--background"]
    piped(TEXT)
    assert main([*call, "rows.csv"]) == 0, capsys.readouterr().err
    assert "(total)" in capsys.readouterr().out
    assert main([*call, "-"]) == 2
    assert "one stream" in capsys.readouterr().err


def test_a_pipe_is_read_in_blocks_of_full_size(tmp_path: Path) -> None:
    """A pipe gives 64 KB at a time: rows may be longer, and blocks end where they would."""
    pipe = tmp_path / "x.csv"
    os.mkfifo(pipe)
    long = "x" * 200_000
    rows = "".join(f"{'FM'[i % 2]},{i % 3},{long}\n" for i in range(40))
    text = f"sex,y,note\n{rows}".encode()
    threading.Thread(target=lambda: pipe.write_bytes(text), daemon=True).start()
    (tmp_path / "same.csv").write_bytes(text)
    assert biaskit.count(pipe, **ROLES) == biaskit.count(tmp_path / "same.csv", **ROLES)


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="no /dev/fd")
def test_a_substituted_process(tmp_path: Path) -> None:
    read, write = os.pipe()
    _write(write, gzip.compress(TEXT))
    assert biaskit.count(f"/dev/fd/{read}", input_format="csv", **ROLES) == EXPECTED
    os.close(read)


def test_open_files_are_read_from_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a line above\n" + TEXT)
    with path.open("rb") as file:
        file.readline()
        assert biaskit.count(file, **ROLES) == EXPECTED  # its name says that it is CSV
        assert not file.closed
    assert biaskit.count(io.BytesIO(LINES), input_format="jsonl", **ROLES) == EXPECTED
    with tempfile.NamedTemporaryFile() as named:
        named.write(TEXT)
        named.seek(0)
        assert biaskit.count(named, input_format="csv", **ROLES) == EXPECTED
    assert biaskit.count(pa.BufferReader(TEXT), input_format="csv", **ROLES) == EXPECTED
    report = biaskit.report(io.BytesIO(TEXT), input_format="csv", metrics="DPL", **ROLES)
    assert report["estimate"].tolist() == [0.5, -0.5]
    refuses("opens? it in binary mode", io.StringIO(TEXT.decode()), input_format="csv")
    refuses("no name that says its format; give input_format='csv'", io.BytesIO(TEXT))
    refuses("filesystem= applies to paths", io.BytesIO(TEXT), filesystem=object())


@pytest.mark.parametrize("name", ["data.txt", "adult.data", "noname", "x.parquet", "x.csv.gz"])
def test_the_format_that_is_said_wins(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(TEXT.replace(b",", b"\t"))
    assert biaskit.count(path, input_format="tsv", **ROLES) == EXPECTED
    assert biaskit.count(path, input_format="TSV", csv={"delimiter": "\t"}, **ROLES) == EXPECTED
    path.write_bytes(gzip.compress(LINES))
    assert biaskit.count(path, input_format="jsonl", **ROLES) == EXPECTED
    pq.write_table(pa.table({"sex": ["F", "F", "M", "M"], "y": [1, 0, 1, 1]}), path)
    assert biaskit.count(path, input_format="parquet", **ROLES) == EXPECTED


def test_formats_that_are_said_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(TEXT)
    for wrong in ("cvs", "csv.zip", "parquet.gz", "", 3):
        refuses("give one of 'parquet'", path, input_format=wrong)
    refuses("no known format; .* give input_format='csv'", path)
    refuses(
        "input_format='csv' is for files, but data is a Table", pa.table({}), input_format="csv"
    )
    with pytest.raises(RolesError, match="input_format='csv' is for files, but these are counts"):
        biaskit.report(EXPECTED, input_format="csv")
    refuses("is for CSV files, but", path, input_format="jsonl", csv={"strip": True})
    assert main(["report", str(path), *FLAGS]) == 2
    assert "give --input-format 'csv'" in capsys.readouterr().err
    path.write_bytes(b"\xff\xfe" + TEXT.decode().encode("utf-16-le"))
    refuses("UTF-16 text by its first bytes; give csv=", path, input_format="csv")


def test_words_about_standard_input(
    piped: Callable[[bytes], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    piped(b"")
    refuses("'standard input' is empty; it needs at least a header", "-", input_format="csv")
    piped(TEXT)
    refuses("standard input has no name that says its format; give input_format", "-")
    piped(TEXT)
    refuses("standard input can be read only once; name it once", ["-", "-"], input_format="csv")
    piped(TEXT)
    refuses("only once; name it once", ["-", "/dev/stdin"], input_format="csv")
    piped(gzip.compress(TEXT * 1_000)[:-40])
    refuses("standard input' cannot be read as csv", "-", input_format="csv")
    piped(b"PAR1" + bytes(40))
    refuses("whose end is read first.* write it to a file", "-", input_format="parquet")
    piped(TEXT)
    assert main(["count", "-", *FLAGS, "--input-format", "csv", "--resume", "-o", "x.counts"]) == 2
    assert "leave out --resume" in capsys.readouterr().err
    piped(TEXT)
    assert main(["report", "-", *FLAGS]) == 2
    assert "give --input-format 'csv'" in capsys.readouterr().err
    (tmp_path / "biaskit.toml").write_text(
        '[[data]]\nfiles = ["-"]\nfacet = "sex"\nlabel = "y"\nlimits = {DPL = 0.9}\n'
        'input_format = "csv"\n'
    )
    ((_, error),) = read_config(tmp_path / "biaskit.toml").data
    assert "does not read standard input" in str(error)
    monkeypatch.chdir(tmp_path)
    piped(TEXT)
    assert main(["check", "-"]) == 2
    assert "give --facet and --limit" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    refuses("standard input is closed", "-", input_format="csv")


def test_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pty = pytest.importorskip("pty")
    keeper, terminal = pty.openpty()
    with os.fdopen(terminal, "r") as file:
        monkeypatch.setattr(sys, "stdin", file)
        refuses("standard input is a terminal", "-", input_format="csv")
    os.close(keeper)


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_an_interrupt_ends_the_wait_for_a_pipe(format_: str) -> None:
    """The rest never comes; neither Arrow's threads nor the end of the process wait for it."""
    process = biaskit_of("report", "-", "--input-format", format_, *FLAGS)
    assert process.stdin is not None
    process.stdin.write((TEXT if format_ == "csv" else LINES) * 20_000)
    process.stdin.flush()
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.communicate()


def test_a_reader_that_ends_early_and_a_writer_that_does() -> None:
    process = biaskit_of("report", "-", "--input-format", "csv", *FLAGS)
    out, err = process.communicate(TEXT)
    assert (process.returncode, err) == (0, b"")
    assert b"4 rows" in out
    process = biaskit_of("report", "-", "--input-format", "csv", *FLAGS, stdin=subprocess.DEVNULL)
    assert b"is empty" in process.communicate()[1]
    assert process.returncode == 2


@given(
    pieces=st.lists(st.integers(1, 300), min_size=1, max_size=20),
    looks=st.lists(st.integers(0, 900), max_size=4),
    data=st.binary(max_size=1_000),
)
def test_what_was_looked_at_comes_again(pieces: list[int], looks: list[int], data: bytes) -> None:
    class Short(io.BytesIO):
        """File that gives a few bytes at a time, as a pipe does."""

        at = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.at += 1
            return super().read(min(size, pieces[self.at % len(pieces)]))

    held = StreamBytes(Stream.of_file(Short(data)))
    for look in looks:
        assert held.beginning().read(look) == data[:look]
        assert held.read(look // 2, look) == data[look // 2 : look // 2 + look]
    source = held.source(once=True)
    found = source.read(7) + source.read()
    assert (found, source.tell()) == (data, len(data))


@pytest.mark.parametrize(
    ("end", "is_open"),
    [
        ('F,"a\nb"\n', False),
        ('F,"a\nb"', False),
        ('F,"a\nb""c"\r\n\r\n', False),
        ('F,"a\nb"""\n', False),
        ('F,"a\nb\n', True),
        ('F,"a\nb""\n', True),
        ('F,"a\nM,no\n', True),
        ('F,"\n\n\n', True),
        ('F,"""\n\n\n', True),
    ],
)
def test_an_open_quote_in_a_stream(tmp_path: Path, end: str, is_open: bool) -> None:
    data = f"sex,y\n{end}".encode()
    (tmp_path / "x.csv").write_bytes(data)
    for source in (tmp_path / "x.csv", io.BytesIO(data)):
        if is_open:
            refuses("is never closed", source, input_format="csv")
        else:
            assert biaskit.count(source, input_format="csv", **ROLES).rows == 1


@settings(max_examples=50)
@given(st.text(alphabet='a"\n', min_size=1, max_size=8))
def test_open_quotes_are_known_by_the_end(value: str) -> None:
    if len(value.splitlines()) < 2 or not value.rstrip("\n").strip('"'):
        return
    inner = value.replace('"', '""')
    for text, is_closed in ((f'"{inner}"\n', True), (f'"{inner}\n', False)):
        stream = Tailed(io.BytesIO(text.encode()))
        while stream.read(3):
            pass
        assert stream.closes(value) == is_closed


@given(
    parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    piece=st.integers(1, 50),
)
def test_xz_in_several_streams(parts: list[bytes], padding: int, piece: int) -> None:
    packed = b"".join(lzma.compress(part) + bytes(4 * padding) for part in parts)
    stream = unpacked(io.BytesIO(packed), "xz")
    found = []
    while more := stream.read(piece):
        found.append(more)
    assert b"".join(found) == b"".join(parts)


def test_damaged_xz(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.xz"
    whole = lzma.compress(TEXT * 100)
    path.write_bytes(whole[:-30])
    refuses("cut short", path)
    path.write_bytes(whole[:20] + b"\xff" + whole[21:])
    refuses("are damaged", path)
    path.write_bytes(TEXT)
    refuses("are damaged", path)
    large = {"format": lzma.FORMAT_XZ, "filters": [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]}
    path.write_bytes(lzma.compress(TEXT, **large))  # type: ignore[arg-type]
    refuses("Memory usage limit", path)


def archive(path: Path, files: dict[str, bytes], **more: Any) -> Path:
    with zipfile.ZipFile(path, "w", more.pop("how", zipfile.ZIP_DEFLATED), **more) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return path


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_archives_are_read_where_they_lie(tmp_path: Path, how: int) -> None:
    path = archive(
        tmp_path / "x.zip",
        {
            "rows/a.csv": TEXT,
            "rows/b.csv.gz": gzip.compress(TEXT),
            "rows/": b"",
            "README.txt": b"about them",
            "__MACOSX/rows/._a.csv": b"\0\1",
            "../../out.csv": TEXT,
        },
        how=how,
    )
    twice = EXPECTED + EXPECTED
    assert biaskit.count(path, **ROLES) == twice
    assert biaskit.count(str(tmp_path / "*.zip"), **ROLES) == twice
    assert biaskit.count(tmp_path, **ROLES) == twice
    (tmp_path / "c.csv").write_bytes(TEXT)
    assert biaskit.count(tmp_path, **ROLES) == twice + EXPECTED
    assert sorted(one.name for one in tmp_path.iterdir()) == ["c.csv", "x.zip"]
    assert not (tmp_path.parent.parent / "out.csv").exists()


def test_archives_of_one_file_and_of_json(tmp_path: Path) -> None:
    path = archive(tmp_path / "one.zip", {"adult.data": TEXT})
    assert biaskit.count(path, input_format="csv", **ROLES) == EXPECTED
    assert biaskit.count(path, csv={"delimiter": ","}, **ROLES) == EXPECTED
    refuses("one.zip/adult.data' has no known format", path)
    path = archive(tmp_path / "lines.zip", {"b.jsonl": LINES, "a.jsonl": LINES})
    assert biaskit.count(path, **ROLES) == EXPECTED + EXPECTED
    path = archive(tmp_path / "days.zip", {"day=1/x.csv": TEXT, "day=2/x.csv": TEXT})
    days = biaskit.report(path, facet="day", label="y", metrics="DPL")
    assert days["value"].tolist() == ["1", "2"]
    assert days["n_d"].tolist() == [4, 4]


def test_archives_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    refuses("count each format by itself", archive(path, {"a.csv": TEXT, "b.jsonl": LINES}))
    refuses("has no file ending in", archive(path, {"a.txt": b"", "b.txt": b""}))
    refuses("has no file ending in", archive(path, {}))
    refuses("archive behind a filesystem or in another", archive(path, {"in.zip": b"PK\5\6"}))
    refuses("unpack the archive", archive(path, {"x.parquet": b"PAR1"}))
    refuses("compressed in a way", archive(path, {"a.csv": TEXT}, how=zipfile.ZIP_LZMA))
    whole = archive(path, {"a.csv": TEXT * 50}).read_bytes()
    for place in [i for i in range(len(whole) - 8) if whole[i : i + 4] in (b"PK\1\2", b"PK\3\4")]:
        at = place + (8 if whole[place : place + 4] == b"PK\1\2" else 6)
        whole = whole[:at] + b"\1" + whole[at + 1 :]
    path.write_bytes(whole)
    refuses("'a.csv' is encrypted", path)
    path.write_bytes(b"PK\3\4 no archive")
    refuses("cannot be read as an archive", path)
    whole = archive(path, {"a.csv": TEXT, "b.csv": TEXT}).read_bytes()
    path.write_bytes(whole.replace(b"b.csv", b"a.csv"))
    refuses("has 2 files 'a.csv'", path)


def test_an_archive_that_lies_about_its_sizes(tmp_path: Path) -> None:
    """No more bytes are read than the table of contents says, and those must be the right ones."""
    path = archive(tmp_path / "x.zip", {"a.csv": TEXT * 1_000})
    whole = path.read_bytes()
    at = whole.index(b"PK\1\2") + 24
    path.write_bytes(whole[:at] + struct.pack("<I", 4_000) + whole[at + 4 :])
    refuses("the archive is damaged: Bad CRC", path)
    at = whole.index(b"PK\3\4") + 60
    path.write_bytes(whole[:at] + bytes(8) + whole[at + 8 :])
    refuses("the archive is damaged", path)


def test_a_table_of_contents_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "x.zip", {f"{i}.csv": TEXT for i in range(2_000)})
    assert len(members_of(path)) == 2_000
    monkeypatch.setattr(archives, "_TABLE", 1 << 16)
    refuses("table of contents has more than", path)


_MEASURED = """
import resource, sys, biaskit
counts = biaskit.count(sys.argv[1], facet="sex", label="y", input_format="csv")
print(counts.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
@pytest.mark.parametrize("kind", ["archive", "xz", "pipe"])
def test_a_bomb_takes_no_memory(tmp_path: Path, kind: str) -> None:
    few, many = b"sex,y\n" + b"F,1\n" * 100_000, b"F,1\n" * 20_000_000
    peaks = []
    for rows in (few, few + many):
        path = tmp_path / "rows.zip"
        if kind == "archive":
            archive(path, {"a.csv": rows}, compresslevel=1)
        else:
            path = tmp_path / "rows"
            path.write_bytes(lzma.compress(rows, preset=0))
        stdin = path.open("rb") if kind == "pipe" else None
        call = [sys.executable, "-c", _MEASURED, "-" if kind == "pipe" else str(path)]
        out = subprocess.run(call, stdin=stdin, capture_output=True, check=True).stdout.split()
        if stdin is not None:
            stdin.close()
        assert int(out[0]) == rows.count(b"\n") - 1
        peaks.append(int(out[1]))
        assert path.stat().st_size < 2_000_000
    assert peaks[1] - peaks[0] < 50_000  # KB; the rows are 80 MB


def test_an_archive_is_resumed_by_its_files(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", {"a.csv": TEXT, "b.csv": TEXT})
    call = ["count", str(path), *FLAGS, "--resume", "-o", str(tmp_path / "x.counts")]
    assert main(call) == 0
    archive(path, {"a.csv": TEXT, "b.csv": TEXT, "c.csv": TEXT})
    assert main(call) == 0
    assert biaskit.Counts.load(tmp_path / "x.counts") == EXPECTED + EXPECTED + EXPECTED
    archive(path, {"a.csv": TEXT.replace(b"M", b"F")})
    assert main(call) == 2


def test_an_output_is_not_written_over_an_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", {"a.csv": TEXT})
    assert main(["report", str(path), *FLAGS, "--format", "json", "-o", str(path)]) == 2
    assert zipfile.is_zipfile(path)
    (one,) = files_of([path])
    assert isinstance(one, Member)
    assert str(one) == f"{path}/a.csv"


def test_errors_of_the_format_are_data_errors() -> None:
    with pytest.raises(DataError):
        biaskit.count(io.BytesIO(TEXT), **ROLES)
