"""Sentences: every figure, direction and remark on chance agrees with the row that it speaks of."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import biaskit
from biaskit import METRICS
from biaskit.counts.roles import Roles
from biaskit.metrics import FROM_ROWS, Metric, lp_norm, metric
from biaskit.reports.report import Row, report_rows
from biaskit.reports.sentences import row_sentences
from biaskit.reports.words import in_words
from biaskit.sources.counting import count_roles

CHANCE = "That could be chance."
NONE = "no difference"
DIRECTIONS = {"higher": "lower", "lower": "higher", "more": "fewer", "fewer": "more"}

#: Number in a sentence; names of columns and values have none in these tests.
NUMBER = re.compile(r"[\d,]*\d(?:\.\d+)?")

#: Word that a sentence has of an estimate above parity.
ABOVE = {
    **dict.fromkeys(["DPL", "DPPL", "RD", "DAR", "AD", "MHRD"], "lower"),
    **dict.fromkeys(["SD", "DRR", "FPRD", "FNRD", "DD", "CDDL", "CDDPL"], "higher"),
    **dict.fromkeys(["DCR", "TE", "SF"], "more"),
    "DCAcc": "fewer",
}


def tables() -> Iterator[tuple[pd.DataFrame, dict[str, Any]]]:
    """Random tables of two sides, of some rows or of thousands, with common and rare outcomes."""
    rng = np.random.default_rng(0)
    for i in range(40):
        sizes = [int(10 ** rng.uniform(0.7, 3.5)) for _ in "FM"]
        outcomes = ["no", "yes"] if i % 3 else ["no", "wait", "yes"]
        parts = []
        for sex, n in zip("FM", sizes, strict=True):
            share = rng.choice([0.001, 0.02, 0.3, 0.5, 0.97])
            others = len(outcomes) - 1
            label = rng.choice(outcomes, n, p=[(1 - share) / others] * others + [share])
            right = rng.random(n) < rng.choice([0.0, 0.2, 0.8, 0.98, 1.0])
            guess = rng.choice(outcomes if rng.random() < 0.7 else [rng.choice(outcomes)], n)
            part = {"sex": sex, "paid": label, "guess": np.where(right, label, guess)}
            weight = rng.lognormal(size=n)
            parts.append(pd.DataFrame({**part, "town": rng.choice(["x", "y"], n), "w": weight}))
        df = pd.concat(parts)
        if "yes" in set(df.paid):
            yield df, {"weight": "w"} if i % 5 == 0 else {}


def told(df: pd.DataFrame, level: float | None = 0.95, **more: Any) -> list[tuple[Row, str]]:
    given = {"facet": "sex", "label": "paid", "predicted": "guess", "group": "town"}
    roles = Roles(**{**given, "positive": "yes", **more})
    counts = count_roles(df, roles)
    rows = report_rows(counts, [*METRICS.values()], level)
    return list(zip(rows, row_sentences(rows, counts), strict=True))


@pytest.fixture(scope="module")
def rows() -> list[tuple[Row, str]]:
    """Rows of all the tables and what is said of them; F and M follow each other by metric."""
    made = []
    for i, (df, more) in enumerate(tables()):
        report = told(df, [0.95, 0.8, 0.99, None][i % 4], **more)
        half = len(report) // 2
        made += itertools.chain(*zip(report[:half], report[half:], strict=True))
    return made


def numbers(sentence: str) -> list[str]:
    return NUMBER.findall(sentence)


def directions(sentence: str) -> list[str]:
    return re.findall(rf"\b(?:{'|'.join(DIRECTIONS)})\b", sentence)


def expected(row: Row, of: dict[str, Row]) -> list[float]:
    """Numbers that a sentence must have, in this order, from the row alone (EO: from its parts)."""
    one, size = METRICS[row.metric], abs(row.estimate)
    if one.rate is not None:
        first, second = 100 * row.rate_d, 100 * row.rate_a
        if size == one.parity:
            return [first]
        if row.metric in ("DI", "LDI"):
            return [first, second] if size in (0, math.inf) else [first, size, second]
        return [first, 100 * size, second]
    if row.metric == "EO":
        part = max(of["FPRD"], of["FNRD"], key=lambda part: abs(part.estimate))
        assert abs(part.estimate) == row.estimate
        return expected(part, of)
    if math.isinf(size):
        return []
    if row.metric == "CI":
        return [50 * (1 - row.estimate), 50 * (1 + row.estimate)]
    if row.metric in ("DD", "CDDL", "CDDPL", "KS", "TVD", "MHRD"):
        return [100 * size]
    bound = {"JS": [math.log(2)], "LP": [math.sqrt(2)], "GE": [0.0]}
    return [size, *bound.get(row.metric, [])]


def by_table(rows: list[tuple[Row, str]]) -> Iterator[tuple[Row, str, dict[str, Row]]]:
    """Each row and its sentence, with the rows of the same comparison by metric."""
    span = 2 * len(METRICS)
    for start in range(0, len(rows), span):
        table = rows[start : start + span]
        for row, sentence in table:
            yield row, sentence, {a.metric: a for a, _ in table if a.value == row.value}


def test_the_tables_have_all_kinds_of_rows(rows: list[tuple[Row, str]]) -> None:
    """What the tests below check is there to be checked, for every metric."""
    for symbol in METRICS:
        of = [(row, sentence) for row, sentence in rows if row.metric == symbol]
        assert any(CHANCE not in s and not math.isnan(r.estimate) for r, s in of), symbol
        assert any(CHANCE in s for _, s in of) == (symbol != "GE"), symbol
        if math.inf in METRICS[symbol].bounds and symbol not in ("GE", "SF"):
            assert any(math.isinf(row.estimate) for row, _ in of), symbol
    assert any(NONE in sentence for _, sentence in rows)
    assert any("undefined" in sentence for _, sentence in rows)


def test_every_number_is_the_one_it_speaks_of(rows: list[tuple[Row, str]]) -> None:
    for row, sentence, of in by_table(rows):
        if math.isnan(row.estimate):
            assert not numbers(sentence), sentence
            continue
        if NONE in sentence and METRICS[row.metric].rate is None:
            assert abs(row.estimate) < 1e-9, sentence
            continue
        # The rows of each side stand behind its share of them, where no weights are counted.
        shares = re.sub(r" \([\d,]+\)", "", sentence)
        if row.metric == "CI" and shares != sentence:
            counts = [int(n.replace(",", "")) for n in re.findall(r"\(([\d,]+)\)", sentence)]
            assert counts == [row.n_d, row.n_a]
        found, wanted = numbers(shares), expected(row, of)
        assert len(found) == len(wanted), sentence
        for text, number in zip(found, wanted, strict=True):
            places = len(text.partition(".")[2])
            assert abs(float(text.replace(",", "")) - number) <= 0.50001 * 10**-places, sentence
        if NONE not in sentence and row.metric != "GE" and row.estimate:
            assert any(float(text.replace(",", "")) for text in found) or not found, sentence


def test_a_gap_never_shows_as_none(rows: list[tuple[Row, str]]) -> None:
    """Two shares that differ are printed with the digits that tell them apart, nobody as nobody."""
    for row, sentence in rows:
        if METRICS[row.metric].rate is None or math.isnan(row.estimate) or NONE in sentence:
            continue
        shares = re.findall(r"([\d.]+) %", sentence)
        assert shares[0] != shares[1], sentence
        for text, share in zip(shares, [row.rate_d, row.rate_a], strict=True):
            assert (float(text) == 0) == (share < 1e-11), sentence
            assert (float(text) == 100) == (share > 1 - 1e-11), sentence


def test_directions_agree_with_signs(rows: list[tuple[Row, str]]) -> None:
    for row, sentence, of in by_table(rows):
        if not math.isfinite(row.estimate) or NONE in sentence:
            continue
        if row.metric == "EO":
            part = max(of["FPRD"], of["FNRD"], key=lambda part: abs(part.estimate))
            assert directions(sentence) == ["higher" if part.estimate > 0 else "lower"], sentence
        elif row.metric in ABOVE:
            above = ABOVE[row.metric]
            wanted = above if row.estimate > 0 else DIRECTIONS[above]
            assert directions(sentence) == [wanted], sentence
            if METRICS[row.metric].rate is not None:
                assert (wanted == "higher") == (row.rate_d > row.rate_a), sentence


def test_chance_is_named_exactly_where_the_interval_holds_parity(
    rows: list[tuple[Row, str]],
) -> None:
    for row, sentence in rows:
        one = METRICS[row.metric]
        tested = one.kind != "inequality" and not math.isnan(row.low)
        assert (CHANCE in sentence) == (tested and row.low <= one.parity <= row.high), sentence
        if NONE in sentence:
            assert abs(row.estimate - one.parity) < 1e-9, sentence
            assert math.isnan(row.p_value) or row.p_value >= 1 - row.confidence, sentence


def test_chance_agrees_with_p(rows: list[tuple[Row, str]]) -> None:
    for row, sentence in rows:
        if not math.isnan(row.low) and not math.isnan(row.p_value):
            assert (CHANCE in sentence) == (row.p_value >= 1 - row.confidence), sentence


def test_swapped_sides_say_the_mirrored_thing(rows: list[tuple[Row, str]]) -> None:
    for (of_f, f), (of_m, m) in zip(rows[::2], rows[1::2], strict=True):
        assert (of_f.metric, of_f.value, of_m.value) == (of_m.metric, "F", "M")
        swap = METRICS[of_f.metric].swap
        if swap == "changes" or math.isnan(of_f.estimate):
            continue
        assert (CHANCE in f) == (CHANCE in m), (f, m)
        assert (NONE in f) == (NONE in m), (f, m)
        if swap != "inverts":
            assert sorted(numbers(f)) == sorted(numbers(m)), (f, m)
        else:
            assert set(re.findall(r"[\d.]+ %", f)) == set(re.findall(r"[\d.]+ %", m)), (f, m)
        if of_f.metric in ABOVE or of_f.metric == "EO":
            assert directions(f) == [DIRECTIONS[word] for word in directions(m)], (f, m)


def test_sentences_are_plain(rows: list[tuple[Row, str]]) -> None:
    """No braces, signs, sides by letter, or missing numbers; one full stop ends each."""
    for row, sentence in rows:
        assert not re.search(
            r"[{}]|[-−]\d|\b(?:nan|inf|None|a and d|[Ff]acet|side [ad])\b", sentence
        )
        assert re.fullmatch(rf"[A-Z].*[^.:]\.(?: {CHANCE})?", sentence), sentence
        assert sentence.count(". ") == (CHANCE in sentence), sentence
        if row.metric != "GE":
            assert f"those whose sex is {row.value}" in sentence, sentence
        if row.metric != "GE" and not math.isnan(row.estimate) and "nobody" not in sentence:
            others = "those whose sex is M" if row.value == "F" else "those whose sex is F"
            assert others in sentence or row.metric in ("DD", "CDDL", "CDDPL", "TE"), sentence


ROLES = Roles(facet="s", label="y", predicted="p")


def snippet(df: pd.DataFrame, symbol: str, **roles: Any) -> tuple[Any, str]:
    """Row and sentence of D, with nothing said but the estimate, its interval and the rows."""
    report = biaskit.report(df, facet="s", facet_values="D", label="y", metrics=symbol, **roles)
    row = report.iloc[0]
    figures = {name: row[name] for name in ("estimate", "low", "high", "n_a", "n_d")}
    return row, in_words(METRICS[symbol], ROLES, "D", **figures)


def of_rates(tpr_a: float, fpr_a: float, tpr_d: float, fpr_d: float) -> pd.DataFrame:
    cells = [("a", 1, tpr_a), ("a", 0, fpr_a), ("D", 1, tpr_d), ("D", 0, fpr_d)]
    made = [(s, y, int(i < 500 * rate)) for s, y, rate in cells for i in range(500)]
    return pd.DataFrame(made, columns=["s", "y", "p"])


def test_equalised_odds_is_a_gap_in_one_kind_of_error() -> None:
    df = of_rates(0.6, 0.2, 0.9, 0.5)
    _, sentence = snippet(df, "EO", predicted="p")
    told = "negative, is 30.0 points, between those whose s is D and all others."
    assert told in sentence
    df = of_rates(0.6, 0.2, 0.7, 0.5)
    roles = Roles(**{**ROLES.given(), "facet_values": "D"})
    counts = count_roles(df, roles)
    rows = report_rows(counts, [METRICS["EO"]])
    assert row_sentences(rows, counts)[0] == (
        "The larger of two gaps, in the share wrongly predicted positive and in the share wrongly "
        "predicted negative, is this: among those whose y is not 1, the share wrongly predicted "
        "positive is 50.0 % for those whose s is D, 30.0 points higher than the 20.0 % for those "
        "whose s is a."
    )


def test_equal_accuracy_is_no_difference_though_errors_differ() -> None:
    _, sentence = snippet(of_rates(0.6, 0.2, 0.9, 0.5), "AD", predicted="p")
    assert sentence == (
        "The share of right predictions is the same for those whose s is D and for all others: "
        f"no difference in these rows. {CHANCE}"
    )


def test_two_labels_say_one_thing_about_chance() -> None:
    y = [0] * 10 + [1] * 990 + [0] * 2 + [1] * 28
    df = pd.DataFrame({"s": ["a"] * 1000 + ["D"] * 30, "y": y})
    for symbol in ("TVD", "KL", "JS", "KS", "LP", "DPL"):
        row, sentence = snippet(df, symbol)
        assert (CHANCE in sentence) == (row.p_value >= 0.05), sentence
    _, sentence = snippet(df, "KL")
    assert "costs 0.039 extra nats per row on average" in sentence


def test_weights_are_not_numbers_of_rows() -> None:
    df = pd.DataFrame({"s": ["a"] * 30 + ["D"] * 20, "y": [0, 1] * 25, "w": [1] * 30 + [10] * 20})
    row, sentence = snippet(df, "CI", weight="w")
    assert row.estimate == pytest.approx((30 - 200) / 230)
    shares = "those whose s is D have 87.0 % and all others 13.0 %."
    assert sentence == f"Of the weight, {shares}"
    _, sentence = snippet(df, "CI")
    assert sentence.startswith(
        "Of the rows, those whose s is D have 40.0 % (20) and all others 60.0 % (30)."
    )


def test_a_tiny_gap_that_is_no_chance_is_told() -> None:
    n = 10**6
    y = [1] * 900 + [0] * (n - 900) + [1] * 500 + [0] * (n - 500)
    row, sentence = snippet(pd.DataFrame({"s": ["a"] * n + ["D"] * n, "y": y}), "DPL")
    assert row.p_value <= 1e-6
    assert sentence == (
        "The share whose y is positive is 0.040 points lower for those whose s is D than for all "
        "others."
    )
    rates = {name: row[name] for name in ("estimate", "low", "high", "rate_a", "rate_d")}
    assert in_words(METRICS["DPL"], ROLES, "D", **rates) == (
        "The share whose y is positive is 0.050 % for those whose s is D, 0.040 points lower than "
        "the 0.090 % for all others."
    )


def test_inequality_compares_no_sides() -> None:
    sentence = in_words(METRICS["GE"], ROLES, "D", estimate=0.0004, low=0.0003, high=0.0005)
    assert "is 0.00040, where 0 is equality; the sides are not compared." in sentence
    assert NONE not in in_words(METRICS["GE"], ROLES, "D", estimate=0.0, low=0.0, high=0.1)


@pytest.mark.parametrize("estimate", [0.0, math.inf])
def test_nobody_is_nobody(estimate: float) -> None:
    rates = {"rate_a": 0.25, "rate_d": 0.0} if estimate == 0 else {"rate_a": 0.0, "rate_d": 0.25}
    them, others = "those whose s is D", "all others"
    nobody, some = (them, others) if estimate == 0 else (others, them)
    both = [f"0 % (nobody) for {nobody}", f"25.0 % for {some}"]
    sentence = in_words(METRICS["DI"], ROLES, "D", estimate=estimate, **rates)
    first, second = both if estimate == 0 else both[::-1]
    assert sentence == f"The share predicted positive is {first}, and {second}."
    sentence = in_words(METRICS["DI"], ROLES, "D", estimate=estimate)
    assert f"0 % (nobody) for {nobody}" in sentence


@pytest.mark.parametrize(
    ("symbol", "sign", "start"),
    [
        ("KL", 1, "Some value of y occurs among all others and never among those whose s is D"),
        ("DCAcc", 1, "Among all others, nobody is predicted positive"),
        ("DCAcc", -1, "Among those whose s is D, nobody is predicted positive"),
        ("DCR", 1, "Among those whose s is D, nobody is predicted negative"),
        ("DCR", -1, "Among all others, nobody is predicted negative"),
        ("TE", 1, "Among those whose s is D, some are wrongly predicted negative"),
        ("TE", -1, "Among all others, some are wrongly predicted negative"),
    ],
)
def test_endless_values_say_which_side_makes_them(symbol: str, sign: int, start: str) -> None:
    sentence = in_words(METRICS[symbol], ROLES, "D", estimate=sign * math.inf)
    assert sentence.startswith(start)
    assert "infinite" in sentence
    assert not numbers(sentence)


def test_undefined_values_say_why() -> None:
    def why(symbol: str, **more: Any) -> str:
        known = {**METRICS, **FROM_ROWS}[symbol]
        return in_words(known, ROLES, "D", estimate=math.nan, **more).partition(": ")[2]

    assert why("CDDL", n_a=5, n_d=5) == "no group column is given."
    assert why("FT", n_a=5, n_d=5) == "no features are given."
    assert why("DPL", n_a=5, n_d=0) == "there are no rows of those whose s is D to count."
    assert why("DPL", n_a=0, n_d=5) == "there are no rows of all others to count."
    assert why("RD", n_a=5, n_d=5) == "a side has no positive labels."
    assert why("RD", note="told so") == "told so."


def test_what_a_positive_label_is_has_its_name() -> None:
    def share(**roles: Any) -> str:
        given = Roles(facet="s", label="y", **roles)
        return in_words(METRICS["DPL"], given, "D", estimate=0.1).partition(" is 10.0")[0]

    assert share() == "The share whose y is positive"
    assert share(positive=["paid", "late"]) == "The share whose y is paid or late"
    assert share(positive_above=2.5) == "The share whose y is above 2.5"


def test_a_facet_that_is_cut_is_told_in_words() -> None:
    df = pd.DataFrame({"age": [20, 30, 50, 60], "y": [0, 1, 0, 1]})
    roles = Roles(facet="age", label="y", facet_edges=[25, 40.5])
    counts = count_roles(df, roles)
    said = row_sentences(report_rows(counts, [METRICS["DPL"]]), counts)
    for sentence, age in zip(
        said, ["at most 25", "above 25 and at most 40.5", "above 40.5"], strict=True
    ):
        assert f"for those whose age is {age}" in sentence


def test_the_facet_of_a_row_is_named_where_there_are_several() -> None:
    roles = Roles(facet=["s", ("s", "t")], label="y", positive="yes")
    sentence = in_words(METRICS["DPL"], roles, "D & 1", estimate=0.1, facet="s & t")
    assert "for those whose s & t is D & 1 than" in sentence


def test_the_flip_test_says_which_share_is_larger() -> None:
    said = [in_words(FROM_ROWS["FT"], ROLES, "D", estimate=e) for e in (0.25, -0.25, 0.0)]
    assert [directions(sentence) for sentence in said[:2]] == [["higher"], ["lower"]]
    assert numbers(said[0]) == numbers(said[1]) == ["25.0"]
    assert NONE in said[2]


def declared(**facts: Any) -> Metric:
    made = metric("X", "x", needs=("label",), bounds=(-9, 9), reading="...", **facts)

    def function(a: Any, d: Any) -> Any:
        """A {curious} number."""

    return made(function)


def test_metrics_without_a_sentence_have_one() -> None:
    def rate(side: Any) -> Any:
        return side.n1, side.n

    them = "those whose s is D"
    gap = declared(parity=0, against_d=">", swap="negates", rate=rate)
    assert in_words(gap, ROLES, "D", estimate=-0.1, rate_a=0.2, rate_d=0.3) == (
        f"A {{curious}} number: 30.0 % for {them}, 10.0 points higher than the 20.0 % for all "
        "others."
    )
    turned = declared(
        parity=1, against_d=">", swap="inverts", rate=rate, kind="ratio", compares="a / d"
    )
    assert in_words(turned, ROLES, "D", estimate=2.0, rate_a=0.4, rate_d=0.2) == (
        f"A {{curious}} number: 40.0 % for all others, 2.00 times the 20.0 % for {them}."
    )
    one = declared(kind="rate", rate=rate)
    assert in_words(one, ROLES, "D", estimate=0.448, low=0.4, high=0.5) == (
        f"A {{curious}} number: 44.8 % for {them}."
    )
    plain = declared(parity=0, against_d=">", swap="negates")
    assert in_words(plain, ROLES, "D", estimate=-2.5) == (
        f"A {{curious}} number: minus 2.50 for {them}."
    )
    assert in_words(lp_norm(1), ROLES, "D", estimate=0.5).endswith(
        "are 0.50 apart, where 2 would be the most."
    )
