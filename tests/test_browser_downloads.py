"""Downloads of the page, against what the command line writes of the same table."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from biaskit.cli import main
from biaskit.counts.counts import Counts
from support.served import Client, a_table, served, words

CHOSEN = {
    "labels": "facet=sex&label=hired&positive=yes",
    "cut": "facet=sex&facet=age&cut.age=30,45&label=hired&positive=yes&confidence=0.9",
    "reference": "facet=sex&label=hired&positive=yes&reference.sex=M&metric=DPL&metric=CI",
    "score": "facet=sex&label=hired&positive=yes&score=score&threshold=0.4",
    "limits": "facet=sex&label=hired&positive=yes&limit.DPL=0.1",
    "protected": "facet=sex&label=hired&positive=yes&round_to=11",
    "together": "facet=sex&facet=hired&together=1&group=age",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("downloads")
    a_table(made)
    (made / "semicolons.csv").write_text(
        (made / "people.csv").read_text().replace(",", ";").replace(".", ",")
    )
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with served(folder) as one:
            yield one


def command_in(answer: Any) -> list[str]:
    """Command that a report says makes it again."""
    import html
    import re

    (text,) = re.findall(r'id="again-command"[^>]*><code>(.*?)</code>', answer.text, re.DOTALL)
    return shlex.split(html.unescape(text))


def downloaded(client: Client, name: str, query: str) -> bytes:
    answer = client.get(f"/download/{name}?{query}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    content: bytes = answer.content
    return content


@pytest.mark.parametrize("name", CHOSEN)
def test_the_command_writes_what_is_downloaded(
    client: Client, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(folder)
    query = f"table=file:people.csv&{CHOSEN[name]}"
    command = command_in(client.get(f"/report?{query}"))
    assert command[:2] == ["biaskit", "report"]
    page = tmp_path / "page.html"
    assert main([*command[1:-1], str(page)]) in (0, None)
    assert downloaded(client, "page.html", query) == page.read_bytes()
    plain, skip = [], False
    for one in command[1 : command.index("--format")]:
        if skip:
            skip = False
        elif one in ("--limit", "--name"):
            skip = True
        else:
            plain.append(one)
    table = tmp_path / "report.csv"
    assert main([*plain, "--format", "csv-safe", "-o", str(table)]) in (0, None)
    assert downloaded(client, "report.csv", query) == table.read_bytes()
    book = tmp_path / "report.xlsx"
    assert main([*plain, "-o", str(book)]) in (0, None)
    assert downloaded(client, "report.xlsx", query) == book.read_bytes()


def test_saved_counts_say_the_same(client: Client, tmp_path: Path) -> None:
    query = f"table=file:people.csv&{CHOSEN['labels']}"
    path = tmp_path / "report.counts"
    path.write_bytes(downloaded(client, "report.counts", query))
    assert Counts.load(path).rows == 700
    again = client.post("/upload", files={"file": ("report.counts", path.read_bytes())})
    assert again.url.path == "/choose"
    table = again.url.params["table"]
    first = downloaded(client, "report.csv", query)
    assert downloaded(client, "report.csv", f"table={table}&positive=yes") == first


def test_a_page_is_opened_again(client: Client) -> None:
    query = f"table=file:people.csv&{CHOSEN['labels']}"
    page = downloaded(client, "page.html", query)
    again = client.post("/upload", files={"file": ("page.html", page)})
    assert again.url.path == "/choose"
    assert "700 rows" in words(again)


def test_the_configuration_checks_the_same(
    client: Client, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(folder)
    text = downloaded(client, "biaskit.toml", f"table=file:people.csv&{CHOSEN['limits']}")
    assert tomllib.loads(text.decode())["data"][0]["limits"] == {"DPL": 0.1}
    path = folder / "biaskit.toml"
    path.write_bytes(text)
    code = main(["check", "--config", str(path)])
    assert code == 0
    assert "0 fail, 0 uncertain, 2 pass" in capsys.readouterr().out
    page = client.get(f"/report?table=file:people.csv&{CHOSEN['limits']}")
    assert "2 pass" in words(page) or "within" in words(page)
    text = text.replace(b"DPL = 0.1", b"CI = 0.1")
    path.write_bytes(text)
    assert main(["check", "--config", str(path)]) == 1


def test_files_that_are_written_otherwise_are_named_so(
    client: Client, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    query = f"table=file:semicolons.csv&delimiter=;&decimal=,&{CHOSEN['score']}"
    command = command_in(client.get(f"/report?{query}"))
    assert "--delimiter" in command
    page = tmp_path / "page.html"
    assert main([*command[1:-1], str(page)]) in (0, None)
    assert downloaded(client, "page.html", query) == page.read_bytes()


def test_texts_of_any_name_are_named_as_csv(
    client: Client, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "people.data").write_text("# people\n" + (folder / "people.csv").read_text())
    query = f"table=file:people.data&comment=%23&{CHOSEN['labels']}"
    command = command_in(client.get(f"/report?{query}"))
    page = tmp_path / "page.html"
    assert main([*command[1:-1], str(page)]) in (0, None)
    assert downloaded(client, "page.html", query) == page.read_bytes()


@pytest.mark.parametrize(
    "name",
    ["nothing.html", "..%2fpeople.csv", "page.html%0d%0aX: y", "%22", "biaskit.toml", "page.htm"],
)
def test_what_cannot_be_downloaded_leads_to_the_report(client: Client, name: str) -> None:
    answer = client.get(f"/download/{name}?table=file:people.csv&{CHOSEN['labels']}")
    assert "content-disposition" not in answer.headers
    assert answer.status_code in (200, 404)
    answer = client.get("/download/page.html?table=file:gone.csv&facet=sex")
    assert answer.status_code == 404
    answer = client.get("/download/page.html?table=file:people.csv&facet=sex&label=hired")
    assert answer.status_code == 422
    assert answer.url.path == "/report"
