"""Reproduced: the command, the call and the configuration that give the same, and downloads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from biaskit.browser.asked import Asked
from biaskit.browser.configured import configuration
from biaskit.browser.results import DEMO_FILE, About
from biaskit.browser.steps.worst import first_searched
from biaskit.counts.roles import Roles
from biaskit.explanations.request import SIDES
from biaskit.pages.carried import FEW, few_cells
from biaskit.pages.contents import Contents
from biaskit.pages.markup import Safe, el, lines
from biaskit.pages.origin import call_of, command_of
from biaskit.store.formats import printable

__all__ = ["DOWNLOADS", "configuration_of", "reproduced"]

#: What can be downloaded: the name of the file, and what it is for.
DOWNLOADS = {
    "page.html": "This report as one file, to pass on, print or keep",
    "report.xlsx": "All numbers as an Excel workbook",
    "report.csv": "All numbers as CSV",
    "report.counts": "The counts, to open here again or to compare with later ones",
    "biaskit.toml": "The limits as a configuration, for checks that run by themselves",
}
# Roles that a search for groups has besides its columns.
_OF_SEARCH = (
    *("label", "predicted", "weight", "frequency", "positive", "positive_above"),
    *("predicted_above", "predicted_positive"),
)
_FACET = re.compile(r"--facet(=|\Z)")
_BASELINE, _PARTS = "baseline.counts", "parts.attributions"


def reproduced(
    contents: Contents, about: About, asked: Asked, only_here: Sequence[str] = ()
) -> Iterator[Safe]:
    """Section of what gives the same numbers elsewhere; `only_here` names what nothing else has."""
    configured = configuration_of(contents, about)
    yield el("h2", "Keep it, or make it again", id="origin")
    items = (
        el("li", el("a", name, href=asked.address(f"download/{name}"), download=name), f": {told}.")
        for name, told in DOWNLOADS.items()
        if name != "biaskit.toml" or configured is not None
    )
    yield el("ul", *items)
    if only_here:
        told = f"Only on this page, and in none of these files: {' and '.join(only_here)}."
        yield el("p", el("strong", "Please note: "), told)
    yield _on_sharing(contents)
    command, call = _command(contents, about, asked), _call(contents, about, asked)
    yield from _block("From the command line", "command", command, _NO_COMMAND)
    yield from _block("From Python", "call", call, "")
    if asked.each("slice") and contents.whole.protected is None:
        searching = _searching(contents, about, asked)
        yield from _block("The groups that are worst off", "slices", searching, _NO_COMMAND)
    yield from _block("As a check: biaskit.toml", "toml", configured, _no_configuration(about))


def _on_sharing(contents: Contents) -> Safe:
    """What the files tell of single people, for those who pass them on."""
    if (rounding := contents.whole.protected) is not None:
        return el("p", f"They are protected for sharing: {rounding.text}.")
    few = few_cells(contents)
    if not few:
        return el("p", f"No combination of values in them has {FEW} people or fewer.")
    have = "combination of values has" if few == 1 else "combinations of values have"
    return el(
        "p",
        f"Before you pass them on: {few:,} {have} 1 to {FEW} people, which may tell who somebody "
        "is. Protection for sharing, among what can be changed, rounds such numbers.",
        class_="note",
    )


_NO_COMMAND = "No command makes this: the table is in memory, or a name in it cannot be typed."


def _no_configuration(about: About) -> str:
    if not about.paths:
        return "A check reads files; save the table as a file first."
    return "Set a limit above; then the configuration that checks it stands here."


def _block(title: str, name: str, text: str | None, nothing: str) -> Iterator[Safe]:
    yield el("h3", title)
    if text is None:
        yield el("p", nothing)
        return
    own = f"again-{name}"
    copy = el("button", "Copy", type="button", class_="second", hidden=True, data_copy=own)
    yield el("div", el("pre", el("code", lines(text)), id=own, tabindex=0), copy, class_="copied")


def _named(contents: Contents) -> Contents:
    """Contents in which files stand for the baseline and the model's parts."""
    names = {"baseline": _BASELINE, "attributions": _PARTS}
    given = {name: names.get(name, value) for name, value in contents.given.items()}
    return replace(contents, given=given)


def _command(contents: Contents, about: About, asked: Asked) -> str | None:
    """Commands that make the page, one below another."""
    shown, roles = _named(contents), contents.whole.roles
    command = command_of(about.paths, roles, shown.given)
    if command is None:
        return None
    before = [f"biaskit demo -o {DEMO_FILE}"] if about.is_demo else []
    if "baseline" in contents.given:
        counted = _counting(about, roles_only=contents)
        if counted is None:
            return None
        before.append(counted)
    if "attributions" in contents.given:
        explained = _explaining(contents, about, asked)
        if explained is None:
            return None
        before.append(explained)
    return "\n".join([*before, f"{command} -o page.html"])


def _explaining(contents: Contents, about: About, asked: Asked) -> str | None:
    """Command that explains the model."""
    made = command_of(about.paths, _sides(contents), _of_file(contents))
    if made is None or printable(about.model) != about.model:
        return None
    roles = made.removeprefix("biaskit report ").removesuffix(" --format html")
    more = ["--model", about.model]
    more += [f"--output-class={asked.one('output')}"] if asked.one("output") else []
    more += [f"--features={','.join(_features(asked))}"] if _features(asked) else []
    return f"biaskit explain {roles} {' '.join(map(shlex.quote, more))} --save {_PARTS}"


def _features(asked: Asked) -> list[str]:
    """Columns that the model takes, where its file does not name them."""
    return [one.strip() for one in asked.one("features").split(",") if one.strip()]


def _sides(contents: Contents) -> Roles:
    """Roles of the pass that an explanation has: who is compared, and how often a row counts."""
    counted = contents.whole.roles.counted.given()
    return Roles(**{name: one for name, one in counted.items() if name in SIDES})


def _searching(contents: Contents, about: About, asked: Asked) -> str | None:
    """Command that lists the groups that are worst off."""
    roles, columns = contents.whole.roles.given(), asked.each("slice")
    edges = {one: cut for one, cut in (roles.get("facet_edges") or {}).items() if one in columns}
    kept = {name: roles[name] for name in _OF_SEARCH if name in roles}
    made = Roles(facet=[(one,) for one in columns], facet_edges=edges or None, **kept)
    command = command_of(about.paths, made, _of_file(contents))
    if command is None or (len(columns) == 1 and "," in columns[0]):  # a list, where it is alone
        return None
    # A value that begins with a dash stands in one word with its flag, so none is a flag alone.
    words = [
        f"--over{word.removeprefix('--facet')}" if _FACET.match(word) else word
        for word in shlex.split(command)[2:-2]  # without `biaskit report` and `--format html`
    ]
    metric = asked.one("worst") or first_searched(contents.whole.roles)
    words += ["--metric", metric, "--confidence", f"{contents.confidence:g}"]
    return f"biaskit slices {' '.join(map(shlex.quote, words))}"


def _counting(about: About, roles_only: Contents) -> str | None:
    """Command that counts the baseline."""
    roles = roles_only.whole.roles.counted
    made = command_of(about.baseline_files, roles, _of_file(roles_only))
    if made is None:
        return None
    asked = made.removeprefix("biaskit report ").removesuffix(" --format html")
    return f"biaskit count {asked} -o {_BASELINE}"


def _call(contents: Contents, about: About, asked: Asked) -> str:
    call = call_of(about.files, contents.whole.roles, contents.given)
    first = ["import biaskit", ""]
    if about.is_demo:
        first.append("data = biaskit.datasets.berkeley()")
    if "baseline" in contents.given:
        roles, given = contents.whole.roles.counted, _of_file(contents)
        before = call_of(about.baseline_files, roles, given)
        first.append(f"baseline = {before.replace('biaskit.page(', 'biaskit.count(', 1)}")
    if "attributions" in contents.given:
        given = _of_file(contents)
        given |= {"output_class": asked.one("output")} if asked.one("output") else {}
        given |= {"features": _features(asked)} if _features(asked) else {}
        made = call_of(about.files, _sides(contents), given)
        opened = f"biaskit.attribute(\n    {about.model!r},"
        first.append(f"attributions = {made.replace('biaskit.page(', opened, 1)}")
    return "\n".join([*first, f"page = {call}", 'page.save("page.html")'])


def _of_file(contents: Contents) -> dict[str, Any]:
    """How the files are written, of what a page was asked for."""
    return {
        one: contents.given[one]
        for one in ("csv", "input_format", "sheet")
        if one in contents.given
    }


def configuration_of(contents: Contents, about: About) -> str | None:
    """Text of a ``biaskit.toml`` that checks the limits of a report; None without limits."""
    roles = contents.whole.roles
    return configuration(about.name, about.paths, roles, contents.given)
