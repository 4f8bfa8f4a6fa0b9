"""Rows of the tables of work as values."""

from __future__ import annotations

import json
from typing import Any

from jobs.model import (
    Artifact,
    Details,
    Event,
    LogLine,
    Progress,
    Read,
    Run,
    TaskRun,
    Write,
)
from jobs.states import State

RUN = (
    "id, name, flow, origin, deployment, state, reason, created_at, due_at, started_at, ended_at, "
    "attempt, fence, worker, parent, root, rerun_of, resume_of, tags, cancel_at, cancel_by"
)
TASK = (
    "run_id, number, name, task, state, reason, attempt, started_at, ended_at, cached, waits_for, "
    "child_run, inputs, result"
)
LOG = "run_id, number, at, level, logger, task, message"
EVENT = "run_id, number, at, state, reason, attempt"
READ = "run_id, dataset_id, dataset, version, at"
ARTIFACT = "run_id, number, at, kind, key, task, body"
PROGRESS = "run_id, number, label, done, total, at"
DETAILS = "parameters, options, code, inputs, error, post_mortem"

Row = tuple[Any, ...]


def run_of(row: Row) -> Run:
    """A row of `RUN`."""
    values = list(row)
    values[5] = State(values[5])
    values[18] = tuple(json.loads(values[18]))
    return Run(*values)


def task_of(row: Row) -> TaskRun:
    """A row of `TASK`."""
    values = list(row)
    values[4] = State(values[4])
    values[9] = bool(values[9])
    values[10] = tuple(json.loads(values[10]))
    return TaskRun(*values)


def log_of(row: Row) -> LogLine:
    """A row of `LOG`."""
    return LogLine(*row)


def event_of(row: Row) -> Event:
    """A row of `EVENT`."""
    values = list(row)
    values[3] = State(values[3])
    return Event(*values)


def read_of(row: Row) -> Read:
    """A row of `READ`."""
    return Read(*row)


def write_of(row: Row) -> Write:
    """A row of run, dataset id, namespace, name, version, rows added, time, operation."""
    return Write(row[0], row[1], f"{row[2]}.{row[3]}", *row[4:])


def artifact_of(row: Row) -> Artifact:
    """A row of `ARTIFACT`."""
    values = list(row)
    values[6] = json.loads(values[6])
    return Artifact(*values)


def progress_of(row: Row) -> Progress:
    """A row of `PROGRESS`."""
    return Progress(*row)


def details_of(row: Row) -> Details:
    """A row of `DETAILS`."""
    parameters, options, code, inputs, error, post_mortem = row
    return Details(
        json.loads(parameters),
        json.loads(options),
        json.loads(code),
        json.loads(inputs) if inputs else None,
        error,
        json.loads(post_mortem) if post_mortem else None,
    )
