"""Blocks: JSON inside an HTML page, with a digest, which is read without reading the page.

A page has one block, as a script element that holds data. Nothing else in the page is read, and
nothing in the page is obeyed. The digest covers all of the block, so damage is noticed; it proves
nothing about who wrote the page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import IO, Any, NamedTuple

from biaskit.errors import DataError, RolesError, in_short
from biaskit.store.addresses import PAGES, is_address, reason_of, said

__all__ = ["ID", "NONE", "START", "Form", "block", "is_named_page", "is_page", "load"]

#: Id of the element that holds the block.
ID = "biaskit-counts"
#: What a page has in its head if it was made without a block.
NONE = '<meta name="biaskit:counts" content="none"'
#: Bytes by which a page is known.
START = 64

_OPENING = f'<script type="application/json" id="{ID}">'.encode()
_CLOSING = b"</script>"
_MAX_PAGE = 1 << 26
_MAX_BLOCK = 1 << 25
_MAX_ROLES = 1 << 20
_MAX_ASKED = 1 << 16
# Most lists and objects in a block: an empty one takes two bytes in a page and sixty in memory.
_MOST_PARTS = 1 << 20


class Form(NamedTuple):
    """Description of one kind of block."""

    kind: str
    #: Schemas that are read; the first is written, unless what is told names another.
    schemas: tuple[int, ...]
    #: Advice on how to make such a block again.
    again: str


def block(form: Form, told: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Block of some form, as plain JSON values; `load` reads it.

    `asked` is what was asked for besides what `told` says; it is kept as it is.

    Raises
    ------
    RolesError
        JSON would not give `asked` back as it is, or it is too long.
    """
    from biaskit.store.version import __version__

    stamp = {"form": form.kind, "schema": form.schemas[0], "version": __version__}
    made = {**stamp, **told, "asked": _plain(asked)}
    return {**made, "sha256": _digest(made)}


def is_named_page(path: str | os.PathLike[str]) -> bool:
    """Whether a path or an address is named as an HTML page.

    >>> is_named_page("A.HTML"), is_named_page("s3://b/x.html?region=eu"), is_named_page("x.csv")
    (True, True, False)
    """
    text = os.fspath(path)
    name = text.partition("?")[0] if is_address(text) else PurePath(text).name
    return name.lower().endswith(PAGES)


def is_page(start: bytes, path: str | os.PathLike[str]) -> bool:
    """Whether a file is to be read as a page, by its first bytes and its name."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith(b"<!doctype html") or (
        is_named_page(path) and not start.startswith(b"PAR1")
    )


def load(source: IO[bytes], path: str | os.PathLike[str], form: Form) -> dict[str, Any]:
    """Block in an open page: what `block` made, unchanged, with ``roles`` and ``asked`` in bounds.

    Raises
    ------
    DataError
        The page is too large, has no block, two or part of one, or the block was changed, or is of
        another form or a newer schema.
    """
    text = _block_in(_bytes_of(source, path), path)
    try:
        found = _parsed(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, form, error) from None
    if found.get("form") != form.kind or found.get("schema") not in form.schemas:
        raise DataError(
            f"{said(path)} has {in_short(found.get('form'))} of schema "
            f"{in_short(found.get('schema'))}, made by biaskit {in_short(found.get('version'))}; "
            f"this version reads {form.kind} of schema {' and '.join(map(str, form.schemas))} in "
            f"pages: install a newer biaskit, or {form.again}"
        )
    try:
        _refuse_changed(found)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, form, error) from None
    return found


def _plain(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON of what was asked."""
    try:
        text = json.dumps(asked, allow_nan=False)
        made: dict[str, Any] = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise RolesError(f"what was asked cannot be kept in a page: {error}") from None
    if made != asked:
        raise RolesError(
            f"what was asked cannot be kept in a page: {in_short(asked)} would be read back as "
            f"{in_short(made)}"
        )
    if len(text) > _MAX_ASKED:
        raise RolesError(
            f"what was asked takes {len(text):,} bytes in a page; at most {_MAX_ASKED:,} are kept"
        )
    return made


def _digest(made: Mapping[str, Any]) -> str:
    """Digest of a block, whatever the order of its keys and the blanks between them."""
    import hashlib  # it loads OpenSSL, and most files are no pages

    return hashlib.sha256(_canonical(made)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _bytes_of(source: IO[bytes], path: str | os.PathLike[str]) -> bytes:
    import pyarrow as pa

    try:
        size = source.seek(0, os.SEEK_END)
        if size > _MAX_PAGE:
            raise DataError(
                f"{said(path)} has {size:,} bytes; a page of at most {_MAX_PAGE:,} is read"
            )
        source.seek(0)
        return source.read(size)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{said(path)} cannot be read: {reason_of(error, path)}") from None


def _block_in(page: bytes, path: str | os.PathLike[str]) -> bytes:
    """Text of the only block in a page."""
    number = page.count(_OPENING)
    if not number:
        raise DataError(f"{said(path)} carries no counts: {_why_none(page)}")
    if number > 1:
        raise DataError(
            f"{said(path)} carries counts {number:,} times, and only one of them can be meant; "
            "make the page again"
        )
    start = page.index(_OPENING) + len(_OPENING)
    # A block is written without this character, so a browser ends the element here as well.
    end = page.find(b"<", start)
    if end < 0 or (page[end : end + len(_CLOSING)] != _CLOSING and _CLOSING.startswith(page[end:])):
        raise DataError(f"{said(path)} is cut short within its counts; copy the page again")
    if not page.startswith(_CLOSING, end):
        raise DataError(f"{said(path)} is damaged: its counts hold a tag; make the page again")
    if end - start > _MAX_BLOCK:
        raise DataError(
            f"{said(path)} carries counts of {end - start:,} bytes; at most {_MAX_BLOCK:,} are read"
        )
    return page[start:end]


def _why_none(page: bytes) -> str:
    if NONE.encode() in page:
        return (
            "it was made with counts=False; give the counts or the rows, or make the page with "
            "its counts"
        )
    return (
        "it was not made by biaskit, or it is cut short; give a page of `biaskit report`, the "
        "counts or the rows"
    )


def _parsed(text: bytes) -> dict[str, Any]:
    if text.count(b"[") + text.count(b"{") > _MOST_PARTS:
        raise ValueError(f"it has more than {_MOST_PARTS:,} lists and objects")
    found = json.loads(text.decode(), object_pairs_hook=_each_once, parse_constant=_refuse_constant)
    if not isinstance(found, dict):
        raise ValueError("its counts are not an object")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a key twice")
    return made


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _refuse_changed(found: Mapping[str, Any]) -> None:
    for name, most in {"roles": _MAX_ROLES, "asked": _MAX_ASKED}.items():
        part = found.get(name)
        if not isinstance(part, dict) or len(_canonical(part)) > most:
            raise ValueError(f"{name} is not an object of at most {most:,} bytes")
    if found.get("sha256") != _digest({k: part for k, part in found.items() if k != "sha256"}):
        raise ValueError("its counts are not those that were written")


def _damaged(path: str | os.PathLike[str], form: Form, error: Exception) -> DataError:
    why = "it is nested too deep" if isinstance(error, RecursionError) else error
    return DataError(f"{said(path)} is damaged: {why}; {form.again}")
