"""Runs of a lake: started here, apart from here, looked at, ended, taken back."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catalog.errors import LakeError, StoreUnreachable
from jobs import reaper
from jobs.model import Effect, FlowInfo, Run, RunFilter
from jobs.states import TERMINAL, State
from jobs.store.history import History
from jobs.store.slots import Slots

if TYPE_CHECKING:  # looking at runs and loading files wait for nothing that starts a flow
    from jobs.flow import Flow
    from jobs.local import Home
    from jobs.logs import Echo
    from jobs.orders import Ordered, Orders
    from jobs.supervisor import Supervisor
    from lakectl.root import Lake

_POLL = 0.2  # seconds between two looks at a run that is waited for


class Runs:
    """The runs and flows of an open lake: `lake.runs`.

    Args:
        lake: the open lake.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self.history = History(lake.handles.reader)
        self.slots = Slots(lake.handles.reader, lake.handles.now)
        self._supervisor: Supervisor | None = None
        self._home: Home | None = None
        self._watching = threading.RLock()  # one thread at a time: its supervisor has one loop

    @cached_property
    def orders(self) -> Orders:
        """The maker of runs."""
        from jobs.orders import Orders

        return Orders(self._lake.handles, self._lake.settings.root)

    # -- looking --------------------------------------------------------------------------------

    def page(
        self, wanted: RunFilter | None = None, limit: int = 50, before: str | None = None
    ) -> Sequence[Run]:
        """A page of runs, newest first; `before` is the id of the last run of the page before."""
        return self.history.page(wanted, limit, before)

    def find(self, word: str) -> Run:
        """One run by name, id, begin of its id, or `latest`.

        Raises:
            NotFound: there is none.
        """
        return self.history.find(word)

    def why(self, word: str) -> Sequence[str]:
        """Sentences that tell why a run stands where it stands."""
        from jobs import why

        return why.why(self.history, self.slots, self.find(word), self._lake.handles.now())

    def flows(self) -> Sequence[FlowInfo]:
        """What can be run: the project's flows and the ready ones. Imports people's files."""
        from jobs import loader

        return list(loader.all_flows(self._lake.settings.root))

    def flow(self, word: str) -> Flow:
        """A flow by `file.py:function`, by name, or a ready one.

        Raises:
            NotFound, BrokenFlow: there is none, or its file cannot be imported.
        """
        from jobs import loader

        return loader.load(word, self._lake.settings.root)

    def reap(self) -> Sequence[str]:
        """End the runs whose holder is gone; sentences about them. A read-only lake reaps none."""
        if self._lake.handles.readonly:
            return []
        return reaper.reap(self._lake.handles.reader, self._lake.handles.now)

    # -- starting -------------------------------------------------------------------------------

    def start(
        self, flow: str | Flow, parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> Run:
        """Run a flow in a process of its own and wait for its end.

        Args:
            flow: which, as `flow()` takes it.
            parameters: by name.
            more: `idempotency_key`, `tags` or other fields of a run.

        Raises:
            InvalidParameters: it cannot be called so.
        """
        found = self.flow(flow) if isinstance(flow, str) else flow
        return self.finish(self.orders.submit(found, parameters or {}, **more))

    def run_here(self, flow: Flow, values: Mapping[str, Any]) -> Any:
        """Run a flow in this process, without showing its log, and give its result.

        Raises:
            InvalidParameters: it cannot be called so.
            NotAllowed: the lake is open for reading only.
            BaseException: what the flow raised.
        """
        from jobs import local, parameters

        self._lake.handles.require_writable()
        checked = parameters.check(flow, values)
        if self._home is None:
            self._home = local.home_of(self._lake, None)
        return local.run_in(self._home, flow, checked).result()

    def finish(self, ordered: Ordered, echo: Echo | None = None) -> Run:
        """Give a run that was ordered a process, and wait for its end.

        A Ctrl-C or SIGTERM asks it to stop, a second Ctrl-C kills it.
        """
        supervisor = self.supervisor(echo)
        run_id = ordered.run.id
        with self._watching, _terminating(lambda: supervisor.ask(run_id)):
            asked = 0
            while not supervisor.watches(run_id) and self._is_waiting(run_id):
                try:
                    if not supervisor.start(run_id, ordered.launch):
                        time.sleep(_POLL)  # as many runs of the flow go on as may
                except KeyboardInterrupt:
                    self.cancel(run_id)
            while supervisor.watches(run_id):
                try:
                    supervisor.step()
                except KeyboardInterrupt:
                    asked += 1
                    if asked == 1:
                        self.cancel(run_id)
                        supervisor.cancel(run_id)
                    else:
                        supervisor.kill(run_id)
        return self.history.run(run_id)

    def _is_waiting(self, run_id: str) -> bool:
        return self.history.run(run_id).state is State.SCHEDULED

    def supervisor(self, echo: Echo | None = None, *, warm: bool = False) -> Supervisor:
        """The supervisor of this process, made when it is first needed."""
        from jobs.supervisor import Supervisor

        if self._supervisor is None:
            handles, found = self._lake.handles, self._lake.settings
            self._supervisor = Supervisor(
                handles.reader, handles.now, found.root, found.profile, echo, warm=warm
            )
        return self._supervisor

    def detach(self, ordered: Ordered) -> Run:
        """Give a run that was ordered a supervisor of its own, which outlives this process.

        Raises:
            StoreUnreachable: the process cannot be started.
        """
        from jobs import template

        told = {
            "run": ordered.run.id,
            "parameters": ordered.launch.parameters,
            "retries": ordered.launch.retries,
            "delays": ordered.launch.delays,
        }
        found = self._lake.settings
        log = found.state / "supervisor.log"
        try:
            with open(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "w") as out:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "lakectl.detached", found.profile],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    env={
                        **os.environ,
                        "PYTHONPATH": template.python_path(),
                        "LAKECTL_LAKE": str(found.root),
                    },
                )
            assert process.stdin is not None  # it is a pipe
            with process.stdin as pipe:  # not by its arguments: anybody may read those
                pipe.write(json.dumps(told).encode())
        except OSError as error:
            raise StoreUnreachable(f"The run cannot be started: {error}.") from error
        return ordered.run

    def close(self) -> None:
        """End what this process runs and supervises, and let old runs go, once a day."""
        if self._home is not None or self._supervisor is not None:
            self._prune()
        if self._home is not None:
            self._home.keeper.stop()
            self._home.recorder.close()
        if self._supervisor is not None:
            self._supervisor.close()

    def _prune(self) -> None:
        from jobs import retention

        handles, found = self._lake.handles, self._lake.settings
        with suppress(LakeError):  # the next command does it
            if retention.is_due(handles.reader, handles.now()):
                retention.prune_runs(
                    handles.reader, handles.now(), found.keep_runs_days, found.keep_runs
                )
                retention.prune_results(handles.reader, found.state / "results")

    # -- changing -------------------------------------------------------------------------------

    def cancel(self, word: str) -> str:
        """Ask a run to stop; a sentence.

        Raises:
            RunConflict: it has ended.
        """
        run, state = self.orders.cancel(word, _person())
        if state is State.CANCELLED:
            return f"{run.name} is cancelled; it had not started."
        return f"{run.name} was asked to stop."

    def wait(self, word: str, seconds: float | None = None) -> Run:
        """A run as soon as it has ended.

        Raises:
            DeadlineExceeded: it has not ended after so many seconds.
        """
        from catalog.errors import DeadlineExceeded

        run = self.find(word)
        deadline = None if seconds is None else time.monotonic() + seconds
        while run.state not in TERMINAL:
            if deadline is not None and time.monotonic() > deadline:
                raise DeadlineExceeded(f"{run.name} has not ended after {seconds:g} s.")
            time.sleep(_POLL)
            self.reap()
            run = self.history.run(run.id)
        return run

    def rerun(self, word: str, changes: Mapping[str, Any] | None = None) -> Ordered:
        """A run like another one, with some parameters changed; `finish` or `detach` it."""
        return self.orders.rerun(word, changes)

    def resume(self, word: str) -> Ordered:
        """A run that takes over what a failed one had finished; `finish` or `detach` it.

        Raises:
            RunConflict: it completed, has not ended, or what it wrote was undone.
        """
        from jobs.errors import RunConflict

        run = self.find(word)
        if run.state in TERMINAL and self.history.writes(run.id) and not self.effects(word):
            raise RunConflict(
                f"What {run.name} wrote was taken back, so there is nothing to go on from.",
                f"Run it again: lakectl run rerun {run.name}",
            )
        return self.orders.resume(word)

    def effects(self, word: str) -> Sequence[Effect]:
        """What undoing a run would do."""
        from jobs import undo

        return undo.effects(self._lake, self.history, self.find(word))

    def undo(self, word: str) -> Sequence[Effect]:
        """Put every dataset that a run wrote back to what it was before.

        Raises:
            Conflict: somebody has written since; nothing was changed.
        """
        from jobs import undo

        self._lake.handles.require_writable()
        return undo.undo(self._lake, self.history, self.find(word))


@contextmanager
def _terminating(act: Callable[[], None]) -> Iterator[None]:
    """While this lasts, a SIGTERM to this process does something else than end it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
