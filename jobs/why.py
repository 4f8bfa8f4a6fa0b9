"""Why a run stands where it stands, in sentences: from what is stored, nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.model import Run
from jobs.states import State, shown

if TYPE_CHECKING:
    from jobs.store.history import History
    from jobs.store.slots import Slots

_MOST_TASKS = 20


def why(history: History, slots: Slots, run: Run, now: int) -> list[str]:
    """Sentences about a run: what it waits for, why it was tried again, why it ended.

    Args:
        history: of the lake's runs.
        slots: its limits.
        run: which.
        now: the time in milliseconds.
    """
    name = shown(run.state, reason=run.reason, attempt=run.attempt, due_at=run.due_at,
                 cached=False, now=now)  # fmt: skip
    told = [f"{run.name} is {name}" + (f": {_bare(run.reason)}." if run.reason else ".")]
    told += _of_waiting(slots, run, now)
    for event in history.events(run.id)[:-1]:
        if event.state is State.SCHEDULED and event.attempt:
            told.append(f"It was tried again: {_bare(event.reason)}.")
        elif event.state is State.CANCELLING:
            told.append(f"It was {event.reason}.")
    if run.resume_of:
        told.append(f"It takes over what run {run.resume_of} had finished.")
    if run.rerun_of:
        told.append(f"It does again what run {run.rerun_of} did.")
    told += _of_tasks(history, run)
    details = history.details(run.id)
    if details.error:
        told.append("Its error: " + details.error.strip().splitlines()[-1])
    return told


def _bare(reason: str | None) -> str:
    return (reason or "").rstrip(".")


def _of_waiting(slots: Slots, run: Run, now: int) -> list[str]:
    if run.state is not State.SCHEDULED:
        return []
    if run.due_at > now:
        return [f"It is due in {(run.due_at - now) / 1000:.1f} s."]
    name = f"flow:{run.flow}"
    allowed = slots.limits().get(name)
    held = slots.held_of_flow(run.flow)
    if allowed is not None and held >= allowed:
        return [f"It waits for {name}: {held} of {allowed} run."]
    return ["Nobody has taken it up: whoever was to supervise it has ended, or has not begun."]


def _of_tasks(history: History, run: Run) -> list[str]:
    """Tasks that wait, failed, were tried again, or met a cache: each with its reason."""
    told: list[str] = []
    for task in history.tasks(run.id, limit=5_000):
        if task.reason and len(told) < _MOST_TASKS:
            state = task.state.value.capitalize()
            told.append(f"Task {task.name} is {state}: {_bare(task.reason)}.")
    return told
