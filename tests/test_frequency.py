"""A table of cells, each with the number of its rows, reports as those rows do, on every source."""

from __future__ import annotations

import functools
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from sklearn.tree import DecisionTreeClassifier

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.sources import answers, engines, repeats
from support.engines import CONSTRUCTORS, Columns
from support.strategies import columns

MOST = 2**63 - 1
ENGINES = ["polars lazy", "duckdb relation", "spark", "dask", "ibis", "sqlframe"]
OLD = Path(__file__).parent / "data" / "v0_1_0"
ROLES: dict[str, Any] = {
    "facet": ["gender", ("gender", "department")],
    "facet_values": {"gender": "female"},
    "label": "decision",
    "positive": "admitted",
}


def cells_of(frame: pd.DataFrame) -> Columns:
    """The cells of a table of rows, in no order, and their frequencies."""
    cells = frame.value_counts().rename("Freq").reset_index().sample(frac=1, random_state=0)
    return {name: cells[name].tolist() for name in cells}


def rows_of(cells: Columns) -> Columns:
    """The rows of a table of cells."""
    return {
        name: [value for value, n in zip(values, cells["Freq"], strict=True) for _ in range(n)]
        for name, values in cells.items()
        if name != "Freq"
    }


def berkeley_cells() -> Columns:
    """Cells of the admissions, and some that no applicant is in, with values of their own."""
    cells = cells_of(biaskit.datasets.berkeley())
    empty = [("other", "A", "maybe", 0), (None, "Q", None, 0), ("female", "A", "admitted", 0)]
    names = ("gender", "department", "decision", "Freq")
    for name, values in zip(names, zip(*empty, strict=True), strict=True):
        cells[name] = [values[0], *cells[name], *values[1:]]
    # What a row weighs that stands for none is not looked at.
    cells["w"] = [None, *(1 + i % 3 for i in range(len(cells["Freq"]) - 3)), -1, 2]
    return cells


@functools.cache
def of_applicants() -> pd.DataFrame:
    """What the cells must report in every engine, made once."""
    return biaskit.report(biaskit.datasets.berkeley(), **ROLES)


@functools.cache
def of_weighted_applicants() -> biaskit.Counts:
    return biaskit.count(pa.table(rows_of(berkeley_cells())), weight="w", **ROLES)


def test_the_cells_of_berkeley_are_its_applicants(constructor: Any) -> None:
    found = biaskit.report(constructor(berkeley_cells()), frequency="Freq", **ROLES)
    pd.testing.assert_frame_equal(found, of_applicants(), check_exact=True)
    assert {*(found["n_a"] + found["n_d"])} == {4526}


def test_each_repeated_row_has_its_weight(constructor: Any) -> None:
    found = biaskit.count(constructor(berkeley_cells()), weight="w", frequency="Freq", **ROLES)
    assert found.rows == of_weighted_applicants().rows == 4526
    assert found.tables == of_weighted_applicants().tables
    for table in found.tables.values():
        assert table.w is not None
        assert table.w.sum() > table.n.sum()


@pytest.mark.parametrize(
    "name", ["pandas", "arrow dictionaries", "parquet row groups", "csv", "polars lazy"]
)
@settings(max_examples=25)
@given(table=columns())
def test_any_frequencies(name: str, table: Columns, tmp_path: Path) -> None:
    cells = {**table, "Freq": [n // 2 for n in table["weight"]]}
    cells["Freq"][0] = 1
    roles: dict[str, Any] = {"facet": ["sex", "age"], "label": "outcome", "group": "group"}
    roles |= {"facet_edges": {"age": [25, 40]}, "predicted": "y", "weight": "weight"}
    made = CONSTRUCTORS[name](cells, tmp_path)
    found = biaskit.count(made, frequency="Freq", **roles)
    expected = biaskit.count(pa.table(rows_of(cells)), **roles)
    assert (found.rows, found.tables) == (expected.rows, expected.tables)


@pytest.mark.parametrize("choice", ["always", "never"])
def test_a_frequency_whatever_reads_parquet(
    choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", choice)
    for part, n in (("day=1", 2), ("day=2", 3)):
        (tmp_path / part).mkdir()
        pq.write_table(pa.table({"sex": ["F", "M"], "Freq": [n, 0]}), tmp_path / part / "x.parquet")
    sex, day = biaskit.count(tmp_path, facet=["sex", "day"], frequency="Freq").tables.values()
    assert (sex.levels[0], sex.n.ravel().tolist()) == (("F",), [5])
    assert (day.levels[0], day.n.ravel().tolist()) == ((1, 2), [2, 3])


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_frequency_that_folders_name(ending: str, tmp_path: Path) -> None:
    make = {"csv": "csv", "parquet": "parquet", "jsonl": "json lines"}[ending]
    for n in ("0", "3", "two"):
        path = Path(CONSTRUCTORS[make]({"sex": ["F", n], "y": [0, 1]}, tmp_path))
        (tmp_path / "all" / f"n={n}").mkdir(parents=True)
        path.rename(tmp_path / "all" / f"n={n}" / f"rows.{ending}")
    with pytest.raises(BiaskitError, match=r"n=two.*frequency 'n' is missing or not a number"):
        biaskit.count(tmp_path / "all", facet="sex", frequency="n")
    (tmp_path / "all" / "n=two" / f"rows.{ending}").unlink()
    counts = biaskit.count(tmp_path / "all", facet="sex", frequency="n")
    (table,) = counts.tables.values()
    assert (counts.rows, table.levels[0]) == (6, ("3", "F"))


@pytest.mark.parametrize(
    "texts", ["1,2\n2,1\nx,0\n", "1,2\n2,1\nx, 0.0\n", "1,2\n2,1e0\ntrue,-0\n"]
)
def test_a_text_of_no_rows_makes_no_texts_of_numbers(texts: str, tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(f"code,Freq\n{texts}")
    (table,) = biaskit.count(path, facet="code", frequency="Freq").tables.values()
    assert (table.levels[0], table.n.ravel().tolist()) == ((1, 2), [2, 1])


def test_files_of_another_type_that_stand_for_no_rows() -> None:
    schema = pa.schema({"code": pa.int64(), "Freq": pa.float64()})
    parts = [{"code": [1, 2], "Freq": [2.0, 3.0]}, {"code": [7, 7], "Freq": [0.0, 0.0]}]
    batches = [pa.record_batch(part, schema=schema) for part in parts]
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    (table,) = biaskit.count(reader, facet="code", frequency="Freq").tables.values()
    assert table.levels[0] == (1, 2)


def test_no_rows_at_all(constructor: Any) -> None:
    cells: Columns = {"sex": ["F", "M", None], "age": [20, 30, 50], "Freq": [0, 0, 0]}
    roles: dict[str, Any] = {"facet": ["sex", "age"], "facet_edges": {"age": [40]}}
    counts = biaskit.count(constructor(cells), frequency="Freq", **roles)
    assert counts.rows == 0
    none = pa.table({"sex": pa.array([], pa.string()), "age": pa.array([], pa.int64())})
    assert counts.tables == biaskit.count(none, **roles).tables


WRONG = {
    "missing or not a number": [None, math.nan],
    "negative": [-1, -0.5, -math.inf],
    "infinite": [math.inf],
    "not a whole number": [0.5, 1e15 + 0.5],
    f"more than {MOST:,}": [2.0**63, 1e300],
}
WRONG_ONES = [(what, one) for what, ones in WRONG.items() for one in ones]
NAMING = ["pandas", "polars", "arrow table", "arrow reader", "parquet plain", "csv", "json lines"]


@pytest.mark.parametrize(("what", "wrong"), WRONG_ONES)
@pytest.mark.parametrize("name", NAMING)
def test_a_wrong_frequency_and_its_row(name: str, what: str, wrong: Any, tmp_path: Path) -> None:
    cells: Columns = {"sex": [*"FMFMFM"], "Freq": [5.0, 0.0, 7.0, 1.0, wrong, 2.0]}
    message = rf"frequency 'Freq' is {what} in 1 rows .*\(first in row 5\); give every row a whole"
    with pytest.raises(BiaskitError, match=message):
        biaskit.count(CONSTRUCTORS[name](cells, tmp_path), facet="sex", frequency="Freq")


@pytest.mark.parametrize(
    ("engine", "what", "wrong"),
    [(one, *wrong) for one in ENGINES if one != "spark" for wrong in WRONG_ONES]
    + [("spark", *wrong) for wrong in WRONG_ONES[1::3]],
)
def test_a_wrong_frequency_in_an_engine(engine: str, what: str, wrong: Any, tmp_path: Path) -> None:
    cells: Columns = {"sex": [*"FMFMFM"], "Freq": [5.0, 0.0, 7.0, wrong, wrong, 2.0]}
    cells["w"] = [1.0, 1.0, 1.0, -1.0, 1.0, 1.0]
    data = CONSTRUCTORS[engine](cells, tmp_path)
    with pytest.raises(BiaskitError, match=f"frequency 'Freq' is {what} in 2 rows; give every"):
        biaskit.count(data, facet="sex", frequency="Freq", weight="w")


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        (
            "pandas",
            [2, 3, "two"],
            r"column 'Freq' .*holds int, str \(row 3 is the first of another",
        ),
        ("json lines", [2, 3, "two"], "column 'Freq' holds values of different types up to line 3"),
        ("csv by pandas", [2, 3, "two"], r"'Freq' is missing or not a number .*first in row 3"),
        ("csv", ["2", "3", "1_000"], r"'Freq' is missing or not a number .*first in row 3"),
        ("csv", [True, False, True], r"'Freq' is missing or not a number .*first in row 1"),
        (
            "arrow table",
            ["2", "3", "1"],
            "'Freq' must be whole numbers, but from row 1 on .*string",
        ),
        ("polars", [True, False, True], "'Freq' must be whole numbers, but from row 1 on .*bool"),
        ("parquet", [None, None, None], r"'Freq' is missing .* in 3 rows .*first in row 1"),
        ("duckdb relation", ["2", "3", "1"], "frequency 'Freq' must be numbers"),
    ],
)
def test_invalid_amounts_are_refused(
    name: str, wrong: list[Any], message: str, tmp_path: Path
) -> None:
    data = CONSTRUCTORS[name]({"sex": [*"FMF"], "Freq": wrong}, tmp_path)
    with pytest.raises(BiaskitError, match=message):
        biaskit.count(data, facet="sex", frequency="Freq")


def test_a_wrong_row_is_told_by_its_place_among_the_rows_that_are_written(tmp_path: Path) -> None:
    """Whatever the rows before it stand for, in the weight's errors too."""
    cells = {"sex": [*"FMFM"], "Freq": [1_000, 0, 5, 5], "w": [1.0, None, 2.0, -1.0]}
    for name in ("arrow reader", "csv"):
        data = CONSTRUCTORS[name](cells, tmp_path)
        with pytest.raises(BiaskitError, match=r"weight 'w' is negative .*first in row 4"):
            biaskit.count(data, facet="sex", frequency="Freq", weight="w")


@pytest.mark.parametrize(
    "name", ["pandas", "arrow reader", "parquet", "csv", "json lines", *ENGINES]
)
@pytest.mark.parametrize("apart", [False, True])
def test_frequencies_are_exact_and_bounded(name: str, apart: bool, tmp_path: Path) -> None:
    """Up to the largest integer of 64 bits, in one cell and in several; no float holds these."""
    sex = ["F", "M" if apart else "F", "F", "M"]
    for extra in (0, 1):
        cells: Columns = {"sex": sex, "Freq": [2**53 + 1, 1, MOST - 2**53 - 3, 1 + extra]}
        data = CONSTRUCTORS[name](cells, tmp_path)
        if extra:
            with pytest.raises(BiaskitError, match=f"{MOST + 1:,} rows are more than counts can"):
                biaskit.count(data, facet="sex", frequency="Freq")
        else:
            counts = biaskit.count(data, facet="sex", frequency="Freq")
            (table,) = counts.tables.values()
            assert counts.rows == MOST
            assert table.n.ravel().tolist() == ([MOST - 2, 2] if apart else [MOST - 1, 1])


@pytest.mark.parametrize(
    "name", ["arrow table", "arrow dictionaries", "parquet", "duckdb relation"]
)
def test_whole_decimals_are_exact(name: str, tmp_path: Path) -> None:
    """As a database sums integers: a sum that no float holds is never a float on the way."""
    times = [Decimal(2**53 + 1), Decimal(0), Decimal("7.00")]
    data = CONSTRUCTORS[name]({"sex": [*"FMX"], "Freq": times}, tmp_path)
    (table,) = biaskit.count(data, facet="sex", frequency="Freq").tables.values()
    assert (table.levels[0], table.n.ravel().tolist()) == (("F", "X"), [2**53 + 1, 7])


def test_integers_and_decimals_that_64_bits_do_not_hold() -> None:
    for type_ in (pa.uint64(), pa.decimal128(38, 0)):
        table = pa.table({"sex": ["F", "M"], "Freq": pa.array([2**63, 1], type_)})
        for data in (table, CONSTRUCTORS["duckdb relation"]({"sex": []}, Path())):
            if data is not table:
                data = answers.in_narwhals(table).lazy("duckdb").to_native()
            with pytest.raises(BiaskitError, match=f"'Freq' is more than {MOST:,} in 1 rows"):
                biaskit.count(data, facet="sex", frequency="Freq")


@pytest.mark.parametrize(
    "type_", [pa.uint8(), pa.int32(), pa.uint64(), pa.float32(), pa.float16(), pa.decimal128(25, 2)]
)
def test_types_of_frequencies(type_: pa.DataType) -> None:
    plain = pa.array([1, 0, 3]).cast(pa.float64() if type_ == pa.float16() else type_).cast(type_)
    for array in (plain, *([plain.dictionary_encode()] if type_ != pa.float16() else [])):
        counts = biaskit.count(pa.table({"x": [*"abc"], "n": array}), facet="x", frequency="n")
        (table,) = counts.tables.values()
        assert (table.levels[0], table.n.ravel().tolist()) == (("a", "c"), [1, 3])


def test_many_groups_of_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    cells: Columns = {name: rng.integers(0, 9, 200).tolist() for name in ("a", "b", "y", "Freq")}
    roles: dict[str, Any] = {"facet": ["a", "b"], "label": "y"}
    expected = biaskit.count(pa.table(rows_of(cells)), **roles)
    monkeypatch.setattr(engines, "_FEW", 50)
    for name in ("polars lazy", "duckdb relation"):
        found = biaskit.count(CONSTRUCTORS[name](cells, Path()), frequency="Freq", **roles)
        assert (found.rows, found.tables) == (expected.rows, expected.tables)


@pytest.mark.parametrize("kind", ["pandas", "pandas nullable", "pandas arrow"])
def test_frequencies_as_modin_sums_them(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = {**berkeley_cells()}
    expected = biaskit.count(pa.table(rows_of(cells)), weight="w", **ROLES)
    monkeypatch.setitem(engines.ENGINES, "pandas", engines.ENGINES["modin"])
    data = CONSTRUCTORS[kind](cells, tmp_path)
    found = biaskit.count(data, frequency="Freq", weight="w", **ROLES)
    assert (found.rows, found.tables) == (expected.rows, expected.tables)
    bad = CONSTRUCTORS[kind]({**cells, "Freq": [None, 2.5, *cells["Freq"][2:]]}, tmp_path)
    with pytest.raises(BiaskitError, match="frequency 'Freq' is missing or not a number in 1 rows"):
        biaskit.count(bad, frequency="Freq", **ROLES)


def test_saved_counts_know_their_frequency(tmp_path: Path) -> None:
    cells = berkeley_cells()
    counts = biaskit.count(pa.table(cells), frequency="Freq", **ROLES)
    counts.save(tmp_path / "x.counts")
    loaded = Counts.load(tmp_path / "x.counts")
    assert loaded == counts
    assert loaded.roles.frequency == "Freq"
    assert (loaded + counts).rows == 9052
    with pytest.raises(BiaskitError, match="frequency='n' differs from what was counted"):
        biaskit.report(loaded, frequency="n")
    with pytest.raises(
        BiaskitError, match="cannot be added: frequency is 'Freq' in one and None in"
    ):
        loaded + biaskit.count(biaskit.datasets.berkeley(), **ROLES)


def test_counts_of_0_1_0_have_no_frequency() -> None:
    assert Counts.load(OLD / "plain.counts").roles.frequency is None


def test_more_rows_than_64_bits_hold_do_not_add() -> None:
    counts = biaskit.count(pa.table({"x": ["a"], "n": [2**62]}), facet="x", frequency="n")
    with pytest.raises(BiaskitError, match=f"{2**63:,} rows are more than counts can hold"):
        counts + counts


def test_the_frame_of_counts_is_a_table_of_cells() -> None:
    rows = biaskit.datasets.berkeley()
    counts = biaskit.count(rows, facet="gender", label="decision", group="department")
    again = biaskit.count(
        counts.to_frame(), facet="value", label="label", group="group", frequency="n"
    )
    assert [*again.tables.values()] == [*counts.tables.values()]


FLIPS: Columns = {
    "sex": ["F", "M", "F", "M", "M", "X", None, "F", "M"],
    "p": [0, 1, 1, 0, 1, 1, 0, 0, 1],
    "x": [1.0, 1.0, 2.0, 2.0, 3.0, 9.0, 0.0, 4.0, 4.0],
    "code": ["1", "2", "1", "3", "2", "odd", "7", "3", "1"],
    "w": [1, 2, 3, 1, 2, 3, 1, 2, 1],
    "Freq": [3, 4, 1, 6, 2, 0, 2, 5, 1],
}


@pytest.mark.parametrize(
    "name", ["pandas", "arrow dictionaries", "polars", "csv", "parquet", "polars lazy"]
)
@pytest.mark.parametrize("weight", [None, "w"])
def test_the_flip_test_repeats_rows(
    name: str, weight: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles: dict[str, Any] = {"facet": "sex", "predicted": "p", "weight": weight}
    for features in (["x", "code"], "rest"):
        if features == "rest" and weight is None:
            continue
        roles["features"] = features
        rows = CONSTRUCTORS[name](rows_of(FLIPS), tmp_path)
        expected = biaskit.report(rows, **roles)
        monkeypatch.setattr(repeats, "_AT_ONCE", 5)
        found = biaskit.report(CONSTRUCTORS[name](FLIPS, tmp_path), frequency="Freq", **roles)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
        assert expected.set_index("metric").loc["FT", "estimate"].notna().all()


def test_rows_are_not_repeated_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_REPEATED", 20)
    with pytest.raises(BiaskitError, match="frequency 'Freq' makes 24 rows or more, and what"):
        biaskit.report(pa.table(FLIPS), facet="sex", predicted="p", features="x", frequency="Freq")
    with pytest.raises(BiaskitError, match="makes 24 rows or more"):
        biaskit.explain(
            lambda rows: rows["x"], pa.table(FLIPS), facet="sex", features=["x"], frequency="Freq"
        )


def a_tree() -> DecisionTreeClassifier:
    rows = pd.DataFrame(rows_of(FLIPS))[["x", "w"]]
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(rows, rows_of(FLIPS)["p"])


@pytest.mark.parametrize("name", ["pandas", "arrow reader", "csv", "parquet"])
@pytest.mark.parametrize("model", ["tree", "function"])
def test_explanations_repeat_rows(name: str, model: str, tmp_path: Path) -> None:
    made: Any = a_tree() if model == "tree" else lambda rows: rows["x"] * rows["w"]

    def tables(columns: Columns) -> list[Any]:
        return [CONSTRUCTORS[name](columns, tmp_path) for _ in range(2)]

    data, background = tables(FLIPS)
    call: dict[str, Any] = {"facet": "sex", "features": ["x", "w"]}
    found = biaskit.explain(made, data, background=background, frequency="Freq", **call)
    data, background = tables(rows_of(FLIPS))
    expected = biaskit.explain(made, data, background=background, **call)
    # Sums of floats may differ in the last digit where batches end elsewhere.
    exact: dict[str, Any] = {"rtol": 1e-12} if name == "arrow reader" else {"check_exact": True}
    pd.testing.assert_frame_equal(found, expected, **exact)


def test_everything_that_explains_repeats_rows(tmp_path: Path) -> None:
    cells, rows = pd.DataFrame(FLIPS), pd.DataFrame(rows_of(FLIPS))
    model = a_tree()
    for call in (biaskit.explain, biaskit.partial_dependence):
        expected = call(model, rows)
        pd.testing.assert_frame_equal(
            call(model, cells, frequency="Freq"), expected, check_exact=True
        )
    values = biaskit.shap_values(model, cells, frequency="Freq")
    expected = biaskit.shap_values(model, rows)
    assert (values.values == expected.values).all()
    assert values.data.tolist() == expected.data.tolist()
    found = biaskit.attribute(model, cells, facet="sex", frequency="Freq")
    found.save(tmp_path / "x.attributions")
    loaded = biaskit.Attributions.load(tmp_path / "x.attributions")
    assert loaded.roles.frequency == "Freq"
    assert loaded.rows == len(rows)
    with pytest.raises(BiaskitError, match="frequency='n' differs from what was counted"):
        biaskit.explain(loaded, frequency="n")


def run(capsys: pytest.CaptureFixture[str], *argv: Any) -> str:
    assert main([*map(str, argv)]) == 0
    return capsys.readouterr().out


def test_on_the_command_line(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cells = pd.DataFrame(cells_of(biaskit.datasets.berkeley()))
    for i, part in enumerate((cells[:9], cells[9:])):
        part.to_csv(f"{i}.csv", index=False)
    cells.to_parquet("cells.parquet")
    roles = ["--facet", "gender", "--label", "decision", "--frequency", "Freq"]
    positive = ["--positive", "admitted"]
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    told = run(capsys, "report", "cells.parquet", *roles, *positive)
    assert "\n4,526 rows; positive is decision = admitted; repeated by Freq; side d" in told
    plan = run(capsys, "count", "cells.parquet", *roles, "--plan")
    assert plan.count("Arrow  the kernels count each row once, whatever its frequency") == 3

    run(capsys, "count", "0.csv", *roles, "-o", "all.counts", "--resume")
    told = run(capsys, "count", "0.csv", "1.csv", *roles, "-o", "all.counts", "--resume")
    assert told.startswith("4,526 rows of 2 files, 1 of them counted before")
    for i in (0, 1):
        run(capsys, "count", f"{i}.csv", *roles, "-o", f"{i}.counts")
    assert run(capsys, "merge", "0.counts", "1.counts", "-o", "sum.counts").startswith("4,526 rows")
    assert Counts.load("sum.counts") == Counts.load("all.counts")
    expected = biaskit.report(
        biaskit.datasets.berkeley(), facet="gender", label="decision", positive="admitted"
    )
    pd.testing.assert_frame_equal(
        biaskit.report("sum.counts", positive="admitted"), expected, check_exact=True
    )
    told = run(capsys, "report", "sum.counts", *positive, "--format", "json")
    assert json.loads(told)["roles"]["frequency"] == "Freq"


def test_the_verb_explain(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scores.py").write_text("def score(rows):\n    return rows['x'] * rows['w']\n")
    pd.DataFrame(FLIPS).to_csv("cells.csv", index=False)
    pd.DataFrame(rows_of(FLIPS)).to_csv("rows.csv", index=False)
    call = ["--model", "scores:score", "--facet", "sex", "--features", "x,w", "--format", "csv"]
    made = run(capsys, "explain", "cells.csv", *call, "--frequency", "Freq")
    assert made == run(capsys, "explain", "rows.csv", *call)


def test_a_gate_on_cells(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(cells_of(biaskit.datasets.berkeley())).to_csv("cells.csv", index=False)
    Path("biaskit.toml").write_text(
        '[[data]]\nfiles = "cells.csv"\nfacet = "gender"\nlabel = "decision"\n'
        'frequency = "Freq"\npositive = "admitted"\nmin_rows = 1800\nlimits = {DPL = 0.3}\n'
    )
    told = run(capsys, "check")
    assert "cells.csv: 4,526 rows; positive is decision = admitted; repeated by Freq" in told
    assert "0 fail, 0 uncertain, 2 pass" in told
