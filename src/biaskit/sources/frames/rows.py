"""Rows of a table in memory: a block as a kernel counts it, and as a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.sources.batches import Batch

__all__ = ["ROWS", "Block", "Objects", "Odd"]

#: Most rows of a block, and of a batch.
ROWS = 1 << 17


class Odd(Exception):  # noqa: N818 - not an error: the rows are then read in another way
    """Raised for objects that make no Arrow array."""


class Objects(NamedTuple):
    """A column of Python objects."""

    values: NDArray[np.object_]
    #: Makes an Arrow array of some of the objects; raises `Odd` where they are not of one type.
    array: Callable[[NDArray[np.object_]], Any]


class Block(NamedTuple):
    """Some rows of a table."""

    #: Arrow array, or `Objects`, of each column; None where one makes no array.
    arrays: Mapping[str, Any] | None
    rows: int
    where: str
    done: float | None
    #: The same rows as batches.
    batches: Callable[[], Iterable[Batch]]
