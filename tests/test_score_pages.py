"""Pages and charts of scores: what they draw, and what they carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import biaskit
from biaskit.counts.facets import Facet
from biaskit.errors import RolesError
from biaskit.scores.curves import distributions, roc_curves
from support.browser import chromium, opened
from support.pages import tables

ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}


def rows(n: int = 3_000, seed: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], n)
    score = np.round(np.clip(rng.beta(2, 3, n) + (sex == "M") * 0.1, 0, 1), 2)
    y = (rng.random(n) < score).astype(int)
    return pd.DataFrame({"sex": sex, "s": score, "y": y})


def headings(html: str) -> list[str]:
    return re.findall(r"<h3>(.*?)</h3>", html)


def test_a_page_draws_scores_only_where_it_has_them() -> None:
    df = rows()
    html = biaskit.page(df, **ROLES, score="s").html
    assert "Scores" in headings(html)
    for title in ("Distribution of s, by sex", "ROC curves, by sex", "Calibration, by sex"):
        assert title in html
    assert "at the threshold" in html
    assert "Scores" not in headings(biaskit.page(df, **ROLES).html)


def test_the_tables_of_a_page_have_the_numbers_of_the_calls() -> None:
    df = rows()
    found = dict(tables(biaskit.page(df, **ROLES, score="s").html))
    calibration = biaskit.calibration(df, **ROLES, score="s")
    calibration = calibration[calibration["value"] != "(all)"]
    shown = found["Calibration, by sex"][1:]
    assert [row[2] for row in shown] == [f"{n:,}" for n in calibration["n"]]
    assert [row[4] for row in shown] == [f"{one:.3f}" for one in calibration["positive"]]
    (swept,) = (rows for name, rows in found.items() if name.startswith("Decisions at every"))
    assert swept[0] == ["Threshold", "DPPL", "RD", "AD"]
    (half,) = (row for row in swept if row[0] == "0.5")
    told = biaskit.report(
        df, **ROLES, predicted="s", predicted_above=0.5, metrics="DPPL,RD,AD", facet_values="F"
    )
    assert [cell.split(" ")[0] for cell in half[1:]] == [
        f"{one:.3f}".replace("-", "\N{MINUS SIGN}") for one in told["estimate"]
    ]


def test_a_page_carries_no_distribution_of_scores() -> None:
    df = rows()
    page = biaskit.page(df, **ROLES, score="s")
    again = biaskit.page(df, **ROLES)
    block = re.compile(
        r'<script type="application/json" id="biaskit-counts">.*?</script>', re.DOTALL
    )
    (one,), (other,) = (block.findall(made.html) for made in (page, again))
    assert one == other


def test_pages_of_scores_without_labels_or_of_other_numbers() -> None:
    df = rows().assign(price=lambda df: 40 * df["s"] - 3)
    html = biaskit.page(df, facet="sex", score="price", score_range=(-10, 50)).html
    assert "Distribution of price, by sex" in html
    assert "ROC curves" not in html
    html = biaskit.page(df, **ROLES, score="price", score_range=(-10, 50)).html
    assert "ROC curves, by sex" in html
    assert "Calibration, by sex" not in html  # a price is no chance


def test_areas_and_distributions_are_those_of_the_rows() -> None:
    df = rows()
    counts = biaskit.count(df, **ROLES, score="s")
    facet = Facet(("sex",))
    for one in roc_curves(counts, facet):
        own = df[df["sex"] == one.value]
        positive, negative = own["s"][own["y"] == 1], own["s"][own["y"] == 0]
        u = stats.mannwhitneyu(positive, negative).statistic
        assert one.auc == pytest.approx(u / len(positive) / len(negative), abs=1e-12)
        assert one.places[0] == (0, 0)
        assert one.places[-1] == (1, 1)
        assert len(one.places) <= 122
        for fpr, tpr in one.places[1:-1]:
            assert any(
                np.isclose(fpr, (negative > at).mean()) and np.isclose(tpr, (positive > at).mean())
                for at in np.unique(own["s"])
            )
    for each in distributions(counts, facet):
        own = df["s"][df["sex"] == each.value]
        assert sum(each.shares) == pytest.approx(1)
        assert each.mean == pytest.approx(own.mean())
        for low, high, share in zip(each.ends[1:], each.ends[2:], each.shares[1:], strict=False):
            inside = (own > low) & ((own <= high) | (high == each.ends[-1]))
            assert share == pytest.approx(inside.mean())


def test_charts_by_themselves() -> None:
    df = rows()
    counts = biaskit.count(df, **ROLES, score="s")
    made = {
        "DPPL at every threshold, by sex": biaskit.chart(biaskit.sweep(counts, thresholds=11)),
        "RD at every threshold, by sex": biaskit.chart(
            biaskit.sweep(counts, thresholds=11), metric="RD", value="F"
        ),
        "Calibration, by sex": biaskit.chart(biaskit.calibration(counts)),
        "Distribution of s, by sex": biaskit.chart(counts),
        "ROC curves, by sex": biaskit.chart(counts, kind="roc"),
    }
    for title, chart in made.items():
        assert chart.title == title
        assert "<path" in chart.svg
    assert ">F (AUC " in made["ROC curves, by sex"].svg
    report = biaskit.report(counts.without_scores(), metrics="DPL")
    assert biaskit.chart(report, value="F").title == "Metrics of sex F"
    with pytest.raises(RolesError, match="score is needed"):
        biaskit.chart(counts.without_scores())
    with pytest.raises(RolesError, match="label is needed"):
        biaskit.chart(biaskit.count(df, facet="sex", score="s"), kind="roc")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 320)])
def test_axe_finds_nothing_on_a_page_of_scores(browser: Any, scheme: str, width: int) -> None:
    html = biaskit.page(rows(), **ROLES, score="s").html
    with opened(browser, html, color_scheme=scheme, bypass_csp=True, width=width) as shown:
        shown.open_all()
        assert shown.misplaced() == []
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.violations() == []
