"""The rows that a load leaves out, on their way into a dataset of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from catalog.engine.csvrecords import Reject
from catalog.engine.views import NO_HIVE
from catalog.names import lit
from catalog.types import Field, Primitive


@dataclass(slots=True)
class Rejects:
    """The rows that were not loaded."""

    rows: int = 0
    files: list[Path] = field(default_factory=list)  # NDJSON of Reject
    first: Reject | None = None


REJECT_FIELDS = (
    Field(0, "loaded_at", Primitive("timestamptz")),
    Field(0, "file", Primitive("string")),
    Field(0, "line", Primitive("long")),
    Field(0, "column", Primitive("string")),
    Field(0, "reason", Primitive("string")),
    Field(0, "raw", Primitive("string")),
)


def rejects_select(rejects: Rejects) -> str:
    """The list of rejects as a SELECT of REJECT_FIELDS."""
    listed = ", ".join(lit(str(path)) for path in rejects.files)
    return (
        'SELECT now() AS loaded_at, file, line, "column", reason, raw FROM read_ndjson('
        f"[{listed}], columns={{file: 'VARCHAR', line: 'BIGINT', 'column': 'VARCHAR', "
        f"reason: 'VARCHAR', raw: 'VARCHAR'}}, {NO_HIVE})"
    )
