"""The values that the lake hands out: frozen, plain, without any library's type in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from catalog.names import DatasetName

if TYPE_CHECKING:  # the dashboard paints its list before anything needs a schema
    from catalog.partition import PartitionField
    from catalog.schema import Schema


class Kind(StrEnum):
    """What a dataset is made of."""

    TABLE = "table"
    FILESET = "fileset"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """One line of the list of datasets: the state of its current version."""

    id: str  # 32 hex digits, given once; also the name of its folder in the warehouse
    name: DatasetName
    kind: Kind
    version: int  # Iceberg sequence number; 0 before the first load
    rows: int
    bytes: int
    files: int
    owner: str | None
    description: str | None
    labels: Mapping[str, str]
    updated_at: datetime  # UTC


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything known of a dataset at one metadata location, which never changes."""

    summary: DatasetSummary
    schema: Schema
    partitioning: tuple[PartitionField, ...]
    location: str
    metadata_location: str
    snapshot_id: int | None
    last_field_id: int
    tags: Mapping[str, int] = field(default_factory=dict)  # name -> snapshot id
    branches: Mapping[str, int] = field(default_factory=dict)  # name -> snapshot id, main too
    key_columns: tuple[str, ...] = ()  # the key of the last merge, if any

    @property
    def id(self) -> str:
        """The identity that outlives renames."""
        return self.summary.id

    @property
    def name(self) -> DatasetName:
        """Its name now."""
        return self.summary.name


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a dataset. Rows and bytes are those of the whole version."""

    version: int
    snapshot_id: int
    parent_id: int | None
    committed_at: datetime  # UTC
    operation: str  # append, overwrite, merge, delete, replace
    rows_added: int
    rows_deleted: int
    rows: int
    bytes: int
    files: int
    schema_id: int
    run_id: str | None
    message: str | None
    tags: tuple[str, ...] = ()
    state: str = "live"  # live, current, undone (left by a rollback), expired


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a version, as far as reading and comparing need it."""

    path: str
    rows: int
    bytes: int
    checksum: str | None  # `crc32c:` + 8 hex digits, or None for files of other writers
    has_ids: bool = True  # False: its columns are known by name only
    deletes: bool = False  # True: a positional delete file
    schema_id: int | None = None  # the schema it was written with, where that is known


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A Parquet file that DuckDB has just written somewhere, as COPY … RETURN_STATS tells it.

    `columns` maps DuckDB's quoted path of each column to its statistics as text; `partition` holds
    the text of each partition value in the order of the partitioning, None for NULL.
    """

    path: str
    rows: int
    bytes: int
    columns: Mapping[str, Mapping[str, str]]
    partition: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """A small file of a table as it was written; `checksum` is `crc32c:` and 8 hex digits."""

    path: str
    bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class SchemaRevision:
    """A schema that came into force at some time in the history of a dataset."""

    schema: Schema
    recorded_at: datetime  # UTC
    version: int  # the current version when it came into force
    run_id: str | None


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a load did. `seconds` is wall time; `bytes` are those of the files it wrote."""

    dataset: str
    version: int
    rows_added: int
    rows: int
    quarantined: int
    files: int
    bytes: int
    seconds: float
    skipped: bool
    notes: tuple[str, ...] = ()  # sentences for people: schema changes, kept-as-text columns


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a query. `kinds` are DuckDB type names; `more` tells that rows were left out."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class RowDiff:
    """Rows that differ between two versions; `changed` is 0 where no key tells rows apart."""

    added: int
    removed: int
    changed: int
    key: tuple[str, ...]
    samples: QueryResult | None = None


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """What differs between two versions of one dataset."""

    before: int
    after: int
    schema: tuple[object, ...]  # catalog.schema.Change
    files_added: int
    files_removed: int
    rows: RowDiff
