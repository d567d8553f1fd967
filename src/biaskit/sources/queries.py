"""Queries: the ``GROUP BY`` that an engine runs, through narwhals.

It groups by the columns of the roles, or their bins where they are cut, and asks for the number of
rows of each group (or the sum of their frequencies) and the sums of its weights. The groups are
rows like any other for the encoders, so that missing values, whole floats and kinds mean what they
mean in every other source.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_ROWS, refuse_many_rows
from biaskit.counts.facets import Facet
from biaskit.counts.roles import Roles
from biaskit.errors import DataError
from biaskit.sources.answers import array_of, asked, in_memory, in_narwhals
from biaskit.sources.batches import Batch, rows_of
from biaskit.sources.cuts import at_scale, decimal_of, floats_of, whole_edges
from biaskit.sources.frames.source import frame_source
from biaskit.sources.repeats import total
from biaskit.sources.scored.asked import (
    SUMMED,
    OfScores,
    is_finite,
    refuse_infinite_groups,
    scores_of,
    with_bins,
)

if TYPE_CHECKING:
    from biaskit.sources.engines import Engine
    from biaskit.sources.histogram import Histograms

__all__ = ["Groups", "Query"]

# Frequencies are summed in two parts, since engines overflow silently or fail where a sum is too
# large: multiples of this as floats, whose sums are exact, and the remainders as integers.
_PART = 2**32
# Decimals with up to this many digits differ by far more than the error of a cast to float.
_FLOAT_DIGITS = 14


class Groups(NamedTuple):
    """Rows already grouped by the columns of some facets: the groups' values, and their sizes."""

    facets: tuple[Facet, ...]
    values: Batch
    #: For each group, the number of its rows (each as often as its frequency) and, where rows are
    #: weighted, the sums of their weights and of the squares of those.
    sizes: list[NDArray[Any]]
    #: Rows in the groups, except those already in an earlier part for another facet.
    rows: int
    scores: OfScores | None = None

    @property
    def done(self) -> None:
        """None: an engine does not report its progress."""

    def add_to(self, histograms: Histograms) -> None:
        """Add the rows to the counts."""
        histograms.add_groups(self.values, self.sizes, self.rows, self.facets, self.scores)


class _Cut(NamedTuple):
    """How a column is compared with the edges at which it is cut."""

    #: Type that its values are cast to first, if any.
    cast: Any
    ends: list[Any]
    #: Bounds of all values.
    least: Any
    most: Any


class Query:
    """The `GROUP BY` that an engine runs; it uses plain names for columns."""

    def __init__(self, frame: Any, names: Sequence[str], engine: Engine, roles: Roles):
        self._engine = engine
        self._where = f"the {engine.name} frame"
        self._roles = roles
        self._frame, self._given = frame, {name: name for name in names}
        if engine.reads_names:
            self._given = {name: f"c{i}" for i, name in enumerate(names)}
            self._frame = in_narwhals(frame.to_native().toDF(*self._given.values()))
        with asked(engine, "the schema"):
            self._schema = self._frame.collect_schema()
        for column, role in roles.columns().items():
            self._refuse_unfit(column, role)
        if roles.frequency is not None:  # rows of frequency 0 do not count
            times = self._column(roles.frequency)
            self._frame = self._frame.filter((times != 0) | times.is_null())

    def answer(
        self,
        columns: Sequence[str],
        facets: tuple[Facet, ...],
        most: int,
        set_aside: Collection[str] = (),
    ) -> list[Groups]:
        """At most `most` groups of the rows by the columns of some facets.

        Of columns that are set aside, all known values are one.
        """
        import narwhals as nw

        names = {column: f"k{i}" for i, column in enumerate(columns)}
        read = [
            (self._is_known(column) if column in set_aside else self._key(column)).alias(name)
            for column, name in names.items()
        ]
        sizes = {"n": nw.len()}
        often = None
        if self._roles.frequency is not None:
            high, low = self._parts_of_frequency()
            read += [high.alias("f1"), low.alias("f0")]
            sizes = {"sf1": nw.col("f1").sum(), "sf0": nw.col("f0").sum()}
            often = high + low.cast(nw.Float64)
        if (weight := self._roles.weight) is not None:
            # An invalid weight (missing, negative, infinite) makes its group's sum infinite or NaN.
            w = self._column(weight).cast(nw.Float64)
            w = nw.when(w >= 0).then(w).otherwise(nw.lit(float("inf")))
            square = w * w
            if often is not None:
                w, square = often * w, often * square
            read += [w.alias("w"), square.alias("w2")]
            sizes |= {"sw": nw.col("w").sum(), "sw2": nw.col("w2").sum()}
        keys = [*names.values()]
        edges = self._roles.score_edges
        if edges is not None:
            read.append(self._score().alias("x"))
            read += [] if often is None else [often.alias("f")]
            keys.append("b")
            sizes |= {name: nw.col(name).sum() for name in SUMMED}
        said = ", ".join(map(repr, columns))
        with asked(self._engine, f"the GROUP BY of {said}"):
            rows = self._frame.select(*read)
            if edges is not None:
                rows = with_bins(rows, edges, None if often is None else "f")
            sums = [size.alias(name) for name, size in sizes.items()]
            grouped = rows.group_by(*keys).agg(*sums)
            made = in_memory(grouped.head(most))
        source = frame_source(made)
        if source is None:
            raise DataError(f"{self._where} gave a {type(made).__qualname__} for its groups")
        wanted = [*keys, *sizes]
        with asked(self._engine, f"the groups of {said}"):
            parts = rows_of(source, wanted, wanted)
            found = [self._groups(batch, names, facets) for batch in parts]
        if edges is not None:
            of_scores = [(one.sizes[0], one.scores) for one in found if one.scores is not None]
            refuse_infinite_groups(edges, of_scores, str(self._roles.score), self._where)
        return found

    def _groups(self, batch: Batch, names: Mapping[str, str], facets: tuple[Facet, ...]) -> Groups:
        cells = batch.columns
        if self._roles.frequency is None:
            sizes = [array_of(cells["n"], "int64")]
        else:
            sizes = [self._joined(cells["sf1"], cells["sf0"])]
        if self._roles.weight is not None:
            sizes += [array_of(cells[name], "float64") for name in ("sw", "sw2")]
            if not np.isfinite(sizes).all():
                self._refuse_weights()
        values = {column: self._uncut(column, cells[name]) for column, name in names.items()}
        rows = total(sizes[0])
        scores = None
        if (edges := self._roles.score_edges) is not None:
            sums = [array_of(cells[name], "float64") for name in SUMMED]
            scores = scores_of(edges, sizes[0], [array_of(cells["b"], "int64"), *sums])
        return Groups(facets, Batch(values, batch.rows, self._where), sizes, rows, scores)

    def _score(self) -> Any:
        """Scores as floats; a missing one is NaN."""
        import narwhals as nw

        column = str(self._roles.score)
        value = self._column(column)
        if self._schema[self._given[column]] == nw.Decimal and self._engine.is_of_pandas:
            value = value.cast(nw.String)  # Arrow's own conversion is not to the nearest float
        return value.cast(nw.Float64).fill_null(math.nan)

    def _column(self, column: str) -> Any:
        import narwhals as nw

        return nw.col(self._given[column])

    def _parts_of_frequency(self) -> tuple[Any, Any]:
        """Multiples of `_PART` in the frequencies, and remainders; an invalid one is infinite."""
        import narwhals as nw

        column = str(self._roles.frequency)
        number, dtype = self._column(column), self._schema[self._given[column]]
        right = number >= 0 if dtype in _signed() else _is_frequency(number)
        whole = nw.when(right).then(number).otherwise(nw.lit(0)).cast(nw.Int64)
        # The float of the largest numbers is 2**63, whose number of parts is beyond an integer.
        parts = (whole.cast(nw.Float64) / _PART - 1).round(0)
        high = (parts * _PART).cast(nw.Float64)
        high = nw.when(right).then(high).otherwise(nw.lit(float("inf")))
        return high, whole - parts.cast(nw.Int64) * _PART

    def _joined(self, high: Any, low: Any) -> NDArray[np.int64]:
        """Sums of frequencies from those of their parts."""
        multiples, over = array_of(high, "float64"), array_of(low, "int64")
        if not np.isfinite(multiples).all():
            self._refuse_frequencies()
        refuse_many_rows(sum(map(int, multiples.tolist())) + total(over))
        sums: NDArray[np.int64] = multiples.astype(np.int64) + over
        return sums

    def _key(self, column: str) -> Any:
        """Expression to group by: a column or, where it is cut, the number of edges at or above."""
        import narwhals as nw

        value = self._column(column)
        if column not in self._roles.cuts:
            return value
        cut = self._cut(column)
        number = value if cut.cast is None else value.cast(cut.cast)
        least, most = cut.least, cut.most
        flags = [number < least if e < least else number <= min(e, most) for e in cut.ends]
        if self._missing_is_0(cut):
            flags.append(_is_number(number) if most == math.inf else number <= most)
        if self._engine.is_of_pandas:
            flags = [flag.fill_null(value=False) for flag in flags]
        terms = [flag.cast(nw.Int16) for flag in flags]
        # Engines disagree on whether NaN is above all numbers or unordered.
        return _total(terms) * terms[-1] if self._missing_is_0(cut) else _total(terms)

    def _is_known(self, column: str) -> Any:
        """Expression that is 1 where a column has a value, and missing elsewhere."""
        import narwhals as nw

        value, dtype = self._column(column), self._schema[self._given[column]]
        known = ~value.is_null()
        if dtype.is_float():
            known &= _is_number(value)
        return nw.when(known).then(nw.lit(1))

    def _missing_is_0(self, cut: _Cut) -> bool:
        """Whether missing values have key 0; for integers and decimals their key is missing."""
        return self._engine.is_of_pandas or cut.most == math.inf

    def _cut(self, column: str) -> _Cut:
        """How a column is compared with the edges at which it is cut."""
        import narwhals as nw

        dtype = self._schema[self._given[column]]
        edges = self._roles.cuts[column]
        if dtype == nw.Decimal:
            return self._cut_of_decimals(column, dtype)
        if dtype.is_integer():
            if dtype == nw.UInt64:
                return _Cut(None, whole_edges(edges), 0, 2**64 - 1)
            if dtype in (nw.Int128, nw.UInt128):
                return _Cut(None, whole_edges(edges), -(2**127), 2**127 - 1)
            cast = nw.Int64 if self._engine.casts_missing else None
            return _Cut(cast, whole_edges(edges), -(2**63), 2**63 - 1)
        floats = floats_of(edges, "f4" if dtype == nw.Float32 else "f8").tolist()
        return _Cut(nw.Float64, floats, -math.inf, math.inf)

    def _cut_of_decimals(self, column: str, dtype: Any) -> _Cut:
        import narwhals as nw

        edges = self._roles.cuts[column]
        digits, scale = getattr(dtype, "precision", None), getattr(dtype, "scale", None)
        if digits is None or scale is None:  # older versions of narwhals do not report it
            digits, scale, floors = 38, 0, [decimal_of(edge) for edge in edges]
        else:
            floors = [at_scale(edge, scale) for edge in edges]
        if digits <= _FLOAT_DIGITS:
            # Half-way between two such decimals, rounding of a value does not matter.
            halves = [float(floor) + 0.5 / 10**scale for floor in floors]
            return _Cut(nw.Float64, halves, -math.inf, math.inf)
        if not self._engine.compares_decimals:
            raise DataError(
                f"{self._where}: {column!r} has too many digits ({dtype}) to be cut by "
                f"{self._engine.name}; cast it to at most {_FLOAT_DIGITS} digits, or to floats"
            )
        most = (Decimal(10) ** digits - 1).scaleb(-scale)
        return _Cut(None, floors, -most, most)

    def _uncut(self, column: str, array: Any) -> Any:
        """Values of a group; for a bin, a number in it, which the encoder maps back to the bin."""
        import pyarrow as pa

        if column not in self._roles.cuts:
            return array
        ends = [math.inf, *reversed(self._roles.cuts[column])]
        by_code = [None, *ends] if self._missing_is_0(self._cut(column)) else ends
        codes = array.to_pylist()
        return pa.array([None if code is None else by_code[code] for code in codes], pa.float64())

    def _refuse_unfit(self, column: str, role: str) -> None:
        dtype = self._schema[self._given[column]]
        where = self._where
        if column in self._roles.cuts or column not in self._roles.counted_columns():
            if not dtype.is_numeric():
                raise DataError(
                    f"{where}: {role} {column!r} must be numbers to be cut or summed, but it holds "
                    f"{dtype}; choose another column, or convert it"
                )
        elif dtype.is_nested():
            raise DataError(
                f"{where}: column {column!r} has type {dtype}; "
                f"a {role} must hold texts, numbers or booleans: convert it"
            )
        elif getattr(dtype, "time_zone", None) and not self._engine.keeps_zones:
            raise DataError(
                f"{where}: {role} {column!r} holds instants, which {self._engine.name} shows in "
                "the session's time zone; convert it to a date or a text in the intended time zone"
            )

    def _refuse_weights(self) -> NoReturn:
        """Raise the error for weights whose sum is not finite."""
        import narwhals as nw

        w = nw.col("w")
        known = _is_number(w)
        wrong = {
            "missing or not a number": w.is_null() | ~known,
            "negative": known & (w < 0),
            "infinite": known & (w == float("inf")),
        }
        what = f"weight {self._roles.weight!r}"
        self._refuse_wrong(str(self._roles.weight), what, wrong, "finite weight")
        raise DataError(f"{self._where}: {what} has sums that overflow a float; make it smaller")

    def _refuse_frequencies(self) -> NoReturn:
        """Raise the error for invalid frequencies."""
        import narwhals as nw

        f = nw.col("w")
        finite, infinite, negative = is_finite(f), f == float("inf"), f < 0
        wrong = {
            "missing or not a number": f.is_null() | ~(finite | infinite | negative),
            "negative": negative,
            "infinite": infinite,
            "not a whole number": _fits(f) & ~_is_frequency(f),
            f"more than {MAX_ROWS:,}": finite & ~_fits(f),
        }
        what = f"frequency {self._roles.frequency!r}"
        self._refuse_wrong(str(self._roles.frequency), what, wrong, "whole number")
        raise AssertionError(f"{what} was refused although it is valid")

    def _refuse_wrong(self, column: str, what: str, wrong: Mapping[str, Any], right: str) -> None:
        """Refuse rows whose amount ``w`` is invalid, by kind of error."""
        import narwhals as nw

        flags = [
            nw.when(one).then(nw.lit(1)).otherwise(nw.lit(0)).alias(f"b{i}")
            for i, one in enumerate(wrong.values())
        ]
        with asked(self._engine, f"the check of {what}"):
            number = self._column(column).cast(nw.Float64).alias("w")
            sums = self._frame.select(number).select(*flags).select(nw.all().sum())
            found = nw.from_native(in_memory(sums), eager_only=True)
            rows = [int(found[f"b{i}"].item()) for i in range(len(wrong))]
        for how, count in zip(wrong, rows, strict=True):
            if count:
                raise DataError(
                    f"{self._where}: {what} is {how} in {count:,} rows; "
                    f"give every row a {right} of 0 or more, or leave those rows out"
                )


def _signed() -> tuple[Any, ...]:
    """Signed integer types of up to 64 bits."""
    import narwhals as nw

    return nw.Int8, nw.Int16, nw.Int32, nw.Int64


def _fits(number: Any) -> Any:
    """Whether a number of 0 or more fits an integer of 64 bits."""
    import narwhals as nw

    return is_finite(number) & (number >= 0) & (number.cast(nw.Float64) < 2.0**63)


def _is_number(number: Any) -> Any:
    """Whether a number is not NaN; it may be infinite."""
    return is_finite(number) | (number == math.inf) | (number == -math.inf)


def _is_frequency(number: Any) -> Any:
    """Whether a number is a non-negative integer that fits 64 bits."""
    import narwhals as nw

    fits = _fits(number)
    # Ibis rounds to integers, and fails for infinite values and NaN.
    bounded = nw.when(fits).then(number).otherwise(nw.lit(0)).cast(nw.Float64)
    return fits & (bounded.round(0) == bounded)


def _total(terms: Sequence[Any]) -> Any:
    """Sum of expressions as a balanced tree, since engines parse recursively."""
    half = len(terms) // 2
    return _total(terms[:half]) + _total(terms[half:]) if half else terms[0]
