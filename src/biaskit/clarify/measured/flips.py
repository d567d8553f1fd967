"""Flip test of a job, by the columns that Clarify compares rows by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from biaskit.clarify.tables.aliases import Aliased
from biaskit.clarify.tables.datasets import Dataset
from biaskit.counts.facets import facets_of
from biaskit.counts.levels import Level
from biaskit.counts.roles import Roles
from biaskit.reports.fliptest import flip_tests
from biaskit.sources.counting import counted_from

__all__ = ["Flips", "flips_of"]


class Flips(NamedTuple):
    """FT of each group, and the rows that were compared of those that could be."""

    values: list[float]
    compared: int
    complete: int


def flips_of(
    dataset: Dataset,
    facet: str,
    sides: Sequence[tuple[frozenset[Level], frozenset[Level]]],
    positive_hat: frozenset[Level],
) -> Flips | None:
    """FT of each pair of sides, a and d; None where a column to compare by is not numbers.

    Rows are compared by every column but the facet, the label and the prediction: the group and
    other facets included. Of more than 100,000 rows, a sample is compared.
    """
    taken = {facet, dataset.label, dataset.predicted}
    features = [name for name in dataset.names if name not in taken]
    if any(dataset.dtype(name) in ("object", "category") for name in features) or not features:
        return None
    label = dataset.label if dataset.label != facet else None
    source, predicted = dataset.source, dataset.predicted
    if predicted in (facet, label):
        source = Aliased(source, {f"{predicted} (predicted)": str(predicted)})
        predicted = f"{predicted} (predicted)"
    roles = Roles(facet=[(facet,)], label=label, predicted=predicted, features=features)
    sample = counted_from(source, roles, keep_rows=True, literal=True).sample
    assert sample is not None
    if any(feature.categories for feature in sample.features):
        return None
    (column,) = facets_of([(facet,)])
    found = flip_tests(sample, column, sides, tuple(positive_hat), scaled=False, sign=-1)
    return Flips([one.estimate for one in found], len(sample.values), sample.complete)
