"""The page on which everything is chosen, in Chromium: by mouse, by keys, without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

import biaskit
from support.browser import chromium, violations

pytestmark = pytest.mark.browser

PEOPLE = [(sex, age) for sex in ("F", "M", "X") for age in range(20, 60)] * 3
HOSTILE = "</script><img src=x onerror=alert(1)>"
CHOSEN = "facet=sex&label=hired"
SCORED = f"{CHOSEN}&facet=age&cut.age=30,45&score=score"

STATES = {
    "tables": "",
    "columns": "columns?table=file:people.csv",
    "as read": "columns?table=file:semicolons.csv",
    "sheet": "columns?table=file:people.xlsx",
    "wrong": "count?table=file:people.csv&facet=age&cut.age=old&label=age&range=1",
    "many columns": "columns?table=file:wide.csv&find=7",
    "choices": f"choose?table=file:people.csv&{SCORED}",
    "no choice": f"report?table=file:people.csv&{CHOSEN}",
    "report": f"report?table=file:people.csv&{SCORED}&positive=yes&threshold=0.4&limit.DPPL=0.1",
    "wrong limit": f"report?table=file:people.csv&{CHOSEN}&positive=yes&limit.DPL=much",
    "worst": f"report?table=file:people.csv&{CHOSEN}&slice=sex&slice=decided&positive=yes",
    "drift": f"report?table=file:people.csv&baseline=file:earlier.csv&{CHOSEN}&positive=yes",
    "protected": f"report?table=file:people.csv&{CHOSEN}&positive=yes&round_to=11",
    "counts": "choose?table=file:saved.counts",
    "report of counts": "report?table=file:saved.counts&positive=yes",
    "compare": f"compare?table=file:people.csv&{CHOSEN}&positive=yes",
    "explain": f"explain?table=file:people.csv&{CHOSEN}&positive=yes",
    "explained": f"report?table=file:people.csv&{CHOSEN}&positive=yes&model=file:trees.json",
    "hostile": "columns?table=file:hostile.csv",
    "empty": "columns?table=file:empty.csv",
    "no rows": "choose?table=file:norows.csv&facet=sex&label=hired",
    "alike": "report?table=file:alike.csv&facet=sex&label=hired&positive=yes",
    "gone": "columns?table=file:gone.csv",
    "nowhere": "nowhere",
}


def people() -> pd.DataFrame:
    rows = [
        (sex, age, "yes" if (i + age) % 3 or sex == "M" else "no")
        for i, (sex, age) in enumerate(PEOPLE)
    ]
    df = pd.DataFrame(rows, columns=["sex", "age", "hired"])
    df["score"] = [((7 * i + age) % 100) / 100 for i, age in enumerate(df["age"])]
    df["decided"] = ["yes" if one > 0.4 else "no" for one in df["score"]]
    return df


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    xgboost = pytest.importorskip("xgboost")
    made = tmp_path_factory.mktemp("tables")
    df = people()
    df.to_csv(made / "people.csv", index=False)
    df.to_csv(made / "semicolons.csv", index=False, sep=";", decimal=",")
    df.to_excel(made / "people.xlsx", index=False)
    df[::2].to_csv(made / "earlier.csv", index=False)
    biaskit.count(df, facet="sex", label="hired").save(made / "saved.counts")
    pd.DataFrame({f"column {i}": [1, 2] for i in range(500)}).to_csv(made / "wide.csv")
    pd.DataFrame({HOSTILE: ['"><svg onload=alert(1)>', "'"], "y & z": ["&amp;", "<b>"]}).to_csv(
        made / "hostile.csv", index=False
    )
    trees = xgboost.XGBClassifier(n_estimators=2, max_depth=2, n_jobs=1)
    trees.fit(df[["age", "score"]], df["hired"] == "yes")
    trees.save_model(made / "trees.json")
    (made / "empty.csv").write_text("")
    (made / "norows.csv").write_text("sex,hired\n")
    (made / "alike.csv").write_text("sex,hired\n" + "F,yes\nM,yes\n" * 20)
    return made


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[Any]:
    with biaskit.app(folder, open_browser=False) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class Window:
    """A window that the page is open in, with what went wrong in it."""

    def __init__(self, page: Any, app: Any):
        self.page = page
        self.said: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(app.url)
        self.base = page.url.partition("?")[0].rpartition("/")[0] + "/"

    def open(self, state: str) -> None:
        """Open a state, whose rows may have to be counted first."""
        self.page.goto(self.base + STATES[state])
        self.page.locator("body:not(:has(#working))").wait_for()

    def heading(self) -> str:
        """The one heading of the page."""
        text: str = self.page.locator("h1").inner_text()
        return text

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name).click()


@pytest.fixture
def window(browser: Any, app: Any, request: pytest.FixtureRequest) -> Iterator[Window]:
    given = getattr(request, "param", {})
    with browser.new_context(viewport={"width": 1280, "height": 900}, **given) as context:
        context.set_default_timeout(20_000)
        yield Window(context.new_page(), app)


NO_SCRIPTS = pytest.mark.parametrize("window", [{"java_script_enabled": False}], indirect=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Any, app: Any, scheme: str
) -> None:
    phone = {"width": 320, "height": 640}
    with browser.new_context(viewport=phone, color_scheme=scheme, bypass_csp=True) as context:
        window = Window(context.new_page(), app)
        for state in STATES:
            window.open(state)
            window.page.evaluate(
                "document.querySelectorAll('details').forEach(d => { d.open = true; })"
            )
            assert violations(window.page) == [], state
            wide = window.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= phone["width"], state
            assert window.page.locator("h1").count() == 1, state


def test_nothing_is_asked_of_anybody_else_and_nothing_is_refused(window: Window) -> None:
    for state in STATES:
        window.open(state)
    own = urlsplit(window.base).netloc
    assert {urlsplit(one).netloc for one in window.requests} == {own}
    assert [one for one in window.said if "status of 4" not in one] == []


@NO_SCRIPTS
def test_everything_works_without_scripts(window: Window, folder: Path) -> None:
    page = window.page
    page.goto(window.base)
    page.get_by_label("File").set_input_files(folder / "semicolons.csv")
    window.press("Open this file")
    page.get_by_label("sex").first.check()
    page.get_by_label("Column of the outcome").select_option(value="hired")
    window.press("Count the rows")
    page.get_by_label("yes").check()
    window.press("Show the report")
    assert "hired is yes" in window.heading()
    page.get_by_text("Change what is shown").click()
    page.get_by_label("Gap between the shares with the good outcome (DPL)").fill("0.05")
    window.press("Show this")
    assert page.locator("#limits").count() == 1
    assert "limit.DPL=0.05" in page.url
    page.go_back()
    assert page.locator("#limits").count() == 0


def test_the_keyboard_is_enough(window: Window) -> None:
    page = window.page

    def to(what: Any) -> None:
        """Go to a field by the tab key alone."""
        for _ in range(80):
            page.keyboard.press("Tab")
            if what.evaluate("one => one === document.activeElement"):
                width = page.locator(":focus").evaluate("e => getComputedStyle(e).outlineWidth")
                assert width == "3px"
                return
        raise AssertionError(f"the tab key does not lead to {what}")

    page.goto(window.base)
    to(page.get_by_role("link", name="people.csv", exact=True))
    page.keyboard.press("Enter")
    page.wait_for_url("**/columns?*")
    to(page.get_by_label("sex").first)
    page.keyboard.press("Space")
    to(page.get_by_label("Column of the outcome"))
    page.keyboard.type("hired")
    to(page.get_by_role("button", name="Count the rows").last)
    page.keyboard.press("Enter")
    page.wait_for_url("**/choose?*")
    assert page.evaluate("document.activeElement.localName") == "h1"
    to(page.locator("input[name=positive]").first)
    page.keyboard.press("ArrowDown")
    to(page.get_by_role("button", name="Show the report"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/report?*")
    slider = page.get_by_label("Gap between the shares with the good outcome (DPL): at most, on a")
    to(slider)
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.locator("#limits").wait_for()
    page.wait_for_url("**limit.DPL=0.02*")
    assert slider.evaluate("one => one === document.activeElement")


def test_the_report_follows_its_controls(window: Window) -> None:
    page = window.page
    window.open("report")
    threshold = page.get_by_label("A score is a yes above", exact=True)
    before = window.heading()
    opener = page.get_by_role("button", name="Open all details")
    opener.click()
    assert page.locator("#result details:not([open])").count() == 0
    opener.click()
    assert page.locator("#result details[open]").count() == 0
    page.locator("#result summary").first.click()
    opened = page.locator("#result details[open] > summary").inner_text()
    verdicts = page.locator("#verdicts").inner_text()
    assert verdicts.startswith("Of ")
    threshold.fill("0.7")
    page.wait_for_url("**threshold=0.7*")
    page.locator("#result:not([aria-busy=true])").wait_for()
    after = window.heading()
    assert before != after
    assert opened == page.locator("#result details[open] > summary").inner_text()
    assert page.locator("#status").inner_text().startswith("Shown: ")
    page.reload()
    assert window.heading() == after
    assert threshold.input_value() == "0.7"
    page.get_by_label("sex: each value is compared with").select_option("M")
    page.wait_for_url("**reference.sex=M*")
    assert "reference" in page.locator("#result").inner_text()
    page.get_by_label("Gap between the shares that the model says yes to").first.fill("0.9")
    page.wait_for_url("**limit.DPPL=0.9*")
    assert page.locator("#verdicts").inner_text() not in ("", verdicts)
    assert window.said == []


def test_what_is_wrong_stands_beside_its_field_while_it_is_entered(window: Window) -> None:
    page = window.page
    window.open("report of counts")
    field = page.get_by_label("Gap between the shares with the good outcome (DPL): at most").first
    heading = window.heading()
    field.fill("much")
    page.locator("#controls .error").wait_for()
    assert field.get_attribute("aria-invalid") == "true"
    assert "Give one number" in page.locator("#status").inner_text()
    assert window.heading() == heading
    assert field.evaluate("one => one === document.activeElement")
    field.fill("0.2")
    page.locator("#limits").wait_for()
    assert page.locator("#controls .error").count() == 0
    assert field.get_attribute("aria-invalid") is None
    assert page.locator("#status").inner_text().startswith("Shown: ")


def test_all_that_is_chosen_of_sides_is_in_sight_on_a_phone(window: Window) -> None:
    page = window.page
    page.set_viewport_size({"width": 360, "height": 700})
    window.open("choices")
    page.locator("summary", has_text="Who is compared with whom?").click()
    for box in page.locator(".sides input").all():
        assert box.evaluate(
            """one => {
                const edge = one.closest(".scroll").getBoundingClientRect().right;
                return one.getBoundingClientRect().right <= edge;
            }"""
        )


def test_what_is_wrong_has_the_focus_and_leads_to_its_field(window: Window) -> None:
    page = window.page
    window.open("wrong")
    assert page.evaluate("document.activeElement.id") == "problem"
    page.get_by_role("link", name="Ranges of age: give numbers").click()
    field = page.get_by_label("Ranges of age end at")
    assert field.input_value() == "old"
    assert field.get_attribute("aria-invalid") == "true"


def test_a_field_for_an_amount_is_there_where_it_is_needed(window: Window) -> None:
    page = window.page
    window.open("columns")
    above = page.get_by_label("If the outcome is an amount: the good outcome is above")
    assert not above.is_visible()
    page.get_by_label("Column of the outcome").select_option(value="age")
    assert above.is_visible()
    ranges = page.get_by_label("Ranges of age end at")
    assert not ranges.is_visible()
    page.get_by_role("checkbox", name="age").first.check()
    assert ranges.is_visible()


def test_copy_puts_the_command_into_the_clipboard(window: Window) -> None:
    page = window.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.open("drift")
    page.locator("#again-command + button").click()
    page.get_by_role("button", name="Copied").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator("#again-command").inner_text()
    assert text.startswith("biaskit count ")
