"""What a verb writes: text or a table, to the terminal or to a file, and progress meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.cli.flags import Once
from biaskit.cli.writing.screen import Records, Shown, screen, width_of_terminal
from biaskit.cli.writing.streams import say
from biaskit.errors import DataError, RolesError
from biaskit.progress import heard
from biaskit.sources.files.finding import expanded
from biaskit.store import formats, saved, written
from biaskit.store.addresses import is_address
from biaskit.store.version import __version__

__all__ = [
    "FORMS",
    "Form",
    "about",
    "add_output",
    "emit",
    "progress_line",
    "refuse_overwriting",
    "settle_output",
    "write",
]


class Form(NamedTuple):
    """A form of output: the suffix of a file's name that selects it, and the text of its rows.

    A form that is not text writes its file itself. `ready` refuses it before any work, where what
    it needs is not installed.
    """

    suffix: str
    text: Callable[[Records], str] | None
    file: Callable[[Records, str], None] | None = None
    ready: Callable[[], None] | None = None


def _text(made: Records) -> str:
    return screen(made._replace(shown=Shown(range(len(made.rows)), briefly=False)))


def _json(made: Records) -> str:
    held = {}
    for one in made.parts or [made]:
        whole = one.with_words()
        held[one.key] = [dict(zip(whole.columns, row, strict=True)) for row in whole.rows]
    return formats.as_json({**made.head, **held})


def _csv(made: Records) -> str:
    made = made.with_words()
    return formats.as_csv(made.columns, made.rows)


def _safe_csv(made: Records) -> str:
    made = made.with_words()
    return formats.as_safe_csv(made.columns, made.rows)


def _markdown(made: Records) -> str:
    summary = "\n".join(f"* {formats.markdown(one)}" for one in made.summary)
    if made.parts:
        tables = (f"### {formats.markdown(one.key)}\n\n{_markdown(one)}" for one in made.parts)
        return "\n\n".join(filter(None, [summary, *tables]))
    table = formats.as_markdown(*made.with_words().for_people())
    return "\n\n".join(filter(None, [summary, table]))


def _parquet(made: Records, path: str) -> None:
    made = made.with_words()
    columns = zip(*made.rows, strict=True) if made.rows else ([] for _ in made.columns)
    saved.write(path, dict(zip(made.columns, columns, strict=True)))


def _workbook(made: Records, path: str) -> None:
    from biaskit.pages.exports.results import Results, write_results
    from biaskit.pages.exports.workbook import Sheet

    whole = made.with_words()
    roles = made.head.get("roles", {})
    results = Results(made.key, whole.columns, whole.rows, made.before, made.level, roles)
    sheets = [Sheet(one.key, one.columns, [*one.rows]) for one in made.parts]
    write_results(path, results._replace(summary=made.summary, sheets=sheets))


def _workbook_ready() -> None:
    from biaskit.pages.exports.workbook import refuse_without_library

    refuse_without_library()


#: Forms of a table by the name that `--format` takes.
FORMS: Mapping[str, Form] = {
    "table": Form(".txt", _text),
    "json": Form(".json", _json),
    "csv": Form(".csv", _csv),
    "csv-safe": Form("", _safe_csv),
    "markdown": Form(".md", _markdown),
    "parquet": Form(".parquet", None, _parquet),
    "excel": Form(".xlsx", None, _workbook, _workbook_ready),
}


def add_output(
    parser: argparse.ArgumentParser, forms: Collection[str] = FORMS, default: str = "table"
) -> None:
    """Add the flags for where the output goes and in which form."""
    parser.add_argument(
        "--format",
        choices=[*forms],
        action=Once,
        help=f"form of the output (default: by the name of FILE, else {default})",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to a file, whole or not at all"
    )


def settle_output(
    args: argparse.Namespace, forms: Mapping[str, Any] = FORMS, default: str = "table"
) -> None:
    """Choose the format and refuse an output that cannot be written, before any work."""
    output = args.output
    suffixes = {form.suffix: name for name, form in forms.items() if form.suffix}
    if output is not None:
        written.refuse_unwritable(output)
        suffix = Path(output).suffix.lower()
        if args.format is None and suffix not in suffixes:
            raise RolesError(
                f"{output!r} does not say its format; give --format, or a name that ends in "
                f"{', '.join(suffixes)}"
            )
        args.format = args.format or suffixes[suffix]
    elif args.format is not None and forms[args.format].text is None:
        raise RolesError(f"--format {args.format} needs a file: -o FILE")
    args.format = args.format or default
    if (ready := getattr(forms[args.format], "ready", None)) is not None:
        ready()


def refuse_overwriting(
    output: str | None, data: Sequence[str], others: Iterable[str | Path | None] = ()
) -> None:
    """Refuse an output that is also one of the inputs: a file, or inside a glob or a folder."""

    def read() -> Iterator[str | Path | None]:
        yield from others
        if local := [one for one in data if not is_address(one)]:
            yield from expanded(local)

    if output is not None:
        written.refuse_inputs(output, read())


def emit(args: argparse.Namespace, made: Records, forms: Mapping[str, Form] = FORMS) -> None:
    """Write rows in the requested form to the requested place."""
    if args.format == "csv" and args.output is None:
        for text in itertools.chain(made.columns, *made.rows, made.words):
            if isinstance(text, str) and formats.printable(text) != text:
                raise DataError(
                    f"{text!r} holds characters that a terminal or a log may obey, and CSV cannot "
                    "escape them; write to a file with -o, or give --format csv-safe or json"
                )
    form = forms[args.format]
    if args.format == "table" and args.output is None:
        say(screen(made, width_of_terminal()))
    elif form.text is not None:
        write(args, form.text(made))
    elif form.file is not None:
        form.file(made, args.output)


def write(args: argparse.Namespace, text: str) -> None:
    """Write text to the output that the call names, by default standard output."""
    if args.output is None:
        say(text)
    else:
        with written.atomically(args.output) as file:
            file.write(f"{text}\n".encode(errors="backslashreplace"))  # an unpaired surrogate


def about(schema: int) -> dict[str, Any]:
    """Version that made a JSON object, and the schema for reading it."""
    return {"biaskit": {"version": __version__, "schema": schema}}


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[int, float | None], None] | None]:
    """Progress line on standard error during long work, only where it is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    start = shown = time.monotonic()

    def show(rows: int, done: float | None) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - start < 1 or now - shown < 0.2:  # quick work needs no line
            return
        shown = now
        line = f"{rows:,} rows, {rows / (now - start):,.0f} a second"
        if done:
            line += f", {(now - start) * (1 - done) / done:,.0f} s left"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def compiles() -> None:
        nonlocal shown
        shown = time.monotonic()
        sys.stderr.write("\r\x1b[Kcompiling, which later calls need not")
        sys.stderr.flush()

    try:
        with heard(compiles):
            yield show
    finally:
        if shown > start:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
