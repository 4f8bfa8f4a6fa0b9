"""How a run or a task stands: a sign and a word, so that it shows without colour too."""

from __future__ import annotations

import re
from typing import NamedTuple

from jobs.model import Run, TaskRun
from jobs.states import State, shown

_SIGNS = {
    "Scheduled": ("○", "dim"),
    "Late": ("▲", "warn"),
    "AwaitingRetry": ("↻", "warn"),
    "Pending": ("…", "dim"),
    "Running": ("▸", "accent"),
    "Retrying": ("↻", "accent"),
    "Cancelling": ("◌", "warn"),
    "Completed": ("✔", "good"),
    "Cached": ("✔", "good"),
    "Failed": ("✖", "bad"),
    "TimedOut": ("✖", "bad"),
    "Crashed": ("✖", "bad"),
    "Cancelled": ("◌", "dim"),
    "Skipped": ("-", "dim"),
}
NAMES = tuple(_SIGNS)
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])")
WIDEST = len("↻ Awaiting retry")
WENT_WRONG = frozenset({State.FAILED, State.CRASHED})


class Standing(NamedTuple):
    """What a person calls the state of a run."""

    name: str  # as `jobs.states.shown` has it
    sign: str
    look: str

    @property
    def word(self) -> str:
        """The name in plain words: `Timed out`."""
        first, *rest = _SEAM.split(self.name)
        return " ".join((first, *(word.lower() for word in rest)))

    def __str__(self) -> str:
        return f"{self.sign} {self.word}"


def named(name: str) -> Standing:
    """The sign and the look of a state."""
    return Standing(name, *_SIGNS.get(name, ("?", "dim")))


def of_run(run: Run, now: int) -> Standing:
    """How a run stands at a time."""
    return named(
        shown(
            run.state,
            reason=run.reason,
            attempt=run.attempt,
            due_at=run.due_at,
            cached=False,
            now=now,
        )
    )


def of_task(task: TaskRun) -> Standing:
    """How a task stands. One that was never started waits for its turn, and is not late."""
    tried = task.attempt if task.started_at is not None else 0
    return named(
        shown(task.state, reason=task.reason, attempt=tried, due_at=0, cached=task.cached, now=0)
    )


def took(run: Run | TaskRun, now: int) -> int | None:
    """For how long something has run; None before it started."""
    if run.started_at is None:
        return None
    return (now if run.ended_at is None else run.ended_at) - run.started_at
