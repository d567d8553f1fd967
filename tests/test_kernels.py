"""Every kernel against its plain twin, on well-formed and on damaged input."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numba import config

from biaskit._kernels import BAD, SLACK
from biaskit._kernels.joint import (
    ROWS,
    SCRATCH,
    joint_counts,
    joint_weights,
    placed,
    table_size,
    used,
)
from biaskit._kernels.parquet.hybrid import (
    hybrid,
    hybrid_pairs,
    hybrid_wide,
    level_bits,
    packed_codes,
    spread,
    spread_wide,
)
from biaskit._kernels.parquet.pages import (
    BODY,
    DATA,
    DICTIONARY,
    ENCODING,
    FACTS,
    FIELDS,
    KIND,
    MOST_EVENTS,
    OTHER_ROWS,
    PACKED,
    SIZE,
    VALUES,
    page_table,
)
from biaskit._kernels.parquet.planes import MASKS, SPARE, plane_bytes, plane_counts
from biaskit._kernels.parquet.snappy import snappy, snappy_literal
from biaskit._kernels.parquet.thrift import STACK, fields, path
from biaskit._kernels.parquet.values import (
    DOUBLE,
    INT_32,
    INT_64,
    SINGLE,
    booleans,
    cut,
    numbers,
)
from support import plain_kernels as plain

#: Added to it, a number of rows wraps around.
LAST = np.iinfo(np.int64).max
few = settings(
    max_examples=30 if config.DISABLE_JIT else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
damage = st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), max_size=3)


def padded(source: bytes) -> np.ndarray:
    """Bytes with spare ones after them, which are not zero, so that using them shows."""
    return np.frombuffer(source + b"\xa5" * SLACK, np.uint8).copy()


def damaged(source: bytes, changes: list[tuple[int, int]]) -> bytes:
    made = bytearray(source)
    for at, value in changes:
        if made:
            made[at % len(made)] = value
    return bytes(made)


def varint(number: int) -> bytes:
    made = b""
    while number > 127:
        made += bytes([number & 127 | 128])
        number >>= 7
    return made + bytes([number])


@st.composite
def runs(draw: st.DrawFn, width: int) -> bytes:
    """Runs of codes of some width, as a writer may make them."""
    made = b""
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            groups = draw(st.integers(1, 5))
            made += varint(groups << 1 | 1) + draw(
                st.binary(min_size=groups * width, max_size=groups * width)
            )
        else:
            value = draw(st.integers(0, (1 << width) - 1))
            made += varint(draw(st.integers(1, 300)) << 1)
            made += value.to_bytes((width + 7) // 8, "little")
    return made


@few
@given(st.data(), st.integers(0, 32), st.integers(0, 200), damage)
def test_runs_are_decoded_as_by_the_twin(data, width, count, changes):
    source = damaged(data.draw(runs(width)), changes)
    most = 1 << width
    size = data.draw(st.sampled_from([most, max(1, most - 1), max(1, most // 2), most + 1]))
    try:
        expected = plain.hybrid(source, width, size, count)
    except ValueError:
        expected = None
    wide = np.full(count + 3, 77, np.uint32)
    done = hybrid_wide(padded(source), 0, len(source), width, size, wide, 2, count)
    assert (done == BAD) == (expected is None)
    if expected is not None:
        assert wide[2 : 2 + count].tolist() == expected.tolist()
        assert wide[:2].tolist() == [77, 77]
        assert wide[-1] == 77
    if width <= 8:
        size = min(size, 256)
        narrow = np.full(count + 2 + SLACK, 77, np.uint8)
        done = hybrid(padded(source), 0, len(source), width, size, narrow, 2, count)
        assert (done == BAD) == (expected is None)
        if expected is not None:
            assert narrow[2 : 2 + count].tolist() == expected.tolist()
            assert narrow[:2].tolist() == [77, 77]


@pytest.mark.parametrize("size", [1, 2, 100, 127, 128, 129, 200, 255, 256])
def test_every_code_of_eight_bits_is_held_against_the_size(size):
    out = np.zeros(8 + SLACK, np.uint8)
    for code in range(256):
        for place in (0, 7):
            codes = bytearray(8)
            codes[place] = code
            source = b"\x03" + bytes(codes)
            done = hybrid(padded(source), 0, len(source), 8, size, out, 0, 8)
            assert (done == BAD) == (code >= size)


def test_padding_after_the_last_code_is_not_read():
    source = b"\x03" + bytes([0b11111001])
    out = np.zeros(8 + SLACK, np.uint8)
    assert hybrid(padded(source), 0, 2, 1, 1, out, 0, 8) == BAD
    assert hybrid(padded(b"\x03\xf8"), 0, 2, 1, 1, out, 0, 3) == 2


@pytest.mark.parametrize(
    ("at", "end", "width", "size", "start", "count"),
    [
        (-1, 2, 1, 2, 0, 8),
        (0, 3, 1, 2, 0, 8),
        (0, 2, 9, 2, 0, 8),
        (0, 2, -1, 2, 0, 8),
        (0, 2, 1, 0, 0, 8),
        (0, 2, 1, 257, 0, 8),
        (0, 2, 1, 2, -1, 8),
        (0, 2, 1, 2, 1, 8),
        (0, 2, 1, 2, 0, -1),
        (0, 2, 1, 2, 0, 9),
    ],
)
def test_runs_outside_of_their_arrays_are_refused(at, end, width, size, start, count):
    out = np.zeros(8 + SLACK, np.uint8)
    source = padded(b"\x03\x01")
    assert hybrid(source, 0, 2, 1, 2, out, 0, 8) == 2
    assert hybrid(source, at, end, width, size, out, start, count) == BAD
    wide = np.zeros(8, np.uint32)
    if width != 9 and size != 257:
        assert hybrid_wide(source, at, end, width, size, wide, start, count) == BAD


@few
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 255))
def test_missing_values_are_spread_as_by_the_twin(rows, missing):
    levels = np.array([row > 0 for row in rows], np.uint8)
    dense = np.array([row for row in rows if row], np.uint8)
    expected = plain.spread(levels, dense, missing).tolist()
    out = np.full(len(rows) + 1 + SLACK, 77, np.uint8)
    bits = np.packbits(levels, bitorder="little")
    arguments = padded(bits.tobytes()), padded(dense.tobytes()), len(dense), missing
    assert spread(*arguments, out, 1, len(rows)) == len(rows)
    assert out[: 1 + len(rows)].tolist() == [77, *expected]
    wide = np.full(len(rows) + 1, 77, np.uint32)
    spare = np.append(dense, 0).astype(np.uint32)
    wide_arguments = arguments[0], spare, len(dense), missing
    assert spread_wide(*wide_arguments, wide, 1, len(rows)) == len(rows)
    assert wide.tolist() == [77, *expected]
    for wrong in (len(dense) - 1, len(dense) + 1):
        if wrong >= 0:
            assert spread(arguments[0], arguments[1], wrong, missing, out, 1, len(rows)) == BAD
    assert spread(*arguments, out, 2, len(rows)) == BAD
    assert spread_wide(*wide_arguments, wide, 2, len(rows)) == BAD


def test_eight_rows_are_spread_for_every_byte_of_levels():
    dense = padded(bytes(range(1, 9)))
    for byte in range(256):
        levels = np.unpackbits(np.array([byte], np.uint8), bitorder="little")
        present = int(levels.sum())
        out = np.full(8 + SLACK, 77, np.uint8)
        assert spread(padded(bytes([byte])), dense, present, 9, out, 0, 8) == 8
        assert out[:8].tolist() == plain.spread(levels, dense[:present], 9).tolist()


@few
@given(runs(1), st.integers(0, 300), damage)
def test_levels_become_the_bits_of_the_twin(source, count, changes):
    source = damaged(source, changes)
    try:
        expected = plain.hybrid(source, 1, 2, count)
    except ValueError:
        expected = None
    levels = np.full((count + 7) // 8 + SLACK, 77, np.uint8)
    present = level_bits(padded(source), 0, len(source), count, levels)
    assert (present == BAD) == (expected is None)
    if expected is not None:
        assert present == expected.sum()
        if present < count:
            made = np.unpackbits(levels, bitorder="little")[:count]
            assert made.tolist() == expected.tolist()


def test_levels_outside_of_their_arrays_are_refused():
    source, levels = padded(b"\x03\xff"), np.zeros(1 + SLACK, np.uint8)
    assert level_bits(source, 0, 2, 8, levels) == 8
    assert level_bits(source, -1, 2, 8, levels) == BAD
    assert level_bits(source, 0, 3, 8, levels) == BAD
    assert level_bits(source, 0, 2, -1, levels) == BAD
    assert level_bits(source, 0, 2, 8, levels[1:]) == BAD


@few
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"abcdefgh", b"x" * 40, b"abc", b"0"]), max_size=20).map(
            b"".join
        ),
    ),
    damage,
)
def test_snappy_is_decompressed_as_by_the_twin(text, changes):
    packed = damaged(pa.Codec("snappy").compress(text, asbytes=True), changes)
    try:
        expected = plain.snappy(packed)
    except ValueError:
        expected = None
    if not changes:
        assert expected == text
    size = len(text) if expected is None else len(expected)
    out = np.zeros(size + SLACK, np.uint8)
    done = snappy(padded(packed), 0, len(packed), out, size)
    assert (done == BAD) == (expected is None)
    if expected is not None:
        assert out[:size].tobytes() == expected
        assert snappy(padded(packed), 0, len(packed), out, size + 1) == BAD
        where = snappy_literal(padded(packed), 0, len(packed), size)
        assert where == BAD or packed[where : where + size] == expected


def test_snappy_of_every_kind_of_tag():
    literal = bytes([59 << 2]) + bytes(range(60))
    long_literal = bytes([61 << 2]) + (299).to_bytes(2, "little") + bytes(300)
    near = bytes([1 | (7 << 2), 3])
    far = bytes([2 | (63 << 2)]) + (200).to_bytes(2, "little")
    farther = bytes([3 | (9 << 2)]) + (359).to_bytes(4, "little")
    body = literal + long_literal + near + far + farther
    packed = varint(60 + 300 + 11 + 64 + 10) + body
    expected = plain.snappy(packed)
    out = np.zeros(len(expected) + SLACK, np.uint8)
    assert snappy(padded(packed), 0, len(packed), out, len(expected)) == len(expected)
    assert out[: len(expected)].tobytes() == expected


def thrift(fields: dict[int, object]) -> bytes:
    """Struct of Thrift's compact form: integers, booleans, bytes and dictionaries of them."""
    made, last = b"", 0
    for field, value in fields.items():
        delta, last = field - last << 4, field
        match value:
            case bool():
                made += bytes([delta | (1 if value else 2)])
            case int():
                made += bytes([delta | 5]) + varint(value * 2 if value >= 0 else -value * 2 - 1)
            case bytes():
                made += bytes([delta | 8]) + varint(len(value)) + value
            case dict():
                made += bytes([delta | 12]) + thrift(value)
    return made + b"\0"


statistics = {1: b"max", 2: b"min", 3: 7, 5: b"M", 6: b"F", 7: True, 8: False}
dictionary = {1: 2, 2: 3, 3: 3, 7: {1: 5, 2: 0, 3: False}}
page_1 = {1: 0, 2: 9, 3: 9, 4: -77, 5: {1: 40, 2: 8, 3: 3, 4: 3, 5: statistics}}
page_2 = {1: 3, 2: 9, 3: 9, 8: {1: 60, 2: 4, 3: 60, 4: 8, 5: 2, 6: 0, 7: False, 8: statistics}}


def table_of(source: bytes, rows: int, places: int = 5) -> tuple[int, np.ndarray]:
    table = np.full((places, FIELDS), 99, np.int64)
    scratch = np.zeros(STACK, np.int64), np.zeros((MOST_EVENTS, 3), np.int64)
    facts = np.full(FACTS, 99, np.int64)
    pages = page_table(padded(source), 0, len(source), rows, *scratch, table, facts)
    assert page_table(padded(source), 0, 0, rows, *scratch, table, facts[1:]) == BAD
    if pages > 0 and pages <= places:
        assert facts.tolist() == plain.facts(table[:pages])
    return pages, table


def test_headers_of_pages_of_every_kind():
    source = b"".join(
        thrift(fields) + bytes(fields[3])
        for fields in (dictionary, page_1, page_2)  # type: ignore[call-overload]
    )
    pages, table = table_of(source, 100)
    assert pages == 3
    first = len(thrift(dictionary))
    assert table[0, [KIND, BODY, PACKED, SIZE, VALUES, ENCODING]].tolist() == [
        DICTIONARY, first, 3, 3, 5, 0
    ]  # fmt: skip
    assert table[1, [KIND, PACKED, SIZE, VALUES, ENCODING]].tolist() == [DATA, 9, 9, 40, 8]
    assert table[2].tolist() == [3, len(source) - 9, 9, 9, 60, 8, 2, 4, 1]
    assert table_of(source, 100, places=2)[0] == 3
    assert table_of(source, 99)[0] == OTHER_ROWS
    assert table_of(source, 101)[0] == OTHER_ROWS
    assert table_of(source, 40)[0] == OTHER_ROWS  # the last page is one too many
    assert plain.header(source, 0) == (dictionary, first)


@few
@given(damage, st.integers(0, 200))
@example([], 10_000)
def test_damaged_headers_are_refused_or_read_as_by_the_twin(changes, cut):
    source = damaged(thrift(dictionary) + bytes(3) + thrift(page_1) + bytes(9), changes)
    source = source[: len(source) - cut] if cut < len(source) else source
    pages, table = table_of(source, 40)
    assert pages >= OTHER_ROWS
    if cut == 10_000:  # nothing is damaged
        assert pages == 2
    at = 0
    for number in range(max(pages, 0)):
        fields, at = plain.header(source, at)
        assert table[number, BODY] == at
        assert table[number, KIND] == fields[1]
        assert table[number, SIZE] == fields[2]
        assert table[number, PACKED] == fields[3]
        inner = fields[7 if fields[1] == DICTIONARY else 5]
        assert table[number, VALUES] == inner[1]
        assert table[number, ENCODING] == inner.get(2, BAD)
        at += fields[3]
        assert at <= len(source)


@few
@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(0, 50), st.randoms())
def test_joint_counts_are_the_twins(sizes, rows, random):
    columns = [np.array([random.randrange(s) for _ in range(rows)], np.uint8) for s in sizes]
    assert_counted(columns, sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        [2, 2],
        [2, 3, 4],
        [16, 2, 2, 2],
        [256],
        [7, 11, 13, 2],
        [256, 3],
        [2, 4, 256, 3],
        [256, 256],
        [256, 256, 2],
    ],
)
def test_joint_counts_of_more_rows_than_a_block_has(sizes):
    rng = np.random.default_rng(0)
    assert_counted([rng.integers(0, s, 4_321).astype(np.uint8) for s in sizes], sizes)


def assert_counted(columns: list[np.ndarray], sizes: list[int]) -> None:
    rows = len(columns[0])
    codes = np.concatenate([*columns, np.full(SLACK, 77, np.uint8)])
    starts = np.arange(len(sizes), dtype=np.int64) * rows
    counts = np.zeros(int(np.prod(sizes)), np.int64)
    scratch = np.zeros(SCRATCH, np.uint64)
    more = np.zeros(ROWS, np.uint16), np.zeros(table_size(len(counts)), np.uint32)
    places = np.array(sizes, np.uint64)
    assert_pairs_are_counted(columns, sizes)
    pairs = codes[: codes.size & ~1].view(np.uint16)
    codes = codes, pairs
    for times in (1, 2):
        assert joint_counts(*codes, starts, places, rows, scratch, *more, counts) == rows
        assert (counts == times * plain.joint_counts(columns, sizes)).all()
    assert joint_counts(*codes, starts, places, rows, scratch, *more, counts[1:]) == BAD
    assert joint_counts(*codes, starts + SLACK + 1, places, rows, scratch, *more, counts) == BAD
    assert joint_counts(*codes, starts | LAST, places, rows, scratch, *more, counts) == BAD
    assert joint_counts(*codes, starts[1:], places, rows, scratch, *more, counts) == BAD
    assert joint_counts(*codes, starts, places, rows, scratch[1:], *more, counts) == BAD
    if len(more[1]):
        short = more[0], more[1][1:]
        assert joint_counts(*codes, starts, places, rows, scratch, *short, counts) == BAD


def assert_pairs_are_counted(columns: list[np.ndarray], sizes: list[int]) -> None:
    """The first column and a code of two bytes beside it, which are counted together."""
    rows = len(columns[0])
    wide = (np.arange(rows) * 7 % 300).astype(np.uint16)
    memory = np.zeros(rows + rows % 2 + 2 * rows + SLACK, np.uint8)
    memory[:rows] = columns[0]
    start = rows + rows % 2
    pairs = memory[: memory.size & ~1].view(np.uint16)
    pairs[start // 2 : start // 2 + rows] = wide
    starts, places = np.array([0, start]), np.array([sizes[0], 300], np.uint64)
    counts = np.zeros(300 * sizes[0], np.int64)
    more = np.zeros(ROWS, np.uint16), np.zeros(table_size(len(counts)), np.uint32)
    scratch = np.zeros(SCRATCH, np.uint64)
    expected = np.bincount(300 * columns[0].astype(int) + wide, minlength=len(counts))
    for times in (1, 2):
        assert joint_counts(memory, pairs, starts, places, rows, scratch, *more, counts) == rows
        assert (counts == times * expected).all()
    weights = np.arange(rows) % 5.0
    sums, squares = np.zeros(len(counts)), np.zeros(len(counts))
    index = np.zeros(ROWS, np.uint32)
    columns_of = memory, pairs, starts, places
    assert joint_weights(*columns_of, weights, index, sums, squares) == rows
    cells = 300 * columns[0].astype(int) + wide
    assert (sums == np.bincount(cells, weights, minlength=len(counts))).all()
    for wrong in (start + 1, len(memory) & ~1, -2):
        starts[1] = wrong
        if rows:
            assert joint_weights(*columns_of, weights, index, sums, squares) == BAD
            assert joint_counts(memory, pairs, starts, places, rows, scratch, *more, counts) == BAD


def planes_made(codes: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Planes of some codes, and where each starts, that of the highest bit first."""
    words = (len(codes) + 63) // 64
    stride = words + SPARE
    planes = np.full(1 + width * stride, 0xA5A5A5A5A5A5A5A5, np.uint64)
    for bit in range(width):
        ones = np.zeros(64 * words, np.uint8)
        ones[: len(codes)] = codes >> bit & 1
        at = 1 + bit * stride
        planes[at : at + words] = np.packbits(ones, bitorder="little").view(np.uint64)
    return planes, np.array([1 + bit * stride for bit in reversed(range(width))], np.int64)


@few
@given(st.integers(0, 8), st.integers(0, 9_000), st.integers(0, 99))
@example(7, 8_192, 0)
@example(8, 8_193, 0)
def test_bits_are_counted_and_become_bytes(width, rows, seed):
    rows = rows if config.DISABLE_JIT == 0 else rows % 200
    codes = np.random.default_rng(seed).integers(0, 1 << width, rows).astype(np.uint8)
    planes, starts = planes_made(codes, width)
    masks, counts = np.empty(MASKS, np.uint64), np.zeros(1 << width, np.int64)
    for times in (1, 2):
        assert plane_counts(planes, starts, rows, masks, counts) == rows
        assert (counts == times * np.bincount(codes, minlength=1 << width)).all()
    out = np.full(rows + 1 + SLACK, 77, np.uint8)
    assert plane_bytes(planes, starts, rows, out, 1) == rows
    assert out[0] == 77
    assert (out[1 : rows + 1] == codes).all()

    assert plane_counts(planes, starts, -1, masks, counts) == BAD
    assert plane_counts(planes, starts, rows, masks[1:], counts) == BAD
    assert plane_counts(planes, starts, rows, masks, counts[1:]) == BAD
    assert plane_bytes(planes, starts, rows, out, 2) == BAD
    assert plane_bytes(planes, starts, -1, out, 1) == BAD
    many = np.ones(9, np.int64)
    assert plane_counts(planes, many, rows, masks, np.zeros(512, np.int64)) == BAD
    assert plane_bytes(planes, many, rows, out, 1) == BAD
    for wrong in (-1, len(planes) + 1, 1 << 62):
        if width:
            starts[0] = wrong
            assert plane_counts(planes, starts, rows, masks, counts) == BAD
            assert plane_bytes(planes, starts, rows, out, 1) == BAD


@few
@given(st.data(), st.integers(1, 8), st.integers(0, 300), st.integers(0, 70), damage)
def test_codes_lie_one_after_the_other_as_the_twin_has_them(data, width, count, before, changes):
    source = damaged(data.draw(runs(width)), changes)
    try:
        expected = plain.hybrid(source, width, 1 << width, count)
    except ValueError:
        expected = None
    out = np.full((before + width * count + 7) // 8 + SLACK, 0xA5, np.uint8)
    old = np.unpackbits(out, bitorder="little")
    done = packed_codes(padded(source), 0, len(source), width, width, out, before, count)
    assert (done == BAD) == (expected is None)
    if expected is not None:
        bits = np.unpackbits(out, bitorder="little")
        made = bits[before : before + width * count].reshape(count, width)
        assert (made @ (1 << np.arange(width)) == expected).all()
        assert (bits[:before] == old[:before]).all()
    short = out[:-1]
    assert (
        packed_codes(padded(source), 0, len(source), width, width, short, before + 1, count) == BAD
    )
    for wrong in (
        (-1, len(source), width, width, before, count),
        (0, len(source) + 1, width, width, before, count),
        (0, len(source), width + 1, width, before, count),
        (0, len(source), -1, width, before, count),
        (0, len(source), 0, 9, before, count),
        (0, len(source), 0, 0, before, count),
        (0, len(source), width, width, -1, count),
        (0, len(source), width, width, before, -1),
        (0, len(source), width, width, before, count + 8),
    ):
        at, end, bits_of, width_of, to, number = wrong
        assert packed_codes(padded(source), at, end, bits_of, width_of, out, to, number) == BAD


@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("eights", [63, 64, 65, 127, 128])
def test_the_last_bits_of_a_run_may_have_another_byte(before, eights):
    """A run of 64 bytes that does not begin with a byte ends in one that is not its own."""
    head = [eights << 1 | 1] if eights < 64 else [(eights << 1 | 1) & 127 | 128, eights >> 6]
    source = np.array(head + [255] * eights, np.uint8).tobytes()
    for count in (8 * eights, 8 * eights - 7):
        out = np.zeros((before + count + 7) // 8 + SLACK, np.uint8)
        assert packed_codes(padded(source), 0, len(source), 1, 1, out, before, count) == count
        bits = np.unpackbits(out, bitorder="little")
        assert bits[before : before + count].all()
        assert not bits[:before].any()


@few
@given(st.data(), st.integers(0, 12), st.integers(0, 200), damage)
def test_codes_of_two_bytes_are_those_of_the_twin(data, width, count, changes):
    source = damaged(data.draw(runs(width)), changes)
    most = 1 << width
    size = data.draw(st.sampled_from([most, max(1, most - 1), max(1, most // 2)]))
    try:
        expected = plain.hybrid(source, width, size, count)
    except ValueError:
        expected = None
    out = np.full(count + 2 + SLACK // 2, 77, np.uint16)
    done = hybrid_pairs(padded(source), 0, len(source), width, size, out, 2, count)
    assert (done == BAD) == (expected is None)
    if expected is not None:
        assert out[2 : 2 + count].tolist() == expected.tolist()
        assert out[:2].tolist() == [77, 77]
    for wrong in (
        (-1, len(source), width, size, 2, count),
        (0, len(source) + 1, width, size, 2, count),
        (0, len(source), 13, size, 2, count),
        (0, len(source), -1, size, 2, count),
        (0, len(source), width, 0, 2, count),
        (0, len(source), width, 4097, 2, count),
        (0, len(source), width, size, -1, count),
        (0, len(source), width, size, 3, count),
        (0, len(source), width, size, 2, -1),
    ):
        at, end, bits_of, size_of, start, number = wrong
        assert hybrid_pairs(padded(source), at, end, bits_of, size_of, out, start, number) == BAD


@pytest.mark.slow
@few
@given(st.lists(st.integers(0, 700), max_size=60), st.integers(1, 3), st.randoms())
def test_codes_of_a_long_dictionary_find_their_places(codes, planes, random):
    wide = np.array([*codes, 12], np.uint32)  # one more than counts
    seen = np.zeros(701, np.uint8)
    assert used(wide, len(codes), seen) == len(codes)
    assert np.flatnonzero(seen).tolist() == sorted(set(codes))

    places = np.array(
        [[random.randrange(256) for _ in range(701)] for _ in range(planes)], np.uint8
    )
    starts = np.arange(planes, dtype=np.int64) * (len(codes) + 5)
    out = np.zeros(int(starts[-1]) + len(codes) + SLACK, np.uint8)
    assert placed(wide, len(codes), places, out, starts) == len(codes)
    for plane, at in zip(places, starts, strict=True):
        assert (out[at : at + len(codes)] == plane[wide[: len(codes)]]).all()

    for room in (out, out[:0]):
        assert placed(wide, len(codes) + 1, places, room, starts | LAST) == BAD
    assert used(wide, len(codes) + 2, seen) == BAD
    assert placed(wide, len(codes) + 2, places, out, starts) == BAD
    assert placed(wide, len(codes), places, out, starts + 1) == BAD
    assert placed(wide, len(codes), places, out, starts - 1) == BAD
    assert placed(wide, len(codes), places, out, starts[1:]) == BAD
    if codes:
        short = max(codes)
        assert used(wide, len(codes), seen[:short]) == BAD
        assert placed(wide, len(codes), places[:, :short].copy(), out, starts) == BAD


@few
@given(st.binary(max_size=400), st.sampled_from([INT_32, INT_64, SINGLE, DOUBLE]))
def test_numbers_of_a_page_are_the_twins(content, kind):
    count = len(content) // (4 if kind in (INT_32, SINGLE) else 8)
    source = padded(b"x" + content)  # off the words' own places
    out = np.zeros(count + 2)
    end = 1 + len(content)
    assert numbers(source, 1, end, kind, out, 1, count) == count
    expected = plain.numbers(content, kind, count)
    np.testing.assert_array_equal(out[1 : count + 1], expected)
    assert numbers(source, 1, end, kind, out, 1, count + 2) == BAD
    assert numbers(source, 1, end, kind, out, 3, count) == BAD
    assert numbers(source, -1, end, kind, out, 1, count) == BAD
    assert numbers(source, 1, len(source) + 1, kind, out, 1, count) == BAD
    assert numbers(source, 1, end, 3, out, 1, count) == BAD


@few
@given(
    st.lists(st.floats(), max_size=50),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=5, unique=True),
)
def test_numbers_are_cut_as_by_the_twin(values, edges):
    edges = np.array(sorted(edges))
    numbers_ = np.array([*values, *edges])
    out = np.zeros(len(numbers_) + 1 + SLACK, np.uint8)
    missing = len(edges) + 1
    assert cut(numbers_, edges, missing, out, 1, len(numbers_)) == len(numbers_)
    expected = plain.cut(numbers_, edges, missing)
    assert out[1 : len(numbers_) + 1].tolist() == expected.tolist()
    assert cut(numbers_, edges, missing, out, 2, len(numbers_)) == BAD
    assert cut(numbers_, edges, missing, out, 0, len(numbers_) + 1) == BAD
    assert cut(numbers_, edges, len(edges), out, 0, len(numbers_)) == BAD


@few
@given(st.binary(max_size=20), st.integers(0, 7))
def test_booleans_are_the_twins(content, spare):
    count = max(0, 8 * len(content) - spare)
    source = padded(content)
    out = np.zeros(count + 1 + SLACK, np.uint8)
    assert booleans(source, 0, len(content), 0, out, 1, count) == count
    assert out[1 : count + 1].tolist() == plain.booleans(content, count).tolist()
    assert booleans(source, 0, len(content), 0, out, 2, count) == BAD
    assert booleans(source, 0, len(content), 0, out, 0, 8 * len(content) + 1) == BAD
    assert booleans(source, 0, len(content), 0, out, LAST, count) == BAD
    assert booleans(source, 0, len(content), 5, out, 0, count) == BAD
    runs = varint(count << 1) + b"\x01" if count else b""
    source = padded(len(runs).to_bytes(4, "little") + runs)
    assert booleans(source, 0, 4 + len(runs), 3, out, 1, count) == count
    assert out[1 : count + 1].tolist() == [1] * count
    assert booleans(source, 0, 3, 3, out, 1, count) == BAD
    if count:
        assert booleans(source, 0, 3 + len(runs), 3, out, 1, count) == BAD


@few
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(0, 60), st.randoms())
def test_sums_of_weights_are_the_twins(sizes, rows, random):
    columns = [np.array([random.randrange(s) for _ in range(rows)], np.uint8) for s in sizes]
    weights = np.array([float(random.randrange(9)) for _ in range(rows)])
    codes = np.concatenate([*columns, np.full(SLACK, 77, np.uint8)])
    starts = np.arange(len(sizes), dtype=np.int64) * rows
    places = np.array(sizes, np.uint64)
    sums, squares = np.zeros(int(np.prod(sizes))), np.zeros(int(np.prod(sizes)))
    index = np.zeros(ROWS, np.uint32)
    codes = codes, codes[: codes.size & ~1].view(np.uint16)
    assert joint_weights(*codes, starts, places, weights, index, sums, squares) == rows
    assert (sums == plain.joint_weights(columns, sizes, weights)).all()
    assert (squares == plain.joint_weights(columns, sizes, weights**2)).all()
    assert joint_weights(*codes, starts, places, weights, index, sums[1:], squares) == BAD
    assert joint_weights(*codes, starts | LAST, places, weights, index, sums, squares) == BAD
    assert joint_weights(*codes, starts[1:], places, weights, index, sums, squares) == BAD
    assert joint_weights(*codes, starts + SLACK + 1, places, weights, index, sums, squares) == BAD
    if rows:
        assert joint_weights(*codes, starts, places, weights, index, sums[:0], squares[:0]) == BAD


def _of_lists():
    """The field 3 as what is wanted, of the type that the kernel is called with."""
    wanted = np.array([path(3)], np.int64)
    wanted.setflags(write=False)
    return wanted


def test_a_list_in_a_list_shows_as_its_item():
    """Where a list of numbers should be, one of lists has as many items as it says."""
    wanted = _of_lists()
    for content, expected in (
        (b"\x39\x26\x02\x04\x00", [[0, 6, 1], [0, 6, 2]]),  # field 3: the numbers 1 and 2
        (b"\x39\x19\x06\x00", [[0, 9, 0]]),  # field 3: one list, which is empty
        (b"\x39\x06\x00", []),  # field 3: no numbers
    ):
        events = np.zeros((5, 3), np.int64)
        stack = np.zeros(STACK, np.int64)
        count, end = fields(padded(content), 0, len(content), wanted, stack, events)
        assert end == len(content)
        assert events[:count].tolist() == expected


@pytest.mark.parametrize(
    "content",
    [
        b"\x39\x60\x02\x02\x02\x02\x02\x02\x00",  # six items of no type
        b"\x39\x0d\x00",  # no items, of a type that there is not
    ],
)
def test_a_list_of_no_type_is_odd(content):
    events = np.zeros((5, 3), np.int64)
    wanted, stack = _of_lists(), np.zeros(STACK, np.int64)
    assert fields(padded(content), 0, len(content), wanted, stack, events)[0] == BAD


def test_a_run_of_more_than_32_bits_is_odd():
    for run, expected in ((1 << 30, True), (1 << 32, False)):
        source = varint(run << 1) + b"\x01"
        out = np.zeros(8 + SLACK, np.uint8)
        done = hybrid(padded(source), 0, len(source), 1, 2, out, 0, 8)
        assert (done >= 0) == expected
