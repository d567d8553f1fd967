"""Ahead: bounded work that other threads do before its results are needed."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Daemons", "elsewhere", "in_order"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_order(
    function: Callable[[_In], _Out], items: Iterable[_In], threads: int, most: int
) -> Generator[_Out, None, None]:
    """Results of a function in the order of the items, several made at a time.

    Parameters
    ----------
    function, items
        Function and its items, which are consumed as needed.
    threads
        Number of results computed at a time; 1 starts no thread and takes no item ahead.
    most
        How many items are taken before the results of the first are requested.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    items = iter(items)
    pool = ThreadPoolExecutor(threads)
    is_whole = False
    try:
        waiting = deque(pool.submit(function, item) for item in islice(items, most))
        while waiting:
            first = waiting.popleft()
            waiting.extend(pool.submit(function, item) for item in islice(items, 1))
            yield first.result()
        is_whole = True
    finally:
        # An interrupted call may wait for bytes until the files are closed.
        pool.shutdown(wait=is_whole, cancel_futures=True)


class Daemons:
    """Threads that are not waited for: a process may end while they work."""

    def __init__(self, most: int):
        self._most = most
        self._threads = 0
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., _Out], *args: Any) -> Future[_Out]:
        """Future result of a function."""
        from concurrent.futures import Future

        future: Future[_Out] = Future()
        self._tasks.put((future, lambda: function(*args)))
        with self._lock:
            if not self._idle.acquire(blocking=False) and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
        return future

    def _work(self) -> None:
        from concurrent.futures import InvalidStateError

        while True:
            future, task = self._tasks.get()
            if future.set_running_or_notify_cancel():
                with suppress(InvalidStateError):  # it was cancelled in the meantime
                    try:
                        future.set_result(task())
                    except BaseException as error:  # noqa: BLE001 - whoever waits for it has it
                        future.set_exception(error)
            del future, task
            self._idle.release()


def elsewhere(items: Iterable[_Out]) -> Iterator[_Out]:
    """Items made in another thread, so that waiting for them can be interrupted."""
    from concurrent.futures import ThreadPoolExecutor

    made, end = iter(items), object()
    pool = ThreadPoolExecutor(
        1
    )  # the process waits for this thread, since Arrow may be working in it
    try:
        while (one := pool.submit(next, made, end).result()) is not end:
            yield one  # type: ignore[misc]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
