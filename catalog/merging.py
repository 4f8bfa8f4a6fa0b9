"""Merge by key: copy-on-write by DuckDB, of exactly the files that hold a matching row.

PyIceberg's own upsert takes 16 s where this takes 0.1 s, and falls over on composite keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import InvalidInput
from catalog.model import DataFile, WrittenFile
from catalog.names import ident, lit

if TYPE_CHECKING:
    from catalog.committing import Load
    from catalog.writing import Intent


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge does."""

    written: list[WrittenFile]
    replaced: tuple[DataFile, ...]
    inserted: int
    updated: int
    base: int | None


def merge(load: Load, target: Intent, staged: list[WrittenFile]) -> Merged:
    """Work out a merge of staged rows into the dataset's current version.

    Rows with a key that is there replace it, the others come in. Only files that hold such a key
    are written anew, without the replaced rows.

    Raises:
        InvalidInput: a key is NULL or not unique in the source.
    """
    from catalog.engine import remote
    from catalog.engine.copying import copy_to_parquet
    from catalog.engine.session import only_row, told
    from catalog.engine.views import select_version

    assert load.dataset is not None
    con, handles = load.con, load.handles
    check_key(con, load.key_columns, staged)
    source = _scan(staged)
    head = load.dataset.branches.get(load.branch, load.dataset.snapshot_id)
    files = handles.reader.files(load.dataset, head)
    prefix = remote.attach(con, handles.warehouse, handles.readable(load.name, files))
    keys = ", ".join(ident(k) for k in load.key_columns)
    touched = []
    updated = 0
    with told("Merging"):
        for file in files:
            old = select_version(load.schema, [file], prefix)
            matches = f"SELECT count(*) FROM ({old}) SEMI JOIN ({source}) USING ({keys})"
            (matching,) = only_row(con, matches)
            if matching:
                touched.append(file)
                updated += int(matching)
    columns = ", ".join(ident(f.name) for f in load.schema.fields)
    result = f"SELECT {columns} FROM ({source})"
    if touched:
        old = select_version(load.schema, touched, prefix)
        rest = f"SELECT {columns} FROM ({old}) ANTI JOIN ({source}) USING ({keys})"
        result = f"{rest} UNION ALL {result}"
    folder = _folder(target)
    written = copy_to_parquet(con, result, load.schema, load.parts, folder)
    rows = sum(w.rows for w in staged)
    return Merged(written, tuple(touched), rows - updated, updated, head)


def check_key(con: Any, key: Sequence[str], staged: list[WrittenFile]) -> None:
    """Refuse a source in which the key does not tell rows apart.

    Raises:
        InvalidInput: with how many keys are NULL or come twice.
    """
    if not staged:
        return
    from catalog.engine.session import only_row, told

    source, keys = _scan(staged), ", ".join(ident(k) for k in key)
    nulls = " OR ".join(f"{ident(k)} IS NULL" for k in key)
    with told("Checking the key"):
        (missing,) = only_row(con, f"SELECT count(*) FROM ({source}) WHERE {nulls}")
        groups = f"SELECT {keys} FROM ({source}) GROUP BY {keys} HAVING count(*) > 1"
        (twice,) = only_row(con, f"SELECT count(*) FROM ({groups})")
    named = ", ".join(key)
    if missing:
        raise InvalidInput(
            f"A merge needs the key in every row; rows of the source without {named}: {missing}.",
            "Leave them out with --select '… WHERE … IS NOT NULL'.",
        )
    if twice:
        raise InvalidInput(
            f"Values of {named} that come more than once in the source: {twice}.",
            "Keep one row of each with --select 'SELECT DISTINCT ON (…) * FROM source'.",
        )


def repartition(load: Load, target: Intent, staged: list[WrittenFile]) -> list[WrittenFile]:
    """Rows that were staged flat, partitioned as the dataset is."""
    if not load.parts or not staged:
        return staged
    from catalog.engine.copying import copy_to_parquet

    select = f"SELECT * FROM ({_scan(staged)})"
    return copy_to_parquet(load.con, select, load.schema, load.parts, _folder(target))


def _folder(target: Intent) -> Path:
    folder = target.staging / f"merged-{len(list(target.staging.iterdir()))}"
    folder.mkdir()
    return folder


def _scan(staged: list[WrittenFile]) -> str:
    from catalog.engine.views import NO_HIVE, exact_path

    listed = ", ".join(lit(exact_path(w.path)) for w in staged)
    return f"SELECT * FROM read_parquet([{listed}], {NO_HIVE})"
