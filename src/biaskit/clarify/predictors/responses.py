"""Responses: what a server or a function answers, as a score and a label for each row.

The rules and their order are SageMaker Clarify's: ``label`` and ``probability`` say where in the
answer they are, an index of a CSV's columns or a JMESPath.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.asked.configuration import Predictor
from biaskit.clarify.tables.expressions import expression
from biaskit.errors import DataError, RolesError, in_short

__all__ = ["Answer", "reader_of"]


class Answer(NamedTuple):
    """What an answer has for each row: a label, scores, or both; lists as long as the rows."""

    labels: list[Any] | None
    scores: list[Any] | None

    def predicted(self, threshold: float, headers: Sequence[Any] | None) -> list[Any]:
        """Predicted label of each row, in Clarify's order of choices.

        Raises
        ------
        DataError
            The answer has neither labels nor scores that give them.
        """
        labels, scores = self.labels, self.scores
        if labels is not None and not any(isinstance(one, list) for one in labels):
            return labels
        if scores is None:
            raise DataError(
                "the model's answer has a list of labels and no scores; name predictor.probability"
            )
        if (numbers := _floats(scores)) is not None:
            return (numbers > threshold).astype(int).tolist()  # type: ignore[no-any-return]
        made: list[Any] = []
        for i, one in enumerate(scores):
            if isinstance(one, list) and len(one) > 1:
                names = labels[i] if labels is not None else headers
                if names is None or len(names) != len(one):
                    raise DataError(
                        f"the model's answer has {len(one)} scores a row; name as many classes in "
                        "predictor.label_headers"
                    )
                made.append(names[int(np.argmax(np.asarray(one, dtype=np.float64)))])
            else:
                made.append(int(_number(one[0] if isinstance(one, list) else one) > threshold))
        return made

    def as_scores(self) -> NDArray[np.float64]:
        """Scores of each row, shape ``(rows, outputs)``; labels that are numbers serve as scores.

        Raises
        ------
        DataError
            A score is no number, or rows have different numbers of them.
        """
        found = self.scores if self.scores is not None else self.labels
        if (numbers := _floats(found or ())) is not None:
            return numbers[:, np.newaxis]
        rows = [
            [_number(each) for each in (one if isinstance(one, list) else [one])]
            for one in found or ()
        ]
        if len({len(row) for row in rows}) > 1:
            raise DataError("the model's answer has more scores for some rows than for others")
        return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def reader_of(predictor: Predictor, accept: str) -> Callable[[bytes, int], Answer]:
    """Function of an answer and the number of rows it is for.

    Raises
    ------
    RolesError
        An expression is invalid.
    """
    if accept == "text/csv":
        places = {"label": predictor.label, "probability": predictor.probability}
        for key, one in places.items():
            if isinstance(one, str) and not one.isdigit():
                raise RolesError(
                    f"predictor.{key} {one!r} must be the place of a column from 0, since the "
                    "answer is CSV"
                )
        label, score = (None if one is None else int(one) for one in places.values())
        return lambda body, rows: _of_csv(body, rows, label, score)
    label_path, score_path = (
        None if one is None else expression(str(one), f"predictor.{key}")
        for key, one in (("label", predictor.label), ("probability", predictor.probability))
    )
    if label_path is None and score_path is None:
        raise RolesError(
            "predictor.label and predictor.probability are missing: the JMESPath of the label or "
            "of the score in the model's JSON answer"
        )

    def read(body: bytes, rows: int) -> Answer:
        text = _decoded(body)
        if accept == "application/jsonlines":
            values = [_parsed(line) for line in text.splitlines() if line.strip()]
            _refuse_other_number(len(values), rows, "lines")
            found = [
                None if path is None else [path(value, "the model's answer") for value in values]
                for path in (label_path, score_path)
            ]
        else:
            value = _parsed(text)
            found = [
                None if path is None else _each(path(value, "the model's answer"), rows, path.shown)
                for path in (label_path, score_path)
            ]
        return Answer(found[0], found[1])

    return read


def _each(found: Any, rows: int, path: str) -> list[Any]:
    """Value of each row that a JMESPath found in one document."""
    if rows == 1 and (not isinstance(found, list) or len(found) != 1):
        found = [found]
    if not isinstance(found, list):
        raise DataError(
            f"the JMESPath {path} gives {in_short(found)} of the model's answer, not a value for "
            f"each of {rows:,} rows"
        )
    _refuse_other_number(len(found), rows, f"values at {path}")
    return found


def _floats(found: Sequence[Any]) -> NDArray[np.float64] | None:
    """Numbers that are floats without exception, as most answers are; None for any others."""
    if not found or any(type(one) is not float for one in found):
        return None
    numbers = np.array(found, dtype=np.float64)
    return None if np.isnan(numbers).any() else numbers


def _plain_csv(body: bytes) -> list[float] | None:
    """Numbers of a CSV that has one a line; None for any other CSV."""
    try:
        return [float(line) for line in body.splitlines() if line.strip()]
    except ValueError:
        return None


def _of_csv(body: bytes, rows: int, label: int | None, score: int | None) -> Answer:
    if label is None and not score:
        numbers = _plain_csv(body)
        if numbers is not None and len(numbers) == rows:
            return Answer(None, numbers)
    lines = [line for line in csv.reader(io.StringIO(_decoded(body))) if line]
    if len(lines) == 1 and rows > 1 and len(lines[0]) == rows:
        lines = [[cell] for cell in lines[0]]  # all on one line, as older containers answer
    _refuse_other_number(len(lines), rows, "lines")
    cells = [[_cell(cell) for cell in line] for line in lines]

    def column(place: int) -> list[Any]:
        try:
            return [line[place] for line in cells]
        except IndexError as error:
            raise DataError(
                f"the model's answer has no column {place}; its lines have "
                f"{min(map(len, cells))} or more"
            ) from error

    labels = None if label is None else column(label)
    if score is not None:
        return Answer(labels, column(score))
    if labels is not None:
        return Answer(labels, None)
    whole = [line[0] if len(line) == 1 else line for line in cells]
    return Answer(None, whole)


def _cell(cell: str) -> Any:
    """Value of a cell of CSV: a number, a list that is written as a text, or a text."""
    text = cell.strip()
    if text[:1] == "[" and text[-1:] == "]":
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return cell
        return found if isinstance(found, list) else cell
    try:
        number = float(text)
    except ValueError:
        return cell
    return int(number) if number.is_integer() and text.lstrip("+-").isdigit() else number


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("the model's answer is not UTF-8") from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the model's answer is not JSON: {text[:80]!r}") from error


def _refuse_other_number(found: int, rows: int, what: str) -> None:
    if found != rows:
        raise DataError(f"the model's answer has {found:,} {what} for {rows:,} rows")


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = _cell(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value):
        return float(value)
    raise DataError(
        f"the model's answer has {in_short(value)} where a score should be; predictor.probability "
        "says where the score is"
    )
