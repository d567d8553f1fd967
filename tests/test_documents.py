"""The documents tell the truth: their blocks run, their figures are computed, links lead on."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import biaskit
from support.engines import spark
from support.goldens import CASES, figures

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Least number of commands that pages run, one after another in a folder.
COMMANDS = {"README.md": 6, "docs/scale.md": 4, "docs/pages.md": 5, "docs/sharing.md": 3}
each_page = pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@each_page
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if page.name == "scale.md":  # runs on a local Spark, and on an S3 of its own
        spark()
        pytest.importorskip("moto.server", reason="moto is not installed")
        pytest.importorskip("pyiceberg.catalog.sql", reason="pyiceberg is not installed")
        for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
            monkeypatch.setenv(f"AWS_{name}", "")  # the page sets them, and they are put back
    code = "\n".join(blocks(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    out: list[str] = []
    runner.run(test, out=out.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(out)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*COMMANDS])
def test_console_blocks_run(name: str, tmp_path: Path) -> None:
    """In an empty folder, each command prints what the page says it does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = 0
    for block in blocks(ROOT / name, "console"):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            done = subprocess.run(
                command,
                shell=True,
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert done.stdout == expected, command
            ran += 1
    assert ran >= COMMANDS[name]


def test_the_set_up_is_two_commands_of_one_line() -> None:
    """CI runs both as they stand."""
    commands = [block.strip() for block in blocks(ROOT / "README.md", "bash")]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert commands[0].endswith("biaskit demo")
    assert commands[1].endswith("pytest")


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_that_are_made_of_the_code() -> None:
    made_of_code = generator()
    for folder, made in made_of_code.pages().items():
        there = {one.name for one in made_of_code.written_in(folder)} or {*made}
        found = {name: (ROOT / "docs" / folder / name).read_text("utf-8") for name in there}
        assert found == made, "run `python docs/generate.py`"


def test_the_gallery_is_small_and_of_aggregates() -> None:
    """No rows of people are in the repository, and few cells of 1 to 10 of them."""
    folder = ROOT / "docs" / "pages"
    assert sum(one.stat().st_size for one in folder.iterdir()) < 450_000
    for path in folder.glob("*.counts"):
        for facet, table in biaskit.Counts.load(path).tables.items():
            assert table.n.size <= 48, (path, facet)
            assert ((table.n > 0) & (table.n <= 10)).sum() <= 4, (path, facet)


def test_the_drawing_of_the_folders_has_each() -> None:
    """One that was added to the package, and not to the drawing, would be missed by nobody."""
    there = {one.name for one in Path(biaskit.__file__).parent.iterdir()}
    assert {*generator()._DOWNWARDS} == there - {"py.typed", "__pycache__"}


def test_the_table_of_differences_from_smclarify() -> None:
    """Each row's figures are smclarify's, as recorded, and ours, as computed."""
    text = (ROOT / "docs" / "clarify.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(\w+)` (\w+) \| (\S+) \| (\S+) \|$", text, re.MULTILINE)
    assert len(rows) >= 11
    for case, symbol, theirs, ours in rows:
        recorded = CASES[case]["smclarify"][symbol]
        error = str(recorded).startswith("ERROR")
        assert theirs == ("error" if error else f"{float(recorded):.3f}"), (case, symbol)
        assert ours == f"{figures(CASES[case])[symbol]:.3f}", (case, symbol)
        assert symbol in CASES[case]["differs"]


def test_every_case_that_differs_is_in_the_table() -> None:
    text = (ROOT / "docs" / "clarify.md").read_text(encoding="utf-8")
    differing = {
        case["id"]
        for case in CASES.values()
        if set(case["differs"]) & set(biaskit.METRICS) and "columns" in case
    }
    told = set(re.findall(r"`(\w+)` [A-Z]", text))
    assert differing - told == set()


def test_the_version_is_the_same_everywhere() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{biaskit.__version__}"' in text
    changelog = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
    assert f"## {biaskit.__version__}" in changelog
