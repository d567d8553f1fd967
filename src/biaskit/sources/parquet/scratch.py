"""Scratch memory: the buffers of one thread, which grow as needed and are reused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import Edges
from biaskit.sources.coded.scored import ScoreRoom

if TYPE_CHECKING:
    from biaskit._kernels.parquet.pages import Scratch

__all__ = ["Buffer", "Room"]


def _a_little_more(size: int, dtype: Any) -> NDArray[Any]:
    return np.empty(size + size // 8, dtype)


class Buffer:
    """An array of one type, reallocated where a longer one is requested."""

    def __init__(self, dtype: Any, empty: Callable[[int, Any], NDArray[Any]]):
        self._dtype, self._empty = dtype, empty
        self._array = np.empty(0, dtype)

    def of(self, size: int) -> NDArray[Any]:
        """Array of at least some length; its content may be lost."""
        if len(self._array) < size:
            self._array = self._empty(size, self._dtype)
        return self._array


class Room:
    """Buffers of one thread.

    Parameters
    ----------
    empty
        Function of a length and a type that makes an array of at least that length.
    """

    def __init__(self, empty: Callable[[int, Any], NDArray[Any]] = _a_little_more):
        #: Bytes of a column chunk, and those of its largest page when it is decompressed.
        self.source, self.page = Buffer(np.uint8, empty), Buffer(np.uint8, empty)
        #: For the rows of one page: whether each has a value, codes of a byte and of four, numbers.
        self.levels, self.dense = Buffer(np.uint8, empty), Buffer(np.uint8, empty)
        self.wide_dense, self.values = Buffer(np.uint32, empty), Buffer(np.float64, empty)
        #: For the rows of a row group: codes of all columns in bytes, or pairs of them, or planes,
        #: codes of one column that become planes, those of one long dictionary, weights or scores.
        self.codes, self.planes = Buffer(np.uint16, empty), Buffer(np.uint64, empty)
        self.packed, self.wide = Buffer(np.uint64, empty), Buffer(np.uint32, empty)
        self.weights = Buffer(np.float64, empty)
        #: For the entries of a dictionary of numbers: the bin of each.
        self.bins = Buffer(np.uint8, empty)
        #: For texts in pages: two lengths for each row of a page, and the bytes of one text.
        self.lengths, self.value = Buffer(np.int64, empty), Buffer(np.uint8, empty)
        #: For row groups that are counted together: frames of zstd, dictionaries, masks of rows.
        self.frames, self.texts = Buffer(np.uint8, empty), Buffer(np.uint8, empty)
        self.masks = Buffer(np.uint64, empty)
        #: For page headers.
        self.stack, self.events = Buffer(np.int64, empty), Buffer(np.int64, empty)
        self.pages, self.facts = Buffer(np.int64, empty), Buffer(np.int64, empty)
        self._empty = empty
        self._for_scores: ScoreRoom | None = None

    def for_scores(self, edges: Edges) -> ScoreRoom:
        """Memory for scores, always of the same edges."""
        if self._for_scores is None:
            self._for_scores = ScoreRoom(edges, self._empty)
        return self._for_scores

    def for_pages(self, largest: int, longest: int, *, wide: bool = False) -> Scratch:
        """Scratch memory of the kernels for pages of some bytes and rows.

        Codes have four bytes where they are `wide`.
        """
        from biaskit._kernels import SLACK
        from biaskit._kernels.parquet.pages import Scratch

        rows = longest + SLACK
        return Scratch(
            self.page.of(largest + SLACK),
            self.levels.of(rows),
            self.dense.of(rows),
            self.wide_dense.of(rows if wide else 0),
            self.values.of(rows),
        )
