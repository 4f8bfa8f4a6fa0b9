"""The metadata store: one schema on both databases, safe for writers, honest to old programs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from real_postgres import PostgresServer

import catalog.metadata.database as store
from catalog.errors import Conflict, NotAllowed, StoreUnreachable
from catalog.metadata import tables
from catalog.metadata.database import Database, hide_password
from catalog.metadata.reader import REVISION, Reader
from catalog.metadata.work_tables import work
from lakectl.root import Lake, init_lake, open_lake


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty store, once on SQLite and once on Postgres."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'lake.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_the_sum_of_the_migrations_is_the_schema_that_the_code_knows(url: str) -> None:
    store.create(url)
    database = Database(url)
    try:
        with database.write() as conn:
            context = MigrationContext.configure(conn, opts={"compare_type": True})
            assert compare_metadata(context, [tables.metadata, work]) == []
            found = sa.inspect(conn)
            for table in (*tables.metadata.sorted_tables, *work.sorted_tables):
                columns = {c["name"]: c for c in found.get_columns(table.name)}
                assert list(columns) == [c.name for c in table.columns]
                for column in table.columns:
                    assert columns[column.name]["nullable"] == column.nullable, column
                key = found.get_pk_constraint(table.name)["constrained_columns"]
                assert key == [c.name for c in table.primary_key]
    finally:
        database.close()


def test_the_newest_migration_is_the_one_that_the_reader_asks_for() -> None:
    folder = Path(store.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == REVISION


def test_making_a_store_twice_changes_nothing(url: str) -> None:
    store.create(url)
    store.create(url)
    reader = Reader(url)
    reader.check_revision()
    assert reader.rows("SELECT version_num FROM alembic_version") == [(REVISION,)]
    reader.close()


def test_a_store_of_the_first_revision_keeps_its_schemas_in_their_order(url: str) -> None:
    store.create(url)
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    dataset = sa.table("datasets", *(sa.column(c.name) for c in tables.datasets.columns))
    row: dict[str, Any] = dict.fromkeys((c.name for c in tables.datasets.columns), 1)
    with database.write() as conn:
        ours = (*tables.metadata.sorted_tables, *work.sorted_tables)
        for table in (*ours, sa.table("alembic_version")):
            conn.execute(sa.text(f"DROP TABLE {table.name}"))
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        for step in [(0, 10, 1, "r"), (1, 20, 2, None), (2, 20, 2, None)]:
            conn.exec_driver_sql(
                "INSERT INTO schemas (schema, dataset_id, schema_id, recorded_at, version, run_id) "
                f"VALUES ('{{}}', 'd', {step[0]}, {step[1]}, {step[2]}, "
                + ("'r')" if step[3] else "NULL)")
            )
        texts = {"id": "d", "schema": '{"schema-id": 1}', "updated_at": 30, "dropped_at": None}
        row |= {c.name: "{}" for c in tables.datasets.columns if isinstance(c.type, sa.String)}
        conn.execute(sa.insert(dataset).values(row | texts))
    database.close()
    store.create(url)
    reader = Reader(url)
    found = reader.rows(
        "SELECT dataset_id, schema_id, at, version, run_id FROM schema_log ORDER BY id"
    )
    reader.close()
    assert [tuple(step) for step in found] == [
        ("d", 0, 10, 1, "r"),
        ("d", 1, 20, 2, None),
        ("d", 2, 20, 2, None),
        ("d", 1, 30, 1, None),
    ]


def _set_revision(url: str, revision: str) -> None:
    database = Database(url)
    with database.write() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    database.close()


@pytest.mark.parametrize(("revision", "hint"), [("9999", "upgrade"), ("0000", "migrate")])
def test_a_store_of_another_program_version_is_refused(url: str, revision: str, hint: str) -> None:
    store.create(url)
    _set_revision(url, revision)
    reader = Reader(url)
    with pytest.raises(Conflict, match=revision) as told:
        reader.check_revision()
    reader.close()
    assert hint in str(told.value.hint)


def test_a_newer_store_is_refused_when_the_lake_is_opened_and_when_it_is_migrated(
    lake: Lake,
) -> None:
    root = lake.settings.root
    lake.close()
    _set_revision(lake.handles.database_url, "9999")
    with pytest.raises(Conflict, match="9999"):
        open_lake(root)
    with pytest.raises(Conflict, match="9999"):
        store.create(lake.handles.database_url)


def test_a_store_without_a_lake_is_told_apart_from_one_that_is_missing(
    tmp_path: Path, postgres_url: str
) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    for url in (f"sqlite:///{tmp_path / 'empty.db'}", postgres_url):
        reader = Reader(url)
        with pytest.raises(StoreUnreachable, match="holds no lake"):
            reader.check_revision()
        reader.close()
    with pytest.raises(StoreUnreachable, match="missing"):
        Reader(f"sqlite:///{tmp_path / 'none.db'}").check_revision()
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "lake.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreUnreachable, match="not a database"):
        Reader(f"sqlite:///{tmp_path / 'lake.db'}").check_revision()


def _story(lake: Lake) -> dict[str, Any]:
    """Do the same things to a lake and tell everything that the reader says of it."""
    import pyarrow as pa

    from catalog.altering import Annotation

    trips = lake.dataset("nyc.trips")
    trips.append(pa.table({"id": [1, 2], "Größe": ["a", None]}), message="erste ü", run_id="r1")
    trips.append(pa.table({"id": [3], "Größe": ["c"], "neu": [1.5]}), schema="evolve")
    lake.tag("nyc.trips", "gold", 1)
    lake.branch("nyc.trips", "dev", 1)
    lake.annotate("nyc.trips", Annotation("Ann", "100% of 'trips'", {"a_b": "c%d"}, {"id": "key"}))
    trips.merge(pa.table({"id": [1], "Größe": ["z"], "neu": [2.0]}), key=["id"])
    lake.rollback("nyc.trips", 2)
    lake.dataset("nyc.gone").append(pa.table({"a": [1]}))
    lake.drop("nyc.gone")
    reader = lake.handles.reader
    found = lake.describe("nyc.trips")
    versions = lake.versions("nyc.trips")
    numbers = {v.snapshot_id: v.version for v in versions}
    summary = found.summary
    return {
        "ls": [(str(s.name), s.version, s.rows, s.files, s.owner, s.labels) for s in lake.ls()],
        "description": summary.description,
        "dropped": [str(s.name) for s, _ in lake.dropped()],
        "schema": found.schema.to_json(),
        "refs": [{n: numbers[s] for n, s in r.items()} for r in (found.tags, found.branches)],
        "key": found.key_columns,
        "versions": [
            (
                v.version,
                v.operation,
                v.rows_added,
                v.rows_deleted,
                v.rows,
                v.files,
                v.schema_id,
                v.run_id,
                v.message,
                v.tags,
                v.state,
            )
            for v in versions
        ],
        "files": {v.version: len(reader.files(found, v.snapshot_id)) for v in versions},
        "schemas": [(r.version, r.schema.names) for r in lake.schemas("nyc.trips")],
        "named": sorted(str(d.name) for d in reader.named({"trips", "x'y", "gone"})),
        "searched": [
            str(h.dataset.name) for w in ("a_b", "100%", "größe", "'trips'") for h in lake.search(w)
        ],
        "last": reader.last_change(found.id)[3:4],  # type: ignore[index]  # there is one
        "rows": sorted(lake.to_arrow("nyc.trips").to_pylist(), key=str),
    }


def test_both_databases_tell_the_same_story(lake: Lake, tmp_path: Path, postgres_url: str) -> None:
    init_lake(tmp_path / "team", database=postgres_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKECTL_DATABASE", postgres_url)
        with open_lake(tmp_path / "team") as team:
            theirs = _story(team)
    assert theirs == _story(lake)


def test_eight_processes_may_make_a_store_at_once(url: str) -> None:
    code = "import sys; from catalog.metadata import database as d; d.create(sys.argv[1])"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    ends = [(p.communicate()[1], p.returncode) for p in processes]
    assert [code for _, code in ends] == [0] * 8, ends
    reader = Reader(url)
    reader.check_revision()
    reader.close()


def test_of_eight_processes_that_init_one_makes_the_lake_and_the_others_find_it(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, json; from lakectl.root import init_lake, open_lake; import lakectl\n"
        "try: init_lake(sys.argv[1]); said = 'made'\n"
        "except lakectl.Conflict: said = 'found'\n"
        "print(json.dumps([said, open_lake(sys.argv[1]).ls()]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "lake")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(8)
    ]  # fmt: skip
    ends = [p.communicate() for p in processes]
    assert all(p.returncode == 0 for p in processes), ends
    said = sorted(json.loads(out)[0] for out, _ in ends)
    assert said == ["found"] * 7 + ["made"]


def test_a_writer_that_fails_leaves_no_row(url: str) -> None:
    store.create(url)
    database = Database(url)
    with pytest.raises(ZeroDivisionError), database.write() as conn:  # noqa: PT012 - the transaction is the test
        conn.execute(sa.insert(tables.lake_info).values(key="a", value="b"))
        raise ZeroDivisionError
    reader = Reader(url)
    assert reader.info() == {}
    reader.close()
    database.close()


def test_sqlite_takes_the_write_lock_before_it_reads(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lake.db'}"
    store.create(url)
    database = Database(url)
    other = sqlite3.connect(tmp_path / "lake.db", timeout=0)
    with database.write() as conn:
        conn.execute(sa.select(tables.lake_info)).all()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()
    database.close()


def test_sqlite_uses_wal_only_where_it_is_safe(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lake.db'}"
    store.create(url)
    with sqlite3.connect(tmp_path / "lake.db") as con:
        mode = con.execute("PRAGMA journal_mode").fetchone()[0]
    con.close()
    assert mode == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete")
    assert (tmp_path / "lake.db").stat().st_mode & 0o777 == 0o600


def test_the_reader_of_a_restarted_postgres_answers(
    postgres: PostgresServer, postgres_url: str
) -> None:
    store.create(postgres_url)
    reader = Reader(postgres_url)
    assert reader.info() == {}
    postgres.restart(immediate=True)
    assert reader.info() == {}
    reader.close()


def test_no_error_shows_a_password() -> None:
    url = "postgresql://ann:s3cr3t-word@127.0.0.1:1/lake"
    assert hide_password(url) == "postgresql://ann:***@127.0.0.1:1/lake"
    with pytest.raises(StoreUnreachable) as told:
        Reader(url).check_revision()
    assert "s3cr3t-word" not in str(told.value) + str(told.value.hint)
    with pytest.raises(StoreUnreachable) as told:
        store.create(url)
    assert "s3cr3t-word" not in str(told.value) + str(told.value.hint)


def test_a_password_is_not_written_to_the_settings(tmp_path: Path, postgres_url: str) -> None:
    _, notes = init_lake(tmp_path / "team", database=postgres_url)
    password = postgres_url.split(":")[2].split("@")[0]
    assert password not in (tmp_path / "team" / "lakectl.toml").read_text()
    assert notes


def test_a_lake_for_reading_refuses_every_change(
    lake: Lake, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa

    put("n.t", "a\n1\n")
    put("n.t", "a\n2\n")
    monkeypatch.setenv("LAKECTL_READONLY", "1")
    with open_lake(lake.settings.root) as reading:
        changes = [
            lambda: reading.rollback("n.t", 1),
            lambda: reading.undo(),
            lambda: reading.tag("n.t", "gold"),
            lambda: reading.branch("n.t", "dev"),
            lambda: reading.rename("n.t", "n.u"),
            lambda: reading.drop("n.t"),
            lambda: reading.undrop("n.t"),
            lambda: reading.dataset("n.t").append(pa.table({"a": [1]})),
        ]
        for change in changes:
            with pytest.raises(NotAllowed, match="reading only"):
                change()
        assert reading.describe("n.t").summary.version == 2
