"""Scores in a query: the bin of each row, and sums that an engine adds without losing digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.edges import Edges
from biaskit.errors import DataError

__all__ = [
    "SUMMED",
    "OfScores",
    "infinite",
    "is_finite",
    "refuse_infinite_groups",
    "scores_of",
    "with_bins",
]

#: Columns that an engine sums: how far a score is from an end of its bin, and the square of that,
#: each in two parts, of which the sums of the first are exact.
SUMMED = ("d", "e", "d2", "e2")
# A float of up to half of it, to which it is added and from which it is subtracted, is rounded to
# an integer: the same in every engine, where `round` is slow in some and of another type in others.
_ROUNDS = 1.5 * 2.0**52
# Bits of a distance, or of its square, in the first part; so it adds exactly in 2 ** 33 rows.
_BITS = 20


class OfScores(NamedTuple):
    """Scores of the groups of an engine."""

    bins: NDArray[np.intp]
    #: Sums of the scores, and of their squares.
    s: NDArray[np.float64]
    s2: NDArray[np.float64]


def with_bins(frame: Any, edges: Edges, times: str | None) -> Any:
    """Frame with bins in ``b``, and the columns of `SUMMED`, from one with scores in ``x``.

    Scores are floats, a missing one NaN. Bins are numbered as by `Edges`; a missing score is in the
    bin after the last, an infinite one in that after it. `times` is the column of how often each
    row counts, if that is not once.

    Raises
    ------
    DataError
        The range is too narrow for its bins to be told apart by arithmetic.
    """
    import narwhals as nw

    made = edges.arithmetic
    if made is None:
        raise DataError(
            f"the range of scores from {edges.low:g} to {edges.high:g} is so narrow that an engine "
            "cannot bin them; subtract a number from the scores and from score_range"
        )
    low, high, last = float(edges.values[0]), float(edges.values[-1]), float(len(edges.values))
    before = float(edges.before)
    x, bin_ = nw.col("x"), nw.col("b")
    nearest = (x * made.inverse + _ROUNDS) - _ROUNDS
    # By a constant polars does not divide: it multiplies by the reciprocal, which rounds twice.
    over = nearest * 0.0 + made.over
    is_above = (x > nearest * made.times / over).cast(nw.Float64)
    # Few rows are anywhere else, and engines look only at those for what is inside.
    at_low = _either(x == low, 1.0, _either(x < low, 0.0, last))
    is_infinite = (x == math.inf) | (x == -math.inf)
    others = _either(is_finite(x), at_low, _either(is_infinite, last + 2.0, last + 1.0))
    inside = nearest - before + is_above
    frame = frame.with_columns(_either((x > low) & (x <= high), inside, others).alias("b"))
    # An engine adds naively; so it adds how far scores are from the end of their bin next to 0.
    multiple = bin_ + before
    end = (multiple - (multiple >= 1.0).cast(nw.Float64)) * made.times / made.over
    others = _either(bin_ <= last, x, 0.0)
    distance = _either((bin_ >= 1.0) & (bin_ < last), x - end, others)
    frame = frame.with_columns(distance.alias("d"))
    frame = frame.with_columns((nw.col("d") * nw.col("d")).alias("d2"))
    parts = {}
    for name, rest, most in (("d", "e", float(edges.step)), ("d2", "e2", float(edges.step) ** 2)):
        rounds = _ROUNDS * 2.0 ** (math.frexp(most)[1] - _BITS)
        parts[name] = (nw.col(name) + rounds) - rounds
        parts[rest] = nw.col(name) - parts[name]
    if times is not None:
        parts = {name: nw.col(times) * part for name, part in parts.items()}
    parts["b"] = bin_.cast(nw.Int32)
    return frame.with_columns(*(part.alias(name) for name, part in parts.items()))


def scores_of(edges: Edges, rows: NDArray[np.int64], columns: Sequence[NDArray[Any]]) -> OfScores:
    """Scores of groups, from their bins and their sums of each of `SUMMED`."""
    made = edges.arithmetic
    assert made is not None
    bins, d, e, d2, e2 = columns
    multiple = (bins + edges.before).astype(np.float64)
    end = np.where(multiple >= 1.0, multiple - 1.0, multiple) * made.times / made.over
    end = np.where((bins >= 1) & (bins < len(edges.values)), end, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        d, d2 = d + np.nan_to_num(e), d2 + np.nan_to_num(e2)  # of an infinite sum
        return OfScores(bins, rows * end + d, rows * (end * end) + 2 * end * d + d2)


def refuse_infinite_groups(
    edges: Edges, groups: Iterable[tuple[NDArray[np.int64], OfScores]], column: str, where: str
) -> None:
    """Refuse groups, given by their rows and scores, of which some have infinite scores."""
    if wrong := sum(int(rows[scores.bins > edges.bins].sum()) for rows, scores in groups):
        raise infinite(wrong, column, where)


def infinite(rows: int, column: str, where: str) -> DataError:
    """Error for infinite scores."""
    return DataError(
        f"{where}: score {column!r} is infinite in {rows:,} rows; "
        "log-odds of 0 and 1 are, for instance: give probabilities, or make them missing"
    )


def is_finite(number: Any) -> Any:
    """Whether a number is neither infinite nor NaN.

    DuckDB uses the minimum and maximum of a column in a Parquet footer to predict comparisons,
    wrongly for NaN and ``isnan``, but not equality.
    """
    return number - number == 0


def _either(condition: Any, then: Any, otherwise: Any) -> Any:
    """Expression of one value where a condition holds, and of another elsewhere."""
    import narwhals as nw

    then, otherwise = (nw.lit(one) if isinstance(one, float) else one for one in (then, otherwise))
    return nw.when(condition).then(then).otherwise(otherwise)
