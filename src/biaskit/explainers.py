"""Explainers: from rows to Shapley values, each by the method that its model allows.

Trees have kernels of their own; linear models a formula; shap does all others.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from biaskit.attributions import About
from biaskit.errors import DataError, RolesError, did_you_mean, first_line
from biaskit.models import TreeModel, TreesUnsupported, library_of
from biaskit.outputs import SCALES, Plan, RowTable, chosen_outputs, frame, matrix, output_of
from biaskit.sources.batches import Batch, Source
from biaskit.sources.encode import kind_of

__all__ = ["Explainer", "Values", "explainer", "imported_shap"]

#: Rows that are drawn as the background of a model that needs one and is given none, or too many.
DRAWN = 50
# Up to so many features, all subsets are looked at; of more, orders are sampled.
_FEW_FEATURES = 10
# Orders of the features that shap samples for each row, each there and back.
_ORDERS = 10
# Outputs may differ by so much from the library's own, which add up float32.
_SAME = 1e-4
_CHECKED = 1_000
# Rows that are explained at a time where that takes long, so that progress shows.
_FEW_AT_ONCE = 2_000


class Values(NamedTuple):
    """Shapley values of a batch, shape ``(outputs, features + 1, rows)``; the last is the output.

    `noise` is the variance that sampling gives each; None where they are exact.
    """

    shapley: NDArray[np.float64]
    noise: NDArray[np.float64] | None = None


class Explainer(Protocol):
    """Anything that gives the Shapley values of batches of rows, one after the other."""

    about: About
    #: Rows that a batch should have at most.
    at_once: int

    def __call__(self, batch: Batch) -> Values:
        """Shapley values of the rows of a batch."""
        ...


def imported_shap() -> Any:
    """The package shap, which takes long to load, and whose loading may warn of its own parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


def explainer(plan: Plan, background: Source | None, first: Batch) -> Explainer:
    """Explainer of a plan.

    Parameters
    ----------
    plan
        What is to be explained.
    background
        Rows to compare with; None to take what the method has.
    first
        The first rows of the data.

    Raises
    ------
    RolesError
        The scale or the class asked for is not one that the model has.
    DataError
        The background has no rows, or the model returns what is no number.
    """
    if plan.scale not in SCALES:
        raise RolesError(f"no scale {plan.scale!r}; {did_you_mean(plan.scale, SCALES)}")
    if plan.trees is not None:
        try:
            return _of_trees(plan, plan.trees, background, first)
        except TreesUnsupported as error:
            why = str(error)
        if background is not None or isinstance(plan.model, TreeModel):
            with contextlib.suppress(TreesUnsupported):
                return _ByWalks(plan, plan.trees, background, first, why)
        plan = plan._replace(without_trees=why, trees=None)
    if plan.without_trees and isinstance(plan.model, TreeModel):
        raise DataError(
            f"the model has {plan.without_trees}, which needs its library: load the model with it "
            "and give the object"
        )
    is_shaps = library_of(plan.model) in ("xgboost", "lightgbm", "catboost") or plan.without_trees
    if is_shaps and background is None and plan.scale != "probability":
        return _ByShapsTrees(plan, first)
    return _ByRows(plan, _drawn(plan, background, first), background is not None, first)


def _of_trees(plan: Plan, trees: TreeModel, background: Source | None, first: Batch) -> Explainer:
    if plan.scale == "probability" and not trees.is_probability:
        if not trees.is_log_odds:
            raise RolesError(
                f"this model has no probability of one class ({trees.unit} of "
                f"{len(trees.outputs)} outputs); leave scale out, or say scale='raw'"
            )
        return _ByWalks(plan, trees, background, first)
    if plan.scale == "raw" and trees.is_probability:
        raise RolesError(
            "the trees of this model add up to a probability and have no other scale; "
            "leave scale out, or say scale='probability'"
        )
    return _ByTrees(plan, trees, background, first)


class _ByTrees:
    """Exact values of the margin of trees, by biaskit's own kernels."""

    at_once = 1 << 16

    def __init__(self, plan: Plan, trees: TreeModel, background: Source | None, first: Batch):
        from biaskit.treeshap import TreeOutputs, TreeValues

        names = [*trees.outputs]
        chosen = chosen_outputs(names, plan.output_class)
        self._features = plan.features
        self._values, bases = [], []
        rows = 0

        def batches() -> Iterator[list[NDArray[np.float64]]]:
            nonlocal rows
            assert background is not None
            for batch in background.batches(plan.features, plan.features):
                rows += batch.rows
                if batch.rows:
                    yield matrix(batch, plan.features, "the background")

        kept = [*batches()] if background is not None and len(chosen) > 1 else None
        for at in chosen:
            source = None if background is None else iter(kept) if kept is not None else batches()
            try:
                made = TreeValues(trees.outputs[names[at]], source)
            except ValueError as error:
                if isinstance(error, DataError):
                    raise
                raise DataError("the background has no rows; give it one at least") from error
            self._values.append(made)
            bases.append(made.base)
        self._own, self._chosen = trees.own, chosen
        how = "path-dependent" if background is None else f"{rows:,} background rows"
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in chosen),
            scale="probability" if trees.is_probability else "raw",
            unit=trees.unit,
            method=f"trees, exact, {how}",
            base=tuple(bases),
        )
        self._check(first, [TreeOutputs(trees.outputs[names[at]]) for at in chosen])

    def __call__(self, batch: Batch) -> Values:
        columns = matrix(batch, self._features, batch.where)
        return Values(np.stack([values(columns) for values in self._values]))

    def _check(self, first: Batch, walks: Sequence[Callable[[Any], Any]]) -> None:
        """Compare some outputs with those of the library, or of a walk down the trees."""
        columns = [c[:_CHECKED] for c in matrix(first, self._features, first.where)]
        ours = np.stack([values(columns)[-1] for values in self._values], axis=1)
        walked = np.stack([walk(columns) for walk in walks], axis=1)
        theirs = walked
        if self._own is not None:
            try:
                theirs = self._own(np.stack(columns, axis=1))[:, self._chosen]
            except ValueError as error:
                raise DataError(
                    f"the model does not take these rows: {first_line(error)}"
                ) from error
        for others, near in ((walked, 1e-9), (theirs, _SAME)):
            if not np.allclose(ours, others, rtol=near, atol=near):
                raise _other_outputs(ours, others)


def _other_outputs(ours: NDArray[np.float64], others: NDArray[np.float64]) -> DataError:
    return DataError(
        "the outputs that follow from the trees are not the model's own: they differ by "
        f"{np.abs(ours - others).max():.3g}; give a function that calls the model instead"
    )


class _ByWalks:
    """Sampled values of trees: of the probability of one class, or where they are too deep."""

    at_once = _FEW_AT_ONCE

    def __init__(
        self,
        plan: Plan,
        trees: TreeModel,
        background: Source | None,
        first: Batch,
        why: str = "",
    ):
        from biaskit.treeshap import TreeWalks

        names = [*trees.outputs]
        chosen = chosen_outputs(names, plan.output_class)
        self._features = plan.features
        drawn = _drawn(plan, background, first)
        columns = matrix(drawn, plan.features, "the background")
        logistic = plan.scale == "probability" and trees.is_log_odds
        is_probability = logistic or trees.is_probability
        self._values = [
            TreeWalks(trees.outputs[names[at]], columns, logistic=logistic, seed=plan.seed)
            for at in chosen
        ]
        where = "background" if background is not None else "data"
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in chosen),
            scale="probability" if is_probability else "raw",
            unit="probability" if is_probability else trees.unit,
            method=f"trees, sampled: 2 orders × {drawn.rows} rows of the {where}, "
            f"seed {plan.seed}{f' ({why})' if why else ''}",
            base=tuple(values.base for values in self._values),
            own_background=background is None,
        )

    def __call__(self, batch: Batch) -> Values:
        columns = matrix(batch, self._features, batch.where)
        values, noise = zip(*(values(columns) for values in self._values), strict=True)
        return Values(np.stack(values), np.stack(noise))


class _ByShapsTrees:
    """Path-dependent values of trees that only their own library, or shap, reads."""

    at_once = _FEW_AT_ONCE

    def __init__(self, plan: Plan, first: Batch):
        shap = imported_shap()
        self._features = plan.features
        self._model = plan.model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._shap = shap.TreeExplainer(plan.model)
            except Exception as error:
                raise DataError(
                    f"shap cannot read the trees of this model: {first_line(error)}"
                ) from error
        _refuse_old_categories(plan, first)
        some = frame(first, plan.features).iloc[:_CHECKED]
        values, bases = self._of(some)
        own = _own_margin(plan.model, some)
        found = bases + values.sum(axis=1).T
        if own is not None and not np.allclose(found, own, rtol=_SAME, atol=_SAME):
            raise _other_outputs(found, own)
        names = [str(k) for k in range(len(values))] if len(values) > 1 else [""]
        classes = [str(one) for one in getattr(plan.model, "classes_", ())]
        if len(classes) == len(values) > 1:
            names = classes
        self._chosen = chosen_outputs(names, plan.output_class)
        why = f" ({plan.without_trees})" if plan.without_trees else ""
        is_probability = library_of(plan.model) == "sklearn" and hasattr(
            plan.model, "predict_proba"
        )
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="probability" if is_probability else "raw",
            unit="probability" if is_probability else "margin",
            method=f"shap's TreeExplainer, path-dependent{why}",
            base=tuple(bases[self._chosen].tolist()),
        )

    def __call__(self, batch: Batch) -> Values:
        values, bases = self._of(frame(batch, self._features))
        total = bases[:, np.newaxis, np.newaxis] + values.sum(axis=1, keepdims=True)
        return Values(np.concatenate([values, total], axis=1)[self._chosen])

    def _of(self, rows: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values, shape ``(outputs, features, rows)``, and the base of each output."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = self._shap(rows, check_additivity=False)
            except (ValueError, TypeError) as error:
                raise DataError(
                    f"the model does not take these rows: {first_line(error)}"
                ) from error
        values = np.asarray(found.values, dtype=np.float64)
        values = values[:, :, np.newaxis] if values.ndim == 2 else values
        bases = np.atleast_2d(np.asarray(found.base_values, dtype=np.float64))
        bases = bases.reshape(len(values), -1)[0] if len(values) else bases[0]
        return values.transpose(2, 1, 0), bases


def _refuse_old_categories(plan: Plan, first: Batch) -> None:
    """Refuse texts for an XGBoost that takes categories by their numbers, whatever they mean."""
    if library_of(plan.model) != "xgboost":
        return
    import xgboost

    texts = [name for name in plan.features if kind_of(first.columns[name].type) == "text"]
    version = tuple(int(part) for part in xgboost.__version__.split(".")[:2])
    if texts and version < (3, 1):
        raise DataError(
            f"feature {texts[0]!r} holds texts, and before 3.1 XGBoost does not know which of its "
            "categories they are; install a newer XGBoost and train the model with it"
        )


def _own_margin(model: Any, rows: Any) -> NDArray[np.float64] | None:
    """Outputs of trees by their library, shape ``(rows, outputs)``; None where it is unclear."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        match library_of(model):
            case "xgboost":
                import xgboost

                if not isinstance(model, xgboost.Booster):
                    found = model.predict(rows, output_margin=True)
                else:
                    data = xgboost.DMatrix(rows, enable_categorical=True)
                    found = model.predict(data, output_margin=True)
            case "lightgbm":
                found = model.predict(rows, raw_score=True)
            case "catboost":
                found = model.predict(rows, prediction_type="RawFormulaVal")
            case "sklearn" if not hasattr(model, "classes_"):
                found = model.predict(rows)
            case _:
                return None
    found = np.asarray(found, dtype=np.float64)
    return found[:, np.newaxis] if found.ndim == 1 else found


class _ByRows:
    """Values of any function of rows: by a formula if it is linear, else by shap."""

    at_once = _FEW_AT_ONCE

    def __init__(self, plan: Plan, background: Batch, is_given: bool, first: Batch):
        self._features = plan.features
        self._table = RowTable(plan.features, background if is_given else first, plan.model)
        self._background = self._table.rows(background)
        self._linear = None
        base: NDArray[np.float64]
        if plan.scale != "probability" and (linear := _linear(plan.model, self._table)):
            self._linear = linear
            names, scale, unit = linear.outputs, "raw", linear.unit
            self._chosen = chosen_outputs(names, plan.output_class)
            method = "linear, exact"
            base = linear(self._background).mean(axis=0)
        else:
            self._output, names, scale, unit = output_of(plan, self._table, self._background)
            self._chosen = chosen_outputs(names, plan.output_class)
            base = self._output(self._background).mean(axis=0)
            few = len(plan.features) <= _FEW_FEATURES
            method = (
                "shap's Exact"
                if few
                else (f"shap's Permutation, {_ORDERS} orders there and back, seed {plan.seed}")
            )
            self._shap = self._explainer(plan, few)
        where = "background" if is_given else "data"
        why = f"; {plan.without_trees}: no kernels" if plan.without_trees else ""
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale=scale,
            unit=unit,
            method=f"{method}, {background.rows} rows of the {where}{why}",
            base=tuple(base[self._chosen].tolist()),
            own_background=not is_given,
        )

    def __call__(self, batch: Batch) -> Values:
        rows = self._table.rows(batch)
        if self._linear is not None:
            return Values(self._linear.values(rows, self._background)[self._chosen])
        distinct, place = np.unique(rows, axis=0, return_inverse=True)  # NaN is one value here
        values = self._of(distinct)
        return Values(values[self._chosen][:, :, place.ravel()])

    def _explainer(self, plan: Plan, few: bool) -> Callable[[NDArray[np.float64]], Any]:
        shap = imported_shap()
        masker = shap.maskers.Independent(self._background, max_samples=len(self._background))
        if few:
            exact = shap.ExactExplainer(self._output, masker)
            return lambda rows: exact(rows, silent=True)
        sampled = shap.PermutationExplainer(self._output, masker, seed=plan.seed)
        evaluations = _ORDERS * (2 * len(plan.features) + 1)
        return lambda rows: sampled(rows, max_evals=evaluations, silent=True)

    def _of(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values, shape ``(outputs, features + 1, rows)``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.asarray(self._shap(rows).values, dtype=np.float64)
        found = found[:, :, np.newaxis] if found.ndim == 2 else found
        output = self._output(rows)[:, np.newaxis, :]
        return np.concatenate([found, output], axis=1).transpose(2, 1, 0)


class _Linear(NamedTuple):
    """Linear function of numbers, an output a row of `weights`."""

    weights: NDArray[np.float64]
    at_zero: NDArray[np.float64]
    outputs: list[str]
    unit: str

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = rows @ self.weights.T + self.at_zero
        if not np.all(np.isfinite(found)):
            raise DataError(
                "a linear model takes no missing values; leave those rows out or fill them"
            )
        return found

    def values(
        self, rows: NDArray[np.float64], background: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        parts = (rows - background.mean(axis=0)) * self.weights[:, np.newaxis, :]
        total = self(rows).T[:, :, np.newaxis]
        return np.concatenate([parts, total], axis=2).transpose(0, 2, 1)


def _linear(model: Any, table: RowTable) -> _Linear | None:
    """Formula of a linear model of scikit-learn; None for any other."""
    if library_of(model) != "sklearn" or not table.is_numeric:
        return None
    from sklearn.linear_model import (
        ElasticNet,
        Lasso,
        LinearRegression,
        LogisticRegression,
        Ridge,
    )

    if not isinstance(model, (LinearRegression, LogisticRegression, Ridge, Lasso, ElasticNet)):
        return None
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    at_zero = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(weights),))
    classes = [str(one) for one in getattr(model, "classes_", ())]
    unit = "output" if not classes else "log-odds" if len(weights) == 1 else "margin"
    return _Linear(weights, at_zero, classes if len(weights) > 1 else [""], unit)


def _drawn(plan: Plan, background: Source | None, first: Batch) -> Batch:
    """Rows of the background, `DRAWN` of them at most, drawn at random; else of the data."""
    numeric = plan.features if plan.is_numeric else ()
    source: Iterator[Batch] = (
        iter([first]) if background is None else background.batches(plan.features, numeric)
    )
    rng = np.random.default_rng(plan.seed)
    parts: list[Mapping[str, Any]] = []
    tickets: list[NDArray[np.float64]] = []
    import pyarrow as pa

    for batch in source:
        ticket = rng.random(batch.rows)
        kept = np.sort(np.argsort(ticket)[:DRAWN])
        place = pa.array(kept)
        parts.append({name: batch.columns[name].take(place) for name in plan.features})
        tickets.append(ticket[kept])
    ticket = np.concatenate(tickets) if tickets else np.empty(0)
    if not len(ticket):
        raise DataError("the background has no rows; give it one at least")
    place = pa.array(np.sort(np.argsort(ticket)[:DRAWN]))
    tables = [pa.table(dict(part)) for part in parts]
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"the background's columns change their type: {error}") from error
    table = joined.take(place).combine_chunks()
    columns = {
        name: table.column(name).chunk(0)
        if table.column(name).num_chunks
        else pa.array([], table.column(name).type)
        for name in plan.features
    }
    return Batch(columns, table.num_rows, "the background")
