"""Attributions: a commutative monoid, kept in files that are not trusted; and their intervals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from biaskit import Attributions, BiaskitError, Counts, attribute
from biaskit.attributions import About, Sums, gap
from biaskit.errors import DataError, RolesError
from biaskit.levels import order
from biaskit.roles import Roles

ABOUT = About(("x", "y"), ("",), "raw", "log-odds", "by hand", (0.5,))
ROLES = Roles.of(facet="sex")
LEVELS = ["F", "M", None]


@st.composite
def attributions(draw: st.DrawFn) -> Attributions:
    """Attributions whose sums are whole numbers, so that laws hold to the bit."""
    levels = tuple(sorted(draw(st.sets(st.sampled_from(LEVELS))), key=order))
    shape = (4, len(levels), 1, 3)
    numbers = st.integers(-(2**20), 2**20)
    size = int(np.prod(shape))
    sums = np.array(draw(st.lists(numbers, min_size=size, max_size=size)), dtype=float)
    n = np.array(draw(st.lists(st.integers(1, 99), min_size=len(levels), max_size=len(levels))))
    made = Sums(levels, n.astype(np.int64), sums.reshape(shape))
    return Attributions(ABOUT, ROLES, {"sex": made}, int(n.sum()))


def same(one: Attributions, other: Attributions) -> bool:
    return (
        (one.about, one.roles, one.rows) == (other.about, other.roles, other.rows)
        and one.sums.keys() == other.sums.keys()
        and all(
            a.levels == other.sums[facet].levels
            and np.array_equal(a.n, other.sums[facet].n)
            and np.array_equal(a.sums, other.sums[facet].sums)
            for facet, a in one.sums.items()
        )
    )


@given(attributions(), attributions(), attributions())
def test_they_are_a_commutative_monoid(a: Attributions, b: Attributions, c: Attributions) -> None:
    assert same(a + b, b + a)
    assert same((a + b) + c, a + (b + c))
    assert same(a + a.empty(), a)
    assert same(sum([a, b, c]), a + b + c)


@given(attributions())
def test_they_are_saved_and_loaded(tmp_path_factory: Any, a: Attributions) -> None:
    path = tmp_path_factory.mktemp("saved") / "a.parquet"
    a.save(path)
    assert same(Attributions.load(path), a)


def one() -> Attributions:
    sums = np.arange(24.0).reshape(4, 2, 1, 3)
    made = Sums(("F", "M"), np.array([3, 4], dtype=np.int64), sums)
    return Attributions(ABOUT, ROLES, {"sex": made}, 7)


@pytest.mark.parametrize(
    "change",
    [
        {"base": (0.25,)},
        {"scale": "probability"},
        {"features": ("x", "z")},
        {"method": "otherwise"},
    ],
    ids=str,
)
def test_those_of_another_kind_do_not_add(change: dict[str, Any]) -> None:
    other = replace(one(), about=replace(ABOUT, **change))
    with pytest.raises(RolesError, match=f"differ in {next(iter(change))}"):
        one() + other


def test_bases_that_only_rounding_keeps_apart_add() -> None:
    other = replace(one(), about=replace(ABOUT, base=(np.nextafter(0.5, 0),)))
    assert same(one() + other, other + one())
    assert (one() + other).about.base == other.about.base


def test_those_of_other_facets_do_not_add() -> None:
    other = replace(one(), roles=Roles.of(facet="race"), sums={"race": one().sums["sex"]})
    with pytest.raises(RolesError, match="different facets"):
        one() + other
    mixed = replace(one(), sums={"sex": replace(one().sums["sex"], levels=(0, 1))})
    with pytest.raises(DataError, match="kind"):
        one() + mixed
    with pytest.raises(TypeError):
        one() + 1


def rewritten(path: Path, columns: dict[str, Any] | None = None, **header: Any) -> None:
    """Write a saved file anew with some columns, or some of its header, changed."""
    table = pq.read_table(path)
    about = {**json.loads(table.schema.metadata[b"biaskit"]), **header}
    for name, values in (columns or {}).items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table.replace_schema_metadata({b"biaskit": json.dumps(about)}), path)


@pytest.mark.parametrize(
    "columns",
    [
        {"table": [1] * 6},
        {"output": [1] * 6},
        {"feature": [0] * 6},
        {"feature": [-1] * 6},
        {"n": [-1] * 6},
        {"n": [3, 3, 2, 4, 4, 4]},
        {"n": [3] * 6},
        {"sum": [float("nan")] * 6},
        {"squares": [float("inf")] * 6},
        {"facet": ["{"] * 6},
        {"facet": ['"F"'] * 6},
        {"facet": ["1", "1", "1", '"M"', '"M"', '"M"']},
        {"sum": ["x"] * 6},
    ],
    ids=str,
)
def test_damaged_cells_are_refused(tmp_path: Path, columns: dict[str, Any]) -> None:
    path = tmp_path / "a.parquet"
    one().save(path)
    rewritten(path, columns)
    with pytest.raises(DataError):
        Attributions.load(path)


@pytest.mark.parametrize(
    "header",
    [
        {"rows": 8},
        {"rows": None},
        {"rows": -1},
        {"about": None},
        {"about": {"features": ["x"]}},
        {"roles": []},
        {"roles": {"facet": ["sex", "race"]}},
        {"schema": 2},
        {"kind": "counts"},
    ],
    ids=str,
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    path = tmp_path / "a.parquet"
    one().save(path)
    rewritten(path, **header)
    with pytest.raises(DataError):
        Attributions.load(path)


def test_counts_and_attributions_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    one().save(path)
    with pytest.raises(BiaskitError, match="attributions"):
        Counts.load(path)


def test_the_interval_is_welchs() -> None:
    rng = np.random.default_rng(0)
    sides = [rng.normal(1, 2, 30), rng.normal(0, 1, 12)]  # d, a
    sums = np.array(
        [
            [[[f(side).sum()] * 2] for side in sides]
            for f in (lambda x: x, np.square, np.abs, lambda x: 0 * x)
        ]
    )
    made = Sums(("d", "x"), np.array([30, 12], dtype=np.int64), sums)
    found = gap(made, np.array([True, False]), np.array([False, True]), 0.9)
    expected = stats.ttest_ind(sides[1], sides[0], equal_var=False).confidence_interval(0.9)
    assert found.gap[0, 0] == pytest.approx(sides[1].mean() - sides[0].mean())
    assert found.low[0, 0] == pytest.approx(expected.low)
    assert found.high[0, 0] == pytest.approx(expected.high)
    assert found.mean_abs_d[0, 0] == pytest.approx(np.abs(sides[0]).mean())
    assert (found.n_a, found.n_d) == (12, 30)


def test_the_interval_holds_the_difference_of_two_populations() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        sides = [rng.exponential(1, 40), rng.exponential(2, 60)]
        sums = np.array([[[[f(s).sum()] * 2] for s in sides] for f in (np.abs, np.square) * 2])
        made = Sums(("d", "x"), np.array([40, 60], dtype=np.int64), sums)
        found = gap(made, np.array([True, False]), np.array([False, True]), 0.95)
        held += found.low[0, 0] <= 1 <= found.high[0, 0]
    assert 0.92 <= held / 400 <= 0.98


def test_one_row_on_a_side_has_no_interval() -> None:
    made = Sums(("d", "x"), np.array([1, 5], dtype=np.int64), np.ones((4, 2, 1, 2)))
    found = gap(made, np.array([True, False]), np.array([False, True]), 0.95)
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert np.isfinite(found.gap).all()


def test_attributions_of_parts_add_to_those_of_the_whole() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.integers(0, 4, 50), "g": rng.integers(0, 3, 50).astype(str)})
    options: dict[str, Any] = {"facet": "g", "features": ["x"], "background": rows}

    def score(some: Any) -> Any:
        return some["x"] * 0.5

    whole = attribute(score, rows, **options)
    parts = [attribute(score, rows[i : i + 20], **options) for i in range(0, 50, 20)]
    added = sum(parts)
    assert added.sums["g"].levels == whole.sums["g"].levels
    assert added.sums["g"].n.tolist() == whole.sums["g"].n.tolist()
    assert added.sums["g"].sums == pytest.approx(whole.sums["g"].sums, abs=1e-9)
