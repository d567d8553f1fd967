"""Leading: a file that leads a browser to the address with the key, which nobody else can read."""

from __future__ import annotations

import atexit
import os
import secrets
import sys
import threading
from pathlib import Path

from biaskit.pages.markup import el

__all__ = ["leading_file"]

# Seconds after which the browser has opened it.
_NEEDED = 30.0


def leading_file(folder: Path, address: str) -> Path:
    """File that a browser opens to come to an address; it is removed a while later.

    Browsers in a sandbox of their own (snaps) see neither temporary files nor hidden ones, so where
    there are snaps, the file stands in the user's home meanwhile.
    """
    if sys.platform == "linux" and Path("/snap").is_dir() and os.access(Path.home(), os.W_OK):
        folder = Path.home()
    path = folder / f"biaskit-{secrets.token_hex(8)}.html"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", http_equiv="refresh", content=f"0;url={address}"),
        el("title", "biaskit"),
    )
    body = el("body", el("p", el("a", "Open biaskit", href=address)))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"<!DOCTYPE html>{el('html', head, body, lang='en')}")
    remover = threading.Timer(_NEEDED, lambda: path.unlink(missing_ok=True))
    remover.daemon = True
    remover.start()
    atexit.register(path.unlink, missing_ok=True)  # where biaskit ends before
    return path
