"""What hypothesis draws: tables of rows, ways to cut them up, and tables of counts."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from biaskit.counts.tables import Tally

Columns = dict[str, list[Any]]

SEX = (None, "F", "M", "X")
RACE = (None, "b", "w", "é | <b>")
LABEL = (None, 0, 1)
OUTCOME = (None, "no", "wait", "yes")
GROUP = (None, "g1", "g2", "g3")
AGE = (None, 18, 25, 26, 40, 41, 65, 90)
PREDICTED = (None, 0, 1)


@st.composite
def columns(draw: Any, min_size: int = 2, max_size: int = 40) -> Columns:
    """Columns of a table; every column has a known value, and sex has two."""
    row = st.tuples(
        *(st.sampled_from(v) for v in (SEX, RACE, LABEL, OUTCOME, GROUP, AGE, PREDICTED)),
        st.integers(0, 9),
    )
    rows = draw(st.lists(row, min_size=min_size, max_size=max_size))
    first = [("F", "b", 0, "no", "g1", 18, 0, 1), ("M", "w", 1, "yes", "g2", 90, 1, 2)]
    names = ("sex", "race", "y", "outcome", "group", "age", "predicted", "weight")
    return {n: list(c) for n, c in zip(names, zip(*first, *rows, strict=True), strict=True)}


@st.composite
def chunkings(draw: Any, rows: int) -> list[slice]:
    """Cuts of a number of rows into consecutive parts, some of them empty."""
    inner = draw(st.lists(st.integers(0, rows), max_size=5))
    cuts = [0, *sorted(inner), rows]
    return [slice(low, high) for low, high in itertools.pairwise(cuts)]


@st.composite
def tallies(draw: Any, labels: int | None = None, groups: int = 3) -> tuple[Tally, Tally]:
    """Two tallies with rows on both sides, of the same labels and groups."""
    k = draw(st.integers(2, 4)) if labels is None else labels
    count = st.one_of(st.integers(0, 5), st.integers(0, 10_000))
    size = 2 * k * 2 * groups
    cells = draw(st.lists(count, min_size=size, max_size=size))
    table = np.array(cells, dtype=np.int64).reshape(2, k, 2, groups)
    table[:, 0, 0, 0] += 1
    positive, positive_hat = np.arange(k) == k - 1, np.array([False, True])
    return Tally(table[0], positive, positive_hat), Tally(table[1], positive, positive_hat)
