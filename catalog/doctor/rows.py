"""What our tables say of a table, which is made from its own files, held against those files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.doctor.findings import Kind, Severity
from catalog.handles import Handles
from catalog.iceberg import tables
from catalog.iceberg.tables import TableState
from catalog.metadata import audit
from catalog.model import Dataset, Version

if TYPE_CHECKING:
    from catalog.doctor.tables import Examined

_REBUILD = "lakectl doctor --repair makes our tables anew from the table's own files."


def compare(handles: Handles, found: Examined, dataset: Dataset | None, pointer: str) -> None:
    """Our tables, which are made from the table's own files, against those files."""
    state = found.inspection.state
    if state is None or dataset is None:
        return
    if not found.table.dropped and handles.reader.pointer(dataset.name) is None:
        message = "its row in iceberg_tables names no file."
        found.tell(Severity.WRONG, Kind.POINTER, message, _REBUILD)
    if dataset.metadata_location != pointer:
        message = "our tables are behind what another engine has committed."
        found.tell(Severity.WRONG, Kind.POINTER, message, _REBUILD, pointer)
        return
    if tables.describe(state, dataset.id, dataset.name) != dataset:
        found.tell(
            Severity.WRONG, Kind.SUMMARY, "what is listed of it is not what it holds.", _REBUILD
        )
    if _wrong_schemas(handles, dataset, state):
        message = "the schemas that are listed of it are not those that it has had."
        found.tell(Severity.WRONG, Kind.SUMMARY, message, _REBUILD)
    _compare_log(handles, found, dataset, state)
    _compare_versions(handles, found, dataset, state)
    _compare_files(handles, found, dataset)
    for key in audit.ledger_without_version(handles.reader, dataset.id):
        message = f"the ledger says that write {key} landed, and there is no version of it."
        found.tell(Severity.WRONG, Kind.LEDGER, message, _REBUILD)


def _compare_log(handles: Handles, found: Examined, dataset: Dataset, state: TableState) -> None:
    """Whether the version log and the snapshots name each other."""
    log = audit.snapshots(handles.reader, dataset.id)
    there = {snapshot.snapshot_id for snapshot in state.metadata.snapshots}
    for snapshot in sorted(log.keys() - there):
        message = f"v{log[snapshot]} is in the version log, but its snapshot is gone."
        found.tell(Severity.WRONG, Kind.VERSIONS, message, _REBUILD)
    for snapshot in sorted(there - log.keys()):
        message = f"the snapshot {snapshot} is not in the version log."
        found.tell(Severity.WRONG, Kind.VERSIONS, message, _REBUILD)


def _compare_files(handles: Handles, found: Examined, dataset: Dataset) -> None:
    """Whether our tables list the files of each version that its manifests list."""
    log = audit.snapshots(handles.reader, dataset.id)
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


def _wrong_schemas(handles: Handles, dataset: Dataset, state: TableState) -> bool:
    """Whether a schema that a version or the table itself has is not listed as it is."""
    listed = {schema.schema_id: schema for schema in audit.schemas(handles.reader, dataset)}
    needed = {dataset.schema.schema_id, *(s.schema_id for s in state.metadata.snapshots)}
    return any(
        listed.get(number) != schema
        for number, schema in tables.schemas_of(state).items()
        if number in needed
    )


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
