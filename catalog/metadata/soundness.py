"""Whether our own tables are all there, and hold in each cell what can stand there.

SQLite keeps any value in a column of any type, and whoever may write to the store may drop a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from catalog.metadata import tables as t
from catalog.metadata.reader import TABLES, Reader
from catalog.metadata.values import UNREADABLE, is_sound, object_of, schema_of
from catalog.metadata.work_tables import work

_CHECKSUM = re.compile(r"crc32c:[0-9a-f]{8}")
_LETTERS = ((sa.Boolean, "b"), (sa.Integer, "i"), (sa.String, "t"))
_OF_DATASETS = [
    table
    for table in t.metadata.sorted_tables
    if "dataset_id" in table.c and table is not t.intents
]


def _checksum(text: str | None) -> None:
    if text is not None and not _CHECKSUM.fullmatch(text):
        raise ValueError("no checksum")


# Cells that are more than a text: what reads them, by table and column.
_READ: dict[str, dict[str, Callable[[Any], object]]] = {
    "data_files": {"checksum": _checksum},
    "journal": {"before": object_of, "after": object_of},
    "ledger": {"sources": json.loads},
    "metadata_files": {"checksum": _checksum},
    "schemas": {"schema": schema_of},
}


def missing_tables(reader: Reader) -> list[str]:
    """The names of our tables that the store does not have."""
    there = {name for (name,) in reader.rows(TABLES[reader.url.startswith("postgresql")])}
    return sorted({*t.metadata.tables, *work.tables} - there)


def make_missing(conn: sa.Connection) -> None:
    """Make the tables that are not there, empty; pointers are those that our own rows name."""
    had_pointers = sa.inspect(conn).has_table(t.iceberg_tables.name)
    t.metadata.create_all(conn)
    work.create_all(conn)
    if had_pointers:
        return
    known = t.datasets.c
    live = sa.select(
        sa.literal(t.CATALOG_NAME), known.namespace, known.name, known.metadata_location,
        sa.literal("TABLE"),
    ).where(known.dropped_at.is_(None))  # fmt: skip
    columns = ("catalog_name", "table_namespace", "table_name", "metadata_location", "iceberg_type")
    conn.execute(sa.insert(t.iceberg_tables).from_select(columns, live))


def unsound_rows(reader: Reader, dataset_id: str) -> dict[str, int]:
    """How many rows of a dataset hold what cannot stand there, by the name of our table."""
    found = {}
    for table in _OF_DATASETS:
        names = ", ".join(column.name for column in table.c)
        rows = reader.rows(
            f"SELECT {names} FROM {table.name} WHERE dataset_id = :id", id=dataset_id
        )
        if bad := _unsound(table, rows):
            found[table.name] = len(bad)
    return found


def unsound_intents(reader: Reader) -> int:
    """How many writes that are open cannot be read."""
    names = ", ".join(column.name for column in t.intents.c)
    return len(
        _unsound(t.intents, reader.rows(f"SELECT {names} FROM intents WHERE state = 'open'"))
    )


def drop_unsound(conn: sa.Connection, dataset_id: str) -> None:
    """Remove the rows of a dataset that cannot be read."""
    for table in _OF_DATASETS:
        _drop(conn, table, table.c.dataset_id == dataset_id)


def drop_unsound_intents(conn: sa.Connection) -> None:
    """Remove the writes under way that cannot be read."""
    _drop(conn, t.intents, t.intents.c.state == "open")


def _drop(conn: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> None:
    # As they stand: the columns' own types would fail at what is to be found here.
    raw = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.c]
    rows = [tuple(row) for row in conn.execute(sa.select(*raw).where(where))]
    for row in _unsound(table, rows):
        values = dict(zip((column.name for column in table.c), row, strict=True))
        keys = (column == values[column.name] for column in table.primary_key)
        conn.execute(sa.delete(table).where(*keys))


def _unsound(table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    kinds = "".join(map(_kind, table.c))
    names = table.c.keys()
    cells = [(names.index(name), read) for name, read in _READ.get(table.name, {}).items()]

    def is_whole(row: tuple[Any, ...]) -> bool:
        try:
            for place, read in cells:
                read(row[place])
        except UNREADABLE:
            return False
        return True

    return [row for row in rows if not is_sound(row, kinds) or not is_whole(row)]


def _kind(column: sa.Column[Any]) -> str:
    letter = next(letter for kind, letter in _LETTERS if isinstance(column.type, kind))
    return letter.upper() if column.nullable else letter
