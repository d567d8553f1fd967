"""Picture of the Berkeley page, for the README: ``python docs/picture.py``, with Chromium."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

AT = Path(__file__).parent / "pages"
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
    """Take the picture, down to where the page says how to read it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS]
        )
        page = browser.new_page(
            viewport={"width": WIDTH, "height": 900},
            device_scale_factor=SCALE,
            color_scheme="light",
        )
        page.goto((AT / "berkeley.html").as_uri())
        end = page.locator("#reading").evaluate("e => e.getBoundingClientRect().top")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": end - 20}
        taken = Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True)))
        browser.close()
    picture = AT / "berkeley.png"
    taken.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    print(picture, f"{picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
