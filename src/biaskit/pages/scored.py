"""Scores as charts: sweeps, calibration, ROC curves and distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from biaskit.pages.charts.drawing import Head
from biaskit.pages.charts.scores.curves import Axis, Curve, curves
from biaskit.pages.markup import Safe
from biaskit.reports.words import value_in_words
from biaskit.scores.calibration import CalibrationRow
from biaskit.scores.curves import Distribution, Roc
from biaskit.scores.sweep import SweepRow

__all__ = [
    "drawn_calibration",
    "drawn_distributions",
    "drawn_roc",
    "drawn_sweep",
    "is_a_chance",
]


def drawn_sweep(
    by_name: Mapping[str, Sequence[SweepRow]],
    head: Head,
    *,
    measures: str,
    parity: float,
    limits: tuple[float, float] | None = None,
) -> Safe:
    """Numbers over the thresholds, one line for each name."""
    made = [
        Curve(
            name,
            [(row.threshold, row.estimate) for row in rows],
            [row.low for row in rows],
            [row.high for row in rows],
        )
        for name, rows in by_name.items()
    ]
    across = Axis("threshold: scores above it are the positive predictions")
    return curves(made, head=head, across=across, up=Axis(measures), parity=parity, limits=limits)


def drawn_calibration(rows: Sequence[CalibrationRow], head: Head) -> Safe:
    """Share of positive labels by mean score, one line for each facet value."""
    values = dict.fromkeys(row.value for row in rows)
    made = []
    for value in values:
        own = [row for row in rows if row.value == value]
        places = [(row.mean_score, row.positive) for row in own]
        made.append(
            Curve(
                value_in_words(value), places, [one.low for one in own], [one.high for one in own]
            )
        )
    ends = (0.0, 1.0)
    up = Axis("share of positive labels", ends)
    return curves(
        made, head=head, across=Axis("mean score", ends), up=up, is_square=True, whiskers=True
    )


def drawn_roc(given: Sequence[Roc], head: Head) -> Safe:
    """ROC curves, one line for each facet value."""
    made = [Curve(f"{value_in_words(one.value)} (AUC {one.auc:.3f})", one.places) for one in given]
    ends = (0.0, 1.0)
    across = Axis("false positive rate", ends, shares=True)
    up = Axis("true positive rate", ends, shares=True)
    return curves(made, head=head, across=across, up=up, is_square=True)


def drawn_distributions(given: Sequence[Distribution], head: Head, score: str) -> Safe:
    """Shares of rows by score, one line of steps for each facet value."""
    made = []
    for one in given:
        places = [(one.ends[0], 0.0)]
        for start, end, share in zip(one.ends, one.ends[1:], one.shares, strict=False):
            places += [(start, share), (end, share)]
        places.append((one.ends[-1], 0.0))
        made.append(Curve(value_in_words(one.value), places))
    up = Axis("share of rows in each band", (0.0,), shares=True)
    return curves(made, head=head, across=Axis(score), up=up)


def is_a_chance(rows: Sequence[CalibrationRow]) -> bool:
    """Whether scores can be chances: none lies outside of 0 and 1."""
    return all(0 <= row.mean_score <= 1 and math.isfinite(row.above + row.up_to) for row in rows)
