"""Whatever stops a run, wherever: no run stays live, none ends twice, each write lands once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from battery_table import Figure
from flow_project import Project

from jobs.states import LIVE, TERMINAL, State
from lakectl.root import init_lake, open_lake

_FLOW = """
    import time
    import pandas as pd
    from lakectl import flow, task, lake

    @task
    def load(number):
        lake().dataset("n.t").append(pd.DataFrame({"a": [number]}))

    @flow(retries=0)
    def etl(rows: int = 2):
        for number in range(rows):
            load(number)

    @flow(retries=10_000)
    def stubborn(rows: int = 5):
        for number in range(rows):
            load(number)
"""
_SUPERVISOR = ("run.created", "run.claimed", "run.moving", "run.moved", "run.moved#2",
               "run.recorded", "run.ending", "store.commit", "store.commit#3",
               "store.answer#2")  # fmt: skip
_CHILD = ("child.started", "intent.announced", "publish.placed", "commit.staged", "swap.moved",
          "swap.recorded", "swap.committed", "store.commit", "store.answer", "task.ended",
          "child.ended")  # fmt: skip
_FAULTS = ("KILL", "TERM", "ERROR", "EIO")


@pytest.fixture(params=["sqlite", "postgres"])
def flows(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """Return a project on either kind of store."""
    root = tmp_path / "lake"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setenv("LAKECTL_DATABASE", url)  # its password is written nowhere
        init_lake(root, database=url)
    else:
        init_lake(root)
    with open_lake(root) as lake:
        project = Project(root, lake)
        project.write(_FLOW)
        yield project


def _cases() -> list[object]:
    """Every point with every fault on both stores; `make test` kills on SQLite."""
    found: list[object] = []
    for store in ("sqlite", "postgres"):
        for who, points in (("supervisor", _SUPERVISOR), ("child", _CHILD)):
            for point in points:
                for fault in _FAULTS:
                    quick = fault == "KILL" and store == "sqlite"
                    marks = () if quick else (pytest.mark.battery,)
                    name = f"{store}-{who}-{point}-{fault}"
                    found.append(pytest.param(store, who, point, fault, marks=marks, id=name))
    return found


def _ends(project: Project, run_id: str) -> list[State]:
    events = project.lake.runs.history.events(run_id)
    return [event.state for event in events if event.state in TERMINAL]


@pytest.mark.parametrize(("flows", "who", "point", "fault"), _cases(), indirect=["flows"])
def test_a_run_that_is_stopped_ends_once_and_what_it_wrote_is_there_once(
    flows: Project, who: str, point: str, fault: str
) -> None:
    name = "LAKECTL_CRASH_AT" + ("_CHILD" if who == "child" else "")
    flows.command("flow", "run", "etl", **{name: f"{point}:{fault}"})
    flows.lake.runs.reap()
    runs = flows.lake.runs.page()
    assert [r for r in runs if r.state in LIVE - {State.SCHEDULED}] == []
    for run in runs:
        assert len(_ends(flows, run.id)) == (run.state in TERMINAL)
    if not runs:  # the run was not made: nothing of it is there
        assert flows.lake.ls() == []
        return
    (run,) = runs
    if run.state is State.SCHEDULED:  # made, and never begun
        flows.lake.runs.cancel(run.id)
    if run.state is not State.COMPLETED:
        resumed = flows.lake.runs.finish(flows.lake.runs.resume(run.id))
        assert resumed.state is State.COMPLETED, resumed.reason
    assert sorted(flows.lake.dataset("n.t").to_pandas().a) == [0, 1]
    versions = flows.lake.versions("n.t")
    assert len(versions) == 2


@pytest.mark.parametrize("flows", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "kills", [pytest.param(300, marks=pytest.mark.battery), 15], ids=["long", "short"]
)
def test_flows_that_are_killed_at_random_and_tried_again_write_each_row_once(
    flows: Project, kills: int, chance: random.Random, figure: Figure
) -> None:
    supervisor = flows.lake.runs.supervisor(warm=True)
    killed, completed = 0, 0
    states: Counter[str] = Counter()
    while killed < kills:
        ordered = flows.lake.runs.orders.submit(flows.lake.runs.flow("stubborn"), {})
        supervisor.start(ordered.run.id, ordered.launch)
        due = time.monotonic() + chance.uniform(0.05, 0.7)
        while supervisor.watches(ordered.run.id):
            supervisor.step(0.02)
            pids = [w.pid for w in supervisor.watched() if w.pid]
            if pids and time.monotonic() >= due and killed < kills:
                with suppress(ProcessLookupError):  # it was faster
                    os.kill(pids[0], signal.SIGKILL)
                    killed += 1
                due = time.monotonic() + chance.uniform(0.05, 0.7)
        run = flows.last(ordered.run.id)
        states[run.state] += 1
        assert run.state is State.COMPLETED, run.reason
        assert len(_ends(flows, run.id)) == 1
        completed += 1
    found = Counter(flows.lake.dataset("n.t").to_pandas().a)
    assert found == dict.fromkeys(range(5), completed)
    assert threading.active_count() < 20
    figure(
        "R4",
        f"{killed} SIGKILLs at random instants of flows that append five times, tried again",
        f"{completed} runs completed, {5 * completed} rows, each once; no run ended twice",
    )
