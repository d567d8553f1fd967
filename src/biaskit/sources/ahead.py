"""Ahead: work that other threads do before its results are needed, and only so much of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import TypeVar

__all__ = ["in_order"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_order(
    function: Callable[[_In], _Out], items: Iterable[_In], threads: int, most: int
) -> Generator[_Out, None, None]:
    """Results of a function in the order of the items, several made at a time.

    Parameters
    ----------
    function, items
        What to do with which items; they are taken as they are needed.
    threads
        How many are made at a time; one starts no thread, and takes no item ahead.
    most
        How many items are taken before the results of the first are asked for.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    items = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(function, item) for item in islice(items, most))
        try:
            while waiting:
                first = waiting.popleft()
                waiting.extend(pool.submit(function, item) for item in islice(items, 1))
                yield first.result()
        finally:
            for future in waiting:
                future.cancel()
