"""Applicants: from a table to numbers of people by race, sex and outcome, as Local Law 144 asks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.audits.local_law.categories import RACES, SEXES, Categories, categories_of
from biaskit.counts.comparisons import positive_labels, positive_predictions, positive_unsaid
from biaskit.counts.counts import Counts
from biaskit.counts.facets import Facet
from biaskit.counts.levels import ABSENT, MISSING, Level, is_missing, show
from biaskit.counts.roles import Roles
from biaskit.counts.tables import Table
from biaskit.errors import DataError, RolesError
from biaskit.progress import Progress
from biaskit.sources.counting import counted
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import Dialect

__all__ = ["Applicants", "applicants_of"]

# Values outside of the rule's list that a note names.
_MOST_NAMED = 5


class Applicants(NamedTuple):
    """Applicants by race, sex and outcome, for each class."""

    #: Classes of the tool; without any, one that is None.
    classes: list[Level]
    #: For each class, numbers of shape ``(race, sex, not chosen or chosen)``.
    cells: list[NDArray[np.int64]]
    #: For each class, applicants of unknown category, and how many of them are chosen.
    unknown: list[tuple[int, int]]
    #: For each class, applicants of a known category without an outcome.
    without_outcome: list[int]
    #: What is unknown about those of unknown category.
    why_unknown: str
    #: All applicants, and the median of all scores (NaN where there are none).
    rows: int
    median: float


class _Outcomes(NamedTuple):
    """Rows by ``(class, facet level, outcome)``: not chosen, chosen, or without an outcome."""

    classes: list[Level]
    n: NDArray[np.int64]
    median: float = math.nan
    #: Whether every class has all rows, since being assigned to it is the outcome.
    has_all: bool = False


def applicants_of(
    data: Any,
    *,
    sex: str,
    race: str,
    selected: str | None = None,
    score: str | None = None,
    positive: Any = None,
    classes: str | None = None,
    names: Mapping[str, Mapping[Any, str]] | None = None,
    frequency: str | None = None,
    dialect: Dialect | None = None,
    filesystem: Any = None,
    progress: Progress | None = None,
) -> Applicants:
    """Applicants of a table, or of saved counts.

    Raises
    ------
    RolesError
        There is not exactly one outcome, or a name is not the rule's.
    DataError
        The data cannot be read, or no applicant's sex and race are known.
    """
    _refuse_outcomes(selected, score, positive, classes)
    of_sex, of_race = categories_of(names)
    roles = Roles(
        facet=(race, sex),
        label=selected if selected is not None else classes,
        group=score if score is not None else classes if selected is not None else None,
        positive=positive if selected is not None else None,
        frequency=frequency,
    )
    table = opened(data, filesystem, dialect)
    if isinstance(table, Counts):
        counts = _of_same_roles(table, roles)
    else:
        counts, _ = counted(table, roles, progress=progress, filesystem=filesystem, dialect=dialect)
    facet = counts.roles.facet[0]
    cells = counts.tables[facet]
    if selected is not None:
        outcomes = _of_selections(cells, counts.roles)
    elif score is not None:
        outcomes = _of_scores(cells, score)
    else:
        outcomes = _of_classes(cells)
    places = facet.columns.index(race), facet.columns.index(sex)
    return _in_categories(cells.levels.facet, places, outcomes, of_race, of_sex)


def _refuse_outcomes(
    selected: str | None, score: str | None, positive: Any, classes: str | None
) -> None:
    if selected is not None and score is not None:
        raise RolesError(
            "give selected or score, not both: a table has selection rates or scoring rates"
        )
    if selected is None and score is None and classes is None:
        raise RolesError(
            "who is chosen? Give selected=, the column that says who moves forward, or score=, the "
            "column of the tool's scores (or classes=, that of the classes it assigns)"
        )
    if positive is not None and selected is None:
        raise RolesError("positive goes with selected: the values of it that mean yes")


def _of_same_roles(counts: Counts, wanted: Roles) -> Counts:
    """Saved counts, if they are of the columns that are asked for."""
    own, (facet,) = counts.roles, wanted.facet
    kept = next((one for one in own.facet if {*one.columns} == {*facet.columns}), None)
    needed = [f"facet={facet.columns!r}"]
    needed += [f"{role}={it!r}" for role in ("label", "group") if (it := getattr(wanted, role))]
    if counts.protected is not None:
        raise RolesError("these counts are rounded, and the rule asks for exact numbers of people")
    if own.weight is not None:
        raise RolesError("these counts are of weighted rows, and the rule counts people")
    has_label = wanted.label in (None, own.label, own.predicted)
    if kept is None or not has_label or wanted.group not in (None, own.group):
        raise RolesError(f"these counts are of other columns; count with {', '.join(needed)}")
    chosen: dict[str, Any] = {"facet": [kept.columns]}
    if wanted.positive is not None:
        chosen["positive"] = [*wanted.positive]
    counts = counts.choosing(**chosen)
    if wanted.label is not None and own.label != wanted.label:
        counts = _with_predictions_as_labels(counts, kept)
    return _of_these_axes(counts, kept, wanted)


def _of_these_axes(counts: Counts, facet: Facet, wanted: Roles) -> Counts:
    """Counts without a label or a group that nobody asks for: rows of all its values together."""
    table, roles = counts.tables[facet], counts.roles
    n, levels = table.n, table.levels
    if wanted.label is None:
        n, levels = n.sum(axis=1, keepdims=True), levels._replace(label=(ABSENT,))
    if wanted.group is None:
        n, levels = n.sum(axis=3, keepdims=True), levels._replace(group=(ABSENT,))
        roles = roles.replaced(group=None)
    return Counts(roles, {facet: Table(levels, n)}, counts.rows)


def _with_predictions_as_labels(counts: Counts, facet: Facet) -> Counts:
    """Counts whose labels are the predictions of others."""
    table = counts.tables[facet]
    roles = counts.roles
    hat = positive_predictions(table.levels, roles, positive_labels(table.levels, roles))
    n = table.n.sum(axis=1)[:, :, np.newaxis]
    levels = table.levels._replace(label=table.levels.predicted, predicted=(ABSENT,))
    cut = roles.predicted_above is not None
    roles = roles.replaced(
        label=roles.predicted,
        predicted=None,
        positive=None if cut else hat,
        positive_above=roles.predicted_above,
        predicted_above=None,
        predicted_positive=None,
    )
    return Counts(roles, {facet: Table(levels, n)}, counts.rows)


def _of_selections(table: Table, roles: Roles) -> _Outcomes:
    positive = positive_labels(table.levels, roles)
    if positive is None:
        raise positive_unsaid(table.levels, roles)
    n = table.n.sum(axis=2)  # (facet, label, group)
    parts = [[], [], []]  # type: list[list[int]]
    for i, level in enumerate(table.levels.label):
        parts[2 if level is MISSING else int(level in positive)].append(i)
    made = np.stack([n[:, part].sum(axis=1) for part in parts], axis=1)
    return _by_class(table.levels.group, np.moveaxis(made, -1, 0), roles.group is not None)


def _of_scores(table: Table, score: str) -> _Outcomes:
    """Scores above the median of all of them, whatever the category."""
    n = table.n.sum(axis=2)  # (facet, class, score)
    levels = table.levels.group
    known = [i for i, level in enumerate(levels) if level is not MISSING]
    if strange := [levels[i] for i in known if not _is_number(levels[i])]:
        raise DataError(
            f"score {score!r} holds {show(strange[0])!r}, which is no number; the scoring rate "
            "needs scores that have a median"
        )
    if not known:
        raise DataError(f"score {score!r} is missing in every row, so there is no median")
    values = np.array([float(levels[i]) for i in known])  # type: ignore[arg-type]
    median = _median(values, n.sum(axis=(0, 1))[known])
    scored, above = n[:, :, known], values > median
    parts = [scored[:, :, ~above].sum(axis=2), scored[:, :, above].sum(axis=2)]
    parts.append(n.sum(axis=2) - parts[0] - parts[1])
    made = np.stack(parts, axis=1)
    has_classes = table.levels.label != (ABSENT,)
    return _by_class(table.levels.label, np.moveaxis(made, -1, 0), has_classes)._replace(
        median=median
    )


def _is_number(level: Level) -> bool:
    return not isinstance(level, (bool, str)) and np.isscalar(level)


def _median(values: NDArray[np.float64], rows: NDArray[np.int64]) -> float:
    """Median of values that occur in some rows each; of an even number, the mean of the two."""
    order = np.argsort(values)
    upto, total = np.cumsum(rows[order]), int(rows.sum())
    low, high = (
        values[order][int(np.searchsorted(upto, at, side="right"))]
        for at in ((total - 1) // 2, total // 2)
    )
    return float(low if low == high else (low + high) / 2)


def _of_classes(table: Table) -> _Outcomes:
    """A selection for each class: being assigned to it."""
    n = table.n.sum(axis=(2, 3))  # (facet, class)
    classes: list[Level] = [level for level in table.levels.label if level is not MISSING]
    lost = n[:, [level is MISSING for level in table.levels.label]].sum(axis=1)
    every = n.sum(axis=1) - lost
    made = [
        np.stack([every - n[:, i], n[:, i], lost], axis=1)
        for i, level in enumerate(table.levels.label)
        if level is not MISSING
    ]
    if not made:
        raise DataError("the class is missing in every row, so nobody is assigned to one")
    return _Outcomes(classes, np.stack(made), has_all=True)


def _by_class(levels: Sequence[Level], n: NDArray[np.int64], has_classes: bool) -> _Outcomes:
    return _Outcomes([*levels] if has_classes else [None], n)


def _in_categories(
    levels: Sequence[Level],
    places: tuple[int, int],
    outcomes: _Outcomes,
    of_race: Categories,
    of_sex: Categories,
) -> Applicants:
    """Rows of each level of the facet, in the categories of the rule or among the unknown."""
    races, sexes = ([_part(level, place) for level in levels] for place in places)
    shape = (len(outcomes.classes), len(RACES), len(SEXES), 3)
    cells = np.zeros(shape, dtype=np.int64)
    unknown = np.zeros((len(outcomes.classes), 3), dtype=np.int64)
    why: Counter[str] = Counter()
    once = outcomes.n[:1] if outcomes.has_all else outcomes.n
    for i in range(len(levels)):
        race, sex = (
            None if value is MISSING else of.of(value)
            for value, of in ((races[i], of_race), (sexes[i], of_sex))
        )
        if race is not None and sex is not None:
            cells[:, RACES.index(race), SEXES.index(sex)] += outcomes.n[:, i]
            continue
        unknown += outcomes.n[:, i]
        rows = int(once[:, i].sum())
        if is_missing(levels[i]):
            why["race or sex missing"] += rows
            continue
        for value, name, of in ((races[i], race, of_race), (sexes[i], sex, of_sex)):
            if name is None:
                told = "missing" if value is MISSING else f"{show(value)!r}"
                why[f"{of.what} {told}"] += rows
    if not cells[..., :2].any():
        seen = [*dict.fromkeys(show(one) for one in (*sexes, *races))][:_MOST_NAMED]
        raise DataError(
            "no applicant has a known sex, a known race and an outcome, so no table can be made; "
            f"the values are {', '.join(map(repr, seen))}: name them with names=... "
            '({"sex": {...}, "race": {...}})'
        )
    return Applicants(
        outcomes.classes,
        [*cells[..., :2]],
        [(int(one.sum()), int(one[1])) for one in unknown],
        [int(one) for one in cells[..., 2].sum(axis=(1, 2))],
        _told(why),
        int(once.sum()),
        outcomes.median,
    )


def _part(level: Level, place: int) -> Level:
    """Value of one of the columns of an intersection."""
    return level[place] if isinstance(level, tuple) else level


def _told(why: Counter[str]) -> str:
    """What is unknown, the most frequent first."""
    named = why.most_common(_MOST_NAMED)
    told = [f"{what} ({rows:,})" for what, rows in named]
    if len(why) > len(named):
        told.append(f"and {len(why) - len(named):,} more values")
    return "; ".join(told)
