"""Repeated rows: which rows of a report say again what another one says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biaskit import METRICS
from biaskit.counts.roles import Roles
from biaskit.reports.repeated import said_before
from biaskit.reports.report import Row, report_rows
from biaskit.sources.counting import count_roles

#: What a report of counts has where no metric is named.
USUAL = [symbol for symbol, metric in METRICS.items() if not metric.only_named]

#: What each metric restates where the label is binary; all others are comparisons of their own.
RESTATED = {
    **{one: {"DPL"} for one in ("KL", "JS", "LP", "TVD", "KS")},
    "DI": {"DPPL"},
    "FPRD": {"SD"},
    "FNRD": {"RD"},
    "EO": {"SD", "RD"},
}


def table(values: str, labels: str = "01", seed: int = 0, rows: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "who": rng.choice([*values], rows),
            "paid": rng.choice([*labels], rows, p=rng.dirichlet(np.ones(len(labels)) * 5)),
            "guess": rng.choice([*labels], rows),
            "town": rng.choice(["x", "y"], rows),
            "w": rng.lognormal(size=rows),
        }
    )


def rows_of(df: pd.DataFrame, **more: Any) -> list[Row]:
    given = {"facet": "who", "label": "paid", "predicted": "guess", "group": "town"}
    return report_rows(count_roles(df, Roles(**{**given, "positive": "1", **more})))


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_of_a_binary_label_are_said_once(seed: int, weight: str | None) -> None:
    rows = rows_of(table("FMX", seed=seed), weight=weight)
    for row, same in zip(rows, said_before(rows), strict=True):
        if row.metric == "GE":
            assert (same is None) == (row.value == "F")
        elif row.metric in RESTATED:
            assert same is not None
            assert same.how == "restates"
            assert rows[same.row].value == row.value
            assert rows[same.row].metric in RESTATED[row.metric]
        else:
            assert same is None


def test_distances_of_three_labels_are_their_own_and_share_a_test() -> None:
    rows = rows_of(table("FMX", labels="012"))
    said = said_before(rows)
    own = {row.metric for row, same in zip(rows, said, strict=True) if same is None}
    again = {
        row.metric for row, same in zip(rows, said, strict=True) if same and same.how == "retests"
    }
    assert again == {"JS", "LP", "TVD", "KS"}
    assert own == {*USUAL} - {"DI", "FPRD", "FNRD", "EO", *again}


def test_two_values_are_said_once() -> None:
    rows = rows_of(table("FM", labels="012"))
    for row, same in zip(rows, said_before(rows), strict=True):
        assert same is None or rows[same.row].value == "F"
        assert row.value == "F" or same is not None


def test_an_empty_value_hides_no_mirror() -> None:
    df = table("FM").assign(age=np.where(np.arange(900) < 300, 20, 50))
    rows = rows_of(df, facet="age", facet_edges=[30, 60])
    said = said_before(rows)
    assert len(rows) == 3 * len(USUAL)
    assert all(one is not None for one in said[len(USUAL) : 2 * len(USUAL)])


def test_other_tables_are_other_comparisons() -> None:
    one, other = rows_of(table("FMX")), rows_of(table("FMX", seed=1))
    once = [same is None for same in said_before(one)]
    assert [same is None for same in said_before([*one, *other])] == once * 2
    again = said_before([*one, *one])[len(one) :]
    assert [same.how for same in again if same] == ["repeats"] * len(one)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = rows_of(table("FM"))
    number = sum(same is None for same in said_before(rows))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(rows))
        assert sum(same is None for same in said_before([rows[i] for i in order])) == number


def test_a_metric_of_ones_own_restates_nothing() -> None:
    mine = replace(METRICS["DPL"], symbol="MINE")
    counts = count_roles(table("FMX"), Roles(facet="who", label="paid", positive="1"))
    rows = report_rows(counts, [METRICS["DPL"], mine])
    assert said_before(rows, [mine]) == [None] * 6
    assert said_before(rows) == [None] * 6
    two = report_rows(
        count_roles(table("FM"), Roles(facet="who", label="paid", positive="1")), [mine]
    )
    assert [same is None for same in said_before(two, [mine])] == [True, False]
