"""Pages as the gallery has them: some facets of a baseline, sides by name, frames in notebooks."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt

import biaskit
from biaskit.cli import main
from biaskit.pages.page import Page
from support.browser import ADDRESS, chromium, opened

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


@pytest.mark.parametrize("path", sorted(DOCUMENT.parent.glob("pages/*.html")), ids=lambda p: p.stem)
def test_each_region_and_drawing_of_a_page_has_a_name_of_its_own(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    regions = re.findall(r' role="region"[^>]* aria-label="([^"]*)"', html)
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(regions) >= 4
    assert len({*regions}) == len(regions)
    assert len({*ids}) == len(ids)


def test_a_page_of_dated_counts_says_which_rows_it_is_about(tmp_path: Path) -> None:
    for month, rows in enumerate((240, 200, 160), 1):
        biaskit.count(PEOPLE[:rows], **ROLES).save(tmp_path / f"2026-{month:02}.counts")
    html = biaskit.page(str(tmp_path / "2026-*.counts")).html
    assert "All is about the 160 rows of 2026-03, the last of 3 dated counts" in html
    assert "rows were read" not in html


HOSTILE = (
    """</script><img src=x onerror=alert(1)>'" onload='alert(2)' &amp;#39; &quot;""",
    "[click](javascript:alert(1)) **bold** `code` <b>\u202etxt.exe\x1b[31m",
)


def hostile() -> Page:
    """Page whose facet, values, group and name would break out wherever they are not escaped."""
    frame = PEOPLE.assign(sex=[HOSTILE[i % 2] for i in range(len(PEOPLE))])
    frame = frame.rename(columns={"sex": HOSTILE[0], "place": HOSTILE[1]})
    return biaskit.page(
        frame, facet=HOSTILE[0], label="paid", group=HOSTILE[1], name=" ".join(HOSTILE)
    )


@pytest.mark.browser
def test_a_notebook_shows_the_page_in_a_frame_as_it_is() -> None:
    made = hostile()
    notebook = f"<!DOCTYPE html><title>n</title><p id=before>{made._repr_html_()}<p id=after>end"
    with chromium() as browser:
        with opened(browser, made.html) as alone:
            expected = alone.page.inner_text("main")
        with opened(browser, notebook) as shown:
            shown.page.locator("iframe").scroll_into_view_if_needed()
            inside = shown.page.frame_locator("iframe")
            inside.locator("#origin").wait_for()
            assert inside.locator("main").inner_text().split() == expected.split()
            assert shown.page.locator("iframe").count() == 1
            assert shown.page.inner_text("#after") == "end"
            assert shown.requests == [ADDRESS]
            assert shown.said == []
            inside.locator("#open-all").click()
            assert inside.locator("details:not([open])").count() == 0


def test_the_summary_in_a_notebook_without_frames_is_words_alone() -> None:
    made = hostile()
    bundle = made._repr_mimebundle_(include=None, exclude=None)
    rendered = MarkdownIt().render(bundle["text/markdown"])
    assert {*re.findall(r"</?([a-z]+)", rendered)} == {"p", "strong", "ul", "li"}
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", bundle["text/plain"])
