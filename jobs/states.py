"""The states of a run and the moves between them: one table, which code and documentation read.

Whatever is not in the table cannot happen: a move is one UPDATE that names the states it may come
from and the fence of whoever holds the run, and a run that has ended never changes again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a run, or a task, stands. Prefect's words, fewer of them."""

    SCHEDULED = "SCHEDULED"  # exists; nobody holds it
    PENDING = "PENDING"  # somebody holds it; no line of the flow has run
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"  # it was asked to stop
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"  # its own error, or its own time limit
    CANCELLED = "CANCELLED"  # stopped by somebody
    CRASHED = "CRASHED"  # the process or the machine ended under it
    SKIPPED = "SKIPPED"  # decided not to run


LIVE = frozenset({State.SCHEDULED, State.PENDING, State.RUNNING, State.CANCELLING})
HELD = LIVE - {State.SCHEDULED}  # those that have a lease
TERMINAL = frozenset(State) - LIVE


class Move(NamedTuple):
    """A move that is allowed, who may make it, and what must be true."""

    before: State | None  # None: the run is made
    after: State
    who: str  # anyone, claimer, holder, reaper, user
    guard: str


_S = State
MOVES: tuple[Move, ...] = (
    Move(None, _S.SCHEDULED, "anyone", "no other run of the flow has its key"),
    Move(None, _S.RUNNING, "holder", "made by the process that runs it"),
    Move(None, _S.SKIPPED, "anyone", "no other run of the flow has its key"),
    Move(_S.SCHEDULED, _S.PENDING, "claimer", "due; adds one to the fence"),
    Move(_S.SCHEDULED, _S.CANCELLED, "user", "nobody holds it"),
    Move(_S.SCHEDULED, _S.SKIPPED, "anyone", "nobody holds it"),
    Move(_S.SCHEDULED, _S.CRASHED, "reaper", "it waits for its next attempt, its holder is gone"),
    Move(_S.PENDING, _S.RUNNING, "holder", "fence"),
    Move(_S.PENDING, _S.SCHEDULED, "holder", "fence; no line of the flow has run"),
    Move(_S.PENDING, _S.SCHEDULED, "reaper", "its holder is gone; no line of the flow has run"),
    Move(_S.PENDING, _S.SKIPPED, "holder", "fence; its inputs are those of the last time"),
    Move(_S.PENDING, _S.FAILED, "holder", "fence; it cannot be imported, or be called so"),
    Move(_S.PENDING, _S.CRASHED, "holder", "fence"),
    Move(_S.PENDING, _S.CRASHED, "reaper", "its holder is gone"),
    Move(_S.PENDING, _S.CANCELLING, "user", "it has not ended"),
    Move(_S.RUNNING, _S.COMPLETED, "holder", "fence"),
    Move(_S.RUNNING, _S.FAILED, "holder", "fence"),
    Move(_S.RUNNING, _S.CANCELLED, "holder", "fence; interrupted where it runs"),
    Move(_S.RUNNING, _S.CRASHED, "holder", "fence"),
    Move(_S.RUNNING, _S.CRASHED, "reaper", "its holder is gone"),
    Move(_S.RUNNING, _S.SCHEDULED, "holder", "fence; attempts are left"),
    Move(_S.RUNNING, _S.SKIPPED, "holder", "fence; its inputs are those of the last time"),
    Move(_S.RUNNING, _S.CANCELLING, "user", "it has not ended"),
    Move(_S.CANCELLING, _S.CANCELLED, "holder", "fence"),
    Move(_S.CANCELLING, _S.CANCELLED, "reaper", "its holder is gone"),
    Move(_S.CANCELLING, _S.COMPLETED, "holder", "fence; it was done before it heard of it"),
    Move(_S.CANCELLING, _S.FAILED, "holder", "fence; it failed before it heard of it"),
)


def sources(after: State, who: str) -> tuple[State, ...]:
    """The states from which somebody may move a run to a state."""
    return tuple(m.before for m in MOVES if m.after is after and m.who == who and m.before)


def allows(before: State | None, after: State, who: str) -> bool:
    """Whether the table has this move."""
    return any(m[:3] == (before, after, who) for m in MOVES)


LATE_AFTER = 15_000  # ms


def shown(
    state: State, *, reason: str | None, attempt: int, due_at: int, cached: bool, now: int
) -> str:
    """The name by which people know a state: four of them are derived and never stored."""
    if state is State.SCHEDULED:
        if attempt:
            return "AwaitingRetry"
        return "Late" if now > due_at + LATE_AFTER else "Scheduled"
    if state is State.RUNNING and attempt > 1:
        return "Retrying"
    if state is State.COMPLETED and cached:
        return "Cached"
    if state is State.FAILED and (reason or "").startswith("timed out"):
        return "TimedOut"
    return state.value.capitalize()
