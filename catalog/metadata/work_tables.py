"""The tables of work: runs, their tasks, logs and slots. Only `jobs/store` reads and writes them.

They stand here because the store is one: it is made, migrated and examined as a whole. Times are
milliseconds since 1970 in UTC. A run's id begins with its time of creation, so the order of ids is
the order of time and every page of history is a range of keys.
"""

from __future__ import annotations

import sqlalchemy as sa

work = sa.MetaData()

# What lists read. Parameters and errors may be large: they stand in run_details.
runs = sa.Table(
    "runs",
    work,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),  # where its code is: path:function or ready:name
    sa.Column("deployment", sa.Text),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),  # who claims it adds one; see jobs/store/moves
    sa.Column("worker", sa.Text),
    sa.Column("host", sa.Text),
    sa.Column("boot", sa.Text),  # the kernel's id of this start of the machine
    sa.Column("pid", sa.Integer),
    sa.Column("pid_started", sa.BigInteger),  # clock ticks since the boot: pids come again
    sa.Column("lease_until", sa.BigInteger),
    sa.Column(
        "lease_uptime", sa.BigInteger
    ),  # the same by the machine's own clock, which none sets
    sa.Column("parent", sa.String(32)),
    sa.Column("root", sa.String(32), nullable=False),  # the first of a line of resumed runs
    sa.Column("rerun_of", sa.String(32)),
    sa.Column("resume_of", sa.String(32)),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("cancel_at", sa.BigInteger),
    sa.Column("cancel_by", sa.Text),
    sa.Index("runs_flow", "flow", "id"),
    sa.Index("runs_name", "name", "id"),
    sa.Index("runs_state", "state", "id"),
    sa.Index("runs_live", "state", "id", sqlite_where=sa.text("ended_at IS NULL")),
    sa.Index("runs_parent", "parent", sqlite_where=sa.text("parent IS NOT NULL")),
    sa.Index(
        "runs_key",
        "flow",
        "idempotency_key",
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    ),
)

run_details = sa.Table(
    "run_details",
    work,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column(
        "options", sa.Text, nullable=False
    ),  # retries, timeout: as they were when it was made
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("inputs", sa.Text),  # dataset id to version, of a run that may be skipped
    sa.Column("error", sa.Text),
    sa.Column("post_mortem", sa.Text),
)

# Every move of a run; the last one tells its state.
run_events = sa.Table(
    "run_events",
    work,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("token", sa.String(32), nullable=False),  # of the one who wrote it
)

task_runs = sa.Table(
    "task_runs",
    work,
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
    sa.Column("waits_for", sa.Text, nullable=False),  # numbers of the tasks whose results it takes
    sa.Column("child_run", sa.String(32)),  # the subflow that this line stands for
    sa.Column("inputs", sa.Text),  # the digest of its arguments, by which a resumed run adopts it
    sa.Column("result", sa.Text),
)

run_logs = sa.Table(
    "run_logs",
    work,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("logger", sa.Text, nullable=False),
    sa.Column("task", sa.Integer),
    sa.Column("message", sa.Text, nullable=False),
)

# What a run read. What it wrote stands in `versions.run_id`, in the transaction of the commit.
run_reads = sa.Table(
    "run_reads",
    work,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("dataset_id", sa.String(32), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("run_reads_dataset", "dataset_id", "version"),
)

run_artifacts = sa.Table(
    "run_artifacts",
    work,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("task", sa.Integer),
    sa.Column("body", sa.Text, nullable=False),
)

run_progress = sa.Table(
    "run_progress",
    work,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),
    sa.Column("at", sa.BigInteger, nullable=False),
)

cache_entries = sa.Table(
    "cache_entries",
    work,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("parts", sa.Text, nullable=False),  # what the key was made of, each by its digest
    sa.Column("run_id", sa.String(32), nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("cache_entries_task", "task", "made_at"),
)

limits = sa.Table(
    "limits",
    work,
    sa.Column("name", sa.Text, primary_key=True),  # tag:NAME or flow:NAME
    sa.Column("slots", sa.Integer, nullable=False),
)

# A slot in use is a row; it is free again once its run is no longer live.
slots = sa.Table(
    "slots",
    work,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("task", sa.Integer, primary_key=True),  # 0: the run itself
    sa.Column("at", sa.BigInteger, nullable=False),
)
