"""The gate: data sets of a configuration to findings, and the same verdicts everywhere."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit.cli import main
from biaskit.counts.facets import Facet
from biaskit.errors import BiaskitError
from biaskit.gate.config import DataSet, config_file, read_config

LOANS = """
[[data]]
name = "loans"
files = "loans.parquet"
facet = "sex"
label = "paid"
limits = {DPL = 0.1}
"""
CONCLUSION = (
    "1 table: 0 fail, 0 uncertain, 2 pass; the numbers of a table are judged together (Holm)\n"
)
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def loans(gap: float, rows: int = 2000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    chance = np.where(sex == "f", 0.5 - gap / 2, 0.5 + gap / 2)
    return pd.DataFrame({"sex": sex, "paid": (rng.random(rows) < chance).astype(int)})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    loans(0.0).to_parquet("loans.parquet")
    Path("biaskit.toml").write_text(LOANS)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


def checked(capsys: Any, *argv: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(capsys, "check", *argv, "--format", "json")
    made = json.loads(out)
    assert made["exit_code"] == code
    return code, made


# Exit codes and findings


def test_the_numbers_that_passed_are_there_for_who_asks(project: Path, capsys: Any) -> None:
    code, out, _ = run(capsys, "check", "--verbose")
    first, *passed, last = out.splitlines()
    row = biaskit.report("loans.parquet", facet="sex", label="paid", metrics="DPL").iloc[0]
    said = f"{row['estimate']:.4g} (95 %: {row['low']:.4g} to {row['high']:.4g})"
    rows = f"{row['n_d']:,} rows, all others {row['n_a']:,}"
    assert passed[0] == f"  pass: DPL, sex = f: {said}; limit -0.1 to 0.1; {rows}"
    assert len(passed) == 2
    assert run(capsys, "check") == (code, f"{first}\n{last}\n", "")
    # In JUnit they are there anyway.
    out = run(capsys, "check", "--format", "junit")[1]
    assert f"<system-out>{said}; limit" in out


def test_changes_that_passed_are_listed_too(project: Path, capsys: Any) -> None:
    more = 'baseline = "loans.counts"\ndrift = {DPL = 0.3}\n'
    Path("biaskit.toml").write_text(LOANS.replace("limits = {DPL = 0.1}", more))
    assert run(capsys, "baseline")[0] == 0
    _, out, _ = run(capsys, "check", "-v")
    assert "  pass: change of DPL, sex = f: " in out
    assert "change 0 (95 %: " in out


def test_where_nothing_is_found_quiet_says_nothing(project: Path, capsys: Any) -> None:
    assert run(capsys, "check", "-q") == (0, "", "")
    assert run(capsys, "check", "-q", "-o", "said.txt") == (0, "", "")
    loans(0.4).to_parquet("unfair.parquet")
    worse = LOANS.replace('"loans"', '"unfair"').replace("loans.parquet", "unfair.parquet")
    Path("biaskit.toml").write_text(LOANS + worse)
    code, out, _ = run(capsys, "check", "--quiet")
    assert code == 1
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "unfair (unfair.parquet)",
        "  error BK101",
        "  error BK101",
        "2 tables",
    ]
    assert run(capsys, "check", "-v", "-q")[0] == 2


def test_nothing_found_is_0(project: Path, capsys: Any) -> None:
    assert run(capsys, "check") == (
        0,
        "loans (loans.parquet): 2,000 rows; positive is paid = 1\n" + CONCLUSION,
        "",
    )


def test_a_breach_is_1(project: Path, capsys: Any) -> None:
    loans(0.4).to_parquet("loans.parquet")
    code, out, _ = run(capsys, "check")
    assert code == 1
    assert "error BK101: DPL, sex = f: 0.4" in out
    assert "1 table: 2 fail" in out


def test_what_is_uncertain_warns_and_fails_if_strict(project: Path, capsys: Any) -> None:
    loans(0.1).to_parquet("loans.parquet")
    code, out, _ = run(capsys, "check")
    assert code == 0
    assert out.count("warning BK102") == 2
    code, out, _ = run(capsys, "check", "--strict")
    assert code == 1
    assert out.count("error BK102") == 2
    Path("biaskit.toml").write_text("strict = true\n" + LOANS)
    assert run(capsys, "check")[0] == 1


def test_what_cannot_be_judged_says_why(project: Path, capsys: Any) -> None:
    Path("biaskit.toml").write_text(LOANS + "min_rows = 5000\n")
    _, out, _ = run(capsys, "check")
    assert out.count("warning BK103") == 2
    assert "rows on side a; at least 5,000 are required" in out
    loans(0).assign(p=0).to_parquet("loans.parquet")
    Path("biaskit.toml").write_text(LOANS.replace("DPL = 0.1", "DI = 0.2") + 'predicted = "p"\n')
    _, out, _ = run(capsys, "check")
    assert out.count("warning BK103: DI") == 2
    assert "undefined" in out


def test_one_broken_data_set_does_not_stop_the_others(project: Path, capsys: Any) -> None:
    loans(0.4).to_parquet("bad.parquet")
    others = [
        '[[data]]\nname = "bad"\nfiles = "bad.parquet"\n',
        '[[data]]\nname = "gone"\nfiles = "gone/*.parquet"\n',
        '[[data]]\nname = "misspelt"\nfiles = "loans.parquet"\nlabell = "paid"\n',
        '[[data]]\nname = "other"\nfiles = "loans.parquet"\n',
    ]
    rest = 'facet = "sex"\nlabel = "paid"\nlimits = {DPL = 0.1}\n'
    Path("biaskit.toml").write_text(LOANS + "".join(one + rest for one in others))
    code, made = checked(capsys)
    assert code == 2
    found = {one["name"]: [f["code"] for f in one["findings"]] for one in made["check"]}
    assert found == {
        "loans": [],
        "bad": ["BK101", "BK101"],
        "gone": ["BK301"],
        "misspelt": ["BK301"],
        "other": [],
    }
    said = {one["name"]: one["findings"] for one in made["check"]}
    assert "no file matches 'gone/*.parquet'" in said["gone"][0]["message"]
    assert "no key 'labell'; did you mean 'label'" in said["misspelt"][0]["message"]
    assert checked(capsys, "--only", "loans", "--only", "other")[0] == 0
    code, _, err = run(capsys, "check", "--only", "loan")
    assert code == 2
    assert "no data set is called 'loan'; did you mean 'loans'" in err


def test_files_that_may_be_absent(project: Path, capsys: Any) -> None:
    Path("loans.parquet").unlink()
    assert run(capsys, "check")[0] == 2
    Path("biaskit.toml").write_text(LOANS + "optional = true\n")
    code, out, _ = run(capsys, "check")
    assert code == 0
    assert "no file is there, and it is optional" in out
    assert run(capsys, "check", "--dry-run")[0] == 0


def test_files_that_are_named_are_checked_each_by_itself(project: Path, capsys: Any) -> None:
    Path("biaskit.toml").write_text(LOANS.replace("loans.parquet", "days/*.parquet"))
    Path("days").mkdir()
    for day, gap in enumerate((0.0, 0.4)):
        loans(gap).to_parquet(f"days/{day}.parquet")
    Path("notes.csv").write_text("sex,paid\nf,1\n")
    code, made = checked(capsys, "days/0.parquet", "days/1.parquet", "notes.csv", "loans.parquet")
    assert code == 1
    assert made["not_checked"] == 2
    assert [(one["files"], one["verdicts"]["fail"]) for one in made["check"]] == [
        (["days/0.parquet"], 0),
        (["days/1.parquet"], 2),
    ]
    _, out, _ = run(capsys, "check", "notes.csv")
    assert (
        out == "0 tables: nothing was judged; 1 file belongs to no data set and was not checked\n"
    )
    os.chdir("days")
    code, made = checked(capsys, "1.parquet")
    assert (code, made["check"][0]["files"]) == (1, ["1.parquet"])


@pytest.mark.parametrize(
    ("name", "text", "fetch"),
    [
        ("loans.parquet", LFS, "git lfs pull"),
        ("loans.parquet", "/annex/objects/SHA256E-s1--ab.parquet\n", "git annex get"),
        ("loans.parquet.dvc", "outs:\n- md5: ab\n  path: loans.parquet\n", "dvc pull"),
    ],
)
def test_a_pointer_in_place_of_the_data_is_said(
    project: Path, capsys: Any, name: str, text: str, fetch: str
) -> None:
    Path("loans.parquet").unlink()
    Path(name).write_text(text)
    code, made = checked(capsys)
    assert code == 2
    (finding,) = made["check"][0]["findings"]
    assert finding["code"] == "BK302"
    assert f"`{fetch}`" in finding["message"]
    code, _, err = run(capsys, "report", "loans.parquet", "--facet", "sex")
    assert code == 2
    assert fetch in err


def test_a_pointer_of_dvc_stands_for_its_data(project: Path, capsys: Any) -> None:
    Path("biaskit.toml").write_text(LOANS.replace("loans.parquet", "*.parquet"))
    Path("loans.parquet.dvc").write_text("outs:\n- path: loans.parquet\n")
    code, made = checked(capsys, "loans.parquet.dvc")
    assert (code, made["check"][0]["files"]) == (0, ["loans.parquet"])
    assert checked(capsys)[0] == 0
    Path("loans.parquet").unlink()
    for argv in ((), ("loans.parquet.dvc",)):
        code, made = checked(capsys, *argv)
        assert (code, made["not_checked"]) == (2, 0)
        assert "BK302" in str(made["check"][0]["findings"])
    Path("biaskit.toml").write_text(Path("biaskit.toml").read_text() + "optional = true\n")
    assert checked(capsys)[0] == 0


def test_a_file_that_vanishes_is_said(
    project: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = DataSet.paths

    def then_gone(data: DataSet) -> list[Path]:
        found = listed(data)
        for path in found:
            path.unlink()
        return found

    monkeypatch.setattr(DataSet, "paths", then_gone)
    code, made = checked(capsys)
    assert code == 2
    assert "there is no file 'loans.parquet'" in made["check"][0]["findings"][0]["message"]


# Drift


def test_a_baseline_is_written_and_held(project: Path, capsys: Any) -> None:
    Path("biaskit.toml").write_text(
        LOANS + 'baseline = "loans.counts"\ndrift = {DPL = 0.1, "facet share" = 0.2}\n'
    )
    code, made = checked(capsys)
    assert code == 2
    (one,) = made["check"]
    assert one["verdicts"]["pass"] == 2  # its limits are judged all the same
    assert "`biaskit baseline` writes it" in one["findings"][0]["message"]

    assert run(capsys, "baseline") == (0, "loans: 2,000 rows: loans.counts\n", "")
    assert checked(capsys)[0] == 0

    frame = loans(-0.4)
    frame = frame[(frame["sex"] == "m") | (np.arange(len(frame)) % 5 == 0)]
    pd.concat([frame, frame.iloc[:5].assign(sex="x")]).to_parquet("loans.parquet")
    code, made = checked(capsys)
    assert code == 1
    codes = {(f["code"], f["level"]) for f in made["check"][0]["findings"]}
    assert {("BK101", "error"), ("BK201", "error"), ("BK203", "warning"), ("BK204", "error")} <= (
        codes
    )


def test_data_and_a_baseline_behind_addresses(project: Path, capsys: Any) -> None:
    far = f"file://{project}/"
    roles = {"facet": "sex", "label": "paid"}
    biaskit.count("loans.parquet", **roles).save("loans.counts")
    (project / "biaskit.toml").write_text(
        LOANS.replace("loans.parquet", f"{far}*.parquet?hidden=1")
        + f'baseline = "{far}loans.counts"\ndrift = 0.05\n'
    )
    code, made = checked(capsys)
    (one,) = made["check"]
    assert code == 0
    assert one["rows"] == 2000
    assert one["files"] == [f"{far}*.parquet"]
    assert one["verdicts"]["pass"] > 2
    # A file that is named is another one, even if an address leads to it.
    assert "1 file belongs to no data set" in run(capsys, "check", "loans.parquet")[1]
    assert run(capsys, "check", "--dry-run")[0] == 0
    assert run(capsys, "baseline")[0] == 2
    flags = ["--facet", "sex", "--label", "paid", "--limit", "DPL=0.1"]
    code, out, _ = run(capsys, "check", f"{far}loans.parquet?hidden=1", *flags, "--format", "sarif")
    assert code == 0
    code, out, _ = run(capsys, "check", f"{far}none.parquet?hidden=1", *flags, "--format", "github")
    assert code == 2
    assert f"there is no file '{far}none.parquet'" in out.replace("%3A", ":")
    assert "hidden" not in out
    assert "file=" not in out
    code, out, _ = run(capsys, "check", f"{far}none.parquet", *flags, "--format", "sarif")
    (result,) = json.loads(out)["runs"][0]["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == f"{far}none.parquet"


def test_baselines_that_are_wrong(project: Path, capsys: Any) -> None:
    drift = LOANS + 'baseline = "loans.counts"\ndrift = 0.1\n'
    Path("biaskit.toml").write_text(drift)
    counts = biaskit.count("loans.parquet", facet="sex", label="paid")
    counts.save("whole.counts")
    biaskit.count("loans.parquet", facet="paid", label="sex").save("loans.counts")
    _, made = checked(capsys)
    assert "counts of different roles cannot be compared" in str(made["check"][0]["findings"])
    code, made = checked(capsys, "--dry-run")
    assert code == 2
    assert "counts of different roles cannot be compared" in str(made["check"][0]["findings"])
    Path("loans.counts").write_bytes(Path("whole.counts").read_bytes()[:-9])
    assert "not a whole Parquet file" in str(checked(capsys)[1]["check"][0]["findings"])
    Path("loans.counts").write_bytes(Path("loans.parquet").read_bytes())
    assert "there is no counts file" in str(checked(capsys)[1]["check"][0]["findings"])


def test_a_baseline_that_cannot_be_written(project: Path, capsys: Any) -> None:
    code, _, err = run(capsys, "baseline")
    assert (code, err) == (
        2,
        "biaskit: no data set names a baseline; add baseline and drift to one\n",
    )
    Path("biaskit.toml").write_text(LOANS + 'baseline = "no/loans.counts"\ndrift = 0.1\n')
    code, out, _ = run(capsys, "baseline")
    assert code == 2
    assert "there is no folder 'no'" in out


def test_compare_on_the_command_line(project: Path, capsys: Any) -> None:
    biaskit.count("loans.parquet", facet="sex", label="paid").save("then.counts")
    loans(0.4).to_parquet("now.parquet")
    code, out, _ = run(
        capsys, "compare", "now.parquet", "then.counts", "--limit", "DPL=0.05", "--format", "json"
    )
    assert code == 1
    rows = json.loads(out)["compare"]
    assert [row["verdict"] for row in rows if row["metric"] == "DPL"] == ["fail", "fail"]
    flags = ("compare", "loans.parquet", "then.counts")
    assert run(capsys, *flags, "--limit", "DPL=0.2")[0] == 0
    assert run(capsys, *flags)[0] == 0  # no farther at all is not sure
    assert run(capsys, *flags, "--strict")[0] == 1
    code, _, err = run(capsys, "compare", "now.parquet", "loans.parquet")
    assert code == 2
    assert "the baseline 'loans.parquet' is not a counts file" in err


# Configuration


def test_biaskit_toml_wins(project: Path) -> None:
    Path("pyproject.toml").write_text("[tool.biaskit]\n" + LOANS.replace("[[", "[[tool.biaskit."))
    assert config_file(project) == project.resolve() / "biaskit.toml"
    Path("biaskit.toml").unlink()
    assert config_file(project / "deep" / "down") == project.resolve() / "pyproject.toml"
    config = read_config(project / "pyproject.toml")
    assert [one.name for one in config.data if isinstance(one, DataSet)] == ["loans"]
    Path("pyproject.toml").write_text("[tool.other]\n")
    assert config_file(project) is None


def test_a_configuration_says_all_that_a_call_can() -> None:
    data = DataSet.of(
        {
            "files": ["a.csv", "b.csv"],
            "facet": ["sex", ["sex", "race"]],
            "facet_values": {"sex": ["f", "x"]},
            "label": "status",
            "positive": ["paid", "settled"],
            "predicted": "score",
            "predicted_above": 0.5,
            "group": "branch",
            "weight": "w",
            "limits": {"DPL": 0.1, "DI": [0.8, 1.25], "CDDL": 0.1},
            "min_rows": 5,
            "confidence": 0.9,
            "seed": 3,
            "optional": True,
        }
    )
    assert data.name == "a.csv, b.csv"
    assert data.roles.facet == (Facet(("sex",)), Facet(("sex", "race")))
    assert data.roles.positive == ("paid", "settled")
    assert [(one.metric.symbol, one.low, one.high) for one in data.limits] == [
        ("DPL", -0.1, 0.1),
        ("DI", 0.8, 1.25),
        ("CDDL", -0.1, 0.1),
    ]
    assert (data.min_rows, data.confidence, data.seed, data.optional) == (5, 0.9, 3, True)


WHOLE = {"files": "a.csv", "facet": "sex", "label": "y", "limits": {"DPL": 0.1}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"facett": "sex"}, "no key 'facett'; did you mean 'facet'"),
        ({"files": None}, "files is needed"),
        ({"files": []}, "files is needed"),
        ({"files": [3]}, "files is needed"),
        ({"facet": None}, "facet is needed"),
        ({"limits": None}, "limits is needed"),
        ({"limits": {"DPL": math.nan}}, "limit on DPL is a number"),
        ({"limits": {"DPL": [0.2, 0.1]}}, "limits on DPL cross"),
        ({"limits": {"DPPL": 0.1}}, "limit on DPPL, which needs predicted"),
        ({"limits": {"CDDL": 0.1}}, "limit on CDDL, which needs group"),
        ({"baseline": "a.counts"}, "baseline needs drift"),
        ({"drift": 0.1}, "drift needs baseline"),
        ({"baseline": 3, "drift": 0.1}, "baseline must be the path of a counts file"),
        ({"baseline": "a", "drift": {"DPLL": 0.1}}, "no metric 'DPLL'; did you mean 'DPL'"),
        ({"baseline": "a", "drift": {"DPPL": 0.1}}, "limit on DPPL, which needs predicted"),
        ({"min_rows": 1.5}, "min_rows must be an integer"),
        ({"min_rows": -1}, "min_rows must be an integer of 0 or more"),
        ({"confidence": 2}, "confidence must be a number between 0 and 1"),
        ({"optional": "yes"}, "optional must be true or false"),
        ({"name": 3}, "name must be a text"),
        ({"facet_above": "old"}, "facet_above takes a number"),
    ],
)
def test_a_data_set_that_is_wrong_is_refused(change: dict[str, Any], message: str) -> None:
    changed = {name: value for name, value in {**WHOLE, **change}.items() if value is not None}
    with pytest.raises(BiaskitError, match=message):
        DataSet.of(changed)
    assert DataSet.of(WHOLE).name == "a.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[data]\n", "biaskit.toml is not valid TOML: .*line 1, column 7"),
        ("", r"names no data set; begin one with \[\[data\]\]"),
        ("data = 3\n", "names no data set"),
        ("strickt = true\n" + LOANS, "no key 'strickt'; did you mean 'strict'"),
        ('strict = "yes"\n' + LOANS, "strict must be true or false"),
        (LOANS * 2, "two data sets are called 'loans'"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(
    project: Path, capsys: Any, text: str, message: str
) -> None:
    Path("biaskit.toml").write_text(text)
    with pytest.raises(BiaskitError, match=message):
        read_config(Path("biaskit.toml"))
    code, _, err = run(capsys, "check")
    assert code == 2
    assert err.count("\n") == 1


def test_calls_that_are_wrong(project: Path, capsys: Any, tmp_path: Path) -> None:
    flags = ("--facet", "sex", "--label", "paid")
    for argv, message in (
        (["--limit", "DPL=0.1"], "which data? Name files"),
        (["loans.parquet", *flags], "--limit is needed"),
        (["loans.parquet", *flags, "--limit", "DPL"], "'DPL' is not a limit such as DPL=0.1"),
        (["loans.parquet", *flags, "--limit", "DPL=a"], "'DPL=a' is not a limit"),
        (["loans.parquet", *flags, "--limit", "DPL=1,2,3"], "is not a limit"),
        (["loans.parquet", *flags, "--limit", "DPL=nan"], "limit on DPL is a number"),
        (["loans.parquet", *flags, *["--limit", "DPL=0.1"] * 2], "more than one limit"),
        (["--min-rows", "5"], "--min-rows goes with --facet and --limit"),
        (["--config", "no.toml"], "cannot read 'no.toml'"),
        (["--strickt"], "no flag '--strickt' for check; did you mean '--strict'"),
        (["no.parquet"], "there is no file 'no.parquet'"),
        (["-o", "out.pdf"], "'out.pdf' does not say its format"),
        (["-o", "no/out.json"], "there is no folder 'no'"),
    ):
        code, out, err = run(capsys, "check", *argv)
        assert (code, out) == (2, ""), argv
        assert message in err, argv
        assert err.count("\n") == 1
    Path("biaskit.toml").unlink()
    code, _, err = run(capsys, "check")
    assert code == 2
    assert "no biaskit.toml here or above" in err


def test_a_dry_run_reads_no_rows(
    project: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("rows are read")

    monkeypatch.setattr("biaskit.gate.outcomes.counted", read)
    assert run(capsys, "check", "--dry-run")[0] == 0
    by_hand = ("loans.parquet", "--facet", "sex", "--label", "paid", "--limit", "DPL=0.1")
    assert run(capsys, "check", *by_hand, "--dry-run")[0] == 0
    loans(0).rename(columns={"paid": "paid_"}).to_parquet("loans.parquet")
    code, out, _ = run(capsys, "check", "--dry-run")
    assert code == 2
    assert "no column 'paid'; did you mean 'paid_'" in out


# Where it goes


def test_the_step_summary_is_added_to(
    project: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    loans(0.4).to_parquet("loans.parquet")
    assert run(capsys, "check", "--format", "github")[0] == 1
    text = Path("summary.md").read_text()
    assert text.startswith("before\n### biaskit\n")
    assert "| error | BK101 | loans | DPL, sex = f |" in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "no" / "summary.md"))
    assert run(capsys, "check")[0] == 2


def test_a_file_takes_the_findings_and_the_terminal_the_conclusion(
    project: Path, capsys: Any
) -> None:
    for name, begins in (
        ("out.xml", "<?xml"),
        ("out.json", "{"),
        ("out.sarif", "{"),
        ("out.md", "### biaskit"),
        ("out.txt", "loans (loans.parquet)"),
    ):
        code, out, _ = run(capsys, "check", "-o", name)
        assert code == 0
        assert out.startswith("1 table: 0 fail, 0 uncertain, 2 pass")
        assert Path(name).read_text().startswith(begins)


# One policy


@pytest.mark.slow
@settings(max_examples=30)
@given(
    gap=st.floats(-0.5, 0.5),
    rows=st.integers(20, 3000),
    low=st.floats(-0.3, 0),
    distance=st.floats(0, 0.5),
    min_rows=st.sampled_from([0, 30]),
    confidence=st.sampled_from([0.9, 0.95]),
)
def test_python_the_command_line_and_the_hook_agree(
    gap: float,
    rows: int,
    low: float,
    distance: float,
    min_rows: int,
    confidence: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("one-policy")
    frame = loans(gap, rows, seed=rows)
    frame.to_parquet(folder / "loans.parquet")
    limits = {"DPL": [low, low + 0.2], "TVD": distance, "CI": 0.1}
    (folder / "biaskit.toml").write_text(
        LOANS.replace("{DPL = 0.1}", f"{{DPL = {limits['DPL']}, TVD = {distance}, CI = 0.1}}")
        + f"min_rows = {min_rows}\nconfidence = {confidence}\n"
    )
    report = biaskit.report(frame, facet="sex", label="paid", confidence=confidence)
    expected = biaskit.check(report, limits, min_rows=min_rows, confidence=confidence)

    path, out = str(folder / "loans.parquet"), str(folder / "out.json")
    config = ("--config", str(folder / "biaskit.toml"))
    flags = [f"--limit=DPL={low},{low + 0.2}", f"--limit=TVD={distance}", "--limit=CI=0.1"]
    by_hand = [*flags, "--facet=sex", "--label=paid", f"--min-rows={min_rows}"]
    for argv in (config, (path, *config), (path, *by_hand, f"--confidence={confidence}")):
        code = main(["check", *argv, "-o", out])
        made = json.loads(Path(out).read_text())
        rows_ = made["check"][0]["checked"]
        order = {
            (m, v): i for i, (m, v) in enumerate(zip(expected.metric, expected.value, strict=True))
        }
        rows_.sort(key=lambda row: order[row["metric"], row["value"]])
        assert [row["verdict"] for row in rows_] == expected["verdict"].tolist()
        assert [row["reason"] for row in rows_] == expected["reason"].tolist()
        assert code == int("fail" in set(expected["verdict"]))


def test_a_person_is_shown_the_worst_twenty(project: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": rng.integers(0, 30, 900), "paid": rng.integers(0, 2, 900)})
    frame.to_parquet("loans.parquet")
    _, out, _ = run(capsys, "check")
    lines = out.splitlines()
    assert len([line for line in lines if line.startswith("  warning")]) == 20
    assert lines[-2] == "  and 10 more, closer to their limits; --format json has them all"
    _, made = checked(capsys)
    assert len(made["check"][0]["findings"]) == 30


def test_a_hook_looks_its_files_up_once(
    project: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three thousand changed files of a data set of three thousand took minutes."""
    names = [f"part-{i}.parquet" for i in range(30)]
    for name in names:
        Path(name).write_bytes(Path("loans.parquet").read_bytes())
    (project / "biaskit.toml").write_text(LOANS.replace("loans.parquet", "part-*.parquet"))
    listed, asked = DataSet.paths, []
    monkeypatch.setattr(DataSet, "paths", lambda data: asked.append(1) or listed(data))
    code, out, _ = run(capsys, "check", "--dry-run", *names, "loans.parquet")
    assert code == 0
    assert "30 tables" in out
    assert "1 file belongs to no data set" in out
    assert len(asked) == 1


THERE = "`biaskit metrics` lists what there is"
WRONG = """[[data]]
name = "loans"
filez = "loans.parquet"
"facet" = "sex"
labell = "paid"
limits = {DPLL = 0.1, CI = "x"}
min_rows = "many"

[[data]]
name = "others"
files = "loans.parquet"
facet = "sex"
seed = -1
limits = {DI = 0.9}
"""


def test_all_mistakes_of_a_configuration_are_told_at_once(project: Path, capsys: Any) -> None:
    Path("biaskit.toml").write_text(WRONG)
    code, made = checked(capsys)
    assert code == 2
    said = {
        one["name"]: [finding["message"] for finding in one["findings"]] for one in made["check"]
    }
    assert said["loans"] == [
        "biaskit.toml, line 3: no key 'filez'; did you mean 'files'?",
        "biaskit.toml, line 5: no key 'labell'; did you mean 'label'?",
        'biaskit.toml: files is needed: a path or a glob, or a list, such as ["data/*.csv"]',
        "biaskit.toml, line 7: min_rows must be an integer, not 'many'",
        "biaskit.toml, line 6: no metric 'DPLL'; did you mean 'DPL'? " + THERE,
        "biaskit.toml, line 6: the limit on CI is a number or two, [low, high]; not 'x'",
    ]
    # What a mistake entails is no mistake of its own: that DI needs predictions is told afterwards.
    seed = "biaskit.toml, line 13: seed must be an integer of 0 or more, not -1"
    assert said["others"] == [seed]
    Path("biaskit.toml").write_text(WRONG.partition("\n\n")[2].replace("seed = -1\n", ""))
    (finding,) = checked(capsys)[1]["check"][0]["findings"]
    assert finding["message"].startswith(
        "biaskit.toml, line 5: there is a limit on DI, which needs"
    )
    Path("biaskit.toml").write_text("strickt = true\nDATA = 1\n" + LOANS)
    _, _, err = run(capsys, "check")
    assert "line 1: no key 'strickt'; did you mean 'strict'?" in err
    assert "line 2: no key 'DATA'; did you mean 'data'?" in err


def test_lines_are_told_only_where_they_are_known(project: Path, capsys: Any) -> None:
    """A text over several lines may hold what looks like a key."""
    several = LOANS.replace('"loans"', '''"""lo\nlabell = 1\nans"""''') + "labell = 3\n"
    Path("biaskit.toml").write_text(several)
    (finding,) = checked(capsys)[1]["check"][0]["findings"]
    assert finding["message"] == "biaskit.toml: no key 'labell'; did you mean 'label'?"


def test_a_configuration_names_folders_by_a_glob(project: Path, capsys: Any) -> None:
    for day in (1, 2):
        Path(f"lake/day=2026-01-0{day}").mkdir(parents=True)
        loans(0.0).to_parquet(f"lake/day=2026-01-0{day}/x.parquet")
    Path("biaskit.toml").write_text(LOANS.replace("loans.parquet", "lake/day=2026-01-0*"))
    assert checked(capsys)[1]["check"][0]["rows"] == 4_000
    path = "lake/day=2026-01-02/x.parquet"
    assert checked(capsys, path)[1]["check"][0]["rows"] == 2_000
