"""Samples: rows that are kept beside the counts, for the one metric that needs rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.counts.levels import Level, level, typed
from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.batches import Batch, Source
from biaskit.sources.encode import Encoder, dictionary, kind_of, numbers

__all__ = ["MAX_ROWS", "SEED", "Feature", "Sample"]

#: Of more rows than this, a sample of this many is kept.
MAX_ROWS = 100_000
SEED = 0

_GOLDEN = 0x9E3779B97F4A7C15


class Sample:
    """Rows kept in the pass that counts: their features, facets, predictions and weights.

    Kept are rows whose label (where one is given), prediction and features are all known; of more
    than `MAX_ROWS`, those whose place in the table has the smallest hashes, so that how the rows
    come in batches does not matter. All of them are counted, kept or not.

    Attributes
    ----------
    features
        The columns that are compared, once the pass is over.
    values
        Numbers of the kept rows, shape ``(rows, features)``; of a text, the place among
        `Feature.categories`.
    weight
        Weights of the kept rows, shape ``(rows,)``; ones where rows are not weighted.
    complete
        How many rows could have been kept.
    """

    def __init__(self, roles: Roles):
        self._roles = roles
        self._facet_columns = [name for name, role in roles.columns().items() if role == "facet"]
        self._outcomes = [name for name in (roles.label, roles.predicted) if name is not None]
        self._counts: dict[Facet, Counter[tuple[int, ...]]] = {f: Counter() for f in roles.facet}
        # Of each batch: tickets, values, codes of facets and prediction, weights.
        self._parts: list[tuple[NDArray[Any], ...]] = []
        self._held = 0
        self._last_ticket = np.uint64(2**64 - 1)
        self.is_rest = roles.features == "rest"
        self.features: list[Feature] = []
        self.complete = 0

    def start(self, source: Source, encoders: Mapping[str, Encoder]) -> list[str]:
        """Columns to be read for the features; `encoders` are those of the counted columns."""
        self._encoders = encoders
        chosen: Sequence[str] = self._roles.features or ()
        if self.is_rest:
            taken = self._roles.columns()
            chosen = [name for name in source.names() if name not in taken]
            if not chosen:
                raise DataError(
                    'features="rest": every column has another role, so none is left to compare by'
                )
        self.features = [Feature(name, skips=self.is_rest) for name in chosen]
        return list(chosen)

    def add(
        self,
        batch: Batch,
        codes: Mapping[str, NDArray[np.intp]],
        weight: NDArray[np.float64] | None,
        before: int,
    ) -> None:
        """Add rows: a batch, the codes of its counted columns, and the number of rows before it."""
        known = np.ones(batch.rows, dtype=bool)
        for column in (self._roles.label, self._roles.predicted):
            if column is not None:
                known &= codes[column] != self._encoders[column].missing
        for feature in self.features:
            known &= feature.read(batch)
        self._count(codes, known)
        tickets = _tickets(np.arange(before, before + batch.rows, dtype=np.uint64))
        kept = np.flatnonzero(known & (tickets <= self._last_ticket))
        columns = [*self._facet_columns, *self._outcomes]
        part = (
            tickets[kept],
            np.stack([feature.take(kept) for feature in self.features], axis=1),
            np.stack([codes[column][kept] for column in columns], axis=1),
            np.ones(len(kept)) if weight is None else weight[kept],
        )
        self._parts.append(part)
        self._held += len(kept)
        if self._held > 2 * MAX_ROWS:
            self._thin_out()

    def finish(self) -> None:
        """Settle the sample when all rows have been read."""
        width = len(self._facet_columns) + len(self._outcomes)
        empty = np.empty((0, len(self.features))), np.empty((0, width), dtype=np.intp), np.empty(0)
        self._parts.append((np.empty(0, dtype=np.uint64), *empty))
        self._thin_out()
        _, values, self._codes, self.weight = self._parts.pop()
        settled = [f.settled(values[:, i]) for i, f in enumerate(self.features)]
        kept = [i for i, feature in enumerate(self.features) if not feature.is_skipped]
        self.features = [self.features[i] for i in kept]
        self.values = np.stack([settled[i] for i in kept], axis=1) if kept else values[:, :0]
        if not kept:
            raise DataError(
                'features="rest": no column without another role holds numbers, booleans or texts; '
                "name the columns to compare by"
            )

    def facet(self, facet: Facet) -> tuple[list[Level], NDArray[np.intp]]:
        """Values of a facet, missing among them, and which of them each kept row has."""
        place = [self._facet_columns.index(column) for column in facet.columns]
        cells, which = np.unique(self._codes[:, place], axis=0, return_inverse=True)
        return [self._level(facet, cell) for cell in cells.tolist()], which.ravel()

    def rows(self, facet: Facet) -> Mapping[Level, int]:
        """Complete rows by value of a facet, whether they are kept or not."""
        made: Counter[Level] = Counter()
        for cell, n in self._counts[facet].items():
            made[self._level(facet, cell)] += n
        return made

    def labels(self) -> NDArray[np.intp] | None:
        """Which label each kept row has, as a number; None without a label column."""
        if self._roles.label is None:
            return None
        number: dict[Level, int] = {}
        levels = self._levels(self._roles.label)
        of_code = np.array([number.setdefault(one, len(number)) for one in levels], dtype=np.intp)
        return np.asarray(of_code[self._codes[:, len(self._facet_columns)]])

    def is_positive(self, positive_hat: Sequence[Level]) -> NDArray[np.bool_]:
        """Whether each kept row is predicted to be one of the positive levels."""
        levels = self._levels(str(self._roles.predicted))
        positive = np.array([level in positive_hat for level in levels], dtype=bool)
        return np.asarray(positive[self._codes[:, -1]])

    def _levels(self, column: str) -> tuple[Level, ...]:
        return self._encoders[column].levels()

    def _level(self, facet: Facet, cell: Sequence[int]) -> Level:
        columns = facet.columns
        parts = tuple(self._levels(c)[code] for c, code in zip(columns, cell, strict=True))
        return facet.value(parts)

    def _count(self, codes: Mapping[str, NDArray[np.intp]], known: NDArray[np.bool_]) -> None:
        self.complete += int(known.sum())
        if not known.any():
            return
        for facet, counts in self._counts.items():
            columns = [codes[column][known] for column in facet.columns]
            shape = [int(column.max()) + 1 for column in columns]
            n = np.bincount(np.ravel_multi_index(columns, shape))
            used = np.flatnonzero(n)
            cells = zip(*(axis.tolist() for axis in np.unravel_index(used, shape)), strict=True)
            counts.update(dict(zip(cells, n[used].tolist(), strict=True)))

    def _thin_out(self) -> None:
        """Keep the rows with the smallest tickets, `MAX_ROWS` at most."""
        whole = [np.concatenate(arrays) for arrays in zip(*self._parts, strict=True)]
        if len(whole[0]) > MAX_ROWS:
            first = np.argpartition(whole[0], MAX_ROWS - 1)[:MAX_ROWS]
            first.sort()
            whole = [array[first] for array in whole]
            self._last_ticket = whole[0].max()
        self._parts = [tuple(whole)]
        self._held = len(whole[0])


class Feature:
    """One feature, batch after batch: numbers as they are, texts as places in `categories`.

    Booleans are the numbers 0 and 1. Texts that stand for numbers or booleans become those once all
    are known, as `biaskit.counts.levels.typed` has it; there, ``nan`` is missing, whatever the
    others are.
    """

    def __init__(self, column: str, *, skips: bool):
        self.column = column
        self.categories: list[str] = []
        self.is_skipped = False
        self._is_text = False
        self._skips = skips
        self._kinds: dict[str, str] = {}
        self._codes: dict[str, int] = {}

    def read(self, batch: Batch) -> NDArray[np.bool_]:
        """Which of its values in a batch are known; they are kept for `take`."""
        array, where = batch.columns[self.column], batch.where
        self._is_text |= self.column in batch.texts
        kind = kind_of(array.type)
        self._values, self._texts = np.zeros(len(array)), None
        if kind is None and self._skips:
            self.is_skipped = True
        if self.is_skipped:
            return np.ones(len(array), dtype=bool)
        if kind is None:
            raise DataError(
                f"{where}: column {self.column!r} has type {array.type}; "
                "a feature is of numbers, booleans or texts: convert it"
            )
        if kind == "missing":
            return np.zeros(len(array), dtype=bool)
        self._refuse_another(kind, where)
        if kind == "text":
            indices, self._texts = dictionary(array)
            self._values = indices.astype(np.float64)
            self._values[~np.append(self._is_known(self._texts), False)[indices]] = np.nan
        else:
            plain = array if kind == "number" else _as_integers(array)
            self._values = numbers(plain, self.column, "feature", where)
        return ~np.isnan(self._values)

    def take(self, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
        """Numbers of the values at some places of the last batch; texts by order of arrival."""
        values = self._values[chosen]
        if self._texts is None:
            return values
        used, where = np.unique(values.astype(np.intp), return_inverse=True)
        texts = [str(level(self._texts[i].as_py())) for i in used.tolist()]
        codes = [self._codes.setdefault(text, len(self._codes)) for text in texts]
        return np.array(codes, dtype=np.float64)[where.ravel()]

    def settled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of all kept rows, from what `take` gave; texts by their order from now on.

        Raises
        ------
        DataError
            A number is infinite.
        """
        if "text" not in self._kinds:
            return self._finite(values)
        texts = list(self._codes)
        used, where = np.unique(values.astype(np.intp), return_inverse=True)
        found = [texts[code] for code in used.tolist()]
        levels = typed(found) if self._is_text else tuple(found)
        if levels and not isinstance(levels[0], str):
            numeric = np.array([float(one) for one in levels])  # type: ignore[arg-type]
            return self._finite(numeric[where.ravel()])
        self.categories = sorted(found)
        place = {text: i for i, text in enumerate(self.categories)}
        return np.array([place[text] for text in found], dtype=np.float64)[where.ravel()]

    def _is_known(self, texts: Any) -> NDArray[np.bool_]:
        """Which texts are values, an array with a place for each."""
        import pyarrow.compute as pc

        missing = np.array(texts.is_null(), dtype=bool)
        if self._is_text:
            nan = pc.equal(pc.utf8_lower(texts), "nan").fill_null(True)
            missing |= np.array(nan, dtype=bool)
        return ~missing

    def _finite(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if np.isinf(values).any():
            raise DataError(
                f"feature {self.column!r} is infinite in {int(np.isinf(values).sum()):,} rows, and "
                "nothing is near infinity; make those values missing, or leave the feature out"
            )
        return values

    def _refuse_another(self, kind: str, where: str) -> None:
        first = self._kinds.setdefault(kind, where)
        for other, there in self._kinds.items():
            if other != kind:
                raise DataError(
                    f"feature {self.column!r} holds values of kind {kind} in {first} but {other} "
                    f"in {there}; make the column the same type everywhere"
                )


def _as_integers(array: Any) -> Any:
    import pyarrow as pa
    import pyarrow.types as t

    plain = array.dictionary_decode() if t.is_dictionary(array.type) else array
    return plain.cast(pa.int8())


def _tickets(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hashes of the rows' places, all different: splitmix64, whose streams differ by the seed."""
    mixed = (rows + np.uint64(SEED + 1)) * np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
