"""Inflating: pages that Arrow decompresses, all of a chunk or of several chunks at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.parquet.layout import Odd
from biaskit.sources.parquet.scratch import Room

__all__ = ["ZSTD", "frames_together", "inflated"]

#: Number of zstd's codec in the format.
ZSTD = 6
# Most bytes that are decompressed together.
_MOST = 1 << 25


def frames_together(
    source: NDArray[np.uint8], table: NDArray[np.int64], room: Room
) -> NDArray[np.uint8]:
    """Contents of pages of zstd one after the other, and spare bytes; the table then has them.

    Raises
    ------
    Odd
        A page is not one frame that says its length, or all are very large.
    """
    from biaskit._kernels import SLACK
    from biaskit._kernels.parquet.pages import PACKED, SIZE
    from biaskit._kernels.parquet.snappy import join_frames

    size, packed = (int(table[:, column].sum()) for column in (SIZE, PACKED))
    if size > _MOST:
        raise Odd("pages too large")
    frames = room.frames.of(packed + SLACK)
    length = join_frames(source, table, frames)
    if length < 0:
        raise Odd("pages that are decompressed one by one")
    return _together(frames[:length].data, size + SLACK)


def inflated(source: NDArray[np.uint8], table: NDArray[np.int64], codec: str) -> NDArray[np.uint8]:
    """Chunk whose pages are decompressed; the table then describes it."""
    from biaskit._kernels import SLACK
    from biaskit._kernels.parquet.pages import BODY, LEVELS, PACKED, SIZE, STORED
    from biaskit._kernels.parquet.snappy import frames_fit

    body, levels, packed, size = (table[:, i].copy() for i in (BODY, LEVELS, PACKED, SIZE))
    if np.any((levels < 0) | (levels > packed) | (levels > size)):
        raise Odd("levels longer than their page")
    is_stored = (table[:, STORED] != 0) | (size == levels)
    if np.any(is_stored & (packed != size)):
        raise Odd("a page whose size differs from its header")
    made = np.empty(int(size.sum()) + SLACK, np.uint8)
    table[:, BODY], table[:, PACKED] = np.cumsum(size) - size, size
    as_they_are = np.where(is_stored, size, levels)
    for i in np.flatnonzero(as_they_are):
        at, start, length = table[i, BODY], body[i], as_they_are[i]
        made[at : at + length] = source[start : start + length]
    packed_pages = ~is_stored
    starts, ends = (body + levels)[packed_pages], (body + packed)[packed_pages]
    sizes, places = (size - levels)[packed_pages], (table[:, BODY] + levels)[packed_pages]
    texts = [source[start:end].data for start, end in zip(starts, ends, strict=True)]
    # A decompressor takes long to prepare, and makes page after page where each is sure to end in
    # the right place.
    if codec == "zstd" and len(texts) and frames_fit(source, starts, ends, sizes):
        content = _together(b"".join(texts), int(sizes.sum()))
        if len(content) == len(made) - SLACK:
            made[: len(content)] = content
            return made
        pieces = np.split(content, np.cumsum(sizes)[:-1])
    else:
        pieces = [_alone(text, length, codec) for text, length in zip(texts, sizes, strict=True)]
    for place, piece in zip(places, pieces, strict=True):
        made[place : place + len(piece)] = piece
    return made


def _together(frames: bytes | memoryview, size: int) -> NDArray[np.uint8]:
    """Content of frames of zstd, one after the other."""
    import pyarrow as pa

    try:
        made = pa.Codec("zstd").decompress(frames, size)
    except (OSError, pa.ArrowException) as error:
        raise Odd("a page that cannot be decompressed") from error
    return np.frombuffer(made, np.uint8)


def _alone(text: memoryview, size: int, codec: str) -> NDArray[np.uint8]:
    """Content of one page, which may have several frames, or not say its length."""
    import pyarrow as pa

    made = np.empty(size, np.uint8)
    try:
        stream = pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(text)), codec)
        is_whole = stream.readinto(made) == size and not stream.read(1)
    except (OSError, pa.ArrowException) as error:
        raise Odd("a page that cannot be decompressed") from error
    if not is_whole:
        raise Odd("a page whose size differs from its header")
    return made
