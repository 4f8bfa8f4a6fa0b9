"""Which tables are on the list, and under which names: steps inside a given transaction."""

from __future__ import annotations

import sqlalchemy as sa

from catalog.metadata import records
from catalog.metadata import tables as t
from catalog.model import Dataset
from catalog.names import DatasetName


def put_back(conn: sa.Connection, name: DatasetName, pointer: str) -> None:
    """Let a table's row name a metadata file where it names none."""
    tables = t.iceberg_tables
    lost = tables.c.metadata_location.is_(None)
    conn.execute(
        sa.update(tables).where(*records.where(name), lost).values(metadata_location=pointer)
    )


def identify(conn: sa.Connection, wrong: str, dataset_id: str) -> None:
    """Give a dataset's row the identity that everything else of it has."""
    row = t.datasets
    conn.execute(sa.update(row).where(row.c.id == wrong).values(id=dataset_id))


def rename(conn: sa.Connection, dataset: Dataset, new: DatasetName) -> bool:
    """Give a table another name; False when it is taken or the table is not there any more."""
    tables = t.iceberg_tables
    there = sa.select(sa.literal(1)).select_from(tables).where(*records.where(new))
    if conn.execute(there).first():
        return False
    moved = conn.execute(
        sa.update(tables)
        .where(*records.where(dataset.name))
        .values(table_namespace=new.namespace, table_name=new.name)
    )
    if moved.rowcount != 1:
        return False
    records.name_namespace(conn, new.namespace)
    row = t.datasets
    names = {"namespace": new.namespace, "name": new.name}
    conn.execute(sa.update(row).where(row.c.id == dataset.id).values(names))
    return True


def drop(conn: sa.Connection, dataset: Dataset, at: int) -> bool:
    """Take a table off the list, keeping everything it has; False when it is gone already."""
    tables = t.iceberg_tables
    gone = conn.execute(
        sa.delete(tables).where(
            *records.where(dataset.name), tables.c.metadata_location == dataset.metadata_location
        )
    )
    if gone.rowcount != 1:
        return False
    row = t.datasets
    conn.execute(sa.update(row).where(row.c.id == dataset.id).values(dropped_at=at))
    return True


def mark_dropped(conn: sa.Connection, dataset_id: str, at: int) -> None:
    """Note that a table was dropped by somebody else."""
    row = t.datasets
    conn.execute(sa.update(row).where(row.c.id == dataset_id).values(dropped_at=at))


def undrop(conn: sa.Connection, dataset: Dataset) -> bool:
    """Put a dropped table back on the list; False when its name has been taken meanwhile."""
    if not records.swap(conn, dataset.name, None, dataset.metadata_location):
        return False
    row = t.datasets
    conn.execute(sa.update(row).where(row.c.id == dataset.id).values(dropped_at=None))
    return True
