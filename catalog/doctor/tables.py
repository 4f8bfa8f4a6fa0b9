"""One table: what its files say, held against what our tables say and against the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from catalog.doctor.findings import Finding, Kind, Severity
from catalog.errors import Conflict, LakeError, NotFound, OperationFailed
from catalog.handles import Handles
from catalog.iceberg import tables
from catalog.iceberg.inspection import Inspection, inspect
from catalog.iceberg.tables import TableState
from catalog.metadata import audit
from catalog.metadata.audit import OpenIntent, Table
from catalog.metadata.locks import commit_lock
from catalog.model import Dataset, Version
from catalog.storage import checksum_at, checksum_of_bytes

_REBUILD = "lakectl doctor --repair makes our tables anew from the table's own files."


@dataclass(slots=True)
class Examined:
    """One table after a look at it."""

    table: Table
    inspection: Inspection
    findings: list[Finding] = field(default_factory=list)
    orphans: dict[str, int] = field(default_factory=dict)  # size by path
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the files that are there
    bad_files: set[str] = field(default_factory=set)  # data files that are missing or damaged
    bad_past: list[str] = field(default_factory=list)  # metadata files of earlier states alone

    @property
    def is_damaged(self) -> bool:
        """Whether its current state cannot be read whole."""
        return bool(self.inspection.damage or self.bad_files)

    @property
    def lost(self) -> set[int]:
        """The snapshots that cannot be read any more: a data file of theirs is bad."""
        readable = self.inspection.snapshots
        return {s for s, files in readable.items() if files.keys() & self.bad_files}

    @property
    def whole(self) -> set[int]:
        """The snapshots whose every file is there as it was written."""
        return self.inspection.snapshots.keys() - self.lost

    def tell(
        self,
        severity: Severity,
        kind: Kind,
        message: str,
        remedy: str | None = None,
        path: str | None = None,
    ) -> None:
        """Note a finding of this table; one that was dropped is nobody's trouble now."""
        dropped = self.table.dropped
        told = f"{self.table.name}{', which was dropped' if dropped else ''}: {message}"
        severity = Severity.NOTE if dropped else severity
        remedy = None if dropped else remedy
        self.findings.append(Finding(severity, kind, told, remedy, str(self.table.name), path))


@contextmanager
def locked(handles: Handles, table: Table) -> Iterator[None]:
    """Keep our own writers from committing meanwhile; a lake for reading takes no lock.

    Raises:
        Conflict: another process holds the lock and does not move.
    """
    if handles.readonly:
        yield
        return
    with commit_lock(handles.database, handles.state / "locks", table.id) as held:
        if not held:
            raise Conflict(
                f"Another process has held {table.name} for over a minute.",
                "Perhaps it was stopped in the middle of a commit: continue it, or end it.",
            )
        yield


def examine(handles: Handles, table: Table, *, verify: bool) -> Examined:
    """Look at one table.

    Args:
        handles: the lake.
        table: which.
        verify: read every byte and compare checksums, not names and sizes only.
    """
    with locked(handles, table):
        intents = audit.open_intents(handles.reader)  # now, and once the files are listed
        pointer = table.metadata_location
        if not table.dropped:
            pointer = handles.reader.pointer(table.name) or pointer
        known = audit.metadata_files(handles.reader, table.id)
        inspection = inspect(handles.warehouse, pointer, known)
        state, inside = inspection.state, handles.warehouse.contain
        # Else whatever lies where its files really are would be taken for litter.
        if state is not None and inside(f"{state.metadata.location}/data") != inside(
            f"{table.location}/data"
        ):
            raise OperationFailed(
                f"it lies in {state.metadata.location}, our tables say in {table.location}."
            )
        sizes = dict(handles.warehouse.walk(_folder(handles, table.location)))
        intents += audit.open_intents(handles.reader)
        dataset = handles.reader.dataset_by_id(table.id)
        found = Examined(table, inspection, sizes=sizes)
        _compare_small_files(handles, found, verify)
        _compare_rows(handles, found, dataset, pointer)
        found.orphans = dict(_orphans(handles, found, intents))
    _compare_data_files(handles, found, verify)
    return found


def _folder(handles: Handles, location: str) -> str:
    return handles.warehouse.contain(location).removeprefix(f"{handles.warehouse.uri}/")


def _compare_small_files(handles: Handles, found: Examined, verify: bool) -> None:
    """Every small file of the table that is known, those that only the past needs included."""
    told = set()
    for damage in found.inspection.damage:
        told.add(damage.path)
        remedy = "lakectl doctor --repair writes it anew from our tables; no version is lost."
        message = f"the file {damage.path} {damage.reason}."
        found.tell(Severity.DAMAGE, Kind.METADATA, message, remedy, damage.path)
    for path, written in audit.metadata_files(handles.reader, found.table.id).items():
        if path in told:
            continue
        size = found.sizes.get(path)
        reason = None
        if size is None:
            reason = "is missing"
        elif size != written.bytes:
            reason = f"has {size} bytes in place of {written.bytes}"
        elif verify and checksum_of_bytes(handles.warehouse.read(path)) != written.checksum:
            reason = "is damaged: its checksum differs from what was written"
        if reason is not None:
            found.bad_past.append(path)
            message = f"the file {path} {reason}; only earlier states of the table need it."
            remedy = "lakectl doctor --repair lets go of it; no version is lost."
            found.tell(Severity.RISK, Kind.METADATA, message, remedy, path)


def _compare_rows(handles: Handles, found: Examined, dataset: Dataset | None, pointer: str) -> None:
    """Our tables, which are made from the table's own files, against those files."""
    state = found.inspection.state
    if state is None or dataset is None:
        return
    if dataset.metadata_location != pointer:
        message = "our tables are behind what another engine has committed."
        found.tell(Severity.WRONG, Kind.POINTER, message, _REBUILD, pointer)
        return
    if tables.describe(state, dataset.id, dataset.name) != dataset:
        found.tell(
            Severity.WRONG, Kind.SUMMARY, "what is listed of it is not what it holds.", _REBUILD
        )
    log = audit.snapshots(handles.reader, dataset.id)
    there = {snapshot.snapshot_id for snapshot in state.metadata.snapshots}
    for snapshot in sorted(log.keys() - there):
        message = f"v{log[snapshot]} is in the version log, but its snapshot is gone."
        found.tell(Severity.WRONG, Kind.VERSIONS, message, _REBUILD)
    for snapshot in sorted(there - log.keys()):
        message = f"the snapshot {snapshot} is not in the version log."
        found.tell(Severity.WRONG, Kind.VERSIONS, message, _REBUILD)
    _compare_versions(handles, found, dataset, state)
    for snapshot, listed in found.inspection.snapshots.items():
        if snapshot not in log:
            continue
        ours = {file.path for file in handles.reader.files(dataset, snapshot)}
        if ours != listed.keys():
            message = (
                f"v{log[snapshot]} has {len(listed)} files, and our tables list "
                f"{len(ours)}, {len(ours & listed.keys())} of them the same."
            )
            found.tell(Severity.WRONG, Kind.FILES, message, _REBUILD)
    for key in audit.ledger_without_version(handles.reader, dataset.id):
        message = f"the ledger says that write {key} landed, and there is no version of it."
        found.tell(Severity.WRONG, Kind.LEDGER, message, _REBUILD)


def _compare_versions(
    handles: Handles, found: Examined, dataset: Dataset, state: TableState
) -> None:
    """What the version log tells of each version, against its snapshot."""
    log = {version.snapshot_id: version for version in handles.reader.versions(dataset)}
    live = {snapshot.snapshot_id for snapshot in state.metadata.snapshots}
    for snapshot in state.metadata.snapshots:
        ours = log.get(snapshot.snapshot_id)
        theirs = tables.version_of(snapshot)
        if ours is None:
            continue
        # A table forgets a parent that expires, our log does not.
        forgotten = theirs.parent_id is None and ours.parent_id not in live
        same = forgotten or ours.parent_id == theirs.parent_id
        if not same or _as_written(ours) != _as_written(theirs):
            message = f"what is listed of v{ours.version} is not what its snapshot says."
            found.tell(Severity.WRONG, Kind.VERSIONS, message, _REBUILD)


def _as_written(version: Version) -> Version:
    """A version without what a reader adds, and without its parent, which is looked at apart."""
    return replace(version, state="", tags=(), parent_id=None)


def _orphans(
    handles: Handles, found: Examined, intents: Sequence[OpenIntent]
) -> Iterator[tuple[str, int]]:
    """The files of the table's folder that nothing refers to and no living write is about to.

    None while a small file is damaged: what it referred to may be known to nobody else.
    """
    if found.inspection.damage:
        return
    unreachable = set(handles.reader.unreachable_files(found.table.id))
    referenced = found.inspection.metadata | found.inspection.files.keys()
    # What our tables claim is kept too: where manifests are damaged they know more.
    referenced |= audit.metadata_files(handles.reader, found.table.id).keys()
    referenced |= audit.data_files(handles.reader, found.table.id).keys() - unreachable
    living = [i for i in intents if i.dataset_id == found.table.id and not i.is_dead]
    for path, size in found.sizes.items():
        if path not in referenced and not any(carries(path, intent.id) for intent in living):
            yield path, size


def carries(path: str, intent: str) -> bool:
    """Whether a file belongs to a write: its name, or its staging folder's, carries the id."""
    return intent in path.replace("-", "")


def _compare_data_files(handles: Handles, found: Examined, verify: bool) -> None:
    """Every data file that a version holds: is it there, whole, and as it was written?"""
    unreachable = set(handles.reader.unreachable_files(found.table.id))
    known = audit.data_files(handles.reader, found.table.id)
    told = []
    wanted = {path: file.bytes for path, file in found.inspection.files.items()}
    wanted |= {path: size for path, (size, _) in known.items() if path not in unreachable}
    for path, size in wanted.items():
        checksum = known.get(path, (0, None))[1]
        reason = _wrong_with(handles, path, size, checksum if verify else None)
        if reason is not None:
            found.bad_files.add(path)
            told.append((path, f"the data file {path} {reason}."))
    remedy = "lakectl doctor --repair goes to the newest version that is whole."
    if not found.whole:
        remedy = "No version is whole: restore it from a backup, or drop it and load it again."
    for path, message in told:
        found.tell(Severity.DAMAGE, Kind.DATA, message, remedy, path)


def _wrong_with(handles: Handles, path: str, size: int, checksum: str | None) -> str | None:
    try:
        there = handles.warehouse.size(path)
        if there != size:
            return f"has {there} bytes in place of {size}"
        if checksum is not None and checksum_at(handles.warehouse, path, size) != checksum:
            return "is damaged: its checksum differs from what was written"
    except NotFound:
        return "is missing"
    except (OSError, LakeError) as error:
        return f"cannot be read: {error}"
    return None
