"""Where the code that is running stands: in which run, in which task.

Each thread of a run is given both; what lies outside of a run sees None.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import InvalidInput
from jobs.errors import TimedOut

if TYPE_CHECKING:
    from catalog.metadata.dbapi import Connection
    from jobs.flow import Flow
    from jobs.futures import Future
    from jobs.model import TaskRun
    from jobs.recorder import Recorder
    from jobs.runners import Runner


@dataclass
class World:
    """What runs are given of the world around them.

    Args:
        recorder: who is told of everything.
        now: the time in milliseconds.
        connection: the store; None for runs of which nothing is kept.
        results: the folder of kept results.
        open_lake: opens the lake, once; None where there is none.
    """

    recorder: Recorder
    now: Callable[[], int]
    connection: Connection | None = None
    results: Path | None = None
    open_lake: Callable[[], Any] | None = None
    give_up: Callable[[str, str], None] | None = None  # ends a run that nothing else can stop


@dataclass
class RunScope:
    """A run that is going on in this process."""

    world: World
    run_id: str
    name: str
    flow: Flow
    root: str  # what its writes are keyed by: the same for every attempt, and when it is resumed
    values: dict[str, Any]
    parent: RunScope | None = None
    adopted: dict[str, TaskRun] = field(default_factory=dict)  # finished ones of the resumed run
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    process: int = field(default_factory=os.getpid)
    runner: Runner | None = None
    unfinished: dict[int, Future] = field(default_factory=dict)  # failed, nobody has looked yet
    children: list[Future] = field(default_factory=list)  # submitted, may not have ended
    writes: Counter[str] = field(default_factory=Counter)  # of the flow itself, by dataset

    def __post_init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def number(self) -> int:
        """The number of the next task run."""
        return int(next(self.numbers))

    def count(self, what: str) -> int:
        """How often this was called with the same words before, from 0."""
        with self._lock:
            self._seen[what] += 1
            return self._seen[what] - 1

    def identity(self, what: str) -> str:
        """A digest by which another attempt of this run knows the same thing, 16 hex digits."""
        return blake2b(f"{what}#{self.count(what)}".encode(), digest_size=8).hexdigest()

    def is_foreign(self) -> bool:
        """Whether this is a copy of the run's process, which some task of it forked."""
        return os.getpid() != self.process


@dataclass
class TaskScope:
    """A task run that is going on in this thread."""

    run: RunScope
    number: int
    name: str
    identity: str
    log_prints: bool = False
    writes: Counter[str] = field(default_factory=Counter)  # of this attempt, by dataset
    abandoned: bool = False  # its time is over, its thread could not be stopped


run_scope: ContextVar[RunScope | None] = ContextVar("lakectl_run", default=None)
task_scope: ContextVar[TaskScope | None] = ContextVar("lakectl_task", default=None)


def current_run(what: str) -> RunScope:
    """The run that is going on here.

    Raises:
        InvalidInput: there is none, in words about `what` was asked for.
    """
    scope = run_scope.get()
    if scope is None:
        raise InvalidInput(
            f"{what} works inside a flow only.", "Call it from a function with @flow."
        )
    return scope


def lake_of_run() -> Any:
    """The open lake of the run that is going on here; for the ready flows.

    Raises:
        InvalidInput: no run is going on, or it has no lake.
    """
    scope = current_run("This flow")
    if scope.world.open_lake is None:
        raise InvalidInput("This flow needs a lake.", "Make one with: lakectl init")
    return scope.world.open_lake()


def write_key(dataset: str) -> str | None:
    """The key under which the next write to a dataset lands once; None outside of a run.

    The same call of the same task, or of the flow itself, has the same key in every attempt and in
    every run that resumes this one.

    Raises:
        TimedOut: the task's time is over, though its thread goes on.
    """
    run = run_scope.get()
    if run is None:
        return None
    task = task_scope.get()
    if task is not None and task.run is run:
        if task.abandoned:
            raise TimedOut(f"{task.name} had run out of its time; it writes nothing any more.")
        place, counted = task.identity, task.writes
    else:
        place, counted = "flow", run.writes
    counted[dataset] += 1
    words = f"{run.root} {place} {dataset} {counted[dataset]}"
    return blake2b(words.encode(), digest_size=24).hexdigest()
