"""Profiles: proxies, what is missing, and shares beside a population's."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit.audits.profile.association import association, expected_information, told_by
from biaskit.cli import main
from biaskit.errors import BiaskitError, DataError, RolesError
from support import naive_profile
from support.engines import CONSTRUCTORS
from support.strategies import Columns, columns

ADULT = json.loads((Path(__file__).parent / "data" / "profile.json").read_text(encoding="utf-8"))


def adult(facet: str, column: str) -> pd.DataFrame:
    """Rows of a pair of columns of Adult, as cells with their numbers of rows."""
    return pd.DataFrame(ADULT["tables"][f"{facet}, {column}"], columns=[facet, column, "n"])


def table_of(found: pd.DataFrame, name: str) -> pd.DataFrame:
    return found[found["table"] == name].reset_index(drop=True)


def people(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = np.where(rng.random(rows) < 0.5, "F", "M")
    job = np.where(rng.random(rows) < np.where(sex == "F", 0.8, 0.2), "nurse", "pilot")
    return pd.DataFrame({"sex": sex, "job": job, "coin": rng.integers(0, 2, rows)})


# Against definitions, and against numbers of others


@settings(max_examples=60, deadline=None)
@given(columns(min_size=6, max_size=40))
def test_every_figure_is_that_of_its_definition(table: Columns) -> None:
    names = [*table]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*table.values(), strict=True)]
    found = biaskit.profile(pa.table(table), facet="sex")
    proxies = table_of(found, "proxies").set_index("column")
    assert {*proxies.index} == {*names} - {"sex"}
    for column, row in proxies.iterrows():
        of = naive_profile.known(rows, str(column), "sex")
        values = {one["sex"] for one in of}
        levels = {one[column] for one in of}
        assert (row["n"], row["n_missing"], row["levels"]) == (
            len(of),
            len(rows) - len(of),
            len(levels),
        )
        if len(values) < 2:
            assert math.isnan(row["u"])
            assert "one value" in row["note"]
            continue
        told = naive_profile.told(of, str(column), "sex")
        assert (row["u"], row["u_corrected"]) == pytest.approx(told, abs=1e-9)
        assert row["guess"] == pytest.approx(naive_profile.guess(of, str(column), "sex"), abs=1e-12)
        assert row["chance"] == 1 / len(values)
        if len(levels) > 1:
            plain, corrected = naive_profile.cramer(of, str(column), "sex")
            assert (row["v_uncorrected"], row["v"]) == pytest.approx(
                (plain, corrected), abs=1e-7, nan_ok=True
            )
            assert 0 <= row["low"] <= row["high"] <= 1
            assert row["low"] <= max(row["u_corrected"], 0) <= row["high"]
    gone = table_of(found, "missing")
    assert {*gone["column"]} == {*proxies.index}
    for _, row in gone[gone["value"] != "(all)"].iterrows():
        shares = naive_profile.missing(rows, row["column"], "sex", row["value"])
        assert [row["share"], row["other"]] == pytest.approx(shares, nan_ok=True)
        assert row["n"] + row["n_others"] + row["n_missing"] == len(rows)
    complete = gone.loc[gone["value"] == "(all)", "column"]
    known = [r for r in rows if r["sex"] is not None]
    assert {*complete} == {c for c in proxies.index if all(r[c] is not None for r in known)}


@pytest.mark.parametrize(
    ("facet", "column", "v_uncorrected", "v", "u", "guess"),
    [
        ("sex", "relationship", 0.649000, 0.648892, 0.430329, 0.802661),
        ("sex", "marital", 0.461827, 0.461635, 0.178457, 0.728702),
        ("sex", "occupation", 0.434261, 0.433780, 0.163843, 0.682572),
        ("sex", "income", 0.215980, 0.215912, 0.040592, 0.598138),
        ("sex", "education", 0.095621, 0.093182, 0.007482, None),
        ("sex", "country", 0.066068, 0.055804, 0.003544, None),
        ("race", "country", 0.422128, 0.420670, 0.177850, 0.427261),
    ],
)
def test_figures_of_adult(
    facet: str, column: str, v_uncorrected: float, v: float, u: float, guess: float | None
) -> None:
    found = biaskit.profile(adult(facet, column), facet=facet, frequency="n")
    row = table_of(found, "proxies").iloc[0]
    assert row[["v_uncorrected", "v", "u"]].tolist() == pytest.approx(
        [v_uncorrected, v, u], abs=5e-7
    )
    if guess is not None:
        assert row["guess"] == pytest.approx(guess, abs=5e-7)
    # Of so many rows, the expected value is that of large tables.
    cells = adult(facet, column).dropna()
    levels, values = cells[column].nunique(), cells[facet].nunique()
    shares = cells.groupby(facet)["n"].sum() / cells["n"].sum()
    entropy = -(shares * np.log(shares)).sum()
    large = (levels - 1) * (values - 1) / (2 * cells["n"].sum() * entropy)
    assert row["u"] - row["u_corrected"] == pytest.approx(large, rel=0.03)


@pytest.mark.parametrize(
    ("column", "rows", "shares"),
    [
        ("workclass", 32_561 - 1_836, (0.0778943459, 0.0457549335)),
        ("occupation", 30_718, (0.0780800297, 0.0459843965)),
        ("country", 31_978, (0.0151332281, 0.0192748968)),
    ],
)
def test_what_is_missing_in_adult(column: str, rows: int, shares: tuple[float, float]) -> None:
    found = biaskit.profile(adult("sex", column), facet="sex", frequency="n")
    assert table_of(found, "proxies")["n"].item() == rows
    gone = table_of(found, "missing").set_index("value")
    assert gone["share"][["Female", "Male"]].tolist() == pytest.approx(shares, abs=1e-10)
    assert gone["other"][["Male", "Female"]].tolist() == pytest.approx(shares, abs=1e-10)
    assert (gone["low"] <= gone["difference"]).all()
    assert (gone["p_adjusted"] < 0.01).all()
    assert gone["n"].to_dict() == {"Female": 10_771, "Male": 21_790}


def test_shares_of_adult_beside_a_population() -> None:
    cells = adult("sex", "income")
    population = {"Female": 0.508, "Male": 0.492}
    found = biaskit.profile(cells, facet="sex", frequency="n", population=population)
    row = table_of(found, "population").set_index("value").loc["Female"]
    figures = row[["share", "difference", "ratio"]].tolist()
    assert figures == pytest.approx([0.3307945088, -0.1772054912, 0.6511702929], abs=5e-11)
    assert row["z"] == pytest.approx(-63.96, abs=5e-3)
    cells = adult("race", "country")
    found = biaskit.profile(
        cells, facet="race", frequency="n", population={"White": 0.7986, "Black": 0.1242}
    )
    every = table_of(found, "population").set_index("value")
    assert [*every.index] == ["Black", "White", "(others)", "(all)"]
    figures = every.loc["(all)", ["chi_squared", "tvd", "kl", "psi"]].tolist()
    wanted = [652.7381624479, 0.0556735174, 0.0109630981, 0.0230742077]
    assert figures == pytest.approx(wanted, abs=5e-11, rel=1e-12)
    assert "'Amer-Indian-Eskimo', 'Asian-Pac-Islander', 'Other'" in every["note"]["(all)"]


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.01, 0.99))
def test_the_test_of_a_share_is_that_of_the_binomial_law(x: int, more: int, share: float) -> None:
    data = pd.DataFrame({"sex": ["F", "M"], "n": [x, more]})
    found = biaskit.profile(
        data, facet="sex", frequency="n", population={"F": share, "M": 1 - share}
    )
    rows = table_of(found, "population").set_index("value")
    wanted = naive_profile.binomial_mid_p(x, x + more, share)
    assert rows["p_value"][["F", "M"]].tolist() == pytest.approx([wanted] * 2, abs=1e-9)
    assert rows["p_adjusted"]["F"] == rows["p_value"]["F"]  # two mirrored rows are one test
    assert rows["low"]["F"] <= rows["difference"]["F"] <= rows["high"]["F"]


# Laws


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=2, max_size=8),
    st.randoms(use_true_random=False),
)
def test_names_and_order_change_nothing(cells: list[list[int]], random: Any) -> None:
    table = np.array(cells)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape, default=0) < 2:
        return
    order = random.sample(range(len(table)), len(table))
    one, other = association(table, 0.025), association(table[order], 0.025)
    for field in ("v", "guess", "p_value"):
        assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-9, abs=1e-12)
    assert one.told == pytest.approx(other.told, rel=1e-9, abs=1e-12)
    # Values that are split at random tell as much, and as much more as chance would.
    assert one.told.u <= association(np.vstack([table, table[:1]]), 0.025).told.u * 10


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_the_expected_value_is_between_0_and_all(sizes: list[int]) -> None:
    of_row = np.array(sizes)
    n = int(of_row.sum())
    of_column = np.array([n - n // 2, n // 2] if n > 1 else [n])
    found = expected_information(of_row, of_column)
    assert -1e-12 <= found <= math.log(2) + 1e-12
    if len(sizes) == 1:
        assert found == pytest.approx(0, abs=1e-12)


def test_an_identifier_tells_nothing_beyond_chance() -> None:
    told = told_by(np.eye(2, dtype=np.int64)[np.arange(100) % 2], 0.025)
    assert told.u == pytest.approx(1)
    assert told.u_corrected == pytest.approx(0, abs=1e-9)
    assert told.low == 0


@pytest.mark.parametrize("levels", [2, 50, 500])
@pytest.mark.parametrize("rows", [500, 5_000])
def test_independent_columns_tell_nothing_on_average(levels: int, rows: int) -> None:
    rng = np.random.default_rng(levels * rows)
    found = []
    for _ in range(60):
        x, y = rng.integers(0, levels, rows), rng.random(rows) < 0.3
        table = np.array([np.bincount(x[y == one], minlength=levels) for one in (0, 1)]).T
        found.append(association(table[table.sum(axis=1) > 0], 0.025))
    u = np.array([one.told.u_corrected for one in found])
    assert abs(u.mean()) < 4 * u.std() / math.sqrt(len(u))
    assert np.mean([one.p_value < 0.05 for one in found]) < 0.2
    assert np.mean([one.told.low > 0 for one in found]) < 0.15


@pytest.mark.slow
def test_of_shuffled_facets_nothing_is_claimed() -> None:
    """Ten columns of 2 to 300 values, 400 rows: a claim in at most 8 % of the data sets."""
    rng = np.random.default_rng(5)
    claimed = 0
    sets = 300
    for _ in range(sets):
        rows = 400
        data = pd.DataFrame(
            {f"c{k}": rng.integers(0, k, rows) for k in (2, 3, 4, 5, 8, 12, 20, 50, 120, 300)}
        )
        data["sex"] = np.where(rng.random(rows) < 0.2, "F", "M")
        found = biaskit.profile(pa.Table.from_pandas(data), facet="sex")
        claimed += bool((found["p_adjusted"] <= 0.05).any())
    assert claimed / sets <= 0.08


# What is said


def test_a_proxy_that_matters_is_told_from_others() -> None:
    data = people(4_000)
    data["paid"] = np.where(data["job"] == "nurse", data["coin"], 1)
    data["noise"] = np.arange(len(data)) % 3
    found = biaskit.profile(data, facet="sex", label="paid", limit=0.05)
    seen = table_of(found, "proxies").set_index("column")
    assert next(iter(seen.index)) == "job"
    assert seen["matters"].to_dict() == {"job": "yes", "coin": "no", "noise": "no", "paid": ""}
    assert seen["u_label"]["job"] > 0.2
    assert math.isnan(seen["u_label"]["paid"])
    unsure = biaskit.profile(data, facet="sex", label="paid", limit=seen["u_corrected"]["job"])
    assert table_of(unsure, "proxies")["matters"][0] == "unsure"


def test_no_column_and_no_value_vanishes() -> None:
    rows = 3_000
    rng = np.random.default_rng(1)
    data = people(rows).assign(
        id=np.arange(rows),
        income=np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
        one="same",
        nothing=None,
        tags=[["a"]] * rows,
        twin=lambda df: df["sex"].str.lower(),
    )
    data.loc[(data["sex"] == "F") & (data.index % 2 == 0), "income"] = np.nan
    found = biaskit.profile(data, facet="sex")
    proxies = table_of(found, "proxies").set_index("column")
    assert {*proxies.index} == {*data.columns} - {"sex"}
    assert "more than 1,000 different values" in proxies["note"]["id"]
    assert "facet_edges={'income': [...]}" in proxies["note"]["income"]
    assert proxies["note"]["one"] == "one value only, so it tells nothing"
    assert proxies["u_corrected"]["one"] == 0
    assert proxies["note"]["nothing"] == "no row is known on both"
    assert "convert it" in proxies["note"]["tags"]
    assert "does it restate it" in proxies["note"]["twin"]
    gone = table_of(found, "missing").set_index(["column", "value"])
    # What is not counted is still known to be there or not.
    share = data["income"].isna().groupby(data["sex"]).mean()
    assert gone.loc[("income", "F"), "share"] == pytest.approx(share["F"])
    assert gone.loc[("income", "M"), "share"] == pytest.approx(share["M"])
    assert gone.loc[("nothing", "F"), "share"] == 1
    assert gone.loc[("id", "(all)"), "note"] == "no value is missing"
    cut = biaskit.profile(data, facet="sex", columns=["income"], facet_edges={"income": [-1, 0, 1]})
    assert table_of(cut, "proxies")["levels"].item() == 4


def test_one_value_of_a_facet_is_said() -> None:
    data = people().assign(sex="F", job=lambda df: df["job"].where(df["job"] != "pilot"))
    found = biaskit.profile(data, facet="sex")
    assert "one value" in table_of(found, "proxies")["note"][0]
    gone = table_of(found, "missing").set_index("column")
    assert "no others to compare with" in gone["note"]["job"]
    assert math.isnan(gone["p_adjusted"]["job"])


def test_few_rows_for_many_values_are_said() -> None:
    data = people(60).assign(street=np.arange(60) // 2)
    found = table_of(biaskit.profile(data, facet="sex"), "proxies").set_index("column")
    assert "read u_corrected" in found["note"]["street"]
    assert not found["note"]["job"]


def test_a_facet_that_is_never_known_is_said() -> None:
    data = people().assign(sex=None)
    found = biaskit.profile(data, facet="sex", population={"F": 0.5, "M": 0.5})
    assert table_of(found, "proxies")["note"].eq("no row is known on both").all()
    assert table_of(found, "missing")["note"].eq("the facet is known in no row").all()
    every = table_of(found, "population").set_index("value").loc["(all)"]
    assert math.isnan(every["p_value"])
    assert every["note"] == "no row is known on the facet"


def test_very_many_rows_are_counted() -> None:
    data = pd.DataFrame({"sex": ["F", "F", "M", "M"], "x": [0, 1, 0, 1]})
    data["n"] = [3 * 10**17, 10**17, 10**17, 3 * 10**17]
    found = table_of(biaskit.profile(data, facet="sex", frequency="n"), "proxies").iloc[0]
    assert found["u"] == pytest.approx(1 - 0.8112781244591328, rel=1e-9)
    assert found["low"] == pytest.approx(found["high"], rel=1e-6)
    tiny = expected_information(np.array([3, 10**15]), np.array([1_000, 10**15 - 997]))
    assert 0 < tiny < 1e-20


# Sources


@pytest.mark.parametrize("name", [one for one in CONSTRUCTORS if "spark" not in one])
def test_every_source_says_the_same(name: str, tmp_path: Path) -> None:
    table = people(200).assign(place=[None, "x", "y", "z"] * 50, rate=[0.5, 1.0, 2.25, 7.0] * 50)
    wanted = biaskit.profile(table, facet="sex", label="coin")
    rows: dict[str, Any] = {one: table[one].tolist() for one in table}
    rows["place"] = [None, "x", "y", "z"] * 50
    made = CONSTRUCTORS[name](rows, tmp_path)
    found = biaskit.profile(made, facet="sex", label="coin")
    pd.testing.assert_frame_equal(found, wanted)


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_engines_set_columns_aside_too(engine: str) -> None:
    """More groups than come back at once, so that each pair is asked for by itself."""
    rows = 120_000
    data = people(rows).assign(id=np.arange(rows), small=np.arange(rows) % 7)
    module = pytest.importorskip(engine)
    made = module.from_pandas(data).lazy() if engine == "polars" else module.from_df(data)
    wanted = biaskit.profile(data, facet="sex")
    pd.testing.assert_frame_equal(biaskit.profile(made, facet="sex"), wanted)
    assert "1,000 different values" in wanted.loc[wanted["column"] == "id", "note"].iloc[0]


def test_saved_counts_have_what_they_count(tmp_path: Path) -> None:
    data = biaskit.datasets.berkeley()
    wanted = biaskit.profile(data, facet="gender", label="decision")
    counts = biaskit.count(data, facet=["gender", ("gender", "department")], label="decision")
    counts.save(tmp_path / "b.counts")
    of_group = biaskit.count(data, facet="gender", label="decision", group="department")
    key = ["table", "column", "value"]
    for held in (tmp_path / "b.counts", counts, of_group):
        found = biaskit.profile(held, facet="gender")
        pd.testing.assert_frame_equal(
            found.sort_values(key).reset_index(drop=True),
            wanted.sort_values(key).reset_index(drop=True),
        )


def test_parts_of_a_table_add_up_to_it(tmp_path: Path) -> None:
    data = people(301).assign(place=[None, "x", "y"] * 100 + ["x"])
    facet = ["sex", ("sex", "job"), ("sex", "place")]
    whole = biaskit.count(data, facet=facet)
    parts = [biaskit.count(data.iloc[i::3], facet=facet) for i in range(3)]
    pd.testing.assert_frame_equal(
        biaskit.profile(sum(parts), facet="sex"), biaskit.profile(whole, facet="sex")
    )


def test_several_facets_and_intersections() -> None:
    data = people().assign(race=["b", "w"] * 200)
    found = biaskit.profile(data, facet=["sex", "race", ("sex", "race")])
    proxies = table_of(found, "proxies")
    by_facet = {f: {*of["column"]} for f, of in proxies.groupby("facet")}
    assert by_facet == {
        "sex": {"job", "coin", "race"},
        "race": {"job", "coin", "sex"},
        "sex & race": {"job", "coin"},
    }


# Populations


def test_a_population_may_be_a_table(tmp_path: Path) -> None:
    data, census = people(300, seed=1), people(2_000, seed=2)
    found = biaskit.profile(data, facet="sex", population=census)
    for facet in ("sex", [("job", "sex")]):
        counts = biaskit.count(census, facet=facet)
        again = biaskit.profile(data, facet="sex", population=counts)
        pd.testing.assert_frame_equal(again, found)
    with pytest.raises(RolesError, match="no facet 'sex'; there are 'job'"):
        biaskit.profile(data, facet="sex", population=biaskit.count(census, facet="job"))
    census.to_csv(tmp_path / "census.csv", index=False)
    again = biaskit.profile(data, facet="sex", population=tmp_path / "census.csv")
    pd.testing.assert_frame_equal(again, found)
    rows = table_of(found, "population").set_index("value")
    assert rows["other"]["F"] == (census["sex"] == "F").mean()
    assert "table of 2,000 rows" in rows["note"]["(all)"]
    weighed = biaskit.count(census.assign(w=2.0), facet="sex", weight="w")
    with pytest.raises(RolesError, match="takes no weight"):
        biaskit.profile(data, facet="sex", population=weighed)
    exact = {one: float((census["sex"] == one).mean()) for one in "FM"}
    sure = table_of(biaskit.profile(data, facet="sex", population=exact), "population")
    assert (rows["p_value"] >= sure.set_index("value")["p_value"] * 0.9).all()


def test_a_value_without_rows_keeps_its_share() -> None:
    found = biaskit.profile(people(), facet="sex", population={"F": 0.49, "M": 0.49, "other": 0.02})
    row = table_of(found, "population").set_index("value").loc["other"]
    assert (row["n"], row["share"], row["other"]) == (0, 0, 0.02)
    assert row["p_adjusted"] < 0.05


@pytest.mark.parametrize(
    ("population", "said"),
    [
        ({"F": 51, "M": 49}, "parts of 1"),
        ({"F": 0.5, "M": "half"}, "must be a number"),
        ({"F": 0.5, "M": -0.1}, "must be a number"),
        ({"F": 0.5, "Mann": 0.5}, "no row has the value 'Mann', and 'M' has no share"),
        ({"F": 1.0}, "without one: 'M'"),
        ({"race": {"b": 1}}, "no facet 'race'"),
        ({"sex": 0.5, "race": {"b": 1}}, "share for each value"),
        ({}, "population takes shares"),
        (0.5, "not a table"),
        ([], "no files|not a table|paths"),
    ],
)
def test_a_population_that_does_not_fit_is_refused(population: Any, said: str) -> None:
    with pytest.raises(BiaskitError, match=said):
        biaskit.profile(people(), facet="sex", population=population)


# Refusals


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({}, "facet is needed"),
        ({"facet": "sexx"}, "did you mean 'sex'"),
        ({"facet": "sex", "columns": ["jobb"]}, "did you mean 'job'"),
        ({"facet": "sex", "columns": []}, "names of columns"),
        ({"facet": "sex", "columns": 3}, "names of columns"),
        ({"facet": "sex", "weight": "coin"}, "takes no weight"),
        ({"facet": "sex", "facet_values": "F"}, "takes no facet_values"),
        ({"facet": "sex", "confidence": 1}, "confidence must be"),
        ({"facet": "sex", "limit": 2}, "limit must be"),
        ({"facet": "sex", "facet_edges": {"job": [1]}}, "must be numbers"),
        ({"facet": "sex", "populaton": {}}, "did you mean 'population'"),
        ({"facet": "sex", "columns": ["sex"]}, "no column to profile beside 'sex'"),
    ],
)
def test_calls_that_are_invalid(call: dict[str, Any], said: str) -> None:
    with pytest.raises(BiaskitError, match=said):
        biaskit.profile(people(), **call)


def test_counts_that_cannot_be_profiled() -> None:
    data = people()
    counts = biaskit.count(data, facet=["sex", ("sex", "job")])
    with pytest.raises(RolesError, match="rounded"):
        biaskit.profile(counts.protect())
    with pytest.raises(RolesError, match="no table of 'coin' with 'sex'"):
        biaskit.profile(counts, facet="sex", columns=["coin"])
    with pytest.raises(RolesError, match="no facet 'job2'"):
        biaskit.profile(counts, facet="job2")
    with pytest.raises(RolesError, match="takes no weight"):
        biaskit.profile(biaskit.count(data.assign(w=1.5), facet="sex", weight="w"))
    with pytest.raises(DataError, match="no rows"):
        biaskit.profile(data.iloc[:0], facet="sex")


# Command line


def test_the_command_line_says_the_same(tmp_path: Path, capsys: Any) -> None:
    data = people().assign(place=[None, "x"] * 200, id=np.arange(400) / 3)
    path = tmp_path / "p.csv"
    data.to_csv(path, index=False)
    shares = ["--population", "sex:F=0.51", "--population", "sex:M=0.49"]
    argv = ["profile", str(path), "--facet", "sex", "--label", "coin", *shares]
    population = {"F": 0.51, "M": 0.49}
    wanted = biaskit.profile(path, facet="sex", label="coin", population=population)
    assert main([*argv, "--format", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["roles"]["facet"] == ["sex"]
    for name in ("proxies", "missing", "population"):
        own = table_of(wanted, name)
        assert len(made[name]) == len(own)
        for row, (_, its) in zip(made[name], own.iterrows(), strict=True):
            for column, value in row.items():
                assert value == its[column] or (value is None and math.isnan(its[column]))
    assert main([*argv, "-o", str(tmp_path / "p.parquet")]) == 0
    again = pd.read_parquet(tmp_path / "p.parquet")
    assert [*again.columns] == [*wanted.columns]
    assert len(again) == len(wanted)
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert said.startswith("Of 4 columns, job tells sex best: ")
    assert "no value is missing in 'job', 'coin', 'id'" in said
    assert main([*argv, "--format", "markdown"]) == 0
    assert "### proxies" in capsys.readouterr().out
    assert main([*argv, "-o", str(tmp_path / "p.xlsx")]) == 0
    assert {"proxies", "missing", "population"} < {
        *pd.read_excel(tmp_path / "p.xlsx", sheet_name=None)
    }


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--facet", "sex", "--population", "sex:F=0.5", "--population", "half"], "sex:F=0.51"),
        (["--facet", "sex", "--population", "sex:F=0.5", "--population", "sex:F=0.5"], "twice"),
        (["--facet", "sex", "--population", "nowhere.csv"], "nowhere.csv"),
        (["--facet", "sex", "--population", "sex:F=51", "--population", "sex:M=49"], "parts of 1"),
        (["--facet", "sex", "--over", "jobb"], "did you mean 'job'"),
        (["--facet", "sex", "--confidence", "2"], "--confidence must be"),
    ],
)
def test_command_lines_that_are_invalid(
    argv: list[str], said: str, tmp_path: Path, capsys: Any
) -> None:
    people().to_csv(tmp_path / "p.csv", index=False)
    assert main(["profile", str(tmp_path / "p.csv"), *argv]) == 2
    assert said in capsys.readouterr().err
