"""Files behind a filesystem: S3 on loopback, and filesystems of the caller's."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq
import pytest

import biaskit
from biaskit import BiaskitError, Counts
from biaskit.cli import main
from biaskit.counts.embedded import to_block
from biaskit.sources.files import ranges
from biaskit.sources.files.globs import matcher
from biaskit.sources.files.places import RemoteFile, _place, remote_files
from support import loopback
from support.carried import page_of

ROWS = {"sex": ["F", "M", "M", None], "y": [1, 0, 1, 1], "w": [1.0, 2.0, 3.0, 4.0]}
ROLES: dict[str, Any] = {"facet": "sex", "label": "y"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with loopback.s3() as port:
        yield port


@pytest.fixture
def bucket(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[fs.S3FileSystem, str]]:
    """Filesystem and an empty bucket on it; an address finds it by the environment alone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    place = fs.S3FileSystem(
        endpoint_override=f"127.0.0.1:{port}",
        scheme="http",
        region="us-east-1",
        access_key="of-nobody",
        secret_key="of-nothing",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )
    place.create_dir("loans")
    place.delete_dir_contents("loans")  # every S3 of a process has the same memory
    yield place, "loans"
    place.delete_dir("loans")


def put(place: Any, path: str, data: bytes) -> None:
    with place.open_output_stream(path, compression=None) as file:
        file.write(data)


def put_rows(place: Any, path: str, rows: dict[str, Any] = ROWS) -> None:
    with place.open_output_stream(path) as file:
        pq.write_table(pa.table(rows), file)


def test_addresses_globs_and_folders(bucket: tuple[Any, str]) -> None:
    place, _ = bucket
    for path in ("a/1.parquet", "a/2.parquet", "a/deep/3.parquet", "a/_x/4.parquet", "a/notes"):
        put_rows(place, f"loans/{path}")
    for address, files in (
        ("s3://loans/a/1.parquet", 1),
        ("s3://loans/a/*.parquet", 2),
        ("s3://loans/a/[12].parquet", 2),
        ("s3://loans/*/*.parquet", 2),
        ("s3://loans/**/3.parquet", 1),
        ("s3://loans/a", 3),
        ("s3://loans/a/", 3),
        ("s3://loans", 3),
        ("s3://loans/a/d*", 1),
        ("s3://loans/**/d*", 1),
    ):
        assert biaskit.count(address, **ROLES).rows == 4 * files, address
    both = ["s3://loans/a/1.parquet", "s3://loans/a/*.parquet"]
    assert biaskit.count(both, **ROLES).rows == 8
    for address, message in (
        ("s3://loans/a/5.parquet", "there is no file 's3://loans/a/5.parquet'"),
        ("s3://loans/b*/x", "no file matches 's3://loans/b"),
        ("s3://loans/a/notes", "'s3://loans/a/notes' has no known format"),
        ("s3://loans/a/_x/5*", "no file matches"),
        ("s4://loans/a", "; addresses begin with s3://, gs://, abfss:// or hdfs://"),
    ):
        with pytest.raises(BiaskitError) as raised:
            biaskit.count(address, **ROLES)
        assert message in str(raised.value)


def test_a_name_with_brackets_goes_before_what_they_stand_for(bucket: tuple[Any, str]) -> None:
    place, _ = bucket
    put_rows(place, "loans/a1.parquet")
    assert biaskit.count("s3://loans/a[1].parquet", **ROLES).rows == 4
    put_rows(place, "loans/a[1].parquet", {"sex": ["F"], "y": [1]})
    assert biaskit.count("s3://loans/a[1].parquet", **ROLES).rows == 1


def test_texts_and_names_of_every_kind(bucket: tuple[Any, str]) -> None:
    place, _ = bucket
    text = b"sex,y\nF,1\nM,0\n"
    put(place, "loans/a b%20c&d=e/x.csv", text)
    put(place, "loans/x.csv.gz", gzip.compress(text))
    put(place, "loans/x.jsonl", b'{"sex": "F", "y": 1}\n{"sex": "M", "y": 0}\n')
    expected = biaskit.count(pa.table({"sex": ["F", "M"], "y": [1, 0]}), **ROLES)
    for name in ("a b%20c&d=e/x.csv", "x.csv.gz", "x.jsonl"):
        assert biaskit.count(f"s3://loans/{name}", **ROLES).tables == expected.tables, name
    put(place, "loans/none.csv", b"")
    with pytest.raises(BiaskitError, match=r"'s3://loans/none.csv' is empty"):
        biaskit.count("s3://loans/none.csv", **ROLES)


def test_partitions_behind_an_address(bucket: tuple[Any, str]) -> None:
    place, _ = bucket
    for day in (1, 2):
        put_rows(place, f"loans/day=2026-01-0{day}/x.parquet")
    (table,) = biaskit.count("s3://loans", facet="day", label="y").tables.values()
    assert table.levels[0] == ("2026-01-01", "2026-01-02")
    assert table.n.sum() == 8


def test_a_filesystem_of_the_callers(bucket: tuple[Any, str], tmp_path: Path, port: int) -> None:
    place, _ = bucket
    put_rows(place, "loans/x.parquet")
    expected = biaskit.count(pa.table(ROWS), **ROLES)
    s3fs = pytest.importorskip("fsspec")
    memory = s3fs.filesystem("memory")
    with memory.open("/loans/x.parquet", "wb") as file:
        pq.write_table(pa.table(ROWS), file)
    for filesystem in (place, fs.SubTreeFileSystem("loans", place), memory):
        path = "x.parquet" if isinstance(filesystem, fs.SubTreeFileSystem) else "loans/x.parquet"
        found = biaskit.count(path, **ROLES, filesystem=filesystem)
        assert found.tables == expected.tables
        report = biaskit.report([path], **ROLES, filesystem=filesystem)
        assert report.equals(biaskit.report(pa.table(ROWS), **ROLES))
    with pytest.raises(BiaskitError, match="filesystem= applies to paths only, but data is a T"):
        biaskit.count(pa.table(ROWS), **ROLES, filesystem=place)


def test_a_filesystem_to_which_a_path_is_an_address() -> None:
    """As that of fsspec for HTTP, whose servers give what is asked for of a file."""
    fsspec = pytest.importorskip("fsspec")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(ROWS), sink)
    content = sink.getvalue().to_pybytes()
    asked = []

    class Web(fsspec.AbstractFileSystem):  # type: ignore[misc, name-defined]
        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            if path != "web://here/x.parquet":
                raise FileNotFoundError(path)
            return {"name": path, "size": len(content), "type": "file"}

        def cat_file(self, path: str, start: int, end: int, **_: Any) -> bytes:
            asked.append((path, start, end))
            return content[start:end]

    found = biaskit.count("web://here/x.parquet", **ROLES, filesystem=Web())
    assert found.tables == biaskit.count(pa.table(ROWS), **ROLES).tables
    assert asked == [("web://here/x.parquet", 0, len(content))]
    with pytest.raises(BiaskitError, match=r"there is no file 'web://here/y.parquet'"):
        biaskit.count("web://here/y.parquet", **ROLES, filesystem=Web())


def test_counts_behind_an_address(bucket: tuple[Any, str], tmp_path: Path, capsys: Any) -> None:
    place, _ = bucket
    expected = biaskit.count(pa.table(ROWS), **ROLES)
    expected.save(tmp_path / "x.counts")
    put(place, "loans/x.counts", (tmp_path / "x.counts").read_bytes())
    assert Counts.load("s3://loans/x.counts").tables == expected.tables
    assert biaskit.report("s3://loans/x.counts").equals(biaskit.report(expected))
    put(place, "loans/x.html", page_of(to_block(expected)).encode())
    assert Counts.load("s3://loans/x.html").tables == expected.tables
    assert biaskit.report("s3://loans/x.html").equals(biaskit.report(expected))
    merged = str(tmp_path / "merged.counts")
    assert main(["merge", "s3://loans/x.counts", str(tmp_path / "x.counts"), "-o", merged]) == 0
    assert Counts.load(merged).rows == 8
    capsys.readouterr()
    for address, message in (
        ("s3://loans/y.html", "there is no file 's3://loans/y.html'"),
        ("s3://loans/y.counts", "there is no file 's3://loans/y.counts'"),
        ("s3://nowhere/y.counts", "there is no file 's3://nowhere/y.counts'"),
    ):
        assert main(["report", address]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(BiaskitError, match="is an address; write a file here"):
        expected.save("s3://loans/z.counts")


def test_a_password_in_an_address_is_not_shown(port: int) -> None:
    options = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
    place = fs.FileSystem.from_uri(
        f"s3://of-nobody:hidden@notes/?{options}&allow_bucket_creation=true"
    )[0]
    place.create_dir("notes")
    put_rows(place, "notes/x.parquet")
    (file,) = remote_files(f"s3://of-nobody:hidden@notes/x.parquet?{options}", None, ())
    assert str(file) == "s3://notes/x.parquet"


def test_globs_match_as_those_of_this_machine() -> None:
    for glob, path, matches in (
        ("a/*.csv", "a/b.csv", True),
        ("a/*.csv", "a/b/c.csv", False),
        ("a/**/c.csv", "a/c.csv", True),
        ("a/**/c.csv", "a/b/b/c.csv", True),
        ("a/**", "a/b/c", True),
        ("a/?.csv", "a/b.csv", True),
        ("a/?.csv", "a/bb.csv", False),
        ("a/[!b].csv", "a/b.csv", False),
        ("a/[a-c].csv", "a/b.csv", True),
        ("a/(b|c).csv", "a/b.csv", False),
    ):
        assert matcher(glob)(path) is matches, (glob, path)


def test_the_command_line_reads_an_address(
    bucket: tuple[Any, str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = bucket
    put_rows(place, "loans/x.parquet")
    call = [sys.executable, "-m", "biaskit", "report", "s3://loans/*.parquet"]
    flags = ["--facet", "sex", "--label", "y", "--metrics", "CI", "--format", "csv"]
    done = subprocess.run([*call, *flags], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].startswith("pre-training,sex,F,CI,0.333")
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    assert main(["count", "s3://loans/x.parquet", *flags[:4], "--plan"]) == 0
    assert "1  encoded  dictionary-encoded" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.counts"])
def test_scores_behind_an_address(
    name: str, bucket: tuple[Any, str], tmp_path: Path, capsys: Any
) -> None:
    place, _ = bucket
    rng = np.random.default_rng(2)
    chance = rng.random(200).round(3)
    rows = {
        "sex": rng.choice(["F", "M"], 200).tolist(),
        "y": (rng.random(200) < chance).astype(int).tolist(),
        "s": chance.tolist(),
    }
    roles: dict[str, Any] = {**ROLES, "score": "s"}
    counts = biaskit.count(pa.table(rows), **roles)
    if name == "x.parquet":
        put_rows(place, f"loans/{name}", rows)
    elif name == "x.csv":
        lines = [
            ",".join(rows),
            *(",".join(map(str, one)) for one in zip(*rows.values(), strict=True)),
        ]
        put(place, f"loans/{name}", "\n".join(lines).encode())
    else:
        counts.save(tmp_path / name)
        put(place, f"loans/{name}", (tmp_path / name).read_bytes())
    flags = [] if name == "x.counts" else ["--facet", "sex", "--label", "y", "--score", "s"]
    call = [f"s3://loans/{name}", *flags, "--format", "json"]
    assert main(["report", *call, "--metrics", "AUCD,W1,CALD"]) == 0
    told = json.loads(capsys.readouterr().out)["report"]
    own = biaskit.report(counts, metrics="AUCD,W1,CALD")
    assert [row["estimate"] for row in told] == pytest.approx(own["estimate"].tolist(), abs=1e-12)
    assert main(["sweep", *call, "--metrics", "RD,DPPL", "--thresholds", "0.3,0.5"]) == 0
    told = json.loads(capsys.readouterr().out)["sweep"]
    own = biaskit.sweep(counts, metrics="RD,DPPL", thresholds=[0.3, 0.5])
    assert [row["estimate"] for row in told] == own["estimate"].tolist()
    assert main(["calibration", *call, "--bins", "4"]) == 0
    told = json.loads(capsys.readouterr().out)["calibration"]
    assert [row["n"] for row in told] == biaskit.calibration(counts, bins=4)["n"].tolist()


def test_counting_addresses_goes_on(
    bucket: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    place, _ = bucket
    call = ["count", "s3://loans", "--facet", "sex", "--label", "y", "--resume", "-o", "x.counts"]
    put_rows(place, "loans/1.parquet")
    assert main(call) == 0
    put_rows(place, "loans/2.parquet")
    assert main(call) == 0
    assert "8 rows of 2 files, 1 of them counted before" in capsys.readouterr().out
    assert Counts.load("x.counts").rows == 8
    put_rows(place, "loans/1.parquet", {"sex": ["F"], "y": [0]})
    assert main(call) == 2
    assert "s3://loans/1.parquet has changed since" in capsys.readouterr().err


# -------------------------------------------------------------------------------- other stores


@pytest.fixture(scope="module")
def google() -> Iterator[tuple[fs.FileSystem, str]]:
    """Filesystem of Google's with a bucket, and the options of an address that lead there."""
    with loopback.gcs("loans") as port:
        options = f"?endpoint_override=127.0.0.1:{port}&scheme=http&retry_limit_seconds=5"
        place, _ = fs.FileSystem.from_uri(f"gs://anonymous@loans/{options}")
        for path in ("1.parquet", "2.parquet", "deep/day=3/3.parquet", "_x/4.parquet", "notes"):
            put_rows(place, f"loans/a/{path}")
        put_rows(place, "loans/a b%20c&d=e/5.parquet")
        yield place, options


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("a/1.parquet", 4),
        ("a/*.parquet", 8),
        ("a/[12].parquet", 8),
        ("**/3.parquet", 4),
        ("a", 12),
        ("a/", 12),
        ("", 16),
        ("a b%20c&d=e/5.parquet", 4),
    ],
)
def test_addresses_at_googles(path: str, rows: int, google: tuple[Any, str]) -> None:
    place, options = google
    assert biaskit.count(f"gs://anonymous@loans/{path}{options}", **ROLES).rows == rows
    found = biaskit.count(f"loans/{path}", **ROLES, filesystem=place)
    assert found.rows == rows


def test_partitions_and_kernels_at_googles(
    google: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, options = google
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    address = f"gs://anonymous@loans/a/deep{options}"
    (table,) = biaskit.count(address, facet="sex", label="day").tables.values()
    assert table.levels[1] == (3,)
    assert table.n.sum() == 4


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("loans/5.parquet", "there is no file 'gs://anonymous@loans/5.parquet'"),
        ("loans/b*/x", r"no file matches 'gs://anonymous@loans/b\*/x'"),
        ("loans/a/notes", "'gs://anonymous@loans/a/notes' has no known format"),
        ("nowhere/x.parquet", "there is no file 'gs://anonymous@nowhere/x.parquet'"),
        ("nowhere", "there is no file 'gs://anonymous@nowhere'"),
    ],
)
def test_what_is_not_at_googles(address: str, message: str, google: tuple[Any, str]) -> None:
    _, options = google
    with pytest.raises(BiaskitError, match=message):
        biaskit.count(f"gs://anonymous@{address}{options}", **ROLES)


@pytest.mark.slow
def test_googles_store_that_does_not_answer() -> None:
    """Unless it is told otherwise, pyarrow asks it for a quarter of an hour."""
    address = f"gs://anonymous@loans/x.csv?endpoint_override=127.0.0.1:{loopback.free_port()}"
    told = f"{address}&scheme=http&retry_limit_seconds=1"
    for given, limit in ((address, "&retry_limit_seconds=30"), (told, "")):
        place, _, path = _place(given, None)
        assert (place, path) == fs.FileSystem.from_uri(given + limit)
    with pytest.raises(BiaskitError, match=r"'gs://anonymous@loans/x.csv' cannot be looked up: "):
        biaskit.count(told, **ROLES)


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("abfss://loans@people.dfs.core.windows.net/", "loans/a/x.csv"),
        ("abfs://people.blob.core.windows.net/loans/", "loans/a/x.csv"),
        ("abfs://people@127.0.0.1:10000/loans/", "loans/a/x.csv"),
        ("abfs://people@loans/", "loans/a/x.csv"),
        ("file:///loans/", "/loans/a/x.csv"),  # a root of its own, as HDFS has
    ],
)
def test_where_addresses_lead(root: str, path: str) -> None:
    if root.startswith("abfs") and not hasattr(fs, "AzureFileSystem"):
        pytest.skip("this pyarrow has no filesystem of Azure")
    options = "?credential_kind=anonymous" if root.startswith("abfs") else ""
    _, shown, found = _place(f"{root}a/x.csv{options}", None)
    assert (found, shown(found)) == (path, f"{root}a/x.csv")
    _, shown, found = _place(f"{root}{options}", None)
    assert found == path.removesuffix("/a/x.csv")
    assert shown(path) == f"{root}a/x.csv"


def test_a_glob_that_matches_folders_means_their_files(tmp_path: Path) -> None:
    """Elsewhere as here: a file that matches goes before the folders that do."""
    place = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    for name in ("lake/day=1/x.parquet", "lake/day=2/in/x.parquet", "lake/day=3/_x.parquet"):
        (tmp_path / name).parent.mkdir(parents=True)
        put_rows(place, name)
    (tmp_path / "lake/day=2/notes").write_text("no rows")
    for pattern, days in (("lake/day=[12]", 2), ("lake/day=*", 2), ("la*/day=1", 1), ("la*", 2)):
        here = biaskit.count(str(tmp_path / pattern), facet="sex", label="y", group="day")
        there = biaskit.count(pattern, facet="sex", label="y", group="day", filesystem=place)
        assert here.rows == there.rows == 4 * days, pattern
        assert here.tables == there.tables
    for pattern, say in (("lake/day=3*", "the folders that match .* have no file ending in"),):
        with pytest.raises(BiaskitError, match=say):
            biaskit.count(str(tmp_path / pattern), **ROLES)
        with pytest.raises(BiaskitError, match="no file matches"):
            biaskit.count(pattern, **ROLES, filesystem=place)
    put_rows(place, "lake/day=4.parquet")
    assert biaskit.count(str(tmp_path / "lake/day=*"), **ROLES).rows == 4
    assert biaskit.count("lake/day=*", **ROLES, filesystem=place).rows == 4


def test_globs_and_folders_of_a_filesystem_with_a_root(tmp_path: Path) -> None:
    put_rows(fs.LocalFileSystem(), f"{tmp_path}/x.parquet")
    for name in ("/x.parquet", "/*.parquet", "", "/"):
        assert biaskit.count(f"file://{tmp_path}{name}", **ROLES).rows == 4, name


@pytest.mark.parametrize(
    "address",
    [
        "s4://of-nobody:hidden@notes/x.csv?sig=hidden",
        "s3://of-nobody:hidden@notes/x.csv?endpoint_override=127.0.0.1:1&hidden=1",
        "s3://of-nobody:hidden@no tes/x.csv?hidden=1",
        "abfss://loans@people.dfs.core.windows.net/x.csv?credential_kind=hidden",
    ],
)
def test_what_an_address_keeps_secret_is_not_in_an_error(address: str) -> None:
    for call in (Counts.load, biaskit.report, lambda one: biaskit.compare(one, one)):
        with pytest.raises(BiaskitError) as raised:
            call(address.replace("x.csv", "x.counts"))
        assert "hidden@" not in str(raised.value)
        assert "=hidden" not in str(raised.value)
    with pytest.raises(BiaskitError, match=r"x.csv' cannot be looked up: ") as raised:
        biaskit.count(address, **ROLES)
    assert "hidden@" not in str(raised.value)
    assert "=hidden" not in str(raised.value)


# ----------------------------------------------------------------------------------- the wire


def people(rows: int) -> pa.Table:
    """Two columns that roles name, and five of noise."""
    rng = np.random.default_rng(0)
    sex = pa.DictionaryArray.from_arrays(rng.integers(0, 16, rows), [f"s{i}" for i in range(16)])
    noise = {f"noise {i}": rng.random(rows) for i in range(5)}
    return pa.table(
        {"noise": noise.pop("noise 0"), "sex": sex, **noise, "y": rng.integers(0, 99, rows)}
    )


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["always", "never"])
def test_the_bytes_of_the_needed_columns_and_few_more_are_read(
    kernels: str, bucket: tuple[Any, str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = bucket
    monkeypatch.setenv("BIASKIT_KERNELS", kernels)
    rows = 3_200_000
    with place.open_output_stream("loans/big.parquet") as file:
        pq.write_table(people(rows), file, row_group_size=400_000)
    with place.open_input_file("loans/big.parquet") as file:
        metadata = pq.ParquetFile(file).metadata
        assert file.size() > 120_000_000
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(i) for group in groups for i in range(7)]
    needed = [chunk for chunk in chunks if chunk.path_in_schema in {"sex", "y"}]
    size = sum(chunk.total_compressed_size for chunk in needed)
    with loopback.proxy(port) as (front, traffic):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front}")
        assert biaskit.count("s3://loans/big.parquet", **ROLES).rows == rows
    assert size < traffic.sent < 1.3 * size
    assert traffic.requests <= len(needed) + 1


@pytest.mark.slow
def test_what_is_needed_is_asked_for_several_at_a_time(
    bucket: tuple[Any, str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = bucket
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    rows = 40_000
    for name in ("a", "b", "c"):
        with place.open_output_stream(f"loans/{name}.parquet") as file:
            pq.write_table(people(rows), file, row_group_size=5_000)
    monkeypatch.setattr(ranges, "_WHOLE", 0)
    with loopback.proxy(port) as (front, traffic):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front}")
        traffic.delay = 0.1
        assert biaskit.count("s3://loans/a.parquet", **ROLES).rows == rows
        assert traffic.most >= 4
        traffic.most = 0
        assert biaskit.count("s3://loans", **ROLES).rows == 3 * rows
        assert traffic.most >= 4
    assert traffic.requests <= 4 * (1 + 8 * 2)


@pytest.mark.slow
def test_small_files_are_one_request_each(
    bucket: tuple[Any, str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = bucket
    for i in range(12):
        put_rows(place, f"loans/day={i:02d}/x.parquet")
    with loopback.proxy(port) as (front, traffic):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front}")
        traffic.delay = 0.05
        assert biaskit.count("s3://loans", **ROLES, group="day").rows == 12 * 4
    assert traffic.requests == 12
    assert traffic.most >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl", "x.jsonl.zst"])
def test_long_texts_are_asked_for_in_pieces_several_at_a_time(
    name: str, bucket: tuple[Any, str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = bucket
    rng = np.random.default_rng(0)
    table = pa.table({"sex": ["F", "M"] * 20_000, "y": [True] * 40_000, "x": rng.random(40_000)})
    rows = table.to_pylist()
    if ".csv" in name:
        text = "sex,y,x\n" + "".join(f"{r['sex']},{r['y']},{r['x']}\n" for r in rows)
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
    data = text.encode()
    if name.endswith((".gz", ".zst")):
        with pa.BufferOutputStream() as sink:
            with pa.CompressedOutputStream(sink, "gzip" if ".gz" in name else "zstd") as file:
                file.write(data)
            data = sink.getvalue().to_pybytes()
    put(place, f"loans/{name}", data)
    for limit, size in {"_WHOLE": 0, "_LONGEST": 50_000}.items():
        monkeypatch.setattr(ranges, limit, size)
    with loopback.proxy(port) as (front, traffic):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front}")
        traffic.delay = 0.05
        found = biaskit.count(f"s3://loans/{name}", **ROLES)
        assert found.tables == biaskit.count(table, **ROLES).tables
        assert traffic.sent == len(data)
        assert traffic.requests <= 2 + len(data) // 50_000
        assert traffic.most >= min(4, len(data) // 50_000)
        traffic.requests = 0
        roles = {"facet": "sex", "predicted": "y", "features": "x", "metrics": ["FT"]}
        assert len(biaskit.report(f"s3://loans/{name}", **roles)) == 2
        assert traffic.requests <= 2 + len(data) // 50_000


def test_a_file_that_becomes_shorter_while_it_is_read(
    bucket: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = bucket
    monkeypatch.setenv("BIASKIT_KERNELS", "always")
    put_rows(place, "loans/x.parquet")
    (file,) = remote_files("loans/x.parquet", place, ())
    longer = RemoteFile(place, file.path, str(file), file.size + 100, None)
    with pytest.raises(BiaskitError, match=r"x.parquet' cannot be read as parquet: .* replaced"):
        biaskit.count(longer, **ROLES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "trouble"),
    [("parquet", "breaks off"), ("parquet", "throttles"), ("csv", "breaks off")],
)
def test_a_read_that_fails_half_way(
    form: str,
    trouble: str,
    bucket: tuple[Any, str],
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    place, _ = bucket
    if form == "parquet":
        with place.open_output_stream("loans/x.parquet") as file:
            pq.write_table(people(200_000), file)
    else:
        put(place, "loans/x.csv", b"sex,y\n" + b"F,1\nM,0\n" * 400_000)
    output = tmp_path / "x.counts"
    call = ["count", f"s3://loans/x.{form}", "--facet", "sex", "--label", "y", "-o", str(output)]
    with loopback.proxy(port) as (front, traffic):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front}")
        traffic.throttles = trouble == "throttles"
        traffic.breaks_after = 120_000 if trouble == "breaks off" else None
        code = main(call)
    told = capsys.readouterr().err
    assert code == 2
    assert f"s3://loans/x.{form}' cannot be read as {form}: " in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_remote_file_is_one_of_its_name() -> None:
    one, other = (RemoteFile(place, "b/x", "s3://b/x", 1, None) for place in (1, 2))
    assert {one, other} == {one}
