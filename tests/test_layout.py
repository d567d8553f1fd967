"""Layout: pages that Arrow decompresses, in one stream where that is sure to be the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biaskit._kernels import SLACK
from biaskit._kernels.parquet.pages import BODY, FIELDS, LEVELS, PACKED, SIZE, STORED
from biaskit.sources.parquet import inflating, layout


def chunk_of(pages: list[bytes], sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of some compressed pages, with a header's worth between them, and their table."""
    table = np.zeros((len(pages), FIELDS), np.int64)
    source = b"head"
    for entry, page, size in zip(table, pages, sizes, strict=True):
        entry[BODY], entry[PACKED], entry[SIZE] = len(source), len(page), size
        source += page + b"head"
    return np.frombuffer(source + bytes(SLACK), np.uint8).copy(), table


def inflated(pages: list[bytes], sizes: list[int], codec: str = "zstd") -> bytes:
    source, table = chunk_of(pages, sizes)
    made = inflating.inflated(source, table, codec)
    assert table[:, PACKED].tolist() == table[:, SIZE].tolist() == sizes
    return b"".join(
        made[at : at + size].tobytes() for at, size in zip(table[:, BODY], sizes, strict=True)
    )


def compressed(text: bytes, codec: str = "zstd") -> bytes:
    return pa.compress(text, codec=codec, asbytes=True)


def streamed(text: bytes) -> bytes:
    """Frame of zstd that does not say how long its content is."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(text)
    return sink.getvalue().to_pybytes()


texts = st.binary(min_size=1, max_size=900) | st.builds(
    lambda text, times: text * times, st.binary(min_size=1, max_size=9), st.integers(1, 40_000)
)


@given(st.lists(texts, min_size=1, max_size=5), st.sampled_from(["zstd", "gzip"]))
def test_pages_are_inflated(contents, codec):
    pages = [compressed(text, codec) for text in contents]
    assert inflated(pages, [len(text) for text in contents], codec) == b"".join(contents)


@given(st.lists(st.tuples(texts, st.booleans()), min_size=1, max_size=5))
def test_frames_that_do_not_say_their_length_are_inflated_one_by_one(contents):
    pages = [streamed(text) if plain else compressed(text) for text, plain in contents]
    whole = b"".join(text for text, _ in contents)
    assert inflated(pages, [len(text) for text, _ in contents]) == whole


def test_pages_in_one_stream_do_not_lend_each_other_content():
    one, two = compressed(b"a" * 300), compressed(b"b" * 500)
    assert inflated([one, two], [300, 500]) == b"a" * 300 + b"b" * 500
    short = one[:4] + bytes([one[4]]) + (310 - 256).to_bytes(2, "little") + one[7:]
    for pages, sizes in (
        ([one, two], [310, 490]),
        ([one, two], [500, 300]),
        ([short, two], [310, 490]),
        ([one[:-2], one[-2:] + two], [300, 500]),
        ([one + two, two], [800, 500]),
        ([one + compressed(b"c" * 10), two], [300, 510]),
        ([one, two + b"x"], [300, 500]),
        ([one, two[:-1]], [300, 500]),
        ([one, b""], [300, 500]),
    ):
        if sizes == [800, 500]:  # two frames after each other are one content
            assert inflated(pages, sizes) == b"a" * 300 + b"b" * 500 + b"b" * 500
            continue
        with pytest.raises(layout.Odd):
            inflated(pages, sizes)


@given(
    st.lists(st.binary(min_size=1, max_size=600), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3),
)
@example([b"a" * 300, b"b" * 500], [])
def test_damaged_pages_are_refused_or_inflated_as_each_by_itself(contents, changes):
    pages = [bytearray(compressed(text)) for text in contents]
    for at, value in changes:
        page = pages[at % len(pages)]
        page[at // len(pages) % len(page)] = value
    sizes = [len(text) for text in contents]
    try:
        made = inflated([bytes(page) for page in pages], sizes)
    except layout.Odd:
        assert changes  # what is whole is inflated
        return
    for page, size in zip(pages, sizes, strict=True):
        stream = pa.CompressedInputStream(pa.BufferReader(bytes(page)), "zstd")
        assert stream.read() == made[:size]
        made = made[size:]


def test_pages_that_are_stored_and_levels_before_them():
    source, table = chunk_of([b"LL" + compressed(b"abc"), b"Ldef", b"LL"], [5, 4, 2])
    table[:, LEVELS] = 2, 1, 2
    table[1, STORED] = 1
    made = inflating.inflated(source, table, "zstd")
    assert made[:11].tobytes() == b"LLabcLdefLL"
    table[1, SIZE] = 5
    source, again = chunk_of([b"LL" + compressed(b"abc"), b"Ldef", b"LL"], [5, 5, 2])
    again[:, LEVELS], again[1, STORED] = (2, 1, 2), 1
    with pytest.raises(layout.Odd, match="size differs from its header"):
        inflating.inflated(source, again, "zstd")
