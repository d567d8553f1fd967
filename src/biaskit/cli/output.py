"""What a verb writes: text or a table, to the terminal or to a file, and progress meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from biaskit import formats
from biaskit.cli.flags import Once
from biaskit.cli.streams import say
from biaskit.errors import DataError, RolesError
from biaskit.sources.counting import expanded
from biaskit.store import saved, written
from biaskit.store.addresses import is_address

__all__ = [
    "add_output",
    "add_target",
    "progress_line",
    "refuse_overwriting",
    "settle_output",
    "tabular",
    "write",
]

_SUFFIXES = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".parquet": "parquet",
    ".txt": "table",
}


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the flags of where a table goes, and in which form."""
    add_target(parser, ["table", "json", "csv", "csv-safe", "markdown", "parquet"], "table")


def add_target(parser: argparse.ArgumentParser, forms: Sequence[str], default: str) -> None:
    """Add the flags of where the output goes, and in which of some forms."""
    parser.add_argument(
        "--format",
        choices=forms,
        action=Once,
        help=f"form of the output (default: by the name of FILE, else {default})",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to a file, whole or not at all"
    )


def settle_output(
    args: argparse.Namespace, suffixes: Mapping[str, str] = _SUFFIXES, default: str = "table"
) -> None:
    """Settle the format, and refuse an output that could not be written, before any work."""
    output = args.output
    if output is not None:
        written.refuse_unwritable(output)
        suffix = Path(output).suffix.lower()
        if args.format is None and suffix not in suffixes:
            raise RolesError(
                f"which format is {output!r}? Give --format, or end in {', '.join(suffixes)}"
            )
        args.format = args.format or suffixes[suffix]
    elif args.format == "parquet":
        raise RolesError("--format parquet needs a file: -o FILE")
    args.format = args.format or default


def refuse_overwriting(
    output: str | None, data: Sequence[str], others: Iterable[str | Path | None] = ()
) -> None:
    """Refuse an output that is one of the files, globs and folders that are read for it."""

    def read() -> Iterator[str | Path | None]:
        yield from others
        if local := [one for one in data if not is_address(one)]:
            yield from expanded(local)

    if output is not None:
        written.refuse_inputs(output, read())


def tabular(args: argparse.Namespace, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Text of a table in the form that was asked for; Parquet is written at once."""
    if args.format == "parquet":
        saved.write(args.output, dict(zip(columns, zip(*rows, strict=True), strict=True)))
        return ""
    if args.format == "csv" and args.output is None:
        texts = [text for line in [columns, *rows] for text in line if isinstance(text, str)]
        if told := next((text for text in texts if formats.printable(text) != text), None):
            raise DataError(
                f"{told!r} has what a terminal or a log may obey, and CSV has no way to escape "
                "that; write to a file with -o, or give --format csv-safe or json"
            )
    write: dict[str, Callable[..., str]] = {
        "table": formats.as_table,
        "csv": formats.as_csv,
        "csv-safe": formats.as_safe_csv,
        "markdown": formats.as_markdown,
    }
    return write[args.format](columns, rows)


def write(args: argparse.Namespace, text: str) -> None:
    """Write text where the call says, standard output by default."""
    if args.output is None:
        say(text)
    elif args.format != "parquet":
        with written.atomically(args.output) as file:
            file.write(f"{text}\n".encode(errors="backslashreplace"))  # half a character


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[int, float | None], None] | None]:
    """Line on standard error while long work goes on; only where a person can see it."""
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

    try:
        yield show
    finally:
        if shown > start:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
