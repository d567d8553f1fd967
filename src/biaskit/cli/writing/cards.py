"""Cards on the command line: a report as part of a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from biaskit.cli.writing.output import Form
from biaskit.cli.writing.screen import Records
from biaskit.counts.counts import Counts
from biaskit.reports.report import Row
from biaskit.reports.summary import Summary
from biaskit.store.formats import as_json

__all__ = ["CARDS", "Reported"]


class Reported(NamedTuple):
    """A report, and what it is made of."""

    rows: Sequence[Row]
    counts: Counts
    summary: Summary
    #: What the call names: its data, and limits by metric.
    data: Sequence[str]
    limits: Mapping[str, Any]


def _model_card(made: Records) -> str:
    from biaskit.gate.check import check_rows  # few reports are cards
    from biaskit.gate.limits import limits_of
    from biaskit.pages.exports.cards import model_card

    of: Reported = made.source
    checked = check_rows(of.rows, limits_of(of.limits)) if of.limits else ()
    return model_card(of.rows, of.counts, of.summary, checked=checked)


def _sagemaker_card(made: Records) -> str:
    from biaskit.pages.exports.cards import evaluation_details

    of: Reported = made.source
    details = evaluation_details(of.rows, of.counts, of.summary, datasets=of.data)
    return as_json({"evaluation_details": [details]})


#: Forms of a report for `--format`; the name of a file selects neither.
CARDS: Mapping[str, Form] = {
    "model-card": Form("", _model_card),
    "sagemaker-card": Form("", _sagemaker_card),
}
