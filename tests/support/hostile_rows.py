"""What a co-worker with rights in the metadata store might write into its cells."""

from __future__ import annotations

import json
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalog.metadata import tables


class _Runs:
    """Unpickled, it makes a file."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._proof,))


def values(proof: Path) -> dict[str, object]:
    """Cells by what they are; whoever runs one of them makes the file `proof`."""
    return {
        "a pickle": pickle.dumps(_Runs(proof)),
        "a pickle as text": pickle.dumps(_Runs(proof), 0).decode("latin-1"),
        "a name that could be imported": "evil_module.Evil",
        "no text": "",
        "half of a JSON text": '{"a": [1, ',
        "a JSON list": "[]",
        "a JSON object": "{}",
        "JSON's null": "null",
        "a JSON list of numbers": "[1, 2]",
        "a JSON object of lists": '{"fields": [{}], "gold": []}',
        "a schema of wrong names": '{"fields": [{"id": "x", "name": 5, "type": "long"}]}',
        "a schema of unknown types": '{"fields": [{"id": 1, "name": "a", "type": "evil.Type"}]}',
        "10 MB of JSON": json.dumps({"a": "x" * 10_000_000}),
        "100,000 levels of JSON": "[" * 100_000 + "]" * 100_000,
        "NUL and ESC": "a\x00b\x1b]52;c;eA==\x07\x1b[2J",
        "half a surrogate pair": b"\xed\xa0\x80",
        "a way out": "../../../../evil",
        "SQL": "x'; DROP TABLE datasets; --",
        "minus one": -1,
        "the least integer": -(2**63),
        "the largest integer": 2**63 - 1,
        "a fraction": 0.5,
        "infinity": float("inf"),
        "NULL": None,
    }


def columns() -> list[tuple[str, str]]:
    """(table, column) of every cell in the store, whatever a migration brings."""
    return [(t.name, c.name) for t in tables.metadata.sorted_tables for c in t.columns]


def spoil(store: Path, table: str, column: str, value: object, where: str) -> bool:
    """Write a value into a column of the rows where a condition holds.

    Returns:
        Whether there was a row, and the store took the value.
    """
    with closing(sqlite3.connect(store)) as connection, connection:
        try:
            done = connection.execute(
                f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (value,)
            )
        except sqlite3.IntegrityError:
            return False
        return done.rowcount > 0


def rows_of(table: str, dataset_id: str, namespace: str, name: str) -> str:
    """The condition for the rows of one dataset in a table; for all where it has no such rows."""
    known = tables.metadata.tables[table].columns
    for column in ("dataset_id", "id"):
        if column in known and isinstance(known[column].type, sa.String):
            return f"{column} = '{dataset_id}'" if table != "intents" or column != "id" else "true"
    if table == "iceberg_tables":
        return f"table_namespace = '{namespace}' AND table_name = '{name}'"
    return "true"
