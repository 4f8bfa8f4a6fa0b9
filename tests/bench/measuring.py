"""How things are measured: children of a thin parent, ours and the floor by turns.

The parent imports neither DuckDB nor the product. The kernel counts into a child's peak memory what
its parent had at the fork, and a session is measured in a process of its own, as it would be used.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # of the repository
PAIRS = 5
_THIN = 80  # MB that the parent may have


@dataclass(frozen=True)
class Run:
    """What one child took."""

    seconds: float
    cpu: float
    megabytes: float  # at the peak


@dataclass(frozen=True)
class Figure:
    """One line of the table: `ratio` is of the minima, `median` of the medians.

    A line without a floor or a bound is told for scale.
    """

    what: str
    ours: float
    unit: str = "ms"
    floor: float | None = None
    ratio: float | None = None
    median: float | None = None
    bound: float | None = None  # of the ratio, or of `ours` itself where there is no floor
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `over`, `unsure` where minima and medians disagree; nothing without a bound."""
        if self.bound is None:
            return ""
        told = [found for found in (self.ratio, self.median) if found is not None] or [self.ours]
        within = {found <= self.bound for found in told}
        return "unsure" if len(within) > 1 else "ok" if within.pop() else "over"


class Broken(Exception):
    """A child failed: there is nothing to measure."""


_SLOWING = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any word that the lake or its speed listens to.

    An installed program is compiled once; a container's PYTHONDONTWRITEBYTECODE would have ours
    compiled at every start.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LAKECTL_") and name not in _SLOWING
    }
    return kept | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)} | dict(more or {})


def lakectl(*words: str | Path) -> list[str]:
    """The command line of `lakectl WORDS`: the script beside this interpreter, else the module."""
    script = Path(sys.executable).with_name("lakectl")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "lakectl"]
    return [*start, *(str(word) for word in words)]


def python(code: str, *words: str | Path) -> list[str]:
    """The command line of a small script; its words are in `sys.argv[1:]`."""
    return [sys.executable, "-c", code, *(str(word) for word in words)]


def run(command: Sequence[str], cwd: Path = ROOT) -> Run:
    """Run a child to its end.

    Raises:
        Broken: it failed.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            told = said.read().decode("utf-8", "replace").strip()
            raise Broken(f"{' '.join(command)[:200]} left with {child.returncode}:\n{told}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def inside(module: str, *words: str | Path) -> Any:
    """What `python -m tests.bench.MODULE WORDS` prints: the part of a bench that runs in a session.

    Raises:
        Broken: it failed.
    """
    command = [sys.executable, "-m", f"tests.bench.{module}", *(str(word) for word in words)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=False)
    if done.returncode != 0:
        told = done.stderr.decode("utf-8", "replace").strip()
        raise Broken(f"{' '.join(command)} left with {done.returncode}:\n{told}")
    return json.loads(done.stdout.decode().splitlines()[-1])


def by_turns(
    ours: Callable[[int], Run], floor: Callable[[int], Run], pairs: int = PAIRS
) -> tuple[list[Run], list[Run]]:
    """Measure both by turns, after one of each that does not count.

    Args:
        ours: given the number of the turn; 0 is the one that does not count.
        floor: likewise.
        pairs: how many count.
    """
    ours(0), floor(0)
    found = [(floor(turn), ours(turn)) for turn in range(1, pairs + 1)]
    return [o for _, o in found], [f for f, _ in found]


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def figure(
    what: str, ours: Sequence[float], floor: Sequence[float], bound: float | None, unit: str = "ms"
) -> Figure:
    """The line of two series of measurements (seconds, unless a unit says otherwise)."""
    scale = 1000.0 if unit == "ms" else 1.0
    return Figure(
        what,
        ours=statistics.median(ours) * scale,
        unit=unit,
        floor=statistics.median(floor) * scale,
        ratio=min(ours) / min(floor),
        median=statistics.median(ours) / statistics.median(floor),
        bound=bound,
    )


def wall(what: str, found: tuple[list[Run], list[Run]], bound: float | None) -> Figure:
    """The line of the wall time of two series of children; its note tells the ratio of CPU time."""
    ours, floor = found
    line = figure(what, [r.seconds for r in ours], [r.seconds for r in floor], bound)
    cpu = min(r.cpu for r in ours) / min(r.cpu for r in floor)
    return replace(line, note=f"cpu {cpu:.2f}")


def require_thin() -> None:
    """See to it that the parent would not count into the memory of its children.

    Raises:
        Broken: it has grown.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
    megabytes = int(lines["VmHWM"].split()[0]) / 1024
    if megabytes > _THIN:
        raise Broken(f"The bench itself takes {megabytes:.0f} MB; memory cannot be measured.")
