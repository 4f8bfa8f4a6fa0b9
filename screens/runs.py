"""The runs of the lake, newest first, and as they go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from catalog.errors import LakeError
from jobs.model import Run
from jobs.states import State
from screens import messages, standing
from screens.commands import Context
from screens.keys import bindings
from screens.listing import hit
from screens.run_filter import Wish, wish_of
from screens.run_orders import RunOrders
from screens.run_pages import Page, again, page_of
from screens.shared import Shared
from screens.text import count, duration, plural, widest
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.line_edit import LineEdit
from screens.widgets.notice import Notice
from screens.widgets.results import notice_of
from screens.widgets.rows import Cell, Listed

_AHEAD = 60  # rows below the cursor at which the next page is asked for
_LOADING = Notice("Reading the runs …")
_EMPTY = Notice(
    "Nothing was run yet.",
    ("3 lists the flows that can be run; or in a shell:", "lakectl flow run FLOW"),
    "accent",
)


class RunsScreen(RunOrders):
    """A list that grows at its end as one scrolls, and at its top as runs are made."""

    DEFAULT_CSS = """
    RunsScreen { #filter { background: $boost; } }
    """
    PLACE = "runs"
    BINDINGS = bindings("runs")

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._page = Page([], None, 0)
        self._wish = Wish()
        self._loaded = False
        self._widths = (16, 12)  # of name and flow
        self._tried = False  # one of them was tried more than once

    def middle(self) -> Iterable[Widget]:
        """The list, and the line to type a filter into."""
        yield Horizontal(Grid(name="runs"), id="body")
        hint = "words  state:failed  flow:etl  since:2h  until:2026-11-21"
        yield LineEdit(name="filter", label="/", hint=hint, changed=self._filter_by)

    def on_mount(self) -> None:
        """Paint, and only then ask for the runs."""
        self.lead("runs")
        self._grid.tell(_LOADING)
        self._grid.focus(scroll_visible=False)
        self._edit.display = bool(self._wish.text)
        if self._wish.text:
            self._edit.set(self._wish.text)

    def on_screen_resume(self) -> None:
        """Ask again: nobody told of changes while another screen was shown."""
        self.runs_changed()

    @property
    def _grid(self) -> Grid:
        return self.query_one("#runs", Grid)

    @property
    def _edit(self) -> LineEdit:
        return self.query_one("#filter", LineEdit)

    def ordered_run(self) -> Run | None:
        """The run under the cursor."""
        rows = self._grid.rows
        if isinstance(rows, Listed) and self._grid.cursor < len(rows):
            run: Run = rows.items[self._grid.cursor]
            return run
        return None

    def context(self) -> Context:
        """The run under the cursor."""
        run = self.ordered_run()
        if run is None:
            return Context("runs", filter=self._wish.text, options=self._wish.line)
        return Context(
            "runs",
            cell=run.name,
            filter=self._wish.text,
            run=run.id,
            live=run.is_live,
            wrote=run.started_at is not None,
            flow=run.flow,
            options=self._wish.line,
        )

    def narrow(self, text: str) -> None:
        """Filter by a text as if it had been typed."""
        self._filter_by(text)
        if self.is_mounted:
            self._edit.display = True
            self._edit.set(text)
            self.set_focus(self._grid)

    def lake_changed(self) -> None:
        """Runs make versions, so what changed the lake may be one of them."""
        self.runs_changed()

    def runs_changed(self) -> None:
        """Read again what is shown; it stays until the answer is there."""
        self._read()

    def _read(self, delay: float = 0.0) -> None:
        wish, shown, now = self._wish, self._page, self.shared.milliseconds
        self.ask("runs", lambda: again(self.backend, wish, now, shown),
                 lambda page: self._take(wish, page), self._failed, delay)  # fmt: skip

    def _take(self, wish: Wish, page: Page) -> None:
        if wish is not self._wish:
            return
        self._page, self._loaded = page, True
        self._grid.stale = False
        self.trouble(False)
        self._list()

    def _failed(self, error: LakeError) -> None:
        self.trouble(True)
        if self._loaded:
            self.complain(error)
        else:
            self._grid.tell(notice_of(error, "The runs cannot be read."))
        self.update_bars()

    def times_changed(self) -> None:
        """Draw the ages anew."""
        self._list()

    def pulse(self) -> None:
        """Let the clocks of what runs go on."""
        if any(run.is_live for run in self._page.runs):
            self._grid.refresh()

    def _list(self) -> None:
        """Put the runs into the grid, cursor and view on the run that they were on."""
        runs = self._page.runs
        if not runs:
            self._grid.tell(self._why_none())
        else:
            self._measure(runs)
            self._tried = any(run.attempt > 1 for run in runs)
            self._place(runs)
        self._title()
        self.update_bars()

    def _place(self, runs: Sequence[Run]) -> None:
        grid, kept = self._grid, self.ordered_run()
        was, top = grid.cursor, grid.scroll_offset.y
        at = was
        if kept is not None:
            at = next((i for i, run in enumerate(runs) if run.id == kept.id), was)
        grid.show(self._columns(), Listed(runs, self._cells), at)
        if top and at != was:
            grid.scroll_to(y=top + at - was, animate=False)

    def _measure(self, runs: Sequence[Run]) -> None:
        some = runs[:1000]
        name, flow = self._widths
        self._widths = (
            max(name, widest((run.name for run in some), 16, 32)),
            max(flow, widest((run.flow for run in some), 12, 32)),
        )

    def _why_none(self) -> Notice:
        if not self._loaded:
            return _LOADING
        if not self._wish.text.strip():
            return _EMPTY
        looked = self._page.looked
        lines = ["There is no such run."]
        if looked:
            lines = [f"None of the {plural(looked, 'run')} that were looked at is meant."]
        if self._page.last is not None:
            lines[0] = (
                f"None of the newest {plural(looked, 'run')} is meant; since: looks elsewhere."
            )
        if self._wish.filter.flow:
            lines.append("flow: takes the whole name; a plain word finds a part of it.")
        return Notice("Filtered to nothing.", (*lines, "esc clears the filter"), "warn")

    def _title(self) -> None:
        shown, more = len(self._page.runs), "+" if self._page.last is not None else ""
        self._grid.border_title = Content(f"Runs {count(shown) if self._loaded else '…'}{more}")
        self._grid.border_subtitle = Content(self._wish.why or "newest first")

    def _columns(self) -> Sequence[Column]:
        name, flow = self._widths
        wide = 16 if self.shared.absolute_times else 6
        return (
            Column("STATE", standing.WIDEST, least=12, rank=9),
            Column("RUN", name, least=12, cut="middle", rank=8),
            Column("FLOW", flow, least=12, cut="middle", rank=6),
            Column("START", wide, right=True, rank=7),
            Column("TOOK", 9, right=True, rank=5),
            *((Column("TRY", 3, right=True, rank=4),) if self._tried else ()),
            Column("WHY", 60, least=12, rank=3),
        )

    def _cells(self, run: Run) -> Sequence[Cell]:
        now = self.shared.milliseconds
        stands = standing.of_run(run, now)
        taken = standing.took(run, now)
        words = self._wish.words
        why = "bad" if run.state in standing.WENT_WRONG else "dim"
        return (
            Cell(str(stands), stands.look),
            Cell(run.name, "name", hit(run.name, words)),
            Cell(run.flow, "", hit(run.flow, words)),
            Cell(self.shared.around(run.started_at or run.due_at), "dim"),
            Cell("-" if taken is None else duration(taken), "" if run.is_live else "dim"),
            *((Cell(str(run.attempt) if run.attempt > 1 else "", "warn"),) if self._tried else ()),
            Cell("" if run.state is State.COMPLETED else run.reason or "", why),
        )

    def on_grid_moved(self) -> None:
        """Offer what fits the run under the cursor, and read on before the end is reached."""
        self.update_bars()
        page = self._page
        if page.last is not None and self._grid.cursor + _AHEAD >= len(page.runs):
            self._read_on(page)

    def _read_on(self, page: Page) -> None:
        wish, now, last = self._wish, self.shared.milliseconds, page.last

        def more(older: Page) -> None:
            if wish is self._wish and self._page.last == last:
                known = self._page
                self._page = Page(known.runs + older.runs, older.last, known.looked + older.looked)
                self._list()

        self.ask("older", lambda: page_of(self.backend, wish, now, before=last), more)

    def on_grid_chosen(self) -> None:
        """A second click opens."""
        self.action_command("open_run")

    def do_open_run(self) -> None:
        """Open the run under the cursor."""
        run = self.ordered_run()
        if run is not None:
            self.post_message(messages.OpenRun(run.id))

    def do_filter_runs(self) -> None:
        """Go into the filter line."""
        self._edit.display = True
        self.set_focus(self._edit)

    def _filter_by(self, text: str) -> None:
        if text == self._wish.text:
            return
        self._wish = wish_of(text, self.shared.milliseconds)
        if self.is_mounted:
            self._page, self._grid.stale = Page([], None, 0), True
            self._title()
            self._read(delay=0.15)

    def on_line_edit_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self._edit.display = bool(self._wish.text)
        self.set_focus(self._grid)
        if self._wish.why:
            self.say("warn", self._wish.why)

    def on_line_edit_left(self) -> None:
        """Clear the filter and go back to the list."""
        self._clear_filter()

    def on_line_edit_stepped(self, event: LineEdit.Stepped) -> None:
        """Move over the list without leaving the filter."""
        getattr(self._grid, f"action_{event.step.replace('page', 'page_')}")()

    def _clear_filter(self) -> None:
        self._edit.set("")
        self._edit.display = False
        self.set_focus(self._grid)

    def do_up_screen(self) -> None:
        """Clear the filter, or go back."""
        if self._wish.text:
            self._clear_filter()
        else:
            self.post_message(messages.Go("up"))
