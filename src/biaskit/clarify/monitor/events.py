"""Events: the records of one line that an endpoint captured: CSV, JSON or JSON Lines, encoded."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from biaskit.clarify.asked.configuration import Predictor
from biaskit.clarify.predictors.responses import Answer, reader_of
from biaskit.clarify.tables.columns import json_of_cell
from biaskit.clarify.tables.expressions import Expression
from biaskit.clarify.tables.records import Record, parsed, text_of
from biaskit.errors import DataError, RolesError, in_short

__all__ = ["Data", "Reader", "data_of", "ids_of"]

_CSV, _JSON, _LINES = "text/csv", "application/json", "application/jsonlines"


class Data(NamedTuple):
    """Data of one part of a line: its text, and its type if the line says it."""

    text: str
    encoding: str
    type: str

    def of(self) -> tuple[str, str]:
        """Text, and whether it is CSV, JSON or JSON Lines."""
        text = self.text
        if self.encoding == "BASE64":
            try:
                text = text_of(base64.b64decode(text, validate=True), "the decoded data")
            except binascii.Error as error:
                raise DataError(f"its data are not BASE64: {error}") from error
        kind = self.type.partition(";")[0].strip().lower()
        if self.encoding == "CSV" or kind == _CSV:
            return text, _CSV
        if kind == _LINES:
            return text, _LINES
        if kind == _JSON or self.encoding == "JSON":
            return text, _LINES if _is_lines(text) else _JSON
        return text, _JSON if text.lstrip()[:1] in ("{", "[") else _CSV


def _is_lines(text: str) -> bool:
    """Whether a text is several JSON values, a line each."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    try:
        json.loads(lines[0])
    except (ValueError, RecursionError):
        return False
    return True


def data_of(part: Any) -> Data | None:
    """Data of a part of a line; None where it has none."""
    if not isinstance(part, dict) or part.get("data") is None:
        return None
    data = part["data"]
    text = data if isinstance(data, str) else json.dumps(data)
    encoding = str(part.get("encoding") or "").upper()
    return Data(text, encoding, str(part.get("observedContentType") or ""))


def ids_of(event: Mapping[str, Any]) -> list[str]:
    """Ids of an event, the one of its inference first."""
    about = event.get("eventMetadata")
    about = about if isinstance(about, dict) else {}
    return [str(about[key]) for key in ("inferenceId", "eventId") if about.get(key) is not None]


@dataclass(frozen=True)
class Reader:
    """How the records of an event are found."""

    features: Expression | None
    inference: str | int | None
    probability: str | int | None
    threshold: float
    label: Expression | None
    has_label: bool
    has_prediction: bool

    def records(self, capture: dict[str, Any], label: Data | None, where: str) -> Iterator[Record]:
        """Records of an event: features, label and predicted label."""
        rows, predicted = self._rows(capture)
        columns: list[Sequence[Any]] = []
        if self.has_label:
            assert label is not None
            columns.append(self._labels(label, len(rows)))
        if self.has_prediction:
            columns.append(predicted)
        for row, *more in zip(rows, *columns, strict=True):
            yield Record([*row, *more], where)

    def _rows(self, capture: dict[str, Any]) -> tuple[list[list[Any]], list[Any]]:
        """Features and predicted label of each record."""
        if (both := data_of(capture.get("batchTransformOutput"))) is not None:
            return self._of_batch(both)
        asked = data_of(capture.get("endpointInput"))
        if asked is None:
            raise DataError("it has neither endpointInput nor batchTransformOutput with data")
        rows = self._features(*asked.of())
        if not self.has_prediction:
            return rows, []
        answered = data_of(capture.get("endpointOutput"))
        if answered is None:
            raise DataError("it has no endpointOutput; capture the endpoint's output, too")
        return rows, self._predicted(*answered.of(), len(rows))

    def _of_batch(self, both: Data) -> tuple[list[list[Any]], list[Any]]:
        """Records of a batch transform, whose output stands beside its input."""
        text, kind = both.of()
        if kind == _CSV:
            lines = _csv_rows(text)
            own = [one for one in (self.inference, self.probability) if one is not None]
            outputs = sorted({int(one) for one in own}) or [len(lines[0]) - 1]
            rows = [[v for i, v in enumerate(line) if i not in outputs] for line in lines]
            if not self.has_prediction:
                return rows, []
            found = self._predicted(text, _CSV, len(rows), len(lines[0]) - 1)
            return rows, found
        rows = self._features(text, kind)
        if not self.has_prediction:
            return rows, []
        named = [one for one in (self.inference, self.probability) if one is not None]
        if not any("SageMakerOutput" in str(one) for one in named):
            values = [parsed(line, "the output") for line in _lines(text, kind)]
            outputs_ = [v.get("SageMakerOutput") if isinstance(v, dict) else None for v in values]
            text = "\n".join(map(json.dumps, outputs_))
        return rows, self._predicted(text, kind, len(rows))

    def _features(self, text: str, kind: str) -> list[list[Any]]:
        if kind == _CSV:
            return _csv_rows(text)
        if self.features is None:
            raise RolesError(
                "Data must contain features. The input is JSON: give the JMESPath of its features "
                "as --attribute FeaturesAttribute=... or as features in the configuration"
            )
        rows: list[list[Any]] = []
        for line in _lines(text, kind):
            found = self.features(parsed(line, "the input"), "the input")
            if not isinstance(found, list):
                raise DataError(
                    f"Data must contain features. {self.features.shown} gives {in_short(found)} "
                    "of the input, not a list"
                )
            rows += found if found and all(isinstance(one, list) for one in found) else [found]
        return rows

    def _predicted(self, text: str, kind: str, rows: int, last: int | None = None) -> list[Any]:
        """Predicted label of each record, in the order of choices of Clarify."""
        probability = self.probability
        if self.inference is None and probability is None:
            if kind != _CSV:
                raise RolesError(
                    "the output is JSON: give the JMESPath of its label or its score as "
                    "--attribute InferenceAttribute=... or ProbabilityAttribute=..."
                )
            probability = last
        asked = Predictor(label=self.inference, probability=probability)
        answer: Answer = reader_of(asked, kind)(text.encode(), rows)
        return answer.predicted(self.threshold, None)

    def _labels(self, label: Data, rows: int) -> list[Any]:
        text, kind = label.of()
        if kind == _CSV:
            found = list(itertools.chain.from_iterable(_csv_rows(text)))
        else:
            found = []
            for line in _lines(text, kind):
                value = parsed(line, "the ground truth")
                if self.label is not None and isinstance(value, (dict, list)):
                    value = self.label(value, "the ground truth")
                found += value if isinstance(value, list) else [value]
        if any(isinstance(one, (dict, list)) for one in found):
            raise DataError(
                "its ground truth is an object of JSON: give the JMESPath of its labels as label "
                "in the configuration"
            )
        if len(found) != rows:
            raise DataError(f"its ground truth has {len(found):,} labels for {rows:,} records")
        return found


def _lines(text: str, kind: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()] if kind == _LINES else [text]


def _csv_rows(text: str) -> list[list[Any]]:
    try:
        lines = [line for line in csv.reader(io.StringIO(text)) if line]
    except csv.Error as error:
        raise DataError(f"its data cannot be read as CSV: {error}") from error
    if not lines:
        raise DataError("its data are empty")
    return [[json_of_cell(cell) for cell in line] for line in lines]
