"""Writing data files: one COPY of a SELECT to Parquet, with field ids and statistics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from catalog import partition
from catalog.engine.session import provide_hashes, told
from catalog.engine.views import field_ids
from catalog.errors import InvalidInput, OperationFailed
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
) -> list[WrittenFile]:
    """Write the rows of a SELECT as Parquet files of a schema.

    Args:
        con: where the SELECT can run.
        select: gives at least the schema's columns by name; they are cast to the schema's types.
        schema: names, types and ids of the columns.
        parts: how to partition; each file holds rows of one partition only.
        folder: an empty local folder; the files are left in it.

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
        values = ", ".join(
            f"{partition.sql(p, schema)} AS {k}" for p, k in zip(parts, keys, strict=True)
        )
        inner = f"SELECT *, {values} FROM ({inner})"
        options += [f"PARTITION_BY ({', '.join(keys)})", "FILENAME_PATTERN 'part_{uuid}'"]
    else:
        keys = []
        options += [f"FILE_SIZE_BYTES {FILE_BYTES}", "WRITE_EMPTY_FILE false"]
    statement = f"COPY ({inner}) TO {lit(str(folder))} ({', '.join(options)})"
    try:
        with told("Writing the data files"):
            rows = con.execute(statement).fetchall()
    except OperationFailed as error:
        if keys and ("ame too long" in error.message or "create directory" in error.message):
            raise InvalidInput(
                "A partition value is too long to be the name of a folder.",
                "Partition by truncate(N, column) or bucket(N, column) instead.",
            ) from error
        raise
    return [_written(row, keys) for row in rows if row[1]]


def _written(row: Sequence[Any], keys: Sequence[str]) -> WrittenFile:
    """A row of RETURN_STATS: filename, count, file size, footer size, columns, partition keys."""
    found = row[5] or {}
    return WrittenFile(row[0], row[1], row[2], row[4], tuple(found[key] for key in keys))
