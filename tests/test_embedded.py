"""Counts that a page carries: they come back equal, or the page is refused."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.counts.counts import from_page
from biaskit.counts.embedded import asked_of, to_block
from support.carried import OPENING, page_of, page_with, sealed

HOSTILE = (
    *("</script>", "</SCRIPT ", "<!--", OPENING, '"biaskit-counts"', "'", '"', "\\", "&lt;"),
    *("\u2028", "\u2029", "\ud800", "\udfff\ud800", "\x00\x1b[31m\u202e", "é | <b>", "", "*"),
    *("x" * 300, "NaN", "007", "[1]", '{"above": 1}'),
)
ASKED = {"confidence": 0.95, "seed": 0, "limits": {"DPL": [-0.1, 0.1]}, "name": "</script>"}
ROLES: list[dict[str, Any]] = [
    {"facet": "a"},
    {"facet": ["a", ("a", "b")], "label": "y", "predicted": "p", "positive": 1, "group": "g"},
    {"facet": "age", "facet_edges": [25, 40.5], "label": "y", "weight": "w"},
    {"facet": ["age", "b"], "facet_above": {"age": 25}, "label": "y", "reference": {"b": "*"}},
    {"facet": "a", "facet_values": ["*", "é | <b>"], "reference": "largest", "label": "y"},
    {"facet": "b", "label": "age", "positive_above": 30, "frequency": "n", "weight": "w"},
    {"facet": "age", "label": "y", "predicted": "w", "predicted_above": 0.1, "features": "rest"},
]


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    text = st.one_of(st.none(), st.sampled_from(HOSTILE), st.text(max_size=3))
    kinds = {
        "a": text,
        "b": st.one_of(text, st.just("*")),
        "g": text,
        "y": st.sampled_from([0, 1, None]),
        "p": st.booleans(),
        "age": st.sampled_from([None, 18.0, 25.0, 40.5, 1e300, 0.1]),
        "w": st.floats(0, 1e12),
        "n": st.integers(1, 10**9),
    }
    rows = draw(st.lists(st.tuples(*kinds.values()), min_size=1, max_size=12))
    columns = dict(zip(kinds, zip(*rows, strict=True), strict=True))
    dtypes = {"w": float, "n": int, "age": float}
    return pd.DataFrame(
        {name: pd.Series(one, dtype=dtypes.get(name, object)) for name, one in columns.items()}
    )


@pytest.mark.parametrize("roles", ROLES, ids=range(len(ROLES)))
@given(frame=frames())
def test_counts_come_back_from_a_page(roles: dict[str, Any], frame: pd.DataFrame) -> None:
    counts = biaskit.count(frame, **roles)
    block = to_block(counts, ASKED)
    assert json.loads(json.dumps(block, allow_nan=False)) == block  # plain JSON
    page = page_of(block)
    found = from_page(page)
    assert found == Counts(counts.roles.replaced(features=None), counts.tables, counts.rows)
    assert page_of(to_block(found, ASKED)) == page


@pytest.fixture
def counts() -> Counts:
    df = pd.DataFrame({"sex": ["F", "M", None], "y": [0, 1, 1], "w": [0.1, 1.5, 2.0]})
    return biaskit.count(df, facet="sex", label="y", weight="w", positive=1)


@pytest.fixture
def block(counts: Counts) -> dict[str, Any]:
    return to_block(counts, ASKED)


@pytest.fixture
def page(block: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(page_of(block))
    return path


def refused(page: str | bytes, match: str, folder: Path) -> None:
    """A page is refused, by all that read it, with an error that names it."""
    path = folder / "bad.html"
    path.write_bytes(page if isinstance(page, bytes) else page.encode("utf-8", "surrogatepass"))
    for read in (Counts.load, asked_of, biaskit.report):
        with pytest.raises(BiaskitError, match=match) as told:
            read(path)
        assert "bad.html" in str(told.value)
        assert len(str(told.value)) < 600


def test_sums_of_weights_lose_nothing() -> None:
    df = pd.DataFrame({"sex": list("FMFM"), "w": [0.1, 1e-300, 0.2, np.nextafter(1.0, 2.0)]})
    counts = biaskit.count(df, facet="sex", weight="w")
    (table,), (again,) = (
        counts.tables.values(),
        from_page(page_of(to_block(counts))).tables.values(),
    )
    assert table.w is not None
    assert again.w is not None
    assert table.w.tobytes() == again.w.tobytes()


def test_five_facets_take_little_room() -> None:
    values = {"race": 6, "sex": 2, "age": 3, "charge": 12, "county": 6}
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            **{
                name: pd.Series(rng.integers(number, size=7_000)).map("{:012d}".format)
                for name, number in values.items()
            },
            "y": rng.integers(2, size=7_000),
            "p": rng.integers(2, size=7_000),
        }
    )
    counts = biaskit.count(df, facet=[*values], label="y", predicted="p")
    block = to_block(counts, {"confidence": 0.95, "seed": 0})
    assert sum(len(table["n"]) for table in block["tables"]) == 29 * 4
    assert len(json.dumps(block, separators=(",", ":"))) < 1_650


def test_many_groups_take_no_more_room_than_their_cells() -> None:
    ids = np.arange(20_000)
    counts = biaskit.count(pd.DataFrame({"a": ids % 100, "g": ids}), facet="a", group="g")
    page = page_of(to_block(counts))
    assert len(page) < 20_000 * 16  # of 2,000,000 cells, most are empty
    assert from_page(page) == counts


# ------------------------------------------------------------------------------ changed, cut short


def test_no_byte_of_a_block_changes_in_silence(counts: Counts, block: dict[str, Any]) -> None:
    page = page_of(block).encode()
    start = page.index(OPENING.encode())
    end = page.index(b"</script>", start) + len(b"</script>")
    number = 0
    for place in range(start, end):
        for flipped in (1, 0x20, 0x80):
            changed = bytearray(page)
            changed[place] ^= flipped
            try:
                assert from_page(changed.decode("utf-8", "surrogateescape")) == counts, place
            except BiaskitError:
                number += 1
    assert number > 2.8 * (end - start)  # the case of a digest's escapes, say, does not matter


def test_a_page_that_is_cut_short(counts: Counts, block: dict[str, Any]) -> None:
    page = page_of(block)
    start = page.index(OPENING) + len(OPENING)
    end = page.index("</script>", start) + len("</script>")
    for length in range(len(page)):
        why = "carries no counts" if length < start else "cut short within its counts"
        if length >= end:
            assert from_page(page[:length]) == counts
            continue
        with pytest.raises(BiaskitError, match=why):
            from_page(page[:length])


def test_what_a_page_shows_is_not_read(
    counts: Counts, block: dict[str, Any], tmp_path: Path
) -> None:
    shown = "<script type='application/json' id='biaskit-counts'>{}</script>\udcff<td>0.5</td>"
    path = tmp_path / "page.htm"
    for start in (b"", b"\xef\xbb\xbf", b" \r\n"):
        text = page_of(block, shown).encode("utf-8", "surrogateescape")
        path.write_bytes(start + text.replace(b"<!DOCTYPE html>\n", b"<!doctype HTML>\r\n"))
        assert Counts.load(path) == counts
        assert asked_of(path) == ASKED
        path.rename(tmp_path / "renamed")
        assert Counts.load(tmp_path / "renamed") == counts
        (tmp_path / "renamed").rename(path)


def test_blanks_and_the_order_of_keys_do_not_matter(counts: Counts, block: dict[str, Any]) -> None:
    for text in (json.dumps(block, indent=2), json.dumps(dict(reversed(block.items())))):
        assert from_page(page_with(text.replace("<", "\\u003c"))) == counts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(rows=4), "not those that were written"),
        (lambda b: b["tables"][0]["n"].reverse(), "not those that were written"),
        (lambda b: b["asked"].update(seed=1), "not those that were written"),
        (lambda b: b.update(version="0.1.9"), "not those that were written"),
        (lambda b: b.update(more=1), "not those that were written"),
        (lambda b: b.pop("sha256"), "not those that were written"),
        (lambda b: b.update(sha256=[]), "not those that were written"),
        (lambda b: b.update(schema=3, version="9.9"), "made by biaskit '9.9'.*install a newer"),
        (lambda b: b.update(schema="1"), "install a newer biaskit, or make the page again"),
        (lambda b: b.update(form="attributions"), "has 'attributions' of schema 1"),
        (lambda b: b.update(form=["x"] * 10**5, version="9" * 10**5), "install a newer biaskit"),
        (lambda b: b.pop("form"), "has None of schema 1"),
    ],
)
def test_a_changed_block_is_refused(
    block: dict[str, Any], change: Any, message: str, tmp_path: Path
) -> None:
    change(block)
    refused(page_of(block), message, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(rows=4),
        lambda b: b.update(rows=3.0),
        lambda b: b.update(rows=True),
        lambda b: b.update(rows=2**63),
        lambda b: b["roles"].pop("facet"),
        lambda b: b["roles"].update(facet=["sex", "y2"]),
        lambda b: b["roles"].update(weights="w"),
        lambda b: b.update(tables=[]),
        lambda b: b.update(tables={}),
        lambda b: b.update(tables=[1]),
        lambda b: b.update(tables=b["tables"] * 2),
        lambda b: b["tables"][0].pop("levels"),
        lambda b: b["tables"][0]["levels"].pop(),
        lambda b: b["tables"][0].update(levels="FM*0"),
        lambda b: b["tables"][0]["levels"].__setitem__(0, "FMX"),
        lambda b: b["tables"][0]["levels"].__setitem__(0, {"F": 1, "M": 2, "X": 3}),
        lambda b: b["tables"][0]["levels"].__setitem__(0, ["F", "F", None]),
        lambda b: b["tables"][0]["levels"].__setitem__(0, ["F", 1, None]),
        lambda b: b["tables"][0]["levels"].__setitem__(0, ["F", "\ud800", None]),
        lambda b: b["tables"][0]["levels"].__setitem__(0, ["F", {"above": "x"}, None]),
        lambda b: b["tables"][0]["levels"].__setitem__(0, ["F", {"decimal": "1e9999999"}, None]),
        lambda b: b["tables"][0]["levels"].__setitem__(2, ["p"]),
        lambda b: b["tables"][0]["levels"].__setitem__(3, [*range(10**5)]),
        lambda b: b["tables"][0].update(levels=[[*range(10**4)]] * 4),
        lambda b: b["tables"][0].pop("n"),
        lambda b: b["tables"][0].update(n=[1, 0, -2, 1, -1, 1]),
        lambda b: b["tables"][0].update(n=[1, -2, 2, -1]),
        lambda b: b["tables"][0].update(n=[1, -2, 1.0, -1, 1]),
        lambda b: b["tables"][0].update(n=[1, -2, "1", -1, 1]),
        lambda b: b["tables"][0].update(n=[1, -2, True, -1, 1]),
        lambda b: b["tables"][0].update(n=[1, -2, None, -1, 1]),
        lambda b: b["tables"][0].update(n=[-9, *b["tables"][0]["n"]]),
        lambda b: b["tables"][0].update(n=[-(2**63), *b["tables"][0]["n"]]),
        lambda b: b["tables"][0].update(n=[1] * 10**6),
        lambda b: b["tables"][0].update(n=[1, -2, 2**63, -1, 1]),
        lambda b: b["tables"][0].update(n=[2**62, -2, 2**62, -1, 2**62]),
        lambda b: b["tables"][0].pop("w"),
        lambda b: b["tables"][0].update(w=[1.0, 2.0]),
        lambda b: b["tables"][0].update(w=[1, 2, 3]),
        lambda b: b["tables"][0].update(w=[1.0, -2.0, 3.0]),
        lambda b: b["tables"][0].update(w2=[1.0, float("nan"), 3.0]),
        lambda b: b["tables"][0].update(w2=[1.0, float("inf"), 3.0]),
        lambda b: b.update(asked=[]),
        lambda b: b.update(asked={"x": "y" * 10**5}),
        lambda b: b["roles"].update(facet_edges={str(i): [1.0] for i in range(10**5)}),
    ],
)
def test_a_block_that_cannot_be_is_refused_whoever_sealed_it(
    block: dict[str, Any], change: Any, tmp_path: Path
) -> None:
    change(block)
    path = tmp_path / "bad.html"
    path.write_text(page_of(sealed(block)))
    with pytest.raises(BiaskitError, match=r"'.*bad\.html' is damaged: .*again"):
        Counts.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is damaged"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ('{"form": "counts", "form": "counts"}', "a key twice"),
        ('{"form": NaN}', "NaN is not a number in JSON"),
        ('{"form": -Infinity}', "Infinity is not a number"),
        ('{"form": "counts", "schema": 1, "roles": {}, "asked": {"x": 1e999}}', "is damaged"),
        ('{"form": ' + "9" * 5_000 + "}", "is damaged"),
        ("[" * 500_000, "is damaged: .*nested"),
        ('{"a":' * 500_000, "is damaged: .*nested"),
        ("[" * 3_000_000, "more than 1,048,576 lists"),
        ("[" + "[]," * 2_000_000 + "1]", "more than 1,048,576 lists"),
        ('{"form": "counts", "schema": 1, "x": "<b>"}', "hold a tag"),
        ("[" + "1," * (1 << 24) + "1]", "at most 33,554,432 are read"),
    ],
    ids=range(14),
)
def test_texts_that_are_no_block(text: str, message: str, tmp_path: Path) -> None:
    refused(page_with(text), message, tmp_path)


def test_pages_with_no_block_or_several(block: dict[str, Any], tmp_path: Path) -> None:
    page = page_of(block)
    start, end = page.index(OPENING), page.rindex("</body>")
    without = page[:start] + page[end:]
    refused(without, "carries no counts: it was not made by biaskit", tmp_path)
    none = '<head><meta name="biaskit:counts" content="none"/>'
    refused(without.replace("<head>", none), "it was made with counts=False", tmp_path)
    refused(page.replace("<main>", f"<main>{page[start:end]}"), "carries counts 2 times", tmp_path)
    refused(page.replace("</body>", OPENING), "carries counts 2 times", tmp_path)
    refused("", "carries no counts", tmp_path)
    refused(b"\x00\xff" * 500, "carries no counts", tmp_path)
    refused("sex,y\nF,1\n", "carries no counts", tmp_path)
    refused(page.encode().replace(b'"F"', b'"\xff"'), "is damaged", tmp_path)
    refused(page.encode("utf-16"), "carries no counts", tmp_path)


def test_a_large_page_is_read_and_a_larger_one_is_not(
    counts: Counts, block: dict[str, Any], tmp_path: Path
) -> None:
    filled = page_of(block, ("<script " * (5 << 20))[: 40 << 20])
    path = tmp_path / "page.html"
    path.write_text(filled)
    start = time.monotonic()
    assert Counts.load(path) == counts
    assert time.monotonic() - start < 20
    os.truncate(path, (1 << 26) + 1)
    with pytest.raises(BiaskitError, match=r"67,108,865 bytes; a page of at most 67,108,864"):
        Counts.load(path)


def test_a_block_of_many_facets_takes_no_hour() -> None:
    names = [f"{i}" for i in range(5_000)]
    tables = [{"levels": [[name], ["*"], ["*"], ["*"]], "n": [1]} for name in names]
    block = {"form": "counts", "schema": 1, "version": "0.2.0", "rows": 1, "asked": {}}
    page = page_of(sealed({**block, "roles": {"facet": names}, "tables": tables}))
    start = time.monotonic()
    assert len(from_page(page).tables) == len(names)
    assert time.monotonic() - start < 30


def test_limits_without_an_end_are_read_back(counts: Counts, tmp_path: Path) -> None:
    limits = {"DPL": [-math.inf, 0.1], "CI": [0.5, math.inf], "DD": 0.2}
    page = tmp_path / "page.html"
    made = biaskit.page(counts, limits=limits)
    made.save(page)
    assert asked_of(page)["limits"] == limits
    assert biaskit.page(page).contents.limits == made.contents.limits


@pytest.mark.parametrize(
    "asked",
    [
        {"limits": (1, 2)},
        {1: 2},
        {"x": float("nan")},
        {"x": {1, 2}},
        {"x": np.int64(1)},
        {"x": "y" * (1 << 16)},
    ],
)
def test_what_was_asked_must_be_plain(counts: Counts, asked: Any) -> None:
    with pytest.raises(BiaskitError, match="what was asked"):
        to_block(counts, asked)


def test_what_was_asked_of_other_files(counts: Counts, page: Path, tmp_path: Path) -> None:
    assert asked_of(page) == ASKED
    counts.save(tmp_path / "x.counts")
    assert asked_of(tmp_path / "x.counts") == {}
    with pytest.raises(BiaskitError, match="there is no file"):
        asked_of(tmp_path / "none.html")


# ------------------------------------------------------------------- wherever counts may stand


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counts:
    monkeypatch.chdir(tmp_path)
    rows = {"sex": ["F", "M"] * 50, "y": [0, 1, 1, 1] * 25}
    counts = biaskit.count(pa.table(rows), facet="sex", label="y")
    counts.save("x.counts")
    Path("x.html").write_text(page_of(to_block(counts)))
    return counts


def out_of(capsys: Any, *argv: str) -> tuple[int, str, str]:
    code = main([*argv])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize(
    "argv",
    [
        ["report", "{}", "--metrics", "DPL"],
        ["rates", "{}"],
        ["check", "{}", "--limit", "DPL=0.01"],
        ["check", "{}", "--limit", "DPL=0.01", "--dry-run"],
        ["compare", "{}", "x.counts", "--limit", "DPL=0.05"],
        ["compare", "x.counts", "{}", "--limit", "DPL=0.05"],
        ["merge", "{}", "x.counts", "{}", "-o", "out.counts"],
        ["count", "{}", "--facet", "sex", "-o", "out.counts"],
        ["explain", "{}", "--facet", "sex", "--model", "m:f"],
        ["report", "{}", "{}", "--facet", "sex", "--label", "y"],
    ],
)
def test_a_page_does_what_its_counts_do(here: Counts, argv: list[str], capsys: Any) -> None:
    def done(name: str) -> tuple[int, str, str]:
        code, *told = out_of(capsys, *(one.replace("{}", name) for one in argv))
        out, err = (text.replace("x.html", "x.counts") for text in told)
        return code, out, err

    told = done("x.counts")
    written = Path("out.counts").read_bytes() if "-o" in argv else b""
    assert done("x.html") == told
    assert not written or Path("out.counts").read_bytes() == written


def test_a_page_has_no_rows(here: Counts, capsys: Any) -> None:
    needs = "is named as counts, which have no rows; name files of rows"
    explain = ["explain", "x.html", "--facet", "sex", "--model", "page_model:f"]
    Path("page_model.py").write_text("def f(rows):\n    return rows['y']\n")
    for argv in (
        explain,
        ["report", "x.html", "x.counts", "--facet", "sex"],
        ["report", "*.html", "--facet", "sex"],
        ["count", "x.html", "--facet", "sex", "-o", "y.counts", "--resume"],
    ):
        code, out, err = out_of(capsys, *argv)
        assert (code, out) == (2, "")
        assert needs in err
    with pytest.raises(BiaskitError, match="which have no rows"):
        biaskit.explain(lambda rows: rows["y"], "x.html", facet="sex", features=["y"])


def test_python_takes_pages_too(here: Counts) -> None:
    expected = biaskit.report(here)
    pd.testing.assert_frame_equal(biaskit.report(Path("x.html")), expected)
    pd.testing.assert_frame_equal(biaskit.rates("x.html"), biaskit.rates(here))
    same = biaskit.compare(here, here, limits={"DPL": 0.05})
    pd.testing.assert_frame_equal(biaskit.compare("x.html", "x.html", limits={"DPL": 0.05}), same)


def test_a_baseline_in_a_configuration_may_be_a_page(here: Counts, capsys: Any) -> None:
    Path("biaskit.toml").write_text(
        '[[data]]\nfiles = "x.html"\nfacet = "sex"\nlabel = "y"\nbaseline = "x.html"\n'
        "drift = 0.1\nlimits = {DPL = 0.9}\n"
    )
    assert out_of(capsys, "check")[0] == 0
    before = Path("x.html").read_bytes()
    code, out, err = out_of(capsys, "baseline")
    assert code == 2
    assert "cannot write" in out + err
    assert Path("x.html").read_bytes() == before


@pytest.mark.parametrize(
    "argv",
    [
        ["count", "rows.csv", "--facet", "sex", "-o", "x.html"],
        ["count", "rows.csv", "--facet", "sex", "-o", "new.HTM"],
        ["count", "rows.csv", "--facet", "sex", "-o", "x.html", "--resume"],
        ["merge", "x.counts", "x.html", "-o", "x.html"],
        ["report", "x.html", "--format", "json", "-o", "x.html"],
    ],
)
def test_counts_are_not_saved_as_a_page(here: Counts, argv: list[str], capsys: Any) -> None:
    Path("rows.csv").write_text("sex\nF\nM\n")
    before = Path("x.html").read_bytes()
    code, _, err = out_of(capsys, *argv)
    assert code == 2
    assert f"cannot write '{argv[argv.index('-o') + 1]}'" in err
    assert Path("x.html").read_bytes() == before
    with pytest.raises(BiaskitError, match=r"such as one that ends in \.counts"):
        here.save("y.html")
    assert not [*Path().glob("[!x]*.[hH]*")]


def test_counts_under_the_name_of_a_page_are_still_read(here: Counts) -> None:
    Path("x.counts").rename("old.html")
    assert Counts.load("old.html") == here
    assert biaskit.report("old.html").equals(biaskit.report(here))
