"""The least that a page is: a document with a block of counts, and a digest made anew."""

from __future__ import annotations

import hashlib
import json
from typing import Any

OPENING = '<script type="application/json" id="biaskit-counts">'
_ESCAPED = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def page_of(block: Any, shown: str = "<h1>0 &lt; 1</h1>") -> str:
    """Page that carries a block, which is JSON that cannot end its element."""
    return page_with(json.dumps(block, separators=(",", ":")).translate(_ESCAPED), shown)


def page_with(text: str, shown: str = "") -> str:
    """Page in whose block is any text."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>x</title></head>'
        f"<body><main>{shown}</main>{OPENING}{text}</script></body></html>\n"
    )


def sealed(block: dict[str, Any]) -> dict[str, Any]:
    """Block with the digest of what it says, as whoever changes a page could make it."""
    rest = {name: part for name, part in block.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, "sha256": hashlib.sha256(text.encode()).hexdigest()}
