"""What a load will do, decided before its first byte is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog import partition, types
from catalog.errors import Conflict, InvalidInput, NotAllowed
from catalog.model import Dataset
from catalog.names import DatasetName, ident
from catalog.partition import PartitionField
from catalog.schema import Evolution, Schema, SchemaPolicy, new_schema, plan_evolution
from catalog.sources import FORMATS, TextOptions
from catalog.types import Field

MODES = ("append", "overwrite", "merge")


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """What to load, and how.

    Instead of sources `frame` is an Arrow table or reader, or `query` a SELECT over the lake's own
    datasets; of those in `slices`, by id, it sees the rows that came after one version, up to
    another one.
    """

    into: str
    sources: tuple[str, ...] = ()
    frame: Any = None
    query: str | None = None
    slices: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    mode: str = "append"
    key: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    select: str | None = None
    message: str | None = None
    run_id: str | None = None
    on_bad_row: str = "fail"
    schema: SchemaPolicy = SchemaPolicy.REFUSE
    if_seen: str = "skip"
    format: str | None = None
    text: TextOptions = field(default_factory=TextOptions)
    branch: str = "main"
    write_key: str | None = None  # a key of the caller's own: the same key never loads twice
    same_rows: bool = False  # refuse the same key with other content, rather than pass it over


@dataclass(slots=True)
class Plan:
    """What has been decided before the first byte is written."""

    request: IngestRequest
    name: DatasetName
    dataset: Dataset | None
    schema: Schema
    parts: tuple[PartitionField, ...]
    evolution: Evolution | None
    select: str  # gives the rows to write
    text_fields: tuple[Field, ...]  # of the sources themselves
    notes: list[str] = field(default_factory=list)


def check(request: IngestRequest) -> None:
    """Refuse a request that makes no sense in itself.

    Raises:
        InvalidInput: with what to say instead.
    """
    if request.mode not in MODES:
        raise InvalidInput(f"There is no mode {request.mode!r}.", f"Use {', '.join(MODES)}.")
    if request.mode == "merge" and not request.key:
        raise InvalidInput("A merge needs a key.", "Say --key COLUMN or --key A,B.")
    if request.key and request.mode != "merge":
        raise InvalidInput("--key goes with --mode merge.")
    if request.format not in {None, *FORMATS}:
        raise InvalidInput(f"There is no format {request.format!r}.", f"Use {', '.join(FORMATS)}.")
    if request.on_bad_row not in {"fail", "quarantine"}:
        raise InvalidInput(f"--on-bad-row takes fail or quarantine, not {request.on_bad_row!r}.")
    if request.if_seen not in {"skip", "load"}:
        raise InvalidInput(f"--if-seen takes skip or load, not {request.if_seen!r}.")
    if request.frame is None and request.query is None and not request.sources:
        raise InvalidInput("There is nothing to load.", "Name a file, folder, address or -.")


def plan_for(
    con: Any,
    request: IngestRequest,
    name: DatasetName,
    dataset: Dataset | None,
    fields: tuple[Field, ...],
    select: str,
) -> Plan:
    """Decide schema, partitioning and shape of what is written; nothing is written.

    Args:
        con: a connection in which `select` can run.
        request: what was asked for.
        name: the dataset.
        dataset: its state; None for a new one.
        fields: the columns of the sources.
        select: their rows.

    Raises:
        SchemaConflict, InvalidInput, Conflict: it cannot be done as asked.
    """
    incoming = fields
    if request.select:
        select, incoming = _selected(con, request.select, select)
    if dataset is None:
        schema = new_schema(incoming)
        parts = partition.parse(request.partition_by, schema)
        evolution = None
    else:
        last_id = max(dataset.last_field_id, dataset.schema.max_id())
        evolution = plan_evolution(dataset.schema, incoming, request.schema, last_id)
        schema, parts = evolution.schema, dataset.partitioning
        _check_partitioning(request, dataset)
        select = _shape(select, schema, incoming)
    for column in request.key:
        if schema.find(column) is None:
            known = ", ".join(schema.names[:12])
            raise InvalidInput(f"The key column {column!r} is not there.", f"Columns: {known}.")
    notes = [str(c) for c in evolution.changes] if evolution else []
    return Plan(request, name, dataset, schema, parts, evolution, select, fields, notes)


def _selected(con: Any, statement: str, source: str) -> tuple[str, tuple[Field, ...]]:
    """A person's SELECT over `source`, and the fields it gives."""
    from catalog.engine import rewrite
    from catalog.engine.session import told

    bare = statement.strip().rstrip(";")
    with told("--select"):
        try:
            rewrite.parse(con, bare)
        except NotAllowed as error:
            message = f"--select takes one SELECT over `source`. {error.message}"
            raise InvalidInput(message) from error
        con.execute(f"CREATE OR REPLACE TEMP VIEW source AS {source}")
        # Inside brackets DuckDB would rename the second of two columns of one name.
        described = con.execute(f"DESCRIBE {bare}\n").fetchall()
        types.refuse_twins([str(row[0]) for row in described], "--select")
        wrapped = f"SELECT * FROM (\n{bare}\n)"
        relation = con.sql(wrapped)
        fields = types.fields_from_duckdb(list(relation.columns), list(relation.types))
    return wrapped, fields


def _shape(select: str, schema: Schema, incoming: Sequence[Field]) -> str:
    """The rows in the columns of the schema; one that does not arrive is NULL."""
    has = {f.name for f in incoming}
    given = {f.name: ident(f.name) if f.name in has else "NULL" for f in schema.fields}
    columns = (
        f"{given[f.name]}::{types.duckdb_of(f.type)} AS {ident(f.name)}" for f in schema.fields
    )
    return f"SELECT {', '.join(columns)} FROM ({select})"


def _check_partitioning(request: IngestRequest, dataset: Dataset) -> None:
    if not request.partition_by:
        return
    asked = partition.parse(request.partition_by, dataset.schema)
    have = [(p.source_id, p.transform) for p in dataset.partitioning]
    if [(p.source_id, p.transform) for p in asked] != have:
        now = ", ".join(p.text(dataset.schema) for p in dataset.partitioning) or "nothing"
        raise Conflict(
            f"{dataset.name} is partitioned by {now}.",
            "The partitioning of a dataset is set by its first load; leave --partition-by away.",
        )
