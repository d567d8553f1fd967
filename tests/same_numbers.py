"""Numbers of reports of a folder of real tables, to the bit.

Run ``python tests/same_numbers.py FOLDER OUT`` before and after a change that must change no
number, and compare the two files. Notes may change in wording: only whether there is one is kept.
The folder has Adult, COMPAS, German credit, Boston mortgages, law schools, Berkeley and ACSIncome.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

import biaskit

_ADULT = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation"),
    *("relationship", "race", "sex", "capital_gain", "capital_loss", "hours", "country", "income"),
]


def tables(folder: Path) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Each case's data and roles, by its name."""
    adult = pd.read_csv(
        folder / "adult/adult.data", header=None, names=_ADULT, skipinitialspace=True, na_values="?"
    )
    german = pd.read_csv(folder / "german/german.data", sep=" ")
    compas = pd.read_csv(folder / "compas/compas_for_aequitas.csv")
    hmda = pd.read_csv(folder / "hmda_boston/Hdma.csv", index_col=0)
    law = pd.read_csv(folder / "law_school/law_school_clean.csv")
    law["rank"] = law["ugpa"].rank(pct=True).gt(0.4).astype(int)
    return {
        "adult": (
            adult,
            {"facet": "sex", "label": "income", "positive": ">50K", "group": "marital_status"},
        ),
        "adult_facets": (
            adult,
            {"facet": ["race", "sex", ("race", "sex")], "label": "income", "positive": ">50K"},
        ),
        "adult_weights": (
            adult,
            {"facet": "sex", "label": "income", "positive": ">50K", "weight": "fnlwgt"},
        ),
        "adult_edges": (
            adult,
            {"facet": "age", "facet_edges": [25, 40, 60], "label": "income", "positive": ">50K"},
        ),
        "adult_many": (adult, {"facet": "sex", "label": "education", "positive": "Masters"}),
        "compas": (
            compas,
            {
                "facet": "race",
                "label": "label_value",
                "predicted": "score",
                "positive": 1,
                "group": "age_cat",
            },
        ),
        "german": (
            german,
            {"facet": "FOREIGN", "label": "CLASSIFICATION", "group": "HOUSING", "positive": 1},
        ),
        "german_flips": (
            german.assign(said=(german["DURATION_MONTHS"] > 20).astype(int) + 1),
            {
                "facet": "PERSONAL_STATUS_AND_SEX",
                "label": "CLASSIFICATION",
                "predicted": "said",
                "positive": 1,
                "features": ["AMOUNT", "AGE"],
            },
        ),
        "hmda": (hmda, {"facet": "black", "label": "deny", "group": "single", "positive": "no"}),
        "law": (
            law,
            {
                "facet": "race",
                "label": "pass_bar",
                "positive": 1,
                "predicted": "rank",
                "group": "tier",
            },
        ),
        "ucb": (
            folder / "ucb_admissions/UCBAdmissions.csv",
            {
                "facet": "Gender",
                "label": "Admit",
                "positive": "Admitted",
                "group": "Dept",
                "frequency": "Freq",
            },
        ),
        "acs": (
            folder / "acs/ACSIncome.test.parquet",
            {"facet": ["SEX", "RAC1P"], "label": "PINCP", "positive": 1, "group": "SCHL"},
        ),
        "acs_cut": (
            folder / "acs/ACSIncome.test.parquet",
            {"facet": "AGEP", "facet_above": 40, "label": "PINCP", "positive": 1, "weight": "WKHP"},
        ),
    }


def rows_of(data: Any, roles: dict[str, Any]) -> list[list[str]]:
    """Rows of a report, floats as their bits."""
    report = biaskit.report(data, **roles).fillna({"note": ""})
    report["note"] = report["note"].ne("")
    return [
        [value.hex() if isinstance(value, float) else str(value) for value in row]
        for row in report.itertuples(index=False)
    ]


def main(folder: str, out: str) -> None:
    """Write the rows of every case."""
    found = {}
    for name, (data, roles) in tables(Path(folder)).items():
        try:
            found[name] = rows_of(data, roles)
        except biaskit.BiaskitError as error:
            sys.exit(f"{name}: {error}")
        print(name, len(found[name]), flush=True)
    Path(out).write_text(json.dumps(found, indent=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
