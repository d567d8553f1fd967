"""Cuts: the bins that numbers of any type lie in.

A cut is an integer, or the decimal of its shortest text. Values are compared as exact decimals,
whatever their type; none is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.store.arrays import indices_of, missing_of, values_of

__all__ = ["at_scale", "bins_of", "decimal_of", "floats_of", "whole_edges"]

# More digits than any decimal type has, before and after the point.
_EXACT = Context(prec=1_000, rounding=ROUND_FLOOR)


def bins_of(array: Any, edges: Sequence[float]) -> NDArray[np.intp]:
    """Bin of each number of an Arrow array: how many edges lie below it.

    Missing values and NaN are in a bin of their own after the others.
    """
    import pyarrow.types as t

    missing = len(edges) + 1
    if t.is_dictionary(array.type):
        return np.take(np.append(bins_of(array.dictionary, edges), missing), indices_of(array))
    if t.is_decimal(array.type):
        bins = _of_decimals(array, edges)
    elif t.is_integer(array.type):
        bins = _of_integers(values_of(array), edges)
    else:
        values = values_of(array)
        bins = np.searchsorted(floats_of(edges, values.dtype), values, side="left")
        bins[np.isnan(values)] = missing
    if array.null_count:
        bins[missing_of(array)] = missing
    return bins


def floats_of(edges: Sequence[float], dtype: Any) -> NDArray[np.float64]:
    """Edges against which floats of a type are compared; a shorter float has a shorter text.

    >>> floats_of([0.1], "f4") == np.float32(0.1), floats_of([0.1], "f8") == np.float32(0.1)
    (array([ True]), array([False]))
    """
    exact = np.array(edges, dtype=np.float64)
    with np.errstate(over="ignore"):
        rounded = exact.astype(dtype).astype(np.float64)
    return np.where(np.isinf(rounded), exact, rounded)


def whole_edges(edges: Sequence[float]) -> list[int]:
    """The edges rounded down to integers."""
    return [int(at_scale(edge, 0)) for edge in edges]


def at_scale(edge: float, scale: int) -> Decimal:
    """An edge rounded down to `scale` decimal places.

    >>> at_scale(0.7, 2), at_scale(0.705, 2), at_scale(-0.705, 2)
    (Decimal('0.70'), Decimal('0.70'), Decimal('-0.71'))
    """
    return decimal_of(edge).quantize(Decimal(1).scaleb(-scale), context=_EXACT)


def decimal_of(edge: float) -> Decimal:
    """Exact decimal of an edge: an integer itself, any other number by its shortest text."""
    return Decimal(edge) if edge.is_integer() else Decimal(repr(edge))


def _of_integers(values: NDArray[Any], edges: Sequence[float]) -> NDArray[np.intp]:
    info = np.iinfo(values.dtype)
    whole = whole_edges(edges)
    below = sum(edge < info.min for edge in whole)
    inside = [edge for edge in whole if info.min <= edge < info.max]
    return np.searchsorted(np.array(inside, values.dtype), values, side="left") + below


def _of_decimals(array: Any, edges: Sequence[float]) -> NDArray[np.intp]:
    import pyarrow as pa
    import pyarrow.compute as pc

    type_ = array.type
    if type_.bit_width < 128:  # not every version of Arrow compares these
        type_ = pa.decimal128(type_.precision, type_.scale)
    most = Decimal(10) ** type_.precision - 1
    values = array if array.type == type_ else array.cast(type_)
    bins = np.zeros(len(array), dtype=np.intp)
    for edge in edges:
        floor = at_scale(edge, type_.scale)
        if not abs(floor.scaleb(type_.scale, context=_EXACT)) <= most:  # beyond every value
            bins += edge < 0
            continue
        above = pc.greater(values, pa.scalar(floor, type_)).fill_null(False)
        bins += np.unpackbits(
            np.frombuffer(above.buffers()[1] or b"", np.uint8),
            count=above.offset + len(above),
            bitorder="little",
        )[above.offset :]
    return bins
