"""Compiled kernels on disk: damaged ones are recompiled, and a failure to store one is tolerated.

Numba unpickles and runs what it finds. A power cut leaves empty files, and a worn disk flips bits,
so each file begins with a checksum of the rest. It protects against accidents, not attackers.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from zlib import crc32

from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.serialize import dumps

__all__ = ["Kept"]

_CHECKSUM = 4
_told: set[str] = set()


class Kept(FunctionCache):  # type: ignore[misc]
    """Numba's cache of a function, which tolerates damage and a full disk."""

    def __init__(self, function: Any):
        super().__init__(function)
        self._cache_file = _Files(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Compiled form for some types; None where it is not stored, or damaged."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is another way
            _tell(self._cache_path, f"cannot be read ({type(error).__name__}: {error})")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store the compiled form for some types, if there is room for it."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # noqa: BLE001
            _tell(self._cache_path, f"cannot be written ({type(error).__name__}: {error})")


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """Files of a function, each with its checksum."""

    def _load_index(self) -> dict[Any, str]:
        content = self._checked(self._index_path)
        if content is None or content[:2] != (self._version, self._source_stamp):
            return {}
        return dict(content[2])

    def _save_index(self, overloads: dict[Any, str]) -> None:
        with self._open_for_write(self._index_path) as file:
            file.write(self._dump((self._version, self._source_stamp, overloads)))

    def _load_data(self, name: str) -> Any:
        return self._checked(self._data_path(name))

    def _dump(self, obj: Any) -> bytes:
        content: bytes = dumps(obj)
        return crc32(content).to_bytes(_CHECKSUM, "little") + content

    def _checked(self, path: str) -> Any:
        """Content of a file; None where it is missing or damaged."""
        import pickle

        if not Path(path).is_file():
            return None
        content = Path(path).read_bytes()
        checksum, content = content[:_CHECKSUM], content[_CHECKSUM:]
        if not content or int.from_bytes(checksum, "little") != crc32(content):
            _tell(self._cache_path, "is damaged")
            return None
        return pickle.loads(content)


def _tell(folder: str, what: str) -> None:
    if folder not in _told:
        _told.add(folder)
        warnings.warn(
            f"the folder of compiled kernels {folder!r} {what}; the kernels are recompiled, "
            "which takes some seconds: free some space, delete the folder, or set "
            "NUMBA_CACHE_DIR to another",
            RuntimeWarning,
            stacklevel=2,
        )
