"""Flip test of a job, by the columns that Clarify compares rows by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from biaskit.clarify.tables.aliases import Aliased
from biaskit.clarify.tables.columns import column_of
from biaskit.clarify.tables.datasets import Dataset
from biaskit.counts.facets import facets_of
from biaskit.counts.levels import Level
from biaskit.counts.roles import Roles
from biaskit.reports.fliptest import flip_tests
from biaskit.sources.batches import rows_of
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
    if _has_texts(dataset, [name for name in features if dataset.dtype(name) is None]):
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


def _has_texts(dataset: Dataset, columns: Sequence[str]) -> bool:
    """Whether the first rows show that a column does not hold numbers, which saves a pass."""
    for batch in rows_of(dataset.source, columns) if columns else ():
        for name in columns:
            array = batch.columns[name]
            array = array if hasattr(array, "dictionary") else array.dictionary_encode()
            texts = dict.fromkeys(array.dictionary.to_pylist(), 1)
            if column_of(name, texts, None, is_json=dataset.is_json).dtype == "object":
                return True
        break
    return False
