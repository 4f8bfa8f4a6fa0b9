"""The table of the dashboard: draws only the lines that are on the screen.

Rows come from a `Rows` (see `screens.widgets.rows`): a list in memory, or pages that are fetched
when they come into view. Ten thousand rows cost what thirty do.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.keys import bindings
from screens.text import safe
from screens.widgets.columns import Column, Laid, cut, fitted, natural
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed, Rows

_GUTTER = 2
LOOKS = ("dim", "name", "good", "warn", "bad", "accent", "hit", "head", "cursor", "cell", "mark")


class Grid(ScrollView, can_focus=True):
    """A virtual table with a cursor row, or a cursor cell.

    Args:
        cells: move a cursor cell over the columns; otherwise the cursor is a whole row.
        numbers: show the number of each row at the left.
        fit: drop and cut columns so that the rest fit, instead of scrolling sideways.
        classes: how it is set into the screen.
    """

    DEFAULT_CSS = """
    Grid {
        width: 1fr;
        height: 1fr;
        scrollbar-size: 1 1;
        & > .grid--dim { color: $text-muted; }
        & > .grid--name { text-style: bold; }
        & > .grid--good { color: $text-success; }
        & > .grid--warn { color: $text-warning; }
        & > .grid--bad { color: $text-error; }
        & > .grid--accent { color: $text-accent; text-style: bold; }
        & > .grid--hit { color: $text-warning; text-style: bold underline; }
        & > .grid--head { color: $text-muted; text-style: bold; }
        & > .grid--cursor { background: $surface-lighten-2; }
        & > .grid--cell { text-style: reverse; }
        & > .grid--mark { background: $boost; }
        &:focus > .grid--cursor { background: $primary-muted; text-style: bold; }
        &:ansi > .grid--cursor { text-style: bold; }
        &:ansi:focus > .grid--cursor { text-style: reverse; }
        &:ansi:focus > .grid--cell { text-style: underline bold; }
    }
    """
    COMPONENT_CLASSES = {f"grid--{look}" for look in LOOKS}
    BINDINGS = bindings("grid")

    cursor: reactive[int] = reactive(0, repaint=False)
    column: reactive[int] = reactive(0, repaint=False)
    stale: reactive[bool] = reactive(False)

    class Moved(Message):
        """The cursor stands on another row or cell."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

        @property
        def control(self) -> Grid:
            """The grid, so that handlers can name it by id."""
            return self.grid

    class Chosen(Moved):
        """The row under the cursor was clicked once more."""

    class HeadClicked(Moved):
        """The title of a column was clicked."""

        def __init__(self, grid: Grid, title: str) -> None:
            super().__init__(grid)
            self.title = title

    def __init__(
        self,
        *,
        name: str,
        cells: bool = False,
        numbers: bool = False,
        fit: bool = True,
        classes: str = "framed",
    ) -> None:
        super().__init__(id=name, classes=classes)
        self.rows: Rows = Listed((), lambda _: ())
        self.columns: tuple[Column, ...] = ()
        self.marked: frozenset[int] = frozenset()
        self._cells = cells
        self._numbers = numbers
        self._fit = fit
        self._laid: tuple[Laid, ...] = ()
        self._notice: Notice | None = None
        self._styles_now: dict[str, Style] = {}

    def show(self, columns: Sequence[Column], rows: Rows, cursor: int = 0) -> None:
        """Show other rows, the cursor on row `cursor` or the nearest there is."""
        self.columns = tuple(columns)
        self._take(rows)
        self._notice = None
        self.stale = False
        self._lay()
        self.set_reactive(Grid.cursor, -1)
        self.cursor = max(0, min(cursor, len(rows) - 1))
        self.column = max(0, min(self.column, len(self._laid) - 1))
        self.refresh()

    def tell(self, notice: Notice) -> None:
        """Say why there are no rows."""
        self._take(Listed((), lambda _: ()))
        self._notice = notice
        self.stale = False
        self._lay()
        self.refresh()

    def _take(self, rows: Rows) -> None:
        self.rows.close()
        self.rows = rows
        rows.attach(self)

    def rows_arrived(self) -> None:
        """Lay out and draw anew: a page that was under way is there, or the room is another."""
        self._lay()
        self.refresh()

    @property
    def header_height(self) -> int:
        """Lines above the rows: titles, and the types where columns have one."""
        if not self.columns:
            return 0
        return 2 if any(c.kind for c in self.columns) else 1

    @property
    def _prefix(self) -> int:
        """Columns at the left that do not scroll: the cursor sign and the row numbers."""
        return _GUTTER + (len(str(max(len(self.rows), 1))) + 1 if self._numbers else 0)

    def _lay(self) -> None:
        if self._fit:
            self._laid = fitted(self.columns, self._room - self._prefix)
        else:
            self._laid = natural(self.columns)
        width = self._prefix + (self._laid[-1].end if self._laid else 0)
        self._grow(Size(0 if self._fit else width, len(self.rows) + self.header_height))

    def _grow(self, whole: Size) -> None:
        """Take another size of all rows; the layout is done anew only if a bar comes or goes."""
        room, before = self.size, self.virtual_size
        same_bars = (before.height > room.height) == (whole.height > room.height)
        if not room or not same_bars or before.width != whole.width:
            self.virtual_size = whole
            return
        self.set_reactive(Grid.virtual_size, whole)
        self.vertical_scrollbar.window_virtual_size = whole.height
        if self.scroll_offset.y > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width or 80

    def on_mount(self) -> None:
        """Lay the columns out anew when the bar at the right takes or gives room."""
        self.watch(self, "show_vertical_scrollbar", self.rows_arrived, init=False)

    def on_resize(self) -> None:
        """Lay the columns out for the new width."""
        self._lay()
        self._scroll_to_cursor()
        self.refresh()

    def notify_style_update(self) -> None:
        """Forget the styles of the theme that was."""
        self._styles_now.clear()
        super().notify_style_update()

    def validate_cursor(self, row: int) -> int:
        """Keep the cursor on a row that exists."""
        return max(0, min(row, len(self.rows) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw the two lines that change and bring the new one into view."""
        self.refresh_lines(old + self.header_height)
        self.refresh_lines(new + self.header_height)
        self._scroll_to_cursor()
        self.post_message(self.Moved(self))

    def watch_column(self, _old: int, _new: int) -> None:
        """Redraw the line of the cursor and bring the cell into view."""
        self.refresh_lines(self.cursor + self.header_height)
        self._scroll_to_cursor()
        self.post_message(self.Moved(self))

    def _scroll_to_cursor(self) -> None:
        height = max(1, self.scrollable_content_region.height - self.header_height)
        top = self.scroll_offset.y
        onto = max(self.cursor - height + 1, min(top, self.cursor))
        if onto != top:  # forced: of rows that have just come the bar is not there yet
            self.scroll_to(y=onto, animate=False, force=True)
        if self._cells and self._laid:
            self._scroll_to_column(self._laid[min(self.column, len(self._laid) - 1)])

    def _scroll_to_column(self, laid: Laid) -> None:
        room, left = self._room - self._prefix, self.scroll_offset.x
        if laid.start < left:
            self.scroll_to(x=laid.start, animate=False)
        elif laid.end > left + room:
            self.scroll_to(x=min(laid.start, laid.end - room), animate=False)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self._room
        if self._notice is not None:
            return self._notice_line(y, width)
        if y < self.header_height:
            return self._header_line(y, width)
        index = y - self.header_height + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        return self._row_line(index, width)

    def _look(self, name: str) -> Style:
        if name not in self._styles_now:
            classes = f"grid--{name}"
            self._styles_now[name] = self.get_component_rich_style(classes, partial=True)
        return self._styles_now[name]

    def _notice_line(self, y: int, width: int) -> Strip:
        assert self._notice is not None
        lines = self._notice.told(max(10, width - 4))
        first = max(0, (self.size.height - len(lines)) // 3)
        at = y - first
        if not 0 <= at < len(lines):
            return Strip.blank(width, self.rich_style)
        look = self._look(self._notice.look if at == 0 else "dim")
        text = lines[at]
        left = max(1, (width - cell_len(text)) // 2)
        segments = [Segment(" " * left, self.rich_style), Segment(text, self.rich_style + look)]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _header_line(self, y: int, width: int) -> Strip:
        style = self.rich_style + self._look("head" if y == 0 else "dim")
        texts = [Cell(laid.column.title if y == 0 else laid.column.kind) for laid in self._laid]
        return self._line(Segment(" " * self._prefix, style), texts, width, style)

    def _row_line(self, index: int, width: int) -> Strip:
        row = self.rows.row(index)
        here = index == self.cursor
        style = self.rich_style
        if self.stale or row is None:
            style += self._look("dim")
        if here:
            style += self._look("cursor")
        elif index in self.marked:
            style += self._look("mark")
        number = f"{index + 1:>{self._prefix - _GUTTER - 1}} " if self._numbers else ""
        sign = "▌" if here else " "
        star = "*" if index in self.marked else " "
        prefix = Segment(f"{sign}{star}{number}", style + self._look("dim") if number else style)
        if row is None:
            row = [Cell("…", "dim")] * len(self.columns)
        listed = [row[laid.at] for laid in self._laid]
        return self._line(prefix, listed, width, style, here and self._cells)

    def _line(
        self,
        prefix: Segment,
        cells: Sequence[Cell],
        width: int,
        style: Style,
        cell_cursor: bool = False,
    ) -> Strip:
        left = 0 if self._fit else self.scroll_offset.x
        right = left + width - self._prefix
        segments: list[Segment] = []
        first: int | None = None
        for at, (laid, cell) in enumerate(zip(self._laid, cells, strict=True)):
            if laid.end <= left or laid.start >= right:
                continue
            first = laid.start if first is None else first
            chosen = cell_cursor and at == self.column
            segments.extend(self._cell_segments(laid, cell, style, chosen))
        skipped = left - (first or 0)
        body = Strip(segments).adjust_cell_length(max(0, skipped) + right - left, style)
        return Strip.join([Strip([prefix]), body.crop(max(0, skipped))])

    def _cell_segments(self, laid: Laid, cell: Cell, style: Style, chosen: bool) -> list[Segment]:
        text = cut(safe(cell.text), laid.width, laid.column.cut)
        spare = laid.width - cell_len(text)
        if laid.column.right:
            text = " " * spare + text
        text = set_cell_size(text, laid.width)
        looked = style if self.stale or not cell.look else style + self._look(cell.look)
        if chosen:
            looked += self._look("cell")
        gap = Segment("  ", style)
        hit = cell.hit
        if hit is None or laid.column.right or not text.startswith(cell.text[: hit[1]]):
            return [Segment(text, looked), gap]
        start, end = hit
        marked = looked + self._look("hit")
        parts = ((text[:start], looked), (text[start:end], marked), (text[end:], looked))
        return [*(Segment(t, s) for t, s in parts if t), gap]

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where it was clicked; a click on the cursor row chooses it."""
        y = event.y - self.styles.gutter.top
        x = event.x - self.styles.gutter.left
        if y < self.header_height:
            self._click_head(x)
            return
        row = y - self.header_height + self.scroll_offset.y
        if row >= len(self.rows):
            return
        again = row == self.cursor
        self.cursor = row
        at = self._column_at(x)
        if self._cells and at is not None:
            self.column = at
        elif again:
            self.post_message(self.Chosen(self))

    def _click_head(self, x: int) -> None:
        at = self._column_at(x)
        if at is not None:
            self.post_message(self.HeadClicked(self, self._laid[at].column.title))

    def _column_at(self, x: int) -> int | None:
        along = x - self._prefix + (0 if self._fit else self.scroll_offset.x)
        return next(
            (i for i, laid in enumerate(self._laid) if laid.start <= along < laid.end), None
        )

    @property
    def cell(self) -> str | None:
        """The raw text of the cell under the cursor."""
        row = self.rows.row(self.cursor) if self.cursor < len(self.rows) else None
        if row is None or self.column >= len(self._laid):
            return None
        return row[self._laid[self.column].at].text

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - self.header_height - 1)

    def action_up(self) -> None:
        """Move to the row above."""
        self.cursor -= 1

    def action_down(self) -> None:
        """Move to the row below."""
        self.cursor += 1

    def action_page_up(self) -> None:
        """Move up by what is on the screen."""
        self.cursor -= self._page

    def action_page_down(self) -> None:
        """Move down by what is on the screen."""
        self.cursor += self._page

    def action_top(self) -> None:
        """Move to the first row."""
        self.cursor = 0

    def action_bottom(self) -> None:
        """Move to the last row."""
        self.cursor = len(self.rows) - 1

    def action_left(self) -> None:
        """Move to the cell at the left, or scroll."""
        if self._cells:
            self.column = max(0, self.column - 1)
        elif not self._fit:
            self.scroll_to(x=self.scroll_offset.x - 8, animate=False)

    def action_right(self) -> None:
        """Move to the cell at the right, or scroll."""
        if self._cells:
            self.column = max(0, min(len(self._laid) - 1, self.column + 1))
        elif not self._fit:
            self.scroll_to(x=self.scroll_offset.x + 8, animate=False)

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self.screen.focus_next()
