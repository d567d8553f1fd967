"""Records: what the server tells the steps, and what a step makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.pages.markup import Safe

__all__ = ["Column", "FieldError", "Listed", "Look", "Shown", "Working"]


class Listed(NamedTuple):
    """A table that can be chosen."""

    #: ``"file:sub/a.csv"`` (relative, POSIX), ``"upload:ID"``, ``"demo:berkeley"``, ``"frame:0"``.
    key: str
    #: What people read.
    name: str
    #: ``"table"``, or ``"counts"``: saved counts, or a page that carries them.
    kind: str
    #: Bytes; None in memory.
    size: int | None = None


class Column(NamedTuple):
    """A column, as it looks in the first rows."""

    name: str
    #: ``"text"``, ``"number"``, ``"whole number"``, ``"yes or no"``, ``"date"`` or ``"other"``.
    kind: str
    #: A few of its values.
    values: tuple[str, ...] = ()
    #: Share of the rows looked at that lack it; None where no row was looked at.
    missing: float | None = None
    #: Different values among the rows looked at; None where no row was looked at.
    distinct: int | None = None


class Look(NamedTuple):
    """The first look at a table."""

    columns: tuple[Column, ...]
    #: Rows of the whole table, if that is known without reading it.
    rows: int | None
    #: Rows that were looked at.
    looked_at: int
    #: How the file is written, guessed or given: a name of `DIALECT` and its value.
    dialect: Mapping[str, Any] = {}
    #: Sheets of a workbook.
    sheets: tuple[str, ...] = ()
    #: What stands between two values if nothing says otherwise; empty where no such thing does.
    delimiter: str = ""


class Working(NamedTuple):
    """A pass over the rows that is not over."""

    id: str
    rows: int = 0
    #: Share of the data read so far, 0 to 1; None where it is unknown.
    done: float | None = None
    #: ``"waiting"``, ``"reading"`` or ``"compiling"``.
    doing: str = "reading"


class Shown(NamedTuple):
    """What a step makes: the inside of a document, and the status of its answer."""

    title: str
    body: Safe
    status: int = 200
    #: Steps of the way, with links to those that are behind.
    trail: Safe | None = None
    #: Whether it waits for a pass, and asks again where there are no scripts.
    waits: bool = False


class FieldError(Exception):
    """What is wrong with what was entered, by the name of the field that is to blame.

    The name is ``""`` where no single field is.
    """

    def __init__(self, messages: Mapping[str, str]):
        super().__init__("; ".join(messages.values()))
        self.messages = dict(messages)

    @classmethod
    def of(cls, fields: Sequence[str], error: BaseException) -> FieldError:
        """An error as what is wrong with the first of some fields."""
        return cls({fields[0] if fields else "": str(error)})
