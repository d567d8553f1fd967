"""Sampled trees: the values of the probability that a margin is the log-odds of."""

from __future__ import annotations

import numpy as np

from biaskit.explanations.attributions import About
from biaskit.explanations.declined import Declined
from biaskit.explanations.methods.inputs import Numbers
from biaskit.explanations.methods.method import FEW_AT_ONCE, Task, Values
from biaskit.explanations.models.model import chosen_outputs
from biaskit.explanations.outputs import Walked
from biaskit.sources.batches import Batch

__all__ = ["SampledTrees"]


class SampledTrees:
    """Values of trees, sampled by walks from background rows.

    Where only the margin is requested and no background is given, the library of the model, or
    shap, has path-dependent values.
    """

    at_once = FEW_AT_ONCE

    def __init__(self, task: Task):
        from biaskit.explanations.trees.walks import TreeWalks

        request, rows, trees = task.request, task.rows, task.model.read_trees()
        logistic = request.scale == "probability" and trees.is_log_odds
        if not logistic and not rows.has_background and task.model.outputs is not None:
            raise Declined
        self._numbers = Numbers(task)
        names = [*trees.outputs]
        self._chosen = chosen_outputs(names, request.output_class)
        self._walked = Walked(trees, self._chosen)
        drawn, whence = rows.compared
        columns = self._numbers(drawn, drawn.where)
        self._values = [
            TreeWalks(trees.outputs[names[at]], columns, logistic=logistic, seed=request.seed)
            for at in self._chosen
        ]
        is_probability = logistic or trees.is_probability
        why = f" ({task.why})" if task.why else ""
        self.about = About(
            features=rows.features,
            outputs=tuple(names[at] for at in self._chosen),
            scale="probability" if is_probability else "raw",
            unit="probability" if is_probability else trees.unit,
            method=f"trees, sampled: 2 orders × {whence}, seed {request.seed}{why}"
            f"{task.model.remark}",
            base=tuple(values.base for values in self._values),
            own_background=not rows.has_background,
        )

    def __call__(self, batch: Batch) -> Values:
        """Values by walks in random orders of the features, with the noise of the sampling."""
        columns = self._numbers(batch, batch.where)
        self._walked(columns)
        values, noise = zip(*(values(columns) for values in self._values), strict=True)
        return Values(np.stack(values), np.stack(noise))
