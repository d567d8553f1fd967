"""Addresses: paths with a scheme, and what of them may be shown."""

from __future__ import annotations

import os
import re

__all__ = ["is_address", "said", "without_secrets"]

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


def said(path: str | os.PathLike[str]) -> str:
    """Path as errors name it, quoted.

    >>> said("s3://key:secret@bucket/x.counts")
    "'s3://bucket/x.counts'"
    """
    text = os.fspath(path)
    if is_address(text):  # which may have a space in it, so that nothing after one is left in
        text = without_secrets(text.partition("?")[0])
    return repr(text)
