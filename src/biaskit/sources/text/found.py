"""What a kernel finds in blocks of JSON Lines: columns of their records, or counts of them."""

from __future__ import annotations

import json
import math
import queue
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.facets import Facet
from biaskit.counts.levels import level
from biaskit.errors import DataError
from biaskit.sources.batches import Ask, Counting
from biaskit.sources.encode import Encoder, kind_of, numbers
from biaskit.sources.files.reading import kernels_choice, kernels_run
from biaskit.sources.text.records import NOWHERE, Columns, Origin, names_in, record_of, value_at
from biaskit.sources.text.whole_lines import SPARE, Block

if TYPE_CHECKING:
    from biaskit._kernels.text.records import Found

__all__ = ["CROSSOVER", "Kernel", "Tables", "kernels_pay"]

# Bytes of a block from which the library parses it: its lines may be too long.
_LARGE = 1 << 23
# Most values that a kernel makes room for, 36 bytes each.
_CELLS = 1 << 21
# Most cells of a block's tables.
_MOST_CELLS = 1 << 20
#: Bytes from which the kernel pays for being loaded, and from which it pays where it is.
CROSSOVER = 16 << 20
_CROSSOVER_LOADED = 1 << 20
_INT_64 = 1 << 63
# End of a line.
_END = re.compile(rb"[\r\n]")
# Integers up to this are exact as floats.
_EXACT = 1 << 53


class Tables(NamedTuple):
    """Counts of the records of a block, as `Histograms.add_cells` takes them."""

    codes: Mapping[str, NDArray[np.intp]]
    tables: Mapping[Facet, Sequence[NDArray[Any]]]
    #: Records, and lines with the blank ones.
    rows: int
    lines: int
    #: Names of the first record's values, and the needed columns that a record has.
    names: Sequence[str]
    seen: Sequence[str]


def kernels_pay(size: int) -> bool:
    """Whether some bytes of JSON Lines are parsed faster by a kernel than by the library."""
    choice = kernels_choice()
    if choice == "never" or not kernels_run():
        return False
    is_loaded = "biaskit._kernels.text.records" in sys.modules
    return choice == "always" or size >= (_CROSSOVER_LOADED if is_loaded else CROSSOVER)


class Kernel:
    """Columns of blocks of lines, or counts of them, by a kernel.

    Parameters
    ----------
    ask
        The needed columns, and whether counts of them suffice.
    origin
        Where the lines are from, for errors.
    """

    def __init__(self, ask: Ask, origin: Origin):
        from biaskit._kernels.text.records import Wanted

        self._ask = ask
        self._origin = origin
        columns = [*ask.columns]
        # A column is the value under its name, or else at its path.
        paths = {name: name.split(".") for name in columns if "." in name}
        top = [*dict.fromkeys([*columns, *(path[0] for path in paths.values())])]
        keys, places = [*top], []
        for name in columns:
            first, *rest = paths.get(name, [name])
            places.append((top.index(first), len(keys), len(keys) + len(rest)))
            keys += rest
        names = [name.encode("utf-8", "surrogatepass") for name in keys]
        self._top = len(top)
        self._wanted = Wanted(
            np.frombuffer(b"".join(names) + SPARE, np.uint8),
            np.cumsum([0, *map(len, names)]).astype(np.int64),
            np.array([name in ask.numeric for name in columns], np.uint8),
            np.array(places, np.int64).reshape(-1, 3),
        )
        self._rooms: queue.SimpleQueue[Found] = queue.SimpleQueue()

    def made(self, block: Block) -> Columns | Tables | None:
        """Columns of a block, or counts; None where the library must parse it.

        Any number of threads may ask.

        Raises
        ------
        DataError
            A column is not what its role needs.
        """
        from biaskit._kernels.text.records import records, survey

        lines, is_ascii = survey(block.text, block.size)
        is_large = block.size >= _LARGE or lines * len(self._ask.columns) > _CELLS
        if is_large or not (is_ascii or _is_utf8(block)):
            return None
        with self._room(lines) as found:
            # Kernels that are not compiled count in NumPy's integers.
            rows = int(records(block.text, block.size, self._wanted, found))
            return None if rows < 0 else self._made(block, found, rows)

    @contextmanager
    def _room(self, lines: int) -> Iterator[Found]:
        """Arrays for what is found in some lines, possibly reused from another block."""
        from biaskit._kernels.text.records import FIELDS, Found

        try:
            found = self._rooms.get_nowait()
        except queue.Empty:
            found = None
        if found is None or len(found.odd) < lines:
            lines += lines // 8
            cells = (len(self._ask.columns), lines)
            slots = 1 << lines.bit_length()
            found = Found(
                codes=np.empty(cells, np.int32),
                numbers=np.empty(cells, np.float64),
                starts=np.empty(cells, np.int32),
                ends=np.empty(cells, np.int32),
                table=np.empty((cells[0], slots), np.int32),
                columns=np.empty((cells[0], 2), np.int64),
                odd=np.empty((lines, 4), np.int64),
                told=np.empty(3, np.int64),
                spans=np.empty((self._top, 2), np.int64),
                gaps=np.empty((FIELDS, 3), np.int64),
            )
        found.table.fill(-1)
        for array in (found.columns, found.told, found.gaps):
            array.fill(0)
        try:
            yield found
        finally:
            self._rooms.put(found)

    def _made(self, block: Block, found: Found, rows: int) -> Columns | Tables | None:
        from biaskit._kernels.text.records import ABSENT, FIRST, FRACTION, LINES, ODD

        try:
            first, added = self._odd(block, found, rows)
        except DataError:
            return None  # the library raises it with the number of its line
        lines = int(found.told[LINES])
        if not rows:
            return Columns({}, 0, lines, [])
        if first is None:
            start = int(found.told[FIRST])
            first = json.loads(_line_at(block, start))
        columns: dict[str, _Column] = {}
        for place, name in enumerate(self._ask.columns):
            codes = found.codes[place, :rows]
            if (codes == ABSENT).all():
                continue
            values = [*_distinct(block, found, place), *added[place]]
            if found.told[ODD]:
                values, codes = _occurring(values, codes)
            of_rows = found.numbers[place, :rows] if self._wanted.numeric[place] else None
            columns[name] = _Column(values, codes, of_rows, bool(found.columns[place, FRACTION]))
        names = names_in(first)
        if self._ask.counting is not None:
            counts = _Counts(self._ask.counting, columns, rows, self._origin.file)
            tables = counts.tables()
            if tables is not None:
                return Tables(counts.codes, tables, rows, lines, names, [*columns])
        arrays = {name: column.array() for name, column in columns.items()}
        if any(array is None for array in arrays.values()):
            return None
        return Columns(arrays, rows, lines, names)

    def _odd(
        self, block: Block, found: Found, rows: int
    ) -> tuple[dict[str, Any] | None, list[list[Any]]]:
        """The first record if it is odd, and each column's values in odd lines.

        They get the codes after those of the distinct values.
        """
        from biaskit._kernels.text.records import ABSENT, ODD, SIZE

        first = None
        added: list[list[Any]] = [[] for _ in self._ask.columns]
        for row, line, start, end in found.odd[: found.told[ODD]].tolist():
            record = record_of(block.part(start, end).decode(), self._origin, line)
            if row == 0:
                first = record
            for place, name in enumerate(self._ask.columns):
                value = value_at(record, name)
                found.codes[place, row] = ABSENT
                if value is not NOWHERE:
                    found.codes[place, row] = found.columns[place, SIZE] + len(added[place])
                    added[place].append(value)
        return first, added


class _Column(NamedTuple):
    """Values of some rows."""

    #: Distinct values, and the code of each row, `ABSENT` or `NUMBER`.
    values: list[Any]
    codes: NDArray[Any]
    #: Numbers of the rows whose code is `NUMBER`, and whether one of them is no integer.
    numbers: NDArray[Any] | None
    has_fraction: bool

    def array(self) -> Any:
        """Arrow array of the rows, or None where only the library knows what to say of it."""
        return _array_of(self.values, self.codes, self.numbers, self.has_fraction)

    def distinct(self) -> Any:
        """Arrow array of the distinct values, or None likewise."""
        return _array_of(self.values, np.arange(len(self.values)), None, has_fraction=False)


class _Counts:
    """Counts of some rows."""

    def __init__(self, counting: Counting, columns: Mapping[str, _Column], rows: int, where: str):
        self._counting = counting
        self._columns = columns
        self._rows = rows
        self._where = where
        #: For each column, the encoder's code of each place on its axis.
        self.codes: dict[str, NDArray[np.intp]] = {}
        # Places of the rows on the axis of each column, which are below its length.
        self._places: dict[str, NDArray[np.intp]] = {}

    def tables(self) -> dict[Facet, Sequence[NDArray[Any]]] | None:
        """Tables of each facet; None where the rows themselves are needed, if only for an error."""
        weight = self._counting.roles.weight
        amounts: list[NDArray[np.float64] | None] = [None]
        if weight is not None:
            weights = self._weights(weight)
            if weights is None:
                return None
            with np.errstate(over="ignore"):  # the sums are checked when all of them are known
                amounts += [weights, weights * weights]
        if not all(self._is_placed(encoder) for encoder in self._counting.encoders.values()):
            return None
        made: dict[Facet, Sequence[NDArray[Any]]] = {}
        for facet in self._counting.roles.facet:
            columns = self._counting.columns_of(facet)
            shape = [len(self.codes[column]) for column in columns]
            if math.prod(shape) > _MOST_CELLS:
                return None
            cells = np.zeros(self._rows, np.intp)
            for column, size in zip(columns, shape, strict=True):
                cells *= size
                cells += self._places[column]
            sums = (np.bincount(cells, one, minlength=math.prod(shape)) for one in amounts)
            made[facet] = [one.reshape(shape) for one in sums]
        return made

    def _weights(self, name: str) -> NDArray[np.float64] | None:
        """Weights of the rows, if all are as they must be."""
        array = self._columns[name].array() if name in self._columns else None
        if array is None or kind_of(array.type) != "number":
            return None
        weights = numbers(array, name, "weight", self._where)
        return weights if ((weights >= 0) & (weights < np.inf)).all() else None

    def _is_placed(self, encoder: Encoder) -> bool:
        """Whether the rows have places on the axis of an encoder's column."""
        import pyarrow as pa

        name, column = encoder.column, self._columns.get(encoder.column)
        if column is None:
            self.codes[name] = encoder.encode(pa.nulls(1), self._where)
            self._places[name] = np.zeros(self._rows, np.intp)
        elif column.numbers is not None:
            array = column.array()
            if array is None:
                return False
            self._places[name] = encoder.encode(array, self._where)
            self.codes[name] = np.arange(encoder.size)
        else:
            distinct = column.distinct()
            if distinct is None:
                return False
            codes = encoder.encode(distinct, self._where)
            is_absent = bool((column.codes < 0).any())
            absent = encoder.encode(pa.nulls(1), self._where) if is_absent else [0]
            self.codes[name] = np.append(absent, codes).astype(np.intp)
            self._places[name] = column.codes + 1
        return True


def _distinct(block: Block, found: Found, place: int) -> list[Any]:
    """Value of each code of a column."""
    from biaskit._kernels.text.records import SIZE

    size = found.columns[place, SIZE]
    spans = zip(found.starts[place, :size].tolist(), found.ends[place, :size].tolist(), strict=True)
    texts = b",".join(block.part(start, end) for start, end in spans)
    return list(json.loads(b"[%b]" % texts))


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

    from biaskit._kernels.text.records import NUMBER

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


def _line_at(block: Block, start: int) -> str:
    """Line from a place on."""
    end = _END.search(block.text, start)  # type: ignore[call-overload]
    return block.part(start, end.start()).decode()


def _is_utf8(block: Block) -> bool:
    import pyarrow as pa

    offsets = np.array([0, block.size], np.int32)
    text = pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(block.text))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
