"""Configured: choices as the text of a ``biaskit.toml``, by which a gate checks the same limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from biaskit.counts.facets import Facet
from biaskit.counts.roles import Roles
from biaskit.sources.files.dialect import OPTIONS

__all__ = ["configuration", "toml"]


def configuration(
    name: str, files: Sequence[str], roles: Roles, given: Mapping[str, Any]
) -> str | None:
    """Text of a ``biaskit.toml`` with one data set; None where none says the same.

    Parameters
    ----------
    name, files
        Name of the data set, and paths of its files, relative to the configuration.
    roles
        Roles of its columns, with the choices.
    given
        What was asked for besides them, as a page has it; it needs `limits`.

    Examples
    --------
    >>> roles = Roles(facet="sex", label="hired", positive="yes")
    >>> print(configuration("People", ["people.csv"], roles, {"limits": {"DPL": 0.1}}))
    [[data]]
    name = "People"
    files = ["people.csv"]
    facet = ["sex"]
    label = "hired"
    positive = ["yes"]
    limits = {DPL = 0.1}
    <BLANKLINE>
    """
    if not files or not given.get("limits"):
        return None
    lines: dict[str, Any] = {"name": name, "files": [*files]}
    if roles.score is not None and roles.predicted == roles.score:
        lines["threshold"] = roles.predicted_above
        roles = roles.replaced(predicted=None, predicted_above=None)
    for role, value in roles.given().items():
        if role == "facet":
            value = [[*one] if isinstance(one, tuple) else one for one in value]
        lines[role] = value
    if any(_has_no_text(key) for value in lines.values() for key in _keys(value)):
        return None
    lines["limits"] = given["limits"]
    csv = {one: value for one, value in given.get("csv", {}).items() if one in OPTIONS}
    others = {one: given[one] for one in ("input_format", "sheet", "confidence") if one in given}
    lines |= {"csv": csv} if csv else {}
    lines |= others
    body = "".join(f"{name} = {toml(value)}\n" for name, value in lines.items())
    return f"[[data]]\n{body}"


def _keys(value: Any) -> Sequence[Any]:
    return [*value] if isinstance(value, Mapping) else []


def _has_no_text(key: Any) -> bool:
    """Whether no text names a facet: a column of it has an ``&`` in its name."""
    return isinstance(key, tuple) and Facet(key) != Facet(tuple(" & ".join(key).split(" & ")))


def toml(value: Any) -> str:
    r"""A value as TOML has it, on one line.

    >>> print(toml({"DPL": 0.1, "a b": [1, True, "x\n"]}))
    {DPL = 0.1, "a b" = [1, true, "x\n"]}
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case Mapping():
            parts = (f"{_key(name)} = {toml(one)}" for name, one in value.items())
            return f"{{{', '.join(parts)}}}"
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
    return _text(str(value))


def _key(name: Any) -> str:
    text = " & ".join(name) if isinstance(name, tuple) else str(name)
    is_bare = text.isascii() and text.replace("_", "").replace("-", "").isalnum()
    return text if is_bare else _text(text)


_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _text(text: str) -> str:
    def escaped(char: str) -> str:
        if char in _SHORT:
            return _SHORT[char]
        return char if char.isprintable() else f"\\U{ord(char):08x}"

    return f'"{"".join(map(escaped, text))}"'
