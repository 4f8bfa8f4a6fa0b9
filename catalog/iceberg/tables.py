"""A table as its metadata file tells it, and the same as the lake's own values."""

from __future__ import annotations

import gzip
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil, TableMetadataV2
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

from catalog.errors import InvalidInput, OperationFailed
from catalog.iceberg.properties import (
    DESCRIPTION,
    KEY_COLUMNS,
    LABEL,
    OWNER,
    TABLE_DEFAULTS,
    SortedProperties,
    sort_properties,
)
from catalog.model import Dataset, DatasetSummary, Kind, Version
from catalog.names import DatasetName
from catalog.partition import PartitionField
from catalog.schema import Schema
from catalog.storage import Warehouse

MAIN = "main"
_CACHED = 64
# What numbers, times, types and ids come to that cannot be.
_IMPOSSIBLE = (ArithmeticError, AttributeError, InvalidInput, LookupError, OSError, RecursionError,
               TypeError, ValueError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableState:
    """A table at one metadata file."""

    metadata: TableMetadata
    location: str  # of the metadata file
    properties: SortedProperties

    @property
    def head(self) -> Snapshot | None:
        """The current snapshot of main."""
        return self.branch_head(MAIN)

    def branch_head(self, branch: str) -> Snapshot | None:
        """The snapshot that a branch points to, or None."""
        ref = self.metadata.refs.get(branch)
        return self.metadata.snapshot_by_id(ref.snapshot_id) if ref else None


_cache: OrderedDict[str, TableState] = OrderedDict()


def load(warehouse: Warehouse, location: str) -> TableState:
    """Read a metadata file; they never change, so the last ones are kept in memory.

    Raises:
        NotFound: the file is missing.
        NotAllowed: the table claims to lie outside the warehouse.
        OperationFailed: the file is damaged.
    """
    if location not in _cache:
        remember(parse(warehouse, location, warehouse.read(location)))
    _cache.move_to_end(location)
    return _cache[location]


def parse(warehouse: Warehouse, location: str, raw: bytes) -> TableState:
    """What a metadata file says; see `load` for the errors."""
    try:
        if location.endswith(".gz.metadata.json"):
            raw = gzip.decompress(raw)
        metadata = TableMetadataUtil.parse_raw(raw.decode())
    except Exception as error:  # what a damaged file raises depends on where it is damaged
        raise _damaged(f"The metadata file {location}") from error
    warehouse.contain(f"{metadata.location}/metadata")
    main = metadata.refs.get(MAIN)
    if main is not None and metadata.snapshot_by_id(main.snapshot_id) is None:
        raise _damaged(f"The metadata file {location}, whose current snapshot is not there,")
    found = sort_properties(metadata.properties)
    believed = metadata.model_copy(update={"properties": found.kept})
    return TableState(believed, location, found)


def _damaged(what: str) -> OperationFailed:
    return OperationFailed(
        f"{what} is damaged.", "See what is wrong and what would mend it: lakectl doctor --verify"
    )


def remember(state: TableState) -> None:
    """Keep a state that was just written."""
    _cache[state.location] = state
    while len(_cache) > _CACHED:
        _cache.popitem(last=False)


def first_metadata(
    dataset_id: str,
    location: str,
    schema: Schema,
    partitioning: tuple[PartitionField, ...],
    properties: Mapping[str, str],
) -> TableMetadata:
    """The metadata of a table that is to be made; it keeps the field ids, as files hold them."""
    spec = PartitionSpec.model_validate(
        {"spec-id": 0, "fields": [p.to_json() for p in partitioning]}
    )
    import uuid

    return TableMetadataV2(
        location=location,
        table_uuid=uuid.UUID(hex=dataset_id),
        schemas=[iceberg_schema(schema)],
        current_schema_id=schema.schema_id,
        last_column_id=schema.max_id(),
        partition_specs=[spec],
        default_spec_id=spec.spec_id,
        last_partition_id=spec.last_assigned_field_id,
        sort_orders=[UNSORTED_SORT_ORDER],
        properties={**TABLE_DEFAULTS, **properties},
    )


def iceberg_schema(schema: Schema) -> IcebergSchema:
    """Our schema as PyIceberg's."""
    return IcebergSchema.model_validate(schema.to_json())


def describe(state: TableState, dataset_id: str, name: DatasetName) -> Dataset:
    """The lake's own value of a table at one metadata file.

    Raises:
        OperationFailed: the file says what cannot be.
    """
    try:
        return _described(state, dataset_id, name)
    except _IMPOSSIBLE as error:
        raise _damaged(f"The metadata file {state.location}") from error


def _described(state: TableState, dataset_id: str, name: DatasetName) -> Dataset:
    metadata = state.metadata
    head = state.head
    totals = _totals(head)
    properties = metadata.properties
    labels = {k.removeprefix(LABEL): v for k, v in properties.items() if k.startswith(LABEL)}
    summary = DatasetSummary(
        id=dataset_id,
        name=name,
        kind=Kind.TABLE,
        version=(head.sequence_number or 0) if head else 0,
        rows=totals["total-records"],
        bytes=totals["total-files-size"],
        files=totals["total-data-files"],
        owner=properties.get(OWNER),
        description=properties.get(DESCRIPTION),
        labels=labels,
        updated_at=datetime.fromtimestamp(metadata.last_updated_ms / 1000, UTC),
    )
    kinds = {name: str(ref.snapshot_ref_type) for name, ref in metadata.refs.items()}
    refs = {name: ref.snapshot_id for name, ref in metadata.refs.items()}
    spec = metadata.spec().model_dump(by_alias=True)["fields"]
    parts = tuple(PartitionField.from_json({**p, "transform": str(p["transform"])}) for p in spec)
    return Dataset(
        summary=summary,
        schema=_schema(metadata.schema()),
        partitioning=parts,
        location=metadata.location,
        metadata_location=state.location,
        snapshot_id=head.snapshot_id if head else None,
        last_field_id=metadata.last_column_id,
        tags={n: s for n, s in refs.items() if "tag" in kinds[n].lower()},
        branches={n: s for n, s in refs.items() if "tag" not in kinds[n].lower() and n != MAIN},
        key_columns=_key_columns(properties.get(KEY_COLUMNS, "[]")),
    )


def _key_columns(text: str) -> tuple[str, ...]:
    """The columns that a property names; none where it is not the list that we wrote."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    is_ours = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return tuple(found) if is_ours else ()


def schema_of(state: TableState, snapshot: Snapshot) -> Schema:
    """The schema that a snapshot was written with; the table's own where it does not say."""
    schemas = {s.schema_id: s for s in state.metadata.schemas}
    return _schema(schemas.get(snapshot.schema_id or 0, state.metadata.schema()))


def schemas_of(state: TableState) -> dict[int, Schema]:
    """Every schema that a table has had, by its id.

    Raises:
        OperationFailed: one says what cannot be.
    """
    try:
        return {schema.schema_id: _schema(schema) for schema in state.metadata.schemas}
    except _IMPOSSIBLE as error:
        raise _damaged(f"The metadata file {state.location}") from error


def _schema(found: IcebergSchema) -> Schema:
    parsed: dict[str, Any] = json.loads(found.model_dump_json())
    schema = Schema.from_json(parsed)
    if "" in schema.names:
        raise ValueError("a column without a name")
    return schema


def version_of(snapshot: Snapshot) -> Version:
    """The lake's own value of a snapshot.

    Raises:
        OperationFailed: its summary says what cannot be.
    """
    try:
        return _version_of(snapshot)
    except _IMPOSSIBLE as error:
        raise _damaged(f"The summary of the snapshot {snapshot.snapshot_id}") from error


def _version_of(snapshot: Snapshot) -> Version:
    totals = _totals(snapshot)
    summary = snapshot.summary.additional_properties if snapshot.summary else {}
    operation = snapshot.summary.operation.value if snapshot.summary else "append"
    return Version(
        version=snapshot.sequence_number or 0,
        snapshot_id=snapshot.snapshot_id,
        parent_id=snapshot.parent_snapshot_id,
        committed_at=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
        operation=summary.get("lakectl.operation", operation),
        rows_added=int(summary.get("lakectl.rows-added", summary.get("added-records", 0))),
        rows_deleted=int(summary.get("lakectl.rows-deleted", summary.get("deleted-records", 0))),
        rows=totals["total-records"],
        bytes=totals["total-files-size"],
        files=totals["total-data-files"],
        schema_id=snapshot.schema_id or 0,
        run_id=summary.get("lakectl.run-id"),
        message=summary.get("lakectl.message"),
    )


def _totals(snapshot: Snapshot | None) -> dict[str, int]:
    names = ("total-records", "total-files-size", "total-data-files")
    summary = snapshot.summary if snapshot else None
    found = summary.additional_properties if summary else {}
    return {name: int(found.get(name, 0)) for name in names}
