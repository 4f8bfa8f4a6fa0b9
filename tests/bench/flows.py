"""What a run costs: a task that does nothing, a flow that does nothing, fifty thousand items."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import lakes, measuring
from tests.bench.measuring import Figure

CALLED, SUBMITTED, MAPPED, EMPTY = 5_000, 2_000, 50_000, 30


def bench() -> Iterator[Figure]:
    """Tasks and flows of a session that records them in SQLite."""
    with lakes.empty() as lake:
        found = measuring.inside("flows", lake)
    yield Figure(
        f"a called task, median of {CALLED:,}",
        found["called"],
        bound=1.0,
        note=f"memory +{found['called_mb']:.0f} MB over the last {CALLED - 1_000:,}",
    )
    yield Figure(f"a submitted task, mean of {SUBMITTED:,}", found["submitted"], bound=2.0)
    yield Figure("an empty flow, in process, median", found["empty"], bound=15.0)
    yield Figure("an empty flow, own process, warm, median", found["apart"], bound=60.0)
    yield Figure(
        f"map over {MAPPED:,} items, resident memory",
        found["mapped_mb"],
        unit="MB",
        bound=50.0,
        note=f"{found['mapped']:.1f} s",
    )


def _resident() -> float:
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


_EMPTY = """
from lakectl import flow

@flow
def empty() -> None:
    pass
"""


def _session(folder: str) -> dict[str, float]:
    """Everything that is measured, in one process."""
    import os

    os.environ["LAKECTL_LAKE"], os.environ["LAKECTL_QUIET"] = folder, "1"
    from lakectl import flow, task

    @task
    def nothing(number: int) -> int:
        return number

    took: list[float] = []
    sizes: list[float] = []

    @flow
    def calls(times: int) -> None:
        for number in range(times):
            if number == 1_000:
                sizes.append(_resident())
            took.append(measuring.seconds_of(lambda number=number: nothing(number)))
        sizes.append(_resident())

    @flow
    def submits(times: int) -> float:
        return measuring.seconds_of(
            lambda: [f.result() for f in [nothing.submit(n) for n in range(times)]]
        )

    @flow
    def maps(times: int) -> float:
        before = _resident()
        nothing.map(range(times)).result()
        return _resident() - before

    @flow
    def empty() -> None:
        pass

    calls(10)
    took.clear(), sizes.clear()
    calls(CALLED)
    submitted = submits(SUBMITTED) / SUBMITTED
    empties = [measuring.seconds_of(empty) for _ in range(EMPTY)]
    started = time.perf_counter()
    grown = maps(MAPPED)
    mapped = time.perf_counter() - started
    return {
        "called": statistics.median(took) * 1000,
        "called_mb": sizes[1] - sizes[0],
        "submitted": submitted * 1000,
        "empty": statistics.median(empties) * 1000,
        "apart": _apart(Path(folder)) * 1000,
        "mapped": mapped,
        "mapped_mb": grown,
    }


def _apart(folder: Path) -> float:
    """Seconds from the order of a run to its end, in a process forked from a warm template."""
    from lakectl.root import open_lake

    (folder / "flows").mkdir()
    (folder / "flows" / "mine.py").write_text(_EMPTY, encoding="utf-8")
    with open_lake(folder) as lake:
        lake.runs.supervisor(warm=True)
        flow: Any = lake.runs.flow("empty")
        for _ in range(3):  # the first waits for the template's imports
            lake.runs.start(flow)
        return statistics.median(
            measuring.seconds_of(lambda: lake.runs.start(flow)) for _ in range(EMPTY)
        )


if __name__ == "__main__":
    print(json.dumps(_session(sys.argv[1])))
