"""Loans: a small table with every role, and a model of it; the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import biaskit
from biaskit.counts.facets import Facet
from biaskit.counts.levels import order
from biaskit.counts.roles import Roles
from biaskit.explanations.attributions import About, Sums
from biaskit.intervals.moments import of_groups

__all__ = ["ROLES", "attributed", "dependence", "loans", "many_facets", "score"]

#: Roles of the table in which every metric of counts is computed.
ROLES: dict[str, Any] = {
    "facet": ["sex", "region"],
    "label": "repaid",
    "predicted": "expected",
    "group": "branch",
}


def loans(rows: int = 2_000, *, drift: float = 0.0) -> pd.DataFrame:
    """Loans of two sexes, four regions and three branches; some values are missing."""
    places = np.arange(rows)
    sex = np.where(places % 5 < 2, "F", "M")
    region = np.array(["north", "south", "east", "west"])[(places // 7) % 4]
    branch = np.array(["Main St", "Hill", "Port"])[(places // 3 + (sex == "F")) % 3]
    luck = (places * 7919 % 1_009) / 1_009
    odds = 0.65 - 0.15 * (sex == "F") - 0.1 * (region == "west") - drift * (sex == "F")
    noise = (places * 104_729 % 997) / 997
    made = pd.DataFrame(
        {
            "sex": sex,
            "region": region,
            "branch": branch,
            "income": 20 + 60 * noise + 10 * (sex == "M"),
            "years": places % 11,
            "repaid": (luck < odds).astype(int),
        }
    )
    made["expected"] = (score(made[["income", "years"]]) > 0.5).astype(int)
    made.loc[places % 97 == 0, "region"] = None
    return made


def score(rows: Any) -> Any:
    """A model of loans: chances of repayment."""
    return 1 / (1 + np.exp(-(np.asarray(rows, float) @ [0.05, 0.2] - 3.5)))


def attributed(rows: int = 300) -> biaskit.Attributions:
    """Attributions of that model's log-odds, which add up, each feature by itself."""
    table = loans(rows)
    parts = np.array([0.05 * (table.income - 55), 0.2 * (table.years - 5)])
    values = np.vstack([parts, parts.sum(0)])[None]
    sums = {}
    for column in ("sex", "region"):
        found = [None if one is None or one != one else one for one in table[column]]
        levels = tuple(sorted(set(found), key=order))
        codes = np.array([levels.index(one) for one in found])
        sums[Facet((column,))] = Sums(levels, of_groups(values, codes, len(levels), None))
    about = About(("income", "years"), ("",), "raw", "log-odds", "by hand", (0.5,))
    return biaskit.Attributions(about, Roles(facet=["sex", "region"]), sums, rows)


def dependence(rows: int = 300) -> pd.DataFrame:
    """Partial dependence of that model."""
    return biaskit.partial_dependence(
        score, loans(rows), ["income", "years"], facet="sex", columns=["income", "years"], grid=5
    )


def many_facets() -> biaskit.Counts:
    """Counts of five facets with 29 values, whose report has 638 numbers."""
    places = np.arange(7_200)
    race = (places * 31 % 97) // 17
    table = pd.DataFrame(
        {
            "race": np.array(["Aleut", "Black", "Hispanic", "Asian", "White", "Other"])[race],
            "sex": np.where(places % 5 < 2, "Female", "Male"),
            "age_cat": np.array(["25 - 45", "Less than 25", "Greater than 45"])[places // 11 % 3],
            "label_value": ((places * 7919 % 1_009) / 1_009 < 0.4 + 0.05 * race).astype(int),
            "score": ((places * 104_729 % 997) / 997 < 0.3 + 0.08 * race).astype(int),
        }
    )
    return biaskit.count(
        table,
        facet=["race", "sex", "age_cat", ("race", "sex"), ("sex", "age_cat")],
        label="label_value",
        predicted="score",
    )
