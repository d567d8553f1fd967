"""Outputs: what a model answers for the rows of a table, and which columns it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, RolesError, did_you_mean, first_line, listed
from biaskit.explanations.models import (
    Native,
    TreeModel,
    TreesUnsupported,
    library_of,
    native_of,
    tree_model,
)
from biaskit.sources.batches import Batch
from biaskit.sources.encode import dictionary, kind_of, numbers

__all__ = [
    "SCALES",
    "Plan",
    "RowTable",
    "Scores",
    "Walked",
    "chosen_outputs",
    "column_numbers",
    "features_of",
    "frame",
    "matrix",
    "output_names",
    "output_of",
    "refuse_other_outputs",
    "scores",
    "spread",
]

SCALES = ("auto", "raw", "probability")
# Of a batch, about so many rows are compared with the model itself where trees are walked: walking
# is as fast as the library's own prediction.
_CHECKED = 1_000
# Outputs may differ by so much from the library's own, which add up float32.
_SAME = 1e-4
_SMALL = 1e-6


class Plan(NamedTuple):
    """What is to be explained, as the caller says it."""

    model: Any
    features: tuple[str, ...]
    #: Trees of the model, where it has some that the kernels read; else why not, if it has trees.
    trees: TreeModel | None
    without_trees: str
    #: The model as XGBoost or LightGBM answers, where it is one of theirs.
    native: Native | None = None
    output_class: Any = None
    scale: str = "auto"
    seed: int = 0

    @property
    def is_numeric(self) -> bool:
        """Whether every feature is needed as a number."""
        return self.trees is not None


def features_of(model: Any, given: Sequence[str] | None, names: Sequence[str]) -> Plan:
    """Plan for a model: its features, and whether it has trees that the kernels read.

    Parameters
    ----------
    model
        The model itself, or what a model file holds.
    given
        Columns that the caller names, in the order in which the model was trained on them.
    names
        Columns of the data.

    Raises
    ------
    RolesError
        Nothing says which columns the model takes.
    DataError
        The data lack a column that it takes.
    """
    trees, why, native = None, "", native_of(model)
    try:
        trees = tree_model(model)
    except TreesUnsupported as error:
        why = str(error)
    described = trees or native
    own = described.features if described is not None else _own_features(model)
    if given is not None:
        features = tuple(given)
        if own and len(own) != len(features):
            raise RolesError(
                f"features names {len(features)} columns, but the model takes {len(own)}"
            )
        if own and set(own) == set(features):
            features = own
    elif own and (described is None or described.has_names):
        features = own
    elif own:
        raise RolesError(
            f"the model does not say which columns it takes; name its {len(own)} in their order "
            f"with features=; the data have {listed([*names])}"
        )
    else:
        raise RolesError(
            "which columns does the model take? Name them in their order with features=; "
            f"the data have {listed([*names])}"
        )
    if len(set(features)) < len(features):
        raise RolesError(f"features names a column twice: {listed(features)}")
    if missing := [name for name in features if name not in names]:
        raise DataError(
            f"the model takes {missing[0]!r}, which the data lack"
            f"{f' (as {len(missing) - 1} more)' if len(missing) > 1 else ''}; "
            f"{did_you_mean(missing[0], names)}"
        )
    return Plan(model, features, trees, why, native)


def _own_features(model: Any) -> tuple[str, ...]:
    """Columns that a model says it takes, in their order; none where it says nothing."""
    for name in ("feature_names_in_", "feature_names_", "feature_names", "columns"):
        found = getattr(model, name, None)
        if callable(found):
            found = found()
        if found is not None and len(found) and all(isinstance(str(one), str) for one in found):
            return tuple(str(one) for one in found)
    return ()


def chosen_outputs(names: Sequence[str], output_class: Any) -> list[int]:
    """Places of the outputs that are explained."""
    if output_class is None:
        return [*range(len(names))]
    shown = str(output_class)
    if shown not in names:
        raise RolesError(f"output_class: no output {shown!r}; {did_you_mean(shown, names)}")
    return [names.index(shown)]


class Scores(NamedTuple):
    """Outputs of a model without explanation, from rows as plain floats."""

    #: Rows of a batch as floats, shape ``(rows, features)``, and their outputs ``(rows, outputs)``.
    rows: Callable[[Batch], NDArray[np.float64]]
    outputs: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    names: tuple[str, ...]
    scale: str
    #: Value of the data that a float stands for in the column of a feature.
    value: Callable[[int, float], Any]
    #: Whether a feature is of numbers.
    is_number: Callable[[int], bool]


def scores(plan: Plan, first: Batch) -> Scores:
    """Outputs of the model of a plan.

    Raises
    ------
    RolesError, DataError
        As for `explainer`.
    """
    table = RowTable(plan.features, first)
    some = table.rows(first)
    if plan.trees is not None:
        try:
            return _scores_of_trees(plan, plan.trees, table, first)
        except TreesUnsupported as error:
            plan = plan._replace(without_trees=str(error), trees=None)
    if plan.without_trees and isinstance(plan.model, TreeModel):
        raise DataError(f"the model has {plan.without_trees}, which needs its library")
    output, names, scale, _ = output_of(plan, table, some)
    chosen = chosen_outputs(names, plan.output_class)
    return Scores(
        table.rows,
        lambda rows: output(rows)[:, chosen],
        tuple(names[at] for at in chosen),
        scale,
        table.value,
        table.is_number,
    )


def _scores_of_trees(plan: Plan, trees: TreeModel, table: RowTable, first: Batch) -> Scores:
    names = [*trees.outputs]
    chosen = chosen_outputs(names, plan.output_class)
    if plan.scale == "probability" and not (trees.is_probability or trees.is_log_odds):
        raise RolesError("this model has no probability of one class; leave scale out")
    logistic = plan.scale == "probability" and not trees.is_probability
    walked = Walked(trees, chosen)
    walked(matrix(first, plan.features, first.where))

    def outputs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = walked([*rows.T])
        return 1 / (1 + np.exp(-found)) if logistic else found

    scale = "probability" if logistic or trees.is_probability else "raw"
    chosen_names = tuple(names[at] for at in chosen)
    return Scores(table.rows, outputs, chosen_names, scale, table.value, table.is_number)


class Walked:
    """Outputs of rows by a walk down the trees, compared with the library's own if it is at hand.

    Of each batch about a thousand rows are compared, all over it.
    """

    def __init__(self, trees: TreeModel, chosen: Sequence[int]):
        from biaskit.explanations.trees import TreeOutputs

        ensembles = [*trees.outputs.values()]
        self._own, self._chosen = trees.own, [*chosen]
        self._walks = [TreeOutputs(ensembles[at]) for at in chosen]

    def __call__(self, columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Outputs, shape ``(rows, outputs)``.

        Raises
        ------
        DataError
            They are not what the library itself says.
        """
        walked = np.stack([walk(columns) for walk in self._walks], axis=1)
        if self._own is not None:
            some = spread(len(walked))
            try:
                own = self._own(np.stack([column[some] for column in columns], axis=1))
            except ValueError as error:
                reason = first_line(error)
                raise DataError(f"the model does not take these rows: {reason}") from error
            refuse_other_outputs(walked[some], own[:, self._chosen])
        return walked


def spread(rows: int) -> slice:
    """About a thousand rows, all over a batch; all of them, where there are fewer."""
    return slice(None, None, max(1, rows // _CHECKED))


def refuse_other_outputs(
    ours: NDArray[np.float64], own: NDArray[np.float64], near: float = _SAME
) -> None:
    """Refuse outputs that an explanation adds up to, where the model itself answers others.

    Raises
    ------
    DataError
        They differ by more than the rounding of a library that adds up float32. That is of the size
        of what is added up: where outputs are large, one that is almost 0 is as uncertain as they.
    """
    size = max(float(np.abs(own).mean()), _SMALL) if own.size else 0.0
    if ours.shape != own.shape or not np.allclose(ours, own, rtol=near, atol=near * size):
        by = f" by {np.abs(ours - own).max():.3g}" if ours.shape == own.shape else " in shape"
        raise DataError(
            f"the outputs that follow from the explanation are not the model's own: they differ{by}"
            "; give a function that calls the model instead"
        )


def output_of(
    plan: Plan, table: RowTable, some: NDArray[np.float64]
) -> tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], list[str], str, str]:
    """Function of a table's rows to outputs; the outputs' names, the scale and the unit."""
    if plan.native is not None:
        call, scale, unit = _native_call(plan, plan.native, table)
        output = _finite(call)
        width = output(some[:2]).shape[1]
        return output, output_names(plan.native.classes, width), scale, unit
    model, classes = plan.model, [str(one) for one in getattr(plan.model, "classes_", ())]
    is_classifier = bool(classes) or hasattr(model, "predict_proba")
    binary = len(classes) == 2
    scale, unit = "raw", "output"
    if library_of(model) == "catboost" and plan.scale != "probability":
        call = lambda rows: model.predict(rows, prediction_type="RawFormulaVal")  # noqa: E731
        unit = "margin" if is_classifier else "output"
        binary = False
    elif is_classifier and plan.scale == "raw" and hasattr(model, "decision_function"):
        call, unit = model.decision_function, "margin"
        binary = False
    elif hasattr(model, "predict_proba"):
        call, scale, unit = model.predict_proba, "probability", "probability"
    elif classes and hasattr(model, "decision_function"):
        call, unit, binary = model.decision_function, "margin", False
    elif classes:
        raise DataError(
            f"{type(model).__name__} predicts classes without scores; give a model with "
            "predict_proba or decision_function, or a function that returns a score"
        )
    elif hasattr(model, "predict"):
        call = model.predict
    elif callable(model):
        call = model
    else:
        raise RolesError(
            f"a {type(model).__module__}.{type(model).__qualname__} is no model: it has no predict "
            "and cannot be called"
        )
    if plan.scale == "probability" and scale != "probability":
        raise RolesError(_NO_PROBABILITY)
    as_log_odds = plan.scale == "raw" and scale == "probability"
    if as_log_odds and not binary:
        raise RolesError("this model has no raw scale; leave scale out")
    take = _reader(call, table, some)

    def scored(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = take(rows)
        found = found[:, 1:] if binary and found.shape[1] == 2 else found
        if as_log_odds:
            with np.errstate(divide="ignore"):
                found = np.log(found) - np.log1p(-found)
        return found

    output = _finite(scored)
    width = output(some[:2]).shape[1]
    if as_log_odds:
        scale, unit = "raw", "log-odds"
    return output, output_names(classes, width), scale, unit


_NO_PROBABILITY = "this model says no probability; leave scale out, or say scale='raw'"


def _native_call(
    plan: Plan, native: Native, table: RowTable
) -> tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], str, str]:
    """Function of a table's rows to what the library of a model answers; its scale and unit."""
    if plan.scale != "probability":
        return lambda rows: native.margin(table.codes(rows, native)), "raw", "margin"
    probability = native.probability
    if probability is None:
        raise RolesError(_NO_PROBABILITY)
    return lambda rows: probability(table.codes(rows, native)), "probability", "probability"


def output_names(classes: Sequence[str], width: int) -> list[str]:
    """Names of so many outputs: those of the classes, or numbers; none of a single one."""
    if width == 1:
        return [""]
    return [*classes] if len(classes) == width else [str(k) for k in range(width)]


def _finite(
    scored: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Function of rows to outputs that refuses what is no finite number."""

    def output(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found = scored(rows)
        if not np.all(np.isfinite(found)):
            raise DataError(
                f"the model returns {'NaN' if np.any(np.isnan(found)) else 'an infinite number'} "
                f"for {np.count_nonzero(~np.isfinite(found).all(axis=1)):,} of {len(rows):,} rows; "
                "it must return a finite score for every row"
            )
        return found

    return output


def _reader(
    call: Callable[[Any], Any], table: RowTable, some: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Function of a table's rows: of a frame if the model takes one, else of an array."""
    failures = []
    for shape in (table.frame, table.array):
        try:
            found = call(shape(some[:2]))
        except BaseException as error:
            if isinstance(error, (DataError, KeyboardInterrupt)):
                raise
            failures.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
            continue
        _as_scores(found, 2)
        return lambda rows, shape=shape: _as_scores(call(shape(rows)), len(rows))  # type: ignore[misc]
    raise DataError(
        f"the model fails on these columns ({listed(table.features)}): {failures[0]}; "
        "were they of these types when it was trained?"
    )


def _as_scores(found: Any, rows: int) -> NDArray[np.float64]:
    """Scores that a model returned, shape ``(rows, outputs)``."""
    scores = np.asarray(found)
    if scores.dtype == object or scores.dtype.kind in "US":
        try:
            scores = scores.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"the model returns {str(np.ravel(scores)[0])[:40]!r}, a class without a score; "
                "give one that returns numbers, such as its predict_proba"
            ) from error
    scores = scores.astype(np.float64)
    scores = scores[:, np.newaxis] if scores.ndim == 1 else scores
    if scores.ndim != 2 or len(scores) != rows:
        raise DataError(
            f"the model returns an array of shape {np.shape(found)} for {rows} rows; "
            "it must return a number, or one for each class, for every row"
        )
    return scores


class RowTable:
    """Rows as plain floats, and back: a text is its place among the texts seen so far."""

    def __init__(self, features: Sequence[str], like: Batch):
        self.features = features
        self._kinds = {name: _kind(like.columns[name], name, like.where) for name in features}
        self._texts: dict[str, dict[Any, int]] = {
            name: {} for name, kind in self._kinds.items() if kind == "text"
        }

    @property
    def is_numeric(self) -> bool:
        """Whether there are numbers and booleans only."""
        return not self._texts

    def rows(self, batch: Batch) -> NDArray[np.float64]:
        """Rows of a batch as floats, NaN where a value is missing; shape ``(rows, features)``."""
        made = np.empty((batch.rows, len(self.features)))
        for at, name in enumerate(self.features):
            array = batch.columns[name]
            if name in self._texts:
                made[:, at] = self._places(name, array, batch.where)
            else:
                made[:, at] = column_numbers(array, name, batch.where)
        return made

    def _places(self, name: str, array: Any, where: str) -> NDArray[np.float64]:
        if kind_of(array.type) not in ("text", "missing"):
            raise DataError(
                f"{where}: feature {name!r} holds {array.type} where texts were before; "
                "make the column the same type everywhere"
            )
        indices, values = dictionary(array)
        known = self._texts[name]
        place = [known.setdefault(value, len(known)) for value in values.to_pylist()]
        return np.take(np.array([*place, math.nan]), indices)

    def is_number(self, at: int) -> bool:
        """Whether the feature at a place is of numbers."""
        return self._kinds[self.features[at]] in ("integer", "float")

    def value(self, at: int, place: float) -> Any:
        """Value of the data that a float stands for."""
        if math.isnan(place):
            return None
        (value,) = self._column(self.features[at], np.array([place])).tolist()
        return value

    def array(self, rows: NDArray[np.float64]) -> NDArray[Any]:
        """Rows as an array for a model: of floats where all are numbers, else of objects."""
        if self.is_numeric:
            return rows
        return np.stack(
            [np.asarray(self._column(name, rows[:, at]), dtype=object) for at, name in self._at()],
            axis=1,
        )

    def frame(self, rows: NDArray[np.float64]) -> Any:
        """Rows as a pandas frame for a model, in the types of the data."""
        import pandas as pd

        return pd.DataFrame({name: self._column(name, rows[:, at]) for at, name in self._at()})

    def codes(self, rows: NDArray[np.float64], native: Native) -> NDArray[np.float64]:
        """Rows as the library of a model takes them: categories as its own numbers.

        Raises
        ------
        DataError
            A feature holds texts where the model takes numbers, or categories of another kind, or
            one that the model was not trained on and does not take.
        """
        made = rows.copy()
        for at, (name, its_name) in enumerate(zip(self.features, native.features, strict=True)):
            kept = native.categories.get(its_name)
            if kept is not None:
                made[:, at] = self._codes_of(name, rows[:, at], kept, native)
            elif name in self._texts:
                raise DataError(
                    f"feature {name!r} holds texts, and the model keeps no categories for them, so "
                    "nothing says which of its numbers they are; encode them as for its training, "
                    f"or train it anew with the newest {native.library}"
                )
        return made

    def _codes_of(
        self, name: str, values: NDArray[np.float64], kept: Sequence[Any], native: Native
    ) -> NDArray[np.float64]:
        """Numbers of the categories of a feature, NaN where one is missing or not known."""
        is_text = name in self._texts
        distinct, place = np.unique(values, return_inverse=True)
        known = distinct[~np.isnan(distinct)].tolist()
        if known and is_text != any(isinstance(one, str) for one in kept):
            raise DataError(
                f"feature {name!r} holds {'texts' if is_text else 'numbers'}, and the model's "
                f"categories are {listed(kept, most=4)}; give it the type of the training data"
            )
        number = {one: i for i, one in enumerate(kept)}
        texts = [*self._texts[name]] if is_text else []
        codes = np.full(len(distinct), math.nan)
        for i, value in enumerate(known):
            one = texts[int(value)] if is_text else value
            if one in number:
                codes[i] = number[one]
            elif native.refuses_other_categories:
                raise DataError(
                    f"feature {name!r} holds {one!r}, which was not in the training data; the "
                    f"model knows {listed(kept, most=6)}"
                )
        return codes[place.ravel()]

    def _at(self) -> Iterator[tuple[int, str]]:
        return iter(enumerate(self.features))

    def _column(self, name: str, values: NDArray[np.float64]) -> NDArray[Any]:
        if name in self._texts:
            texts = np.array([*self._texts[name], None], dtype=object)
            return np.take(texts, np.where(np.isnan(values), len(texts) - 1, values).astype(int))
        kind = self._kinds[name]
        if kind == "integer" and np.all(values == np.floor(values)):  # no NaN among them
            return values.astype(np.int64)
        if kind == "boolean" and np.all((values == 0) | (values == 1)):
            return values.astype(np.bool_)
        return values


def _kind(array: Any, name: str, where: str) -> str:
    import pyarrow.types as t

    kind = kind_of(array.type)
    if kind is None:
        raise DataError(f"{where}: feature {name!r} has type {array.type}; convert it")
    if kind == "number":
        return "integer" if t.is_integer(array.type) else "float"
    return {"missing": "float"}.get(kind, kind)


def column_numbers(array: Any, name: str, where: str) -> NDArray[np.float64]:
    """Numbers of a feature, NaN where they are missing; a boolean is 0 or 1.

    Raises
    ------
    DataError
        The column holds no numbers.
    """
    import pyarrow as pa

    kind = kind_of(array.type)
    if kind == "missing":
        return np.full(len(array), np.nan)
    if kind == "boolean":
        array = array.cast(pa.uint8())
    elif kind != "number":
        raise DataError(
            f"{where}: feature {name!r} holds {array.type}, but the model takes numbers; "
            "encode it as for the training of the model"
        )
    return numbers(array, name, "feature", where)


def matrix(batch: Batch, features: Sequence[str], where: str) -> list[NDArray[np.float64]]:
    """Columns of numbers of a batch, in the order of the features."""
    return [column_numbers(batch.columns[name], name, where) for name in features]


def frame(batch: Batch, features: Sequence[str]) -> Any:
    """Pandas frame of some columns of a batch, its texts as categories."""
    import pyarrow as pa

    columns = {name: batch.columns[name] for name in features}
    texts = {name: kind_of(column.type) == "text" for name, column in columns.items()}
    made = pa.table(
        {
            name: column.dictionary_encode() if texts[name] else column
            for name, column in columns.items()
        }
    )
    return made.to_pandas()
