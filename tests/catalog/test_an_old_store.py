"""An old copy of the store was put back, and more went wrong: no acknowledged row is let go of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from stories import kinds, mend, reopened, rows_of, store_of

from catalog.errors import OperationFailed
from catalog.iceberg import commits
from catalog.metadata import audit
from catalog.storage import QUARANTINE, LocalWarehouse
from lakectl import root as lakes
from lakectl.root import Lake


def _load(lake: Lake, number: int, name: str = "n.t") -> None:
    lake.dataset(name).append(pa.table({"id": [number]}))


def _newest(lake: Lake, end: str, before: set[str]) -> Path:
    """The newest file of a kind that was not there before."""
    paths = [p for p, _ in lake.handles.warehouse.walk() if p.endswith(end) and p not in before]
    return Path(max(paths, key=os.path.getmtime))


def _apart(lake: Lake) -> list[str]:
    return [p for p, _ in lake.handles.warehouse.walk() if QUARANTINE in p]


def _ids(lake: Lake, name: str = "n.t") -> list[int]:
    return sorted(lake.to_arrow(name)["id"].to_pylist())


def _killed(lake: Lake, point: str, *words: str) -> None:
    """Kill a load of a file with the row 777 at a point."""
    source = lake.settings.root / "777.csv"
    source.write_text("id\n777\n")
    line = [sys.executable, "-m", "lakectl", "ingest", str(source), "--into", "n.t", *words]
    env = os.environ | {"LAKECTL_CRASH_AT": f"{point}:KILL"}
    assert subprocess.run(line, cwd=lake.settings.root, env=env, check=False).returncode == -9


def test_a_lost_metadata_file_does_not_send_a_table_to_another_line(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    _load(lake, 1)
    old = put_back()
    _load(old, 7)
    _load(old, 8)
    Path(old.describe("n.t").metadata_location).unlink()
    mend(old, rounds=3, older_than=0)
    assert (kinds(old), _ids(old)) == ([], [0, 7, 8])
    assert len([p for p in _apart(old) if p.endswith(".parquet")]) == 1


@pytest.mark.parametrize(
    ("what", "how"),  # a metadata file that is gone tells of no state
    [
        (".metadata.json", "cut"),
        ("-m0.avro", "cut"),
        ("-m0.avro", "gone"),
        ("snap", "cut"),
        ("snap", "gone"),
    ],
)
def test_a_newer_state_that_cannot_be_read_whole_is_not_taken_in_and_costs_no_row(
    lake: Lake, put_back: Callable[[], Lake], what: str, how: str
) -> None:
    before = {path for path, _ in lake.handles.warehouse.walk()}
    _load(lake, 1)
    newest = _newest(lake, ".avro" if what == "snap" else what, before)
    if what == "snap":
        newest = next(newest.parent.glob(f"snap-{lake.describe('n.t').snapshot_id}-*"))
    data = newest.read_bytes()
    old = put_back()
    newest.unlink() if how == "gone" else newest.write_bytes(data[: len(data) // 2])
    assert ("wrong", "store") in kinds(old)
    mend(old, rounds=4, older_than=0)
    assert (kinds(old), _ids(old), _ids(reopened(old))) == ([], [0], [0])
    assert [p for p in _apart(old) if p.endswith(".parquet")]


def test_the_newest_whole_state_is_taken_in_where_later_ones_are_damaged(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    _load(lake, 1)
    before = {path for path, _ in lake.handles.warehouse.walk()}
    _load(lake, 2)
    damaged = _newest(lake, "-m0.avro", before)
    old = put_back()
    damaged.write_bytes(b"Obj")
    mend(old, rounds=4, older_than=0)
    assert (kinds(old), _ids(old)) == ([], [0, 1])


@pytest.mark.parametrize("what", [".metadata.json", "-m0.avro"])
def test_an_unknown_table_that_cannot_be_read_is_told_and_left_where_it_is(
    lake: Lake, what: str
) -> None:
    _load(lake, 1)
    _load(lake, 2, "n.u")
    damaged = _newest(lake, what, set())
    damaged.write_bytes(b"Obj")
    files = dict(lake.handles.warehouse.walk())
    lake.close()
    store_of(lake).unlink()
    lakes.migrate(str(lake.settings.root))
    with reopened(lake) as new:
        mend(new, rounds=3, older_than=0)
        assert kinds(new) == [("damage", "store")]
        assert dict(new.handles.warehouse.walk()) == files
        assert _ids(new) == [1]


def test_an_old_copy_is_known_by_its_versions_where_the_log_has_forgotten_it(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    first = Path(lake.describe("n.t").metadata_location)
    content = first.read_bytes()
    for number in range(1, 36):
        _load(lake, number)
    assert not first.exists()
    first.write_bytes(content)  # as of a backup of the warehouse
    old = put_back()
    mend(old, older_than=0)
    assert _ids(old) == list(range(36))


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_where_intents_are_lost_a_killed_load_is_not_taken_in(lake: Lake, mode: str) -> None:
    _load(lake, 0)
    _killed(lake, "commit.staged", "--mode", mode)
    with lake.handles.database.write() as conn:
        conn.execute(sa.text("DELETE FROM intents"))
    mend(lake, rounds=3, older_than=0)
    assert (kinds(lake), _ids(lake)) == ([], [0])
    assert [p for p in _apart(lake) if p.endswith(".parquet")]
    write = commits.write_of(lake.describe("n.t").metadata_location)
    assert write


def test_a_state_that_was_taken_in_is_known_as_one_of_this_store(
    lake: Lake, put_back: Callable[[], Lake]
) -> None:
    _load(lake, 1)
    old = put_back()
    mend(old)
    write = commits.write_of(old.describe("n.t").metadata_location) or ""
    assert audit.intents(old.handles.reader, [write]) == {write: "done"}


def test_a_load_that_landed_after_the_store_was_copied_in_its_middle_is_set_aside(
    lake: Lake,
) -> None:
    _load(lake, 0)
    source, copy = lake.settings.root / "1.csv", lake.settings.root / "copy.db"
    source.write_text("id\n1\n")
    line = [sys.executable, "-m", "lakectl", "ingest", str(source), "--into", "n.t"]
    env = os.environ | {"LAKECTL_CRASH_AT": "commit.staged:STOP"}
    load = subprocess.Popen(line, cwd=lake.settings.root, env=env)
    assert os.WIFSTOPPED(os.waitpid(load.pid, os.WUNTRACED)[1])
    shutil.copy(store_of(lake), copy)
    load.send_signal(signal.SIGCONT)
    assert (load.wait(), _ids(lake)) == (0, [0, 1])
    lake.close()
    shutil.copy(copy, store_of(lake))
    with reopened(lake) as old:
        mend(old, rounds=2, older_than=0)
        assert (kinds(old), _ids(old)) == ([], [0])
        assert [Path(p).suffix for p in _apart(old)].count(".parquet") == 1


def test_what_cannot_be_moved_stops_the_moving_of_what_tells_of_it(
    lake: Lake, put_back: Callable[[], Lake], monkeypatch: pytest.MonkeyPatch
) -> None:
    _load(lake, 1)
    old = put_back()
    _load(old, 7)

    def refuse(_: LocalWarehouse, path: str) -> str:
        raise OperationFailed(f"{path} cannot be moved.")

    with monkeypatch.context() as patch:
        patch.setattr(LocalWarehouse, "set_aside", refuse)
        with pytest.raises(OperationFailed):
            mend(old, older_than=0)
    assert kinds(old) == [("wrong", "store")]
    mend(old, older_than=0)
    assert (kinds(old), _ids(old)) == ([], [0, 7])


@pytest.mark.parametrize("table", ["data_files", "versions", "heads", "schemas"])
def test_a_dropped_dataset_comes_back_whole_after_a_table_of_ours_was_lost(
    lake: Lake, table: str
) -> None:
    _load(lake, 1)
    _load(lake, 2, "n.d")
    _load(lake, 3, "n.d")
    before = rows_of(lake, "n.d")
    lake.drop("n.d")
    with lake.handles.database.write() as conn:
        conn.execute(sa.text(f"DROP TABLE {table}"))
    with reopened(lake) as new:
        mend(new, rounds=2)
        assert [str(d.name) for d in new.ls()] == ["n.t"]
        new.undrop("n.d")
        assert rows_of(new, "n.d") == before
        assert kinds(new) == []


@pytest.fixture
def interrupted(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake in which every announced write is interrupted at once."""
    from catalog import faults

    def stop(point: str) -> None:
        if point == "intent.announced":
            raise KeyboardInterrupt

    monkeypatch.setattr(faults, "reach", stop)
    return lake


def test_a_write_that_is_interrupted_at_once_is_not_left_open(interrupted: Lake) -> None:
    with pytest.raises(KeyboardInterrupt):
        _load(interrupted, 1)
    assert audit.open_intents(interrupted.handles.reader) == []


def test_litter_of_others_is_set_aside_and_of_our_own_failed_writes_is_removed(lake: Lake) -> None:
    _load(lake, 0)
    folder = Path(lake.describe("n.t").location) / "data"
    failed = "deadbeef000080008000deadbeef0000"
    with lake.handles.database.write() as conn:
        copied = "dataset_id, location, 'failed', host, pid, at FROM intents"
        conn.execute(sa.text(f"INSERT INTO intents SELECT '{failed}', {copied}"))
    own = folder / f"{failed}-00000.parquet"
    others = folder / "00000-0-0e0e0e0e-0000-4000-8000-000000000000-00001.parquet"
    for path in (own, others):
        path.write_bytes(b"litter")
    assert len(mend(lake, older_than=0)) == 2
    assert [Path(p).name for p in _apart(lake)] == [others.name]
    assert kinds(lake) == []
