"""Unpacking: compressed bytes as a stream of plain ones, in bounded memory."""

from __future__ import annotations

from typing import Any

from biaskit.sources.files.streams import FullReads

__all__ = ["unpacked"]

# Compressed bytes that are read at a time, and the memory that a decompressor of .xz may take: the
# strongest setting of its tool takes 65 MB.
_PIECE = 1 << 16
_MEMORY = 1 << 28


def unpacked(raw: Any, compression: str) -> Any:
    """Stream of the plain bytes of a compressed one, by the name of its compression."""
    if compression == "xz":
        return _Xz(raw)
    import pyarrow as pa

    return pa.CompressedInputStream(raw, compression)


class _Xz(FullReads):
    """Plain bytes of .xz, which pyarrow does not read: of one stream or of several in a row."""

    def __init__(self, raw: Any):
        self._raw = raw
        self._one = self._fresh()

    def readinto(self, place: Any, /) -> int:
        import lzma

        while True:
            fresh = b""
            if self._one.eof:
                fresh = self._after()
                if not fresh:
                    return 0
                self._one = self._fresh()
            elif self._one.needs_input:
                fresh = self._raw.read(_PIECE)
                if not fresh:
                    raise OSError("the compressed bytes end too early; the file is cut short")
            try:
                made = self._one.decompress(fresh, len(place))
            except lzma.LZMAError as error:
                raise OSError(f"the compressed bytes are damaged: {error}") from error
            if made:
                place[: len(made)] = made
                return len(made)

    def _after(self) -> bytes:
        """Bytes after the end of a stream and its padding."""
        rest: bytes = self._one.unused_data.lstrip(b"\0")
        while not rest and (more := self._raw.read(_PIECE)):
            rest = more.lstrip(b"\0")
        return rest

    @staticmethod
    def _fresh() -> Any:
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)
