"""Attributions: what one pass over explained rows leaves behind, and what follows from the sums."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit import store
from biaskit.addresses import said
from biaskit.errors import DataError, RolesError
from biaskit.levels import ABSENT, MISSING, Level, from_json, kind, order, to_json
from biaskit.roles import Facet, Roles, facet_name
from biaskit.tables import MAX_CELLS, MAX_LEVELS, divide, too_many_values

__all__ = ["ADDS_UP", "TOTAL", "About", "Attributions", "Gap", "Sums", "all_rows", "gap"]

#: Name, in the place of a feature, of the model's output itself.
TOTAL = "(total)"

#: Parts add up to their whole to this share of the sizes that are added.
ADDS_UP = 1e-6

_SCHEMA = 1
#: What is summed: values, squares, absolutes, and the variance that sampling gives the values.
_SUMS = ("sum", "squares", "absolute", "noise")


@dataclass(frozen=True)
class About:
    """What was explained, and how: attributions add where all of it is equal."""

    features: tuple[str, ...]
    #: Names of the model's outputs: classes, or the empty text of a single one.
    outputs: tuple[str, ...]
    #: ``raw`` or ``probability``.
    scale: str
    #: What the output is, in words, such as log-odds.
    unit: str
    method: str
    #: Mean output over the background, for each output.
    base: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the rows of each level of a facet.

    `n` has the shape ``(levels,)``; `sums` has ``(4, levels, outputs, features + 1)``: values,
    squares, absolutes and the variance of sampling; the last feature is the model's output.
    """

    levels: tuple[Level, ...]
    n: NDArray[np.int64]
    sums: NDArray[np.float64]

    def __add__(self, other: Sums) -> Sums:
        levels = tuple(sorted({*self.levels, *other.levels}, key=order))
        _refuse_mixed(levels)
        one, more = self._spread(levels), other._spread(levels)
        return Sums(levels, one[0] + more[0], one[1] + more[1])

    def _spread(self, levels: Sequence[Level]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        place = [levels.index(level) for level in self.levels]
        n = np.zeros(len(levels), dtype=np.int64)
        sums = np.zeros((len(_SUMS), len(levels), *self.sums.shape[2:]))
        n[place] = self.n
        sums[:, place] = self.sums
        return n, sums


@dataclass(frozen=True)
class Attributions:
    """What one pass over explained rows leaves behind: sums of Shapley values per facet value.

    Attributions of one model explained in one way add, in any order and any grouping, to those of
    all their rows; `sum` works on a list of them. Their size is facet values × features, however
    many rows there were.
    """

    about: About
    roles: Roles
    #: Sums by facet; without one, those of all rows, under the name ``(all)``.
    sums: Mapping[Facet, Sums]
    rows: int

    def __add__(self, other: Attributions) -> Attributions:
        if not isinstance(other, Attributions):
            return NotImplemented
        about = _same_base(self.about, other.about)
        for field in fields(About):
            one, more = getattr(about, field.name), getattr(other.about, field.name)
            if one != more and (field.name != "base" or about is self.about):
                raise RolesError(
                    f"attributions that differ in {field.name} do not add: {_short(one)} and "
                    f"{_short(more)}; explain both with one model and one background"
                )
        if self.roles.counted != other.roles.counted:
            raise RolesError(
                "attributions of different facets do not add: "
                f"{_short(self.roles.counted.given())} and {_short(other.roles.counted.given())}; "
                "explain both by the same"
            )
        made = {facet: sums + other.sums[facet] for facet, sums in self.sums.items()}
        for facet, sums in made.items():
            if len(sums.levels) > MAX_LEVELS["facet"] + 1:
                name = f"facet {facet_name(facet)!r}"
                raise DataError(too_many_values("facet", name, len(sums.levels)))
        return Attributions(about, self.roles, made, self.rows + other.rows)

    def __radd__(self, other: object) -> Attributions:
        if other == 0:  # the start of sum()
            return self
        return NotImplemented

    def empty(self) -> Attributions:
        """Attributions of no rows: adding them to these changes nothing."""
        shape = (len(_SUMS), 0, len(self.about.outputs), len(self.about.features) + 1)
        none = Sums((), np.zeros(0, dtype=np.int64), np.zeros(shape))
        return replace(self, sums=dict.fromkeys(self.sums, none), rows=0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the attributions to a Parquet file; `path` is replaced once the new file is whole.

        Raises
        ------
        DataError
            The folder does not exist or cannot be written.
        """
        from biaskit import __version__

        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        for number, sums in enumerate(self.sums.values()):
            for at, level in enumerate(sums.levels):
                for output in range(sums.sums.shape[2]):
                    for feature in range(sums.sums.shape[3]):
                        columns["table"].append(number)
                        columns["facet"].append(json.dumps(to_json(level)))
                        columns["output"].append(output)
                        columns["feature"].append(feature)
                        columns["n"].append(int(sums.n[at]))
                        for name, array in zip(_SUMS, sums.sums, strict=True):
                            columns[name].append(float(array[at, output, feature]))
        header = {
            "schema": _SCHEMA,
            "version": __version__,
            "kind": "attributions",
            "rows": self.rows,
            "roles": self.roles.to_json(),
            "about": {field.name: getattr(self.about, field.name) for field in fields(About)},
        }
        store.write(path, columns, header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Attributions:
        """Attributions that `save` wrote.

        Raises
        ------
        DataError
            There is no such file, it is cut short, foreign or newer, or does not add up.
        """
        columns, header = store.read(path, _COLUMNS, MAX_CELLS)
        if header.get("schema") != _SCHEMA or header.get("kind") != "attributions":
            raise DataError(
                f"{said(path)} has {header.get('kind')!r} of schema {header.get('schema')!r}, "
                f"made by biaskit {header.get('version')!r}; this version reads attributions of "
                f"schema {_SCHEMA}: install a newer biaskit, or explain the data again"
            )
        try:
            return _from_cells(columns, header)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise DataError(f"{said(path)} is damaged: {error}; save it again") from error


def _same_base(one: About, other: About) -> About:
    """The first, with the lesser of two bases that only rounding keeps apart."""
    if len(one.base) != len(other.base) or not np.allclose(one.base, other.base, 1e-9, 1e-12):
        return one
    return replace(one, base=tuple(map(min, one.base, other.base)))


_COLUMNS = ("table", "facet", "output", "feature", "n", *_SUMS)


class Gap(NamedTuple):
    """Means of one feature's values on both sides, and their difference.

    Arrays of the shape ``(outputs, features + 1)``.
    """

    mean_a: NDArray[np.float64]
    mean_d: NDArray[np.float64]
    mean_abs_a: NDArray[np.float64]
    mean_abs_d: NDArray[np.float64]
    gap: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    #: Standard error that sampling alone gives the gap; 0 where values are exact.
    noise: NDArray[np.float64]
    n_a: int
    n_d: int


def gap(sums: Sums, on_d: NDArray[np.bool_], on_a: NDArray[np.bool_], confidence: float) -> Gap:
    """Difference of the means of the rows on side a and on side d, with Welch's interval.

    Parameters
    ----------
    sums
        Sums of one facet.
    on_d, on_a
        Which levels are on either side, shape ``(levels,)``.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Gap
        ``mean_a - mean_d`` and its interval (B. L. Welch, "The generalization of Student's problem
        when several different population variances are involved", Biometrika 34, 1947); NaN where
        a side has fewer than two rows.
    """
    from scipy.special import stdtrit

    n, mean, absolute, error, noise = [], [], [], [], []
    for side in (on_a, on_d):
        rows = int(sums.n[side].sum())
        total, squares, absolutes, sampling = sums.sums[:, side].sum(axis=1)
        n.append(rows)
        mean.append(divide(total, rows))
        absolute.append(divide(absolutes, rows))
        spread = np.maximum(squares - total * divide(total, rows), 0.0)
        error.append(divide(divide(spread, rows - 1), rows) if rows > 1 else spread * math.nan)
        noise.append(divide(sampling, rows * rows))
    variance = error[0] + error[1]
    freedom = divide(variance**2, sum(e**2 / max(k - 1, 1) for e, k in zip(error, n, strict=True)))
    reach = np.where(variance > 0, stdtrit(freedom, (1 + confidence) / 2), 0.0) * np.sqrt(variance)
    difference = mean[0] - mean[1]
    return Gap(
        mean[0],
        mean[1],
        absolute[0],
        absolute[1],
        difference,
        difference - reach,
        difference + reach,
        np.sqrt(noise[0] + noise[1]),
        n[0],
        n[1],
    )


def _refuse_mixed(levels: Sequence[Level]) -> None:
    kinds = sorted({kind(level) for level in levels if level is not MISSING})
    if len(kinds) > 1:
        raise DataError(
            f"the facet holds values of kind {kinds[0]} in one part, {kinds[1]} in another; "
            "make the column the same type everywhere"
        )


def all_rows() -> tuple[Level, ...]:
    """Levels of a table that no facet divides."""
    return (ABSENT,)


def _from_cells(columns: Mapping[str, list[Any]], header: Mapping[str, Any]) -> Attributions:
    """Attributions of the cells in a file, checked: they come from outside."""
    given = header["about"]
    about = About(
        features=tuple(map(str, given["features"])),
        outputs=tuple(map(str, given["outputs"])),
        scale=str(given["scale"]),
        unit=str(given["unit"]),
        method=str(given["method"]),
        base=tuple(float(base) for base in given["base"]),
    )
    rows, roles = header["rows"], Roles.from_json(header["roles"])
    if type(rows) is not int or rows < 0:
        raise ValueError(f"rows is {rows!r}")
    if not about.outputs or len(about.base) != len(about.outputs):
        raise ValueError("it has other bases than outputs")
    facets: tuple[Facet, ...] = roles.facet or ("(all)",)
    shape = (len(about.outputs), len(about.features) + 1)
    cells = len(columns["n"])
    for name, most in (("table", len(facets)), ("output", shape[0]), ("feature", shape[1])):
        if any(type(at) is not int or not 0 <= at < most for at in columns[name]):
            raise ValueError(f"a cell belongs to no {name}")
    if any(type(n) is not int or n < 0 for n in columns["n"]):
        raise ValueError("a cell has fewer rows than none")
    for name in _SUMS:
        loose = name == "noise"  # NaN where a method does not know it
        if any(type(x) is not float or not (math.isfinite(x) or loose) for x in columns[name]):
            raise ValueError(f"a sum ({name}) is missing or not finite")
    levels = [from_json(json.loads(text)) for text in columns["facet"]]
    made = {}
    for number, facet in enumerate(facets):
        mine = [i for i in range(cells) if columns["table"][i] == number]
        axis = tuple(sorted({levels[i] for i in mine}, key=order))
        _refuse_mixed(axis)
        if len(mine) != len(axis) * math.prod(shape):
            raise ValueError(f"facet {facet_name(facet)!r} lacks cells, or has some twice")
        place = {level: i for i, level in enumerate(axis)}
        n = np.full(len(axis), -1, dtype=np.int64)
        sums = np.full((len(_SUMS), len(axis), *shape), math.nan)
        seen = np.zeros((len(axis), *shape), dtype=bool)
        for i in mine:
            at = (place[levels[i]], columns["output"][i], columns["feature"][i])
            if n[at[0]] not in (-1, columns["n"][i]) or seen[at]:
                raise ValueError("two cells of one level contradict each other")
            seen[at] = True
            n[at[0]] = columns["n"][i]
            for k, name in enumerate(_SUMS):
                sums[(k, *at)] = columns[name][i]
        if int(n.sum()) != rows:
            raise ValueError(f"the rows of facet {facet_name(facet)!r} do not add up to {rows}")
        made[facet] = Sums(axis, n, sums)
    return Attributions(about, roles, made, rows)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
