"""The page on the gate tells the truth: its files and commands are run in a fresh repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "gate.md"
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def git(folder: Path, *command: str) -> None:
    subprocess.run(["git", "-C", folder, *command], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh git repository beside a copy of this one, as the page has it.

    The hook's own environment is built only where BIASKIT_HOOK is "build", which takes a minute;
    elsewhere the hook runs the biaskit that is installed here.
    """
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A person")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "person@example.org")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    copy, made = tmp_path / "biaskit", tmp_path / "project"
    copy.mkdir()
    made.mkdir()
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    if os.environ.get("BIASKIT_HOOK") == "build":
        for name in ("pyproject.toml", "README.md", "LICENSE", "src"):
            copy_of = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy_of(ROOT / name, copy / name)
    else:
        hooks = hooks.replace("language: python", "language: system")
    (copy / ".pre-commit-hooks.yaml").write_text(hooks)
    for folder in (copy, made):
        git(folder, "init", "-q", "-b", "main")
    git(copy, "add", "--all")
    git(copy, "commit", "-qm", "Hooks")
    git(copy, "tag", "v0.1.0")
    return made


def run(commands: list[str], folder: Path) -> list[str]:
    """What each command prints, in one shell."""
    script = "".join(f"printf '\\036'\n{command}\n" for command in commands)
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.split("\036")[1:]


def without_noise(text: str) -> str:
    """What pre-commit says of itself, the first time."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[INFO]"))


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(project: Path) -> None:
    ran = 0
    for language, name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if name and language in ("toml", "yaml"):
            (project / name).write_text(text)
            if name == ".pre-commit-config.yaml":
                run(["pre-commit install"], project)
        elif language == "console":
            commands = COMMAND.findall(text)
            printed = run([command for command, _ in commands], project)
            for (command, expected), found in zip(commands, printed, strict=True):
                assert without_noise(found) == expected, command
                ran += 1
    assert ran >= 6
