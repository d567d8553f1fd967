"""Texts in pages: a dictionary of the texts of a column chunk that has none, or not for all."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.parquet.dictionaries import seen_in
from biaskit.sources.parquet.layout import Odd

if TYPE_CHECKING:
    from biaskit._kernels.parquet.pages import Pages, Scratch
    from biaskit.sources.parquet.scratch import Room

__all__ = ["Found", "place_of", "texts_in"]

# Most texts of a chunk, and their bytes; a chunk with more is decoded by Arrow.
_TEXTS, _BYTES = 1 << 16, 1 << 20


class Found(NamedTuple):
    """The dictionary that a chunk should have had."""

    #: Its content, as on a dictionary page, and the number of its entries.
    raw: bytes
    entries: int
    #: Whether some row has each entry and, at the end, a missing value.
    seen: NDArray[np.uint8]
    #: Code of each row: that of its entry, or for a missing value `missing`.
    codes: NDArray[np.uint32]
    missing: int


def texts_in(
    pages: Pages, dictionary: bytes, scratch: Scratch, room: Room, rows: int, longest: int
) -> Found:
    """Dictionary of the texts of a chunk, and the codes of its rows.

    Parameters
    ----------
    pages
        Pages of the chunk.
    dictionary
        Content of its own dictionary; its entries are the first ones of what is found.
    scratch, room
        Memory for any of its pages, with wide codes; and that of the thread.
    rows, longest
        Number of rows, and the most that a page has.
    """
    from biaskit._kernels import SLACK
    from biaskit._kernels.distinct import room_for
    from biaskit._kernels.parquet.texts import LONGEST, chunk_texts

    own = np.frombuffer(dictionary + bytes(SLACK), np.uint8).copy()
    texts = room_for(1, _TEXTS, _BYTES)
    lengths, value = room.lengths.of(2 * longest), room.value.of(LONGEST + SLACK)
    codes = room.wide.of(rows)
    if chunk_texts(pages, own, scratch, lengths, value, texts, codes, rows) != rows:
        raise Odd("too many texts without a dictionary, or pages that do not fit together")
    entries, missing = int(texts.sizes[0]), texts.words.shape[1]
    seen = seen_in(codes, rows, missing)
    starts, sizes = texts.starts[0, :entries].tolist(), texts.lengths[0, :entries].tolist()
    content = texts.bytes[: texts.used[0]].tobytes()
    stored = (content[at : at + size] for at, size in zip(starts, sizes, strict=True))
    raw = b"".join(struct.pack("<I", len(text)) + text for text in stored)
    return Found(raw, entries, seen[[*range(entries), missing]], codes, missing)


def place_of(found: Found, place: NDArray[Any]) -> NDArray[Any]:
    """Places of the codes of `found`, from those of its entries and of a missing value."""
    places = np.zeros(found.missing + 1, place.dtype)
    places[: found.entries] = place[: found.entries]
    places[found.missing] = place[found.entries]
    return places
