"""Models: a fitted model in one form, for all libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from biaskit.errors import DataError, RolesError, did_you_mean
from biaskit.explanations.declined import Declined
from biaskit.explanations.floats import Categories, RowTable
from biaskit.explanations.models.ensembles import TreeModel
from biaskit.explanations.pipelines.encoding import Encoding

__all__ = [
    "NO_PROBABILITY",
    "Booster",
    "Contributions",
    "Floats",
    "ForShap",
    "Formula",
    "Model",
    "Outputs",
    "chosen_outputs",
    "finite",
    "output_names",
    "trees_or_why_not",
    "wide",
]

Floats: TypeAlias = NDArray[np.float64]

NO_PROBABILITY = "this model gives no probability; leave scale out, or say scale='raw'"


class Outputs(NamedTuple):
    """Outputs of a model on one scale."""

    #: Outputs of rows as floats, shape ``(rows, outputs)``.
    of: Callable[[Floats], Floats]
    #: Their names: classes, or the empty text of a single one.
    names: tuple[str, ...]
    #: ``raw`` or ``probability``.
    scale: str
    #: Their unit in words, such as log-odds.
    unit: str


class Contributions(NamedTuple):
    """Path-dependent Shapley values of a margin, by the library of the model itself."""

    library: str
    #: Values of rows, shape ``(rows, outputs, features + 1)``; the last is the base.
    values: Callable[[RowTable, Floats], Floats]
    #: The margin that they add up to, shape ``(rows, outputs)``.
    margin: Callable[[RowTable, Floats], Floats]
    classes: tuple[str, ...]


class ForShap(NamedTuple):
    """A model that shap's TreeExplainer reads."""

    model: Any
    #: The model's own outputs, to which the values add up, shape ``(rows, outputs)``.
    own: Callable[[RowTable, Floats], Floats]
    classes: tuple[str, ...]
    unit: str
    is_probability: bool = False
    #: Number of outputs that shap returns before the model's own: 1 for the first of two classes.
    skipped: int = 0


class Formula(NamedTuple):
    """Linear function of numbers, one output for each row of `weights`."""

    weights: Floats
    at_zero: Floats
    names: tuple[str, ...]
    unit: str
    #: The model's own outputs, shape ``(rows, outputs)``.
    own: Callable[[RowTable, Floats], Floats]


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model, and the ways in which it can be explained."""

    #: Columns that it takes, in their order; empty where it does not name them.
    columns: tuple[str, ...] = ()
    #: Whether these are names from the data, not derived from column numbers.
    has_names: bool = True
    #: Its trees; the reason why the kernels do not support them; None if it has no trees.
    trees: TreeModel | Declined | None = None
    #: Makes the outputs from a scale, a table and some rows to try the model on; None if the model
    #: cannot be called without its library.
    outputs: Callable[[str, RowTable, Floats], Outputs] | None = None
    #: Shapley values by its own library; None if the library computes none.
    contributions: Contributions | None = None
    #: Its formula if it is linear.
    formula: Formula | None = None
    #: Steps that make, of its columns, those of its trees or its formula; None where it has none.
    encoding: Encoding | None = None
    #: Its form for shap, if shap supports its trees.
    for_shap: ForShap | None = None
    #: Addition to the text of the method, such as the number of rounds that are used.
    remark: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether every feature is needed as a number."""
        trees = self.trees
        return isinstance(trees, TreeModel) and trees.categories is None and self.encoding is None

    def read_trees(self) -> TreeModel:
        """Trees of the model.

        Raises
        ------
        Declined
            It has none, or the kernels do not support them.
        """
        if self.trees is None:
            raise Declined
        if isinstance(self.trees, Declined):
            raise self.trees
        return self.trees


@dataclass(frozen=True, eq=False)
class Booster:
    """A fitted model of XGBoost or LightGBM, called through its own library.

    Rows are passed to a library as floats, and a category as the library's own code: a pandas frame
    would number the categories of its own rows.
    """

    #: Columns that it takes, and its categories.
    categories: Categories
    #: Whether the columns have names from the data, not derived from column numbers.
    has_names: bool
    #: Margins of rows, shape ``(rows, outputs)``, from floats of shape ``(rows, features)``.
    margin: Callable[[Floats], Floats]
    #: Probabilities of rows, in the same shape; None if the model predicts no probability.
    probability: Callable[[Floats], Floats] | None
    #: Path-dependent Shapley values, shape ``(rows, outputs, features + 1)``; the last is the base.
    #: None if the model has no trees.
    contributions: Callable[[Floats], Floats] | None
    #: Names of the classes; empty where there is a single output.
    classes: tuple[str, ...] = ()
    #: Addition to the text of the method, such as the number of rounds that are used.
    remark: str = ""

    def model(self, read: Callable[[], TreeModel | None]) -> Model:
        """The booster as a model; `read` reads its trees."""
        trees = trees_or_why_not(read)
        if isinstance(trees, TreeModel):
            names = self.classes if len(self.classes) == len(trees.outputs) else trees.outputs
            outputs = dict(zip(names, trees.outputs.values(), strict=True))
            # Also where none are stored: texts cannot be the codes that the sets hold.
            has_sets = any(one.sets for one in trees.outputs.values())
            categories = self.categories if self.categories.of or has_sets else None
            trees = replace(trees, own=self.margin, outputs=outputs, categories=categories)
        contributions = None
        if self.contributions is not None:
            contributions = Contributions(
                self.categories.library,
                self._by_codes(self.contributions),
                self._by_codes(self.margin),
                self.classes,
            )
        return Model(
            columns=self.categories.columns,
            has_names=self.has_names,
            trees=trees,
            outputs=self._outputs,
            contributions=contributions,
            remark=self.remark,
        )

    def _by_codes(self, call: Callable[[Floats], Floats]) -> Callable[[RowTable, Floats], Floats]:
        return lambda table, rows: call(table.codes(rows, self.categories))

    def _outputs(self, scale: str, table: RowTable, some: Floats) -> Outputs:
        """Outputs of the library on a scale."""
        call, answered, unit = self.margin, "raw", "margin"
        if scale == "probability":
            if self.probability is None:
                raise RolesError(NO_PROBABILITY)
            call, answered, unit = self.probability, scale, scale
        of = finite(lambda rows: call(table.codes(rows, self.categories)))
        return Outputs(of, output_names(self.classes, of(some[:2]).shape[1]), answered, unit)


def finite(scored: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Function of rows to outputs that raises if an output is infinite or NaN."""

    def output(rows: Floats) -> Floats:
        found = scored(rows)
        if not np.all(np.isfinite(found)):
            raise DataError(
                f"the model returns {'NaN' if np.any(np.isnan(found)) else 'an infinite number'} "
                f"for {np.count_nonzero(~np.isfinite(found).all(axis=1)):,} of {len(rows):,} rows; "
                "it must return a finite score for every row"
            )
        return found

    return output


def trees_or_why_not(read: Callable[[], TreeModel | None]) -> TreeModel | Declined | None:
    """Trees that a reader returns, or the reason why it declines."""
    try:
        return read()
    except Declined as declined:
        return declined.with_traceback(None)  # the traceback would keep the parsed file alive


def output_names(classes: Sequence[str], width: int) -> tuple[str, ...]:
    """Names of outputs: the classes, or numbers; the empty text for a single output."""
    if width == 1:
        return ("",)
    return tuple(classes) if len(classes) == width else tuple(map(str, range(width)))


def chosen_outputs(names: Sequence[str], output_class: Any) -> list[int]:
    """Indices of the outputs that are explained.

    Raises
    ------
    RolesError
        No output has the requested name.
    """
    if output_class is None:
        return [*range(len(names))]
    shown = str(output_class)
    if shown not in names:
        raise RolesError(f"output_class: no output {shown!r}; {did_you_mean(shown, names)}")
    return [names.index(shown)]


def wide(found: Any, rows: int) -> Floats:
    """Outputs of some rows, with an axis for outputs."""
    return np.asarray(found, dtype=np.float64).reshape(rows, -1)
