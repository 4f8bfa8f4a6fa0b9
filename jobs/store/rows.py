"""Rows of the tables of work as values."""

from __future__ import annotations

import json
from typing import Any

from catalog.metadata.values import UNREADABLE, is_sound, object_of
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


_OF_RUN, _OF_TASK = "ttttTtTiiIIiiTTtTTtIT", "titttTiIIbtTTT"  # see catalog.metadata.values.sound
_DAMAGED = "its row in our table is damaged"


def run_of(row: Row) -> Run:
    """A row of `RUN`; one that is damaged says so, and hides no other."""
    values = list(row)
    try:
        values[5] = State(values[5])
        values[18] = tuple(map(str, json.loads(values[18])))
        if not is_sound(row, _OF_RUN):
            raise ValueError(_DAMAGED)
    except UNREADABLE:
        run_id = str(row[0])
        return Run(run_id, str(row[1]), str(row[2]), "session", None, State.CRASHED, _DAMAGED,
                   0, 0, None, 0, 0, 0, None, None, run_id, None, None, (), None, None)  # fmt: skip
    return Run(*values)


def task_of(row: Row) -> TaskRun:
    """A row of `TASK`; one that is damaged says so, and hides no other."""
    values = list(row)
    try:
        values[4] = State(values[4])
        values[9] = bool(values[9])
        values[10] = tuple(map(int, json.loads(values[10])))
        if not is_sound(row, _OF_TASK):
            raise ValueError(_DAMAGED)
    except UNREADABLE:
        number = row[1] if isinstance(row[1], int) else 0
        return TaskRun(str(row[0]), number, str(row[2]), str(row[3]), State.CRASHED, _DAMAGED,
                       0, None, None, False)  # fmt: skip
    return TaskRun(*values)


def log_of(row: Row) -> LogLine:
    """A row of `LOG`."""
    return LogLine(*row)


def event_of(row: Row) -> Event:
    """A row of `EVENT`."""
    values = list(row)
    try:
        values[3] = State(values[3])
    except UNREADABLE:
        values[3], values[4] = State.CRASHED, _DAMAGED
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
    try:
        values[6] = json.loads(values[6])
    except UNREADABLE:
        values[6] = _DAMAGED
    return Artifact(*values)


def progress_of(row: Row) -> Progress:
    """A row of `PROGRESS`."""
    return Progress(*row)


def parameters_of(text: str) -> dict[str, Any]:
    """The parameters of a run; none where they are damaged."""
    try:
        return object_of(text)
    except UNREADABLE:
        return {}


def details_of(row: Row) -> Details:
    """A row of `DETAILS`."""
    parameters, options, code, inputs, error, post_mortem = row
    try:
        return Details(
            object_of(parameters),
            object_of(options),
            object_of(code),
            object_of(inputs) if inputs else None,
            None if error is None else str(error),
            object_of(post_mortem) if post_mortem else None,
        )
    except UNREADABLE:
        return Details({}, error=f"What was kept of this run is lost: {_DAMAGED}.")
