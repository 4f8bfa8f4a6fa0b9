"""The versions of a dataset beside what one of them holds, or what differs between two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.message import Message

from catalog.model import DatasetDiff, Version
from screens.text import cell, count, short_count, signed, widest
from screens.widgets.columns import Column
from screens.widgets.facts import Facts, Line
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

_STATES = {"current": ("●", "good"), "live": ("○", ""), "undone": ("↶", "warn"),
           "expired": ("×", "dim")}  # fmt: skip


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

    def compose(self) -> ComposeResult:
        """The list, and beside it rows or differences."""
        yield Grid(name="version-list")
        yield Grid(name="peek", cells=True, fit=False)
        yield Facts(id="diff", classes="framed")

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
            Column("OP", 9, rank=7),
            Column("ROWS", 6, right=True, rank=7),
            Column("CHANGE", 9, right=True, rank=8),
            Column("SCHEMA", 6, rank=3),
            Column("TAGS", widest((" ".join(v.tags) for v in versions), 4, 20), rank=5),
            Column("RUN", widest((v.run_id or "" for v in versions), 3, 12), rank=2),
            Column("MESSAGE", widest((v.message or "" for v in versions), 8, 60), least=8, rank=4),
        ]
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
            Cell(" ".join(version.tags), "accent"),
            Cell(version.run_id or "", "dim"),
            Cell(version.message or "", "dim"),
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
            facts = self.query_one("#diff", Facts)
            facts.border_title = Content(f"Differences v{found.before} → v{found.after}")
            facts.lines = tuple(_diff_lines(found))

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
    files = f"+{found.files_added} -{found.files_removed}"
    lines: list[Line] = [told, [("files   ", "head"), (files, "")]]
    lines += [[("schema  ", "head"), (str(c), _change_look(str(c)))] for c in found.schema]
    if not found.schema:
        lines.append([("schema  ", "head"), ("the same", "dim")])
    return lines + _samples(found)


def _change_look(text: str) -> str:
    return {"+": "good", "-": "bad", "!": "bad", "~": "warn"}.get(text[:1], "")


def _samples(found: DatasetDiff) -> list[Line]:
    samples = found.rows.samples
    if samples is None or not samples.rows:
        return []
    lines: list[Line] = [[], [("some of the rows", "head")]]
    for row in samples.rows[:20]:
        shown = "  ".join(
            f"{name} {cell(value)}" for name, value in zip(samples.columns, row, strict=True)
        )
        lines.append([(f"  {shown}", "")])
    return lines
