"""Figures of Clarify: its documents' formulas to 1e-9, and how its open code differs from them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import biaskit
from support.goldens import GOLDENS, LABELLED, NAMES, figures, number


@pytest.mark.parametrize("case", LABELLED.values(), ids=list(LABELLED))
def test_the_documented_formulas(case: dict[str, Any]) -> None:
    found = figures(case)
    expected = {NAMES[s]: number(v) for s, v in case["documented"].items() if s in NAMES}
    assert expected
    for symbol, value in expected.items():
        assert found[symbol] == pytest.approx(value, abs=1e-9, nan_ok=True), symbol


@pytest.mark.parametrize("case", LABELLED.values(), ids=list(LABELLED))
def test_smclarify_differs_where_it_is_said_to_and_nowhere_else(case: dict[str, Any]) -> None:
    found = figures(case)
    for symbol in set(case["smclarify"]) & set(NAMES):
        theirs = case["smclarify"][symbol]
        equal = not str(theirs).startswith("ERROR") and found[NAMES[symbol]] == pytest.approx(
            number(theirs), abs=1e-9, nan_ok=True
        )
        assert equal == (symbol not in case["differs"]), symbol


def test_berkeley_without_groups() -> None:
    """P. J. Bickel et al., Science 187 (1975): DD +0.144 without groups, CDDL -0.019 within."""
    report = biaskit.report(
        biaskit.datasets.berkeley(),
        facet="gender",
        facet_values="female",
        label="decision",
        positive="admitted",
        group="department",
    )
    found = dict(zip(report["metric"], report["estimate"], strict=True))
    assert found["DD"] == pytest.approx(0.1438264237, abs=1e-9)
    assert found["CDDL"] == pytest.approx(-0.019283267, abs=1e-9)
    assert found["CI"] == pytest.approx(0.1891294741, abs=1e-9)
    assert set(report["n_a"] + report["n_d"]) == {4526}


def test_the_bias_page_of_vertex_ai() -> None:
    """California 140 rejected of 200, Florida 80 of 100: difference in population 0.33."""
    table = pa.table(
        {
            "state": ["CA"] * 200 + ["FL"] * 100,
            "approved": [0] * 140 + [1] * 60 + [0] * 80 + [1] * 20,
        }
    )
    report = biaskit.report(table, facet="state", label="approved", facet_values="FL")
    found = dict(zip(report["metric"], report["estimate"], strict=True))
    assert found["CI"] == pytest.approx(0.33, abs=0.005)
    assert found["DPL"] == pytest.approx(0.10, abs=1e-12)


def test_the_german_demonstration_of_aif360() -> None:
    """demo_json_explainers: 201 of 310 women and 499 of 690 men with good credit; a mean difference
    of -0.0748013090229, that of the unprivileged minus the privileged."""
    table = pa.table(
        {"sex": ["f"] * 310 + ["m"] * 690, "good": [1] * 201 + [0] * 109 + [1] * 499 + [0] * 191}
    )
    report = biaskit.report(table, facet="sex", label="good", facet_values="f", metrics="DPL")
    assert report["estimate"].tolist() == [pytest.approx(0.0748013090229, abs=1e-12)]


def test_the_recovered_counts_of_clarifys_integration_test() -> None:
    """smclarify tests/integration/test_bias_metrics.py: German credit, 900 rows, ForeignWorker=1.

    The published figures have one integer solution: a has 28 good of 32, d 608 of 868.
    """
    table = pa.table(
        {"foreign": [0] * 32 + [1] * 868, "good": [1] * 28 + [0] * 4 + [1] * 608 + [0] * 260}
    )
    report = biaskit.report(table, facet="foreign", label="good", facet_values=1)
    found = dict(zip(report["metric"], report["estimate"], strict=True))
    published = {
        "CI": -0.9288888888888889,
        "DPL": 0.17453917050691248,
        "KL": 0.08543332780657628,
        "JS": 0.023326469309177138,
        "LP": 0.2468356620962257,
        "TVD": 0.17453917050691248,
        "KS": 0.17453917050691248,
    }
    assert {s: found[s] for s in published} == pytest.approx(published, abs=1e-12)


def test_the_worked_examples_of_the_documents() -> None:
    scalars = {one["id"]: one["value"] for one in GOLDENS["scalars"]}
    pages = pa.table({"f": ["a"] * 10 + ["d"] * 10, "y": [1] * 8 + [0] * 2 + [1] * 3 + [0] * 7})
    report = biaskit.report(pages, facet="f", label="y", facet_values="d", metrics="KL")
    assert report["estimate"][0] == pytest.approx(scalars["doc_KL"], abs=1e-12)


def test_the_recovered_confusion_counts_of_clarifys_integration_test() -> None:
    """The same 900 rows with predictions: TP, FP, FN, TN of 27, 1, 1, 3 and of 556, 31, 52, 229."""
    cells = {0: (27, 1, 1, 3), 1: (556, 31, 52, 229)}
    rows = [
        (foreign, good, predicted)
        for foreign, counts in cells.items()
        for (good, predicted), n in zip(((1, 1), (0, 1), (1, 0), (0, 0)), counts, strict=True)
        for _ in range(n)
    ]
    columns = dict(
        zip(("foreign", "good", "predicted"), map(list, zip(*rows, strict=True)), strict=True)
    )
    report = biaskit.report(
        pa.table(columns), facet="foreign", facet_values=1, label="good", predicted="predicted"
    )
    found = dict(zip(report["metric"], report["estimate"], strict=True))
    published = {
        "AD": 0.03312211981566815,
        "DAR": 0.017096617181796114,
        "DCAcc": -0.035775127768313375,
        "DCR": -0.07473309608540923,
        "DI": 0.7728768926925609,
        "DPPL": 0.19873271889400923,
        "DRR": 0.06494661921708189,
        "GE": 0.04922014234295094,
        "RD": 0.049812030075187974,
        "SD": 0.13076923076923075,
        "TE": 0.6774193548387097,
        "CI": -0.9288888888888889,
        "DPL": 0.17453917050691248,
        "KL": 0.08543332780657628,
    }
    assert {s: found[s] for s in published} == pytest.approx(published, abs=1e-12)


def test_compas_as_propublica_and_aequitas_published_it() -> None:
    compas = biaskit.datasets.compas()
    report = biaskit.report(compas, facet="race", label="arrested", predicted="scored")
    black = report[report["value"] == "African-American"].set_index("metric")["estimate"]
    expected = {
        "DPL": -0.1305990650,
        "DPPL": -0.2633029515,
        "DI": 1.8104110092,
        "RD": -0.2268139568,
        "SD": -0.2284495164,
        "AD": 0.0317253691,
        "TE": -0.7730926989,
        "GE": 0.1699694330,
    }
    assert {s: black[s] for s in expected} == pytest.approx(expected, abs=1e-9)
    both = compas[compas["race"].isin(["African-American", "Caucasian"])]
    pair = biaskit.report(both, facet="race", label="arrested", predicted="scored")
    found = pair[pair["value"] == "African-American"].set_index("metric")["estimate"]
    # ProPublica: false positive rates 44.85 and 23.45 %, false negative rates 27.99 and 47.72 %.
    assert found["FPRD"] == pytest.approx(0.4485 - 0.2345, abs=1e-4)
    assert found["FNRD"] == pytest.approx(0.2799 - 0.4772, abs=1e-4)
    assert found["EO"] == pytest.approx(0.4485 - 0.2345, abs=1e-4)
    # aequitas: the ratio of the shares predicted positive.
    assert found["DI"] == pytest.approx(1.690224, abs=1e-6)
