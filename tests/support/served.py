"""The page in a browser, being served, and clients that speak to it."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import biaskit

ROWS = "sex,age,score,hired\n" + "".join(
    f"{'F' if n % 3 else 'M'},{20 + n % 40},{n % 100 / 100},{'yes' if n % 7 < 3 else 'no'}\n"
    for n in range(700)
)


def a_table(folder: Path, name: str = "people.csv") -> Path:
    """A table of 700 rows."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ROWS)
    return path


class Client:
    """A client that has the key, as the user's browser has."""

    def __init__(self, app: Any):
        import httpx2

        self.app = app
        self.port = app._server.port
        self.base = f"http://127.0.0.1:{self.port}"
        self.key = app.url.rpartition("key=")[2]
        #: Address that all pages are below, to which a browser sends the cookie.
        self.pages = self.base + app._server.access.within.removesuffix("/")
        self.plain = httpx2.Client(base_url=self.base, timeout=60)
        self.let_in = httpx2.Client(
            base_url=self.base, timeout=60, cookies={f"biaskit-{self.port}": self.key}
        )

    def get(self, path: str, **more: Any) -> Any:
        """Answer to the user, whose browser follows where it is sent."""
        return self.let_in.get(path, **{"follow_redirects": True} | more)

    def post(self, path: str, **more: Any) -> Any:
        """Answer to a form of the page itself."""
        headers = {"origin": self.base, "sec-fetch-site": "same-origin"} | more.pop("headers", {})
        return self.let_in.post(path, **{"follow_redirects": True, "headers": headers} | more)

    def raw(self, request: bytes, *, seconds: float = 10.0) -> bytes:
        """Whatever comes back for some bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as one:
            one.sendall(request)
            found = b""
            while piece := one.recv(1 << 16):
                found += piece
        return found

    def status(self, path: str, *headers: str) -> int:
        """Status of an answer to the user; 0 where the server hangs up."""
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Cookie: biaskit-{self.port}={self.key}",
            "Connection: close",
            *headers,
        )
        try:
            return int(self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())[9:12] or 0)
        except OSError:
            return 0

    def close(self) -> None:
        """Close the connections."""
        self.plain.close()
        self.let_in.close()


@contextmanager
def served(*data: Any, **options: Any) -> Iterator[Client]:
    """The page on some data, and a client."""
    with biaskit.app(*data, open_browser=False, **options) as app:
        client = Client(app)
        try:
            yield client
        finally:
            client.close()


def words(answer: Any) -> str:
    """What a page says, without its markup."""
    text = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(text).split())
