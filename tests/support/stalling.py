"""Stores that stall, or answer an invalid answer."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

__all__ = ["Stalling", "stored"]


class Stalling(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A store of one file that answers so many requests, and then none, or an invalid answer."""

    cachable = False

    def __init__(self, content: bytes, answers: int, then: Any = None):
        super().__init__()
        self.content, self.answers, self.then = content, answers, then

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": len(self.content), "type": "file"}

    def cat_file(self, path: str, start: int = 0, end: int = 0, **_: Any) -> Any:
        self.answers -= 1
        if self.answers < 0:
            if self.then is None:
                time.sleep(3_600)
            return self.then()
        return self.content[start:end]


def stored(name: str) -> bytes:
    rows = pa.table(
        {"sex": ["F", "M"] * 5_000, "y": [0, 1, 1, 1] * 2_500, "x": list(range(10_000))}
    )
    sink = io.BytesIO()
    if name.endswith("parquet"):
        pq.write_table(rows, sink, row_group_size=2_000)
    elif name.endswith("csv"):
        pv.write_csv(rows, sink)
    else:
        sink.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows.to_pylist()))
    return sink.getvalue()
