"""Removing what nobody can reach any more: the files of versions beyond the keep rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import faults, settling
from catalog.handles import Handles

if TYPE_CHECKING:
    from catalog.iceberg.commits import Staged
    from catalog.iceberg.tables import TableState


def remove_expired(handles: Handles, dataset_id: str, base: TableState, staged: Staged) -> None:
    """Delete the files that only just expired snapshots could reach.

    What to keep is asked of the snapshots that remain, not of age: a file goes only if it is in an
    expired snapshot and in no other.

    Args:
        handles: the lake.
        dataset_id: whose versions.
        base: the table before the commit, in which the snapshots still stand.
        staged: the commit that expired them.
    """
    from catalog.iceberg.files import LakeFileIO
    from catalog.iceberg.snapshots import manifests_of
    from catalog.metadata import records

    io = LakeFileIO(handles.warehouse)
    expired = [base.metadata.snapshot_by_id(s) for s in staged.expired]
    gone = [snapshot for snapshot in expired if snapshot is not None]
    kept = {
        manifest.manifest_path
        for snapshot in staged.state.metadata.snapshots
        for manifest in manifests_of(io, snapshot)
    }
    manifests = {
        manifest.manifest_path for snapshot in gone for manifest in manifests_of(io, snapshot)
    } - kept
    files = handles.reader.unreachable_files(dataset_id)
    metadata = [*manifests, *(snapshot.manifest_list for snapshot in gone)]
    # First: a file that is known must be there.
    settling.repeated(handles, lambda conn: records.forget_metadata(conn, metadata))
    handles.warehouse.delete(files)
    handles.warehouse.delete(metadata)
    faults.reach("upkeep.files")
    settling.repeated(handles, lambda conn: records.forget_files(conn, dataset_id, files))
