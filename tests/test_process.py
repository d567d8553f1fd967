"""The process of a call: how it begins, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biaskit.store.readers import parquet_file


def ended(*call: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """A call of the command line in a process of its own, after some code."""
    code = f"import atexit, sys\nsys.argv[0] = 'biaskit'\n{before}\n"
    code += "atexit.register(print, 'at exit')\n"
    code += "from biaskit.__main__ import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *call], capture_output=True, text=True, check=False
    )


def test_a_call_ends_without_taking_python_apart() -> None:
    done = ended("metrics", "DPL")
    assert done.returncode == 0
    assert done.stdout.startswith("DPL")
    assert "at exit" not in done.stdout


@pytest.mark.parametrize(("call", "code"), [(["metrics", "DPX"], 2), (["--version"], 0)])
def test_a_call_ends_with_its_exit_code(call: list[str], code: int) -> None:
    assert ended(*call).returncode == code


def test_what_a_model_or_a_profiler_does_at_exit_is_done() -> None:
    assert "at exit" in ended("explain", "x.csv").stdout
    assert "at exit" in ended("metrics", before="sys.setprofile(lambda *_: None)").stdout


def test_a_process_that_runs_no_model_has_one_thread_for_linear_algebra() -> None:
    def threads(verb: str) -> str:
        read = "import os; atexit.register(lambda: print(os.environ.get('OPENBLAS_NUM_THREADS')))"
        return ended(verb, before=f"{read}; sys.setprofile(lambda *_: None)").stdout

    assert threads("metrics").endswith("1\n")
    assert threads("explain").endswith("None\n")


def test_a_file_is_read_as_by_the_class_of_arrow(tmp_path: Path) -> None:
    path = tmp_path / "nested.parquet"
    inner = pa.array([{"b": 1, "c": {"d": "x"}}, {"b": 2, "c": None}, None])
    table = pa.table({"a": inner, "a.b": [7, 8, 9], "s": ["F", "M", None]})
    pq.write_table(table, path, row_group_size=2)
    own = parquet_file(str(path), read_dictionary=["s"])
    arrows = pq.ParquetFile(path, read_dictionary=["s"])
    assert own.metadata == arrows.metadata
    assert own.schema_arrow == arrows.schema_arrow
    for columns in (["a"], ["s", "a.b"], ["a.c"], ["a.c.d", "s"], ["none"]):
        for more in ({}, {"row_groups": [1]}, {"use_threads": False}):
            given = {"batch_size": 2, "columns": columns, **more}
            assert [*own.iter_batches(**given)] == [*arrows.iter_batches(**given)]
    own.close()
    assert own.closed


def test_a_file_is_read_where_arrow_has_moved_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    monkeypatch.setitem(sys.modules, "pyarrow._parquet", None)
    with parquet_file(str(path)) as found:
        assert isinstance(found, pq.ParquetFile)
        assert next(found.iter_batches(batch_size=9, columns=["a"])).num_rows == 2
