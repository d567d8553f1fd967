"""Rows in JSON and JSON Lines, whose parts JMESPath expressions find.

Of a JSON document, an expression gives the values of all records; of JSON Lines, those of a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.tables.columns import is_missing
from biaskit.clarify.tables.expressions import Expression, expression
from biaskit.clarify.tables.read import Read
from biaskit.errors import DataError, RolesError, in_short
from biaskit.sources.batches import Ask, Batch, refuse_missing_columns
from biaskit.store.addresses import said

__all__ = ["json_read"]

# Records that are delivered together.
_AT_ONCE = 10_000
# Bytes of a JSON document: it is parsed whole, into some ten times its size.
_MOST_BYTES = 2 << 30


class _Record(NamedTuple):
    """A row: its features, and its label and predicted label where the job names them."""

    values: Sequence[Any]
    where: str


@dataclass(frozen=True)
class _Paths:
    """Expressions of the parts of a record or a document."""

    features: Expression
    label: Expression | None
    predicted: Expression | None

    @property
    def outcomes(self) -> list[Expression]:
        """Expressions that give one value a row, after the features."""
        return [one for one in (self.label, self.predicted) if one is not None]


def json_read(job: Configuration, files: Sequence[str]) -> Read:
    """JSON files as a table.

    Raises
    ------
    DataError
        A file is not JSON, or an expression does not give what it should.
    RolesError
        An expression is invalid, or the headers do not fit.
    """
    paths = _Paths(
        expression(job.features or "@", "features"),
        None if job.label is None else expression(str(job.label), "label"),
        None
        if job.predicted_label is None
        else expression(str(job.predicted_label), "predicted_label"),
    )
    is_lines = job.dataset_type == "application/jsonlines"
    source = JsonRows(files, paths, is_lines=is_lines)
    width = source.width
    names, own = _names(job, width, paths)
    source.columns = names
    label = own.pop(0) if paths.label is not None else None
    predicted = own.pop(0) if paths.predicted is not None else None
    return Read(source, names, is_json=True, label=label, predicted=predicted)


def _names(job: Configuration, width: int, paths: _Paths) -> tuple[list[str], list[str]]:
    """Names of all columns, and of those of outcomes."""
    outcomes = [one.text for one in paths.outcomes]
    if job.headers is None:
        names = [f"column_{place}" for place in range(width)]
        return [*names, *outcomes], outcomes
    more = len(job.headers) - width
    if not 0 <= more <= len(outcomes):
        raise RolesError(
            "Headers in config do not match with the number of columns in the dataset. There are "
            f"{len(job.headers)} headers, but a record has {width} features and "
            f"{len(outcomes)} outcomes (label, predicted label)"
        )
    own = [*job.headers[width:], *outcomes[more:]]  # those without a header by their expression
    return [*job.headers[:width], *own], own


class JsonRows:
    """Files of JSON as a source; texts are JSON values."""

    def __init__(self, files: Sequence[str], paths: _Paths, *, is_lines: bool):
        self._files = files
        self._paths = paths
        self._is_lines = is_lines
        first = next(self._records(), None)
        if first is None:
            raise DataError(f"{said(files[0])} has no record")
        #: Number of features.
        self.width = len(first.values) - len(paths.outcomes)
        self.columns: Sequence[str] = ()

    def names(self) -> list[str]:
        """Names of the columns."""
        return [*self.columns]

    def parts(self, ask: Ask) -> Iterator[Batch]:
        """Batches of the named columns."""
        refuse_missing_columns(ask.columns, self.columns, "the data set")
        place = {name: i for i, name in enumerate(self.columns)}
        kept: list[_Record] = []
        for record in self._records():
            kept.append(record)
            if len(kept) == _AT_ONCE:
                yield _batch(kept, ask, place)
                kept = []
        if kept:
            yield _batch(kept, ask, place)

    def _records(self) -> Iterator[_Record]:
        for file in self._files:
            yield from self._of_lines(file) if self._is_lines else self._of_document(file)

    def _of_lines(self, file: str) -> Iterator[_Record]:
        paths = self._paths
        with Path(file).open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                where = f"{Path(file).name}, line {number:,}"
                value = _parsed(line, where)
                features = _features(paths.features(value, where), paths.features, where)
                outcomes = [one(value, where) for one in paths.outcomes]
                yield self._checked([*features, *outcomes], where)

    def _of_document(self, file: str) -> Iterator[_Record]:
        path, paths = Path(file), self._paths
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"{said(path)} has more than {_MOST_BYTES >> 30} GB, too much for one JSON "
                "document; write JSON Lines"
            )
        value = _parsed(path.read_text(encoding="utf-8-sig"), path.name)
        found = paths.features(value, path.name)
        if not isinstance(found, list):
            raise DataError(
                f"Data must contain features. {path.name}: features {paths.features.text!r} gives "
                f"{in_short(found)}, not a list with the features of each record"
            )
        columns = []
        for one in paths.outcomes:
            outcome = one(value, path.name)
            if not isinstance(outcome, list) or len(outcome) != len(found):
                said_ = (
                    f"{len(outcome):,} values" if isinstance(outcome, list) else in_short(outcome)
                )
                raise DataError(
                    f"{path.name}: the JMESPath {one.text!r} gives {said_}, but there are "
                    f"{len(found):,} records with features"
                )
            columns.append(outcome)
        for i, each in enumerate(found):
            where = f"{path.name}, record {i + 1:,}"
            features = _features(each, paths.features, where)
            yield self._checked([*features, *(column[i] for column in columns)], where)

    def _checked(self, values: list[Any], where: str) -> _Record:
        width = getattr(self, "width", None)
        if width is not None and len(values) != width + len(self._paths.outcomes):
            raise DataError(
                f"{where}: the record has {len(values) - len(self._paths.outcomes)} features, but "
                f"those before it have {width}"
            )
        return _Record(values, where)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where} is not JSON: {error.msg[:1].lower()}{error.msg[1:]} (line {error.lineno}, "
            f"column {error.colno})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where} is not JSON that can be read: {str(error) or 'too deep'}"
        ) from error


def _features(found: Any, path: Expression, where: str) -> list[Any]:
    if isinstance(found, list):
        return found
    raise DataError(
        f"Data must contain features. {where}: features {path.text!r} gives {in_short(found)}, "
        "not a list"
    )


def _batch(records: Sequence[_Record], ask: Ask, place: dict[str, int]) -> Batch:
    import pyarrow as pa

    arrays: dict[str, Any] = {}
    for name in ask.columns:
        values = [record.values[place[name]] for record in records]
        if name in ask.numeric:
            arrays[name] = pa.array(
                [_number(v, name, r.where) for v, r in zip(values, records, strict=True)],
                pa.float64(),
            )
        else:
            texts = [None if is_missing(value) else json.dumps(value) for value in values]
            arrays[name] = pa.array(texts, pa.string()).dictionary_encode()
    texts_ = frozenset(name for name in ask.columns if name not in ask.numeric)
    return Batch(arrays, len(records), records[0].where, None, texts_)


def _number(value: Any, name: str, where: str) -> float | None:
    if is_missing(value):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    raise DataError(f"{where}: column {name!r} must be numbers to be cut, but holds {value!r}")
