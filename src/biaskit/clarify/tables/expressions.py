"""Expressions: JMESPath, by which a configuration says where JSON has its parts."""

from __future__ import annotations

from typing import Any

from biaskit.errors import DataError, RolesError, in_short

__all__ = ["Expression", "expression"]

# Longer expressions, and those whose result could be many times as large as their input, are
# crafted rather than meant.
_MOST_LETTERS = 20_000
_MOST_GROWTH = 100_000


class Expression:
    """A JMESPath expression, compiled, that finds a part of a JSON value."""

    def __init__(self, text: str, compiled: Any):
        self.text = text
        self._compiled = compiled
        #: Names of fields within one another, where it is nothing else: most are.
        self._fields = _fields_of(compiled.parsed)

    @property
    def shown(self) -> str:
        """The expression, shortened for a message."""
        return in_short(self.text)

    def __call__(self, value: Any, where: str) -> Any:
        """Part of a JSON value; None where it is not there.

        Raises
        ------
        DataError
            The expression does not fit the value.
        """
        if self._fields is not None:
            for name in self._fields:
                value = value.get(name) if isinstance(value, dict) else None
            return value
        try:
            return self._compiled.search(value)
        except (ValueError, RecursionError) as error:  # errors of jmespath are ValueErrors
            raise DataError(
                f"{where}: the JMESPath {self.shown} does not fit: {str(error) or 'too deep'}"
            ) from error


def expression(text: str, key: str) -> Expression:
    """Expression of a key of the configuration.

    Raises
    ------
    RolesError
        It is not JMESPath, could make its input many times as large, or jmespath is missing.
    """
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError
    except ImportError as error:
        raise RolesError(
            f"{key} is a JMESPath, which needs a library: pip install 'biaskit[clarify]'"
        ) from error
    if len(text) > _MOST_LETTERS:
        raise RolesError(f"{key}: the JMESPath has {len(text):,} letters; give a shorter one")
    try:
        compiled = jmespath.compile(text)
        growth = _growth(compiled.parsed)
    except (JMESPathError, RecursionError) as error:
        reason = " ".join(str(error).split()) or "too deep"
        raise RolesError(f"{key}: {in_short(text)} is not JMESPath: {reason[:300]}") from error
    if growth > _MOST_GROWTH:
        raise RolesError(
            f"{key}: the JMESPath {text[:60]!r} repeats its input too often; name each part once"
        )
    return Expression(text, compiled)


def _fields_of(node: dict[str, Any]) -> list[str] | None:
    """Names of fields within one another, such as ``a.b``; None for any other expression."""
    match node["type"]:
        case "current":
            return []
        case "field":
            return [node["value"]]
        case "subexpression":
            parts = [_fields_of(child) for child in node["children"]]
            return None if None in parts else [name for part in parts for name in part or ()]
    return None


def _growth(node: dict[str, Any]) -> int:
    """How many times its input a result may at most repeat, whatever the input is."""
    children = node["children"]
    match node["type"]:
        case "multi_select_list" | "multi_select_dict":
            # Different fields are parts of the input; together they are not larger than it.
            if all(child["type"] in ("field", "key_val_pair") for child in children) and len(
                {str(child) for child in children}
            ) == len(children):
                return max([_growth(child) for child in children], default=1)
            return sum(_growth(child) for child in children)
        case "function_expression":
            return max(1, sum(_growth(child) for child in children))
    grown = 1
    for child in children:
        if isinstance(child, dict):
            grown = min(grown * _growth(child), 10 * _MOST_GROWTH)
    return grown
