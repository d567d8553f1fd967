"""Kernels that are compiled ahead, and found where they cannot be written."""

from __future__ import annotations

import ctypes
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import config
from numba.core.dispatcher import Dispatcher

import biaskit
from biaskit import _kernels
from biaskit._kernels.warm import examples, warm
from biaskit.cli import main
from biaskit.errors import DataError

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")

#: A kernel that is compiled quickly, called in a process of its own.
USE = """
import warnings, numpy as np
from biaskit._kernels.joint import used
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    used(np.zeros(80, np.uint32), 2, np.zeros(80, np.uint8))
print(sum(used.stats.cache_hits.values()), used._cache.cache_path)
for one in said:
    print(one.message)
"""


def kernels() -> Iterator[Any]:
    """Every kernel that others call."""
    for module in pkgutil.walk_packages(_kernels.__path__, "biaskit._kernels."):
        found = vars(importlib.import_module(module.name))
        for name, one in found.items():
            is_own = isinstance(one, Dispatcher) and one.py_func.__module__ == module.name
            if is_own and type(one._cache).__name__ == "Kept" and not name.startswith("_"):
                yield one


def test_every_kernel_is_warmed() -> None:
    assert {*kernels()} == {kernel for kernel, _ in examples()}


def unprivileged() -> None:
    """Take from a process of root what lets it write anywhere."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def used(folder: Path, **more: str) -> tuple[int, str, list[str]]:
    """A process that uses a kernel and writes nowhere: hits, the folder, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", USE],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), **more},
        preexec_fn=unprivileged if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        check=True,
    )
    first, *said = done.stdout.splitlines()
    hits, where = first.split(" ", 1)
    return int(hits), where, said


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Path]:
    """Folder with a kernel, which cannot be written; its group of files is readable."""
    folder = tmp_path / "kernels"
    hits, _, said = used(folder)
    assert (hits, said) == (0, [])
    folders = [folder, *(one for one in folder.rglob("*") if one.is_dir())]
    for one in folders:
        one.chmod(0o555)
    yield folder
    for one in folders:
        one.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are of Linux")
def test_a_kernel_is_found_where_it_cannot_be_written(stored: Path) -> None:
    hits, where, said = used(stored)
    assert (hits, said) == (1, [])
    assert where.startswith(str(stored))


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are of Linux")
def test_a_process_that_can_store_no_kernel_says_so(stored: Path) -> None:
    for file in stored.rglob("*.nbc"):
        file.write_bytes(b"")  # as root, or as the owner of the file
    hits, _, said = used(stored)
    assert hits == 0
    assert any("in each process" in one and "biaskit warm" in one for one in said)


def test_the_times_of_files_do_not_matter(tmp_path: Path) -> None:
    source = Path(biaskit.__file__).parent.parent
    copied = tmp_path / "src"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "biaskit", copied / "biaskit", ignore=ignored)
    folder = tmp_path / "kernels"
    assert used(folder, PYTHONPATH=str(copied))[0] == 0
    for file in copied.rglob("*.py"):
        os.utime(file, (1, 1))
    assert used(folder, PYTHONPATH=str(copied))[0] == 1


def test_two_processes_store_kernels_at_once(tmp_path: Path) -> None:
    code = "from biaskit.cli import main\nfrom biaskit._kernels import joint, warm\n"
    code += "warm.examples = joint.examples and (lambda: ((k, a) for k, *a in joint.examples()))"
    code += "\nimport sys; sys.exit(main(['warm', '--cache', sys.argv[1]]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for one in both:
        said, _ = one.communicate(timeout=300)
        assert one.returncode == 0
        assert "kernels: 4" in said
    hits, _, said = used(tmp_path)
    assert (hits, said) == (1, [])


def quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel that takes no time to compile, in place of all."""

    @_kernels.jit
    def kernel(_: Any) -> int:
        return 1

    module = importlib.import_module("biaskit._kernels.warm")
    monkeypatch.setattr(module, "examples", lambda: [(kernel, (np.zeros(1),))])
    return kernel


def test_what_was_compiled_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = quick(monkeypatch)
    assert main(["warm"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0].endswith("test_warm.kernel")
    assert last.startswith("kernels: 1, ")
    assert last.endswith(kernel._cache.cache_path)


def test_a_folder_that_cannot_be_written_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = quick(monkeypatch)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel._cache._cache_file, "_open_for_write", full)
    monkeypatch.setattr(kernel._cache._cache_file, "_load_index", dict)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["warm"]) == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "NUMBA_CACHE_DIR" in said


def test_nothing_is_warmed_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DISABLE_JIT", 1)
    with pytest.raises(DataError, match="NUMBA_DISABLE_JIT"):
        warm()
