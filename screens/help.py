"""The keys of a screen, from the registry."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content

from screens import commands
from screens.commands import Command, Context
from screens.keys import bindings
from screens.steady import Window
from screens.text import width
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.rows import Cell, Listed


def all_keys(command: Command) -> str:
    """Every key of a command, as a person reads them."""
    return " ".join(commands.shown_key(k) for k in command.keys.split(","))


class HelpScreen(Window[None]):
    """Every command that works where it was opened, and the shell line that does the same."""

    BINDINGS = bindings("window")
    CSS_PATH = "windows.tcss"

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._seen_from = context

    def compose(self) -> ComposeResult:
        """One grid."""
        yield Grid(name="help", classes="window")

    def on_mount(self) -> None:
        """Fill the grid."""
        here = list(commands.of_place(self._seen_from.place))
        listed = [*here, *commands.of_place("grid")]
        grid = self.query_one(Grid)
        grid.border_title = Content("Keys of this screen   esc closes")
        columns = [
            Column("KEY", max(width(all_keys(c)) for c in listed), rank=9),
            Column("WHAT IT DOES", max(width(c.sentence) for c in listed), rank=8),
            Column("SAME AS", 44, least=20, rank=1),
        ]
        grid.show(columns, Listed(listed, self._cells))
        grid.focus()

    def _cells(self, command: Command) -> Sequence[Cell]:
        why = command.why_disabled(self._seen_from)
        return (
            Cell(all_keys(command), "dim" if why else "accent"),
            Cell(command.sentence, "dim" if why else ""),
            Cell(f"({why})" if why else command.line(self._seen_from) or "", "dim"),
        )

    def action_close(self) -> None:
        """Go back to the screen."""
        self.dismiss(None)
