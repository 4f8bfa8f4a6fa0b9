"""What a Parquet file's footer tells that Iceberg's manifests do not."""

from __future__ import annotations

from pathlib import Path

import duckdb

from catalog.engine.session import connect, only_row, told
from catalog.engine.views import exact_path
from catalog.names import lit
from catalog.storage import Warehouse


def has_field_ids(warehouse: Warehouse, path: str) -> bool:
    """Whether the columns of a data file carry Iceberg's field ids."""
    from catalog.engine import remote  # with fsspec behind it, which a load of files can do without

    con = connect()
    try:
        prefix = remote.attach(con, warehouse, [path])
        with told(f"Reading the footer of {path}"):
            footer = f"parquet_schema({lit(prefix + exact_path(path))})"
            (ids,) = only_row(con, f"SELECT count(field_id) FROM {footer}")
    finally:
        con.close()
    return bool(ids)


def top_level_names(con: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The names of the columns as a Parquet file has them, twins and all."""
    with told(f"Reading the footer of {path}"):
        listed = con.execute(
            f"SELECT name, num_children FROM parquet_schema({lit(exact_path(str(path)))})"
        ).fetchall()
    names: list[str] = []
    skip = 0  # the descendants still to come; the list is in depth-first order
    for name, children in listed[1:]:
        if not skip:
            names.append(str(name))
        else:
            skip -= 1
        skip += int(children or 0)
    return names
