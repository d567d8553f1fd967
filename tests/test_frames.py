"""Tables in memory by the kernels: the same counts, and the same errors, as without them."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit._kernels import BAD, SLACK
from biaskit._kernels.columns import (
    CODES,
    FREE,
    FULL,
    Distinct,
    Target,
    cut_codes,
    merged,
    range_codes,
    range_of,
    text_codes,
    view_codes,
    word_codes,
)
from biaskit.sources.batches import Ask, Counting
from biaskit.sources.frames import choice, codes, counted, of_pandas, source

IS_SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
many = settings(max_examples=40 if IS_SLOW else 200)
ROLES = {"facet": "a", "label": "b", "group": "c"}
TEXTS = ["", "F", "M", "a\0", "a", "exactly8", "exactly8\0", "nine char", "ü", "a text of 16 b..",
         "a text of 17 by..", "a text of 17 by.!", "x" * 40, "x" * 39 + "y"]  # fmt: skip
TYPES: dict[Any, st.SearchStrategy[Any]] = {
    pa.string(): st.sampled_from(TEXTS),
    pa.large_string(): st.sampled_from(TEXTS),
    pa.string_view(): st.sampled_from(TEXTS),
    pa.binary(): st.sampled_from([b"x", b"\xff", b""]),
    pa.large_binary(): st.sampled_from([b"x" * 20, b"\xfe" * 20]),
    pa.binary_view(): st.sampled_from([b"x" * 20, b"\xfe" * 20, b"x"]),
    pa.binary(2): st.sampled_from([b"xy", b"\xff\xfe"]),
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.uint8(): st.integers(0, 255),
    pa.int32(): st.sampled_from([-(2**31), 0, 2**31 - 1]),
    pa.int64(): st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63), 2**53]),
    pa.uint64(): st.sampled_from([0, 1, 2**64 - 1, 2**63]),
    pa.float32(): st.sampled_from([0.0, -0.0, 1.0, 0.1, float("nan"), float("inf")]),
    pa.float64(): st.sampled_from([0.0, -0.0, 1.0, 0.1, float("nan"), -float("inf")]),
    pa.float16(): st.sampled_from([np.float16(0), np.float16(1.5)]),
    pa.decimal128(5, 2): st.sampled_from([Decimal("-1.50"), Decimal(2)]),
    pa.date32(): st.sampled_from([date(2020, 1, 1), date(1969, 12, 31)]),
    pa.timestamp("us", "UTC"): st.sampled_from([0, 1_700_000_000_000_000]),
    pa.duration("s"): st.sampled_from([0, 60]),
    pa.null(): st.none(),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["p", "q", None]),
    pa.dictionary(pa.uint16(), pa.int64()): st.sampled_from([1, 2]),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows, so that a small table has several."""
    monkeypatch.setattr(counted, "FEW", 0)
    for module in (source, of_pandas):
        monkeypatch.setattr(module, "ROWS", 50)


@pytest.fixture
def by_kernels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each block that the kernels have counted."""
    seen: list[int] = []
    cells = counted.Cells

    def noted(*args: Any) -> Any:
        seen.append(args[2])
        return cells(*args)

    monkeypatch.setattr(counted, "Cells", noted)
    return seen


def result(data: Any, choice: str, roles: dict[str, Any]) -> Any:
    """Counts, or the words of the error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIASKIT_KERNELS", choice)
        try:
            return biaskit.count(data, **roles)
        except BiaskitError as error:
            return str(error)


def both(data: Any, **roles: Any) -> Any:
    """What is counted, or said, with the kernels and without them."""
    ours = result(data, "always", roles)
    assert ours == result(data, "never", roles)
    return ours


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Tables of three columns in chunks of their own, each of them a slice of a longer one."""
    rows = draw(st.integers(0, 130))
    columns = {}
    for name in "abc":
        type_ = draw(st.sampled_from(list(TYPES)))
        values = TYPES[type_] if draw(st.booleans()) else TYPES[type_] | st.none()
        some = draw(st.lists(values, min_size=1, max_size=8))
        seed = draw(st.integers(0, 99))
        chunks, left = [], rows
        while left:
            size, before = draw(st.integers(1, left)), draw(st.integers(0, 9))
            rng = np.random.default_rng(seed + left)
            chosen = [some[i] for i in rng.integers(0, len(some), size + before + 3)]
            chunks.append(pa.array(chosen, type_).slice(before, size))
            left -= size
        columns[name] = pa.chunked_array(chunks, type_)
    return pa.table(columns)


@many
@given(table=tables())
def test_tables_of_every_type(table: pa.Table) -> None:
    both(table, **ROLES)
    both(table, facet=["a", ("a", "c")], label="b")


@many
@given(
    table=tables(),
    edges=st.lists(st.sampled_from([-1.5, 0, 0.1, 1, 2.0**53, 2**60]), min_size=1, unique=True),
)
def test_cuts(table: pa.Table, edges: list[float]) -> None:
    both(table, facet="a", facet_edges=sorted(edges), label="b")


@many
@given(table=tables())
def test_frames_of_pandas_and_polars(table: pa.Table) -> None:
    frame = table.to_pandas(ignore_metadata=True)
    both(frame, **ROLES)
    both(frame.astype(object), **ROLES)
    if not any(pa.types.is_float16(type_) for type_ in table.schema.types):
        both(pl.from_arrow(table), **ROLES)


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.large_string(), pa.string_view(), pa.int64(), pa.float64()]
)
def test_the_kernels_count_these_types(type_: Any, by_kernels: list[int]) -> None:
    values = pa.array(["1", "0", None, "1"] * 30).cast(type_)
    both(pa.table({"a": values, "b": values, "c": values}), **ROLES)
    assert sorted(by_kernels) == [20, 50, 50]


@pytest.mark.parametrize("dtype", ["str", "object", "category", "float32", "Int64", "boolean"])
def test_the_kernels_count_these_dtypes(dtype: str, by_kernels: list[int]) -> None:
    frame = pd.DataFrame({"a": [1, 0, None, 1] * 30, "b": [True, False, True, False] * 30})
    if dtype in ("str", "object", "category"):
        frame["a"] = frame["a"].map({1: "F", 0: "M"}).astype(dtype)
    else:
        frame["a"] = frame["a"].astype(dtype)
    both(frame, facet="a", label="b")
    assert sorted(by_kernels) == [20, 50, 50]


@pytest.mark.parametrize("dtype", ["str", "string[python]", "string[pyarrow]", "int64[pyarrow]"])
def test_frames_of_several_chunks(dtype: str, by_kernels: list[int]) -> None:
    parts = [pd.DataFrame({"a": pd.Series(["1", "2"] * 20, dtype=dtype), "b": 1}) for _ in "123"]
    both(pd.concat(parts), facet="a", label="b")
    assert sorted(by_kernels) == [20, 50, 50]


@pytest.mark.parametrize(
    "values",
    [
        ["F", None, float("nan"), pd.NA, pd.NaT, "M"],
        [True, False, None],
        [1, 2.5, None, 2**40],
        [1, 2**64],
        [2**53 + 1, 0.5],
        [True, 1],
        ["F", 1, None],
        [1, "F"],
        ["F", b"F", "M"],
        [b"\xff", b"x"],
        [Decimal("1.5"), Decimal("2.25"), None],
        [date(2020, 1, 1), None],
        ["\ud800", "F"],
        [["F"], ["M"]],
        [{"F": 1}],
        [object()],
        [None],
        [np.int64(1), np.float64(2), 3],
        [np.str_("F"), "F"],
    ],
    ids=repr,
)
@pytest.mark.parametrize("late", [False, True])
def test_objects(values: list[Any], late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # so that the first block is the first
    mixed = [values[i % len(values)] for i in range(120)]
    column = pd.Series(["F"] * 70 + mixed[:50] if late else mixed, dtype=object)
    both(pd.DataFrame({"a": column, "b": [0, 1] * 60}), facet="a", label="b")


def text(of: str) -> str:
    """A text that is an object of its own."""
    return "".join(list(of))


def test_equal_objects_count_as_one(by_kernels: list[int]) -> None:
    values = np.array([text(("female", "male")[i % 3 % 2]) for i in range(120)], object)
    assert len({*map(id, values)}) > 100
    found = both(pd.DataFrame({"a": values, "b": [0, 1] * 60}), facet="a", label="b")
    (table,) = found.tables.values()
    assert table.levels.facet == ("female", "male")
    assert table.n.sum(axis=(1, 2, 3)).tolist() == [80, 40]
    assert by_kernels


@pytest.mark.parametrize("most", [{1: 1 << 8, 2: 1 << 12}, {1: 4, 2: 16}, {1: 1, 2: 2}])
def test_more_objects_and_texts_than_a_table_has(
    most: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "_MOST_CODES", most)
    values = [text(f"value {i % 40:02d}") for i in range(150)]
    labels = [0, 1, 1] * 50
    columns = {"a": values, "b": labels, "c": values[::-1]}
    assert both(pa.table(columns), **ROLES).rows == 150
    assert both(pl.DataFrame(columns), **ROLES).rows == 150
    assert both(pd.DataFrame(columns).astype(object), **ROLES).rows == 150


@pytest.mark.parametrize("number", [300, 1_001, 5_000])
@pytest.mark.parametrize("form", ["text", "number", "object"])
@pytest.mark.parametrize("block", [50, 1 << 17])
def test_many_values(number: int, form: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "ROWS", block)
    monkeypatch.setattr(of_pandas, "ROWS", block)
    values = np.arange(number) % (number - 1)
    column = values * 1_000 if form == "number" else values.astype(str).astype(object)
    table = (
        pd.DataFrame({"a": column, "b": 1})
        if form == "object"
        else pa.table({"a": column, "b": np.ones(number)})
    )
    found = both(table, facet="a", label="b")
    assert isinstance(found, str) == (number > 1_001), found
    many = both(table, facet="b", group="a")
    assert many.rows == number


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view(), None])
def test_texts_of_many_bytes(type_: Any) -> None:
    for length, is_refused in ((1 << 16, False), ((1 << 16) + 1, True)):
        values = ["F", "x" * length, "F"]
        table = pa.table({"a": pa.array(values, type_)}) if type_ else pd.DataFrame({"a": values})
        found = both(table, facet="a")
        assert isinstance(found, str) == is_refused
    table = pa.table({"a": pa.array(["x" * 60_000 + str(i) for i in range(8)], type_)})
    assert both(table, facet="a").rows == 8


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_that_are_not_utf_8(type_: Any) -> None:
    raw = pa.array([b"F", b"\xff!", b"\xff" * 20] * 30, pa.binary())
    of_bytes = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    raw = raw.cast(of_bytes.get(type_, pa.binary_view()))
    array = pa.Array.from_buffers(type_, len(raw), raw.buffers())
    assert "not UTF-8" in both(pa.table({"a": array}), facet="a")


def test_dictionaries_that_differ_and_repeat() -> None:
    def chunk(indices: list[int | None], values: list[str | None]) -> Any:
        return pa.DictionaryArray.from_arrays(
            pa.array(indices, pa.int16()), pa.array(values, pa.string())
        )

    chunks = [
        chunk([0, 1, 2, None, 3] * 5, ["F", "M", "F", None, "unused"]),
        chunk([1, 0] * 9, ["F", "M"]),
        chunk([0, 1], ["M", "F"]).slice(1),
        chunk([], ["M", "F"]),
        chunk([None, None], []),
        chunk([0, 299], [f"v{i}" for i in range(300)]),
    ]
    found = both(pa.table({"a": pa.chunked_array(chunks)}), facet="a")
    assert found.rows == 25 + 18 + 1 + 2 + 2
    bad = pa.DictionaryArray.from_arrays(pa.array([0, 5], pa.int8()), ["F"], safe=False)
    assert "outside of its dictionary" in both(pa.table({"a": bad}), facet="a")


def test_an_index_of_a_dictionary_that_is_freed() -> None:
    batches = [
        pa.record_batch({"a": pa.array(values * 30).dictionary_encode()})
        for values in (["F", "M"], ["M", "F"], ["X", "F"])
    ]
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIASKIT_KERNELS", "always")
        found = biaskit.count(reader, facet="a")
    assert found == result(pa.Table.from_batches(batches), "never", {"facet": "a"})


def test_weights_are_the_same_bits(by_kernels: list[int]) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 240), "b": rng.integers(0, 2, 240)})
    frame["w"] = rng.uniform(0, 2, 240)
    both(frame, facet="a", label="b", weight="w")
    both(pa.table(frame), facet="a", label="b", weight="w")
    assert sum(by_kernels) == 480
    both(frame.assign(w=frame["w"].astype(object)), facet="a", label="b", weight="w")
    for wrong in (-1, np.nan, np.inf):
        frame.loc[170, "w"] = wrong
        assert "first in row 171" in both(frame, facet="a", label="b", weight="w")


def test_frequencies_and_samples_are_counted_otherwise(by_kernels: list[int]) -> None:
    frame = pd.DataFrame({"a": ["F", "M"] * 60, "b": [0, 1] * 60, "often": 2})
    assert both(frame, facet="a", label="b", frequency="often").rows == 240
    report = biaskit.report(frame, facet="a", label="b", features=["often"], metrics="FT")
    assert len(report) == 2
    assert not by_kernels


def test_kinds_that_differ_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # so that the first block is the first
    column = np.array(["F"] * 60 + [1] * 60, object)
    assert "first of another type" in both(pd.DataFrame({"a": column}), facet="a")
    column = np.array(["F"] * 50 + [1] * 60, object)
    assert "of kind number" in both(pd.DataFrame({"a": column}), facet="a")


def test_two_counts_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.choice(["F", "M", "X"], 600), "b": rng.integers(0, 2, 600)})
    frame["c"] = frame["a"].astype(object)
    wanted = biaskit.count(frame, **ROLES)
    found: list[Any] = []

    def run() -> None:
        found.extend(biaskit.count(frame, **ROLES) for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 20


def test_a_frame_is_not_changed() -> None:
    frame = pd.DataFrame({"a": ["F", None] * 60, "b": [0.5, np.nan] * 60, "c": [1, 2] * 60})
    before = frame.copy(deep=True)
    both(frame, **ROLES)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("rows", "is_loaded", "setting", "counts"),
    [
        (choice.CROSSOVER, False, "auto", True),
        (choice.CROSSOVER - 1, False, "auto", False),
        (choice.CROSSOVER_LOADED, True, "auto", True),
        (choice.CROSSOVER_LOADED - 1, True, "auto", False),
        (None, True, "auto", True),
        (None, False, "auto", False),
        (1, False, "always", True),
        (choice.CROSSOVER, True, "never", False),
    ],
)
def test_when_kernels_count(
    rows: int | None, is_loaded: bool, setting: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", setting)
    monkeypatch.setattr(choice, "_rows_before", 0)
    if not is_loaded:
        monkeypatch.delitem(sys.modules, "biaskit._kernels.columns")
    ask = Ask(["a"], [], Counting(biaskit.Roles(facet="a"), {}))
    assert choice.kernels_count(ask, rows) == counts
    assert not choice.kernels_count(ask._replace(counting=None), rows)


def test_a_process_that_counts_often_loads_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", "auto")
    monkeypatch.setattr(choice, "_rows_before", 0)
    monkeypatch.delitem(sys.modules, "biaskit._kernels.columns")
    ask = Ask(["a"], [], Counting(biaskit.Roles(facet="a"), {}))
    third = choice.CROSSOVER // 3 + 1
    assert [choice.kernels_count(ask, third) for _ in range(4)] == [False, False, True, True]
    monkeypatch.setattr(choice, "_rows_before", 0)
    ask = ask._replace(counting=Counting(biaskit.Roles(facet="a", score="s"), {}))
    quarter = choice.CROSSOVER_SCORES // 4
    assert [choice.kernels_count(ask, quarter) for _ in range(4)] == [False, False, False, True]


# The kernels themselves, on buffers that lie.


def table_of(codes: int = 256, slots: int = 4096) -> Distinct:
    words = np.zeros((slots, 4), np.uint64)
    words[:, 2] = FREE
    starts = np.zeros(codes, np.int64)
    return Distinct(words, starts, starts.copy(), np.zeros(64 + SLACK, np.uint8), np.zeros(2, int))


def frozen(values: Any, dtype: Any) -> Any:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def target_of(rows: int, planes: int = 1) -> Target:
    starts = np.arange(planes, dtype=np.int64) * (rows + SLACK)
    return Target(np.zeros(planes * (rows + SLACK), np.uint8), starts)


ALL = frozen([], np.uint8)


def of_texts(offsets: list[int], data: bytes, valid: Any = ALL, **more: Any) -> Any:
    """What the kernel returns, and the codes."""
    target = more.get("target") or target_of(len(offsets) - 1)
    distinct = more.get("distinct") or table_of()
    octets = frozen(bytearray(data), np.uint8)
    done = text_codes(frozen(offsets, np.int64), octets, valid, distinct, target)
    return done, target.out[: max(0, len(offsets) - 1)].tolist()


@many
@given(
    texts=st.lists(st.binary(max_size=20) | st.sampled_from([b"", b"a", b"a\0"]) | st.none()),
    has_missing=st.booleans(),
)
def test_codes_of_texts_at_the_end_of_their_bytes(
    texts: list[bytes | None], has_missing: bool
) -> None:
    known = [one or b"" for one in texts]
    offsets = np.cumsum([0, *map(len, known)]).tolist()
    valid = frozen([one is not None for one in texts], np.uint8) if has_missing else ALL
    distinct = table_of()._replace(content=np.zeros(4096, np.uint8))
    done, found = of_texts(offsets, b"".join(known), valid, distinct=distinct)
    assert done == len(texts)
    values = texts if has_missing else known
    order = list(dict.fromkeys(values))
    assert found == [order.index(one) for one in values]
    assert distinct.told[CODES] == len(order)
    assert [values[i] for i in distinct.firsts[: len(order)]] == order


@pytest.mark.parametrize(
    ("offsets", "data"),
    [
        ([0, 2, 1], b"abc"),
        ([-1, 2], b"abc"),
        ([0, 4], b"abc"),
        ([0, 2**62], b"abc"),
        ([0, -(2**63), 2], b"abc"),
        ([5, 2**63 - 1, 5], b"abc"),
        ([], b""),
    ],
)
def test_offsets_that_lie(offsets: list[int], data: bytes) -> None:
    assert of_texts(offsets, data)[0] == BAD


def test_damaged_offsets_are_refused_or_right() -> None:
    """Random offsets and bytes: a call is refused if and only if a text lies outside of them."""
    rng, outcomes = np.random.default_rng(0), set()
    for _ in range(300 if IS_SLOW else 3_000):
        size, rows = int(rng.integers(0, 40)), int(rng.integers(0, 8))
        data = rng.integers(0, 2, size, np.uint8).tobytes()
        offsets = np.sort(rng.integers(0, size + 1, rows + 1))
        if rng.random() < 0.5:
            offsets[rng.integers(0, rows + 1)] = rng.choice(
                [-1, 0, size, size + 1, 2**40, -(2**63)]
            )
        texts = [data[a:b] for a, b in itertools.pairwise(offsets)]
        is_right = bool((np.diff(offsets) >= 0).all() and 0 <= offsets[0] <= offsets[-1] <= size)
        distinct = table_of()._replace(content=np.zeros(400, np.uint8))
        done, found = of_texts(offsets.tolist(), data, distinct=distinct)
        outcomes.add(done == BAD)
        assert done == (rows if is_right else BAD)
        if is_right:
            order = list(dict.fromkeys(texts))
            assert found == [order.index(one) for one in texts]
    assert outcomes == {True, False}


def test_damaged_views_are_refused_or_right() -> None:
    """Random views of a buffer: those outside of it are refused, before their bytes are read."""
    rng, outcomes = np.random.default_rng(1), set()
    data = bytes(rng.integers(0, 2, 60, np.uint8))
    for _ in range(300 if IS_SLOW else 3_000):
        length, at = int(rng.integers(-2, 70)), int(rng.integers(-3, 70))
        buffer = int(rng.choice([0, 0, 0, 1, -1]))
        words = view(length, buffer, at, data[max(0, at) : max(0, at) + 4].ljust(4, b"\0"))
        distinct = table_of()._replace(content=np.zeros(400, np.uint8))
        given = (frozen(words * 2, np.uint64), frozen(bytearray(data), np.uint8), 0, 0, ALL)
        done = view_codes(*given, distinct, target_of(2))
        if 0 <= length <= 12:
            wanted = 2
        elif length < 0 or at < 0 or buffer < 0:
            wanted = BAD
        elif buffer == 1:
            wanted = 0
        else:
            wanted = 2 if at + length <= len(data) else BAD
        outcomes.add(wanted)
        assert done == wanted, (length, buffer, at)
    assert outcomes == {0, 2, BAD}


def test_places_that_do_not_suffice() -> None:
    offsets, data = [0, 1, 2], b"FM"
    for wrong in (
        {"valid": frozen([1], np.uint8)},
        {"target": Target(np.zeros(SLACK + 1, np.uint8), np.zeros(1, np.int64))},
        {"target": Target(np.zeros(SLACK + 2, np.uint8), np.array([-1]))},
        {"target": Target(np.zeros(SLACK + 2, np.uint8), np.array([1]))},
        {"target": Target(np.zeros(SLACK + 2, np.uint8), np.zeros(0, np.int64))},
        {"target": Target(np.zeros(SLACK + 2, np.uint8), np.zeros(3, np.int64))},
        {"distinct": table_of(slots=4095)},
        {"distinct": table_of(slots=256)},
        {"distinct": table_of(codes=257)},
        {"distinct": table_of()._replace(told=np.array([257, 0]))},
        {"distinct": table_of()._replace(told=np.array([0, 65]))},
        {"distinct": table_of()._replace(told=np.array([-1, 0]))},
        {"distinct": table_of()._replace(starts=np.zeros(3, np.int64))},
    ):
        assert of_texts(offsets, data, **wrong)[0] == BAD, wrong
    assert of_texts(offsets, data, distinct=table_of(codes=1))[0] == FULL
    assert of_texts([0, 65], b"x" * 65)[0] == FULL
    assert of_texts([0, 64], b"x" * 64)[0] == 1


def view(length: int, buffer: int, at: int, prefix: bytes = b"xxxx") -> list[int]:
    """The words of a view of a text that is elsewhere."""
    octets = (length % 2**32).to_bytes(4, "little") + prefix
    octets += (buffer % 2**32).to_bytes(4, "little") + (at % 2**32).to_bytes(4, "little")
    return np.frombuffer(octets, np.uint64).tolist()


@pytest.mark.parametrize(
    ("words", "done"),
    [
        (view(13, 0, 0), 1),
        (view(13, 0, 7), 1),
        (view(13, 0, 8), BAD),
        (view(20, 0, 0), 1),
        (view(21, 0, 0), BAD),
        (view(2**31 - 1, 0, 0), BAD),
        (view(-1, 0, 0), BAD),
        (view(13, -1, 0), BAD),
        (view(13, 0, -1), BAD),
        (view(13, 1, 0), 0),
        (view(12, 9, 9), 1),
        ([1], 0),
    ],
)
def test_views_that_lie(words: list[int], done: int) -> None:
    data = frozen([120] * 20, np.uint8)
    given = (frozen(words, np.uint64), data, 0, 0, ALL, table_of(), target_of(2))
    assert view_codes(*given) == done
    assert view_codes(given[0], data, 0, 2, *given[4:]) == BAD
    assert view_codes(given[0], data, 0, -1, *given[4:]) == BAD


def test_ranges_cuts_and_places_that_lie() -> None:
    values = frozen([5, 6, 7], np.int64)
    one = frozen([1], np.uint8)
    ends = np.array([5, 7])
    assert range_codes(values, ALL, ends, target_of(3)) == 3
    for wrong in ([6, 7], [5, 6], [7, 5], [-300, 7], [-(2**63), 2**63 - 1]):
        assert range_codes(values, ALL, np.array(wrong), target_of(3)) == BAD
    assert range_codes(values, ALL, ends, target_of(2)) == BAD
    assert range_codes(values, one, ends, target_of(3)) == BAD
    assert range_of(values, one, ends) == BAD
    assert range_of(values, ALL, np.zeros(3, np.int64)) == BAD
    numbers, edges = frozen([0.5], np.float64), frozen([0.1, 0.2], np.float64)
    assert cut_codes(numbers, ALL, edges, target_of(1)) == 1
    assert cut_codes(numbers, ALL, frozen(range(255), np.float64), target_of(1)) == BAD
    assert cut_codes(numbers, frozen([1, 1], np.uint8), edges, target_of(1)) == BAD
    assert cut_codes(numbers, ALL, edges, target_of(0)) == BAD
    places = np.zeros(1, np.uint16)
    assert merged(3, places, target_of(3)) == 3
    assert merged(4, places, target_of(3)) == BAD
    target = target_of(3)
    target.out[1] = 1
    assert merged(3, places, target) == BAD
    assert word_codes(frozen([1, 2], np.uint64), one, table_of(), target_of(2)) == BAD


def test_values_that_share_a_slot_are_left_to_arrow() -> None:
    """Many words with one hash: the search ends, and the caller counts them otherwise."""
    distinct, target = table_of(), target_of(100)
    factor = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
    words = frozen([(i * factor) % (1 << 64) for i in range(100)], np.uint64)
    assert word_codes(words, ALL, distinct, target) == FULL
