"""One table: what its files say, held against what our tables say and against the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from catalog.doctor import forgotten, rows
from catalog.doctor.contents import unreadable
from catalog.doctor.findings import Finding, Kind, Severity
from catalog.doctor.forgotten import Newer
from catalog.errors import Conflict, LakeError, NotFound, OperationFailed
from catalog.handles import Handles
from catalog.iceberg.inspection import Inspection, inspect
from catalog.metadata import audit, soundness
from catalog.metadata.audit import OpenIntent, Table
from catalog.metadata.locks import commit_lock
from catalog.storage import checksum_at, checksum_of_bytes

_PATIENCE = 10.0  # seconds; a commit holds its table for a fraction of one


@dataclass(slots=True)
class Examined:
    """One table after a look at it."""

    table: Table
    pointer: str  # the metadata file that the store names
    inspection: Inspection
    findings: list[Finding] = field(default_factory=list)
    orphans: dict[str, int] = field(default_factory=dict)  # size by path
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the files that are there
    bad_files: set[str] = field(default_factory=set)  # data files that are missing or damaged
    bad_past: list[str] = field(default_factory=list)  # metadata files of earlier states alone
    # Data files of which no checksum is kept, as of another engine's; that of now, once verified.
    unknown: dict[str, str | None] = field(default_factory=dict)
    newer: Newer | None = None  # a state that our tables have never heard of
    unread: list[str] = field(default_factory=list)  # metadata files that may tell of such a state

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
    folder = handles.state / "locks"
    with commit_lock(handles.database, folder, table.id, _PATIENCE) as held:
        if not held:
            raise Conflict(
                f"{table.name} has been held by another process for {_PATIENCE:.0f} s.",
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
    if bad := soundness.unsound_rows(handles.reader, table.id):
        told = ", ".join(f"{count:,} in {name}" for name, count in bad.items())
        raise OperationFailed(f"rows of it in our tables hold what cannot stand there: {told}.")
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
        found = Examined(table, pointer, inspection, sizes=sizes)
        _compare_small_files(handles, found, verify)
        rows.compare(handles, found, dataset, pointer)
        found.orphans = dict(_orphans(handles, found, intents))
        _look_ahead(handles, found)
    _compare_data_files(handles, found, verify)
    return found


def _look_ahead(handles: Handles, found: Examined) -> None:
    """Nothing is litter that a newer state refers to, or one that cannot be read may refer to."""
    found.newer, found.unread = newer, unread = forgotten.look_ahead(handles, found)
    for path in unread:
        message = f"{path} cannot be read, and may tell of changes that our tables do not know."
        found.tell(
            Severity.WRONG, Kind.STORE, message,
            "Restore it from a backup; else lakectl doctor --repair sets it aside.", path,
        )  # fmt: skip
    apart = found.orphans.keys() if unread else newer.apart if newer is not None else ()
    found.orphans = {p: size for p, size in found.orphans.items() if p not in set(apart)}
    if newer is not None:
        message, remedy = _told_of(newer)
        found.tell(Severity.WRONG, Kind.STORE, message, remedy, newer.state.location)


def _told_of(newer: Newer) -> tuple[str, str]:
    message = f"{newer.state.location} tells of {newer.told} that our tables do not know"
    old = "an older copy of the store was put back"
    if newer.follows:
        return f"{message}: {old}.", "lakectl doctor --repair takes it in."
    aside = (
        "lakectl doctor --repair sets aside what nothing else needs, so that its data files "
        "can be loaded again; say no if another lake uses this table."
    )
    if newer.broken:
        return f"{message}, but {newer.broken}.", f"Restore that file from a backup; else {aside}"
    return f"{message}: {old}, and other changes were made since.", aside


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
    if found.inspection.damage:  # else its manifests know better which files there should be
        wanted |= {path: size for path, (size, _) in known.items() if path not in unreachable}
    rows = {path: file.rows for path, file in found.inspection.files.items()}
    for path, size in wanted.items():
        checksum = known.get(path, (0, None))[1]
        reason = _wrong_with(handles, path, size, checksum if verify else None)
        if checksum is None and reason is None:
            reads = verify and path in rows
            reason = unreadable(handles.warehouse, path, size, rows[path]) if reads else None
            if reason is None:  # what is damaged must not be noted as what was written
                now = checksum_at(handles.warehouse, path, size) if reads else None
                found.unknown[path] = now
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
