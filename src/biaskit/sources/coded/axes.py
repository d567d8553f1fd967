"""Axes: codes of columns in the memory of a row group, and counts of their combinations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Axis",
    "Codes",
    "in_bytes",
    "joint",
    "made_digits",
    "pairs_of",
    "placed_in_bytes",
    "planes_of",
]

# Most values of a digit of one byte; one of more has two.
_MOST_OF_BYTE = 256


class Codes(NamedTuple):
    """Memory for the codes of a row group."""

    #: Codes of a byte, and the same memory for codes of two.
    narrow: NDArray[np.uint8]
    pairs: NDArray[np.uint16]
    #: Planes of their bits, 64 rows a word.
    planes: NDArray[np.uint64]

    @classmethod
    def of_bytes(cls, narrow: NDArray[np.uint8]) -> Codes:
        """Memory in which no codes are planes."""
        return cls(narrow, narrow[: narrow.size & ~1].view(np.uint16), np.empty(0, np.uint64))


@dataclass(frozen=True)
class Axis:
    """Codes of one column: digits at given offsets, the highest first, or planes of their bits.

    A column with the same value in every row has neither, and one code.
    """

    #: The encoder's code of each place on the axis.
    codes: NDArray[Any]
    #: The byte at which each digit starts, and how many values it has; one of more than 256 has two
    #: bytes a row. Where codes are planes, the one digit that they can be made into.
    starts: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    #: The words at which the planes start, the highest bit first.
    planes: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of codes that the digits can stand for; only the first ones occur."""
        return math.prod(self.sizes)

    @classmethod
    def of(cls, size: int, starts: Sequence[int]) -> Axis:
        """Axis of some codes that are the encoder's own, in as many bytes each as they need."""
        count = _bytes_of(size)
        sizes = (-(-size // 256 ** (count - 1)), *[256] * (count - 1))
        return cls(np.arange(size), tuple(starts[-count:]), sizes)


def planes_of(place: NDArray[np.intp], width: int, rows: int, first: int, start: int) -> Axis:
    """Axis of codes in planes, as `chunk_planes` makes them from a word on.

    Parameters
    ----------
    place
        The encoder's code of each code.
    width, rows
        Bits of a code, and number of rows.
    first, start
        Word at which the planes start, and the byte from which on codes may be made of them.
    """
    from biaskit._kernels.parquet.planes import SPARE

    stride = (rows + 63) // 64 + SPARE
    planes = tuple(first + bit * stride for bit in reversed(range(width)))
    return Axis(place, (start,), (1 << width,), planes)


def pairs_of(place: NDArray[np.intp], start: int) -> Axis:
    """Axis of codes of two bytes from a byte on, given the encoder's code of each."""
    return Axis(place, (start,), (max(len(place), _MOST_OF_BYTE + 1),))


def _bytes_of(size: int) -> int:
    """Bytes that each of some codes needs."""
    count = 1
    while size > 256**count:
        count += 1
    return count


def in_bytes(codes: NDArray[Any], buffer: NDArray[np.uint8], start: int, stride: int) -> Axis:
    """Axis of codes that are the encoder's own, in as many bytes each as they need."""
    planes, axis = _digits(codes, start, stride)
    for plane, at in zip(planes, axis.starts, strict=True):
        buffer[at : at + len(codes)] = plane
    return axis


def placed_in_bytes(
    wide: NDArray[np.uint32],
    rows: int,
    place: NDArray[Any],
    buffer: NDArray[np.uint8],
    start: int,
) -> Axis:
    """Axis of the places of some codes, in as many bytes each as they need."""
    from biaskit._kernels import SLACK
    from biaskit._kernels.joint import placed

    digits, axis = _digits(place, start, rows + SLACK)
    if placed(wide, rows, digits, buffer, np.array(axis.starts, np.int64)) != rows:
        raise AssertionError("codes without a place")
    return axis


def _digits(codes: NDArray[Any], start: int, stride: int) -> tuple[NDArray[np.uint8], Axis]:
    """Bytes of some codes, the highest first, shape ``(digits, codes)``, and the axis they make."""
    size = int(codes.max(initial=0)) + 1
    count = _bytes_of(size)
    shifts = [8 * (count - 1 - digit) for digit in range(count)]
    digits = np.empty((count, len(codes)), np.uint8)
    for digit, shift in zip(digits, shifts, strict=True):
        np.copyto(digit, codes >> shift & 255 if count > 1 else codes, casting="unsafe")
    return digits, Axis.of(size, [start + digit * stride for digit in range(count)])


def joint(
    axes: Sequence[Axis],
    codes: Codes,
    rows: int,
    weights: NDArray[np.float64] | None = None,
) -> list[NDArray[Any]] | None:
    """Counts of the rows by the codes of some columns, an axis each; None if a code has no place.

    Where rows are weighted, the sums of their weights and of the squares of those follow.
    """
    from biaskit._kernels.parquet.planes import MOST_BITS

    bits = sum(len(axis.planes) for axis in axes)
    digits = sum(len(axis.starts) for axis in axes if not axis.planes)
    if weights is None and not digits and bits <= MOST_BITS:
        order = list(range(len(axes)))
        counts = [_counted_planes([at for axis in axes for at in axis.planes], codes, rows)]
    else:
        order = sorted(range(len(axes)), key=lambda i: not axes[i].planes)
        counts = _counted([axes[i] for i in order], codes, rows, weights)
    shape = [axes[i].size for i in order]
    known = tuple(slice(len(axis.codes)) for axis in axes)
    found = [array.reshape(shape).transpose(np.argsort(order))[known] for array in counts]
    return found if found[0].sum() == rows else None


def _counted_planes(planes: list[int], codes: Codes, rows: int) -> NDArray[np.int64]:
    from biaskit._kernels.parquet.planes import MASKS, plane_counts

    counts = np.zeros(1 << len(planes), np.int64)
    starts = np.array(planes, np.int64)
    if plane_counts(codes.planes, starts, rows, np.empty(MASKS, np.uint64), counts) != rows:
        raise AssertionError("planes outside their memory")
    return counts


def _counted(
    axes: Sequence[Axis], codes: Codes, rows: int, weights: NDArray[np.float64] | None
) -> list[NDArray[Any]]:
    """Counts, and sums of weights, by the digits of columns; those in planes come first."""
    from biaskit._kernels.joint import ROWS, SCRATCH, joint_counts, joint_weights, table_size

    starts, sizes = made_digits(axes, codes, rows)
    size = math.prod(sizes.tolist())
    counts = np.zeros(size, np.int64)
    scratch, index = np.empty(SCRATCH, np.uint64), np.empty(ROWS, np.uint16)
    tables = np.empty(table_size(size), np.uint32)
    columns = codes.narrow, codes.pairs, starts, sizes
    done = joint_counts(*columns, rows, scratch, index, tables, counts)
    if done != rows or counts.sum() != rows:
        raise AssertionError("codes outside their axes")
    if weights is None:
        return [counts]
    if not len(starts):  # every row is in the one cell
        with np.errstate(over="ignore"):  # the sums are checked when all of them are known
            return [counts, np.array([weights.sum()]), np.array([(weights * weights).sum()])]
    sums, squares = np.zeros(size), np.zeros(size)
    wide = np.empty(ROWS, np.uint32)
    if joint_weights(*columns, weights, wide, sums, squares) != rows:
        raise AssertionError("codes outside their axes")
    return [counts, sums, squares]


def made_digits(
    axes: Sequence[Axis], codes: Codes, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Where the digits of columns start, and how many values they have.

    As many adjacent columns in planes as a byte can hold become one digit.
    """
    from biaskit._kernels.parquet.planes import MOST_BITS, plane_bytes

    starts: list[int] = []
    sizes: list[int] = []
    together: list[Axis] = []

    def make() -> None:
        planes = np.array([at for axis in together for at in axis.planes], np.int64)
        (start,) = together[0].starts
        if plane_bytes(codes.planes, planes, rows, codes.narrow, start) != rows:
            raise AssertionError("planes outside their memory")
        starts.append(start)
        sizes.append(1 << len(planes))
        together.clear()

    for axis in axes:
        if together and len(axis.planes) + sum(len(a.planes) for a in together) > MOST_BITS:
            make()
        if axis.planes:
            together.append(axis)
            continue
        if together:
            make()
        starts += axis.starts
        sizes += axis.sizes
    if together:
        make()
    return np.array(starts, np.int64), np.array(sizes, np.uint64)
