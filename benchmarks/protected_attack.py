"""What an attacker with an integer program learns of small cells, hidden or rounded.

``python benchmarks/protected_attack.py COMPAS.csv GERMAN.data`` prints a table; ``--write`` puts it
into docs/sharing.md. The files are github.com/dssg/aequitas, ``examples/data/
compas_for_aequitas.csv``, and the German credit data with a header and blanks between the values.

A counts file has several tables of the same people, so cells of one are sums of cells of another.
The attacker knows them all, that no cell is negative, and how cells were hidden; of each small cell
the program finds the least and the greatest size that contradicts nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from core import write_section
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from biaskit.counts.sharing.rounding import Rounding

PACKAGES = ("numpy", "scipy", "pandas")


class File(NamedTuple):
    """A counts file: its name, its rows, the facets of its tables, and their other axes."""

    name: str
    rows: pd.DataFrame
    facets: Sequence[tuple[str, ...]]
    others: Sequence[str]


class Linked(NamedTuple):
    """Tables of the same people: their cells, and which finest cells each one sums."""

    cells: NDArray[np.int64]
    sums: Any


def linked(file: File) -> Linked:
    """Cells of all tables of a file, over the cells of its finest one."""
    columns = list(dict.fromkeys(one for facet in file.facets for one in facet))
    values = [np.unique(file.rows[one].astype(str)) for one in (*columns, *file.others)]
    shape = [len(one) for one in values]
    at = [
        np.searchsorted(known, file.rows[name].astype(str))
        for name, known in zip((*columns, *file.others), values, strict=True)
    ]
    finest = np.zeros(shape, dtype=np.int64)
    np.add.at(finest, tuple(at), 1)
    place = np.arange(finest.size).reshape(shape)
    rows, cells = [], []
    for facet in file.facets:
        summed = tuple(i for i, one in enumerate(columns) if one not in facet)
        cells.append(finest.sum(axis=summed).ravel())
        moved = np.moveaxis(place, summed, range(-len(summed), 0)) if summed else place
        rows += list(moved.reshape(len(cells[-1]), -1))
    of = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    ones = np.ones(len(of))
    sums = csr_array((ones, (of, np.concatenate(rows))), shape=(len(rows), finest.size))
    return Linked(np.concatenate(cells), sums)


def ranges(
    tables: Linked, least: NDArray[Any], most: NDArray[Any], asked: NDArray[Any]
) -> Iterator[tuple[int, int]]:
    """Least and greatest size of each cell asked for, that all the others allow."""
    known = LinearConstraint(tables.sums, least, most)
    for cell in asked:
        aim = tables.sums[[cell]].toarray()[0]
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * aim,
                constraints=known,
                integrality=np.ones(len(aim)),
                bounds=Bounds(0, np.inf),
            )
            assert found.success, found.message
            ends.append(round(sign * found.fun))
        yield ends[0], ends[1]


def attacked(file: File, k: int) -> tuple[str, int, int, int, int, int]:
    """Name of a file, k, its small cells, and those recovered where hidden and where rounded.

    The last number is the smallest part of its class that is left of a rounded cell, in percent.
    """
    tables = linked(file)
    small = np.flatnonzero((tables.cells > 0) & (tables.cells < k))
    hidden = np.isin(np.arange(len(tables.cells)), small)
    least = np.where(hidden, 1, tables.cells)
    most = np.where(hidden, k - 1, tables.cells)
    by_threshold = [high == low for low, high in ranges(tables, least, most, small)]
    rounding = Rounding(k)
    least, most = rounding.ends(rounding.shown(tables.cells))
    left = [high - low + 1 for low, high in ranges(tables, least, most, small)]
    return (
        file.name,
        k,
        len(small),
        sum(by_threshold),
        sum(one == 1 for one in left),
        round(100 * min(left) / k),
    )


def files(compas: str, german: str) -> Iterator[File]:
    """Files of tables that share people."""
    rows = pd.read_csv(compas)
    outcome = ["label_value", "score"]
    for one in ("sex", "age_cat"):
        facets = [("race",), (one,), ("race", one)]
        yield File(f"COMPAS: race, {one}, and both", rows, facets, outcome)
    rows = pd.read_csv(german, sep=" ")
    foreign, status = "FOREIGN", "PERSONAL_STATUS_AND_SEX"
    facets = [(foreign,), (status,), (foreign, status)]
    yield File("German credit: foreign, status, and both", rows, facets, ["CLASSIFICATION"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("compas")
    parser.add_argument("german")
    parser.add_argument("--write", action="store_true", help="write into docs/sharing.md")
    args = parser.parse_args()
    lines = [
        "| file | k | small cells | recovered if hidden | if rounded | least left of a class, % |",
        "| --- " + "| ---: " * 5 + "|",
    ]
    for file in files(args.compas, args.german):
        for k in (5, 11):
            found = attacked(file, k)
            lines.append(f"| {' | '.join(map(str, found))} |")
            print(lines[-1], flush=True)
    if args.write:
        write_section("attack", "\n".join(lines), "sharing.md", PACKAGES)


if __name__ == "__main__":
    main()
