"""The tables of work: runs, their tasks, logs, slots; and which run wrote a version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    _runs()
    _what_runs_tell()
    _what_runs_share()
    _partial("versions_run", "versions", ["run_id"], "run_id IS NOT NULL")


def _partial(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("deployment", sa.Text),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("host", sa.Text),
        sa.Column("boot", sa.Text),
        sa.Column("pid", sa.Integer),
        sa.Column("pid_started", sa.BigInteger),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("lease_uptime", sa.BigInteger),
        sa.Column("parent", sa.String(32)),
        sa.Column("root", sa.String(32), nullable=False),
        sa.Column("rerun_of", sa.String(32)),
        sa.Column("resume_of", sa.String(32)),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("cancel_at", sa.BigInteger),
        sa.Column("cancel_by", sa.Text),
    )
    op.create_index("runs_flow", "runs", ["flow", "id"])
    op.create_index("runs_name", "runs", ["name", "id"])
    op.create_index("runs_state", "runs", ["state", "id"])
    _partial("runs_live", "runs", ["state", "id"], "ended_at IS NULL")
    _partial("runs_parent", "runs", ["parent"], "parent IS NOT NULL")
    keyed = "idempotency_key IS NOT NULL"
    _partial("runs_key", "runs", ["flow", "idempotency_key"], keyed, unique=True)
    op.create_table(
        "run_details",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("post_mortem", sa.Text),
    )
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
    )


def _what_runs_tell() -> None:
    op.create_table(
        "task_runs",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("waits_for", sa.Text, nullable=False),
        sa.Column("child_run", sa.String(32)),
        sa.Column("inputs", sa.Text),
        sa.Column("result", sa.Text),
    )
    op.create_table(
        "run_logs",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("logger", sa.Text, nullable=False),
        sa.Column("task", sa.Integer),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table(
        "run_reads",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("dataset_id", sa.String(32), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("run_reads_dataset", "run_reads", ["dataset_id", "version"])
    op.create_table(
        "run_artifacts",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("task", sa.Integer),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "run_progress",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _what_runs_share() -> None:
    op.create_table(
        "cache_entries",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("result", sa.Text, nullable=False),
    )
    op.create_index("cache_entries_task", "cache_entries", ["task", "made_at"])
    op.create_table(
        "limits",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("slots", sa.Integer, nullable=False),
    )
    op.create_table(
        "slots",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("task", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
