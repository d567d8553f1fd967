"""What is loaded when: importing costs nothing, and the command line never loads pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit

HEAVY = ("pandas", "numba", "scipy", "shap", "polars", "narwhals", "sklearn", "biaskit.pages")


def modules(code: str, *args: str) -> set[str]:
    """All modules that are loaded after some code has run in a process of its own."""
    script = f"import sys\n{code}\nprint('loaded:', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, *args], check=True, capture_output=True, text=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def loaded(code: str, *args: str) -> set[str]:
    """Those of them that take long to load."""
    return modules(code, *args) & {*HEAVY, "numpy", "pyarrow"}


def table_of_rows(suffix: str, folder: Path) -> str:
    """Path of a small table in a file of some format."""
    path = folder / f"rows.{suffix}"
    if suffix == "csv":
        path.write_text("sex,y,g\nF,1,a\nM,0,b\nM,1,a\n")
    else:
        pq.write_table(
            pa.table({"sex": ["F", "M", "M"], "y": [1, 0, 1], "g": ["a", "b", "a"]}), path
        )
    return str(path)


def test_importing_the_package_loads_nothing() -> None:
    assert loaded("import biaskit; dir(biaskit)") == set()


def test_arithmetic_needs_numpy_only() -> None:
    assert loaded("import biaskit; biaskit.METRICS, biaskit.Counts, biaskit.BiaskitError") == {
        "numpy"
    }


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_report_on_the_command_line_does_without_pandas(suffix: str, tmp_path: Path) -> None:
    path = table_of_rows(suffix, tmp_path)
    code = "from biaskit.cli import main; assert main(['report', *sys.argv[1:]]) == 0"
    found = loaded(code, path, "--facet", "sex", "--label", "y", "--group", "g", "--format", "json")
    assert found == {"numpy", "pyarrow"}


def test_a_report_loads_no_clients_of_stores_and_no_kernels(tmp_path: Path) -> None:
    path = table_of_rows("parquet", tmp_path)
    code = "from biaskit.cli import main; assert main(['report', *sys.argv[1:]]) == 0"
    found = modules(code, path, "--facet", "sex", "--label", "y", "--group", "g")
    assert not found & {
        *("pyarrow.fs", "pyarrow.parquet", "ssl", "hashlib", "shutil", "concurrent.futures"),
        *("biaskit.sources.parquet.encoded", "biaskit.cli.gating"),
    }


@pytest.mark.parametrize(
    ("suffix", "reader", "others"),
    [
        ("parquet", "parquet.source", ("text.texts", "engines")),
        ("csv", "text.texts", ("parquet.source", "engines")),
    ],
)
def test_a_call_loads_the_reader_of_its_data_alone(
    suffix: str, reader: str, others: tuple[str, ...], tmp_path: Path
) -> None:
    path = table_of_rows(suffix, tmp_path)
    found = modules("import biaskit; biaskit.count(sys.argv[1], facet='sex')", path)
    assert f"biaskit.sources.{reader}" in found
    assert not {f"biaskit.sources.{one}" for one in others} & found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_a_check_does_without_pandas_and_numba(name: str, tmp_path: Path) -> None:
    columns = {"sex": ["F", "M"] * 5_000, "y": [1, 0, 1, 1] * 2_500}
    if name.endswith("csv"):
        lines = (f"{sex},{y}\n" for sex, y in zip(*columns.values(), strict=True))
        (tmp_path / name).write_text("sex,y\n" + "".join(lines))
    else:
        pq.write_table(pa.table(columns), tmp_path / name)
    (tmp_path / "biaskit.toml").write_text(
        f'[[data]]\nfiles = "{name}"\nfacet = "sex"\nlabel = "y"\nlimits = {{DPL = 0.6}}\n'
    )
    code = "from biaskit.cli import main; assert main(['check', *sys.argv[1:]]) == 0"
    config = str(tmp_path / "biaskit.toml")
    assert loaded(code, "--config", config) == {"numpy", "pyarrow"}
    assert loaded(code, "--config", config, str(tmp_path / name)) == {"numpy", "pyarrow"}


def test_counts_are_compared_without_pandas(tmp_path: Path) -> None:
    rows = pa.table({"sex": ["F", "M"] * 50, "y": [1, 0, 1, 1] * 25, "g": ["a", "b"] * 50})
    counts = biaskit.count(rows, facet="sex", label="y", group="g")
    counts.save(tmp_path / "then.counts")
    code = "from biaskit.cli import main; main(['compare', *sys.argv[1:]])"
    assert loaded(code, *[str(tmp_path / "then.counts")] * 2) == {"numpy", "pyarrow"}


def test_the_names_of_the_package() -> None:
    assert set(biaskit.__all__) <= set(dir(biaskit))
    for name in biaskit.__all__:
        assert getattr(biaskit, name) is not None
    assert callable(biaskit.report)
    with pytest.raises(AttributeError, match="no attribute 'reprot'"):
        biaskit.reprot  # noqa: B018


@pytest.mark.slow
def test_an_explanation_on_the_command_line_does_without_pandas_and_shap(tmp_path: Path) -> None:
    """A LightGBM file of a single leaf, so that no library is needed to make one."""
    (tmp_path / "model.txt").write_text(
        "tree\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=y\n\n"
        "Tree=0\nnum_leaves=2\nsplit_feature=0\nthreshold=0.5\ndecision_type=2\nleft_child=-1\n"
        "right_child=-2\nleaf_value=1 2\nleaf_count=1 1\ninternal_count=2\n\nend of trees\n"
    )
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"sex": ["F", "M", "M"], "y": [1, 0, 1]}), path)
    code = "from biaskit.cli import main; assert main(['explain', *sys.argv[1:]]) == 0"
    found = loaded(code, str(path), "--model", str(tmp_path / "model.txt"), "--facet", "sex")
    assert found == {"numpy", "pyarrow", "numba", "scipy"}
