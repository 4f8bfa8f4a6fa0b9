"""Reading a version for people and programs: the first rows, a profile, a whole table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from catalog import query
from catalog.errors import LOOK_AT_FILES, InvalidInput
from catalog.handles import Handles
from catalog.model import DataFile, QueryResult
from catalog.names import DatasetName, ident

if TYPE_CHECKING:
    import duckdb  # noqa: TID251 - a type only

PREVIEW_ROWS = 20


@contextmanager
def opened(
    handles: Handles, name: DatasetName, files: Sequence[DataFile]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection that can read some files of a dataset, and the prefix of their paths in it."""
    from catalog.engine import remote
    from catalog.engine.session import connect, told

    con = connect()
    try:
        prefix = remote.attach(con, handles.warehouse, handles.readable(name, files))
        with told(f"Reading {name}", LOOK_AT_FILES):
            yield con, prefix
    finally:
        con.close()


@contextmanager
def opened_version(
    handles: Handles, name: str, at: str | int | None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection and the SELECT of all rows of a version."""
    from catalog.engine.views import select_version

    found = query.readable_at(handles, name, at)
    with opened(handles, found.dataset.name, found.files) as (con, prefix):
        yield con, select_version(found.schema, found.files, prefix, stored=True)


def preview(
    handles: Handles, name: str, at: str | int | None, limit: int, offset: int = 0
) -> QueryResult:
    """Some rows of a version, in the order of its files.

    Only the files that hold them are opened, so the size of the dataset does not matter.

    Raises:
        InvalidInput: a negative number of rows.
        NotFound: there is no such dataset or version.
    """
    if limit < 0 or offset < 0:
        raise InvalidInput("The number of rows cannot be negative.")
    dataset, version, schema, files = query.readable_at(handles, name, at)
    chosen, skipped = _covering(files, offset, limit)
    from catalog.engine import rows
    from catalog.engine.views import select_version

    with opened(handles, dataset.name, chosen) as (con, prefix):
        select = select_version(schema, chosen, prefix, stored=True)
        found = rows.fetch(con, f"SELECT * FROM ({select}) LIMIT {limit} OFFSET {offset - skipped}")
    total = version.rows if version else 0
    return QueryResult(found.columns, found.kinds, found.rows, more=total > offset + limit)


def _covering(files: Sequence[DataFile], offset: int, limit: int) -> tuple[list[DataFile], int]:
    """The files that hold rows `offset` to `offset + limit`, and how many rows come before them."""
    if any(f.deletes for f in files):
        return list(files), 0  # how many rows of a file are left is not known without reading
    chosen: list[DataFile] = []
    before = at = 0
    for file in files:
        if at + file.rows <= offset:
            before += file.rows
        elif at < offset + limit or not chosen:
            chosen.append(file)
        at += file.rows
    return (chosen, before) if chosen else (list(files[:1]), 0)


def stats(handles: Handles, name: str, at: str | int | None) -> QueryResult:
    """A profile of each column of a version: type, nulls, distinct values, range, quartiles.

    Distinct counts and quartiles are DuckDB's approximations.
    """
    from catalog.engine import rows
    from catalog.engine.session import only_row

    with opened_version(handles, name, at) as (con, select):
        summarized = (
            'SELECT column_name AS "column", column_type AS "type", count AS rows, '
            "0 AS nulls, "
            "approx_unique AS distinct_about, "
            "min, max, avg AS mean, std, q25, q50 AS median, q75 "
            f"FROM (SUMMARIZE SELECT * FROM ({select}))"
        )
        profile = rows.fetch(con, summarized)
        # SUMMARIZE tells a percentage of two digits: one NULL in a million would be none.
        counts = ", ".join(f"count(*) - count({ident(str(row[0]))})" for row in profile.rows)
        nulls = only_row(con, f"SELECT {counts} FROM ({select})") if profile.rows else ()
    place = profile.columns.index("nulls")
    exact = (
        (*row[:place], number, *row[place + 1 :])
        for row, number in zip(profile.rows, nulls, strict=True)
    )
    return replace(profile, rows=tuple(exact))


def to_arrow(handles: Handles, name: str, at: str | int | None) -> Any:
    """All rows of a version as an Arrow table."""
    with opened_version(handles, name, at) as (con, select):
        return con.sql(select).to_arrow_table()
