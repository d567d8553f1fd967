"""Progress of a call: to a function, on a bar, on the command line, and to nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import biaskit
from biaskit import progress
from biaskit.errors import DataError, RolesError
from biaskit.progress import Step, compiling, heard, told

ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "x.csv"
    path.write_text("sex,y,pay\n" + "F,1,2\nM,0,3\nM,1,1\n" * 200_000)
    return path


def score(rows: pd.DataFrame) -> Any:
    return 2.0 * rows["pay"]


EXPLAINED: dict[str, Any] = {"features": ["pay"]}
CALLS: dict[str, Any] = {
    "count": lambda data, **more: biaskit.count(data, **ROLES, **more),
    "report": lambda data, **more: biaskit.report(data, metrics="DPL", **ROLES, **more),
    "rates": lambda data, **more: biaskit.rates(data, **ROLES, **more),
    "page": lambda data, **more: biaskit.page(data, metrics=["DPL"], **ROLES, **more),
    "compare": lambda data, **more: biaskit.compare(data, biaskit.count(data, **ROLES), **more),
    "explain": lambda data, **more: biaskit.explain(score, data, facet="sex", **EXPLAINED, **more),
    "attribute": lambda data, **more: biaskit.attribute(
        score, data, facet="sex", **EXPLAINED, **more
    ),
    "shap_values": lambda data, **more: biaskit.shap_values(score, data, **EXPLAINED, **more),
    "partial_dependence": lambda data, **more: biaskit.partial_dependence(
        score, data, "pay", columns=["pay"], **more
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_function_is_told_how_far_each_call_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    path = tmp_path / "x.csv"
    path.write_text("sex,y,pay\n" + "F,1,2\nM,0,3\nM,1,1\n" * 300)
    steps: list[Step] = []
    CALLS[name](path, progress=steps.append)
    read = [step for step in steps if step.doing == "reading"]
    assert read[-1] == Step("reading", 900, 1.0)
    assert read == sorted(read, key=lambda step: step.rows)


def test_steps_stand_some_time_apart(rows: Path) -> None:
    steps: list[Step] = []
    biaskit.count(rows, **ROLES, progress=steps.append)
    assert steps[-1] == Step("reading", 600_000, 1.0)
    with told(steps.append) as tell:
        assert tell is not None
        steps.clear()
        for i in range(100_000):
            tell(i, i / 100_000)
    assert len(steps) < 1_000
    assert steps[-1] == Step("reading", 99_999, 0.99999)


def test_compilation_is_told() -> None:
    steps: list[Step] = []
    with told(steps.append) as tell:
        assert tell is not None
        tell(7, 0.5)
        compiling()
    compiling()
    assert steps == [Step("reading", 7, 0.5), Step("compiling", 7, 0.5)]


_COMPILES = """
import sys, pyarrow as pa, pyarrow.parquet as pq, biaskit
pq.write_table(pa.table({"sex": ["F", "M"] * 50, "y": [1, 0] * 50}), sys.argv[1])
steps = []
biaskit.count(sys.argv[1], facet="sex", label="y", progress=steps.append)
print(*(step.doing for step in steps))
"""


@pytest.mark.slow
def test_the_first_compilation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    call = [sys.executable, "-c", _COMPILES, str(tmp_path / "x.parquet")]
    first, second = (
        subprocess.run(call, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert first.startswith("compiling")
    assert first.endswith("reading\n")
    assert second == "reading\n"


def test_nothing_is_printed_unless_asked(rows: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for nobody in (None, False):
        biaskit.count(rows, **ROLES, progress=nobody)
    assert capfd.readouterr() == ("", "")
    biaskit.count(rows, **ROLES, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "600,000 rows" in err


def test_a_bar_is_closed_on_errors_and_interrupts(
    rows: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tqdm.auto import tqdm

    def fails(error: type[BaseException]) -> None:
        with told(True) as tell:
            assert tell is not None
            tell(5, 0.25)
            assert len(tqdm._instances) == 1
            raise error

    for error in (KeyboardInterrupt, DataError, ZeroDivisionError):
        with pytest.raises(error):
            fails(error)
        assert not tqdm._instances
    assert "25%" in capfd.readouterr().err


def test_an_unknown_share_has_no_percentage(capfd: pytest.CaptureFixture[str]) -> None:
    with told(True) as tell:
        assert tell is not None
        tell(1_234, None)
    err = capfd.readouterr().err
    assert "1,234 rows" in err
    assert "%" not in err


def test_a_closed_standard_error_has_no_bar(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert biaskit.count(rows, **ROLES, progress=True).rows == 600_000


def test_an_error_of_the_function_ends_the_call(rows: Path) -> None:
    def stop(step: Step) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        biaskit.count(rows, **ROLES, progress=stop)
    with heard(lambda: None):
        pass
    assert not progress._listeners
    for wrong in (1, "yes", [print]):
        with pytest.raises(RolesError, match="progress takes True or a function"):
            biaskit.count(rows, **ROLES, progress=wrong)
