"""What became of a run whose process is over: from its own word, and from the kernel's."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from jobs.states import State

if TYPE_CHECKING:
    from jobs.supervisor import Watched


_LARGE = 1_000  # MB


def message_of(line: bytes) -> dict[str, Any]:
    """A line from the pipe; what a dying process left half written is no message."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def judge(watched: Watched) -> tuple[State, str | None, dict[str, Any]]:
    """The state, the reason, and what else is told: `error`, `post_mortem`."""
    result = watched.result
    if watched.why == "stuck":
        return State.FAILED, watched.stuck, {"post_mortem": _post_mortem(watched)}
    if result is not None and not _is_consequence(watched, State(result["state"])):
        return State(result["state"]), result["reason"], {"error": result["error"]}
    if watched.why == "timeout":
        reason = f"timed out after {watched.timeout:g} s"
        return State.FAILED, reason, {"post_mortem": _post_mortem(watched)}
    if watched.why == "cancel":
        return State.CANCELLED, _how(watched), {}
    return State.CRASHED, _how(watched), {"post_mortem": _post_mortem(watched)}


def _is_consequence(watched: Watched, state: State) -> bool:
    """Whether a process ended so because we made it end: not what it says, but why, counts."""
    return watched.why == "timeout" and state is not State.COMPLETED


def of_subflow(state: State) -> State:
    """How a subflow ended whose process ended under it."""
    if state in {State.COMPLETED, State.SKIPPED}:
        return State.CRASHED
    return State.CANCELLED if state is State.CANCELLED else state


def _how(watched: Watched) -> str:
    """How the process ended, in words."""
    status = watched.status or 0
    if not os.WIFSIGNALED(status):
        code = os.waitstatus_to_exitcode(status)
        return f"its process left with exit code {code} before the flow had ended"
    number = os.WTERMSIG(status)
    name = signal.Signals(number).name
    if number in watched.signals:
        return f"stopped by {name}"
    if number == signal.SIGKILL:
        megabytes = watched.peak_kb // 1024
        guess = ": perhaps the kernel was short of memory" if megabytes > _LARGE else ""
        held = f"at its largest it held {megabytes:,} MB{guess}"
        return f"its process was killed by {name} from outside; {held}"
    return f"its process was ended by {name}"


def _post_mortem(watched: Watched) -> dict[str, Any]:
    """What is known of a process that did not end well."""
    status = watched.status or 0
    killed = os.WIFSIGNALED(status)
    return {
        "signal": signal.Signals(os.WTERMSIG(status)).name if killed else None,
        "exit_code": None if killed else os.waitstatus_to_exitcode(status),
        "sent": [signal.Signals(number).name for number in watched.signals],
        "peak_memory": watched.peak_kb * 1024,
        "attempt": watched.attempt,
        "last_lines": list(watched.tail),
    }
