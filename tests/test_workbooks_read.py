"""Workbooks as data: kinds of cells, sheets, and hostile files."""

from __future__ import annotations

import datetime as dt
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import biaskit
from biaskit import BiaskitError
from biaskit.cli import main
from biaskit.gate.config import DataSet
from biaskit.sources.workbooks import parts

ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}
ROWS: list[list[Any]] = [["F", 1], ["F", 0], ["M", 1], [None, 1]]


def workbook(path: Path, rows: list[list[Any]], sheets: tuple[str, ...] = ("rows",)) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def rewritten(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """Workbook with one part changed."""
    with zipfile.ZipFile(path) as old:
        held = {one: old.read(one) for one in old.namelist()}
    assert held[part] != change(held[part])
    held[part] = change(held[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in held.items():
            new.writestr(name, data)
    return path


def levels(data: Any, column: str, **more: Any) -> list[Any]:
    (table,) = biaskit.count(data, facet=column, **more).tables.values()
    return [one for one, n in zip(table.levels.facet, table.n.sum((1, 2, 3)), strict=True) if n]


def refuses(message: str, data: Any, **more: Any) -> None:
    with pytest.raises(BiaskitError, match=message):
        biaskit.count(data, **ROLES, **more)


SHEET = "xl/worksheets/sheet1.xml"


def test_the_rows_of_a_sheet_are_those_of_a_csv(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    (tmp_path / "x.csv").write_text("sex,y\nF,1\nF,0\nM,1\n,1\n")
    assert biaskit.count(path, **ROLES) == biaskit.count(tmp_path / "x.csv", **ROLES)
    assert biaskit.count([path], **ROLES) == biaskit.count(str(tmp_path / "*.xlsx"), **ROLES)
    path.rename(tmp_path / "x.bin")
    assert biaskit.count(tmp_path / "x.bin", input_format="xlsx", **ROLES).rows == 4


def test_kinds_of_cells(tmp_path: Path) -> None:
    day = dt.datetime(2024, 1, 31)
    path = workbook(
        tmp_path / "x.xlsx",
        [
            [None, None, None],
            ["text", "number", "flag", "day", "formula", 2024, "code", None, None],
            ["F", 1, True, day, "=1+1", 1.5, "007", None, None],
            ["#N/A", 2.5, False, day.replace(hour=13), None, 2, "7", None, "beyond the names"],
            [None] * 9,
            ["M", None, None, None, "=1/0", 1.5, "", None, None],
            [None] * 9,
        ],
    )
    assert levels(path, "text") == ["F", "M", None]
    assert levels(path, "number") == [1, 2.5, None]
    assert levels(path, "flag") == [False, True, None]
    assert levels(path, "day") == ["2024-01-31", "2024-01-31 13:00:00", None]
    assert levels(path, "formula") == [None]  # no program has computed it
    assert levels(path, "2024") == [1.5, 2]
    assert levels(path, "code") == ["007", "7", None]
    assert biaskit.count(path, facet="number", facet_above=2).rows == 3
    rewritten(path, SHEET, lambda data: data.replace(b"<f>1+1</f><v", b"<f>1+1</f><v>2</v><v", 1))
    assert levels(path, "formula") == [2, None]


def test_a_column_of_several_kinds_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS, [3, 1]])
    refuses("column 'sex' holds texts at first and numbers in row 6; make it one kind", path)
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], ["F", 1], ["M", "1"]])
    refuses("column 'y' holds numbers at first and texts in row 3", path)


def test_names_of_columns(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["Report of 2024"], ["sex", "y"], *ROWS])
    refuses("no column 'sex'.*stand in the first row that is not empty", path)
    path = workbook(tmp_path / "x.xlsx", [["sex", None, "y"], ["F", 9, 1], ["M", 9, 0]])
    assert biaskit.count(path, **ROLES).rows == 2
    refuses("2 columns are named 'y'", workbook(path, [["sex", "y", "y"], ["F", 1, 1]]))
    refuses("no column 'sex'", workbook(path, []))


def test_sheets_are_named_where_there_are_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS], ("May", "June"))
    refuses("has 2 sheets, 'May', 'June'; say which, such as sheet='May'", path)
    refuses("no sheet 'Jun'; did you mean 'June'", path, sheet="Jun")
    assert biaskit.count(path, **ROLES, sheet="June").rows == 4
    flags = ["--facet", "sex", "--label", "y"]
    assert main(["report", str(path), *flags]) == 2
    assert "such as --sheet 'May'" in capsys.readouterr().err
    assert main(["report", str(path), *flags, "--sheet", "May"]) == 0
    config = {"files": str(path), **ROLES, "limits": {"DPL": 0.5}, "sheet": "May"}
    made = DataSet.of(config).csv
    assert made is not None
    assert made.sheet == "May"
    with pytest.raises(BiaskitError, match="sheet takes the name of a sheet"):
        biaskit.count(path, **ROLES, sheet=1)  # type: ignore[arg-type]
    (tmp_path / "x.csv").write_text("sex,y\nF,1\n")
    refuses("sheet='May' is for workbooks", tmp_path / "x.csv", sheet="May")


def test_a_folder_does_not_stand_for_its_workbooks(tmp_path: Path) -> None:
    workbook(tmp_path / "report.xlsx", [["a"]])
    (tmp_path / "x.csv").write_text("sex,y\nF,1\n")
    assert biaskit.count(tmp_path, **ROLES).rows == 1


def test_the_library_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    refuses(r"pip install 'biaskit\[excel\]'", path)


_LAUGHS = b"""<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (SHEET, lambda data: _LAUGHS + data),
        (SHEET, lambda data: b"<?xml version='1.0'?>" + _LAUGHS + data),
        (SHEET, lambda data: b"<!-- x -->" + b" " * 5_000 + _LAUGHS + data),
        (SHEET, lambda data: data.decode().encode("utf-16")),
        (SHEET, lambda data: b"<?xml version='1.0' encoding='cp037'?>" + data),
        ("xl/workbook.xml", lambda data: _LAUGHS + data),
        ("[Content_Types].xml", lambda data: _LAUGHS + data),
        ("xl/styles.xml", lambda data: _LAUGHS + data),
    ],
)
def test_no_part_declares_entities(
    tmp_path: Path, part: str, change: Callable[[bytes], bytes]
) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    refuses("is not plain XML in UTF-8 without declarations", rewritten(path, part, change))


def test_parts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    padding = b"<!--" + b"x" * (17 << 20) + b"-->"
    rewritten(path, "xl/styles.xml", lambda data: data + padding)
    refuses("has 17 MB, and at most 16 MB are read; save the sheet as CSV", path)
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    monkeypatch.setitem(parts._MOST, b"worksheet", 100)
    refuses("at most 0 MB are read", path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'r="5"', b'r="999999999999"', "more than 1,048,576 rows"),
        (b"<v>1</v>", b"<v>x</v>", "cannot be read as excel"),
        (b"</sheetData>", b"", "cannot be read as excel"),
    ],
)
def test_damaged_sheets(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    refuses(message, rewritten(path, SHEET, lambda data: data.replace(old, new)))


def test_far_cells_take_no_room(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["sex", "y"], *ROWS])
    row = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    rewritten(path, SHEET, lambda data: data.replace(b"</sheetData>", row))
    assert biaskit.count(path, **ROLES).rows == 5


def test_files_that_are_no_workbooks(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    whole = workbook(path, [["sex", "y"], *ROWS]).read_bytes()
    for data in (b"x", b"PK\3\4" + bytes(90), whole[: len(whole) // 2]):
        path.write_bytes(data)
        refuses("cannot be read as excel", path)
    path.write_bytes(b"")
    refuses("is empty", path)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a.txt", "x")
    refuses("cannot be read as excel", path)
