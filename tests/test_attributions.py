"""Attributions: a commutative monoid, kept in files that are not trusted; and their intervals."""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from biaskit import Attributions, BiaskitError, Counts, attribute, explain, report
from biaskit.counts.facets import Facet
from biaskit.counts.levels import order
from biaskit.counts.roles import Roles
from biaskit.errors import DataError, RolesError
from biaskit.explanations.attributions import About, Sums
from biaskit.explanations.gaps import gap
from biaskit.intervals.moments import Moments, of_groups
from biaskit.intervals.proportions import difference

ABOUT = About(("x", "y"), ("",), "raw", "log-odds", "by hand", (0.5,))
ROLES = Roles(facet="sex")
SEX = Facet(("sex",))
LEVELS = ["F", "M", None]
LEVEL_F, LEVEL_M = (sorted(LEVELS, key=order).index(level) for level in ("F", "M"))


@st.composite
def attributions(draw: st.DrawFn) -> Attributions:
    """Attributions of some rows whose values lie about some offset."""
    rows = draw(st.integers(0, 12))
    seed, offset = draw(st.integers(0, 99)), draw(st.sampled_from([0.0, -3.5, 1e6]))
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, len(LEVELS), rows)
    values = offset + rng.lognormal(size=(1, 3, rows))
    noise = rng.random((1, 3, rows)) if draw(st.booleans()) else None
    return of_rows(codes, values, noise)


def of_rows(codes: Any, values: Any, noise: Any = None) -> Attributions:
    """Attributions of rows whose levels have these codes; `values` is ``(1, 3, rows)``."""
    levels = sorted(LEVELS, key=order)
    used = np.unique(codes)
    made = Sums(tuple(levels), of_groups(values, codes, len(levels), noise))
    kept = Sums(tuple(levels[code] for code in used), made.moments.at(used))
    return Attributions(ABOUT, ROLES, {SEX: kept}, len(codes))


def same(one: Attributions, other: Attributions, rtol: float = 0.0) -> bool:
    """Whether they are equal, to the bit or up to some share of the sizes that were added."""
    if (one.about, one.roles, one.rows) != (other.about, other.roles, other.rows):
        return False
    if one.sums.keys() != other.sums.keys():
        return False
    for facet, a in one.sums.items():
        b = other.sums[facet]
        if a.levels != b.levels or not np.array_equal(a.n, b.n):
            return False
        size = np.maximum(np.abs(a.moments.least), np.abs(a.moments.most)).max(initial=1.0)
        powers = {"mean": 1, "second": 2, "third": 3}
        for name, x, y in zip(Moments._fields, a.moments, b.moments, strict=True):
            most = rtol * (1 + one.rows) * size ** powers.get(name, 1)
            if not np.allclose(x, y, rtol=0, atol=most):
                return False
    return True


@given(attributions(), attributions(), attributions())
def test_they_are_a_commutative_monoid(a: Attributions, b: Attributions, c: Attributions) -> None:
    assert same(a + b, b + a)
    assert same((a + b) + c, a + (b + c), 1e-13)
    assert same(a + a.empty(), a)
    assert same(sum([a, b, c]), a + b + c)


@given(attributions())
def test_they_are_saved_and_loaded(tmp_path_factory: Any, a: Attributions) -> None:
    path = tmp_path_factory.mktemp("saved") / "a.parquet"
    a.save(path)
    assert same(Attributions.load(path), a)


@pytest.mark.parametrize("offset", [0.0, -40.0, 2.0**30])
def test_parts_add_to_the_whole_in_any_order_and_grouping(offset: float) -> None:
    """The moments of all rows, from exact fractions, whatever the parts."""
    rng = np.random.default_rng(3)
    values = offset + np.round(rng.lognormal(0, 1.2, size=(1, 3, 400)), 4)
    codes = rng.integers(0, 3, 400)
    parts = [
        of_rows(codes[i : i + size], values[..., i : i + size])
        for i, size in zip(range(0, 400, 40), [40] * 10, strict=True)
    ]
    made = [sum(parts), sum(parts[::-1]), (parts[3] + parts[7]) + sum(parts[:3])]
    made[2] += sum(parts[4:7]) + (parts[9] + parts[8])
    for some in made:
        kept = some.sums[SEX]
        for at, level in enumerate(sorted(LEVELS, key=order)):
            exact = [
                Fraction(x) for x in values[0, 2, codes == sorted(LEVELS, key=order).index(level)]
            ]
            mean = sum(exact) / len(exact)
            assert kept.moments.mean[0, 2, at] == pytest.approx(float(mean), rel=1e-15)
            for power, array in ((2, kept.moments.second), (3, kept.moments.third)):
                expected = float(sum((x - mean) ** power for x in exact))
                assert array[0, 2, at] == pytest.approx(
                    expected, rel=1e-12 if offset < 1e6 else 1e-6
                )


def one() -> Attributions:
    values = np.arange(21.0).reshape(1, 3, 7) ** 2
    return of_rows(np.repeat([LEVEL_F, LEVEL_M], [3, 4]), values)


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
    other = replace(one(), roles=Roles(facet="race"), sums={Facet(("race",)): one().sums[SEX]})
    with pytest.raises(RolesError, match="different facets"):
        one() + other
    mixed = replace(one(), sums={SEX: replace(one().sums[SEX], levels=(0, 1))})
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
        {"n": [3, 4, 3, 4, 2, 4]},
        {"n": [3] * 6},
        {"mean": [float("nan")] * 6},
        {"second": [float("inf")] * 6},
        {"second": [-1.0] * 6},
        {"facet": ["{"] * 6},
        {"facet": ['"F"'] * 6},
        {"facet": ["1", '"M"'] * 3},
        {"mean": ["x"] * 6},
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
        {"schema": 3},
        {"schema": 1},
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


def sides(a: Any, d: Any) -> tuple[Sums, Any, Any]:
    """Sums of the values of two sides, of one feature and of the output, and which is which."""
    values = np.concatenate([a, d]).astype(float)
    codes = np.repeat([0, 1], [len(a), len(d)])
    made = Sums(("a", "d"), of_groups(np.stack([values, values])[np.newaxis], codes, 2))
    return made, np.array([False, True]), np.array([True, False])


def ends(a: Any, d: Any, feature: int = 0, confidence: float = 0.95) -> tuple[float, float]:
    found = gap(*sides(a, d), confidence)
    return float(found.low[0, feature]), float(found.high[0, feature])


def test_the_interval_of_values_without_skewness_is_welchs() -> None:
    rng = np.random.default_rng(0)
    halves = [rng.normal(0, 1, 6), rng.normal(0, 2, 15)]
    a, d = (np.concatenate([half, -half]) + mean for half, mean in zip(halves, (0, 1), strict=True))
    found = gap(*sides(a, d), 0.9)
    expected = stats.ttest_ind(a, d, equal_var=False).confidence_interval(0.9)
    assert found.gap[0, 0] == pytest.approx(a.mean() - d.mean())
    assert found.low[0, 0] == pytest.approx(expected.low)
    assert found.high[0, 0] == pytest.approx(expected.high)
    assert found.mean_abs_d[0, 0] == pytest.approx(np.abs(d).mean())
    assert (found.n_a, found.n_d) == (12, 30)


def test_one_row_on_a_side_has_no_interval() -> None:
    found = gap(*sides([1.0, 2, 3, 4, 5], [2.5]), 0.95)
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert np.isfinite(found.gap).all()


def test_a_side_without_rows_has_nothing() -> None:
    found = gap(*sides([1.0, 0, 1], []), 0.95)
    for array in (found.mean_d, found.gap, found.low, found.high):
        assert np.isnan(array).all()


@pytest.mark.parametrize("offset", [1e6, 1e9, -3e9])
def test_an_offset_changes_no_interval(offset: float) -> None:
    rng = np.random.default_rng(0)
    a, d = rng.lognormal(size=500), rng.lognormal(size=40)
    plain, moved = ends(a, d), ends(a + offset, d + offset)
    assert moved == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "d"),
    [
        ([0.3, 0.9, 4.0, 0.1, 7.5], [0.2, 0.1, 30.0]),
        ([0.0] * 90 + [2.5] * 4, [0.0] * 12),
        ([1.0] * 5, [0.1, 0.7, 0.2]),
        ([1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_sides_that_are_swapped_have_the_mirrored_interval(a: Any, d: Any) -> None:
    for feature in (0, 1):
        low, high = ends(a, d, feature)
        assert ends(d, a, feature) == (-high, -low)
        assert low < high
    low, high = ends(np.negative(a), np.negative(d))
    assert (low, high) == pytest.approx((-ends(a, d)[1], -ends(a, d)[0]), rel=1e-12)
    low, high = ends(a, a)
    assert low == -high


@pytest.mark.parametrize("scale", [1e-110, 1e-40, 1e30, 1e120])
def test_a_scale_makes_no_interval_unknown(scale: float) -> None:
    """What is skewed too far for a float to hold the cubes has at least Welch's interval."""
    rng = np.random.default_rng(0)
    a, d = rng.lognormal(size=50), rng.lognormal(size=20)
    low, high = (end / scale for end in ends(a * scale, d * scale))
    expected = stats.ttest_ind(a, d, equal_var=False).confidence_interval()
    assert low <= expected.low * (1 - 1e-9)
    assert high >= expected.high * (1 - 1e-9)
    if 1e-100 < scale < 1e100:
        assert (low, high) == pytest.approx(ends(a, d), rel=1e-9)


def test_decisions_have_the_interval_of_proportions() -> None:
    """Of a feature as well, whatever its two values are; of outputs even where all are alike."""
    for a, d in ((300, 0), (1000, 20), (0, 0), (1, 19)):
        rows = [np.repeat([1.0, 0.0], [x, n - x]) for x, n in ((a, 1000), (d, 20))]
        _, low, high = difference(a, 1000, d, 20)
        assert ends(*rows, feature=1) == pytest.approx((low, high), abs=1e-12)
        moved = ends(*(7.3 - 2.5 * side for side in rows))
        if (a, d) in ((1000, 20), (0, 0)):
            assert moved == (0, 0)
        else:
            assert moved == pytest.approx((-2.5 * high, -2.5 * low), abs=1e-9)
    found = gap(*sides([1.0] * 9, [0.0]), 0.95)
    assert np.isnan(found.low[0, 0])
    _, low, high = difference(9, 9, 0, 1)
    assert (found.low[0, 1], found.high[0, 1]) == pytest.approx((low, high))


def test_a_third_value_makes_no_proportion() -> None:
    rare = np.repeat([0.0, 1.0], [990, 10])
    for third in (0.5, -0.01, 1.01):
        found = gap(*sides([*rare, third], rare[-40:]), 0.95)
        assert not (found.few == np.inf).any()


def test_values_that_are_all_equal_on_a_side_may_be_others_in_other_rows() -> None:
    rng = np.random.default_rng(0)
    a = np.where(rng.random(2_000) < 0.05, rng.lognormal(size=2_000), 0.0)
    low, high = ends(a, np.zeros(40))
    found = gap(*sides(a, np.zeros(40)), 0.95)
    assert found.few[0, 0] == 0
    assert high - a.mean() < 3 * a.std() / np.sqrt(2_000)
    assert low < -0.1
    assert ends(a, np.zeros(20))[0] < 1.5 * low


def test_the_facet_itself_is_what_it_is_in_every_row() -> None:
    is_facet = np.array([True, False])
    made = gap(*sides([2.0] * 30, [1.0] * 10), 0.95, is_facet)
    assert (made.low[0, 0], made.high[0, 0]) == (1.0, 1.0)
    assert made.low[0, 1] < 0.9
    varied = gap(*sides([2.0, 3.0] * 15, [1.0] * 10), 0.95, is_facet)
    assert varied.low[0, 0] < 1.4


@given(
    st.lists(st.floats(-9, 9), min_size=2, max_size=9),
    st.lists(st.floats(-9, 9), min_size=2, max_size=9),
    st.sampled_from([0.5, 0.95, 0.999]),
)
def test_the_interval_is_not_narrower_than_welchs(a: Any, d: Any, confidence: float) -> None:
    a, d = np.array([*a, 0.1, 0.7]), np.array([*d, 0.3, 0.4])  # four values at least
    low, high = ends(a, d, confidence=confidence)
    expected = stats.ttest_ind(a, d, equal_var=False).confidence_interval(confidence)
    assert low <= expected.low + 1e-9
    assert high >= expected.high - 1e-9


@functools.cache
def benchmark() -> ModuleType:
    path = Path(__file__).parent.parent / "benchmarks" / "attribution_coverage.py"
    spec = importlib.util.spec_from_file_location("attribution_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "rows", "least", "widest"),
    [
        *((f"decisions, {shares}", None, 0.93, 2.5) for shares in (".30 and .05", ".01 and .01")),
        ("two values, 3 % at 2", (2000, 40), 0.93, 1.5),
        ("lognormal(1.2)", (2000, 30), 0.9, 1.4),
        ("3 % lognormal, else 0", (5000, 200), 0.87, 1.5),
        ("normal", (1000, 10), 0.93, 1.1),
        ("uniform", (20, 20), 0.93, 1.1),
    ],
)
def test_the_interval_holds_the_difference_as_often_as_it_says(
    name: str, rows: Any, least: float, widest: float
) -> None:
    """The full table, of 2,000 data sets a cell, is made by benchmarks/attribution_coverage.py."""
    coverage = benchmark()
    (cell,) = (c for c in coverage.CELLS if c.name == name and rows in (None, c.rows))
    found = coverage.simulated(cell, 1_000, [5])
    assert found.covered >= least
    assert found.width <= widest
    assert found.welch < 0.9 or name in ("normal", "uniform")


OLD = Path(__file__).parent / "data" / "v0_1_0" / "model.attributions"


def test_attributions_of_0_1_0_have_welchs_interval_and_say_so() -> None:
    found = explain(Attributions.load(OLD), facet_values="F")
    assert found.note.str.contains("files of biaskit 0.1: the interval is Welch's").all()
    cells = pq.read_table(OLD).to_pandas().query("facet != 'null'")
    sums = cells.groupby(["feature", cells.facet == '"F"'])[["n", "sum", "squares"]].sum()
    for feature, row in enumerate(found.itertuples()):
        n, total, squares = (sums[name][feature].to_numpy() for name in sums)  # of a, of d
        errors = (squares - total**2 / n) / (n - 1) / n
        freedom = errors.sum() ** 2 / (errors**2 / (n - 1)).sum()
        reach = stats.t.ppf(0.975, freedom) * np.sqrt(errors.sum())
        middle = total[0] / n[0] - total[1] / n[1]
        assert (row.low, row.high) == pytest.approx((middle - reach, middle + reach), rel=1e-9)


def test_decisions_of_0_1_0_have_the_interval_of_proportions(tmp_path: Path) -> None:
    path = tmp_path / "decisions"
    path.write_bytes(OLD.read_bytes())
    cells = pq.read_table(OLD).to_pandas()
    positive = np.where(cells.feature > 0, cells.n // 3, 0).astype(float)  # the part of one feature
    rewritten(path, {name: [*positive] for name in ("sum", "squares", "absolute")})
    loaded = Attributions.load(path)
    total = explain(loaded, facet_values="F").iloc[-1]
    _, low, high = difference(94 // 3 + 32 // 3, 94 + 32, 97 // 3, 97)
    assert (total.low, total.high) == pytest.approx((low, high), abs=1e-12)
    assert total.note == ""
    loaded.save(tmp_path / "again")
    again = explain(Attributions.load(tmp_path / "again") + loaded.empty(), facet_values="F")
    pd.testing.assert_frame_equal(again, explain(loaded, facet_values="F"))


@pytest.mark.slow
def test_attributions_of_parts_add_to_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.integers(0, 4, 50), "g": rng.integers(0, 3, 50).astype(str)})
    options: dict[str, Any] = {"facet": "g", "features": ["x"], "background": rows}

    def score(some: Any) -> Any:
        return some["x"] * 0.5

    whole = attribute(score, rows, **options)
    parts = [attribute(score, rows[i : i + 20], **options) for i in range(0, 50, 20)]
    added = sum(parts)
    assert same(replace(added, about=whole.about), whole, 1e-13)


@pytest.mark.slow
def test_the_total_of_decisions_is_the_gap_of_the_report() -> None:
    """`explain` and `report` say the same of the same number, to twelve digits."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"s": ["a"] * 1000 + ["d"] * 20, "x": rng.random(1020)})
    table["p"] = (table["x"] < np.where(table["s"] == "a", 0.3, 0.05)).astype(int)
    found = explain(
        lambda rows: (rows["p"] > 0).astype(float),
        table,
        facet="s",
        facet_values="d",
        features=["p"],
        background=table.head(50),
    )
    total = found[found["feature"] == "(total)"].iloc[0]
    decided = report(table, facet="s", facet_values="d", predicted="p", metrics="DPPL")
    expected = decided.loc[0, ["estimate", "low", "high"]].tolist()
    assert total[["gap", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-12)
