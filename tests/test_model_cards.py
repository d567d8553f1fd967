"""Model cards: what a report says, as Markdown and in SageMaker's schema, whatever its names."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

import biaskit
from biaskit.cli import main
from biaskit.gate.check import check_rows
from biaskit.gate.limits import limits_of
from biaskit.pages.exports.cards import evaluation_details, model_card
from biaskit.reports.report import Row, report_rows
from biaskit.reports.summary import Summary, summarised
from biaskit.store.formats import as_json

HOSTILE = "=1+1|<b>\x1b[31m\u202e\ud800'_x0041_ https://evil.example @me"
RENDER = MarkdownIt("commonmark").enable("table")

_TEXT = {"type": "string", "minLength": 1}
_SIMPLE = {
    "type": "object",
    "required": ["name", "type", "value"],
    "additionalProperties": False,
    "properties": {
        "name": {**_TEXT, "maxLength": 255},
        "notes": {"type": "string", "maxLength": 1024},
        "type": {"enum": ["number", "string", "boolean"]},
        "value": {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "maxLength": 63},
                {"type": "boolean"},
            ]
        },
    },
}
_BARS = {
    **_SIMPLE,
    "properties": {
        **_SIMPLE["properties"],  # type: ignore[dict-item]
        "type": {"enum": ["bar_chart"]},
        "value": {"type": "array", "items": {"type": "number"}, "minItems": 1},
        "x_axis_name": {"type": "array", "items": {"type": "string", "maxLength": 63}},
        "y_axis_name": {"type": "string", "maxLength": 63},
    },
}
#: An item of `evaluation_details`, by the rules of AWS's documentation of model cards, version 1.0.
EVALUATION = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {**_TEXT, "maxLength": 63},
        "evaluation_observation": {"type": "string", "maxLength": 2096},
        "evaluation_job_arn": {"type": "string", "maxLength": 256},
        "datasets": {
            "type": "array",
            "items": {"type": "string", "maxLength": 1024},
            "maxItems": 10,
        },
        "metadata": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
            "additionalProperties": {"type": "string", "maxLength": 1024},
        },
        "metric_groups": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "metric_data"],
                "additionalProperties": False,
                "properties": {
                    "name": {**_TEXT, "maxLength": 63},
                    "metric_data": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"anyOf": [_SIMPLE, _BARS]},
                    },
                },
            },
        },
    },
}


@pytest.fixture
def berkeley(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    biaskit.datasets.berkeley().to_parquet("berkeley.parquet")
    return "report berkeley.parquet --facet gender --label decision --positive admitted"


def berkeley_counts() -> biaskit.Counts:
    return biaskit.count(
        biaskit.datasets.berkeley(),
        facet="gender",
        label="decision",
        positive="admitted",
        group="department",
    )


def counts_of(facet: str, values: Sequence[str], *, predicted: bool = False) -> biaskit.Counts:
    """Counts of fifty rows a value, more of them positive from value to value, up to ninth."""
    columns: dict[str, Any] = {
        facet: [value for value in values for _ in range(50)],
        "y": [i % 10 <= at % 9 for at in range(len(values)) for i in range(50)],
    }
    if predicted:
        columns["p"] = [i % 10 <= at % 7 for at in range(len(values)) for i in range(50)]
    return biaskit.count(
        pa.table(columns), facet=facet, label="y", predicted="p" if predicted else None
    )


def told(counts: biaskit.Counts) -> tuple[list[Row], biaskit.Counts, Summary]:
    rows = report_rows(counts)
    return rows, counts, summarised(rows, counts)


def valid(details: dict[str, Any]) -> dict[str, Any]:
    """Details that SageMaker takes, in a card that leaves room for its other sections."""
    jsonschema.validate(details, EVALUATION)
    text = as_json({"evaluation_details": [details]})
    assert len(text) <= 100_000
    assert json.loads(text) == {"evaluation_details": [details]}
    names = [group["name"] for group in details["metric_groups"]]
    assert len({*names}) == len(names)
    return details


def test_a_card_for_sagemaker_has_the_numbers_of_the_report() -> None:
    rows, counts, summary = told(berkeley_counts())
    made = valid(evaluation_details(rows, counts, summary, name="Admissions", datasets=["b.csv"]))
    assert made["name"] == "Admissions"
    assert made["datasets"] == ["b.csv"]
    assert made["evaluation_observation"] == summary.text.replace("\n", " ")
    assert made["metadata"]["numbers"] == str(len(rows))
    assert made["metadata"]["numbers_left_out"] == "0"
    *groups, rates = made["metric_groups"]
    assert [one["name"] for one in groups] == ["Bias: gender = female", "Bias: gender = male"]
    values = [one["value"] for group in groups for one in group["metric_data"]]
    assert values == [row.estimate for row in rows]
    dpl = groups[0]["metric_data"][1]
    assert dpl["name"] == "DPL: Difference in proportions of labels"
    assert dpl["notes"] == (
        "95 % interval 0.1133 to 0.1696; p-value at most 1e-06; 30.4 % of 1,835 against 44.5 % of "
        "2,691; 1,835 rows against 2,691, 0 left out"
    )
    chart = rates["metric_data"][0]
    table = biaskit.rates(counts)
    assert chart["value"] == table["estimate"].tolist()[:2]
    assert chart["x_axis_name"] == ["female", "male"]


def test_what_is_undefined_or_infinite_is_a_text_with_its_reason() -> None:
    data = pa.table({"f": ["a", "a", "b", "b"], "y": [1, 1, 0, 0], "p": [0, 0, 0, 1]})
    rows, counts, summary = told(biaskit.count(data, facet="f", label="y", predicted="p"))
    made = valid(evaluation_details(rows, counts, summary))
    found = [one for group in made["metric_groups"] for one in group["metric_data"]]
    assert {one["value"] for one in found if one["type"] == "string"} == {
        "undefined",
        "infinite",
        "minus infinite",
    }
    assert sum(one["type"] == "number" for one in found) == sum(
        math.isfinite(row.estimate) for row in rows
    )
    notes = {row.note for row in rows if math.isnan(row.estimate)}
    assert all(any(note in one.get("notes", "") for one in found) for note in notes)


@pytest.mark.parametrize("values", [("", " "), ("x" * 200, "x" * 199 + "y"), (HOSTILE, "b\n#")])
def test_a_card_for_sagemaker_survives_any_names(values: tuple[str, str]) -> None:
    facet = HOSTILE.replace("\ud800", "")
    values = (values[0].replace("\ud800", ""), values[1])
    rows, counts, summary = told(counts_of(facet, values))
    places = ["s3://key:secret@bucket/x.csv?sig=secret", *["y" * 2_000] * 20]
    made = valid(evaluation_details(rows, counts, summary, name=HOSTILE * 9, datasets=places))
    assert "secret" not in as_json(made)
    assert as_json(made).replace("\n", "").isprintable()


def test_a_large_report_keeps_its_most_telling_numbers() -> None:
    rows, counts, summary = told(counts_of("f", [f"v{i:03}" for i in range(200)], predicted=True))
    assert len(rows) > 3_000
    made = valid(evaluation_details(rows, counts, summary))
    groups = {one["name"]: one["metric_data"] for one in made["metric_groups"]}
    kept = sum(len(data) for name, data in groups.items() if name.startswith("Bias: "))
    assert int(made["metadata"]["numbers_left_out"]) == len(rows) - kept > 0
    assert kept > 100
    assert summary.headline is not None
    headline = rows[summary.headline]
    its = groups[f"Bias: f = {headline.value}"]
    assert headline.estimate in [one["value"] for one in its]
    assert len(groups["Rates: f"][0]["value"]) == 20


def test_a_card_without_counts_has_no_rates() -> None:
    rows, _, summary = told(berkeley_counts())
    made = valid(evaluation_details(rows, None, summary))
    assert made["name"] == "Bias"
    assert all(one["name"].startswith("Bias: ") for one in made["metric_groups"])
    assert "roles" not in made["metadata"]


def test_a_model_card_says_how_large_how_sure_and_of_what() -> None:
    rows, counts, summary = told(berkeley_counts())
    limits = limits_of({"DPL": 0.1, "CDDL": 0.05})
    text = model_card(rows, counts, summary, name="Admissions", checked=check_rows(rows, limits))
    assert text.startswith("## Bias: Admissions\n\n* 2 of 3 distinct comparisons differ surely")
    assert "2 fail, 2 uncertain" in text
    assert (
        "| gender | female | DPL: Difference in proportions of labels | 0.142 | 0.113 to 0.170 | "
        "30.4 % of 1,835 | 44.5 % of 2,691 | yes |"
    ) in text
    assert "| 95 % interval |" in text
    assert "4,526 rows; positive is decision = admitted" in text
    assert f"biaskit {biaskit.__version__}" in text
    # What another row or metric says already is not said again.
    assert "| gender | male | DPL: " not in text
    assert "TVD" not in text
    plain = model_card(rows, counts, summary)
    assert plain.startswith("## Bias\n")
    assert "Limits" not in plain


@pytest.mark.parametrize(
    "name", [HOSTILE, "|" * 500, "x" * 60_000, "a\n\n# b", "[x](y) `c`"], ids=range(5)
)
def test_no_name_becomes_markup_in_a_model_card(name: str) -> None:
    there = name.encode(errors="ignore").decode()
    rows, counts, summary = told(counts_of(there, [there, "other", "third"]))
    limits = limits_of({"DPL": 0.01})
    text = model_card(rows, counts, summary, name=name, checked=check_rows(rows, limits))
    assert text.replace("\n", "").isprintable()
    assert max(map(len, text.splitlines())) < 10_000
    tokens = RENDER.parse(text)
    inside = [child for one in tokens for child in one.children or ()]
    assert {one.type for one in inside} <= {"text", "text_special"}
    headings = [i for i, one in enumerate(tokens) if one.type == "heading_open"]
    assert len(headings) == 4
    for one in tokens:
        assert one.type not in ("html_block", "code_block", "fence")
    widths = [0]
    for one in tokens:
        if one.type == "tr_open":
            widths.append(0)
        widths[-1] += one.type in ("th_open", "td_open")
    assert {*widths[1:]} == {7, 8}


def test_a_long_model_card_says_what_it_leaves_out() -> None:
    rows, counts, summary = told(counts_of("f", [f"v{i:03}" for i in range(100)], predicted=True))
    checked = check_rows(rows, limits_of({"DPL": 0.01, "DPPL": 0.01}))
    text = model_card(rows, counts, summary, checked=checked)
    assert "more distinct numbers are left out" in text
    assert f"{len(checked) - 40:,} more are left out" in text
    assert sum(line.startswith("| f |") for line in text.splitlines()) == 40


def test_a_table_has_all_values_of_its_metrics_not_only_the_large_differences() -> None:
    rows, counts, summary = told(counts_of("f", [f"v{i}" for i in range(12)], predicted=True))
    text = model_card(rows, counts, summary)
    assert "more distinct numbers are left out" in text
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| f |")]
    shown: dict[str, list[str]] = {}
    for _, _, metric, *_, surely in cells:
        shown.setdefault(metric.partition(":")[0], []).append(surely)
    assert 2 <= len(shown) <= 3
    assert "DPPL" in shown
    assert all(len(one) == 12 for one in shown.values())
    assert {"yes |", "no |"} <= {*shown["DPPL"]}


def test_limits_stand_in_a_model_card_and_not_beside_other_forms(
    berkeley: str, capsys: Any
) -> None:
    limits = ["--limit", "DPL=0.1"]
    assert main([*berkeley.split(), *limits, "--format", "model-card"]) == 0
    assert "### Limits\n\n2 fail\n" in capsys.readouterr().out
    assert main([*berkeley.split(), *limits, "--format", "sagemaker-card"]) == 2
    assert "--limit goes with --format html or model-card" in capsys.readouterr().err


def test_metrics_of_your_own_have_their_names() -> None:
    @biaskit.metric(
        "ADM",
        "q_a - q_d",
        needs=("label", "positive"),
        bounds=(-1, 1),
        parity=0,
        against_d=">",
        swap="negates",
        rate=lambda side: (side.n1, side.n),
        reading="Above 0, facet d is admitted less often.",
    )
    def admitted_more(a: Any, d: Any) -> Any:
        """Gap in admissions."""
        return a.q - d.q

    counts = berkeley_counts()
    rows = report_rows(counts, [admitted_more])
    summary = summarised(rows, counts, [admitted_more])
    text = model_card(rows, counts, summary, metrics=[admitted_more])
    assert "| gender | female | ADM: Gap in admissions | 0.142 |" in text
    assert "| gender | male |" not in text
    made = valid(evaluation_details(rows, counts, summary, metrics=[admitted_more]))
    assert made["metric_groups"][0]["metric_data"][0]["name"] == "ADM: Gap in admissions"


@pytest.mark.parametrize("form", ["model-card", "sagemaker-card"])
def test_cards_on_the_command_line(form: str, berkeley: str, capsys: Any) -> None:
    assert main([*berkeley.split(), "--format", form]) == 0
    out = capsys.readouterr().out
    assert main([*berkeley.split(), "--format", form, "-o", "card"]) == 0
    assert Path("card").read_text() == out
    if form == "model-card":
        assert out.startswith("## Bias\n")
    else:
        (details,) = json.loads(out)["evaluation_details"]
        assert valid(details)["datasets"] == ["berkeley.parquet"]


def test_a_card_is_a_form_of_reports_alone(berkeley: str, capsys: Any) -> None:
    assert main([*berkeley.replace("report", "rates").split(), "--format", "model-card"]) == 2
    assert "invalid choice: 'model-card'" in capsys.readouterr().err
