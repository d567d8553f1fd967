"""Forms: fields with their label, their hint and what is wrong with them, beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from biaskit.browser.asked import Asked, coded
from biaskit.pages.markup import Safe, el, escaped, ident

__all__ = [
    "Choice",
    "button",
    "check_boxes",
    "described_by",
    "field_id",
    "field_text",
    "form",
    "hidden",
    "one_box",
    "radio_buttons",
    "select",
    "text_field",
    "with_errors_first",
    "wrong_with",
]

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Choice(NamedTuple):
    """One of several values of a field; None is the choice of nothing."""

    value: str | None
    label: object
    hint: object = None
    #: Whether it is a column of amounts, for which another field then shows.
    is_amount: bool = False


def field_text(text: str | None) -> Safe:
    """Text as the value of a field, as a browser sends it back: whole, and `coded`."""
    return Safe("" if text is None else coded(text).translate(_ENTITIES))


def field_id(name: str, value: str | None = None) -> Safe:
    """Id of a field, or of one of its choices."""
    return ident("f", name) if value is None else ident("f", name, value)


def _ids(name: str, hint: object, error: str | None) -> str | None:
    own = field_id(name)
    parts = [f"{own}-hint"] if hint is not None else []
    return " ".join([*parts, f"{own}-error"] if error else parts) or None


def described_by(name: str, hint: object, errors: Mapping[str, str]) -> Safe | None:
    """Ids of what is said about a field."""
    found = _ids(name, hint, errors.get(name))
    return None if found is None else Safe(found)


def _hint(name: str, hint: object) -> Safe | None:
    return None if hint is None else el("p", hint, class_="hint", id=f"{field_id(name)}-hint")


def wrong_with(name: str, errors: Mapping[str, str]) -> Safe | None:
    """What is wrong with a field, in words that a screen reader tells with it."""
    told = errors.get(name)
    if not told:
        return None
    mark = el("span", "Error: ", class_="fail")
    return el("p", mark, told, class_="error", id=f"{field_id(name)}-error")


def text_field(
    name: str,
    label: object,
    value: str,
    errors: Mapping[str, str],
    *,
    hint: object = None,
    size: int | None = None,
    numeric: bool = False,
    slider: tuple[float, float, float] | None = None,
    amount: bool = False,
) -> Safe:
    """Field for a text or a number; a slider beside it where there are scripts.

    `slider` has the least value, the greatest, and the step. A field for an `amount` shows where
    the column above is one; with a value or an error it always shows.
    """
    own = field_id(name)
    bounds = None
    if slider is not None:
        bounds = Safe(" ".join(f"{one:.12g}" for one in slider))
    field = el(
        "input",
        type="text",
        id=own,
        name=field_text(name),
        value=field_text(value or None),
        size=size,
        inputmode="decimal" if numeric else None,
        autocomplete="off",
        spellcheck="false",
        aria_describedby=described_by(name, hint, errors),
        aria_invalid="true" if errors.get(name) else None,
        data_slider=bounds,
        placeholder=None if slider is None else "none",
    )
    return el(
        "div",
        el("label", label, for_=own),
        _hint(name, hint),
        wrong_with(name, errors),
        field,
        class_=_classes(is_kept=bool(value or errors.get(name)), amount=amount),
    )


def _classes(*, is_kept: bool, amount: bool) -> str:
    named = {"field": True, "amount": amount, "kept": is_kept}
    return " ".join(one for one, is_it in named.items() if is_it)


def select(
    name: str,
    label: object,
    choices: Iterable[Choice],
    chosen: str | None,
    errors: Mapping[str, str],
    *,
    hint: object = None,
) -> Safe:
    """Field of one of several values, on a list that opens."""
    own = field_id(name)
    options = (
        el(
            "option",
            one.label,
            value=field_text(one.value),
            selected=one.value == chosen,
            data_amount=one.is_amount,
        )
        for one in choices
    )
    field = el(
        "select",
        *options,
        id=own,
        name=field_text(name),
        aria_describedby=described_by(name, hint, errors),
        aria_invalid="true" if errors.get(name) else None,
    )
    return el(
        "div",
        el("label", label, for_=own),
        _hint(name, hint),
        wrong_with(name, errors),
        field,
        class_="field",
    )


def _box(
    kind: str,
    name: str,
    choice: Choice,
    *,
    is_chosen: bool,
    more: Safe | None = None,
    required: bool = False,
) -> Safe:
    own = field_id(name, choice.value)
    told = None if choice.hint is None else Safe(f"{own}-hint")
    field = el(
        "input",
        type=kind,
        id=own,
        name=field_text(name),
        value=field_text(choice.value),
        checked=is_chosen,
        required=required,
        aria_describedby=told,
    )
    hint = None if told is None else el("span", choice.hint, id=told, class_="hint")
    return el("div", field, el("label", choice.label, for_=own), hint, more, class_="choice")


def _boxes(
    kind: str,
    name: str,
    legend: object,
    choices: Sequence[Choice],
    chosen: Sequence[str],
    errors: Mapping[str, str],
    hint: object,
    more: Mapping[str, Safe],
    *,
    required: bool = False,
) -> Safe:
    boxes = (
        _box(
            kind,
            name,
            one,
            is_chosen=one.value in chosen,
            more=more.get(one.value or ""),
            required=required,
        )
        for one in choices
    )
    return el(
        "fieldset",
        el("legend", legend),
        _hint(name, hint),
        wrong_with(name, errors),
        *boxes,
        id=field_id(name),
        aria_describedby=described_by(name, hint, errors),
    )


def radio_buttons(
    name: str,
    legend: object,
    choices: Sequence[Choice],
    chosen: str | None,
    errors: Mapping[str, str],
    *,
    hint: object = None,
    required: bool = False,
) -> Safe:
    """Field of one of several values, all of them in sight."""
    known = [] if chosen is None else [chosen]
    return _boxes("radio", name, legend, choices, known, errors, hint, {}, required=required)


def check_boxes(
    name: str,
    legend: object,
    choices: Sequence[Choice],
    chosen: Sequence[str],
    errors: Mapping[str, str],
    *,
    hint: object = None,
    more: Mapping[str, Safe] | None = None,
) -> Safe:
    """Field of any of several values; `more` stands below some of them."""
    return _boxes("checkbox", name, legend, choices, chosen, errors, hint, more or {})


def one_box(
    name: str,
    value: str,
    label: object,
    errors: Mapping[str, str],
    *,
    is_chosen: bool,
    hint: object = None,
) -> Safe:
    """One box to tick, and what is wrong with it."""
    return Safe(
        (wrong_with(name, errors) or "")
        + _box("checkbox", name, Choice(value, label, hint), is_chosen=is_chosen)
    )


def hidden(asked: Asked) -> Safe:
    """Fields that are not shown, which carry on what was asked for."""
    return Safe(
        "".join(
            el("input", type="hidden", name=field_text(name), value=field_text(value))
            for name, value in asked.parts
        )
    )


def button(label: object, *, to: str | None = None, second: bool = False) -> Safe:
    """Button that sends a form, to another step than the form's if that is named."""
    return el("button", label, formaction=to, class_="second" if second else "first")


def form(step: str, *fields: object, name: str | None = None) -> Safe:
    """Form whose address, once it is sent, says all that was entered."""
    return el("form", *fields, action=step, method="get", id=name, autocomplete="off")


def with_errors_first(errors: Mapping[str, str], *parts: object) -> Safe:
    """What is wrong, with links to the fields that are there, and then the parts of a step.

    It is the first thing that is read, and has the focus where there are scripts.
    """
    body = Safe("".join(escaped(one) for one in parts if one is not None))
    if not errors:
        return body
    items = []
    for name, told in errors.items():
        is_there = f' id="{field_id(name)}"' in body
        items.append(el("li", el("a", told, href=f"#{field_id(name)}") if is_there else told))
    first = el(
        "div",
        el("h2", "There is a problem"),
        el("ul", *items),
        class_="problem",
        role="alert",
        tabindex="-1",
        id="problem",
    )
    return Safe(first + body)
