"""Explaining: what makes a gap, from a model's file that holds numbers and no program.

biaskit reads trees of XGBoost and LightGBM itself. What a library has to read, which a crafted file
may crash, is read by a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.counts.roles import Roles
from biaskit.errors import BiaskitError, DataError
from biaskit.explanations.attributions import Attributions
from biaskit.explanations.models import FORMATS
from biaskit.explanations.models.consent import CONSENT
from biaskit.progress import Progress
from biaskit.sources.files.dialect import Dialect, dialect_of

__all__ = ["MODELS", "Explanation", "attributions_made", "is_model"]

#: Endings of files of models that hold no program, and those of them that a library reads.
MODELS = (".json", ".ubj", ".txt", ".onnx")
_OF_LIBRARIES = tuple(one for one in MODELS if FORMATS[one].risk)
# What files of the other kinds have at their start.
_SIGNS = {".json": b'"learner"', ".ubj": b"learner", ".txt": b"tree\n"}
_START = 1 << 12
# Largest file of a model, in bytes, and letters of an error of another process.
_MOST_BYTES, _MOST_LETTERS = 1 << 29, 2000
# Seconds after which another process tells again how far it is.
_EVERY = 0.2
# What the library advises, as the page does.
_IN_FIELDS = {
    CONSENT: "this page opens only what biaskit reads itself; if you know who made the file, "
    "explain it by `biaskit explain --trust-model`",
    "Name them in their order with features=": "Write them below, in their order",
    "output_class: no output": "no class",
}


class Explanation(NamedTuple):
    """What is explained: a model's outputs for the rows of a table."""

    #: Who is compared; what else they say is left out.
    roles: Roles
    #: Path of the model.
    model: Path = Path()
    #: Path of the table, or the table.
    data: Any = None
    dialect: Dialect | None = None
    #: Class whose output is explained, of a model of several.
    output: str | None = None
    #: Columns that the model takes, in their order, where its file does not name them.
    features: tuple[str, ...] | None = None


def is_model(path: Path) -> bool:
    """Whether a file is a model of a kind that is opened, by its name and its start."""
    ending = path.suffix.lower()
    if ending not in MODELS:
        return False
    sign = _SIGNS.get(ending)
    if sign is None:
        return True
    with path.open("rb") as file:
        return sign in file.read(_START)


def attributions_made(asked: Explanation, progress: Progress) -> Attributions:
    """Parts of a model's outputs, from every row of a table.

    Raises
    ------
    BiaskitError
        The model or the table cannot be read, or do not fit one another.
    """
    if asked.model.stat().st_size > _MOST_BYTES:
        raise DataError(f"the file of the model has more than {_MOST_BYTES >> 20} MB")
    is_of_library = asked.model.suffix.lower() in _OF_LIBRARIES
    if is_of_library and not isinstance(asked.data, Path):
        raise DataError(
            "a model of this kind is opened for tables in files only; save the table as a file"
        )
    try:
        return (_elsewhere if is_of_library else _summed)(asked, progress)
    except BiaskitError as error:
        message = str(error)
        for ours, theirs in _IN_FIELDS.items():
            message = message.replace(ours, theirs)
        raise type(error)(message) from error


def _summed(asked: Explanation, progress: Progress, *, trust: bool = False) -> Attributions:
    from biaskit.explanations.methods.choice import explained  # few reports have a model
    from biaskit.explanations.request import Request, sides_of
    from biaskit.explanations.summing import attributions_of

    request = Request(
        model=str(asked.model),
        data=asked.data,
        roles=sides_of(asked.roles, {}),
        features=asked.features,
        output_class=asked.output,
        trust_model=trust,
        dialect=asked.dialect,
    )
    return attributions_of(explained(request), progress)


def _elsewhere(asked: Explanation, progress: Progress) -> Attributions:
    """The same, made by a process of its own, which may end as it likes."""
    with tempfile.TemporaryDirectory(prefix="biaskit-") as folder:
        saved = Path(folder, "parts.parquet")
        told = {
            "model": str(asked.model),
            "data": str(asked.data),
            "roles": asked.roles.to_json(),
            "dialect": None if asked.dialect is None else asked.dialect.given(),
            "output": asked.output,
            "features": asked.features,
            "save": str(saved),
        }
        # -P: no module is taken from the folder in which biaskit was started.
        run = [sys.executable, "-P", "-c", f"from {__name__} import _in_child; _in_child()"]
        with _running(run) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(f"{json.dumps(told)}\n")
                child.stdin.close()
            failed = ""
            for line in child.stdout:
                found = json.loads(line[:_MOST_LETTERS])
                if isinstance(found, list):
                    progress(int(found[0]), found[1])
                else:
                    failed = str(found)
        if failed:
            raise DataError(failed)
        if child.returncode or not saved.exists():
            raise DataError(
                "the library that reads this kind of model has broken down over the file; it may "
                "be damaged"
            )
        return Attributions.load(saved)


@contextlib.contextmanager
def _running(run: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, which is ended whatever happens."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        run, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as child:
        try:
            yield child
        except BaseException:
            child.kill()
            raise


def _in_child() -> None:
    """Make what standard input asks for, and tell on standard output how far it is."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # where memory runs out, this process is ended first
        Path("/proc/self/oom_score_adj").write_text("1000")
    told = json.loads(sys.stdin.readline())
    options = told["dialect"]
    csv = {one: v for one, v in (options or {}).items() if one not in ("input_format", "sheet")}
    dialect = None
    if options is not None:
        dialect = dialect_of(csv or None, options.get("input_format"), options.get("sheet"))
    asked = Explanation(
        Roles.from_json(told["roles"]),
        Path(told["model"]),
        Path(told["data"]),
        dialect,
        told["output"],
        None if told["features"] is None else tuple(told["features"]),
    )

    saying = threading.Lock()
    # What a library prints is no message: it goes where its errors go.
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(value: Any) -> None:
        with saying:
            messages.write(f"{json.dumps(value)}\n")
            messages.flush()

    last: list[Any] = [0, None]

    def tell(rows: int, done: float | None) -> None:
        last[:] = rows, done

    def repeat() -> None:
        """Tell again and again, so that whoever reads it may end it at any time."""
        while True:
            say(last)
            time.sleep(_EVERY)

    threading.Thread(target=repeat, daemon=True).start()
    try:
        _summed(asked, tell, trust=True).save(told["save"])
    except BiaskitError as error:
        say(str(error)[: _MOST_LETTERS // 8])
