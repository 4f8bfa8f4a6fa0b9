"""What people order: a run, the same again, the rest of a failed one, its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog.errors import InvalidInput
from jobs import loader, making, parameters, retry
from jobs.errors import RunConflict
from jobs.model import Run
from jobs.states import LIVE, State
from jobs.store.history import History
from jobs.store.moves import Moves
from jobs.supervisor import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.handles import Handles
    from jobs.flow import Flow


@dataclass(frozen=True)
class Ordered:
    """A run that was made and waits for a process."""

    run: Run
    launch: Launch


class Orders:
    """Orders to the runs of one lake.

    Args:
        handles: the lake's store and clock.
        root: the lake's folder.
    """

    def __init__(self, handles: Handles, root: Path) -> None:
        self._handles = handles
        self._root = root
        self.history = History(handles.reader)
        self.moves = Moves(handles.reader, handles.now)

    def submit(self, flow: Flow, values: Mapping[str, Any], **more: Any) -> Ordered:
        """Make a run of a flow.

        Args:
            flow: which.
            values: its parameters.
            more: other fields of `NewRun`.

        Raises:
            InvalidParameters: it cannot be called so.
            InvalidInput: no other process can load it.
            RunConflict: there is a run of this idempotency key.
        """
        self._handles.require_writable()
        checked = parameters.check(flow, values)
        revealed = parameters.stored(flow, checked, reveal=True)
        parameters.require_same(flow, checked, revealed)
        new = making.new_run(flow, checked, self._handles.now(), **more)
        if new.origin == "session":
            raise InvalidInput(
                f"Flow {flow.name!r} was defined where no other process finds it.",
                "Put it into a file, or call it: it then runs here.",
            )
        if not self.moves.create(new):
            raise RunConflict(
                f"Flow {flow.name!r} has a run of the key {new.idempotency_key!r} already.",
                "The same key never makes two runs.",
            )
        delays = [
            retry.delay(flow.options.retry_delay_seconds, flow.options.retries, attempt, 0, 0)
            for attempt in range(1, flow.options.retries + 1)
        ]
        launch = Launch(revealed, flow.options.retries, delays or 0)
        return Ordered(self.history.run(new.id), launch)

    def rerun(self, word: str, changes: Mapping[str, Any] | None = None) -> Ordered:
        """Make a run like another one, with some parameters changed.

        Raises:
            NotFound: there is no such run, or its flow is gone.
            InvalidInput: a secret parameter is missing; it is not kept.
        """
        old = self.history.find(word)
        flow = loader.load(old.origin, self._root)
        values = self._values_of(old, changes or {})
        return self.submit(flow, values, rerun_of=old.id, reason=f"the same again as {old.name}")

    def resume(self, word: str) -> Ordered:
        """Make a run that takes over what a failed one had finished.

        Raises:
            RunConflict: the run completed, or has not ended.
        """
        old = self.history.find(word)
        if old.state in LIVE:
            raise RunConflict(f"{old.name} has not ended: it is {old.state.value}.")
        if old.state in {State.COMPLETED, State.SKIPPED}:
            raise RunConflict(
                f"{old.name} is {old.state.value}; there is nothing to resume.",
                f"Run it again: lakectl run rerun {old.name}",
            )
        flow = loader.load(old.origin, self._root)
        return self.submit(
            flow,
            self._values_of(old, {}),
            resume_of=old.id,
            root=old.root,
            reason=f"goes on where {old.name} stopped",
        )

    def _values_of(self, old: Run, changes: Mapping[str, Any]) -> dict[str, Any]:
        kept = dict(self.history.details(old.id).parameters)
        missing = [n for n, v in kept.items() if n not in changes and parameters.has_masked(v)]
        if missing:
            raise InvalidInput(
                f"{old.name} was given a secret that is not kept: {', '.join(missing)}.",
                f"Give it again: lakectl run rerun {old.name} -p {missing[0]}=…",
            )
        return {**kept, **changes}

    def cancel(self, word: str, by: str) -> tuple[Run, State]:
        """Ask a run to stop; the run as it was, and its state now.

        Raises:
            RunConflict: it has ended.
        """
        self._handles.require_writable()
        run = self.history.find(word)
        state = self.moves.ask_cancel(run.id, by)
        if state is None:
            ended = self.history.run(run.id)
            if ended.is_live:  # it was asked before
                return ended, ended.state
            raise RunConflict(f"{run.name} has ended already: it is {ended.state.value}.")
        return run, state
