"""Encoding: values of one column to codes that are consistent across batches."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biaskit.counts.bounds import MAX_LEVELS, too_many_values
from biaskit.counts.levels import ABSENT, MAX_TEXT, MISSING, Level, level, typed
from biaskit.errors import BiaskitError, DataError
from biaskit.sources.cuts import bins_of
from biaskit.store.arrays import (
    indices_of,
    is_bytes,
    is_unicode,
    is_view,
    missing_of,
    values_of,
)

if TYPE_CHECKING:
    from biaskit.sources.batches import Batch

__all__ = [
    "Encoder",
    "OptionalEncoder",
    "dictionary",
    "kind_of",
    "numbers",
    "refuse_no_numbers",
    "taken",
    "without_views",
]

# A dictionary up to this long is adopted whole; from a longer one, only the used values.
_SMALL_DICTIONARY = 256
# Most numbers for which sorting is faster than loading Arrow's compute functions.
_SMALL_BATCH = 10_000
# Most digits of a decimal whose units are exact as a float.
_EXACT_DIGITS = 15
# Most characters of the texts of a column together.
_MOST_BYTES = 1 << 26


class Encoder:
    """Codes of one column. Codes are assigned in order of arrival; `levels` maps them to values.

    Dictionaries of Arrow arrays differ from batch to batch, so each batch's indices are mapped to
    common codes. A cut column has the codes of its bins, followed by the missing level.

    Any number of threads may encode, one at a time. An assigned code never changes, and `size` only
    grows: a thread that reads `size` after encoding may miss codes of other threads, but never its
    own. So arrays indexed by code are enlarged before each use, and `levels` is read at the end.
    """

    def __init__(
        self,
        column: str,
        role: str,
        bins: tuple[Level, ...],
        edges: tuple[float, ...],
        *,
        literal: bool = False,
    ):
        self.column = column
        self.role = role
        self.keep = bins
        self.edges = edges
        self._is_literal = literal  # texts stay texts, whatever they could stand for
        self._codes: dict[Level, int] = {}
        for value in (*bins, MISSING) if bins else ():
            self._code(value)
        self._kinds: dict[str, str] = {}
        self._is_text = False
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Number of codes assigned so far."""
        return len(self._codes)

    @property
    def missing(self) -> int:
        """Code of the missing value, -1 where no value was missing so far."""
        return self._codes.get(MISSING, -1)

    def levels(self) -> tuple[Level, ...]:
        """Level of each code; texts become numbers or booleans if all of them can."""
        raw = tuple(self._codes)
        is_typed = self._is_text and not self.keep and not self._is_literal
        return typed(raw) if is_typed else raw  # type: ignore[arg-type]

    def codes(self, batch: Batch) -> NDArray[np.intp]:
        """Codes of the column's values in a batch."""
        is_text = self.column in batch.texts
        return self.encode(batch.columns[self.column], batch.where, is_text=is_text)

    def encode(self, array: Any, where: str, *, is_text: bool = False) -> NDArray[np.intp]:
        """Codes of an Arrow array.

        Parameters
        ----------
        array, where
            The values, and the name of their origin for errors.
        is_text
            Whether they are texts that may stand for numbers or booleans, as in a CSV. All levels
            are then read so.
        """
        with self._lock:
            self._is_text |= is_text
            self._refuse_another_kind(array.type, where)
            return self._encoded(array, where)

    def _encoded(self, array: Any, where: str) -> NDArray[np.intp]:
        try:
            return self._binned(array, where) if self.keep else self._looked_up(array, where)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}: {self.role} {self.column!r} holds a text that is not UTF-8: {error}; "
                "write the data again, or make the column binary"
            ) from error
        except BiaskitError:
            raise
        except (OverflowError, ValueError) as error:  # a date beyond the year 9999, for instance
            raise DataError(
                f"{where}: {self.role} {self.column!r} holds a value that cannot be read: "
                f"{error}; write the data again, or convert the column to texts"
            ) from error

    def _looked_up(self, array: Any, where: str) -> NDArray[np.intp]:
        kind = kind_of(array.type)
        if kind == "missing":
            return np.full(len(array), self._code(MISSING), dtype=np.intp)
        if kind is None:
            raise DataError(
                f"{where}: column {self.column!r} has type {array.type}; "
                f"a {self.role} must hold texts, numbers or booleans: convert it"
            )
        if kind == "number" and len(array) <= _SMALL_BATCH and not _needs_arrow(array.type):
            return self._sorted(array)
        if kind == "number" and (codes := self._in_a_small_range(array)) is not None:
            return codes
        encoded = _dictionary_encoded(array)
        indices = indices_of(encoded)
        values = encoded.dictionary
        if _is_text(values.type) and values.nbytes > MAX_TEXT:
            self._refuse_long(values)
        if len(values) <= _SMALL_DICTIONARY:
            found = [self._code(level(value)) for value in values.to_pylist()]
            # Index -1, the missing value, selects the last entry.
            place = np.array(
                [*found, self._code(MISSING) if encoded.null_count else 0], dtype=np.intp
            )
            return np.take(place, indices)
        used = np.flatnonzero(np.bincount(indices + 1, minlength=len(values) + 1)) - 1
        if (seen := int(np.count_nonzero(used >= 0))) > MAX_LEVELS[self.role]:
            self._refuse(seen)
        place = np.zeros(len(values) + 1, dtype=np.intp)
        if encoded.null_count:
            place[-1] = self._code(MISSING)
        occurring = used[used >= 0]
        of_them = values if len(occurring) == len(values) else taken(values, occurring)
        place[occurring] = [self._code(level(value)) for value in of_them.to_pylist()]
        return np.take(place, indices)

    def _in_a_small_range(self, array: Any) -> NDArray[np.intp] | None:
        """Codes of integers in a narrow range, by their distance from the smallest."""
        import pyarrow.types as t

        if not t.is_integer(array.type) or array.null_count:
            return None
        values = values_of(array)
        least, most = int(values.min()), int(values.max())
        if most - least >= _SMALL_DICTIONARY:
            return None
        # The range is below 256, so the difference fits one byte, even where it wraps around in
        # int8.
        place = (values - values.dtype.type(least)).astype(np.uint8)
        # Of two neighbours, such as 0 and 1, both occur.
        used = [*range(most - least + 1)]
        if len(used) > 2:
            used = np.flatnonzero(np.bincount(place)).tolist()
        codes = np.zeros(most - least + 1, dtype=np.intp)
        codes[used] = [self._code(level(least + distance)) for distance in used]
        return np.asarray(np.take(codes, place), dtype=np.intp)

    def _sorted(self, array: Any) -> NDArray[np.intp]:
        """Codes of a few numbers, by sorting them: Arrow's hashing takes long to load."""
        if len(array) <= _SMALL_DICTIONARY and not array.null_count:
            found = [self._code(level(value)) for value in values_of(array).tolist()]
            return np.array(found, dtype=np.intp)
        values = values_of(array)
        known = (
            ~missing_of(array) if array.null_count else slice(None)
        )  # the value under a null is arbitrary
        distinct, inverse = np.unique(values[known], return_inverse=True)
        place = np.array([self._code(level(value)) for value in distinct.tolist()], dtype=np.intp)
        if not array.null_count:
            return np.take(place, inverse)
        codes = np.full(len(values), self._code(MISSING), dtype=np.intp)
        codes[known] = np.take(place, inverse)
        return codes

    def _binned(self, array: Any, where: str) -> NDArray[np.intp]:
        if kind_of(array.type) == "missing":
            return np.full(len(array), len(self.keep), dtype=np.intp)
        refuse_no_numbers(array, self.column, self.role, where)
        return bins_of(array, self.edges)

    def _code(self, value: Level) -> int:
        code = self._codes.get(value)
        if code is None:
            code = self._codes[value] = len(self._codes)
            if isinstance(value, str):
                self._bytes += len(value)
                if self._bytes > _MOST_BYTES:
                    raise DataError(
                        f"the texts of {self.role} {self.column!r} have more than "
                        f"{_MOST_BYTES >> 20} MB together; choose another column, or shorten them"
                    )
            most = MAX_LEVELS[self.role]
            if len(self._codes) - (MISSING in self._codes) > most:
                self._refuse(most + 1)  # other threads may have added more
        return code

    def _refuse_long(self, values: Any) -> None:
        """Refuse texts that are documents rather than the names of groups."""
        import pyarrow.compute as pc

        longest = pc.max(pc.binary_length(values)).as_py() or 0
        if longest > MAX_TEXT:
            raise DataError(
                f"{self.role} {self.column!r} holds a text of {longest:,} bytes; a text that is "
                f"counted has {MAX_TEXT:,} at most: choose another column, or shorten its texts"
            )

    def _refuse(self, seen: int) -> None:
        raise DataError(too_many_values(self.role, f"{self.role} {self.column!r}", seen))

    def _refuse_another_kind(self, type_: Any, where: str) -> None:
        kind = kind_of(type_)
        if kind is None or kind == "missing":
            return
        first = self._kinds.setdefault(kind, where)
        if len(self._kinds) > 1:
            (other, there), *_ = ((k, w) for k, w in self._kinds.items() if k != kind)
            raise DataError(
                f"{self.role} {self.column!r} holds values of kind {kind} in {first} but "
                f"{other} in {there}; make the column the same type everywhere"
            )


class OptionalEncoder(Encoder):
    """Encoder of a column that is set aside where it cannot be counted.

    From then on, only whether a value is missing is counted; other columns are not affected.
    """

    def __init__(self, column: str):
        super().__init__(column, "column", (), ())
        self._code(MISSING)
        #: Why the column is set aside, if it is.
        self.reason = ""

    def encode(self, array: Any, where: str, *, is_text: bool = False) -> NDArray[np.intp]:
        """Codes of an Arrow array: of its values or, once it is set aside, of any value or none."""
        if not self.reason:
            try:
                return super().encode(array, where, is_text=is_text)
            except DataError as error:
                self.reason = str(error)
        with self._lock:
            known = self._codes.setdefault(ABSENT, len(self._codes))
        return np.where(_missing_in(array), self.missing, known).astype(np.intp)

    def _refuse(self, seen: int) -> None:
        raise DataError(
            f"it has more than {MAX_LEVELS[self.role]:,} different values, as an identifier or a "
            "measurement has; if it is a number, cut it with "
            f"facet_edges={{{self.column!r}: [...]}}"
        )


def _missing_in(array: Any) -> NDArray[np.bool_]:
    """Which values of an Arrow array of any type are missing."""
    import pyarrow.types as t

    if t.is_null(array.type):
        return np.ones(len(array), dtype=bool)
    if t.is_dictionary(array.type):
        return np.asarray(indices_of(array) < 0)
    missing = missing_of(array) if array.null_count else np.zeros(len(array), dtype=bool)
    return missing | np.isnan(values_of(array)) if t.is_floating(array.type) else missing


def kind_of(type_: Any) -> str | None:
    """Kind of the levels of an Arrow type; None for a type that cannot be counted."""
    import pyarrow.types as t

    if t.is_dictionary(type_):
        return kind_of(type_.value_type)
    if t.is_boolean(type_):
        return "boolean"
    if t.is_integer(type_) or t.is_floating(type_) or t.is_decimal(type_):
        return "number"
    if t.is_null(type_):
        return "missing"
    if _is_text(type_) or t.is_temporal(type_):
        return "text"
    return None


def taken(values: Any, used: NDArray[np.intp]) -> Any:
    """Some values of an Arrow array."""
    import pyarrow as pa

    indices = pa.Array.from_buffers(
        pa.int64(), len(used), [None, pa.py_buffer(used.astype(np.int64))]
    )
    return values.take(indices)


def numbers(array: Any, column: str, role: str, where: str) -> NDArray[np.float64]:
    """Numbers of an Arrow array as floats, NaN where they are missing.

    Raises
    ------
    DataError
        The column does not hold numbers.
    """
    import pyarrow as pa
    import pyarrow.types as t

    refuse_no_numbers(array, column, role, where)
    if t.is_dictionary(array.type):
        values = numbers(array.dictionary, column, role, where)
        return np.take(np.append(values, np.nan), indices_of(array))
    if t.is_decimal(array.type):
        values = _floats_of_decimals(array)
    else:
        array = array.cast(pa.float64()) if t.is_float16(array.type) else array
        values = values_of(array).astype(np.float64)
    if array.null_count:
        values[missing_of(array)] = np.nan
    return values


def _floats_of_decimals(array: Any) -> NDArray[np.float64]:
    """Floats nearest to decimals, which Arrow's own conversion misses by a bit; any for a null."""
    import pyarrow as pa

    type_ = array.type
    if type_.bit_width < 128:  # not every version of Arrow makes texts of these
        type_ = pa.decimal128(type_.precision, type_.scale)
        array = array.cast(type_)
    if type_.precision <= _EXACT_DIGITS and type_.scale >= 0:
        # A quotient of two exact floats is rounded once.
        step = type_.bit_width // 64
        words = np.frombuffer(array.buffers()[1] or b"", np.int64)[::step]
        units = words[array.offset : array.offset + len(array)].astype(np.float64)
        floats: NDArray[np.float64] = units / 10.0**type_.scale
        return floats
    return values_of(array.cast(pa.string()).cast(pa.float64())).astype(np.float64)


def refuse_no_numbers(array: Any, column: str, role: str, where: str) -> None:
    """Refuse a column that is cut or summed but does not hold numbers."""
    if kind_of(array.type) != "number":
        raise DataError(
            f"{where}: {role} {column!r} must be numbers to be cut or summed, but it holds "
            f"{array.type}; choose another column, or convert it"
        )


def dictionary(array: Any) -> tuple[NDArray[Any], Any]:
    """Indices of an Arrow array's values, -1 where they are missing, and the values themselves."""
    encoded = _dictionary_encoded(array)
    return indices_of(encoded), encoded.dictionary


def without_views(array: Any) -> Any:
    """Array with contiguous texts, since Arrow supports few computations on string views."""
    import pyarrow as pa

    if not is_view(array.type):
        return array
    return array.cast(pa.large_string() if is_unicode(array.type) else pa.large_binary())


def _is_text(type_: Any) -> bool:
    import pyarrow.types as t

    return bool(is_unicode(type_) or is_bytes(type_) or t.is_fixed_size_binary(type_))


def _dictionary_encoded(array: Any) -> Any:
    import pyarrow as pa
    import pyarrow.types as t

    if t.is_dictionary(array.type):
        return array
    if t.is_float16(array.type):
        array = array.cast(pa.float64())
    return without_views(array).dictionary_encode()


def _needs_arrow(type_: Any) -> bool:
    """Whether numbers of a type are stored differently from NumPy's."""
    import pyarrow.types as t

    return bool(t.is_decimal(type_) or t.is_float16(type_) or t.is_dictionary(type_))
