"""Endings: how a job says that it ended, in its output and where SageMaker reads its message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from biaskit.clarify.places import Places
from biaskit.errors import BiaskitError
from biaskit.store.addresses import in_one_line, without_secrets

__all__ = ["Phase", "told"]

# What an earlier run may have left, which would pass for the result of one that failed.
_OLD = ("analysis.json", "failure.json", "constraint_violations.json", "biaskit.json")
# Most bytes of a message of SageMaker's.
_MOST_MESSAGE = 1_024


@dataclass
class Phase:
    """The step of a job that is being done, which a failure names."""

    name: str = "configuration"
    #: What is said when the job has ended well.
    ending: str = "Completed: SageMaker XAI Analyzer ran successfully"


@contextmanager
def told(places: Places, phase: Phase) -> Iterator[None]:
    """Files that say how a job ended, in the output and where SageMaker reads its message."""
    places.output.mkdir(parents=True, exist_ok=True)
    for name in _OLD:
        (places.output / name).unlink(missing_ok=True)
    for name in ("explanations_shap", "asymmetric_shapley_value"):
        shutil.rmtree(places.output / name, ignore_errors=True)
    try:
        yield
    except BaseException as error:
        for name in _OLD:
            (places.output / name).unlink(missing_ok=True)
        cause = _cause(error)
        is_theirs = isinstance(error, BiaskitError)
        failure = {"phase": phase.name, "error": type(error).__name__, "cause": cause}
        text = json.dumps(failure, indent=4, ensure_ascii=False) + "\n"
        (places.output / "failure.json").write_bytes(text.encode(errors="backslashreplace"))
        _tell(places, f"Customer Error: {cause}" if is_theirs else f"Internal Error: {cause}")
        raise
    _tell(places, phase.ending)


def _cause(error: BaseException) -> str:
    """Why a job ended, in a line without secrets."""
    if isinstance(error, KeyboardInterrupt):
        return "the job was interrupted"
    return without_secrets(in_one_line(error)) or type(error).__name__


def _tell(places: Places, message: str) -> None:
    if places.message is not None:
        text = message.encode(errors="replace")[:_MOST_MESSAGE].decode(errors="ignore")
        places.message.write_text(text, encoding="utf-8")
