"""Scores of a row group, read by the kernels: the dictionary's entries, or the numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.coded.scored import Entries
from biaskit.sources.encode import numbers
from biaskit.sources.parquet.chunks import Chunks
from biaskit.sources.parquet.dictionaries import dictionary_of
from biaskit.sources.parquet.layout import PHYSICAL, Odd
from biaskit.sources.parquet.scratch import Room

__all__ = ["ScoredChunks"]


class ScoredChunks(Chunks):
    """Column chunks of one file, of which one has scores."""

    def scores(self, number: int, column: str, room: Room) -> Entries | NDArray[np.float64]:
        """Scores of the rows of a row group, as the kernels read them; NaN is a missing one.

        Raises
        ------
        Odd
            Arrow must read the chunk.
        """
        from biaskit._kernels.parquet.chunks import chunk_codes
        from biaskit._kernels.parquet.scores import chunk_numbers

        chunk = self._content(number, column, room)
        leaf, rows, done = chunk.leaf, chunk.rows, chunk.coded_rows
        table, is_whole = chunk.table, chunk.coded == len(chunk.table)
        if not is_whole and not leaf.in_pages:
            raise Odd("scores of an unsupported type")
        values = room.weights.of(0 if is_whole else rows)
        if chunk.coded:
            entries, raw = chunk.entries, self._dictionary(chunk, room)
            known = numbers(dictionary_of(leaf, raw, entries), column, "score", self._where)
            known = np.append(known, np.nan)
            codes, none = room.wide.of(max(done, 1)), np.empty(0, np.uint8)
            pages, scratch = chunk.pages(table[: chunk.coded]), chunk.scratch(room, wide=True)
            if chunk_codes(pages, entries, scratch, none, codes, 0, done) < 0:
                raise Odd("pages that do not fit together")
            if is_whole:
                return Entries(codes[:done], known)
            np.take(known, codes[:done], out=values[:done], mode="clip")
        pages, scratch = chunk.pages(table[chunk.coded :]), chunk.scratch(room)
        kind, left = PHYSICAL[leaf.physical][0], rows - done
        if chunk_numbers(pages, kind, scratch, values, done, left) != left:
            raise Odd("pages that do not fit together")
        return values[:rows]
