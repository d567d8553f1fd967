"""Histograms: what parts add, while the encoders of other threads give new codes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

import biaskit
from biaskit import Roles
from biaskit.counts.facets import Facet
from biaskit.sources.batches import Batch
from biaskit.sources.encode import Encoder
from biaskit.sources.histogram import Histograms

ROLES = Roles(facet="sex", label="y")


class Busy(Encoder):
    """Encoder to which another thread gives a new value each time that its size is asked."""

    news: Iterator[str] | None = None

    @property
    def size(self) -> int:
        found = super().size
        if self.news is not None:
            self.encode(pa.array([next(self.news)]), "another thread")
        return found


@pytest.fixture
def encoders() -> dict[str, Encoder]:
    return {"sex": Busy("sex", "facet", (), ()), "y": Busy("y", "label", (), ())}


def busy(encoders: dict[str, Encoder]) -> None:
    for column, one in encoders.items():
        assert isinstance(one, Busy)
        one.news = (f"{column}{i}" for i in range(1_000))


def calm(encoders: dict[str, Encoder]) -> None:
    for one in encoders.values():
        assert isinstance(one, Busy)
        one.news = None


def test_codes_that_come_meanwhile_change_no_count(encoders: dict[str, Encoder]) -> None:
    rows = {"sex": ["F", "M", "F", "M", "M"], "y": ["no", "yes", "yes", "yes", "no"]}
    batch = Batch({name: pa.array(column) for name, column in rows.items()}, 5, "here")
    groups = Batch({"sex": pa.array(["M", "F"]), "y": pa.array(["no", "yes"])}, 2, "there")
    with Histograms(ROLES, encoders) as histograms:
        busy(encoders)
        for _ in range(3):
            histograms.add_rows(batch)
        histograms.add_groups(groups, [np.array([10, 20])], 30)
        places = {"sex": pa.array(["M", "F"]), "y": pa.array(["yes", "no"])}
        codes = {name: encoders[name].encode(one, "elsewhere") for name, one in places.items()}
        cells = {Facet(("sex",)): [np.array([[0, 7], [0, 0]])]}
        histograms.add_cells(codes, cells, 7, "elsewhere")
        calm(encoders)
        (table,) = histograms.tables().values()
    many = pa.table({name: column * 3 for name, column in rows.items()})
    more = pa.table({"sex": ["M"] * 17 + ["F"] * 20, "y": ["no"] * 17 + ["yes"] * 20})
    expected = biaskit.count(pa.concat_tables([many, more]), ROLES)
    assert histograms.rows == expected.rows == 52
    (counted,) = expected.tables.values()
    assert table == counted


def test_more_cells_than_a_table_may_have_are_refused_while_they_come(
    encoders: dict[str, Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biaskit.sources.grids.MAX_CELLS", 8)
    values = pa.array(["a", "b", "c"])
    with (
        Histograms(ROLES, encoders) as histograms,
        pytest.raises(biaskit.BiaskitError, match="cells"),
    ):
        histograms.add_rows(Batch({"sex": values, "y": values}, 3, "here"))
