"""What a rollback would take out of view, told before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from catalog.model import Dataset, SchemaRevision, Version
from catalog.schema import ChangeKind, diff
from screens.text import count, plural, signed

_MOST = 6
_MOST_COLUMNS = 4


def leaving(
    version: int,
    versions: Sequence[Version],
    now: Dataset | None,
    schemas: Sequence[SchemaRevision],
    when: Callable[[datetime], str],
) -> list[str]:
    """The versions that would leave the view, and the rows and columns before and after."""
    newer = [v for v in versions if v.version > version and v.state != "undone"]
    target = next((v for v in versions if v.version == version), None)
    lines = [f"{plural(len(newer), 'version')} would leave the view:"]
    for gone in newer[:_MOST]:
        change = signed(gone.rows_added - gone.rows_deleted)
        age = when(gone.committed_at)
        message = f"  {gone.message}" if gone.message else ""
        lines.append(f"  v{gone.version:<5} {age:>5}  {gone.operation:<9} {change:>12}{message}")
    if len(newer) > _MOST:
        lines.append(f"  … and {plural(len(newer) - _MOST, 'more', 'more')}")
    if target is not None and now is not None:
        lines += ["", f"rows     {count(now.summary.rows)} → {count(target.rows)}"]
        lines += _columns_change(now, target, schemas)
    return [*lines, "", "Nothing is deleted: z takes it back."]


def _columns_change(now: Dataset, target: Version, schemas: Sequence[SchemaRevision]) -> list[str]:
    """The columns that come and go; comments stay, they are of the dataset."""
    ids = {r.schema.schema_id: r.schema for r in schemas}
    changes = diff(now.schema, ids.get(target.schema_id, now.schema))
    told = [str(c) for c in changes if c.kind is not ChangeKind.DOCUMENTED]
    more = [f"         … and {len(told) - _MOST_COLUMNS} more"] if len(told) > _MOST_COLUMNS else []
    starts = ["columns  ", *["         "] * (_MOST_COLUMNS - 1)]
    return [f"{a}{b}" for a, b in zip(starts, told or ["the same"], strict=False)] + more
