"""Charts and documents as text: balanced, harmless, readable, and the same every time."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biaskit.pages.charts.drawing import COLOURS, Head, standalone
from biaskit.pages.charts.drift import DriftRow, drift
from biaskit.pages.charts.forest import ForestRow, forest, forest_scale
from biaskit.pages.charts.models.dependence import Curve, Feature, dependence
from biaskit.pages.charts.models.waterfall import Part, waterfall
from biaskit.pages.charts.outcomes import OutcomeRow, outcomes
from biaskit.pages.charts.over_time import Moment, over_time
from biaskit.pages.charts.scales import spanning
from biaskit.pages.charts.shares import ShareRow, shares
from biaskit.pages.charts.strata import StratumRow, strata
from biaskit.pages.charts.texts import SIZE, cut, width_of, wrapped
from biaskit.pages.document import document
from biaskit.pages.markup import Safe, el
from biaskit.pages.numbers import number
from support import gallery
from support.pages import read

HEAD = Head("c", "Chart")
# All that charts and pages are made of.
SHAPES = {"svg", "title", "desc", "g", "path", "rect", "text", "tspan"}
TAGS = {
    *(*SHAPES, "html", "head", "meta", "style", "body", "main", "script", "nav", "section", "div"),
    *("h1", "h2", "ul", "li", "a", "figure", "figcaption", "strong", "br", "small", "details"),
    *("summary", "button", "table", "caption", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("id", "class", "lang", "name", "content", "charset", "http-equiv", "href", "type", "scope"),
    *(
        "role",
        "tabindex",
        "hidden",
        "aria-expanded",
        "aria-label",
        "aria-labelledby",
        "aria-describedby",
    ),
    *("viewbox", "width", "height", "x", "y", "d", "fill", "fill-opacity", "stroke"),
    *("stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap"),
    *("font-family", "font-size", "font-weight", "text-anchor"),
}
CSS = importlib.resources.files("biaskit.pages").joinpath("page.css").read_text(encoding="utf-8")

numbers = st.floats() | st.floats(-1, 1)
# A failing example is printed whole, so the longest are left to the gallery.
names = st.text(max_size=40) | st.sampled_from([name[:1_001] for name in gallery.HOSTILE])
triples = st.tuples(numbers, numbers, numbers)
limits = st.none() | st.tuples(numbers, numbers)
PLOTS: dict[str, st.SearchStrategy[Safe]] = {
    "forest": st.builds(
        forest,
        st.lists(
            st.builds(
                ForestRow,
                names,
                numbers,
                numbers,
                numbers,
                names,
                names,
                st.sampled_from(["fail", "uncertain", "pass", ""]),
                limits,
            ),
            max_size=4,
        ),
        head=st.just(HEAD),
        log=st.booleans(),
        ends=st.tuples(names, names),
    ),
    "shares": st.builds(
        shares,
        st.lists(st.builds(ShareRow, names, numbers, numbers, numbers, numbers), max_size=16),
        head=st.just(HEAD),
        overall=st.none() | numbers,
        overall_label=names,
    ),
    "outcomes": st.builds(
        outcomes,
        st.lists(
            st.builds(
                OutcomeRow, names, st.tuples(numbers, numbers, numbers, numbers), triples, triples
            ),
            max_size=3,
        ),
        head=st.just(HEAD),
        names=st.tuples(names, names, names, names),
        questions=st.tuples(names, names),
    ),
    "strata": st.builds(
        strata,
        st.lists(st.builds(StratumRow, names, numbers, numbers, numbers, numbers), max_size=33),
        head=st.just(HEAD),
        together=st.builds(StratumRow, names, numbers, numbers, numbers, numbers),
        names=st.tuples(names, names),
    ),
    "waterfall": st.builds(
        waterfall,
        st.lists(st.builds(Part, names, numbers, numbers, numbers, st.booleans()), max_size=16),
        head=st.just(HEAD),
        total=st.builds(Part, names, numbers, numbers, numbers),
        ends=st.tuples(names, names),
    ),
    "dependence": st.builds(
        dependence,
        st.lists(
            st.builds(
                Feature,
                names,
                st.lists(numbers, max_size=5) | st.lists(names, max_size=5),
                st.lists(st.builds(Curve, names, st.lists(numbers, max_size=6)), max_size=7),
                st.lists(numbers, max_size=6),
            ),
            max_size=3,
        ),
        head=st.just(HEAD),
        shares=st.booleans(),
    ),
    "drift": st.builds(
        drift,
        st.lists(
            st.builds(DriftRow, names, numbers, numbers, numbers, numbers, st.booleans(), names),
            max_size=4,
        ),
        head=st.just(HEAD),
        shares=st.booleans(),
        parity=st.none() | st.just(0.0),
        names=st.tuples(names, names),
        ends=st.tuples(names, names),
    ),
    "over_time": st.builds(
        over_time,
        st.lists(st.builds(Moment, names, numbers, numbers, numbers), max_size=5),
        head=st.just(HEAD),
        limits=limits,
        shares=st.booleans(),
        ends=st.tuples(names, names),
    ),
}


def lengths(markup: str) -> Iterator[float]:
    """Every length in a drawing."""
    for attribute in re.findall(r' (?:x|y|d|width|height|viewBox)="([^"]*)"', markup):
        for length in re.findall(r"[-+]?[\w.]+", re.sub("[MLHVahlvz]", " ", attribute)):
            yield float(length)


@pytest.mark.parametrize("kind", PLOTS)
@given(data=st.data())
def test_a_chart_is_well_formed_whatever_it_shows(kind: str, data: Any) -> None:
    made = data.draw(PLOTS[kind])
    found = read(made)
    assert not found.faults
    assert {tag for tag, _ in found.tags} <= SHAPES
    assert {name for _, facts in found.tags for name in facts} <= ATTRIBUTES
    ET.fromstring(made)  # it is XML as well
    assert all(math.isfinite(length) and abs(length) < 9_999 for length in lengths(made))


@pytest.fixture(scope="module")
def page() -> str:
    return gallery.page()


def test_a_page_is_well_formed_and_holds_nothing_that_runs(page: str) -> None:
    found = read(page)
    assert not found.faults
    assert {tag for tag, _ in found.tags} <= TAGS
    assert {name for _, facts in found.tags for name in facts} <= ATTRIBUTES
    assert [facts.get("type") for tag, facts in found.tags if tag == "script"] == [
        "application/json",
        None,
    ]


def test_ids_are_there_once_and_whatever_leads_to_one_finds_it(page: str) -> None:
    found = [facts for _, facts in read(page).tags]
    ids = [facts["id"] for facts in found if "id" in facts]
    assert len(ids) == len(set(ids))
    links = {facts["href"] for facts in found if "href" in facts}
    assert links
    assert {str(link)[1:] for link in links} <= set(ids)
    for name in ("aria-labelledby", "aria-describedby"):
        assert {facts[name] for facts in found if name in facts} <= set(ids)


def test_every_drawing_has_a_title_and_a_table(page: str) -> None:
    found = read(page).tags
    tags = [tag for tag, _ in found]
    assert tags.count("svg") == tags.count("table") == tags.count("figure") > 40
    at = [place for place, tag in enumerate(tags) if tag == "svg"]
    assert {tags[place + 1] for place in at} == {"title"}
    for place in at:
        assert found[place][1]["role"] == "img"
        assert found[place][1]["aria-labelledby"] == found[place + 1][1]["id"]


def test_the_policy_allows_the_page_itself_and_nothing_else(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)
    script = re.search("<script>(.*?)</script>", page, re.DOTALL)
    assert style
    assert script

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy[1].replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest(style[1])}'",
        f"script-src 'sha256-{digest(script[1])}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "</" not in style[1] + script[1]


def test_a_page_has_the_same_bytes_every_time() -> None:
    code = (
        "import sys; from support import gallery; sys.stdout.buffer.write(gallery.page().encode())"
    )
    pages = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(pages) == 1


def test_a_page_names_its_language_and_what_made_it() -> None:
    html = document(
        "Töne", el("h1", "x"), description="y", meta={"biaskit:counts": "ab"}, lang="de"
    )
    found = read(html).tags
    assert found[0] == ("html", {"lang": "de"})
    meta = {facts["name"]: facts["content"] for tag, facts in found if "name" in facts}
    assert meta["color-scheme"] == "light dark"
    assert meta["biaskit:counts"] == "ab"
    assert str(meta["generator"]).startswith("biaskit ")


# Colours: on which ground, and how far from it at least. WCAG 2.2, 1.4.3 and 1.4.11.
TEXT, GRAPHIC = 4.5, 3.0
CONTRASTS = [
    *[(ink, ground, TEXT) for ink in ("ink", "mute") for ground in ("bg", "soft")],
    *[(ink, "bg", TEXT) for ink in ("est", "bad")],  # links, and the word for what fails
    *[("bg", ink, TEXT) for ink in ("est", "bad", "un", "fn")],  # labels on bars
    *[(ink, ground, GRAPHIC) for ink in ("est", "bad", "un", "ink") for ground in ("bg", "band")],
    ("fn", "bg", GRAPHIC),
    ("edge", "bg", GRAPHIC),
]


def variables(css: str) -> dict[str, str]:
    return dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", css))


LIGHT, DARK = map(variables, CSS.split("@media screen and (prefers-color-scheme:dark)"))


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), CONTRASTS)
def test_colours_are_far_enough_apart(
    scheme: dict[str, str], ink: str, ground: str, least: float
) -> None:
    assert contrast(scheme[ink], scheme[ground]) >= least


def test_colours_in_attributes_are_those_of_the_style_sheet() -> None:
    assert {name: LIGHT[name] for name in COLOURS} == COLOURS
    assert set(LIGHT) == set(DARK)


@given(st.text(max_size=200), st.floats(20, 400))
def test_a_cut_text_fits(text: str, width: float) -> None:
    lines = wrapped(text, width)
    assert len(lines) <= 2
    assert all(width_of(line) <= width + SIZE for line in lines)
    if not lines[-1].endswith("…"):
        assert "".join(lines).replace(" ", "") == "".join(wrapped(text, 1e9)).replace(" ", "")


def test_a_text_that_fits_is_whole() -> None:
    assert cut("0.68", width_of("0.68")) == "0.68"
    assert cut("0.68", width_of("0.68") - 1) == "0.…"
    assert wrapped("Self-employed", 75) == ["Self-", "employed"]


@given(st.lists(numbers), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.04]))
@example([0.0, 5e-324], False, False, 0.0)
@example([1.2e308], False, False, 0.0)
@example([1.2e308], True, False, 0.0)
@example([-1.7e308, 1.7e308], False, True, 0.04)
def test_round_values_lie_on_their_axis(
    values: list[float], log: bool, has_parity: bool, room: float
) -> None:
    around = None if not has_parity else 1.0 if log else 0.0
    scale = spanning(values, around=around, log=log, room=room).between(10, 90)
    ticks = scale.ticks()
    assert len(ticks) <= 8
    assert ticks or log
    places = [scale.at(values[0])] if values else []
    assert all(10 <= place <= 90 for place in places)
    places = [scale.at(tick) for tick in ticks]
    assert places == sorted(places)
    assert all(10 <= place <= 90 for place in places)


def test_forests_on_one_scale_put_equal_numbers_at_equal_places() -> None:
    one, other = ForestRow("DPL", 0.1, 0.05, 0.15), ForestRow("DPL", 0.4, 0.3, 0.5)
    scale = forest_scale([one, other])
    dots = {
        re.search(r'd="(M[\d. ]+h0)"', forest([row], head=HEAD, scale=scale))[1]  # type: ignore[index]
        for row in (one, ForestRow("DPL", 0.1))
    }
    assert len(dots) == 1


@pytest.mark.parametrize("share", [0.0, 5e-324, 1e-6, 0.5, 1.0])
def test_shares_of_any_size_have_an_axis(share: float) -> None:
    assert shares([ShareRow("x", share)], head=HEAD).count(" %</text>") >= 3


def test_a_verdict_is_a_shape_and_a_word() -> None:
    def drawn(verdict: str) -> str:
        return forest([ForestRow("DPL", 0.1, 0, 0.2, verdict=verdict)], head=HEAD)

    assert ">fails<" in drawn("fail")
    assert "l6.5 6.5-6.5 6.5-6.5-6.5z" in drawn("fail")
    assert ">uncertain<" in drawn("uncertain")
    assert "a4.5 4.5" in drawn("uncertain")
    assert ">passes<" in drawn("pass")
    assert "h0" in drawn("pass")


def test_an_endless_interval_ends_in_an_arrow() -> None:
    def arrows(low: float, high: float) -> int:
        return forest([ForestRow("DI", 0.1, low, high)], head=HEAD).count("l5 4-5 4")

    assert arrows(0.0, math.inf) == 1
    assert arrows(0.0, 0.2) == 0


@pytest.mark.parametrize(
    ("made", "more"),
    [
        (lambda n: forest([ForestRow("x", 0.1)] * n, head=HEAD), 960),
        (lambda n: shares([ShareRow("x", 0.1)] * n, head=HEAD), 988),
        (lambda n: drift([DriftRow("x", 0.1, 0.2)] * n, head=HEAD), 960),
    ],
)
def test_what_is_not_drawn_is_counted(made: Callable[[int], str], more: int) -> None:
    assert f"and {more} more, in the table" in made(1000)
    assert "more, in the table" not in made(12)


def test_the_values_that_differ_most_are_drawn_in_the_order_given() -> None:
    rows = [ShareRow(f"v{place}", place / 20) for place in range(20)]
    drawn = shares(rows, head=HEAD, overall=0.475)
    shown = [int(place) for place in re.findall(r">v(\d+)<", drawn)]
    assert shown == [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19]


def test_the_smallest_groups_become_one_with_their_own_share() -> None:
    rows = [StratumRow(f"g{n}", 0.5, 0.5, n, n) for n in range(3, 33)]
    rows += [StratumRow("low", 0.0, 0.2, 1, 1), StratumRow("none", math.nan, 0.4, 0, 1)]
    drawn = strata(rows, head=HEAD, together=StratumRow("all", 0.5, 0.5, 9, 9), names=("d", "a"))
    assert "the 3 smaller ones together" in drawn
    # Of d (0 x 1 + 0.5 x 3) / 4, of a (0.2 x 1 + 0.4 x 1 + 0.5 x 3) / 5.
    assert re.search(">37.5 %<", drawn)
    assert re.search(">42.0 %<", drawn)


def test_parts_of_a_gap_stand_from_the_largest_and_the_rest_is_one() -> None:
    parts = [Part(f"f{place}", place / 100) for place in range(1, 21)]
    drawn = waterfall(parts, head=HEAD, total=Part("gap", 2.1))
    shown = [int(place) for place in re.findall(r">f(\d+)<", drawn)]
    assert shown == list(range(20, 8, -1))
    assert "8 others together" in drawn
    assert f">{number(0.36)}<" in drawn


def test_a_chart_of_nothing_says_so() -> None:
    for name, chart in gallery.empty():
        if name.startswith("no "):
            assert "There are no" in read(chart).said


def test_charts_are_small() -> None:
    most = {"dependence": 4_600, "outcomes": 4_400, "many shares": 3_300, "calibration": 3_500}
    most["sweep"] = 4_800
    for name, chart in gallery.ordinary():
        assert len(chart) <= most.get(name, 3_000), name


def test_pages_load_no_library() -> None:
    code = (
        "import sys; from support import gallery; gallery.page()\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'numba', 'html', 'jinja2', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"


def test_long_names_of_times_lose_what_they_share() -> None:
    given = [Moment(f"counts of the north, 2026-{n:02}-01.counts", 0.1) for n in range(1, 4)]
    said = read(over_time(given, head=HEAD)).said
    assert "2026-01-012026-02-012026-03-01" in said
    assert "…" not in said
    assert "May of 2026" in over_time([Moment("May of 2026", 0.1)], head=HEAD)


def test_the_most_frequent_categories_are_rows_in_the_order_given() -> None:
    kinds = [f"kind {place}" for place in range(20)]
    frequency = [0.01 * (place % 10) for place in range(20)]
    feature = Feature("kind", kinds, [Curve("female", [0.5] * 20)], frequency)
    drawn = dependence([feature], head=HEAD)
    shown = [int(place) for place in re.findall(r">kind (\d+)<", drawn)]
    assert shown == [4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19]
    assert "and 8 more, in the table" in drawn


def test_a_drawing_can_stand_by_itself() -> None:
    for _, chart in gallery.ordinary():
        root = ET.fromstring(standalone(chart))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_endless_shares_have_bars_that_end() -> None:
    feature = Feature("age", [0.0, 1.0], [Curve("f", [0.1, 0.2])], [8.98846567431158e306, 1.0])
    drawn = dependence([feature], head=Head("c", "Chart"))
    assert "inf" not in drawn
