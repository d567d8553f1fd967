"""The page in Chromium, from a file to what is downloaded: by mouse, at every step and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from biaskit.browser.jobs import Job
from biaskit.counts.counts import Counts
from support.browser import chromium
from support.served import Client, a_table, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as made:
        yield made


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    folder = tmp_path / "root"
    a_table(folder)
    with served(folder) as one:
        yield one


class Seen:
    """A tab that is let in, with what it was told and what it asked for."""

    def __init__(self, window: Any, client: Client):
        self.page = window.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(client.app.url)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()


def test_from_the_example_to_a_report_in_four_clicks(browser: Any, tmp_path: Path) -> None:
    import biaskit

    clicks = """addEventListener("click", () => sessionStorage.clicks =
        1 + Number(sessionStorage.clicks || 0), true)"""
    with (
        biaskit.app("demo", root=tmp_path, open_browser=False) as app,
        browser.new_context() as window,
    ):
        window.add_init_script(clicks)
        page = window.new_page()
        page.goto(app.url)
        page.get_by_role("button", name="Count the rows", exact=True).click()
        page.wait_for_url("**/choose?*")
        page.get_by_label("admitted").first.check()
        page.get_by_role("button", name="Show the report", exact=True).click()
        page.wait_for_url("**/report?*")
        assert "30.4 %" in page.locator("h1").inner_text()
        assert int(page.evaluate("sessionStorage.clicks")) <= 4


@pytest.mark.parametrize("scripts", [True, False])
def test_from_an_upload_to_a_download(
    browser: Any, client: Client, tmp_path: Path, scripts: bool
) -> None:
    path = a_table(tmp_path, "sent.csv")
    with browser.new_context(java_script_enabled=scripts) as window:
        tab = Seen(window, client)
        page = tab.page
        page.set_input_files("input[type=file]", path)
        page.locator("form[action=upload] button").click()
        page.wait_for_url("**/columns?*")
        assert "sent.csv" in page.locator("h1").inner_text()
        page.locator("input[type=checkbox][name=facet][value=sex]").check()
        page.locator("[name=label]").select_option("hired")
        tab.press("Count the rows")
        page.wait_for_url("**/choose?*")
        page.locator("input[name=positive][value=yes]").check()
        tab.press("Show the report")
        page.wait_for_url("**/report?*")
        for name in ("page.html", "report.csv", "report.xlsx", "report.counts"):
            with page.expect_download() as waited:
                page.get_by_role("link", name=name, exact=True).click()
            assert waited.value.suggested_filename == name
            waited.value.save_as(tmp_path / name)
        assert Counts.load(tmp_path / "page.html").rows == 700
        assert Counts.load(tmp_path / "report.counts").rows == 700
        assert tab.said == []
        assert all(one.startswith(client.base) for one in tab.asked)


def test_reload_and_back_show_the_same_at_every_step(browser: Any, client: Client) -> None:
    with browser.new_context() as window:
        tab = Seen(window, client)
        page = tab.page
        titles = [page.title()]
        page.get_by_role("link", name="people.csv").click()
        titles.append(page.title())
        page.locator("input[type=checkbox][name=facet][value=sex]").check()
        page.locator("[name=label]").select_option("hired")
        tab.press("Count the rows")
        page.wait_for_url("**/choose?*")
        titles.append(page.title())
        page.locator("input[name=positive][value=yes]").check()
        tab.press("Show the report")
        page.wait_for_url("**/report?*")
        titles.append(page.title())
        for title in reversed(titles):
            assert page.title() == title
            page.reload()
            assert page.title() == title
            page.go_back()
        for title in titles:
            page.go_forward()
            assert page.title() == title


def slowly(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Make every pass take its time."""
    reads = Job.reads

    def slow(self: Job, rows: int, done: float | None) -> None:
        time.sleep(seconds)
        reads(self, rows, done)

    patch.setattr(Job, "reads", slow)


def many_rows(folder: Path) -> Path:
    path = folder / "many.csv"
    path.write_text("sex,hired\n" + "F,yes\nM,no\nM,yes\n" * 900_000)
    return path


@pytest.mark.parametrize("scripts", [True, False])
def test_a_pass_shows_its_progress_and_then_what_was_asked_for(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    slowly(monkeypatch, 0.1)
    with (
        served(many_rows(tmp_path)) as client,
        browser.new_context(java_script_enabled=scripts) as window,
    ):
        tab = Seen(window, client)
        page = tab.page
        page.goto(f"{client.pages}/count?table=file:many.csv&facet=sex&label=hired")
        assert "Counting the rows" in page.locator("h1").inner_text()
        if scripts:
            page.locator("progress[value]").wait_for()
            said = page.locator("#said").inner_text()
            assert "rows read" in said or "Opening" in said
        page.wait_for_url("**/choose?*", timeout=60_000)
        assert "2,700,000 rows" in page.locator("main").inner_text()
        assert tab.said == []


@pytest.mark.parametrize("scripts", [True, False])
def test_a_pass_is_cancelled_for_every_tab(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    slowly(monkeypatch, 0.3)
    with (
        served(many_rows(tmp_path)) as client,
        browser.new_context(java_script_enabled=scripts) as window,
    ):
        address = f"{client.pages}/count?table=file:many.csv&facet=sex&label=hired"
        first, second = Seen(window, client).page, Seen(window, client).page
        first.goto(address)
        second.goto(address)
        first.get_by_role("button", name="Cancel").click()
        first.wait_for_url("**/columns?*")
        assert first.locator("input[type=checkbox][name=facet][value=sex]").is_checked()
        second.wait_for_url("**/columns?*")
        until = time.monotonic() + 10
        while client.app._desk.jobs.are_working and time.monotonic() < until:
            time.sleep(0.05)
        assert not client.app._desk.jobs.are_working


def test_two_tabs_do_different_things(browser: Any, client: Client) -> None:
    with browser.new_context() as window:
        one, other = Seen(window, client).page, Seen(window, client).page
        query = "table=file:people.csv&facet=sex&label=hired"
        one.goto(f"{client.pages}/report?{query}&positive=yes")
        other.goto(f"{client.pages}/report?{query}&positive=no&reference.sex=M")
        told = [page.locator("#result h1").inner_text() for page in (one, other)]
        one.reload()
        assert [page.locator("#result h1").inner_text() for page in (one, other)] == told
        assert told[0] != told[1]


def test_the_link_works_from_pages_of_other_sites(browser: Any, client: Client) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Notebook(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(client.app._repr_html_().encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Notebook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for host in ("127.0.0.1", "localhost"):
            with browser.new_context() as window:
                page = window.new_page()
                page.goto(f"http://{host}:{server.server_port}/")
                with window.expect_page() as opened:
                    page.get_by_role("link", name="Open biaskit").click()
                opened.value.wait_for_url(f"{client.pages}/")
                assert opened.value.title() == "Which table? - biaskit"
    finally:
        server.shutdown()
        server.server_close()


def test_another_site_reads_and_frames_nothing(browser: Any, client: Client) -> None:
    with browser.new_context() as window:
        Seen(window, client)
        page = window.new_page()
        page.route(
            "http://evil.example/",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f"""<iframe src="{client.base}/"></iframe>
                <form action="{client.base}/stop" method=post><button>x</button></form>""",
            ),
        )
        page.goto("http://evil.example/")
        read = page.evaluate(
            """async (address) => { try {
                const a = await fetch(address, {credentials: "include", mode: "cors"});
                return await a.text();
            } catch (error) { return "refused"; } }""",
            f"{client.base}/",
        )
        assert read == "refused"
        frame = next((one for one in page.frames if one.parent_frame is not None), None)
        assert frame is None or "Which table" not in frame.content()
        page.locator("button").click()
        page.wait_for_load_state()
        assert client.get("/").status_code == 200
        assert not client.app._server.is_closing


def test_the_user_ends_it(browser: Any, client: Client) -> None:
    with browser.new_context() as window:
        tab = Seen(window, client)
        tab.press("Stop biaskit")
        tab.page.get_by_role("heading", name="biaskit has stopped").wait_for()
        assert client.app.wait(20)


def test_a_server_on_another_port_is_sent_no_key(browser: Any, client: Client) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    heard: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(str(self.headers))
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("set-cookie", f"biaskit-{client.port}=x; Path=/")
            self.end_headers()
            again = "fetch('/again').then(() => document.title = 'done')"
            self.wfile.write(f"<script>{again}</script>".encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with browser.new_context() as window:
            page = window.new_page()
            page.goto(client.app.url)
            kept = page.url
            other = window.new_page()
            for path in ("", "columns", "report?x=y"):
                other.goto(f"http://127.0.0.1:{server.server_port}/{path}")
                other.wait_for_function("document.title === 'done'")
            # Its pages cannot lead to ours either: they do not know the folder.
            other.evaluate(f"location = '{client.base}/count?table=file:people.csv&facet=sex'")
            other.get_by_text("open to one browser only").wait_for()
            assert len(heard) >= 6
            assert not any(client.key in one for one in heard)
            page.goto(kept)
            assert page.title() == "Which table? - biaskit"
    finally:
        server.shutdown()
        server.server_close()
