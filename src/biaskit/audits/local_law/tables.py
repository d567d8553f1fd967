"""New York City's Local Law 144: the tables that a bias audit's summary of results has to have.

The rule is 6 RCNY 5-300 to 5-304, in force since 5 July 2023. It asks for numbers of applicants,
selection or scoring rates, and impact ratios, by sex, by race/ethnicity, and by both. It sets no
threshold and asks for no test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.local_law.applicants import Applicants, applicants_of
from biaskit.audits.local_law.categories import HISPANIC, RACES, SEXES
from biaskit.counts.levels import Level, show
from biaskit.counts.tables import Tally, divide
from biaskit.errors import RolesError, refuse_level
from biaskit.intervals.figures import evidence_of, figures_of
from biaskit.metrics import METRICS
from biaskit.progress import Asked, told
from biaskit.sources.files.dialect import dialect_of
from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BY_BOTH",
    "BY_RACE",
    "BY_SEX",
    "MOST_EXCLUDED",
    "NO_OUTCOME",
    "UNKNOWN",
    "Audit",
    "AuditRow",
    "Part",
    "audit_nyc_144",
    "columns_of_audit",
    "nyc_144",
]

#: Names of the tables, and of the rows that are in none.
BY_SEX, BY_RACE, BY_BOTH = "sex", "race/ethnicity", "intersectional"
UNKNOWN, NO_OUTCOME = "unknown", "no outcome"

#: A category of less than this part of the data may be left out of the impact ratios: 5-301(d).
MOST_EXCLUDED = 0.02


class AuditRow(NamedTuple):
    """One row of a summary of results."""

    table: str
    category: str
    applicants: int
    #: Applicants who are selected, or whose score is above the median.
    chosen: int
    rate: float
    impact_ratio: float
    low: float
    high: float
    note: str


class Part(NamedTuple):
    """Rows about one class of the tool, or about all applicants (None)."""

    of_class: Level
    rows: list[AuditRow]


class Audit(NamedTuple):
    """Summary of results: its parts, and what they rest on."""

    parts: list[Part]
    #: Whether the rates are of scores above the median, which then is this number.
    is_scoring: bool
    median: float
    #: Whether there are classes, and whether each of them is a selection of its own.
    has_classes: bool
    is_shared: bool
    applicants: Applicants
    exclude_below: float | None = None
    justification: str = ""


def nyc_144(
    data: Any,
    *,
    sex: str,
    race: str,
    selected: str | None = None,
    score: str | None = None,
    positive: Any = None,
    classes: str | None = None,
    names: Mapping[str, Mapping[Any, str]] | None = None,
    exclude_below: float | None = None,
    justification: str | None = None,
    frequency: str | None = None,
    confidence: float | None = 0.95,
    csv: Mapping[str, Any] | None = None,
    input_format: str | None = None,
    sheet: str | None = None,
    filesystem: Any = None,
    progress: Asked = None,
) -> pd.DataFrame:
    """Tables of a bias audit under New York City's Local Law 144 (6 RCNY 5-301 and 5-303).

    Parameters
    ----------
    data
        Anything that `biaskit.count` takes; or a `Counts` (or the path of a saved one) whose facet
        is ``(race, sex)``, whose label or prediction is `selected`, or whose group is `score`.
    sex, race
        Columns of the sex and of the race/ethnicity of an applicant.
    selected
        Column that says whether the applicant moves forward.
    score
        Column of the tool's scores, instead: the scoring rate is the share of scores above the
        median of all scores. It has at most 100,000 different values.
    positive
        Values of `selected` that mean yes; not needed for true and false, or 1 and 0.
    classes
        Column of the classes that the tool assigns, such as leadership styles. With `selected` or
        `score`, each class has its own tables; alone, each class is a selection of its own.
    names
        Names of the rule for values that are not among them or their EEO-1 synonyms, such as
        ``{"sex": {"1": "Male", "2": "Female"}, "race": {"AA": "Black or African American"}}``. A
        value with the name None is unknown.
    exclude_below
        Categories of less than this part of the data, at most 0.02, have no impact ratio. The
        number of applicants and the rate are kept, as the rule asks.
    justification
        Why they are excluded; the rule asks for it, so it is needed with `exclude_below`.
    frequency
        Column of how many applicants a row stands for.
    confidence
        Level of the intervals, or None to leave out ``low`` and ``high``, which the rule does not
        ask for.
    csv
        How CSV files are written, as for `biaskit.count`.
    input_format, sheet
        Format of the files, and the sheet of a workbook, as for `biaskit.count`.
    filesystem
        Filesystem of pyarrow or fsspec that holds the paths.
    progress
        Whether a bar shows how far the call is, or a function that is told, as for `biaskit.count`.

    Returns
    -------
    pandas.DataFrame
        A row for each category of the tables ``sex``, ``race/ethnicity`` and ``intersectional``,
        with the columns ``table, category, applicants, selected, rate, impact_ratio, low, high,
        note``; for scores, ``above_median`` in place of ``selected``; with `classes`, ``class``
        first. Only applicants whose sex and race are both known are in the tables, so that these
        agree; a last row counts those of ``unknown`` category. Those without an outcome, if any,
        have a row ``no outcome``.

    Raises
    ------
    RolesError
        There is not exactly one outcome, a name is not the rule's, or categories are excluded
        without a justification, or of 2 % or more.
    DataError
        The data cannot be read, or no applicant's sex and race are known.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["Male", "Female", "Female", "Male"], "race": ["White"] * 4,
    ...                    "hired": [1, 0, 1, 1]})
    >>> made = biaskit.audits.nyc_144(df, sex="sex", race="race", selected="hired")
    >>> made.loc[:1, ["table", "category", "applicants", "selected", "rate", "impact_ratio"]]
      table category  applicants  selected  rate  impact_ratio
    0   sex     Male           2         2   1.0           1.0
    1   sex   Female           2         1   0.5           0.5
    """
    dialect = dialect_of(csv, input_format, sheet)
    with told(progress) as tell:
        made = audit_nyc_144(
            data,
            sex=sex,
            race=race,
            selected=selected,
            score=score,
            positive=positive,
            classes=classes,
            names=names,
            exclude_below=exclude_below,
            justification=justification,
            frequency=frequency,
            confidence=confidence,
            dialect=dialect,
            filesystem=filesystem,
            progress=tell,
        )
    columns, rows = columns_of_audit(made, intervals=confidence is not None)
    return formats.frame(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))


def columns_of_audit(
    made: Audit, *, intervals: bool = True
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of a summary of results, as a table has them."""
    chosen = "above_median" if made.is_scoring else "selected"
    names = [chosen if name == "chosen" else name for name in AuditRow._fields]
    kept = [i for i, name in enumerate(names) if intervals or name not in ("low", "high")]
    columns = ["class"] * made.has_classes + [names[i] for i in kept]
    rows = [
        ((show(part.of_class),) if made.has_classes else ()) + tuple(row[i] for i in kept)
        for part in made.parts
        for row in part.rows
    ]
    return columns, rows


def audit_nyc_144(
    data: Any,
    *,
    sex: str,
    race: str,
    exclude_below: float | None = None,
    justification: str | None = None,
    confidence: float | None = 0.95,
    **more: Any,
) -> Audit:
    """The same as plain records, for texts and pages.

    Raises
    ------
    RolesError
        As for `nyc_144`.
    DataError
        As for `nyc_144`.
    """
    if confidence is not None:
        refuse_level(confidence)
    _refuse_exclusion(exclude_below, justification)
    found = applicants_of(data, sex=sex, race=race, **more)
    excluded = (exclude_below or 0.0, (justification or "").strip())
    parts = [
        Part(of_class, [*_tables(cells, excluded, confidence), *_in_no_table(found, i)])
        for i, (of_class, cells) in enumerate(zip(found.classes, found.cells, strict=True))
    ]
    return Audit(
        parts,
        more.get("score") is not None,
        found.median,
        more.get("classes") is not None,
        more.get("selected") is None and more.get("score") is None,
        found,
        exclude_below,
        excluded[1],
    )


def _refuse_exclusion(below: Any, justification: str | None) -> None:
    if below is None:
        if justification is not None:
            raise RolesError("justification goes with exclude_below, such as exclude_below=0.02")
        return
    is_number = isinstance(below, (int, float)) and not isinstance(below, bool)
    if not is_number or not 0 < below <= MOST_EXCLUDED:
        raise RolesError(
            f"exclude_below is a part of the data above 0 and at most {MOST_EXCLUDED:g}: the rule "
            f"lets a category of less than 2 % be left out, 5-301(d); not {below!r}"
        )
    if not (justification or "").strip():
        raise RolesError(
            "exclude_below needs justification=...: the rule asks the summary to say why a "
            "category is left out"
        )


def _tables(
    cells: NDArray[np.int64], excluded: tuple[float, str], confidence: float | None
) -> list[AuditRow]:
    """Rows of the three tables, from ``(race, sex, not chosen or chosen)``."""
    by_race, by_sex = cells.sum(axis=1), cells.sum(axis=0)
    # The rule's order: those who are Hispanic or Latino, then all others, by sex.
    both = [(race, sex) for race in RACES if race == HISPANIC for sex in SEXES]
    both += [(race, sex) for sex in SEXES for race in RACES if race != HISPANIC]
    of_both = np.array([cells[RACES.index(race), SEXES.index(sex)] for race, sex in both])
    return [
        *_table(BY_SEX, SEXES, by_sex, excluded, confidence),
        *_table(BY_RACE, RACES, by_race, excluded, confidence),
        *_table(BY_BOTH, [", ".join(one) for one in both], of_both, excluded, confidence),
    ]


def _table(
    name: str,
    categories: Sequence[str],
    cells: NDArray[np.int64],
    excluded: tuple[float, str],
    confidence: float | None,
) -> list[AuditRow]:
    """Rows of one table; the most selected category is sought among those not excluded."""
    below, justification = excluded
    n, chosen = cells.sum(axis=1), cells[:, 1]
    rate, part = divide(chosen, n), divide(n, n.sum())
    out = (n > 0) & (part < below)
    stands = (n > 0) & ~out
    top = np.nanmax(rate[stands]) if stands.any() else math.nan
    ratio = np.where(stands, divide(rate, top), np.nan)
    low, high = _ends(cells, int(np.argmax(np.where(stands, rate, -1))), stands, confidence)
    made = []
    for i, category in enumerate(categories):
        note = "no applicants" if not n[i] else ""
        if out[i]:
            note = f"excluded: {100 * part[i]:.2f} % of the data; {justification}"
        elif n[i] and math.isnan(ratio[i]):
            note = "undefined: nobody is chosen"
        made.append(
            AuditRow(
                name,
                category,
                applicants=int(n[i]),
                chosen=int(chosen[i]),
                rate=float(rate[i]),
                impact_ratio=float(ratio[i]),
                low=float(low[i]),
                high=float(high[i]),
                note=note,
            )
        )
    return made


def _ends(
    cells: NDArray[np.int64], top: int, stands: NDArray[np.bool_], confidence: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the intervals of the impact ratios; that of the top category has none."""
    low, high = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    others = np.flatnonzero(stands & (np.arange(len(cells)) != top))
    if confidence is None or not len(others):
        return low, high
    d, a = (
        Tally(cells[at][:, :, np.newaxis, np.newaxis], np.array([False, True]))
        for at in (others, np.full(len(others), top))
    )
    metric = METRICS["LDI"]
    form: Callable[..., Any] = metric.form_of
    found = figures_of(
        [evidence_of(form(a, d), metric(a, d))], [math.nan], [metric.bounds], confidence
    )
    low[others], high[others] = found[0].low, found[0].high
    return low, high


def _in_no_table(found: Applicants, at: int) -> list[AuditRow]:
    """Rows that count the applicants who are in no table."""
    nothing = (math.nan,) * 4
    unknown, chosen = found.unknown[at]
    made = [AuditRow(UNKNOWN, UNKNOWN, unknown, chosen, *nothing, found.why_unknown)]
    if without := found.without_outcome[at]:
        made.append(
            AuditRow(NO_OUTCOME, NO_OUTCOME, without, 0, *nothing, "the outcome is missing")
        )
    return made
