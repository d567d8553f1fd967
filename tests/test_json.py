"""JSON documents, and values in objects: the same counts as those of plain JSON Lines."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

import biaskit
from biaskit.errors import DataError
from biaskit.sources.text import documents, lines

PEOPLE = [
    {"sex": "FM"[i % 2], "y": i % 3 == 0, "w": i / 8, "note": 'a "quoted", [odd] {one}\\'}
    for i in range(40)
]
MUTANTS = 60 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 200


@pytest.fixture(params=["always", "never"], autouse=True)
def choice(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the kernels read."""
    monkeypatch.setenv("BIASKIT_KERNELS", request.param)
    return str(request.param)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_lines(records: list[Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def counted(path: Path, **roles: Any) -> biaskit.Counts:
    return biaskit.count(path, **{"facet": "sex", "label": "y", **roles})


def test_a_path_names_a_value_in_objects(tmp_path: Path) -> None:
    records = [
        {"person": {"sex": "F", "home": {"state": "NY"}}, "y": 1},
        {"person": {"home": {"state": "TX"}, "sex": "M"}, "y": 0},
        {"person": {"sex": None}, "y": 0},
        {"person": ["M"], "y": 1},
        {"y": 1},
    ]
    path = write(tmp_path / "x.jsonl", as_lines(records))
    flat = [
        {"sex": "F", "state": "NY", "y": 1},
        {"sex": "M", "state": "TX", "y": 0},
        {"y": 0},
        {"y": 1},
        {"y": 1},
    ]
    same = write(tmp_path / "flat.jsonl", as_lines(flat))
    for facet, plain in (("person.sex", "sex"), ("person.home.state", "state")):
        found = biaskit.report(path, facet=facet, label="y", positive=1)
        wanted = biaskit.report(same, facet=plain, label="y", positive=1)
        assert found.drop(columns="facet").equals(wanted.drop(columns="facet"))
        assert set(found["facet"]) == {facet}


def test_a_key_of_that_name_wins_in_its_row(tmp_path: Path) -> None:
    records = [
        {"a.b": "key", "a": {"b": "path"}, "y": 1},
        {"a": {"b": "path"}, "y": 1},
        {"a": {"b": "path"}, "a.b": None, "y": 1},
        {"a": {"b": {"c": 1}}, "a.b": "key", "y": 1},
    ]
    path = write(tmp_path / "x.jsonl", as_lines(records))
    (table,) = biaskit.count(path, facet="a.b", label="y").tables.values()
    assert dict(
        zip(table.levels[0], table.n.reshape(len(table.levels[0]), -1).sum(1), strict=True)
    ) == {
        "key": 2,
        "path": 1,
        biaskit.counts.levels.MISSING: 1,
    }


def test_a_path_to_nowhere_is_no_column(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", as_lines([{"a": {"sex": "F"}, "tags": ["F"], "y": 1}]))
    with pytest.raises(DataError, match=r"no column 'a\.sax'; did you mean 'a\.sex'\?"):
        biaskit.count(path, facet="a.sax", label="y")
    with pytest.raises(DataError, match=r"no column 'tags\.0'"):
        biaskit.count(path, facet="tags.0", label="y")


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("end", ["", "\n", "\r\n \t"])
def test_a_document_is_counted_as_its_records_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, end: str
) -> None:
    wanted = counted(write(tmp_path / "x.jsonl", as_lines(PEOPLE)), weight="w")
    text = (json.dumps(PEOPLE, indent=indent) + end).encode()
    path = write(tmp_path / "x.json", text)
    assert counted(path, weight="w") == wanted
    assert counted(write(path, b"\xef\xbb\xbf\n" + text), weight="w") == wanted
    write(path, text.replace(b"\n", b"\r\n"))
    for size in (64, 65, 66, 1_000):
        monkeypatch.setattr(lines, "_BLOCK", size)
        monkeypatch.setattr(documents, "_CHUNK", size - 59)
        assert counted(path, weight="w") == wanted
    packed = tmp_path / "x.json.gz"
    packed.write_bytes(gzip.compress(text))
    assert counted(packed, weight="w") == wanted


def test_columns_of_a_document_are_those_of_its_records(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", json.dumps([{"sex": "F", "y": 1, "in": {"x": 1}}] * 3))
    assert lines.JsonLinesFiles([path], {}).names() == ["sex", "y", "in.x"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "no column 'sex'"),
        ("[", "before its array does"),
        ('[{"sex": "F", "y": 1}', "before its array does"),
        ('[{"sex": "F", "y": 1}] 2', "more after the end"),
        ('[{"sex": "F", "y": 1}][]', "more after the end"),
        ('[{"sex": "F", "y": 1},]', "after record 1 there is a comma, but no other object"),
        ('[{"sex": "F", "y": 1},,{"sex": "F", "y": 1}]', "a comma, but no other object"),
        ('[{"sex": "F", "y": 1} {"sex": "F", "y": 1}]', "neither a comma nor the end"),
        ('[,{"sex": "F", "y": 1}]', "record 1 is not an object"),
        ('[{"sex": "F", "y": 1}, 2]', "a comma, but no other object"),
        ('[["sex", "y"], ["F", 1]]', "record 1 is not an object"),
        ('[{"sex": "F", "y": 1}, {"sex": "F", "y": 01}]', "record 2: not JSON"),
        ('[{"sex": "F", "y": 1}, {"sex": "F\n", "y": 1}]', "record 2: not JSON"),
        ('[{"sex": "F", "y": 1}, {"sex": "F", "y": [1}]', "record 2: not JSON|ends after record 2"),
        ('{"sex": ["F", "M"], "y": [0, 1]}', "is one JSON object; give an array"),
        ('{"sex": {"0": "F"}, "y": {"0": 1}}\n', "is one JSON object; give an array"),
        ('{\n  "sex": "F"\n}', "is one JSON object; give an array"),
        ('"F"', "is no JSON array"),
        ("\n\n", "is no JSON array"),
        ("sex,y\nF,1\n", "is no JSON array"),
    ],
)
def test_what_is_no_array_of_objects_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = write(tmp_path / "x.json", text)
    with pytest.raises(DataError, match=why):
        counted(path)


def test_json_lines_of_that_name_are_read(tmp_path: Path) -> None:
    wanted = counted(write(tmp_path / "x.jsonl", as_lines(PEOPLE)))
    assert counted(write(tmp_path / "x.json", as_lines(PEOPLE))) == wanted
    assert counted(write(tmp_path / "x.json", '{"sex": "F", "y": 1}')).rows == 1


def test_an_error_names_the_line_or_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_BLOCK", 300)
    good = as_lines(PEOPLE).encode()
    for odd, why in (
        (b'{"sex": "\xff"}', "the byte 0xff is not UTF-8"),
        (b"[1]", "an array where an object should be; give one object per line"),
        (b"7", "a number where an object should be"),
        (b"null", "null where an object should be"),
    ):
        with pytest.raises(DataError, match=f"line 41: {why}"):
            counted(write(tmp_path / "x.jsonl", good + odd + b"\r\n"))
    array = json.dumps(PEOPLE).encode()[:-1]
    with pytest.raises(DataError, match="record 41: an integer of more than"):
        counted(write(tmp_path / "x.json", array + b', {"sex": ' + b"9" * 5_000 + b"}]"))


def test_a_record_that_is_too_long_is_refused(tmp_path: Path) -> None:
    array = json.dumps(PEOPLE).encode()[:-1]
    long = b', {"sex": "' + b"F" * (1 << 23) + b'"}]'
    with pytest.raises(DataError, match=r"a text of 8,388,608 bytes|letters in record 41"):
        counted(write(tmp_path / "x.json", array + long))


def test_a_late_key_and_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_BLOCK", 32)
    monkeypatch.setattr("biaskit.sources.text.records.ROWS", 2)
    (tmp_path / "sex=F").mkdir()
    path = write(tmp_path / "sex=F" / "x.jsonl", '{"y": 1}\n' * 9)
    assert counted(path).rows == 9
    write(path, '{"y": 1}\n' * 9 + '{"y": 0, "sex": "M"}\n')
    with pytest.raises(DataError, match="'sex' is named by the file's folder, and by a record"):
        counted(path)


def test_a_document_beside_data_is_not_data(tmp_path: Path) -> None:
    write(tmp_path / "x.jsonl", as_lines(PEOPLE))
    write(tmp_path / "about.json", '[{"sex": "F", "y": 1}]')
    assert counted(tmp_path).rows == len(PEOPLE)


def test_mutants_are_read_or_refused_as_by_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rand, read = random.Random(0), 0
    path = tmp_path / "x.json"
    for _ in range(MUTANTS):
        records = rand.choices(PEOPLE, k=rand.randrange(4))
        made = bytearray(json.dumps(records, indent=rand.choice([None, 1])).encode())
        for _ in range(rand.choice([0, 1, 1, 2])):
            at, odd = rand.randrange(len(made)), rand.choice(b'[]{},:"\\ \n\x0b1')
            if rand.random() < 0.5:
                made[at] = odd
            else:
                made.insert(at, odd)
        monkeypatch.setattr(lines, "_BLOCK", rand.randrange(40, 200))
        monkeypatch.setattr(documents, "_CHUNK", rand.randrange(4, 200))
        write(path, bytes(made))
        try:
            found: Any = counted(path)
        except DataError:
            found = None
        try:
            parsed = json.loads(made)
            is_array = isinstance(parsed, list) and all(isinstance(one, dict) for one in parsed)
            wanted: Any = counted(write(tmp_path / "y.jsonl", as_lines(parsed) or "\n"))
        except (ValueError, DataError, TypeError):
            is_array = False
        assert found == (wanted if is_array else None), bytes(made)
        read += found is not None
    assert read > MUTANTS // 4
