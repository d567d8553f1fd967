"""Workbooks: reports as Excel files, whatever the data's texts are."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import biaskit
from biaskit.cli import main
from biaskit.errors import DataError
from biaskit.pages.exports.workbook import Sheet, write_workbook
from biaskit.reports.report import Row
from biaskit.store.formats import printable

COLUMNS = [name for name in Row._fields if name not in ("least", "most")]
HOSTILE = "=1+1|<b>\x1b[31m\u202e\ud800'_x0041_ https://evil.example @me"
FORMULAS = ("=1+1", "+1", "-1+2", "@SUM(A1)", "{=1}", "http://evil.example", "1.5", "_x0041_")
NAMES = (
    "",
    "'",
    "a/b:c*d?e[f]\\g",
    "x" * 40,
    "X" * 40,
    "History",
    "about",
    "\U0001f600" * 20,
    "' '",
)


@pytest.fixture
def berkeley(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    biaskit.datasets.berkeley().to_parquet("berkeley.parquet")
    return "report berkeley.parquet --facet gender --label decision --positive admitted"


def read(path: str | Path) -> dict[str, list[list[Any]]]:
    book = openpyxl.load_workbook(path)
    return {sheet.title: [[one.value for one in row] for row in sheet] for sheet in book}


def test_a_report_is_a_sheet_a_facet_after_one_that_says_what_it_is(
    berkeley: str, capsys: Any
) -> None:
    assert main([*berkeley.split(), "--facet", "department", "-o", "report.xlsx"]) == 0
    assert not capsys.readouterr().out
    found = read("report.xlsx")
    assert list(found) == ["About", "gender", "department"]
    about = {row[0]: row[1] for row in found["About"] if row[0]}
    assert about["biaskit"] == f"report, made by biaskit {biaskit.__version__}"
    assert about["facet"] == "gender, department"
    assert about["positive"] == "admitted"
    assert about["level of the intervals"] == 0.95
    report = biaskit.report(
        "berkeley.parquet", facet=["gender", "department"], label="decision", positive="admitted"
    )
    counts = biaskit.count(
        "berkeley.parquet", facet=["gender", "department"], label="decision", positive="admitted"
    )
    sentences = biaskit.summary(report, counts=counts).splitlines()
    assert about["summary"] == sentences[0]
    assert {row[1] for row in found["About"]} >= {*sentences}
    for facet in ("gender", "department"):
        head, *rows = found[facet]
        assert head == COLUMNS
        its = report[report["facet"] == facet]
        assert len(rows) == len(its)
        for row, expected in zip(rows, its.itertuples(index=False), strict=True):
            for one, other in zip(row, expected, strict=True):
                if isinstance(other, float) and math.isnan(other):
                    assert one is None
                elif isinstance(other, str):
                    assert (one or "") == other
                else:
                    assert one == pytest.approx(other, rel=1e-15)


def test_a_sheet_can_be_used(berkeley: str) -> None:
    assert main([*berkeley.split(), "-o", "report.xlsx"]) == 0
    sheet = openpyxl.load_workbook("report.xlsx")["gender"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:R{sheet.max_row}"
    assert sheet["A1"].font.bold
    assert 10 <= sheet.column_dimensions["A"].width <= 61
    formats = {sheet.cell(2, 1 + COLUMNS.index(name)).number_format for name in ("n_a", "n_d")}
    assert formats == {"#,##0"}
    assert sheet.cell(2, 1 + COLUMNS.index("estimate")).number_format == "0.0000"
    assert sheet.cell(2, 1 + COLUMNS.index("p_value")).number_format == "0.0E+00"


@pytest.mark.parametrize(
    ("call", "sheets"),
    [
        ("rates berkeley.parquet --facet gender --label decision --positive admitted", ["gender"]),
        ("compare then.counts then.counts", ["gender", "decision"]),
        ("metrics", ["metrics"]),
    ],
)
def test_other_tables_are_workbooks_too(berkeley: str, call: str, sheets: list[str]) -> None:
    roles: dict[str, Any] = {"facet": "gender", "label": "decision", "positive": "admitted"}
    biaskit.count("berkeley.parquet", **roles).save("then.counts")
    assert main([*call.split(), "-o", "made.xlsx"]) == 0
    found = read("made.xlsx")
    assert list(found) == ["About", *sheets]
    assert all(len(rows) > 2 for name, rows in found.items() if name != "About")


def test_sentences_are_the_last_column(berkeley: str) -> None:
    assert main([*berkeley.split(), "--words", "-o", "report.xlsx"]) == 0
    head, *rows = read("report.xlsx")["gender"]
    assert head == [*COLUMNS, "words"]
    assert rows[0][-1].startswith("Of the rows, those whose gender is female have 40.5 %")


def test_numbers_are_numbers_and_what_is_none_is_said(tmp_path: Path) -> None:
    values = [1, 0.25, -3.5, math.nan, math.inf, -math.inf, None, True, 1e-9, 2**40]
    path = tmp_path / "x.xlsx"
    write_workbook(path, [], [Sheet("x", ["value"], [[one] for one in values])])
    assert [row[0] for row in read(path)["x"][1:]] == [
        *(1, 0.25, -3.5, None, "infinite", "minus infinite", None, "True", 1e-9, 2**40)
    ]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula_a_link_or_a_number(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    write_workbook(path, [(text, text)], [Sheet(text, [text], [[text]])])
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet for cell in row]
    assert len(cells) == 4
    for cell in cells:
        assert cell.data_type == "s"
        assert cell.hyperlink is None
    # An apostrophe outside the text keeps it a text when the cell is edited.
    assert book.worksheets[1]["A2"].quotePrefix == text.startswith(("=", "+", "-", "@"))
    with zipfile.ZipFile(path) as parts:
        assert not [name for name in parts.namelist() if "rels" in name and "sheet" in name]
        assert all(b"<f>" not in parts.read(name) for name in parts.namelist())


@given(st.text(max_size=40), st.text(max_size=40))
@example(HOSTILE, HOSTILE)
@example("x" * 100_000, "\U0001f600" * 40_000)
def test_any_text_is_shown_by_any_sheet(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xlsx"
        write_workbook(path, [(name, text)], [Sheet(name, [text], [[text], [1.5]])])
        found = openpyxl.load_workbook(path)
    assert len(found.sheetnames) == 2
    cell = found.worksheets[1]["A2"].value or ""
    assert len(cell.encode("utf-16-le")) <= 2 * 32_767
    assert cell.isprintable()
    if len(text) < 1_000 and "_x" not in text:  # openpyxl reads Excel's escapes as they stand
        assert cell == printable(text)


def test_names_of_sheets_are_those_that_excel_allows(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    write_workbook(path, [], [Sheet(name, ["a"], [[1]]) for name in NAMES])
    names = openpyxl.load_workbook(path).sheetnames
    assert len({name.casefold() for name in names}) == len(NAMES) + 1
    for name in names:
        assert 1 <= len(name.encode("utf-16-le")) <= 62
        assert not {*"[]:*?/\\"} & {*name}
        assert "'" not in (name[0], name[-1])
        assert name.casefold() != "history"


def test_the_same_report_has_the_same_bytes(berkeley: str) -> None:
    for name in ("one.xlsx", "other.xlsx"):
        assert main([*berkeley.split(), "-o", name]) == 0
    assert Path("one.xlsx").read_bytes() == Path("other.xlsx").read_bytes()
    with zipfile.ZipFile("one.xlsx") as parts:
        assert b"1980-01-01T00:00:00Z" in parts.read("docProps/core.xml")
        assert {one.date_time for one in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path: Path) -> None:
    rows = [(1,)] * 1_048_576
    with pytest.raises(DataError, match="'x' has 1,048,576 rows, and a sheet holds 1,048,575"):
        write_workbook(tmp_path / "x.xlsx", [], [Sheet("x", ["a"], rows)])
    assert not [*tmp_path.iterdir()]


def test_without_the_library_the_call_is_refused_before_the_pass(
    berkeley: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([*berkeley.replace("gender", "nothing").split(), "-o", "report.xlsx"]) == 2
    assert "pip install 'biaskit[excel]'" in capsys.readouterr().err
    assert not Path("report.xlsx").exists()


def test_a_workbook_needs_a_file(berkeley: str, capsys: Any) -> None:
    assert main([*berkeley.split(), "--format", "excel"]) == 2
    assert "--format excel needs a file: -o FILE" in capsys.readouterr().err


def test_reports_in_other_forms_need_no_workbooks(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"sex": ["F", "M", "M"], "y": [1, 0, 1]}), path)
    code = (
        "import sys; from biaskit.cli import main\n"
        "assert main(['report', sys.argv[1], '--facet', 'sex', '--label', 'y']) == 0\n"
        "assert not {'xlsxwriter', 'biaskit.pages'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
