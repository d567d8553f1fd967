"""Small real tables that ship with the package, as published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaskit.store import formats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BERKELEY", "COMPAS", "berkeley", "berkeley_columns", "compas"]

#: Graduate admissions at the University of California, Berkeley, autumn 1973, the six largest
#: departments: ``(department, gender, admitted, rejected)``. Source: P. J. Bickel, E. A. Hammel and
#: J. W. O'Connell, "Sex Bias in Graduate Admissions: Data from Berkeley", Science 187 (1975),
#: 398-404; the 24 cells as in the data set UCBAdmissions of R.
BERKELEY = (
    ("A", "male", 512, 313),
    ("A", "female", 89, 19),
    ("B", "male", 353, 207),
    ("B", "female", 17, 8),
    ("C", "male", 120, 205),
    ("C", "female", 202, 391),
    ("D", "male", 138, 279),
    ("D", "female", 131, 244),
    ("E", "male", 53, 138),
    ("E", "female", 94, 299),
    ("F", "male", 22, 351),
    ("F", "female", 24, 317),
)


def berkeley_columns() -> dict[str, list[str]]:
    """Columns of the Berkeley admissions, one entry per applicant (4,526 of them)."""
    rows = [
        (gender, department, decision)
        for department, gender, admitted, rejected in BERKELEY
        for decision, count in (("admitted", admitted), ("rejected", rejected))
        for _ in range(count)
    ]
    names = ("gender", "department", "decision")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def berkeley() -> pd.DataFrame:
    """Berkeley admissions of 1973: a row per applicant, with gender, department and decision.

    The textbook case of an association that disappears within groups.

    >>> berkeley().groupby("gender").size().to_dict()
    {'female': 1835, 'male': 2691}
    """
    return formats.frame(berkeley_columns())


#: The COMPAS scores of 7,214 defendants in Broward County, 2013-2014, and who was arrested again
#: within two years: ``(race, TP, FP, FN, TN)``, where positive is a score of medium or high, and an
#: arrest. Source: J. Larson, S. Mattu, L. Kirchner and J. Angwin, "How We Analyzed the COMPAS
#: Recidivism Algorithm", ProPublica (2016); the smaller groups as in the COMPAS demonstration of
#: aequitas.
COMPAS = (
    ("African-American", 1369, 805, 532, 990),
    ("Asian", 6, 2, 3, 21),
    ("Caucasian", 505, 349, 461, 1139),
    ("Hispanic", 103, 87, 129, 318),
    ("Native American", 9, 3, 1, 5),
    ("Other", 43, 36, 90, 208),
)


def compas() -> pd.DataFrame:
    """COMPAS scores: a row per defendant, with race, whether arrested again, and whether so scored.

    >>> compas()[["arrested", "scored"]].sum().to_dict()
    {'arrested': 3251, 'scored': 3317}
    """
    outcomes = ((1, 1), (0, 1), (1, 0), (0, 0))
    rows = [
        (race, arrested, scored)
        for race, *cells in COMPAS
        for (arrested, scored), count in zip(outcomes, cells, strict=True)
        for _ in range(count)
    ]
    names = ("race", "arrested", "scored")
    return formats.frame(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
