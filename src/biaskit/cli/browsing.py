"""The verb that opens the page in a browser: app."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from types import FrameType

from biaskit.cli.flags import Once, Parser
from biaskit.cli.writing.streams import say
from biaskit.store.formats import printable

__all__ = ["VERBS"]

_EXAMPLES = """examples:
  biaskit app                          the tables of this folder
  biaskit app applicants.csv
  biaskit app demo                     the admissions of Berkeley, to try it
  biaskit app --root /data --no-open --port 8765
"""


def _add_app(verb: Callable[..., Parser]) -> None:
    app = verb(
        "app",
        _app,
        "Measure bias in a browser, with a mouse, on this machine.",
        epilog=_EXAMPLES,
    )
    app.add_argument(
        "data",
        nargs="*",
        metavar="PATH",
        help="file to open at once, or files or folders to choose from (default: this folder); "
        "'demo' is the admissions of Berkeley",
    )
    app.add_argument(
        "--root",
        action=Once,
        metavar="DIR",
        help="folder whose files may be opened (default: that of PATH)",
    )
    app.add_argument(
        "--port", action=Once, type=int, default=0, help="port (default: any that is free)"
    )
    app.add_argument(
        "--max-upload",
        action=Once,
        default="2GB",
        metavar="SIZE",
        help="largest file that is sent from the browser (default: 2GB)",
    )
    app.add_argument("--no-open", action="store_true", help="open no browser, print the address")
    app.add_argument(
        "--idle",
        action=Once,
        default="2h",
        metavar="TIME",
        help="stop so long after the last request, such as 30m, or never (default: 2h)",
    )
    app.add_argument(
        "--base-path",
        action=Once,
        default="",
        metavar="P",
        help="path under which a proxy has the page, such as /user/ann/proxy/8765",
    )
    app.add_argument(
        "--allow-host",
        action=Once,
        metavar="H",
        help="name of that proxy, such as hub.example.org",
    )


#: The verb, and what adds it to the command line.
VERBS = {"app": _add_app}


def _app(args: argparse.Namespace) -> None:
    from biaskit.browser.app import app

    started = app(
        *args.data,
        root=args.root,
        port=args.port,
        max_upload=args.max_upload,
        idle=args.idle,
        open_browser=False,
        base_path=args.base_path,
        allow_host=args.allow_host,
    )

    def ended(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ended)
    try:
        say(f"biaskit is at {printable(started.url)}")
        is_open = not args.no_open and started.open()
        told = "It opens in your browser now." if is_open else "Open this address in your browser."
        say(f"{told} Whoever has it can use the page, and nobody else. It ends with Ctrl-C.")
        while not started.wait(1):
            pass
        say("biaskit has stopped.")
    except KeyboardInterrupt:
        say("biaskit has stopped.")
    finally:
        started.stop()
