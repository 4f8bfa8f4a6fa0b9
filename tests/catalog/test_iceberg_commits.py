"""Commits as other engines see them, and what other engines may do to ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from independent_reader import IndependentReader
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo, GreaterThanOrEqual
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table import Table
from pyiceberg.types import LongType

from catalog import writing
from catalog.errors import LakeError, NotAllowed
from catalog.iceberg import commits
from catalog.iceberg import tables as iceberg_tables
from catalog.iceberg.files import LakeFileIO
from catalog.iceberg.properties import TABLE_DEFAULTS, sort_properties
from catalog.iceberg.snapshots import MERGE_COUNT, manifests_of
from catalog.metadata import tables
from lakectl.root import Lake

Put = Callable[..., Any]


def _stock(lake: Lake) -> SqlCatalog:
    """The lake through PyIceberg's own catalog, which knows nothing of us."""
    url, place = lake.handles.database_url, lake.handles.warehouse.uri
    return SqlCatalog("lakectl", uri=url, warehouse=place, init_catalog_tables="false")


def _table(lake: Lake, name: str = "n.t") -> Table:
    return _stock(lake).load_table(name)


def _numbers(n: int, **more: Any) -> pa.Table:
    return pa.table({"id": [n], **more})


@pytest.fixture
def story(lake: Lake) -> Lake:
    """n.t: append 3, append 1, merge (1 new, 1 replaced), overwrite with 2, rollback to v3."""
    handle = lake.dataset("n.t")
    handle.append(
        pa.table({"id": [1, 2, 3], "s": ["a", "b", None]}), partition_by=["bucket(2, id)"]
    )
    handle.append(pa.table({"id": [4], "s": ["d"], "new": [1.5]}), schema="evolve", message="more")
    handle.merge(pa.table({"id": [4, 5], "s": ["D", "e"], "new": [2.5, None]}), key=["id"])
    handle.overwrite(pa.table({"id": [8, 9], "s": ["x", "y"], "new": [0.5, None]}), run_id="run-7")
    lake.rollback("n.t", 3)
    return lake


def test_stock_pyiceberg_reads_every_version_as_we_do(story: Lake) -> None:
    table = _table(story)
    for version in story.versions("n.t"):
        theirs = table.scan(snapshot_id=version.snapshot_id).to_arrow().to_pylist()
        ours = story.to_arrow("n.t", version.version).to_pylist()
        assert sorted(theirs, key=str) == sorted(ours, key=str)
    found = table.scan(row_filter=EqualTo("id", 4)).to_arrow().to_pylist()
    assert found == [{"id": 4, "s": "D", "new": 2.5}]
    assert table.scan(row_filter=GreaterThanOrEqual("id", 4)).count() == 2


def test_summaries_are_what_stock_pyiceberg_counts_from_the_manifests(story: Lake) -> None:
    table = _table(story)
    totals: dict[int, tuple[int, int, int]] = {}
    for snapshot in table.snapshots():
        assert snapshot.summary is not None
        files = [
            entry.data_file
            for manifest in snapshot.manifests(table.io)
            for entry in manifest.fetch_manifest_entry(table.io)
        ]
        counted = (
            len(files),
            sum(f.record_count for f in files),
            sum(f.file_size_in_bytes for f in files),
        )
        said = snapshot.summary.additional_properties
        told = tuple(int(said[f"total-{k}"]) for k in ("data-files", "records", "files-size"))
        assert told == counted
        totals[snapshot.sequence_number or 0] = counted
        added = [f for f in files if Path(f.file_path).stat().st_size != f.file_size_in_bytes]
        assert added == []
    ours = {v.version: (v.files, v.rows, v.bytes) for v in story.versions("n.t")}
    assert ours == totals


def test_the_snapshot_carries_who_wrote_it_and_why(story: Lake) -> None:
    said = [s.summary.additional_properties for s in _table(story).snapshots() if s.summary]
    assert [s.get("lakectl.message") for s in said] == [None, "more", None, None]
    assert said[3]["lakectl.run-id"] == "run-7"
    assert len({s["lakectl.key"] for s in said}) == 4
    assert (said[2]["lakectl.rows-added"], said[2]["lakectl.rows-deleted"]) == ("2", "1")


def test_entries_keep_the_sequence_of_the_commit_that_added_them(story: Lake) -> None:
    table = _table(story)
    first = table.snapshots()[0]
    for snapshot in table.snapshots():
        for manifest in snapshot.manifests(table.io):
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
                if entry.status == ManifestEntryStatus.EXISTING:
                    assert entry.snapshot_id != snapshot.snapshot_id
                if entry.snapshot_id == first.snapshot_id:
                    assert entry.sequence_number == 1


def test_a_table_is_made_with_the_properties_that_keep_commits_cheap(story: Lake) -> None:
    metadata = _table(story).metadata
    assert metadata.format_version == 2
    assert TABLE_DEFAULTS.items() <= metadata.properties.items()
    assert metadata.table_uuid.hex == story.describe("n.t").id
    assert Path(metadata.location).name == story.describe("n.t").id


def test_stock_pyiceberg_may_append_and_we_show_its_version(story: Lake) -> None:
    plain = story.dataset("n.plain")
    plain.append(_numbers(1))
    _table(story, "n.plain").append(_numbers(2))
    assert [s.rows for s in story.ls("n") if s.name.name == "plain"] == [2]
    assert [(v.version, v.rows_added, v.state) for v in story.versions("n.plain")] == [
        (2, 1, "current"),
        (1, 1, "live"),
    ]
    assert sorted(story.to_arrow("n.plain")["id"].to_pylist()) == [1, 2]
    plain.append(_numbers(3))
    assert story.sql("SELECT sum(id), count(*) FROM n.plain").rows == ((6, 3),)
    assert sorted(_table(story, "n.plain").scan().to_arrow()["id"].to_pylist()) == [1, 2, 3]


def test_what_stock_pyiceberg_does_is_followed_step_by_step(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1, 2], "s": ["a", "b"]}))
    table = _table(lake)
    table.overwrite(pa.table({"id": [9], "s": ["z"]}))
    with table.update_schema() as change:
        change.rename_column("s", "stop")
        change.add_column("new", LongType())
    table.manage_snapshots().create_tag(table.snapshots()[0].snapshot_id, "theirs").commit()
    assert lake.describe("n.t").schema.names == ["id", "stop", "new"]
    assert lake.to_arrow("n.t").to_pylist() == [{"id": 9, "stop": "z", "new": None}]
    assert lake.to_arrow("n.t", "theirs").num_rows == 2
    table.delete("id = 9")
    assert lake.to_arrow("n.t").num_rows == 0
    table.manage_snapshots().rollback_to_snapshot(table.snapshots()[0].snapshot_id).commit()
    assert lake.to_arrow("n.t").num_rows == 2
    lake.dataset("n.t").append(pa.table({"id": [3], "stop": ["c"], "new": [5]}))
    assert sorted(lake.to_arrow("n.t")["id"].to_pylist()) == [1, 2, 3]


def test_each_version_of_another_engine_keeps_the_schema_it_was_written_with(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"a": [1]}))
    table = _table(lake)
    for column in ("b", "c"):
        with table.update_schema() as change:
            change.add_column(column, LongType())
        table.append(pa.table({"a": [1], column: [2]}))
    assert [len(r.schema.fields) for r in lake.schemas("n.t")] == [1, 2, 3]
    assert [r.version for r in lake.schemas("n.t")] == [1, 2, 3]
    assert lake.to_arrow("n.t", 2).column_names == ["a", "b"]


def test_a_table_that_another_engine_made_or_dropped_is_followed(lake: Lake) -> None:
    stock = _stock(lake)
    stock.create_namespace("theirs")
    made = stock.create_table("theirs.made", pa.schema([("a", pa.int64()), ("s", pa.string())]))
    assert [(str(s.name), s.version, s.rows) for s in lake.ls()] == [("theirs.made", 0, 0)]
    assert lake.preview("theirs.made").columns == ("a", "s")
    made.append(pa.table({"a": [1], "s": ["x"]}))
    assert lake.to_arrow("theirs.made").to_pylist() == [{"a": 1, "s": "x"}]
    lake.dataset("theirs.made").append(pa.table({"a": [2], "s": ["y"]}))
    assert lake.sql("SELECT sum(a) FROM theirs.made").rows == ((3,),)
    stock.rename_table("theirs.made", "theirs.renamed")
    assert [str(s.name) for s in lake.ls()] == ["theirs.renamed"]
    assert lake.describe("theirs.renamed").summary.rows == 2
    stock.drop_table("theirs.renamed")
    assert lake.ls() == []


def test_another_engine_goes_on_counting_where_the_lake_is(lake: Lake) -> None:
    for number in range(3):
        lake.dataset("n.t").append(_numbers(number))
    _table(lake).append(_numbers(3))
    theirs = lake.describe("n.t").metadata_location
    assert (commits.number_of(theirs), commits.write_of(theirs)) == (3, None)
    lake.tag("n.t", "gold")
    ours = lake.describe("n.t").metadata_location
    (last,) = lake.handles.reader.rows("SELECT id FROM intents ORDER BY at DESC LIMIT 1")
    assert (commits.number_of(ours), commits.write_of(ours)) == (4, last[0])


def test_a_write_that_is_interrupted_after_it_landed_is_done(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    lake.dataset("n.t").append(_numbers(1))
    monkeypatch.setattr(writing, "_tidy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        lake.dataset("n.t").append(_numbers(2))
    assert set(lake.handles.reader.rows("SELECT state FROM intents")) == {("done",)}
    assert lake.to_arrow("n.t").num_rows == 2


def test_one_table_that_cannot_be_followed_does_not_hide_the_others(lake: Lake) -> None:
    lake.dataset("n.good").append(_numbers(1))
    lake.dataset("n.bad").append(_numbers(1))
    with lake.handles.database.write() as conn:
        t = tables.iceberg_tables
        lost = f"{lake.handles.warehouse.uri}/lost/metadata/00001-x.metadata.json"
        conn.execute(t.update().where(t.c.table_name == "bad").values(metadata_location=lost))
    assert "n.good" in [str(s.name) for s in lake.ls()]
    assert lake.to_arrow("n.good").num_rows == 1
    assert lake.sql("SELECT count(*) FROM n.good").rows == ((1,),)
    assert lake.search("good")
    with pytest.raises(LakeError):
        lake.to_arrow("n.bad")


@pytest.mark.parametrize("name", ["My Table", "a'b", "../../esc", "x" * 200, "select"])
def test_a_foreign_table_of_a_name_that_we_refuse_does_no_harm(lake: Lake, name: str) -> None:
    lake.dataset("n.good").append(_numbers(1))
    stock = _stock(lake)
    stock.create_namespace("theirs")
    location = f"{lake.handles.warehouse.uri}/theirs-made"
    stock.create_table(("theirs", name), pa.schema([("a", pa.int64())]), location=location)
    assert "n.good" in [str(s.name) for s in lake.ls()]
    assert lake.sql("SELECT count(*) FROM n.good").rows == ((1,),)
    lake.dataset("n.good").append(_numbers(2))
    assert lake.describe("n.good").summary.rows == 2


# -- hostile metadata -----------------------------------------------------------------------------

_HOSTILE = {
    "py-io-impl": "evil_module.Evil",
    "write.py-location-provider.impl": "evil_module.Evil",
    "s3.endpoint": "http://127.0.0.1:9",
    "s3.access-key-id": "k",
    "gcs.service.host": "http://127.0.0.1:9",
    "gcs.oauth2.token": "t",
    "write.data.path": "/tmp/elsewhere",
    "write.metadata.path": "/tmp/elsewhere",
    "adls.account-host": "x",
    "hdfs.host": "x",
    "uri": "http://127.0.0.1:9",
    "token": "t",
    "credential": "c",
    "PY-IO-IMPL": "evil_module.Evil",
    "client.region": "x",
    "header.Authorization": "x",
    "warehouse": "/tmp/elsewhere",
    "io.manifest.cache-impl": "evil_module.Evil",
}


def _rewrite(lake: Lake, change: Callable[[dict[str, Any]], None], name: str = "n.t") -> str:
    """Write another metadata file, as somebody with rights on the bucket may, and point to it."""
    found = lake.describe(name)
    metadata = json.loads(Path(found.metadata_location).read_text())
    change(metadata)
    folder, _, file = found.metadata_location.rpartition("/")
    number = int(file.split("-")[0]) + 1
    evil = f"{folder}/{number:05d}-0e0e0e0e-0000-0000-0000-000000000000.metadata.json"
    Path(evil).write_text(json.dumps(metadata))
    with lake.handles.database.write() as conn:
        t = tables.iceberg_tables
        conn.execute(
            sa.update(t).where(t.c.table_name == found.name.name).values(metadata_location=evil)
        )
    return evil


def test_hostile_properties_reach_no_code_and_are_gone_at_the_next_commit(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_module.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
        "class Evil:\n    def __init__(self, *a, **k): raise SystemExit('evil ran')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    lake.dataset("n.t").append(_numbers(1))
    harmless = {"spark.note": "kept", "comment": "said"}
    _rewrite(lake, lambda m: m["properties"].update(_HOSTILE | harmless))
    seen: list[dict[str, str]] = []
    before = FileIO.__init__

    def watched(self: FileIO, properties: dict[str, str] = {}) -> None:  # noqa: B006 - as theirs
        seen.append(dict(properties))
        before(self, properties)

    monkeypatch.setattr(FileIO, "__init__", watched)
    assert lake.to_arrow("n.t").num_rows == 1
    lake.dataset("n.t").append(_numbers(2))
    lake.tag("n.t", "gold")
    assert lake.sql("SELECT count(*) FROM n.t").rows == ((2,),)
    assert seen
    assert not any(properties for properties in seen)
    assert not (tmp_path / "ran").exists()
    assert not Path("/tmp/elsewhere").exists()
    now = json.loads(Path(lake.describe("n.t").metadata_location).read_text())["properties"]
    assert now.keys().isdisjoint(_HOSTILE)
    assert harmless.items() <= now.items()


def test_properties_are_believed_by_name_and_value() -> None:
    found = sort_properties(
        {**_HOSTILE, "commit.retry.num-retries": "$(sh)", "owner": "ann", "x": "y"}
    )
    assert found.kept == {"owner": "ann"}
    assert found.carried == {"commit.retry.num-retries": "$(sh)", "x": "y"}
    assert set(found.dropped) == set(_HOSTILE)


def test_a_data_file_outside_is_not_read(lake: Lake, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    lake.dataset("n.t").append(_numbers(1))
    secret = tmp_path / "secret.parquet"
    pq.write_table(_numbers(5), secret)
    _table(lake).add_files([str(secret)])
    with pytest.raises(NotAllowed, match="outside"):
        lake.to_arrow("n.t")


def test_a_damaged_metadata_file_is_told_by_its_name(lake: Lake) -> None:
    lake.dataset("n.t").append(_numbers(1))
    evil = _rewrite(lake, lambda m: None)
    for content in ("", "{", "[]", '{"format-version": 2}', "\x00" * 100):
        Path(evil).write_text(content)
        iceberg_tables._cache.clear()
        with pytest.raises(LakeError, match="0e0e0e0e"):
            lake.to_arrow("n.t")


# -- housekeeping ---------------------------------------------------------------------------------


def _walk(lake: Lake, name: str = "n.t") -> set[str]:
    folder = Path(lake.describe(name).location)
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def _reachable(lake: Lake) -> tuple[set[str], set[str]]:
    """(data and manifest files that stock PyIceberg reaches, metadata files of the log)."""
    table = _table(lake)
    files: set[str] = set()
    for snapshot in table.snapshots():
        files.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            files.add(manifest.manifest_path)
            files |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(table.io)}
    log = {entry.metadata_file for entry in table.metadata.metadata_log}
    return files, log | {table.metadata_location}


def test_expiry_leaves_exactly_the_files_that_a_kept_version_reaches(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "KEEP_VERSIONS", 3)
    monkeypatch.setattr(commits, "KEEP_DAYS", 0)
    monkeypatch.setattr(commits, "EXPIRE_BATCH", 4)
    handle = lake.dataset("n.t")
    handle.append(_numbers(0))
    lake.tag("n.t", "gold", 1)
    for number in range(1, 30):
        if number % 5 == 4:
            handle.overwrite(_numbers(number))
        elif number % 7 == 6:
            lake.rollback("n.t", lake.versions("n.t")[1].version)
        else:
            handle.append(_numbers(number))
        files, log = _reachable(lake)
        assert files <= _walk(lake)
    files, log = _reachable(lake)
    states = {v.version: v.state for v in lake.versions("n.t")}
    expired = [v for v, state in states.items() if state == "expired"]
    assert len(expired) >= 10
    assert states[1] != "expired"
    assert lake.to_arrow("n.t", "gold")["id"].to_pylist() == [0]
    left = _walk(lake) - files - log
    assert {path for path in left if "/metadata/" in path} == set()
    assert left == set()
    with pytest.raises(LakeError, match="expired"):
        lake.to_arrow("n.t", expired[0])
    kept = [v for v, s in states.items() if s not in {"expired"}]
    assert all(lake.to_arrow("n.t", v).num_rows >= 1 for v in kept)


_AN_EXPIRY_THAT_STOPS = """
import sys
import pyarrow as pa
from catalog.iceberg import commits
commits.KEEP_VERSIONS, commits.KEEP_DAYS, commits.EXPIRE_BATCH = 3, 0, 2
import lakectl
lake = lakectl.open(sys.argv[1])
for number in range(9):
    lake.dataset("n.t").overwrite(pa.table({"id": [number]}))
"""


@pytest.mark.parametrize("fault", ["KILL", "ENOSPC", "EIO"])
def test_an_expiry_that_is_stopped_loses_no_file_that_a_version_needs(
    lake: Lake, fault: str
) -> None:
    words = [sys.executable, "-c", _AN_EXPIRY_THAT_STOPS, str(lake.settings.root)]
    env = os.environ | {"LAKECTL_CRASH_AT": f"upkeep.files:{fault}"}
    stopped = subprocess.run(words, env=env, check=False, capture_output=True, text=True)
    assert stopped.returncode == (-9 if fault == "KILL" else 0), stopped.stderr
    report = lake.doctor(verify=True).report
    assert report.is_sound
    for version in lake.versions("n.t"):
        if version.state != "expired":
            assert lake.to_arrow("n.t", version.version).num_rows == 1
    subprocess.run(words, check=True)
    for step in lake.repairs(lake.doctor(), older_than=0):
        step.do()
    assert [f for f in lake.doctor(verify=True).report.findings if f.kind != "sqlite"] == []


def test_the_number_of_metadata_files_and_manifests_stays_bounded(lake: Lake) -> None:
    handle = lake.dataset("n.t")
    most = 0
    for number in range(45):
        handle.append(_numbers(number))
        state = iceberg_tables.load(lake.handles.warehouse, lake.describe("n.t").metadata_location)
        assert state.head is not None
        most = max(most, len(manifests_of(LakeFileIO(lake.handles.warehouse), state.head)))
    assert most <= MERGE_COUNT
    metadata = [p for p in _walk(lake) if p.endswith(".metadata.json")]
    assert len(metadata) <= 31
    assert lake.sql("SELECT count(*), sum(id) FROM n.t").rows == ((45, 990),)
    assert _table(lake).scan().count() == 45


def test_a_lost_race_leaves_no_stray_file_and_loses_no_row(lake: Lake) -> None:
    handle = lake.dataset("n.t")
    handle.append(_numbers(0))
    errors: list[Exception] = []

    def theirs() -> None:
        for number in range(100, 106):
            try:
                _table(lake).append(_numbers(number))
            except Exception as error:  # noqa: BLE001 - stock PyIceberg may lose its race
                errors.append(error)

    racer = threading.Thread(target=theirs)
    racer.start()
    for number in range(1, 7):
        handle.append(_numbers(number))
    racer.join()
    found = sorted(lake.to_arrow("n.t")["id"].to_pylist())
    assert [n for n in found if n < 100] == list(range(7))
    assert len(found) == 7 + 6 - len(errors)
    files, log = _reachable(lake)
    own = {p for p in _walk(lake) - files - log if "/data/" in p}
    if not errors:
        assert own == set()
    with lake.handles.database.write() as conn:
        states = conn.execute(sa.select(tables.intents.c.state).distinct()).scalars().all()
    assert states == ["done"]


def test_a_commit_that_the_store_refuses_leaves_no_file(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.dataset("n.t").append(_numbers(1))
    before = _walk(lake)
    with lake.handles.database.write() as conn:
        conn.execute(
            sa.text(
                "CREATE TRIGGER no BEFORE INSERT ON versions BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        )
    with pytest.raises(Exception, match="no"):
        lake.dataset("n.t").append(_numbers(2))
    assert _walk(lake) == before
    with lake.handles.database.write() as conn:
        conn.execute(sa.text("DROP TRIGGER no"))
    lake.dataset("n.t").append(_numbers(3))
    assert sorted(lake.to_arrow("n.t")["id"].to_pylist()) == [1, 3]


def test_our_tables_can_be_rebuilt_from_the_tables_themselves(
    story: Lake, oracle: IndependentReader
) -> None:
    story.tag("n.t", "gold", 1)
    before = [(v.version, v.operation, v.rows_added, v.rows_deleted, v.rows, v.files, v.message)
              for v in story.versions("n.t")]  # fmt: skip
    rows = {v.version: story.to_arrow("n.t", v.version).num_rows for v in story.versions("n.t")}
    with story.handles.database.write() as conn:
        for table in tables.metadata.sorted_tables:
            if not table.name.startswith(("iceberg_", "lake_info")):
                conn.execute(table.delete())
    assert story.sync() == ["n.t"]
    after = [(v.version, v.operation, v.rows_added, v.rows_deleted, v.rows, v.files, v.message)
             for v in story.versions("n.t")]  # fmt: skip
    assert after == before
    assert {v: story.to_arrow("n.t", v).num_rows for v in rows} == rows
    assert story.describe("n.t").tags
    with story.handles.database.write() as conn:
        keys = conn.execute(sa.select(sa.func.count()).select_from(tables.ledger)).scalar()
    assert keys == 4
    location = story.describe("n.t").metadata_location
    assert oracle.read(location, "SELECT count(*) FROM t") == [(5,)]
    assert os.path.exists(location)
