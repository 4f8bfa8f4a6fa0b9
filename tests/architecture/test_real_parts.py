"""The servers and readers that other tests lean on are real, and leave nothing behind."""

from __future__ import annotations

import base64
import datetime
import decimal
import socket
import subprocess
import sys
import time
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

import gcsfs
import google_crc32c
import guarded
import psycopg2
import pyarrow as pa
import pytest
import real_postgres
from independent_reader import CannotReadError, IndependentReader
from pyiceberg import types
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from real_gcs import GcsServer
from real_postgres import PostgresServer

_SUPPORT = Path(guarded.__file__).parent


def _ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _catalog(folder: Path, warehouse: str, **properties: str) -> SqlCatalog:
    uri = f"sqlite:///{folder / 'catalog.db'}"
    catalog = SqlCatalog("real_parts", uri=uri, warehouse=warehouse, **properties)
    catalog.create_namespace("nyc")
    return catalog


def test_postgres_is_postgres(postgres_url: str) -> None:
    assert _ask(postgres_url, "SELECT version()")[0][0].startswith("PostgreSQL 18.")


def test_postgres_databases_are_apart(postgres: PostgresServer, postgres_url: str) -> None:
    _ask(postgres_url, "CREATE TABLE trips (id int)")
    other = postgres.create_database()
    assert _ask(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'trips'") == [(0,)]
    held = psycopg2.connect(other)
    postgres.drop_database(other)
    with pytest.raises(psycopg2.OperationalError):
        _ask(other, "SELECT 1")
    held.close()


def test_postgres_keeps_what_it_committed_through_an_immediate_restart(
    postgres: PostgresServer, postgres_url: str
) -> None:
    _ask(postgres_url, "CREATE TABLE trips (id int)")
    for number in range(100):
        _ask(postgres_url, f"INSERT INTO trips VALUES ({number})")
    open_one = psycopg2.connect(postgres_url)
    open_one.cursor().execute("INSERT INTO trips VALUES (-1)")
    postgres.restart(immediate=True)
    with pytest.raises(psycopg2.OperationalError):
        open_one.cursor().execute("SELECT 1")
    open_one.close()
    assert _ask(postgres_url, "SELECT count(*), min(id) FROM trips") == [(100, 0)]


def test_a_stopped_postgres_refuses_and_comes_back() -> None:
    with real_postgres.server() as server:
        url = server.create_database()
        _ask(url, "CREATE TABLE trips (id int)")
        server.stop()
        with pytest.raises(psycopg2.OperationalError, match="refused"):
            _ask(url, "SELECT 1")
        server.restart()
        assert _ask(url, "SELECT count(*) FROM trips") == [(0,)]


def test_gcs_refuses_to_overwrite_when_told_to_create(gcs: GcsServer, gcs_bucket: str) -> None:
    store = gcsfs.GCSFileSystem(**gcs.storage_options)
    path = f"{gcs_bucket}/lock"
    store.pipe_file(path, b"mine", mode="create")
    with pytest.raises(FileExistsError):
        store.pipe_file(path, b"yours", mode="create")
    assert store.cat_file(path) == b"mine"


def test_gcs_tells_the_checksum_of_what_it_holds(gcs: GcsServer, gcs_bucket: str) -> None:
    store = gcsfs.GCSFileSystem(**gcs.storage_options)
    content = bytes(range(256)) * 4096
    store.pipe_file(f"{gcs_bucket}/a/b.bin", content)
    expected = google_crc32c.value(content).to_bytes(4, "big")
    assert base64.b64decode(store.info(f"{gcs_bucket}/a/b.bin")["crc32c"]) == expected


def test_gcs_buckets_start_empty_and_go(gcs: GcsServer) -> None:
    store = gcsfs.GCSFileSystem(**gcs.storage_options)
    bucket = gcs.create_bucket()
    assert store.ls(bucket) == []
    store.pipe_file(f"{bucket}/a", b"1")
    gcs.drop_bucket(bucket)
    assert not store.exists(f"{bucket}/a")


def test_oracle_reads_a_table(oracle: IndependentReader, tmp_path: Path) -> None:
    catalog = _catalog(tmp_path, f"file://{tmp_path}/a warehouse")
    table = catalog.create_table("nyc.trips", pa.schema([("id", pa.int64()), ("at", pa.string())]))
    assert oracle.read(table.metadata_location) == []
    table.append(pa.table({"id": [1, 2, 3], "at": ["x", None, "é'"]}))
    with table.update_schema() as change:
        change.rename_column("at", "stop")
        change.add_column("fare", types.DoubleType())
    assert oracle.read(table.metadata_location, "SELECT * FROM t ORDER BY id") == [
        (1, "x", None),
        (2, None, None),
        (3, "é'", None),
    ]


_DAY = datetime.date(2024, 2, 29)
_MOMENT = datetime.datetime(2024, 1, 1, 1, 2, 3, 4, tzinfo=datetime.UTC)
_TEXT = types.NestedField(13, "text", types.StringType())


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        (types.BooleanType(), True, True),
        (types.LongType(), 2**62 + 1, 2**62 + 1),
        (types.FloatType(), 1.5, 1.5),
        (types.DoubleType(), float("-inf"), "-inf"),
        (types.DecimalType(38, 2), decimal.Decimal("1.50"), "1.50"),
        (types.DateType(), _DAY, "2024-02-29"),
        (types.TimeType(), datetime.time(1, 2, 3, 4), "01:02:03.000004"),
        (types.TimestampType(), _MOMENT.replace(tzinfo=None), "2024-01-01T01:02:03.000004"),
        (types.TimestamptzType(), _MOMENT, "2024-01-01T01:02:03.000004+00:00"),
        (types.UUIDType(), uuid.UUID(int=5).bytes, str(uuid.UUID(int=5))),
        (types.BinaryType(), b"\0\xff", "00ff"),
        (types.FixedType(2), b"ab", "6162"),
        (types.ListType(10, types.LongType(), False), [1, None], [1, None]),
        (
            types.MapType(11, types.IntegerType(), 12, types.DateType(), False),
            [(7, _DAY)],
            [[7, "2024-02-29"]],
        ),
        (types.StructType(_TEXT), {"text": "x"}, {"text": "x"}),
    ],
    ids=lambda value: str(value) if isinstance(value, types.IcebergType) else "",
)
def test_oracle_reads_every_type(
    oracle: IndependentReader, tmp_path: Path, kind: types.IcebergType, given: object, read: object
) -> None:
    wanted = Schema(types.NestedField(1, "value", kind))
    table = _catalog(tmp_path, str(tmp_path)).create_table("nyc.types", wanted)
    rows = [{"value": given}, {"value": None}]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    assert oracle.read(table.metadata_location, "FROM t ORDER BY ALL NULLS LAST") == [
        (read,),
        (None,),
    ]


def test_oracle_reads_from_the_object_store(
    oracle: IndependentReader, gcs: GcsServer, gcs_bucket: str, tmp_path: Path
) -> None:
    catalog = _catalog(tmp_path, f"gs://{gcs_bucket}/lake", **gcs.iceberg_properties)
    table = catalog.create_table("nyc.trips", pa.schema([("id", pa.int64())]))
    table.append(pa.table({"id": [1, 2, 3]}))
    oracle.use_gcs(gcs.url)
    assert oracle.read(table.metadata_location, "SELECT sum(id) FROM t") == [(6,)]


def test_oracle_says_what_it_cannot_read(oracle: IndependentReader, tmp_path: Path) -> None:
    with pytest.raises(CannotReadError, match="No such file"):
        oracle.read(str(tmp_path / "none.metadata.json"))
    catalog = _catalog(tmp_path, str(tmp_path))
    table = catalog.create_table("nyc.trips", pa.schema([("id", pa.int64())]))
    with pytest.raises(CannotReadError, match="nowhere"):
        oracle.read(table.metadata_location, "SELECT nowhere FROM t")
    assert oracle.read(table.metadata_location) == []


_HOLD = """
import sys
sys.path.insert(0, {support!r})
import {module} as part
with part.server() as server:
    print(server._folder, server.url, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("module", ["real_postgres", "real_gcs"])
def test_a_killed_test_run_leaves_no_process_and_no_folder(module: str) -> None:
    code = _HOLD.format(support=str(_SUPPORT), module=module)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        folder, url = run.stdout.readline().split()
        assert _answers(url)
        run.kill()
    deadline = time.monotonic() + 10
    while (Path(folder).exists() or _answers(url)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not _answers(url)


def _answers(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    assert parts.port is not None
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", parts.port)) == 0
