"""Rows in JSON and JSON Lines, whose parts JMESPath expressions find.

Of a JSON document, an expression gives the values of all records; of JSON Lines, those of a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biaskit.clarify.asked.configuration import Configuration
from biaskit.clarify.tables.expressions import Expression, expression
from biaskit.clarify.tables.read import Read
from biaskit.clarify.tables.records import Record, Records, lines_of, parsed, text_of
from biaskit.errors import DataError, RolesError, in_short
from biaskit.store.addresses import said

__all__ = ["document_of", "json_read"]

# Bytes of a JSON document: it is parsed whole, into some ten times its size.
_MOST_BYTES = 2 << 30


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


class JsonRows(Records):
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

    def _records(self) -> Iterator[Record]:
        for file in self._files:
            yield from self._of_lines(file) if self._is_lines else self._of_document(file)

    def _of_lines(self, file: str) -> Iterator[Record]:
        paths = self._paths
        for line, where in lines_of(file):
            value = parsed(line, where)
            features = _features(paths.features(value, where), paths.features, where)
            outcomes = [one(value, where) for one in paths.outcomes]
            yield self._checked([*features, *outcomes], where)

    def _of_document(self, file: str) -> Iterator[Record]:
        path, paths = Path(file), self._paths
        value = document_of(file)
        found = paths.features(value, path.name)
        if not isinstance(found, list):
            raise DataError(
                f"Data must contain features. {path.name}: features {paths.features.shown} gives "
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
                    f"{path.name}: the JMESPath {one.shown} gives {said_}, but there are "
                    f"{len(found):,} records with features"
                )
            columns.append(outcome)
        for i, each in enumerate(found):
            where = f"{path.name}, record {i + 1:,}"
            features = _features(each, paths.features, where)
            yield self._checked([*features, *(column[i] for column in columns)], where)

    def _checked(self, values: list[Any], where: str) -> Record:
        width = getattr(self, "width", None)
        if width is not None and len(values) != width + len(self._paths.outcomes):
            raise DataError(
                f"{where}: the record has {len(values) - len(self._paths.outcomes)} features, but "
                f"those before it have {width}"
            )
        return Record(values, where)


def document_of(file: str) -> Any:
    """Value of a file that is one JSON document.

    Raises
    ------
    DataError
        It cannot be read, is too large, or is not JSON.
    """
    path = Path(file)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"{said(path)} has more than {_MOST_BYTES >> 30} GB, too much for one JSON "
                "document; write JSON Lines"
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {said(path)}: {error.strerror}") from error
    return parsed(text_of(content, path.name), path.name)


def _features(found: Any, path: Expression, where: str) -> list[Any]:
    if isinstance(found, list):
        return found
    raise DataError(
        f"Data must contain features. {where}: features {path.shown} gives {in_short(found)}, "
        "not a list"
    )
