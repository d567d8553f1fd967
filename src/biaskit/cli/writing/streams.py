"""Standard output and standard error, which may be closed, full, or no longer read."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from biaskit.errors import DataError
from biaskit.store.formats import printable

__all__ = ["complain", "say"]

# Most characters of an error line: a name in it may have any length.
_MOST = 2_000


def say(text: str) -> None:
    """Write a text and a line's end to standard output.

    A reader that ends early, such as ``head``, has seen what it wanted: this is not an error, and
    what is written afterwards is dropped.

    Raises
    ------
    DataError
        Standard output is closed or full.
    """
    if sys.stdout is None:
        raise DataError("cannot write to standard output: it is closed; write to a file with -o")
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up(sys.stdout)
    except OSError as error:
        _give_up(sys.stdout)
        raise DataError(f"cannot write to standard output: {error.strerror}") from error


def complain(text: str) -> None:
    """Write a line to standard error, where that is open; a very long one is cut."""
    if sys.stderr is None:
        return
    text = text if len(text) <= _MOST else f"{text[:_MOST]}..."
    try:
        sys.stderr.write(f"biaskit: {printable(text)}\n")
        sys.stderr.flush()
    except OSError:  # the exit code still reports it
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Discard what a stream still buffers: Python would try to flush it at exit, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
