"""The versions of a dataset beside what one of them holds, or what differs between two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message

from catalog.model import DatasetDiff, QueryResult, Version
from screens.text import count, short_count, signed, widest
from screens.widgets.columns import Column
from screens.widgets.facts import Facts, Line
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.results import show_all
from screens.widgets.rows import Cell, Listed

_STATES = {"current": ("●", "good"), "live": ("○", ""), "undone": ("↶", "warn"),
           "expired": ("×", "dim")}  # fmt: skip
_MOST_FACTS = 8  # lines above the rows that differ


class _Text(NamedTuple):
    """A column of the list that is only there when a version fills it."""

    title: str
    of: Callable[[Version], str]
    look: str
    most: int
    rank: int


_TEXTS = (
    _Text("TAGS", lambda v: " ".join(v.tags), "accent", 20, 8),
    _Text("RUN", lambda v: v.run_id or "", "dim", 12, 3),
    _Text("MESSAGE", lambda v: v.message or "", "dim", 60, 6),
)


class VersionsPane(Container):
    """Moving over the versions tells upwards which one is meant."""

    class Moved(Message):
        """Another version is under the cursor."""

        def __init__(self, version: int) -> None:
            super().__init__()
            self.version = version

    def __init__(self, when: Callable[[datetime], str]) -> None:
        super().__init__(id="versions-pane", classes="pane")
        self._when = when
        self._versions: Sequence[Version] = ()
        self._filled: tuple[_Text, ...] = ()

    def compose(self) -> ComposeResult:
        """The list, and beside it rows or differences."""
        yield Grid(name="version-list")
        yield Grid(name="peek", cells=True, fit=False)
        with Vertical(id="diff"):
            yield Facts(id="differences", classes="framed")
            yield Grid(name="changes", cells=True, fit=False)

    def show(self, versions: Sequence[Version], chosen: int | None) -> None:
        """Show a list, newest first, the cursor on one of them."""
        self._versions = versions
        grid = self.query_one("#version-list", Grid)
        if not versions:
            grid.tell(Notice("No version yet.", ("Nothing was loaded into it.",), "warn"))
            return
        at = next((i for i, v in enumerate(versions) if v.version == chosen), 0)
        wide = max(len(self._when(v.committed_at)) for v in versions[:50])
        columns = [
            Column("", 1, rank=6),
            Column("VER", 5, right=True, rank=9),
            Column("AGE", max(wide, 4), right=True, rank=8),
            Column("OP", 9, rank=4),
            Column("ROWS", 6, right=True, rank=5),
            Column("CHANGE", 9, right=True, rank=7),
            Column("SCHEMA", 6, rank=2),
        ]
        self._filled = tuple(t for t in _TEXTS if any(t.of(v) for v in versions))
        for text in self._filled:
            wanted = widest((text.of(v) for v in versions), len(text.title), text.most)
            columns.append(Column(text.title, wanted, least=min(wanted, 8), rank=text.rank))
        grid.show(columns, Listed(versions, self._cells), at)
        grid.border_title = Content(f"Versions {count(len(versions))}")

    def _cells(self, version: Version) -> Sequence[Cell]:
        sign, look = _STATES.get(version.state, ("?", "dim"))
        change = version.rows_added - version.rows_deleted
        signed_change = f"{'+' if change > 0 else ''}{short_count(change)}"
        faded = "dim" if version.state in {"undone", "expired"} else ""
        return (
            Cell(sign, look),
            Cell(f"v{version.version}", faded or "name"),
            Cell(self._when(version.committed_at), faded),
            Cell(version.operation, faded),
            Cell(short_count(version.rows), faded),
            Cell(signed_change, faded or ("good" if change >= 0 else "warn")),
            Cell(f"s{version.schema_id}", "dim"),
            *(Cell(text.of(version), text.look) for text in self._filled),
        )

    def mark(self, version: int | None) -> None:
        """Show which version is marked as A."""
        grid = self.query_one("#version-list", Grid)
        found = (i for i, v in enumerate(self._versions) if v.version == version)
        grid.marked = frozenset(found)
        told = f"A = v{version}, move to B" if version is not None else ""
        grid.border_subtitle = Content(told)
        grid.refresh()

    def go_to(self, version: int) -> None:
        """Put the cursor on a version."""
        at = next((i for i, v in enumerate(self._versions) if v.version == version), None)
        if at is not None:
            self.query_one("#version-list", Grid).cursor = at

    def compare(self, found: DatasetDiff | None) -> None:
        """Show what differs in place of the rows; None shows the rows again."""
        self.set_class(found is not None, "-compares")
        if found is not None:
            facts = self.query_one("#differences", Facts)
            facts.border_title = Content(f"Differences v{found.before} → v{found.after}")
            facts.lines = tuple(_diff_lines(found))
            facts.styles.height = min(len(facts.lines), _MOST_FACTS) + 2
            self._show_changes(found.rows.samples)

    def _show_changes(self, rows: QueryResult | None) -> None:
        grid = self.query_one("#changes", Grid)
        if rows is None or not rows.rows:
            grid.border_title = Content("Rows")
            grid.tell(Notice("No row differs."))
            return
        grid.border_title = Content(f"Rows · the first {count(len(rows.rows))} that differ")
        show_all(grid, rows, kinds=False)

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Tell upwards which version is under the cursor."""
        if event.grid.id == "version-list" and event.grid.cursor < len(self._versions):
            self.post_message(self.Moved(self._versions[event.grid.cursor].version))


def _diff_lines(found: DatasetDiff) -> list[Line]:
    rows = found.rows
    told = [("rows    ", "head"), (f"{signed(rows.added)} added", "good" if rows.added else "dim")]
    told.append((f"   {signed(-rows.removed)} removed", "bad" if rows.removed else "dim"))
    if rows.key:
        changed = f"   {count(rows.changed)} changed by {', '.join(rows.key)}"
        told.append((changed, "warn" if rows.changed else "dim"))
    files = f"{signed(found.files_added)} added   {signed(-found.files_removed)} removed"
    lines: list[Line] = [told, [("files   ", "head"), (files, "")]]
    lines += [[("schema  ", "head"), (str(c), _change_look(str(c)))] for c in found.schema]
    if not found.schema:
        lines.append([("schema  ", "head"), ("the same", "dim")])
    return lines


def _change_look(text: str) -> str:
    return {"+": "good", "-": "bad", "!": "bad", "~": "warn"}.get(text[:1], "")
