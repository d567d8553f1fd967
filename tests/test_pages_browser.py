"""Pages in Chromium: complete, still, within their bounds, and usable by everybody."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import biaskit
from biaskit.pages.document import document
from biaskit.pages.figures import folded
from biaskit.pages.markup import Safe, el
from support import gallery, loans
from support.browser import ADDRESS, chromium, opened, program

pytestmark = pytest.mark.browser

JENKINS = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page() -> str:
    return gallery.page()


@pytest.fixture(scope="module")
def small() -> str:
    return gallery.page(gallery.ordinary())


def test_a_page_asks_for_nothing_and_says_nothing(browser: Any, page: str) -> None:
    with opened(browser, page) as shown:
        assert shown.requests == [ADDRESS]
        assert shown.said == []


@pytest.mark.parametrize("width", [320, 1000])
def test_a_page_does_not_scroll_sideways(browser: Any, page: str, width: int) -> None:
    with opened(browser, page, width=width) as shown:
        shown.open_all()
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


def test_labels_are_inside_their_charts_and_not_on_one_another(browser: Any, page: str) -> None:
    with opened(browser, page) as shown:
        assert shown.misplaced() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, small: str, scheme: str) -> None:
    with opened(browser, small, color_scheme=scheme, bypass_csp=True, width=320) as shown:
        shown.open_all()
        assert shown.violations() == []


def test_the_tab_key_goes_through_the_page_in_its_order(browser: Any, small: str) -> None:
    with opened(browser, small) as shown:
        expected = shown.page.locator("button:visible, a, summary, [tabindex]:visible").count()
        tops = []
        for _ in range(expected):
            shown.page.keyboard.press("Tab")
            focused = shown.page.locator(":focus-visible")
            assert focused.evaluate("e => getComputedStyle(e).outlineWidth") == "3px"
            tops.append(focused.evaluate("e => e.getBoundingClientRect().top + scrollY"))
        assert tops == sorted(tops)
        assert len(tops) >= 30


def test_a_link_opens_what_it_leads_to(browser: Any) -> None:
    body = Safe(el("a", "there", href="#spot") + folded("More", el("p", "inside", id="spot")))
    html = document("Links", body, description="A link.")
    with opened(browser, html) as shown:
        assert not shown.page.locator("#spot").is_visible()
        shown.page.get_by_role("link").click()
        shown.page.locator("#spot").wait_for(state="visible")


def test_one_button_opens_and_closes_all(browser: Any, small: str) -> None:
    with opened(browser, small) as shown:
        button = shown.page.get_by_role("button", name="Open all")
        for is_open in (True, False):
            button.click()
            shown.page.get_by_role("button", expanded=is_open).wait_for()
            assert shown.page.get_by_text("hidden-9").is_visible() == is_open
    with opened(browser, small, java_script_enabled=False) as shown:
        assert not shown.page.locator("button").is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_folded_away_is_printed(
    browser: Any, small: str, tmp_path: Path, scripts: bool
) -> None:
    with opened(browser, small, java_script_enabled=scripts) as shown:
        shown.page.pdf(path=tmp_path / "page.pdf", tagged=True)
    done = subprocess.run(
        [program("pdftotext"), tmp_path / "page.pdf", "-"],
        check=True,
        capture_output=True,
        text=True,
    )
    for place in range(len([*gallery.ordinary()])):
        assert f"hidden-{place}" in done.stdout


def test_print_is_light_in_the_dark(browser: Any, small: str) -> None:
    with opened(browser, small, color_scheme="dark") as shown:
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        assert shown.page.evaluate(paper) == "rgb(20, 23, 28)"
        shown.page.emulate_media(media="print")
        assert shown.page.evaluate(paper) == "rgb(255, 255, 255)"


def colours(page: Any) -> list[str]:
    """Colours of a page's charts, but those that are faint by opacity without a style sheet."""
    found: list[str] = page.locator("svg.chart :not(.s-grid, .f-band)").evaluate_all(
        "all => all.map(e => e.tagName + getComputedStyle(e).fill + getComputedStyle(e).stroke)"
    )
    return found


def test_charts_are_whole_under_the_policy_of_jenkins(browser: Any, small: str) -> None:
    """The host takes neither style sheet nor script; texts have the colour of its own."""
    with opened(browser, small) as shown:
        usual = [
            one.replace("rgb(27, 29, 33)", "rgb(0, 0, 0)").replace(
                "rgb(86, 91, 99)", "rgb(0, 0, 0)"
            )
            for one in colours(shown.page)
        ]
    with opened(browser, small, headers={"content-security-policy": JENKINS}) as shown:
        assert shown.page.evaluate("getComputedStyle(document.body).maxWidth") == "none"
        assert colours(shown.page) == usual
        assert shown.misplaced() == []
        assert shown.requests == [ADDRESS]
        shown.page.locator("summary").first.click()
        assert shown.page.get_by_text("hidden-0").is_visible()


@pytest.mark.parametrize("sandbox", ["", "allow-scripts"])
def test_a_page_is_readable_in_a_sandboxed_frame(browser: Any, small: str, sandbox: str) -> None:
    quoted = small.replace("&", "&amp;").replace("'", "&#39;")
    within = f"<iframe sandbox='{sandbox}' srcdoc='{quoted}' width=900 height=700></iframe>"
    host = f"<!DOCTYPE html><title>Host</title>{within}"
    with opened(browser, host) as shown:
        frame = shown.page.frame_locator("iframe")
        assert frame.get_by_role("img").count() == len([*gallery.ordinary()])
        frame.locator("summary").first.click()
        assert frame.get_by_text("hidden-0").is_visible()
        assert [url for url in shown.requests if url.startswith("http")] == [ADDRESS]


def test_a_page_in_forced_colours_keeps_its_marks(browser: Any, small: str) -> None:
    with opened(browser, small, forced_colors="active") as shown:
        found = shown.page.locator("svg .s-est").evaluate_all(
            "all => [...new Set(all.map(e => getComputedStyle(e).stroke))]"
        )
        ground = shown.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert len(found) == 1
        assert found != [ground]


# Whole pages


def berkeley() -> str:
    """A page as the demo makes it: of one facet, with groups."""
    return biaskit.page(
        biaskit.datasets.berkeley(),
        facet="gender",
        label="decision",
        positive="admitted",
        group="department",
        name="Berkeley, 1973",
    ).html


def everything() -> str:
    """A page with predictions, groups, limits, drift, dates and a model."""
    then = biaskit.count(loans.loans(drift=-0.1), **loans.ROLES)
    now = biaskit.count(loans.loans(), **loans.ROLES)
    return biaskit.page(
        [then, now],
        name="loans",
        limits={"DPL": 0.1, "DI": [0.8, 1.25]},
        baseline=then,
        attributions=loans.attributed(),
        dependence=loans.dependence(),
    ).html


@pytest.fixture(scope="module", params=[berkeley, everything], ids=lambda one: one.__name__)
def whole(request: pytest.FixtureRequest) -> str:
    made: str = request.param()
    return made


@pytest.mark.parametrize("width", [320, 1000])
def test_a_whole_page_is_still_and_within_its_bounds(browser: Any, whole: str, width: int) -> None:
    with opened(browser, whole, width=width) as shown:
        shown.open_all()
        assert shown.misplaced() == []
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.requests == [ADDRESS]
        assert shown.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_whole_page(browser: Any, whole: str, scheme: str) -> None:
    with opened(browser, whole, color_scheme=scheme, bypass_csp=True, width=320) as shown:
        shown.open_all()
        assert shown.violations() == []


def test_the_first_screen_has_the_verdict_and_its_number(browser: Any, whole: str) -> None:
    with opened(browser, whole) as shown:
        for spot in ("h1", "h1 + p strong"):
            box = shown.page.locator(spot).bounding_box()
            assert box["y"] + box["height"] < 400
        assert shown.page.locator("nav").bounding_box()["y"] < 900


def test_the_tab_key_goes_through_a_whole_page(browser: Any, whole: str) -> None:
    with opened(browser, whole) as shown:
        number = shown.page.locator("button:visible, a, summary, [tabindex]:visible").count()
        tops = []
        for _ in range(number):
            shown.page.keyboard.press("Tab")
            focused = shown.page.locator(":focus-visible")
            tops.append(focused.evaluate("e => e.getBoundingClientRect().top + scrollY"))
        assert tops == sorted(tops)


def test_a_whole_page_is_printed_with_what_is_folded_away(
    browser: Any, whole: str, tmp_path: Path
) -> None:
    with opened(browser, whole) as shown:
        shown.page.pdf(path=tmp_path / "page.pdf", tagged=True)
        titles = shown.page.locator("details caption").all_text_contents()
    done = subprocess.run(
        [program("pdftotext"), tmp_path / "page.pdf", "-"],
        check=True,
        capture_output=True,
        text=True,
    )
    printed = " ".join(done.stdout.split())
    assert len(titles) >= 4
    assert [one for one in titles if one not in printed] == []


def test_a_whole_page_is_read_under_the_policy_of_jenkins(browser: Any, whole: str) -> None:
    with opened(browser, whole, headers={"content-security-policy": JENKINS}) as shown:
        shown.open_all()
        assert shown.misplaced() == []
        assert shown.requests == [ADDRESS]
        assert shown.page.locator("caption").last.is_visible()


@pytest.mark.parametrize("sandbox", ["", "allow-scripts"])
def test_a_whole_page_is_read_in_a_sandboxed_frame(browser: Any, whole: str, sandbox: str) -> None:
    quoted = whole.replace("&", "&amp;").replace("'", "&#39;")
    within = f"<iframe sandbox='{sandbox}' srcdoc='{quoted}' width=900 height=700></iframe>"
    with opened(browser, f"<!DOCTYPE html><title>Host</title>{within}") as shown:
        frame = shown.page.frame_locator("iframe")
        assert frame.locator("h1").is_visible()
        summary = frame.locator("summary").last
        summary.click()
        assert frame.locator("details").last.locator("caption").is_visible()
        assert [url for url in shown.requests if url.startswith("http")] == [ADDRESS]
