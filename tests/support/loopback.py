"""Stores on this machine, an S3 and one of Google's, and a proxy before an S3.

The proxy counts bytes, breaks off or throttles.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

THROTTLED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""


def free_port() -> int:
    """Port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def s3() -> Iterator[int]:
    """Port of an S3 that keeps its objects in memory."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    made = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    try:
        yield made.get_host_and_port()[1]
    finally:
        made.stop()


@contextlib.contextmanager
def gcs(bucket: str) -> Iterator[int]:
    """Port of a Google Cloud Storage that keeps the objects of a bucket in memory."""
    name = "gcp_storage_emulator"
    pytest.importorskip(name, reason="gcp-storage-emulator is not installed")
    port = free_port()
    # In a process of its own: a reader of pyarrow's that is freed waits for it, and keeps the GIL.
    call = [sys.executable, "-m", name, "start", "--host", "127.0.0.1", "--port", str(port)]
    call += ["--in-memory", "--default-bucket", bucket]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                assert server.poll() is None, "the store has ended"
                time.sleep(0.05)
            yield port
        finally:
            server.kill()


@dataclass
class Traffic:
    """What went through the proxy, and what it does with it."""

    #: Bytes of objects that were sent, and the requests for them.
    sent: int = 0
    requests: int = 0
    #: Break off an object's bytes after so many of all.
    breaks_after: int | None = None
    throttles: bool = False
    #: Seconds before each object's bytes are sent, as over a long way.
    delay: float = 0
    #: Requests for objects that are under way, and the most of them at one time.
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def proxy(port: int) -> Iterator[tuple[int, Traffic]]:
    """Port of a proxy before a server, and its traffic."""
    traffic = Traffic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.pass_on()

        def do_GET(self) -> None:
            self.pass_on()

        def pass_on(self) -> None:
            is_object = self.command == "GET" and "Range" in self.headers
            with traffic.lock:
                traffic.now += is_object
                traffic.most = max(traffic.most, traffic.now)
            try:
                if is_object:
                    time.sleep(traffic.delay)
                self.pass_request_on(is_object)
            finally:
                with traffic.lock:
                    traffic.now -= is_object

        def pass_request_on(self, is_object: bool) -> None:
            if traffic.throttles and is_object:
                self.answer(503, [], THROTTLED)
                return
            there = http.client.HTTPConnection("127.0.0.1", port)
            there.request(self.command, self.path, headers=dict(self.headers))
            answer = there.getresponse()
            body = answer.read()
            there.close()
            if is_object:
                with traffic.lock:
                    traffic.requests += 1
                    traffic.sent += len(body)
                    over = traffic.sent - (traffic.breaks_after or traffic.sent)
                if over > 0:
                    self.answer(answer.status, answer.getheaders(), body, len(body) - over)
                    return
            self.answer(answer.status, answer.getheaders(), body)

        def answer(
            self, status: int, headers: list[tuple[str, str]], body: bytes, most: int | None = None
        ) -> None:
            self.send_response_only(status)
            lengths = [value for name, value in headers if name.lower() == "content-length"]
            for name, value in headers:
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            length = lengths[0] if self.command == "HEAD" and lengths else str(len(body))
            self.send_header("Content-Length", length)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body if most is None else body[: max(0, most)])
            self.close_connection = most is not None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], traffic
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
