"""The page in a browser, attacked: by other sites, other users, other machines, and by files."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import biaskit
from biaskit.browser.places import NoPlaceError, Root
from biaskit.browser.serving.guards import HEADERS
from biaskit.browser.serving.uploads import Shelf
from biaskit.errors import RolesError
from support.served import Client, a_table, served, words

SECRET = "sex,hired\nS3CRET-MAN,yes\nS3CRET-WOMAN,no\n"
PAGES = (
    "/",
    "/columns?table=file:people.csv",
    "/count?table=file:people.csv&facet=sex&label=hired",
    "/nope",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A root with a table, and a secret beside it."""
    base = tmp_path_factory.mktemp("attacked")
    root = base / "root"
    a_table(root)
    (base / "secret.csv").write_text(SECRET)
    return root, base


@pytest.fixture(scope="module")
def client(folders: tuple[Path, Path]) -> Iterator[Client]:
    with served(root=folders[0], max_upload="1MB") as one:
        yield one


# Other machines, and other sites.


def test_only_this_machine_is_answered(client: Client) -> None:
    for other in ("127.0.0.2", socket.gethostbyname(socket.gethostname())):
        if other == "127.0.0.1":
            continue
        with pytest.raises(OSError), socket.create_connection((other, client.port), timeout=2):
            pass
    assert "host" not in biaskit.app.__kwdefaults__


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "localhost.evil.example:{port}",
        "127.0.0.1:{port}@evil.example",
        "0.0.0.0:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "",
    ],
)
def test_a_rebound_name_is_not_answered(client: Client, host: str) -> None:
    answer = client.let_in.get("/", headers={"host": host.format(port=client.port)})
    assert answer.status_code == 421


def test_two_hosts_or_none_are_refused(client: Client) -> None:
    own = f"Host: 127.0.0.1:{client.port}\r\n"
    cookie = f"Cookie: biaskit-{client.port}={client.key}\r\n"
    for hosts in ("", own + "Host: evil.example\r\n", own + own):
        found = client.raw(f"GET / HTTP/1.1\r\n{hosts}{cookie}\r\n".encode())
        assert found[9:12] in (b"400", b"421"), hosts


def test_nothing_is_reachable_without_the_key(client: Client) -> None:
    for path in (*PAGES, "/report?table=file:people.csv", "/jobs/x/events", "/download/page.html"):
        for cookie in ("", "x", client.key[:-1], client.key + "x", "é"):
            for name in (f"biaskit-{client.port}", "biaskit", f"biaskit-{client.port + 1}"):
                if name.endswith(str(client.port)) and cookie == client.key:
                    continue
                sent = {"cookie": f"{name}={cookie}".encode()}
                answer = client.plain.get(path, headers=sent)
                assert answer.status_code == 403, (path, cookie, name)
                assert "people" not in answer.text
                assert "key" in answer.text
    for path in ("/stop", "/upload", "/jobs/x/cancel"):
        assert client.plain.post(path, headers={"origin": client.base}).status_code == 403
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("key", ["", "x", "%00", "%C3%A9", "A" * 43, "&key=", "[]"])
def test_a_wrong_key_lets_nobody_in(client: Client, key: str) -> None:
    answer = client.plain.get(f"/?key={key}")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_link_lets_in_as_often_as_it_is_opened(client: Client) -> None:
    for _ in range(2):
        answer = client.plain.get(f"/columns?table=file:people.csv&key={client.key}")
        assert answer.status_code == 303
        within = client.app._server.access.within
        assert answer.headers["location"] == f"{within}columns?table=file%3Apeople.csv"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"biaskit-{client.port}={client.key};")
        for part in ("HttpOnly", "SameSite=strict", f"Path={within};"):
            assert part in cookie
        client.plain.cookies.clear()


def test_the_key_is_long_and_new_each_time(folders: tuple[Path, Path]) -> None:
    keys = set()
    for _ in range(2):
        with served(root=folders[0]) as one:
            keys.add(one.key)
            assert len(base64.urlsafe_b64decode(one.key + "=")) == 32
    assert len(keys) == 2


def test_the_way_on_stays_on_this_server(client: Client) -> None:
    for path in ("//evil.example/x", "/\\evil.example", "/%2f%2fevil.example", "/http://evil"):
        answer = client.raw(
            f"GET {path}?key={client.key} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        (to,) = re.findall(rb"location: (.*)\r\n", answer)
        assert to.startswith(b"/")
        assert not to.startswith((b"//", b"/\\"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:{port}.evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "cross-site"},
        {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "none"},
    ],
)
def test_another_site_changes_nothing(client: Client, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=client.port) for name, value in headers.items()}
    for path in ("/stop", "/upload", "/jobs/x/cancel"):
        answer = client.let_in.post(path, headers=sent, content=b"x")
        assert answer.status_code == 403
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    answer = client.let_in.request(method, "/", headers={"origin": client.base})
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_ports_fetch_nothing(client: Client, site: str) -> None:
    for mode in ("no-cors", "cors", "same-origin", "websocket"):
        headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
        for path in PAGES:
            assert client.get(path, headers=headers).status_code == 403
    link = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200


def test_get_changes_nothing(client: Client) -> None:
    for path in ("/stop", "/jobs/x/cancel"):
        assert client.get(path).status_code in (404, 405)
    assert client.get("/").status_code == 200


# Files that are none of the page's business.


@pytest.fixture(scope="module")
def hidden(folders: tuple[Path, Path]) -> Path:
    """A root full of ways out of it."""
    root, base = folders
    (root / "link.csv").symlink_to(base / "secret.csv")
    (root / "out").symlink_to(base)
    (root / "chain.csv").symlink_to(root / "link.csv")
    (root / "circle.csv").symlink_to(root / "circle.csv")
    (root / ".hidden.csv").write_text(SECRET)
    (root / ".dot").mkdir(exist_ok=True)
    (root / ".dot" / "x.csv").write_text(SECRET)
    (root / "to_dot.csv").symlink_to(root / ".dot" / "x.csv")
    (root / "id_rsa").write_text(SECRET)
    (root / "to_key.csv").symlink_to(root / "id_rsa")
    (root / "folder.csv").mkdir(exist_ok=True)
    (root / "zero.csv").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.csv")
    return root


OUT = [
    "../secret.csv",
    "sub/../../secret.csv",
    "./../secret.csv",
    "{base}/secret.csv",
    "//{base}/secret.csv",
    "link.csv",
    "out/secret.csv",
    "chain.csv",
    "circle.csv",
    ".hidden.csv",
    ".dot/x.csv",
    "to_dot.csv",
    "id_rsa",
    "to_key.csv",
    "folder.csv",
    "zero.csv",
    "pipe.csv",
    "people.csv\0.csv",
    "..\\secret.csv",
    "%2e%2e/secret.csv",
    "..%2fsecret.csv",
    "people.csv/../../secret.csv",
    "",
    ".",
    "..",
    "~/x.csv",
    "file:///etc/passwd",
    "x" * 5000 + ".csv",
    "a/" * 2000 + "x.csv",
    "\ud800.csv",
    "-",
    "/dev/stdin",
]


@pytest.mark.parametrize("asked", OUT)
def test_no_path_and_no_link_leads_out_of_the_root(
    client: Client, folders: tuple[Path, Path], hidden: Path, asked: str
) -> None:
    from urllib.parse import quote

    path = asked.replace("{base}", str(folders[1]))
    key = quote(f"file:{path}".encode("utf-8", "surrogatepass"))
    steps = (
        "columns?",
        *(f"{one}?facet=sex&label=hired&" for one in ("count", "choose", "report")),
    )
    for coded in (key, quote(key)):
        for step in steps:
            answer = client.get(f"/{step}table={coded}")
            assert answer.status_code == 404, step
            assert "S3CRET" not in answer.text
    assert "S3CRET" not in client.get("/").text


@pytest.mark.parametrize("kind", ["upload", "frame", "demo", "", "File", "file:file"])
def test_made_up_keys_are_nothing(client: Client, kind: str) -> None:
    for rest in ("0", "../secret.csv", "x", "-1", "berkeley "):
        assert client.get(f"/columns?table={kind}:{rest}").status_code == 404


def test_a_link_to_a_table_in_the_root_is_followed(client: Client, folders: Any) -> None:
    link = folders[0] / "also.csv"
    link.symlink_to(folders[0] / "people.csv")
    assert "hired" in client.get("/columns?table=file:also.csv").text
    link.unlink()


def test_a_link_that_is_swapped_in_while_a_path_is_looked_up(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, base = folders
    victim = a_table(root, "sub/victim.csv")
    checked = Root._stamp_beneath

    def swapped(self: Root, parts: tuple[str, ...]) -> Any:
        victim.unlink()
        victim.symlink_to(base / "secret.csv")
        return checked(self, parts)

    monkeypatch.setattr(Root, "_stamp_beneath", swapped)
    with pytest.raises(NoPlaceError):
        Root(root).place("sub/victim.csv")
    victim.unlink()

    def folder_swapped(self: Root, parts: tuple[str, ...]) -> Any:
        shutil.rmtree(root / "sub")
        (root / "sub").symlink_to(base)
        return checked(self, parts)

    a_table(root, "sub/secret.csv")
    monkeypatch.setattr(Root, "_stamp_beneath", folder_swapped)
    with pytest.raises(NoPlaceError):
        Root(root).place("sub/secret.csv")
    (root / "sub").unlink()


def test_a_link_that_is_swapped_in_after_a_path_was_looked_up(folders: tuple[Path, Path]) -> None:
    from biaskit.browser import desk

    root, base = folders
    victim = a_table(root, "later.csv")
    place = Root(root).place("later.csv")
    victim.unlink()
    victim.symlink_to(base / "secret.csv")
    with pytest.raises(biaskit.BiaskitError, match=r"later\.csv has changed"):
        desk._opened(place, None)
    with pytest.raises(biaskit.BiaskitError, match="changed"):
        desk._counted(place, biaskit.Roles(facet="sex"), None, lambda *_: None)
    victim.unlink()


def test_a_file_that_is_swapped_during_a_pass_gives_no_counts(folders: tuple[Path, Path]) -> None:
    from biaskit.browser import desk

    root, base = folders
    victim = a_table(root, "during.csv")
    place = Root(root).place("during.csv")

    def swap(*_: Any) -> None:
        if not victim.is_symlink():
            victim.unlink()
            victim.symlink_to(base / "secret.csv")

    with pytest.raises(biaskit.BiaskitError, match="changed"):
        desk._counted(place, biaskit.Roles(facet="sex"), None, swap)
    victim.unlink()


# What every answer says.


def test_every_answer_says_what_a_browser_may_do_with_it(client: Client) -> None:
    answers = [client.get(path) for path in PAGES]
    answers += [client.plain.get("/"), client.plain.get("/", headers={"host": "x"})]
    answers += [client.let_in.post("/stop"), client.plain.get(f"/?key={client.key}")]
    answers += [client.let_in.put("/")]
    assert {one.status_code for one in answers} == {200, 303, 403, 404, 405, 421}
    for answer in answers:
        for name, value in HEADERS.items():
            said = answer.headers.get_list(name)
            assert len(said) == 1
            if name != "content-security-policy":
                assert said == [value]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in answer.headers
        assert "*" not in policy


def test_only_the_pages_own_style_and_script_run(client: Client) -> None:
    for path in PAGES:
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        for tag in ("style", "script"):
            bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
            assert len(bodies) == 1
            digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text)


# Sizes, and clients that are slow or broken.


def _shelf(client: Client) -> Path:
    path: Path = client.app._shelf.path
    return path


def test_an_upload_that_is_said_to_be_too_large_is_not_kept_for_a_moment(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Path:
        raise AssertionError("a file was made")

    monkeypatch.setattr(Shelf, "new", refuse)
    answer = client.post("/upload", content=b"".join(_multipart(3 << 20)), headers=CHUNKED)
    assert answer.status_code == 413
    assert "larger than 1.0 MB" in words(answer)


def _multipart(size: int, name: str = "x.csv") -> Iterator[bytes]:
    yield (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    ).encode()
    row = b"sex,hired\n" * 6000
    while size > 0:
        yield row[:size]
        size -= len(row)
    yield b"\r\n--b--\r\n"


CHUNKED = {"content-type": "multipart/form-data; boundary=b"}


def test_an_upload_without_a_length_is_measured_while_it_is_read(client: Client) -> None:
    answer = client.post("/upload", content=_multipart(3 << 20), headers=CHUNKED)
    assert answer.status_code == 413
    assert "larger than" in words(answer)
    assert {one.name for one in _shelf(client).iterdir()} == {"open"}
    answer = client.post("/upload", content=_multipart(1 << 19), headers=CHUNKED)
    assert answer.status_code == 200
    assert "hired" in answer.text


def test_large_parts_that_are_no_file_take_no_memory(client: Client) -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"x" * 900_000
    answer = client.post("/upload", content=field + b"\r\n--b--\r\n", headers=CHUNKED)
    assert answer.status_code == 400
    assert "no file has come" in words(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"--b\r\n",
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.csv"\r\n\r\nsex\r\n',
        b'--b\r\nContent-Disposition: form-data; name="f"; filename=""\r\n\r\n\r\n--b--\r\n',
        b"--b\r\n" + b"A: b\r\n" * 5000,
        b"--b\r\nContent-Disposition: " + b"x" * 60_000,
        b"--b--\r\n",
    ],
)
def test_a_damaged_upload_is_an_error_that_leaves_nothing(client: Client, body: bytes) -> None:
    before = {*_shelf(client).iterdir()}
    answer = client.post("/upload", content=body, headers=CHUNKED)
    assert answer.status_code == 400
    assert "There is a problem" in words(answer)
    assert {*_shelf(client).iterdir()} == before


def test_two_files_at_once_are_refused(client: Client) -> None:
    before = {*_shelf(client).iterdir()}
    files = [("file", ("a.csv", b"x,y\n1,2\n")), ("file", ("b.csv", b"x,y\n1,2\n"))]
    assert client.post("/upload", files=files).status_code == 400
    assert {*_shelf(client).iterdir()} == before


@pytest.mark.parametrize(
    "name",
    ["x.pkl", "x.py", "x.joblib", "x", ".csv", "x.exe", "../../etc/passwd", "x.csv.sh", "\0"],
)
def test_what_is_no_table_by_its_name_is_not_kept(client: Client, name: str) -> None:
    before = {*_shelf(client).iterdir()}
    answer = client.post("/upload", files={"file": (name, b"sex,hired\nF,1\n")})
    assert answer.status_code == 400
    assert {*_shelf(client).iterdir()} == before


@pytest.mark.parametrize(
    "name",
    [
        "../../../tmp/x.csv",
        "/etc/cron.d/x.csv",
        "..\\..\\x.csv",
        "a\r\nSet-Cookie: x=1.csv",
        "<img src=x onerror=alert(1)>.csv",
        "\u202ecsv.csv",
        "x" * 3000 + ".csv",
    ],
)
def test_the_name_of_an_upload_leads_nowhere(client: Client, name: str) -> None:
    before = {*_shelf(client).iterdir()}
    answer = client.post("/upload", files={"file": (name, b"sex,hired\nF,1\nM,0\n")})
    assert answer.status_code == 200
    (new,) = {*_shelf(client).iterdir()} - before
    assert re.fullmatch(r"[0-9a-f]{32}\.csv", new.name)
    assert new.stat().st_mode & 0o077 == 0
    assert "<img" not in answer.text
    assert "set-cookie" not in answer.headers
    assert "\u202e" not in answer.text


def test_no_form_but_an_upload_may_be_large(client: Client) -> None:
    for path in ("/stop", "/jobs/x/cancel"):
        assert client.post(path, content=b"x" * 100_000).status_code == 413
    assert client.post("/jobs/x/cancel", content=iter([b"x" * 50_000] * 4)).status_code < 500
    assert client.get("/").status_code == 200


def test_long_addresses_and_headers_are_refused(client: Client) -> None:
    assert client.status("/") == 200
    assert client.status(f"/?{'x' * (1 << 20)}") in (400, 0)
    assert client.status("/", f"X: {'x' * (1 << 20)}") in (400, 0)
    assert client.status("/", *["X: y"] * 100_000) in (400, 0)
    table = "table=file:people.csv"
    many = "&".join(f"a{n}=" for n in range(10_000))
    assert client.status(f"/columns?{table}&{many}") == 200
    many = "&".join(["facet=sex"] * 20_000)
    assert client.status(f"/columns?{table}&{many}") == 414
    many = "&".join(f"facet=x{n}" for n in range(10_000))
    assert client.status(f"/count?{table}&{many}") in (200, 422)


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: \u0665\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "X: y\r\n folded\r\nContent-Length\t: 5\r\n",
        "Content-Length: 5\n\n",
    ],
)
def test_no_request_is_smuggled_in_another(client: Client, headers: str) -> None:
    inner = f"GET /?key={client.key} HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    found = client.raw(
        f"POST /jobs/x/cancel HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n{headers}\r\n"
        f"0\r\n\r\n{inner}".encode()
    )
    answers = re.findall(rb"HTTP/1\.1 (\d+)", found)
    assert len(answers) == 1
    assert answers[0] in (b"400", b"403", b"413", b"501")
    assert b"set-cookie" not in found


def test_http_2_and_websockets_are_not_spoken(client: Client) -> None:
    assert client.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")[9:12] in (b"400", b"421", b"505", b"")
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": "x" * 22}
    assert client.get("/", headers=upgrade).status_code == 200


@pytest.mark.slow
def test_clients_that_say_nothing_are_hung_up_on(client: Client) -> None:
    quiet = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(100)]
    for at, one in enumerate(quiet):
        one.sendall(b"GET / HTTP/1.1\r\n"[: at % 16])
    assert client.get("/").status_code == 200
    began = time.monotonic()
    for one in quiet:
        one.settimeout(30)
        assert one.recv(1) == b""
        one.close()
    assert time.monotonic() - began < 30
    assert client.get("/").status_code == 200


def test_too_many_clients_are_told_so_and_the_page_lives_on(folders: tuple[Path, Path]) -> None:
    with served(root=folders[0]) as client:
        crowd = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(200)]
        time.sleep(0.2)
        assert client.get("/").status_code == 503
        for one in crowd:
            one.close()
        time.sleep(0.2)
        assert client.get("/").status_code == 200


# Texts in files.

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`=cmd|\u202e\x1b]0;x\x07"


def test_what_a_file_says_is_never_markup(folders: tuple[Path, Path]) -> None:
    import csv

    path = folders[0] / "hostile.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([[HOSTILE, "hired"], [HOSTILE, "1"], ["F", "0"], ["M", "1"]])
    with served(path) as client:
        from urllib.parse import quote

        name = quote(HOSTILE)
        for step in ("columns?", f"count?facet={name}&label=hired&"):
            answer = client.get(f"/{step}table=file:hostile.csv")
            assert answer.status_code == 200
            assert "onerror" in answer.text
            assert "<img" not in answer.text
            assert "\u202e" not in answer.text
            assert "\x1b" not in answer.text
    path.unlink()


def test_an_address_that_asks_for_nonsense_is_no_traceback(client: Client) -> None:
    for query in (
        "table=file:people.csv&facet=<script>",
        "table=file:people.csv&facet=sex&cut.sex=nan",
        "table=file:people.csv&facet=sex&label=hired&weight=hired",
        "table=file:people.csv&encoding=../../etc/passwd",
        "table=file:people.csv&delimiter=%00",
        "table=file:people.csv&delimiter=xx&header=maybe",
        "table=file:people.csv&sheet=x",
        "table=file:people.csv&facet=sex&range=1e400,2",
        "table=file:people.csv&facet=sex&facet=sex&facet=age&together=1",
        "table=file:people.csv&facet=\ud800".encode("utf-8", "surrogatepass").hex(),
        "table=file:people.csv&facet=%ED%A0%80&label=%FF",
    ):
        for step in ("columns", "count", "choose", "report"):
            answer = client.get(f"/{step}?{query}")
            assert answer.status_code in (200, 400, 404, 422), query
            assert "Traceback" not in answer.text
            assert "<script>&" not in answer.text


# Other users of the machine.


def test_uploads_are_their_owners_alone_and_go_with_the_server(folders: Any) -> None:
    with served(root=folders[0]) as client:
        shelf = _shelf(client)
        assert shelf.stat().st_mode & 0o777 == 0o700
        client.post("/upload", files={"file": ("a.csv", b"sex,hired\nF,1\n")})
        assert len([*shelf.iterdir()]) == 2
    assert not shelf.exists()


def test_what_a_killed_server_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from biaskit.browser.serving.uploads import Shelf\n"
        "shelf = Shelf(); (shelf.path / 'x.csv').write_text('x')\n"
        "print(shelf.path, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    left = Path(done.stdout.strip())
    assert (left / "x.csv").exists()
    other = tmp_path / "biaskit-app-link"
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x.csv").write_text("x")
    other.symlink_to(tmp_path / "kept")
    code = (
        "from biaskit.browser.serving.uploads import Shelf\n"
        "first = Shelf(); second = Shelf()\n"
        "print(first.path.exists(), second.path.exists()); first.close(); second.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["True", "True"]
    assert not left.exists()
    assert (tmp_path / "kept" / "x.csv").exists()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs another user")
def test_another_user_sees_nothing(folders: tuple[Path, Path]) -> None:
    nobody = 65534
    with served(root=folders[0]) as client:
        shelf = _shelf(client)
        client.post("/upload", files={"file": ("a.csv", b"sex,hired\nF,1\n")})
        request = f"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{client.port}\\r\\n\\r\\n"
        commands = {
            f"ls {shelf}": "Permission denied",
            f"cat {shelf}/*": "Permission denied",
            f"exec 3<>/dev/tcp/127.0.0.1/{client.port}; printf '{request}' >&3; head -1 <&3": "403",
        }
        for command, told in commands.items():
            done = subprocess.run(
                ["/bin/bash", "-c", command],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
                user=nobody,
                group=nobody,
                extra_groups=[],
            )
            assert told in done.stdout
            assert "hired" not in done.stdout


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs another user")
def test_what_another_user_has_left_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / "biaskit-app-theirs"
    theirs.mkdir()
    (theirs / "open").write_bytes(b"")
    ours = tmp_path / "biaskit-app-ours"
    shutil.copytree(theirs, ours)
    os.chown(theirs, 65534, 65534)
    Shelf().close()
    assert theirs.exists()
    assert not ours.exists()


def test_the_key_is_in_no_command_that_others_see(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$*" > {told}.part && mv {told}.part {told}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setattr("webbrowser._tryorder", None)
    with served(root=folders[0]) as client:
        client.app.open()
        until = time.monotonic() + 10
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.05)
        address = told.read_text()
        assert client.key not in address
        leading = Path(address.removeprefix("file://"))
        assert leading.stat().st_mode & 0o777 == 0o600
        assert client.key in leading.read_text()
    assert not leading.exists()


# Proxies.


def test_one_proxy_may_stand_in_front(folders: tuple[Path, Path]) -> None:
    with served(
        root=folders[0], base_path="/user/ann/proxy/{port}/", allow_host="hub.example.org"
    ) as client:
        base = f"/user/ann/proxy/{client.port}"
        assert client.app.url.startswith(f"https://hub.example.org{base}/?key=")
        hub = {"host": "hub.example.org"}
        for path in (f"{base}/", "/"):  # a proxy may cut the path off
            answer = client.plain.get(f"{path}?key={client.key}", headers=hub)
            assert answer.status_code == 303
            within = client.app._server.access.within
            assert within.startswith(f"{base}/")
            assert answer.headers["location"] == within
            assert f"Path={within}; SameSite=strict; Secure" in answer.headers["set-cookie"]
            client.plain.cookies.clear()
            assert client.get(path, headers=hub).status_code == 200
        for other in ("evil.example", "hub.example.org.evil", "sub.hub.example.org"):
            assert client.get("/", headers={"host": other}).status_code == 421
        for origin in ("http://hub.example.org", "https://hub.example.org:444", "https://evil"):
            answer = client.post(f"{base}/jobs/x/cancel", headers={**hub, "origin": origin})
            assert answer.status_code == 403
        own = {**hub, "origin": "https://hub.example.org"}
        answer = client.post(f"{base}/jobs/x/cancel", headers=own, follow_redirects=False)
        assert answer.status_code == 303


@pytest.mark.parametrize("host", ["*", "", "a b", "a/b", "ftp://a", "user@a", "a:b", "a,b", "a\n"])
def test_a_proxy_is_one_host(host: str) -> None:
    with pytest.raises(RolesError, match="allow_host"):
        biaskit.app(allow_host=host, open_browser=False)


@pytest.mark.parametrize("path", ["x", "/../x", "/x?y", "/x y", "//evil", "/x\n"])
def test_the_path_of_a_proxy_is_a_path(path: str) -> None:
    with pytest.raises(RolesError, match="base_path"):
        biaskit.app(base_path=path, open_browser=False)


# The end.


@pytest.mark.slow
def test_it_stops_when_nobody_asks_any_more(folders: tuple[Path, Path]) -> None:
    with served(root=folders[0], idle="2s") as client:
        for _ in range(6):
            time.sleep(0.5)
            assert client.get("/").status_code == 200
        client.close()
        assert client.app.wait(20)
        assert not _shelf(client).exists()


def test_the_user_stops_it(folders: tuple[Path, Path]) -> None:
    with served(root=folders[0]) as client:
        assert "stopped" in words(client.post("/stop"))
        client.close()
        assert client.app.wait(20)
        assert not _shelf(client).exists()


# Other ports of this host, which browsers take for the same site, and send the same cookies.


def test_a_cookie_that_another_port_has_set_locks_nobody_out(client: Client) -> None:
    name = f"biaskit-{client.port}"
    for cookies in (
        f"{name}=x; {name}={client.key}",
        f"{name}={client.key}; {name}=x",
        f"{name}=x; {name}={client.key}; {name}=",
    ):
        assert client.plain.get("/", headers={"cookie": cookies}).status_code == 200
    assert client.plain.get("/", headers={"cookie": f"{name}=x; {name}=y"}).status_code == 403
