"""Secrets in addresses: in no message, no traceback, no output; and none goes where a file says."""

from __future__ import annotations

import io
import json
import time
import traceback
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.sources.dispatch import source_of
from biaskit.sources.files.places import remote_files
from biaskit.sources.files.reading import FORMATS
from biaskit.store.addresses import said, servers_of, shown, with_quoted_password, without_secrets

ROLES = {"facet": "g", "label": "y"}
FLAGS = ["--facet", "g", "--label", "y"]
#: Every secret below has this in it.
HIDDEN = "HIDDEN"
#: Nothing is asked over a network: each is wrong in a way that is seen before.
ADDRESSES = [
    "s3://AKIA:ab/cHIDDEN@bucket/x.parquet?nonsense=1",
    "s3://AKIA:HIDDEN/ab/c@bucket/x.parquet?nonsense=1",
    "s3://AKIA:ab+cHIDDEN==@bucket/x.parquet?nonsense=1",
    "s3://AKIA:p%40ssHIDDEN@bucket/x.parquet?nonsense=HIDDEN",
    "s3://AKIA:a?HIDDEN@bucket/x.parquet?nonsense=1",
    "s3://AKIA:a@b:HIDDEN@bucket/x.parquet?nonsense=1",
    "s3://AKIA:a b'HIDDEN@bucket/x.parquet?nonsense=1",
    's3://AKIA:a"HIDDEN@bucket/x.parquet?nonsense=1',
    "s3://AKIA:HIDDEN@no tes/x.parquet?nonsense=1",
    "s3://bucket/x.parquet?secret_key=HIDDEN&nonsense=1",
    "s3://bucket/x.parquet?secret_key=a b HIDDEN&nonsense=1",
    "s3://bucket/x.parquet?secret_key=a'HIDDEN&nonsense=1",
    "s3://HIDDEN@bucket/x.parquet?nonsense=1",
    "s3:/AKIA:ab/HIDDEN@bucket/x.parquet",
    "S3://AKIA:HIDDEN@bucket/x.parquet#frag",
    "abfss://c@acct.dfs.core.windows.net/x.parquet?sv=2024&sig=HIDDEN&nonsense=1",
    "abfs://:HIDDEN/abc==@acct.dfs.core.windows.net/c/x.parquet?nonsense=1",
    "https://host/x.parquet?X-Amz-Signature=HIDDEN",
    "https://user:HIDDEN@host/x.parquet",
    "hdfs://user:HIDDEN@host:1/x.parquet?nonsense=1",
    "gs://AB:HIDDEN@bucket/x.parquet?nonsense=1",
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIASKIT_ENDPOINTS", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    pq.write_table(pa.table({"g": ["F", "M"] * 9, "y": [0, 1, 1] * 6}), "rows.parquet")
    biaskit.count("rows.parquet", **ROLES).save("rows.counts")
    return tmp_path


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_error_shows_a_secret(here: Path, address: str) -> None:
    of_counts = address.replace("x.parquet", "x.counts")
    calls: list[Any] = [
        lambda: biaskit.count(address, **ROLES),
        lambda: biaskit.report([address], **ROLES),
        lambda: Counts.load(of_counts),
        lambda: Counts.load("rows.counts").save(of_counts),
        lambda: biaskit.compare(of_counts, "rows.counts"),
        lambda: biaskit.compare("rows.counts", of_counts),
    ]
    for call in calls:
        with pytest.raises(BiaskitError) as failed:
            call()
        assert HIDDEN not in "".join(traceback.format_exception(failed.value))
        assert HIDDEN not in repr(failed.value)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_output_shows_a_secret(here: Path, address: str, capsys: Any) -> None:
    of_counts = address.replace("x.parquet", "x.counts")
    for argv in (
        ["report", address, *FLAGS],
        ["report", "rows.parquet", *FLAGS, "--format", address],
        ["report", "rows.parquet", *FLAGS, f"--nonsense={address}"],
        ["report", "rows.parquet", *FLAGS, f"--metrics={address}"],
        ["report", "rows.parquet", *FLAGS, "-o", address],
        ["check", address, *FLAGS, "--limit", "DPL=0.1"],
        ["check", address, *FLAGS, "--limit", "DPL=0.1", "--format", "json"],
        ["check", "--config", address],
        ["merge", of_counts, of_counts, "-o", "m.counts"],
        ["compare", of_counts, of_counts],
        ["count", address, *FLAGS, "--resume", "-o", "r.counts"],
        ["explain", "--model", address, "rows.parquet", "--facet", "g"],
        [address],
    ):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert HIDDEN not in out + err, argv


@pytest.mark.slow
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "keys",
    [
        "files = [{0}]\nlimits = {{DPL = 0.1}}",
        "files = {0}\nlimits = {{DPL = 0.1}}\nnonsense = 1",
        'files = "rows.parquet"\nlimits = {{DPL = 0.1}}\nname = {0}\nnonsense = 1',
        'files = "rows.parquet"\nbaseline = {0}\ndrift = 0.1',
        'files = "rows.parquet"\nbaseline = "x.counts"\ndrift = {0}',
    ],
)
def test_no_broken_configuration_shows_a_secret(
    here: Path, address: str, keys: str, capsys: Any
) -> None:
    text = keys.format(json.dumps(address))
    Path("biaskit.toml").write_text(f'[[data]]\nfacet = "g"\nlabel = "y"\n{text}\n')
    for argv in (["check"], ["check", "--format", "json"], ["check", "--dry-run"], ["baseline"]):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert HIDDEN not in out + err


def test_what_is_shown_of_an_address() -> None:
    assert said("s3://AKIA:ab/c@d@bucket/x.csv?a=b") == "'s3://bucket/x.csv'"
    for kept in (
        "s3://bucket/a@b.csv",
        "file:///a@b.csv",
        "abfss://box@acct.dfs.core.windows.net/a:b.csv",
        "C:/a@b",
    ):
        assert shown(kept) == without_secrets(kept) == kept
    assert without_secrets("between s3://a:b@c/d and s3://e/f, mail me@x") == (
        "between s3://c/d and s3://e/f, mail me@x"
    )


def test_hiding_takes_no_time_that_grows_with_the_square_of_a_text() -> None:
    start = time.perf_counter()
    for text in ("s3://" * 9_000, "@" + "s3://a:" * 9_000, "ab://?" * 9_000):
        without_secrets(text)
    assert time.perf_counter() - start < 60  # backtracking would take hours


def test_a_password_may_have_any_character() -> None:
    assert with_quoted_password("s3://AKIA:a/b+c@d?=@bucket/x?region=r") == (
        "s3://AKIA:a%2Fb%2Bc%40d%3F%3D@bucket/x?region=r"
    )
    assert with_quoted_password("s3://AKIA:a%2Fb@bucket/x") == "s3://AKIA:a%2Fb@bucket/x"
    # pyarrow takes it, and fails at the option only.
    with pytest.raises(BiaskitError, match=r"'s3://bucket/x\.csv' cannot be looked up: .*nonsense"):
        biaskit.count("s3://AKIA:a/b+c@d@bucket/x.csv?nonsense=1", **ROLES)


# ---------------------------------------------------------------------------- signed addresses


class Web(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """What fsspec's filesystem of HTTP is: a path is the whole address."""

    protocol = "https"
    cachable = False

    def __init__(self, content: bytes, error: Exception | None = None):
        super().__init__()
        self.content, self.error = content, error

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        assert path.endswith(f"?X-Amz-Signature={HIDDEN}.%2F*&x=[1]")
        return {"name": path, "size": len(self.content), "type": "file"}

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        if self.error is not None:
            raise self.error
        return self.content[start:end]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if self.error is not None:
            raise self.error
        return io.BytesIO(self.content)


SIGNED = f"https://host/part=1/rows.parquet?X-Amz-Signature={HIDDEN}.%2F*&x=[1]"


def test_a_signed_address_is_read(here: Path) -> None:
    web = Web(Path("rows.parquet").read_bytes())
    assert biaskit.count(SIGNED, filesystem=web, **ROLES).rows == 18
    (file,) = remote_files(SIGNED, web, FORMATS)
    assert str(file) == "https://host/part=1/rows.parquet"
    assert (file.name, file.suffix) == ("rows.parquet", ".parquet")
    assert HIDDEN not in repr(file)
    assert "part" in source_of(SIGNED, web).names()


def test_a_file_of_unknown_length(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(b"")
    monkeypatch.setattr(web, "info", lambda path, **_: {"name": path, "size": None, "type": "file"})
    with pytest.raises(BiaskitError, match="does not report the size of 'https://host/part=1/rows"):
        biaskit.count(SIGNED, filesystem=web, **ROLES)


class ClientError(Exception):
    """An error of a store's own kind, such as aiohttp and botocore raise."""


@pytest.mark.parametrize("error", [OSError, PermissionError, ClientError, TimeoutError])
def test_no_error_about_a_signed_address_shows_it(here: Path, error: type[Exception]) -> None:
    content = Path("rows.parquet").read_bytes()
    failing = Web(content, error(f"403, message='Forbidden', url='{SIGNED}'"))
    for web, facet in ((failing, "g"), (Web(content), "none")):
        with pytest.raises(BiaskitError, match=r"https://host/part=1/rows\.parquet") as failed:
            biaskit.count(SIGNED, filesystem=web, facet=facet)
        assert HIDDEN not in "".join(traceback.format_exception(failed.value))


# ----------------------------------------------------------------- where a configuration leads


LEADS = [
    ("s3://x/y.csv?endpoint_override=127.0.0.1:9&scheme=http", "127.0.0.1:9"),
    ("s3://x/y.csv?endpoint%5Foverride=evil.example", "evil.example"),
    ("s3://k:a/b@x/y.csv?region=r&endpoint_override=evil.example", "evil.example"),
    ("s3://x/y.csv?scheme=http", "scheme"),
    ("s3://x/y.csv?tls_ca_file_path=x.pem", "tls_ca_file_path"),
    ("gs://x/y.csv?endpoint_override=evil.example", "evil.example"),
    ("abfss://box@evil.example/y.csv", "evil.example"),
    ("abfss://acct@evil.core.windows.net.example/box/y.csv", "evil.core.windows.net.example"),
    ("abfss://c@acct.dfs.core.windows.net/y.csv?dfs_storage_authority=e.example", "e.example"),
]


@pytest.mark.parametrize(("address", "server"), LEADS)
def test_a_configuration_does_not_say_where_credentials_go(
    here: Path, address: str, server: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(text: str, *_: Any) -> Any:
        raise OSError("a server is asked")

    monkeypatch.setattr("biaskit.sources.files.places._place", asked)
    monkeypatch.setattr("biaskit.sources.dispatch.saved_counts", lambda _: asked(""))
    for keys in (
        f'files = "{address}"\nlimits = {{DPL = 0.1}}',
        f'files = "rows.parquet"\nbaseline = "{address.replace(".csv", ".counts")}"\ndrift = 0.1',
    ):
        Path("biaskit.toml").write_text(f'[[data]]\nfacet = "g"\nlabel = "y"\n{keys}\n')
        for verb in (["check"], ["check", "--dry-run"], ["baseline"]):
            assert main(verb) == 2
            out = "".join(capsys.readouterr())
            if (verb, "baseline" in keys) == (["baseline"], False):
                continue
            assert f"would be requested through {server!r}" in out
            assert f"set BIASKIT_ENDPOINTS={server} in the environment" in out
    monkeypatch.setenv("BIASKIT_ENDPOINTS", f"other.example, {server}")
    Path("biaskit.toml").write_text(
        f'[[data]]\nfacet = "g"\nlabel = "y"\nfiles = "{address}"\nlimits = {{DPL = 0.1}}\n'
    )
    assert main(["check"]) == 2
    assert "a server is asked" in capsys.readouterr().out
    # What a person types is that person's own.
    monkeypatch.delenv("BIASKIT_ENDPOINTS")
    assert main(["check", address, *FLAGS, "--limit", "DPL=0.1"]) == 2
    assert "a server is asked" in capsys.readouterr().out


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/x.csv",
        "s3://bucket/x.csv?region=eu-west-1",
        "gs://bucket/x.csv",
        "abfss://box@acct.dfs.core.windows.net/x.csv",
        "abfss://box/x.csv",
        "abfss://box@acct.dfs.core.windows.net/x.csv?sv=2024&sig=x",
        "hdfs://name-node:8020/x.csv",
        "file:///x.csv?any=1",
    ],
)
def test_addresses_that_name_no_server_of_their_own(address: str) -> None:
    assert servers_of(address) == []
