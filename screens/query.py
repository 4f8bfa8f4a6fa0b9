"""The SQL screen: a query above, its rows below."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import TextArea

from catalog.errors import LakeError
from catalog.model import DatasetSummary, QueryResult
from screens import messages
from screens.commands import Context
from screens.keys import bindings
from screens.lake_screen import LakeScreen
from screens.shared import Shared
from screens.text import count
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.results import notice_of, show_all

LIMIT = 1000


def _start(dataset: str) -> Notice:
    lines = (
        "ctrl+j or F5 runs what is above. Any dataset at any version:",
        f"SELECT * FROM {dataset} AT (VERSION => 1)",
    )
    return Notice("No query was run yet.", lines)


class Editor(TextArea):
    """The query as it is written."""

    takes_letters = True


class QueryScreen(LakeScreen):
    """Queries over every dataset at any version, run where nothing can be changed."""

    PLACE = "query"
    CSS_PATH = "query.tcss"
    BINDINGS = bindings("query")

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._past: list[str] = []
        self._at = 0
        self._since: float | None = None
        self._cancelled = False
        self._waiting = ""

    def middle(self) -> Iterable[Widget]:
        """The editor and the rows."""
        editor = Editor(self._waiting, id="editor", show_line_numbers=True)
        result = Grid(name="result", cells=True, numbers=True, fit=False)
        editor.add_class("framed")
        yield Vertical(editor, result, id="body")

    def on_mount(self) -> None:
        """Start in the editor."""
        self.lead("SQL")
        self._editor.border_title = Content("Query")
        self._editor.border_subtitle = Content("tab rows")
        self._grid.border_subtitle = Content("tab query")
        self._grid.tell(_start("namespace.name"))
        self.ask("example", lambda: self.backend.summaries(1), self._suggest, lambda _: None)
        self._grid.border_title = Content("Result")
        self.set_focus(self._editor)
        self.set_interval(0.1, self._tick)
        self.update_bars()

    def _suggest(self, first: Sequence[DatasetSummary]) -> None:
        if first and not self._past:
            self._grid.tell(_start(str(first[0].name)))

    @property
    def _editor(self) -> TextArea:
        return self.query_one("#editor", TextArea)

    @property
    def _grid(self) -> Grid:
        return self.query_one("#result", Grid)

    def put(self, text: str) -> None:
        """Put a query into the editor; what was there can be brought back."""
        if not self.is_mounted:
            self._waiting = text
            return
        self._remember(self._editor.text)
        if self._since is None and text != self._editor.text:  # what is below belongs to another
            self._grid.border_title = Content("Result")
            self._grid.tell(Notice("This query was not run yet.", ("ctrl+j or F5 runs it.",)))
        self._editor.text = text
        self._editor.move_cursor(self._editor.document.end)
        self.set_focus(self._editor)
        self.update_bars()

    def context(self) -> Context:
        """The query in the editor."""
        cell = self._grid.cell if self.focused is self._grid else None
        running = self._since is not None
        return Context("query", sql=self._editor.text, running=running, cell=cell)

    def lake_changed(self) -> None:
        """A result stands as it was when it was asked for."""

    def times_changed(self) -> None:
        """Results show no ages."""

    def on_text_area_changed(self) -> None:
        """The shell line follows the query."""
        self.update_bars()

    def on_grid_moved(self) -> None:
        """What can be copied is another cell now."""
        self.update_bars()

    def do_run(self) -> None:
        """Run what is in the editor."""
        text = self._editor.text
        self._remember(text)
        self._since, self._cancelled = time.monotonic(), False
        self._grid.stale = True
        self._tick()
        self.ask("sql", lambda: self.backend.sql(text, LIMIT), self._show, self._fail)

    def _tick(self) -> None:
        if self._since is not None:
            seconds = time.monotonic() - self._since
            told = "cancelling" if self._cancelled else "running"
            shown = f" {seconds:.1f} s" if seconds >= 1 else ""
            self._grid.border_title = Content(f"Result · {told} …{shown}   esc cancels")

    def _ended(self) -> float:
        seconds = time.monotonic() - (self._since or 0.0)
        self._since = None
        self._grid.stale = False
        return seconds

    def _show(self, result: QueryResult) -> None:
        seconds = self._ended()
        shown = count(len(result.rows))
        told = f"first {shown} rows, there are more" if result.more else f"{shown} rows"
        self._grid.border_title = Content(f"Result · {told} · {seconds:.2f} s")
        if not result.rows:
            columns = ", ".join(result.columns)
            self._grid.tell(Notice("No rows.", (f"The query ran; its columns: {columns}",)))
            self.update_bars()
            return
        self._grid.set_reactive(Grid.cursor, 0)
        self._grid.column = 0
        show_all(self._grid, result)
        self.update_bars()

    def _fail(self, error: LakeError) -> None:
        seconds = self._ended()
        if self._cancelled:
            self._grid.border_title = Content("Result · cancelled")
            gone = f"After {seconds:.1f} s; nothing is shown."
            self._grid.tell(Notice("Cancelled.", (gone, "ctrl+j runs it again"), "warn"))
            self.update_bars()
            return
        self._grid.border_title = Content("Result · failed")
        self._grid.tell(notice_of(error, "No result."))
        self.update_bars()

    def do_up_screen(self) -> None:
        """Go back to where one came from."""
        self.post_message(messages.Go("up"))

    def do_cancel(self) -> None:
        """Cancel the running query."""
        self._cancelled = True
        self.ask("cancel", self.backend.cancel_sql, lambda _: None)

    def _remember(self, text: str) -> None:
        if text.strip() and (not self._past or self._past[-1] != text):
            self._past.append(text)
        self._at = len(self._past)

    def do_older_query(self) -> None:
        """Bring back the query before."""
        self._recall(-1)

    def do_newer_query(self) -> None:
        """Bring back the query after."""
        self._recall(+1)

    def _recall(self, step: int) -> None:
        newest = len(self._past)
        if self._at == newest and self._past and self._editor.text == self._past[-1]:
            self._at -= 1  # what was run last is in the editor still
        at = self._at + step
        if not 0 <= at < len(self._past):
            self.say("warn", "There is no other query in this direction.")
            return
        if self._at == newest and self._editor.text.strip() not in {"", self._past[-1]}:
            self._past.append(self._editor.text)
        self._at = at
        self._editor.text = self._past[at]
        self._editor.move_cursor(self._editor.document.end)
