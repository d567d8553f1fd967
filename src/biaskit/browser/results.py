"""Results: what a page, a table and a configuration say of the choices that were made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from biaskit.browser.chosen import Chosen
from biaskit.counts.counts import Counts
from biaskit.counts.scores import ScoreTable
from biaskit.explanations.attributions import Attributions
from biaskit.metrics import USUAL, Metric
from biaskit.pages.contents import Contents
from biaskit.pages.origin import file_names
from biaskit.pages.page import contents_of
from biaskit.reports.numbers import not_given
from biaskit.reports.report import Measured, measured
from biaskit.sources.files.dialect import Dialect

__all__ = ["DEMO_FILE", "About", "contents_made", "measured_once"]

#: File that `biaskit demo` keeps its table in, where it is told to.
DEMO_FILE = "berkeley.parquet"

# Reports on scores that are remembered.
_REMEMBERED = 32


@dataclass(frozen=True)
class About:
    """What a report is of, besides its counts.

    Attributes
    ----------
    name
        Name of the table, as people read it.
    files
        Paths of its files, as a command names them; none for a table in memory.
    dialect
        How they are written.
    baseline, baseline_files
        Counts of an earlier table, and the paths of its files.
    attributions
        Parts of a model's outputs.
    model
        Path of that model.
    is_demo
        Whether it is the table that ships with biaskit.
    """

    name: str
    files: tuple[str, ...] = ()
    dialect: Dialect | None = None
    baseline: Counts | None = None
    baseline_name: str = ""
    baseline_files: tuple[str, ...] = ()
    attributions: Attributions | None = None
    model: str = ""
    is_demo: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the files, as the commands that make the report have them."""
        return (DEMO_FILE,) if self.is_demo else self.files


def contents_made(chosen: Chosen, about: About) -> Contents:
    """Contents of the page of what was chosen: what `biaskit.page` shows of the same.

    Raises
    ------
    BiaskitError
        The counts cannot be compared so.
    """
    files = file_names([*about.paths])
    name = None if about.name in (*about.paths, *files) else about.name
    baseline = about.baseline
    if baseline is not None and chosen.round_to is not None and baseline.protected is None:
        baseline = baseline.protect(chosen.round_to)
    return contents_of(
        chosen.counts,
        metrics=chosen.metrics,
        limits=chosen.limits,  # type: ignore[arg-type]
        baseline=baseline,
        attributions=about.attributions,
        name=name,
        files=files,
        round_to=chosen.round_to,
        dialect=about.dialect,
        confidence=chosen.confidence,
        measure=measured_once,
    )


class _Remembered:
    """Rows of metrics of scores, which no threshold changes, and whose tests take long."""

    def __init__(self) -> None:
        self._known: OrderedDict[Any, tuple[list[ScoreTable], list[Measured]]] = OrderedDict()
        self._lock = threading.Lock()

    def rows(
        self, counts: Counts, metrics: Sequence[Metric], confidence: float, seed: int
    ) -> list[Measured]:
        # The tables themselves are kept beside the rows, so that no other can have their places.
        tables = [*counts.scores.values()]
        roles = counts.roles.replaced(
            predicted=None, predicted_above=None, predicted_positive=None, features=None
        )
        symbols = tuple(one.symbol for one in metrics)
        key = (tuple(map(id, tables)), repr(roles), symbols, confidence, seed)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key][1]
        made = measured(counts, metrics, confidence, seed)
        with self._lock:
            self._known[key] = tables, made
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return made


_REMEMBERED_ROWS = _Remembered()


def measured_once(
    counts: Counts,
    metrics: Sequence[Metric] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    sample: Any = None,
    *,
    missing: str | None = None,
) -> list[Measured]:
    """Rows of `measured`, those of metrics of scores remembered from one threshold to the next."""
    if metrics is None:
        metrics = [one for one in USUAL.values() if not not_given(one, counts.roles)]
    of_scores = [one for one in metrics if one.is_of_scores]
    others = [one for one in metrics if not one.is_of_scores]
    by_outcome = "highest" in (counts.roles.reference or {}).values()
    if not counts.scores or not of_scores or not others or by_outcome or missing is not None:
        return measured(counts, metrics, confidence, seed, sample, missing=missing)
    found = measured(counts, others, confidence, seed, sample)
    found += _REMEMBERED_ROWS.rows(counts, of_scores, confidence, seed)
    by_key = {(one.row.facet, one.row.value, one.metric): one for one in found}
    places = dict.fromkeys((one.row.facet, one.row.value) for one in found)
    return [by_key[facet, value, metric] for facet, value in places for metric in metrics]
