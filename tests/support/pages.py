"""What a browser makes of a page, read by the standard library."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Read", "read"]

_VOID = frozenset({"br", "hr", "link", "meta"})


class Read(HTMLParser):
    """Tags with their attributes, texts, and what does not balance."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if len(attrs) != len(dict(attrs)):
            self.faults.append(f"{tag} has an attribute twice")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.said += data


def read(markup: str) -> Read:
    """What is found in markup, to its end."""
    found = Read()
    found.feed(markup)
    found.close()
    found.faults += [f"<{tag}> is not closed" for tag in found.open]
    return found
