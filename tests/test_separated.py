"""CSV by the kernel: the same counts and errors as by Arrow, wherever the blocks are cut."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import biaskit
import fuzz_separated
from biaskit._kernels import BAD, SLACK
from biaskit._kernels.distinct import Distinct
from biaskit._kernels.text.separated import Form, end_of_rows, separated
from biaskit.errors import DataError
from biaskit.sources.text.blocks import Blocks
from biaskit.sources.text.separated import CsvFiles, kernels_pay

IS_SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
MUTANTS = 60 if IS_SLOW else 600
ROLES: dict[str, Any] = {"facet": "g", "label": "y"}


@pytest.fixture(autouse=True)
def _counters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Blocks, "rows_of_all", 0)
    monkeypatch.setattr(CsvFiles, "bytes_by_arrow", 0)


def written(folder: Path, content: str | bytes, name: str = "x.csv") -> Path:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder / name


def by_both(
    path: Path, monkeypatch: pytest.MonkeyPatch, roles: dict[str, Any], **options: Any
) -> tuple[Any, int]:
    """Counts, or an error's text, that the kernel and Arrow agree on, and the kernel's rows."""
    found = []
    Blocks.rows_of_all = 0
    for choice in ("never", "always"):
        monkeypatch.setenv("BIASKIT_KERNELS", choice)
        try:
            found.append(biaskit.count(path, csv=options or None, **roles))
        except DataError as error:
            found.append(str(error))
    assert found[0] == found[1]
    return found[0], Blocks.rows_of_all


def test_mutants_are_counted_or_refused_as_by_arrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biaskit.sources.text.blocks._BLOCK", 0)
    monkeypatch.setenv("BIASKIT_KERNELS", "auto")  # and put back, whatever the mutants set
    rand, seen = random.Random(0), []
    for _ in range(MUTANTS):
        what, how = fuzz_separated.compared(rand, tmp_path / "x.csv")
        assert not how
        seen.append(what)
    assert seen.count("read by the kernel") > MUTANTS // 4


TRICKY = (
    'g,"y","a ""b"""\r\n"F","1","two\r\nlines"\r\n\r\nM,0,"a ""b"" c,"\r\n"","""",""\r\n'
    'é,"",\r\n"M",1,"""\r\n"""\r\na longer text than eight,0,"\n"\r\n'
)


@pytest.mark.parametrize("start", ["", "\ufeff", "\n\r\n"])
@pytest.mark.parametrize("end", ["", "M,1,last", 'M,1,"last"', "M,1,", "\n\n"])
def test_blocks_are_cut_anywhere(
    start: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, start + TRICKY + end)
    size, rows = path.stat().st_size, 6 + (len(end) > 2)
    counts, by_kernel = by_both(path, monkeypatch, ROLES)
    assert counts.rows == by_kernel == rows
    for block in range(1, size + 3, 1 if not (start or end or IS_SLOW) else 7):
        monkeypatch.setattr("biaskit.sources.text.blocks._BLOCK", block)
        Blocks.rows_of_all = 0
        assert biaskit.count(path, **ROLES) == counts
        assert rows == Blocks.rows_of_all or block < 41  # bytes of the longest row


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "g=F/x.csv"])
def test_line_ends_folders_and_compressed_files(
    end: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "g=F").mkdir()
    monkeypatch.setattr("biaskit.sources.text.blocks._BLOCK", 64)
    rows = [f'{i % 3},"{"ab"[i % 2]}",{i / 4}' for i in range(50)]
    names = "y,z,pay" if "=" in name else "y,g,pay"
    path = written(tmp_path, end.join([names, *rows]), name)
    cut = {**ROLES, "positive_above": 1, "group": "pay"}
    for roles in (ROLES, cut, {"facet": "pay", "facet_above": 3, "label": "g"}):
        counts, by_kernel = by_both(path, monkeypatch, roles)
        assert counts.rows == by_kernel == 50


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("g,y\n", 0),
        ("g,y", None),
        ("g\nF\n\nM\n", 2),
        ('g\nF\n""\n', 2),
        ("g,y\n,\n ,1\n", 2),
        ("g,y,y\nF,1,2\n", None),
        ("g,y\nF,1\nM\n", None),
        ("g,y\nF,1\nM,1,\n", None),
        ("g,y\nF,1\nM,1\n,", 3),
        ('g,y\nF,1\n"M,1\n', None),
        ("g,y\nF,1\n\xff,1\n".encode("latin-1"), None),
        ("g,y\nF,1\n\0,1\n", 2),
    ],
)
def test_files_at_the_edge(
    content: str | bytes, rows: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, content)
    roles = ROLES if b",y" in path.read_bytes() else {"facet": "g"}
    counts, by_kernel = by_both(path, monkeypatch, roles)
    assert counts.rows == rows if rows is not None else isinstance(counts, str)
    assert by_kernel == (rows or 0)


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";"},
        {"delimiter": "\t", "na_values": ["a b", "2"]},
        {"delimiter": " "},
        {"strip": True},
        {"comment": "#", "strip": True, "na_values": "?"},
        {"columns": "g,y,z"},
        {"columns": "y,g,z", "header": True},
        {"decimal": ",", "delimiter": ";"},
        {"encoding": "utf-16"},
        {"encoding": "latin-1", "comment": "#"},
    ],
)
def test_every_option(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biaskit.sources.text.blocks._BLOCK", 100)
    delimiter, encoding = options.get("delimiter", ","), options.get("encoding", "utf-8")
    first = [] if "columns" in options and "header" not in options else [["g", "y", "z"]]
    rows = [["F", "1", '"a b"'], ["?", '"0,5"', "é"], ["M ", " 2", '"#"'], ["", "", "# x"]] * 9
    lines = [delimiter.join(row) for row in [*first, *rows]]
    if delimiter in ", ":  # where these cells would be two
        lines = [line.replace(" 2", "2").replace("M ", "M").replace("# x", "x") for line in lines]
    if "comment" in options:
        lines.insert(9, '# "no row')
    path = written(tmp_path, "\n".join(lines).encode(encoding))
    counts, by_kernel = by_both(path, monkeypatch, ROLES, **options)
    assert counts.rows == by_kernel == 36


def test_arrow_reads_on_where_the_kernel_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biaskit.sources.text.blocks._BLOCK", 64)
    rows = [f"{'FM'[i % 2]},{i % 3},5 feet" for i in range(100)]
    rows[70] += ' 3"'
    for name in ("x.csv", "x.csv.gz"):
        path = written(tmp_path, "\n".join(["g,y,size", *rows]), name)
        counts, by_kernel = by_both(path, monkeypatch, ROLES)
        assert counts.rows == 100
        assert 40 < by_kernel <= 70
    for bad in ("F", "F,1,2,3"):
        path = written(tmp_path, "\n".join(["g,y,size", *rows, bad, *rows]))
        assert isinstance(by_both(path, monkeypatch, ROLES)[0], str)


def test_long_rows_are_left_to_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["F,1,a", f"M,0,{'x' * 900_000}", f'M,0,"{"y" * 900_000}"']
    path = written(tmp_path, "\n".join(["g,y,z", *rows]))
    assert by_both(path, monkeypatch, ROLES)[1] == 3
    path = written(tmp_path, "\n".join(["g,y,z", *rows, f"M,0,{'x' * 1_500_000}"]))
    assert by_both(path, monkeypatch, ROLES)[1] == 3


def test_five_thousand_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{i}" for i in range(5_000)]
    rows = [",".join(f"{(i + j) % 4}" for j in range(5_000)) for i in range(5)]
    path = written(tmp_path, "\n".join([",".join(names), *rows]))
    roles = {"facet": ["c4999", ("c2500", "c0")], "label": "c1"}
    assert by_both(path, monkeypatch, roles)[1] == 5


@pytest.mark.parametrize("length", [1, 12])
def test_more_values_than_a_byte_and_than_two_bytes_hold(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (700, 900) if IS_SLOW else (3_000, 70_000)
    monkeypatch.setattr("biaskit.sources.text.blocks._TEXTS", 512 if IS_SLOW else 1 << 16)
    monkeypatch.setattr("biaskit.sources.text.blocks._BLOCK", 1 << 14)
    for number in (few // 3, few, many):
        rows = (f"F,{i % 2},{'g' * length}{i % number}" for i in range(number + 300))
        path = written(tmp_path, "\n".join(["g,y,stratum", *rows]))
        counts, by_kernel = by_both(path, monkeypatch, {**ROLES, "group": "stratum"})
        assert counts.rows == number + 300
        assert (by_kernel == counts.rows) == (number < (512 if IS_SLOW else 1 << 16))


def test_too_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "g,y\n" + "".join(f"name {i},1\n" for i in range(2_000)))
    assert "has 2,000 different values" in by_both(path, monkeypatch, ROLES)[0]


def test_what_the_kernel_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "g,y,w\nF,1,2\nM,0,3\nF,0,1\n")
    for more in ({"weight": "w"}, {"frequency": "w"}):
        assert by_both(path, monkeypatch, {**ROLES, **more})[1] == 0
    table = biaskit.report(path, **ROLES, features=["w"], metrics="FT")
    assert len(table) == 2


def test_when_the_kernel_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    for choice, size, pays in (
        ("never", 1 << 40, False),
        ("always", 1, True),
        ("auto", 1, False),
        ("auto", 1 << 30, True),
    ):
        monkeypatch.setenv("BIASKIT_KERNELS", choice)
        assert kernels_pay(size) is pays


def test_bytes_that_arrow_has_read_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[int] = []
    monkeypatch.setattr(
        "biaskit.sources.text.separated.kernels_pay", lambda size: bool(weighed.append(size))
    )
    for name in "ab":
        written(tmp_path, "g,y\n" + "F,1\n" * 30, f"{name}.csv")
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    for turn in (1, 2):
        assert biaskit.count(str(tmp_path / "*.csv"), **ROLES).rows == 60
        assert weighed[-2:] == [turn * size] * 2


def arguments(
    text: bytes, columns: int = 1, texts: int = 8, room: int = 64
) -> tuple[Any, int, Form, Distinct, Any, Any]:
    """Arguments of the kernel for rows of two cells."""
    distinct = Distinct(
        bytes=np.zeros(room + SLACK, np.uint8),
        used=np.zeros(1, np.int64),
        sizes=np.zeros(columns, np.int64),
        doublings=np.zeros(columns, np.int64),
        table=np.zeros((columns, 2048), np.int32),
        words=np.zeros((columns, texts), np.uint64),
        starts=np.zeros((columns, texts), np.int64),
        lengths=np.zeros((columns, texts), np.int64),
    )
    form = Form(ord(","), 2, 1_000, np.arange(columns))
    ends = np.zeros(len(text) + SLACK, np.uint32)
    codes = np.zeros((2 * columns, len(text)), np.uint8)
    padded = np.frombuffer(text + b"\n" * SLACK, np.uint8).copy()
    return padded, len(text), form, distinct, ends, codes


def test_arrays_that_do_not_fit_are_refused() -> None:
    text, size, form, distinct, ends, codes = arguments(b"F,1\nM,2\nF,3\n")
    assert separated(text, size, form, distinct, ends, codes) == 3
    assert codes[0, :3].tolist() == [0, 1, 0]
    for wrong in (size + 1, size - 2, -1):
        assert separated(text, wrong, form, distinct, ends, codes) == BAD
    for places in ([2], [-1], [0, 1], []):
        odd = form._replace(places=np.array(places, np.int64))
        assert separated(text, size, odd, distinct, ends, codes) == BAD
    assert separated(text, size, form._replace(cells=0), distinct, ends, codes) == BAD
    assert separated(text, size, form._replace(longest=3), distinct, ends, codes) == BAD
    assert separated(text, size, form, distinct, ends[1:], codes) == BAD
    assert separated(text, size, form, distinct, ends, codes[:1]) == BAD
    assert separated(text, size, form, distinct, ends, np.ascontiguousarray(codes[:, :2])) == BAD
    for name, value in {
        "used": np.array([-1]),
        "sizes": np.array([9]),
        "doublings": np.array([2]),
        "table": np.zeros((1, 1000), np.int32),
        "words": np.zeros((1, 2000), np.uint64),
        "starts": np.zeros((1, 7), np.int64),
        "lengths": np.zeros((2, 8), np.int64),
    }.items():
        odd_texts = distinct._replace(**{name: value})
        assert separated(text, size, form, odd_texts, ends, codes) == BAD, name


def test_no_more_texts_than_there_is_room_for() -> None:
    assert separated(*arguments(b"".join(b"%d,\n" % i for i in range(8)))) == 8
    assert separated(*arguments(b"".join(b"%d,\n" % i for i in range(9)))) == BAD
    assert separated(*arguments(b"x" * 64 + b",\n")) == 1
    assert separated(*arguments(b"x" * 65 + b",\n")) == BAD


def test_where_the_rows_of_a_block_end() -> None:
    for text, end in (
        (b'a,b\nc,"\n', 4),
        (b'a,b\n"c\n\n"', 4),
        (b'a,"\r"\rb', 6),
        (b"x" * 70 + b'\n"' + b"y" * 70 + b"\n", 71),
        (b'"\n', 0),
        (b"", 0),
    ):
        assert end_of_rows(np.frombuffer(text, np.uint8).copy(), len(text)) == end
    assert end_of_rows(np.zeros(1, np.uint8), 2) == 0


@pytest.mark.slow
def test_no_byte_beyond_a_buffer_is_touched() -> None:
    program, mutants = Path(__file__).with_name("fuzz_separated.py"), "30" if IS_SLOW else "300"
    done = subprocess.run(
        [sys.executable, program, mutants, "--guard"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["read by the kernel"] > int(mutants) // 4
