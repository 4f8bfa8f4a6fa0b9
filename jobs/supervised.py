"""The flow's own process, from the fork to its last line. It never writes a state itself.

Its output is the supervisor's to keep; its word about how it ended is one line through the pipe.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

from catalog import faults
from catalog.errors import LakeError
from jobs import engine, loader, parameters, unchanged
from jobs.context import RunScope, World
from jobs.errors import Cancelled
from jobs.flow import Flow
from jobs.outcome import Outcome
from jobs.piped import Piped
from jobs.secrets import masker
from jobs.states import State
from jobs.store.history import History

_DONE, _NOT_DONE = 0, 1


def run(told: dict[str, Any], files: list[int], open_lake: Callable[[], Any]) -> int:
    """Run a flow as the supervisor asked.

    Args:
        told: `run` (id, name, root, resume_of), `origin`, `parameters` with secrets, `secrets`.
        files: where events go, and where the output goes.
        open_lake: opens the lake, or gives the one that is open.

    Returns:
        The exit code of the process.
    """
    events, output = files
    _take_output(output)
    masker.learn(*told["secrets"])
    masker.learn_environment()
    piped = Piped(events)
    signal.signal(signal.SIGINT, _cancelled)
    signal.signal(signal.SIGTERM, _cancelled)
    with suppress(OSError, TypeError):  # the folder from which the run was asked for
        os.chdir(told["cwd"])
    faults.reach("child.started")
    lake = open_lake()
    try:
        flow = loader.load(told["origin"], lake.settings.root)
        values = parameters.check(flow, told["parameters"])
    except LakeError as error:
        words = [error.message, *getattr(error, "changes", ())]
        _end(piped, Outcome(State.FAILED, error=error, reason="; ".join(words)), error.hint)
        return _NOT_DONE
    world = World(
        piped,
        lake.handles.now,
        lake.handles.reader,
        lake.handles.state / "results",
        lambda: lake,
        lambda run_id, reason: piped.send({"k": "stuck", "run": run_id, "reason": reason}),
    )
    return _run(told["run"], flow, values, world, piped)


def _run(
    about: dict[str, Any], flow: Flow, values: dict[str, Any], world: World, piped: Piped
) -> int:
    why = _why_skipped(about, flow, values, world)
    if why is not None:
        _end(piped, Outcome(State.SKIPPED, reason=why), None)
        return _DONE
    piped.send({"k": "started", "timeout": flow.options.timeout_seconds})
    adopted = {}
    if about["resume_of"] and world.connection is not None:
        adopted = engine.adopted_from(History(world.connection), about["resume_of"])
    scope = RunScope(
        world, about["id"], about["name"], flow, about["root"], values, adopted=adopted
    )
    outcome = engine.execute(scope)
    if scope.is_foreign():
        os._exit(_DONE)
    for number in (signal.SIGINT, signal.SIGTERM):  # its last words are not to be cut short
        signal.signal(number, signal.SIG_IGN)
    faults.reach("child.ended")
    _end(piped, outcome, None)
    return _DONE if outcome.state is State.COMPLETED else _NOT_DONE


def _why_skipped(
    about: dict[str, Any], flow: Flow, values: dict[str, Any], world: World
) -> str | None:
    if not flow.options.skip_if_unchanged or about["attempt"] > 1 or about["resume_of"]:
        return None
    from jobs import making

    asked = making.new_run(flow, values, world.now())
    return unchanged.why_skipped(world, flow, asked, about["id"])


def _end(piped: Piped, outcome: Outcome, hint: str | None) -> None:
    error = engine.error_text(outcome.error)
    if isinstance(outcome.error, LakeError):
        hint = hint or outcome.error.hint
    piped.send(
        {
            "k": "result",
            "state": outcome.state.value,
            "reason": outcome.reason,
            "error": f"{error}\n{hint}" if error and hint else error,
        }
    )


def _cancelled(_signal: int, _frame: FrameType | None) -> None:
    raise Cancelled


def _take_output(output: int) -> None:
    """Everything that is printed, by whatever is started here too, goes to the supervisor."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = _writer(1)
    sys.stderr = _writer(2)
    faulthandler.enable(2)


def _writer(file: int) -> TextIO:
    """A stream that passes each line on when it ends, whatever characters are in it."""
    return open(file, "w", buffering=1, errors="backslashreplace", closefd=False)
