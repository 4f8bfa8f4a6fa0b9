"""One run: its log, its tasks as a tree and over time, its data, what it shows, why it failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from textual.content import Content
from textual.widget import Widget

from catalog.errors import LakeError, NotFound
from jobs.model import Artifact, Progress, Read, Run, TaskRun, Write
from screens import messages, run_told, standing
from screens.commands import Context
from screens.keys import bindings
from screens.run_log import Line, LogReader
from screens.run_log_keys import LogKeys
from screens.run_tasks import TaskBook, TaskPage, tree
from screens.shared import Shared
from screens.text import count, duration, exact, instant
from screens.widgets.bars import StatusLine, TabLine
from screens.widgets.data_pane import DataPane
from screens.widgets.facts import Facts
from screens.widgets.facts import Line as FactLine
from screens.widgets.grid import Grid
from screens.widgets.log_pane import LogPane
from screens.widgets.notice import Notice
from screens.widgets.page import Page
from screens.widgets.results import notice_of
from screens.widgets.tasks_pane import TasksPane, TimelinePane

T = TypeVar("T")
TABS = ("Log", "Tasks", "Timeline", "Data", "Artifacts", "Facts")
_FIRST = {"log": "#log-lines", "tasks": "#tasks", "timeline": "#timeline", "data": "#data",
          "artifacts": "#artifacts", "facts": "#facts"}  # fmt: skip
_NO_ARTIFACT = Notice("Nothing to show.", ("Artifacts that the flow makes stand here.",))
_NO_FACT = Notice("Reading the run …")


class RunScreen(LogKeys):
    """The details of one run in six tabs; of one that is live, as it goes on."""

    PLACE = "run"
    CSS_PATH = "run.tcss"
    BINDINGS = bindings("run")

    def __init__(self, shared: Shared, run_id: str) -> None:
        super().__init__(shared)
        self.run_id = run_id
        self._known: run_told.Known | None = None
        self._tab = "log"
        self._log = LogReader(shared.backend, run_id)
        self._book = TaskBook(shared.backend, run_id)
        self._below: dict[str, Sequence[TaskRun]] = {}  # the tasks of subflows that are open
        self._busy: set[str] = set()  # what is being read on
        self._placed = False  # the cursor of the log stands where it belongs at first

    def middle(self) -> Iterable[Widget]:
        """What the run is, the tabs, and their panes, of which one is shown."""
        yield TabLine(TABS)
        yield Facts(id="head")
        yield LogPane(self.shared)
        for pane in (TasksPane(self.shared), TimelinePane(self.shared), DataPane(self.shared),
                     Page("artifacts"), Page("facts")):  # fmt: skip
            pane.add_class("pane")
            yield pane

    def on_mount(self) -> None:
        """Paint, and only then ask."""
        self.lead("runs", self.run_id[:12])
        for grid in self.query(Grid):
            grid.tell(Notice("Reading …"))
        self._choose("log")
        self.runs_changed()

    @property
    def _run(self) -> Run | None:
        return self._known.run if self._known else None

    def ordered_run(self) -> Run | None:
        """The run."""
        return self._run

    def context(self) -> Context:
        """The run and the tab."""
        run, focused = self._run, self.focused
        cell = None
        if isinstance(focused, Grid) and focused.cursor < len(focused.rows):
            row = focused.rows.row(focused.cursor)
            named = {"log": -1, "tasks": 1, "data": 1}.get(self._tab)
            cell = None if not row else row[-1 if named is None else named].text
        return Context(
            "run",
            tab=self._tab,
            cell=(cell or "").strip() or None,
            run=self.run_id,
            live=run is not None and run.is_live,
            wrote=run is not None and run.started_at is not None,
            flow=run.flow if run else None,
        )

    def lake_changed(self) -> None:
        """A version that the run made, or an order that was given from here."""
        self.runs_changed()

    def runs_changed(self) -> None:
        """Read the run again; what is shown stays until the answer is there."""
        backend, run_id = self.backend, self.run_id

        def read() -> run_told.Known:
            run = backend.run(run_id)
            if run.id != run_id:  # what loads a version may call itself what it likes
                raise NotFound(f"There is no run with the id {run_id!r}.", "lakectl run ls")
            return run_told.Known(run, backend.run_details(run_id), backend.run_events(run_id))

        self.ask("run", read, self._take, self._failed)

    def _take(self, known: run_told.Known) -> None:
        self._known = known
        self.trouble(False)
        self.lead("runs", known.run.name)
        self._show_head()
        self._read_tab()
        self.update_bars()

    def _failed(self, error: LakeError) -> None:
        self.trouble(True)
        if self._known is not None:
            self.complain(error)
            return
        for grid in self.query(Grid):
            grid.tell(notice_of(error, "The run cannot be read."))

    def pulse(self) -> None:
        """Read on what a live run tells."""
        run = self._run
        if run is not None and run.is_live:
            self._show_head()
            self._read_tab()

    def time_passed(self) -> None:
        """Draw the ages anew."""
        super().time_passed()
        self._show_head()

    def times_changed(self) -> None:
        """Draw the times anew."""
        self._show_head()
        self._read_tab()

    def _show_head(self) -> None:
        known = self._known
        if known is None:
            return
        run, now = known.run, self.shared.milliseconds
        stands = standing.of_run(run, now)
        taken = standing.took(run, now)
        first: FactLine = [
            (str(stands), stands.look),
            (f"  {run.flow}", "name"),
            (f"  attempt {run.attempt}" if run.attempt > 1 else "", "warn"),
            (f"  {exact(instant(run.started_at or run.due_at))}", ""),
            ("" if taken is None else f"  {duration(taken)}", ""),
            (f"  on {run.worker}" if run.worker else "", "dim"),
        ]
        lines: list[FactLine] = [first]
        if run.reason:
            lines.append([(run.reason, "bad" if run.state in standing.WENT_WRONG else "dim")])
        why = run_told.why(known)
        if why is not None and why != run.reason:
            lines.append([("why: ", "dim"), (why, "bad")])
        self.query_one("#head", Facts).lines = tuple(lines)
        self.query_one("#head", Facts).styles.height = len(lines)

    def _choose(self, tab: str) -> None:
        self._tab = tab
        self.query_one(StatusLine).hush()
        for name, first in _FIRST.items():
            pane = self.log_pane if name == "log" else self.query_one(first)
            pane.set_class(name == tab, "-chosen")
        self.set_focus(self.query_one(_FIRST[tab]))
        self.query_one(TabLine).show(tab.title(), "")
        self._show_head()
        self._read_tab()
        self.update_bars()

    def _once(
        self, group: str, question: Callable[[], T], then: Callable[[T], bool | None]
    ) -> None:
        """Ask, unless the same is being asked; `then` tells whether to ask once more at once."""
        if group in self._busy:
            return
        self._busy.add(group)

        def answered(found: T) -> None:
            self._busy.discard(group)
            if self.is_mounted and then(found):
                self._once(group, question, then)

        def failed(error: LakeError) -> None:
            self._busy.discard(group)
            self.trouble(True)
            self.complain(error)

        self.ask(group, question, answered, failed)

    def _read_tab(self) -> None:
        """Read what the tab shows, or what there is more of it."""
        if self._known is None:
            return
        if self._tab == "log":
            self._once("log", self._log.read, self._feed)
            self._once("loops", lambda: self.backend.run_progress(self.run_id), self._show_loops)
        if self._tab in {"log", "tasks", "timeline"}:
            self._read_tasks()
        elif self._tab == "data":
            self._once("data", self._data, self._show_data)
        elif self._tab == "artifacts":
            self._once("shown", lambda: self.backend.run_artifacts(self.run_id), self._show_shown)
        else:
            lines = run_told.facts_of(self._known, self.shared.milliseconds)
            page = self.query_one("#facts", Page)
            page.border_title = Content("Facts")
            page.fill(lines, _NO_FACT)

    def _feed(self, found: tuple[list[Line], bool]) -> bool:
        lines, more = found
        run = self._run
        self.log_pane.feed(lines, self._log.skipped, run is not None and run.is_live)
        if not more and not self._placed:
            self._placed = True
            if run is not None and run.state in standing.WENT_WRONG:
                self.log_pane.go_to_error()
        return more

    def _show_loops(self, loops: Sequence[Progress]) -> None:
        run = self._run
        self.log_pane.show_progress(loops if run is not None and run.is_live else ())

    def _read_tasks(self) -> None:
        book, below = self._book, tuple(self._below)
        live = self._run is not None and self._run.is_live

        def read() -> tuple[dict[int, TaskPage], dict[str, list[TaskRun]]]:
            children = {child: self.backend.run_tasks(child, 0, 1000) for child in below}
            return book.read(book.wanted(live)), children

        def taken(found: tuple[dict[int, TaskPage], dict[str, list[TaskRun]]]) -> bool:
            pages, children = found
            more = book.take(pages)
            self._below.update({c: tasks for c, tasks in children.items() if c in self._below})
            self._show_tasks()
            return more

        self._once("tasks", read, taken)

    def _show_tasks(self) -> None:
        if self._tab == "tasks":
            rows = tree(self._book.tasks, self._below)
            self.query_one(TasksPane).fill(rows, self._book.counts())
        elif self._tab == "timeline" and self._run is not None:
            self.query_one(TimelinePane).fill(self._run, self._book.tasks)
        elif self._tab == "log":
            self.log_pane.name_tasks(self._book)

    def _data(self) -> tuple[list[Read], list[Write]]:
        return self.backend.run_reads(self.run_id), self.backend.run_writes(self.run_id)

    def _show_data(self, found: tuple[list[Read], list[Write]]) -> None:
        self.query_one(DataPane).fill(self.run_id, *found)
        self.update_bars()

    def _show_shown(self, artifacts: Sequence[Artifact]) -> None:
        lines = run_told.artifacts_of(artifacts)
        page = self.query_one("#artifacts", Page)
        page.border_title = Content(f"Artifacts {count(len(artifacts))}")
        page.fill(lines, _NO_ARTIFACT)

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """A tab was clicked."""
        self._choose(event.tab.lower())

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """What can be copied or followed is another line now."""
        if event.grid.id == "log-lines":
            self.log_pane.moved()
        self.update_bars()

    def on_grid_chosen(self) -> None:
        """A second click goes there."""
        if self._tab in {"tasks", "timeline", "data"}:
            self.action_command("follow_link")

    def do_next_tab(self) -> None:
        """Go to the tab at the right."""
        self._turn(+1)

    def do_previous_tab(self) -> None:
        """Go to the tab at the left."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        tabs = list(_FIRST)
        self._choose(tabs[(tabs.index(self._tab) + step) % len(tabs)])

    def do_follow_link(self) -> None:
        """Go to the run of a subflow, or to a dataset at a version."""
        if self._tab == "data":
            link = self.query_one(DataPane).link
            if link is not None:
                self.post_message(messages.OpenDataset(link.dataset, link.version))
            return
        row = self.query_one(TasksPane).row
        task = self.query_one(TimelinePane).chosen if self._tab == "timeline" else row and row.task
        if task is None or task.child_run is None:
            self.say("warn", "This task is no subflow: it has no run of its own.")
            return
        self.post_message(messages.OpenRun(task.child_run))

    def do_unfold(self) -> None:
        """Show the tasks of a subflow below its line, or hide them."""
        row = self.query_one(TasksPane).row
        if row is None or row.task.child_run is None:
            self.say("warn", "This task is no subflow: nothing stands below it.")
            return
        child = row.task.child_run
        if child in self._below:
            del self._below[child]
            self._show_tasks()
            return
        self._below[child] = ()
        self.ask("below", lambda: self.backend.run_tasks(child, 0, 1000),
                 lambda tasks: self._unfold(child, tasks))  # fmt: skip

    def _unfold(self, child: str, tasks: Sequence[TaskRun]) -> None:
        self._below[child] = tasks
        self._show_tasks()

    def do_up_screen(self) -> None:
        """Search nothing any more, or go back."""
        if self.log_pane.edit.value:
            self.on_line_edit_left()
        else:
            self.post_message(messages.Go("up"))
