"""Slices: all of them, judged together, against brute force, references and simulation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit.audits.slices.differential import differential_fairness
from biaskit.audits.slices.found import Found, found_in, least_rows
from biaskit.audits.slices.searching import asked_of, searched
from biaskit.cli import main
from biaskit.counts.facets import Facet
from biaskit.errors import DataError, RolesError
from support import naive_slices
from support.strategies import Columns, columns

REFERENCE = json.loads((Path(__file__).parent / "data" / "slices.json").read_text(encoding="utf-8"))
OVER = ["sex", "race", "age"]


def table_of(name: str) -> pd.DataFrame:
    """Rows of a reference table, from its cells."""
    if name == "berkeley":
        return biaskit.datasets.berkeley()
    table = REFERENCE["tables"][name]
    levels = table["levels"]
    cells = [
        [*(known[i] for known, i in zip(levels.values(), cell[:-1], strict=True)), cell[-1]]
        for cell in table["cells"]
    ]
    frame = pd.DataFrame(cells, columns=[*levels, "n"])
    return frame.loc[frame.index.repeat(frame["n"])].drop(columns="n").reset_index(drop=True)


def naive_rows(table: Columns) -> list[dict[str, Any]]:
    names = [*table]
    return [dict(zip(names, row, strict=True)) for row in zip(*table.values(), strict=True)]


def found_of(data: Any, over: list[str], metric: str = "DPL", **more: Any) -> Found:
    """What is found in some rows, with what a caller never sees."""
    options = {n: more.pop(n) for n in ("depth", "min_rows", "direction") if n in more}
    counts = biaskit.count(data, facet=[tuple(over)], **more)
    return found_in(counts, Facet(tuple(over)), asked_of(over, metric, **options))[0]


# Against brute force, and against numbers of others


@settings(max_examples=60, deadline=None)
@given(
    columns(min_size=8, max_size=60),
    st.sampled_from([*naive_slices.RATES]),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_every_slice_is_that_of_brute_force(
    table: Columns, metric: str, depth: int, min_rows: int
) -> None:
    wanted = naive_slices.slices(naive_rows(table), OVER, metric, depth, min_rows)
    call: dict[str, Any] = {"label": "y", "predicted": "predicted", "metric": metric}
    call |= {"columns": OVER, "depth": depth, "min_rows": min_rows, "top": None}
    if metric == "DPL":
        call["predicted"] = None
    if not wanted:
        with pytest.raises((DataError, RolesError)):
            biaskit.slices(pa.table(table), **call)
        return
    found = biaskit.slices(pa.table(table), **call)
    assert found["slice"][0] == f"any of {len(wanted):,} slices"
    p = naive_slices.adjusted([*map(naive_slices.p_value, wanted)])
    own = {row["slice"]: row for _, row in found[1:].iterrows()}
    assert own.keys() == {*map(naive_slices.name, wanted)}
    for one, its_p in zip(wanted, p, strict=True):
        row = own[naive_slices.name(one)]
        ends = naive_slices.interval(one, metric, 0.025 / len(wanted))
        assert [row["estimate"], row["low"], row["high"]] == pytest.approx(ends, abs=1e-9)
        assert row["p_adjusted"] == pytest.approx(its_p, abs=1e-9)
        assert (row["n_d"], row["n_a"], row["n_missing"]) == (one.d[1], one.a[1], one.n_missing)


@pytest.mark.parametrize("name", REFERENCE["cases"])
def test_figures_of_real_tables(name: str) -> None:
    case = REFERENCE["cases"][name]
    options = {key: case[key] for key in ("columns", "metric", "depth", "min_rows", "direction")}
    found = biaskit.slices(table_of(case["table"]), **options, **case["roles"])
    first = found.iloc[0]
    assert first["slice"] == f"any of {case['slices']:,} slices"
    sizes = sorted([abs(first["low"]), abs(first["high"])])
    assert sizes == pytest.approx([case["at_least"], case["at_most"]], abs=1e-9)
    assert list(found["slice"][1:]) == [row["slice"] for row in case["rows"]]
    for row, (_, own) in zip(case["rows"], found[1:].iterrows(), strict=True):
        for column in row.keys() - {"slice", "p_adjusted"}:
            assert own[column] == pytest.approx(row[column], abs=1e-9), (row["slice"], column)
        assert own["p_adjusted"] == pytest.approx(row["p_adjusted"], rel=1e-8, abs=1e-300)


def test_where_every_single_column_is_at_parity() -> None:
    cells = [("F", "B", 300), ("F", "W", 150), ("M", "B", 150), ("M", "W", 300)]
    data = pd.DataFrame(
        [(sex, race, y) for sex, race, k in cells for y in [1] * k + [0] * (500 - k)],
        columns=["sex", "race", "y"],
    )
    found = biaskit.slices(data, columns=["sex", "race"], label="y")
    assert list(found["slice"]) == ["any of 8 slices", "sex=F & race=W", "sex=M & race=B"]
    assert found["estimate"][1:].tolist() == pytest.approx([0.2, 0.2], abs=1e-12)
    ends = found[["low", "high"]].to_numpy()
    assert ends[1] == pytest.approx([0.13218, 0.264243], abs=5e-7)
    assert ends[0] == pytest.approx(ends[1])


def test_a_slice_is_facet_values_of_a_report() -> None:
    data = table_of("compas")
    roles: dict[str, Any] = {"label": "label_value", "predicted": "score"}
    over = ("race", "sex", "age_cat")
    found = biaskit.slices(data, columns=[*over], metric="FPRD", direction="for", **roles)
    d = [("African-American", sex, "Less than 25") for sex in ("Female", "Male")]
    report = biaskit.report(data, facet=[over], facet_values={over: d}, metrics="FPRD", **roles)
    row, own = report.iloc[0], found.iloc[1]
    assert own["slice"] == "race=African-American & age_cat=Less than 25"
    for ours, theirs in (("rate_d", "rate_d"), ("rate_a", "rate_a"), ("n_d", "of_d")):
        assert own[ours] == pytest.approx(row[theirs], abs=1e-12)
    assert own["estimate"] == pytest.approx(row["estimate"], abs=1e-12)


# Where the gap between two groups is widest


def test_the_gap_within_departments() -> None:
    found = biaskit.slices(
        biaskit.datasets.berkeley(),
        columns="department",
        facet="gender",
        facet_values="female",
        label="decision",
        positive="admitted",
        top=None,
    ).set_index("segment")
    assert found.index[0] == "any of 6 segments"  # department B has 25 women
    whole, a = found.loc["all rows"], found.loc["department=A"]
    assert [whole["low"], whole["high"]] == pytest.approx([0.1034, 0.1792], abs=5e-5)
    assert math.isnan(whole["more_low"])
    assert [a["low"], a["high"]] == pytest.approx([-0.2962, -0.0850], abs=5e-5)
    assert [a["more_low"], a["more_high"]] == pytest.approx([-0.4013, -0.1748], abs=5e-5)
    assert found["estimate"][["department=C", "department=F"]].tolist() == pytest.approx(
        [0.0286, -0.0114], abs=5e-5
    )


def test_a_gap_against_a_reference() -> None:
    found = biaskit.slices(
        table_of("compas"),
        columns=["sex", "age_cat"],
        metric="SD",
        facet="race",
        facet_values="African-American",
        reference="Caucasian",
        label="label_value",
        predicted="score",
        direction="for",
        top=None,
    ).set_index("segment")
    assert found.index[0] == "any of 12 segments"
    male = found.loc["sex=Male"]
    ends = [-male["high"], -male["low"], -male["more_high"], -male["more_low"]]
    assert ends == pytest.approx([0.1959, 0.2996, 0.0356, 0.2563], abs=5e-5)
    assert (male["n_d"], male["n_a"]) == (1390, 1120)


def test_directions_of_a_gap() -> None:
    call: dict[str, Any] = {"columns": "department", "facet": "gender", "facet_values": "female"}
    call |= {"label": "decision", "positive": "admitted"}
    listed = {
        direction: list(
            biaskit.slices(biaskit.datasets.berkeley(), direction=direction, **call)["segment"][1:]
        )
        for direction in ("against", "for", "either")
    }
    assert listed["against"] == ["all rows"]
    assert listed["for"] == listed["either"] == ["all rows", "department=A"]


# Laws


@settings(max_examples=20, deadline=None)
@given(columns(min_size=20, max_size=60), st.integers(0, 2**31))
def test_neither_the_order_nor_the_parts_of_the_rows_matter(table: Columns, seed: int) -> None:
    data = pa.table(table)
    call: dict[str, Any] = {"columns": OVER, "label": "y", "min_rows": 2, "top": None}
    try:
        found = biaskit.slices(data, **call)
    except (DataError, RolesError):
        return
    shuffled = data.take(pa.array(np.random.default_rng(seed).permutation(data.num_rows)))
    pd.testing.assert_frame_equal(biaskit.slices(shuffled, **call), found)
    cut = seed % data.num_rows
    roles: dict[str, Any] = {"facet": [tuple(OVER)], "label": "y"}
    parts = biaskit.count(data[:cut], **roles) + biaskit.count(data[cut:], **roles)
    options = {"min_rows": 2, "top": None}
    pd.testing.assert_frame_equal(biaskit.slices(parts, columns=OVER, **options), found)


def test_a_column_that_says_nothing_changes_nothing() -> None:
    data = table_of("adult")
    call: dict[str, Any] = {"label": "income", "positive": ">50K", "depth": 2}
    plain = biaskit.slices(data, columns=["sex", "race"], **call)
    more = biaskit.slices(
        data.assign(country="US", again=data["race"]),
        columns=["sex", "race", "country", "again"],
        **call,
    )
    pd.testing.assert_frame_equal(more.drop(columns="note"), plain.drop(columns="note"))


def test_equal_weights_change_nothing_and_frequencies_repeat() -> None:
    data = table_of("compas")
    call: dict[str, Any] = {"columns": ["race", "sex"], "label": "label_value"}
    plain = biaskit.slices(data, **call).drop(columns="note")
    weighed = biaskit.slices(data.assign(w=2.5), weight="w", **call).drop(columns="note")
    pd.testing.assert_frame_equal(weighed, plain)
    cells = data.groupby(["race", "sex", "label_value"]).size().reset_index(name="n")
    repeated = biaskit.slices(cells, frequency="n", **call).drop(columns="note")
    pd.testing.assert_frame_equal(repeated, plain)


def test_unequal_weights_are_worth_fewer_rows() -> None:
    data = table_of("compas")
    rng = np.random.default_rng(0)
    call: dict[str, Any] = {"columns": ["race", "sex"], "label": "label_value", "top": None}
    plain = biaskit.slices(data, **call).set_index("slice")
    weighed = biaskit.slices(
        data.assign(w=rng.exponential(size=len(data))), weight="w", **call
    ).set_index("slice")
    width = (weighed["high"] - weighed["low"]) / (plain["high"] - plain["low"])
    assert (width[1:] > 1.1).all()  # an effective number of half the rows
    assert "Kish" in weighed["note"].iloc[0]
    assert (weighed["n_d"] == plain["n_d"][weighed.index]).all()


def test_several_metrics_are_judged_together() -> None:
    data = table_of("compas")
    call: dict[str, Any] = {"columns": ["race", "sex"], "label": "label_value"}
    call |= {"predicted": "score", "top": None}
    both = biaskit.slices(data, metric=["DPPL", "AD"], **call)
    alone = biaskit.slices(data, metric="DPPL", **call)
    first, second = (both[both["metric"] == one].reset_index(drop=True) for one in ("DPPL", "AD"))
    assert len(first) == len(alone)
    assert len(second) > 1
    widths = [one.set_index("slice")["high"][1:] for one in (first, alone)]
    assert (widths[0] > widths[1].reindex(widths[0].index)).all()
    assert "judged together" in first["note"][0]


# Differential fairness


def test_differential_fairness_of_adult() -> None:
    """Figures of the reference, from the smoothed rates of two combinations."""
    table = table_of("adult")
    wanted = {
        ("sex",): (1.0268573040609383, "sex=Male and sex=Female"),
        ("race",): (1.0423584429585881, "race=Asian-Pac-Islander and race=Other"),
        ("sex", "race"): (
            1.755233970634604,
            "sex=Male & race=Asian-Pac-Islander and sex=Female & race=Black",
        ),
    }
    roles = REFERENCE["cases"]["adult DPL"]["roles"]
    for over, (epsilon, pair) in wanted.items():
        counts = biaskit.count(table, facet=[over], **roles)
        search = searched(counts, Facet(over), asked_of(over, "DPL", depth=len(over)))[0]
        found = differential_fairness(search)
        assert found is not None
        assert found.epsilon == pytest.approx(epsilon, abs=1e-14)
        note = biaskit.slices(table, columns=[*over], **roles)["note"][0]
        assert f"differential fairness {epsilon:.4g}, of {pair}" in note


def test_differential_fairness_asks_for_every_column() -> None:
    data = biaskit.datasets.berkeley()
    call: dict[str, Any] = {"columns": ["gender", "department"], "label": "decision"}
    call |= {"positive": "admitted"}
    assert "differential" in biaskit.slices(data, **call)["note"][0]
    assert "differential" not in biaskit.slices(data, depth=1, **call)["note"][0]


# Sources


def test_frames_files_engines_and_counts_agree(tmp_path: Path) -> None:
    data = biaskit.datasets.berkeley()
    call: dict[str, Any] = {"columns": ["gender", "department"]}
    roles: dict[str, Any] = {"label": "decision", "positive": "admitted"}
    found = biaskit.slices(data, **call, **roles)
    data.to_parquet(tmp_path / "b.parquet")
    data.to_csv(tmp_path / "b.csv", index=False)
    for path in ("b.parquet", "b.csv"):
        pd.testing.assert_frame_equal(biaskit.slices(tmp_path / path, **call, **roles), found)
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql(f"select * from '{tmp_path / 'b.parquet'}'")
    pd.testing.assert_frame_equal(biaskit.slices(relation, **call, **roles), found)
    counts = biaskit.count(data, facet=["gender", ("gender", "department")], **roles)
    counts.save(tmp_path / "b.counts")
    pd.testing.assert_frame_equal(biaskit.slices(tmp_path / "b.counts", **call), found)
    whole = counts.choosing(facet=[("gender", "department")])
    pd.testing.assert_frame_equal(biaskit.slices(whole), found)
    of_more = biaskit.count(
        data.assign(x=data.index % 3), facet=[("x", "department", "gender")], **roles
    )
    pd.testing.assert_frame_equal(biaskit.slices(of_more, **call), found)


def test_values_that_are_missing_in_part_count(tmp_path: Path) -> None:
    data = pd.DataFrame(
        {
            "sex": ["F", "F", "M", "M", None, None] * 20,
            "race": ["b", None, "b", "w", "w", None] * 20,
            "y": [0, 0, 1, 1, 1, 0] * 20,
        }
    )
    found = biaskit.slices(data, columns=["sex", "race"], label="y", top=None).set_index("slice")
    assert (found.loc["sex=F", "n_d"], found.loc["sex=F", "n_a"]) == (40, 40)
    assert found.loc["sex=F", "n_missing"] == 40
    counts = biaskit.count(data, facet=[("sex", "race")], label="y")
    counts.save(tmp_path / "in-part.counts")
    again = biaskit.slices(tmp_path / "in-part.counts", top=None).set_index("slice")
    pd.testing.assert_frame_equal(again, found)
    # A report takes them as missing, as ever.
    report = biaskit.report(counts, metrics="DPL")
    assert set(report["value"]) == {"F & b", "M & b", "M & w"}
    assert set(report["n_missing"]) == {60}


def test_combinations_that_occur_count_however_many_could() -> None:
    """Ten columns of eight values make a thousand million combinations; 3,000 rows have few."""
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(10)]
    data = pd.DataFrame({name: rng.integers(0, 8, 3000) for name in names})
    data["y"] = rng.random(3000) < np.where(data["c3"] == 5, 0.2, 0.6)
    found = biaskit.slices(data, columns=names, label="y", depth=2)
    assert found["slice"][1] == "c3=5"
    counts = biaskit.count(data, facet=[tuple(names)], label="y")
    assert counts.tables[Facet(tuple(names))].rows == 3000
    with pytest.raises(DataError, match="1,000 at most"):
        biaskit.report(counts, metrics="DPL")
    with pytest.raises(DataError, match="1,000 at most"):
        biaskit.rates(counts)


def test_scattered_cells_are_those_of_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    data = pa.table(
        {
            **{name: rng.choice(["a", "b", None], 500, p=[0.5, 0.4, 0.1]) for name in "xyz"},
            "label": rng.integers(0, 3, 500),
            "w": rng.random(500),
            "times": rng.integers(0, 4, 500),
        }
    )
    roles: dict[str, Any] = {"facet": [("x", "y", "z"), "x"], "label": "label", "group": "y"}
    roles["group"] = None
    for more in (
        {},
        {"weight": "w"},
        {"frequency": "times"},
        {"weight": "w", "frequency": "times"},
    ):
        dense = biaskit.count(data, **roles, **more)
        monkeypatch.setattr("biaskit.sources.histogram._MOST_DENSE", 4)
        scattered = biaskit.count(data, **roles, **more)
        monkeypatch.undo()
        assert [*dense.tables] == [*scattered.tables]
        for one, other in zip(dense.tables.values(), scattered.tables.values(), strict=True):
            assert one.levels == other.levels
            assert np.array_equal(one.n, other.n)
            if one.w is not None and other.w is not None:
                assert np.allclose(one.w, other.w, rtol=1e-12)


# What is certain


def test_on_shuffled_labels_hardly_anything_is_claimed() -> None:
    """At most 5 % of the data sets; 2.6 standard deviations above it are allowed for."""
    rng = np.random.default_rng(7)
    rows, sets = 2000, 120
    claimed = 0
    for _ in range(sets):
        data = correlated(rng, rows)
        data["y"] = rng.random(rows) < 0.05
        found = found_of(data, ["a", "b", "c", "d"], min_rows=20, label="y", direction="either")
        claimed += found.certificate.at_least > 0
    assert claimed <= sets * 0.05 + 2.6 * math.sqrt(sets * 0.05 * 0.95)


def test_the_certificate_holds_where_there_are_effects() -> None:
    """All intervals together, and so both ends of the certificate, in 95 % of the data sets."""
    rng = np.random.default_rng(11)
    rows, sets = 2000, 80
    held = 0
    for _ in range(sets):
        data = correlated(rng, rows)
        chance = 0.3 + 0.25 * (data["a"] == 1) * (data["b"] == 2) - 0.1 * (data["c"] == 0)
        data["y"] = rng.random(rows) < chance
        found = found_of(data, ["a", "b", "c", "d"], min_rows=30, label="y")
        truth = true_gaps(found.search, data, chance)
        inside = (found.gaps.low <= truth) & (truth <= found.gaps.high)
        held += bool(inside.all())
    assert held >= sets * 0.95 - 2.6 * math.sqrt(sets * 0.05 * 0.95)


def correlated(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Columns that go together, as those of people do."""
    latent = rng.normal(size=rows)
    return pd.DataFrame(
        {
            name: np.digitize(0.6 * latent + rng.normal(size=rows), np.linspace(-1.2, 1.2, k - 1))
            for name, k in zip("abcd", (2, 3, 4, 5), strict=True)
        }
    )


def true_gaps(search: Any, data: pd.DataFrame, chance: Any) -> Any:
    """True value of the metric in each slice, for the rows that it has."""
    made = []
    for one in search.stand.tolist():
        inside = np.ones(len(data), dtype=bool)
        for column, code in search.lattice.values(one):
            name, level = search.joint.columns[column], search.joint.levels[column][code]
            inside &= (data[name] == level).to_numpy()
        made.append(chance[~inside].mean() - chance[inside].mean())
    return np.array(made)


def test_the_least_rows_of_a_certificate() -> None:
    found = found_of(
        biaskit.datasets.berkeley(),
        ["gender", "department"],
        label="decision",
        positive="admitted",
        min_rows=10,
    )
    most = found.certificate.at_most
    assert least_rows(found, most) == 10
    assert least_rows(found, 0.01) is None
    limit = 0.36
    rows = least_rows(found, limit)
    assert rows is not None

    def passes(min_rows: int) -> bool:
        again = biaskit.slices(
            biaskit.datasets.berkeley(),
            columns=["gender", "department"],
            label="decision",
            positive="admitted",
            min_rows=min_rows,
        )
        return bool(again["high"][0] <= limit)

    assert passes(rows)
    assert not passes(rows - 1)


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            {"columns": ["id", "sex"]},
            "'id' has 400 values in 400 rows: nearly every row has its own",
        ),
        ({"columns": ["sex", "race"], "depth": 3}, "depth must be 1 to 2"),
        (
            {"columns": ["sex", "race"], "min_rows": 399},
            "no slice of 'sex', 'race' has 399 rows of DPL",
        ),
        ({"columns": ["sex", "sex"]}, "different columns"),
        ({"columns": []}, "1 to 20 different columns"),
        ({"columns": None}, "columns takes the columns"),
        ({"columns": ["sex", "rase"]}, "did you mean 'race'"),
        ({"columns": ["sex"], "metric": "KL"}, "KL is not a difference of two proportions"),
        ({"columns": ["sex"], "metric": "DPPL"}, "DPPL needs predicted"),
        ({"columns": ["sex"], "direction": "up"}, "direction 'up'"),
        ({"columns": ["sex"], "top": 0}, "top must be 1 or more"),
        ({"columns": ["sex"], "overlap": 2}, "overlap must be a number from 0 to 1"),
        ({"columns": ["sex"], "min_rows": 0}, "min_rows must be 1 or more"),
        ({"columns": ["sex"], "confidence": 95}, "confidence must be a number between 0 and 1"),
        ({"columns": ["sex"], "group": "race"}, "slices takes no group"),
        ({"columns": ["sex"], "facet_values": "F"}, "facet_values goes with facet"),
        ({"columns": ["sex"], "facet": "race"}, "which values of 'race' are side d of the gap"),
        ({"columns": ["sex"], "facet": "sex", "facet_values": "F"}, "leave it out of the columns"),
        ({"columns": ["sex"], "facet": ["sex", "race"]}, "is one column, whose gap is searched"),
        ({"columns": ["y", "sex"]}, "'y'"),
    ],
)
def test_a_mistake_is_said(call: dict[str, Any], message: str) -> None:
    with pytest.raises((RolesError, DataError), match=message):
        biaskit.slices(people(), label="y", **call)


def people(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "id": range(rows),
            "sex": rng.choice(["F", "M"], rows),
            "race": rng.choice(["b", "w", "x"], rows),
            "age": rng.integers(18, 90, rows),
            "y": rng.integers(0, 2, rows),
        }
    )


def test_what_a_reader_should_know_of_the_columns_is_noted() -> None:
    data = people().assign(insured=lambda df: np.where(df["y"] == 1, "no", "yes"))
    found = biaskit.slices(data, columns=["age", "insured"], label="y", depth=1)
    assert "'age' has 72 numbers, each a value of its own" in found["note"][0]
    assert "each of the 72 values of 'age' has too few rows by itself" in found["note"][0]
    assert found["slice"][1] == "insured=yes"
    assert found["note"][1].startswith("none of its ")
    cut = biaskit.slices(
        data, columns=["age", "sex"], facet_edges={"age": [30, 60]}, label="y", top=None
    )
    assert "'age'" not in cut["note"][0]
    assert "age=<=30 & sex=F" in [*cut["slice"]]


def test_too_many_combinations_are_refused_with_what_to_do() -> None:
    rng = np.random.default_rng(0)
    rows = 120_000
    data = pa.table(
        {f"c{i}": rng.integers(0, 900, rows) for i in range(3)} | {"y": np.arange(rows) % 2}
    )
    with pytest.raises(DataError, match=r"combinations of values; an intersection has 100,000"):
        biaskit.slices(data, columns=["c0", "c1", "c2"], label="y")


def test_counts_without_the_intersection_say_so() -> None:
    counts = biaskit.count(people(), facet=["sex", "race"], label="y")
    with pytest.raises(RolesError, match="count the rows again with the facet 'sex & race'"):
        biaskit.slices(counts, columns=["sex", "race"])


# The command line


def test_the_command_prints_what_python_gives(tmp_path: Path, capsys: Any) -> None:
    biaskit.datasets.berkeley().to_parquet(tmp_path / "b.parquet")
    argv = ["slices", str(tmp_path / "b.parquet"), "--over", "gender,department"]
    argv += ["--label", "decision", "--positive", "admitted"]
    assert main([*argv, "--format", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    found = biaskit.slices(
        biaskit.datasets.berkeley(),
        columns=["gender", "department"],
        label="decision",
        positive="admitted",
    )
    wanted = json.loads(found.to_json(orient="records", double_precision=15))
    assert [*made["slices"][0]] == [*found.columns]
    for row, own in zip(wanted, made["slices"], strict=True):
        assert own == pytest.approx(row, abs=1e-12)
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "DPL: with 95 % confidence, the worst slice is at least 0.3442 from parity to its "
        "disadvantage, and no slice of 30 rows or more on either side is more than 0.4179.\n"
    )
    assert "department=F" in said


def test_the_command_searches_a_gap_and_cuts_numbers(tmp_path: Path, capsys: Any) -> None:
    pq.write_table(pa.Table.from_pandas(people()), tmp_path / "p.parquet")
    argv = ["slices", str(tmp_path / "p.parquet"), "--over", "age,race", "--label", "y"]
    argv += ["--facet", "sex", "--facet-values", "F", "--facet-edges", "age=30,60", "--top", "all"]
    assert main([*argv, "--format", "json"]) == 0
    made = json.loads(capsys.readouterr().out)["slices"]
    assert {"segment", "more_low", "more_high"} <= made[0].keys()
    assert "age=(30, 60]" in {row["segment"] for row in made}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "--over is needed"),
        (["--over", "id,sex"], "'id' has 400 values in 400 rows"),
        (["--over", "sex", "--depth", "2"], "depth must be 1 to 1"),
        (["--over", "sex,age", "--min-rows", "399"], "give a smaller --min-rows"),
    ],
)
def test_mistakes_on_the_command_line(
    argv: list[str], message: str, tmp_path: Path, capsys: Any
) -> None:
    pq.write_table(pa.Table.from_pandas(people()), tmp_path / "p.parquet")
    assert main(["slices", str(tmp_path / "p.parquet"), "--label", "y", *argv]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


# The gate

CONFIG = """
[[data]]
name = "admissions"
files = "b.parquet"
label = "decision"
positive = "admitted"
{more}
[[data.slices]]
columns = ["gender", "department"]
limit = {{DPL = {limit}}}
"""


def checked(capsys: Any, *argv: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", *argv, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)["check"][0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    biaskit.datasets.berkeley().to_parquet("b.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "verdict", "code", "reason"),
    [
        (0.1, "fail", 1, "it is surely beyond"),
        (0.36, "uncertain", 0, "with min_rows = 715 it passes"),
        (0.05, "fail", 1, "it is surely beyond"),
        (0.42, "pass", 0, ""),
    ],
)
def test_the_gate_blocks_a_bad_slice_and_passes_by_the_certificate(
    limit: float, verdict: str, code: int, reason: str, project: Path, capsys: Any
) -> None:
    Path("biaskit.toml").write_text(CONFIG.format(limit=limit, more=""))
    exit_code, made = checked(capsys)
    (one,) = made["slices"]
    assert (exit_code, one["verdict"], one["reason"]) == (code, verdict, reason)
    assert one["worst"] == "department=F"
    assert made["verdicts"] == {"fail": 0, "uncertain": 0, "pass": 0} | {verdict: 1}
    codes = {"fail": ["BK111"], "uncertain": ["BK112"], "pass": []}
    assert [finding["code"] for finding in made["findings"]] == codes[verdict]
    assert main(["check", "--strict", "-q"]) == int(verdict != "pass")
    said = capsys.readouterr().out
    assert ("DPL, slices of gender, department: the worst of 19 is " in said) == (verdict != "pass")


def test_no_min_rows_passes_where_a_large_slice_may_be_beyond(project: Path, capsys: Any) -> None:
    data = pd.DataFrame({"sex": ["F", "M"] * 100, "y": [0, 1, 1, 1, 0, 0, 1, 0] * 25})
    data.to_parquet("b.parquet")
    Path("biaskit.toml").write_text(
        '[[data]]\nfiles = "b.parquet"\nlabel = "y"\n'
        '[[data.slices]]\ncolumns = ["sex"]\nlimit = {DPL = 0.05}\n'
    )
    _, made = checked(capsys)
    assert made["slices"][0]["reason"] == "no min_rows is large enough to pass"


def test_slices_stand_beside_limits_and_search_gaps(project: Path, capsys: Any) -> None:
    more = 'facet = "gender"\nlimits = {DPL = 0.2}\n'
    config = CONFIG.format(limit=0.5, more=more) + (
        '[[data.slices]]\ncolumns = "department"\nfacet = "gender"\nfacet_values = "female"\n'
        'limit = {DPL = 0.1}\ndirection = "for"\n'
    )
    Path("biaskit.toml").write_text(config)
    code, made = checked(capsys)
    assert code == 0
    assert made["verdicts"] == {"fail": 0, "uncertain": 1, "pass": 3}
    assert [one["facet"] for one in made["slices"]] == ["", "gender"]
    assert made["slices"][1]["worst"] == "department=A"
    for form in ("text", "junit", "sarif", "markdown", "github", "html"):
        main(["check", "--format", form])
        assert "gap of gender in segments of department" in capsys.readouterr().out
    assert main(["check", "--dry-run"]) == 0


def test_counts_of_the_intersection_are_checked_without_rows(project: Path, capsys: Any) -> None:
    biaskit.count(
        "b.parquet", facet=[("gender", "department")], label="decision", positive="admitted"
    ).save("b.counts")
    text = CONFIG.format(limit=0.42, more="").replace("b.parquet", "b.counts")
    Path("biaskit.toml").write_text(text)
    code, made = checked(capsys)
    assert (code, made["slices"][0]["verdict"]) == (0, "pass")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('colums = ["a"]', "no key 'colums'; did you mean 'columns'?"),
        ("depth = 3", "depth must be 1 to 2"),
        ('direction = "up"', "direction 'up'"),
        ('facet_values = "a"', "facet_values goes with facet"),
        ("min_rows = 2.5", "slices: min_rows must be an integer of 0 or more"),
    ],
)
def test_a_mistake_in_the_configuration_is_said(
    line: str, message: str, project: Path, capsys: Any
) -> None:
    Path("biaskit.toml").write_text(CONFIG.format(limit=0.1, more="") + line)
    code, made = checked(capsys)
    assert code == 2
    assert message in made["findings"][0]["message"]
    assert "biaskit.toml, line 8: " in made["findings"][0]["message"]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("{KL = 0.1}", "KL is not a difference of two proportions"),
        ("{DPL = 2}", "a distance from parity, 0 or more and below 1"),
        ("{FNRD = 0.1}", "needs predicted"),
        ("0.1", "limit is needed, such as limit = {DPL = 0.1}"),
    ],
)
def test_a_limit_that_no_slice_can_have_is_refused(
    limit: str, message: str, project: Path, capsys: Any
) -> None:
    text = CONFIG.format(limit=0, more="").replace("{DPL = 0}", limit)
    Path("biaskit.toml").write_text(text)
    code, made = checked(capsys)
    assert code == 2
    assert message in made["findings"][0]["message"]
