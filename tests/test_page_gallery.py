"""Pages as the gallery has them: some facets of a baseline, sides by name, frames in notebooks."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import biaskit

PEOPLE = pd.DataFrame(
    {
        "sex": ["F", "M"] * 120,
        "age": (["young"] * 3 + ["old"]) * 60,
        "paid": ([1, 0, 1, 1, 0] * 48),
        "place": ["N", "N", "S"] * 80,
    }
)
ROLES = {"facet": ["sex", "age"], "label": "paid", "group": "place"}


def test_a_baseline_may_have_more_facets_than_the_page() -> None:
    now, then = biaskit.count(PEOPLE[:200], **ROLES), biaskit.count(PEOPLE, **ROLES)
    made = biaskit.page(now, facet="sex", baseline=then)
    expected = biaskit.compare(now, then, facet="sex")
    assert [one.change for one in made.contents.drift] == pytest.approx(
        expected["change"].tolist(), nan_ok=True
    )


def test_the_other_of_two_values_has_its_name_where_one_is_chosen() -> None:
    html = biaskit.page(PEOPLE, facet="sex", facet_values="F", label="paid", group="place").html
    assert "all others</text>" not in html
    assert re.search(r">M</text>", html)
