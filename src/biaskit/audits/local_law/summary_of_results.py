"""Summary of results: the tables of a bias audit under Local Law 144 in the rule's layout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from biaskit.audits.local_law.categories import HISPANIC
from biaskit.audits.local_law.tables import (
    BY_BOTH,
    BY_RACE,
    BY_SEX,
    NO_OUTCOME,
    UNKNOWN,
    Audit,
    AuditRow,
    Part,
)
from biaskit.counts.levels import show
from biaskit.store import formats

__all__ = ["Block", "blocks", "figures_in_text", "markdown", "statements", "title"]

_TITLES = {
    BY_SEX: "Sex categories",
    BY_RACE: "Race/ethnicity categories",
    BY_BOTH: "Intersectional categories",
}
_NOT_HISPANIC = "Not Hispanic or Latino"


class Block(NamedTuple):
    """A table of the summary: names of the categories, then their figures."""

    title: str
    columns: tuple[str, ...]
    #: Cells: texts that name the category, numbers, and a note.
    rows: list[tuple[Any, ...]]
    #: How many columns name the category.
    names: int


def title(made: Audit) -> str:
    """What the summary is called."""
    of = "scoring rates" if made.is_scoring else "selection rates"
    return f"Bias audit, summary of results: {of} and impact ratios"


def blocks(made: Audit) -> list[Block]:
    """Tables of a summary, those of each class after one another."""
    return [
        _block(made, part, table) for part in made.parts for table in (BY_SEX, BY_RACE, BY_BOTH)
    ]


def _block(made: Audit, part: Part, table: str) -> Block:
    rows = [row for row in part.rows if row.table == table]
    name = _TITLES[table]
    if made.has_classes:
        name = f"{name}, class {show(part.of_class)}"
    heads = ("Ethnicity", "Sex", "Race") if table == BY_BOTH else (_TITLES[table].split()[0],)
    figures: tuple[str, ...] = ("Applicants", "Selected", "Selection rate", "Impact ratio")
    if made.is_scoring:
        figures = ("Applicants", "Above the median", "Scoring rate", "Impact ratio")
    cells = [
        (*_named(row), row.applicants, row.chosen, row.rate, row.impact_ratio, row.note)
        for row in rows
    ]
    return Block(name, (*heads, *figures, "Note"), cells, len(heads))


def _named(row: AuditRow) -> tuple[str, ...]:
    """Cells that name a category: of both, whether it is Hispanic comes first."""
    if row.table != BY_BOTH:
        return (row.category,)
    race, _, sex = row.category.rpartition(", ")
    return (HISPANIC, sex, "") if race == HISPANIC else (_NOT_HISPANIC, sex, race)


def figures_in_text(row: Sequence[Any], names: int) -> list[str]:
    """Cells of a row as texts: rates in percent with one decimal, ratios with three.

    >>> figures_in_text(("Female", 1181, 555, 0.469941, 0.979337, ""), 1)
    ['Female', '1,181', '555', '47.0 %', '0.979', '']
    """
    applicants, chosen, rate, ratio, note = row[names:]
    return [
        *row[:names],
        f"{applicants:,}",
        f"{chosen:,}",
        "n/a" if math.isnan(rate) else f"{100 * rate:.1f} %",
        "n/a" if math.isnan(ratio) else f"{ratio:.3f}",
        note,
    ]


def statements(made: Audit) -> list[str]:
    """What stands with the tables: who is in none of them, and what the figures are."""
    return [*_statements(made)]


def _statements(made: Audit) -> Iterator[str]:
    found = made.applicants
    unknown = [row for part in made.parts for row in part.rows if row.table == UNKNOWN]
    number = unknown[0].applicants if made.is_shared else sum(row.applicants for row in unknown)
    yield f"{_people(found.rows)} in all."
    why = f" ({unknown[0].note})" if unknown[0].note else ""
    yield f"{_people(number)} of unknown sex or race/ethnicity, in none of the tables{why}."
    missing = [row for part in made.parts for row in part.rows if row.table == NO_OUTCOME]
    if missing:
        without = missing[0].applicants if made.is_shared else sum(r.applicants for r in missing)
        yield f"{_people(without)} of known category without an outcome, in none of the tables."
    if made.is_scoring:
        yield (
            f"A scoring rate is the share of applicants whose score is above {made.median:.10g}, "
            "the median of all scores, those of unknown categories included."
        )
    elif made.is_shared:
        yield "A selection rate is the share of a category's applicants who are assigned the class."
    else:
        yield "A selection rate is the share of a category's applicants who are selected."
    yield (
        "An impact ratio is the rate of a category divided by the highest rate of its table"
        + (", the excluded categories left out." if made.exclude_below is not None else ".")
    )
    if made.exclude_below is not None:
        yield (
            f"Categories of less than {100 * made.exclude_below:g} % of the data have no impact "
            f"ratio (6 RCNY 5-301(d)): {made.justification}"
        )
    yield (
        "A published summary also states the date of the audit, the source and explanation of the "
        "data, and the date from which the tool is used (6 RCNY 5-303)."
    )


def _people(number: int) -> str:
    return f"{number:,} applicant{'' if number == 1 else 's'}"


def markdown(made: Audit) -> str:
    """The summary as Markdown."""
    parts = [f"# {title(made)}"]
    for block in blocks(made):
        columns, rows = (
            list(block.columns),
            [figures_in_text(row, block.names) for row in block.rows],
        )
        if not any(row[-1] for row in rows):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        parts += [f"## {formats.markdown(block.title)}", formats.as_markdown(columns, rows)]
    said = "\n".join(f"* {formats.markdown(one)}" for one in statements(made))
    return "\n\n".join([*parts, said])
