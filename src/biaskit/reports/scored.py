"""Scores in a report: the sides of a comparison, and what is odd about the scores themselves."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.comparisons import Comparisons
from biaskit.counts.levels import MISSING, Level, level, show
from biaskit.counts.roles import Roles
from biaskit.counts.scores import ScoreTable, ScoreTally, split_scores
from biaskit.errors import DataError

__all__ = ["note_on_range", "note_on_scores", "refuse_another_range", "split"]

#: Greatest percentage; the mean of scores beyond 1 tells percentages from others.
_PERCENT = 100.0
# Percentages are mostly above 1; a chance that is, by an error of rounding, is hardly so.
_MORE_THAN_ROUNDING = 1.5


def split(
    table: ScoreTable, of: Comparisons, positive: Collection[Level], roles: Roles
) -> tuple[ScoreTally, ScoreTally, NDArray[np.int64]]:
    """Scores of sides a and d, and the rows that count on neither, by comparison."""
    by_label = roles.label is not None
    a, d = split_scores(table, of.on_a, of.on_d, positive, by_label=by_label)
    known = [one is not MISSING for one in table.label] if by_label else [True] * len(table.label)
    rows = table.n.sum(axis=(2, 3))[:, known].sum(axis=1)
    rows = rows[[one is not MISSING for one in table.facet]].sum()
    return a, d, rows - a.every.sum(axis=-1) - d.every.sum(axis=-1)


def refuse_another_range(table: ScoreTable, roles: Roles) -> None:
    """Refuse scores that all lie beyond their range, on one side of it.

    Raises
    ------
    DataError
        No score can be told from another.
    """
    rows = int(table.n.sum())
    for where, outside in zip(("below", "above"), table.out_of_range(), strict=True):
        if rows and outside == rows:
            raise DataError(
                f"all {rows:,} scores in {roles.score!r} are {where} their range, "
                f"{_range(table)}, so none can be told from another; {_advice(table)}"
            )


def note_on_scores(table: ScoreTable) -> str:
    """What is odd about the scores of a facet: missing, alike, or beyond their range."""
    said = []
    if missing := int(table.missing.sum()):
        said.append(f"{missing:,} {'row has' if missing == 1 else 'rows have'} no score")
    return "; ".join(filter(None, [*said, note_on_range(table)]))


def note_on_range(table: ScoreTable) -> str:
    """How many scores of a facet lie beyond their range, and what to do."""
    below, above = table.out_of_range()
    if not (below or above):
        return ""
    least, most = show(level(table.edges.low)), show(level(table.edges.high))
    parts = (
        f"{below:,} below {least}" if below else "",
        f"{above:,} above {most}" if above else "",
    )
    beyond = " and ".join(filter(None, parts))
    return f"scores beyond their range, {beyond}, are not told apart; {_advice(table)}"


def _range(table: ScoreTable) -> str:
    return f"{show(level(table.edges.low))} to {show(level(table.edges.high))}"


def _advice(table: ScoreTable) -> str:
    """What scores beyond their range seem to be, and what to do."""
    below, above = table.out_of_range()
    if (table.edges.low, table.edges.high) != (0.0, 1.0):
        return "give score_range=(least, greatest)"
    if below:
        return "if they are log-odds, give chances instead, or score_range=(least, greatest)"
    mean = float(table.s[..., -1].sum()) / above
    if _MORE_THAN_ROUNDING < mean <= _PERCENT:
        return "if they are percentages, give score_range=(0, 100), or divide them by 100"
    return "give score_range=(least, greatest)"
