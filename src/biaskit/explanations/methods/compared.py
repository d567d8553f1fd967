"""Compared: the background rows that trees are compared with, by tables or by walks.

Tables of patterns take the same time however many rows the background has; walks take the same
however many features lie on a way. Where both take too long for a whole background, rows of it are
drawn, as many as the wanted error needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError
from biaskit.explanations.methods.inputs import Numbers
from biaskit.explanations.methods.method import Task
from biaskit.explanations.models.ensembles import Ensemble
from biaskit.explanations.rows import Rows, pieces

if TYPE_CHECKING:
    from biaskit.explanations.trees.forests import ForestValues
    from biaskit.explanations.trees.tables import Effort, TreeValues

__all__ = ["values_of"]

Columns: TypeAlias = Sequence[NDArray[Any]]
TreesValues: TypeAlias = "Sequence[TreeValues | ForestValues]"

# Nanoseconds that a thread takes for a number of a table, for a bit of a row's pattern, and for a
# step of a row and a background row down a tree. Only their ratios matter.
_NUMBER, _BIT, _STEP = 6.0, 1.4, 45.0
# Most steps that a row and the background rows take together: half a second or so.
_MOST_STEPS = 1 << 24
# Background rows from which the error is estimated, in parts, and the rows that are explained.
_TRIED, _PARTS, _EXPLAINED = 512, 8, 64


def values_of(
    ensembles: Sequence[Ensemble], task: Task, numbers: Numbers
) -> tuple[TreesValues, str]:
    """Values of some ensembles, and how they are computed, in the words of `method`.

    Raises
    ------
    DataError
        The background has no rows.
    """
    from biaskit.explanations.trees.forests import ForestValues
    from biaskit.explanations.trees.tables import TreeValues, effort

    efforts = [effort(one) for one in ensembles]
    is_small = all(one is not None and one.is_small for one in efforts)
    if not task.rows.has_background:
        way = TreeValues if is_small else ForestValues
        return [way(one) for one in ensembles], "exact, path-dependent"
    background = _Background(task.rows, numbers)
    if is_small and len(ensembles) == 1:
        made = [TreeValues(ensembles[0], background)]
        return made, f"exact, {background.rows:,} background rows"
    # Several outputs use the background one after another, and it is read once.
    batches = [*background]
    how = f"exact, {background.rows:,} background rows"
    if is_small or _tables_are_faster(efforts, ensembles, background.rows, task.rows.first.rows):
        return [TreeValues(one, batches) for one in ensembles], how
    columns = _joined(batches)
    rng = np.random.default_rng(task.request.seed)
    draws = [_draw(one, columns, task.request.sampling_error, rng) for one in ensembles]
    rows = max(draw.rows for draw in draws)
    if rows < background.rows:
        error = max(draw.error for draw in draws)
        how = (
            f"exact against {rows:,} of {background.rows:,} background rows, seed "
            f"{task.request.seed} (sampling error {100 * error:.1g} % of the largest part)"
        )
        columns = _some(columns, rows, rng)
    return [ForestValues(one, columns) for one in ensembles], how


class _Background:
    """Columns of the background, batch by batch, and the number of rows that were read."""

    def __init__(self, rows: Rows, numbers: Numbers):
        self._rows, self._numbers = rows, numbers
        self.rows = 0

    def __iter__(self) -> Iterator[list[NDArray[np.float64]]]:
        for batch in self._rows.background():
            self.rows += batch.rows
            for piece in pieces(batch, self._numbers.at_once(batch.rows)):
                if piece.rows:
                    yield self._numbers(piece, "the background")
        if not self.rows:
            raise DataError("the background has no rows; give it at least one")


def _tables_are_faster(
    efforts: Sequence[Effort | None], ensembles: Sequence[Ensemble], background: int, rows: int
) -> bool:
    """Whether tables of all ensembles take less time than walks, for so many rows."""
    from biaskit.explanations.trees.forests import steps_of

    known = [one for one in efforts if one is not None]
    if len(known) < len(efforts):
        return False
    # They are made for the mean, and again for each batch of rows.
    tables = sum(2 * _NUMBER * one.numbers + rows * _BIT * one.bits for one in known)
    return tables < sum(_STEP * steps_of(one) for one in ensembles) * background * rows


class _Draw(NamedTuple):
    """Number of background rows that are drawn, and the error that it gives the parts."""

    rows: int
    #: Relative to the largest part; 0 if all rows are taken.
    error: float


def _draw(ensemble: Ensemble, columns: Columns, wanted: float, rng: np.random.Generator) -> _Draw:
    """Number of background rows that the wanted error needs, or that there is time for.

    The error is the standard error of a feature's part in the explanation of a row, as the root of
    its mean square over rows, for the feature where it is greatest; the largest part is the
    greatest mean of a feature's absolute parts. Both are estimated on rows of the background, so
    that they depend on nothing that is explained.
    """
    from biaskit.explanations.trees.forests import ForestValues, steps_of

    n = len(columns[0])
    most = max(_TRIED, int(_MOST_STEPS / max(steps_of(ensemble), 1.0)))
    if n <= min(most, 2 * _TRIED):
        return _Draw(n, 0.0)
    explained = _some(columns, _EXPLAINED, rng)
    size = _TRIED // _PARTS
    tried = _some(columns, _TRIED, rng, in_order=False)
    parts = np.stack(
        [
            ForestValues(ensemble, [column[k * size : (k + 1) * size] for column in tried])(
                explained
            )[:-1]
            for k in range(_PARTS)
        ]
    )
    largest = float(np.abs(parts.mean(axis=0)).mean(axis=1).max())
    # Variance of a part against a single background row.
    one = float((parts.var(axis=0, ddof=1) * size).mean(axis=1).max())
    if one == 0 or largest == 0:
        return _Draw(min(n, _TRIED), 0.0)
    # The variance of the mean over m of n rows is one * (1 / m - 1 / n).
    needed = int(np.ceil(1 / ((wanted * largest) ** 2 / one + 1 / n)))
    rows = min(n, most, max(needed, _TRIED))
    return _Draw(rows, float(np.sqrt(one * (1 / rows - 1 / n))) / largest)


def _some(
    columns: Columns, most: int, rng: np.random.Generator, *, in_order: bool = True
) -> list[NDArray[Any]]:
    """Some rows of columns, drawn without replacement."""
    n = len(columns[0])
    at = rng.choice(n, min(most, n), replace=False)
    at = np.sort(at) if in_order else at
    return [column[at] for column in columns]


def _joined(batches: Sequence[Columns]) -> list[NDArray[Any]]:
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]
