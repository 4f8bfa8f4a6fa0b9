"""Bringing a damaged table back: its metadata from our tables, its rows from a whole version."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog import faults, reading, writing
from catalog.doctor.forgotten import METADATA, Newer
from catalog.doctor.tables import Examined, locked
from catalog.engine.copying import partition_of
from catalog.engine.views import select_version
from catalog.errors import Conflict, LakeError, NotFound, OperationFailed
from catalog.handles import Handles
from catalog.iceberg import commits, tables
from catalog.iceberg.commits import Change
from catalog.iceberg.files import LakeFileIO
from catalog.iceberg.reconstruction import entry_of, metadata_of, relisted
from catalog.iceberg.tables import TableState
from catalog.metadata import audit, records
from catalog.model import DataFile, Dataset, Version, WrittenFile
from catalog.query import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAMED = 5  # files that a sentence names
_LIST = re.compile(r"/snap-(\d+)-[^/]*\.avro\Z")


def metadata(handles: Handles, one: Examined) -> str:
    """Put a whole metadata file in the place of a damaged one.

    It is the one that our tables were made from, if that is whole; else it is written anew from
    our tables, which know every version. The damaged file is moved aside.

    Raises:
        Conflict: somebody has committed meanwhile.
    """
    name = one.table.name
    with _alone(handles, one) as held:
        dataset, pointer = held.dataset, held.pointer
        state, io = _known_state(handles, dataset, pointer), LakeFileIO(handles.warehouse)
        told = "its pointer is back at the last state that our tables know"
        if state is None:
            versions = [v for v in handles.reader.versions(dataset) if v.state != "expired"]
            state = _written_anew(handles, io, one, held, versions)
            told = f"its metadata is written anew, with {len(state.metadata.snapshots)} versions"
        _put(handles, held, state, io, [pointer])
    return f"{name}: {told}.{_aside(handles, [pointer])}"


def manifests(handles: Handles, one: Examined) -> str:
    """Write damaged manifests and lists anew: our tables know the files of every version.

    Raises:
        Conflict: somebody has committed meanwhile.
        OperationFailed: a file cannot be described again: it is missing, or of another engine.
    """
    with _alone(handles, one) as held:
        dataset, pointer = held.dataset, held.pointer
        state, io = one.inspection.state, LakeFileIO(handles.warehouse)
        assert state is not None
        if state.location != pointer:
            raise Conflict(f"{dataset.name} has changed meanwhile.", "Run doctor again.")
        try:
            missing = _missing_entries(handles, one, dataset, state)
            changed = relisted(io, state.metadata, one.inspection, missing)
            number = commits.number_of(pointer) + 1
            written = commits.write_metadata(io, changed, number, held.write, state.properties)
        except Exception:
            io.forget()
            raise
        bad = [damage.path for damage in one.inspection.damage]
        _put(handles, held, written, io, bad)
    return f"{dataset.name}: written anew, {len(bad)} of its metadata.{_aside(handles, bad)}"


class _Held(NamedTuple):
    """A table that nobody else writes to meanwhile, and a write of it that was announced."""

    dataset: Dataset
    pointer: str
    write: str


@contextmanager
def _alone(handles: Handles, one: Examined) -> Iterator[_Held]:
    """Hold a table, to write metadata of it.

    Raises:
        Conflict: it was dropped or renamed meanwhile.
    """
    with locked(handles, one.table):
        dataset = handles.reader.dataset_by_id(one.table.id)
        pointer = handles.reader.pointer(one.table.name)
        if dataset is None or pointer is None:
            raise Conflict(f"{one.table.name} has changed meanwhile.", "Run doctor again.")
        with writing.announced(handles, dataset.id, dataset.location) as write:
            yield _Held(dataset, pointer, write)


def _missing_entries(
    handles: Handles, one: Examined, dataset: Dataset, state: TableState
) -> dict[int, list[Any]]:
    """Of each snapshot that cannot be read whole, the entries of the files it does not tell."""
    added = audit.added_by(handles.reader, dataset.id)
    made: dict[str, Any] = {}
    found = {}
    for snapshot, parts in one.inspection.parts.items():
        told = {path for _, files in parts for path in files}
        missing = [f for f in handles.reader.files(dataset, snapshot) if f.path not in told]
        for file in missing:
            if file.path not in made:
                written = _described(handles, dataset, file)
                made[file.path] = entry_of(
                    state.metadata, written, file.schema_id or 0, *added[file.path]
                )
        found[snapshot] = [made[file.path] for file in missing]
    return found


def _described(handles: Handles, dataset: Dataset, file: DataFile) -> WrittenFile:
    """A data file as its manifest needs it; the partition is told by any of its rows."""
    if file.deletes:
        raise OperationFailed(
            f"{file.path} is a delete file of another engine, which only that can list again."
        )
    schemas = {s.schema_id: s for s in audit.schemas(handles.reader, dataset)}
    schema = schemas.get(file.schema_id or 0, dataset.schema)
    with reading.opened(handles, dataset.name, [file]) as (con, prefix):
        select = select_version(schema, [file], prefix)
        values = partition_of(con, select, schema, dataset.partitioning)
    return WrittenFile(file.path, file.rows, file.bytes, {}, values)


def _put(
    handles: Handles,
    held: _Held,
    state: TableState,
    io: LakeFileIO,
    bad: Sequence[str],
) -> None:
    """Let the pointer name another metadata file, and our tables tell what that says."""
    dataset, pointer, write = held
    commit = records.Commit(
        dataset=tables.describe(state, dataset.id, dataset.name),
        previous_metadata=pointer,
        at=state.metadata.last_updated_ms,
        metadata_files=list(io.created.values()),
        forgotten=bad,
        intent=write,
    )
    with handles.database.write() as conn:
        if not records.swap(conn, dataset.name, pointer, state.location):
            raise Conflict(f"{dataset.name} has changed meanwhile.", "Run doctor again.")
        records.record(conn, commit)
    faults.reach("repair.put")


def _known_state(handles: Handles, dataset: Dataset, pointer: str) -> TableState | None:
    """The state that our tables were made from, if another file than the pointer's and whole."""
    place = dataset.metadata_location
    if place == pointer:
        return None
    try:
        return tables.parse(handles.warehouse, place, handles.warehouse.read(place))
    except LakeError:
        return None


def _written_anew(
    handles: Handles,
    io: LakeFileIO,
    one: Examined,
    held: _Held,
    versions: Sequence[Version],
) -> TableState:
    dataset = held.dataset
    known = audit.metadata_files(handles.reader, dataset.id)
    lists = {
        int(found.group(1)): path
        for path in [*one.sizes, *known]  # of two lists of a snapshot the one that landed is known
        if (found := _LIST.search(path))
    }
    schemas = audit.schemas(handles.reader, dataset)
    metadata = metadata_of(dataset, schemas, versions, lists)
    there = (path for path in [*known, *one.sizes] if path.endswith(".metadata.json"))
    number = 1 + max(map(commits.number_of, there), default=0)
    return commits.write_metadata(io, metadata, number, held.write)


def lost_of(handles: Handles, one: Examined) -> str:
    """The versions that cannot be read any more, and the names that go with them, as words."""
    log = audit.snapshots(handles.reader, one.table.id)
    dataset = handles.reader.dataset_by_id(one.table.id)
    told = [f"v{log[snapshot]}" for snapshot in sorted(one.lost, key=lambda s: log.get(s, 0))]
    for kind, refs in (("tag", dataset.tags), ("branch", dataset.branches)) if dataset else ():
        told += [f"the {kind} {name}" for name, at in refs.items() if at in one.lost]
    return ", ".join(told)


def last_whole_version(handles: Handles, one: Examined) -> str:
    """Go to the newest version that is whole, and let go of those that are not.

    Raises:
        OperationFailed: no version is whole.
        Conflict: somebody has committed meanwhile.
    """
    dataset = handles.reader.dataset_by_id(one.table.id)
    assert dataset is not None
    lost = one.lost
    names = lost_of(handles, one)
    whole = [v for v in handles.reader.versions(dataset) if v.snapshot_id in one.whole]
    if not whole:
        raise OperationFailed(
            f"No version of {dataset.name} is whole: nothing can be gone back to.",
            "Restore its files from a backup, or drop it and load it again.",
        )
    # The newest of main's own line, if there is one; `undone` ones lie on no line.
    line = [v for v in whole if v.state in {"current", "live"}] or whole
    target = dataset.snapshot_id if dataset.snapshot_id not in lost else line[0].snapshot_id
    at = next(v for v in whole if v.snapshot_id == target)
    schema = schema_of(handles, dataset, at)

    def plan(_: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        if now is None or now.metadata_location != dataset.metadata_location:
            raise Conflict(f"{dataset.name} has changed meanwhile.", "Run doctor again.")
        return Change(main=target, schema=schema, forget=sorted(lost)), writing.Rows()

    writing.commit_alone(handles, dataset, plan)
    # What else only the lost versions held is set aside as well: it may be of use to somebody.
    apart = sorted({*one.bad_files, *handles.reader.unreachable_files(dataset.id)})
    with handles.database.write() as conn:
        records.forget_files(conn, dataset.id, apart)
        records.close_journal(conn, dataset.id)  # it tells of versions that are gone
    told = f"{dataset.name} is at v{at.version}, which is whole; lost: {names}."
    return f"{told}{_aside(handles, apart)}"


def past(handles: Handles, one: Examined) -> str:
    """Let go of metadata files that only earlier states of the table need."""
    with handles.database.write() as conn:
        records.forget_metadata(conn, one.bad_past)
    told = f"{one.table.name} does without {len(one.bad_past)} of its earlier states."
    return f"{told}{_aside(handles, one.bad_past)}"


def other_line(handles: Handles, one: Examined, newer: Newer) -> str:
    """Set aside what only a state needs that our tables neither know nor can go to."""
    # Last what tells of the others: if this is broken off, the next doctor can still see them.
    paths = sorted(newer.apart, key=lambda p: (p.endswith(METADATA), not p.endswith(".parquet")))
    moved = set_aside(handles, paths)
    loose = [path for path in moved if path.endswith(".parquet")]
    told = f"{one.table.name} goes on from where it is; set aside: {len(moved)} files."
    if loose:
        some = ", ".join(loose[:_NAMED]) + (", …" if len(loose) > _NAMED else "")
        told += f" Load again what is still wanted of {len(loose)} of data: {some}"
    return told


def set_aside(handles: Handles, paths: Sequence[str]) -> list[str]:
    """Move files to the quarantine of the warehouse; returns where those are that were there.

    Raises:
        LakeError: one cannot be moved; those before it have been.
    """
    moved = []
    for path in paths:
        with suppress(NotFound):
            moved.append(handles.warehouse.set_aside(path))
    return moved


def _aside(handles: Handles, paths: Sequence[str]) -> str:
    """Move files to the quarantine of the warehouse; those that are missing are passed over."""
    moved = []
    for path in paths:
        try:
            moved.append(handles.warehouse.set_aside(path))
        except LakeError:
            continue
    return "".join(f" Set aside: {path}." for path in moved)
