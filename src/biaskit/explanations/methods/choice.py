"""Choice: the methods in the order in which they are tried, and the first that accepts a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from biaskit.errors import DataError
from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.methods.contributions import LibraryContributions
from biaskit.explanations.methods.exact_trees import ExactTrees
from biaskit.explanations.methods.linear import Linear
from biaskit.explanations.methods.method import Method, Task, Values
from biaskit.explanations.methods.sampled_trees import SampledTrees
from biaskit.explanations.methods.shap_rows import ShapRows
from biaskit.explanations.methods.shap_trees import ShapTrees
from biaskit.explanations.models.opening import opened
from biaskit.explanations.request import Request
from biaskit.explanations.rows import Rows
from biaskit.sources.batches import Batch

__all__ = ["METHODS", "Explained", "explained", "first_that_does", "task_of"]

#: Methods in the order in which they are tried: the exact ones and the fast ones first.
METHODS: tuple[Callable[[Task], Method], ...] = (
    ExactTrees,
    SampledTrees,
    LibraryContributions,
    ShapTrees,
    Linear,
    ShapRows,
)

Made = TypeVar("Made")


class Explained(NamedTuple):
    """A request, its method, and its rows with their values, read once."""

    request: Request
    about: About
    batches: Iterator[tuple[Batch, Values]]


def explained(request: Request) -> Explained:
    """Rows of a request with their Shapley values, by the first method that does not decline.

    Raises
    ------
    RolesError
        The model lacks the requested scale or class.
    DataError
        The data or the model cannot be read, or are incompatible.
    """
    task = task_of(request)
    method = first_that_does(METHODS, task)
    batches = ((batch, method(batch)) for batch in task.rows.batches(method.at_once))
    return Explained(request, method.about, batches)


def task_of(request: Request) -> Task:
    """Task of a request: its model opened, its rows ready to be read."""
    model = opened(request.model, trust_model=request.trust_model)
    return Task(request, model, Rows(request, model))


def first_that_does(ways: Sequence[Callable[[Task], Made]], task: Task) -> Made:
    """Result of the first method that does not decline; each gets the reasons of those before.

    Raises
    ------
    DataError
        All decline: the model needs its own library, which a model file does not include.
    """
    for way in ways:
        try:
            return way(task)
        except Declined as declined:
            why = str(declined)
            if why and why not in task.reasons:
                task = task._replace(reasons=(*task.reasons, why))
    raise DataError(
        f"the model has {task.why}, which needs its library: load the model with that library "
        "and give the object"
    )
