"""Records of JSON to columns, parsed by the standard library; what they share with a kernel."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.counts.levels import level
from biaskit.errors import DataError
from biaskit.sources.batches import of_another_type

__all__ = [
    "LETTERS",
    "NOWHERE",
    "ROWS",
    "Columns",
    "Origin",
    "as_columns",
    "names_in",
    "record_of",
    "records_in",
    "value_at",
]

#: Most rows of a part, and most characters of its lines.
ROWS = 1 << 17
LETTERS = 1 << 25
#: What a record has where it has nothing.
NOWHERE: Any = object()
# Most names of values, where those in objects are among them, and most objects around one.
_NAMES, _DEPTH = 1_000, 10
# Kinds of values other than objects and numbers, in words.
_KINDS = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
# After the last record.
_END = (0, None, 0)


class Columns(NamedTuple):
    """Some records as columns."""

    #: Arrow array of each needed column, without those that no record has.
    arrays: Mapping[str, Any]
    #: Records, and lines with the blank ones.
    rows: int
    lines: int
    #: Names of the first record's values.
    names: Sequence[str]

    @property
    def seen(self) -> Collection[str]:
        """Needed columns that a record has."""
        return self.arrays.keys()


class Origin(NamedTuple):
    """Where records are from, for errors."""

    #: Name of the file, and what it has one of for each record.
    file: str
    unit: str = "line"

    def at(self, number: int) -> str:
        """Name of a record."""
        return f"{self.file}, {self.unit} {number:,}"

    def refused(self, error: Exception, number: int) -> DataError:
        """Error for a record that the library refuses."""
        if isinstance(error, json.JSONDecodeError | RecursionError):
            return DataError(f"{self.at(number)}: not JSON: {error}; {self._advice}")
        most = sys.get_int_max_str_digits()  # Python's limit for the digits of an integer
        return DataError(
            f"{self.at(number)}: an integer of more than {most:,} digits; write it as a text, or "
            "leave the key out"
        )

    def refused_kind(self, value: object, number: int) -> DataError:
        """Error for something else in place of a record."""
        kind = _KINDS.get(type(value), "a number")
        return DataError(f"{self.at(number)}: {kind} where an object should be; {self._advice}")

    @property
    def _advice(self) -> str:
        return f"give one object per {'line' if self.unit == 'line' else 'row'}"


def record_of(text: str, origin: Origin, number: int) -> dict[str, Any]:
    """Record in a line.

    Raises
    ------
    DataError
        The line is not a JSON object.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise origin.refused(error, number) from error
    if not isinstance(record, dict):
        raise origin.refused_kind(record, number)
    return record


def value_at(record: Mapping[str, Any], name: str) -> Any:
    """Value of a record under a key, or else at a path through objects in objects, or `NOWHERE`.

    >>> value_at({"person": {"sex": "F"}}, "person.sex")
    'F'
    >>> value_at({"person": {"sex": "F"}, "person.sex": "M"}, "person.sex")
    'M'
    """
    found: Any = record.get(name, NOWHERE)
    if found is not NOWHERE or "." not in name:
        return found
    found = record
    for key in name.split("."):
        found = found.get(key, NOWHERE) if isinstance(found, dict) else NOWHERE
    return found


def names_in(record: Mapping[str, Any]) -> list[str]:
    """Names of a record's values; those in objects are paths, where they are not very many.

    >>> names_in({"id": 1, "person": {"sex": "F", "age": {"years": 30}}, "tags": []})
    ['id', 'person.sex', 'person.age.years', 'tags']
    """
    named = dict(record)
    for _ in range(_DEPTH):
        inner: dict[str, Any] = {}
        for name, value in named.items():
            if isinstance(value, dict) and value:
                inner.update({f"{name}.{key}": one for key, one in value.items()})
            else:
                inner[name] = value
        if len(inner) > max(len(record), _NAMES):
            break
        named = inner
    return [*named]


def records_in(
    lines: Iterable[str], origin: Origin, before: int
) -> Iterator[tuple[int, dict[str, Any] | None, int]]:
    """Number of each line, its record, None where it is blank, and its length.

    `before` lines precede them.
    """
    for number, text in enumerate(lines, before + 1):
        yield number, record_of(text, origin, number) if text.strip() else None, len(text)


def as_columns(
    records: Iterator[tuple[int, Any, int]], columns: Collection[str], origin: Origin
) -> Iterator[Columns]:
    """Columns of records: the line of each, the record (None in a blank line), and its letters."""
    is_over = False
    while not is_over:
        # Only the needed values of a record are kept: it may have a thousand.
        at: list[int] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        names: Sequence[str] = ()
        seen: set[str] = set()
        lines = letters = 0
        while lines < ROWS and letters <= LETTERS:
            number, record, length = next(records, _END)
            if not length:
                is_over = True
                break
            lines += 1
            letters += length
            if record is None:
                continue
            if not at:
                names = names_in(record)
            at.append(number)
            for name, column in values.items():
                value = record.get(name, NOWHERE)
                if value is NOWHERE and "." in name:
                    value = value_at(record, name)
                if value is NOWHERE:
                    value = None
                else:
                    seen.add(name)
                column.append(value)
        if lines:
            arrays = {
                name: _array(values[name], name, origin, at) for name in values if name in seen
            }
            yield Columns(arrays, len(at), lines, names)


def _array(values: Sequence[Any], name: str, origin: Origin, at: Sequence[int]) -> Any:
    """Array of the values under a name in some records; `at` are their lines."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except UnicodeEncodeError:  # an unpaired surrogate, which Arrow cannot hold
        texts = [level(one) if isinstance(one, str) else one for one in values]
        return _array(texts, name, origin, at)
    except (pa.ArrowException, OverflowError) as error:
        line = at[of_another_type(values)]
        raise DataError(
            f"{origin.file}: column {name!r} holds values of different types up to "
            f"{origin.unit} {line:,}: {error}; make it one type"
        ) from error
