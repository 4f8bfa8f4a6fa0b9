"""What people want to be called at the end of a run or a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jobs import logs
from jobs.outcome import Outcome
from jobs.states import State

if TYPE_CHECKING:
    from jobs.context import RunScope
    from jobs.tasks import Job


class TaskRunTold(NamedTuple):
    """A task run as hooks and retry conditions get it."""

    name: str
    number: int
    attempt: int


class RunTold(NamedTuple):
    """A flow run as hooks get it."""

    id: str
    name: str
    parameters: dict[str, Any]


_OF_FLOW = {
    State.COMPLETED: "on_completion",
    State.FAILED: "on_failure",
    State.CANCELLED: "on_cancellation",
    State.CRASHED: "on_crashed",
}
_OF_TASK = {State.COMPLETED: "on_completion", State.FAILED: "on_failure"}


def told_of(job: Job) -> TaskRunTold:
    """A task run for people's functions."""
    return TaskRunTold(job.name, job.future.number, job.attempt)


def after_task(job: Job, outcome: Outcome) -> None:
    """Call the hooks of a task."""
    name = _OF_TASK.get(outcome.state)
    if name is not None:
        _call_each(getattr(job.task.options, name), job.task, told_of(job), outcome)


def after_flow(scope: RunScope, outcome: Outcome) -> None:
    """Call the hooks of a flow."""
    name = _OF_FLOW.get(outcome.state)
    if name is not None:
        told = RunTold(scope.run_id, scope.name, scope.values)
        _call_each(getattr(scope.flow.options, name), scope.flow, told, outcome)


def _call_each(hooks: Any, what: Any, told: Any, outcome: Outcome) -> None:
    for hook in hooks:
        try:
            hook(what, told, outcome)
        except Exception as error:  # noqa: BLE001 - a hook must not change what happened
            name = getattr(hook, "__name__", repr(hook))
            logs.tell(40, f"The hook {name} failed: {type(error).__name__}: {error}")
