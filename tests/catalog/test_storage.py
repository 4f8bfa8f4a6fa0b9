"""The warehouse: whole or not there, never over something else, never outside."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import gcsfs
import google_crc32c
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from real_gcs import GcsServer

from catalog.errors import InvalidInput, LakeError, NotAllowed, NotFound, StoreUnreachable
from catalog.storage import Warehouse, checksum_of, open_warehouse


@pytest.fixture(params=["local", "gcs"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """Return an empty warehouse, once in a folder and once in a bucket."""
    if request.param == "local":
        (tmp_path / "warehouse").mkdir()
        yield open_warehouse(str(tmp_path / "warehouse"))
        return
    server: GcsServer = request.getfixturevalue("gcs")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield open_warehouse(f"gs://{request.getfixturevalue('gcs_bucket')}/lake")


def test_what_was_written_is_read_back_whole_and_in_part(warehouse: Warehouse) -> None:
    path = f"{warehouse.uri}/t/metadata/a b'%é.avro"
    data = os.urandom(70_000)
    warehouse.write(path, data)
    assert warehouse.read(path) == data
    assert warehouse.read_range(path, 1000, 1010) == data[1000:1010]
    assert warehouse.size(path) == len(data)
    assert warehouse.exists(path)
    assert list(warehouse.walk()) == [(path, len(data))]
    assert list(warehouse.walk("t")) == [(path, len(data))]


def test_a_second_write_to_a_name_never_replaces_the_first(warehouse: Warehouse) -> None:
    path = f"{warehouse.uri}/t/metadata/00001.json"
    warehouse.write(path, b"first")
    with pytest.raises(LakeError):
        warehouse.write(path, b"second")
    assert warehouse.read(path) == b"first"
    assert list(warehouse.walk()) == [(path, 5)]


def test_a_second_file_under_a_name_never_replaces_the_first(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = f"{warehouse.uri}/t/data/1.parquet"
    for text in ("first", "second"):
        (tmp_path / text).write_text(text)
    warehouse.prepare(f"{warehouse.uri}/t/data")
    warehouse.publish(tmp_path / "first", path)
    with pytest.raises(LakeError):
        warehouse.publish(tmp_path / "second", path)
    assert warehouse.read(path) == b"first"


def test_publishing_tells_the_checksum_and_moves_the_file(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    data = os.urandom(300_000)
    staged = tmp_path / "staged"
    staged.write_bytes(data)
    warehouse.prepare(f"{warehouse.uri}/t/data")
    told = warehouse.publish(staged, f"{warehouse.uri}/t/data/1.parquet")
    assert told == f"crc32c:{google_crc32c.value(data):08x}"
    assert warehouse.read(f"{warehouse.uri}/t/data/1.parquet") == data
    assert not staged.exists()


def test_a_missing_object_is_not_found_and_deleting_it_is_no_error(warehouse: Warehouse) -> None:
    path = f"{warehouse.uri}/t/none"
    for ask in (warehouse.read, warehouse.size):
        with pytest.raises(NotFound, match="none"):
            ask(path)
    assert not warehouse.exists(path)
    warehouse.delete([path, path])


def test_reading_a_range_of_a_missing_object_is_an_error_of_the_lake(warehouse: Warehouse) -> None:
    with pytest.raises(LakeError):
        warehouse.read_range(f"{warehouse.uri}/t/none", 0, 10)


_OUTSIDE = [
    "{w}", "{w}/", "{w}/..", "{w}/../x", "{w}/a/../../x", "{w}x/a", "{w}-other/a", "/etc/passwd",
    "file:///etc/passwd", "file://host{w}/a", "gs://other/lake/a", "s3://bucket/lake/a", "a/b", "",
    "{w}/a\x00b", "http://127.0.0.1/x", "memory://x", "{w}/a/../../../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("path", _OUTSIDE, ids=ascii)
def test_no_verb_leaves_the_warehouse(warehouse: Warehouse, path: str) -> None:
    path = path.replace("{w}", warehouse.uri)
    verbs = (
        lambda: warehouse.contain(path),
        lambda: warehouse.read(path),
        lambda: warehouse.write(path, b"x"),
        lambda: warehouse.delete([path]),
        lambda: warehouse.size(path),
        lambda: warehouse.exists(path),
        lambda: warehouse.read_range(path, 0, 1),
    )
    for verb in verbs:
        with pytest.raises(NotAllowed):
            verb()


@given(st.lists(st.sampled_from(["a", "b.c", "..", ".", "", "é", "~", "%2e%2e", "*"]), max_size=6))
@example(["..", "warehouse", "a"])
def test_a_contained_local_path_lies_inside_after_every_step_is_taken(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    root = tmp_path_factory.getbasetemp() / "containment" / "warehouse"
    root.mkdir(parents=True, exist_ok=True)
    found = open_warehouse(str(root))
    path = "/".join([str(root), *steps])
    try:
        inside = found.contain(path)
    except NotAllowed:
        assert not os.path.normpath(path).startswith(f"{root}/")
    else:
        assert inside == os.path.normpath(path)
        assert inside.startswith(f"{root}/")


def test_a_symbolic_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "secret").write_text("s")
    (tmp_path / "warehouse" / "link").symlink_to(tmp_path)
    (tmp_path / "warehouse" / "file").symlink_to(tmp_path / "secret")
    found = open_warehouse(str(tmp_path / "warehouse"))
    for path in ("link/secret", "file", "link/new"):
        with pytest.raises(NotAllowed):
            found.write(f"{found.uri}/{path}", b"x")
        with pytest.raises(NotAllowed):
            found.read(f"{found.uri}/{path}")
    assert (tmp_path / "secret").read_text() == "s"


def test_a_warehouse_may_itself_lie_behind_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = open_warehouse(str(tmp_path / "link"))
    found.write(f"{found.uri}/t/a", b"x")
    assert found.read(f"{tmp_path}/link/t/a") == b"x"
    assert found.read(f"file://{tmp_path}/real/t/a") == b"x"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    found = open_warehouse(str(tmp_path / "warehouse"))
    found.write(f"{found.uri}/t/a", b"x")
    with pytest.raises(StoreUnreachable):
        found.write(f"{found.uri}/t/{'x' * 300}", b"y")
    (tmp_path / "warehouse" / "t" / "taken").mkdir()
    with pytest.raises(LakeError):
        found.write(f"{found.uri}/t/taken", b"y")
    assert [p for p, _ in found.walk()] == [f"{found.uri}/t/a"]


def test_files_and_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "warehouse").mkdir()
    before = os.umask(0)
    try:
        found = open_warehouse(str(tmp_path / "warehouse"))
        found.write(f"{found.uri}/t/metadata/a", b"x")
    finally:
        os.umask(before)
    made = tmp_path / "warehouse" / "t"
    assert [p.stat().st_mode & 0o777 for p in (made, made / "metadata")] == [0o700, 0o700]
    assert (made / "metadata" / "a").stat().st_mode & 0o777 == 0o600


def test_eight_writers_of_one_name_end_with_one_whole_object(warehouse: Warehouse) -> None:
    path = f"{warehouse.uri}/t/race"
    contents = [bytes([n]) * 50_000 for n in range(8)]
    done: list[bytes] = []

    def write(data: bytes) -> None:
        try:
            open_warehouse(warehouse.uri).write(path, data)
            done.append(data)
        except LakeError:
            return

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [warehouse.read(path)]


def test_an_object_that_is_not_what_was_uploaded_is_noticed(
    gcs: GcsServer, gcs_bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    gcsfs.GCSFileSystem(**gcs.storage_options).pipe_file(f"{gcs_bucket}/lake/a", b"another's")
    found = open_warehouse(f"gs://{gcs_bucket}/lake")
    with pytest.raises(StoreUnreachable, match="checksum differs"):
        found.write(f"{found.uri}/a", b"mine")
    (tmp_path / "staged").write_bytes(b"mine")
    with pytest.raises(StoreUnreachable, match="checksum differs"):
        found.publish(tmp_path / "staged", f"{found.uri}/a")
    assert found.read(f"{found.uri}/a") == b"another's"


def test_an_upload_that_was_answered_twice_is_one_upload(
    gcs: GcsServer, gcs_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost answer makes the client ask again: the name is taken then, by the same bytes."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    gcsfs.GCSFileSystem(**gcs.storage_options).pipe_file(f"{gcs_bucket}/lake/a", b"mine")
    found = open_warehouse(f"gs://{gcs_bucket}/lake")
    found.write(f"{found.uri}/a", b"mine")
    assert found.read(f"{found.uri}/a") == b"mine"


def test_a_bucket_that_is_not_there_is_told_as_unreachable(
    gcs: GcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    found = open_warehouse("gs://no-such-bucket/lake")
    with pytest.raises(StoreUnreachable) as told:
        found.write(f"{found.uri}/a", b"x")
    assert told.value.hint


@pytest.mark.parametrize("uri", ["s3://bucket/lake", "relative/folder", "hdfs://x", "file:///x"])
def test_a_warehouse_that_the_lake_does_not_speak_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        open_warehouse(uri)


def test_the_checksum_of_a_file_is_its_crc32c(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123456789")
    assert checksum_of(tmp_path / "a") == "crc32c:e3069283"  # the check value of CRC-32C
