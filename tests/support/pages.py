"""What a browser makes of a page, read by the standard library."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Read", "paragraphs", "read", "tables"]

_VOID = frozenset({"br", "hr", "input", "link", "meta"})


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


class _Tables(HTMLParser):
    """Tables by caption: their rows, the headers first, each a list of its cells' texts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[list[str]]]] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within.append(tag)
        if tag == "table":
            self.found.append(("", []))
        elif tag == "tr":
            self.found[-1][1].append([])
        elif tag in ("th", "td"):
            self.found[-1][1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Leave out what holds nothing."""

    def handle_endtag(self, tag: str) -> None:
        self.within.pop()

    def handle_data(self, data: str) -> None:
        if "caption" in self.within:
            caption, rows = self.found.pop()
            self.found.append((caption + data, rows))
        elif {"th", "td"} & set(self.within):
            self.found[-1][1][-1][-1] += data


def tables(markup: str) -> list[tuple[str, list[list[str]]]]:
    """Tables of a page: their captions and rows, of which the first are the headers."""
    found = _Tables()
    found.feed(markup)
    return found.found


def paragraphs(markup: str) -> list[str]:
    """Texts of a page's headings, paragraphs, findings and items, in their order."""
    found: list[str] = []

    class Texts(HTMLParser):
        within = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("h1", "h2", "h3", "p", "li", "strong", "summary", "dd", "code"):
                self.within = tag
                found.append("")

        def handle_endtag(self, tag: str) -> None:
            if tag == self.within:
                self.within = ""

        def handle_data(self, data: str) -> None:
            if self.within:
                found[-1] += data

    Texts().feed(markup)
    return [one for one in found if one]
