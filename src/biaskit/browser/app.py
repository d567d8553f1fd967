"""App: starts the page on which everything is chosen with a mouse, and opens it in a browser."""

from __future__ import annotations

import atexit
import importlib.util
import math
import os
import re
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from biaskit.browser.desk import DEMO, Desk, named_frames
from biaskit.browser.places import NoPlaceError, Root
from biaskit.counts.counts import Counts
from biaskit.errors import DataError, RolesError, in_short
from biaskit.sources.dispatch import source_of
from biaskit.store.addresses import is_address, said

if TYPE_CHECKING:
    from biaskit.browser.serving.server import Server
    from biaskit.browser.serving.uploads import Shelf

__all__ = ["App", "app"]

_NEEDED = ("starlette", "uvicorn", "python_multipart")
_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_TIMES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]{0,2})")
_BASE = re.compile(r"(?:/[\w.~@{}-]+)*", re.ASCII)


class App:
    """The page, being served until it is stopped or nobody has asked for a while.

    A notebook shows the link to it. As a context, it stops at the end.
    """

    def __init__(self, server: Server, desk: Desk, shelf: Shelf, first: str):
        self._server = server
        self._desk = desk
        self._shelf = shelf
        self._first = first

    @property
    def url(self) -> str:
        """Address with the key, which lets a browser in until the server stops."""
        return self._server.access.address(self._first)

    def open(self) -> bool:
        """Open the page in a browser; returns whether there is one.

        The browser is given a file that leads to the address: what programs are started with is
        seen by everybody on the machine.
        """
        from biaskit.browser.serving.leading import leading_file

        if not _has_windows():
            return False
        return webbrowser.open(leading_file(self._shelf.path, self.url).as_uri(), new=2)

    def stop(self) -> None:
        """Stop the server, and remove what was uploaded."""
        self._server.stop()
        self._server.wait(10)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it has stopped, within some seconds if they are given."""
        return self._server.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"App({self.url!r})"

    def _repr_html_(self) -> str:
        """Show a link that opens the page in a new tab."""
        from biaskit.pages.markup import el

        link = el("a", "Open biaskit", href=self.url, target="_blank", rel="noopener")
        told = " on these data, on this machine. The link works until the server stops: "
        return el("p", link, told, el("code", "app.stop()"), ".")


def app(
    *data: Any,
    root: str | os.PathLike[str] | None = None,
    port: int = 0,
    max_upload: int | str = "2GB",
    idle: float | str = "2h",
    open_browser: bool = True,
    base_path: str = "",
    allow_host: str | None = None,
) -> App:
    """Page in a browser on which bias is measured with a mouse, on this machine alone.

    Everything is chosen there: the table, what its columns are, which outcome is the good one, who
    is compared, and limits. The page says which command and which call give the same numbers.

    Parameters
    ----------
    data
        Tables to choose from: paths of files, tables in memory, or counts. One of them is opened at
        once. Without any, the files of the working folder are offered. ``"demo"`` is the admissions
        of Berkeley.
    root
        Folder whose files, and those of its folders, may be opened; by default that of the paths.
        None, and tables in memory, mean that no files are offered.
    port
        Port of the address; 0 takes any that is free.
    max_upload
        Most bytes of a file that is sent from the browser, such as ``"500MB"``.
    idle
        How long after the last request the server stops, in seconds or such as ``"30m"`` and
        ``"2h"``; ``"never"`` only when it is told to.
    open_browser
        Whether the page is opened at once, in a new tab.
    base_path
        Path under which a proxy has the page, such as ``"/user/ann/proxy/{port}"`` on JupyterHub.
    allow_host
        Address of that proxy, such as ``"hub.example.org"``, or ``"http://hub.local:8000"``.

    Returns
    -------
    App
        ``url`` is the address, with a key that nobody else has; it works until ``stop()``.

    Raises
    ------
    RolesError
        An option is invalid, or the port is taken.
    DataError
        A library is not installed, or there is no such file or table.

    Examples
    --------
    >>> import pandas as pd, biaskit
    >>> df = pd.DataFrame({"sex": ["F", "F", "M", "M"], "hired": [0, 1, 1, 1]})
    >>> with biaskit.app(df, open_browser=False) as page:
    ...     page.url.partition("?")[2][:6]
    'table='
    """
    refuse_no_libraries()
    most = _amount("max_upload", max_upload, _SIZES, "'500MB' or '2GB'")
    after = math.inf if idle == "never" else _amount("idle", idle, _TIMES, "'30m' or '2h'")
    if not 0 <= port < 1 << 16:
        raise RolesError(f"port takes a number from 0 to 65535, not {in_short(port)}")
    base, proxy = _base_of(base_path), _proxy_of(allow_host)
    desk, chosen = _desk_of(data, root)
    from biaskit.browser.serving.routes import UPLOAD, Serving, application
    from biaskit.browser.serving.server import Server
    from biaskit.browser.serving.uploads import Shelf
    from biaskit.browser.steps.tables import first_address

    shelf = Shelf()

    def close() -> None:
        desk.close()
        shelf.close()
        atexit.unregister(close)

    def made(server: Server) -> Any:
        return application(
            Serving(desk, shelf, round(most), server.stop, lambda: server.is_closing)
        )

    try:
        server = Server(
            made,
            port=port,
            large={UPLOAD: round(most)},
            idle=after,
            is_busy=lambda: desk.jobs.are_working,
            at_end=close,
            base=base,
            proxy=proxy,
        )
        server.start()
    except BaseException:
        close()
        raise
    atexit.register(close)
    first = "" if chosen is None else first_address(chosen, desk.kind(chosen))
    started = App(server, desk, shelf, first)
    if open_browser:
        started.open()
    return started


def _has_windows() -> bool:
    """Whether a browser has a window to open; one that has none would take the terminal."""
    is_plain = sys.platform not in ("win32", "darwin")
    named = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return not is_plain or any(os.environ.get(one) for one in named)


def refuse_no_libraries() -> None:
    """Refuse to start where a library is not installed.

    Raises
    ------
    DataError
        One is not.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(name.replace("_", "-") for name in missing)
        raise DataError(
            f"the page in a browser is served by {names}, which is not installed: "
            "pip install 'biaskit[app]'"
        )


class _Named(NamedTuple):
    """Data as a call names them."""

    paths: list[Path]
    frames: list[Any]
    is_demo: bool


def _desk_of(data: Sequence[Any], root: str | os.PathLike[str] | None) -> tuple[Desk, str | None]:
    """Desk of the data of a call, and the key of the table that is opened at once.

    Raises
    ------
    DataError
        There is no such file or table.
    RolesError
        A file is not under the root.
    """
    named = _named(data)
    if root is None and (named.paths or not named.frames):
        root = _folder_of(named.paths)
    made = None if root is None else Root(root)
    keys = [_key_of(path, made) for path in named.paths if not path.is_dir() and made is not None]
    keys += [f"frame:{at}" for at in range(len(named.frames))]
    keys += [DEMO] if named.is_demo else []
    desk = Desk(made, named_frames(named.frames))
    return desk, keys[0] if len(keys) == 1 and len(data) == 1 else None


def _named(data: Sequence[Any]) -> _Named:
    found = _Named([], [], any(isinstance(one, str) and one == "demo" for one in data))
    for one in data:
        if isinstance(one, str) and one == "demo" and not Path(one).exists():
            continue
        if not isinstance(one, (str, os.PathLike)):
            if not isinstance(one, Counts):
                source_of(one)  # which refuses what is no table
            found.frames.append(one)
            continue
        if is_address(os.fspath(one)):
            raise DataError(
                f"{said(one)} is an address; count it by `biaskit count`, and open the counts here"
            )
        path = Path(one)
        if not path.exists():
            raise DataError(f"there is no file or folder {str(one)!r}")
        found.paths.append(path)
    return found


def _folder_of(paths: Sequence[Path]) -> Path:
    """Folder that has some files and folders; the working folder without any."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    resolved = [str(folder.resolve()) for folder in folders]
    try:
        return Path(os.path.commonpath(resolved)) if resolved else Path.cwd()
    except ValueError:  # of two drives
        raise DataError("the files are on two drives; name those of one") from None


def _key_of(path: Path, root: Root) -> str:
    """Key of a file that a call names.

    Raises
    ------
    RolesError
        It is not under the root.
    DataError
        It cannot be a table.
    """
    try:
        inner = Path(os.path.abspath(path)).relative_to(root.path)  # noqa: PTH100 - links stay
    except ValueError:
        try:
            inner = path.resolve().relative_to(root.path)
        except ValueError:
            raise RolesError(f"root={str(root.path)!r} does not hold {str(path)!r}") from None
    try:
        return f"file:{root.place(inner.as_posix()).name}"
    except NoPlaceError:
        raise DataError(
            f"{str(path)!r} is no table by its name; names end in .csv, .tsv, .parquet, .jsonl, "
            ".json, .xlsx, .txt, .zip or .html and do not begin with a dot"
        ) from None


def _amount(name: str, given: float | str, units: dict[str, int], example: str) -> float:
    """Number of bytes or seconds that a call names."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        number, unit = float(given), ""
    else:
        found = _AMOUNT.fullmatch(given.strip()) if isinstance(given, str) else None
        number, unit = (float(found[1]), found[2]) if found else (0.0, "")
    scale = {key.lower(): one for key, one in units.items()}.get(unit.lower())
    if scale is None or not 0 < number * scale < math.inf:
        raise RolesError(f"{name} takes an amount such as {example}, not {in_short(given)}")
    return number * scale


def _base_of(path: str) -> str:
    base = path.rstrip("/")
    if not _BASE.fullmatch(base) or ".." in base.split("/"):
        raise RolesError(
            f"base_path takes a path such as '/user/ann/proxy/8765', not {in_short(path)}"
        )
    return base


def _proxy_of(host: str | None) -> str | None:
    """Address of a proxy: its scheme, its name and its port."""
    if host is None:
        return None
    text = host if "://" in host else f"https://{host}"
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    made = f"{parts.scheme}://{parts.hostname}{port}"
    is_plain = made == text.lower().rstrip("/") and parts.scheme in ("http", "https")
    if not is_plain or not re.fullmatch(r"[a-z0-9.-]+", parts.hostname or ""):
        raise RolesError(
            "allow_host takes the name of one host, such as 'hub.example.org', not "
            f"{in_short(host)}"
        )
    return made
