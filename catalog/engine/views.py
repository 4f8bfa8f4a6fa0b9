"""The files of a version as one SELECT: fields are found by id, whatever they were called.

DuckDB's `schema` map needs `children` on every entry, NULL for leaves: without it a renamed child
reads NULL, and without the same shape everywhere the map has no one type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from catalog.errors import NotAllowed
from catalog.model import DataFile
from catalog.names import ident, lit
from catalog.schema import Schema
from catalog.types import Field, children, duckdb_of

# For every reader of files: a folder above them that looks like a partition, as in `id=7/a.csv`,
# would become a column, and replace the one in the file.
NO_HIVE = "hive_partitioning=false"


def select_version(
    schema: Schema, files: Sequence[DataFile], prefix: str = "", *, stored: bool = False
) -> str:
    """A SELECT of all rows of a version.

    Args:
        schema: the columns as they shall come out.
        files: the version's files, positional delete files among them.
        prefix: put before each path; names the filesystem that reads remote files.
        stored: the schema is one of the table's, its id included. Files that we wrote with that
            very schema are read as they are: binding the map of ids takes longer than their footer.

    Raises:
        NotAllowed: never silently: a file that DuckDB cannot be trusted to read.
    """
    data = [f for f in files if not f.deletes]
    columns = ", ".join(ident(f.name) for f in schema.fields)
    if not data:
        nulls = (f"CAST(NULL AS {duckdb_of(f.type)}) AS {ident(f.name)}" for f in schema.fields)
        return f"SELECT {', '.join(nulls)} WHERE false"
    deletes = [f for f in files if f.deletes]
    parts = []
    by_id = [f for f in data if f.has_ids]
    by_name = [f for f in data if not f.has_ids]
    if by_id:
        as_they_are = stored and all(_written_as(f, schema) for f in by_id)
        source = _scan(by_id, None if as_they_are else schema_map(schema.fields), prefix)
        parts.append(_without_deleted(columns, source, deletes, prefix))
    if by_name:
        source = _scan(by_name, _name_map(schema.fields), prefix)
        parts.append(_without_deleted(columns, source, deletes, prefix))
    return " UNION ALL ".join(parts)


def _written_as(file: DataFile, schema: Schema) -> bool:
    """Whether the lake itself wrote a file with exactly this schema; only it keeps checksums."""
    return file.checksum is not None and file.schema_id == schema.schema_id


def _scan(files: Sequence[DataFile], columns: str | None, prefix: str) -> str:
    listed = ", ".join(lit(prefix + exact_path(f.path)) for f in files)
    return f"read_parquet([{listed}], {f'schema={columns}' if columns else NO_HIVE})"


def _without_deleted(columns: str, source: str, deletes: Sequence[DataFile], prefix: str) -> str:
    """The scan less the rows that positional delete files name (Iceberg v2, merge on read)."""
    if not deletes:
        return f"SELECT {columns} FROM {source}"
    listed = ", ".join(lit(prefix + exact_path(f.path)) for f in deletes)
    scheme = "'^[a-z]+://'"
    return (
        f"SELECT {columns} FROM (SELECT *, filename, file_row_number FROM {source}) d "
        f"ANTI JOIN (SELECT file_path, pos FROM read_parquet([{listed}], {NO_HIVE})) x "
        f"ON regexp_replace(x.file_path, {scheme}, '') = "
        f"regexp_replace(d.filename, {scheme}, '') AND x.pos = d.file_row_number"
    )


def schema_map(fields: Sequence[Field]) -> str:
    """DuckDB's `MAP {id: {name, type, default_value, children}}` for some fields."""
    return "MAP {" + ", ".join(f"{f.id}: {_entry(f)}" for f in fields) + "}"


def _entry(field: Field) -> str:
    inner = children(field.type)
    nested = schema_map(inner) if inner else "NULL"
    kind = lit(duckdb_of(field.type))
    return (
        f"{{name: {lit(field.name)}, type: {kind}, default_value: NULL::VARCHAR, "
        f"children: {nested}}}"
    )


def _name_map(fields: Sequence[Field]) -> str:
    """The same for files without field ids: columns are known by their name alone."""
    entries = (
        f"{lit(f.name)}: {{name: {lit(f.name)}, type: {lit(duckdb_of(f.type))}, "
        "default_value: NULL::VARCHAR}"
        for f in fields
    )
    return "MAP {" + ", ".join(entries) + "}"


def exact_path(path: str) -> str:
    """A glob that matches this one path: DuckDB expands `*`, `?` and `[` even in listed names.

    Raises:
        NotAllowed: the path holds a NUL, which no file has.
    """
    if "\x00" in path:
        raise NotAllowed(f"The path {path!r} is not the path of a file.")
    return re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", path)


def globbed_folders(path: str) -> set[str]:
    """The folders that DuckDB lists to find an exact path: above each part with a glob's sign."""
    parts = path.split("/")
    return {"/".join(parts[:n]) or "/" for n, part in enumerate(parts) if set(part) & set("*?[")}


def field_ids(fields: Sequence[Field]) -> str:
    """The FIELD_IDS option of COPY: every column and every nested child with its id."""
    return "{" + ", ".join(f"{ident(f.name)}: {_ids(f)}" for f in fields) + "}"


def _ids(field: Field) -> str:
    inner = children(field.type)
    if not inner:
        return str(field.id)
    parts = ", ".join(f"{ident(f.name)}: {_ids(f)}" for f in inner)
    return f"{{__duckdb_field_id: {field.id}, {parts}}}"
