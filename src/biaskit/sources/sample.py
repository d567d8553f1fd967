"""Samples: rows that are kept besides the counts, for the only metric that needs rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet, columns_of
from biaskit.counts.levels import Level, level, typed
from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.batches import Batch
from biaskit.sources.encode import Encoder, dictionary, kind_of, numbers
from biaskit.sources.reservoirs import array_reservoir

__all__ = ["MAX_ROWS", "SEED", "Feature", "Sample", "Sampler"]

#: Most rows that are kept; of more, a sample.
MAX_ROWS = 100_000
SEED = 0

_GOLDEN = 0x9E3779B97F4A7C15


class Sampler:
    """Keeps rows in the pass that counts: their features, facets, outcomes and weights.

    Rows are kept whose label (where one is given), prediction and features are all known; of more
    than `MAX_ROWS`, those whose place in the table has the smallest hashes, so that batches do not
    matter. All rows are counted, kept or not.

    Parameters
    ----------
    roles, encoders
        What is counted in the same pass, and the encoder of each column.
    names
        Names of the source's columns.

    Raises
    ------
    DataError
        Every column has a role, so that none is left for ``features="rest"``.
    """

    def __init__(
        self, roles: Roles, encoders: Mapping[str, Encoder], names: Callable[[], Sequence[str]]
    ):
        self._roles = roles
        self._encoders = encoders
        self._features = _features_of(roles, names)
        self._outcomes = [name for name in (roles.label, roles.predicted) if name is not None]
        self._columns = [*columns_of(roles.facet), *self._outcomes]
        self._counts: dict[Facet, Counter[tuple[int, ...]]] = {f: Counter() for f in roles.facet}
        # Values, codes of `_columns`, weights.
        self._kept = array_reservoir(MAX_ROWS, axis=0)
        self._complete = 0

    @property
    def columns(self) -> list[str]:
        """Columns that are read for the features."""
        return [feature.column for feature in self._features]

    def add(
        self,
        batch: Batch,
        codes: Mapping[str, NDArray[np.intp]],
        weight: NDArray[np.float64] | None,
        before: int,
    ) -> None:
        """Add rows: a batch, the codes of its counted columns, and the number of rows before it."""
        known = np.ones(batch.rows, dtype=bool)
        for column in self._outcomes:
            known &= codes[column] != self._encoders[column].missing
        for feature in self._features:
            known &= feature.read(batch)
        self._count(codes, known)
        tickets = _tickets(np.arange(before, before + batch.rows, dtype=np.uint64))
        kept = np.flatnonzero(known & self._kept.may_keep(tickets))
        part = (
            np.stack([feature.take(kept) for feature in self._features], axis=1),
            np.stack([codes[column][kept] for column in self._columns], axis=1),
            np.ones(len(kept)) if weight is None else weight[kept],
        )
        self._kept.add(part, tickets[kept])

    def sample(self) -> Sample:
        """Sample of all rows, when they have been added.

        Raises
        ------
        DataError
            A feature is infinite, or no column is left for ``features="rest"``.
        """
        empty = [np.empty((0, len(one))) for one in (self._features, self._columns)]
        nothing = empty[0], empty[1].astype(np.intp), np.empty(0)
        values, codes, weight = self._kept.found() or nothing
        settled = [f.settled(values[:, i]) for i, f in enumerate(self._features)]
        kept = [i for i, feature in enumerate(self._features) if not feature.is_skipped]
        if not kept:
            raise DataError(
                'features="rest": no column without another role holds numbers, booleans or texts; '
                "name the columns to compare by"
            )
        return Sample(
            features=[self._features[i] for i in kept],
            values=np.stack([settled[i] for i in kept], axis=1),
            weight=weight,
            complete=self._complete,
            is_rest=self._roles.features == "rest",
            _roles=self._roles,
            _levels={column: self._encoders[column].levels() for column in self._columns},
            _codes=dict(zip(self._columns, codes.T, strict=True)),
            _counts=self._counts,
        )

    def _count(self, codes: Mapping[str, NDArray[np.intp]], known: NDArray[np.bool_]) -> None:
        self._complete += int(known.sum())
        if not known.any():
            return
        for facet, counts in self._counts.items():
            columns = [codes[column][known] for column in facet.columns]
            shape = [int(column.max()) + 1 for column in columns]
            n = np.bincount(np.ravel_multi_index(columns, shape))
            used = np.flatnonzero(n)
            cells = zip(*(axis.tolist() for axis in np.unravel_index(used, shape)), strict=True)
            counts.update(dict(zip(cells, n[used].tolist(), strict=True)))


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows that a `Sampler` kept, when the pass is over.

    Attributes
    ----------
    features
        The columns that are compared.
    values
        Numbers of the kept rows, shape ``(rows, features)``; a text is its index in
        `Feature.categories`.
    weight
        Weights of the kept rows, shape ``(rows,)``; ones where rows are not weighted.
    complete
        Number of complete rows, kept or not.
    is_rest
        Whether the features are all columns that have no other role.
    """

    features: Sequence[Feature]
    values: NDArray[np.float64]
    weight: NDArray[np.float64]
    complete: int
    is_rest: bool
    _roles: Roles
    #: For each column of a facet or an outcome: levels by code, and the codes of the kept rows.
    _levels: Mapping[str, tuple[Level, ...]]
    _codes: Mapping[str, NDArray[np.intp]]
    #: For each facet, complete rows by the codes of its columns.
    _counts: Mapping[Facet, Mapping[tuple[int, ...], int]]

    def facet(self, facet: Facet) -> tuple[list[Level], NDArray[np.intp]]:
        """Values of a facet, including missing, and their index in each kept row."""
        codes = np.stack([self._codes[column] for column in facet.columns], axis=1)
        cells, which = np.unique(codes, axis=0, return_inverse=True)
        return [self._level(facet, cell) for cell in cells.tolist()], which.ravel()

    def rows(self, facet: Facet) -> Mapping[Level, int]:
        """Complete rows by value of a facet, whether they are kept or not."""
        made: Counter[Level] = Counter()
        for cell, n in self._counts[facet].items():
            made[self._level(facet, cell)] += n
        return made

    def labels(self) -> NDArray[np.intp] | None:
        """Index of the label of each kept row; None without a label column."""
        if self._roles.label is None:
            return None
        number: dict[Level, int] = {}
        levels = self._levels[self._roles.label]
        of_code = np.array([number.setdefault(one, len(number)) for one in levels], dtype=np.intp)
        return np.asarray(of_code[self._codes[self._roles.label]])

    def is_positive(self, positive_hat: Sequence[Level]) -> NDArray[np.bool_]:
        """Whether each kept row is predicted to be one of the positive levels."""
        column = str(self._roles.predicted)
        positive = np.array([level in positive_hat for level in self._levels[column]], dtype=bool)
        return np.asarray(positive[self._codes[column]])

    def _level(self, facet: Facet, cell: Sequence[int]) -> Level:
        codes = zip(facet.columns, cell, strict=True)
        return facet.value([self._levels[column][code] for column, code in codes])


class Feature:
    """One feature, batch after batch: numbers as they are, texts as indices in `categories`.

    Booleans are the numbers 0 and 1. Texts become numbers or booleans once all are known, as in
    `biaskit.counts.levels.typed`; ``nan`` is then missing, whatever the others are.
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
        """Mask of the known values in a batch; the values are kept for `take`."""
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
                "a feature must hold numbers, booleans or texts: convert it"
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
        """Values of all kept rows, from the results of `take`; texts by sorted order from now on.

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
                "infinite values have no neighbours; make those values missing, or leave the "
                "feature out"
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


def _features_of(roles: Roles, names: Callable[[], Sequence[str]]) -> list[Feature]:
    """Features by which rows are compared; `names` are the source's columns."""
    if roles.features != "rest":
        return [Feature(name, skips=False) for name in roles.features or ()]
    taken = roles.columns()
    chosen = [name for name in names() if name not in taken]
    if not chosen:
        raise DataError(
            'features="rest": every column has another role, so none is left to compare by'
        )
    return [Feature(name, skips=True) for name in chosen]


def _as_integers(array: Any) -> Any:
    import pyarrow as pa
    import pyarrow.types as t

    plain = array.dictionary_decode() if t.is_dictionary(array.type) else array
    return plain.cast(pa.int8())


def _tickets(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Distinct hashes of the rows' places: splitmix64, with a stream per seed."""
    mixed = (rows + np.uint64(SEED + 1)) * np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
