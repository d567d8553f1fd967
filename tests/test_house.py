"""The house: who may import what, and how large anything may grow."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import biaskit

ROOT = Path(biaskit.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__main__.py")
MOST_LINES, MOST_MODULES, MOST_ENTRIES, MOST_ARGUMENTS = 450, 16, 20, 10


def name_of(path: Path) -> str:
    """Dotted name of a module."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "biaskit":
            for name in node.names:
                yield str(node.module), name.name


def test_a_name_that_others_use_is_said_to_be_for_them() -> None:
    names = {name_of(path) for path in MODULES}
    hidden = []
    for path in MODULES:
        for module, name in imports_of(path):
            if f"{module}.{name}" in names:
                continue
            home = importlib.import_module(module)
            if name not in getattr(home, "__all__", ()):
                hidden.append(f"{name_of(path)} imports {module}.{name}")
    assert not hidden


def test_a_name_for_others_is_there() -> None:
    for path in MODULES:
        module = importlib.import_module(name_of(path))
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{name_of(path)}.{name}"


def test_nothing_has_grown_too_large() -> None:
    for path in MODULES:
        if "_kernels" not in path.parts:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= MOST_LINES, (
                f"{name_of(path)} has {lines} lines; does it tell two stories?"
            )
    for folder in {path.parent for path in MODULES} - {ROOT}:
        assert len([*folder.glob("*.py")]) <= MOST_MODULES, folder.name
    entries = {one.name for one in ROOT.iterdir()} - {"py.typed", "__pycache__"}
    assert len(entries) <= MOST_ENTRIES, entries


def test_kernels_take_few_arguments() -> None:
    for path in (ROOT / "_kernels").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                number = len(node.args.args) + len(node.args.kwonlyargs)
                assert number <= MOST_ARGUMENTS, f"{path.name}: {node.name} takes {number}"


def test_a_folder_loads_nothing_of_its_own() -> None:
    """A folder's `__init__` says what it is for; only the doors of the package do more."""
    doors = {"biaskit", "biaskit.cli", "biaskit.clarify", "biaskit.audits", "biaskit.metrics"}
    doors.add("biaskit._kernels")
    for path in MODULES:
        if path.name == "__init__.py" and name_of(path) not in doors:
            assert not [*imports_of(path)], f"{name_of(path)} imports others"
