"""Asked: what an address says was asked for, and the address that says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, quote, unquote, urlencode

__all__ = ["ABOUT", "DIALECT", "LATE", "PASS", "Asked", "coded", "has_room"]

#: Parts of an address that say which table it is, and how its file is written.
DIALECT = (
    "sheet",
    "delimiter",
    "header",
    "names",
    "encoding",
    "decimal",
    "strip",
    "comment",
    "na_values",
    "input_format",
)
#: Parts that fix the pass over the rows. A name that ends in a dot has a column after it.
PASS = (
    "facet",
    "together",
    "slice",
    "label",
    "label_above",
    "predicted",
    "predicted_above",
    "score",
    "group",
    "weight",
    "frequency",
    "range",
    "cut.",
)
#: Parts that are chosen from the counts, without another pass. A facet or a metric follows the dot.
LATE = (
    "positive",
    "predicted_positive",
    "d.",
    "reference.",
    "threshold",
    "metric",
    "limit.",
    "least.",
    "most.",
    "confidence",
    "round_to",
    "worst",
)
#: Files beside the table, what is searched for, and where to go once all is counted.
ABOUT = ("baseline", "model", "features", "output", "find", "then")

_NAMES = ("table", *DIALECT, *PASS, *LATE, *ABOUT)
_SEVERAL = frozenset({"facet", "slice", "positive", "predicted_positive", "d.", "metric"})
_DOTTED = tuple(name for name in _NAMES if name.endswith("."))
_PLACES = {name: place for place, name in enumerate(_NAMES)}
# More parts than this are no address that this page made.
_MOST_PARTS = 12_000
# Most letters of a name or a value that a page offers: it is there many times, and in addresses.
_MOST_LETTERS = 2_000
# What stands before a text that a form would change on its way.
_CODED = "~"


def coded(text: str) -> str:
    r"""Text as an address and a form have it: such that no browser changes it on the way.

    Browsers end lines of their own way, and replace some control characters.

    >>> coded("age"), coded("a\nb"), coded("~"), coded("")
    ('age', '~a%0Ab', '~%7E', '~')
    """
    is_plain = (
        bool(text) and text.isprintable() and not text.startswith(_CODED) and text == text.strip()
    )
    if is_plain:
        return text
    return _CODED + quote(text, safe="").replace("~", "%7E")


def has_room(text: str) -> bool:
    """Whether a name or a value is short enough for an address."""
    return len(text) <= _MOST_LETTERS


def _decoded(text: str) -> str:
    return unquote(text[1:]) if text.startswith(_CODED) else text


@dataclass(frozen=True)
class Asked:
    """What was asked for: names and values, in a fixed order.

    Addresses that ask for the same are equal, whatever form made them.

    >>> asked = Asked.of_query("label=hired&facet=sex&group=&table=file%3Aa.csv")
    >>> asked.query
    'table=file%3Aa.csv&facet=sex&label=hired'
    >>> asked.one("label"), asked.each("facet"), asked.one("group")
    ('hired', ('sex',), '')
    """

    parts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Asked:
        """What the parts of an address ask for; unknown and empty ones ask for nothing.

        Of a part that is there once, the last one counts, as in a form whose field stands twice.
        """
        found: dict[str, dict[str, None]] = {}
        for place, (raw, given) in enumerate(pairs):
            name, value = _decoded(raw), _decoded(given)
            kind = _kind(name)
            if kind is None or given == "" or place >= _MOST_PARTS:
                continue
            values = found.setdefault(name, {})
            if kind not in _SEVERAL:
                values.clear()
            values[value] = None
        ordered = sorted(found, key=lambda name: (_PLACES[_kind(name) or ""], name))
        return cls(tuple((name, value) for name in ordered for value in found[name]))

    @classmethod
    def of_query(cls, query: str) -> Asked:
        """The same of the text after the question mark."""
        return cls.of(parse_qsl(query, max_num_fields=_MOST_PARTS))

    @cached_property
    def _values(self) -> Mapping[str, tuple[str, ...]]:
        made: dict[str, list[str]] = {}
        for name, value in self.parts:
            made.setdefault(name, []).append(value)
        return {name: tuple(values) for name, values in made.items()}

    def one(self, name: str) -> str:
        """Value of a part that is there once; empty if it is not there."""
        return self._values.get(name, ("",))[-1]

    def each(self, name: str) -> tuple[str, ...]:
        """Values of a part that may be there several times."""
        return self._values.get(name, ())

    def after(self, dotted: str) -> Mapping[str, tuple[str, ...]]:
        """Values by what follows the dot.

        >>> Asked.of_query("cut.age=40").after("cut.")
        {'age': ('40',)}
        """
        return {
            name.removeprefix(dotted): values
            for name, values in self._values.items()
            if name.startswith(dotted)
        }

    @property
    def table(self) -> str:
        """Key of the table."""
        return self.one("table")

    def only(self, *names: str) -> Asked:
        """What is asked for by some parts alone; ``"cut."`` stands for every cut."""
        return Asked(tuple(part for part in self.parts if _kind(part[0]) in names))

    def without(self, *names: str) -> Asked:
        """What is asked for but by some parts."""
        kept = (part for part in self.parts if part[0] not in names and _kind(part[0]) not in names)
        return Asked(tuple(kept))

    def changed(self, **given: str | Iterable[str]) -> Asked:
        """The same with other values of some parts; an empty text takes a part away."""
        return self.replaced(given)

    def replaced(self, given: Mapping[str, str | Iterable[str]]) -> Asked:
        """The same, for names with a dot."""
        return Asked.of([*self.without(*given).as_sent(), *_pairs(given)])

    @property
    def counted(self) -> Asked:
        """What fixes the pass over the rows: those who share it share their counts."""
        return self.only("table", *DIALECT, *PASS)

    def of_baseline(self) -> Asked:
        """What fixes the pass over the rows of the baseline."""
        return self.counted.changed(table=self.one("baseline"))

    @property
    def query(self) -> str:
        """The text after the question mark of an address."""
        return urlencode(self.as_sent())

    def as_sent(self) -> list[tuple[str, str]]:
        """Names and values as an address and a form have them."""
        return [(coded(name), coded(value)) for name, value in self.parts]

    def address(self, step: str) -> str:
        """Address of a step that asks for this, relative to any other step's.

        >>> Asked.of_query("table=demo:berkeley").address("columns")
        'columns?table=demo%3Aberkeley'
        """
        return f"{step}?{self.query}" if self.parts else step


def _pairs(given: Mapping[str, str | Iterable[str]]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if value == "":
            continue
        for one in [value] if isinstance(value, str) else value:
            yield coded(name), coded(one)


def _kind(name: str) -> str | None:
    """The name as it is declared: up to the dot, where a column's follows; None if unknown."""
    if name in _PLACES and not name.endswith("."):
        return name
    return next((dotted for dotted in _DOTTED if name.startswith(dotted) and name != dotted), None)
