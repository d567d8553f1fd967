"""Jobs: passes over tables in threads, with their progress, and what they leave."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from biaskit.browser.records import Working
from biaskit.counts.counts import Counts
from biaskit.errors import DataError
from biaskit.progress import Progress, heard

__all__ = ["Cancelled", "Job", "Jobs", "Kept"]

# Passes at once, those that wait, and those that are remembered after they ended.
_AT_ONCE, _WAITING, _ENDED = 2, 16, 64
# Bytes of results that are kept, those that one that is no counts is taken for, and seconds for
# which a failure and a cancellation are: longer than a page without scripts waits to ask again.
_BYTES, _OTHERS = 64 << 20, 1 << 20
_FAILED_FOR, _CANCELLED_FOR = 20.0, 6.0


class Cancelled(Exception):  # noqa: N818 - it is no error
    """Somebody has cancelled the pass."""


class Job:
    """A pass over a table."""

    def __init__(self, key: Hashable):
        self.id = secrets.token_urlsafe(12)
        self.key = key
        self.error: BaseException | None = None
        self.ended_at: float | None = None
        self._rows = 0
        self._done: float | None = None
        self._doing = "waiting"
        self._is_cancelled = threading.Event()
        self._has_ended = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has asked to cancel it."""
        return self._is_cancelled.is_set()

    @property
    def has_ended(self) -> bool:
        """Whether it is over, however it ended."""
        return self._has_ended.is_set()

    @property
    def outcome(self) -> str:
        """How it ended: ``"counted"``, ``"cancelled"`` or ``"failed"``; ``"working"`` before."""
        if not self.has_ended:
            return "working"
        if isinstance(self.error, Cancelled):
            return "cancelled"
        return "counted" if self.error is None else "failed"

    @property
    def recent_error(self) -> BaseException | None:
        """What ended it a moment ago; later, who asks again wants it again.

        A page that waited for it asks again at once when it is cancelled.
        """
        if self.is_cancelled and not self.has_ended:
            return Cancelled()
        told_for = _CANCELLED_FOR if isinstance(self.error, Cancelled) else _FAILED_FOR
        is_old = self.ended_at is None or time.monotonic() - self.ended_at > told_for
        return None if is_old else self.error

    @property
    def working(self) -> Working:
        """How far it is."""
        return Working(self.id, self._rows, self._done, self._doing)

    def cancel(self) -> None:
        """End it at the next batch of rows."""
        self._is_cancelled.set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within some seconds."""
        return self._has_ended.wait(seconds)

    def reads(self, rows: int, done: float | None) -> None:
        """Receive the progress of the pass.

        Raises
        ------
        Cancelled
            It is to end.
        """
        self._rows, self._done, self._doing = rows, done, "reading"
        if self.is_cancelled:
            raise Cancelled

    def run(self, work: Callable[[Progress], Any]) -> Any:
        """What the work makes; None if it failed, as `error` then says."""
        made = None
        try:
            if self.is_cancelled:
                raise Cancelled
            self._doing = "reading"
            with heard(self._compiles):
                made = work(self.reads)
        except BaseException as error:  # noqa: BLE001 - whoever asks for the counts is told
            self.error = _without_rows(error)
        self.ended_at = time.monotonic()
        return made

    def end(self) -> None:
        """Tell whoever waits."""
        self._has_ended.set()

    def _compiles(self) -> None:
        self._doing = "compiling"


class Kept:
    """Results by the pass that made them, those that were used least recently dropped first."""

    def __init__(self, most: int = _BYTES):
        self._most = most
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, key: Hashable) -> Any:
        """Result of a pass; None if it is not kept."""
        with self._lock:
            found = self._results.get(key)
            if found is None:
                return None
            self._results.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, result: Any) -> None:
        """Keep the result of a pass; the newest is kept however large it is."""
        size = _size_of(result)
        with self._lock:
            _, before = self._results.pop(key, (None, 0))
            self._results[key] = result, size
            self._bytes += size - before
            while self._bytes > self._most and len(self._results) > 1:
                _, (_, dropped) = self._results.popitem(last=False)
                self._bytes -= dropped


class Jobs:
    """Passes over tables: two at once, one of a key, and what they leave."""

    def __init__(self) -> None:
        self._kept = Kept()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="biaskit-pass")

    def get(self, id_: str) -> Job | None:
        """Pass of an id; None of one that is forgotten, or was another server's."""
        with self._lock:
            return self._jobs.get(id_)

    @property
    def are_working(self) -> bool:
        """Whether a pass is not over."""
        with self._lock:
            return any(not job.has_ended for job in self._jobs.values())

    def remembered(self, key: Hashable) -> Any:
        """What is kept under a key; None if nothing is."""
        return self._kept.of(key)

    def remember(self, key: Hashable, result: Any) -> None:
        """Keep something under a key."""
        self._kept.keep(key, result)

    def result(self, key: Hashable, work: Callable[[Progress], Any]) -> Any:
        """Result of a pass, or the job that makes it, which is started if there is none.

        Raises
        ------
        Exception
            What ended the pass a moment ago.
        DataError
            Too many passes are waiting.
        """
        if (known := self._kept.of(key)) is not None:
            return known
        with self._lock:
            latest = next((job for job in reversed(self._jobs.values()) if job.key == key), None)
            if latest is not None and not latest.has_ended and not latest.is_cancelled:
                return latest
            if latest is not None and (error := latest.recent_error) is not None:
                raise error.with_traceback(None)
            if sum(not job.has_ended for job in self._jobs.values()) >= _AT_ONCE + _WAITING:
                raise DataError("too many tables are being counted; wait until some are, or cancel")
            job = Job(key)
            self._jobs[job.id] = job
            self._forget_ended()
        self._threads.submit(self._run, job, work)
        return job

    def close(self) -> None:
        """Cancel all passes, and start no more."""
        with self._lock:
            for job in self._jobs.values():
                job.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job, work: Callable[[Progress], Any]) -> None:
        made = job.run(work)
        if made is not None:
            self._kept.keep(job.key, made)
        job.end()

    def _forget_ended(self) -> None:
        ended = [id_ for id_, job in self._jobs.items() if job.has_ended]
        for id_ in ended[: max(0, len(ended) - _ENDED)]:
            del self._jobs[id_]


def _without_rows(error: BaseException) -> BaseException:
    """An error without what led to it, which would keep the rows that were read meanwhile."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _size_of(result: Any) -> int:
    """Bytes that a result takes, about."""
    if not isinstance(result, Counts):
        return _OTHERS
    total = 0
    for table in result.shown_tables.values():
        arrays: list[Any] = [table.n, table.w, table.w2]
        total += sum(one.nbytes for one in arrays if one is not None)
        total += sum(64 + len(str(level)) for axis in table.levels for level in axis)
    for scores in result.scores.values():
        total += sum(getattr(one, "nbytes", 0) for one in vars(scores).values())
    return total
