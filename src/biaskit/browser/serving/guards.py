"""Guards: who may ask, how much at a time, and what every answer says to the browser."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from biaskit.pages.markup import el

__all__ = ["HEADERS", "Access", "Guards", "TooLargeError", "drop_rest"]

#: What every answer says. A page has no other origin's parts, stands in no frame and is not stored.
#: Its own forms say where they come from; with ``no-referrer`` they would not.
HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

# Bytes of a request's body where no file is uploaded, parts of its address, and seconds in which
# something more of a body has to come.
_BODY, _PARTS, _PATIENCE = 1 << 16, 12_000, 60.0
# Seconds in which the rest of a body that is refused is received.
_DROPPING = 20.0
_SCOPED = "biaskit.body"
_READING = ("GET", "HEAD")
_KEY = "key"


class TooLargeError(Exception):
    """The body of a request is larger than it may be."""


@dataclass(frozen=True)
class Access:
    """Who may ask: the key, and the addresses under which the server is known."""

    key: str = field(repr=False)
    port: int
    #: Path before all others where a proxy stands in front, without a slash at its end.
    base: str = ""
    #: Address of that proxy, such as ``https://hub.example.org``.
    proxy: str | None = None
    #: Folder that all pages are in. The cookie is sent to it alone: browsers send cookies to every
    #: port of a host, and another user's program on another port does not know its name.
    folder: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)

    @property
    def hosts(self) -> frozenset[str]:
        """Values of the header ``Host`` that are answered."""
        return frozenset(one.partition("://")[2] for one in self.origins)

    @property
    def origins(self) -> frozenset[str]:
        """Values of the header ``Origin`` that may change something."""
        names = ("127.0.0.1", "localhost", "[::1]")
        port = "" if self.port == 80 else f":{self.port}"
        own = {f"http://{name}{port}" for name in names}
        return frozenset(own if self.proxy is None else {*own, self.proxy})

    @property
    def within(self) -> str:
        """Path that all pages are below, with a slash at its end."""
        return f"{self.base}/{self.folder}/"

    @property
    def cookie(self) -> str:
        """Name of the cookie. Browsers send it to every port, so it has this one in its name."""
        return f"biaskit-{self.port}"

    def address(self, step: str = "") -> str:
        """Address of a step, with the key."""
        front = self.proxy or f"http://127.0.0.1:{self.port}"
        mark = "&" if "?" in step else "?"
        return f"{front}{self.base}/{step}{mark}{urlencode({_KEY: self.key})}"

    def is_key(self, given: str) -> bool:
        """Whether a text is the key, in a time that does not say how much of it is right."""
        return hmac.compare_digest(given.encode(), self.key.encode())


class Guards:
    """An application behind guards: they refuse whatever does not come from the user's browser."""

    def __init__(self, app: ASGIApp, access: Access, large: Mapping[str, int]):
        self._app = app
        self._access = access
        self._large = large
        #: When the last request that was let in began or ended.
        self.asked_at = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        send = _with_headers(send)
        scope = self._below(scope)
        answer = self._refused(scope) or self._let_in(scope)
        if answer is not None:
            await answer(scope, receive, send)
            return
        self.asked_at = time.monotonic()
        most = self._large.get(scope["path"], _BODY)
        body = _Body(receive, most)
        try:
            await self._app({**scope, _SCOPED: body}, body.receive, send)
        except TooLargeError:
            await _too_large(most)(scope, receive, send)
        except TimeoutError:
            await _plain(408, "The request took too long.")(scope, receive, send)
        finally:
            self.asked_at = time.monotonic()

    def _below(self, scope: Scope) -> Scope:
        """The request below a proxy's path, which some proxies leave in, and the folder."""
        path = scope["path"]
        for above in (self._access.base, f"/{self._access.folder}"):
            if above and (path == above or path.startswith(f"{above}/")):
                path = path[len(above) :] or "/"
        return {**scope, "path": path, "raw_path": quote(path).encode(), "root_path": ""}

    def _refused(self, scope: Scope) -> Response | None:
        """Refusal of a request, whoever it comes from."""
        headers, access = Headers(scope=scope), self._access
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in access.hosts:
            return _plain(421, "This server answers under its own address only.")
        if scope["method"] not in (*_READING, "POST"):
            return _plain(405, "This server reads (GET) and takes forms (POST).")
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and headers.get("sec-fetch-mode") != "navigate":
            # Cookies and SameSite know no ports: another server of this machine is the same site.
            return _plain(403, "A page of another site may not fetch this.")
        if scope["query_string"].count(b"&") >= _PARTS:
            return _plain(414, "The address has too many parts.")
        if scope["method"] == "POST":
            origins = headers.getlist("origin")
            is_own = len(origins) == 1 and origins[0].lower() in access.origins
            if not is_own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
                return _plain(403, "A page of another site may not do this.")
            if scope["path"] not in self._large and _length(headers) > _BODY:
                return _too_large(_BODY)
        return None

    def _let_in(self, scope: Scope) -> Response | None:
        """What those who have no key get, and those who bring it in the address; None if let in."""
        headers, access = Headers(scope=scope), self._access
        query = scope["query_string"].decode("latin-1")
        if scope["method"] in _READING and f"{_KEY}=" in query:
            parts = parse_qsl(query, keep_blank_values=True)
            given = [value for name, value in parts if name == _KEY]
            if given:
                if not access.is_key(given[-1]):
                    return _no_key()
                rest = urlencode([part for part in parts if part[0] != _KEY])
                return self._with_cookie(scope["path"], rest, headers)
        is_known = any(map(access.is_key, _cookies(headers, access.cookie)))
        return None if is_known else _no_key()

    def _with_cookie(self, path: str, query: str, headers: Headers) -> Response:
        """Way on to the clean address, with the key in a cookie."""
        access = self._access
        # Not //host, which is an address of another server.
        clean = f"{access.within}{quote(path.lstrip('/'))}{'?' if query else ''}{query}"
        site = headers.get("sec-fetch-site", "none")
        made: Response
        if site in ("none", "same-origin"):
            made = RedirectResponse(clean, 303)
        else:
            # Who follows a link of another site sends no strict cookie after a redirect: this page
            # asks by itself.
            refresh = el("meta", http_equiv="refresh", content=f"0;url={clean}")
            title = el("title", "biaskit")
            made = HTMLResponse(
                f"<!DOCTYPE html>{el('html', el('head', title, refresh), lang='en')}"
            )
        made.set_cookie(
            access.cookie,
            access.key,
            path=access.within,
            httponly=True,
            samesite="strict",
            secure=(access.proxy or "").startswith("https:"),
        )
        return made


def _cookies(headers: Headers, name: str) -> Iterator[str]:
    """Values of a cookie: several, where another port of this host has set one of its name."""
    for line in headers.getlist("cookie"):
        for part in line.split(";"):
            yield cookie_parser(part).get(name, "")


def _no_key() -> Response:
    return _plain(
        403,
        "This page is open to one browser only: the one that has opened the address with the key. "
        "Open the address that biaskit has printed.",
    )


def _length(headers: Headers) -> int:
    """Length that a body is said to have; 0 where nothing is said."""
    return int(headers.get("content-length", "0")[:20])  # digits only, or it is no request


def _too_large(most: int) -> Response:
    return _plain(413, f"This is more than the {most:,} bytes that are accepted.")


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status, {"connection": "close"})


def _with_headers(send: Send) -> Send:
    """Sender that adds the headers of every answer, where it does not say otherwise."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: list[Any] = [*message.get("headers", [])]
            there = {name.lower() for name, _ in given}
            given += [
                (name.encode(), value.encode())
                for name, value in HEADERS.items()
                if name.encode() not in there
            ]
            message = {**message, "headers": given}
        await send(message)

    return sending


class _Body:
    """Body of a request: so many bytes, whatever its length is said to be.

    Once there were more, what still comes may be received, to be dropped.
    """

    def __init__(self, receive: Receive, most: int):
        self._receive, self._most = receive, most
        self._read = 0
        #: Whether all of it was received.
        self.is_whole = False

    async def receive(self) -> Message:
        """Next part of it.

        Raises
        ------
        TooLargeError
            There are more bytes.
        TimeoutError
            Nothing more has come for a while.
        """
        if self.is_whole:
            return await self._receive()  # until the browser goes away
        async with asyncio.timeout(_PATIENCE):
            message = await self._receive()
        new = len(message.get("body", b""))
        self._read += new
        self.is_whole = not message.get("more_body", False)
        if self._most < self._read <= self._most + new:
            raise TooLargeError
        return message


async def drop_rest(request: Request) -> None:
    """Receive what still comes of a body, and drop it: a browser reads no answer before its end."""
    body = request.scope[_SCOPED]
    with contextlib.suppress(TimeoutError, TooLargeError):
        async with asyncio.timeout(_DROPPING):
            while not body.is_whole:
                await body.receive()
