"""Whole lines of a text in blocks, as kernels take them."""

from __future__ import annotations

import codecs
import queue
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SPARE", "Block", "Blocks"]

#: What follows a text, so that kernels may read words beyond its end.
SPARE = b"\n" * 64


class Block(NamedTuple):
    """Whole lines of a text, and their number of bytes, after which `SPARE` follows."""

    text: NDArray[np.uint8]
    size: int
    #: The memory in which the text is, for `Blocks.give_back`.
    memory: bytearray | None = None

    def part(self, start: int, end: int) -> bytes:
        """Some of the bytes."""
        return self.text[start:end].tobytes()


class Blocks:
    """Blocks of a stream, without a mark of UTF-8 at its start; it is read once.

    Parameters
    ----------
    stream
        Stream of bytes that reads into a buffer.
    step
        Bytes read at a time.
    most
        Bytes from which a line is cut.
    """

    def __init__(self, stream: Any, step: int, most: int):
        self._stream = stream
        self._step = step
        self._most = most
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Block]:
        left, is_first, is_over = b"", True, False
        while not is_over:
            start, memory = len(left), self._memory(len(left) + self._step + len(SPARE))
            memory[:start] = left
            place = memoryview(memory)[start : start + self._step]
            size = start + self._stream.readinto(place)
            is_over = size == start
            # A "\r" at the end may be half of an end of a line.
            end = memory.rfind(b"\n", start, size) + 1
            end = end or memory.rfind(b"\r", start, size - 1) + 1
            if end == 0 and size <= self._most and not is_over:
                left = bytes(memory[:size])
                self._free.put(memory)
                continue
            end = size if is_over else end or size
            left = bytes(memory[end:size])
            memory[end : end + len(SPARE)] = SPARE
            mark = codecs.BOM_UTF8 if is_first else b""
            begin = len(mark) if memory.startswith(mark) else 0
            is_first = False
            if end > begin:
                whole = np.frombuffer(memoryview(memory).toreadonly(), np.uint8)
                yield Block(whole[begin:], end - begin, memory)

    def give_back(self, block: Block) -> None:
        """Take the memory of a block for another one."""
        if block.memory is not None:
            self._free.put(block.memory)

    def _memory(self, size: int) -> bytearray:
        try:
            memory = self._free.get_nowait()
        except queue.Empty:
            memory = bytearray()
        return memory if len(memory) >= size else bytearray(size)
