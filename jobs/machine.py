"""What tells a process from one that came after it: host, boot, pid and the time it started."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path

from jobs.model import Holder


@cache
def boot_id() -> str:
    """The kernel's id of this start of the machine; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def started(pid: int) -> int | None:
    """When a process of this host started, in clock ticks since the boot; None if it is gone.

    Field 22 of /proc/PID/stat, proc(5); one that has ended and was not waited for counts as gone.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def this_process() -> Holder:
    """This process, as the holder of a run."""
    host, pid = socket.gethostname(), os.getpid()
    return Holder(f"{host}:{pid}", host, boot_id(), pid, started(pid) or 0)


def uptime() -> int:
    """Milliseconds by a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


def is_alive(pid: int, pid_started: int) -> bool:
    """Whether a process of this host and this boot still lives."""
    return started(pid) == pid_started
