"""A flow that is called as a function runs here: `python flow.py`, a notebook, `lakectl ingest`.

The run is recorded like any other, and held by this process. It cannot be killed for its time or
for a cancel, because that would kill the person's own program: it is interrupted as by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from catalog import chance
from catalog.errors import NotFound, StoreUnreachable
from jobs import engine, logs, machine, making, retry, unchanged
from jobs.context import RunScope, World
from jobs.leases import Keeper
from jobs.outcome import Outcome
from jobs.recorder import Direct, Nowhere
from jobs.secrets import masker
from jobs.states import State
from jobs.store.slots import Slots

if TYPE_CHECKING:
    from jobs.flow import Flow
    from jobs.store.moves import NewRun


@dataclass
class Home:
    """A lake in which flows that are called here are recorded."""

    world: World
    recorder: Direct
    keeper: Keeper
    running: dict[str, int] = field(default_factory=dict)  # run id to the thread that runs it


_PATIENCE = 5.0  # seconds: somebody waits for the answer

# Set by lakectl: finds the lake of this place, or raises NotFound.
find_home: Callable[[], Home] | None = None
# Set by lakectl too: shows the log of a run that nothing keeps.
echo: logs.Echo | None = None


def home_of(lake: Any, echo: logs.Echo | None) -> Home:
    """A home in an open lake.

    Args:
        lake: `lakectl.root.Lake`.
        echo: shows log lines.
    """
    handles = lake.handles
    recorder = Direct(handles.reader, handles.now, machine.this_process(), echo, _PATIENCE)
    world = World(recorder, handles.now, handles.reader, handles.state / "results", lambda: lake)
    running: dict[str, int] = {}
    keeper = Keeper(
        recorder, handles.reader, lambda run: _interrupt(running, run), lambda run: None
    )
    masker.learn_environment()
    keeper.start()
    return Home(world, recorder, keeper, running)


def _interrupt(running: Mapping[str, int], run_id: str) -> None:
    """Somebody cancels a run: the same as Ctrl-C here."""
    if running.get(run_id) == threading.main_thread().ident:
        os.kill(os.getpid(), signal.SIGINT)


_notices: set[str] = set()


def run(flow: Flow, values: dict[str, Any]) -> Outcome:
    """Run a flow here, with its retries; the parameters have been checked."""
    try:
        home = find_home() if find_home is not None else None
    except NotFound as error:
        if not _notices:
            _notices.add(error.message)
            sys.stderr.write(f"lakectl: {error.message} This run is not recorded.\n")
        home = None
    if home is None:
        return _unrecorded(flow, values)
    return run_in(home, flow, values)


def _unrecorded(flow: Flow, values: dict[str, Any]) -> Outcome:
    world = World(Nowhere(echo), lambda: time.time_ns() // 1_000_000)
    new = making.new_run(flow, values, world.now())
    for attempt in range(1, flow.options.retries + 2):
        outcome = engine.execute(RunScope(world, new.id, new.name, flow, new.id, dict(values)))
        if outcome.state is not State.FAILED or attempt > flow.options.retries:
            break
        time.sleep(_delay(flow, attempt))
    return outcome


def run_in(home: Home, flow: Flow, values: dict[str, Any], **more: Any) -> Outcome:
    """Run a flow here and record it.

    Args:
        home: in which lake.
        flow: which.
        values: its parameters, checked.
        more: other fields of `NewRun`.
    """
    world = home.world
    new = making.new_run(flow, values, world.now(), **more)
    why = unchanged.why_skipped(world, flow, new) if flow.options.skip_if_unchanged else None
    if why is not None:
        home.recorder.moves.create(replace(new, reason=why), State.SKIPPED)
        return Outcome(State.SKIPPED, reason=why)
    _begin(home, flow, new)
    home.running[new.id] = threading.get_ident()
    try:
        for attempt in range(1, flow.options.retries + 2):
            scope = RunScope(world, new.id, new.name, flow, new.root or new.id, dict(values))
            outcome = engine.execute(scope)
            if outcome.state is not State.FAILED or attempt > flow.options.retries:
                break
            if not _again(home, flow, new.id, attempt, outcome):
                break
    finally:
        del home.running[new.id]
    try:
        error = engine.error_text(outcome.error)
        home.recorder.end(new.id, outcome.state, outcome.reason, error)
    except StoreUnreachable as unheard:  # what the flow did counts, not that it was noted
        sys.stderr.write(f"lakectl: how run {new.name} ended is not noted: {unheard.message}\n")
    return outcome


def _begin(home: Home, flow: Flow, new: NewRun) -> None:
    """Make the run, and wait while as many of its flow go on as may."""
    world = home.world
    assert world.connection is not None  # a home has one
    if f"flow:{flow.name}" not in Slots(world.connection, world.now).limits():
        home.recorder.begin(new)
        return
    moves = home.recorder.moves
    moves.create(new)
    while (fence := moves.claim(new.id, machine.this_process())) is None:
        time.sleep(0.2)
    home.recorder.open(new.id, fence)
    moves.move(new.id, State.RUNNING, fence)


def _again(home: Home, flow: Flow, run_id: str, attempt: int, outcome: Outcome) -> bool:
    """Between two attempts: the run is scheduled, and claimed again when its time has come."""
    seconds = _delay(flow, attempt)
    moves, recorder = home.recorder.moves, home.recorder
    due = home.world.now() + int(seconds * 1000)
    logged = recorder.logged(run_id)
    why = f"attempt {attempt} of {flow.options.retries + 1} failed: {outcome.reason}"
    if not recorder.settle(run_id, State.SCHEDULED, why, due_at=due):
        return False
    time.sleep(seconds)
    fence = moves.claim(run_id, machine.this_process())
    if fence is None:  # cancelled while it waited
        return False
    recorder.open(run_id, fence, logged)
    return moves.move(run_id, State.RUNNING, fence)


def _delay(flow: Flow, attempt: int) -> float:
    options = flow.options
    return retry.delay(options.retry_delay_seconds, options.retries, attempt, 0, chance.fraction())
