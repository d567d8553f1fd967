"""What a page says above its charts is never surer than the numbers that it shows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import biaskit
from biaskit.counts.facets import Facet
from biaskit.explanations.attributions import TOTAL
from biaskit.explanations.gaps import GapRow
from biaskit.gate.compare import Drift
from biaskit.pages.sections.parts import parts_of_gap
from biaskit.pages.sections.times import since_baseline

CHANCE = "; that could be chance"


def outcomes(**positive_of: tuple[int, int]) -> pd.DataFrame:
    """Rows of values, each with how many are positive, and of how many."""
    made = [
        pd.DataFrame({"f": value, "y": [1] * positive + [0] * (rows - positive)})
        for value, (positive, rows) in positive_of.items()
    ]
    return pd.concat(made, ignore_index=True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"x": (40, 200), "y": (80, 200)}, "rom 20.0 % (x) to 40.0 % (y)<"),
        ({"x": (40, 200), "y": (80, 200), "z": (3, 3)}, "rom 20.0 % (x) to 40.0 % (y)<"),
        ({"x": (1, 4), "y": (3, 4)}, f"rom 25.0 % (x) to 75.0 % (y){CHANCE}<"),
        ({"x": (60, 200), "y": (66, 200)}, f"rom 30.0 % (x) to 33.0 % (y){CHANCE}<"),
    ],
)
def test_shares_that_differ_by_chance_are_said_to(
    values: dict[str, tuple[int, int]], said: str
) -> None:
    page = str(biaskit.page(outcomes(**values), facet="f", label="y", name="t"))
    assert said in page


def test_predictions_of_few_rows_are_no_extremes() -> None:
    df = outcomes(x=(100, 200), y=(100, 200), z=(2, 4))
    df["p"] = (
        ([1] * 60 + [0] * 40 + [0] * 100) + ([1] * 90 + [0] * 10 + [0] * 100) + [1] * 2 + [0] * 2
    )
    page = str(biaskit.page(df, facet="f", label="y", predicted="p", name="t"))
    assert "from 60.0 % (x) to 90.0 % (y) are predicted positive<" in page


def gap(feature: str, low: float, middle: float, high: float) -> GapRow:
    texts = {"facet": "f", "value": "x", "feature": feature, "method": "exact", "scale": "raw"}
    blank = dict.fromkeys(GapRow._fields, 0.0) | {"output": "", "note": ""}
    ends = {"gap": middle, "low": low, "high": high}
    return GapRow(**{**blank, "n_a": 9, "n_d": 9, **texts, **ends})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("total", "part", "said"),
    [
        ((0.1, 0.2, 0.3), (0.1, 0.15, 0.2), "lower for x; age makes the largest part of it"),
        ((-0.1, 0.2, 0.5), (0.1, 0.15, 0.2), f"lower for x{CHANCE}"),
        ((0.1, 0.2, 0.3), (-0.1, 0.15, 0.4), "lower for x<"),
    ],
)
def test_parts_of_a_gap_are_as_sure_as_their_intervals(total: Any, part: Any, said: str) -> None:
    gaps = [gap("age", *part), gap(TOTAL, *total)]
    contents = SimpleNamespace(gaps=gaps, foremost=lambda _: ["x"])
    assert said in "".join(map(str, parts_of_gap(contents, Facet(("f",)))))  # type: ignore[arg-type]


@pytest.mark.parametrize(("now", "is_sure"), [(52, False), (90, True)])
def test_a_change_over_time_is_as_sure_as_its_ends(tmp_path: Path, now: int, is_sure: bool) -> None:
    for name, positive in [("2026-01", 50), ("2026-02", now)]:
        df = outcomes(x=(positive, 200), y=(100, 200))
        counts = biaskit.count(df, facet="f", label="y", positive=1)
        counts.save(tmp_path / f"{name}.counts")
    page = str(biaskit.page(str(tmp_path / "2026-*.counts")))
    assert "in 2026-02" in page
    assert ("the change could be chance<" in page) is not is_sure


def test_the_value_that_changed_most_did_so_surely() -> None:
    contents: Any = SimpleNamespace(
        drift=[share("x", 0.02, -0.01, 0.05), share("y", -0.015, -0.02, -0.01)],
        foremost=lambda _: [],
    )
    assert "y changed most" in "".join(map(str, since_baseline(contents, Facet(("f",)))))


def share(value: str, change: float, low: float, high: float) -> Drift:
    numbers = {"baseline": 0.3, "current": 0.3 + change, "change": change, "low": low, "high": high}
    rest: dict[str, Any] = {"n_baseline": 100, "n_current": 100, "limit": 0.0}
    texts = {"stage": "", "verdict": "", "note": "", "facet": "f", "metric": "facet share"}
    return Drift(value=value, **numbers, **rest, **texts)
