"""Text files that are not as they should be: what is refused, in which words, and what is not."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import fsspec
import pandas as pd
import pytest

import biaskit
from biaskit import BiaskitError

ROLES = {"facet": "sex", "label": "y"}
FINE = "sex,y,about\nF,1,tall\nM,0,short\n"
OPEN = FINE + 'F,1,"odd\nM,1,short\nM,0,short\n'


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """File of some text."""
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "sex;y\nF;1\n", "separated by ';': give csv={'delimiter': ';'}"),
        ("x.csv", "sex\ty\nF\t1\n", r"looks like columns separated by '\t'"),
        ("x.tsv", "sex|y\nF|1\n", "looks like columns separated by '|'"),
        ("x.csv", "# made today\nsex,y\nF,1\n", "looks like a comment: give csv={'comment': '#'}"),
        ("x.csv", "F, 39.5,1\nM, 7,0\n", "' 39.5' looks like a value: if the file has no header"),
        ("x.csv", "sex,y\nF,1\n".encode("utf-16"), "is UTF-16 text by its first bytes"),
        ("x.jsonl", '{"sex": "F"}'.encode("utf-16"), "is UTF-16 text by its first bytes"),
        ("x.csv", b"sex,y\nF,1\n\xe4,0\n", "column 'sex' holds text that is not UTF-8"),
        ("x.jsonl", f'{{"sex": "F"}}\n{{"y": {"9" * 5_000}}}', "line 2: an integer of more than"),
    ],
)
def test_a_text_file_in_another_form_is_refused_with_its_form(
    name: str, text: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(BiaskitError, match=re.escape(message)):
        biaskit.count(written(tmp_path, name, text), **ROLES)


def test_columns_that_numbers_name_are_no_values() -> None:
    with pytest.raises(BiaskitError, match=r"no column 'sex'; there are '0', '1'$"):
        biaskit.count(pd.DataFrame([["F", 1], ["M", 0]]), **ROLES)


@pytest.mark.parametrize("cell", ["31.500,5", "£31", "a lot"])
def test_a_cell_that_is_no_number_is_refused_with_its_column(cell: str, tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", f'sex,y,pay\nF,1,"{cell}"\nM,0,3\n')
    with pytest.raises(BiaskitError, match=f"column 'pay' must be numbers.*'{cell}'"):
        biaskit.count(path, **ROLES, weight="pay")


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
@pytest.mark.parametrize("roles", [ROLES, {"facet": "sex", "label": "about"}])
def test_a_quotation_mark_that_is_never_closed(
    name: str, roles: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(BiaskitError, match="line 4: a quotation mark is never closed"):
        biaskit.count(written(tmp_path, name, OPEN), **roles)


def test_a_quotation_mark_that_is_never_closed_far_away() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/quotes/x.csv", OPEN.encode())
    with pytest.raises(BiaskitError, match="line 4: a quotation mark is never closed"):
        biaskit.count("/quotes/x.csv", filesystem=memory, **ROLES)


@pytest.mark.parametrize(
    "end",
    [
        'F,1,"two\nlines"\n',
        'F,1,"two\n\nlines, and ""more"""',
        'F,1,5" pipe\nM,0,"two\nlines"\r\n',
        'F,1,"quoted"badly\nM,0,"a ""b"", c\nd"\n',
        'F,1,"\n',
    ],
)
def test_quotation_marks_that_lose_no_row(end: str, tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", FINE + end)
    assert biaskit.count(path, **ROLES).rows == 2 + len(re.findall(r"^[FM],\d,", end, re.MULTILINE))


def test_a_last_column_that_cannot_be_asked_for(tmp_path: Path) -> None:
    for name in (b"", b"\xff", b"sex2,sex2", b'"a\nb"'):
        path = written(
            tmp_path, "x.csv", b"sex,y," + name + b"\nF,1" + b",1" * len(name.split(b","))
        )
        assert biaskit.count(path, **ROLES).rows == 1


def test_empty_lines_before_the_header(tmp_path: Path) -> None:
    assert biaskit.count(written(tmp_path, "x.csv", "\n\r\n" + FINE), **ROLES).rows == 2
