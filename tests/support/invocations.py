"""A server that speaks ``/invocations`` in any form, or badly, on this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

__all__ = ["Reply", "Server", "serving"]


@dataclass(frozen=True)
class Reply:
    """What the server answers to one request."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Seconds before each byte of the answer.
    slowly: float = 0.0


class Server(NamedTuple):
    """The server's address, and the bodies and headers of the requests so far."""

    url: str
    bodies: list[bytes]
    headers: list[dict[str, str]]


@contextlib.contextmanager
def serving(answer: Callable[[bytes], Reply], ping: int = 501) -> Iterator[Server]:
    """Server that answers to each body as a function says, and to ``/ping`` with a status."""
    bodies: list[bytes] = []
    headers: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.send_response(ping if self.path == "/ping" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(body)
            headers.append({"path": self.path, **self.headers})
            reply = answer(body)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                if not reply.slowly:
                    self.wfile.write(reply.body)
                for byte in reply.body if reply.slowly else b"":
                    time.sleep(reply.slowly)
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", bodies, headers)
    finally:
        server.shutdown()
        server.server_close()
