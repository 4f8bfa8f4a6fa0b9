"""Flows and tasks as people write them: calls, futures, maps, subflows, states, names, hooks."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from flow_project import Project

import lakectl
from jobs.states import State
from lakectl import (
    SequentialTaskRunner,
    allow_failure,
    artifact,
    flow,
    get_run_logger,
    progress,
    task,
    unmapped,
)


@task
def double(number: int) -> int:
    return 2 * number


@task
def fails(number: int = 0) -> int:
    raise ValueError(f"no {number}")


def test_a_flow_gives_its_result_and_leaves_a_run_with_its_parameters_and_tasks(
    project: Project,
) -> None:
    @flow
    def adds(first: int, second: int = 4) -> int:
        return double(first) + double(number=second)

    assert adds("3") == 14
    run = project.last()
    assert (run.flow, run.state, run.attempt) == ("adds", State.COMPLETED, 1)
    assert project.lake.runs.history.details(run.id).parameters == {"first": 3, "second": 4}
    assert {t.name: t.state for t in project.tasks().values()} == {
        "double-0": State.COMPLETED,
        "double-1": State.COMPLETED,
    }
    assert "-" in run.name


def test_a_task_outside_of_a_flow_is_the_plain_function() -> None:
    assert double(4) == 8
    assert fails(return_state=True).is_failed()
    with pytest.raises(lakectl.InvalidInput, match="inside a flow"):
        double.submit(4)


def test_futures_become_results_wherever_they_are_given(project: Project) -> None:
    @task
    def gather(several: dict[str, Any]) -> int:
        return sum(several["a"]) + several["b"]

    @flow
    def nested() -> int:
        one, two = double.submit(1), double.submit(2)
        return gather.submit({"a": [one, two], "b": one}).result()

    assert nested() == 8
    waits = project.tasks()["gather-0"].waits_for
    assert set(waits) == {1, 2}


def test_tasks_that_were_submitted_run_beside_each_other(project: Project) -> None:
    meeting = threading.Barrier(3, timeout=20)

    @task
    def meets() -> None:
        meeting.wait()

    @flow
    def together() -> None:
        for _ in range(3):
            meets.submit()

    together()
    assert project.last().state is State.COMPLETED


def test_a_task_waits_for_what_it_is_told_to_wait_for(project: Project) -> None:
    seen: list[str] = []

    @task
    def slow() -> None:
        time.sleep(0.2)
        seen.append("slow")

    @task
    def after() -> None:
        seen.append("after")

    @flow
    def ordered() -> None:
        first = slow.submit()
        after.submit(wait_for=[first])

    ordered()
    assert seen == ["slow", "after"]


def test_map_goes_through_lists_and_gives_everything_else_to_each(project: Project) -> None:
    @task
    def joined(a: int, b: str, c: list[int]) -> str:
        return f"{a}{b}{sum(c)}"

    @flow
    def maps() -> list[str]:
        return joined.map([1, 2, 3], "x", c=unmapped([4, 5])).result()

    assert maps() == ["1x9", "2x9", "3x9"]


def test_map_refuses_lists_of_several_lengths_and_nothing_at_all(project: Project) -> None:
    @flow
    def uneven() -> None:
        double.map(number=[1])
        fails.map([])
        with pytest.raises(lakectl.InvalidInput, match="several lengths"):
            _joined.map([1, 2], [1])
        with pytest.raises(lakectl.InvalidInput, match="nothing to go through"):
            double.map(3)

    @task
    def _joined(a: int, b: int) -> int:
        return a + b

    uneven()


def test_what_needs_a_failed_task_is_not_run_unless_it_allows_that(project: Project) -> None:
    @task
    def kind_of(value: Any) -> str:
        return type(value).__name__

    @flow
    def partly() -> str:
        bad = fails.submit(3)
        skipped = double.submit(bad)
        told: str = kind_of(allow_failure(bad))
        assert skipped.wait().state is State.SKIPPED
        return told

    assert partly() == "ValueError"
    assert project.tasks()["double-0"].reason == "fails-0 did not complete"


def test_a_flow_whose_task_failed_unseen_has_failed(project: Project) -> None:
    @flow
    def careless() -> str:
        fails.submit(1)
        return "all is well"

    state = careless(return_state=True)
    assert state.is_failed()
    assert state.message == "A task did not complete: fails-0."
    assert project.last().state is State.FAILED


def test_a_failure_that_was_looked_at_is_the_flows_own_affair(project: Project) -> None:
    @flow
    def careful() -> int:
        try:
            fails(1)
        except ValueError:
            return 1
        return 2

    assert careful() == 1
    assert project.last().state is State.COMPLETED


def test_a_flow_that_returns_states_or_futures_ends_as_they_do(project: Project) -> None:
    @flow
    def returns(what: str) -> Any:
        if what == "state":
            return fails(return_state=True)
        if what == "future":
            return fails.submit()
        return [double.submit(1), double.submit(2)]

    assert returns("state", return_state=True).is_failed()
    assert returns("future", return_state=True).is_failed()
    assert returns("futures") == [2, 4]


def test_a_subflow_is_a_run_of_its_own_and_a_line_of_its_parent(project: Project) -> None:
    @flow
    def inner(number: int) -> int:
        return int(double(number))

    @flow
    def outer() -> int:
        return int(inner(4))

    assert outer() == 8
    run = project.last()
    line = project.tasks(run)["inner-0"]
    child = project.last(line.child_run or "")
    assert (child.flow, child.parent, child.state) == ("inner", run.id, State.COMPLETED)
    assert list(project.tasks(child)) == ["double-0"]


def test_subflows_that_call_each_other_in_a_circle_are_told_by_their_chain(
    project: Project,
) -> None:
    @flow
    def ping() -> None:
        pong()

    @flow
    def pong() -> None:
        ping()

    with pytest.raises(RecursionError, match=r"in a circle, 20 deep: p.ng > p.ng"):
        ping()
    assert project.ended().state is State.FAILED


def test_names_come_from_templates_and_only_arguments_fill_them(project: Project) -> None:
    @task(task_run_name="load-{month:02d}")
    def load(month: int) -> None: ...

    @task(task_run_name="{month.__class__}")
    def nosy(month: int) -> None: ...

    @flow(name="Taxi", flow_run_name="taxi of {year}")
    def taxi(year: int) -> None:
        load(3)
        assert nosy(1, return_state=True).is_failed()

    taxi(2021)
    run = project.last()
    assert (run.flow, run.name) == ("Taxi", "taxi of 2021")
    assert "load-03" in project.tasks()


def test_hooks_hear_of_the_end_and_cannot_change_it(project: Project) -> None:
    heard: list[str] = []

    def hook(what: Any, told: Any, state: Any) -> None:
        heard.append(f"{what.name} {state.name}")

    def breaks(what: Any, told: Any, state: Any) -> None:
        raise RuntimeError("a bad hook")

    @task(on_completion=[hook], on_failure=[hook])
    def one(good: bool) -> None:
        if not good:
            raise ValueError

    @flow(on_completion=[breaks, hook], on_failure=[hook])
    def hooked(good: bool) -> None:
        one(good)

    hooked(True)
    assert hooked(False, return_state=True).is_failed()
    assert heard == ["one Completed", "hooked Completed", "one Failed", "hooked Failed"]
    assert any("a bad hook" in line for line in project.logged(_second(project)))


def _second(project: Project) -> Any:
    return project.lake.runs.page(limit=2)[1]


def test_prints_and_log_lines_are_told_with_their_task(project: Project) -> None:
    @task
    def says() -> None:
        print("in the task", 1, 2, sep="|")
        get_run_logger().warning("careful %s", "now")

    @flow(log_prints=True)
    def talks() -> None:
        print("in the flow")
        says()

    talks()
    lines = project.lake.runs.history.logs(project.last().id)
    told = {(line.message, line.level, line.task) for line in lines}
    assert ("in the flow", 20, None) in told
    assert ("in the task|1|2", 20, 1) in told
    assert ("careful now", 30, 1) in told


def test_progress_and_artifacts_are_kept_with_the_run(project: Project) -> None:
    @flow
    def shows() -> None:
        for _ in progress(range(7), "rows"):
            pass
        artifact("notes", markdown="# well")
        artifact("top", table=[{"a": 1, "b": float("nan")}, {"a": 2, "c": "x"}])
        artifact("rows", metric=12.5)
        with pytest.raises(lakectl.InvalidInput, match="takes one of"):
            artifact("both", metric=1, link="https://x")

    shows()
    history, run = project.lake.runs.history, project.last()
    (seen,) = history.progress(run.id)
    assert (seen.label, seen.done, seen.total) == ("rows", 7, 7)
    found = {a.key: (a.kind, a.body) for a in history.artifacts(run.id)}
    assert found["rows"] == ("metric", 12.5)
    assert found["top"][1]["columns"] == ["a", "b", "c"]
    assert found["top"][1]["rows"] == [[1, "nan", None], [2, None, "x"]]


def test_a_sequential_runner_keeps_the_order(project: Project) -> None:
    seen: list[int] = []

    @task
    def note(number: int) -> None:
        time.sleep(0.01 * (5 - number))
        seen.append(number)

    @flow(task_runner=SequentialTaskRunner())
    def ordered() -> None:
        note.map([1, 2, 3, 4])

    ordered()
    assert seen == [1, 2, 3, 4]


def test_options_of_a_flow_are_changed_without_touching_the_flow(project: Project) -> None:
    @flow(retries=1)
    def base() -> int:
        return 1

    other = base.with_options(name="other", retries=0)
    assert (base.name, base.options.retries) == ("base", 1)
    assert (other.name, other.options.retries, other()) == ("other", 0, 1)


def test_what_is_no_option_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(lakectl.InvalidInput, match="no option 'retrys'"):
        flow(retrys=3)
    with pytest.raises(lakectl.InvalidInput, match="not negative"):
        task(retries=-1)(lambda: None)

    async def waits() -> None: ...

    with pytest.raises(lakectl.InvalidInput, match="async"):
        flow(waits)


def test_where_there_is_no_lake_a_flow_runs_and_says_so_once(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from jobs import local

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAKECTL_LAKE", raising=False)
    monkeypatch.setattr(local, "_notices", set())

    @flow
    def alone() -> int:
        return int(double(2))

    assert (alone(), alone()) == (4, 4)
    assert capsys.readouterr().err.count("This run is not recorded") == 1


class Mute(Exception):
    """An error that cannot tell of itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_whatever_a_flow_or_a_task_raises_is_told_as_its_outcome(project: Project) -> None:
    @task
    def mute() -> None:
        raise Mute

    @task
    def leaves() -> None:
        raise SystemExit(3)

    @flow
    def odd(what: str) -> None:
        if what == "submitted":
            state = leaves.submit().wait()
            assert state.is_crashed()
            raise Mute
        (mute if what == "mute" else leaves)()

    for what in ("mute", "leaves", "submitted"):
        assert odd(what, return_state=True).is_failed(), what
    reasons = {run.reason for run in project.lake.runs.page()}
    assert reasons == {"Mute: its message cannot be told", "SystemExit: 3"}


def test_texts_that_no_database_holds_are_told_all_the_same(project: Project) -> None:
    odd = "NUL \x00, half \ud800, \x1b[31m"

    @task(task_run_name="{word}")
    def says(word: str) -> str:
        print(word)
        return word

    @flow(log_prints=True, flow_run_name="{word}")
    def flows(word: str) -> str:
        artifact(word, markdown=word)
        for _ in progress([1], label=word, total=10**30):
            pass
        return str(says(word))

    assert flows.with_options(validate_parameters=False)(odd) == odd
    run = project.last()
    assert run.state is State.COMPLETED
    assert "NUL \\x00, half \\ud800" in run.name
    assert any("half \\ud800" in line for line in project.logged(run))
    assert flows.with_options(validate_parameters=False)(odd) == odd
