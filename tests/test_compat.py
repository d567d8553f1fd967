"""The numbers of smclarify 0.5, quirks and all, and only where it has them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit import METRICS
from biaskit.clarify.compat import SMCLARIFY
from biaskit.counts.tables import Tally
from biaskit.metrics import Metric
from support.goldens import LABELLED, NAMES, number
from support.strategies import tallies

#: Cases whose figures come of what smclarify does to rows before it counts them, or of a call that
#: its report does not make.
ELSEWHERE = {
    "trap_int01_label_40_rows": "a 0/1 label taken for continuous",
    "trap_float_label_any_size": "a 0/1 label taken for continuous",
    "trap_label_coded_1_2_small": "a label of 1 and 2 taken for continuous",
    "trap_bool_label_string_False": "the text False taken for true",
    "nan_facet_counted_as_advantaged": "a missing facet counted as facet a",
    "nan_label_counted_as_negative": "a missing label counted as negative",
    "multiclass_label_college": "distances called on the classes; its report makes two of them",
}
REPRODUCED = {i: case for i, case in LABELLED.items() if i not in ELSEWHERE}
#: FT is of rows: tests/test_fliptest.py has its figures.
OF_COUNTS = {symbol: metric for symbol, metric in SMCLARIFY.items() if symbol != "FT"}
each = pytest.mark.parametrize("metric", OF_COUNTS.values(), ids=list(OF_COUNTS))


def report(case: dict[str, Any]) -> Any:
    if "counts" in case:
        cells = case["counts"]
        table = {k: [c[k] for c in cells for _ in range(c["n"])] for k in cells[0] if k != "n"}
    else:
        table = case["columns"]
    roles = {k: v for k, v in case["roles"].items() if k not in ("features", "k")}
    return biaskit.report(pa.table(table), **roles, metrics=SMCLARIFY).set_index("metric")


@pytest.mark.parametrize("case", REPRODUCED.values(), ids=list(REPRODUCED))
def test_the_figures_of_smclarify(case: dict[str, Any]) -> None:
    found = report(case)
    for symbol in set(case["smclarify"]) & set(OF_COUNTS):
        theirs = case["smclarify"][symbol]
        if str(theirs).startswith("ERROR"):
            assert math.isnan(found["estimate"][symbol]), symbol
            assert found["note"][symbol].endswith("smclarify raises"), symbol
        else:
            assert found["estimate"][symbol] == pytest.approx(number(theirs), abs=1e-9), symbol


def test_what_is_not_reproduced_is_in_the_goldens_and_differs() -> None:
    assert set(ELSEWHERE) <= set(LABELLED)
    for case in (LABELLED[i] for i in ELSEWHERE):
        found = report(case)["estimate"]
        assert any(
            found[symbol] != pytest.approx(number(theirs), abs=1e-9)
            for symbol, theirs in case["smclarify"].items()
        ), case["id"]


def test_a_label_of_three_values_is_made_binary_as_in_its_report() -> None:
    found = report(LABELLED["multiclass_label_college"])["estimate"]
    expected = {
        "CI": 0.0,
        "DPL": -0.5,
        "JS": 0.13250545091704782,
        "KL": 0.5341108087103075,
        "KS": 0.5,
        "LP": 0.7071067811865475,
        "TVD": 0.5,
    }
    assert {s: found[s] for s in expected} == pytest.approx(expected, abs=1e-9)


def test_a_number_that_the_documents_would_not_give_says_so() -> None:
    found = report(LABELLED["edge_zero_probability_label"])["note"]
    assert found["KL"].endswith("; the documents' formula gives inf")
    assert "documents" not in found["DPL"]
    found = report(LABELLED["edge_perfect_model"])["note"]
    assert found["TE"].endswith("; the documents' formula gives nan")


def test_every_metric_of_counts_is_there_under_its_name() -> None:
    assert set(SMCLARIFY) == set(NAMES) - {"DCAcc"} | {"FT"}
    for symbol, metric in OF_COUNTS.items():
        ours = METRICS["DCAcc" if symbol == "DCA" else symbol]
        assert metric.symbol == symbol
        assert (metric.title, metric.stage) == (ours.title, ours.stage)


def test_an_empty_side_is_undefined_where_smclarify_raises() -> None:
    some = Tally(np.ones((2, 2, 2), int), np.array([False, True]), np.array([False, True]))
    none = replace(some, cells=np.zeros_like(some.cells))
    for sides in ((some, none), (none, some)):
        found = {symbol: float(metric(*sides)) for symbol, metric in OF_COUNTS.items()}
        assert {s: x for s, x in found.items() if not math.isnan(x)} == {
            "CDDL": 0.0,
            "CDDPL": 0.0,
            "GE": 0.25,
        }


@pytest.mark.slow
@each
@given(sides=tallies(labels=2))
def test_equals_the_documents_where_every_cell_is_filled(
    metric: Metric, sides: tuple[Tally, Tally]
) -> None:
    a, d = (replace(side, cells=side.cells + 1) for side in sides)
    ours = METRICS["DCAcc" if metric.symbol == "DCA" else metric.symbol]
    assert float(metric(a, d)) == pytest.approx(float(ours(a, d)), rel=1e-12, abs=1e-12)
    assert metric.remark is None or metric.remark(a, d) == [""]


@pytest.mark.slow
@each
@given(sides=tallies(), few=st.integers(1, 3))
def test_keeps_to_what_it_declares_where_cells_are_empty(
    metric: Metric, sides: tuple[Tally, Tally], few: int
) -> None:
    a, d = (replace(side, cells=side.cells % (few + 1)) for side in sides)
    found, back = float(metric(a, d)), float(metric(d, a))
    low, high = metric.bounds
    assert math.isnan(found) or low - 1e-12 <= found <= high + 1e-12
    if metric.swap != "changes":
        expected = -back if metric.swap == "negates" else back
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)
