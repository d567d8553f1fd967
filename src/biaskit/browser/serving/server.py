"""Server: one address of this machine, in a thread, until it is stopped or nobody asks any more."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from biaskit.browser.serving.guards import Access, Guards
from biaskit.errors import RolesError

__all__ = ["Server"]

# Bytes of a request before its body, connections at once, and seconds without a request on one.
_HEAD, _CONNECTIONS, _SILENT = 1 << 18, 128, 10
# Seconds that answers have to end in when the server stops, and that a thread has to start in.
_GRACE, _START = 2, 30
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class Server:
    """A server of this machine alone, on a port of its own.

    Parameters
    ----------
    application
        Maker of what answers those whom the guards let in; it is given the server.
    port
        Port; 0 for any that is free.
    large
        Most bytes of a request's body, by the path that takes more than a form.
    idle
        Seconds without a request after which it stops.
    is_busy
        Whether something goes on without requests, so that it does not stop.
    at_end
        What is done once it has stopped, for whatever reason.
    base, proxy
        Path and address of a proxy in front.

    Raises
    ------
    RolesError
        The port is taken.
    """

    def __init__(
        self,
        application: Callable[[Server], ASGIApp],
        *,
        port: int = 0,
        large: dict[str, int],
        idle: float,
        is_busy: Callable[[], bool] = lambda: False,
        at_end: Callable[[], None] = lambda: None,
        base: str = "",
        proxy: str | None = None,
    ):
        self._sockets = _bound(port)
        base = base.replace("{port}", str(self.port))
        self.access = Access(secrets.token_urlsafe(32), self.port, base, proxy)
        self._guards = Guards(application(self), self.access, large)
        self._idle, self._is_busy, self._at_end = idle, is_busy, at_end
        self._has_ended = threading.Event()
        self._silent: dict[Any, float] = {}
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._guards,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                h11_max_incomplete_event_size=_HEAD,
                timeout_graceful_shutdown=_GRACE,
                callback_notify=self._watch,
                timeout_notify=1,
            )
        )
        self._thread = threading.Thread(target=self._run, name="biaskit-app", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def is_closing(self) -> bool:
        """Whether it has been told to stop."""
        return bool(self._server.should_exit)

    def start(self) -> None:
        """Answer requests from now on.

        Raises
        ------
        RuntimeError
            It does not start.
        """
        self._thread.start()
        until = time.monotonic() + _START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the server has not started")
            time.sleep(0.005)

    def stop(self) -> None:
        """Answer no more; what is being answered is."""
        self._server.should_exit = True

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it has stopped, within some seconds if they are given."""
        # Not a join of the thread: where Ctrl-C interrupts one, Python takes the thread for ended.
        return self._has_ended.wait(seconds)

    def _run(self) -> None:
        try:
            with contextlib.suppress(SystemExit):
                self._server.run(self._sockets)
        finally:
            try:
                self._at_end()
            finally:
                self._has_ended.set()

    async def _watch(self) -> None:
        """Close connections on which nothing is asked, and stop if nobody asks at all."""
        if time.monotonic() - self._guards.asked_at > self._idle and not self._is_busy():
            self.stop()
        now = time.monotonic()
        connections: set[Any] = {*self._server.server_state.connections}
        self._silent = {
            one: self._silent.get(one, now)
            for one in connections
            if one.cycle is None or one.cycle.response_complete
        }
        for one, since in self._silent.items():
            if now - since > _SILENT:
                one.transport.close()


def _bound(port: int) -> list[socket.socket]:
    """Sockets of a port of this machine: of IPv4, and of IPv6 where there is one.

    Raises
    ------
    RolesError
        The port is taken.
    """
    made: list[socket.socket] = []
    for family, host in _LOOPBACK:
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
        except OSError:  # no IPv6
            continue
        if os.name == "posix":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined]
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            one.bind((host, made[0].getsockname()[1] if made else port))
        except OSError as error:
            one.close()
            if made:
                continue  # another program has the port there; this one is told at 127.0.0.1
            raise RolesError(
                f"port={port}: this port cannot be had ({error.strerror}); leave it out for any "
                "that is free"
            ) from error
        one.listen(64)
        made.append(one)
    return made
