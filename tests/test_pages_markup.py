"""Markup: whatever the data hold, it is shown and not obeyed."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biaskit.pages.markup import Safe, el, escaped, ident, json_block, lines, table
from support.pages import read

HOSTILE = (
    "</script><img src=x onerror=alert(1)>\"'`<svg onload=alert(1)>&amp;\x1b[31m\u202e\ud800\x00"
)


@given(st.text())
@example(HOSTILE)
def test_a_text_is_a_text(text: str) -> None:
    found = read(el("p", text, title=text, class_="c"))
    assert [tag for tag, _ in found.tags] == ["p"]
    assert not found.faults
    assert list(found.tags[0][1]) == ["title", "class"]
    assert found.said == found.tags[0][1]["title"]
    assert found.said.isprintable()
    if text.isprintable() and not text.lstrip().startswith("::") and "##" not in text:
        assert found.said == text


def test_what_reorders_or_breaks_a_line_is_shown_by_its_number() -> None:
    assert escaped("a\u202eb\x1b\ud800\n") == r"a\u202eb\x1b\ud800\n"


def test_a_long_text_is_cut() -> None:
    assert len(escaped("x" * 100_000)) == 1_000


def test_markup_in_an_attribute_does_not_end_it() -> None:
    found = read(el("p", title=el("b", "x", class_="y")))
    assert found.tags == [("p", {"title": '<b class="y">x</b>'})]


@given(st.recursive(st.text() | st.floats() | st.none(), st.lists))
@example([HOSTILE])
def test_data_in_a_page_come_back_and_end_no_block(value: object) -> None:
    block = json_block("data", value)
    found = read(block)
    assert [tag for tag, _ in found.tags] == ["script"]
    assert not {"<", ">", "&", "\u2028"} & set(found.said)
    if isinstance(value, str):
        assert json.loads(found.said) == value


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_ids_differ_as_names_do(one: list[str], other: list[str]) -> None:
    assert (ident(*one) == ident(*other)) == (one == other)
    assert set(ident(*one)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_lines_stay_lines() -> None:
    assert lines("a <\nb\x1b") == "a &lt;\nb\\x1b"


def test_a_table_has_no_last_column_that_says_nothing() -> None:
    rows = [["a", 1, ""], ["b", 2, ""]]
    found = read(table("Shares", ["value", "share", "note"], rows, label="Shares", texts=(2,)))
    assert [tag for tag, _ in found.tags].count("td") == 2
    assert "note" not in found.said
    rows[0][2] = "few rows"
    found = read(table("Shares", ["value", "share", "note"], rows, label="Shares", texts=(2,)))
    assert [tag for tag, _ in found.tags].count("td") == 4


@pytest.mark.parametrize("cell", [HOSTILE, Safe("<small>x</small>")])
def test_a_table_names_its_rows_columns_and_region(cell: str) -> None:
    found = read(table("Shares", ["value", "share"], [[cell, "1 %"]], label="Shares of sex"))
    tags = [tag for tag, _ in found.tags if tag != "small"]
    assert tags == ["div", "table", "caption", "thead", "tr", "th", "th", "tbody", "tr", "th", "td"]
    assert [facts["scope"] for tag, facts in found.tags if tag == "th"] == ["col", "col", "row"]
    region = found.tags[0][1]
    assert region["role"] == "region"
    assert region["tabindex"] == "0"
    assert region["aria-label"] == "Shares of sex"
