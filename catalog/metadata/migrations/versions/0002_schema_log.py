"""A log of which schema was in force from when on, beside the set of schemas."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_LOG = sa.Table(
    "schema_log",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset_id", sa.String(32), nullable=False),
    sa.Column("schema_id", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Index("schema_log_dataset", "dataset_id", "id"),
)


def upgrade() -> None:
    """Make the log, as far as it is known: each schema once, last the one in force."""
    conn = op.get_bind()
    _LOG.create(conn)
    made = conn.execute(
        sa.text(
            "SELECT dataset_id, schema_id, recorded_at AS at, version, run_id FROM schemas "
            "ORDER BY dataset_id, recorded_at, schema_id"
        )
    )
    steps = [dict(row) for row in made.mappings()]
    last = {step["dataset_id"]: step["schema_id"] for step in steps}
    now = conn.execute(sa.text("SELECT id, schema, updated_at, version FROM datasets"))
    for dataset, schema, at, version in now:
        in_force = json.loads(schema)["schema-id"]
        if dataset in last and last[dataset] != in_force:  # a rollback or an undo revived it
            step = {"dataset_id": dataset, "schema_id": in_force, "at": at, "version": version}
            steps.append({**step, "run_id": None})
    if steps:
        conn.execute(sa.insert(_LOG), steps)
    for column in ("recorded_at", "version", "run_id"):
        op.drop_column("schemas", column)
