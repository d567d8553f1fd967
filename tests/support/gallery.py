"""Gallery: a page with every chart, of ordinary, empty, hostile and extreme records."""

from __future__ import annotations

import math
from collections.abc import Iterator

from biaskit.pages.charts.drawing import Head
from biaskit.pages.charts.drift import DriftRow, drift
from biaskit.pages.charts.forest import ForestRow, forest
from biaskit.pages.charts.models.dependence import Curve, Feature, dependence
from biaskit.pages.charts.models.waterfall import Part, waterfall
from biaskit.pages.charts.outcomes import OutcomeRow, outcomes
from biaskit.pages.charts.over_time import Moment, over_time
from biaskit.pages.charts.scores.curves import Axis
from biaskit.pages.charts.scores.curves import Curve as Line
from biaskit.pages.charts.scores.curves import curves as lines
from biaskit.pages.charts.shares import ShareRow, shares
from biaskit.pages.charts.strata import StratumRow, strata
from biaskit.pages.document import document
from biaskit.pages.figures import figure, opener
from biaskit.pages.markup import Safe, el, ident, table
from biaskit.pages.numbers import interval, number

NAN, INF = math.nan, math.inf
HOSTILE = (
    '</script><img src="x" onerror="alert(1)">',
    "\"'><svg onload=alert(1)>\x1b[31m\u202etxt.exe\ud800\x00",
    "x" * 100_000,
    "a b " * 400,
    "非常に長い日本語のラベルはここで切られるはずです" * 4,
    "\ufdfd\ufdfd العربية " * 8,
    "👩🏽‍🚀" * 40,
    "W" * 60,
    "e\u0301\u0323" * 90,
    "",
)
# Estimate, low and high: ordinary, missing, endless, equal, the wrong way round, huge and tiny.
EXTREME = (
    (0.1, 0.05, 0.2),
    (NAN, NAN, NAN),
    (INF, 0.1, INF),
    (-INF, -INF, INF),
    (0.0, 0.0, 0.0),
    (0.2, 0.3, 0.1),
    (-1e300, -1e308, 1e308),
    (1e-300, -1e-300, 5e-324),
    (NAN, 0.1, 0.2),
    (0.3, NAN, NAN),
)
NAMES = ("repaid, and expected to", "repaid, not expected to", "expected only", "neither")
QUESTIONS = (
    "Of those who repaid, the share expected to",
    "Of those who did not, the share expected to",
)


def head(name: str) -> Head:
    return Head(str(ident("gallery", name)), f"Chart of {name}", "What is drawn, in a sentence.")


def forest_rows() -> list[ForestRow]:
    numbers = [(0.142, 0.113, 0.17), (-0.019, -0.053, 0.014), (0.011, 0.007, 0.015)]
    verdicts = ["fail", "uncertain", "pass"]
    names = ["Labels (DPL)", "Within departments (CDDL)", "Shannon"]
    return [
        ForestRow(name, *one, number(one[0]), interval(*one[1:]), verdict, (-0.1, 0.1))
        for name, one, verdict in zip(names, numbers, verdicts, strict=True)
    ]


def departments() -> list[StratumRow]:
    numbers = [(0.82, 0.62, 108, 825), (0.68, 0.63, 25, 560), (0.34, 0.37, 593, 325)]
    return [StratumRow(name, *one) for name, one in zip("ABC", numbers, strict=True)]


def ordinary() -> Iterator[tuple[str, Safe]]:
    """Charts as pages have them."""
    ends = ("← for female", "against female →")
    yield "forest", forest(forest_rows(), head=head("forest"), ends=ends)
    ratios = [ForestRow("DI", 1.47, 1.33, 1.61, "0.68", "0.62 to 0.75", "fail", (0.8, 1.25))]
    yield "ratios", forest(ratios, head=head("ratios"), log=True, ends=ends)
    sexes = [
        ShareRow("male", 0.445, 0.427, 0.464, 2691),
        ShareRow("female", 0.304, 0.283, 0.325, 1835),
    ]
    yield (
        "shares",
        shares(sexes, head=head("shares"), overall=0.388, overall_label="all applicants"),
    )
    many = [ShareRow(f"Value {i}", i / 40, i / 44, i / 36, 997 * i) for i in range(29)]
    yield "many shares", shares(many, head=head("many shares"), overall=0.3)
    rows = [
        OutcomeRow("male", (500, 100, 80, 320), (0.83, 0.8, 0.86), (0.2, 0.16, 0.24)),
        OutcomeRow("female", (150, 120, 10, 220), (0.56, 0.5, 0.61), (0.04, 0.02, 0.08)),
    ]
    yield (
        "outcomes",
        outcomes(rows, head=head("outcomes"), names=NAMES, questions=QUESTIONS),
    )
    together = StratumRow("all departments", 0.304, 0.445, 1835, 2691)
    yield (
        "strata",
        strata(departments(), head=head("strata"), together=together, names=("female", "male")),
    )
    parts = [
        Part("sex", 0.02, 0.01, 0.03, is_facet=True),
        Part("hours per week", 0.08, 0.07, 0.09),
        Part("education", -0.03, -0.04, -0.02),
    ]
    gap = Part("the whole gap", 0.07, 0.06, 0.08)
    yield "waterfall", waterfall(parts, head=head("waterfall"), total=gap, ends=("", ends[1]))
    ages = [18.0, 25.0, 31.0, 36.0, 44.0, 52.0, 67.0]
    curves = [
        Curve("female", [0.05, 0.1, 0.2, 0.25, 0.3, 0.31, 0.2]),
        Curve("male", [0.06, 0.15, 0.33, 0.4, 0.47, 0.48, 0.3]),
    ]
    kinds = ["Private", "Self-employed", "Government"]
    features = [
        Feature("age", ages, curves, [0.1, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]),
        Feature(
            "workclass",
            kinds,
            [Curve("female", [0.11, 0.2, 0.15]), Curve("male", [0.3, 0.33, 0.31])],
            [0.7, 0.1, 0.2],
        ),
        Feature("hours", ages, curves, [1 / 7] * 7),
    ]
    yield "dependence", dependence(features, head=head("dependence"), shares=True)
    moved = [
        DriftRow("DPL", 0.021, 0.142, 0.113, 0.17, fails=True, more="+0.09 to +0.15"),
        DriftRow("CDDL", -0.015, -0.019, -0.053, 0.014),
    ]
    yield "drift", drift(moved, head=head("drift"), parity=0.0, ends=ends)
    months = [
        Moment(f"2026-{month:02}", 0.01 * month, 0.01 * month - 0.03, 0.01 * month + 0.03)
        for month in range(1, 13)
    ]
    yield (
        "over time",
        over_time(
            months, head=head("over time"), limits=(-0.1, 0.1), ends=("", "↑ against female")
        ),
    )
    at = [k / 20 for k in range(21)]
    swept = [
        Line(
            name,
            [(x, size * x * (1 - x)) for x in at],
            [size * x * (1 - x) - 0.03 for x in at],
            [size * x * (1 - x) + 0.03 for x in at],
        )
        for name, size in (("DPPL", 0.7), ("RD", -0.3), ("AD", 0.1))
    ]
    yield (
        "sweep",
        lines(
            swept,
            head=head("sweep"),
            across=Axis("threshold"),
            up=Axis("above 0 is against female"),
            parity=0.0,
            limits=(-0.1, 0.1),
        ),
    )
    rocs = [Line("female", [(x, x**0.5) for x in at]), Line("male", [(x, x**0.3) for x in at])]
    rates = Axis("false positive rate", (0, 1), True), Axis("true positive rate", (0, 1), True)
    yield "roc", lines(rocs, head=head("roc"), across=rates[0], up=rates[1], is_square=True)
    bands = [
        Line("female", [(x, x**1.2) for x in at[1::2]], [0.1] * 10, [0.9] * 10),
        Line("male", [(x, x) for x in at[1::2]], [0.2] * 10, [1.0] * 10),
    ]
    ends = Axis("mean score", (0, 1)), Axis("share of positive labels", (0, 1))
    drawn = lines(
        bands,
        head=head("calibration"),
        across=ends[0],
        up=ends[1],
        is_square=True,
        whiskers=True,
    )
    yield "calibration", drawn


def empty() -> Iterator[tuple[str, Safe]]:
    """Charts of nothing, of one row, and of rows that are all undefined."""
    nothing = StratumRow("all", NAN, NAN, 0, 0)
    yield "no metrics", forest([], head=head("no metrics"))
    yield "no values", shares([], head=head("no values"))
    yield "no outcomes", outcomes([], head=head("no outcomes"), names=NAMES, questions=QUESTIONS)
    yield "no strata", strata([], head=head("no strata"), together=nothing, names=("d", "a"))
    yield "no parts", waterfall([], head=head("no parts"), total=Part("gap", NAN))
    yield "no features", dependence([Feature("f", [], [])], head=head("no features"))
    yield "no drift", drift([], head=head("no drift"))
    yield "no times", over_time([], head=head("no times"))
    yield (
        "undefined metric",
        forest([ForestRow("DI", NAN)], head=head("undefined metric"), log=True),
    )
    yield "undefined share", shares([ShareRow("x", NAN)], head=head("undefined share"))
    row = OutcomeRow("x", (0, 0, NAN, 0), (NAN, NAN, NAN), (NAN, NAN, NAN))
    yield (
        "undefined outcome",
        outcomes([row], head=head("undefined outcome"), names=NAMES, questions=QUESTIONS),
    )
    yield (
        "undefined stratum",
        strata([nothing], head=head("undefined stratum"), together=nothing, names=("d", "a")),
    )
    yield (
        "undefined part",
        waterfall([Part("f", NAN)], head=head("undefined part"), total=Part("gap", NAN)),
    )
    curve = Curve("x", [NAN])
    yield "undefined curve", dependence([Feature("f", [1], [curve])], head=head("undefined curve"))
    yield "undefined drift", drift([DriftRow("DPL", NAN, NAN)], head=head("undefined drift"))
    axes = {"across": Axis("threshold"), "up": Axis("DPPL")}
    yield "no curves", lines([], head=head("no curves"), **axes)
    undefined = Line("x", [(0.5, NAN)], [NAN], [NAN])
    yield "undefined curve of scores", lines([undefined], head=head("undefined scores"), **axes)
    one = Line("x", [(0.5, 0.1)], [0.0], [0.2])
    yield "one threshold", lines([one], head=head("one threshold"), parity=0.0, **axes)
    yield "undefined time", over_time([Moment("May", NAN)], head=head("undefined time"))


def hostile() -> Iterator[tuple[str, Safe]]:
    """Charts whose names are long, of other scripts, or markup, and whose numbers are extreme."""
    verdicts = ["fail", "uncertain", "pass", ""]
    given = [*zip(HOSTILE, EXTREME, strict=True)]
    both = (HOSTILE[2], HOSTILE[4])
    yield (
        "hostile forest",
        forest(
            [
                ForestRow(name, *one, text, name, verdicts[place % 4], (-0.1, INF))
                for place, (name, one) in enumerate(given)
                for text in (name, "", number(one[0]))
            ],
            head=Head(str(ident(HOSTILE[1])), HOSTILE[0], HOSTILE[1]),
            ends=both,
        ),
    )
    yield (
        "hostile ratios",
        forest(
            [ForestRow(name, *one, limits=(0.0, NAN)) for name, one in given],
            head=head("hostile ratios"),
            log=True,
        ),
    )
    yield (
        "hostile shares",
        shares(
            [ShareRow(name, *one, n=abs(one[1])) for name, one in given] * 3,
            head=head("hostile shares"),
            overall=0.2,
            overall_label=HOSTILE[7],
        ),
    )
    yield (
        "hostile outcomes",
        outcomes(
            [OutcomeRow(name, (abs(one[0]), 1, 1e-9, 1e9), one, one) for name, one in given],
            head=head("hostile outcomes"),
            names=(*HOSTILE[:4],),
            questions=both,
        ),
    )
    yield (
        "hostile strata",
        strata(
            [
                StratumRow(name, one[0], one[1], place, 10**place)
                for place, (name, one) in enumerate(given * 4)
            ],
            head=head("hostile strata"),
            together=StratumRow(HOSTILE[5], 0.1, 0.2, INF, NAN),
            names=both,
        ),
    )
    yield (
        "hostile waterfall",
        waterfall(
            [Part(name, *one, is_facet=True) for name, one in given * 2],
            head=head("hostile waterfall"),
            total=Part(HOSTILE[6], INF, NAN, NAN),
            ends=both,
        ),
    )
    curves = [Curve(name, [value for one in EXTREME for value in one]) for name in HOSTILE]
    yield (
        "hostile dependence",
        dependence(
            [
                Feature(HOSTILE[3], [*map(float, range(30))], curves, [0.1, NAN, INF] * 10),
                Feature(HOSTILE[4], [*HOSTILE], curves, [0.1] * 10),
                Feature("one", ["x"], curves[:1]),
                Feature("equal", [1.0, 1.0, 1.0], curves),
                *[Feature("more", [1, 2], curves)] * 20,
            ],
            head=head("hostile dependence"),
        ),
    )
    yield (
        "hostile drift",
        drift(
            [DriftRow(name, one[1], *one, fails=True, more=name) for name, one in given],
            head=head("hostile drift"),
            shares=True,
            names=both,
            ends=both,
        ),
    )
    yield (
        "hostile time",
        over_time(
            [Moment(name, *one) for name, one in given],
            head=head("hostile time"),
            limits=(-INF, 0.1),
            ends=both,
        ),
    )
    extreme = [
        Line(name, [(value, value) for value in one], [one[1]] * 3, [one[2]] * 3)
        for name, one in given
    ]
    yield (
        "hostile curves",
        lines(
            extreme,
            head=head("hostile curves"),
            across=Axis(HOSTILE[3]),
            up=Axis(HOSTILE[4], (NAN, -INF)),
            parity=1e300,
            limits=(-INF, NAN),
        ),
    )
    yield (
        "hostile square",
        lines(
            extreme[::-1],
            head=head("hostile square"),
            across=Axis(HOSTILE[5], (0.0, 1.0), shares=True),
            up=Axis(HOSTILE[6], (0.0, 1.0), shares=True),
            is_square=True,
            whiskers=True,
        ),
    )


def crowded() -> Iterator[tuple[str, Safe]]:
    """Charts of a thousand rows."""
    labels = [f"Value {i}" for i in range(1000)]
    together = StratumRow("all", 0.4, 0.5, 1000, 1000)
    yield (
        "crowded forest",
        forest([ForestRow(x, 0.1, 0.05, 0.2) for x in labels], head=head("crowded forest")),
    )
    yield (
        "crowded shares",
        shares([ShareRow(x, 0.1, 0.05, 0.2, 9) for x in labels], head=head("crowded shares")),
    )
    rows = [OutcomeRow(x, (1, 2, 3, 4), (0.3, 0.1, 0.6), (0.4, 0.2, 0.7)) for x in labels]
    yield (
        "crowded outcomes",
        outcomes(rows, head=head("crowded outcomes"), names=NAMES, questions=QUESTIONS),
    )
    groups = [StratumRow(x, 0.4, 0.5, i, i) for i, x in enumerate(labels)]
    yield (
        "crowded strata",
        strata(groups, head=head("crowded strata"), together=together, names=("d", "a")),
    )
    parts = [Part(x, 0.001 * (-1) ** i, 0.0, 0.1) for i, x in enumerate(labels)]
    yield (
        "crowded waterfall",
        waterfall(parts, head=head("crowded waterfall"), total=Part("gap", 0.0)),
    )
    points = [*map(float, range(1000))]
    features = [Feature(x, points, [Curve(x, points)], points) for x in labels]
    yield "crowded dependence", dependence(features, head=head("crowded dependence"))
    yield (
        "crowded drift",
        drift([DriftRow(x, 0.1, 0.2) for x in labels], head=head("crowded drift")),
    )
    yield (
        "crowded time",
        over_time([Moment(x, 0.1, 0.05, 0.2) for x in labels], head=head("crowded time")),
    )
    crowd = [Line(x, [(one / 1000, 0.1) for one in points]) for x in labels]
    yield (
        "crowded curves",
        lines(crowd, head=head("crowded curves"), across=Axis("threshold"), up=Axis("DPPL")),
    )


def charts() -> Iterator[tuple[str, Safe]]:
    """Every chart, with a name of its own."""
    for some in (ordinary, empty, hostile, crowded):
        yield from some()


def page(some: Iterator[tuple[str, Safe]] | None = None) -> str:
    """Document of charts, each in a figure with a table."""
    figures, links = [], []
    for place, (name, chart) in enumerate(some or charts()):
        cells = [
            [
                HOSTILE[place % 10] if "hostile" in name else "female",
                number(0.142),
                f"hidden-{place}",
            ]
        ]
        numbers = table(
            f"Numbers of {name}",
            ["value", "estimate", "note"],
            cells,
            label=f"Table of {name}",
            texts={2},
        )
        spot = ident("figure", name)
        figures.append(
            el(
                "section",
                el("h2", name.capitalize(), id=spot),
                figure(
                    chart,
                    f"What {name} says.",
                    "Measure, population, 95 % intervals.",
                    numbers,
                    label=name,
                ),
            )
        )
        links.append(el("li", el("a", name, href=f"#{spot}")))
    body = Safe(
        "".join(
            [
                el("h1", "Every chart"),
                opener("Open all"),
                el("nav", el("ul", *links), aria_label="Charts"),
                *figures,
            ]
        )
    )
    return document("Gallery", body, description="Every chart.", counts={"names": [*HOSTILE]})
