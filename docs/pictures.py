"""Pictures of the Berkeley page and of `biaskit app`: ``python docs/pictures.py``."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from playwright.sync_api import sync_playwright

import biaskit

DOCS = Path(__file__).parent
WIDTH, SCALE, COLOURS = 800, 1.5, 64
# Chromium asks nothing of anybody, as in the tests.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-lcd-text",  # grey letters compress better than coloured ones
)


def main() -> None:
    """Take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS]
        )
        berkeley(browser)
        app(browser)
        browser.close()


def berkeley(browser: Any) -> None:
    """Take the picture of the page, down to where it says how to read it."""
    with window(browser) as page:
        page.goto((DOCS / "pages" / "berkeley.html").as_uri())
        keep(page, DOCS / "pages" / "berkeley.png", page.locator("#reading"))


def app(browser: Any) -> None:
    """Take pictures of the steps of the app, on a table of invented people and on Berkeley's."""
    at = DOCS / "app"
    at.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        window(browser) as page,
        biaskit.app(tables(Path(folder)), open_browser=False) as started,
    ):
        page.goto(started.url)
        keep(page, at / "table.png", page.locator("footer"))
        page.get_by_role("link", name="Graduate admissions").click()
        keep(page, at / "columns.png", page.locator("footer"))
        page.get_by_role("button", name="Count the rows").click()
        page.get_by_label("admitted").check()
        keep(page, at / "outcome.png", page.locator("footer"))
        page.get_by_role("button", name="Show the report").click()
        page.locator("#result").wait_for()
        page.set_viewport_size({"width": 1220, "height": 720})
        page.reload()
        page.get_by_label("Gap between the shares with the good outcome (DPL): at most").first.fill(
            "0.1"
        )
        page.locator("#limits").wait_for()
        page.mouse.move(0, 0)
        keep(page, at / "report.png", None)
        page.locator("#origin").evaluate("e => e.scrollIntoView()")
        keep(page, at / "again.png", None)


def tables(folder: Path) -> Path:
    """Folder `staff` with three tables to choose from."""
    made = folder / "staff"
    made.mkdir()
    people = pd.DataFrame(
        {"gender": ["woman", "man"] * 50, "promoted": ["no", "yes", "no"] * 33 + ["no"]}
    )
    people.to_csv(made / "promotions-2025.csv", index=False)
    people.to_excel(made / "promotions-2026.xlsx", index=False)
    biaskit.count(people, facet="gender", label="promoted").save(made / "promotions-2024.counts")
    return made


@contextmanager
def window(browser: Any) -> Iterator[Any]:
    """A page of a window that draws light pages for eyes."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": 900}, device_scale_factor=SCALE, color_scheme="light"
    )
    yield page
    page.close()


def keep(page: Any, picture: Path, end: Any) -> None:
    """Keep what a page shows, down to a part of it, or as much as is in sight."""
    clip = None
    if end is not None:
        height = end.evaluate("e => e.getBoundingClientRect().top + scrollY") - 20
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    taken = Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=clip is not None)))
    taken.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    print(picture, f"{picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
