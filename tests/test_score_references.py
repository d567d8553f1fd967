"""Metrics of scores of three public tables, against numbers that were computed row by row.

The tables are no part of the project. Where the environment variable BIASKIT_REAL_TABLES names a
folder with law_school/law_school_clean.csv (github.com/tailequy/fairness_dataset),
hmda_boston/Hdma.csv (R package Ecdat) and adult/adult.data (UCI), these tests run; elsewhere they
are skipped. The numbers were made from the rows with numpy and scipy, apart from this project.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit.intervals.ranks import _Auc

FOLDER = os.environ.get("BIASKIT_REAL_TABLES", "")


class Public(NamedTuple):
    """A table, the roles of its columns, and what is known of it."""

    path: str
    read: Callable[[Path], pd.DataFrame]
    roles: dict[str, Any]
    #: Rows of a and d, and estimates by metric.
    rows: tuple[int, int]
    estimates: dict[str, float]
    #: AUC and its standard error, by side of the positives and of the negatives.
    areas: dict[str, tuple[float, float]]
    #: Whether scores of one bin differ; otherwise the numbers are exact.
    has_several_in_a_bin: bool = False


def _adult(path: Path) -> pd.DataFrame:
    """Share of incomes above 50K among the rows of the same education and range of ages."""
    names = {0: "age", 4: "education", 9: "sex", 14: "income"}
    ages = [0, 25, 35, 45, 55, 65, 200]
    df = pd.read_csv(path, header=None, usecols=[*names], skipinitialspace=True).rename(
        columns=names
    )
    df["y"] = (df["income"] == ">50K").astype(int)
    df["score"] = df.groupby(["education", pd.cut(df["age"], ages)], observed=True)["y"].transform(
        "mean"
    )
    return df


TABLES = {
    "law_school": Public(
        "law_school/law_school_clean.csv",
        pd.read_csv,
        {
            "facet": "race",
            "facet_values": "Non-White",
            "label": "pass_bar",
            "positive": 1,
            "score": "lsat",
            "score_range": (0, 50),
        },
        (17_491, 3_307),
        {
            "AUCD": -0.0492526971,
            "xAUCD": 0.3869167405,
            "ABROCA": 0.0494214105,
            "MSD": 4.7155977215,
            "SMD": -0.8753785538,
            "KSS": 0.3483610397,
            "W1": 4.7155977215,
            "BNC": 5.4206017131,
            "BPC": 3.5283123819,
        },
        {
            "aa": (0.6870425713, 0.0073332898),
            "dd": (0.7362952685, 0.0095040296),
            "ad": (0.8778366055, 0.0066188797),
            "da": (0.4909198650, 0.0094568398),
        },
    ),
    "hmda": Public(
        "hmda_boston/Hdma.csv",
        pd.read_csv,
        {
            "facet": "black",
            "facet_values": "yes",
            "label": "deny",
            "positive": "yes",
            "score": "dir",
            "score_range": (0, 3),
        },
        (2_042, 339),
        {
            "AUCD": 0.0076325661,
            "xAUCD": -0.1143935087,
            "ABROCA": 0.0162859240,
            "MSD": -0.0235249308,
            "SMD": 0.2194239523,
            "KSS": 0.1758643703,
            "W1": 0.0277733162,
            "BNC": -0.0179184866,
            "BPC": 0.0103477525,
        },
        {
            "aa": (0.6387625387, 0.0245109054),
            "dd": (0.6311299726, 0.0361523481),
            "ad": (0.5771877109, 0.0286663062),
            "da": (0.6915812196, 0.0320399281),
        },
        has_several_in_a_bin=True,
    ),
    "adult": Public(
        "adult/adult.data",
        _adult,
        {"facet": "sex", "facet_values": "Female", "label": "y", "score": "score"},
        (21_790, 10_771),
        {
            "AUCD": 0.0169135999,
            "xAUCD": 0.0006529480,
            "ABROCA": 0.0169686904,
            "MSD": 0.0419476243,
            "SMD": -0.2113989768,
            "KSS": 0.0879870902,
            "W1": 0.0419476243,
            "BNC": -0.0022440427,
            "BPC": 0.0108167019,
            "CALD": 0.0510509752 + 0.1032773883,
            "BRD": 0.1025265738 - 0.1636733993,
        },
        {
            "aa": (0.8036368005, 0.0030365048),
            "dd": (0.7867232006, 0.0063725718),
            "ad": (0.7953430934, 0.0034113418),
            "da": (0.7946901454, 0.0061937243),
        },
    ),
}


def bound(note: str) -> float:
    """How far a note says that a number may be off."""
    _, found, rest = note.partition("off by ")
    return float(rest.split()[0]) if found else 1e-10


@pytest.mark.parametrize("name", [*TABLES])
def test_scores_of_public_tables(name: str) -> None:
    known = TABLES[name]
    path = Path(FOLDER) / known.path
    if not (FOLDER and path.exists()):
        pytest.skip("BIASKIT_REAL_TABLES names no folder with the table")
    counts = biaskit.count(known.read(path), **known.roles)
    report = biaskit.report(counts).set_index("metric")
    assert (report["n_a"]["AUCD"], report["n_d"]["AUCD"]) == known.rows
    table = next(iter(counts.scores.values()))
    for symbol, value in known.estimates.items():
        error = bound(report["note"][symbol])
        if symbol == "W1" and known.has_several_in_a_bin:
            error = float(table.edges.step)
        assert report["estimate"][symbol] == pytest.approx(value, abs=error), symbol
    d = [str(one) for one in table.facet].index(known.roles["facet_values"])
    rows = dict(zip("ad", (table.n[1 - d, :, 0], table.n[d, :, 0]), strict=True))
    for (one, other), (area, error) in known.areas.items():
        # The positive label is the last of both, and the first of no and yes.
        found = _Auc(rows[one][[1]], rows[other][[0]])
        exact = 0.0 if known.has_several_in_a_bin else 1e-10
        assert found.share[0] == pytest.approx(area, abs=exact or bound(report["note"]["xAUCD"]))
        assert math.sqrt(found.variance[0]) == pytest.approx(
            error, rel=1e-3 if known.has_several_in_a_bin else 1e-7
        )


def test_the_areas_of_the_numbers_are_those_of_their_differences() -> None:
    """The numbers above agree with each other, whether the tables are there or not."""
    for known in TABLES.values():
        assert sum(known.rows) > 0
        areas = {pair: np.float64(area) for pair, (area, _) in known.areas.items()}
        assert known.estimates["AUCD"] == pytest.approx(areas["aa"] - areas["dd"], abs=2e-10)
        assert known.estimates["xAUCD"] == pytest.approx(areas["ad"] - areas["da"], abs=2e-10)
        assert known.estimates["ABROCA"] >= abs(known.estimates["AUCD"])
        assert known.estimates["W1"] >= abs(known.estimates["MSD"]) - 1e-10
