"""The tasks of a run, read in pages by number; of a live run only what can change is read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobs.model import TaskRun
from jobs.states import LIVE
from screens import standing
from screens.backend import Backend

_PAGE = 1000
_AGAIN = 4  # pages with open tasks that are read again at once; the next ones the next time


class Row(NamedTuple):
    """A line of the tree."""

    task: TaskRun
    depth: int = 0
    open: bool | None = None  # of a subflow: whether its tasks stand below it


class TaskPage(NamedTuple):
    """The tasks of a range of numbers, some of which may be missing."""

    tasks: Sequence[TaskRun] = ()
    more: bool = False  # there are tasks of higher numbers

    @property
    def is_open(self) -> bool:
        """Whether one of them can still change."""
        return any(task.state in LIVE for task in self.tasks)


class TaskBook:
    """Every task that is known of one run."""

    def __init__(self, backend: Backend, run_id: str) -> None:
        self._backend = backend
        self._run_id = run_id
        self._pages: list[TaskPage] = []
        self._turn = 0
        self.tasks: list[TaskRun] = []

    def wanted(self, live: bool) -> list[int]:
        """Which pages to read: the last, and those that are open; of a live run a few of them."""
        last = max(0, len(self._pages) - 1)
        opened = [at for at, page in enumerate(self._pages[:last]) if page.is_open]
        if not live:
            return [*opened, last]
        turned = opened[self._turn :] + opened[: self._turn]
        self._turn = (self._turn + _AGAIN) % max(1, len(opened))
        return [*turned[:_AGAIN], last]

    def read(self, pages: Sequence[int]) -> dict[int, TaskPage]:
        """Read some pages; blocking."""
        return {at: self._page(at) for at in pages}

    def _page(self, at: int) -> TaskPage:
        found = self._backend.run_tasks(self._run_id, at * _PAGE, _PAGE)
        here = [task for task in found if task.number <= (at + 1) * _PAGE]
        return TaskPage(here, len(found) == _PAGE)

    def take(self, pages: Mapping[int, TaskPage]) -> bool:
        """Take what was read; returns whether there may be more at once."""
        for at, page in sorted(pages.items()):
            if at == len(self._pages):
                self._pages.append(page)
            elif at < len(self._pages):
                self._pages[at] = page
        more = bool(self._pages) and self._pages[-1].more
        if more:
            self._pages.append(TaskPage())
        self.tasks = [task for page in self._pages for task in page.tasks]
        return more

    def name(self, number: int) -> str:
        """What a task is called."""
        at = (number - 1) // _PAGE
        page = self._pages[at] if 0 <= at < len(self._pages) else TaskPage()
        return next((t.name for t in page.tasks if t.number == number), f"task {number}")

    def counts(self) -> str:
        """`7 · ✔ 4 · ▸ 1`: how many tasks there are, and how they stand."""
        found = Counter(task.state for task in self.tasks)
        told = (f"{standing.named(state.capitalize()).sign} {number:,}"
                for state, number in sorted(found.items()))  # fmt: skip
        return " · ".join([f"{len(self.tasks):,}", *told])


def row_of(found: Row | TaskRun) -> Row:
    """A task as a line of its own; lines are made of those that are on the screen only."""
    if isinstance(found, Row):
        return found
    return Row(found, 0, None if found.child_run is None else False)


def tree(
    tasks: Sequence[TaskRun], below: Mapping[str, Sequence[TaskRun]]
) -> Sequence[Row | TaskRun]:
    """The tasks in their order, those of opened subflows below the line of each."""
    if not below:
        return tasks
    rows: list[Row | TaskRun] = []
    for task in tasks:
        child = task.child_run
        opened = None if child is None else child in below
        rows.append(Row(task, 0, opened))
        if child is not None and opened:
            rows += [Row(t, 1, None if t.child_run is None else False) for t in below[child]]
    return rows
