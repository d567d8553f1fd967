"""Compiled kernels on disk: damaged ones are recompiled, and a failure to store one is tolerated.

Numba unpickles and runs what it finds. A power cut leaves empty files, and a worn disk flips bits,
so each file begins with a checksum of the rest. It protects against accidents, not attackers.

Kernels are found where they cannot be written, too: in the image of a container, which another user
made, or whose file system is read-only. Nothing that an image changes (times of files, the user)
is part of their names.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from numba import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.serialize import dumps

from biaskit.progress import compiling

__all__ = ["Kept"]

_CHECKSUM = 4
_told: set[str] = set()


class _Place:
    """Where the compiled forms of a function are, as Numba asks for it."""

    def __init__(self, folder: str, file: str, line: int):
        self._folder = folder
        self._file = file
        self._line = line

    @classmethod
    def from_function(cls, function: Any, file: str) -> _Place:
        """The first of Numba's own folders that has the kernels or that can be written."""
        own = CompileResultCacheImpl._locator_classes  # by NUMBA_CACHE_DIR, by source, by user
        kinds = own[:3] if config.CACHE_DIR else own[1:3]
        folders = [kind(function, file).get_cache_path() for kind in kinds]
        stamp = function.__qualname__.rpartition("-")[2]
        folder = next((one for one in folders if _is_usable(one, stamp)), folders[0])
        return cls(folder, file, function.__code__.co_firstlineno)

    def get_cache_path(self) -> str:
        """Folder."""
        return self._folder

    def get_disambiguator(self) -> str:
        """Text that tells functions of one name apart."""
        return str(self._line)

    def get_source_stamp(self) -> int:
        """Number that changes with the source, and not with the file's times."""
        return crc32(Path(self._file).read_bytes())

    def ensure_cache_path(self) -> None:
        """Nothing: a folder that cannot be written is known when something is written."""


@cache
def _is_usable(folder: str, stamp: str) -> bool:
    """Whether a folder has kernels of these sources, or can be written."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK) or any(Path(folder).glob(f"*-{stamp}-*.nbi"))
    except OSError:
        return False


class _Stored(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Place,)


class Kept(FunctionCache):  # type: ignore[misc]
    """Numba's cache of a function, which tolerates damage, a full disk, and one not writable."""

    _impl_class = _Stored
    #: Why a compiled form could not be stored, if it could not.
    failure: Exception | None = None

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
            found = super().load_overload(sig, target_context)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is another way
            _tell(self._cache_path, f"cannot be read ({type(error).__name__}: {error})")
            found = None
        if found is None:
            compiling()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store the compiled form for some types, if there is room for it."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # noqa: BLE001
            self.failure = error
            _tell(self._cache_path, f"cannot be written ({type(error).__name__}: {error})")


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """Files of a function, each with its checksum."""

    def save(self, key: Any, data: Any) -> None:
        """Store a compiled form, in a file whose name is of its types and its processor.

        Numba numbers them, and two processes that store at once could take one another's.
        """
        overloads = self._load_index()
        name = overloads.get(key) or self._data_name(crc32(repr(key).encode()))
        self._save_data(name, data)
        self._save_index({**overloads, key: name})

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
    # Kernels lie in several folders; one of them speaks for all.
    kind = what.partition(" (")[0]
    if kind not in _told:
        _told.add(kind)
        warnings.warn(
            f"the folder of compiled kernels {folder!r} {what}; the kernels are recompiled, in "
            "each process if they cannot be stored, which takes some seconds: free some space, "
            "delete the folder, or run `biaskit warm` with NUMBA_CACHE_DIR set to another",
            RuntimeWarning,
            stacklevel=2,
        )
