"""The values of work: frozen, plain. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.states import State


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a flow, as lists show it."""

    id: str  # 32 hex digits, the first 12 of which are its time of creation
    name: str
    flow: str
    origin: str  # path:function, or ready:name, or session for one that no other process can load
    deployment: str | None
    state: State
    reason: str | None
    created_at: int
    due_at: int
    started_at: int | None
    ended_at: int | None
    attempt: int  # 0 before the first
    fence: int
    worker: str | None
    parent: str | None
    root: str  # the first of a line of resumed runs: what it wrote, no later one writes again
    rerun_of: str | None
    resume_of: str | None
    tags: tuple[str, ...]
    cancel_at: int | None
    cancel_by: str | None

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a run: who renews its lease."""

    worker: str
    host: str
    boot: str
    pid: int
    pid_started: int


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run of a task inside a run; `child_run` where the line stands for a subflow."""

    run_id: str
    number: int  # from 1, in the order in which they were called
    name: str
    task: str
    state: State
    reason: str | None
    attempt: int
    started_at: int | None
    ended_at: int | None
    cached: bool
    waits_for: tuple[int, ...] = ()
    child_run: str | None = None
    inputs: str | None = None
    result: str | None = None  # as jobs/results wrote it


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a run's log; levels are those of Python's logging."""

    run_id: str
    number: int
    at: int
    level: int
    logger: str
    task: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Read:
    """A version of a dataset that a run read."""

    run_id: str
    dataset_id: str
    dataset: str
    version: int
    at: int


@dataclass(frozen=True, slots=True)
class Write:
    """A version of a dataset that a run wrote; told by the version log itself."""

    run_id: str
    dataset_id: str
    dataset: str  # its name now
    version: int
    rows: int  # added
    at: int
    operation: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that a run shows: markdown, table, link, metric or image (a path)."""

    run_id: str
    number: int
    at: int
    kind: str
    key: str
    task: int | None
    body: Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a loop of a run has come; `total` is None where nobody knows."""

    run_id: str
    number: int
    label: str
    done: int
    total: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Event:
    """One move of a run."""

    run_id: str
    number: int
    at: int
    state: State
    reason: str | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Details:
    """What lists of runs leave out."""

    parameters: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, int] | None = None  # dataset id to version
    error: str | None = None
    post_mortem: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; everything that is given must hold."""

    flow: str | None = None
    states: tuple[State, ...] = ()
    since: int | None = None  # created at or after
    until: int | None = None  # created before
    name: str | None = None
    parent: str | None = None  # the subflow runs of this one
    top: bool = False  # no subflow runs


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a flow, as a form shows it.

    `kind` is a word for people (`int`, `text`, `date`, `true or false`, `list of int`, …) and
    `default` the text that stands in the form before anybody types, None where there is none.
    """

    name: str
    kind: str
    required: bool
    default: str | None
    choices: tuple[str, ...] = ()  # where only these are allowed
    description: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class FlowInfo:
    """A flow that can be run here, or `problem`, which tells why it cannot."""

    name: str
    origin: str
    description: str = ""  # the first sentence of its docstring
    parameters: tuple[Parameter, ...] = ()
    tags: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What undoing a run would do to one dataset; `conflict` tells why it cannot be done."""

    dataset: str
    from_version: int
    to_version: int | None  # None: the run made the dataset, so it is dropped
    conflict: str | None = None
