"""Progress: what a call that takes long tells while it works, to a function or on a bar."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias

from biaskit.errors import RolesError, in_short

__all__ = ["Asked", "Progress", "Step", "compiling", "heard", "told"]

#: Receiver of the rows read so far, and of the share of the data, if it is known.
Progress: TypeAlias = "Callable[[int, float | None], None]"
#: What a call takes: True for a bar, or a function of a `Step`.
Asked: TypeAlias = "bool | Callable[[Step], Any] | None"

# Seconds between two steps that are told, and the parts of a bar.
_EVERY = 0.1
_PARTS = 1000

# Whoever is told that kernels are compiled, which any thread may do.
_listeners: list[Callable[[], None]] = []


class Step(NamedTuple):
    """How far a call is."""

    #: ``"reading"`` rows, or ``"compiling"`` kernels, which are kept for later calls.
    doing: Literal["reading", "compiling"]
    #: Rows read so far.
    rows: int
    #: Share of the data read so far, 0 to 1; None where it is unknown, as of a pipe.
    done: float | None


@contextmanager
def told(progress: Asked) -> Iterator[Progress | None]:
    """Receiver of the progress of a call, which tells it to whom the caller names; None to nobody.

    A bar is closed when the call ends, fails or is interrupted.

    Raises
    ------
    RolesError
        `progress` is neither True nor False nor a function.
    """
    if progress is None or progress is False:
        yield None
        return
    if progress is not True and not callable(progress):
        raise RolesError(
            f"progress takes True or a function of one argument, not {in_short(progress)}"
        )
    with ExitStack() as stack:
        tell = stack.enter_context(_bar()) if progress is True else progress
        teller = _Teller(tell)
        stack.enter_context(heard(teller.compiles))
        yield teller.reads
        teller.ends()


@contextmanager
def heard(tell: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, `tell` is called whenever a kernel is about to be compiled, in any thread."""
    _listeners.append(tell)
    try:
        yield
    finally:
        _listeners.remove(tell)


def compiling() -> None:
    """Tell whoever listens that a kernel is about to be compiled."""
    for tell in [*_listeners]:
        tell()


class _Teller:
    """Tells steps, some time apart, and the last one."""

    def __init__(self, tell: Callable[[Step], Any]):
        self._tell = tell
        self._last = Step("reading", 0, None)
        self._told_at = 0.0
        self._is_told = True

    def reads(self, rows: int, done: float | None) -> None:
        self._last = Step("reading", rows, done)
        self._is_told = False
        if time.monotonic() - self._told_at >= _EVERY:
            self._say(self._last)

    def compiles(self) -> None:
        self._say(self._last._replace(doing="compiling"))

    def ends(self) -> None:
        if not self._is_told:
            self._say(self._last)

    def _say(self, step: Step) -> None:
        self._told_at, self._is_told = time.monotonic(), True
        self._tell(step)


@contextmanager
def _bar() -> Iterator[Callable[[Step], None]]:
    """Receiver that shows steps on a bar of tqdm: on standard error, or as a notebook has it."""
    if sys.stderr is None:
        yield lambda _: None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without widgets has a bar of text
        from tqdm.auto import tqdm

    bars: list[Any] = []

    def show(step: Step) -> None:
        if not bars:
            total = None if step.done is None and step.rows else _PARTS
            form = "{desc}{postfix} [{elapsed}]"
            if total is not None:
                form = "{desc}{percentage:3.0f}%|{bar}|{postfix} [{elapsed}<{remaining}]"
            bars.append(tqdm(total=total, bar_format=form, leave=False))
        (bar,) = bars
        bar.set_description(step.doing, refresh=False)
        bar.set_postfix_str(f"{step.rows:,} rows", refresh=False)
        if step.done is not None:
            bar.n = round(_PARTS * step.done)
        bar.refresh()

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()
