"""Addresses: paths with a scheme, and which parts of them may be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlsplit

from biaskit.errors import BiaskitError

__all__ = [
    "PAGES",
    "in_one_line",
    "is_address",
    "reason_of",
    "said",
    "servers_of",
    "shown",
    "with_quoted_password",
    "without_secrets",
]

#: Endings of the names of HTML pages.
PAGES = (".html", ".htm")

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# A password may have any character; it ends before the last "@". Lengths are bounded, since a text
# may be crafted to make the search slow. A password after a single slash is hidden too.
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{1,30}:/{1,3}"
# The patterns are texts, compiled when they are used: most calls name no address.
_PASSWORD = rf"({_SCHEME})([^\s/@:]{{0,256}}:)\S{{0,1024}}@"
_WHOLE_PASSWORD = rf"(?s)({_SCHEME})([^/@:]*:)(.*)@"
# A user's name may be a key as well; Azure has a container's name there, and Google's store has no
# user.
_USER = (
    r"((?<![A-Za-z0-9+.-])(?!abfss?:|wasbs?:|gs:..anonymous@)"
    r"[A-Za-z][A-Za-z0-9+.-]{1,30}:/{1,2})[^\s/@:]{1,256}@"
)
# The options may include a signature.
_OPTIONS = r"(://[^\s?'\"]{0,2048})\?[^\s'\"]*"
# Options that decide neither where a request goes nor how it is protected.
_HARMLESS = {"region", "retry_limit_seconds", "project_id"}
_AZURE = ("windows.net", "chinacloudapi.cn", "usgovcloudapi.net", "cloudapi.de")


def is_address(text: str) -> bool:
    """Whether a text names a place with its scheme, as ``s3://bucket/key`` does.

    >>> is_address("s3://bucket/x.parquet"), is_address("C:/x.parquet")
    (True, False)
    """
    return _ADDRESS.match(text) is not None


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Text with the passwords and options of its addresses removed.

    The end of an address with spaces or quotes cannot be found in a text, so `known` addresses are
    searched for literally.

    >>> without_secrets("no s3://key:sec/ret@bucket/x.csv?region=eu-west-1 is there")
    'no s3://bucket/x.csv is there'
    """
    addresses = [address for address in known if "/" in address]
    for address in addresses:
        text = text.replace(address, shown(address))
    for address in addresses:
        if options := with_quoted_password(address).partition("?")[2]:
            text = text.replace(f"?{options}", "")
    for secret in (_PASSWORD, _USER, _OPTIONS):
        text = re.sub(secret, r"\1", text)
    return text


def shown(path: str | os.PathLike[str]) -> str:
    """Path as it is shown; an address has neither password nor options.

    >>> shown("s3://bucket/x.csv?secret_key=a b"), shown("s3://key:se?c/r@t@bucket/x.csv")
    ('s3://bucket/x.csv', 's3://bucket/x.csv')
    """
    text = os.fspath(path)
    if "@" in text:
        text = re.sub(_USER, r"\1", re.sub(_WHOLE_PASSWORD, r"\1", text, count=1))
    return text.partition("?")[0] if is_address(text) else text


def said(path: str | os.PathLike[str]) -> str:
    """Path as errors name it, quoted.

    >>> said("s3://key:secret@bucket/x.counts")
    "'s3://bucket/x.counts'"
    """
    return repr(shown(path))


def with_quoted_password(address: str) -> str:
    """Address whose password, if any, has its special characters escaped.

    >>> with_quoted_password("s3://key:sec/ret@bucket/x"), with_quoted_password("s3://bucket/x")
    ('s3://key:sec%2Fret@bucket/x', 's3://bucket/x')
    """
    return re.sub(
        _WHOLE_PASSWORD,
        lambda found: f"{found[1]}{found[2]}{quote(found[3], safe='%')}@",
        address,
        count=1,
    )


def servers_of(address: str) -> list[str]:
    """Servers that an address itself names, other than the service of its scheme.

    Where it names none, they are the names of the options that change how the service is reached.

    >>> servers_of("s3://bucket/x.csv?region=eu-west-1")
    []
    >>> servers_of("s3://bucket/x.csv?endpoint_override=localhost:9000&scheme=http")
    ['localhost:9000']
    """
    parts = urlsplit(with_quoted_password(address))
    if parts.scheme == "file":
        return []
    options = [(key, value) for key, value in parse_qsl(parts.query) if key not in _HARMLESS]
    servers = [value for key, value in options if key.endswith(("endpoint_override", "_authority"))]
    if parts.scheme in ("abfs", "abfss"):
        host = parts.netloc.rpartition("@")[2]
        is_known = host.endswith(tuple(f".core.{one}" for one in _AZURE))
        servers += [] if is_known or not {".", ":"} & {*host} else [host]
        # The others are those of a shared access signature.
        options = [(key, value) for key, value in options if key == "enable_tls"]
    return servers or [key for key, _ in options]


def in_one_line(error: BaseException, known: Iterable[str] = ()) -> str:
    """Message of any error, in one line and without secrets; for an unforeseen one, with advice.

    `known` addresses are hidden in it, whatever characters they have.

    >>> in_one_line(KeyError("x"))
    "KeyError: 'x'; biaskit did not foresee this: please report it"
    """
    match error:
        case BiaskitError():
            text = str(error)
        case MemoryError():
            text = "there is not enough memory; count fewer columns or values, or fewer files"
        case OSError() if error.strerror:
            named = "" if error.filename is None else f"{said(error.filename)}: "
            text = f"{named}{error.strerror}"
        case _:
            what = type(error).__name__
            text = f"{what}: {error}; biaskit did not foresee this: please report it"
    return " ".join(without_secrets(text, known).split())


def reason_of(error: Exception, path: str | os.PathLike[str]) -> str:
    """Reason in an error of pyarrow; the error itself may hold the address and is not passed on."""
    return without_secrets(" ".join(str(error).split()), [os.fspath(path)])
