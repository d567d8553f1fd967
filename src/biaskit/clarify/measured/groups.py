"""Groups: the rows of each group of a facet, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biaskit.clarify.measured.bias import Bias
from biaskit.clarify.tables.datasets import Dataset
from biaskit.sources.batches import rows_of
from biaskit.sources.encode import Encoder

__all__ = ["rows_of_groups"]


def rows_of_groups(dataset: Dataset, bias: Bias) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Facet, group, and which rows are in it, for each group of each facet."""
    roles = bias.tables.counts.roles
    for facet, own in zip(bias.facets, roles.facet, strict=True):
        name = own.columns[0]
        encoder = Encoder(facet, "facet", roles.bins(name), roles.cuts.get(name, ()), literal=True)
        numeric: set[str] = {facet} if encoder.edges else set()
        codes = [encoder.codes(batch) for batch in rows_of(dataset.source, [facet], numeric)]
        whole: NDArray[Any] = np.concatenate(codes) if codes else np.empty(0, dtype=np.intp)
        levels = encoder.levels()
        for group in bias.facets[facet]:
            inside = np.array([level in group.levels for level in levels], dtype=bool)
            yield facet, group.shown, inside[whole]
