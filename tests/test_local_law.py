"""Local Law 144: the rule's two worked examples, unknowns, exclusions, layouts and mistakes."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit.audits import nyc_144
from biaskit.audits.local_law.categories import RACES, SEXES, Categories
from biaskit.audits.local_law.summary_of_results import markdown
from biaskit.audits.local_law.tables import audit_nyc_144
from biaskit.cli import main
from biaskit.pages.local_law import page_of_audit

DATA = Path(__file__).parent / "data"
HISPANIC, *OTHERS = RACES

#: 6 RCNY 5-301, examples 1 and 2: applicants and selected (or above the median) of the men and of
#: the women of each race, in the rule's order. Of the second, the numbers above the median follow
#: from the rates.
SELECTED = {
    "Male": [(205, 90), (412, 215), (226, 95), (87, 37), (321, 167), (24, 11), (115, 52)],
    "Female": [(190, 82), (385, 197), (164, 75), (32, 15), (295, 135), (17, 7), (98, 44)],
}
ABOVE = {
    "Male": [(16, 12), (20, 7), (20, 10), (4, 3), (12, 7), (8, 5), (12, 6)],
    "Female": [(12, 6), (20, 8), (12, 6), (4, 2), (12, 3), (8, 5), (8, 4)],
}
#: The rule's own figures of races in the first example; that of Hispanic applicants contradicts
#: its intersectional table, whose rows sum to 395 and 172.
BY_RACE = [(408, 204), (797, 412), (390, 170), (119, 52), (616, 302), (41, 18), (213, 96)]


def people(cells: dict[str, list[tuple[int, int]]], unknown: int = 0) -> pd.DataFrame:
    rows = [
        (race, sex, yes, count if yes else n - count)
        for sex, of_sex in cells.items()
        for race, (n, count) in zip(RACES, of_sex, strict=True)
        for yes in (1, 0)
    ]
    rows.append(("Other", "Male", 0, unknown))
    return pd.DataFrame(rows, columns=["race", "sex", "hired", "n"])


def selections(**more: Any) -> pd.DataFrame:
    return nyc_144(
        people(SELECTED, 250), sex="sex", race="race", selected="hired", frequency="n", **more
    )


def scores() -> pd.DataFrame:
    """A row for each applicant of the second example, with scores around a median of 50."""
    df = people(ABOVE, 15)
    df = df.loc[df.index.repeat(df["n"])].reset_index(drop=True)
    above = df["hired"].to_numpy() == 1
    # Of the 15 of unknown category, 7 are above the median, and one is on it.
    unknown = np.flatnonzero(df["race"] == "Other")
    made = np.where(above, 50.5 + df.index % 40, 49.5 - df.index % 40)
    made[unknown[:7]], made[unknown[7]] = 70, 50
    return df.assign(score=made)


def ratios(table: pd.DataFrame, name: str) -> dict[str, float]:
    of = table[table["table"] == name]
    return dict(zip(of["category"], of["impact_ratio"], strict=True))


def test_the_first_example_of_the_rule() -> None:
    table = selections()
    by_sex = table[table["table"] == "sex"]
    assert by_sex["category"].tolist() == ["Male", "Female"]
    assert by_sex["applicants"].tolist() == [1390, 1181]
    assert by_sex["selected"].tolist() == [667, 555]
    assert by_sex["rate"].tolist() == pytest.approx([0.479856, 0.469941], abs=5e-7)
    assert ratios(table, "sex") == pytest.approx({"Male": 1, "Female": 0.979337}, abs=5e-7)
    race = ratios(table, "race/ethnicity")
    assert [*race] == [*RACES]
    expected = [0.842350, 1, 0.843229, 0.845313, 0.948391, 0.849278, 0.871872]
    assert [*race.values()] == pytest.approx(expected, abs=5e-7)
    both = table[table["table"] == "intersectional"]
    found = [f"{value:.4f}" for value in both["impact_ratio"]]
    assert found == [
        "0.8413",
        "0.8270",
        "1.0000",
        "0.8055",
        "0.8150",
        "0.9969",
        "0.8783",
        "0.8665",
        "0.9805",
        "0.8763",
        "0.8983",
        "0.8769",
        "0.7891",
        "0.8604",
    ]
    assert both["category"].tolist()[:3] == [
        "Hispanic or Latino, Male",
        "Hispanic or Latino, Female",
        "White, Male",
    ]
    unknown = table.iloc[-1]
    assert (unknown["table"], unknown["applicants"]) == ("unknown", 250)
    assert unknown["note"] == "race 'Other' (250)"
    for name in ("sex", "race/ethnicity", "intersectional"):
        of = table[table["table"] == name]
        assert (of["applicants"].sum(), of["selected"].sum()) == (2571, 1222)


def test_the_races_of_the_first_example_as_the_rule_prints_them() -> None:
    """Its race table has 13 Hispanic applicants more than its intersectional one."""
    cells = {"Male": BY_RACE, "Female": [(0, 0)] * len(RACES)}
    table = nyc_144(people(cells), sex="sex", race="race", selected="hired", frequency="n")
    found = [*ratios(table, "race/ethnicity").values()]
    expected = [0.967233, 1, 0.843229, 0.845313, 0.948391, 0.849278, 0.871872]
    assert found == pytest.approx(expected, abs=5e-7)
    assert sum(n for n, _ in BY_RACE) - 2571 == 13
    women = table[(table["table"] == "sex") & (table["category"] == "Female")].iloc[0]
    assert (women["applicants"], women["note"]) == (0, "no applicants")


def test_the_second_example_of_the_rule() -> None:
    df = scores()
    assert df["score"].median() == 50
    table = nyc_144(df, sex="sex", race="race", score="score")
    assert "above_median" in table
    by_sex = table[table["table"] == "sex"]
    assert by_sex["above_median"].tolist() == [50, 34]
    assert by_sex["rate"].tolist() == pytest.approx([0.543478, 0.447368], abs=5e-7)
    assert ratios(table, "sex")["Female"] == pytest.approx(0.823158, abs=5e-7)
    of = table[table["table"] == "race/ethnicity"]
    assert of["rate"].iloc[0] == pytest.approx(18 / 28)
    expected = [1, 0.583333, 0.777778, 0.972222, 0.648148, 0.972222, 0.777778]
    assert of["impact_ratio"].tolist() == pytest.approx(expected, abs=5e-7)
    both = table[table["table"] == "intersectional"]
    assert both["above_median"].tolist()[:3] == [12, 6, 7]
    assert (both["applicants"].sum(), both["above_median"].sum()) == (168, 84)
    assert table.iloc[-1]["applicants"] == 15


@pytest.mark.parametrize("kind", ["selection", "scoring"])
def test_the_summary_in_markdown(kind: str) -> None:
    given: dict[str, Any] = {"sex": "sex", "race": "race"}
    if kind == "selection":
        made = audit_nyc_144(people(SELECTED, 250), selected="hired", frequency="n", **given)
    else:
        made = audit_nyc_144(scores(), score="score", **given)
    path = DATA / f"nyc_144_{kind}.md"
    assert f"{markdown(made)}\n" == path.read_text(encoding="utf-8")


def test_no_summary_judges() -> None:
    """The rule has no threshold, so nothing in any form may look like a verdict."""
    texts = []
    for columns in (
        {"selected": "hired", "frequency": "n"},
        {"score": "hired"},
        {"classes": "hired"},
    ):
        made = audit_nyc_144(people(SELECTED, 250), sex="sex", race="race", **columns)
        texts += [
            markdown(made),
            re.sub(
                r"<style>.*?</style>|<script.*?</script>", "", page_of_audit(made), flags=re.DOTALL
            ),
        ]
    for text in texts:
        assert not re.search(
            r"\b(?:compl(?:y|ian\w+)|violat\w+|pass(?:ed|es)?|fail\w*|0\.80?|four.fifths|adverse)\b",
            text,
            re.IGNORECASE,
        )


# Exclusion


def test_categories_below_two_percent_are_left_out_with_a_justification() -> None:
    why = "too few for a rate"
    table = selections(exclude_below=0.02, justification=why)
    out = table[table["note"].str.startswith("excluded")]
    assert out["category"].tolist() == [
        "Native American or Alaska Native",
        "Native American or Alaska Native, Male",
        "Native Hawaiian or Pacific Islander, Female",
        "Native American or Alaska Native, Female",
    ]
    assert out["note"].iloc[2] == f"excluded: 1.24 % of the data; {why}"
    assert out[["impact_ratio", "low", "high"]].isna().all().all()
    assert out["applicants"].tolist() == [41, 24, 32, 17]
    assert out["rate"].notna().all()


def test_the_highest_rate_is_sought_among_those_not_excluded() -> None:
    cells = {"Male": [(500, 100), (490, 245), (10, 9)] + [(0, 0)] * 4, "Female": [(0, 0)] * 7}
    given = {"sex": "sex", "race": "race", "selected": "hired", "frequency": "n"}
    df = people(cells)
    plain = ratios(nyc_144(df, **given), "race/ethnicity")
    assert plain["Black or African American"] == 1
    kept = nyc_144(df, **given, exclude_below=0.02, justification="few")
    assert ratios(kept, "race/ethnicity")["White"] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exclude_below": 0.03, "justification": "few"}, "at most 0.02"),
        ({"exclude_below": 0, "justification": "few"}, "above 0"),
        ({"exclude_below": True, "justification": "few"}, "exclude_below is a part"),
        ({"exclude_below": 0.02}, "exclude_below needs justification"),
        ({"exclude_below": 0.02, "justification": " "}, "exclude_below needs justification"),
        ({"justification": "few"}, "justification goes with exclude_below"),
        ({"selected": None}, "who is chosen"),
        ({"score": "n"}, "give selected or score, not both"),
        ({"selected": None, "classes": "hired", "positive": 1}, "positive goes with selected"),
        ({"names": ["sex"]}, "names takes a mapping"),
        ({"names": {"gender": {}}}, 'names has "sex" and "race"'),
        ({"names": {"race": {"Other": "Purple"}}}, "'Purple' is no race of the rule"),
        ({"selected": "race2"}, "no column 'race2'"),
        ({"race": "hired", "selected": "race"}, "which values of label"),
        ({"confidence": 5}, "between 0 and 1"),
    ],
)
def test_mistakes_are_told(given: dict[str, Any], message: str) -> None:
    own = {"sex": "sex", "race": "race", "selected": "hired"}
    if "score" not in given:
        own["frequency"] = "n"
    with pytest.raises(BiaskitError, match=message):
        nyc_144(people(SELECTED, 250), **{**own, **given})


def test_no_known_applicant_is_an_error_that_names_the_values() -> None:
    df = pd.DataFrame({"sex": ["1", "2"], "race": ["w", "b"], "hired": [1, 0]})
    with pytest.raises(BiaskitError, match="the values are '2', '1', 'b', 'w': name them"):
        nyc_144(df, sex="sex", race="race", selected="hired")


def test_scores_must_be_numbers() -> None:
    df = people(SELECTED)
    with pytest.raises(BiaskitError, match="which is no number"):
        nyc_144(df.assign(score="high"), sex="sex", race="race", score="score")
    with pytest.raises(BiaskitError, match="missing in every row"):
        nyc_144(df.assign(score=math.nan), sex="sex", race="race", score="score")


# Names


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("HISPANIC OR LATINO", "Hispanic or Latino"),
        ("Hispanic/Latino", "Hispanic or Latino"),
        ("Black or African American (Not Hispanic or Latino)", "Black or African American"),
        ("american indian or alaskan native", "Native American or Alaska Native"),
        (
            "Native Hawaiian or Other Pacific Islander",
            "Native Hawaiian or Pacific Islander",
        ),
        ("Two or more races", "Two or More Races"),
        ("Decline to state", None),
        ("", None),
    ],
)
def test_synonyms_of_eeo_1(value: str, name: str | None) -> None:
    assert Categories("race", RACES).of(value) == name


def test_names_of_ones_own_come_first() -> None:
    df = people(SELECTED).replace({"sex": {"Male": "1", "Female": "2"}, "race": {"White": "W"}})
    names = {"sex": {"1": "male", 2: "F"}, "race": {"W": "White", "Asian": None, "none": "White"}}
    table = nyc_144(df, sex="sex", race="race", selected="hired", frequency="n", names=names)
    race = table[table["table"] == "race/ethnicity"].set_index("category")["applicants"]
    assert (race["White"], race["Asian"], race["Two or More Races"]) == (797, 0, 213)
    unknown = table.iloc[-1]
    assert (unknown["applicants"], unknown["note"]) == (616, "race 'Asian' (616)")


# Rows


applicants = st.lists(
    st.tuples(
        st.sampled_from([None, "Male", "F", "X"]),
        st.sampled_from([None, "White", "asian", "Hispanic", "Martian"]),
        st.sampled_from([None, 0, 1]),
        st.sampled_from(["lead", "calm"]),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    max_size=30,
)


@given(applicants)
def test_every_row_is_somewhere(rows: list[tuple[Any, ...]]) -> None:
    rows = [*rows, ("Male", "White", 1, "lead", 3), ("Female", "Asian", 0, "calm", 4)]
    df = pd.DataFrame(rows, columns=["sex", "race", "hired", "class", "score"])
    columns = {"sex": "sex", "race": "race"}
    known = df["sex"].isin(["Male", "F", "Female"]) & ~df["race"].isin([None, "Martian"])
    for outcome in ({"selected": "hired"}, {"score": "score"}):
        of = df[next(iter(outcome.values()))]
        table = nyc_144(df, **columns, **outcome, confidence=None).set_index("table")
        sizes = table.groupby(level=0)["applicants"].sum()
        assert len(table.loc[["sex"]]) == len(SEXES)
        assert len(table.loc[["race/ethnicity"]]) == len(RACES)
        assert sizes["sex"] == sizes["race/ethnicity"] == sizes["intersectional"]
        assert sizes["sex"] == (known & of.notna()).sum()
        assert sizes["unknown"] == (~known).sum()
        assert sizes["sex"] + sizes["unknown"] + sizes.get("no outcome", 0) == len(df)
        by_class = nyc_144(df, **columns, **outcome, classes="class", confidence=None)
        pd.testing.assert_series_equal(
            by_class.groupby("table")["applicants"].sum(), sizes, check_names=False
        )
        chosen = by_class.columns[4]
        assert by_class[chosen].sum() == table[chosen].sum()
    above = df["score"] > df["score"].median()
    expected = (above & known).sum()
    assert table.loc["sex", "above_median"].sum() == expected
    each = nyc_144(df, **columns, classes="class", confidence=None)
    of_sex = each[each["table"] == "sex"]
    assert of_sex.groupby("class")["applicants"].sum().eq(known.sum()).all()
    assert of_sex["selected"].sum() == known.sum()


def test_where_nobody_is_selected_it_says_so() -> None:
    df = people(SELECTED).assign(hired=0)
    table = nyc_144(df, sex="sex", race="race", selected="hired", frequency="n")
    assert table["impact_ratio"].isna().all()
    notes = table.loc[table["table"] == "sex", "note"]
    assert notes.tolist() == ["undefined: nobody is chosen"] * 2


def test_intervals_are_those_of_an_impact_ratio_and_can_be_left_out() -> None:
    table = selections()
    of = biaskit.impact(people(SELECTED), facet="sex", label="hired", frequency="n")
    low, high = of.set_index("value").loc["Female", ["low", "high"]]
    row = table[table["category"] == "Female"].iloc[0]
    assert (row["low"], row["high"]) == (low, high)
    assert "low" not in selections(confidence=None)


def test_saved_counts_have_the_same_tables() -> None:
    df = people(SELECTED, 250)
    counts = biaskit.count(df, facet=("race", "sex"), label="hired", frequency="n")
    given = {"sex": "sex", "race": "race", "selected": "hired"}
    pd.testing.assert_frame_equal(nyc_144(counts, **given), selections())
    predicted = biaskit.count(
        df.assign(good=1), facet=[("sex", "race"), "race"], label="good", predicted="hired",
        frequency="n",
    )  # fmt: skip
    pd.testing.assert_frame_equal(nyc_144(predicted, **given), selections())
    more = biaskit.count(
        df.assign(town="x", score=df["hired"]), facet=("race", "sex"), label="hired",
        group="score", frequency="n",
    )  # fmt: skip
    pd.testing.assert_frame_equal(nyc_144(more, **given), selections())
    scored = nyc_144(more, sex="sex", race="race", score="score")
    assert scored["above_median"].tolist() == selections()["selected"].tolist()
    weighted = biaskit.count(df, facet=("race", "sex"), label="hired", weight="n")
    with pytest.raises(BiaskitError, match="weighted rows"):
        nyc_144(weighted, **given)
    with pytest.raises(BiaskitError, match="count with facet="):
        nyc_144(biaskit.count(df, facet="race", label="hired"), **given)


# Forms


def test_the_page_has_the_tables() -> None:
    made = audit_nyc_144(
        people(SELECTED, 250), sex="sex", race="race", selected="hired", frequency="n"
    )
    html = page_of_audit(made)
    assert html.count("<table") == 3
    assert "<td>1,390</td><td>667</td><td>48.0 %</td><td>1.000</td>" in html
    assert "250 applicants of unknown sex or race/ethnicity" in html


def test_the_command(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    people(SELECTED, 250).replace({"sex": {"Male": "1"}}).to_csv("a.csv", index=False)
    flags = ["audit", "nyc-144", "a.csv", "--sex", "sex", "--race", "race", "--frequency", "n"]
    flags += ["--selected", "hired"]
    named = [*flags, "--names", "sex:1=Male"]
    assert main([*named, "-o", "audit.md"]) == 0
    assert Path("audit.md").read_text(encoding="utf-8") == (
        DATA / "nyc_144_selection.md"
    ).read_text(encoding="utf-8")
    assert main([*named, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rule"], len(found["audit"])) == ("nyc-144", 24)
    assert main([*named, "-o", "audit.html"]) == 0
    assert main(named) == 0
    assert "2,821 applicants in all." in capsys.readouterr().out
    assert main([*flags, "--names", "1=Male"]) == 2
    assert "such as sex:1=Male" in capsys.readouterr().err
    assert main([*named, "--exclude-below", "0.02"]) == 2
    assert "--exclude-below needs --justification" in capsys.readouterr().err


def test_the_workbook_has_a_sheet_for_each_table(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    people(SELECTED, 250).to_csv(tmp_path / "a.csv", index=False)
    path = tmp_path / "audit.xlsx"
    flags = ["--sex", "sex", "--race", "race", "--selected", "hired", "--frequency", "n"]
    assert main(["audit", "nyc-144", str(tmp_path / "a.csv"), *flags, "-o", str(path)]) == 0
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == [
        "About",
        "Sex categories",
        "Race_ethnicity categories",
        "Intersectional categories",
    ]
    sheet = book["Sex categories"]
    assert [cell.value for cell in sheet[1]][:5] == [
        "Sex", "Applicants", "Selected", "Selection rate", "Impact ratio",
    ]  # fmt: skip
    assert sheet["B2"].value == 1390
    assert sheet["E3"].value == pytest.approx(0.979337, abs=5e-7)
