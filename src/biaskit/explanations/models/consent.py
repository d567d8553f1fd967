"""Consent: libraries that open a model file, and which of their versions may."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biaskit.errors import DataError, RolesError, first_line

__all__ = ["CONSENT", "imported", "library_for", "loaded", "pickle_file"]

CONSENT = "if you know who made it, say --trust-model (trust_model=True)"


def library_for(
    what: str, library: str, module: str, *, trust: bool, least: tuple[int, ...] = (0,)
) -> Any:
    """Library that opens a file which biaskit cannot read itself.

    Raises
    ------
    RolesError
        The caller has not said that the file may be trusted.
    DataError
        The library is missing, or too old.
    """
    if not trust:
        raise RolesError(
            f"the model has {what}, which only {library} reads, and a crafted file can crash it;"
            f" {CONSENT}"
        )
    why = f"the model has {what}, for which {library} itself is needed"
    return imported(module, why, least=least)


def imported(module: str, why: str, *, least: tuple[int, ...] = (0,)) -> Any:
    """Module that opens a file.

    Parameters
    ----------
    module
        Its name.
    why
        What it is needed for.
    least
        Oldest version without known vulnerabilities to crafted files.

    Raises
    ------
    DataError
        It is not installed, or too old.
    """
    package = module.split(".")[0]
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"{why}: pip install {package}") from error
    version = str(getattr(sys.modules[package], "__version__", "0"))
    if tuple(map(int, re.findall(r"\d+", version)[: len(least)])) < least:
        needed = ".".join(map(str, least))
        raise DataError(
            f"{package} {version} has vulnerabilities that a model file can exploit; "
            f"pip install '{package}>={needed}'"
        )
    return found


def loaded(library: str, load: Callable[[], Any]) -> Any:
    """Object that a library reads from a file; any error of the library is the file's fault."""
    try:
        return load()
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{library} cannot read it: {first_line(error)}") from error


def pickle_file(path: Path, _: bool) -> Any:
    """Object in a pickle, which runs the pickle's code.

    Raises
    ------
    DataError
        It cannot be opened.
    """
    if path.suffix.lower() == ".joblib":
        load = imported("joblib", "a .joblib file needs joblib").load
    else:
        import pickle

        load = pickle.load
    try:
        with path.open("rb") as file:
            return load(file)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"it cannot be unpickled: {type(error).__name__}: {reason}") from error
