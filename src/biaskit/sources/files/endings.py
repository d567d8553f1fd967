"""Endings: what the ends of files' names, and their first bytes, say of their format."""

from __future__ import annotations

from pathlib import PurePath

from biaskit.errors import RolesError, in_short, listed

__all__ = [
    "ARCHIVE",
    "COMPRESSIONS",
    "FORMATS",
    "IN_FOLDERS",
    "MAGIC",
    "checked_input_format",
    "ending_of_bytes",
    "is_data",
]

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "excel",
}
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}
#: Ending of files that hold files of rows.
ARCHIVE = ".zip"
#: Endings of the files that a folder, or an archive, stands for. A workbook, and a JSON document,
#: which may describe the files beside it, are named by themselves.
IN_FOLDERS = tuple(end for end, format_ in FORMATS.items() if format_ not in ("excel", "json"))
#: First bytes of files, by the ending that their names should have.
MAGIC = {
    b"PAR1": ".parquet",
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"\xfd7zX": ".xz",
    b"PK\x03\x04": ARCHIVE,
}


def checked_input_format(given: object) -> str | None:
    """Format that a call names, in lower case.

    Raises
    ------
    RolesError
        It is not one that biaskit reads.

    Examples
    --------
    >>> checked_input_format("CSV.gz"), checked_input_format(None)
    ('csv.gz', None)
    """
    if given is None:
        return None
    text = given.lower().removeprefix(".") if isinstance(given, str) else ""
    name, _, compression = text.partition(".")
    format_ = FORMATS.get(f".{name}")
    is_packed = f".{compression}" in COMPRESSIONS and format_ in ("csv", "jsonl", "json")
    if format_ is None or (compression and not is_packed):
        raise RolesError(
            f"input_format={in_short(given)}: give one of "
            f"{listed([ending[1:] for ending in FORMATS])}, the text formats also with "
            f"{listed([*COMPRESSIONS])} after it, such as 'csv.gz'"
        )
    return text


def ending_of_bytes(start: bytes) -> str:
    r"""Ending that fits the first bytes of a file; none where they say nothing.

    >>> ending_of_bytes(b"PAR1..."), ending_of_bytes(b"a,b\n1,2\n")
    ('.parquet', '')
    """
    return next((ending for magic, ending in MAGIC.items() if start.startswith(magic)), "")


def is_data(inner: PurePath) -> bool:
    """Whether a folder, or an archive, stands for a file of this path in it, by its names."""
    hidden = any(part.startswith((".", "_")) for part in inner.parts)
    endings = {suffix.lower() for suffix in inner.suffixes[-2:]}
    return not hidden and (not endings.isdisjoint(IN_FOLDERS) or inner.suffix.lower() == ARCHIVE)
