"""The store may be lost, or be an old copy, or be spoilt: the warehouse tells what it told."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import stories
from stories import forget, kinds, mend, reopened, rows_of, store_of

from catalog.altering import Annotation
from catalog.doctor.findings import Kind
from catalog.errors import Conflict, OutcomeUnknown, StoreUnreachable
from catalog.handles import Handles
from catalog.metadata import audit, tables
from catalog.metadata.audit import Table
from catalog.storage import QUARANTINE, LocalWarehouse
from lakectl import root as lakes
from lakectl.root import Lake, open_lake


@pytest.fixture
def story(lake: Lake) -> Lake:
    """See `stories.tell`."""
    return stories.tell(lake)


def test_what_an_old_copy_of_the_store_does_not_know_is_no_litter_and_comes_back(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    handle = lake.dataset("n.t")
    handle.append(pa.table({"id": [1]}), message="second", write_key="k2")
    handle.overwrite(pa.table({"id": [2]}))
    lake.tag("n.t", "gold", 2)
    lake.dataset("n.u").append(pa.table({"id": [5]}))
    before, of_u = rows_of(lake), rows_of(lake, "n.u")
    told = [(v.version, v.operation, v.message, v.tags) for v in lake.versions("n.t")]
    files = dict(lake.handles.warehouse.walk())
    old = put_back()
    assert kinds(old) == [("wrong", "store"), ("wrong", "store")]
    assert not old.doctor().report.is_sound
    assert len(mend(old, older_than=0)) == 2
    assert dict(old.handles.warehouse.walk()) == files
    assert kinds(old) == []
    assert (rows_of(old), rows_of(old, "n.u")) == (before, of_u)
    assert told == [(v.version, v.operation, v.message, v.tags) for v in old.versions("n.t")]
    assert old.dataset("n.t").append(pa.table({"id": [1]}), write_key="k2").skipped
    now = datetime.now(UTC).isoformat()
    assert sorted(old.to_arrow("n.t", now)["id"].to_pylist()) == [2]
    assert old.dataset("n.t").append(pa.table({"id": [3]})).version == 4


@pytest.mark.parametrize("loads", [0, 1])
def test_what_was_only_said_of_a_table_comes_back_too(
    lake: Lake, put_back: Callable[[], Lake], loads: int
) -> None:
    for number in range(loads):
        lake.dataset("n.t").append(pa.table({"id": [number]}))
    lake.tag("n.t", "gold", 1)
    lake.annotate("n.t", Annotation(owner="ada"))
    files = dict(lake.handles.warehouse.walk())
    old = put_back()
    assert kinds(old) == [("wrong", "store")]
    mend(old, older_than=0)
    assert (kinds(old), dict(old.handles.warehouse.walk())) == ([], files)
    found = old.describe("n.t")
    assert (found.summary.owner, list(found.tags)) == ("ada", ["gold"])


def test_a_rollback_after_the_copy_comes_back_too(lake: Lake, put_back: Callable[[], Lake]) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    lake.rollback("n.t", 1)
    old = put_back()
    mend(old, older_than=0)
    assert (kinds(old), old.to_arrow("n.t")["id"].to_pylist()) == ([], [0])
    assert [v.version for v in old.versions("n.t")] == [2, 1]


def test_where_changes_went_on_the_files_of_the_other_line_can_be_loaded_again(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    lake.annotate("n.t", Annotation(owner="ada"))
    files = dict(lake.handles.warehouse.walk())
    old = put_back()
    old.dataset("n.t").append(pa.table({"id": [7]}))
    litter = Path(old.describe("n.t").location) / "data" / "litter.parquet"
    litter.write_bytes(b"litter")
    assert kinds(old) == [("wrong", "store"), ("litter", "orphan")]
    assert "1 version" in old.doctor().report.findings[0].message
    done = mend(old, older_than=0)
    assert (len(done), rows_of(old)) == (1, {1: ["{'id': 0}"], 2: ["{'id': 0}", "{'id': 7}"]})
    assert {Path(p).name for p, _ in old.handles.warehouse.walk()} >= {Path(p).name for p in files}
    assert kinds(old) == [("litter", "orphan")]
    (apart,) = re.findall(r"wanted of 1 of data: (.*\.parquet)", done[0])
    old.dataset("n.t").append(pq.read_table(apart))
    assert sorted(old.to_arrow("n.t")["id"].to_pylist()) == [0, 1, 7]


@pytest.mark.parametrize("broken_off", range(1, 4))
def test_setting_another_line_aside_can_be_broken_off_anywhere(
    lake: Lake, put_back: Callable[[], Lake], monkeypatch: pytest.MonkeyPatch, broken_off: int
) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    old = put_back()
    old.dataset("n.t").append(pa.table({"id": [7]}))
    moves, move = itertools.count(1), LocalWarehouse.set_aside

    def ends(self: LocalWarehouse, path: str) -> str:
        if next(moves) == broken_off:
            raise KeyboardInterrupt
        return move(self, path)

    monkeypatch.setattr(LocalWarehouse, "set_aside", ends)
    with pytest.raises(KeyboardInterrupt):
        mend(old, older_than=0)
    assert kinds(old) == [("wrong", "store")]
    assert len(mend(old, older_than=0)) == 1
    assert kinds(old) == []
    apart = [path for path in dict(old.handles.warehouse.walk()) if QUARANTINE in path]
    assert sorted(Path(path).suffix for path in apart) == [".avro", ".avro", ".json", ".parquet"]


def test_a_load_of_no_rows_leaves_no_write_that_did_not_end(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    lake.dataset("n.t").append(pa.table({"id": pa.array([], pa.int64())}))
    assert audit.open_intents(lake.handles.reader) == []


def test_a_store_that_does_not_say_its_revision_is_told_how_to_be_made_anew(story: Lake) -> None:
    before = rows_of(story)
    story.close()
    with closing(sqlite3.connect(store_of(story))) as store:
        store.execute("DROP TABLE alembic_version")
    with pytest.raises(StoreUnreachable, match="revision") as refused:
        open_lake(story.settings.root)
    assert "Move it away" in str(refused.value.hint)
    store_of(story).rename(store_of(story).with_name("away.db"))
    lakes.migrate(str(story.settings.root))
    with reopened(story) as new:
        mend(new)
        assert (kinds(new), rows_of(new)) == ([], before)


def test_a_table_of_another_lake_in_the_same_warehouse_is_no_litter(
    lake: Lake, tmp_path: Path
) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    lakes.init_lake(tmp_path / "second", warehouse=str(lake.settings.warehouse))
    with open_lake(tmp_path / "second") as other:
        other.dataset("n.v").append(pa.table({"id": [2]}))
        rows = rows_of(other, "n.v")
        found = [f for f in lake.doctor().report.findings if f.kind is Kind.STORE]
        assert "another lake lies in this warehouse" in found[0].message
        assert all(f.kind is not Kind.ORPHAN for f in lake.doctor().report.findings)
        forget()
        assert rows_of(other, "n.v") == rows


def test_a_new_store_beside_a_warehouse_learns_all_that_its_files_tell(story: Lake) -> None:
    before, of_u = rows_of(story), rows_of(story, "n.u")
    log = [(v.version, v.operation, v.rows, v.message, v.run_id) for v in story.versions("n.t")]
    tags = story.describe("n.t").tags
    story.close()
    for path in store_of(story).parent.glob("lake.db*"):
        path.unlink()
    with (
        pytest.raises(StoreUnreachable, match="missing") as refused,
        open_lake(story.settings.root),
    ):
        pass
    assert "lakectl init --migrate" in str(refused.value.hint)
    (next_step,) = lakes.migrate(str(story.settings.root))
    assert "lakectl doctor --repair" in next_step
    with reopened(story) as new:
        assert new.ls() == []
        assert kinds(new) == [("wrong", "store"), ("wrong", "store")]
        mend(new)
        assert kinds(new) == []
        assert (rows_of(new), rows_of(new, "n.u")) == (before, of_u)
        assert new.describe("n.t").tags == tags
        now = new.versions("n.t")
        assert [(v.version, v.operation, v.rows, v.message, v.run_id) for v in now] == log
        assert new.doctor(verify=True).report.unknown > 0  # no checksum of a data file is known
        assert lakes.migrate(str(story.settings.root)) == []
        new.dataset("n.t").append(pa.table({"id": [9], "s": ["z"], "new": [0.0]}))


def _data_file(lake: Lake, name: str) -> Path:
    dataset = lake.describe(name)
    return Path(lake.handles.reader.files(dataset, dataset.snapshot_id)[0].path)


@pytest.mark.parametrize("at", range(10, 340, 30))
def test_files_without_a_checksum_are_read_and_then_known_by_one(lake: Lake, at: int) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1, 2, 3], "s": ["a", "b", "c"]}))
    with lake.handles.database.write() as conn:
        conn.execute(tables.data_files.update().values(checksum=None))
    assert lake.doctor().report.unknown == 1
    assert len(lake.repairs(lake.doctor())) == 0
    (done,) = mend(lake)
    assert done == "Noted: the checksums of 1 file of n.t."
    assert (kinds(lake), lake.doctor(verify=True).report.unknown) == ([], 0)
    path = _data_file(lake, "n.t")
    data = bytearray(path.read_bytes())
    data[at] ^= 64
    path.write_bytes(data)
    assert kinds(lake) == [("damage", "data")]


@pytest.mark.parametrize("damage", ["page", "footer", "rows"])
def test_a_file_without_a_checksum_that_cannot_be_read_is_damage(lake: Lake, damage: str) -> None:
    lake.dataset("n.t").append(pa.table({"id": range(1000)}))
    lake.dataset("n.u").append(pa.table({"id": range(999)}))
    with lake.handles.database.write() as conn:
        conn.execute(tables.data_files.update().values(checksum=None))
    path = _data_file(lake, "n.t")
    data = path.read_bytes()
    if damage == "rows":
        other = _data_file(lake, "n.u").read_bytes()
        path.write_bytes(other.ljust(len(data), b"\0")[: len(data)])
        if len(other) == len(data):
            assert "999 rows in place of 1,000" in str(lake.doctor(verify=True).report.findings)
    else:
        at = {"page": 4, "footer": len(data) - 32}[damage]
        path.write_bytes(data[:at] + bytes(32) + data[at + 32 :])
    assert kinds(lake, "n.t") == [("damage", "data")]
    assert kinds(lake, "n.t", verify=False) == []


def test_a_table_whose_first_name_is_taken_gets_one_of_its_own(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    lake.dataset("n.u").append(pa.table({"id": [5]}))
    old = put_back()
    old.dataset("n.u").append(pa.table({"id": [6]}))
    mend(old)
    names = [str(one.name) for one in old.ls()]
    assert names[1:] == ["n.t", "n.u"]
    assert names[0].startswith("found.t_")
    assert old.to_arrow(names[0])["id"].to_pylist() == [5]


@pytest.mark.parametrize("gone", sorted(tables.metadata.tables))
def test_a_table_of_ours_that_is_gone_is_made_anew(story: Lake, gone: str) -> None:
    before, of_u = rows_of(story), rows_of(story, "n.u")
    story.close()
    with closing(sqlite3.connect(store_of(story))) as store:
        store.execute(f"DROP TABLE {gone}")
    with reopened(story) as lake:
        (found,) = lake.doctor().report.findings
        assert (found.kind, gone in found.message) == (Kind.STORE, True)
        mend(lake, rounds=2)
        assert kinds(lake) == []
        assert (rows_of(lake), rows_of(lake, "n.u")) == (before, of_u)
        lake.dataset("n.t").append(pa.table({"id": [9], "s": ["z"], "new": [0.0]}))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("ledger.version", "x"),
        ("ledger.sources", "[1, "),
        ("journal.before", "[]"),
        ("heads.at", "x"),
        ("schema_log.at", "x"),
        ("schemas.schema", "[]"),
        ("schemas.dataset_id", "x"),
        ("data_files.path", "/etc/passwd"),
        ("data_files.checksum", "x"),
        ("metadata_files.checksum", "x"),
        ("versions.linear", "x"),
        ("versions.parent_id", "x"),
        ("intents.at", "x"),
        ("datasets.id", "x"),
        ("datasets.schema", "{}"),
        ("iceberg_tables.metadata_location", None),
    ],
)
def test_a_cell_that_cannot_be_is_told_and_mended(
    story: Lake, cell: str, value: str | None
) -> None:
    before, of_u = rows_of(story), rows_of(story, "n.u")
    column = tables.metadata.tables[cell.split(".")[0]].c[cell.split(".")[1]]
    one = {
        "datasets": sa.text("name = 't'"),
        "iceberg_tables": sa.text("table_name = 't'"),
        "intents": sa.text("true"),
    }.get(column.table.name, sa.text(f"dataset_id = '{story.describe('n.t').id}'"))
    if column.name in {"path", "dataset_id"} and column.table.name != "intents":
        one = sa.text(f"{one} AND rowid = (SELECT min(rowid) FROM {column.table.name} WHERE {one})")
    with story.handles.database.write() as conn:
        if column.table.name == "intents":
            conn.execute(sa.text("UPDATE intents SET state = 'open'"))
        raw = sa.type_coerce(value, sa.types.NullType()) if value is not None else sa.null()
        conn.execute(sa.update(column.table).where(one).values({column.name: raw}))
    with reopened(story) as lake:
        assert not lake.doctor(verify=True).report.is_sound
        mend(lake, rounds=2)
        assert kinds(lake) == []
        assert (rows_of(lake), rows_of(lake, "n.u")) == (before, of_u)
        lake.dataset("n.t").append(pa.table({"id": [9], "s": ["z"], "new": [0.0]}))


def test_a_table_that_somebody_holds_does_not_hide_the_others(
    story: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.doctor import tables as of_tables

    looked = of_tables.examine

    def held(handles: Handles, table: Table, *, verify: bool) -> of_tables.Examined:
        if str(table.name) == "n.u":
            raise Conflict("n.u has been held by another process for 10 s.", "Continue it.")
        return looked(handles, table, verify=verify)

    monkeypatch.setattr(of_tables, "examine", held)
    Path(story.describe("n.t").metadata_location).write_text("{}")
    forget()
    assert kinds(story) == [("damage", "metadata"), ("risk", "pointer")]


@pytest.mark.parametrize("lost", ["store.commit", "store.answer"])
@pytest.mark.parametrize("change", ["rename", "drop", "undrop"])
def test_a_change_whose_answer_was_lost_is_told_as_it_is(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, lost: str, change: str
) -> None:
    from catalog import faults

    lake.dataset("n.t").append(pa.table({"id": [1]}))
    if change == "undrop":
        lake.drop("n.t")
    do = {
        "rename": lambda: lake.rename("n.t", "n.new"),
        "drop": lambda: lake.drop("n.t"),
        "undrop": lambda: lake.undrop("n.t"),
    }[change]
    monkeypatch.setenv("LAKECTL_CRASH_AT", f"{lost}:LOST")
    faults.arm()
    try:
        if lost == "store.answer":
            do()
        else:
            with pytest.raises(StoreUnreachable) as told:
                do()
            assert not isinstance(told.value, OutcomeUnknown)
    finally:
        monkeypatch.delenv("LAKECTL_CRASH_AT")
        faults.arm()
    made = {"rename": ["n.new"], "drop": [], "undrop": ["n.t"]}[change]
    unmade = {"rename": ["n.t"], "drop": ["n.t"], "undrop": []}[change]
    assert [str(one.name) for one in lake.ls()] == (made if lost == "store.answer" else unmade)


def test_a_store_so_old_that_its_versions_have_expired_since_takes_in_what_is_there(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    handle = lake.dataset("n.t")
    for number in range(1, 125):
        handle.append(pa.table({"id": [number]}))
    lake.tag("n.t", "gold")
    handle.overwrite(pa.table({"id": [999]}))
    log = [(v.version, v.rows, v.state) for v in lake.versions("n.t") if v.state != "expired"]
    rows = sorted(lake.to_arrow("n.t", "gold")["id"].to_pylist())
    files = dict(lake.handles.warehouse.walk())
    old = put_back()
    assert not Path(old.handles.reader.pointer(old.ls()[0].name) or "").exists()
    mend(old, rounds=3, older_than=0)
    assert kinds(old) == []
    assert dict(old.handles.warehouse.walk()) == files
    assert old.to_arrow("n.t")["id"].to_pylist() == [999]
    assert sorted(old.to_arrow("n.t", "gold")["id"].to_pylist()) == rows
    now = [(v.version, v.rows, v.state) for v in old.versions("n.t") if v.state != "expired"]
    assert now == log


def test_our_tables_can_be_made_anew_after_versions_have_expired(lake: Lake) -> None:
    handle = lake.dataset("n.t")
    for number in range(125):
        handle.append(pa.table({"id": [number]}))
    before = rows_of(lake)
    assert len(before) < 125
    with lake.handles.database.write() as conn:
        conn.execute(sa.text("UPDATE datasets SET rows = 7"))
    mend(lake)
    assert kinds(lake) == []
    assert rows_of(lake) == before


@pytest.mark.parametrize("gone", ["DROP TABLE datasets", "DELETE FROM datasets WHERE name = 'd'"])
def test_a_dropped_dataset_whose_row_is_gone_is_no_litter(lake: Lake, gone: str) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    lake.dataset("n.d").append(pa.table({"id": [2]}))
    before = rows_of(lake, "n.d")
    lake.drop("n.d")
    files = dict(lake.handles.warehouse.walk())
    lake.close()
    with closing(sqlite3.connect(store_of(lake))) as store, store:
        store.execute(gone)
    with reopened(lake) as again:
        mend(again, rounds=3, older_than=0)
        assert dict(again.handles.warehouse.walk()) == files
        assert rows_of(again, "n.d") == before


def test_a_rollback_that_was_made_since_is_not_overridden(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    lake.dataset("n.u").append(pa.table({"id": [1]}))
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    old = put_back()
    old.tag("n.t", "mine", 1)
    mend(old, older_than=0)
    assert list(old.describe("n.t").tags) == ["mine"]
    assert old.to_arrow("n.t")["id"].to_pylist() == [0]


def test_of_two_tables_of_one_first_name_the_one_changed_last_has_it(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"id": [1]}))
    lake.rename("n.t", "n.old")
    lake.dataset("n.t").append(pa.table({"id": [2]}))
    lake.close()
    store_of(lake).unlink()
    lakes.migrate(str(lake.settings.root))
    with reopened(lake) as new:
        told = " ".join(step.sentence for step in new.repairs(new.doctor()))
        mend(new)
        assert new.to_arrow("n.t")["id"].to_pylist() == [2]
        assert all(f" as {one.name}." in told for one in new.ls())
