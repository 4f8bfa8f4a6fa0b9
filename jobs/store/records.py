"""What runs tell while they run, written in batches: tasks, log lines, reads, artifacts, progress.

A batch is one transaction, and nothing of it is written for a run that its sender holds no longer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog import faults
from catalog.metadata.dbapi import Connection, Writer

Row = dict[str, Any]


@dataclass(slots=True)
class Batch:
    """What one run told since the last batch. Of a task or a loop only the newest word counts."""

    run_id: str
    fence: int
    tasks: dict[int, Row] = field(default_factory=dict)  # by number
    logs: list[Row] = field(default_factory=list)
    reads: list[Row] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)
    progress: dict[int, Row] = field(default_factory=dict)

    def __len__(self) -> int:
        kinds = (self.tasks, self.logs, self.reads, self.artifacts, self.progress)
        return sum(map(len, kinds))


def write(connection: Connection, batches: Sequence[Batch]) -> None:
    """Write some batches in one transaction.

    Every statement gives the same rows when it is done twice, so a batch whose outcome is unknown
    is simply written again.

    Raises:
        StoreUnreachable: nothing was written, or nobody knows.
    """
    with connection.write() as writer:
        for batch in batches:
            add(writer, batch)
        faults.reach("run.recorded")


def add(writer: Writer, batch: Batch) -> None:
    """Write a batch inside a transaction; nothing for a run that its sender holds no longer."""
    held = writer.rows(
        "SELECT 1 FROM runs WHERE id = :id AND fence = :fence AND ended_at IS NULL",
        id=batch.run_id,
        fence=batch.fence,
    )
    if not held:
        return
    run = {"run": batch.run_id}
    if batch.tasks:
        writer.many(_TASK, [run | _task(row) for row in batch.tasks.values()])
    if batch.logs:
        writer.many(_LOG, [run | row for row in batch.logs])
    if batch.reads:
        writer.many(_READ, [run | row for row in batch.reads])
    if batch.artifacts:
        texts = ({**row, "body": json.dumps(row["body"])} for row in batch.artifacts)
        writer.many(_ARTIFACT, [run | row for row in texts])
    if batch.progress:
        writer.many(_PROGRESS, [run | row for row in batch.progress.values()])


_OF_TASK: Row = {
    "reason": None,
    "attempt": 1,
    "started": None,
    "ended": None,
    "cached": False,
    "waits": (),
    "child": None,
    "inputs": None,
    "result": None,
}


def _task(row: Row) -> Row:
    whole = _OF_TASK | row
    return {**whole, "waits": json.dumps(list(whole["waits"]))}


_TASK = """
INSERT INTO task_runs (run_id, number, name, task, state, reason, attempt, started_at, ended_at,
    cached, waits_for, child_run, inputs, result)
VALUES (:run, :number, :name, :task, :state, :reason, :attempt, :started, :ended,
    :cached, :waits, :child, :inputs, :result)
ON CONFLICT (run_id, number) DO UPDATE SET name = excluded.name, state = excluded.state,
    reason = excluded.reason, attempt = excluded.attempt, started_at = excluded.started_at,
    ended_at = excluded.ended_at, cached = excluded.cached, waits_for = excluded.waits_for,
    child_run = excluded.child_run, inputs = excluded.inputs, result = excluded.result
"""
_LOG = """
INSERT INTO run_logs (run_id, number, at, level, logger, task, message)
VALUES (:run, :number, :at, :level, :logger, :task, :message) ON CONFLICT DO NOTHING
"""
_READ = """
INSERT INTO run_reads (run_id, dataset_id, version, dataset, at)
VALUES (:run, :dataset, :version, :name, :at) ON CONFLICT DO NOTHING
"""
_ARTIFACT = """
INSERT INTO run_artifacts (run_id, number, at, kind, key, task, body)
VALUES (:run, :number, :at, :kind, :key, :task, :body)
ON CONFLICT (run_id, number) DO UPDATE SET at = excluded.at, kind = excluded.kind,
    key = excluded.key, task = excluded.task, body = excluded.body
"""
_PROGRESS = """
INSERT INTO run_progress (run_id, number, label, done, total, at)
VALUES (:run, :number, :label, :done, :total, :at)
ON CONFLICT (run_id, number) DO UPDATE SET done = excluded.done, total = excluded.total,
    at = excluded.at
"""
