"""Endpoint: a server that speaks ``/invocations``, as SageMaker's containers and MLflow do.

Requests are as large as the server takes them: a batch that fails is tried once more, then halved,
down to single rows, and a row that fails by itself is named. No label is ever sent.
"""

from __future__ import annotations

import bisect
import contextlib
import http.client
import itertools
import queue
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from biaskit.clarify.predictors.answering import Answering
from biaskit.clarify.predictors.responses import Answer
from biaskit.clarify.predictors.templates import Bodies
from biaskit.errors import DataError, RolesError
from biaskit.sources.counting import Progress
from biaskit.store.addresses import said

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Endpoint", "Limits"]

# SageMaker takes bodies of at most 6 MB; serverless endpoints 4 MB.
_MOST_BODY = 5_000_000
_AT_FIRST = 1_000  # rows
_PIECE = 1 << 16
_PAUSE = 0.2  # seconds before a request is sent again


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
    """The server refused a request; fewer rows may be taken.

    `may_pass` says that the same request may be taken the next time.
    """

    def __init__(self, said: str, *, may_pass: bool = False):
        super().__init__(said)
        self.may_pass = may_pass


def _has_port(url: str) -> bool:
    """Whether the port of an address, if it has one, is a number of a port."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _shut(connection: http.client.HTTPConnection) -> None:
    """End a connection that another thread waits for."""
    if (sock := connection.sock) is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


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
    progress
        Called with the number of rows that have their label, and their share.
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
        progress: Progress | None = None,
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(url):
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
        super().__init__(names, threshold, progress)
        self._headers = {
            "Content-Type": bodies.content_type,
            "Accept": bodies.accept,
            **(headers or {}),
        }
        self._limits = limits
        self._idle: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()
        #: Connections of the requests that are under way.
        self._live: set[http.client.HTTPConnection] = set()
        self._ended = threading.Event()
        self._is_probed = False
        # Rows of the next request, and the most that the server may take.
        self._rows = _AT_FIRST
        self._most = 1 if bodies.one_by_one else 1 << 20
        #: Requests that were sent.
        self.requests = 0

    def close(self) -> None:
        """End the connections."""
        while not self._idle.empty():
            self._idle.get().close()

    def _answers(self, rows: pd.DataFrame) -> Iterator[Answer]:
        """Answers to all rows, in their order, several requests at a time."""
        self._ended.clear()
        if not self._is_probed and len(rows):
            self._probe()
        pool = ThreadPoolExecutor(self._limits.together)
        try:
            start = 0
            if not self._is_probed and len(rows):
                texts = self._bodies.parts(rows.iloc[:1])
                self._begin_with(texts)
                yield from self._asked(texts, 0)  # does it answer?
                start, self._is_probed = 1, True
            waiting: deque[Future[list[Answer]]] = deque()
            for first, texts in self._batches(rows, start):
                waiting.append(pool.submit(self._all_asked, texts, first))
                if len(waiting) > 2 * self._limits.together:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BaseException:
            self._end()  # also on an interrupt, which waits for no answer
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin_with(self, texts: Sequence[str]) -> None:
        """Refuse a row that is larger than a request, and begin with as many as one holds."""
        size = len(self._bodies.joined(texts).encode())
        if size > self._limits.body:
            raise RolesError(
                f"one row makes a request of {size:,} bytes, and it may have "
                f"{self._limits.body:,}; shorten predictor.record_template or content_template"
            )
        self._rows = max(1, min(_AT_FIRST, self._limits.body // 4 // max(1, size)))

    def _end(self) -> None:
        """End the requests that are under way."""
        self._ended.set()
        for connection in [*self._live]:
            _shut(connection)

    def _probe(self) -> None:
        """Refuse a server that says that it is not ready; many have no ``/ping``."""
        if self._path != "/invocations":
            return
        status, _ = self._sent("GET", "/ping")
        if status >= 500 and status != 501:
            raise DataError(
                f"{self._where('/ping')} answers with the status {status}: the server has not "
                "loaded its model; try again once it has"
            )

    def _batches(self, rows: pd.DataFrame, start: int) -> Iterator[tuple[int, list[str]]]:
        """Texts of rows, in batches of what a request may hold."""
        while start < len(rows):
            most = min(self._rows, self._most)
            texts = self._bodies.parts(rows.iloc[start : start + most])
            sizes = itertools.accumulate(len(text) + 2 for text in texts)
            # A letter may take several bytes, and what is sent in parts overlaps with the answers.
            n = bisect.bisect([*sizes], self._limits.body // 4) or 1
            self._rows = 2 * self._rows if n >= len(texts) else n
            texts = texts[:n]
            yield start, texts
            start += len(texts)

    def _all_asked(self, texts: Sequence[str], first: int) -> list[Answer]:
        return [*self._asked(texts, first)]

    def _asked(self, texts: Sequence[str], first: int) -> Iterator[Answer]:
        """Answers to some rows; halves where the server does not take them all."""
        if len(texts) <= self._most:
            try:
                yield self._retried(texts)
                return
            except _RefusedError as error:
                if len(texts) == 1:
                    raise DataError(f"row {first + 1:,} of the data: {error}") from error
                self._most = min(self._most, len(texts) - 1)
        half = len(texts) // 2
        yield from self._asked(texts[:half], first)
        yield from self._asked(texts[half:], first + half)

    def _retried(self, texts: Sequence[str]) -> Answer:
        body = self._bodies.joined(texts).encode()
        try:
            answered = self._post(body)
        except _RefusedError as error:
            if not error.may_pass:
                raise  # fewer rows may do
            self._ended.wait(_PAUSE)
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
        status, answer = self._sent("POST", self._path, body)
        where = self._where(self._path)
        if 300 <= status < 400:
            raise DataError(
                f"{where} redirects elsewhere (status {status}), and rows are sent to no other "
                "place; give the address itself"
            )
        if status != 200:
            reason = " ".join(answer[:300].decode(errors="replace").split())
            raise _RefusedError(
                f"{where} answers with the status {status}: {reason}", may_pass=status != 413
            )
        return answer

    def _where(self, path: str) -> str:
        return f"{self._url.scheme}://{self._url.netloc}{path.partition('?')[0]}"

    def _sent(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and answer to a request."""
        where = self._where(path)
        while True:
            if self._ended.is_set():
                raise DataError(f"no more is asked of {where}")
            connection, is_used = self._connection()
            try:
                return self._exchanged(connection, method, path, body, where)
            except TimeoutError as error:
                raise _RefusedError(
                    f"{where} did not answer within {self._limits.seconds:g} seconds; is the model "
                    "loaded? --endpoint-timeout gives it longer"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                if is_used and isinstance(error, (ConnectionError, http.client.BadStatusLine)):
                    continue  # the server closed a connection that was idle
                reason = str(error) or type(error).__name__
                raise DataError(f"{where} cannot be reached: {reason}") from error

    def _exchanged(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        where: str,
    ) -> tuple[int, bytes]:
        """Status and answer; the connection is kept for the next request if all went well."""
        late = threading.Event()

        def end() -> None:
            late.set()
            _shut(connection)

        # A server that answers byte by byte never exceeds the limit of a single read.
        timer = threading.Timer(self._limits.seconds, end)
        timer.daemon = True
        timer.start()
        self._live.add(connection)
        try:
            connection.request(method, path, body, self._headers if body is not None else {})
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
            self._live.discard(connection)
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
