"""``python -m biaskit``, and the command `biaskit`: a process that runs one verb and ends."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

__all__ = ["run"]

# A model is the user's: what it does at exit, or with how many threads it computes, is not known.
_RUN_MODELS = ("explain", "clarify")
# Objects between two searches for cycles of them: importing makes many objects and no cycles.
_BETWEEN_SEARCHES = 100_000


def run() -> NoReturn:
    """Run the call of this process, and end it with its exit code.

    A report on a small file takes as long as its start and its end. NumPy starts threads for linear
    algebra when it is imported, and Python takes its modules apart when it ends: together a fifth
    of the time, for nothing that a verb needs.
    """
    gc.set_threshold(_BETWEEN_SEARCHES)
    is_ours = sys.argv[1:2] not in ([verb] for verb in _RUN_MODELS)
    if is_ours and "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from biaskit.cli import main

    code = main()
    # Profilers and debuggers write their results when Python ends.
    if is_ours and sys.getprofile() is None and sys.gettrace() is None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
