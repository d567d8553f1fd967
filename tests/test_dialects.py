"""CSV files as people have them: how each is read with the options that say how it is written."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biaskit
from biaskit import BiaskitError
from biaskit.cli import main
from biaskit.counts.levels import typed
from biaskit.errors import DataError, RolesError
from biaskit.gate.config import DataSet
from biaskit.sources.files.dialect import Dialect, dialect_of
from biaskit.sources.text.cleaning import cleaned

ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}
ROWS = "F,no,1.5\nF,yes,2\nM,yes,3.25\nM,,4\n"
PLAIN = f"sex,y,pay\n{ROWS}"
RENAMED = {"columns": "sex,y,pay", "header": True}


def written(folder: Path, content: str | bytes, name: str = "x.csv") -> Path:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder / name


def cells(counts: biaskit.Counts) -> dict[tuple[Any, ...], int]:
    """Rows by facet value and label."""
    (table,) = counts.tables.values()
    n = table.n.sum(axis=(2, 3))
    return {
        (f, y): int(n[i, j])
        for i, f in enumerate(table.levels.facet)
        for j, y in enumerate(table.levels.label)
        if n[i, j]
    }


def sums(counts: biaskit.Counts) -> list[float]:
    """Weights by facet value and label."""
    (table,) = counts.tables.values()
    assert table.w is not None
    made: list[float] = table.w.ravel().tolist()
    return made


EXPECTED = {("F", "no"): 1, ("F", "yes"): 1, ("M", "yes"): 1, ("M", None): 1}


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("x.csv", PLAIN.replace(",", ";"), {"delimiter": ";"}),
        ("x.csv", PLAIN.replace(",", "\t"), {"delimiter": "\t"}),
        ("x.tsv", PLAIN, {"delimiter": ","}),
        ("x.csv", ROWS, {"columns": ["sex", "y", "pay"]}),
        ("x.csv", ROWS, {"columns": "sex, y,pay", "header": False}),
        ("x.csv", f"\na,b,c\n{ROWS}", RENAMED),
        ("x.csv", f'"a\nb",b,"c"\n{ROWS}', RENAMED),
        ("x.csv", PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
        ("x.csv", codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"), {"encoding": "utf_16_be"}),
        ("x.csv", codecs.BOM_UTF8 + PLAIN.encode(), {"encoding": "UTF8"}),
        ("x.csv", codecs.BOM_UTF8 + PLAIN.encode(), {"strip": True}),
        ("x.csv", PLAIN.encode("cp500"), {"encoding": "cp500"}),
        (
            "x.csv",
            "#a,b\n" + PLAIN.replace("M,y", "#\n # no\n\nM,y"),
            {"comment": "#", "strip": True},
        ),
        ("x.csv", PLAIN.replace(",", " , ").replace("\n", "\t\r\n "), {"strip": True}),
        ("x.csv", PLAIN.replace(",,", ",?,"), {"na_values": "?,NA"}),
        ("x.csv", PLAIN.replace(",,", ',"N,A",'), {"na_values": ["N,A", "?"]}),
        ("x.csv", PLAIN.replace(",", ";").replace(".", ","), {"delimiter": ";", "decimal": ","}),
        ("x.data", PLAIN, {"header": True}),
        ("x.txt.gz", PLAIN.replace(",", "|"), {"delimiter": "|"}),
        (
            "all.dat",
            ("% é\n" + ROWS.replace(",,", ",- ,"))
            .replace(",", " ; ").replace(".", ",").encode("latin-1"),
            {
                "delimiter": ";", "columns": "sex,y,pay", "encoding": "latin-1", "comment": "%",
                "decimal": ",", "strip": True, "na_values": "-",
            },
        ),
    ],
)  # fmt: skip
def test_each_option_gives_the_counts_of_the_plain_file(
    name: str, content: str | bytes, options: dict[str, Any], tmp_path: Path
) -> None:
    path = written(tmp_path, content, name)
    assert cells(biaskit.count(path, **ROLES, csv=options)) == EXPECTED
    expected = biaskit.count(written(tmp_path, PLAIN, "plain.csv"), **ROLES, weight="pay")
    found = biaskit.count(path, **ROLES, weight="pay", csv=options)
    assert sums(found) == sums(expected)
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/dialects/{name}", path.read_bytes())
    far = biaskit.count(f"/dialects/{name}", **ROLES, csv=options, filesystem=memory)
    assert cells(far) == EXPECTED


def test_columns_without_names_are_their_places(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    assert cells(biaskit.count(path, facet="0", label="1", csv={"header": False})) == EXPECTED


def test_blanks_that_separate_are_as_one_only_where_they_are_stripped(tmp_path: Path) -> None:
    path = written(tmp_path, '  sex  y \nF   "a  b"\n M 1\n')
    found = biaskit.count(path, **ROLES, csv={"delimiter": " ", "strip": True})
    assert cells(found) == {("F", "a  b"): 1, ("M", "1"): 1}
    path = written(tmp_path, "sex z y\nF  1\n")
    found = biaskit.count(path, facet="sex", label="z", csv={"delimiter": " "})
    assert cells(found) == {("F", None): 1}


def test_an_empty_value_between_tabs_stays_where_blanks_are_dropped(tmp_path: Path) -> None:
    path = written(tmp_path, "sex\tz\ty\n F \t\t1 \n", "x.tsv")
    assert cells(biaskit.count(path, **ROLES, csv={"strip": True})) == {("F", 1): 1}


def test_numbers_with_a_decimal_comma_are_the_same_values(tmp_path: Path) -> None:
    path = written(tmp_path, 'sex,y\nF,"0,5"\nM,"-1,25"\nM,3\n')
    assert cells(biaskit.count(path, **ROLES, csv={"decimal": ","})) == {
        ("F", 0.5): 1, ("M", -1.25): 1, ("M", 3): 1,
    }  # fmt: skip
    path = written(tmp_path, 'sex,y\nF,"0,5"\nM,1.234\n')
    with pytest.raises(DataError, match=r"column 'y' holds '1.234', which is a number with a deci"):
        biaskit.count(path, **ROLES, csv={"decimal": ","})


QUOTED = 'sex,y\r\n"F","a\r\n#b  \r\n ,""c"""\r\n# "x,\r\nM ,  "#d" \r\nM,5" x,y\r\n'


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 18])
def test_quoted_cells_are_left_alone_whatever_the_blocks(block: int) -> None:
    dialect = Dialect(comment="#", strip=True)
    made = cleaned(io.BytesIO(QUOTED.encode()), dialect, ",", "x", block).read().decode()
    assert made == QUOTED.replace('# "x,', "").replace('M ,  "#d" ', 'M,"#d"')
    utf16 = io.BytesIO(QUOTED.encode("utf-16"))
    assert cleaned(utf16, Dialect(encoding="utf-16"), ",", "x", block).read().decode() == QUOTED


@given(st.text(st.sampled_from("ab \t\r\n,;"), max_size=40), st.sampled_from(",; \t"))
def test_lines_without_quotes_are_stripped_as_those_with_them(text: str, delimiter: str) -> None:
    def made(text: str) -> str:
        dialect, data = Dialect(strip=True), io.BytesIO(text.encode())
        return cleaned(data, dialect, delimiter, "x").read().decode()

    assert made(text + '\n"') == made(text + "\n") + '"'


def test_comments_and_values_in_quotes(tmp_path: Path) -> None:
    text = '#"\nsex,y\nF,"two\n# lines"\n#,"\n"#M", "  1"\n'
    found = biaskit.count(written(tmp_path, text), **ROLES, csv={"comment": "#", "strip": True})
    assert cells(found) == {("F", "two\n# lines"): 1, ("#M", "  1"): 1}


def test_nul_bytes_are_values(tmp_path: Path) -> None:
    path = written(tmp_path, "sex;y\nF\0;1\n")
    assert cells(biaskit.count(path, **ROLES, csv={"delimiter": ";", "strip": True})) == {
        ("F\0", 1): 1
    }


def test_ten_thousand_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(10_000)]
    path = written(tmp_path, "\n".join(["; ".join(["long" * 20] * 9_999 + [one]) for one in "ab"]))
    options = {"delimiter": ";", "columns": names, "strip": True}
    found = biaskit.count(path, facet="c9999", label="c0", csv=options)
    assert cells(found) == {("a", "long" * 20): 1, ("b", "long" * 20): 1}
    options = {"delimiter": ";", "header": False}
    assert biaskit.count(path, facet="9999", label="0", csv=options).rows == 2


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("F,1\n", {"columns": "sex,y,z"}, "names 3 columns, but the first row has 2"),
        ("F;1\n", {"columns": "sex,y"}, "names 2 columns, but the first row has 1; that looks"),
        ("sex,y\n", {"columns": "y,a"}, "give csv={'header': True} if they are to be replaced"),
        (
            "sex,y\nF,1\nM,\xe4\n".encode("latin-1"),
            {"encoding": "ascii"},
            "line 3: the byte 0xe4 is not ascii; give the encoding of the file, such as csv={",
        ),
        ("sex,y\nF,1\n".encode("utf-16") + b"\0", {"encoding": "utf-16"}, "line 3: the byte 0x00"),
        ("sex,y\n".encode("utf-16"), {}, "by its first bytes; give csv={'encoding': 'utf-16'}"),
        ("sex,y\n".encode("utf-16"), {"encoding": "latin-1"}, "is UTF-16 text by its first bytes"),
        (codecs.BOM_UTF8 + b"sex,y\n", {"encoding": "latin-1"}, "is UTF-8 text by its first bytes"),
        ('sex,y\nF,"1\nM,2\n', {"strip": True, "comment": "#"}, "line 2: a quotation mark is n"),
        ("sex,y\nF,1\n", {"delimiter": ";"}, "that looks like columns separated by ','"),
        ("F,39.5\n", {}, "give the names of its columns, csv={'columns': 'a,b,c'}"),
        ("sex y\nF  1\n", {"delimiter": " "}, "if several blanks separate, give csv={'strip': "),
        (
            b"sex,y\n" + b"F,1\n" * 200_000 + b"\xe4,1\n",
            {"encoding": "ascii"},
            "line 200,002: the byte 0xe4 is not ascii",
        ),
        (
            b"sex,y\n" + b"F,1\n" * 200_000 + b'F,"' + b"a" * (1 << 24) + b'"\n',
            {"strip": True},
            "has a line of more than 8,388,608 characters",
        ),
        (b"sex,y\n\xe4,1\n", {"strip": True}, "such as csv={'encoding': 'latin-1'}"),
    ],
)
def test_what_is_wrong_names_the_option_that_reads_the_file(
    content: str | bytes, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BiaskitError) as raised:
        biaskit.count(written(tmp_path, content), **ROLES, csv=options)
    assert message in str(raised.value)


def test_a_number_with_a_comma_names_the_option(tmp_path: Path) -> None:
    path = written(tmp_path, 'sex,y,pay\nF,1,"2,5"\n')
    with pytest.raises(DataError, match=r"'2,5'; if that is a decimal comma, give csv=\{'decimal'"):
        biaskit.count(path, **ROLES, weight="pay")


def test_a_number_with_the_other_mark_says_which_is_right(tmp_path: Path) -> None:
    roles: dict[str, Any] = {**ROLES, "weight": "pay"}
    for pay, why in (("3.5", "if that is a decimal point, write a comma"), ("1.000,5", "31500,5")):
        path = written(tmp_path, f"sex;y;pay\nF;no;1,5\nM;yes;{pay}\n")
        with pytest.raises(DataError, match=f"'{pay}'; .*{why}"):
            biaskit.count(path, csv={"delimiter": ";", "decimal": ","}, **roles)


def test_a_name_that_is_padded_names_the_option(tmp_path: Path) -> None:
    path = written(tmp_path, "sex , y\nF , no\n")
    with pytest.raises(DataError, match=r"begin or end with a blank: give csv=\{'strip': True\}"):
        biaskit.count(path, **ROLES)


def test_a_value_that_is_padded_names_the_option(tmp_path: Path) -> None:
    counts = biaskit.count(written(tmp_path, "sex,y\nF, yes\nM, no\n"), **ROLES)
    with pytest.raises(RolesError, match=r"did you mean ' yes'\? .* csv=\{'strip': True\}"):
        biaskit.report(counts, positive="yes")


def test_a_file_of_unknown_name_names_an_option(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN, "x.data")
    with pytest.raises(DataError, match=r"say how it is written, such as csv=\{'delimiter': ','\}"):
        biaskit.count(path, **ROLES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ";;"}, "csv={'delimiter': ';;'}: give one character"),
        ({"delimiter": '"'}, "no quotation mark"),
        ({"delimiter": "\n"}, "or line end"),
        ({"delimiter": "\0"}, "give one character"),
        ({"delimiter": ""}, "give one character"),
        ({"delimiter": "§"}, "an ASCII character"),
        ({"delimiter": 3}, "give one character"),
        ({"comment": " "}, "a blank begins values"),
        ({"comment": ";", "delimiter": ";"}, "is the delimiter too"),
        ({"comment": ",", "decimal": ","}, "is the decimal too"),
        ({"delimiter": ",", "decimal": ","}, "is the delimiter too"),
        ({"decimal": "x"}, "give '.' or ','"),
        ({"header": "no"}, "csv={'header': 'no'}: give True or False"),
        ({"strip": None}, "csv={'strip': None}: give True or False"),
        ({"columns": "a,b,a"}, "names 'a' twice"),
        ({"columns": "a,,b"}, "give every column a name"),
        ({"columns": []}, "give every column a name"),
        ({"columns": 3}, "columns takes a list of texts, not 3"),
        ({"na_values": [None]}, "na_values takes a list of texts"),
        ({"encoding": "latin-99"}, "is no encoding of texts"),
        ({"encoding": "a\0"}, "is no encoding of texts"),
        ({"encoding": 8}, "is no encoding of texts"),
        *(({"encoding": one}, "is no encoding of texts") for one in ("zlib", "rot13", "base64")),
        *(
            ({"encoding": one}, "is not read here")
            for one in ("utf-7", "unicode_escape", "idna", "iso2022_jp", "hz")
        ),
        ({"delim": ";"}, "csv has no option 'delim'; did you mean 'delimiter'?"),
    ],
)
def test_an_invalid_option_is_refused_when_it_is_given(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RolesError) as raised:
        dialect_of(options)
    assert message in str(raised.value)
    with pytest.raises(RolesError):
        biaskit.report("nowhere.csv", **ROLES, csv=options)
    with pytest.raises(BiaskitError) as told:
        DataSet.of({"files": "x.csv", **ROLES, "limits": {"DPL": 0.1}, "csv": options})
    assert message in str(told.value)


def test_what_is_no_csv_has_no_dialect(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sex": ["F", "M"], "y": [0, 1]})
    frame.to_parquet(tmp_path / "x.parquet")
    (tmp_path / "x.jsonl").write_text('{"sex": "F", "y": 1}\n')
    counts = biaskit.count(frame, **ROLES)
    counts.save(tmp_path / "x.counts")
    files = [tmp_path / name for name in ("x.parquet", "x.jsonl", "x.counts")]
    for data in (frame, counts, *files):
        for function in (biaskit.report, biaskit.rates, biaskit.page):
            with pytest.raises(RolesError, match=r"csv=\{'strip': True\} is for CSV files, but "):
                function(data, **ROLES, csv={"strip": True})


@st.composite
def tables(draw: Any) -> tuple[list[tuple[str, str]], dict[str, Any], str]:
    """Rows, options, and the text of a file that has these rows."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", " ", ":"]))
    encoding = draw(
        st.sampled_from(["utf-8", "utf-16", "utf-16-be", "latin-1", "cp500", "gb18030"])
    )
    letters = st.text(st.sampled_from('ab #"\n,;|\t:.é0'), min_size=1, max_size=6)
    # Python's writer does not quote carriage returns and blanks that another reader drops.
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    if encoding in ("utf-16", "utf-16-be", "gb18030"):
        letters |= st.text(st.sampled_from("ż中😀a"), min_size=1, max_size=3)
    rows = draw(st.lists(st.tuples(letters, letters), min_size=1, max_size=8))
    options: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding}
    options |= draw(st.fixed_dictionaries({}, optional={
        "strip": st.just(True), "comment": st.just("#"), "na_values": st.just(["a", "zz"]),
    }))  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quoting=quoting,
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    if draw(st.booleans()):
        writer.writerow(["sex", "y"])
    else:
        options["columns"] = ["sex", "y"]
    writer.writerows(rows)
    return rows, options, text.getvalue()


@settings(max_examples=60, deadline=None)
@given(tables())
def test_what_is_written_in_a_dialect_is_read_in_it(
    tmp_path_factory: pytest.TempPathFactory,
    made: tuple[list[tuple[str, str]], dict[str, Any], str],
) -> None:
    rows, options, text = made
    path = written(tmp_path_factory.mktemp("x"), text.encode(options["encoding"]))
    missing = options.get("na_values", ())
    columns = [
        typed([None if value in missing else value for value in column])
        for column in zip(*rows, strict=True)
    ]
    expected: dict[tuple[Any, ...], int] = {}
    for pair in zip(*columns, strict=True):
        expected[pair] = expected.get(pair, 0) + 1
    assert cells(biaskit.count(path, **ROLES, csv=options)) == expected


FORM = {"delimiter": ";", "columns": "sex,y,pay", "strip": True, "na_values": "?"}
FLAGS = ["--delimiter", ";", "--columns", "sex,y,pay", "--strip", "--na-values", "?"]
PADDED = ROWS.replace(",,", ",?,").replace(",", " ; ")


def test_flags_keywords_and_configuration_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, PADDED, "x.data")
    roles = ["--facet", "sex", "--label", "y", "--positive", "yes"]
    assert main(["count", "x.data", *roles, *FLAGS, "-o", "x.counts"]) == 0
    expected = biaskit.count("x.data", **ROLES, positive="yes", csv=FORM)
    assert cells(biaskit.Counts.load("x.counts")) == cells(expected) == EXPECTED
    assert main(["report", "x.data", *roles, *FLAGS, "--metrics", "DPL", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("\n")[2])["report"]
    report = biaskit.report("x.data", **ROLES, positive="yes", csv=FORM, metrics="DPL")
    assert [row["estimate"] for row in told] == report["estimate"].tolist() == [0.5, -0.5]
    assert main(["check", "x.data", *roles, *FLAGS, "--limit", "DPL=0.1", "--min-rows", "0"]) == 0
    assert main(["rates", "x.data", *roles, *FLAGS]) == 0
    assert main(["compare", "x.data", "x.counts", *FLAGS]) == 0
    assert biaskit.compare("x.data", "x.counts", csv=FORM)["verdict"].ne("fail").all()
    assert main(["count", "x.data", *roles, *FLAGS, "--plan"]) == 0
    (tmp_path / "biaskit.toml").write_text(
        '[[data]]\nfiles = "x.data"\nfacet = "sex"\nlabel = "y"\npositive = "yes"\n'
        'limits = {DPL = 0.1}\ncsv = {delimiter = ";", columns = ["sex", "y", "pay"], strip = true,'
        ' na_values = "?"}\n'
    )
    capsys.readouterr()
    for more in ([], ["--dry-run"]):
        assert main(["check", *more]) == 0, capsys.readouterr().out
    assert main(["check", "--strip"]) == 2
    assert "a configuration has strip in its table csv" in capsys.readouterr().err


def test_a_page_says_the_options_that_make_it_again(tmp_path: Path) -> None:
    path = written(tmp_path, PADDED, "x.data")
    page = biaskit.page(path, **ROLES, positive="yes", csv=FORM)
    assert "--delimiter &#x27;;&#x27; --columns sex,y,pay --strip --na-values &#x27;?&#x27;" in (
        page.html.replace("&#39;", "&#x27;")
    )
    assert "csv={" in page.html


def test_explanations_read_the_same_rows(tmp_path: Path) -> None:
    text = "F;1,5\nF;2,5\nM;4\n"
    path = written(tmp_path, text, "x.data")
    form = {"delimiter": ";", "columns": ["sex", "pay"], "decimal": ","}
    frame = pd.DataFrame({"sex": ["F", "F", "M"], "pay": [1.5, 2.5, 4.0]})

    def score(rows: pd.DataFrame) -> Any:
        return 2 * rows["pay"]

    more: dict[str, Any] = {"facet": "sex", "features": ["pay"]}
    expected = biaskit.explain(score, frame, **more, background=frame)
    found = biaskit.explain(score, path, **more, background=path, csv=form)
    pd.testing.assert_frame_equal(found, expected)
    found = biaskit.explain(score, path, **more, background=frame, csv=form)
    pd.testing.assert_frame_equal(found.drop(columns="note"), expected.drop(columns="note"))
    added = biaskit.attribute(score, path, **more, background=frame, csv=form)
    pd.testing.assert_frame_equal(biaskit.explain(added), found)
    pd.testing.assert_frame_equal(
        biaskit.partial_dependence(score, path, columns=["pay"], csv=form),
        biaskit.partial_dependence(score, frame, columns=["pay"]),
    )


def test_a_changed_dialect_is_noticed_where_counting_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, PADDED, "x.data")
    call = ["count", "x.data", "--facet", "sex", "--label", "y", "--resume", "-o", "x.counts"]
    assert main([*call, *FLAGS]) == 0
    assert main([*call, *FLAGS]) == 0
    assert "1 of them counted before" in capsys.readouterr().out
    assert main([*call, *FLAGS[:-2]]) == 2
    err = capsys.readouterr().err
    assert "x.data was counted with" in err
    assert err.rstrip().endswith("or give the same options")
    (tmp_path / "x.counts").unlink()
    assert main([*call, *FLAGS, "--replace"]) == 0
    assert main([*call, *FLAGS[:-2], "--replace"]) == 0
    found = cells(biaskit.Counts.load("x.counts"))
    assert found == {**{k: 1 for k in EXPECTED if k[1]}, ("M", "?"): 1}
    written(tmp_path, PLAIN, "y.csv")
    assert main([*call[:1], "y.csv", *call[2:-1], "y.counts"]) == 0
    assert main(["merge", "x.counts", "y.counts", "-o", "z.counts"]) == 0
    assert main([*call[:-1], "z.counts", *FLAGS[:-2]]) == 0


def test_an_error_on_the_command_line_names_the_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = ["--facet", "sex", "--label", "y"]
    path = str(written(tmp_path, PLAIN.replace(",", "\t")))
    assert main(["report", path, *roles]) == 2
    assert capsys.readouterr().err.rstrip().endswith(r"separated by '\t': give --delimiter '\t'")
    assert main(["rates", path, *roles, "--positive", "yes", "--delimiter", r"\t"]) == 0
    assert main(["report", path, *roles, "--delimiter", ";;"]) == 2
    assert capsys.readouterr().err.startswith("biaskit: --delimiter ';;': give one character")
    assert main(["report", path, *roles, "--strip", "--columns", "a,b"]) == 2
    assert "--columns names 2 columns, but the first row has 1;" in capsys.readouterr().err


def plainly_tidied(text: str, dialect: Dialect, delimiter: str) -> str:
    """What `cleaned` makes of a text, by one look at each character, from the definition."""
    blanks = " " if delimiter in " \t" else " \t"
    ends = f"{delimiter}\r\n"
    made, at, is_start, is_line = "", 0, True, True
    while at < len(text):
        run = at
        while dialect.strip and run < len(text) and text[run] in blanks:
            run += 1
        after = text[run] if run < len(text) else "\n"
        if is_line and after == dialect.comment and run < len(text):
            at = next((i for i in range(run, len(text)) if text[i] in "\r\n"), len(text))
            continue
        if run > at:
            if not is_start and after not in ends:
                made += text[at:run] if delimiter != " " else " "
            if not is_start and delimiter == " " and after not in "\r\n":
                is_start = True
            at = run
            continue
        if is_start and after == '"':
            while run < len(text):
                run += 1
                if text[run : run + 2] == '""':
                    run += 1
                elif text[run : run + 1] == '"':
                    run += 1
                    break
            made, at, is_start, is_line = made + text[at:run], run, False, False
            continue
        made += after
        is_line = after in "\r\n"
        is_start = after in ends
        at += 1
    return made


@settings(max_examples=400)
@given(
    text=st.text(alphabet='a",;# \t\n\ré', max_size=40),
    block=st.integers(1, 20),
    delimiter=st.sampled_from([",", ";", "\t"]),
    comment=st.sampled_from([None, "#"]),
    strip=st.booleans(),
)
def test_text_is_tidied_by_the_definition(
    text: str, block: int, delimiter: str, comment: str | None, strip: bool
) -> None:
    dialect = Dialect(strip=strip, comment=comment)
    if not dialect.is_cleaned:
        return
    data = io.BytesIO(text.encode())
    made = cleaned(data, dialect, delimiter, "x.csv", block).read().decode()
    assert made == plainly_tidied(text, dialect, delimiter)


def test_quoted_values_are_tidied_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow way, value by value, is taken only where quotes stand inside of values."""
    from biaskit.sources.text import cleaning

    data = b' 39 , "Male, ""x""" ,\t" <=50K" \n' * 1_000
    expected = data.replace(b' 39 , "', b'39,"').replace(b'" ,\t"', b'","').replace(b'" \n', b'"\n')
    monkeypatch.setattr(cleaning, "_dropped", lambda *_: None)
    assert cleaned(io.BytesIO(data), Dialect(strip=True), ",", "x.csv").read() == expected
