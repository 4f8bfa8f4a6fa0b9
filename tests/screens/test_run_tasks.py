"""The tasks of a run in pages: what is read again, and what is not."""

from __future__ import annotations

import pytest
from run_builder import RunBuilder, task_row
from wrapped import Wrapped

from jobs.states import State
from lakectl.dashboard import LakeBackend
from lakectl.root import init_lake, open_lake
from screens import run_tasks
from screens.run_tasks import TaskBook, row_of, tree


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A lake in which nothing but runs is, and pages of ten tasks."""
    monkeypatch.setattr(run_tasks, "_PAGE", 10)
    init_lake(tmp_path / "lake")
    with open_lake(tmp_path / "lake") as lake:
        builder = RunBuilder(lake, 1_795_000_000_000)
        builder.backend = LakeBackend(lake)
        yield builder


def rows(numbers, state=State.COMPLETED, **more):
    return [task_row(n, f"t[{n}]", state, n, n + 1, **more) for n in numbers]


def read_all(book, live=True):
    while book.take(book.read(book.wanted(live))):
        pass
    return [task.number for task in book.tasks]


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 95])
def test_every_task_is_read_once_and_in_order(build, size):
    run_id, fence = build.running("bee", "etl")
    build.tell(run_id, fence, tasks=rows(range(1, size + 1)))
    book = TaskBook(build.backend, run_id)
    assert read_all(book) == list(range(1, size + 1))
    assert read_all(book) == list(range(1, size + 1))
    assert book.counts().startswith(str(size))


def test_a_number_that_is_missing_hides_no_later_task(build):
    run_id, fence = build.running("bee", "etl")
    there = [n for n in range(1, 36) if n not in {3, 11, 12, 20}]
    build.tell(run_id, fence, tasks=rows(there))
    book = TaskBook(build.backend, run_id)
    assert read_all(book) == there
    assert book.name(13) == "t[13]"
    assert book.name(12) == "task 12"
    assert book.name(999) == "task 999"


def test_of_a_live_run_only_pages_with_open_tasks_are_read_again(build):
    run_id, fence = build.running("bee", "etl")
    build.tell(run_id, fence, tasks=rows(range(1, 96)))
    build.tell(run_id, fence, tasks=rows([25], State.RUNNING))
    asked = []

    def run_tasks_of(run_id, after, limit):
        asked.append(after)
        return build.backend.run_tasks(run_id, after, limit)

    book = TaskBook(Wrapped(build.backend, run_tasks=run_tasks_of), run_id)
    read_all(book)
    asked.clear()
    build.tell(run_id, fence, tasks=rows([25, 96]))
    read_all(book)
    assert asked == [20, 90]
    assert book.tasks[24].state is State.COMPLETED
    assert len(book.tasks) == 96


def test_when_a_run_has_ended_no_task_stays_open(build):
    run_id, fence = build.running("bee", "etl")
    build.tell(run_id, fence, tasks=rows(range(1, 96), State.RUNNING))
    book = TaskBook(build.backend, run_id)
    read_all(book)
    build.end(run_id, fence, State.CRASHED, "the machine went away")
    read_all(book, live=False)
    assert {task.state for task in book.tasks} == {State.CRASHED}


def test_tasks_of_an_open_subflow_stand_below_its_line(build):
    run_id, fence = build.running("bee", "etl")
    build.tell(run_id, fence, tasks=rows([1]) + rows([2], child="c" * 32) + rows([3]))
    book = TaskBook(build.backend, run_id)
    read_all(book)
    closed = [row_of(found) for found in tree(book.tasks, {})]
    assert [(row.task.number, row.open) for row in closed] == [(1, None), (2, False), (3, None)]
    opened = [row_of(found) for found in tree(book.tasks, {"c" * 32: book.tasks[:1]})]
    assert [(row.task.number, row.depth) for row in opened] == [(1, 0), (2, 0), (1, 1), (3, 0)]
