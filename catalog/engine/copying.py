"""Writing data files: one COPY of a SELECT to Parquet, with field ids and statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from catalog import partition
from catalog.engine.session import only_row, provide_hashes, told
from catalog.engine.views import NO_HIVE, field_ids
from catalog.model import WrittenFile
from catalog.names import ident, lit
from catalog.partition import PartitionField
from catalog.schema import Schema
from catalog.types import duckdb_of

_PART = "__lakectl_partition_"
FILE_BYTES = 512 << 20  # a file is closed once it holds about so much, so that none grows for ever


def copy_to_parquet(
    con: duckdb.DuckDBPyConnection,
    select: str,
    schema: Schema,
    parts: Sequence[PartitionField],
    folder: Path,
    *,
    in_order: bool = True,
) -> list[WrittenFile]:
    """Write the rows of a SELECT as Parquet files of a schema.

    Args:
        con: where the SELECT can run.
        select: gives at least the schema's columns by name; they are cast to the schema's types.
        schema: names, types and ids of the columns.
        parts: how to partition; each file holds rows of one partition only.
        folder: an empty local folder; the files are left in it.
        in_order: write one file that keeps the order of the rows. Otherwise files are closed at
            FILE_BYTES, each thread fills its own, and memory stays bounded however much comes.

    Returns:
        The files with their statistics; none for no rows.
    """
    columns = [
        f"CAST({ident(f.name)} AS {duckdb_of(f.type)}) AS {ident(f.name)}" for f in schema.fields
    ]
    options = [
        "FORMAT parquet",
        "COMPRESSION zstd",
        f"FIELD_IDS {field_ids(schema.fields)}",
        "RETURN_STATS",
    ]
    inner = f"SELECT {', '.join(columns)} FROM ({select})"
    if parts:
        if any(p.transform.startswith("bucket") for p in parts):
            provide_hashes(con)
        keys = [f"{_PART}{i}" for i in range(len(parts))]
        values = ", ".join(f"{_key(p, schema)} AS {k}" for p, k in zip(parts, keys, strict=True))
        inner = f"SELECT *, {values} FROM ({inner})"
        options += [f"PARTITION_BY ({', '.join(keys)})", "FILENAME_PATTERN 'part_{uuid}'"]
    else:
        keys = []
        options.append("WRITE_EMPTY_FILE false")
    target = folder
    if in_order and not parts:
        target = folder / "data.parquet"
    elif not parts:
        options.append(f"FILE_SIZE_BYTES {FILE_BYTES}")
    statement = f"COPY ({inner}) TO {lit(str(target))} ({', '.join(options)})"
    with told("Writing the data files"):
        rows = con.execute(statement).fetchall()
        return [
            _written(con, row, dict(zip(keys, parts, strict=True)), schema)
            for row in rows
            if row[1]
        ]


def partition_of(
    con: duckdb.DuckDBPyConnection, select: str, schema: Schema, parts: Sequence[PartitionField]
) -> tuple[str | None, ...]:
    """The partition values of the rows of one file, as text, NULL as None.

    Args:
        con: where the SELECT can run.
        select: gives rows of one partition.
        schema: names and types of its columns.
        parts: how they are partitioned.
    """
    if not parts:
        return ()
    if any(p.transform.startswith("bucket") for p in parts):
        provide_hashes(con)
    values = ", ".join(f"CAST({partition.sql(part, schema)} AS VARCHAR)" for part in parts)
    return tuple(only_row(con, f"SELECT {values} FROM ({select}) LIMIT 1"))


def _is_hashed(part: PartitionField, schema: Schema) -> bool:
    return partition.result_type(part, schema) == "string"


def _key(part: PartitionField, schema: Schema) -> str:
    """What DuckDB splits by: folders are named after it, so a text, maybe long, is hashed."""
    value = partition.sql(part, schema)
    return f"md5({value})" if _is_hashed(part, schema) else value


def _written(
    con: duckdb.DuckDBPyConnection,
    row: Sequence[Any],
    parts: Mapping[str, PartitionField],
    schema: Schema,
) -> WrittenFile:
    """A row of RETURN_STATS: filename, count, file size, footer size, columns, partition keys."""
    found = row[5] or {}
    values = []
    for key, part in parts.items():
        value = found[key]
        if value is not None and _is_hashed(part, schema):
            value_sql = partition.sql(part, schema)
            select = f"SELECT {value_sql} FROM read_parquet({lit(row[0])}, {NO_HIVE}) LIMIT 1"
            (value,) = only_row(con, select)
        values.append(value)
    return WrittenFile(row[0], row[1], row[2], row[4], tuple(values))
