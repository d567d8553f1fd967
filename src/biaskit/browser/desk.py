"""Desk: the tables that may be opened, what is known of them, and the passes over them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeVar

from biaskit.browser.explaining import MODELS, Explanation, attributions_made, is_model
from biaskit.browser.jobs import Job, Jobs
from biaskit.browser.looks import look_at_file, look_at_frame
from biaskit.browser.places import NoPlaceError, Place, Root, is_written_as_text
from biaskit.browser.records import Listed, Look
from biaskit.counts.counts import Counts
from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, DataError
from biaskit.explanations.attributions import Attributions
from biaskit.progress import Progress
from biaskit.sources.counting import counted
from biaskit.sources.dispatch import opened
from biaskit.sources.files.dialect import Dialect
from biaskit.sources.files.local import LocalBytes

__all__ = ["DEMO", "Desk", "named_frames"]

#: Key of the table that is always there.
DEMO = "demo:berkeley"
_DEMO = Listed(DEMO, "Graduate admissions at Berkeley, 1973", "table", None)
# First looks that are kept, and columns of all of them together.
_LOOKS, _COLUMNS = 32, 20_000
# Models that are listed.
_MODELS = 100

_Known = TypeVar("_Known")


class _Table(NamedTuple):
    """A table that somebody has chosen: a file, or a frame in memory."""

    listed: Listed
    place: Place | None
    frame: Any

    @property
    def stamp(self) -> Hashable:
        """What identifies its content; of a file its path, its size and its time."""
        return self.listed.key if self.place is None else (self.place.path, *self.place.stamp)


class Desk:
    """What is open: a root, uploads, frames in memory, and what was counted of them.

    Everything may be asked by several threads at once.
    """

    def __init__(self, root: Root | None, frames: Sequence[tuple[str, Any]] = ()):
        self.root = root
        self.jobs = Jobs()
        self._frames = {f"frame:{n}": one for n, one in enumerate(frames)}
        self._uploads: dict[str, Place] = {}
        self._looks: OrderedDict[Hashable, Look] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def folder(self) -> str:
        """Name of the folder whose files are listed; empty without one."""
        return "" if self.root is None else self.root.path.name or str(self.root.path)

    def listed(self) -> tuple[list[Listed], bool]:
        """Tables that can be chosen, and whether the root has more."""
        tables = [Listed(key, name, _kind(of), None) for key, (name, of) in self._frames.items()]
        with self._lock:
            uploads = [*self._uploads.items()]
        tables += [Listed(key, place.name, _kind_of(place), place.size) for key, place in uploads]
        there, is_cut = ([], False) if self.root is None else self.root.listed()
        return [*tables, *there, _DEMO], is_cut

    def uploaded(self, path: Path, name: str) -> str:
        """Key of a file that was uploaded, under the name that it has for people."""
        folder = Root(path.parent)
        key = f"upload:{secrets.token_urlsafe(12)}"
        with self._lock:
            self._uploads[key] = folder.place(path.name)._replace(name=name)
        return key

    def name(self, key: str) -> str:
        """Name of a table, as people read it.

        Raises
        ------
        NoPlaceError
            There is no such table.
        """
        return self._table(key).listed.name

    def dialect(self, key: str, given: Dialect | None) -> Dialect | None:
        """How a table is written: as is said, and as CSV where its name says no format.

        Raises
        ------
        NoPlaceError
            There is no such table.
        """
        place = self._table(key).place
        is_said = given is not None and given.input_format is not None
        if place is None or is_said or not is_written_as_text(place.path):
            return given
        return replace(given or Dialect(), input_format="csv")

    def models(self) -> list[Listed]:
        """Models under the root, of kinds that hold no program."""
        found: list[Listed] = []
        for inner in [] if self.root is None else self.root.names():
            if PurePath(inner).suffix.lower() not in MODELS or len(found) == _MODELS:
                continue
            with suppress(NoPlaceError, OSError):
                place = self._model(f"file:{inner}")
                if is_model(place.path):
                    found.append(Listed(f"file:{inner}", inner, "model", place.size))
        return found

    def attributions(self, key: str, model: str, asked: Explanation) -> Attributions | Job:
        """Parts of a model's outputs for the rows of a table, or the job that makes them.

        `asked` says all else; its own paths are left out.

        Raises
        ------
        NoPlaceError
            There is no such table, or no such model.
        BiaskitError
            They cannot be made.
        """
        table, place = self._table(key), self._model(model)
        data = table.frame if table.place is None else table.place.path
        dialect = self.dialect(key, asked.dialect)
        asked = asked._replace(
            model=place.path, data=data, roles=asked.roles.counted, dialect=dialect
        )
        rest = (asked.dialect, asked.output, asked.features)
        what = (table.stamp, place.path, place.stamp, repr(asked.roles), *rest)

        def work(progress: Progress) -> Attributions:
            found = _in_words(place, lambda _: attributions_made(asked, progress))
            for one in (place, table.place):
                if one is not None:
                    one.refuse_changed()
            return found

        made: Attributions | Job = self.jobs.result(what, work)
        return made

    def _model(self, key: str) -> Place:
        kind, _, inner = key.partition(":")
        if kind != "file" or self.root is None:
            raise NoPlaceError(key)
        return self.root.place(inner, lambda name: PurePath(name).suffix.lower() in MODELS)

    def look(self, key: str, dialect: Dialect | None = None) -> Look | None:
        """First look at a table; None for saved counts, which have no rows.

        Raises
        ------
        NoPlaceError
            There is no such table.
        BiaskitError
            It cannot be read so.
        """
        table, dialect = self._table(key), self.dialect(key, dialect)
        known = (table.stamp, dialect)
        with self._lock:
            if known in self._looks:
                self._looks.move_to_end(known)
                return self._looks[known]
        made = _look(table, {} if dialect is None else dialect.given())
        if made is not None:
            with self._lock:
                self._looks[known] = made
                while len(self._looks) > _LOOKS or (
                    len(self._looks) > 1
                    and sum(len(one.columns) for one in self._looks.values()) > _COLUMNS
                ):
                    self._looks.popitem(last=False)
        return made

    def saved(self, key: str) -> Counts | None:
        """The counts, if a table is saved counts or a page that carries them.

        Raises
        ------
        NoPlaceError
            There is no such table.
        BiaskitError
            It cannot be read.
        """
        table = self._table(key)
        if table.place is None:
            return table.frame if isinstance(table.frame, Counts) else None
        made: Counts | None = self.jobs.remembered((table.stamp, "saved"))
        if made is None:
            found = _in_words(table.place, lambda place: _opened(place, None))
            if not isinstance(found, Counts):
                found.close()
                return None
            made = found
            self.jobs.remember((table.stamp, "saved"), made)
        return made

    def counts(self, key: str, roles: Roles, dialect: Dialect | None = None) -> Counts | Job:
        """Counts of a table for the roles of a pass, or the job that makes them.

        Raises
        ------
        NoPlaceError
            There is no such table.
        BiaskitError
            The pass has failed.
        """
        table, dialect = self._table(key), self.dialect(key, dialect)
        roles = roles.counted
        what = (table.stamp, dialect, repr(roles))

        def work(progress: Progress) -> Counts:
            if table.place is None:
                return counted(table.frame, roles, progress=progress).counts
            return _in_words(table.place, lambda place: _counted(place, roles, dialect, progress))

        made: Counts | Job = self.jobs.result(what, work)
        return made

    def kind(self, key: str) -> str:
        """Kind of a table, as it is listed.

        Raises
        ------
        NoPlaceError
            There is no such table.
        BiaskitError
            It cannot be read.
        """
        return "table" if key == DEMO or self.saved(key) is None else "counts"

    def files(self, key: str) -> tuple[str, ...]:
        """Path of a table as a command names it where biaskit was started; none of one in memory.

        Raises
        ------
        NoPlaceError
            There is no such table.
        """
        place = self._table(key).place
        if place is None:
            return ()
        if key.startswith("upload:"):
            return (place.name,)
        return (_from_here(place.path),)

    def model_file(self, key: str) -> str:
        """Path of a model as a command names it where biaskit was started.

        Raises
        ------
        NoPlaceError
            There is no such model.
        """
        return _from_here(self._model(key).path)

    def close(self) -> None:
        """Cancel what is not over."""
        self.jobs.close()

    @cached_property
    def _berkeley(self) -> Any:
        from biaskit.datasets import berkeley

        return berkeley()

    def _table(self, key: str) -> _Table:
        kind, _, rest = key.partition(":")
        if key == DEMO:
            return _Table(_DEMO, None, self._berkeley)
        if key in self._frames:
            name, frame = self._frames[key]
            return _Table(Listed(key, name, _kind(frame), None), None, frame)
        with self._lock:
            place = self._uploads.get(key)
        if place is not None:
            place.refuse_changed()
        elif kind == "file" and self.root is not None:
            place = self.root.place(rest)
        else:
            raise NoPlaceError(key)
        return _Table(Listed(key, place.name, "table", place.size), place, None)


def _look(table: _Table, given: Mapping[str, Any]) -> Look | None:
    if table.place is None:
        return None if isinstance(table.frame, Counts) else look_at_frame(table.frame)

    def look(place: Place) -> Look | None:
        found = _opened(place, None)
        if isinstance(found, Counts):
            return None
        try:
            made = look_at_file(place.path, found, given)
        finally:
            found.close()
        place.refuse_changed()  # some readers have opened it by its name once more
        return made

    return _in_words(table.place, look)


def _kind(frame: Any) -> str:
    return "counts" if isinstance(frame, Counts) else "table"


def _kind_of(place: Place) -> str:
    return "counts" if place.path.suffix in (".html", ".htm", ".counts") else "table"


def _opened(place: Place, dialect: Dialect | None) -> Counts | LocalBytes:
    """The file of a place, open, or the counts in it.

    Raises
    ------
    DataError
        The file is not the one that was found, or cannot be read.
    """
    found = opened(place.path, None, dialect)
    if isinstance(found, LocalBytes):
        try:
            place.refuse_other(found.handle)
        except BaseException:
            found.close()
            raise
    else:
        place.refuse_changed()
    if not isinstance(found, (Counts, LocalBytes)):
        raise place.changed()
    return found


def _counted(place: Place, roles: Roles, dialect: Dialect | None, progress: Progress) -> Counts:
    """Counts of the rows of a file, which stays as it is meanwhile."""
    made = counted(_opened(place, dialect), roles, progress=progress, dialect=dialect).counts
    place.refuse_changed()
    return made


def _in_words(place: Place, read: Callable[[Place], _Known]) -> _Known:
    """What `read` makes of a file; errors name it as people know it."""
    try:
        return read(place)
    except BiaskitError as error:
        raise type(error)(_named(str(error), place)) from error
    except OSError as error:
        raise DataError(f"{place.name} cannot be read: {error.strerror or error}") from error


def _named(message: str, place: Place) -> str:
    for one in (repr(str(place.path)), str(place.path)):
        message = message.replace(one, place.name)
    return message


def named_frames(frames: Iterable[Any]) -> list[tuple[str, Any]]:
    """Tables in memory, each with a name."""
    return [
        (f"{'Counts' if isinstance(one, Counts) else 'Table'} in memory {at}".strip(), one)
        for at, one in enumerate(frames, 1)
    ]


def _from_here(path: Path) -> str:
    """Path as a command names it in the working folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
