"""Our tables, as SQLAlchemy Core sees them. Times are milliseconds since 1970 in UTC.

The first two have exactly the layout of PyIceberg's SqlCatalog, so that any Iceberg client that
speaks to an SQL catalog can open the lake. Everything else can be rebuilt from the tables' own
metadata files. `migrations/` makes them; a test holds both to be the same.
"""

from __future__ import annotations

import sqlalchemy as sa

# The name under which the lake's tables stand in iceberg_tables.catalog_name.
CATALOG_NAME = "lakectl"

metadata = sa.MetaData()

iceberg_tables = sa.Table(
    "iceberg_tables",
    metadata,
    sa.Column("catalog_name", sa.String(255), primary_key=True),
    sa.Column("table_namespace", sa.String(255), primary_key=True),
    sa.Column("table_name", sa.String(255), primary_key=True),
    sa.Column("metadata_location", sa.String(1000)),
    sa.Column("previous_metadata_location", sa.String(1000)),
    sa.Column("iceberg_type", sa.String(5)),
)

iceberg_namespace_properties = sa.Table(
    "iceberg_namespace_properties",
    metadata,
    sa.Column("catalog_name", sa.String(255), primary_key=True),
    sa.Column("namespace", sa.String(255), primary_key=True),
    sa.Column("property_key", sa.String(255), primary_key=True),
    sa.Column("property_value", sa.String(1000), nullable=False),
)

lake_info = sa.Table(
    "lake_info",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# One row a dataset: what is true at `metadata_location`, which names an immutable file. A pointer
# in iceberg_tables that differs tells that another engine has written.
datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("namespace", sa.String(63), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("metadata_location", sa.Text, nullable=False),
    sa.Column("snapshot_id", sa.BigInteger),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("schema", sa.Text, nullable=False),
    sa.Column("partitioning", sa.Text, nullable=False),
    sa.Column("last_field_id", sa.Integer, nullable=False),
    sa.Column("key_columns", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("branches", sa.Text, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("dropped_at", sa.BigInteger),
    sa.Index(
        "datasets_live_name",
        "namespace",
        "name",
        unique=True,
        # On Postgres too, by the migration: to say so here would import its dialect at every start.
        sqlite_where=sa.text("dropped_at IS NULL"),
    ),
)

# The version log; it outlives the snapshots. `linear` tells that every lower version is an
# ancestor, which holds until the first rollback or branch.
versions = sa.Table(
    "versions",
    metadata,
    sa.Column("dataset_id", sa.String(32), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("snapshot_id", sa.BigInteger, nullable=False),
    sa.Column("parent_id", sa.BigInteger),
    sa.Column("linear", sa.Boolean, nullable=False),
    sa.Column("committed_at", sa.BigInteger, nullable=False),
    sa.Column("operation", sa.String(16), nullable=False),
    sa.Column("rows_added", sa.BigInteger, nullable=False),
    sa.Column("rows_deleted", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("schema_id", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("expired_at", sa.BigInteger),
    sa.Index("versions_snapshot", "dataset_id", "snapshot_id", unique=True),
    sa.Index("versions_run", "run_id", sqlite_where=sa.text("run_id IS NOT NULL")),
)

schemas = sa.Table(
    "schemas",
    metadata,
    sa.Column("dataset_id", sa.String(32), primary_key=True),
    sa.Column("schema_id", sa.Integer, primary_key=True),
    sa.Column("schema", sa.Text, nullable=False),
)

# Which of them was in force from when on: a rollback may bring an earlier one back.
schema_log = sa.Table(
    "schema_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("schema_id", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Index("schema_log_dataset", "dataset_id", "id"),
)

# Every move of a dataset's main branch: what AT (TIMESTAMP => …) reads.
heads = sa.Table(
    "heads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("snapshot_id", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("heads_dataset_at", "dataset_id", "at"),
)

data_files = sa.Table(
    "data_files",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.String(80)),
    sa.Column("has_ids", sa.Boolean, nullable=False),
    sa.Column("deletes", sa.Boolean, nullable=False),
    sa.Index("data_files_dataset", "dataset_id", "version"),
)

# What the small files of a table held when they were written, so that damage shows.
metadata_files = sa.Table(
    "metadata_files",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.String(80), nullable=False),
    sa.Index("metadata_files_dataset", "dataset_id"),
)

file_removals = sa.Table(
    "file_removals",
    metadata,
    sa.Column("dataset_id", sa.String(32), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
)

# Every write that landed, by its key. `content` tells equal bytes loaded in an equal way.
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("content", sa.String(64)),
    sa.Column("source_bytes", sa.BigInteger),
    sa.Column("sources", sa.Text, nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("snapshot_id", sa.BigInteger, nullable=False),
    sa.Column("rows_added", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ledger_seen", "dataset_id", "source_bytes"),
)

# Written before the first byte of a load: every file of it carries the id in its name.
intents = sa.Table(
    "intents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),  # open, done, failed
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("intents_open", "state", "dataset_id"),
)

# What can be undone: every change of a ref, a name, a drop or a description.
journal = sa.Table(
    "journal",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("undone", sa.Boolean, nullable=False),
    sa.Index("journal_dataset", "dataset_id", "id"),
)
