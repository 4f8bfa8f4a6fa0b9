"""Runs with a history, made by the same moves and records that a supervisor makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from jobs.model import Details, Holder
from jobs.states import State
from jobs.store import records
from jobs.store.moves import Moves, NewRun
from lakectl.root import Lake

HOLDER = Holder("host-1:4711", "host-1", "boot", 4711, 1)
SECOND = 1000
MINUTE = 60 * SECOND
TRACEBACK = """\
Traceback (most recent call last):
  File "flows/etl.py", line 41, in load
    rows = fetch(month)
  File "flows/etl.py", line 17, in fetch
    raise ConnectionError(f"HTTP 503 from {url}")
ConnectionError: HTTP 503 from https://tlc.example/2026-11.parquet
"""


class RunBuilder:
    """Makes runs in a lake at times that the caller chooses.

    Args:
        lake: where.
        now: milliseconds; the time at which the first move is made.
    """

    def __init__(self, lake: Lake, now: int) -> None:
        self._connection = lake.handles.reader
        self.now = now
        self.moves = Moves(self._connection, lambda: self.now)
        self._made = 0

    def create(
        self,
        name: str,
        flow: str,
        parameters: Mapping[str, Any] | None = None,
        due_in: int = 0,
        state: State = State.SCHEDULED,
        **new: Any,
    ) -> str:
        """A run that waits; returns its id."""
        self._made += 1
        run_id = f"{self.now:012x}{self._made:020x}"
        details = Details(parameters or {}, code={"version": "4f1c0de"})
        origin = new.pop("origin", f"flows/etl.py:{flow}")
        made = NewRun(run_id, name, flow, origin, details, self.now + due_in, self.now, **new)
        self.moves.create(made, state)
        return run_id

    def start(self, run_id: str, after: int = 200) -> int:
        """Let somebody hold it and run it; returns the fence."""
        self.now += after
        fence = self.moves.claim(run_id, HOLDER)
        assert fence is not None
        assert self.moves.move(run_id, State.RUNNING, fence)
        return fence

    def end(self, run_id: str, fence: int, state: State, reason: str | None = None, **told: Any):
        """Let it end."""
        assert self.moves.move(run_id, state, fence, reason, **told)

    def running(self, name: str, flow: str, **options: Any) -> tuple[str, int]:
        """A run that runs: its id and its fence."""
        run_id = self.create(name, flow, **options)
        return run_id, self.start(run_id)

    def tell(self, run_id: str, fence: int, **told: Any) -> None:
        """Write what it tells: tasks, logs, reads, artifacts, progress; rows as they are stored."""
        batch = records.Batch(run_id, fence)
        batch.tasks = {row["number"]: row for row in told.get("tasks", ())}
        batch.logs = list(told.get("logs", ()))
        batch.reads = list(told.get("reads", ()))
        batch.artifacts = list(told.get("artifacts", ()))
        batch.progress = {row["number"]: row for row in told.get("progress", ())}
        records.write(self._connection, [batch])

    def log(
        self, run_id: str, fence: int, lines: Iterable[str], first: int = 1, level: int = 20
    ) -> None:
        """Write lines of a log, a tenth of a second between two."""
        rows = [
            log_row(number, self.now + number * 100, line, level)
            for number, line in enumerate(lines, first)
        ]
        self.tell(run_id, fence, logs=rows)


def log_row(
    number: int, at: int, message: str, level: int = 20, task: int | None = None
) -> dict[str, Any]:
    """A line of a log as it is stored."""
    return {"number": number, "at": at, "level": level, "logger": "flow", "task": task,
            "message": message}  # fmt: skip


def task_row(
    number: int, name: str, state: State, started: int | None, ended: int | None, **more: Any
) -> dict[str, Any]:
    """A task as it is stored."""
    return {"number": number, "name": name, "task": name.split("[")[0], "state": state.value,
            "started": started, "ended": ended, **more}  # fmt: skip


def tell_work(lake: Lake, start: int) -> dict[str, str]:
    """Runs in every state, over two hours from `start` on; returns ids by name.

    The run that completed wrote nyc.trips and read nyc.zones; the last one runs still.
    """
    build = RunBuilder(lake, start)
    made: dict[str, str] = {}
    made["brave-otter"] = _completed(build, lake)
    build.now = start + 31 * MINUTE
    made["sad-heron"] = _failed(build)
    build.now = start + 40 * MINUTE
    _others(build, made)
    build.now = start + 117 * MINUTE
    made["busy-badger"] = _live(build, lake)
    return made


def _completed(build: RunBuilder, lake: Lake) -> str:
    begin = build.now
    run_id, fence = build.running("brave-otter", "etl", parameters={"year": 2026, "month": 11})
    child = build.create("brave-otter-load", "load", parent=run_id)
    inner = build.start(child, 0)
    zones = lake.describe("nyc.zones")
    build.tell(
        run_id, fence,
        tasks=[
            task_row(1, "fetch[1]", State.COMPLETED, begin + 300, begin + 22_300),
            task_row(2, "fetch[2]", State.COMPLETED, begin + 300, begin + 25_700, attempt=2),
            task_row(3, "clean", State.COMPLETED, begin + 25_800, begin + 25_810, cached=True,
                     waits=(1, 2)),
            task_row(4, "load", State.COMPLETED, begin + 26_000, begin + 61_000, child=child,
                     waits=(3,)),
        ],
        reads=[{"dataset": zones.summary.id, "version": 1, "name": "nyc.zones", "at": begin + 400}],
        artifacts=_artifacts(begin),
    )  # fmt: skip
    build.log(run_id, fence, ["fetching 2 files", "fetched 198,122 rows", "clean: cached", "done"])
    build.tell(
        child, inner,
        tasks=[task_row(1, "write[nyc.trips]", State.COMPLETED, begin + 27_000, begin + 60_000)],
    )  # fmt: skip
    rows = pa.table({"id": [600, 601], "fare": [7.5, 8.0], "zone": ["Chelsea"] * 2,
                     "paid": [True, None], "tip": [1.0, 2.0]})  # fmt: skip
    lake.dataset("nyc.trips").append(rows, message="November", run_id=child)
    build.now = begin + 61_000
    build.end(child, inner, State.COMPLETED)
    build.now = begin + 62_400
    build.end(run_id, fence, State.COMPLETED)
    return run_id


def _artifacts(at: int) -> list[dict[str, Any]]:
    bodies: Sequence[tuple[str, str, Any]] = (
        ("markdown", "summary", "# November\n\nTwo files, *198,122* rows.\n\n> none was refused"),
        ("table", "by-zone", [{"zone": "Chelsea", "rows": 2}, {"zone": "Midtown", "rows": 150}]),
        ("metric", "rows", {"value": 198122, "unit": "rows"}),
        ("link", "source", {"url": "https://tlc.example/trips", "text": "where it is from"}),
        ("image", "plot", "plots/fares.png"),
    )
    return [
        {"number": n, "at": at + n * 1000, "kind": kind, "key": key, "task": None, "body": body}
        for n, (kind, key, body) in enumerate(bodies, 1)
    ]


def _failed(build: RunBuilder) -> str:
    begin = build.now
    run_id, fence = build.running("sad-heron", "etl", parameters={"year": 2026, "month": 12})
    build.tell(
        run_id, fence,
        tasks=[
            task_row(1, "fetch[1]", State.COMPLETED, begin + 300, begin + 9_000),
            task_row(2, "fetch[2]", State.FAILED, begin + 300, begin + 12_000, attempt=3,
                     reason="HTTP 503 from https://tlc.example/2026-11.parquet"),
        ],
        logs=[
            log_row(1, begin + 500, "fetching 2 files", task=None),
            log_row(2, begin + 900, "try 1 of 3: HTTP 503", 30, task=2),
            log_row(3, begin + 4_000, "try 2 of 3: HTTP 503", 30, task=2),
            log_row(4, begin + 12_000, f"fetch[2] failed\n{TRACEBACK}", 40, task=2),
            log_row(5, begin + 12_100, "closing connections", 10),
        ],
    )  # fmt: skip
    build.now = begin + 12_500
    found = {"exit_code": 1, "signal": None, "peak_memory": 213_000_000,
             "last_lines": ["closing connections"]}  # fmt: skip
    build.end(run_id, fence, State.FAILED, "task fetch[2] failed", error=TRACEBACK,
              post_mortem=found)  # fmt: skip
    return run_id


def tell_hostile(lake: Lake, start: int, texts: Sequence[str]) -> str:
    """A run whose every text somebody chose who means no good; returns its id."""
    build = RunBuilder(lake, start)
    whole = "".join(texts)
    for text in texts:
        build.create(text, text, tags=(text,), origin=text)
    run_id = build.create(whole[:300], whole, parameters=dict.fromkeys(texts, whole))
    fence = build.start(run_id)
    at = build.now
    build.tell(
        run_id, fence,
        tasks=[task_row(n, text, State.FAILED, at, at + n, reason=whole, child=text)
               for n, text in enumerate(texts, 1)],
        logs=[log_row(n, at, text, 40, task=n) for n, text in enumerate(texts, 1)],
        reads=[{"dataset": text or "none", "version": 1, "name": text, "at": at}
               for text in texts],
        artifacts=_odd_artifacts(at, texts, whole),
        progress=[{"number": 1, "label": whole, "done": -5, "total": 0, "at": at},
                  {"number": 2, "label": whole, "done": 9**18, "total": 3, "at": at}],
    )  # fmt: skip
    build.end(run_id, fence, State.CRASHED, whole, error=whole + "\n" + texts[2],
              post_mortem=dict.fromkeys(texts, whole) | {"last_lines": list(texts)})  # fmt: skip
    return run_id


def _odd_artifacts(at: int, texts: Sequence[str], whole: str) -> list[dict[str, Any]]:
    bodies: list[Any] = [*texts, None, 5, [], {}, [[]], [1, {"a": 2}], {"a": [1], "b": whole}]
    bodies += [{"rows": [whole, 5], "columns": 7}, {"rows": [[whole]], "columns": [whole, 2]}]
    bodies += [[{text: whole} for text in texts], {text: list(texts) for text in texts}]
    kinds = ("markdown", "table", "link", "metric", "image", whole)
    return [
        {"number": n, "at": at, "kind": kind, "key": whole, "task": None, "body": body}
        for n, (kind, body) in enumerate(((k, b) for k in kinds for b in bodies), 1)
    ]


def _others(build: RunBuilder, made: dict[str, str]) -> None:
    """One run in each of the other states."""
    for name, after, reason in (
        ("lost-mole", State.CRASHED, "killed by signal 9: out of memory?"),
        ("slow-snail", State.FAILED, "timed out after 30 s"),
    ):
        made[name], fence = build.running(name, "export")
        build.now += 30 * SECOND
        build.end(made[name], fence, after, reason)
    made["shy-deer"] = build.create("shy-deer", "export")
    build.moves.ask_cancel(made["shy-deer"], "ana")
    made["idle-cat"] = build.create("idle-cat", "export", state=State.SKIPPED,
                                    reason="the run before it had not ended")  # fmt: skip
    made["late-lark"] = build.create("late-lark", "export")
    made["next-newt"] = build.create("next-newt", "export", due_in=90 * MINUTE)
    made["keen-kiwi"], fence = build.running("keen-kiwi", "clean")
    build.end(made["keen-kiwi"], fence, State.SCHEDULED, "HTTP 503; try 2 of 3 in 10 m",
              due_at=build.now + 10 * MINUTE)  # fmt: skip
    made["firm-fox"], fence = build.running("firm-fox", "clean")
    build.end(made["firm-fox"], fence, State.SCHEDULED, "HTTP 503", due_at=build.now)
    build.start(made["firm-fox"])
    made["mild-mink"], _ = build.running("mild-mink", "clean")
    build.moves.ask_cancel(made["mild-mink"], "ana")


def _live(build: RunBuilder, lake: Lake) -> str:
    begin = build.now
    run_id, fence = build.running("busy-badger", "etl", parameters={"year": 2027, "month": 1})
    build.tell(
        run_id, fence,
        tasks=[
            task_row(1, "fetch[1]", State.COMPLETED, begin + 300, begin + 22_000),
            task_row(2, "fetch[2]", State.COMPLETED, begin + 300, begin + 31_000, attempt=2),
            task_row(3, "clean", State.COMPLETED, begin + 31_000, begin + 75_000, waits=(1, 2)),
            task_row(4, "load_raw", State.RUNNING, begin + 75_500, None, waits=(3,)),
            task_row(5, "notify", State.PENDING, None, None, waits=(4,)),
        ],
        progress=[{"number": 1, "label": "rows", "done": 122_004, "total": 198_122,
                   "at": begin + 100_000},
                  {"number": 2, "label": "retries", "done": 3, "total": None,
                   "at": begin + 100_000}],
    )  # fmt: skip
    lines = [f"batch {n} of 190 rows=1,000" for n in range(60)]
    build.log(run_id, fence, lines)
    return run_id
