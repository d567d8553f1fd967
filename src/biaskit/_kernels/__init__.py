"""Compiled kernels: arrays in, arrays out. They know no column names, no pandas and no pyarrow.

Numba checks no bounds, so every kernel checks each length, offset, width and index that it takes
from its input against the arrays it was given, and returns a negative number where one is invalid.
Buffers that words of eight bytes are read from or written to end in `SLACK` spare bytes.

A kernel is called with arguments of the same types everywhere, so that it has one compiled form.
The `examples` of its module have arguments of these types, by which `warm` compiles it ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
from numba import config, njit, types
from numba.extending import intrinsic

from biaskit._kernels.kept import Kept

__all__ = [
    "BAD",
    "SLACK",
    "as_double",
    "as_single",
    "fits",
    "inlined",
    "inner",
    "int64",
    "jit",
    "jit_with_arrays",
    "lowest",
    "marks",
    "merged",
    "ones",
    "peek",
    "poke",
    "shifted",
    "uint64",
]

#: NumPy's scalar types under names that the type checker accepts for Python numbers.
int64: Any = np.int64
uint64: Any = np.uint64
#: Returned by a kernel instead of a result where its input is invalid.
BAD = -1
#: Spare bytes at the end of every buffer.
SLACK = 64

_F = TypeVar("_F", bound=Callable[..., Any])

# A kernel on disk includes the kernels that it calls, but Numba checks only its own source for
# staleness. With all sources in its name, a change of any recompiles all.
_STAMP = 0
for _file in sorted(Path(__file__).parent.rglob("*.py")):
    _STAMP = crc32(_file.read_bytes(), _STAMP)


# Nothing calls a kernel from C.
_FLAGS = {"nogil": True, "no_cfunc_wrapper": True}


def jit(function: _F) -> _F:
    """Compiled form of a function that runs without the interpreter lock, and makes no arrays.

    It is kept on disk between processes, or compiled in each where no folder can be written.
    """
    return _compiled(function, _nrt=False)  # so no reference counting is needed


def jit_with_arrays(function: _F) -> _F:
    """Compiled form of a function that allocates arrays; otherwise as `jit`."""
    return _compiled(function)


def _compiled(function: _F, **flags: bool) -> _F:
    if config.DISABLE_JIT:  # words wrap around silently, as in hardware
        return np.errstate(over="ignore")(function)
    function.__qualname__ += f"-{_STAMP:x}"
    flags |= _FLAGS
    made = njit(**flags)(function)
    made._cache = Kept(function)  # as `cache=True` does, with a cache of Numba's own
    return made  # type: ignore[no-any-return]


def inner(function: _F) -> _F:
    """Compiled form of a function that only kernels call, whose cached forms already include it."""
    if config.DISABLE_JIT:
        return jit(function)
    return njit(_nrt=False, **_FLAGS)(function)  # type: ignore[no-any-return]


def inlined(function: _F) -> _F:
    """As `inner`, but never called: where it is used, the compiler puts its code.

    A call copies all lengths and strides of each array among its arguments.
    """
    if config.DISABLE_JIT:
        return jit(function)
    return njit(_nrt=False, forceinline=True, **_FLAGS)(function)  # type: ignore[no-any-return]


def merged(function: _F) -> _F:
    """As `inner`, for a part of one kernel: both together are compiled faster than each."""
    if config.DISABLE_JIT:
        return jit(function)
    return njit(_nrt=False, inline="always", **_FLAGS)(function)  # type: ignore[no-any-return]


@inner
def fits(start: int, count: int, size: int) -> bool:
    """Whether an array of some size has `count` items from `start` on; no number wraps around."""
    return 0 <= start <= size and 0 <= count <= size - start


if config.DISABLE_JIT:

    def peek(array: Any, at: int) -> np.uint64:
        """Word of the eight bytes of an array from byte `at` on, lowest first."""
        return np.uint64(int.from_bytes(array.view(np.uint8)[at : at + 8].tobytes(), "little"))

    def poke(array: Any, at: int, word: Any) -> None:
        """Write of a word over the eight bytes of an array from byte `at` on."""
        array.view(np.uint8)[at : at + 8] = np.frombuffer(int(word).to_bytes(8, "little"), np.uint8)

    def shifted(source: Any, at: int, out: Any, to: int, shift: Any, kept: Any) -> None:
        """Write of 64 bytes of an array, `shift` bits up, below which are those of `kept`."""
        octets = source.view(np.uint8)[at : at + 64].tobytes()
        word = int.from_bytes(octets, "little") << int(shift) | int(kept)
        made = word.to_bytes(65, "little")[:64]
        out.view(np.uint8)[to : to + 64] = np.frombuffer(made, np.uint8)

    def as_double(word: Any) -> np.float64:
        """Float with the bits of a word."""
        return np.uint64(word).view(np.float64)

    def as_single(word: Any) -> np.float64:
        """Float with the bits of the low half of a word."""
        return np.float64(np.uint32(int(word) & 0xFFFFFFFF).view(np.float32))

    def marks(array: Any, at: int, byte: int) -> np.uint64:
        """Word with a bit for each of the 64 bytes of an array from `at` on that is `byte`."""
        found = np.packbits(array[at : at + 64] == byte, bitorder="little")
        return np.uint64(int.from_bytes(found.tobytes(), "little"))

    def lowest(word: Any) -> int:
        """Place of the lowest bit of a word, 64 if it has none."""
        return (int(word) & -int(word)).bit_length() - 1 if word else 64

    def ones(word: Any) -> int:
        """Number of bits of a word."""
        return int(word).bit_count()

else:

    def _pointer(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
        from llvmlite import ir  # type: ignore[import-untyped]

        data = context.make_array(array_type)(context, builder, array).data
        first = builder.bitcast(data, ir.IntType(8).as_pointer())
        return builder.bitcast(builder.gep(first, [at]), ir.IntType(64).as_pointer())

    @intrinsic  # type: ignore[untyped-decorator]
    def peek(_: Any, array: Any, at: Any) -> Any:  # noqa: ARG001
        """Word of the eight bytes of an array from byte `at` on, lowest first."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(_pointer(context, builder, signature.args[0], *args), align=1)

        return types.uint64(array, types.int64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def poke(_: Any, array: Any, at: Any, word: Any) -> Any:  # noqa: ARG001
        """Write of a word over the eight bytes of an array from byte `at` on."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            where = _pointer(context, builder, signature.args[0], *args[:2])
            builder.store(args[2], where, align=1)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.uint64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def shifted(_: Any, source: Any, at: Any, out: Any, to: Any, shift: Any, kept: Any) -> Any:  # noqa: ARG001
        """Write of 64 bytes of an array, `shift` bits up, below which are those of `kept`.

        The shift is below 8. The byte before those 64 is read, too.
        """

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            from llvmlite import ir

            word, number = ir.IntType(64), ir.IntType(32)
            eight = ir.VectorType(word, 8)
            first, same = ir.Constant(number, 0), ir.Constant(ir.VectorType(number, 8), [0] * 8)

            def all_of(one: Any) -> Any:
                made = builder.insert_element(ir.Constant(eight, ir.Undefined), one, first)
                return builder.shuffle_vector(made, made, same)

            def at_byte(kind: int, array: Any, byte: Any) -> Any:
                where = _pointer(context, builder, signature.args[kind], array, byte)
                return builder.bitcast(where, eight.as_pointer())

            # Each word is made of the eight bytes that it overlaps and of those one byte before.
            before = builder.sub(args[1], ir.Constant(word, 1))
            back = builder.sub(ir.Constant(word, 8), args[4])
            high = builder.load(at_byte(0, args[0], args[1]), align=1)
            low = builder.load(at_byte(0, args[0], before), align=1)
            low = builder.lshr(low, all_of(back))
            low = builder.insert_element(low, args[5], first)
            made = builder.or_(builder.shl(high, all_of(args[4])), low)
            builder.store(made, at_byte(2, args[2], args[3]), align=1)
            return context.get_dummy_value()

        words = types.int64, types.uint64, types.uint64
        return types.void(source, types.int64, out, *words), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def as_double(_: Any, word: Any) -> Any:  # noqa: ARG001
        """Float with the bits of a word."""

        def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
            from llvmlite import ir

            return builder.bitcast(args[0], ir.DoubleType())

        return types.float64(types.uint64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def as_single(_: Any, word: Any) -> Any:  # noqa: ARG001
        """Float with the bits of the low half of a word."""

        def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
            from llvmlite import ir

            single = builder.bitcast(builder.trunc(args[0], ir.IntType(32)), ir.FloatType())
            return builder.fpext(single, ir.DoubleType())

        return types.float64(types.uint64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def marks(_: Any, array: Any, at: Any, byte: Any) -> Any:  # noqa: ARG001
        """Word with a bit for each of the 64 bytes of an array from `at` on that is `byte`."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            from llvmlite import ir

            many = ir.VectorType(ir.IntType(8), 64)
            where = _pointer(context, builder, signature.args[0], *args[:2])
            bytes_ = builder.load(builder.bitcast(where, many.as_pointer()), align=1)
            one = builder.insert_element(
                ir.Constant(many, ir.Undefined),
                builder.trunc(args[2], ir.IntType(8)),
                ir.Constant(ir.IntType(32), 0),
            )
            places = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
            each = builder.shuffle_vector(one, one, places)
            return builder.bitcast(builder.icmp_unsigned("==", bytes_, each), ir.IntType(64))

        return types.uint64(array, types.int64, types.int64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def lowest(_: Any, word: Any) -> Any:  # noqa: ARG001
        """Place of the lowest bit of a word, 64 if it has none."""

        def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
            from llvmlite import ir

            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def ones(_: Any, word: Any) -> Any:  # noqa: ARG001
        """Number of bits of a word."""

        def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
            return builder.ctpop(args[0])

        return types.int64(types.uint64), generate
