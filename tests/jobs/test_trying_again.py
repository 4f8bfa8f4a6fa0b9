"""Retries, delays, timeouts, caches and limits, each for real."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from flow_project import Project
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import InvalidInput
from jobs import retry
from jobs.states import State
from lakectl import Cache, exponential_backoff, flow, task, task_input_hash


class Flaky:
    """Fails so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise ConnectionError("the source is away")
        return "here"


def test_a_task_is_tried_again_and_every_attempt_is_told(project: Project) -> None:
    source = Flaky(2)

    @task(retries=2)
    def extract() -> str:
        return source()

    @flow
    def etl() -> str:
        return str(extract())

    assert etl() == "here"
    assert project.tasks()["extract-0"].attempt == 3
    told = [line for line in project.logged() if "failed" in line]
    assert told[0].startswith("Task run 'extract-0': attempt 1 of 3 failed: ConnectionError")


def test_a_task_that_has_no_attempts_left_fails_with_its_own_error(project: Project) -> None:
    @task(retries=1)
    def extract() -> None:
        Flaky(9)()

    @flow
    def etl() -> None:
        extract()

    with pytest.raises(ConnectionError, match="the source is away"):
        etl()
    assert project.last().reason == "ConnectionError: the source is away"


def test_only_what_the_condition_allows_is_tried_again(project: Project) -> None:
    calls: list[int] = []

    def transient(_task: Any, _run: Any, state: Any) -> bool:
        return isinstance(state.result(raise_on_failure=False), ConnectionError)

    @task(retries=5, retry_condition_fn=transient)
    def extract() -> None:
        calls.append(1)
        raise ConnectionError if len(calls) < 3 else ValueError("not again")

    @flow
    def etl() -> None:
        extract()

    with pytest.raises(ValueError, match="not again"):
        etl()
    assert len(calls) == 3


def test_a_flow_is_tried_again_as_another_attempt_of_the_same_run(project: Project) -> None:
    source = Flaky(1)

    @flow(retries=1, retry_delay_seconds=0.1)
    def etl() -> str:
        return source()

    assert etl() == "here"
    run = project.last()
    assert (run.state, run.attempt) == (State.COMPLETED, 2)
    states = [event.state for event in project.lake.runs.history.events(run.id)]
    assert states == [
        State.RUNNING,
        State.SCHEDULED,
        State.PENDING,
        State.RUNNING,
        State.COMPLETED,
    ]


@given(
    st.floats(0, 100) | st.lists(st.floats(0, 100), max_size=5),
    st.integers(1, 10),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_delay_is_never_shorter_than_it_says_nor_longer_than_its_jitter(
    spec: Any, attempt: int, jitter: float, chance: float
) -> None:
    plain = retry.delay(spec, 10, attempt, 0, 0)
    found = retry.delay(spec, 10, attempt, jitter, chance)
    assert plain <= found <= plain * (1 + jitter) + 1e-9


def test_delays_are_fixed_listed_or_exponential() -> None:
    assert [retry.delay(3, 3, n, 0, 0) for n in (1, 2, 3)] == [3, 3, 3]
    assert [retry.delay([1, 5], 3, n, 0, 0) for n in (1, 2, 3)] == [1, 5, 5]
    doubling = exponential_backoff(2)
    assert [retry.delay(doubling, 4, n, 0, 0) for n in (1, 2, 3, 4)] == [2, 4, 8, 16]
    with pytest.raises(InvalidInput, match="cannot be waited for"):
        retry.delay(-1, 1, 1, 0, 0)


def test_a_called_task_that_takes_too_long_is_interrupted_in_its_sleep(project: Project) -> None:
    @task(timeout_seconds=0.3)
    def slow() -> None:
        time.sleep(30)

    @flow
    def hurried() -> None:
        slow()

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        hurried()
    assert time.monotonic() - started < 2
    assert project.tasks()["slow-0"].reason == "timed out after 0.3 s"


def test_a_submitted_task_that_sleeps_past_its_time_is_left_behind(project: Project) -> None:
    woke = threading.Event()

    @task(timeout_seconds=0.2)
    def slow() -> None:
        time.sleep(3)
        woke.set()

    @flow
    def hurried() -> str:
        return str(slow.submit().wait().name)

    started = time.monotonic()
    assert hurried() == "TimedOut"
    assert time.monotonic() - started < 2.5
    assert not woke.is_set()


def test_a_task_in_python_is_stopped_between_two_steps(project: Project) -> None:
    @task(timeout_seconds=0.3)
    def spins() -> None:
        while True:
            pass

    @flow
    def hurried() -> str:
        return str(spins.submit().wait().name)

    assert hurried() == "TimedOut"


def test_nothing_is_cached_unless_asked_for(project: Project) -> None:
    calls: list[int] = []

    @task
    def extract(month: int) -> int:
        calls.append(month)
        return month

    @flow
    def etl() -> None:
        extract(1)
        extract(1)

    etl()
    etl()
    assert len(calls) == 4


def test_a_cache_gives_the_result_of_equal_arguments_and_says_why_or_why_not(
    project: Project,
) -> None:
    calls: list[int] = []

    @task(cache=Cache())
    def extract(month: int, kind: str) -> pd.DataFrame:
        calls.append(month)
        return pd.DataFrame({"month": [month], "kind": [kind]})

    @flow
    def etl(month: int, kind: str) -> int:
        return int(extract(month, kind).month.sum())

    assert [etl(1, "a"), etl(1, "a"), etl(2, "a")] == [1, 1, 2]
    assert calls == [1, 2]
    newest, hit, first = (
        project.tasks(run)["extract-0"] for run in project.lake.runs.page(limit=3)
    )
    assert first.reason == "cache miss: nothing was kept of this task"
    assert hit.cached
    assert hit.reason is not None
    assert hit.reason.startswith("cache hit: result of run ")
    assert newest.reason == "cache miss: differs from the last by argument month"


def test_a_cache_key_of_prefects_kind_expires_and_can_be_passed_over(project: Project) -> None:
    calls: list[int] = []

    def extract(month: int) -> int:
        calls.append(month)
        return month

    short = task(cache_key_fn=task_input_hash, cache_expiration=timedelta(seconds=0.2))(extract)
    fresh = short.with_options(refresh_cache=True)

    @flow
    def etl() -> None:
        short(1)
        short(1)
        fresh(1)
        time.sleep(0.3)
        short(1)

    etl()
    assert len(calls) == 3
    reasons = [t.reason for t in project.tasks().values()]
    assert reasons[2] == "cache passed over: refresh_cache"
    assert reasons[3] == "cache miss: what was kept has expired"


def test_a_cache_can_hang_on_the_version_of_a_dataset(project: Project) -> None:
    calls: list[int] = []
    project.lake.dataset("a.b").append(pd.DataFrame({"x": [1]}))

    @task(cache=Cache(dataset="a.b"))
    def count() -> int:
        calls.append(1)
        return len(calls)

    @flow
    def etl() -> int:
        return int(count())

    assert [etl(), etl()] == [1, 1]
    project.lake.dataset("a.b").append(pd.DataFrame({"x": [2]}))
    assert etl() == 2
    assert project.tasks()["count-0"].reason == "cache miss: differs from the last by dataset a.b"


def test_a_result_that_cannot_be_kept_is_told_and_the_task_completes(project: Project) -> None:
    @task(cache=Cache())
    def opens() -> Any:
        return threading.Lock()

    @flow
    def etl() -> bool:
        return opens() is not None

    assert etl()
    line = project.tasks()["opens-0"]
    assert line.state is State.COMPLETED
    assert "cannot be kept" in (line.reason or "")
    assert any("is not kept" in message for message in project.logged())


def test_a_limit_by_tag_holds_across_runs_and_says_who_holds_it(project: Project) -> None:
    project.lake.runs.slots.set_limit("tag:db", 1)
    at_once: list[int] = []
    most: list[int] = []

    @task(tags=["db"])
    def asks() -> None:
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.05)
        at_once.pop()

    @flow
    def many() -> None:
        for _ in range(4):
            asks.submit()

    threads = [threading.Thread(target=many) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert max(most) == 1
    assert len(most) == 8
    assert project.lake.runs.slots.uses("tag:db") == []


def test_a_limit_by_flow_holds_for_runs_here_and_in_processes_of_their_own(
    project: Project,
) -> None:
    project.write("""
        import time
        from lakectl import flow
        @flow
        def one():
            time.sleep(0.7)
    """)
    project.lake.runs.slots.set_limit("flow:one", 1)
    commands = [project.popen("flow", "run", "one") for _ in range(3)]
    assert [command.wait(60) for command in commands] == [0, 0, 0]
    runs = sorted(project.lake.runs.page(), key=lambda run: run.started_at or 0)
    for before, after in itertools.pairwise(runs):
        assert (before.ended_at or 0) <= (after.started_at or 0)
