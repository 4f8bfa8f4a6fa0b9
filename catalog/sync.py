"""Following other writers: our tables are rebuilt from a table's own metadata.

Any engine may commit to the lake through the Iceberg catalog. Then the pointer differs from the
metadata location that our row was made from, and the row is made anew from the metadata file: the
snapshots that we do not know, their files and schemas, the key of each write from its summary.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from catalog import faults
from catalog.errors import LakeError, told_of
from catalog.handles import Handles
from catalog.model import Dataset
from catalog.names import DatasetName

if TYPE_CHECKING:
    from catalog.iceberg.tables import TableState


def follow(handles: Handles, dataset: Dataset) -> Dataset:
    """The dataset as its pointer has it now; our tables are brought up to it if they are behind."""
    pointer = handles.reader.pointer(dataset.name)
    if pointer is None or pointer == dataset.metadata_location:
        return dataset
    with told_of(dataset.name):
        return adopt(handles, dataset.id, dataset.name, pointer)


def adopt(handles: Handles, dataset_id: str, name: DatasetName, pointer: str) -> Dataset:
    """Rebuild our rows of one table from its metadata file.

    Args:
        handles: the lake.
        dataset_id: the identity under which the table stands in our tables.
        name: its name.
        pointer: its metadata file.
    """
    from catalog.iceberg import tables

    state = tables.load(handles.warehouse, pointer)
    after = tables.describe(state, dataset_id, name)
    known = {v.snapshot_id for v in handles.reader.versions(after)}
    with handles.database.write() as conn:
        _record(handles, conn, state, after, known)
    return after


def rebuild(handles: Handles, dataset_id: str, name: DatasetName, pointer: str) -> None:
    """Make the rows of a table anew from its own files, even where they seem to be up to date.

    What those files do not tell, checksums and the sources of loads, is kept.
    """
    from catalog.iceberg import tables
    from catalog.metadata import audit, naming, rebuilding, records

    state = tables.load(handles.warehouse, pointer)
    wrong, own = dataset_id, state.metadata.table_uuid.hex
    if wrong != own and audit.snapshots(handles.reader, own):
        dataset_id = own
    after = tables.describe(state, dataset_id, name)
    expired = audit.expired(handles.reader, dataset_id)
    with handles.database.write() as conn:
        if wrong != dataset_id:
            naming.identify(conn, wrong, dataset_id)
        kept = rebuilding.forget(conn, dataset_id)
        faults.reach("rebuild.forgotten")
        _record(handles, conn, state, after, expired)
        moves = [(move.timestamp_ms, move.snapshot_id) for move in state.metadata.snapshot_log]
        rebuilding.fill_heads(conn, dataset_id, moves)
        for schema in tables.schemas_of(state).values():
            records.add_schema(conn, dataset_id, schema)
        rebuilding.keep(conn, dataset_id, kept)


def _record(
    handles: Handles, conn: Any, state: TableState, after: Dataset, known: set[int]
) -> None:
    """Write the rows of the snapshots that are not known, and of the state as a whole."""
    from catalog.iceberg import foreign, tables
    from catalog.metadata import records

    for snapshot in foreign.unknown_snapshots(state, known):
        added, removed = foreign.file_changes(handles.warehouse, state, snapshot)
        commit = records.Commit(
            dataset=replace(after, schema=tables.schema_of(state, snapshot)),
            previous_metadata=state.location,
            at=snapshot.timestamp_ms,
            new_schema=True,
            version=tables.version_of(snapshot),
            added=added,
            removed=removed,
            ledger=foreign.ledger_entry(snapshot),
        )
        records.record(conn, commit)
    whole = records.Commit(
        dataset=after,
        previous_metadata=state.location,
        at=state.metadata.last_updated_ms,
        new_schema=True,
        head_moved=True,
    )
    records.record(conn, whole)


def sync(handles: Handles) -> list[str]:
    """Bring every table up to its pointer, and take in tables that another engine made.

    A table that cannot be read is passed over: it must not hide the others.

    Returns:
        The names of the tables that had to be read anew.
    """
    from catalog.metadata import naming

    done = []
    for namespace, table, pointer in handles.reader.foreign_pointers():
        name = DatasetName(namespace, table)
        with suppress(LakeError):
            adopt(handles, _identity(handles, name, pointer), name, pointer)
            done.append(str(name))
    # Only now: a table that was renamed has just been found again under its new name.
    for gone in handles.reader.without_pointer():
        with handles.database.write() as conn:
            naming.mark_dropped(conn, gone, handles.now())
    return done


def _identity(handles: Handles, name: DatasetName, pointer: str) -> str:
    from catalog.iceberg import tables

    known = handles.reader.id_of(name)
    return known or tables.load(handles.warehouse, pointer).metadata.table_uuid.hex
