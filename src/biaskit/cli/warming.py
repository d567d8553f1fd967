"""The verb that compiles ahead: warm."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from biaskit.cli.flags import Once, Parser
from biaskit.cli.writing.streams import say
from biaskit.store.formats import printable

__all__ = ["VERBS"]

# What Numba reads; it must be set before Numba is imported.
_FOLDER = "NUMBA_CACHE_DIR"

_MORE = """without --cache they are stored where NUMBA_CACHE_DIR says, else beside their sources,
else in the user's folder for caches; a process looks for them in the same places

in the image of a container:
  ENV NUMBA_CACHE_DIR=/opt/kernels
  RUN biaskit warm
"""


def _add_warm(verb: Callable[..., Parser]) -> None:
    warm = verb("warm", _warm, "Compile all kernels ahead, as for an image.", epilog=_MORE)
    warm.add_argument(
        "--cache",
        action=Once,
        metavar="DIR",
        help="folder to store them in; NUMBA_CACHE_DIR must name it where they are used",
    )


#: The verb, and what adds it to the command line.
VERBS = {"warm": _add_warm}


def _warm(args: argparse.Namespace) -> None:
    is_told = args.cache is not None and os.environ.get(_FOLDER) != args.cache
    if args.cache is not None:
        os.environ[_FOLDER] = str(Path(args.cache).absolute())
    from biaskit._kernels.warm import Warmed, warm

    def tell(one: Warmed) -> None:
        say(f"{one.kernel:24} " + (f"{one.seconds:5.1f} s" if one.is_new else "there already"))

    made = warm(tell)
    new = [one for one in made if one.is_new]
    where = printable(", ".join(dict.fromkeys(one.folder for one in made)))
    seconds = sum(one.seconds for one in made)
    say(f"kernels: {len(made)}, compiled now: {len(new)}, in {seconds:.1f} s: {where}")
    if is_told:
        say(f"Set {_FOLDER}={printable(os.environ[_FOLDER])} where they are used.")
