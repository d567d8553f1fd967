"""Records of JSON Lines to columns, by kernels or by the standard library."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.levels import level
from biaskit.errors import DataError
from biaskit.sources.batches import of_another_type
from biaskit.sources.files.reading import kernels_choice, kernels_run

if TYPE_CHECKING:
    from biaskit._kernels.records import Found

__all__ = [
    "LETTERS",
    "LINE",
    "ROWS",
    "SPARE",
    "Block",
    "Columns",
    "Finish",
    "Kernel",
    "by_library",
    "kernels_pay",
    "record_of",
]

#: What follows a text, so that kernels may read words beyond its end.
SPARE = b"\n" * 64
#: Most rows of a part, and most characters of its lines.
ROWS = 1 << 17
LETTERS = 1 << 25
#: Most characters of a line.
LINE = 1 << 23
# Most values that a kernel makes room for, 36 bytes each.
_CELLS = 1 << 21
# Bytes from which the kernel pays for being loaded, and from which it pays where it is.
_CROSSOVER = 16 << 20
_CROSSOVER_LOADED = 1 << 20
_INT_64 = 1 << 63
# Integers up to this are exact as floats.
_EXACT = 1 << 53


class Block(NamedTuple):
    """Whole lines of a text, and their number of bytes, after which `SPARE` follows."""

    text: bytes
    size: int


class Columns(NamedTuple):
    """Some records as columns."""

    #: Arrow array of each needed column, without those whose key no record has.
    arrays: dict[str, Any]
    #: Records, and lines with the blank ones.
    rows: int
    lines: int
    #: Keys of the first record.
    names: Sequence[str]


#: What makes columns of a block, from the file's name and the number of lines before the block; it
#: returns None where the library must parse it, and raises `DataError` where a line is no object.
Finish = Callable[[str, int], Columns | None]


def kernels_pay(size: int) -> bool:
    """Whether some bytes of JSON Lines are parsed faster by a kernel than by the library."""
    choice = kernels_choice()
    if choice == "never" or not kernels_run():
        return False
    is_loaded = "biaskit._kernels.records" in sys.modules
    return choice == "always" or size >= (_CROSSOVER_LOADED if is_loaded else _CROSSOVER)


def record_of(text: str, where: str, line: int) -> dict[str, Any]:
    """Record in a line.

    Raises
    ------
    DataError
        The line is not a JSON object.
    """
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(
            f"{where}, line {line:,}: not JSON: {error}; give one object per line"
        ) from error
    except ValueError as error:  # Python's limit for the digits of an integer
        raise DataError(
            f"{where}, line {line:,}: an integer of more than {sys.get_int_max_str_digits():,} "
            "digits; write it as a text, or leave the key out"
        ) from error
    if not isinstance(record, dict):
        raise DataError(
            f"{where}, line {line:,}: a {type(record).__name__} where an object should be; "
            "give one object per line"
        )
    return record


def by_library(
    lines: Iterator[str], columns: Collection[str], where: str, before: int
) -> Iterator[Columns]:
    """Columns of lines that the standard library parses; `before` lines precede them."""
    for chunk in _chunks(lines):
        # Only the needed keys of a record are kept: it may have a thousand.
        at: list[int] = []
        values: dict[str, list[Any]] = {name: [] for name in columns}
        names: Sequence[str] = ()
        seen: set[str] = set()
        for number, text in enumerate(chunk, before + 1):
            if not text.strip():
                continue
            record = record_of(text, where, number)
            if not at:
                names = [*record]
            at.append(number)
            for name, column in values.items():
                if name in record:
                    seen.add(name)
                column.append(record.get(name))
        before += len(chunk)
        arrays = {name: _array(values[name], name, where, at) for name in columns if name in seen}
        yield Columns(arrays, len(at), len(chunk), names)


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    """Lines in lists of bounded number and length."""
    chunk, letters = list[str](), 0
    for line in lines:
        chunk.append(line)
        letters += len(line)
        if len(chunk) == ROWS or letters > LETTERS:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def _array(values: Sequence[Any], name: str, where: str, at: Sequence[int]) -> Any:
    """Array of the values under a name in some records; `at` are their lines."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except UnicodeEncodeError:  # an unpaired surrogate, which Arrow cannot hold
        texts = [level(one) if isinstance(one, str) else one for one in values]
        return _array(texts, name, where, at)
    except (pa.ArrowException, OverflowError) as error:
        line = at[of_another_type(values)]
        raise DataError(
            f"{where}: column {name!r} holds values of different types up to "
            f"line {line:,}: {error}; make it one type"
        ) from error


class Kernel:
    """Columns of texts of whole lines, by a kernel.

    Parameters
    ----------
    columns, numeric
        The needed keys, and which of them are needed as numbers.
    """

    def __init__(self, columns: Sequence[str], numeric: Collection[str]):
        from biaskit._kernels.records import Wanted

        names = [name.encode("utf-8", "surrogatepass") for name in columns]
        self._columns = columns
        self._wanted = Wanted(
            np.frombuffer(b"".join(names) + SPARE, np.uint8),
            np.cumsum([0, *map(len, names)]).astype(np.int64),
            np.array([name in numeric for name in columns], np.uint8),
        )

    def found(self, block: Block) -> Finish | None:
        """What makes columns of a block; None where the library must parse it.

        Any number of threads may ask.
        """
        from biaskit._kernels.records import Found, line_ends, records

        keys = len(self._columns)
        text = np.frombuffer(block.text, np.uint8)
        lines = int(line_ends(text))
        is_large = block.size >= LINE or lines > ROWS or lines * keys > _CELLS
        if is_large or not _is_utf8(block.text):
            return None
        cells = (keys, lines)
        slots = 1 << lines.bit_length()
        found = Found(
            codes=np.empty(cells, np.int32),
            numbers=np.empty(cells, np.float64),
            starts=np.empty(cells, np.int32),
            ends=np.empty(cells, np.int32),
            table=np.full((keys, slots), -1, np.int32),
            columns=np.zeros((keys, 2), np.int64),
            odd=np.empty((lines, 4), np.int64),
            told=np.zeros(4, np.int64),
        )
        rows = records(text, block.size, self._wanted, found)
        return None if rows < 0 else partial(self._finished, block, found, rows)

    def _finished(
        self, block: Block, found: Found, rows: int, where: str, before: int
    ) -> Columns | None:
        from biaskit._kernels.records import ABSENT, FIRST, FRACTION, LINES, ODD, REPEATED

        added: list[list[Any]] = [[] for _ in self._columns]
        codes = found.codes[:, :rows]
        names: Sequence[str] | None = None
        for row, line, start, end in found.odd[: found.told[ODD]].tolist():
            text = block.text[start:end].decode()
            if not text.strip():  # of blanks that JSON does not know
                return None
            text += "\n" if end < block.size else ""  # since messages count lines
            record = record_of(text, where, before + line + 1)
            if row == 0:
                names = [*record]
            self._add(record, codes[:, row], found, added)
        if names is None:
            start = int(found.told[FIRST])
            names = [*json.loads(_line_at(block.text, start))] if rows else []
        arrays = {}
        for place, name in enumerate(self._columns):
            if (codes[place] == ABSENT).all():
                continue
            values = [*self._distinct(block.text, found, place), *added[place]]
            column = codes[place]
            if found.told[ODD] or found.told[REPEATED]:
                values, column = _occurring(values, column)
            numbers = found.numbers[place, :rows] if self._wanted.numeric[place] else None
            array = _array_of(values, column, numbers, bool(found.columns[place, FRACTION]))
            if array is None:
                return None
            arrays[name] = array
        return Columns(arrays, rows, int(found.told[LINES]), names)

    def _add(
        self, record: dict[str, Any], codes: NDArray[Any], found: Found, added: list[list[Any]]
    ) -> None:
        """Add the values of an odd line to the distinct ones."""
        from biaskit._kernels.records import ABSENT, SIZE

        for place, name in enumerate(self._columns):
            codes[place] = ABSENT
            if name in record:
                codes[place] = found.columns[place, SIZE] + len(added[place])
                added[place].append(record[name])

    def _distinct(self, block: bytes, found: Found, place: int) -> list[Any]:
        """Value of each code of a column."""
        from biaskit._kernels.records import SIZE

        size = found.columns[place, SIZE]
        spans = map(slice, found.starts[place, :size].tolist(), found.ends[place, :size].tolist())
        return list(json.loads(b"[%b]" % b",".join(map(block.__getitem__, spans))))


def _array_of(
    values: list[Any], codes: NDArray[Any], numbers: NDArray[Any] | None, has_fraction: bool
) -> Any:
    """Arrow array of a column, or None where only the library knows what to say of it.

    Parameters
    ----------
    values, codes
        Distinct values, and the code of each row, `ABSENT` or `NUMBER`.
    numbers, has_fraction
        Numbers of the rows whose code is `NUMBER`, and whether one of them is no integer.
    """
    import pyarrow as pa

    from biaskit._kernels.records import NUMBER

    is_number = np.equal(codes, NUMBER)
    has_numbers = numbers is not None and bool(is_number.any())
    kinds = {type(value) for value in values} - {type(None)}
    if has_numbers:
        kinds.add(float if has_fraction else int)
    if not kinds:
        return pa.nulls(len(codes))
    if kinds == {str}:
        return _of_texts(values, codes)
    if kinds != {bool} and not kinds <= {int, float}:
        return None
    is_float = has_numbers or float in kinds
    most = _EXACT if is_float else _INT_64 - 1
    if any(type(value) is int and abs(value) > most for value in values):
        return None
    type_ = np.bool_ if kinds == {bool} else np.float64 if is_float else np.int64
    # Codes below 0 select the last entries, of `NUMBER` and `ABSENT`.
    given = np.array([0 if value is None else value for value in values] + [0, 0], type_)
    is_missing = np.array([value is None for value in values] + [False, True])
    whole = np.take(given, codes)
    if numbers is not None and has_numbers:
        whole = np.where(is_number, numbers, whole)
        whole = whole if float in kinds else whole.astype(np.int64)
    missing = np.take(is_missing, codes)
    return pa.array(whole, mask=missing if missing.any() else None)


def _occurring(values: list[Any], codes: NDArray[Any]) -> tuple[list[Any], NDArray[Any]]:
    """Those of some values that a row has, and their codes; codes below 0 stay."""
    is_used = np.bincount(codes[codes >= 0], minlength=len(values)) > 0
    kept = [value for value, used in zip(values, is_used.tolist(), strict=True) if used]
    place = np.append(np.cumsum(is_used) - 1, [-2, -1])
    return kept, np.take(place, codes)


def _of_texts(values: list[Any], codes: NDArray[Any]) -> Any:
    """Dictionary array of distinct texts, nulls among them, of which several may be equal."""
    import pyarrow as pa

    places: dict[str, int] = {}
    place = [-1 if one is None else places.setdefault(one, len(places)) for one in values]
    indices = np.take(np.array([*place, -1], np.int32), codes)
    missing = indices < 0
    try:
        texts = pa.array([*places], pa.string())
    except UnicodeEncodeError:  # an unpaired surrogate, which Arrow cannot hold
        texts = pa.array([level(one) for one in places], pa.string())
    mask = missing if missing.any() else None
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=mask), texts)


def _line_at(block: bytes, start: int) -> str:
    """Line from a place on."""
    newline = block.index(b"\n", start)
    return block[start:newline].split(b"\r", 1)[0].decode()


def _is_utf8(block: bytes) -> bool:
    import pyarrow as pa

    if block.isascii():
        return True
    offsets = np.array([0, len(block)], np.int32)
    text = pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(block))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
