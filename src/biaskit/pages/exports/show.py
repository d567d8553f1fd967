"""Show: a frame of biaskit as a notebook shows it, values beside one another."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from biaskit.errors import DataError, in_short
from biaskit.gate.compare import Drift
from biaskit.pages.markup import Safe, el, escaped, table
from biaskit.pages.numbers import interval, number, whole
from biaskit.reports.rates import RateRow
from biaskit.reports.reading import OF_CHECKS, rows_of
from biaskit.reports.repeated import known_metrics, tables
from biaskit.reports.report import Row
from biaskit.reports.surely import Judged
from biaskit.store.formats import as_markdown, as_table, markdown, printable, shortened

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["View", "show"]

# Most columns of a block, most of its rows, most blocks and most notes below one.
_MOST_VALUES, _MOST_METRICS, _MOST_BLOCKS, _MOST_NOTES = 12, 50, 12, 50
# Columns that `biaskit.check` adds to those of a report.
_TEXTS = ("stage", "facet", "value", "metric", "rate", "verdict", "note")
_SURELY = "* beyond chance, with all distinct comparisons judged together"

_Record = TypeVar("_Record", RateRow, Drift)


class _Cell(NamedTuple):
    """One number of a frame, and where it stands."""

    #: What its block is about; the name of its row and of its column; what is said below these.
    about: str
    row: str
    column: str
    row_more: str
    column_more: str
    shown: str
    below: tuple[str, ...]
    note: str


class _Block(NamedTuple):
    """Part of a view: a table of at most 12 columns, with what is said below it."""

    about: str
    #: Names of the columns and of the rows, each with what is said below it.
    columns: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, str]]
    cells: Mapping[tuple[str, str], _Cell]
    notes: Sequence[str]


class View:
    """A frame as a notebook shows it, as HTML, as Markdown and as plain text."""

    def __init__(self, blocks: Sequence[_Block], told: Sequence[str]):
        self._blocks, self._told = blocks, told

    def _repr_html_(self) -> str:
        parts: list[Safe] = []
        for one in self._blocks:
            heads = ("", *(_stacked(name, more) for name, more in one.columns))
            rows = (
                (_stacked(*row), *(_cell(one, row[0], column) for column, _ in one.columns))
                for row in one.rows
            )
            parts.append(table(one.about, heads, rows, label=one.about))
            if one.notes:
                parts.append(el("ul", *(el("li", note) for note in one.notes)))
        return el("div", *parts, *(el("p", el("small", told)) for told in self._told))

    def _repr_markdown_(self) -> str:
        parts = []
        for one in self._blocks:
            parts += [f"**{markdown(shortened(one.about))}**", as_markdown(*_plain(one))]
            parts.append("\n".join(f"* {markdown(shortened(note))}" for note in one.notes))
        return "\n\n".join(filter(None, [*parts, *map(markdown, self._told)]))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Every form; a front end shows the richest that it can."""
        return {
            "text/html": self._repr_html_(),
            "text/markdown": self._repr_markdown_(),
            "text/plain": repr(self),
        }

    def __repr__(self) -> str:
        parts = []
        for one in self._blocks:
            notes = "\n".join(printable(shortened(note)) for note in one.notes)
            parts += [printable(shortened(one.about)), as_table(*_plain(one)), notes]
        return "\n\n".join(filter(None, [*parts, *map(printable, self._told)]))


def show(report: pd.DataFrame) -> View:
    """View of a report for a notebook: metrics below one another, values side by side.

    Parameters
    ----------
    report
        What `biaskit.report`, `biaskit.check`, `biaskit.compare` or `biaskit.rates` returns, or
        rows of it, perhaps stacked with a column that tells the parts apart, or read back from a
        file.

    Returns
    -------
    View
        An object that a notebook shows: a table for each facet, in blocks of at most 12 values,
        with the interval below each number, the verdict if there is one, and the notes below the
        table. A star marks what differs surely (see `biaskit.summary`). At most 12 blocks of 50
        metrics are shown; it says so where there are more. As text it is Markdown or plain.

    Raises
    ------
    DataError
        `report` is none of these.

    Examples
    --------
    >>> import biaskit
    >>> report = biaskit.report(
    ...     biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted",
    ...     metrics=["CI", "DPL"],
    ... )
    >>> biaskit.show(report)
    gender, 95 % intervals
    <BLANKLINE>
         female (1,835 rows)       male (2,691 rows)
    CI   0.189 (0.160 to 0.218)    −0.189 (−0.218 to −0.160)
    DPL  0.142* (0.113 to 0.170)   −0.142* (−0.170 to −0.113)
    <BLANKLINE>
    * beyond chance, with all distinct comparisons judged together
    """
    told: list[str] = []
    columns = {str(name) for name in getattr(report, "columns", ())}
    if {"rate", "estimate", "n"} <= columns:
        cells = _of_rates(report)
    elif {"baseline", "current", "change"} <= columns:
        cells = _of_drift(report)
    else:
        cells, told = _of_report(report)
    blocks = [*_blocks(cells)]
    if more := len(blocks[_MOST_BLOCKS:]):
        told.append(f"{more:,} more tables are not shown; choose rows of the frame to see them")
    return View(blocks[:_MOST_BLOCKS], told)


def _of_report(report: pd.DataFrame) -> tuple[list[_Cell], list[str]]:
    rows = rows_of(report)
    known = known_metrics()
    abouts = _abouts(report, (*Row._fields, *OF_CHECKS), rows)
    verdicts = _texts(report, "verdict", len(rows))
    reasons = _texts(report, "reason", len(rows))
    sure = [False] * len(rows) if any(verdicts) else Judged(rows, None, None).is_sure
    made = []
    for at, row in enumerate(rows):
        level = "" if math.isnan(row.confidence) else f", {100 * row.confidence:g} % intervals"
        metric = known.get(row.metric)
        made.append(
            _Cell(
                about=f"{abouts[at]}{level}",
                row=row.metric,
                column=row.value,
                row_more="" if metric is None else metric.title,
                column_more=f"{row.n_d:,} rows",
                shown=f"{number(row.estimate)}{'*' if sure[at] else ''}",
                below=(interval(row.low, row.high), verdicts[at]),
                note="; ".join(filter(None, dict.fromkeys([row.note, reasons[at]]))),
            )
        )
    return made, [_SURELY] if any(sure) else []


def _of_rates(report: pd.DataFrame) -> list[_Cell]:
    rows = _rows(report, RateRow)
    abouts = _abouts(report, RateRow._fields, rows)
    return [
        _Cell(
            about=f"Rates by {about}",
            row=row.rate,
            column=row.value,
            row_more="",
            column_more="",
            # Numbers of rows have no interval.
            shown=number(row.estimate) if row.low == row.low else whole(row.estimate),
            below=(interval(row.low, row.high), f"of {whole(row.n)}"),
            note="",
        )
        for about, row in zip(abouts, rows, strict=True)
    ]


def _of_drift(report: pd.DataFrame) -> list[_Cell]:
    rows = _rows(report, Drift)
    known = known_metrics()
    abouts = _abouts(report, Drift._fields, rows)
    return [
        _Cell(
            about=f"{about}: change since the baseline",
            row=row.metric,
            column=row.value,
            row_more=known[row.metric].title if row.metric in known else "",
            column_more=f"{whole(row.n_current)} rows",
            shown=number(row.change),
            below=(
                interval(row.low, row.high),
                f"from {number(row.baseline)} to {number(row.current)}",
                row.verdict,
            ),
            note=row.note,
        )
        for about, row in zip(abouts, rows, strict=True)
    ]


def _rows(report: pd.DataFrame, kind: type[_Record]) -> list[_Record]:
    """Records of a frame that has the columns of a kind of rows."""
    missing = [name for name in kind._fields if name not in report.columns]
    if missing:
        named = ", ".join(map(repr, missing))
        raise DataError(f"this frame has no column {named}; give all columns that biaskit returned")
    parts = [
        [_text(one) if name in _TEXTS else _number(one, name) for one in report[name].tolist()]
        for name in kind._fields
    ]
    return [kind._make(values) for values in zip(*parts, strict=True)]


def _number(value: Any, name: str) -> float:
    try:
        return math.nan if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} holds {in_short(value)}, which is not a number") from None


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _texts(report: pd.DataFrame, name: str, size: int) -> list[str]:
    if name not in report.columns:
        return [""] * size
    return [_text(one) for one in report[name].tolist()]


def _abouts(report: pd.DataFrame, own: Sequence[str], rows: Sequence[Any]) -> list[str]:
    """What each row is about: its facet, and what tells its table apart, where several are stacked.

    That is in columns that biaskit did not make.
    """
    others = [name for name in report.columns if name not in own]
    parts = [[f"{name} {value}" for value in report[name].tolist()] for name in others]
    if not parts and isinstance(rows[0] if rows else None, Row):
        parts = [[f"table {at + 1}" if at else "" for at in tables(rows)]]
    return [
        ", ".join(filter(None, [row.facet, *(part[at] for part in parts)]))
        for at, row in enumerate(rows)
    ]


def _blocks(cells: Sequence[_Cell]) -> Iterator[_Block]:
    """Cells as tables: one for each thing that they are about, cut into blocks of columns."""
    by_about: dict[str, list[_Cell]] = defaultdict(list)
    for cell in cells:
        by_about[cell.about].append(cell)
    for about, its in by_about.items():
        columns: dict[str, str] = {}
        rows: dict[str, str] = {}
        for cell in its:
            columns.setdefault(cell.column, cell.column_more)
            rows.setdefault(cell.row, cell.row_more)
        shown = [*rows.items()][:_MOST_METRICS]
        more = len(rows) - len(shown)
        for start in range(0, len(columns), _MOST_VALUES):
            named = [*columns.items()][start : start + _MOST_VALUES]
            there = {name for name, _ in named}
            block = [cell for cell in its if cell.column in there]
            notes = _notes(block)
            if more:
                notes.append(f"{more:,} more metrics are not shown")
            yield _Block(about, named, shown, {(one.row, one.column): one for one in block}, notes)


def _notes(cells: Sequence[_Cell]) -> list[str]:
    """Notes of some cells, each once, after the cells that it is of."""
    of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        if cell.note:
            of[cell.note][cell.row].append(cell.column)
    made = []
    for note, rows in itertools.islice(of.items(), _MOST_NOTES):
        named = ", ".join(f"{row} ({', '.join(values)})" for row, values in rows.items())
        made.append(f"{shortened(named)}: {note}")
    if more := len(of) - len(made):
        made.append(f"{more:,} more notes are not shown")
    return made


def _cell(block: _Block, row: str, column: str) -> Safe | str:
    cell = block.cells.get((row, column))
    if cell is None:
        return ""
    below = (Safe(escaped(one).replace(" ", "&nbsp;")) for one in cell.below)
    return _stacked(el("strong", cell.shown), *below)


def _stacked(first: str, *below: str) -> Safe:
    """Texts below one another, the first one the largest."""
    lines = (part for text in below if text for part in (el("br"), el("small", text)))
    return el("span", first, *lines)


def _plain(block: _Block) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a block, as plain texts."""
    heads = (f"{shortened(name)} ({more})" if more else name for name, more in block.columns)
    columns = ["", *(printable(shortened(one)) for one in heads)]
    rows = []
    for name, _ in block.rows:
        cells = [block.cells.get((name, column)) for column, _ in block.columns]
        rows.append([name, *("" if one is None else _in_line(one) for one in cells)])
    return columns, rows


def _in_line(cell: _Cell) -> str:
    below = ", ".join(filter(None, cell.below))
    return f"{cell.shown} ({below})" if below else cell.shown
