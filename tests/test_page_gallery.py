"""Pages as the gallery has them: some facets of a baseline, sides by name, frames in notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

import biaskit
from biaskit.cli import main

DOCUMENT = Path(__file__).parent.parent / "docs" / "pages.md"
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


def test_the_jobs_of_the_document_make_the_page_that_they_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit is breached, so the command fails, and its page is there all the same."""
    text = DOCUMENT.read_text(encoding="utf-8")
    github, gitlab = map(
        yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    )
    steps = github["jobs"]["bias"]["steps"]
    commands = [*(one.get("run", "") for one in steps), *gitlab["bias"]["script"]]
    checks = [one.split() for one in commands if one.startswith("biaskit ")]
    (kept,) = (one["with"]["path"] for one in steps if one.get("if") == "always()")
    assert gitlab["bias"]["artifacts"]["paths"] == [kept]
    assert f"reportFiles: '{kept}'" in text
    monkeypatch.chdir(tmp_path)
    PEOPLE.to_parquet("people.parquet")
    Path("biaskit.toml").write_text(
        '[[data]]\nname = "people"\nfiles = "people.parquet"\nfacet = "sex"\nlabel = "paid"\n'
        "limits = {CI = [0.5, 1]}\n"
    )
    assert len(checks) == 2
    for _, *arguments in checks:
        Path(kept).unlink(missing_ok=True)
        assert main(arguments) == 1
        assert "people" in Path(kept).read_text("utf-8")
