"""Explainers: from rows to Shapley values, each by the method that its model allows.

Trees have kernels of their own; linear models a formula; shap does all others.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, RolesError, did_you_mean, first_line
from biaskit.explanations.attributions import About
from biaskit.explanations.models import Native, TreeModel, TreesUnsupported, library_of
from biaskit.explanations.outputs import (
    SCALES,
    Plan,
    RowTable,
    Walked,
    chosen_outputs,
    frame,
    matrix,
    output_names,
    output_of,
    refuse_other_outputs,
    spread,
)
from biaskit.sources.batches import Batch, Source, rows_of

__all__ = ["Compared", "Explainer", "Values", "explainer", "imported_shap"]

#: Rows that are drawn as the background of a model that needs one and is given none, or too many.
DRAWN = 50
# Up to so many features, all subsets are looked at; of more, orders are sampled.
_FEW_FEATURES = 10
# Orders of the features that shap samples for each row, each there and back.
_ORDERS = 10
# Sums of tables differ from sums of leaves by rounding only.
_ROUNDING = 1e-9
# Rows that are explained before all others, to see what comes out.
_FIRST = 10
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


class Compared(NamedTuple):
    """What rows can be compared with."""

    #: Rows that the caller gives; None to take what the method has.
    background: Source | None
    #: The first rows of the data, and all of them where they can be read once more.
    first: Batch
    data: Source | None = None


def explainer(plan: Plan, compared: Compared) -> Explainer:
    """Explainer of a plan.

    Parameters
    ----------
    plan
        What is to be explained.
    compared
        Rows to compare with.

    Raises
    ------
    RolesError
        The scale or the class asked for is not one that the model has.
    DataError
        The background has no rows, or the model returns what is no number.
    """
    if plan.scale not in SCALES:
        raise RolesError(f"no scale {plan.scale!r}; {did_you_mean(plan.scale, SCALES)}")
    trees, why = plan.trees, plan.without_trees
    if trees is not None:
        try:
            return _of_trees(plan, trees, compared)
        except TreesUnsupported as error:
            why = str(error)
        if compared.background is not None or isinstance(plan.model, TreeModel):
            with contextlib.suppress(TreesUnsupported):
                return _ByWalks(plan, trees, compared, why)
    plan = plan._replace(without_trees=why, trees=None)
    if isinstance(plan.model, TreeModel):
        raise DataError(
            f"the model has {why}, which needs its library: load the model with it and give the "
            "object"
        )
    if compared.background is None and plan.scale != "probability":
        try:
            if plan.native is not None and why:
                return _ByLibrary(plan, plan.native, compared.first)
            if trees is not None or library_of(plan.model) == "catboost":
                return _ByShapsTrees(plan, trees, compared.first)
        except TreesUnsupported as error:
            plan = plan._replace(without_trees=f"{why}; {error}")
    return _ByRows(plan, compared)


def _of_trees(plan: Plan, trees: TreeModel, compared: Compared) -> Explainer:
    if plan.scale == "probability" and not trees.is_probability:
        if not trees.is_log_odds:
            raise RolesError(
                f"this model has no probability of one class ({trees.unit} of "
                f"{len(trees.outputs)} outputs); leave scale out, or say scale='raw'"
            )
        return _ByWalks(plan, trees, compared)
    if plan.scale == "raw" and trees.is_probability:
        raise RolesError(
            "the trees of this model add up to a probability and have no other scale; "
            "leave scale out, or say scale='probability'"
        )
    return _ByTrees(plan, trees, compared)


class _ByTrees:
    """Exact values of the margin of trees, by biaskit's own kernels."""

    at_once = 1 << 16

    def __init__(self, plan: Plan, trees: TreeModel, compared: Compared):
        from biaskit.explanations.trees import TreeValues

        background = compared.background
        names = [*trees.outputs]
        chosen = chosen_outputs(names, plan.output_class)
        self._features = plan.features
        self._values, bases = [], []
        rows = 0

        def batches() -> Iterator[list[NDArray[np.float64]]]:
            nonlocal rows
            assert background is not None
            for batch in rows_of(background, plan.features, plan.features):
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
        how = "path-dependent" if background is None else f"{rows:,} background rows"
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in chosen),
            scale="probability" if trees.is_probability else "raw",
            unit=trees.unit,
            method=f"trees, exact, {how}{trees.remark}",
            base=tuple(bases),
        )
        self._walked = Walked(trees, chosen)

    def __call__(self, batch: Batch) -> Values:
        columns = matrix(batch, self._features, batch.where)
        values = np.stack([values(columns) for values in self._values])
        some = spread(batch.rows)
        walked = self._walked([column[some] for column in columns])
        refuse_other_outputs(values[:, -1, some].T, walked, _ROUNDING)
        return Values(values)


def _head(first: Batch) -> Batch:
    """Rows from which the shape of the values follows."""
    columns = {name: column[:_FIRST] for name, column in first.columns.items()}
    return replace(first, columns=columns, rows=min(_FIRST, first.rows))


class _ByWalks:
    """Sampled values of trees: of the probability of one class, or where they are too deep."""

    at_once = _FEW_AT_ONCE

    def __init__(self, plan: Plan, trees: TreeModel, compared: Compared, why: str = ""):
        from biaskit.explanations.trees import TreeWalks

        names = [*trees.outputs]
        chosen = chosen_outputs(names, plan.output_class)
        self._features = plan.features
        self._walked = Walked(trees, chosen)
        drawn, whence = _drawn(plan, compared)
        columns = matrix(drawn, plan.features, "the background")
        logistic = plan.scale == "probability" and trees.is_log_odds
        is_probability = logistic or trees.is_probability
        self._values = [
            TreeWalks(trees.outputs[names[at]], columns, logistic=logistic, seed=plan.seed)
            for at in chosen
        ]
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in chosen),
            scale="probability" if is_probability else "raw",
            unit="probability" if is_probability else trees.unit,
            method=f"trees, sampled: 2 orders × {whence}, seed {plan.seed}"
            f"{f' ({why})' if why else ''}{trees.remark}",
            base=tuple(values.base for values in self._values),
            own_background=compared.background is None,
        )

    def __call__(self, batch: Batch) -> Values:
        columns = matrix(batch, self._features, batch.where)
        self._walked(columns)
        values, noise = zip(*(values(columns) for values in self._values), strict=True)
        return Values(np.stack(values), np.stack(noise))


class _ByLibrary:
    """Path-dependent values of trees that only their own library reads: its contributions."""

    at_once = _FEW_AT_ONCE

    def __init__(self, plan: Plan, native: Native, first: Batch):
        self._native = native
        self._table = RowTable(plan.features, first)
        codes = self._table.codes(self._table.rows(_head(first)), native)
        found = native.contributions(codes)
        names = output_names(native.classes, found.shape[1])
        self._chosen = chosen_outputs(names, plan.output_class)
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="raw",
            unit="margin",
            method=f"{native.library}'s own contributions, path-dependent "
            f"({plan.without_trees}){native.remark}",
            base=tuple(found[0, self._chosen, -1].tolist()),
        )

    def __call__(self, batch: Batch) -> Values:
        codes = self._table.codes(self._table.rows(batch), self._native)
        found = self._native.contributions(codes)
        refuse_other_outputs(found.sum(axis=2), self._native.margin(codes))
        values = found[:, self._chosen].transpose(1, 2, 0)
        return Values(np.concatenate([values[:, :-1], values.sum(axis=1, keepdims=True)], axis=1))


class _ByShapsTrees:
    """Path-dependent values by shap: of CatBoost, and of trees too deep for the kernels."""

    at_once = _FEW_AT_ONCE

    def __init__(self, plan: Plan, trees: TreeModel | None, first: Batch):
        shap = imported_shap()
        self._plan, self._trees = plan, trees
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._shap = shap.TreeExplainer(plan.model)
            except Exception as error:
                raise TreesUnsupported(f"shap cannot read it: {first_line(error)}") from error
        classes = [str(one) for one in getattr(plan.model, "classes_", ())]
        # Of two classes whose probabilities shap gives both, the second says all of the first.
        self._skipped = int(trees is not None and trees.is_probability and len(classes) == 2)
        values, bases = self._of(frame(_head(first), plan.features))
        names = output_names(classes, len(values)) if trees is None else [*trees.outputs]
        self._chosen = chosen_outputs(names, plan.output_class)
        why = f" ({plan.without_trees})" if plan.without_trees else ""
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="probability" if trees is not None and trees.is_probability else "raw",
            unit="margin" if trees is None else trees.unit,
            method=f"shap's TreeExplainer, path-dependent{why}",
            base=tuple(bases[self._chosen].tolist()),
        )

    def __call__(self, batch: Batch) -> Values:
        values, bases = self._of(frame(batch, self._plan.features))
        total = bases[:, np.newaxis, np.newaxis] + values.sum(axis=1, keepdims=True)
        refuse_other_outputs(total[:, 0].T, _own_outputs(self._plan, self._trees, batch))
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
        return values.transpose(2, 1, 0)[self._skipped :], bases[self._skipped :]


def _own_outputs(plan: Plan, trees: TreeModel | None, batch: Batch) -> NDArray[np.float64]:
    """What a model itself answers for some rows, shape ``(rows, outputs)``."""
    if trees is None:
        found = plan.model.predict(frame(batch, plan.features), prediction_type="RawFormulaVal")
        return np.asarray(found, dtype=np.float64).reshape(batch.rows, -1)
    assert trees.own is not None  # there is an object, so its library is at hand
    return trees.own(np.stack(matrix(batch, plan.features, batch.where), axis=1))


class _ByRows:
    """Values of any function of rows: by a formula if it is linear, else by shap."""

    at_once = _FEW_AT_ONCE

    def __init__(self, plan: Plan, compared: Compared):
        background, whence = _drawn(plan, compared)
        is_given = compared.background is not None
        self._table = RowTable(plan.features, background if is_given else compared.first)
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
        why = f"; {plan.without_trees}: no kernels" if plan.without_trees else ""
        remark = "" if plan.native is None else plan.native.remark
        self.about = About(
            features=plan.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale=scale,
            unit=unit,
            method=f"{method}, {whence}{why}{remark}",
            base=tuple(base[self._chosen].tolist()),
            own_background=not is_given,
        )

    def __call__(self, batch: Batch) -> Values:
        rows = self._table.rows(batch)
        if self._linear is not None:
            refuse_other_outputs(self._linear(rows), self._linear.own(self._table, rows))
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

    model: Any
    weights: NDArray[np.float64]
    at_zero: NDArray[np.float64]
    outputs: list[str]
    unit: str

    def own(self, table: RowTable, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs of the model itself, shape ``(rows, outputs)``."""
        call = getattr(self.model, "decision_function", self.model.predict)
        shaped = table.frame if hasattr(self.model, "feature_names_in_") else table.array
        return np.asarray(call(shaped(rows)), dtype=np.float64).reshape(len(rows), -1)

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
    return _Linear(model, weights, at_zero, output_names(classes, len(weights)), unit)


def _drawn(plan: Plan, compared: Compared) -> tuple[Batch, str]:
    """Rows to compare with, `DRAWN` of them at most, drawn at random, and whence they are.

    Without a background they are of all the data; where these can be read once only, of their first
    rows.
    """
    import pyarrow as pa

    numeric = plan.features if plan.is_numeric else ()
    source = compared.background or compared.data
    batches = iter([compared.first]) if source is None else rows_of(source, plan.features, numeric)
    rng = np.random.default_rng(plan.seed)
    parts: list[Any] = []
    ticket = np.empty(0)  # one for each row of the parts
    last = np.inf
    for batch in batches:
        drawn = rng.random(batch.rows)
        kept = np.flatnonzero(drawn <= last)
        if not len(kept):
            continue
        if len(kept) > DRAWN:
            kept = np.sort(kept[np.argsort(drawn[kept])[:DRAWN]])
        place = pa.array(kept)
        parts.append(pa.table({name: batch.columns[name].take(place) for name in plan.features}))
        ticket = np.concatenate([ticket, drawn[kept]])
        if len(ticket) >= DRAWN:
            last = np.partition(ticket, DRAWN - 1)[DRAWN - 1]
    if not len(ticket):
        raise DataError("the background has no rows; give it one at least")
    try:
        joined = pa.concat_tables(parts, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"the background's columns change their type: {error}") from error
    table = joined.take(pa.array(np.sort(np.argsort(ticket)[:DRAWN]))).combine_chunks()
    columns = {
        name: table.column(name).chunk(0)
        if table.column(name).num_chunks
        else pa.array([], table.column(name).type)
        for name in plan.features
    }
    whence = f"{table.num_rows} of the first {compared.first.rows:,} rows"
    if source is not None:
        of = "data" if compared.background is None else "background"
        whence = f"{table.num_rows} rows of the {of}"
    return Batch(columns, table.num_rows, "the background"), whence
