"""Reading what another engine committed, as the rows of our tables."""

from __future__ import annotations

from pyiceberg.manifest import DataFileContent, ManifestEntry, ManifestEntryStatus
from pyiceberg.table.snapshots import Snapshot

from catalog.errors import LOOK_AT_FILES, LakeError, OperationFailed
from catalog.iceberg.files import LakeFileIO
from catalog.iceberg.snapshots import manifests_of
from catalog.iceberg.tables import TableState
from catalog.metadata.records import LedgerEntry
from catalog.model import DataFile
from catalog.storage import Warehouse


def unknown_snapshots(state: TableState, known: set[int]) -> list[Snapshot]:
    """The snapshots that our version log lacks, oldest first."""
    missing = [s for s in state.metadata.snapshots if s.snapshot_id not in known]
    return sorted(missing, key=lambda s: s.sequence_number or 0)


def file_changes(
    warehouse: Warehouse, state: TableState, snapshot: Snapshot
) -> tuple[list[DataFile], list[str]]:
    """(files added, paths removed) by a snapshot; all its files if its parent is not there to tell.

    Raises:
        OperationFailed: its manifests are damaged, or it holds equality deletes, which nothing here
            can read.
        NotAllowed: a file lies outside the warehouse.
    """
    try:
        return _file_changes(warehouse, state, snapshot)
    except (LakeError, OSError):
        raise
    except Exception as error:  # what Avro raises depends on which byte is wrong
        raise OperationFailed(
            f"The manifests of the snapshot {snapshot.snapshot_id} are damaged.", LOOK_AT_FILES
        ) from error


def _file_changes(
    warehouse: Warehouse, state: TableState, snapshot: Snapshot
) -> tuple[list[DataFile], list[str]]:
    io = LakeFileIO(warehouse)
    parent = snapshot.parent_snapshot_id
    # None is of the first one, or of one whose parent has expired: a table forgets it then.
    whole = parent is None or state.metadata.snapshot_by_id(parent) is None
    added: list[DataFile] = []
    removed: list[str] = []
    for manifest in manifests_of(io, snapshot):
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=False):
            if entry.status == ManifestEntryStatus.DELETED:
                if entry.snapshot_id == snapshot.snapshot_id:
                    removed.append(warehouse.contain(entry.data_file.file_path))
            elif whole or entry.snapshot_id == snapshot.snapshot_id:
                added.append(_file(warehouse, entry))
    return added, removed


def _file(warehouse: Warehouse, entry: ManifestEntry) -> DataFile:
    file = entry.data_file
    if file.content == DataFileContent.EQUALITY_DELETES:
        raise OperationFailed(
            f"{file.file_path} is an equality delete file; DuckDB and PyIceberg cannot read those.",
            "Rewrite the table with the engine that made it, then try again.",
        )
    path = warehouse.contain(file.file_path)
    deletes = file.content == DataFileContent.POSITION_DELETES
    has_ids = deletes or _has_ids(warehouse, path)
    return DataFile(path, file.record_count, file.file_size_in_bytes, None, has_ids, deletes)


def _has_ids(warehouse: Warehouse, path: str) -> bool:
    from catalog.engine.footers import has_field_ids  # DuckDB is loaded only for foreign files

    return has_field_ids(warehouse, path)


def ledger_entry(snapshot: Snapshot) -> LedgerEntry | None:
    """The ledger's line of a write that carries a key of ours in its summary."""
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    key = summary.get("lakectl.key")
    return LedgerEntry(key, "append") if key else None
