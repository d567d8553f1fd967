"""Warming: every kernel compiled ahead, for a process that is to start quickly."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from numba import config, typeof

from biaskit.errors import DataError

__all__ = ["Warmed", "examples", "warm"]


class Warmed(NamedTuple):
    """A kernel that is compiled."""

    #: Its module and its name, such as ``trees.count``.
    kernel: str
    seconds: float
    #: Whether it was compiled now, and not before.
    is_new: bool
    #: Folder that it is in.
    folder: str


def examples() -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every kernel, and arguments of the types that it is called with."""
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*.py")):
        if file.stem != "__init__":
            name = ".".join(file.relative_to(folder).with_suffix("").parts)
            module = import_module(f"biaskit._kernels.{name}")
            if module.__name__ != __name__ and hasattr(module, "examples"):
                for kernel, *given in module.examples():
                    yield kernel, tuple(given)


def warm(progress: Callable[[Warmed], object] | None = None) -> list[Warmed]:
    """Compile all kernels ahead, and store them where the processes to come will look for them.

    Kernels are otherwise compiled when they are first used, which takes some seconds. They are
    stored in the folder that ``NUMBA_CACHE_DIR`` names; without it beside their sources, or in the
    user's folder for caches where that cannot be written. Kernels that are there already are
    loaded and checked. They are of this processor, or of the one that ``NUMBA_CPU_NAME`` names.

    Parameters
    ----------
    progress
        Called with each kernel once it is compiled.

    Returns
    -------
    list of Warmed
        Each kernel, the seconds it took, whether it was compiled now, and its folder.

    Raises
    ------
    DataError
        A kernel cannot be stored, or compiling is disabled.

    Examples
    --------
    >>> import biaskit
    >>> made = biaskit.warm()  # doctest: +SKIP
    >>> sum(one.seconds for one in made)  # doctest: +SKIP
    21.4
    """
    if config.DISABLE_JIT:
        raise DataError("NUMBA_DISABLE_JIT is set, so that nothing is compiled; remove it")
    done = []
    for kernel, given in examples():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of what is raised below
            kernel.compile(tuple(typeof(one) for one in given))
        seconds = time.perf_counter() - start
        kept = kernel._cache
        if kept.failure is not None:
            raise DataError(
                f"cannot write compiled kernels to {kept.cache_path!r}: {kept.failure}; make it "
                "writable, or set NUMBA_CACHE_DIR to another folder, here and where they are used"
            )
        name = f"{kernel.py_func.__module__.rpartition('.')[2]}.{kernel.py_func.__name__}"
        done.append(Warmed(name, seconds, bool(kernel.stats.cache_misses), kept.cache_path))
        if progress is not None:
            progress(done[-1])
    return done
