"""Captured: what an endpoint was asked and answered, as SageMaker keeps it, joined with the truth.

A line of a capture has the input and the output of one event, which may be several records. A line
of ground truth has the labels of an event, under its inference id, or under its event id where the
capture has no other. Merged lines have both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from biaskit.clarify.asked.configuration import Configuration, Predictor
from biaskit.clarify.asked.keys import CAPTURE
from biaskit.clarify.monitor.attributes import Attributes
from biaskit.clarify.monitor.events import Data, Reader, data_of, ids_of
from biaskit.clarify.tables.expressions import expression
from biaskit.clarify.tables.read import Read, files_of_type
from biaskit.clarify.tables.records import Record, Records, lines_of, parsed
from biaskit.errors import BiaskitError, DataError, RolesError
from biaskit.store.addresses import said

__all__ = ["Captured", "captured_read"]

_PREDICTED = "predicted_label"


@dataclass(eq=False)
class Captured(Records):
    """Records of captured lines, with their labels and predictions.

    What could not be matched is counted while the rows are read.
    """

    files: Sequence[str]
    read: Reader
    #: Labels of each event, by its id; None where lines have their own, or none are needed.
    truth: Mapping[str, Data] | None
    has_label: bool
    #: Events that were read, and those among them without labels.
    events: int = 0
    unlabelled: int = 0
    used: set[str] = field(default_factory=set)
    columns: Sequence[str] = ()

    def _records(self) -> Iterator[Record]:
        self.events = self.unlabelled = 0
        self.used = set()
        for file in self.files:
            for text, where in lines_of(file):
                yield from self._of_event(parsed(text, where), where)

    def _of_event(self, event: Any, where: str) -> Iterator[Record]:
        capture = event.get("captureData") if isinstance(event, dict) else None
        if not isinstance(capture, dict):
            raise DataError(f"{where} has no captureData; give lines that an endpoint captured")
        self.events += 1
        label = self._label(event)
        if self.has_label and label is None:
            self.unlabelled += 1
            return
        try:
            for record in self.read.records(capture, label, where):
                self._refuse_other_width(record)
                yield record
        except BiaskitError as error:
            if where in str(error):
                raise
            raise type(error)(f"{where}: {error}") from error

    def _refuse_other_width(self, record: Record) -> None:
        wanted = len(self.columns) or len(record.values)  # the first record gives the columns
        if more := len(record.values) - wanted:
            features = wanted - self.has_label - self.read.has_prediction
            raise DataError(f"it has {features + more} features, and those before it {features}")

    def _label(self, event: dict[str, Any]) -> Data | None:
        if self.truth is None:
            return data_of(event.get("groundTruthData"))
        for one in ids_of(event):
            if one in self.truth:
                self.used.add(one)
                return self.truth[one]
        return None

    def said(self) -> list[str]:
        """What could not be matched, in sentences; after the rows were read."""
        made = []
        if self.unlabelled:
            made.append(
                f"{self.unlabelled:,} of {self.events:,} captured events have no ground truth and "
                "are left out"
            )
        if self.truth is not None and (left := len(self.truth) - len(self.used)):
            made.append(f"{left:,} events of the ground truth were not captured, and are left out")
        return made


def captured_read(
    job: Configuration,
    data: Any,
    truth: Any = None,
    attributes: Attributes = Attributes(),  # noqa: B008 - it cannot be changed
) -> tuple[Read, Captured]:
    """Captured lines as a table, and their source, which counts what could not be matched.

    Parameters
    ----------
    job
        The configuration.
    data
        A file or a folder of captured lines.
    truth
        A file or a folder of lines of ground truth; None where captured lines have it themselves.
    attributes
        Where the lines have their parts; by default where the configuration says so.

    Raises
    ------
    DataError
        A line cannot be read, or has no data.
    RolesError
        An attribute is missing or invalid, or the headers do not fit.
    """
    files = files_of_type(data, CAPTURE)
    label = str(job.label) if job.label is not None and job.has_bias else None
    asked = job.predictor or Predictor()
    features = attributes.features or job.features
    inference = attributes.inference
    if inference is None:
        inference = asked.label if job.predicted_label is None else job.predicted_label
    probability = attributes.probability
    if probability is None and attributes.inference is None:
        probability = asked.probability
    needs = job.post_training is not None
    reader = Reader(
        None if features is None else expression(features, "FeaturesAttribute"),
        inference,
        probability,
        job.probability_threshold if attributes.threshold is None else attributes.threshold,
        None if label is None or not _is_path(label, job) else expression(label, "label"),
        label is not None,
        needs,
    )
    held = None if truth is None else _truth_of(truth)
    source = Captured(files, reader, held, label is not None)
    first = next(source._records(), None)
    if first is None:
        raise DataError(
            f"{said(files[0])} has no captured event with ground truth"
            + ("" if truth is not None else "; give --ground-truth, a folder of its lines")
            if label is not None
            else f"{said(files[0])} has no captured event"
        )
    names = _named(job, len(first.values) - (label is not None) - needs)
    shown = None
    if label is not None:
        shown = _label_name(job, len(names))
        names.append(_free(shown, names))
    predicted = None
    if needs:
        predicted = _free(_PREDICTED, names)
        names.append(predicted)
    source.columns = names
    if label is not None:
        shown = names[len(names) - 1 - needs]
    return Read(source, names, is_json=True, label=shown, predicted=predicted), source


def _is_path(label: str, job: Configuration) -> bool:
    """Whether a label is a JMESPath of the ground truth, rather than the name of a column."""
    return label not in (job.headers or ()) and not label.isdigit()


def _named(job: Configuration, width: int) -> list[str]:
    """Names of the features."""
    if job.headers is None:
        return [f"column_{place}" for place in range(width)]
    names = [*job.headers]
    if len(names) > width:
        for one in (job.label, job.predicted_label):
            if isinstance(one, int) and one < len(names):
                names[one] = ""
            elif one in names:
                names[names.index(str(one))] = ""
        names = [name for name in names if name]
        if len(names) - width in (1, 2) and _is_path(str(job.label), job):
            names = names[:width]  # labels come after the features
    if len(names) != width:
        raise RolesError(
            "Headers in config do not match with the number of columns in the dataset. There are "
            f"{len(job.headers)} headers, and a captured record has {width} features"
        )
    return names


def _label_name(job: Configuration, width: int) -> str:
    """Name of the label: its header, or what the configuration calls it."""
    headers, label = job.headers or [], job.label
    if isinstance(label, int) and label < len(headers):
        return headers[label]
    if label not in headers and len(headers) > width:
        return headers[width]
    return str(label)


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_2"
    return name


def _truth_of(place: Any) -> dict[str, Data]:
    """Labels of each event by its id; of an event that was labelled twice, the last ones."""
    found: dict[str, Data] = {}
    for file in files_of_type(place, CAPTURE):
        for text, where in lines_of(file):
            event = parsed(text, where)
            held = data_of(event.get("groundTruthData")) if isinstance(event, dict) else None
            ids = ids_of(event) if isinstance(event, dict) else []
            if held is None or not ids:
                raise DataError(f"{where} has no groundTruthData with an eventId")
            found[ids[-1]] = held
    return found
