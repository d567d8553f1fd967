"""Endpoint: a server that speaks ``/invocations``, as SageMaker's containers and MLflow do.

Requests are as large as the server takes them: a batch that fails is tried once more, then halved,
down to single rows, and a row that fails by itself is named. No label is ever sent.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from biaskit.clarify.predictors.answering import Answering
from biaskit.clarify.predictors.responses import Answer
from biaskit.clarify.predictors.templates import Bodies
from biaskit.errors import DataError, RolesError
from biaskit.store.addresses import said

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Endpoint", "Limits"]

# SageMaker takes bodies of at most 6 MB; serverless endpoints 4 MB.
_MOST_BODY = 5_000_000
_AT_FIRST = 1_000  # rows
_PIECE = 1 << 16


class Limits(NamedTuple):
    """What a server may take and answer.

    Attributes
    ----------
    seconds
        Time for one request, its answer read included.
    answer
        Bytes of one answer.
    together
        Requests at the same time.
    body
        Bytes of one request.
    """

    seconds: float = 60.0
    answer: int = 100_000_000
    together: int = 4
    body: int = _MOST_BODY


class _RefusedError(DataError):
    """The server refused a request; fewer rows may be taken."""


class Endpoint(Answering):
    """Scores and labels of rows, by a server.

    Parameters
    ----------
    url
        Address of the server; ``/invocations`` is added to one without a path.
    bodies
        How rows become requests.
    read
        Function of an answer and the number of its rows.
    names
        Names of the outputs, if the configuration has them.
    threshold
        A single score above it is the label 1.
    headers
        Further headers of every request.
    """

    def __init__(
        self,
        url: str,
        bodies: Bodies,
        read: Callable[[bytes, int], Answer],
        names: Sequence[str] | None = None,
        threshold: float = 0.5,
        headers: dict[str, str] | None = None,
        limits: Limits = Limits(),  # noqa: B008 - it cannot be changed
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RolesError(
                f"--endpoint must be an address such as http://localhost:8080, not {said(url)}"
            )
        if parts.username or parts.password:
            raise RolesError("--endpoint must have no user and no password in its address")
        self._url = parts
        self._path = parts.path if parts.path not in ("", "/") else "/invocations"
        if parts.query:
            self._path += f"?{parts.query}"
        self._bodies = bodies
        self._read = read
        super().__init__(names, threshold)
        self._headers = {
            "Content-Type": bodies.content_type,
            "Accept": bodies.accept,
            **(headers or {}),
        }
        self._limits = limits
        self._idle: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
        #: Rows of a request that the server is known to take.
        self._rows = 1 if bodies.one_by_one else _AT_FIRST
        self._is_known = bodies.one_by_one
        #: Requests that were sent.
        self.requests = 0

    def close(self) -> None:
        """End the connections."""
        while not self._idle.empty():
            self._idle.get().close()

    def _answers(self, rows: pd.DataFrame) -> Iterator[Answer]:
        """Answers to all rows, in their order, several requests at a time."""
        with ThreadPoolExecutor(self._limits.together) as pool:
            start = 0
            if not self._is_known and len(rows):
                yield from self._asked(self._bodies.parts(rows.iloc[:1]), 0)  # does it answer?
                start, self._is_known = 1, True
            waiting: list[Any] = []
            for first, texts in self._batches(rows, start):
                waiting.append(pool.submit(lambda t=texts, f=first: [*self._asked(t, f)]))  # type: ignore[misc]
                if len(waiting) > 2 * self._limits.together:
                    yield from waiting.pop(0).result()
            for one in waiting:
                yield from one.result()

    def _batches(self, rows: pd.DataFrame, start: int) -> Iterator[tuple[int, list[str]]]:
        """Texts of rows, in batches of what a request may hold."""
        while start < len(rows):
            texts = self._bodies.parts(rows.iloc[start : start + self._rows])
            size = 0
            for n, text in enumerate(texts):
                size += len(text) + 2
                if size > self._limits.body // 2 and n:  # a letter may take several bytes
                    texts = texts[:n]
                    break
            else:
                if self._rows < 1 << 20 and not self._bodies.one_by_one:
                    self._rows *= 2
            yield start, texts
            start += len(texts)

    def _asked(self, texts: Sequence[str], first: int) -> Iterator[Answer]:
        """Answers to some rows; halves where the server does not take them all."""
        try:
            yield self._retried(texts)
        except _RefusedError as error:
            if len(texts) == 1:
                raise DataError(f"row {first + 1:,} of the data: {error}") from error
            self._rows = max(1, min(self._rows, len(texts) // 2))
            half = len(texts) // 2
            yield from self._asked(texts[:half], first)
            yield from self._asked(texts[half:], first + half)

    def _retried(self, texts: Sequence[str]) -> Answer:
        body = self._bodies.joined(texts).encode()
        try:
            answered = self._post(body)
        except _RefusedError as error:
            if "status 413" in str(error) or len(texts) > 1:
                raise  # fewer rows may do
            time.sleep(0.1)
            answered = self._post(body)
        try:
            return self._read(answered, len(texts))
        except DataError as error:
            if len(texts) > 1 and "the model's answer has" in str(error):
                raise _RefusedError(str(error)) from error
            raise

    def _post(self, body: bytes) -> bytes:
        """Answer to a request, within the limits of time and size."""
        self.requests += 1
        where = f"{self._url.scheme}://{self._url.netloc}{self._path.partition('?')[0]}"
        while True:
            connection, is_used = self._connection()
            try:
                status, answer = self._exchanged(connection, body, where)
                break
            except TimeoutError as error:
                raise DataError(
                    f"{where} did not answer within {self._limits.seconds:g} seconds; is the model "
                    "loaded, and are batches small enough?"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                if is_used and isinstance(error, (ConnectionError, http.client.BadStatusLine)):
                    continue  # the server closed a connection that was idle
                reason = str(error) or type(error).__name__
                raise DataError(f"{where} cannot be reached: {reason}") from error
        if 300 <= status < 400:
            raise DataError(
                f"{where} redirects elsewhere (status {status}), and rows are sent to no other "
                "place; give the address itself"
            )
        if status != 200:
            reason = " ".join(answer[:300].decode(errors="replace").split())
            raise _RefusedError(f"{where} answers with the status {status}: {reason}")
        return answer

    def _exchanged(
        self, connection: http.client.HTTPConnection, body: bytes, where: str
    ) -> tuple[int, bytes]:
        """Status and answer; the connection is kept for the next request if all went well."""
        late = threading.Event()

        def end() -> None:
            late.set()
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

        # A server that answers byte by byte never exceeds the limit of a single read.
        timer = threading.Timer(self._limits.seconds, end)
        timer.daemon = True
        timer.start()
        try:
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            answer = self._whole(response, where)
            if late.is_set():
                raise TimeoutError
        except BaseException as error:
            connection.close()
            if late.is_set() and isinstance(error, (OSError, http.client.HTTPException)):
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
        self._idle.put(connection)
        return response.status, answer

    def _whole(self, response: http.client.HTTPResponse, where: str) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_PIECE):
            size += len(piece)
            if size > self._limits.answer:
                raise DataError(
                    f"{where} answers with more than {self._limits.answer:,} bytes; is it the "
                    "model's address?"
                )
            pieces.append(piece)
        if response.length:  # the connection ended before the answer did
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # else the connection is taken to be in use
        return b"".join(pieces)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """An idle connection or a new one, and whether it has been used."""
        try:
            return self._idle.get_nowait(), True
        except queue.Empty:
            pass
        host, port = str(self._url.hostname), self._url.port
        seconds = self._limits.seconds
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            made = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
            return made, False
        return http.client.HTTPConnection(host, port, timeout=seconds), False
