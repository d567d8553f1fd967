"""Parts of a workbook: the XML files in an .xlsx, each refused before a parser could be harmed."""

from __future__ import annotations

import re
import zipfile
from typing import IO, Any

from biaskit.errors import DataError

__all__ = ["Parts"]

# What the root element of a part may be, and how many bytes such a part may have; any other.
_MOST = {b"worksheet": 1 << 27, b"sst": 1 << 26}
_MOST_OTHERWISE = 1 << 24
# Bytes in which the root element of a part begins.
_START = 1 << 12
# A part is UTF-8 and begins with its root: it declares no entities, whose expansion never ends.
_ROOT = re.compile(
    rb"""\A(?:\xef\xbb\xbf)?
    (?:<\?xml(?:\s+(?:version|standalone)=(?:"[\w.]*"|'[\w.]*')
              |\s+encoding=(?:"(?:utf-8|us-ascii)"|'(?:utf-8|us-ascii)'))*\s*\?>)?
    \s*(?:<!--[^>]*-->\s*)*
    <(?:[\w.-]+:)?([\w.-]+)[\s/>]""",
    re.VERBOSE | re.IGNORECASE,
)


class Parts(zipfile.ZipFile):
    """An .xlsx whose parts are bounded in size, unencrypted, and XML without declarations."""

    def __init__(self, file: Any, where: str):
        super().__init__(file)
        self._where = where

    def open(self, name: Any, *args: Any, **more: Any) -> IO[bytes]:
        """Stream of a part.

        Raises
        ------
        DataError
            The part is too large, or is no such XML.
        """
        info = self.getinfo(name) if isinstance(name, str) else name
        part = f"{self._where}: its part {info.filename!r}"
        if info.flag_bits & 1:
            raise DataError(f"{self._where} is encrypted; save it without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{part} is compressed as Excel does not; save it again with Excel")
        with super().open(info) as stream:
            root = _ROOT.match(stream.read(_START))
        if root is None:
            raise DataError(
                f"{part} is not plain XML in UTF-8 without declarations, which Excel writes; save "
                "the workbook again with a spreadsheet program"
            )
        most = _MOST.get(root[1].lower(), _MOST_OTHERWISE)
        if info.file_size > most:
            raise DataError(
                f"{part} has {info.file_size >> 20:,} MB, and at most {most >> 20:,} MB are read; "
                "save the sheet as CSV"
            )
        return super().open(info, *args, **more)
