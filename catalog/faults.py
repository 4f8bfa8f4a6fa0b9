"""Named instants at which a test can stop the program: `LAKECTL_CRASH_AT=publish.placed:KILL`.

Every change of the lake passes some of them. What may be asked for at a point is a signal (`KILL`,
`TERM`), an error of the system (`ENOSPC`, `EIO`) or `ERROR`, a mistake of ours; `point#3:KILL`
means the third time that it is reached. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import NamedTuple

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
    "repair.put",  # a damaged table has its new metadata, the damaged file is still in its place
)


class Fault(Exception):
    """A mistake that was asked for; nothing in the lake catches it by name."""


class _Order(NamedTuple):
    """What is asked for; an empty point for nothing."""

    point: str = ""
    time: int = 1
    fault: str = "KILL"


_order = _Order()
_times = 0


def arm() -> None:
    """Take the order of the environment; done once when this is imported."""
    global _order, _times
    place, _, fault = os.environ.get("LAKECTL_CRASH_AT", "").partition(":")
    point, _, time = place.partition("#")
    _order, _times = _Order(point, int(time or 1), fault or "KILL"), 0


arm()


def reach(point: str) -> None:
    """Stop here if the environment asks for it.

    Raises:
        OSError: ENOSPC or EIO was asked for.
        Fault: ERROR was asked for.
    """
    global _times
    if point != _order.point:
        return
    _times += 1
    if _times != _order.time:
        return
    fault = _order.fault
    if fault == "ERROR":
        raise Fault(f"asked for at {point}")
    if fault in {"ENOSPC", "EIO"}:
        number = getattr(errno, fault)
        raise OSError(number, os.strerror(number), point)
    os.kill(os.getpid(), getattr(signal, f"SIG{fault}"))
