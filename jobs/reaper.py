"""Runs whose holder is gone: found and told, by whoever opens the store to change something.

On the same machine that is known at once, from the process itself. From another one it is known
when the lease has run out. A machine that was started anew is told apart from a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catalog.metadata.dbapi import Connection
from jobs import machine
from jobs.states import State
from jobs.store.history import History, Lease
from jobs.store.moves import Moves


def reap(connection: Connection, now: Callable[[], int]) -> list[str]:
    """End every run that nobody holds any more; returns a sentence about each."""
    told = []
    moves = Moves(connection, now)
    for lease in History(connection).live():
        why = why_gone(lease, now())
        if why is None:
            continue
        after = State.CANCELLED if lease.run.state is State.CANCELLING else State.CRASHED
        details: dict[str, Any] = {}
        if after is State.CRASHED:
            lines = History(connection).last_logs(lease.run.id, 50)
            details["post_mortem"] = {"last_lines": [line.message for line in lines]}
        if moves.reap(lease.run.id, after, lease.run.fence, why, **details):
            told.append(f"Run {lease.run.name} of {lease.run.flow} is {after.value}: {why}.")
    return told


def why_gone(lease: Lease, now: int) -> str | None:
    """Why a run's holder is gone, or None while it may be there.

    Args:
        lease: what the store says.
        now: the time in milliseconds, by the clock that leases go by.
    """
    here = machine.this_process()
    if lease.host == here.host and lease.boot:
        if lease.boot != here.boot:
            return "its machine was started anew"
        if lease.pid is not None and machine.is_alive(lease.pid, lease.pid_started or 0):
            if lease.lease_uptime is None:  # between two attempts it has none
                return None
            # Not by the wall clock, which people set: by one that only runs.
            over = machine.uptime() - lease.lease_uptime
            late = over > _STALLED
            return "its supervisor does not answer any more" if late else None
        return f"its supervisor, process {lease.pid}, is gone"
    if lease.lease_until is not None and now > lease.lease_until:
        return f"its lease ran out; {lease.host} does not answer"
    return None


_STALLED = 60_000  # ms after the end of its lease that a process which lives is given
