"""One door for every source: an engine that nobody here knows needs no edit of the pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import biaskit
from biaskit.sources import dispatch
from biaskit.sources.batches import Ask, Batch
from biaskit.sources.histogram import Histograms

ROWS = {
    "sex": ["F", "M", "F", None, "M", "M"],
    "y": [0, 1, 1, 1, 0, 1],
    "w": [1.0, 2, 3, 4, 5, 6],
    "g": ["u", "u", "v", "v", None, "u"],
    "h": [1, 1, 2, 2, 2, 1],
}
ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}


class Warehouse:
    """Frame of an engine that no library known to biaskit supports."""

    def __init__(self, rows: dict[str, list[Any]]):
        self.rows = rows


class WarehouseSource:
    def __init__(self, frame: Warehouse):
        self.frame = frame

    def names(self) -> list[str]:
        return [*self.frame.rows]

    def parts(self, ask: Ask) -> Iterator[Any]:
        if ask.counting is None:
            columns = {name: pa.array(self.frame.rows[name]) for name in ask.columns}
            yield Batch(columns, len(self.frame.rows["sex"]), "the warehouse")
            return
        roles = ask.counting.roles
        keys = [*roles.counted_columns()]
        frame = pd.DataFrame(self.frame.rows).assign(n=1)
        if roles.weight is not None:
            frame["w2"] = frame[roles.weight] ** 2
        sums = ["n"] if roles.weight is None else ["n", roles.weight, "w2"]
        yield Answer(frame.groupby(keys, dropna=False)[sums].sum().reset_index(), keys, sums)


@dataclass
class Answer:
    """Groups, in a form of the engine's own."""

    groups: pd.DataFrame
    keys: list[str]
    sums: list[str]
    done: float | None = 1.0

    def add_to(self, histograms: Histograms) -> None:
        columns = {key: pa.array(self.groups[key], from_pandas=True) for key in self.keys}
        values = Batch(columns, len(self.groups), "the warehouse")
        sizes = [np.asarray(self.groups[name]) for name in self.sums]
        histograms.add_groups(values, sizes, int(sizes[0].sum()))


def warehouse(data: Any) -> WarehouseSource | None:
    return WarehouseSource(data) if isinstance(data, Warehouse) else None


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SOURCES", [*dispatch.SOURCES, warehouse])


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("more", [{}, {"weight": "w"}, {"group": "g", "facet": ["sex", "h"]}])
def test_an_engine_from_outside_counts_as_a_frame_does(more: dict[str, Any]) -> None:
    roles = {**ROLES, **more}
    found = biaskit.count(Warehouse(ROWS), **roles)
    assert found.rows == 6
    pd.testing.assert_frame_equal(
        found.to_frame(), biaskit.count(pd.DataFrame(ROWS), **roles).to_frame()
    )
    pd.testing.assert_frame_equal(
        biaskit.report(Warehouse(ROWS), **roles), biaskit.report(pd.DataFrame(ROWS), **roles)
    )


@pytest.mark.usefixtures("known")
def test_rows_of_an_engine_from_outside_are_kept_for_the_flip_test() -> None:
    rows = {**ROWS, "said": ROWS["y"][::-1]}
    roles = {**ROLES, "predicted": "said", "features": ["w"], "metrics": ["FT"]}
    pd.testing.assert_frame_equal(
        biaskit.report(Warehouse(rows), **roles), biaskit.report(pd.DataFrame(rows), **roles)
    )


def test_an_engine_that_gives_groups_only_says_so_to_the_flip_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class OnlyGroups(WarehouseSource):
        def parts(self, ask: Ask) -> Iterator[Any]:
            made = pd.DataFrame(self.frame.rows).assign(n=1)
            yield Answer(made, ["sex", "y", "said"], ["n"])

    monkeypatch.setattr(dispatch, "SOURCES", [OnlyGroups])
    rows = Warehouse({**ROWS, "said": ROWS["y"][::-1]})
    with pytest.raises(biaskit.BiaskitError, match="gives no rows, only groups"):
        biaskit.report(rows, **ROLES, predicted="said", features=["w"], metrics=["FT"])


def test_what_no_source_knows_is_refused() -> None:
    with pytest.raises(biaskit.BiaskitError, match="is not a table that biaskit reads"):
        biaskit.count(Warehouse(ROWS), **ROLES)
