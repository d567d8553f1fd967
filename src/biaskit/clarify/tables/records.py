"""Records: rows that are JSON values, one after another, as a source."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.clarify.tables.columns import is_missing
from biaskit.errors import DataError, first_line, in_short
from biaskit.sources.batches import Ask, Batch, refuse_missing_columns
from biaskit.store.addresses import said

__all__ = ["Record", "Records", "lines_of", "parsed", "text_of"]

# Records that are delivered together.
_AT_ONCE = 10_000
# Bytes of a line: it is parsed whole, into some ten times its size.
_MOST_LINE = 64 << 20


class Record(NamedTuple):
    """A row: the values of its columns, and where it is."""

    values: Sequence[Any]
    where: str


class Records:
    """Rows of JSON values as a source; texts are JSON values."""

    #: Names of the columns.
    columns: Sequence[str] = ()

    def names(self) -> list[str]:
        """Names of the columns."""
        return [*self.columns]

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        refuse_missing_columns(ask.columns, self.columns, "the data set")
        place = {name: i for i, name in enumerate(self.columns)}
        kept: list[Record] = []
        for record in self._records():
            kept.append(record)
            if len(kept) == _AT_ONCE:
                yield _batch(kept, ask, place)
                kept = []
        if kept:
            yield _batch(kept, ask, place)

    def _records(self) -> Iterator[Record]:
        """Every row."""
        raise NotImplementedError


def lines_of(file: str) -> Iterator[tuple[str, str]]:
    """Lines of a file that are not blank, packed with gzip or not, and where each is.

    Raises
    ------
    DataError
        The file cannot be read, is not UTF-8, or has a line that is too long.
    """
    path = Path(file)
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            lines: Any = gzip.GzipFile(fileobj=raw) if is_packed else raw
            number = 0
            while line := lines.readline(_MOST_LINE + 1):
                number += 1
                where = f"{path.name}, line {number:,}"
                if len(line) > _MOST_LINE:
                    raise DataError(f"{where} has more than {_MOST_LINE >> 20} MB; is it a record?")
                if text := text_of(line, where).strip():
                    yield text, where
    except (OSError, EOFError) as error:
        raise DataError(f"cannot read {said(path)}: {first_line(error)}") from error


def text_of(content: bytes, where: str) -> str:
    """Text of some bytes, which must be UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 (byte {error.start:,}); save it as UTF-8") from error


def parsed(text: str, where: str) -> Any:
    """Value of a JSON text.

    Raises
    ------
    DataError
        It is not JSON; the message says in which line and column.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where} is not JSON: {error.msg[:1].lower()}{error.msg[1:]} (line {error.lineno}, "
            f"column {error.colno})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where} is not JSON that can be read: {str(error) or 'too deep'}"
        ) from error


def _batch(records: Sequence[Record], ask: Ask, place: dict[str, int]) -> Batch:
    import pyarrow as pa

    arrays: dict[str, Any] = {}
    for name in ask.columns:
        values = [record.values[place[name]] for record in records]
        if name in ask.numeric:
            arrays[name] = pa.array(
                [_number(v, name, r.where) for v, r in zip(values, records, strict=True)],
                pa.float64(),
            )
        else:
            arrays[name] = pa.array(_texts(values), pa.string()).dictionary_encode()
    texts_ = frozenset(name for name in ask.columns if name not in ask.numeric)
    return Batch(arrays, len(records), records[0].where, None, texts_)


def _texts(values: Sequence[Any]) -> list[str | None]:
    """Texts of JSON, each made once."""
    known: dict[Any, str | None] = {}
    made = []
    for value in values:
        key = (type(value), value)
        try:
            text = known[key]
        except KeyError:
            text = known[key] = None if is_missing(value) else json.dumps(value)
        except TypeError:  # lists and objects
            text = json.dumps(value)
        made.append(text)
    return made


def _number(value: Any, name: str, where: str) -> float | None:
    if is_missing(value):
        return None
    if isinstance(value, (int, float)):
        with contextlib.suppress(OverflowError):  # whole numbers beyond every float
            return float(value)
    raise DataError(
        f"{where}: column {name!r} must be numbers to be cut, but holds {in_short(value)}"
    )
