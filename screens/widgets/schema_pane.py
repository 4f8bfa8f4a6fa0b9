"""The columns of a dataset beside the history of its schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content

from catalog.model import SchemaRevision
from catalog.schema import Change, ChangeKind, diff
from catalog.types import Field, children, text_of
from screens.text import plural, width
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.rows import Cell, Listed

_LOOKS = {
    ChangeKind.ADDED: "good",
    ChangeKind.WIDENED: "warn",
    ChangeKind.RENAMED: "warn",
    ChangeKind.REMOVED: "bad",
    ChangeKind.INCOMPATIBLE: "bad",
}


class _Step(NamedTuple):
    """A line of the history: one change, or the revision that brings several."""

    revision: int
    text: str
    look: str = ""
    heads: bool = False


class SchemaPane(Container):
    """Moving over the history shows the columns as they were then."""

    def __init__(self, when: Callable[[datetime], str]) -> None:
        super().__init__(id="schema-pane", classes="pane")
        self._when = when
        self._revisions: Sequence[SchemaRevision] = ()
        self._shown = -1

    def compose(self) -> ComposeResult:
        """The columns and the history."""
        yield Grid(name="fields")
        yield Grid(name="history")

    def show(self, revisions: Sequence[SchemaRevision]) -> None:
        """Show a history, oldest first, and the columns of its end."""
        self._revisions = revisions
        history = self.query_one("#history", Grid)
        steps = self._steps()
        widest = max((width(s.text) for s in steps), default=10)
        columns = [
            Column("SCHEMA", 6, rank=8),
            Column("AT", 7, rank=7),
            Column("AGE", 16 if self._long_times else 5, right=True, rank=5),
            Column("CHANGE", max(widest, 16), least=16, rank=9),
        ]
        history.show(columns, Listed(steps, self._step_cells))
        history.border_title = Content(f"History · {plural(len(revisions), 'step')}")
        self._show_fields(len(revisions) - 1)

    @property
    def _long_times(self) -> bool:
        return bool(self._revisions) and len(self._when(self._revisions[-1].recorded_at)) > 5

    def _steps(self) -> list[_Step]:
        steps: list[_Step] = []
        for at in range(len(self._revisions) - 1, -1, -1):
            changes = self._changes(at)
            if at == 0:
                first = plural(len(self._revisions[0].schema.fields), "column")
                steps.append(_Step(0, f"first schema, {first}", "dim", heads=True))
            for number, change in enumerate(changes):
                steps.append(_Step(at, str(change), _LOOKS.get(change.kind, ""), number == 0))
        return steps

    def _changes(self, at: int) -> list[Change]:
        if at <= 0:
            return []
        changes = diff(self._revisions[at - 1].schema, self._revisions[at].schema)
        whole = {c.field for c in changes if c.kind in {ChangeKind.ADDED, ChangeKind.REMOVED}}
        # A struct that came or went says so once, not again for each of its parts.
        return [c for c in changes if not any(p in whole for p in _parents(c.field))]

    def _step_cells(self, step: _Step) -> Sequence[Cell]:
        revision = self._revisions[step.revision]
        if not step.heads:
            return (Cell(""), Cell(""), Cell(""), Cell(step.text, step.look))
        return (
            Cell(f"s{revision.schema.schema_id}", "name"),
            Cell(f"v{revision.version}"),
            Cell(self._when(revision.recorded_at), "dim"),
            Cell(step.text, step.look),
        )

    def _show_fields(self, at: int) -> None:
        grid = self.query_one("#fields", Grid)
        if not 0 <= at < len(self._revisions):
            return
        self._shown = at
        revision = self._revisions[at]
        looks = {c.field: _LOOKS.get(c.kind, "") for c in self._changes(at)}
        rows = [_field_cells(depth, path, f, looks) for depth, path, f in _nested(revision)]
        names = max((width(r[1].text) for r in rows), default=4)
        types = max((width(r[2].text) for r in rows), default=4)
        docs = max((width(r[4].text) for r in rows), default=4)
        columns = [
            Column("ID", 4, right=True, rank=1),
            Column("COLUMN", max(names, 6), least=12, cut="middle", rank=9),
            Column("TYPE", max(types, 4), least=10, rank=8),
            Column("NULL", 4, rank=5),
            Column("DOC", max(docs, 3), least=8, rank=3),
        ]
        grid.show(columns, Listed(rows, lambda row: row), grid.cursor)
        now = "" if at == len(self._revisions) - 1 else f" · as of v{revision.version}"
        found = plural(len(revision.schema.fields), "column")
        grid.border_title = Content(f"Columns · s{revision.schema.schema_id} · {found}{now}")

    @property
    def comment(self) -> tuple[str, str]:
        """The column under the cursor and the whole of its comment."""
        grid = self.query_one("#fields", Grid)
        row = grid.rows.row(grid.cursor) if grid.cursor < len(grid.rows) else None
        return (row[1].text.strip(), row[4].text) if row is not None else ("", "")

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Show the columns of the revision under the cursor."""
        history = self.query_one("#history", Grid)
        rows = history.rows
        if event.grid is history and isinstance(rows, Listed) and history.cursor < len(rows):
            revision = rows.items[history.cursor].revision
            if revision != self._shown:
                self._show_fields(revision)


def _parents(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _nested(revision: SchemaRevision) -> list[tuple[int, str, Field]]:
    found: list[tuple[int, str, Field]] = []

    def visit(fields: Sequence[Field], depth: int, prefix: str) -> None:
        for field in fields:
            found.append((depth, f"{prefix}{field.name}", field))
            visit(children(field.type), depth + 1, f"{prefix}{field.name}.")

    visit(revision.schema.fields, 0, "")
    return found


def _field_cells(depth: int, path: str, field: Field, looks: dict[str, str]) -> Sequence[Cell]:
    look = looks.get(path, "")
    sign = {"good": "+ ", "warn": "~ ", "bad": "! "}.get(look, "")
    return (
        Cell(str(field.id), "dim"),
        Cell(f"{'  ' * depth}{sign}{field.name}", look or "name"),
        Cell(text_of(field.type), look),
        Cell("no" if field.required else "yes", "dim"),
        Cell(field.doc or "", "dim"),
    )
