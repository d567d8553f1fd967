"""The house: who may import what."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import biaskit

ROOT = Path(biaskit.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__main__.py")


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
            if name not in (*getattr(home, "__all__", ()), "__version__"):
                hidden.append(f"{name_of(path)} imports {module}.{name}")
    assert not hidden


def test_a_name_for_others_is_there() -> None:
    for path in MODULES:
        module = importlib.import_module(name_of(path))
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{name_of(path)}.{name}"
