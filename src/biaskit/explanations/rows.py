"""Rows: those that are explained and those that they are compared with, batch by batch."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from biaskit.counts.levels import typed
from biaskit.errors import DataError, RolesError, did_you_mean, listed
from biaskit.explanations.models.model import Model
from biaskit.explanations.request import Request
from biaskit.explanations.samples import drawn
from biaskit.sources.batches import Batch, Source, rows_of
from biaskit.sources.dispatch import dialect_for, source_of
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.streams import reads_once
from biaskit.sources.repeats import repeated
from biaskit.store import formats

__all__ = ["Compared", "Rows", "pieces"]

# Rows that are explained at a time: their values take 8 bytes for each feature.
_AT_ONCE = 1 << 16
# Rows that are explained first, to learn the shape of the result.
_FEW = 10
#: Rows drawn as the background of a model that needs one but is given none, or too many rows.
_DRAWN = 50


class Compared(NamedTuple):
    """Rows that were drawn as the background."""

    batch: Batch
    #: Number and origin of the rows, as `method` states them.
    whence: str


class Rows:
    """Rows of a request, batch by batch, and those that they are compared with.

    Rows are read on demand, and the explained rows only once.
    """

    def __init__(self, request: Request, model: Model):
        self._request = request
        own = model.columns if model.has_names else ()
        self._named = own if request.features is None else request.features
        self._table = self._of_the_data()
        #: Columns that the model takes, in its order.
        self.features = _features(model, request.features, self._table.names())
        # Columns that are needed as numbers.
        self._numeric = self.features if model.is_numeric else ()
        self._background = _background(request, self.features)

    @cached_property
    def first(self) -> Batch:
        """The first batch that has rows.

        Raises
        ------
        DataError
            No batch has rows.
        """
        found = next(self._batches, None)
        if found is None:
            raise DataError("the data have no rows to explain")
        return found

    @property
    def few(self) -> Batch:
        """A few of the first rows, which give the shape of the values."""
        return next(pieces(self.first, _FEW))

    def batches(self, most: int | None = None) -> Iterator[Batch]:
        """All rows to explain, at most `most` at a time; they can be read once."""
        for batch in itertools.chain([self.first], self._batches):
            yield from pieces(batch, batch.rows if most is None else most)

    @property
    def has_background(self) -> bool:
        """Whether the caller gives a background."""
        return self._background is not None

    def background(self) -> Iterator[Batch]:
        """All rows of the background that the caller gives."""
        assert self._background is not None
        return self._background.batches(self.features, numeric=self._numeric)

    @cached_property
    def compared(self) -> Compared:
        """Rows to compare with, 50 at most, drawn at random.

        Without a background they are drawn from all of the data, or from the first rows where the
        data can be read only once.

        Raises
        ------
        DataError
            The background has no rows, or its columns change their type.
        """
        table, of = self._background, "background"
        if table is None and _reads_again(self._request.data):
            table, of = self._of_the_data(), "data"
        if table is None:
            batch = drawn([self.first], self.features, _DRAWN, self._request.seed)
            return Compared(batch, f"{batch.rows} of the first {self.first.rows:,} rows")
        found = table.batches(self.features, numeric=self._numeric)
        batch = drawn(found, self.features, _DRAWN, self._request.seed)
        return Compared(batch, f"{batch.rows} rows of the {of}")

    def _of_the_data(self) -> _Table:
        return _Table(
            _source(self._request.data, self._named, self._request.dialect),
            self._request.roles.frequency,
        )

    @cached_property
    def _batches(self) -> Iterator[Batch]:
        """Batches of the data that have not been read yet."""
        roles, key = self._request.roles, self._request.key
        others = [*roles.columns(), *(() if key is None else (key,))]
        found = self._table.batches(self.features, others, {*roles.cuts, *self._numeric})
        return (piece for batch in found for piece in pieces(batch, _AT_ONCE) if piece.rows)


class _Table:
    """Rows of a table, with texts that are numbers converted.

    If a frequency is given, each row is repeated as often as that column says.
    """

    def __init__(self, source: Source, frequency: str | None):
        self._source, self._frequency = source, frequency

    def names(self) -> list[str]:
        """Names of the columns."""
        return self._source.names()

    def batches(
        self,
        features: Sequence[str],
        others: Collection[str] = (),
        numeric: Collection[str] = (),
    ) -> Iterator[Batch]:
        """Batches of the features and of other columns; `numeric` are needed as numbers."""
        frequency = self._frequency
        times = () if frequency is None else (frequency,)
        columns = [*dict.fromkeys([*features, *others, *times])]
        found = rows_of(self._source, columns, numeric)
        if frequency is not None:
            found = repeated(found, frequency, _AT_ONCE)
        return _as_numbers(found, features)


def _background(request: Request, features: Sequence[str]) -> _Table | None:
    """Rows that the caller gives to compare with; repeated if they have the frequency as well."""
    if request.background is None:
        return None
    dialect = dialect_for(request.background, request.dialect)
    source, frequency = _source(request.background, features, dialect), request.roles.frequency
    has_it = frequency is not None and frequency in source.names()
    return _Table(source, frequency if has_it else None)


def _source(data: Any, named: Sequence[str], dialect: Dialect | None) -> Source:
    """Source of the rows of a table, or of an array whose columns are the model's, in its order."""
    if not isinstance(data, np.ndarray):
        return source_of(data, dialect=dialect)
    if dialect is not None:
        raise dialect.refused("data is an array")
    if data.ndim != 2:
        raise DataError(f"an array of rows has two dimensions, not {data.ndim}")
    names = [*named] or [f"x{i}" for i in range(data.shape[1])]
    if len(names) != data.shape[1]:
        raise DataError(f"the array has {data.shape[1]} columns, but the model takes {len(names)}")
    return source_of(formats.frame(dict(zip(names, data.T, strict=True))))


def _features(model: Model, given: Sequence[str] | None, names: Sequence[str]) -> tuple[str, ...]:
    """Columns that a model takes, in its order.

    Parameters
    ----------
    model
        The model.
    given
        Columns that the caller names, in the order of training.
    names
        Columns of the data.

    Raises
    ------
    RolesError
        It is unknown which columns the model takes.
    DataError
        The data lack a column that it takes.
    """
    own = model.columns
    if given is not None:
        features = tuple(given)
        if own and len(own) != len(features):
            raise RolesError(
                f"features names {len(features)} columns, but the model takes {len(own)}"
            )
        if own and set(own) == set(features):
            features = own
    elif own and model.has_names:
        features = own
    elif own:
        raise RolesError(
            f"the model does not say which columns it takes; name its {len(own)} in their order "
            f"with features=; the data have {listed([*names])}"
        )
    else:
        raise RolesError(
            "which columns does the model take? Name them in their order with features=; "
            f"the data have {listed([*names])}"
        )
    if len(set(features)) < len(features):
        raise RolesError(f"features names a column twice: {listed(features)}")
    if missing := [name for name in features if name not in names]:
        raise DataError(
            f"the model takes {missing[0]!r}, which the data lack"
            f"{f' (and {len(missing) - 1} more)' if len(missing) > 1 else ''}; "
            f"{did_you_mean(missing[0], names)}"
        )
    return features


def _reads_again(data: Any) -> bool:
    """Whether a table can be read twice, unlike a stream or a pipe."""
    paths = data if isinstance(data, (list, tuple)) else [data]
    if any(reads_once(path) for path in paths):
        return False
    if all(isinstance(path, (str, os.PathLike)) for path in paths):
        return True
    if type(data).__module__.partition(".")[0] in ("pandas", "polars", "numpy"):
        return True
    import pyarrow as pa

    return isinstance(data, (pa.Table, pa.RecordBatch))


def _as_numbers(batches: Iterator[Batch], features: Sequence[str]) -> Iterator[Batch]:
    """Batches in which texts are converted to numbers, if those of the first rows are numbers."""
    import pyarrow as pa

    kinds: dict[str, bool] = {}
    for batch in batches:
        made, texts = dict(batch.columns), batch.texts
        for name in batch.texts.intersection(features):
            column = batch.columns[name]
            values = typed(column.dictionary.to_pylist())
            are = all(isinstance(v, (int, float)) for v in values if v is not None)
            if len(values) and kinds.setdefault(name, are) and not are:
                raise DataError(
                    f"{batch.where}: column {name!r} holds numbers at first and texts later; "
                    "make it one type"
                )
            if kinds.get(name, False):
                numbers = pa.array([None if v is None else float(v) for v in values], pa.float64())  # type: ignore[arg-type]
                made[name] = numbers.take(column.indices)
                texts -= {name}
        yield replace(batch, columns=made, texts=texts)


def pieces(batch: Batch, most: int) -> Iterator[Batch]:
    """A batch as batches of a bounded size."""
    if batch.rows <= most:
        yield batch
        return
    for start in range(0, batch.rows, most):
        columns = {name: one.slice(start, most) for name, one in batch.columns.items()}
        yield replace(batch, columns=columns, rows=min(most, batch.rows - start))
