"""Named instants at which a test can stop the program: `LAKECTL_CRASH_AT=publish.placed:KILL`.

Every change of the lake passes some of them. What may be asked for at a point is a signal (`KILL`,
`TERM`), an error of the system (`ENOSPC`, `EIO`), `LOST` where an answer of the store can get lost,
or `ERROR`, a mistake of ours. `point#3:KILL` means the third time that it is reached, and
`point%20:LOST` every fifth time by chance, which `LAKECTL_SEED` repeats; several are separated by
commas. A flow's own process takes its orders from `LAKECTL_CRASH_AT_CHILD`. Without the variable a
point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from typing import NamedTuple

from catalog import chance
from catalog.errors import InvalidInput

POINTS = (
    "intent.announced",  # the row is written, no byte of the load is
    "load.staged",  # the data files lie in the staging folder
    "publish.synced",  # a data file is durable under its staging name
    "publish.placed",  # it has its final name, which may not be durable yet
    "publish.done",  # all data files of the write are published
    "quarantine.committed",  # the rows put aside are a version, the others are not
    "write.synced",  # a small file is durable under a hidden name
    "write.placed",  # it has its name
    "commit.staged",  # the new metadata file is there, the pointer still names the old one
    "store.commit",  # the store is about to be told to commit a transaction
    "store.answer",  # it has committed it, and its answer comes
    "swap.moved",  # inside the transaction: the pointer has moved, our rows have not
    "swap.recorded",  # inside the transaction: everything is written
    "swap.committed",  # the commit landed, nobody was told
    "tidy.metadata",  # superfluous metadata files are removed
    "upkeep.files",  # files of expired versions are removed, their rows are still there
    "rename.written",  # inside the transaction, as the next three
    "drop.written",
    "undrop.written",
    "migrate.written",
    "rebuild.forgotten",  # inside the transaction: the rows are gone, the new ones not written
    "repair.known",  # a table has a pointer that our rows do not tell of yet
    "repair.put",  # a damaged table has its new metadata, the damaged file is still in its place
    "run.created",  # inside the transaction, as the next ones: a run was made
    "run.claimed",
    "run.moving",  # a run is about to move to another state, before the transaction
    "run.moved",  # inside the transaction
    "run.cancelled",
    "run.recorded",  # inside the transaction that writes tasks, logs and progress of a run
    "child.started",  # in the flow's process, before its first line
    "child.ended",  # in it, after its last; nobody was told
    "run.ending",  # in the supervisor: the process is over, the store does not know
    "task.ended",  # a task is done; nobody was told
)


_ERRORS = ("ENOSPC", "EIO")


class Fault(Exception):
    """A mistake that was asked for; nothing in the lake catches it by name."""


class Lost(Exception):
    """The store went silent, as a test asked for."""


class _Order(NamedTuple):
    """What is asked for, and when: at one time, or by chance at so many of a hundred."""

    fault: str
    time: int
    percent: float


_orders: dict[str, _Order] = {}
_times: dict[str, int] = {}
befell: Counter[str] = Counter()  # how often each point was stopped at


def arm() -> None:
    """Take the orders of the environment; done once when this is imported.

    Raises:
        InvalidInput: one makes no sense. Nobody may take a proof for passed that never ran.
    """
    _orders.clear()
    _times.clear()
    befell.clear()
    for order in filter(None, os.environ.get("LAKECTL_CRASH_AT", "").split(",")):
        place, _, fault = order.partition(":")
        place, _, percent = place.partition("%")
        point, _, time = place.partition("#")
        _orders[_known(point)] = _order(order, fault or "KILL", time or "1", percent or "0")


def _known(point: str) -> str:
    if point not in POINTS:
        raise InvalidInput(
            f"LAKECTL_CRASH_AT names no instant: {point!r}.", f"There are: {', '.join(POINTS)}"
        )
    return point


def _order(text: str, fault: str, time: str, percent: str) -> _Order:
    try:
        order = _Order(fault, int(time), float(percent))
    except ValueError as error:
        raise InvalidInput(f"LAKECTL_CRASH_AT says {text!r}, which tells no time.") from error
    if fault not in {*_ERRORS, "ERROR", "LOST"} and not hasattr(signal, f"SIG{fault}"):
        raise InvalidInput(
            f"LAKECTL_CRASH_AT asks for {fault!r}.",
            f"There are: {', '.join(_ERRORS)}, ERROR, LOST and signals such as KILL.",
        )
    return order


arm()


def reach(point: str) -> None:
    """Stop here if the environment asks for it.

    Raises:
        OSError: ENOSPC or EIO was asked for.
        Lost: LOST was asked for.
        Fault: ERROR was asked for.
    """
    if not _orders or (order := _orders.get(point)) is None:
        return
    _times[point] = _times.get(point, 0) + 1
    if not (chance.hits(order.percent) if order.percent else _times[point] == order.time):
        return
    befell[point] += 1
    if order.fault == "ERROR":
        raise Fault(f"asked for at {point}")
    if order.fault == "LOST":
        raise Lost(f"asked for at {point}")
    if order.fault in _ERRORS:
        number = getattr(errno, order.fault)
        raise OSError(number, os.strerror(number), point)
    os.kill(os.getpid(), getattr(signal, f"SIG{order.fault}"))
