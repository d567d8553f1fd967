"""Pages on the command line: their flags, their errors, and pages of checks."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import biaskit
from biaskit.cli import main
from support.loans import loans
from support.pages import paragraphs, read, tables

REPORT = ["report", "loans.csv", "--facet", "sex", "--label", "repaid"]
HTML = [*REPORT, "--format", "html"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    loans(400).to_csv(tmp_path / "loans.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([*REPORT, "--limit", "DPL=0.1"], "`biaskit check` judges limits"),
        ([*REPORT, "--name", "x"], "--name goes with --format html"),
        ([*REPORT, "--baseline", "x", "-o", "x.csv"], "--baseline goes with --format html"),
        ([*REPORT, "--attributions", "x"], "--attributions goes with --format html"),
        ([*HTML, "--limt", "DPL=0.1"], "did you mean '--limit'?"),
        ([*HTML, "--limit", "DPLX=0.1"], "did you mean 'DPL'?"),
        ([*HTML, "--limit", "DPL"], "not a limit such as DPL=0.1"),
        ([*HTML, "--limit", "DI=0.1"], "limit on DI, which the report does not have"),
        ([*HTML, "--limit", "DPL=0.1", "--limit", "DPL=0.2"], "more than one limit"),
        ([*HTML, "--baseline", "gone.counts"], "there is no baseline 'gone.counts'"),
        ([*HTML, "--baseline", "loans.csv"], "not a counts file"),
        ([*HTML, "--attributions", "gone"], "there is no file 'gone'"),
        ([*HTML, "--confidence", "none"], "leave out --confidence none"),
        ([*HTML, "-o", "loans.csv"], "is an input and would be overwritten"),
        ([*HTML, "-o", "nowhere/page.html"], "there is no folder 'nowhere'"),
        ([*REPORT, "--format", "htlm"], "invalid choice: 'htlm'"),
        (["rates", *REPORT[1:], "--format", "html"], "invalid choice: 'html'"),
        (["demo", "-o", "nowhere/page.html"], "there is no folder 'nowhere'"),
    ],
    ids=lambda one: " ".join(one[-2:]) if isinstance(one, list) else None,
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    command: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "loans.csv").read_bytes()
    assert main(command) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert [one.name for one in folder.iterdir()] == ["loans.csv"]
    assert (folder / "loans.csv").read_bytes() == before


def test_a_name_that_ends_in_html_makes_a_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(HTML) == 0
    printed = capsys.readouterr().out
    for name in ("page.html", "PAGE.HTML"):
        assert main([*REPORT, "-o", name]) == 0
        assert (folder / name).read_text(encoding="utf-8") == printed
    assert capsys.readouterr().out == ""
    assert main([*REPORT, "--format", "csv", "-o", "page.html"]) == 0
    assert (folder / "page.html").read_text().startswith("stage,")


def test_the_help_names_the_flags_of_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    told = capsys.readouterr().out
    for flag in ("--name", "--limit", "--baseline", "--attributions", "html"):
        assert flag in told


def test_the_demo_makes_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-o", "berkeley.html"]) == 0
    assert "The page is berkeley.html: open it in a browser." in capsys.readouterr().out
    html = (folder / "berkeley.html").read_text(encoding="utf-8")
    told = paragraphs(html)
    assert told[1].startswith("The share whose decision is admitted is 30.4 % for those whose")
    assert any("the difference disappears" in one for one in told)
    assert len(html.encode()) < 28_000
    assert read(html).faults == []


# Pages of checks


def configured(folder: Path, *sets: dict[str, object]) -> None:
    """Write a configuration of data sets."""
    usual = {"files": "loans.csv", "facet": "sex", "label": "repaid", "limits": {"DPL": 0.01}}
    lines = []
    for given in sets:
        lines.append("[[data]]")
        for name, value in {**usual, **given}.items():
            if isinstance(value, dict):
                value = "{" + ", ".join(f"{key} = {one}" for key, one in value.items()) + "}"
            elif isinstance(value, bool):
                value = str(value).lower()
            else:
                value = "'" + str(value) + "'"
            lines.append(f"{name} = {value}")
    (folder / "biaskit.toml").write_text("\n".join(lines), encoding="utf-8")


def checked(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    code = main(["check", "--format", "html", *more])
    told = capsys.readouterr()
    assert told.err == ""
    found = read(told.out)
    assert found.faults == []
    labels = [facts["aria-label"] for _, facts in found.tags if "aria-label" in facts]
    assert len(labels) == len({*labels})
    ids = [facts["id"] for _, facts in found.tags if "id" in facts]
    assert len(ids) == len({*ids})
    return code, told.out


def test_a_page_of_checks_has_the_broken_and_the_failed_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = '</script><img src=x onerror="alert(1)">\u202e'
    configured(
        folder,
        {"name": "fine", "limits": {"DPL": 0.9}},
        {"name": "wrong"},
        {"name": hostile, "files": "gone.csv"},
    )
    code, html = checked(capsys)
    assert code == 2
    told = paragraphs(html)
    shown = hostile.replace("\u202e", "\\u202e")
    assert told[1] == f"2 of 3 did not pass: {shown}, wrong"
    headings = [told.index(name) for name in (shown, "wrong", "fine")]
    assert headings == sorted(headings)
    assert "2,000" not in html
    assert [one for one in told if "400 rows" in one] == [
        "400 rows; positive is repaid = 1.",
        "400 rows; positive is repaid = 1.",
    ]
    verdicts = [row[4] for caption, rows in tables(html) for row in rows if "limits" in caption]
    assert verdicts == ["Verdict", "fails", "fails", "Verdict", "passes", "passes"]


def test_where_nothing_is_judged_a_page_does_not_say_that_it_passed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configured(folder, {"name": "later", "files": "gone.csv", "optional": True})
    code, html = checked(capsys)
    assert code == 0
    assert paragraphs(html)[1] == "No number was judged"
    assert "0 rows" not in html
    configured(folder, {"name": "loans"})
    code, html = checked(capsys, "--dry-run")
    assert code == 0
    assert paragraphs(html)[1] == "No number was judged"


def test_two_hundred_data_sets_are_on_one_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [{"name": f"set {i}", "limits": {"DPL": 0.9 if i else 0.01}} for i in range(200)]
    configured(folder, *sets)
    code, html = checked(capsys)
    assert code == 1
    assert paragraphs(html)[1] == "1 of 200 did not pass: set 0"
    assert len(html.encode()) < 400_000


def test_a_page_that_is_read_back_brings_its_level(folder: Path, capsys: Any) -> None:
    made = [*REPORT, "--confidence", "0.9", "--limit", "DPL=0.3", "--format", "html"]
    assert main([*made, "-o", "first.html"]) == 0
    assert main(["report", "first.html", "--format", "csv"]) == 0
    levels = {row["confidence"] for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    assert levels == {"0.9"}
    assert main(["report", "first.html", "--confidence", "0.8", "--format", "csv"]) == 0
    levels = {row["confidence"] for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    assert levels == {"0.8"}
    assert main(["report", "first.html", "--format", "html", "-o", "second.html"]) == 0
    first, second = ((folder / name).read_text("utf-8") for name in ("first.html", "second.html"))
    assert "Of 2 numbers with limits" in second
    assert biaskit.Counts.load("second.html").roles == biaskit.Counts.load("first.html").roles
    assert second.count('class="fail"') == first.count('class="fail"')
    assert "90 % interval" in second


def test_a_pattern_of_pages_is_dated_counts(folder: Path) -> None:
    for month in ("2026-01", "2026-02"):
        assert main([*HTML, "-o", f"{month}.html"]) == 0
    assert main(["report", "2026-*.html", "--format", "html", "-o", "both.html"]) == 0
    assert "How has it changed over time?" in (folder / "both.html").read_text("utf-8")
    assert "over time" in biaskit.page("2026-*.html").html
