"""The page in a browser and hostile tables: their names, values and sizes, and races for them."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import biaskit
from biaskit.browser import desk as desks
from biaskit.browser.jobs import Jobs
from biaskit.browser.places import Root
from biaskit.errors import DataError
from support.served import Client, a_table, served, words

LONG = 'é<"' * 30_000


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    a_table(tmp_path)
    with served(root=tmp_path, max_upload="1MB") as one:
        yield one


def test_names_that_no_address_can_have_are_told_and_left_out(
    client: Client, tmp_path: Path
) -> None:
    names = [f"{n}{LONG}".replace('"', "'") for n in range(20)]
    rows = "".join(f"{'FM'[n % 2]},{n % 3 % 2}{',1' * len(names)}\n" for n in range(50))
    (tmp_path / "long.csv").write_text(f"sex,hired,{','.join(names)}\n{rows}")
    answer = client.get("/columns?table=file:long.csv")
    assert answer.status_code == 200
    assert len(answer.content) < 100_000
    assert "20 have names of thousands of letters, and cannot be chosen" in words(answer)
    assert "sex" in words(answer)
    (tmp_path / "all.csv").write_text(f"{','.join(names)}\n{','.join('1' * len(names))}\n")
    answer = client.get("/columns?table=file:all.csv")
    assert answer.status_code == 422
    assert len(answer.content) < 100_000


def test_values_that_no_address_can_have_are_counted_and_not_offered(
    client: Client, tmp_path: Path
) -> None:
    long = LONG[:20_000].replace('"', "'")
    values = [f"{long}{n % 40}" if n % 5 == 0 else "FM"[n % 2] for n in range(400)]
    rows = "".join(f"{value},{n % 7 % 2}\n" for n, value in enumerate(values))
    (tmp_path / "values.csv").write_text(f"sex,hired\n{rows}")
    for step in ("choose", "report"):
        answer = client.get(f"/{step}?table=file:values.csv&facet=sex&label=hired&positive=1")
        assert answer.status_code == 200
        assert len(answer.content) < 1_000_000
    answer = client.get("/choose?table=file:values.csv&facet=sex&label=hired")
    assert "The 2 values with most rows are here, 8 are not." in words(answer)


def test_a_table_that_is_swapped_while_it_is_looked_at_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    victim = a_table(root)
    (tmp_path / "secret.csv").write_text("S3CRET,x\n1,2\n")
    look = desks.look_at_file

    def swapped(*given: Any) -> Any:
        victim.unlink()
        victim.symlink_to(tmp_path / "secret.csv")
        return look(*given)

    monkeypatch.setattr(desks, "look_at_file", swapped)
    with pytest.raises(biaskit.BiaskitError, match=r"people\.csv is gone"):
        desks.Desk(Root(root)).look("file:people.csv")


def test_a_pass_that_has_failed_keeps_no_rows() -> None:
    class Rows:
        pass

    kept: list[weakref.ref[Rows]] = []

    def work(_: Any) -> Any:
        rows = Rows()
        kept.append(weakref.ref(rows))
        try:
            raise KeyError(len(kept))
        except KeyError as error:
            raise DataError("broken") from error

    jobs = Jobs()
    job = jobs.result("x", work)
    assert job.wait(10)
    for _ in range(3):
        with pytest.raises(DataError, match="broken"):
            jobs.result("x", work)
    gc.collect()
    assert kept[0]() is None
    jobs.close()


def test_no_log_obeys_what_a_file_says(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("\x1b]0;owned\x07\n::error::x\u202e\r##[error]")

    monkeypatch.setattr(desks.Desk, "look", fail)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/columns?table=file:people.csv")
    assert answer.status_code == 500
    assert "owned" not in answer.text
    assert "Traceback" not in answer.text
    assert "ValueError" in caplog.text
    assert all(line.isprintable() for line in caplog.text.split("\n"))


def test_a_form_of_many_parts_is_given_up_at_once(client: Client) -> None:
    before = {*client.app._shelf.path.iterdir()}
    part = b"--b\r\nA: b\r\n\r\n\r\n"
    end = b'--b\r\nContent-Disposition: form-data; filename="a.csv"\r\n\r\nx,y\n1,2\n\r\n--b--\r\n'
    sent = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/upload", content=part * 50 + end, headers=sent).status_code == 200
    answer = client.post("/upload", content=part * 50_000 + end, headers=sent)
    assert answer.status_code == 400
    assert "too many parts" in words(answer)
    assert len({*client.app._shelf.path.iterdir()} - before) == 1


NAMES = ("$(touch owned).csv", "-o.csv", "`touch owned`.csv", "a'; touch owned;'.csv", "a b.csv")


@pytest.mark.skipif(os.name != "posix", reason="of a shell")
@pytest.mark.parametrize("name", NAMES)
def test_the_command_that_is_shown_runs_nothing_else(tmp_path: Path, name: str) -> None:
    import html
    import re

    a_table(tmp_path, name)
    value = "$(touch owned) 'x' `y`"
    text = (tmp_path / name).read_text().replace("F,", f"{value},")
    (tmp_path / name).write_text(text.replace("sex", "sex;touch owned"))
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        with served(root=tmp_path) as client:
            from urllib.parse import urlencode

            facet = "sex;touch owned"
            query = urlencode(
                {"table": f"file:{name}", "facet": facet, "label": "hired", "positive": "yes"}
                | {f"d.{facet}": value}
            )
            answer = client.get(f"/report?{query}")
            assert answer.status_code == 200
            found = re.search(r'id="again-command"[^>]*><code>(.*?)</code>', answer.text, re.DOTALL)
            call = re.search(r'id="again-call"[^>]*><code>(.*?)</code>', answer.text, re.DOTALL)
    finally:
        os.chdir(here)
    assert found is not None
    assert call is not None
    command = html.unescape(found[1]).replace("biaskit", f"{sys.executable} -m biaskit", 1)
    env = {**os.environ, "PYTHONPATH": str(Path(biaskit.__file__).parent.parent)}
    run = {"cwd": tmp_path, "env": env, "capture_output": True, "text": True}
    done: Any = subprocess.run(["/bin/sh", "-c", command], **run)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-c", html.unescape(call[1])],
        **run,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    assert {one.name for one in tmp_path.iterdir()} == {name, "page.html"}


def test_the_file_that_leads_a_browser_in_goes_with_the_program(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from biaskit.browser.serving.leading import leading_file\n"
        f"print(leading_file(Path({str(tmp_path)!r}), 'http://x/?key=y').exists())\n"
    )
    env = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["True"], done.stderr
    assert not [*tmp_path.iterdir()]


def test_a_folder_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0

    class Endless:
        def __enter__(self) -> Endless:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Iterator[Any]:
            nonlocal seen
            while seen < 200_000:
                seen += 1
                yield entry

    (tmp_path / ".x").write_text("x")
    with os.scandir(tmp_path) as found:
        (entry,) = found
    monkeypatch.setattr("biaskit.browser.places.os.scandir", lambda _: Endless())
    assert Root(tmp_path).listed() == ([], False)
    assert seen < 30_000
