"""Axes: codes of columns as bytes in a buffer, and counts of their combinations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "in_bytes", "joint", "joint_sums", "placed_in_bytes"]


@dataclass(frozen=True)
class Axis:
    """Codes of one column in a buffer: byte planes at given offsets, the highest byte first.

    A column with the same value in every row has no bytes and one code.
    """

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    #: The encoder's code of each place on the axis.
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, size: int, starts: Sequence[int]) -> Axis:
        """Axis of some codes that are the encoder's own, in as many bytes each as they need.

        Places beyond them, where the highest byte has some, stand for the last code.
        """
        count = _bytes_of(size)
        sizes = (-(-size // 256 ** (count - 1)), *[256] * (count - 1))
        codes = np.minimum(np.arange(math.prod(sizes)), size - 1)
        return cls(tuple(starts[-count:]), sizes, codes)


def _bytes_of(size: int) -> int:
    """Bytes that each of some codes needs."""
    count = 1
    while size > 256**count:
        count += 1
    return count


def in_bytes(codes: NDArray[Any], buffer: NDArray[np.uint8], start: int, stride: int) -> Axis:
    """Axis of codes that are the encoder's own, in as many bytes each as they need."""
    planes, axis = _planes(codes, start, stride)
    for plane, at in zip(planes, axis.starts, strict=True):
        buffer[at : at + len(codes)] = plane
    return axis


def placed_in_bytes(
    wide: NDArray[np.uint32],
    rows: int,
    place: NDArray[np.intp],
    buffer: NDArray[np.uint8],
    start: int,
) -> Axis:
    """Axis of the places of some codes, in as many bytes each as they need."""
    from biaskit._kernels import SLACK
    from biaskit._kernels.places import placed

    planes, axis = _planes(place, start, rows + SLACK)
    if placed(wide, rows, planes, buffer, np.array(axis.starts, np.int64)) != rows:
        raise AssertionError("codes without a place")
    return axis


def _planes(codes: NDArray[Any], start: int, stride: int) -> tuple[NDArray[np.uint8], Axis]:
    """Bytes of some codes, the highest first, shape ``(planes, codes)``, and the axis they make."""
    size = int(codes.max(initial=0)) + 1
    count = _bytes_of(size)
    shifts = [8 * (count - 1 - plane) for plane in range(count)]
    planes = np.empty((count, len(codes)), np.uint8)
    for plane, shift in zip(planes, shifts, strict=True):
        np.copyto(plane, codes >> shift & 255 if count > 1 else codes, casting="unsafe")
    return planes, Axis.of(size, [start + plane * stride for plane in range(count)])


def joint_sums(
    axes: Sequence[Axis], buffer: NDArray[np.uint8], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of the rows' weights, and of their squares, by the codes of some columns."""
    from biaskit._kernels.joint import ROWS, joint_weights

    shape = [len(axis.codes) for axis in axes]
    sums, squares = np.zeros(math.prod(shape)), np.zeros(math.prod(shape))
    starts = np.array([at for axis in axes for at in axis.starts], np.int64)
    if not len(starts):  # every row is in the one cell
        with np.errstate(over="ignore"):  # the sums are checked when all of them are known
            return np.full(shape, weights.sum()), np.full(shape, (weights * weights).sum())
    sizes = np.array([size for axis in axes for size in axis.sizes], np.uint64)
    index = np.empty(ROWS, np.uint32)
    if joint_weights(buffer, starts, sizes, weights, index, sums, squares) != len(weights):
        raise AssertionError("codes outside their axes")
    return sums.reshape(shape), squares.reshape(shape)


def joint(axes: Sequence[Axis], buffer: NDArray[np.uint8], rows: int) -> NDArray[np.int64]:
    """Counts of the rows by the codes of some columns, an axis each."""
    from biaskit._kernels.joint import ROWS, SCRATCH, joint_counts, table_size

    shape = [len(axis.codes) for axis in axes]
    counts = np.zeros(math.prod(shape), np.int64)
    starts = np.array([at for axis in axes for at in axis.starts], np.int64)
    if not len(starts):
        return np.full(shape, rows, np.int64)
    sizes = np.array([size for axis in axes for size in axis.sizes], np.uint64)
    scratch, index = np.empty(SCRATCH, np.uint64), np.empty(ROWS, np.uint16)
    tables = np.empty(table_size(len(counts)), np.uint32)
    done = joint_counts(buffer, starts, sizes, rows, scratch, index, tables, counts)
    if done != rows or counts.sum() != rows:
        raise AssertionError("codes outside their axes")
    return counts.reshape(shape)
