"""What a Parquet file's footer tells that Iceberg's manifests do not."""

from __future__ import annotations

from pathlib import Path

import duckdb

from catalog.engine.session import connect, only_row, told
from catalog.engine.views import exact_path
from catalog.errors import InvalidInput
from catalog.names import lit
from catalog.storage import Warehouse
from catalog.types import refuse_unfit

MAX_PRECISION = 38


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


def refuse_bent(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Refuse a Parquet file of which DuckDB would change names or values without a word.

    It calls the second of two twins `name_1` and a column without a name `C0`, and reads decimals
    of more than 38 digits as doubles.

    Raises:
        InvalidInput: naming the column.
    """
    with told(f"Reading the footer of {path}"):
        listed = con.execute(
            "SELECT name, num_children, precision "
            f"FROM parquet_schema({lit(exact_path(str(path)))})"
        ).fetchall()
    nodes = iter(listed)

    def visit(depth: int) -> str:  # the list is in depth-first order
        name, children, precision = next(nodes)
        where = f"Struct {name!r}" if depth else "It"
        inside = [visit(depth + 1) for _ in range(children or 0)]
        if inside:
            refuse_unfit(inside, where)
        if (precision or 0) > MAX_PRECISION:
            raise InvalidInput(
                f"Column {name!r} is a decimal of {precision} digits; "
                f"Iceberg and DuckDB hold {MAX_PRECISION}.",
                "Write it as text, or with fewer digits, where the file is made.",
            )
        return str(name)

    visit(0)
