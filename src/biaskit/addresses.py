"""Addresses: paths with a scheme, and what of them may be shown."""

from __future__ import annotations

import os
import re

from biaskit.errors import BiaskitError

__all__ = ["in_one_line", "is_address", "said", "shown", "without_secrets"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PASSWORD = re.compile(r"(?<=://)[^\s/@:]*:[^\s/]*@")
# A signature may be one of the options.
_OPTIONS = re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]*")


def is_address(text: str) -> bool:
    """Whether a text names a place with its scheme, as ``s3://bucket/key`` does.

    >>> is_address("s3://bucket/x.parquet"), is_address("C:/x.parquet")
    (True, False)
    """
    return _ADDRESS.match(text) is not None


def without_secrets(text: str) -> str:
    """Text whose addresses have neither passwords nor options.

    >>> without_secrets("no s3://key:secret@bucket/x.csv?region=eu-west-1 is there")
    'no s3://bucket/x.csv is there'
    """
    return _OPTIONS.sub(r"\1", _PASSWORD.sub("", text))


def shown(path: str | os.PathLike[str]) -> str:
    """Path as it is shown; an address has neither password nor options.

    >>> shown("s3://bucket/x.csv?secret_key=a b")
    's3://bucket/x.csv'
    """
    text = os.fspath(path)
    return without_secrets(text.partition("?")[0]) if is_address(text) else text


def said(path: str | os.PathLike[str]) -> str:
    """Path as errors name it, quoted.

    >>> said("s3://key:secret@bucket/x.counts")
    "'s3://bucket/x.counts'"
    """
    return repr(shown(path))


def in_one_line(error: BaseException) -> str:
    """What any error says, in one line and without secrets; what to do, where nobody foresaw it.

    >>> in_one_line(KeyError("x"))
    "KeyError: 'x'; biaskit did not foresee this: please report it"
    """
    match error:
        case BiaskitError():
            text = str(error)
        case MemoryError():
            text = "the memory does not suffice; count fewer columns or values, or fewer files"
        case OSError() if error.strerror:
            named = "" if error.filename is None else f"{said(error.filename)}: "
            text = f"{named}{error.strerror}"
        case _:
            what = type(error).__name__
            text = f"{what}: {error}; biaskit did not foresee this: please report it"
    return without_secrets(" ".join(text.split()))
