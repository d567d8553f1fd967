"""Codes of columns in memory: from Arrow's buffers and Python's objects to bytes, by kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit._kernels import BAD, SLACK
from biaskit._kernels.columns import (
    CODES,
    FREE,
    FULL,
    Distinct,
    Target,
    cut_codes,
    merged,
    range_codes,
    range_of,
    text_codes,
    view_codes,
    word_codes,
)
from biaskit.sources.coded.axes import Axis, in_bytes
from biaskit.sources.cuts import floats_of
from biaskit.sources.encode import Encoder, taken
from biaskit.sources.frames.rows import Objects
from biaskit.store.arrays import bits_of, is_bytes, is_unicode, is_view, values_of

__all__ = ["PLANES", "Coded", "Coder", "Room"]

#: Most bytes of a code, each in its own plane.
PLANES = 4
# Most values of a table whose codes have one byte, and two; its slots are 16 times as many.
_MOST_CODES = {1: 1 << 8, 2: 1 << 12}
_SLOTS_PER_CODE = 16
# Bytes of the long texts of a table together.
_CONTENT = 1 << 18
# Most values of integers that are coded by their distance from the smallest: one code is missing's.
_MOST_RANGE = 255
# Integers below this are exact as floats.
_EXACT = 1 << 53
# Most changes from one buffer of views to another in a block.
_MOST_CHANGES = 256
_ALL_VALID = np.empty(0, np.uint8)
_ALL_VALID.flags.writeable = False


class Room(NamedTuple):
    """Where the codes of a block's column go."""

    buffer: NDArray[np.uint8]
    start: int
    rows: int

    def target(self, planes: int) -> Target:
        """Bytes of the codes, in planes, the highest first."""
        return Target(self.buffer, np.array(self.starts(planes), np.int64))

    def starts(self, planes: int) -> tuple[int, ...]:
        """Where each plane starts."""
        return tuple(self.start + plane * self.stride for plane in range(planes))

    @property
    def stride(self) -> int:
        """Bytes from one plane to the next."""
        return self.rows + SLACK


class Coded(NamedTuple):
    """A column of a block, coded."""

    axis: Axis
    #: Makes an Arrow array of the values at some places of the axis, whose codes are still to be
    #: asked of the encoder; None where the axis has its codes.
    values: Callable[[NDArray[np.intp]], Any] | None = None


class _Known:
    """Distinct values that a kernel has seen, and the encoder's codes of them."""

    def __init__(self, planes: int):
        most = _MOST_CODES[planes]
        self.planes = planes
        self.codes = np.empty(0, np.intp)
        slots = np.zeros((_SLOTS_PER_CODE * most, 4), np.uint64)
        self.distinct = Distinct(
            slots,
            np.zeros(most, np.int64),
            np.zeros(most, np.int64),
            np.empty(_CONTENT + SLACK, np.uint8),
            np.zeros(2, np.int64),
        )
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.distinct.slots[:, 2] = FREE
        self.distinct.told[:] = 0
        self.codes = np.empty(0, np.intp)
        self._places: NDArray[np.uint16] | None = None
        self._axis = np.zeros(1, np.intp)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.distinct.told[CODES])

    def add(self, codes: NDArray[np.intp]) -> None:
        """Add the encoder's codes of the values that are new; those of several may be equal."""
        self.codes = np.append(self.codes, codes)
        axis, places = np.unique(self.codes, return_inverse=True)
        self._places = places.astype(np.uint16) if len(axis) < len(self.codes) else None
        self._axis = self.codes if self._places is None else axis

    def axis(self, room: Room) -> Axis:
        """Axis of the values, of which equal ones are made one."""
        if self._places is not None:
            done = merged(room.rows, self._places, room.target(self.planes))
            if done != room.rows:
                raise AssertionError("codes without a place")
        size = len(self._axis)
        sizes = (size,) if self.planes == 1 else (-(-size // 256), 256)
        return Axis(self._axis, room.starts(self.planes), sizes)


class Coder:
    """Codes of one column, for one thread at a time."""

    def __init__(self, encoder: Encoder):
        self._encoder = encoder
        self._known: _Known | None = None
        # Distinct values are too many for a table.
        self._has_many = False
        # The same for Python objects.
        self._has_many_objects = False
        # The last dictionary, which must live as long as it is compared, and its entries' codes.
        self._adopted: tuple[Any, tuple[int, ...], NDArray[np.intp]] | None = None

    def coded(self, array: Any, room: Room, where: str) -> Coded:
        """Codes of an Arrow array or of objects, by a kernel or else by the encoder."""
        if isinstance(array, Objects):
            if (axis := self._of_objects(array, room, where)) is not None:
                return Coded(axis)
            array = array.array(array.values)
        found = self._of_array(array, room, where)
        if found is None:
            codes = self._encoder.encode(array, where)
            found = Coded(in_bytes(codes, room.buffer, room.start, room.stride))
        return found

    def settle(self, coded: Coded, used: NDArray[np.intp], where: str) -> None:
        """Ask the encoder for the codes of those places of an axis that rows are at."""
        if coded.values is not None:
            coded.axis.codes[used] = self._encoder.encode(coded.values(used), where)

    def _of_array(self, array: Any, room: Room, where: str) -> Coded | None:
        import pyarrow.types as t

        type_ = array.type
        if self._encoder.keep:
            return self._of_cuts(array, room)
        if t.is_dictionary(type_):
            return self._of_dictionary(array, room, where)
        if t.is_boolean(type_):
            return self._of_booleans(array, room)
        if t.is_integer(type_) and (coded := self._of_a_range(array, room)) is not None:
            return coded
        if self._has_many:
            return None
        if is_unicode(type_) or is_bytes(type_):
            run = _of_views(array) if is_view(type_) else _of_texts(array)
        elif t.is_integer(type_) or t.is_temporal(type_) or _is_float(type_):
            run = _of_words(array)
        else:
            return None
        axis = None if run is None else self._tabled(array, run, room, where)
        return None if axis is None else Coded(axis)

    def _tabled(
        self, array: Any, run: Callable[[Distinct, Target], int], room: Room, where: str
    ) -> Axis | None:
        """Axis of the codes that a kernel finds by a table of distinct values."""
        known = self._run(run, room, self._known)
        self._known = known
        if known is None:
            self._has_many = True
            return None
        if known.size > len(known.codes):
            values = _rows_of(array, known.distinct.firsts[len(known.codes) : known.size])
            known.add(self._encoder.encode(values, where))
        return known.axis(room)

    def _run(
        self, run: Callable[[Distinct, Target], int], room: Room, known: _Known | None
    ) -> _Known | None:
        """Table of the values that a kernel has found; None where they are too many, or invalid."""
        known = known or _Known(1)
        done = run(known.distinct, room.target(known.planes))
        if done == FULL and known.planes == 1:
            known = _Known(2)
            done = run(known.distinct, room.target(known.planes))
        return known if done == room.rows else None

    def _of_objects(self, objects: Objects, room: Room, where: str) -> Axis | None:
        """Axis of objects that are few, though many rows have each."""
        if self._has_many_objects:
            return None
        words = _addresses(objects.values)
        if self._known is not None:
            self._known.forget()
        known = self._run(lambda *to: int(word_codes(words, _ALL_VALID, *to)), room, self._known)
        self._known = known
        if known is None:
            self._has_many_objects = True
            return None
        values = objects.array(objects.values[known.distinct.firsts[: known.size]])
        known.add(self._encoder.encode(values, where))
        return known.axis(room)

    def _of_cuts(self, array: Any, room: Room) -> Coded | None:
        import pyarrow.types as t

        edges, type_ = self._encoder.edges, array.type
        if t.is_integer(type_):
            if not all(abs(edge) < _EXACT for edge in edges):
                return None
        elif not _is_float(type_):
            return None
        values = values_of(array)
        if len(values) != room.rows or len(edges) >= _MOST_RANGE - 1:
            return None
        against = floats_of(edges, values.dtype if values.dtype.kind == "f" else np.float64)
        done = cut_codes(_plain(values, np.float64), _valid(array), _plain(against), room.target(1))
        size = len(edges) + 2
        return Coded(Axis(np.arange(size), room.starts(1), (size,))) if done == room.rows else None

    def _of_dictionary(self, array: Any, room: Room, where: str) -> Coded | None:
        entries = array.dictionary
        if not 0 < len(entries) < _MOST_RANGE:
            return None
        indices = array.indices
        values, ends = _plain(values_of(indices), np.int64), np.array([0, len(entries) - 1])
        if range_codes(values, _valid(indices), ends, room.target(1)) != room.rows:
            return None
        place = tuple(0 if one is None else one.address for one in entries.buffers())
        place = (*place, entries.offset, len(entries))
        if self._adopted is None or self._adopted[1] != place:
            self._adopted = (entries, place, self._encoder.encode(entries, where))
        codes = np.append(self._adopted[2], 0)
        axis = Axis(codes, room.starts(1), (len(codes),))
        if not array.indices.null_count:
            return Coded(axis)
        codes[-1] = self._encoder.encode(_nothing(array.type.value_type), where)[0]
        return Coded(axis)

    def _of_booleans(self, array: Any, room: Room) -> Coded | None:
        out = room.buffer[room.start : room.start + room.rows]
        out[:] = bits_of(array, 1)
        if array.null_count:
            np.copyto(out, 2, where=bits_of(array, 0) == 0)
        return _ranged(array.type, 0, 1, room)

    def _of_a_range(self, array: Any, room: Room) -> Coded | None:
        """Codes of integers in a narrow range, by their distance from the smallest."""
        values, valid = _plain(values_of(array), np.int64), _valid(array)
        ends = np.empty(2, np.int64)
        if len(values) != room.rows or range_of(values, valid, ends) != room.rows:
            return None
        least, most = ends.tolist()
        lowest = 0 if values_of(array).dtype == np.uint64 else -_EXACT  # larger ones wrapped around
        if not lowest <= least <= most < min(_EXACT, least + _MOST_RANGE):
            return None
        if range_codes(values, valid, ends, room.target(1)) != room.rows:
            raise AssertionError("integers out of their range")
        return _ranged(array.type, least, most, room)


def _ranged(type_: Any, least: int, most: int, room: Room) -> Coded:
    """A column that is coded by the distance from the least value."""
    import pyarrow as pa

    size = most - least + 2

    def values(used: NDArray[np.intp]) -> Any:
        return pa.array([least + i if i < size - 1 else None for i in used.tolist()], pa.int64())

    def booleans(used: NDArray[np.intp]) -> Any:
        return pa.array([(False, True, None)[i] for i in used.tolist()], pa.bool_())

    axis = Axis(np.zeros(size, np.intp), room.starts(1), (size,))
    return Coded(axis, booleans if type_ == pa.bool_() else values)


def _of_texts(array: Any) -> Callable[[Distinct, Target], int] | None:
    """Kernel for texts that lie one after the other."""
    import pyarrow.types as t

    width = np.int64 if t.is_large_string(array.type) or t.is_large_binary(array.type) else np.int32
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets or b"", width)[array.offset : array.offset + len(array) + 1]
    octets = np.frombuffer(data or b"", np.uint8)
    if len(ends) != len(array) + 1:
        return None
    given = (_plain(ends, np.int64), _plain(octets), _valid(array))
    return lambda *to: int(text_codes(*given, *to))


def _of_views(array: Any) -> Callable[[Distinct, Target], int] | None:
    """Kernel for views of texts, which is called again where another buffer is needed."""
    _, views, *buffers = array.buffers()
    words = np.frombuffer(views or b"", np.uint64)[
        2 * array.offset : 2 * (array.offset + len(array))
    ]
    if len(words) != 2 * len(array):
        return None
    words, valid = _plain(words), _valid(array)
    data = [_plain(np.frombuffer(one or b"", np.uint8)) for one in buffers] or [_ALL_VALID]

    def run(distinct: Distinct, target: Target) -> int:
        which = done = 0
        for _ in range(_MOST_CHANGES):
            found = int(view_codes(words, data[which], which, done, valid, distinct, target))
            if found < 0 or found == len(array):
                return found
            done = found
            which = int(words[2 * done + 1] & np.uint64(0xFFFFFFFF))
            if which >= len(data):
                return BAD
        return BAD

    return run


def _of_words(array: Any) -> Callable[[Distinct, Target], int] | None:
    """Kernel for numbers and times of a fixed width."""
    width = array.type.bit_width // 8
    values = np.frombuffer(array.buffers()[1] or b"", f"u{width}")
    words = _plain(values[array.offset : array.offset + len(array)], np.uint64)
    if len(words) != len(array):
        return None
    given = (words, _valid(array))
    return lambda *to: int(word_codes(*given, *to))


def _valid(array: Any) -> NDArray[np.uint8]:
    """For each row whether it has a value; empty where all have."""
    return _plain(bits_of(array, 0)) if array.null_count else _ALL_VALID


def _plain(values: NDArray[Any], dtype: Any = None) -> NDArray[Any]:
    """Array of the one form that kernels are compiled for: aligned and not to be written to."""
    made = np.require(values, dtype or values.dtype, ["C", "A"]).view()
    made.flags.writeable = False
    return made


def _addresses(objects: NDArray[np.object_]) -> NDArray[np.uint64]:
    """Addresses of objects, which stay as long as the objects do."""
    return _plain(np.ndarray(len(objects), np.uint64, np.ascontiguousarray(objects)))


def _rows_of(array: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows of an Arrow array."""
    import pyarrow as pa

    if not is_view(array.type):
        return taken(array, rows)
    # Arrow takes no rows of views in every version, but views are easily chosen.
    _, views, *buffers = array.buffers()
    words = np.frombuffer(views, np.uint64).reshape(-1, 2)[array.offset + rows]
    mask = None
    if array.null_count:
        mask = pa.py_buffer(np.packbits(bits_of(array, 0)[rows], bitorder="little"))
    chosen = [mask, pa.py_buffer(words), *buffers]
    return pa.Array.from_buffers(array.type, len(rows), chosen)


def _nothing(type_: Any) -> Any:
    """Array of one missing value."""
    import pyarrow as pa

    return pa.nulls(1, type_)


def _is_float(type_: Any) -> bool:
    import pyarrow.types as t

    return bool(t.is_float32(type_) or t.is_float64(type_))
