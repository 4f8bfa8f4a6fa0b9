"""The first screen: every dataset of the lake, filtered as you type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from catalog.errors import LakeError
from screens import messages
from screens.commands import Context
from screens.keys import bindings
from screens.lake_screen import LakeScreen
from screens.listing import SORTS, Entry, Filter, Group, grouped, hit, ordered
from screens.shared import Shared
from screens.text import count, plural, short_count, size, widest
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.line_edit import LineEdit
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed
from screens.widgets.summary_pane import Details, SummaryPane

if TYPE_CHECKING:
    from catalog.model import DatasetSummary

Line = Entry | Group
_LOADING = Notice("Reading the list of datasets …")
_EMPTY = Notice(
    "This lake is empty.",
    ("Load a first dataset from a shell:", "lakectl ingest trips.csv --into nyc.trips",
     "or make a lake to look around in: lakectl demo"),
    "accent",
)  # fmt: skip


class DatasetsScreen(LakeScreen):
    """The list of datasets, with the details of one beside it where there is room."""

    DEFAULT_CSS = """
    DatasetsScreen {
        SummaryPane { display: none; width: 42; height: 1fr; padding: 0 1; }
        &.-wide SummaryPane { display: block; }
        &.-broad SummaryPane { display: block; width: 52; }
        #filter { background: $boost; }
    }
    """
    PLACE = "datasets"
    BINDINGS = bindings("datasets")

    def __init__(self, shared: Shared, classes: str) -> None:
        super().__init__(shared, classes)
        self._entries: list[Entry] = []
        self._ordered: list[Entry] = []
        self._shown: list[Entry] = []
        self._filter = Filter()
        self._sort = "NAME"
        self._tree = False
        self._folded: frozenset[str] = frozenset()
        self._widths = (24, 6, 8)  # of name, owner and labels
        self._loaded = False

    def middle(self) -> Iterable[Widget]:
        """The list, the details, and the line to type a filter into."""
        yield Horizontal(Grid(name="list"), SummaryPane(self.shared), id="body")
        hint = "words  ns:nyc  owner:ana  label:pii  ~fuzzy  !not"
        yield LineEdit(name="filter", label="/", hint=hint, changed=self._filter_by)

    def on_mount(self) -> None:
        """Paint, and only then ask for the list."""
        self.lead("datasets")
        self._grid.tell(_LOADING)
        self._grid.focus(scroll_visible=False)
        self.query_one("#filter").display = False
        head = self.shared.head
        if head is None:
            self.lake_changed()
        elif head.done() and head.exception() is None:
            self._show_head(head.result())
        else:
            self.ask("head", head.result, self._show_head, lambda _: self.lake_changed())

    def _show_head(self, summaries: Sequence[DatasetSummary]) -> None:
        """Paint the first datasets at once, and only then read all of them."""
        self.call_after_refresh(self.lake_changed)
        if summaries:
            self._entries = self._ordered = [Entry(s) for s in summaries]
            self._measure()
            self._list()

    def _measure(self) -> None:
        entries = self._entries
        self._widths = (
            widest((e.name for e in entries), 24, 48),
            widest((e.summary.owner or "" for e in entries), 6, 14),
            widest((" ".join(e.labels) for e in entries), 8, 30),
        )

    @property
    def _grid(self) -> Grid:
        return self.query_one("#list", Grid)

    @property
    def _line(self) -> Line | None:
        rows = self._grid.rows
        if isinstance(rows, Listed) and self._grid.cursor < len(rows):
            line: Line = rows.items[self._grid.cursor]
            return line
        return None

    @property
    def _summary(self) -> DatasetSummary | None:
        line = self._line
        return line.summary if isinstance(line, Entry) else None

    def context(self) -> Context:
        """The dataset under the cursor."""
        found = self._summary
        name = str(found.name) if found else None
        return Context("datasets", dataset=name, cell=name, filter=self._filter.text)

    def lake_changed(self) -> None:
        """Read the list again; what is shown stays until the new one is there."""

        def read() -> tuple[list[Entry], list[Entry]]:
            entries = [Entry(summary) for summary in self.backend.summaries()]
            return entries, ordered(entries, self._sort)

        self.ask("summaries", read, self._take, self._failed)

    def _take(self, found: tuple[list[Entry], list[Entry]]) -> None:
        self._entries, self._ordered = found
        self._loaded = True
        self._measure()
        self.trouble(False)
        self._list()
        entries = self._entries
        # Made now, in a thread, so that the first letter of a filter need not wait for it.
        self.ask("words", lambda: [entry.words for entry in entries], lambda _: None)

    def _failed(self, error: LakeError) -> None:
        self.trouble(True)
        if self._loaded:
            self.complain(error)
        else:
            lines = tuple(filter(None, (error.message, error.hint, "r tries again")))
            self._grid.tell(Notice("The lake cannot be read.", lines, "bad"))
        self.update_bars()

    def time_passed(self) -> None:
        """Draw the ages anew, in the list and beside it."""
        super().time_passed()
        self.query_one(SummaryPane).time_passed()

    def times_changed(self) -> None:
        """Draw the ages anew."""
        self._list()

    def _list(self, onto: str | None = None) -> None:
        """Put what passes the filter into the grid, the cursor on the line it was on, or `onto`."""
        kept = onto or self._key(self._line)
        self._shown = self._filter.apply(self._ordered)
        if not self._shown:
            self._grid.tell(self._why_none())
        else:
            lines = grouped(self._shown, self._folded) if self._tree else self._shown
            at = next((i for i, line in enumerate(lines) if self._key(line) == kept), 0)
            self._grid.show(self._columns(), Listed(lines, self._cells), at)
        self._title()
        self.update_bars()
        self._show_details()  # last: its question wakes the screen, which then draws what it knows

    @staticmethod
    def _key(line: Line | None) -> str | None:
        if isinstance(line, Group):
            return line.namespace
        return line.summary.id if line else None

    def _why_none(self) -> Notice:
        if not self._loaded:
            return _LOADING
        if not self._entries:
            return _EMPTY
        of_all = f"None of {plural(len(self._entries), 'dataset')} matches {self._filter.text!r}."
        return Notice("Filtered to nothing.", (of_all, "esc clears the filter"), "warn")

    def _title(self) -> None:
        total, shown = len(self._entries), len(self._shown)
        some = f" · {count(shown)} shown" if shown != total else ""
        told = f"{count(total)}{some}" if self._loaded else "…"
        self._grid.border_title = Content(f"Datasets {told}")
        order = f"{'tree · ' if self._tree else ''}sort {self._sort}"
        self._grid.border_subtitle = Content(order)

    def _columns(self) -> Sequence[Column]:
        def head(title: str) -> str:
            return f"{title}{'▾' if title == self._sort else ''}"

        wide, owner, labels = self._widths
        wide += 2 if self._tree else 0
        age = 16 if self.shared.absolute_times else 5
        return (
            Column(head("NAME"), wide, least=20, cut="middle", rank=9),
            Column(head("ROWS"), 6, right=True, rank=8),
            Column(head("SIZE"), 7, right=True, rank=6),
            Column(head("VER"), 5, right=True, rank=5),
            Column(head("AGE"), age, right=True, rank=7),
            Column(head("OWNER"), owner, least=6, rank=4),
            Column("LABELS", labels, least=8, rank=3),
        )

    def _cells(self, line: Line) -> Sequence[Cell]:
        if isinstance(line, Group):
            name = f"{'▾' if line.open else '▸'} {line.namespace}  ({count(line.members)})"
            rest = (Cell(""), Cell(""), Cell(""), Cell(""))
            return (Cell(name, "accent"), Cell(short_count(line.rows), "dim"),
                    Cell(size(line.bytes), "dim"), *rest)  # fmt: skip
        found = line.summary
        name = f"  {found.name.name}" if self._tree else line.name
        loaded = found.version > 0
        dim = "" if loaded else "dim"
        return (
            Cell(name, "name", hit(name, self._filter.words)),
            Cell(short_count(found.rows) if loaded else "-", dim),
            Cell(size(found.bytes) if loaded else "-", dim),
            Cell(f"v{found.version}" if loaded else "-", dim),
            Cell(self.shared.when(found.updated_at)),
            Cell(found.owner or "-", "" if found.owner else "dim"),
            Cell(" ".join(line.labels), "dim"),
        )

    def on_grid_moved(self) -> None:
        """Show the details of another dataset."""
        self.update_bars()
        self._show_details()

    def on_grid_chosen(self) -> None:
        """A second click opens."""
        self.action_command("open")

    def on_grid_head_clicked(self, event: Grid.HeadClicked) -> None:
        """Sort by the column that was clicked."""
        self._sort_by(event.title.rstrip("▾"))

    def _show_details(self) -> None:
        pane = self.query_one(SummaryPane)
        found = self._summary
        if found is None or not pane.on_screen:
            pane.show(None)
            return
        pane.show(found)
        name = str(found.name)

        def read() -> Details:
            versions = self.backend.versions(name)
            return Details(name, self.backend.schemas(name), versions)

        if found.version:
            self.ask("details", read, pane.add, lambda _: None, delay=0.15)

    def on_resize(self) -> None:
        """Fill the pane that there is room for now."""
        self.call_after_refresh(self._show_details)

    def do_open(self) -> None:
        """Open the dataset under the cursor, or fold the namespace."""
        found = self._summary
        if found is not None:
            self.post_message(messages.OpenDataset(str(found.name)))
        else:
            self.do_fold()

    def do_fold(self) -> None:
        """Fold or unfold the namespace of the line under the cursor."""
        line = self._line
        if not self._tree or line is None:
            return
        namespace = line.namespace if isinstance(line, Group) else line.summary.name.namespace
        self._folded ^= {namespace}
        self._list(namespace)

    def do_tree(self) -> None:
        """Change between tree and list."""
        self._tree = not self._tree
        self._list()

    def do_sort(self) -> None:
        """Sort by the next column."""
        self._sort_by(SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)])

    def _sort_by(self, title: str) -> None:
        if title in SORTS:
            self._sort = title
            self._ordered = ordered(self._entries, title)
            self._list()

    def do_query(self) -> None:
        """Query the dataset under the cursor."""
        self.post_message(messages.OpenQuery(f"SELECT *\nFROM {self.context().dataset}"))

    def do_filter(self) -> None:
        """Go into the filter line."""
        edit = self.query_one("#filter", LineEdit)
        edit.display = True
        self.set_focus(edit)

    def _filter_by(self, text: str) -> None:
        self._filter = Filter(text)
        self._list()

    def on_line_edit_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self.query_one("#filter").display = bool(self._filter.text)
        self.set_focus(self._grid)

    def on_line_edit_left(self) -> None:
        """Clear the filter and go back to the list."""
        self._clear_filter()

    def on_line_edit_stepped(self, event: LineEdit.Stepped) -> None:
        """Move over the list without leaving the filter."""
        getattr(self._grid, f"action_{event.step.replace('page', 'page_')}")()

    def _clear_filter(self) -> None:
        edit = self.query_one("#filter", LineEdit)
        edit.set("")
        edit.display = False
        self.set_focus(self._grid)

    def do_up_screen(self) -> None:
        """Clear the filter; at the top there is nothing above."""
        self._clear_filter()
