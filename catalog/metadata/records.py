"""The writing side of the metadata store: each function is one step inside a given transaction.

A commit is the compare-and-swap of the table's pointer together with every row that tells of it
(`swap` and then `record`), so there is no instant at which one is there without the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from catalog.metadata import tables as t
from catalog.model import DataFile, Dataset, MetadataFile, Version
from catalog.names import DatasetName
from catalog.schema import Schema


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger keeps of a write that landed."""

    key: str
    mode: str
    content: str | None = None
    source_bytes: int | None = None
    sources: Sequence[Mapping[str, Any]] = ()
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one commit makes true, written in one transaction.

    `dataset` is the state after it. `version` is None where no snapshot was made (a new tag, a
    description). `head_moved` tells that main points elsewhere now.
    """

    dataset: Dataset
    previous_metadata: str | None  # None: the dataset is new
    at: int
    version: Version | None = None
    added: Sequence[DataFile] = ()
    removed: Sequence[str] = ()
    new_schema: bool = False
    head_moved: bool = False
    ledger: LedgerEntry | None = None
    intent: str | None = None
    journal: tuple[str, Mapping[str, Any], Mapping[str, Any]] | None = None  # action, before, after
    undoes: int | None = None
    expired: Sequence[int] = field(default=())  # snapshot ids
    metadata_files: Sequence[MetadataFile] = ()  # written by it
    forgotten: Sequence[str] = ()  # metadata files that no log names any more


def close_intent(conn: sa.Connection, intent: str, state: str) -> None:
    """Tell how a write ended: `done`, or `failed` when its files have been removed.

    One that is done stays so: what fails afterwards is no longer of the write.
    """
    it = sa.update(t.intents).where(t.intents.c.id == intent, t.intents.c.state != "done")
    conn.execute(it.values(state=state))


def note_landed(conn: sa.Connection, intent: str, dataset_id: str, location: str, at: int) -> None:
    """Note a write that another store knew, as one that is done."""
    close_intent(conn, intent, "done")
    if conn.execute(sa.select(t.intents.c.id).where(t.intents.c.id == intent)).first() is None:
        row = {"id": intent, "dataset_id": dataset_id, "location": location, "at": at}
        conn.execute(sa.insert(t.intents).values(row | {"state": "done", "host": "", "pid": 0}))


def swap(conn: sa.Connection, name: DatasetName, old: str | None, new: str) -> bool:
    """Move a table's pointer from one metadata file to another, if it still is where it was.

    Returns:
        False when somebody else has moved it, or has made the table.
    """
    tables = t.iceberg_tables
    if old is None:
        row = {
            "catalog_name": t.CATALOG_NAME,
            "table_namespace": name.namespace,
            "table_name": name.name,
            "metadata_location": new,
            "iceberg_type": "TABLE",
        }
        inserted = _add(conn, tables, row)
        if inserted:
            name_namespace(conn, name.namespace)
        return inserted
    moved = conn.execute(
        sa.update(tables)
        .where(*where(name), tables.c.metadata_location == old)
        .values(metadata_location=new, previous_metadata_location=old)
    )
    return moved.rowcount == 1


def where(name: DatasetName) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition for the row of a table's pointer."""
    tables = t.iceberg_tables.c
    return (
        tables.catalog_name == t.CATALOG_NAME,
        tables.table_namespace == name.namespace,
        tables.table_name == name.name,
    )


def _pointer(name: DatasetName) -> sa.Select[Any]:
    return sa.select(t.iceberg_tables.c.metadata_location).where(*where(name))


def pointer(conn: sa.Connection, name: DatasetName, *, lock: bool = False) -> str | None:
    """Where a table's pointer points, or None if there is no table of that name.

    With `lock` it waits until no other transaction is about to move it.
    """
    query = _pointer(name).with_for_update() if lock else _pointer(name)
    found = conn.execute(query).scalar()
    return None if found is None else str(found)


def _add(conn: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless there is one of its key, or another writer is about to make one."""
    if conn.dialect.name == "postgresql":  # importing its dialect takes 20 ms
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # the same verbs
    return conn.execute(insert(table).values(row).on_conflict_do_nothing()).rowcount == 1


def name_namespace(conn: sa.Connection, namespace: str) -> None:
    """Let PyIceberg's own catalogue see a namespace."""
    row = {
        "catalog_name": t.CATALOG_NAME,
        "namespace": namespace,
        "property_key": "exists",
        "property_value": "true",
    }
    _add(conn, t.iceberg_namespace_properties, row)


def record(conn: sa.Connection, commit: Commit) -> None:
    """Write every row that a commit makes true; the pointer has been swapped in `conn` before."""
    dataset = commit.dataset
    _write_dataset(conn, commit)
    if commit.version is not None:
        _write_version(conn, commit, commit.version)
    if commit.new_schema or commit.previous_metadata is None:
        _write_schema(conn, commit)
    if commit.head_moved and dataset.snapshot_id is not None:
        head = {"snapshot_id": dataset.snapshot_id, "version": dataset.summary.version}
        conn.execute(sa.insert(t.heads).values(head | {"dataset_id": dataset.id, "at": commit.at}))
    if commit.ledger is not None and commit.version is not None:
        _write_ledger(conn, commit, commit.ledger, commit.version)
    _write_metadata_files(conn, commit)
    if commit.intent is not None:
        close_intent(conn, commit.intent, "done")
    if commit.expired:
        conn.execute(
            sa.update(t.versions)
            .where(t.versions.c.dataset_id == dataset.id)
            .where(t.versions.c.snapshot_id.in_(list(commit.expired)))
            .values(expired_at=commit.at)
        )
    if commit.journal is not None:
        write_journal(conn, dataset, commit.at, *commit.journal)
    if commit.undoes is not None:
        mark_undone(conn, commit.undoes)


def write_journal(
    conn: sa.Connection,
    dataset: Dataset,
    at: int,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Note a change with what is needed to take it back."""
    conn.execute(
        sa.insert(t.journal).values(
            at=at,
            dataset_id=dataset.id,
            dataset=str(dataset.name),
            action=action,
            before=json.dumps(before),
            after=json.dumps(after),
            undone=False,
        )
    )


def mark_undone(conn: sa.Connection, change: int) -> None:
    """Note that a change has been taken back."""
    conn.execute(sa.update(t.journal).where(t.journal.c.id == change).values(undone=True))


def close_journal(conn: sa.Connection, dataset_id: str) -> None:
    """Note that nothing that was done to a dataset so far can be taken back any more."""
    journal = t.journal
    conn.execute(sa.update(journal).where(journal.c.dataset_id == dataset_id).values(undone=True))


def _write_dataset(conn: sa.Connection, commit: Commit) -> None:
    dataset, summary = commit.dataset, commit.dataset.summary
    values: dict[str, Any] = {
        "namespace": summary.name.namespace,
        "name": summary.name.name,
        "kind": str(summary.kind),
        "location": dataset.location,
        "metadata_location": dataset.metadata_location,
        "snapshot_id": dataset.snapshot_id,
        "version": summary.version,
        "rows": summary.rows,
        "bytes": summary.bytes,
        "files": summary.files,
        "schema": json.dumps(dataset.schema.to_json(), ensure_ascii=False),
        "partitioning": json.dumps([p.to_json() for p in dataset.partitioning]),
        "last_field_id": dataset.last_field_id,
        "key_columns": json.dumps(list(dataset.key_columns)),
        "tags": json.dumps(dict(dataset.tags)),
        "branches": json.dumps(dict(dataset.branches)),
        "owner": summary.owner,
        "description": summary.description,
        "labels": json.dumps(dict(summary.labels), ensure_ascii=False),
        "updated_at": commit.at,
        "dropped_at": None,
    }
    row = t.datasets
    if conn.execute(sa.update(row).where(row.c.id == dataset.id).values(values)).rowcount == 0:
        conn.execute(sa.insert(row).values(values | {"id": dataset.id, "created_at": commit.at}))


def _write_version(conn: sa.Connection, commit: Commit, version: Version) -> None:
    dataset_id = commit.dataset.id
    conn.execute(
        sa.insert(t.versions).values(
            dataset_id=dataset_id,
            version=version.version,
            snapshot_id=version.snapshot_id,
            parent_id=version.parent_id,
            linear=_is_linear(conn, dataset_id, version.parent_id),
            committed_at=int(version.committed_at.timestamp() * 1000),
            operation=version.operation,
            rows_added=version.rows_added,
            rows_deleted=version.rows_deleted,
            rows=version.rows,
            bytes=version.bytes,
            files=version.files,
            schema_id=version.schema_id,
            run_id=version.run_id,
            message=version.message,
        )
    )
    common = {"dataset_id": dataset_id, "version": version.version}
    if commit.added:
        rows = [
            common
            | {
                "path": f.path,
                "rows": f.rows,
                "bytes": f.bytes,
                "checksum": f.checksum,
                "has_ids": f.has_ids,
                "deletes": f.deletes,
            }
            for f in commit.added
        ]
        conn.execute(sa.insert(t.data_files), rows)
    if commit.removed:
        conn.execute(sa.insert(t.file_removals), [common | {"path": p} for p in commit.removed])


def _is_linear(conn: sa.Connection, dataset_id: str, parent_id: int | None) -> bool:
    """Whether every lower version is an ancestor of a version with this parent."""
    log = t.versions.c
    newest = (
        sa.select(log.snapshot_id, log.linear)
        .where(log.dataset_id == dataset_id)
        .order_by(log.version.desc())
        .limit(1)
    )
    last = conn.execute(newest).first()
    if last is None:
        return parent_id is None
    return bool(last.linear) and last.snapshot_id == parent_id


def _write_schema(conn: sa.Connection, commit: Commit) -> None:
    dataset = commit.dataset
    version = commit.version
    schema_id = dataset.schema.schema_id
    add_schema(conn, dataset.id, dataset.schema)
    log = t.schema_log
    newest = sa.select(log.c.schema_id).where(log.c.dataset_id == dataset.id)
    if conn.execute(newest.order_by(log.c.id.desc()).limit(1)).scalar() != schema_id:
        conn.execute(
            sa.insert(log).values(
                dataset_id=dataset.id,
                schema_id=schema_id,
                at=commit.at,
                version=version.version if version else dataset.summary.version,
                run_id=version.run_id if version else None,
            )
        )


def add_schema(conn: sa.Connection, dataset_id: str, schema: Schema) -> None:
    """Let a schema be known, unless it is."""
    text = json.dumps(schema.to_json(), ensure_ascii=False)
    row = {"dataset_id": dataset_id, "schema_id": schema.schema_id, "schema": text}
    _add(conn, t.schemas, row)


def _write_metadata_files(conn: sa.Connection, commit: Commit) -> None:
    table, dataset_id = t.metadata_files, commit.dataset.id
    if commit.metadata_files:
        rows = ({**asdict(file), "dataset_id": dataset_id} for file in commit.metadata_files)
        conn.execute(sa.insert(table), list(rows))
    forget_metadata(conn, commit.forgotten)


def forget_metadata(conn: sa.Connection, paths: Sequence[str]) -> None:
    """Drop the rows of small files that nothing refers to any more."""
    for start in range(0, len(paths), 500):
        some = list(paths[start : start + 500])
        conn.execute(sa.delete(t.metadata_files).where(t.metadata_files.c.path.in_(some)))


def _write_ledger(
    conn: sa.Connection, commit: Commit, entry: LedgerEntry, version: Version
) -> None:
    conn.execute(
        sa.insert(t.ledger).values(
            key=entry.key,
            dataset_id=commit.dataset.id,
            content=entry.content,
            source_bytes=entry.source_bytes,
            sources=json.dumps(list(entry.sources), ensure_ascii=False),
            mode=entry.mode,
            version=version.version,
            snapshot_id=version.snapshot_id,
            rows_added=version.rows_added,
            quarantined=entry.quarantined,
            at=commit.at,
        )
    )


def forget_files(conn: sa.Connection, dataset_id: str, paths: Sequence[str]) -> None:
    """Drop the rows of files that have been deleted because no version holds them."""
    for table in (t.data_files, t.file_removals):
        for start in range(0, len(paths), 500):
            some = list(paths[start : start + 500])
            conn.execute(
                sa.delete(table).where(table.c.dataset_id == dataset_id, table.c.path.in_(some))
            )


def note_checksums(conn: sa.Connection, dataset_id: str, noted: Mapping[str, str]) -> None:
    """Keep the checksums of data files, by path, of which none was kept."""
    files = t.data_files.c
    for path, checksum in noted.items():
        it = (files.dataset_id == dataset_id, files.path == path, files.checksum.is_(None))
        conn.execute(sa.update(t.data_files).where(*it).values(checksum=checksum))


def set_info(conn: sa.Connection, values: Mapping[str, str]) -> None:
    """Write what the lake says of itself, where it does not say so yet."""
    for key, value in values.items():
        if conn.execute(sa.select(t.lake_info).where(t.lake_info.c.key == key)).first() is None:
            conn.execute(sa.insert(t.lake_info).values(key=key, value=value))
