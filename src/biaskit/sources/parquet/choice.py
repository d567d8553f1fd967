"""Choice between the kernels and Arrow for counting a file, by size or by the environment."""

from __future__ import annotations

import sys

from biaskit.sources.files.reading import kernels_choice, kernels_run

__all__ = ["CROSSOVER", "CROSSOVER_LOADED", "CROSSOVER_SCORES", "against_kernels"]

#: Rows from which reading with kernels pays for importing them. Measured on two
#: cores: import and load take 0.46 s, and Arrow 28 ms for a million rows of two columns.
CROSSOVER = 16_000_000
#: The same where there are scores: about 0.25 µs a row without kernels, whose load takes 0.9 s.
CROSSOVER_SCORES = 4_000_000
#: The same for a process that has already imported them.
CROSSOVER_LOADED = 50_000


def against_kernels(rows: int, before: int = 0, *, has_scores: bool = False) -> str:
    """Reason why Arrow should read some rows of Parquet; empty where the kernels should.

    By default the choice is by size: importing Numba and loading the kernels takes as long as Arrow
    needs for `CROSSOVER` rows. A process that counts repeatedly loads them once it has counted that
    many rows; `before` is the number that Arrow has read for it so far.
    """
    choice = kernels_choice()
    if not kernels_run():
        return "the kernels do not run on this system"
    if choice == "never":
        return "BIASKIT_KERNELS is never"
    if choice == "always":
        return ""
    if "biaskit._kernels" in sys.modules:
        return "" if rows >= CROSSOVER_LOADED else f"fewer than {CROSSOVER_LOADED:,} rows"
    most = CROSSOVER_SCORES if has_scores else CROSSOVER
    if before + rows >= most:
        return ""
    return f"fewer than {most:,} rows: kernels would take longer to load"
