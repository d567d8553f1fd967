"""Attributions: the result of one pass over explained rows, which adds and saves."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import (
    MAX_CELLS,
    MAX_LEVELS,
    refuse_many_rows,
    refuse_mixed_axis,
    too_many_values,
)
from biaskit.counts.facets import ALL_ROWS, Facet
from biaskit.counts.levels import Level, from_json, order, to_json
from biaskit.counts.roles import Roles
from biaskit.errors import DataError, RolesError
from biaskit.intervals.moments import Moments, no_rows, spread, together
from biaskit.store import saved
from biaskit.store.addresses import said

__all__ = ["ADDS_UP", "TOTAL", "About", "Attributions", "Sums"]

#: Name that stands for the model's output among the features.
TOTAL = "(total)"

#: Relative tolerance to which parts must add up to their whole.
ADDS_UP = 1e-6

# Columns of a file: the position of a cell, and the sums over its rows.
_PLACE = ("table", "facet", "output", "feature", "n")
_KEPT = Moments._fields[1:]
#: Columns of schema 1: sums of the values, their squares, their absolute values, and the noise.
_KEPT_1 = ("sum", "squares", "absolute", "noise")
_FORM = saved.Form(
    "attributions", {1: (*_PLACE, *_KEPT_1), 2: (*_PLACE, *_KEPT)}, "explain the data again"
)
#: Columns that may be unknown, and are then NaN.
_LOOSE = ("third", "least", "most", "noise")


@dataclass(frozen=True)
class About:
    """What was explained, and how: attributions add only where all fields are equal."""

    features: tuple[str, ...]
    #: Names of the model's outputs: classes, or the empty text of a single one.
    outputs: tuple[str, ...]
    #: ``raw`` or ``probability``.
    scale: str
    #: Unit of the output in words, such as log-odds.
    unit: str
    method: str
    #: Mean output over the background, for each output.
    base: tuple[float, ...]
    #: Whether the background is the rows that were explained, or some of them.
    own_background: bool = False


@dataclass(frozen=True, eq=False)
class Sums:
    """Moments of the rows of each level of a facet.

    The arrays of `moments` have the shape ``(outputs, features + 1, levels)``; the last feature is
    the model's output.
    """

    levels: tuple[Level, ...]
    moments: Moments

    @property
    def n(self) -> NDArray[Any]:
        """Rows of each level, shape ``(levels,)``."""
        return self.moments.n

    def __add__(self, other: Sums) -> Sums:
        levels = tuple(sorted({*self.levels, *other.levels}, key=order))
        refuse_mixed_axis("facet", levels)
        one, more = (
            spread(sums.moments, [levels.index(level) for level in sums.levels], len(levels))
            for sums in (self, other)
        )
        return Sums(levels, together(one, more))


@dataclass(frozen=True)
class Attributions:
    """Result of one pass over explained rows: moments of Shapley values per facet value.

    Attributions of one model explained in one way add, in any order and any grouping, to those of
    all their rows; `sum` works on a list of them. Their size is facet values × features, however
    many rows there were.
    """

    about: About
    roles: Roles
    #: Sums by facet; without one, those of all rows, under `ALL_ROWS`.
    sums: Mapping[Facet, Sums]
    rows: int

    def __add__(self, other: Attributions) -> Attributions:
        if not isinstance(other, Attributions):
            return NotImplemented
        about, others = _alike(self.about, other.about)
        for field in fields(About):
            one, more = getattr(about, field.name), getattr(others, field.name)
            if one != more:
                raise RolesError(
                    f"attributions that differ in {field.name} cannot be added: {_short(one)} and "
                    f"{_short(more)}; explain both with the same model and background"
                )
        if self.roles.counted != other.roles.counted:
            raise RolesError(
                "attributions of different facets cannot be added: "
                f"{_short(self.roles.counted.given())} and {_short(other.roles.counted.given())}; "
                "explain both by the same facets"
            )
        refuse_many_rows(self.rows + other.rows)
        made = {facet: sums + other.sums[facet] for facet, sums in self.sums.items()}
        for facet, sums in made.items():
            if len(sums.levels) > MAX_LEVELS["facet"] + 1:
                name = f"facet {facet.name!r}"
                raise DataError(too_many_values("facet", name, len(sums.levels)))
        return Attributions(about, self.roles, made, self.rows + other.rows)

    def __radd__(self, other: object) -> Attributions:
        if other == 0:  # the start of sum()
            return self
        return NotImplemented

    def empty(self) -> Attributions:
        """Attributions of no rows: adding them to these changes nothing."""
        none = Sums((), no_rows((len(self.about.outputs), len(self.about.features) + 1), 0))
        return replace(self, sums=dict.fromkeys(self.sums, none), rows=0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the attributions to a Parquet file; `path` is replaced once the new file is whole.

        Raises
        ------
        DataError
            The folder does not exist or cannot be written.
        """
        columns: dict[str, list[Any]] = {name: [] for name in (*_PLACE, *_KEPT)}
        for number, sums in enumerate(self.sums.values()):
            cells = itertools.product(*map(range, sums.moments.mean.shape))
            for output, feature, at in cells:
                columns["table"].append(number)
                columns["facet"].append(json.dumps(to_json(sums.levels[at])))
                columns["output"].append(output)
                columns["feature"].append(feature)
                columns["n"].append(int(sums.n[at]))
                for name in _KEPT:
                    array = getattr(sums.moments, name)
                    columns[name].append(float(array[output, feature, at]))
        header = {
            "rows": self.rows,
            "roles": self.roles.to_json(),
            "about": {field.name: getattr(self.about, field.name) for field in fields(About)},
        }
        saved.save(path, _FORM, columns, header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Attributions:
        """Attributions that `save` wrote.

        Raises
        ------
        DataError
            The file is missing, cut short, of another kind, newer, or inconsistent.
        """
        columns, header = saved.load(path, _FORM, MAX_CELLS)
        try:
            return _from_cells({n: column.tolist() for n, column in columns.items()}, header)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise DataError(f"{said(path)} is damaged: {error}; save it again") from error


def _alike(one: About, other: About) -> tuple[About, About]:
    """Both without differences that do not matter: the background's origin, and a base's rounding.

    Where two bases differ only by rounding, both get the lesser.
    """
    own = one.own_background or other.own_background
    one, other = replace(one, own_background=own), replace(other, own_background=own)
    if len(one.base) != len(other.base) or not np.allclose(one.base, other.base, 1e-9, 1e-12):
        return one, other
    base = tuple(map(min, one.base, other.base))
    return replace(one, base=base), replace(other, base=base)


def _from_cells(columns: Mapping[str, list[Any]], header: Mapping[str, Any]) -> Attributions:
    """Attributions from the cells of a file, which are untrusted and checked."""
    given = header["about"]
    about = About(
        features=tuple(map(str, given["features"])),
        outputs=tuple(map(str, given["outputs"])),
        scale=str(given["scale"]),
        unit=str(given["unit"]),
        method=str(given["method"]),
        base=tuple(float(base) for base in given["base"]),
        own_background=bool(given.get("own_background", False)),
    )
    rows, roles = header["rows"], Roles.from_json(header["roles"])
    if type(rows) is not int or rows < 0:
        raise ValueError(f"rows is {rows!r}")
    if not about.outputs or len(about.base) != len(about.outputs):
        raise ValueError("its bases and outputs differ in number")
    facets: tuple[Facet, ...] = roles.facet or (ALL_ROWS,)
    shape = (len(about.outputs), len(about.features) + 1)
    cells = len(columns["n"])
    for name, most in (("table", len(facets)), ("output", shape[0]), ("feature", shape[1])):
        if any(type(at) is not int or not 0 <= at < most for at in columns[name]):
            raise ValueError(f"a cell belongs to no {name}")
    if any(type(n) is not int or n < 0 for n in columns["n"]):
        raise ValueError("a cell has a negative number of rows")
    for name in _KEPT_1 if header["schema"] == 1 else _KEPT:
        loose = name in _LOOSE
        if any(type(x) is not float or not (math.isfinite(x) or loose) for x in columns[name]):
            raise ValueError(f"a sum ({name}) is missing or not finite")
    if header["schema"] == 1:
        columns = {**columns, **_kept_since(columns, len(about.features))}
    if any(x < 0 for x in columns["second"]):
        raise ValueError("a sum of squares is negative")
    levels = [from_json(json.loads(text)) for text in columns["facet"]]
    made = {}
    for number, facet in enumerate(facets):
        mine = [i for i in range(cells) if columns["table"][i] == number]
        axis = tuple(sorted({levels[i] for i in mine}, key=order))
        refuse_mixed_axis("facet", axis)
        if len(mine) != len(axis) * math.prod(shape):
            raise ValueError(f"facet {facet.name!r} lacks cells, or has some twice")
        place = {level: i for i, level in enumerate(axis)}
        moments = no_rows(shape, len(axis))
        moments.n[:] = -1
        seen = np.zeros((*shape, len(axis)), dtype=bool)
        for i in mine:
            at = (columns["output"][i], columns["feature"][i], place[levels[i]])
            if moments.n[at[2]] not in (-1, columns["n"][i]) or seen[at]:
                raise ValueError("two cells of one level contradict each other")
            seen[at] = True
            moments.n[at[2]] = columns["n"][i]
            for name in _KEPT:
                getattr(moments, name)[at] = columns[name][i]
        if int(moments.n.sum()) != rows:
            raise ValueError(f"the rows of facet {facet.name!r} do not add up to {rows}")
        made[facet] = Sums(axis, moments)
    return Attributions(about, roles, made, rows)


def _kept_since(columns: Mapping[str, list[Any]], total: int) -> dict[str, list[float]]:
    """Columns of schema 2, where they follow from the sums of schema 1.

    `total` is the number of the output among the features. Its least and greatest values are known
    if it was 0 or 1 in every row: then the sum of the values equals that of their squares.
    """
    made: dict[str, list[float]] = {name: [] for name in _KEPT if name not in _KEPT_1}
    sums = ("feature", "n", "sum", "squares", "absolute")
    for feature, n, summed, squares, absolute in zip(*(columns[k] for k in sums), strict=True):
        is_decision = feature == total and summed == squares == absolute and 0 <= summed <= n
        made["mean"].append(summed / max(n, 1))
        made["second"].append(max(squares - summed * (summed / max(n, 1)), 0.0))
        made["third"].append(math.nan if n else 0.0)
        made["least"].append(float(summed == n) if is_decision else math.nan)
        made["most"].append(float(summed > 0) if is_decision else math.nan)
    return made


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
