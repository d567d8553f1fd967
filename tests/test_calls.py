"""Calls that are wrong are said to be so before the pass, in the language they were made in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.cli.flags import in_flags
from biaskit.counts.facets import Facet
from biaskit.counts.roles import Roles
from biaskit.errors import RolesError
from biaskit.metrics import METRICS

ROWS = pd.DataFrame(
    {
        "sex": ["F", "M"] * 20,
        "race": ["a", "b", "b", "a"] * 10,
        "age": range(20, 60),
        "y": [0, 1, 1, 0] * 10,
        "status": ["no", "yes", "yes", "no"] * 10,
    }
)
K: dict[str, Any] = {"facet": "sex", "label": "y"}
COUNTS = biaskit.count(ROWS, **K)
#: A metric of one's own that is called like one of the library's.
AGES = pd.Series([float(i % 90) for i in range(400)])
OWN = replace(METRICS["DPL"])


class Unread:
    """Data that must not be looked at before the call is seen to be wrong."""

    def __arrow_c_stream__(self, *_: Any) -> Any:
        raise AssertionError("the rows were read")


def linear(table: Any) -> Any:
    return np.asarray(table)[:, 0].astype(float)


# ------------------------------------------------------------------------- keyword arguments


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metrics": 3}, r'metrics takes symbols, such as \["DPL", "CI"\], or metrics; not 3'),
        ({"metrics": [3]}, "no metric 3; `biaskit metrics` lists what there is"),
        ({"metrics": ""}, "no metric ''"),
        ({"metrics": ["CI", OWN, "DPL"]}, "two metrics have the symbol 'DPL'"),
        ({"metrics": [OWN, replace(OWN)]}, "two metrics have the symbol 'DPL'"),
        ({"metrics": ["LP", biaskit.lp_norm(2)]}, "two metrics have the symbol 'LP'"),
        (
            {"confidence": "95%"},
            "confidence must be a number between 0 and 1, such as 0.95, not '95%'",
        ),
        ({"confidence": 95}, "between 0 and 1, such as 0.95, not 95"),
        ({"confidence": True}, "between 0 and 1"),
        ({"confidence": float("nan")}, "between 0 and 1"),
        ({"seed": "a"}, "seed must be an integer of 0 or more, not 'a'"),
        ({"seed": None}, "seed must be an integer of 0 or more, not None"),
        ({"seed": 1.5}, "seed must be an integer of 0 or more, not 1.5"),
        ({"seed": -1}, "seed must be an integer of 0 or more, not -1"),
        ({"seed": True}, "seed must be an integer"),
        ({"labels": "y"}, "report takes no 'labels'; did you mean 'label'"),
        (
            {"privileged": "M"},
            "report takes no 'privileged'; there are 'data', 'roles', 'facet', 'label'",
        ),
    ],
)
def test_a_report_that_cannot_be_made_reads_nothing(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BiaskitError, match=told):
        biaskit.report(Unread(), **{**K, **given})


def test_numbers_of_numpy_are_numbers() -> None:
    one = biaskit.report(ROWS, **K, confidence=np.float64(0.9), seed=np.int64(3), metrics="DPL")
    assert one.equals(biaskit.report(ROWS, **K, confidence=0.9, seed=3, metrics=["DPL"]))
    chosen = {**K, "positive": np.int64(1), "facet_values": np.str_("F")}
    assert len(biaskit.report(ROWS, **chosen, metrics="DPL")) == 1


@pytest.mark.parametrize("role", ["facet", "label", "predicted", "group", "weight", "features"])
@pytest.mark.parametrize("form", [pd.Series, np.array, list], ids=["pandas", "numpy", "list"])
def test_values_where_the_name_of_a_column_belongs(role: str, form: Any) -> None:
    values = form([0.5, 1.5] * 200)
    with pytest.raises(BiaskitError) as failed:
        biaskit.report(Unread(), **{**K, role: values})
    told = str(failed.value)
    assert "name" in told
    assert len(told) < 250


def test_a_column_where_values_belong() -> None:
    for role in ("positive", "facet_values"):
        with pytest.raises(BiaskitError, match=f"{role} takes a value or a list of values, not a"):
            biaskit.report(Unread(), **{**K, role: ROWS["y"]})


CALLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: biaskit.count(Unread(), **K, labels="y"), "count takes no 'labels'; did you mean"),
    (
        lambda: biaskit.check(None, {}, confidence_level=0.9),
        "check takes no 'confidence_level'; did you",
    ),
    (
        lambda: biaskit.check(None, {}, min_rows="5"),
        "min_rows must be an integer of 0 or more, not '5'",
    ),
    (
        lambda: biaskit.check(None, {}, min_rows=-1),
        "min_rows must be an integer of 0 or more, not -1",
    ),
    (lambda: biaskit.check(None, {}, confidence="a"), "confidence must be a number"),
    (lambda: biaskit.count(COUNTS), "these are counts already, and have no rows"),
    (lambda: biaskit.count(COUNTS, facet="sex"), "these are counts already, and have no rows"),
    (lambda: biaskit.explain(object(), Unread()), "a builtins.object is not a model"),
    (lambda: biaskit.explain(ROWS, Unread(), facet="sex"), "DataFrame is not a model"),
    (lambda: biaskit.explain(len, COUNTS), "these are counts already, and have no rows"),
    (lambda: biaskit.compare(Unread(), None, limit=0.1), "compare takes no 'limit'; did you mean"),
    (lambda: biaskit.compare(Unread(), None, seed=None), "seed must be an integer"),
    (lambda: biaskit.compare(Unread(), None, confidence="a"), "confidence must be a number"),
    (lambda: biaskit.ndcg([1], [2]), r"attributions by feature, a mapping or a Series; not \[1\]"),
    (lambda: biaskit.explain(linear, Unread(), feature=["age"]), "explain takes no 'feature'; did"),
    (lambda: biaskit.explain(linear, Unread(), facet="sex", seed="a"), "seed must be an integer"),
    (
        lambda: biaskit.explain(linear, Unread(), facet="sex", confidence="a"),
        "confidence must be a n",
    ),
    (
        lambda: biaskit.attribute(linear, Unread(), facet="sex", seed=None),
        "seed must be an integer",
    ),
    (lambda: biaskit.shap_values(linear, Unread(), seed=1.5), "seed must be an integer"),
    (lambda: biaskit.partial_dependence(linear, Unread(), feature="age"), "did you mean 'feature"),
]


@pytest.mark.parametrize(("call", "told"), CALLS)
def test_other_calls_that_are_wrong(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(BiaskitError, match=told):
        call()


def test_an_empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """An unset variable of a shell must not read whatever lies in the current folder."""
    monkeypatch.chdir(tmp_path)
    ROWS.to_csv("rows.csv", index=False)
    for data in ("", ["rows.csv", ""]):
        with pytest.raises(BiaskitError, match=r"a path is empty; name a file, or give '\.'"):
            biaskit.report(data, **K)
    for argv in (["report", ""], ["check", "", "--limit", "DPL=1"], ["count", "", "-o", "x"]):
        assert main([*argv, "--facet", "sex", "--label", "y"]) == 2
    Path("biaskit.toml").write_text('[[data]]\nfiles = ""\nfacet = "sex"\nlimits = {CI = 0.9}\n')
    capsys.readouterr()
    assert main(["check"]) == 2
    assert "files is needed" in capsys.readouterr().out


# -------------------------------------------------- what works in one dialect works in the other


def test_a_metric_that_is_asked_for_twice_is_reported_once() -> None:
    report = biaskit.report(ROWS, **K, metrics=["DPL", "dpl", "CI", METRICS["DPL"]])
    assert report.metric.tolist() == ["DPL", "CI"] * 2


def test_a_metric_of_ones_own_may_be_called_like_one_that_is_not_asked_for() -> None:
    report = biaskit.report(ROWS, **K, metrics=[OWN, "CI"])
    assert report.metric.tolist() == ["DPL", "CI"] * 2


@pytest.mark.parametrize("limits", [{"DPL": 0.1, "dpl": 0.2}, {"DPL": 0.1, OWN: 0.1}])
def test_two_limits_on_one_symbol(limits: dict[Any, float]) -> None:
    counts = biaskit.count(ROWS, **K)
    with pytest.raises(BiaskitError, match=r"^DPL has two limits; name each metric once$"):
        biaskit.check(biaskit.report(ROWS, **K), limits)
    with pytest.raises(BiaskitError, match=r"^DPL has two limits; name each metric once$"):
        biaskit.compare(counts, counts, limits=limits)


def test_what_is_required_is_the_metric_that_has_the_limit() -> None:
    report = biaskit.report(ROWS, **K)
    with pytest.raises(BiaskitError, match="the limit is on another metric of that symbol"):
        biaskit.check(report, {"DPL": 0.1}, required=[OWN])


def test_symbols_with_commas() -> None:
    one = biaskit.report(ROWS, **K, metrics="DPL, CI")
    assert one.equals(biaskit.report(ROWS, **K, metrics=["DPL", "CI"]))


def test_intersections_as_text() -> None:
    whole = biaskit.report(ROWS, facet=("sex", "race"), label="y")
    assert biaskit.report(ROWS, facet="sex & race", label="y").equals(whole)
    counts = biaskit.count(ROWS, facet=["sex & race", "sex"], label="y")
    assert counts.roles.facet == (Facet(("sex", "race")), Facet(("sex",)))
    assert biaskit.report(counts, facet="sex & race").equals(whole)
    roles = Roles(facet="sex & race", facet_values={"sex & race": "F & a"})
    assert roles == Roles(facet=("sex", "race"), facet_values="F & a")


def test_a_column_that_is_called_like_an_intersection(tmp_path: Path) -> None:
    odd = ROWS.rename(columns={"sex": "sex & race"})
    roles = Roles(facet=("sex & race",), label="y")
    assert roles.facet == (Facet(("sex & race",)),)
    assert Roles(**roles.given()) == Roles.from_json(roles.to_json()) == roles
    counts = biaskit.count(odd, facet=[("sex & race",), "race"], label="y")
    counts.save(tmp_path / "x.counts")
    again = Counts.load(tmp_path / "x.counts")
    assert again.roles == counts.roles
    one = biaskit.report(again, facet="sex & race")
    assert one.equals(biaskit.report(odd, facet=("sex & race",), label="y"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ROWS.to_parquet("rows.parquet")


def printed(capsys: Any, *argv: str) -> str:
    code = main(argv)
    out, err = capsys.readouterr()
    assert code == 0, err
    return str(out)


@pytest.mark.parametrize(
    ("flags", "roles"),
    [
        (["--facet", "sex & race"], {"facet": ("sex", "race")}),
        (["--facet", "age", "--facet-edges", "age=30,40"], {"facet_edges": [30, 40]}),
        (["--facet", "age", "--facet-above", "age=40"], {"facet_above": 40}),
        (
            ["--facet", "age", "--facet", "race", "--facet-edges", "age=30,40"],
            {"facet": ["age", "race"], "facet_edges": {"age": [30, 40]}},
        ),
        (
            ["--facet", "sex & age", "--facet-above", "age=40"],
            {"facet": ("sex", "age"), "facet_above": {"age": 40}},
        ),
        (
            ["--facet", "sex", "--facet", "race", "--facet-values", "race=a"],
            {"facet": ["sex", "race"], "facet_values": {"race": ["a"]}},
        ),
        (
            ["--facet=sex", "--facet=race", "--facet-values=race=a", "--facet-values=sex=F"],
            {"facet": ["sex", "race"], "facet_values": {"race": ["a"], "sex": ["F"]}},
        ),
    ],
)
def test_several_facets_on_the_command_line(
    data: None, flags: list[str], roles: dict[str, Any], capsys: Any
) -> None:
    argv = ["--label", "y", "--metrics", "DPL, CI", "--format", "csv"]
    out = printed(capsys, "report", "rows.parquet", *flags, *argv)
    expected = biaskit.report(
        "rows.parquet", **{"facet": "age", "label": "y", "metrics": ["DPL", "CI"], **roles}
    )
    assert out.rstrip("\n").split("\n")[1:] == (
        expected.to_csv(index=False, header=False).rstrip("\n").split("\n")
    )


def test_a_value_may_have_an_equals_sign(data: None, capsys: Any) -> None:
    ROWS.assign(sex=["sex=F", "M"] * 20).to_parquet("odd.parquet")
    flags = ["--facet", "sex", "--facet-values", "sex=F", "--label", "y", "--metrics", "CI"]
    assert "sex=F" in printed(capsys, "report", "odd.parquet", *flags)


# --------------------------------------------------- errors of the command line speak of flags


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--label", "status"], "give one or more of them as --positive. ("),
        (["--label", "status"], "--metrics can leave them out"),
        (["--label", "y", "--positive-above", "1", "--positive", "1"], "give --positive or"),
        (["--facet-above", "40"], "name the facet: --facet-above sex=40"),
        (["--facet-edges", "30,40.5"], "name the facet: --facet-edges sex=30,40.5"),
        (["--facet-values", "F"], "name the facet: --facet-values sex=F"),
        (["--facet-edges", "30", "--facet-edges", "40"], "--facet-edges is given twice; for sev"),
        (["--facet-edges", "a=x"], "'a=x' are not numbers such as 25,40,65 or AGE=25,40,65"),
        (["--facet-above", "a=1,2"], "'a=1,2' is not a number such as 40 or AGE=40"),
        (["--seed", "-1"], "--seed must be an integer of 0 or more"),
    ],
)
def test_errors_of_the_command_line(data: None, argv: list[str], told: str, capsys: Any) -> None:
    facets = ["--facet", "sex", "--facet", "race"]
    assert main(["report", "rows.parquet", *facets, *argv]) == 2
    err = capsys.readouterr().err
    assert told in err
    limits = ["--limit", "DPL=0.1"]
    if "--metrics" not in told and "--seed" not in told and "--label" in argv:
        assert main(["check", "rows.parquet", *facets, *argv, *limits]) == 2
        assert told in "".join(capsys.readouterr())


def test_what_is_quoted_stays_as_it_is() -> None:
    kept = "no column 'facet_values'; did you mean \"positive=1\"? x_facet_above, my-facet_edges"
    assert in_flags(kept) == kept
    assert in_flags("facet_values names every value") == "--facet-values names every value"


def test_a_long_message_is_put_in_flags_at_once() -> None:
    begun = time.process_time()
    in_flags("facet={'a': " * 20_000)
    assert time.process_time() - begun < 3  # 15 seconds if each part looks at all after it


def test_a_configuration_has_keys_and_no_flags(data: None, capsys: Any) -> None:
    Path("biaskit.toml").write_text(
        '[[data]]\nfiles = "rows.parquet"\nfacet = ["sex", "race"]\nlabel = "y"\n'
        "facet_above = 3\nlimits = {DPL = 0.1}\n"
    )
    assert main(["check"]) == 2
    assert "facet_above={'sex': 3}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"facet": AGES}, "facet takes one column name, not a Series of 400"),
        ({"predicted": AGES.to_numpy()}, "predicted takes one column name, not a ndarray of 400"),
        ({"facet": "age", "facet_above": AGES}, "facet_above takes a number, not a Series of 400"),
        ({"facet": "age", "facet_edges": AGES}, "such as [25, 40, 65]; got a list of 400"),
        ({"label": "age", "positive_above": AGES}, "positive_above takes a number, not a Series"),
        ({"label": "y", "positive": AGES}, "positive takes a value or a list of values, not a"),
        ({"label": "y", "positive": " Paid"}, "did you mean 'paid'? The values are 'due', 'paid'"),
        ({"facet": "sex", "facet_values": "f"}, "did you mean ' F'? The values are ' F', ' M'"),
    ],
)
def test_an_array_where_a_name_belongs_and_a_value_nearly_right_are_told_briefly(
    given: dict[str, Any], told: str
) -> None:
    df = pd.DataFrame({"age": AGES, "sex": [" F", " M"] * 200, "y": ["paid", "due"] * 200})
    with pytest.raises(RolesError) as refused:
        biaskit.report(df, **{"facet": "sex", "label": "y", "positive": "paid", **given})
    assert told in str(refused.value)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("data", [{"sex": ["F"]}, [{"sex": "F"}]])
def test_plain_python_is_told_how_to_become_a_table(data: Any) -> None:
    with pytest.raises(BiaskitError, match=r"pandas.DataFrame\(data\) makes a frame of it"):
        biaskit.report(data, facet="sex")
