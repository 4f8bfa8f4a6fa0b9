"""What differs between two versions: schema by field id, files, and rows by key."""

from __future__ import annotations

from typing import Any

from catalog import query, reading, schema
from catalog.errors import InvalidInput
from catalog.handles import Handles
from catalog.model import DatasetDiff, QueryResult, RowDiff
from catalog.names import free_name, ident

SAMPLE_ROWS = 20


def diff(
    handles: Handles,
    name: str,
    before: str | int,
    after: str | int | None,
    key: tuple[str, ...] = (),
    samples: int = SAMPLE_ROWS,
) -> DatasetDiff:
    """Compare two versions of a dataset.

    Files that both versions hold are not read: their rows cannot differ.

    Args:
        handles: the lake.
        name: the dataset.
        before: a version.
        after: another one; None for the current one.
        key: the columns that tell rows apart; the key of its last merge by default. Without any,
            rows are compared whole, and a change counts as one removed and one added.
        samples: how many differing rows to return.

    Raises:
        NotFound: there is no such dataset or version.
        InvalidInput: a key column is not in both versions.
    """
    from catalog.engine.views import select_version

    dataset, old, old_schema, old_files = query.readable_at(handles, name, before)
    _, new, new_schema, new_files = query.readable_at(handles, name, after)
    key = key or dataset.key_columns
    for column in key:
        if old_schema.find(column) is None or new_schema.find(column) is None:
            raise InvalidInput(f"The key column {column!r} is not in both versions.")
    held = {f.path for f in old_files}, {f.path for f in new_files}
    gone = [f for f in old_files if f.path not in held[1]]
    come = [f for f in new_files if f.path not in held[0]]
    # Both sides in the columns of AFTER: fields are the same by id, and one that BEFORE lacks is
    # NULL there.
    with reading.opened(handles, dataset.name, [*gone, *come]) as (con, prefix):
        left, right = (select_version(new_schema, files, prefix) for files in (gone, come))
        rows = _compare(con, left, right, new_schema.names, key, samples)
    return DatasetDiff(
        before=old.version if old else 0,
        after=new.version if new else 0,
        schema=tuple(schema.diff(old_schema, new_schema)),
        files_added=len(come),
        files_removed=len(gone),
        rows=rows,
    )


def _compare(
    con: Any, left: str, right: str, columns: list[str], key: tuple[str, ...], samples: int
) -> RowDiff:
    con.execute(f"CREATE TEMP VIEW lhs AS {left}")
    con.execute(f"CREATE TEMP VIEW rhs AS {right}")
    return _by_key(con, columns, key, samples) if key else _whole(con, columns, samples)


def _by_key(con: Any, columns: list[str], key: tuple[str, ...], samples: int) -> RowDiff:
    from catalog.engine import rows

    on = " AND ".join(f"lhs.{ident(k)} IS NOT DISTINCT FROM rhs.{ident(k)}" for k in key)
    rest = [c for c in columns if c not in key]
    here = ident(free_name("is here", columns))
    what = ident(free_name("change", columns))
    changed = " OR ".join(f"lhs.{ident(c)} IS DISTINCT FROM rhs.{ident(c)}" for c in rest)
    kind = (
        f"CASE WHEN lhs.{here} IS NULL THEN 'added' WHEN rhs.{here} IS NULL THEN 'removed' "
        f"WHEN {changed or 'false'} THEN 'changed' END"
    )
    keys = ", ".join(f"coalesce(rhs.{ident(k)}, lhs.{ident(k)}) AS {ident(k)}" for k in key)
    both = f"lhs.{here} IS NOT NULL AND rhs.{here} IS NOT NULL"
    values = "".join(f", {_shown(ident(c), both)} AS {ident(c)}" for c in rest)
    joined = (
        f"SELECT {kind} AS {what}, {keys}{values} FROM (SELECT *, true AS {here} FROM lhs) lhs "
        f"FULL JOIN (SELECT *, true AS {here} FROM rhs) rhs ON {on}"
    )
    counts = dict(
        con.execute(
            f"SELECT {what}, count(*) FROM ({joined}) WHERE {what} IS NOT NULL GROUP BY 1"
        ).fetchall()
    )
    order = ", ".join(ident(k) for k in key)
    shown = f"SELECT * FROM ({joined}) WHERE {what} IS NOT NULL ORDER BY {order} LIMIT {samples}"
    sample = rows.fetch(con, shown) if counts and samples else None
    return RowDiff(
        counts.get("added", 0), counts.get("removed", 0), counts.get("changed", 0), key, sample
    )


def _shown(column: str, both: str) -> str:
    """A value as a diff shows it: `old -> new` where both sides have it and differ."""
    old, new = (f"coalesce({side}.{column}::VARCHAR, 'NULL')" for side in ("lhs", "rhs"))
    differs = f"{both} AND lhs.{column} IS DISTINCT FROM rhs.{column}"
    one = f"coalesce(rhs.{column}, lhs.{column})::VARCHAR"
    return f"CASE WHEN {differs} THEN concat({old}, ' -> ', {new}) ELSE {one} END"


def _whole(con: Any, columns: list[str], samples: int) -> RowDiff:
    """Rows as a multiset: what one side has more often than the other."""
    from catalog.engine import rows

    listed = ", ".join(ident(c) for c in columns)

    def more(one: str, other: str) -> str:
        return f"SELECT {listed} FROM {one} EXCEPT ALL SELECT {listed} FROM {other}"

    def number(select: str) -> int:
        return int(con.execute(f"SELECT count(*) FROM ({select})").fetchall()[0][0])

    added, removed = number(more("rhs", "lhs")), number(more("lhs", "rhs"))
    sample: QueryResult | None = None
    if samples and (added or removed):
        both = (
            f"SELECT 'removed' AS change, * FROM ({more('lhs', 'rhs')}) UNION ALL "
            f"SELECT 'added' AS change, * FROM ({more('rhs', 'lhs')})"
        )
        sample = rows.fetch(con, f"{both} LIMIT {samples}")
    return RowDiff(added, removed, 0, (), sample)
