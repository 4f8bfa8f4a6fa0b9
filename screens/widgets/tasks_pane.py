"""The tasks of a run: as a tree, and as bars over time. Fifty thousand cost what thirty do."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from jobs.model import Run, TaskRun
from screens import standing
from screens.run_tasks import Row, row_of
from screens.shared import Shared
from screens.text import cut_end, duration, instant
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

_NONE = Notice("No task yet.", ("The flow has called none: its own lines stand in the log.",))
_TICK = 16  # columns from one time of the axis to the next
_OTHERS = 46  # columns that a bar leaves to name and duration, with their gaps


class TasksPane(Grid):
    """The tree: a line a task, in the order in which they were called."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(name="tasks")
        self._shared = shared

    def fill(self, rows: Sequence[Row | TaskRun], counts: str) -> None:
        """Show a tree, the cursor where it was."""
        self.border_title = Content(f"Tasks {counts}")
        if not rows:
            self.tell(_NONE)
            return
        columns = (
            Column("STATE", standing.WIDEST, least=11, rank=9),
            Column("TASK", 60, least=16, cut="middle", rank=8),
            Column("TOOK", 9, right=True, rank=7),
            Column("TRY", 3, right=True, rank=4),
            Column("AFTER", 12, least=5, rank=2),
            Column("WHY", 50, least=10, rank=5),
        )
        kept = self.cursor
        self.show(columns, Listed(rows, self._task_cells), kept)

    @property
    def row(self) -> Row | None:
        """The line under the cursor."""
        if isinstance(self.rows, Listed) and self.cursor < len(self.rows):
            return row_of(self.rows.items[self.cursor])
        return None

    def _task_cells(self, found: Row | TaskRun) -> Sequence[Cell]:
        row = row_of(found)
        task = row.task
        stands = standing.of_task(task)
        taken = standing.took(task, self._shared.milliseconds)
        fold = "" if row.open is None else "▾ " if row.open else "▸ "
        wrong = task.state in standing.WENT_WRONG
        return (
            Cell(str(stands), stands.look),
            Cell(f"{'  ' * row.depth}{fold}{task.name}", "accent" if fold else "name"),
            Cell("-" if taken is None else duration(taken), "dim"),
            Cell(str(task.attempt) if task.attempt > 1 else "", "warn"),
            Cell(" ".join(map(str, task.waits_for[:20])), "dim"),
            Cell(task.reason or "", "bad" if wrong else "dim"),
        )


class TimelinePane(Grid):
    """A bar a task, under an axis of time that grows with the run."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(name="timeline")
        self._shared = shared
        self._start, self._end, self._wide = 0, 1, 10
        self._filled: tuple[Run, Sequence[TaskRun]] | None = None

    def on_resize(self) -> None:
        """Draw axis and bars for the new width."""
        super().on_resize()
        if self._filled is not None:
            self.fill(*self._filled)

    def fill(self, run: Run, tasks: Sequence[TaskRun]) -> None:
        """Show the tasks of a run over its time, the cursor where it was."""
        self._filled = run, tasks
        now = self._shared.milliseconds
        begun = [task.started_at for task in tasks[:1] if task.started_at is not None]
        self._start = min([run.started_at or run.created_at, *begun])
        self._end = max(self._start + 1, now if run.ended_at is None else run.ended_at)
        self._wide = max(10, self.size.width - _OTHERS)
        self.border_title = Content(f"Timeline · {duration(self._end - self._start)}")
        if not tasks:
            self.tell(_NONE)
            return
        columns = (
            Column("TASK", 28, least=12, cut="middle", rank=9),
            Column("TOOK", 9, right=True, rank=7),
            Column(self._axis(), self._wide, least=10, rank=8),
        )
        kept = self.cursor
        self.show(columns, Listed(tasks, self._bar_cells), kept)

    @property
    def chosen(self) -> TaskRun | None:
        """The task under the cursor."""
        if isinstance(self.rows, Listed) and self.cursor < len(self.rows):
            task: TaskRun = self.rows.items[self.cursor]
            return task
        return None

    def _axis(self) -> str:
        """Times over the bars: since the start, or of the day after `T`."""
        step = (self._end - self._start) / self._wide
        told = []
        for column in range(0, max(1, self._wide - 8), _TICK):
            at = int(self._start + column * step)
            if self._shared.absolute_times:
                tick = f"{instant(at):%H:%M:%S}"
            else:
                tick = f"+{duration(at - self._start)}" if column else "0"
            told.append(f"{cut_end('╷' + tick, _TICK - 1):<{_TICK}}")
        return "".join(told).rstrip()

    def _bar_cells(self, task: TaskRun) -> Sequence[Cell]:
        stands = standing.of_task(task)
        taken = standing.took(task, self._shared.milliseconds)
        return (
            Cell(f"{stands.sign} {task.name}", stands.look),
            Cell("-" if taken is None else duration(taken), "dim"),
            Cell(self._bar(task), stands.look if stands.look != "good" else "accent"),
        )

    def _bar(self, task: TaskRun) -> str:
        if task.started_at is None:
            return ""
        step = (self._end - self._start) / self._wide
        ended = self._end if task.ended_at is None else task.ended_at
        first = max(0, min(int((task.started_at - self._start) / step), self._wide - 1))
        last = max(first, min(int((ended - self._start) / step), self._wide - 1))
        bar = "█" * (last - first) or "▌"
        if task.ended_at is None:
            bar += "▸"
        elif task.state in standing.WENT_WRONG:
            bar += "✖"
        return " " * first + cut_end(bar, self._wide - first)
