"""The history of runs: a million of them must not be felt."""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from tests.bench import lakes, measuring
from tests.bench.measuring import Figure, lakectl

MANY, FEW = 1_000_000, 100
_STATES = ("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "CRASHED", "SKIPPED")


def bench() -> Iterator[Figure]:
    """Pages in a session, `run ls` as a process, against a history of a hundred."""
    with ExitStack() as stack:
        many, few = (stack.enter_context(lakes.empty()) for _ in range(2))
        _fill(many, MANY)
        _fill(few, FEW)
        found = measuring.inside("history", many)
        for what, took in found.items():
            yield Figure(f"{MANY:,} runs, {what}, median", took, bound=20.0)
        both = measuring.by_turns(
            lambda _: measuring.run(lakectl("--lake", many, "run", "ls")),
            lambda _: measuring.run(lakectl("--lake", few, "run", "ls")),
            15,
        )
        yield measuring.wall(f"run ls, of {MANY:,} | of {FEW}", both, 1.5)


def _fill(lake: Path, count: int) -> None:
    """Write so many runs, a minute apart, as a lake of some years has them."""
    start = 1_600_000_000_000
    with closing(sqlite3.connect(lake / ".lakectl" / "lake.db")) as con, con:
        con.execute("PRAGMA synchronous=OFF")
        con.executemany(
            "INSERT INTO runs (id, name, flow, origin, state, created_at, due_at, started_at, "
            "ended_at, attempt, fence, root, tags) VALUES (?, ?, ?, 'flows/x.py:f', ?, ?, ?, ?, ?, "
            "1, 1, ?, '[]')",
            (
                (
                    run_id := f"{at:012x}{number:020x}",
                    f"run-{number}",
                    f"flow-{number % 40}",
                    _STATES[number % 6],
                    *(at, at, at, at + 5_000),
                    run_id,
                )
                for number in range(count)
                for at in (start + number * 60_000,)
            ),
        )
        con.execute(
            "INSERT INTO run_details (run_id, parameters, options, code) "
            "SELECT id, '{\"month\": 1}', '{}', '{}' FROM runs"
        )


def _session(folder: str) -> dict[str, float]:
    """Milliseconds of the pages that people turn to."""
    from jobs.model import RunFilter
    from jobs.states import State
    from lakectl.root import open_lake

    with open_lake(folder) as lake:
        runs = lake.runs
        first = runs.page()
        middle = f"{1_600_000_000_000 + MANY // 2 * 60_000:012x}"
        asked = {
            "first page": lambda: runs.page(),
            "page in the middle": lambda: runs.page(before=middle),
            "failed of a flow": lambda: runs.page(
                RunFilter(flow="flow-3", states=(State.FAILED,), top=True)
            ),
            "one by its name": lambda: runs.find(first[-1].name),
        }
        return {
            what: statistics.median(measuring.seconds_of(ask) for _ in range(21)) * 1000
            for what, ask in asked.items()
        }


if __name__ == "__main__":
    print(json.dumps(_session(sys.argv[1])))
