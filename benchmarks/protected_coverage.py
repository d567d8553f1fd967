"""How often intervals of protected counts hold the truth, and how wide they are.

``python benchmarks/protected_coverage.py`` prints a table; ``--write`` puts it into
docs/sharing.md. Data sets are simulated: on side a .3 of the rows are positive, on side d the share
that the table says. Their counts are rounded, and the interval that holds for all tables that look
so is compared with that of the exact counts, and with that of the rounded ones taken as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from core import write_section
from numpy.typing import NDArray

from biaskit.counts.sharing.rounding import Rounding
from biaskit.counts.tables import divide
from biaskit.intervals.boxes import InBox, corners, value_of
from biaskit.intervals.figures import evidence_of
from biaskit.metrics.forms import Difference, Form, Quotient, Share

PACKAGES = ("numpy", "scipy")
SEED, TAIL = 19, 0.025
SIZES = ((200, 30), (1_000, 100), (5_000, 500))
OF_A, OF_D = 0.3, (0.03, 0.06, 0.1, 0.2, 0.3)
ROUND_TO = (5, 7, 11)

Counts = NDArray[Any]


def forms_of(cells: Counts) -> tuple[Form, Form]:
    """DPL and the ratio of the shares, of cells of shape ``(sides, outcomes, data sets)``."""
    (a1, a0), (d1, d0) = cells.astype(np.float64)
    a, d = Share(a1, a1 + a0), Share(d1, d1 + d0)
    return Difference(a, d), Quotient(d, a)


def held(low: Any, high: Any, truth: float) -> NDArray[np.bool_]:
    return np.asarray((low <= truth + 1e-12) & (high >= truth - 1e-12))


def cells(sets: int) -> Iterator[tuple[str, int, float, list[tuple[float, float, float, float]]]]:
    """Each cell of the table, with coverages and widths of the difference and of the ratio."""
    place = 0
    for k in ROUND_TO:
        for n, m in SIZES:
            for rate in OF_D:
                place += 1
                rng = np.random.default_rng([SEED, place])
                x, y = rng.binomial(n, OF_A, sets), rng.binomial(m, rate, sets)
                exact = np.array([[x, n - x], [y, m - y]])
                rounding = Rounding(k)
                shown = rounding.shown(exact)
                least, most = map(forms_of, rounding.ends(shown))
                found = []
                for i, truth in enumerate((OF_A - rate, rate / OF_A)):
                    true, plain = forms_of(exact)[i], forms_of(shown)[i]
                    box = InBox(*corners(least[i], most[i]), value_of(plain))
                    ends = [
                        evidence.ends(TAIL)
                        for evidence in (
                            box,
                            evidence_of(plain, value_of(plain)),
                            evidence_of(true, value_of(true)),
                        )
                    ]
                    known = ~np.isnan(value_of(plain))
                    shares = [float(held(*one, truth)[known].mean()) for one in ends]
                    scale = np.asarray if i == 0 else np.log
                    with np.errstate(all="ignore"):
                        widths = [scale(high) - scale(low) for low, high in ends]
                    found.append((*shares, float(np.nanmedian(divide(widths[0], widths[2])))))
                yield f"{n:,}/{m}", k, rate, found


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1_200, help="data sets of each cell")
    parser.add_argument("--write", action="store_true", help="write into docs/sharing.md")
    args = parser.parse_args()
    found = [*cells(args.sets)]
    lines = [
        "| rows | k | share d | DPL | at face | exact | width | ratio | at face | exact | width |",
        "| --- " + "| ---: " * 10 + "|",
    ]
    for size, k, rate, both in found:
        numbers = [
            text for *shares, width in both for text in (*map(percent, shares), f"{width:.2f}")
        ]
        lines.append(f"| {size} | {k} | {rate:g} | {' | '.join(numbers)} |")
    worst = [min(one[3][i][j] for one in found) for i in (0, 1) for j in (0, 1, 2)]
    told = (
        f"In {len(found)} cells of {args.sets:,} data sets, the 95 % interval of DPL holds the "
        f"truth in {percent(worst[0])} % at least, that of the ratio in {percent(worst[3])} %; "
        f"rounded counts that are taken as they are, in {percent(worst[1])} % and "
        f"{percent(worst[4])} %; exact ones in {percent(worst[2])} % and {percent(worst[5])} %. "
        "Widths are compared with those of exact counts (of the ratio, on the log scale)."
    )
    text = "\n".join([told, "", *lines])
    print(text)
    if args.write:
        write_section("coverage", text, "sharing.md", PACKAGES)


if __name__ == "__main__":
    main()
