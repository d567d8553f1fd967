"""Roles: declared once, given as one object or by name, and typed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import biaskit
from biaskit import BiaskitError, Roles
from biaskit.cli import main
from biaskit.counts.arguments import READERS, RoleArguments
from biaskit.counts.facets import Facet
from biaskit.counts.roles import ROLES

ROWS = pd.DataFrame(
    {
        "sex": ["F", "M"] * 20,
        "race": ["a", "b", "b", "a"] * 10,
        "age": range(20, 60),
        "y": [0, 1, 1, 0] * 10,
        "said": [1, 1, 0, 0] * 10,
        "weight": [1.5, 0.5] * 20,
    }
)
GIVEN: dict[str, Any] = {
    "facet": ["sex", ("sex", "race"), "age"],
    "label": "y",
    "predicted": "said",
    "weight": "weight",
    "positive": [1],
    "facet_values": {"sex": "F", ("sex", "race"): [("F", "a"), ("M", "b")]},
    "facet_edges": {"age": [30, 45]},
}


@pytest.mark.parametrize("function", [biaskit.report, biaskit.count])
def test_a_roles_stands_for_the_keywords(function: Any) -> None:
    roles = Roles(**GIVEN)
    by_name, at_once = function(ROWS, **GIVEN), function(ROWS, roles)
    if isinstance(by_name, pd.DataFrame):
        assert by_name.equals(at_once)
        counts = biaskit.count(ROWS, roles)
        assert biaskit.report(counts, roles).equals(by_name)
    else:
        assert by_name == at_once
    with pytest.raises(BiaskitError, match="positive= is given together with roles"):
        function(ROWS, roles, positive=1)
    with pytest.raises(BiaskitError, match=r"roles takes biaskit.Roles\(...\), not 'sex'"):
        function(ROWS, "sex")


def test_explanations_take_the_roles_of_a_report() -> None:
    """Outcomes are left out; a weight, which would change the numbers, is not."""
    roles = Roles(facet="sex", label="y", positive=1, facet_values="F", features=["age"])

    def score(rows: Any) -> Any:
        return rows["age"] * 2.0

    more: dict[str, Any] = {"features": ["age"], "background": ROWS}
    by_name = biaskit.explain(score, ROWS, facet="sex", facet_values="F", **more)
    assert biaskit.explain(score, ROWS, roles, **more).equals(by_name)
    added = biaskit.attribute(score, ROWS, roles, **more)
    assert biaskit.explain(added, roles=roles).equals(by_name)
    means = biaskit.partial_dependence(score, ROWS, columns=["age"], roles=roles)
    assert means.equals(biaskit.partial_dependence(score, ROWS, columns=["age"], facet="sex"))
    with pytest.raises(BiaskitError, match="explanations do not weight rows"):
        biaskit.explain(score, ROWS, Roles(facet="sex", weight="weight"), **more)
    with pytest.raises(BiaskitError, match="facet= is given together with roles"):
        biaskit.explain(score, ROWS, roles, facet="sex", **more)


def test_roles_that_are_shown_make_themselves_again() -> None:
    roles = Roles(**GIVEN)
    assert Roles(**roles.given()) == roles == Roles.from_json(roles.to_json())
    assert roles.facet == (Facet(("sex",)), Facet(("sex", "race")), Facet(("age",)))
    chosen = roles.chosen(facet="sex & race")
    assert chosen.facet_values == {Facet(("sex", "race")): (("F", "a"), ("M", "b"))}


def test_a_value_that_is_counted_stays_one_when_given_again() -> None:
    """A tuple is a value of an intersection; a list is several values."""
    counts = biaskit.count(ROWS, facet="sex", label="y", positive=1)
    assert counts.roles.chosen(**counts.roles.given()).positive == (1,)


def test_each_role_is_declared_once_and_shown_everywhere(capsys: Any) -> None:
    assert list(RoleArguments.__annotations__) == list(ROLES)
    assert {role.kind for role in ROLES.values()} <= set(READERS)
    for function in (biaskit.report, biaskit.count):
        assert list(inspect.signature(function).parameters)[2 : 2 + len(ROLES)] == list(ROLES)
        assert all(name in inspect.getdoc(function) for name in ROLES)  # type: ignore[operator]
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name, role in ROLES.items():
        assert f"--{name.replace('_', '-')}" in told
        assert role.help[:40] in told


RIGHT = """
biaskit.report(df, facet="sex", label="y", positive=1)
biaskit.report(df, facet=["a", ("a", "b")], facet_edges={"a": [1, 2.5]})
biaskit.count(df, biaskit.Roles(facet="sex", positive=["x", "y"], label="y"))
biaskit.count(df, facet="a", facet_values={("a", "b"): [("x", 1)]})
"""
WRONG = {
    "biaskit.report(df, facet=2.5)": "arg-type",
    'biaskit.report(df, facet="a", labels="y")': "call-arg",
    'biaskit.Roles(facet="a", positive_above="much")': "arg-type",
    "biaskit.reprot(df)": "attr-defined",
}


@pytest.mark.slow
def test_type_checkers_know_the_roles(tmp_path: Path) -> None:
    lines = ["from typing import Any", "import biaskit", "df: Any", *RIGHT.split("\n"), *WRONG]
    (tmp_path / "use.py").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "use.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    first = len(lines) - len(WRONG) + 1
    expected = [(f"use.py:{first + i}: ", f"[{code}]") for i, code in enumerate(WRONG.values())]
    assert len(found) == len(expected), done.stdout
    for line, (where, code) in zip(found, expected, strict=True):
        assert line.startswith(where), line
        assert line.endswith(code), line
