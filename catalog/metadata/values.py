"""Rows of the store as the lake's own values, and the columns that each is made of.

Whoever has rights in the store can write anything into a cell, and SQLite holds it whatever the
column's type. A row that is not what it should be is told by its table and whose row it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from catalog.errors import LakeError, OperationFailed
from catalog.model import Dataset, DatasetSummary, Kind, Version
from catalog.names import DatasetName

if TYPE_CHECKING:
    from catalog.schema import Schema

X = TypeVar("X")
V = TypeVar("V")
# What a cell may be, a letter a column; a capital tells that it may be NULL.
_TYPES: dict[str, tuple[type, ...]] = {"t": (str,), "i": (int,), "b": (int, bool)}
_SUMMARY = "ttttiiiiTTti"
_DATASET = f"{_SUMMARY}ttttIittt"
# What JSON and the parsing of it come to where a text is something else.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, LakeError, OSError, RecursionError,
               TypeError, ValueError)  # fmt: skip

SUMMARY = """id, namespace, name, kind, version, rows, bytes, files, owner, description, labels,
    updated_at"""
DATASET = f"""{SUMMARY}, schema, partitioning, location, metadata_location, snapshot_id,
    last_field_id, tags, branches, key_columns"""
VERSION = """version, snapshot_id, parent_id, committed_at, operation, rows_added, rows_deleted,
    rows, bytes, files, schema_id, run_id, message, expired_at"""


def damaged(table: str, whose: object) -> OperationFailed:
    """The error for a row of one of our tables that cannot be read."""
    return OperationFailed(
        f"The row of {whose} in our table {table} is damaged: it holds what cannot stand there.",
        "See what is wrong and what would mend it: lakectl doctor",
    )


def is_sound(row: tuple[Any, ...], kinds: str) -> bool:
    """Whether each cell of a row is of its kind; see `sound`."""
    return _fit(tuple(map(type, row)), kinds)


@cache
def _fit(found: tuple[type, ...], kinds: str) -> bool:
    return all(
        (one is type(None) and kind.isupper()) or one in _TYPES[kind.lower()]
        for one, kind in zip(found, kinds, strict=True)
    )


def sound(
    rows: list[tuple[Any, ...]], kinds: str, table: str, whose: object
) -> list[tuple[Any, ...]]:
    """Rows of which each cell is of its kind.

    Args:
        rows: as they came from the store.
        kinds: a letter a column: t text, i integer, b truth; a capital may be NULL.
        table: where they stand, for the sentence.
        whose: the dataset that they are of, for the sentence.

    Raises:
        OperationFailed: one is not.
    """
    for row in rows:
        if not is_sound(row, kinds):
            raise damaged(table, whose)
    return rows


def parsed(make: Callable[[X], V], cell: X, table: str, whose: object) -> V:
    """What a function makes of a cell, or of several.

    Raises:
        OperationFailed: nothing can be made of it.
    """
    try:
        return make(cell)
    except UNREADABLE as error:
        raise damaged(table, whose) from error


def object_of(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError, RecursionError: the text is something else.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _object_of(kind: type, text: str) -> dict[str, Any]:
    found = object_of(text)
    if any(type(value) is not kind for value in found.values()):
        raise ValueError(f"no JSON object of {kind.__name__}")
    return found


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
    """The value of a row of SUMMARY.

    Raises:
        OperationFailed: the row is damaged.
    """
    called = f"{row[1]}.{row[2]}"
    sound([row[:12]], _SUMMARY, "datasets", called)

    def make(row: tuple[Any, ...]) -> DatasetSummary:
        labels = _object_of(str, row[10])
        version, rows, size, files, owner, about = row[4:10]
        name, updated = DatasetName(row[1], row[2]), moment(row[11])
        return DatasetSummary(
            row[0], name, Kind(row[3]), version, rows, size, files, owner, about, labels, updated
        )

    return parsed(make, row, "datasets", called)


def listed(row: tuple[Any, ...]) -> DatasetSummary:
    """The value of a row of SUMMARY; of a damaged one, a stand-in that says so."""
    try:
        return summary_of(row)
    except OperationFailed as error:
        name = DatasetName(str(row[1]), str(row[2]))
        return DatasetSummary(
            str(row[0]), name, Kind.TABLE, 0, 0, 0, 0, None, error.message, {}, moment(0)
        )


def dataset_of(row: tuple[Any, ...]) -> Dataset:
    """The value of a row of DATASET.

    Raises:
        OperationFailed: the row is damaged.
    """
    from catalog.partition import PartitionField  # a list of datasets needs it not

    summary = summary_of(row)
    sound([row], _DATASET, "datasets", summary.name)

    def make(row: tuple[Any, ...]) -> Dataset:
        keys = json.loads(row[20])
        sound([tuple(keys)], "t" * len(keys), "datasets", summary.name)
        return Dataset(
            summary=summary,
            schema=schema_of(row[12]),
            partitioning=tuple(PartitionField.from_json(part) for part in json.loads(row[13])),
            location=row[14],
            metadata_location=row[15],
            snapshot_id=row[16],
            last_field_id=row[17],
            tags=_object_of(int, row[18]),
            branches=_object_of(int, row[19]),
            key_columns=tuple(keys),
        )

    return parsed(make, row, "datasets", summary.name)


def schema_of(text: str) -> Schema:
    """A schema from its JSON form, each name a text and each type one that can be read.

    Raises:
        One of many errors: it is something else.
    """
    from catalog import types
    from catalog.schema import Schema

    found = Schema.from_json(text)
    for field in types.walk(found.fields):
        types.duckdb_of(field.type)
        sound([(field.id, field.name, field.doc)], "itT", "schemas", field.name)
    return found


def version_of(row: tuple[Any, ...], dataset: Dataset, line: set[int]) -> Version:
    """The value of a row of VERSION; `line` holds the snapshots that main and branches reach.

    Raises:
        OperationFailed: the row is damaged.
    """
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
        committed_at=parsed(moment, row[3], "versions", dataset.name),
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
