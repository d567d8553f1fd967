"""JSON Lines by the kernel: the same as by the standard library, wherever the blocks are cut."""

from __future__ import annotations

import importlib.util
import os
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

import biaskit
from biaskit._kernels import BAD
from biaskit._kernels.text.records import FIELDS, Found, Wanted, records
from biaskit.errors import BiaskitError
from biaskit.sources.batches import Ask
from biaskit.sources.text import lines
from biaskit.sources.text.found import Kernel, Tables, kernels_pay
from biaskit.sources.text.records import Columns, Origin
from biaskit.sources.text.whole_lines import SPARE, Block

MUTANTS = 60 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 1_500


def fuzz() -> ModuleType:
    """The module `fuzz_records` beside this file."""
    path = Path(__file__).with_name("fuzz_records.py")
    spec = importlib.util.spec_from_file_location("fuzz_records", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mutants_are_read_or_refused_as_by_the_library() -> None:
    module = fuzz()
    rand, kernel = random.Random(0), module.kernel()
    read = 0
    for _ in range(MUTANTS):
        block = module.text(rand)
        ours = module.of_kernel(kernel, block)
        if ours is not None:
            assert ours == module.of_library(block), block
            read += not isinstance(ours, str)
    assert read > MUTANTS // 5


def test_mutants_are_counted_as_by_the_library() -> None:
    module = fuzz()
    rand, counts = random.Random(1), 0
    for _ in range(MUTANTS // 3):
        block = module.text(rand)
        ours = module.counted_by_kernel(block)
        if ours is not None:
            assert ours == module.counted_by_library(block), block
            counts += not isinstance(ours, str)
    assert counts > MUTANTS // 20


@pytest.mark.parametrize("choice", ["always", "never"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_are_cut_between_lines(
    choice: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    rows = [f'{{"g": "{"FM"[i % 2]}é", "y": {i % 3}, "w": {i / 8}}}' for i in range(40)]
    rows[20:20] = ["", " "]
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + end.join(rows).encode())
    whole = biaskit.count(path, facet="g", label="y", weight="w")
    assert whole.rows == 40
    for size in (7, 37, 38, 39, 100):
        monkeypatch.setattr(lines, "_BLOCK", size)
        assert biaskit.count(path, facet="g", label="y", weight="w") == whole
    rows[30] = '{"g": 1,, "y": 1}'
    path.write_text(end.join(rows), encoding="utf-8", newline="")
    with pytest.raises(BiaskitError, match="line 31: not JSON"):
        biaskit.count(path, facet="g", label="y")


def test_a_key_that_one_row_of_a_later_block_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    monkeypatch.setattr(lines, "_BLOCK", 64)
    path = tmp_path / "x.jsonl"
    path.write_text('{"y": 1}\n' * 30 + '{"y": 0, "g": "F"}\n')
    counts = biaskit.count(path, facet="g", label="y")
    table = pa.table({"g": [*[None] * 30, "F"], "y": [*[1] * 30, 0]})
    assert counts == biaskit.count(table, facet="g", label="y")


def made(text: bytes, columns: list[str]) -> Columns | Tables | None:
    """What the kernel makes of a text."""
    block = Block(np.frombuffer(text + SPARE, np.uint8), len(text))
    return Kernel(Ask(columns, []), Origin("x")).made(block)


@pytest.mark.parametrize(
    "text",
    [
        b'{"g": "\xff"}',
        b'{"g": [1]}',
        b'{"g": 1}\n{"g": "F"}',
        b'{"g": 9223372036854775808}',
        b'{"g": 1,, "y": 1}',
        b"\x0b\n",
        b'{"g": "%s"}' % (b"F" * (1 << 23)),
    ],
)
def test_a_block_of_which_the_kernel_makes_nothing_is_left_to_the_library(text: bytes) -> None:
    assert made(text, ["g"]) is None


def test_as_many_values_as_rows() -> None:
    found = made(b"".join(b'{"g": "%d"}\n' % i for i in range(3_000)), ["g"])
    assert isinstance(found, Columns)
    assert found.arrays["g"].to_pylist() == [str(i) for i in range(3_000)]


def arguments(text: bytes, rows: int = 4, slots: int = 8) -> tuple[object, int, Wanted, Found]:
    """Arguments of the kernel for one key."""
    wanted = Wanted(
        names=np.frombuffer(b"g" + SPARE, np.uint8),
        ends=np.array([0, 1]),
        numeric=np.zeros(1, np.uint8),
        paths=np.zeros((1, 3), np.int64),
    )
    found = Found(
        codes=np.empty((1, rows), np.int32),
        numbers=np.empty((1, rows), np.float64),
        starts=np.empty((1, rows), np.int32),
        ends=np.empty((1, rows), np.int32),
        table=np.full((1, slots), -1, np.int32),
        columns=np.zeros((1, 2), np.int64),
        odd=np.empty((rows, 4), np.int64),
        told=np.zeros(3, np.int64),
        spans=np.empty((1, 2), np.int64),
        gaps=np.zeros((FIELDS, 3), np.int64),
    )
    return np.frombuffer(text + SPARE, np.uint8), len(text), wanted, found


def test_arrays_that_do_not_fit_are_refused() -> None:
    text = b'{"g": 1}\n{"g": 2}\n'
    assert records(*arguments(text)) == 2
    assert records(*arguments(text, rows=1)) == BAD
    assert records(*arguments(text, slots=7)) == BAD
    array, size, wanted, found = arguments(text)
    assert records(array, size + 1, wanted, found) == BAD
    assert records(array, -1, wanted, found) == BAD
    assert records(array, size - 2, wanted, found) == BAD
    for ends in (np.array([0, 2]), np.array([-1, 1]), np.array([1, 0]), np.array([0])):
        assert records(array, size, wanted._replace(ends=ends), found) == BAD
    for path in ([-1, 0, 0], [2, 0, 0], [0, -1, 0], [0, 1, 0], [0, 1, 2], [1, 0, 1]):
        paths = np.array([path])
        assert records(array, size, wanted._replace(paths=paths), found) == BAD, path
    assert records(array, size, wanted._replace(paths=np.zeros((1, 2), np.int64)), found) == BAD
    for name in ("codes", "numbers", "starts", "ends", "odd"):
        short = getattr(found, name)
        cut = short[:1] if name == "odd" else np.ascontiguousarray(short[:, :1])
        assert records(array, size, wanted, found._replace(**{name: cut})) == BAD, name
    for name in ("columns", "told", "spans", "gaps"):
        short = getattr(found, name)
        cut = np.ascontiguousarray(short[..., :1])
        assert records(array, size, wanted, found._replace(**{name: cut})) == BAD, name


def test_a_small_file_does_not_load_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for choice, size, pays in (
        ("never", 1 << 40, False),
        ("always", 1, True),
        ("auto", 1, False),
        ("auto", 1 << 30, True),
    ):
        monkeypatch.setenv("BIASKIT_KERNELS", choice)
        assert kernels_pay(size) is pays


def test_bytes_are_not_weighed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file just below the limit must not load the kernel for its last block."""
    weighed = []
    monkeypatch.setattr(lines, "kernels_pay", lambda size: weighed.append(size) or False)
    monkeypatch.setattr(lines, "_BLOCK", 64)
    monkeypatch.setattr(lines.JsonLinesFiles, "bytes_by_library", 1_000)
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text('{"y": 1, "g": "F"}\n' * 30)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert biaskit.count(str(tmp_path / "*.jsonl"), facet="g", label="y").rows == 60
    assert len(weighed) > 10
    assert {*weighed} == {1_000 + size}
    assert lines.JsonLinesFiles.bytes_by_library == 1_000 + size
