"""The log of a run: follows its end, until somebody looks at something in it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.geometry import Size

from jobs.model import Progress
from screens.listing import hit
from screens.run_log import Line, LogBook, level_of
from screens.run_tasks import TaskBook
from screens.shared import Shared
from screens.text import count, instant, plural, safe, short_count
from screens.widgets.columns import Column
from screens.widgets.facts import Facts
from screens.widgets.facts import Line as FactLine
from screens.widgets.grid import Grid
from screens.widgets.line_edit import LineEdit
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

_WIDE = 100
_MOST_LOOPS = 4
_BAR = 24
_NONE = Notice("No line yet.", ("What the flow logs or prints stands here.",))


class LogLines(Grid):
    """Knows whether it has heard of its size: before that its view may lag behind its cursor."""

    settled = Size(0, 0)

    def on_resize(self) -> None:
        """Bring the cursor into view."""
        super().on_resize()
        self.settled = self.outer_size


class LogPane(Container):
    """How far loops have come, the lines, and a line to type into what is searched."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(id="log-pane", classes="pane")
        self._shared = shared
        self.book = LogBook()
        self._word = ""
        self._found: list[int] = []
        self._skipped = 0
        self._unseen = 0
        self._tasks: TaskBook | None = None
        self._live = False
        self._followed = True  # the end, when lines came the last time

    def compose(self) -> ComposeResult:
        """Loops above, lines in the middle, the search below."""
        yield Facts(id="loops")
        yield LogLines(name="log-lines", fit=False)
        yield LineEdit(name="search", label="/", hint="text in the log", changed=self._search)

    def on_mount(self) -> None:
        """Nothing is searched and no loop runs."""
        self.query_one("#search").display = False
        self.query_one("#loops").display = False
        self.grid.tell(Notice("Reading the log …"))

    @property
    def grid(self) -> LogLines:
        """The lines."""
        return self.query_one(LogLines)

    @property
    def edit(self) -> LineEdit:
        """What is searched."""
        return self.query_one("#search", LineEdit)

    @property
    def _follows(self) -> bool:
        grid = self.grid
        if grid.cursor < len(grid.rows) - 1:
            return False
        if grid.settled != grid.outer_size:  # the view goes after the cursor in a moment
            return self._followed
        return grid.scroll_offset.y >= grid.max_scroll_y - 1

    def feed(self, lines: Sequence[Line], skipped: int, live: bool) -> None:
        """Add lines; those who follow see the last, those who look at something keep it."""
        had = len(self.book.shown)
        self._followed = self._follows or not had
        self._skipped, self._live = skipped, live
        gone = self.book.take(lines)
        if not self.book.shown:
            self.grid.tell(_NONE if not self.book.lines else self._hidden())
        elif self._followed:
            self._unseen = 0
            self._show(len(self.book.shown) - 1)
        else:
            self._unseen += max(0, len(self.book.shown) + gone - had)
            self._keep(gone)
        self._tell()

    def _hidden(self) -> Notice:
        return Notice("No line of this level.", ("d shows every line",), "warn")

    def _show(self, cursor: int) -> None:
        self.grid.show(self._columns(), Listed(self.book.shown, self._cells), cursor)

    def _keep(self, gone: int) -> None:
        """Show more lines without moving what is looked at."""
        grid = self.grid
        grid.columns = tuple(self._columns())
        if isinstance(grid.rows, Listed):
            grid.rows.items = self.book.shown
        if gone:
            grid.set_reactive(Grid.cursor, max(0, grid.cursor - gone))
            grid.scroll_to(y=max(0, grid.scroll_offset.y - gone), animate=False)
        grid.rows_arrived()

    def _columns(self) -> list[Column]:
        wide = self.app.size.width >= _WIDE
        columns = [Column("TIME", 12 if wide else 8), Column("LEVEL", 5)]
        if self._with_tasks:
            columns.append(Column("TASK", 14))
        return [*columns, Column("MESSAGE", max(self.book.longest, 20))]

    @property
    def _with_tasks(self) -> bool:
        return self.book.has_tasks and self.app.size.width >= _WIDE

    def _cells(self, line: Line) -> Sequence[Cell]:
        name, look = level_of(line.level)
        text = Cell(line.text, look if line.level >= 30 else "", self._hit(line.text))
        task = [Cell(self._task_of(line), "dim")] if self._with_tasks else []
        if not line.first:
            return (Cell(""), Cell(""), *(Cell("") for _ in task), text)
        when = instant(line.at)
        wide = self.app.size.width >= _WIDE
        told = f"{when:%H:%M:%S}" + (f".{line.at % 1000:03}" if wide else "")
        return (Cell(told, "dim"), Cell(name, look or "dim"), *task, text)

    def _task_of(self, line: Line) -> str:
        if line.task is None:
            return ""
        return self._tasks.name(line.task) if self._tasks else f"task {line.task}"

    def _hit(self, text: str) -> tuple[int, int] | None:
        return hit(text, (self._word.lower(),)) if self._word else None

    def name_tasks(self, tasks: TaskBook) -> None:
        """Learn what the tasks are called."""
        self._tasks = tasks
        self.grid.refresh()

    def _tell(self) -> None:
        grid, book = self.grid, self.book
        parts = [f"Log · {plural(len(book.lines), 'line')}"]
        left_out = self._skipped + book.dropped
        if left_out:
            parts.append(f"{count(left_out)} before them not shown")
        if book.level:
            parts.append(f"level ≥ {level_of(book.level)[0]} · {count(len(book.shown))} shown")
        if book.wrap is not None:
            parts.append("wrapped")
        grid.border_title = Content(" · ".join(parts))
        told = [f"{count(len(self._found))} found · n N"] if self._word else []
        if self._unseen:
            told.append(f"▼ {plural(self._unseen, 'new line')} · f follows")
        elif self._live and self._followed:
            told.append("▼ following")
        grid.border_subtitle = Content(" · ".join(told))

    def moved(self) -> None:
        """The cursor stands on another line: at the end nothing is unseen."""
        self._followed = self.grid.cursor >= len(self.grid.rows) - 1
        if self._followed:
            self._unseen = 0
        self._tell()

    def choose_level(self, level: int) -> None:
        """Show lines of a level on, the cursor where it was."""
        self._choose(level, self.book.wrap)

    def toggle_wrap(self) -> None:
        """Break long lines at the width of the pane, or do not."""
        columns = max(20, self.grid.size.width - self._columns_before())
        self._choose(self.book.level, columns if self.book.wrap is None else None)

    def _columns_before(self) -> int:
        return sum(column.width + 2 for column in self._columns()[:-1]) + 4

    def _choose(self, level: int, wrap: int | None) -> None:
        grid, book, follows = self.grid, self.book, self._follows
        number = book.shown[grid.cursor].number if grid.cursor < len(book.shown) else 0
        book.choose(level, wrap)
        self._find()
        if not book.shown:
            grid.tell(_NONE if not book.lines else self._hidden())
        else:
            self._show(len(book.shown) - 1 if follows else book.at(number))
        self._tell()

    def follow(self) -> None:
        """Go to the end."""
        self.grid.action_bottom()
        self.grid.scroll_end(animate=False)
        self.moved()

    def go_to_error(self) -> None:
        """Go to the last error, if there is one."""
        at = self.book.last_error()
        if at is not None:
            self.grid.cursor = at
            self.grid.scroll_to(y=max(0, at - 3), animate=False)

    def _search(self, text: str) -> None:
        self._word = text
        self._find()
        at = self.grid.cursor
        ahead = next((i for i in self._found if i >= at), None)
        if ahead is None and self._found:
            ahead = self._found[0]
        if ahead is not None:
            self.grid.cursor = ahead
        self.grid.refresh()
        self._tell()

    def _find(self) -> None:
        self._found = self.book.found(self._word) if self._word else []

    def step(self, step: int) -> str | None:
        """Go to the next line that was found, or the one before; tells why not."""
        self._find()
        if not self._word:
            return "Nothing is searched: / searches."
        if not self._found:
            return f"{self._word!r} is nowhere in the lines that are shown."
        at = self.grid.cursor
        if step > 0:
            onto = next((i for i in self._found if i > at), self._found[0])
        else:
            onto = next((i for i in reversed(self._found) if i < at), self._found[-1])
        self.grid.cursor = onto
        self._tell()
        return None

    def show_progress(self, loops: Sequence[Progress]) -> None:
        """Show how far the loops have come, the last of them; none takes no room."""
        facts = self.query_one("#loops", Facts)
        facts.display = bool(loops)
        if loops:
            facts.lines = tuple(_loop(loop) for loop in loops[-_MOST_LOOPS:])
            facts.styles.height = len(facts.lines)


def _loop(loop: Progress) -> FactLine:
    """`rows  ████████░░░░  62 %  122k of 198k`."""
    label = safe(loop.label, limit=30)
    if not loop.total or loop.total < 0:
        return [(f"{label}  ", "name"), (f"{short_count(loop.done)} …", "accent")]
    part = max(0.0, min(1.0, loop.done / loop.total))
    full = int(part * _BAR)
    return [
        (f"{label}  ", "name"),
        ("█" * full, "accent"),
        ("░" * (_BAR - full), "dim"),
        (f"  {part * 100:.0f} %  {short_count(loop.done)} of {short_count(loop.total)}", ""),
    ]
