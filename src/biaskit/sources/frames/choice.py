"""Choice between the kernels and Arrow for counting a table in memory."""

from __future__ import annotations

import sys

from biaskit.sources.batches import Ask
from biaskit.sources.files.reading import kernels_choice, kernels_run

__all__ = ["CROSSOVER", "CROSSOVER_LOADED", "CROSSOVER_SCORES", "kernels_count"]

#: Rows from which counting with kernels pays for importing them.
CROSSOVER = 16_000_000
#: The same where there are scores: about 0.25 µs a row without kernels, whose load takes 0.9 s.
CROSSOVER_SCORES = 4_000_000
#: The same for a process that has already imported them.
CROSSOVER_LOADED = 30_000


# Rows that this process has counted without the kernels, though they could have counted them.
_rows_before = 0


def kernels_count(ask: Ask, rows: int | None) -> bool:
    """Whether kernels count the rows of a table, by their number, which a stream does not know.

    By default the choice is by size: loading the kernels takes as long as Arrow and NumPy need for
    `CROSSOVER` rows. A process that counts repeatedly loads them once it has counted that many.
    """
    global _rows_before
    choice = kernels_choice()
    counting = ask.counting
    if choice == "never" or not kernels_run() or counting is None:
        return False
    if counting.roles.frequency is not None:  # a table of cells is small
        return False
    is_loaded = "biaskit._kernels.columns" in sys.modules
    if choice == "always" or rows is None:
        return choice == "always" or is_loaded
    if is_loaded:
        return rows >= CROSSOVER_LOADED
    _rows_before += rows
    return _rows_before >= (CROSSOVER if counting.roles.score is None else CROSSOVER_SCORES)
