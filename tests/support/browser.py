"""Chromium, for tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# A page is opened under this address; nothing listens there, and whatever else it asks for fails.
ADDRESS = "http://page.test/page.html"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Labels that reach out of their drawing, and pairs that lie on one another, by at least a unit.
_MISPLACED = """() => {
  const found = [];
  for (const svg of document.querySelectorAll("svg.chart")) {
    const {width, height} = svg.viewBox.baseVal;
    const seen = [];
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBBox();
      if (!box.width) continue;
      const says = svg.id + ": " + text.textContent.slice(0, 60);
      const right = box.x + box.width, below = box.y + box.height;
      if (box.x < -1 || box.y < -3 || right > width + 1 || below > height + 3)
        found.push("outside: " + says);
      for (const [other, said] of seen)
        if (Math.min(right, other.x + other.width) - Math.max(box.x, other.x) > 1 &&
            Math.min(below, other.y + other.height) - Math.max(box.y, other.y) > 4)
          found.push("overlap: " + says + " / " + said);
      seen.push([box, says]);
    }
  }
  return found;
}"""


def program(name: str) -> str:
    """Path of a program; the test is skipped where it is missing, unless it must be there."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("BIASKIT_BROWSER") == "required":
            pytest.fail(f"BIASKIT_BROWSER is `required`, and {name} is not on the path")
        pytest.skip(f"{name} is not installed")
    return path


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium, without a window."""
    path = program("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS])
        yield browser
        browser.close()


class Opened:
    """A page that is open, with what it asked for and what it said to the console."""

    def __init__(self, page: Any, html: str, headers: dict[str, str]):
        self.page = page
        self.requests: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        kind = {"content-type": "text/html; charset=utf-8"}
        page.route(
            ADDRESS, lambda route: route.fulfill(body=html.encode(), headers={**kind, **headers})
        )
        page.goto(ADDRESS)

    def open_all(self) -> None:
        """Open whatever is folded away."""
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")

    def misplaced(self) -> list[str]:
        """Labels that reach out of their drawing, or lie on one another."""
        found: list[str] = self.page.evaluate(_MISPLACED)
        return found

    def violations(self) -> list[str]:
        """What axe-core finds."""
        return violations(self.page)


def violations(page: Any) -> list[str]:
    """What axe-core finds in a page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page)
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


@contextmanager
def opened(
    browser: Any,
    html: str,
    *,
    headers: dict[str, str] | None = None,
    width: int = 1000,
    **context: Any,
) -> Iterator[Opened]:
    """Page of this text, in a window of a width, with further choices of the browser's."""
    with browser.new_context(viewport={"width": width, "height": 900}, **context) as window:
        yield Opened(window.new_page(), html, headers or {})
