"""A file of this machine is opened once for a count or a report, and its footer parsed once."""

from __future__ import annotations

import ctypes
import gzip
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit.cli import main
from biaskit.sources.parquet import opening
from biaskit.store import columns, readers, saved

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is of Linux")

ROWS = 6_000
DATA = {"sex": ["F", "M", "M"] * (ROWS // 3), "y": [0, 1, 1, 0, 1, 0] * (ROWS // 6)}
ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}
HELD = ["--facet", "sex", "--label", "y"]
_ACCESS, _OPEN = 0x01, 0x20


@contextmanager
def opens_of(path: Path) -> Iterator[list[str]]:
    """The opens of a file, whoever opens it, Arrow's own code as well as Python's.

    The kernel joins events of a kind that follow each other, so reads are watched for as well: an
    open that is followed by a read stands by itself.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(path), _OPEN | _ACCESS) >= 0
    found: list[str] = []
    try:
        yield found
        with open(watch, "rb", closefd=False, buffering=0) as events:
            content = events.read(1 << 20) or b""
        at = 0
        while at < len(content):
            _, mask, _, length = struct.unpack_from("iIII", content, at)
            at += struct.calcsize("iIII") + length
            found += ["open"] if mask & _OPEN else []
    finally:
        os.close(watch)


@pytest.fixture
def footers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Arrow has read footers from."""
    found: list[Any] = []
    opened = readers.parquet_file

    def counted(source: Any, *, metadata: Any = None, **options: Any) -> Any:
        if metadata is None:
            found.append(source)
        return opened(source, metadata=metadata, **options)

    for module in (columns, opening, saved):
        monkeypatch.setattr(module, "parquet_file", counted)
    return found


@pytest.fixture(params=["parquet", "csv", "csv.gz", "jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / f"rows.{request.param}"
    if made.suffix == ".parquet":
        pq.write_table(pa.table(DATA), made, row_group_size=2_000)
        return made
    rows = [*zip(*DATA.values(), strict=True)]
    if made.suffix == ".jsonl":
        text = "".join(f'{{"sex": "{sex}", "y": {y}}}\n' for sex, y in rows)
    else:
        text = "sex,y\n" + "".join(f"{sex},{y}\n" for sex, y in rows)
    if made.suffix == ".gz":
        made.write_bytes(gzip.compress(text.encode()))
    else:
        made.write_text(text)
    return made


def test_every_open_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    with opens_of(path) as opens:
        path.read_bytes()
        pa.OSFile(str(path)).read()
        path.read_bytes()
        path.stat()
    assert len(opens) == 3


@pytest.mark.parametrize("kernels", ["always", "never"])
def test_a_file_is_opened_once(
    path: Path, kernels: str, footers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASKIT_KERNELS", kernels)
    for read in (biaskit.count, biaskit.report):
        footers.clear()
        with opens_of(path) as opens:
            read(path, **ROLES)
        assert len(opens) == 1, read.__name__
        assert len(footers) == (path.suffix == ".parquet"), read.__name__


def test_a_file_whose_columns_are_asked_for_first_is_opened_once(path: Path) -> None:
    with opens_of(path) as opens:
        biaskit.report(path, facet="sex", predicted="y", features="rest", metrics=["DPPL"])
    assert len(opens) == 1


@pytest.mark.parametrize(
    "verb", ["report", "count", "check", "check --limit", "check --limit --dry-run"]
)
def test_a_command_opens_a_file_once(
    path: Path, verb: str, footers: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {
        "report": HELD,
        "count": [*HELD, "-o", str(tmp_path / "x.counts")],
        "check": ["--config", str(tmp_path / "biaskit.toml")],
        "check --limit": [*HELD, "--limit", "DPL=0.9"],
        "check --limit --dry-run": [*HELD, "--limit", "DPL=0.9", "--dry-run"],
    }[verb]
    (tmp_path / "biaskit.toml").write_text(
        f'[[data]]\nfiles = "{path.name}"\nfacet = "sex"\nlabel = "y"\nlimits = {{DPL = 0.9}}\n'
    )
    with opens_of(path) as opens:
        assert main([verb.split()[0], str(path), *more]) == 0
    assert len(opens) == 1
    assert len(footers) == (path.suffix == ".parquet")


def test_saved_counts_are_opened_once(tmp_path: Path) -> None:
    path = tmp_path / "x.counts"
    biaskit.count(pa.table(DATA), **ROLES).save(path)
    with opens_of(path) as opens:
        biaskit.report(path)
    assert len(opens) == 1


def test_each_file_of_several_is_opened_once(tmp_path: Path) -> None:
    for i in range(3):
        pq.write_table(pa.table(DATA), tmp_path / f"{i}.parquet", row_group_size=1_000)
    with opens_of(tmp_path / "1.parquet") as opens:
        assert biaskit.count(tmp_path, **ROLES).rows == 3 * ROWS
    assert len(opens) == 1


def test_a_pointer_among_files_is_refused_before_any_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table(DATA), tmp_path / "0.parquet", row_group_size=1_000)
    (tmp_path / "1.parquet").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    with (
        opens_of(tmp_path / "0.parquet") as opens,
        pytest.raises(biaskit.BiaskitError, match="git lfs pull"),
    ):
        biaskit.count(tmp_path, **ROLES)
    assert not opens


@pytest.mark.parametrize("kernels", ["always", "never"])
def test_a_name_that_is_not_a_text(
    path: Path, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name on this machine is bytes, and need not be UTF-8."""
    monkeypatch.setenv("BIASKIT_KERNELS", kernels)
    other = path.with_name(os.fsdecode(b"\xe9" + os.fsencode(path.name)))
    path.rename(other)
    assert biaskit.report(os.fspath(other), **ROLES).equals(biaskit.report(pa.table(DATA), **ROLES))
