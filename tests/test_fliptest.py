"""FT, from rows: the documents' sign, its naive twin, every engine, samples, what it refuses."""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit.cli import main
from biaskit.reports import fliptest
from biaskit.sources import engines, sample
from support import naive
from support.engines import CONSTRUCTORS, Columns
from support.goldens import CASES

GOLDEN = {i: case for i, case in CASES.items() if "FT" in case["documented"]}


def flips(data: Any, **roles: Any) -> pd.DataFrame:
    return biaskit.report(data, **{"facet": "sex", "predicted": "p", "metrics": "FT", **roles})


def twin(columns: Columns, value: Any, features: list[str]) -> float | None:
    """The naive twin on the rows in which everything is known."""
    rows = zip(
        columns["sex"], columns["p"], zip(*(columns[f] for f in features), strict=True), strict=True
    )
    known = [row for row in rows if None not in (*row[:2], *row[2])]
    return naive.ft([("d" if s == value else "a", bool(p), tuple(f)) for s, p, f in known])


def table(rows: int, seed: int = 0) -> Columns:
    """Columns with ties, missing values, texts, and numbers of very different sizes."""
    rng = np.random.default_rng(seed)

    def some(values: list[Any]) -> list[Any]:
        return [values[i] for i in rng.integers(0, len(values), rows)]

    return {
        "sex": ["F", "M", *some(["F", "M", "F", "M", "X", None])][:rows],
        "p": some([0, 1, 1, 0, None]),
        "income": [float(x) for x in rng.normal(5e4, 1e4, rows).round(3)],
        "age": some([20, 30, 30, 41, None]),
        "town": some(["Ulm", "Bonn", "Köln", "Bonn", None]),
        "owner": some([True, False]),
        "g": some(["a", "b"]),
        "h": some(["a", "b"]),
    }


@pytest.mark.parametrize("case", GOLDEN.values(), ids=list(GOLDEN))
def test_the_documented_sign(case: dict[str, Any]) -> None:
    roles = {name: value for name, value in case["roles"].items() if name not in ("k", "group")}
    facet = roles["facet"]  # the same in all of a side, so it changes no neighbours
    roles["features"] = [column for column in roles["features"] if column != facet]
    report = biaskit.report(pa.table(case["columns"]), **roles)
    found = report[report["metric"] == "FT"]["estimate"].item()
    assert found == pytest.approx(case["documented"]["FT"], abs=1e-12)
    theirs = biaskit.report(
        pa.table(case["columns"]), **roles, metrics=[biaskit.compat.SMCLARIFY["FT"]]
    )
    assert theirs["estimate"].item() == pytest.approx(case["smclarify"]["FT"], abs=1e-12)


def test_smclarify_compares_numbers_as_they_are() -> None:
    """As they are, the large feature alone says who is alike; in units of their spread, both do."""
    made = {
        "sex": ["F", "M", "M"],
        "p": [0, 1, 0],
        "large": [1000.0, 950.0, 1100.0],
        "small": [0.0, 1.0, 0.0],
    }
    roles = {"features": ["large", "small"], "facet_values": "F"}
    old = [biaskit.compat.SMCLARIFY["FT"]]
    assert flips(pa.table(made), **roles)["estimate"].item() == 0
    assert flips(pa.table(made), **roles, metrics=old)["estimate"].item() == -1


NUMBER = st.sampled_from([0, 1, 2, 3.5, 10])
ROW = st.tuples(
    st.sampled_from("FMX"), st.integers(0, 1), NUMBER, NUMBER, st.sampled_from(["u", "v", "w"])
)


@pytest.mark.parametrize("columns", [16, 0], ids=["tree", "all"])
@given(rows=st.lists(ROW, min_size=2, max_size=40))
def test_equals_its_naive_twin(columns: int, rows: list[tuple[Any, ...]]) -> None:
    rows = [("F", 0, 0, 0, "u"), ("M", 1, 1, 0, "v"), *rows]
    made = dict(zip(("sex", "p", "x", "y", "z"), map(list, zip(*rows, strict=True)), strict=True))
    made = {**made, "x": [float(x) for x in made["x"]], "y": [float(y) for y in made["y"]]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fliptest, "_TREE_COLUMNS", columns)
        report = flips(pa.table(made), features=["x", "y", "z"])
    for row in report.itertuples():
        expected = twin(made, row.value, ["x", "y", "z"])
        assert row.estimate == pytest.approx(expected, abs=1e-12)


def test_continuous_features_of_many_rows() -> None:
    made = table(400)
    features = ["income", "age", "town", "owner"]
    report = flips(pa.table(made), features=features)
    assert report["value"].tolist() == ["F", "M", "X"]
    for row in report.itertuples():
        assert row.estimate == pytest.approx(twin(made, row.value, features), abs=1e-12)


ALIKE: dict[str, Any] = {
    "several": ["income", "age", "town", "owner"],
    "rest": "rest",
    "one": "income",
}


def roles_of_alike(alike: str) -> dict[str, Any]:
    facets = ["sex", ("sex", "g")]
    return {"facet": facets, "group": "h", "predicted": "p", "features": ALIKE[alike]}


@functools.cache
def of_arrow(alike: str) -> pd.DataFrame:
    """What every engine must report, made once."""
    return biaskit.report(pa.table(table(60)), **roles_of_alike(alike))


@pytest.mark.parametrize("alike", ["several", "rest", pytest.param("one", marks=pytest.mark.slow)])
def test_every_engine_gives_the_same_bits(constructor: Any, alike: str) -> None:
    data = constructor(table(60))
    source = engines.engine_source(data)
    if source is not None and not source.engine.streams:
        pytest.skip(f"{source.engine} gives no rows, and FT needs them")
    found = biaskit.report(data, **roles_of_alike(alike))
    pd.testing.assert_frame_equal(found, of_arrow(alike), check_exact=True)
    assert found["metric"].tolist()[:5] == ["CI", "DPPL", "DI", "CDDPL", "FT"]
    assert (found["n_a"] + found["n_d"] + found["n_missing"] == 60).all()


@pytest.mark.parametrize("name", ["pandas", "arrow reader", "parquet row groups", "csv"])
def test_a_sample_does_not_depend_on_batches(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 100)
    made = table(1000)
    features = ["income", "owner"]
    expected = flips(pa.table(made), features=features)
    found = flips(CONSTRUCTORS[name](made, tmp_path), features=features)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    known = sum(p is not None for p in made["p"])
    assert set(found["note"]) == {f"a sample of 100 of {known} rows (seed 0); no interval"}
    rows = list(zip(made["sex"], made["p"], strict=True))
    f = found.iloc[0]
    assert f["n_d"] == sum(s == "F" and p is not None for s, p in rows)
    assert f["n_missing"] == sum(s is None or p is None for s, p in rows)
    monkeypatch.setattr(sample, "MAX_ROWS", known)
    assert set(flips(pa.table(made), features=features)["note"]) == {"no interval"}


def test_the_order_of_the_rows_does_not_matter() -> None:
    made = pd.DataFrame(table(200))
    features = ["income", "age", "town", "owner"]
    pd.testing.assert_frame_equal(
        flips(made, features=features), flips(made.iloc[::-1], features=features), check_exact=True
    )


def test_rows_of_which_something_is_missing_are_on_neither_side() -> None:
    made = {
        "sex": ["F", "F", "F", "M", "M", None, "M"],
        "p": [0, 0, 1, 1, None, 1, 0],
        "y": [0, 1, 1, 1, 1, 1, None],
        "x": [1.0, math.nan, 1.0, 1.0, 1.0, 1.0, 2.0],
    }
    row = flips(pa.table(made), features="x").iloc[0]
    assert (row["n_a"], row["n_d"], row["n_missing"]) == (2, 2, 3)
    assert row["estimate"] == 0.5
    row = flips(pa.table(made), features="x", label="y").iloc[0]
    assert (row["n_a"], row["n_d"], row["n_missing"]) == (1, 2, 4)
    assert row["note"] == (
        "one row on side a; only 2 rows on side d; 1 neighbour: side a has fewer than 10 rows; "
        "no interval"
    )
    empty = flips(pa.table({**made, "x": pa.nulls(7)}), features="x").iloc[0]
    assert math.isnan(empty["estimate"])
    assert empty["note"] == "no rows on side a; no rows on side d; no interval"
    assert empty["n_missing"] == 7
    no_facet = flips(pa.table({**made, "sex": pa.nulls(7)}), features="x").iloc[0]
    assert math.isnan(no_facet["estimate"])


def test_numbers_are_scaled_and_texts_are_one_apart() -> None:
    made = {"sex": ["F", "M", "M"], "p": [0, 0, 1], "income": [0, 0, 1000], "size": [0, 9, 0]}
    assert flips(pa.table(made), features="income")["estimate"][0] == 0
    assert flips(pa.table(made), features="size")["estimate"][0] == 1
    equal = flips(pa.table(made), features=["income", "size"])["estimate"][0]
    assert equal == 0  # both are at the same distance: half of the votes, no flip
    rounding = {**made, "income": [0.1, 0.1, 0.1], "size": [7] * 3}
    assert flips(pa.table(rounding), features=["income", "size"])["estimate"][0] == 0
    large = {**made, "income": [-1e308, -1e308, 1e308]}
    assert flips(pa.table(large), features="income")["estimate"][0] == 0


def test_every_type_that_can_be_compared() -> None:
    made = table(30)
    plain = flips(pa.table(made), features=["age", "town"])
    decimals = [None if x is None else decimal.Decimal(x) for x in made["age"]]
    dates = [None if x is None else dt.date(2020, 1, len(x)) for x in made["town"]]
    lengths = [None if x is None else f"{len(x)}" for x in made["town"]]
    pd.testing.assert_frame_equal(
        flips(pa.table({**made, "age": decimals}), features=["age", "town"]), plain
    )
    pd.testing.assert_frame_equal(
        flips(pa.table({**made, "town": dates}), features=["age", "town"]),
        flips(pa.table({**made, "town": lengths}), features=["age", "town"]),
    )
    encoded = pa.table(made)
    for i in (3, 4, 5):
        encoded = encoded.set_column(
            i, encoded.column_names[i], encoded.column(i).dictionary_encode()
        )
    pd.testing.assert_frame_equal(flips(encoded, features=["age", "town"]), plain)
    pd.testing.assert_frame_equal(
        flips(encoded, features="owner"), flips(pa.table(made), features="owner")
    )


def test_the_sides_are_those_of_every_other_metric() -> None:
    made = table(80)
    one = flips(pa.table(made), facet="age", facet_above=25, features="income")
    assert one["value"].tolist() == [">25"]
    bins = flips(pa.table(made), facet="age", facet_edges=[25, 35, 90], features="income")
    assert bins["note"].tolist()[-1] == "no rows on side d; no interval"
    together = flips(pa.table(made), facet_values=["F", "X"], features="income")
    assert together["estimate"].item() == pytest.approx(
        naive.ft(
            [
                ("a" if s == "M" else "d", bool(p), (x,))
                for s, p, x in zip(made["sex"], made["p"], made["income"], strict=True)
                if s is not None and p is not None
            ]
        )
    )
    scores = {**made, "p": [None if p is None else p + 0.25 for p in made["p"]]}
    pd.testing.assert_frame_equal(
        flips(pa.table(scores), predicted_above=0.5, features="income"),
        flips(pa.table(made), features="income"),
    )


def test_weights_weigh_the_rows_of_d() -> None:
    made = {"sex": ["F", "F", "M"], "p": [0, 1, 1], "x": [0, 0, 0], "w": [3.0, 1.0, 2.0]}
    assert flips(pa.table(made), weight="w", features="x")["estimate"][0] == 0.75
    made["w"] = [0.0, 0.0, 1.0]
    assert math.isnan(flips(pa.table(made), weight="w", features="x")["estimate"][0])


def test_it_runs_when_its_columns_are_given() -> None:
    made = pa.table(table(30))
    roles = {"facet": "sex", "predicted": "p"}
    assert "FT" not in biaskit.report(made, **roles)["metric"].tolist()
    assert "FT" not in biaskit.report(made, facet="sex", features="age")["metric"].tolist()
    asked = biaskit.report(made, **roles, metrics=["ft", "DPPL"])
    assert asked["metric"].tolist()[:2] == ["FT", "DPPL"]
    assert asked["note"][0] == "not computed without a list of features: give features="
    assert math.isnan(asked["estimate"][0])
    asked = biaskit.report(made, facet="sex", features="age", metrics="FT")
    assert asked["note"][0] == "not computed without a predicted column: give predicted="
    # Features are read for FT only: where it is not asked for, they may be anything.
    biaskit.report(made, **roles, features="no such column", metrics="DPPL")


def test_counts_have_no_rows(tmp_path: Path) -> None:
    made = pa.table(table(30))
    counts = biaskit.count(made, facet="sex", predicted="p", features=["age"])
    assert counts.roles == biaskit.count(made, facet="sex", predicted="p").roles
    assert "FT" not in biaskit.report(counts)["metric"].tolist()
    assert set(biaskit.report(counts, metrics="FT")["note"]) == {
        "not computed without a list of features: give features="
    }
    counts.save(tmp_path / "saved.counts")
    for data in (counts, tmp_path / "saved.counts"):
        with pytest.raises(BiaskitError, match="FT needs the rows"):
            biaskit.report(data, features=["age"])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("sex", "'sex' is given as facet and as features"),
        (["age", "p"], "'p' is given as predicted and as features"),
        (["age", "age"], "names a column twice: 'age'"),
        ([], "needs one or more columns"),
        (3.5, "takes a list of column names"),
        (["agee"], "no column 'agee'; did you mean 'age'"),
        (["rest"], "no column 'rest'"),
        ("list", "a feature must hold numbers, booleans or texts"),
        ("far", "feature 'far' is infinite in 1 rows"),
        ("name", "feature 'name' has 1,200 categories; at most 1,000 are allowed"),
        ("rest", "feature '(far|name)'"),
    ],
)
def test_what_the_call_gets_wrong(features: Any, message: str) -> None:
    n = 1200
    made = {
        "sex": ["F", "M"] * (n // 2),
        "p": [0, 1, 1] * (n // 3),
        "age": [*range(n)],
        "list": [[1]] * n,
        "far": [math.inf, *range(n - 1)],
        "name": [f"n{i}" for i in range(n)],
    }
    with pytest.raises(BiaskitError, match=message):
        flips(pa.table(made), features=features)


def test_the_rest_is_what_can_be_compared() -> None:
    made = pa.table({"sex": ["F", "M"], "p": [0, 1], "x": [1, 1], "list": [[1], [2]]})
    assert flips(made, features="rest")["note"][0].endswith("features: 'x'; no interval")
    with pytest.raises(BiaskitError, match="no column without another role holds"):
        flips(made.drop(["x"]), features="rest")
    with pytest.raises(BiaskitError, match="every column has another role"):
        flips(made.select(["sex", "p"]), features="rest")
    frame = pd.DataFrame({"sex": ["F", "M"], "p": [0, 1], 1.5: [1, 2]})
    with pytest.raises(BiaskitError, match=r"the column 1\.5 has a name that is not a text"):
        flips(frame, features="rest")
    numbered = pd.DataFrame({"sex": ["F", "M"], "p": [0, 1], 0: [1, 1]})
    assert "features: '0'" in flips(numbered, features="rest")["note"][0]


def twins(rows: int = 60) -> Columns:
    """Columns among which are the label in other words, the score, and its rounded form."""
    rng = np.random.default_rng(0)
    score = rng.random(rows).round(3)
    label = (rng.random(rows) < 0.4).astype(int)
    return {
        "sex": ["F", "M"] * (rows // 2),
        "p": (score > 0.5).astype(int).tolist(),
        "y": label.tolist(),
        "age": rng.integers(20, 60, rows).tolist(),
        "town": rng.choice(["Ulm", "Bonn"], rows).tolist(),
        "income": [">50K" if one else "<=50K" for one in label],
        "score": score.tolist(),
        "decile": np.floor(score * 10).tolist(),
        "branch": [f"{int(one > 0.5)}{i % 5}" for i, one in enumerate(score)],
    }


def test_the_rest_takes_no_column_that_determines_the_outcome() -> None:
    made = pa.table(twins())
    honest = ["sex", "p", "y", "age", "town"]
    for name, what in [
        ("income", "label"),
        ("score", "prediction"),
        ("decile", "prediction"),
        ("branch", "prediction"),
    ]:
        with pytest.raises(BiaskitError, match=f"'{name}' determines the {what}.*'age', 'town'"):
            flips(made.select([*honest, name]), features="rest", label="y")
    with pytest.raises(BiaskitError, match="'income' determines the label, and 'score' determines"):
        flips(made, features="rest", label="y")
    note = flips(made, features=["age", "income", "score"], label="y")["note"][0]
    assert "feature 'income' determines the label; feature 'score' determines the" in note
    note = flips(made.select(honest), features="rest", label="y")["note"][0]
    assert note == "features: 'age', 'town'; no interval"
    # Without a label, the twin of one says nothing of the prediction.
    assert "determines" not in flips(made, features=["income", "age"])["note"][0]
    # Nor does a constant, or a prediction with only one value.
    one = {**twins(), "p": [1] * 60, "age": [3] * 60}
    assert "determines" not in flips(pa.table(one), features=["age", "score"])["note"][0]


def test_chance_determines_nothing() -> None:
    """Values that hardly recur, few rows, and an outcome of one row."""
    rng = np.random.default_rng(0)
    cases = [
        ([0, 1] * 30, rng.permutation(60)),  # no value recurs
        ([0, 0, 0, 1, 1, 1], np.arange(6)),  # of 6 rows, one in 10 orders is as good
        ([0] * 59 + [1], np.arange(60)),  # one row is always at some end
        ([0] * 59 + [1], np.append(np.arange(59) // 2, 99)),
    ]
    for p, x in cases:
        made = {"sex": ["F", "M"] * (len(p) // 2), "p": p, "x": x.tolist()}
        assert "determines" not in flips(pa.table(made), features="rest")["note"][0]


def test_every_feature_of_the_rest_is_named() -> None:
    names = [f"feature number {i} of many with a long name that is not cut off" for i in range(20)]
    rng = np.random.default_rng(0)
    made = {"sex": ["F", "M"] * 20, "p": rng.integers(0, 2, 40).tolist()}
    made.update({name: rng.normal(size=40).tolist() for name in names})
    note = flips(pa.table(made), features="rest")["note"][0]
    assert all(repr(name) in note for name in names)


def test_a_feature_is_of_one_kind(tmp_path: Path) -> None:
    for name, x in (("a", [1, 2]), ("b", ["u", "v"])):
        pq.write_table(
            pa.table({"sex": ["F", "M"], "p": [0, 1], "x": x}), tmp_path / f"{name}.parquet"
        )
    with pytest.raises(BiaskitError, match=r"holds values of kind text in .* but number in"):
        flips(str(tmp_path / "*.parquet"), features="x")


def test_numbers_in_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("sex,p,x,z\nF,0,10,true\nM,0,9.2,true\nM,1,9.5,false\nM,1,nan,true\n")
    report = flips(path, features=["x"])
    assert report["estimate"][0] == 1.0
    assert report["n_missing"][0] == 1
    assert flips(path, features=["x", "z"])["estimate"][0] == 0.0


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame(table(40)).to_csv(path, index=False)
    flags = ["report", str(path), "--facet", "sex", "--predicted", "p", "--format", "json"]
    for given_, features in ((["age", "town"], ["age", "town"]), (["rest"], "rest")):
        chosen = [flag for name in given_ for flag in ("--features", name)]
        assert main([*flags, *chosen]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["roles"]["features"] == features
        expected = biaskit.report(path, facet="sex", predicted="p", features=features)
        assert [row["metric"] for row in found["report"]] == expected["metric"].tolist()
        assert [row["n_d"] for row in found["report"]] == expected["n_d"].tolist()
        assert found["report"][3]["estimate"] == expected["estimate"][3]
    counts = str(tmp_path / "saved.counts")
    assert main(["count", *flags[1:6], "--features", "age", "-o", counts]) == 0
    assert main(["report", counts, "--features", "age"]) == 2
    assert "FT needs the rows" in capsys.readouterr().err
