"""Protected counts: their classes, what reports say of them, and where they are refused."""

from __future__ import annotations

import ast
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import biaskit
from biaskit import Counts
from biaskit.cli import main
from biaskit.counts.sharing.rounding import Rounding
from biaskit.counts.tables import Tally
from biaskit.errors import DataError, RolesError
from biaskit.intervals.boxes import in_box
from biaskit.intervals.figures import evidence_of
from biaskit.metrics import METRICS
from biaskit.sources.record import record_in

YES = np.array([False, True])
#: Metrics whose extremes among all tables are known from their proportions.
KNOWN = {
    *("CI", "DPL", "DD", "DPPL", "DI", "SD", "RD", "DAR", "DRR", "AD", "FPRD", "FNRD", "EO", "OR"),
}


def counts_of(cells: Any, unknown: Any = ((0, 0), (0, 0)), **roles: Any) -> Counts:
    """Counts of cells of shape ``(2, 2, 2)``: sides a and d, labels and predictions.

    `unknown` has those of a missing side.
    """
    found = np.ndenumerate(np.concatenate([np.asarray(cells), [np.asarray(unknown)]]))
    sides = ["a", "d", None]
    rows = [(sides[side], label, hat, int(n)) for (side, label, hat), n in found if n]
    frame = pd.DataFrame(rows, columns=["side", "y", "hat", "n"])
    given = {"facet": "side", "label": "y", "predicted": "hat", "frequency": "n"} | roles
    return biaskit.count(frame, **given)


def numbers_of(symbol: str, tables: Any) -> tuple[Any, Any, Any]:
    """A metric of many tables, shape ``(tables, 2, 2, 2)``, and the ends of its intervals."""
    a, d = (Tally(tables[:, side, ..., np.newaxis], YES, YES) for side in (0, 1))
    estimate = METRICS[symbol](a, d)
    return estimate, *evidence_of(METRICS[symbol].form_of(a, d), estimate).ends(0.025)


def holds_for_all(report: pd.DataFrame, tables: Any) -> None:
    """Whether extremes and intervals of a report are those of all these tables together."""
    for row in report.itertuples():
        if math.isnan(row.estimate):
            assert math.isnan(row.least)
            continue
        each, lows, highs = numbers_of(row.metric, tables)
        assert not np.isnan(each).any()
        assert row.most == pytest.approx(each.max(), abs=1e-12)
        least, most = METRICS[row.metric].bounds
        low, high = max(lows.min(), least), min(highs.max(), most)
        assert row.low <= low + 1e-9
        assert row.high >= high - 1e-9
        assert row.least <= each.min() + 1e-12
        if row.metric != "EO":  # of its two gaps, either may be near 0 in no table
            assert row.least == pytest.approx(each.min(), abs=1e-12)
            assert (row.low, row.high) == pytest.approx((low, high), abs=1e-9)


def test_known_extremes() -> None:
    ones = Tally(np.ones((1, 2, 2, 1)), YES, YES)
    found = {}
    for one in METRICS.values():
        form = one.form_of(ones, ones)
        found[one.symbol] = in_box(form, form, form, one(ones, ones))
    assert {symbol for symbol, evidence in found.items() if evidence is not None} >= KNOWN


@pytest.mark.parametrize("k", range(3, 16))
def test_classes(k: int) -> None:
    rounding = Rounding(k)
    n = np.arange(101)
    shown = rounding.shown(n)
    least, most = rounding.ends(shown)
    assert shown[0] == least[0] == most[0] == 0
    for i in n[1:]:
        same = n[1:][shown[1:] == shown[i]]
        first = k * ((i - 1) // k) + 1
        assert (least[i], most[i]) == (first, first + k - 1)
        assert shown[i] == k * math.ceil(i / k) - k // 2
        assert same[0] == first
    assert len(set(shown[1:].tolist())) == math.ceil(100 / k)


def test_sums_of_protected_counts_hold_what_was_added() -> None:
    rng = np.random.default_rng(4)
    for k, parts in itertools.product((3, 4, 5, 11), (2, 3, 7)):
        exact = rng.integers(0, 3 * k, (parts, 200)) * (rng.random((parts, 200)) < 0.5)
        shown = sum(Rounding(k).shown(one) for one in exact)
        rounding = Rounding(k)
        for _ in range(parts - 1):
            rounding = rounding.with_more(Rounding(k))
        least, most = rounding.ends(shown)
        total = exact.sum(axis=0)
        assert np.all((least <= total) & (total <= most))
        assert np.array_equal(total == 0, shown == 0)
        assert rounding.is_shown(shown[shown > 0])


eight_cells = st.lists(st.integers(0, 7), min_size=8, max_size=8)


@settings(max_examples=25, deadline=None)
@given(eight_cells)
def test_intervals_hold_for_all_tables_that_look_so(cells: list[int]) -> None:
    exact = np.array(cells).reshape(2, 2, 2)
    assume(all(exact.sum(axis=axes).all() for axes in ((1, 2), (0, 2), (0, 1))))
    counts = counts_of(exact, positive=1, facet_values="d").protect(3)
    first = [3 * ((n - 1) // 3) + 1 for n in cells]
    sizes = [range(a, a + 3) if n else [0] for a, n in zip(first, cells, strict=True)]
    tables = np.array([*itertools.product(*sizes)]).reshape(-1, 2, 2, 2)
    holds_for_all(biaskit.report(counts, metrics=sorted(KNOWN)), tables)


@settings(max_examples=25, deadline=None)
@given(eight_cells, st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_bounds_hold_wherever_rows_of_a_missing_facet_are(
    cells: list[int], unknown: list[int]
) -> None:
    exact = np.array(cells).reshape(2, 2, 2)
    assume(all(exact.sum(axis=axes).all() for axes in ((1, 2), (0, 2), (0, 1))))
    gone = np.array(unknown).reshape(2, 2)
    counts = counts_of(exact, gone, positive=1, facet_values="d")
    on_a = np.array([*itertools.product(*(range(n + 1) for n in unknown))]).reshape(-1, 2, 2)
    tables = exact + np.stack([on_a, gone - on_a], axis=1)
    report = biaskit.report(counts, metrics=sorted(KNOWN), missing="bounds")
    assert (report["n_missing"] == gone.sum()).all()
    holds_for_all(report, tables)


def test_tests_agree_with_the_intervals() -> None:
    exact = np.array([[[40, 30], [20, 70]], [[30, 8], [10, 12]]])
    counts = counts_of(exact, positive=1, facet_values="d").protect(5)
    metrics = sorted(KNOWN - {"CI"})
    found = biaskit.report(counts, metrics=metrics).set_index("metric")
    for symbol, p in found["p_value"].items():
        if p == 1:
            row = found.loc[symbol]
            assert row["least"] <= METRICS[str(symbol)].parity <= row["most"]
            continue
        at = biaskit.report(counts, metrics=[str(symbol)], confidence=1 - p).iloc[0]
        ends = abs(np.array([at["low"], at["high"]]) - METRICS[str(symbol)].parity)
        assert ends.min() == pytest.approx(0, abs=1e-4)


def small() -> Counts:
    exact = np.array([[[400, 30], [20, 270]], [[30, 8], [10, 1]]])
    return counts_of(exact, positive=1)


def test_a_file_and_a_page_bring_back_protected_counts(tmp_path: Path) -> None:
    for counts in (small().protect(11), small().protect(4) + small().protect(4)):
        counts.save(tmp_path / "shared.counts")
        assert Counts.load(tmp_path / "shared.counts") == counts
        biaskit.page(counts).save(tmp_path / "page.html")
        assert Counts.load(tmp_path / "page.html").protected == counts.protected
        assert Counts.load(tmp_path / "page.html").shown_tables == counts.shown_tables


def test_a_facet_chosen_alone_can_be_saved(tmp_path: Path) -> None:
    frame = pd.DataFrame({"f": ["x", "y", "z"] * 40, "g": ["k", "l"] * 60, "y": [0, 1, 1, 0] * 30})
    chosen = biaskit.count(frame, facet=["f", "g"], label="y").protect(11).choosing(facet="g")
    chosen.save(tmp_path / "g.counts")
    assert Counts.load(tmp_path / "g.counts") == chosen
    assert chosen.rows == chosen.shown_tables[chosen.roles.facet[0]].rows


def test_addition_of_protected_counts_associates() -> None:
    one, two, three = (small().protect(7) for _ in range(3))
    assert (one + two) + three == one + (two + three)
    assert sum([one, two, three]).protected == Rounding(7, 3)
    assert Counts.empty(one.roles) + one == one
    assert (Counts.empty(one.roles).protect(7) + small()).protected is None


def test_older_readers_refuse_protected_files(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    small().save(tmp_path / "exact.counts")
    small().protect().save(tmp_path / "shared.counts")
    headers = [
        json.loads(pq.read_metadata(tmp_path / name).metadata[b"biaskit"])
        for name in ("exact.counts", "shared.counts")
    ]
    assert [one["schema"] for one in headers] == [1, 2]
    assert headers[1]["protected"] == {"round_to": 11, "parts": 1}
    assert "protected" not in headers[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.pop("protected"),
        lambda h: h.update(schema=1),
        lambda h: h.update(protected={"round_to": 5, "parts": 1}),
        lambda h: h.update(protected={"round_to": 11}),
        lambda h: h.update(protected={"round_to": True, "parts": 1}),
        lambda h: h.update(protected={"round_to": 11, "parts": 0}),
        lambda h: h.update(protected=[11]),
        lambda h: h.update(rows=h["rows"] + 11),
    ],
)
def test_a_changed_header_is_refused(tmp_path: Path, change: Any) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "shared.counts"
    small().protect().save(path)
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"biaskit"])
    change(header)
    pq.write_table(table.replace_schema_metadata({b"biaskit": json.dumps(header).encode()}), path)
    with pytest.raises(DataError, match="damaged"):
        Counts.load(path)


REFUSED: list[tuple[Any, str]] = [
    (lambda: small().protect(11).protect(11), "already; protect exact counts, once"),
    (lambda: small().protect(11) + small().protect(5), "rounded to 11 and to 5 cannot be added"),
    (lambda: small().protect(11) + small(), "protected counts and exact ones cannot be added"),
    (lambda: small() + small().protect(11), "protect both with the same round_to"),
    (lambda: small().protect(2), "from 3 to 10,000, not 2"),
    (lambda: small().protect(True), "whole number, such as 11, not True"),
    (lambda: small().protect(11.5), "whole number"),  # type: ignore[arg-type]
    (lambda: counts_of(np.full((2, 2, 2), 2), frequency=None, weight="n").protect(), "weights of"),
    (
        lambda: biaskit.count(
            pd.DataFrame({"f": ["a", "b"], "s": [0.1, 0.9], "y": [0, 1]}),
            facet="f", label="y", score="s", score_range=(0, 1),
        ).protect(),
        "counts of scores cannot be protected",
    ),
    (lambda: biaskit.page(small().protect(), baseline=small()), "the baseline has exact counts"),
    (
        lambda: biaskit.page([small(), small().protect()]),
        "1 has exact counts",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(RolesError, match=message):
        call()


def test_a_report_says_that_counts_are_rounded() -> None:
    exact, found = biaskit.report(small()), biaskit.report(small().protect())
    assert [*found.columns] == [
        *("stage", "facet", "value", "metric", "estimate", "low", "high", "least", "most"),
        *[one for one in exact.columns if one not in found.columns[:9]],
    ]
    known = found[found["metric"].isin(KNOWN)]
    assert known["note"].str.contains("rounded to 11 (1 to 11 rows show as 6)", regex=False).all()
    assert (known["low"] <= known["least"]).all()
    assert (known["most"] <= known["high"]).all()
    there = exact.set_index(["value", "metric"])["estimate"]
    for row in known.itertuples():
        assert row.least <= there[row.value, row.metric] <= row.most
    rest = found[~found["metric"].isin(KNOWN)]
    assert rest["low"].isna().all()
    assert rest["note"].str.contains("no interval, since bounds").sum() == len(rest)


def test_rates_hold_for_all_that_looks_so() -> None:
    exact = biaskit.rates(small())
    found = biaskit.rates(small().protect())
    shares = ~exact["rate"].isin(["TP", "FP", "FN", "TN"])
    assert (found["low"] <= exact["estimate"])[shares].all()
    assert (found["high"] >= exact["estimate"])[shares].all()
    wider = (found["high"] - found["low"]) > (exact["high"] - exact["low"])
    assert wider[shares].all()


def test_a_gate_judges_by_the_extremes() -> None:
    counts = counts_of([[[400, 300], [200, 700]], [[300, 80], [100, 120]]], positive=1)
    report = biaskit.report(counts.protect(), metrics="DPL", facet_values="d")
    row = report.iloc[0]
    assert 0 < row["low"] < row["least"] < row["most"] < row["high"]

    def checked(limit: float) -> Any:
        return biaskit.check(report, {"DPL": limit}).iloc[0]

    assert checked(row["high"] * 1.01)["verdict"] == "pass"
    assert checked(row["low"] * 0.99)["verdict"] == "fail"
    assert checked(row["low"] * 1.01)["verdict"] == "uncertain"
    assert checked(row["high"] * 0.99)["verdict"] == "uncertain"
    between = checked((row["least"] + row["most"]) / 2)
    assert between["verdict"] == "uncertain"
    assert "which more rows would not settle" in between["reason"]
    # Among two judged together, a verdict needs more than its own interval.
    both = biaskit.report(counts.protect(), metrics="DPL")
    for limit, verdict in ((row["low"] * 0.99, "uncertain"), (row["low"] * 0.7, "fail")):
        assert (biaskit.check(both, {"DPL": limit})["verdict"] == verdict).all()


def test_comparisons_of_protected_counts_are_sure_of_less() -> None:
    then, now = small(), small() + small()
    exact = biaskit.compare(now, then, limits={"DPL": 0.05}).set_index("value")
    found = biaskit.compare(now.protect(), then.protect(), limits={"DPL": 0.05}).set_index("value")
    assert (found["low"] < exact["low"]).all()
    assert (found["high"] > exact["high"]).all()


def test_a_page_says_that_it_is_protected(tmp_path: Path) -> None:
    made = biaskit.page(small(), round_to=11)
    assert "Counts are rounded to 11 (1 to 11 rows show as 6), and intervals hold" in made.html
    assert "which may tell who somebody is" not in made.html
    assert "round_to=11" in made.html
    assert made.html == biaskit.page(small(), round_to=11).html
    made.save(tmp_path / "page.html")
    n = np.concatenate(
        [one.n.ravel() for one in Counts.load(tmp_path / "page.html").shown_tables.values()]
    )
    assert np.all((n == 0) | (n % 11 == 6))


def csv(folder: Path) -> str:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"sex": rng.choice(["F", "M"], 300), "hired": rng.integers(0, 2, 300)})
    frame.to_csv(folder / "a.csv", index=False)
    return str(folder / "a.csv")


def test_the_command_line_protects(tmp_path: Path) -> None:
    data, out = csv(tmp_path), str(tmp_path / "p.counts")
    roles = ["--facet", "sex", "--label", "hired"]
    assert main(["count", data, *roles, "--round-to", "11", "-o", out]) == 0
    exact = biaskit.count(data, facet="sex", label="hired")
    assert Counts.load(out) == exact.protect(11)
    page = str(tmp_path / "page.html")
    flags = ["--round-to", "11", "--format", "html", "-o", page]
    assert main(["report", data, *roles, *flags]) == 0
    assert Counts.load(page).protected == Rounding(11)


def test_merging_protects_the_sum_and_drops_the_record(tmp_path: Path) -> None:
    data, kept, out = csv(tmp_path), str(tmp_path / "kept.counts"), str(tmp_path / "p.counts")
    roles = ["--facet", "sex", "--label", "hired"]
    assert main(["count", data, *roles, "--resume", "--replace", "-o", kept]) == 0
    assert record_in(kept)
    assert main(["merge", kept, "--round-to", "11", "-o", out]) == 0
    assert record_in(out) is None
    assert Counts.load(out) == Counts.load(kept).protect(11)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["count", "DATA", "ROLES", "--resume", "--round-to", "11", "-o", "OUT"], "--resume keeps"),
        (["count", "DATA", "ROLES", "--round-to", "1", "-o", "OUT"], "--round-to must be from 3"),
        (
            ["count", "DATA", "ROLES", "--weight", "hired", "--round-to", "9", "-o", "OUT"],
            "count without --weight",
        ),
        (["report", "DATA", "ROLES", "--features", "x", "--round-to", "9"], "single rows"),
        (["merge", "KEPT", "--round-to", "11", "-o", "KEPT"], "is an input"),
    ],
)
def test_the_command_line_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    kept = str(tmp_path / "kept.counts")
    biaskit.count(csv(tmp_path), facet="sex", label="hired").save(kept)
    names = {"DATA": csv(tmp_path), "OUT": str(tmp_path / "o.counts"), "KEPT": kept}
    roles = ["--facet", "sex", "--label", "hired"]
    told = [one for part in argv for one in (roles if part == "ROLES" else [names.get(part, part)])]
    assert main(told) == 2
    assert message in capsys.readouterr().err


def test_so_many_rows_that_sums_would_overflow_are_refused() -> None:
    huge = counts_of([[[2**62, 1], [1, 1]], [[1, 1], [1, 1]]], positive=1)
    with pytest.raises(DataError, match="so many rows cannot be rounded"):
        huge.protect()


# Modules that may read cells as they are shown, since they allow for what those may truly be, or
# pass them on as they are. All others read `Counts.tables`, which protected counts refuse.
MADE_FOR_PROTECTED = {
    *("counts.counts", "counts.embedded", "counts.spellings", "gate.compare"),
    *("reports.numbers", "reports.rates", "reports.report", "reports.sentences"),
    *("pages.carried", "pages.settled", "pages.sections.facets", "pages.sections.first"),
    *("cli.counting", "cli.writing.shortening"),
    *("browser.chosen", "browser.jobs", "browser.steps.choices", "browser.steps.controls"),
}


def test_exact_tables_of_protected_counts_are_refused() -> None:
    counts = counts_of([[[3, 4], [5, 6]], [[7, 8], [9, 10]]])
    assert counts.tables is counts.shown_tables
    with pytest.raises(RolesError, match=r"rounded to 11 .* exact numbers of rows are needed"):
        _ = counts.protect().tables


def test_few_modules_read_what_is_shown() -> None:
    """A new reader of cells is for exact counts, unless it is made for protected ones."""
    root = Path(biaskit.__file__).parent
    readers = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "shown_tables"
    }
    assert readers == MADE_FOR_PROTECTED


@pytest.mark.parametrize(
    "call",
    [
        lambda counts: biaskit.impact(counts),
        lambda counts: biaskit.reweighing(counts),
        lambda counts: biaskit.slices(counts, columns=["side"]),
        lambda counts: biaskit.profile(counts),
        lambda counts: biaskit.profile(PEOPLE, facet="side", population=counts),
        lambda counts: biaskit.sweep(counts),
        lambda counts: biaskit.calibration(counts),
        lambda counts: counts.at_threshold(0.5),
        lambda counts: biaskit.audits.nyc_144(counts, sex="side", race="other", selected="y"),
    ],
)
def test_what_needs_exact_counts_refuses_protected_ones(call: Any) -> None:
    counts = counts_of([[[30, 4], [5, 6]], [[7, 80], [9, 10]]]).protect()
    with pytest.raises(RolesError, match=r"round|scores"):
        call(counts)


PEOPLE = pd.DataFrame({"side": ["a", "d"] * 20, "y": [0, 1, 1, 0] * 10})


def test_a_metric_without_bounds_says_why_it_has_no_interval() -> None:
    counts = counts_of([[[400, 30], [20, 270]], [[30, 80], [100, 10]]], positive=1).protect()
    report = biaskit.report(counts, facet_values="d")
    without = report[report["low"].isna()]
    assert {*without["metric"]} >= {"KL", "TE", "DCAcc", "GE"}
    assert (
        without["note"].str.contains("no interval, since bounds of this metric are not known").all()
    )
