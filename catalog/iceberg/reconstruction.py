"""The small files of a table made anew from what our tables and its data files know of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRef, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, SnapshotLogEntry, Summary

from catalog.iceberg.commits import OPERATIONS
from catalog.iceberg.datafiles import bare_data_file
from catalog.iceberg.files import LakeFileIO
from catalog.iceberg.inspection import Inspection
from catalog.iceberg.properties import DESCRIPTION, KEY_COLUMNS, LABEL, MADE_AS, OWNER
from catalog.iceberg.snapshots import relist
from catalog.iceberg.tables import MAIN, first_metadata, iceberg_schema
from catalog.model import Dataset, Version, WrittenFile
from catalog.schema import Schema


def metadata_of(
    dataset: Dataset,
    schemas: Sequence[Schema],
    versions: Sequence[Version],
    lists: Mapping[int, str],
) -> TableMetadata:
    """The metadata that a table had, without its log of earlier metadata files.

    Args:
        dataset: its state.
        schemas: all that it has had.
        versions: those that have not expired.
        lists: the manifest list of each snapshot; a version without one is left out.
    """
    first = first_metadata(
        dataset.id, dataset.location, dataset.schema, dataset.partitioning, _properties(dataset)
    )
    there = sorted((v for v in versions if v.snapshot_id in lists), key=lambda v: v.version)
    snapshots = [_snapshot(version, lists[version.snapshot_id]) for version in there]
    ids = {snapshot.snapshot_id for snapshot in snapshots}
    heads = {MAIN: dataset.snapshot_id, **dataset.branches}
    refs = [(name, at, SnapshotRefType.BRANCH) for name, at in heads.items()]
    refs += [(name, at, SnapshotRefType.TAG) for name, at in dataset.tags.items()]
    named = {
        name: SnapshotRef.model_validate({"snapshot-id": at, "type": kind})
        for name, at, kind in refs
        if at in ids
    }
    head = dataset.snapshot_id if dataset.snapshot_id in ids else None
    log = [
        SnapshotLogEntry(snapshot_id=s.snapshot_id, timestamp_ms=s.timestamp_ms) for s in snapshots
    ]
    return first.model_copy(
        update={
            "schemas": [iceberg_schema(schema) for schema in schemas],
            "current_schema_id": dataset.schema.schema_id,
            "last_column_id": dataset.last_field_id,
            "snapshots": snapshots,
            "current_snapshot_id": head,
            "refs": named,
            "snapshot_log": [entry for entry in log if entry.snapshot_id == head],
            "last_sequence_number": max((v.version for v in versions), default=0),
            "last_updated_ms": int(dataset.summary.updated_at.timestamp() * 1000),
        }
    )


def entry_of(
    metadata: TableMetadata, written: WrittenFile, schema_id: int, snapshot_id: int, number: int
) -> ManifestEntry:
    """The manifest entry of a data file that is there.

    Args:
        metadata: of the table.
        written: the file with its partition values; its statistics are not asked for.
        schema_id: the schema it was written with.
        snapshot_id: the snapshot that added it.
        number: the sequence number of that snapshot.
    """
    schemas = {schema.schema_id: schema for schema in metadata.schemas}
    schema = schemas.get(schema_id, metadata.schema())
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.EXISTING,
        snapshot_id=snapshot_id,
        sequence_number=number,
        file_sequence_number=number,
        data_file=bare_data_file(written, written.path, schema, metadata.spec()),
    )


def relisted(
    io: LakeFileIO,
    metadata: TableMetadata,
    seen: Inspection,
    missing: Mapping[int, Sequence[ManifestEntry]],
) -> TableMetadata:
    """The metadata with lists written anew for the snapshots that cannot be read whole.

    Args:
        io: writes them.
        metadata: as it is.
        seen: which manifests of them can be read.
        missing: by snapshot, the entries of the files that those do not tell.
    """
    snapshots = [
        relist(io, metadata, snapshot, [m for m, _ in seen.parts[key]], missing[key])
        if (key := snapshot.snapshot_id) in missing
        else snapshot
        for snapshot in metadata.snapshots
    ]
    return metadata.model_copy(update={"snapshots": snapshots})


def _properties(dataset: Dataset) -> dict[str, str]:
    summary = dataset.summary
    texts = {
        MADE_AS: str(summary.name),
        OWNER: summary.owner,
        DESCRIPTION: summary.description,
    }
    texts |= {f"{LABEL}{key}": value for key, value in summary.labels.items()}
    if dataset.key_columns:
        texts[KEY_COLUMNS] = json.dumps(list(dataset.key_columns))
    return {name: text for name, text in texts.items() if text is not None}


def _snapshot(version: Version, manifest_list: str) -> Snapshot:
    own = {
        "lakectl.operation": version.operation if version.operation == "merge" else None,
        "lakectl.rows-added": str(version.rows_added),
        "lakectl.rows-deleted": str(version.rows_deleted),
        "lakectl.run-id": version.run_id,
        "lakectl.message": version.message,
        "total-records": str(version.rows),
        "total-files-size": str(version.bytes),
        "total-data-files": str(version.files),
        "total-delete-files": "0",
        "total-position-deletes": "0",
        "total-equality-deletes": "0",
    }
    told = {key: value for key, value in own.items() if value is not None}
    return Snapshot(
        snapshot_id=version.snapshot_id,
        parent_snapshot_id=version.parent_id,
        sequence_number=version.version,
        timestamp_ms=int(version.committed_at.timestamp() * 1000),
        manifest_list=manifest_list,
        summary=Summary(OPERATIONS.get(version.operation, Operation.OVERWRITE), **told),
        schema_id=version.schema_id,
    )
