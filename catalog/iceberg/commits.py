"""Staging a commit: every file that the next state of a table needs, down to its metadata file.

Nothing here moves a pointer. `stage` leaves files that nobody refers to yet; whoever swaps the
pointer to `Staged.state.location` makes them the table, and whoever is told that the swap did not
happen removes `Staged.created`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyiceberg.manifest import DataFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot
from pyiceberg.table.update import (
    AddSchemaUpdate,
    AddSnapshotUpdate,
    RemovePropertiesUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    SetCurrentSchemaUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    TableUpdate,
    _apply_table_update,
    _TableMetadataUpdateContext,
    _update_table_metadata_log,
)

from catalog import clock
from catalog.errors import Conflict, NotFound
from catalog.iceberg.files import LakeFileIO
from catalog.iceberg.properties import SortedProperties, sort_properties
from catalog.iceberg.snapshots import SnapshotWrite
from catalog.iceberg.tables import MAIN, TableState, iceberg_schema, remember
from catalog.schema import Schema
from catalog.storage import Warehouse

OPERATIONS = {
    "append": Operation.APPEND,
    "overwrite": Operation.OVERWRITE,
    "merge": Operation.OVERWRITE,
    "delete": Operation.DELETE,
}

# The keep rule: so many versions, the last of each day for so many days, and every tag and branch.
KEEP_VERSIONS, KEEP_DAYS, EXPIRE_BATCH = 100, 30, 20
_DAY_MS = 86_400_000
_OURS = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?8[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit shall do to a table; every part is optional."""

    write: SnapshotWrite | None = None
    branch: str = MAIN
    schema: Schema | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    drop_properties: Sequence[str] = ()
    tags: Mapping[str, int | None] = field(default_factory=dict)  # name -> snapshot, None removes
    branches: Mapping[str, int | None] = field(default_factory=dict)
    main: int | None = None  # move main to this snapshot
    expected_head: int | None = None  # refuse when the branch's head is another snapshot
    expire: bool = False
    forget: Sequence[int] = ()  # snapshots that cannot be read any more


@dataclass(frozen=True, slots=True)
class Staged:
    """A state that is wholly on disk and not yet pointed to."""

    state: TableState
    snapshot: Snapshot | None
    created: LakeFileIO  # what to remove when it is known not to have landed
    expired: tuple[int, ...]  # beyond the keep rule: their files go as well


def stage(
    warehouse: Warehouse,
    base: TableState | TableMetadata,
    change: Change,
    write: str,
    attempt: int = 0,
) -> Staged:
    """Write the files of the state after `change`.

    Args:
        warehouse: where.
        base: the state that the pointer has now, or the metadata of a table that is new.
        change: what to do.
        write: the id under which the commit was announced.
        attempt: how often it was tried before; no two attempts make a file of one name.

    Raises:
        Conflict: the branch has moved since the change was planned, or its files are gone.
        NotFound: the branch or a snapshot does not exist.
    """
    io = LakeFileIO(warehouse)
    try:
        number = (number_of(base.location) + 1 if isinstance(base, TableState) else 0) + attempt
        return _stage(io, base, change, (number, write))
    except Exception:
        io.forget()
        raise


def _stage(
    io: LakeFileIO, base: TableState | TableMetadata, change: Change, name: tuple[int, str]
) -> Staged:
    current = base if isinstance(base, TableState) else None
    metadata: TableMetadata = base.metadata if isinstance(base, TableState) else base
    context = _TableMetadataUpdateContext()

    def apply(updates: Sequence[TableUpdate]) -> None:
        nonlocal metadata
        for update in updates:
            metadata = _apply_table_update(update, metadata, context)

    timestamp = max(clock.milliseconds(), metadata.last_updated_ms)
    head = _head(metadata, change)
    apply(_schema_updates(metadata, change))
    snapshot = None
    if change.write is not None:
        snapshot = change.write.stage(io, metadata, head, timestamp)
        apply([AddSnapshotUpdate(snapshot=snapshot), _ref(change.branch, snapshot.snapshot_id)])
    apply(_ref_updates(metadata, change))
    apply(_property_updates(metadata, change))
    expired = _expirable(metadata, timestamp) if change.expire else ()
    if gone := [*expired, *change.forget]:
        apply([RemoveSnapshotsUpdate(snapshot_ids=gone)])
    if current is not None:
        metadata = _update_table_metadata_log(
            metadata, current.location, current.metadata.last_updated_ms
        )
    metadata = metadata.model_copy(update={"last_updated_ms": timestamp})
    metadata.spec().check_compatible(metadata.schema())
    state = write_metadata(io, metadata, *name, current.properties if current else None)
    return Staged(state, snapshot, io, expired)


def _head(metadata: TableMetadata, change: Change) -> Snapshot | None:
    """The snapshot that a write builds on; a branch that is not there is a mistake, not a wish."""
    ref = metadata.refs.get(change.branch)
    if ref is None and change.branch != MAIN:
        raise NotFound(f"There is no branch {change.branch!r}.")
    if ref is not None and ref.snapshot_ref_type != SnapshotRefType.BRANCH:
        raise Conflict(f"{change.branch!r} is a tag; only branches can be written to.")
    found = ref.snapshot_id if ref else None
    if change.expected_head is not None and found != change.expected_head:
        raise Conflict("The dataset has changed since this change was planned.", "Try it again.")
    return metadata.snapshot_by_id(found) if found is not None else None


def _schema_updates(metadata: TableMetadata, change: Change) -> list[TableUpdate]:
    if change.schema is None:
        return []
    new = iceberg_schema(change.schema)
    if new.as_struct() == metadata.schema().as_struct():
        return []
    for known in metadata.schemas:  # after a rollback an old schema is the current one again
        if known.as_struct() == new.as_struct():
            return [SetCurrentSchemaUpdate(schema_id=known.schema_id)]
    highest = max(s.schema_id for s in metadata.schemas)
    new = new.model_copy(update={"schema_id": highest + 1})
    return [AddSchemaUpdate(schema_=new), SetCurrentSchemaUpdate(schema_id=-1)]


def _ref(
    name: str, snapshot_id: int, kind: SnapshotRefType = SnapshotRefType.BRANCH
) -> TableUpdate:
    return SetSnapshotRefUpdate.model_validate(
        {"action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": snapshot_id}
    )


def _ref_updates(metadata: TableMetadata, change: Change) -> list[TableUpdate]:
    updates: list[TableUpdate] = []
    if change.main is not None:
        updates.append(_ref(MAIN, change.main))
    kinds = ((change.tags, SnapshotRefType.TAG), (change.branches, SnapshotRefType.BRANCH))
    for wanted, kind in kinds:
        for name, snapshot_id in wanted.items():
            if snapshot_id is not None:
                updates.append(_ref(name, snapshot_id, kind))
            elif name in metadata.refs:
                updates.append(RemoveSnapshotRefUpdate(ref_name=name))
    for wanted, _ in kinds:
        for snapshot_id in wanted.values():
            if snapshot_id is not None and metadata.snapshot_by_id(snapshot_id) is None:
                raise NotFound(f"Snapshot {snapshot_id} has expired and cannot be named any more.")
    return updates


def _property_updates(metadata: TableMetadata, change: Change) -> list[TableUpdate]:
    updates: list[TableUpdate] = []
    if change.properties:
        updates.append(SetPropertiesUpdate(updates=dict(change.properties)))
    gone = [name for name in change.drop_properties if name in metadata.properties]
    if gone:
        updates.append(RemovePropertiesUpdate(removals=gone))
    return updates


def _expirable(metadata: TableMetadata, now: int) -> tuple[int, ...]:
    """The snapshots beyond the keep rule, oldest first.

    None until there is a batch of them: finding out which files they alone hold means reading
    every manifest list.
    """
    held = {ref.snapshot_id for ref in metadata.refs.values()}
    newest_first = sorted(metadata.snapshots, key=lambda s: -(s.sequence_number or 0))
    days: set[int] = set()
    for number, snapshot in enumerate(newest_first):
        day = snapshot.timestamp_ms // _DAY_MS
        last_of_day = day not in days and now - snapshot.timestamp_ms <= KEEP_DAYS * _DAY_MS
        days.add(day)
        if number < KEEP_VERSIONS or last_of_day:
            held.add(snapshot.snapshot_id)
    free = [s.snapshot_id for s in reversed(newest_first) if s.snapshot_id not in held]
    return tuple(free) if len(free) >= EXPIRE_BATCH else ()


def number_of(location: str) -> int:
    """The number that a metadata file's name begins with; 0 where another engine names them so."""
    first = location.rsplit("/", 1)[-1].split("-")[0]
    return int(first) if first.isdecimal() else 0


def write_of(location: str) -> str | None:
    """The write that the name of a file or of its staging folder tells; None of others' files."""
    found = _OURS.search("/".join(location.rsplit("/", 2)[1:]))
    return found.group().replace("-", "") if found else None


def write_metadata(
    io: LakeFileIO,
    metadata: TableMetadata,
    number: int,
    write: str,
    properties: SortedProperties | None = None,
) -> TableState:
    """Write the metadata file of a state.

    Args:
        io: writes it.
        metadata: what it says.
        number: how many states came before it.
        write: the id under which the commit was announced.
        properties: those of the state before it.
    """
    found = properties or sort_properties(metadata.properties)
    # PyIceberg and Rust go on counting only from a number and a UUID.
    name = f"{number:05d}-{uuid.UUID(hex=write)}.metadata.json"
    location = f"{metadata.location}/metadata/{name}"
    carried = {**found.carried, **metadata.properties}
    whole = metadata.model_copy(update={"properties": carried}) if found.carried else metadata
    io.publish(location, whole.model_dump_json().encode(), settle=True)
    state = TableState(metadata, location, found)
    remember(state)
    return state


def forgotten_metadata(before: TableState, after: TableState) -> list[str]:
    """Metadata files that fell off the log with a commit; only files of this very table."""
    if after.metadata.properties.get("write.metadata.delete-after-commit.enabled") != "true":
        return []
    kept = {entry.metadata_file for entry in after.metadata.metadata_log}
    prefix = f"{after.metadata.location}/metadata/"
    gone = (e.metadata_file for e in before.metadata.metadata_log if e.metadata_file not in kept)
    return [
        path
        for path in gone
        if path.startswith(prefix)
        and path.endswith(".metadata.json")
        and "/" not in path[len(prefix) :]
    ]


def snapshot_write(
    operation: str,
    added: Sequence[DataFile],
    removed: frozenset[str],
    summary: Mapping[str, str],
    intent: str,
) -> SnapshotWrite:
    """A snapshot to be staged.

    Args:
        operation: the lake's own word for it.
        added: its new files.
        removed: the paths of those that it replaces.
        summary: what it says of itself.
        intent: the id of the write, which the names of its manifests carry.
    """
    own = {"lakectl.operation": operation} if operation == "merge" else {}
    kind = OPERATIONS[operation]
    if kind is Operation.OVERWRITE and not removed:
        kind = Operation.APPEND
    commit = uuid.UUID(hex=intent)
    return SnapshotWrite(kind, added, removed, {**summary, **own}, commit_uuid=commit)
