"""What became of a call: its state, and its result or its error. What `return_state=True` gives."""

from __future__ import annotations

from typing import Any

from jobs.states import State


class Outcome:
    """The end of a run or a task run.

    Attributes:
        state: a terminal state.
        reason: why, for people; None where there is nothing to say.
        error: what was raised, if anything was.
    """

    __slots__ = ("_value", "cached", "error", "reason", "state")

    def __init__(
        self,
        state: State,
        value: Any = None,
        error: BaseException | None = None,
        reason: str | None = None,
        cached: bool = False,
    ) -> None:
        self.state = state
        self._value = value
        self.error = error
        self.reason = reason
        self.cached = cached

    def result(self, raise_on_failure: bool = True) -> Any:
        """The result; of one that did not complete its error is raised, or given.

        Raises:
            BaseException: what the function raised.
        """
        if self.state is State.COMPLETED:
            return self._value
        if raise_on_failure and self.error is not None:
            raise self.error
        return self.error

    @property
    def type(self) -> State:
        """The state, as Prefect calls it."""
        return self.state

    @property
    def name(self) -> str:
        """The name of the state as log lines show it."""
        if self.cached:
            return "Cached"
        if self.state is State.FAILED and (self.reason or "").startswith("timed out"):
            return "TimedOut"
        return self.state.value.capitalize()

    @property
    def message(self) -> str | None:
        """The reason, as Prefect calls it."""
        return self.reason

    def is_completed(self) -> bool:
        """Whether it completed."""
        return self.state is State.COMPLETED

    def is_failed(self) -> bool:
        """Whether it failed."""
        return self.state is State.FAILED

    def is_crashed(self) -> bool:
        """Whether its process ended under it."""
        return self.state is State.CRASHED

    def is_cancelled(self) -> bool:
        """Whether somebody stopped it."""
        return self.state is State.CANCELLED

    def is_final(self) -> bool:
        """Whether it has ended: always."""
        return True

    def __repr__(self) -> str:
        return f"{self.name}({self.reason or ''})"
