"""Rows of the store as the lake's own values, and the columns that each is made of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from catalog.model import Dataset, DatasetSummary, Kind, Version
from catalog.names import DatasetName

SUMMARY = """id, namespace, name, kind, version, rows, bytes, files, owner, description, labels,
    updated_at"""
DATASET = f"""{SUMMARY}, schema, partitioning, location, metadata_location, snapshot_id,
    last_field_id, tags, branches, key_columns"""
VERSION = """version, snapshot_id, parent_id, committed_at, operation, rows_added, rows_deleted,
    rows, bytes, files, schema_id, run_id, message, expired_at"""


def moment(milliseconds: int) -> datetime:
    """A stored time as a datetime in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def ancestry(by_snapshot: dict[int, Any], snapshot_id: int | None) -> set[int]:
    """The snapshots from one back to the first; rows are (…, snapshot, parent, …) at 1 and 2."""
    line: set[int] = set()
    while snapshot_id is not None and snapshot_id in by_snapshot and snapshot_id not in line:
        line.add(snapshot_id)
        snapshot_id = by_snapshot[snapshot_id][2]
    return line


def summary_of(row: tuple[Any, ...]) -> DatasetSummary:
    """The value of a row of SUMMARY."""
    name = DatasetName(row[1], row[2])
    labels = json.loads(row[10])
    kind = Kind(row[3])
    version, rows, size, files, owner, description = row[4:10]
    updated = moment(row[11])
    return DatasetSummary(
        row[0], name, kind, version, rows, size, files, owner, description, labels, updated
    )


def dataset_of(row: tuple[Any, ...]) -> Dataset:
    """The value of a row of DATASET."""
    from catalog.partition import PartitionField  # a list of datasets needs neither
    from catalog.schema import Schema

    parts = tuple(PartitionField.from_json(part) for part in json.loads(row[13]))
    return Dataset(
        summary=summary_of(row),
        schema=Schema.from_json(row[12]),
        partitioning=parts,
        location=row[14],
        metadata_location=row[15],
        snapshot_id=row[16],
        last_field_id=row[17],
        tags=json.loads(row[18]),
        branches=json.loads(row[19]),
        key_columns=tuple(json.loads(row[20])),
    )


def version_of(row: tuple[Any, ...], dataset: Dataset, line: set[int]) -> Version:
    """The value of a row of VERSION; `line` holds the snapshots that main and branches reach."""
    snapshot_id = int(row[1])
    state = "live" if snapshot_id in line else "undone"
    if snapshot_id == dataset.snapshot_id:
        state = "current"
    elif row[13] is not None:
        state = "expired"
    tags = tuple(sorted(name for name, snap in dataset.tags.items() if snap == snapshot_id))
    return Version(
        version=row[0],
        snapshot_id=snapshot_id,
        parent_id=row[2],
        committed_at=moment(row[3]),
        operation=row[4],
        rows_added=row[5],
        rows_deleted=row[6],
        rows=row[7],
        bytes=row[8],
        files=row[9],
        schema_id=row[10],
        run_id=row[11],
        message=row[12],
        tags=tags,
        state=state,
    )
