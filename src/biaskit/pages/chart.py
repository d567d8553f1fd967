"""Chart: one chart of a page by itself, for papers and slides."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import level, show
from biaskit.errors import DataError, RolesError, in_short, keywords_checked, listed
from biaskit.explanations.dependence import DependenceRow
from biaskit.explanations.gaps import GapRow
from biaskit.gate.compare import Drift
from biaskit.metrics import LEADING, Metric, chosen
from biaskit.pages.charts.drawing import Head, standalone
from biaskit.pages.drawn import (
    Judgement,
    drawn_dependence,
    drawn_drift,
    drawn_forest,
    drawn_gap,
    drawn_outcomes,
    drawn_over_time,
    drawn_shares,
    drifts_on_an_axis,
    has_direction,
    of_values,
    turned,
)
from biaskit.pages.markup import Safe, chart_id
from biaskit.pages.scored import (
    drawn_calibration,
    drawn_distributions,
    drawn_roc,
    drawn_sweep,
)
from biaskit.reports.rates import ALL, RateRow
from biaskit.reports.reading import OF_CHECKS, rows_of
from biaskit.reports.report import Row
from biaskit.reports.surely import Judged
from biaskit.reports.words import Names, called, name_in_words, value_in_words
from biaskit.scores.calibration import ALL as ALL_VALUES
from biaskit.scores.calibration import CalibrationRow
from biaskit.scores.curves import distributions, roc_curves
from biaskit.scores.given import refuse_no_scores
from biaskit.scores.sweep import SweepRow
from biaskit.store import written

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Chart", "chart"]

# Pixels of a PNG for each unit of the drawing.
_ZOOM = 2


@dataclass(frozen=True)
class Chart:
    """A chart: SVG on a white ground, with a title for those who do not see it.

    A notebook shows it. `save` writes it to a file, whole or not at all.
    """

    title: str
    svg: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the chart to a file whose name ends in ``.svg`` or ``.png``.

        Raises
        ------
        RolesError
            The name ends in something else.
        DataError
            The folder does not exist or cannot be written, or a PNG is asked for and the library
            that draws it is not installed.
        """
        written.refuse_unwritable(path)
        match PurePath(path).suffix.lower():
            case ".svg":
                made = self.svg.encode()
            case ".png":
                made = _png(self.svg)
            case other:
                raise RolesError(f"a chart is saved as .svg or .png, not {other!r}")
        with written.atomically(path) as file:
            file.write(made)

    def _repr_svg_(self) -> str:
        return self.svg


def _png(svg: str) -> bytes:
    try:
        import resvg_py
    except ImportError:
        raise DataError(
            "a PNG is drawn by resvg-py, which is not installed: pip install 'biaskit[png]', or "
            "save the chart as .svg"
        ) from None
    made: bytes = resvg_py.svg_to_bytes(
        svg_string=svg, zoom=_ZOOM, font_family="DejaVu Sans", sans_serif_family="DejaVu Sans"
    )
    return made


class _Asked(NamedTuple):
    """What a caller chose."""

    facet: Any
    value: Any
    metric: Any
    output: Any
    over: str | None
    metrics: Sequence[Metric] | None


@keywords_checked
def chart(
    report: pd.DataFrame | Counts,
    *,
    kind: str | None = None,
    facet: Any = None,
    value: Any = None,
    metric: str | Metric | None = None,
    output: str | None = None,
    over: str | None = None,
    metrics: Iterable[str | Metric] | str | None = None,
) -> Chart:
    """One chart of a page by itself, for papers and slides.

    Parameters
    ----------
    report
        What `biaskit.report`, `check`, `rates`, `explain`, `partial_dependence`, `compare`, `sweep`
        or `calibration` returns, or rows of it; or counts with scores.
    kind
        What is drawn; by default the first that the table has.

        Of a report or a check: ``"forest"``, the metrics of a facet value that are differences,
        turned so that the right of parity is against it; ``"ratios"``, those that are ratios;
        ``"shares"``, the share that the leading metric compares, of every value; ``"time"``, one
        metric in stacked reports.
        Of rates: ``"shares"`` with intervals; ``"outcomes"``, right and wrong predictions.
        Of an explanation ``"gap"``, of a partial dependence ``"dependence"``, of a comparison with
        a baseline ``"drift"``.
        Of a sweep ``"sweep"``, one metric of each value over the thresholds; of a calibration
        ``"calibration"``; of counts ``"scores"``, the distribution of the scores of each value, and
        ``"roc"``.
    facet, value, output
        Which of several facets, facet values and outputs of the model.
    metric
        Metric that ``"time"`` and ``"sweep"`` draw; by default the leading one.
    over
        Column that tells stacked reports apart, in the order of its rows; needed where there are
        several columns besides those of a report.
    metrics
        Metrics of your own that the report has.

    Returns
    -------
    Chart
        ``svg`` is the drawing, which a notebook shows; ``save("x.svg")`` writes it, and so does
        ``save("x.png")`` where ``biaskit[png]`` is installed.

    Raises
    ------
    RolesError
        There is no such chart of this table, or several values, which the error lists.
    DataError
        The table is none of these.

    Examples
    --------
    >>> import biaskit
    >>> report = biaskit.report(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted",
    ...     group="department",
    ... )
    >>> biaskit.chart(report, value="female")
    Chart(title='Metrics of gender female')
    """
    columns = {str(name) for name in getattr(report, "columns", ())}
    made_by = next((call for call, has in _MADE_BY.items() if has <= columns), None)
    if _MADE_BY["sweep"] <= columns:  # a sweep has the columns of a report, too
        made_by = "sweep"
    if isinstance(report, Counts):
        refuse_no_scores(report.roles)
        made_by = "count"
    if made_by is None:
        raise DataError(
            f"a chart is made of what biaskit.{', '.join([*_MADE_BY][:-1])} or {[*_MADE_BY][-1]} "
            f"returns, not of {in_short(report)}"
        )
    kinds = _KINDS[made_by]
    if (drawn := kinds.get(kind or next(iter(kinds)))) is None:
        raise RolesError(
            f"there is no chart {in_short(kind)} of what biaskit.{made_by} returns; there are "
            f"{listed([*kinds])}"
        )
    title, svg = drawn(report, _Asked(facet, value, metric, output, over, chosen(metrics)))
    return Chart(title, standalone(svg))


def _only(rows: Sequence[Any], name: str, given: Any) -> list[Any]:
    """Rows of one facet, value or output: of the one given, or of the only one."""
    if not rows:
        raise DataError("there are no rows to draw")
    found = list(dict.fromkeys(getattr(row, name) for row in rows))
    if given is None:
        if len(found) > 1:
            raise RolesError(f"there are several: choose by {name}=, one of {listed(found)}")
        return [*rows]
    wanted = show(level(given))
    if wanted not in found:
        raise RolesError(f"there is no {name} {wanted!r}; there are {listed(found)}")
    return [row for row in rows if getattr(row, name) == wanted]


def _headed(title: str) -> Head:
    return Head(chart_id(title), title)


def _rows(frame: Any, kind: type[Any]) -> list[Any]:
    """Rows of a table that a call returns."""
    parts = (frame[name].tolist() for name in kind._fields)
    return [kind(*row) for row in zip(*parts, strict=True)]


def _forest(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    return _metrics(frame, asked, log=False)


def _ratios(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    return _metrics(frame, asked, log=True)


def _metrics(frame: Any, asked: _Asked, *, log: bool) -> tuple[str, Safe]:
    rows = rows_of(frame)
    judged = Judged(rows, None, asked.metrics)
    restated = {rows[i] for i, how in enumerate(judged.how) if how == "restates"}
    verdicts = _verdicts(frame, rows)
    kept = _only(_only(rows, "facet", asked.facet), "value", asked.value)
    drawn = [
        turned(metric, row, verdicts.get(row), is_short=False)
        for row in kept
        if (metric := judged.known.get(row.metric)) is not None
        and has_direction(metric)
        and (metric.kind == "ratio") is log
        and (log or row not in restated)
    ]
    what = "Ratios" if log else "Metrics"
    title = f"{what} of {name_in_words(kept[0].facet)} {value_in_words(kept[0].value)}"
    return title, drawn_forest(drawn, called(kept[0].facet, kept[0].value), _headed(title), log=log)


def _verdicts(frame: Any, rows: Sequence[Row]) -> Mapping[Row, Judgement]:
    """Verdicts by row, where the table is a check."""
    if not {*OF_CHECKS} <= {*frame.columns}:
        return {}
    parts = (frame[name].tolist() for name in ("verdict", "limit_low", "limit_high"))
    found = zip(rows, *parts, strict=True)
    return {row: Judgement(verdict, (low, high)) for row, verdict, low, high in found if verdict}


def _leading(rows: Sequence[Any], given: Any) -> list[Any]:
    """Rows of the metric given, or of the leading one."""
    symbols = {row.metric for row in rows}
    if given is None:
        given = next((one for one in LEADING if one in symbols), None)
    return _only(rows, "metric", getattr(given, "symbol", given))


def _shares_of_report(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    kept = _leading(_only(rows_of(frame), "facet", asked.facet), asked.metric)
    nan = float("nan")
    rates = [
        RateRow(one.facet, one.value, "selection", one.rate_d, nan, nan, one.n_d, 0)
        for one in kept
        if one.rate_d == one.rate_d
    ]
    if not rates:
        raise RolesError(f"{kept[0].metric} compares no shares; choose another by metric=")
    what = f"The share that {kept[0].metric} compares"
    title = f"{what}, by {name_in_words(kept[0].facet)}"
    return title, drawn_shares(of_values(rates), None, _headed(title))


def _shares(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    kept = _only(_rows(frame, RateRow), "facet", asked.facet)
    rows = [one for one in kept if one.rate == "selection"]
    overall = next((one.estimate for one in rows if one.value == ALL), None)
    title = f"Selection rate, by {name_in_words(kept[0].facet)}"
    return title, drawn_shares(of_values(rows), overall, _headed(title))


def _outcomes(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    kept = _only(_rows(frame, RateRow), "facet", asked.facet)
    rates = {(one.value, one.rate): one for one in kept}
    values = [one.value for one in of_values(kept) if one.rate == "TP"]
    if not values:
        raise RolesError("these rates have no TP and FP: they are of labels or predictions alone")
    title = f"Right and wrong predictions, by {name_in_words(kept[0].facet)}"
    names = Names()
    head = _headed(title)
    drawn = drawn_outcomes(rates, values, head, positive=names.positive, negative=names.negative)
    return title, drawn


def _gap(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    rows = _only(_rows(frame, GapRow), "facet", asked.facet)
    kept = _only(_only(rows, "value", asked.value), "output", asked.output)
    name, told = name_in_words(kept[0].facet), value_in_words(kept[0].value)
    title = f"Parts of the gap in the model's output, {name}: {told}"
    return title, drawn_gap(kept, _headed(title))


def _dependence(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    rows = _rows(frame, DependenceRow)
    if asked.facet is None:  # all rows together are drawn where there is nothing else
        rows = [one for one in rows if one.facet != ALL] or rows
    kept = _only(_only(rows, "facet", asked.facet), "output", asked.output)
    by = "" if kept[0].facet == ALL else f", by {name_in_words(kept[0].facet)}"
    title = f"The model's mean output as one feature is set{by}"
    return title, drawn_dependence(kept, _headed(title))


def _drift(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    known = Judged([], None, asked.metrics).known
    rows = [
        one
        for one in _rows(frame, Drift)
        if one.metric in known and drifts_on_an_axis(known[one.metric])
    ]
    kept = _only(_only(rows, "facet", asked.facet), "value", asked.value)
    name, told = name_in_words(kept[0].facet), value_in_words(kept[0].value)
    title = f"Metrics of {name} {told}, in the baseline and now"
    return title, drawn_drift(kept, _headed(title))


def _time(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    others = [one for one in frame.columns if one not in (*Row._fields, *OF_CHECKS)]
    over = asked.over
    if over is None and len(others) == 1:
        over = others[0]
    if over not in others:
        raise RolesError(
            "stacked reports need a column that tells them apart, such as a date: choose it by "
            f"over=; there are {listed(others) if others else 'none besides those of a report'}"
        )
    rows = rows_of(frame)
    when = dict(zip(map(id, rows), map(str, frame[over].tolist()), strict=True))
    kept = _only(_only(rows, "facet", asked.facet), "value", asked.value)
    kept = _leading(kept, asked.metric)
    symbol = kept[0].metric
    metric = Judged([], None, asked.metrics).known.get(symbol)
    title = f"{symbol} of {name_in_words(kept[0].facet)} {value_in_words(kept[0].value)} over time"
    drawn = drawn_over_time([(when[id(row)], row) for row in kept], metric, _headed(title))
    return title, drawn


def _sweep(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    rows = _only(_rows(frame, SweepRow), "facet", asked.facet)
    kept = rows if asked.value is None else _only(rows, "value", asked.value)
    kept = _leading(kept, asked.metric)
    metric = Judged([], None, asked.metrics).known.get(kept[0].metric)
    by_name: dict[str, list[SweepRow]] = {}
    for row in kept:
        by_name.setdefault(value_in_words(row.value), []).append(row)
    title = f"{kept[0].metric} at every threshold, by {name_in_words(kept[0].facet)}"
    parity = 0.0 if metric is None else metric.parity
    drawn = drawn_sweep(by_name, _headed(title), measures=kept[0].metric, parity=parity)
    return title, drawn


def _calibration(frame: Any, asked: _Asked) -> tuple[str, Safe]:
    rows = _only(_rows(frame, CalibrationRow), "facet", asked.facet)
    kept = [row for row in rows if row.value != ALL_VALUES]
    kept = kept if asked.value is None else _only(rows, "value", asked.value)
    title = f"Calibration, by {name_in_words(rows[0].facet)}"
    return title, drawn_calibration(kept, _headed(title))


def _facet_of(counts: Counts, asked: _Asked) -> Facet:
    names = {facet.name: facet for facet in counts.roles.facet}
    if asked.facet is None and len(names) > 1:
        raise RolesError(f"there are several: choose by facet=, one of {listed([*names])}")
    return counts.choosing(facet=asked.facet).roles.facet[0]


def _scores(counts: Counts, asked: _Asked) -> tuple[str, Safe]:
    facet, score = _facet_of(counts, asked), counts.roles.score or ""
    title = f"Distribution of {score}, by {name_in_words(facet.name)}"
    return title, drawn_distributions(distributions(counts, facet), _headed(title), score)


def _roc(counts: Counts, asked: _Asked) -> tuple[str, Safe]:
    facet = _facet_of(counts, asked)
    if counts.roles.label is None:
        raise RolesError("label is needed: a ROC curve compares scores with what came true")
    title = f"ROC curves, by {name_in_words(facet.name)}"
    return title, drawn_roc(roc_curves(counts, facet), _headed(title))


# Columns by which the tables are told apart, and the charts of each.
_MADE_BY: Mapping[str, frozenset[str]] = {
    "report": frozenset({"metric", "estimate"}),
    "rates": frozenset(RateRow._fields),
    "explain": frozenset(GapRow._fields),
    "partial_dependence": frozenset(DependenceRow._fields),
    "compare": frozenset(Drift._fields),
    "calibration": frozenset(CalibrationRow._fields),
    "sweep": frozenset(SweepRow._fields),
}
_KINDS: Mapping[str, Mapping[str, Callable[[Any, _Asked], tuple[str, Safe]]]] = {
    "report": {
        "forest": _forest,
        "ratios": _ratios,
        "shares": _shares_of_report,
        "time": _time,
    },
    "rates": {"shares": _shares, "outcomes": _outcomes},
    "explain": {"gap": _gap},
    "partial_dependence": {"dependence": _dependence},
    "compare": {"drift": _drift},
    "sweep": {"sweep": _sweep},
    "calibration": {"calibration": _calibration},
    "count": {"scores": _scores, "roc": _roc},
}
