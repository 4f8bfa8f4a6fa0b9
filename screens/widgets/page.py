"""Many lines to read: scrolled, never broken, drawn only where they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from screens.text import safe, width
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

_LABEL = (8, 24)
_TEXT = 1000  # columns of a line that are shown


class Told(NamedTuple):
    """A line: a label at its left, then its text. Both may be raw."""

    label: str
    text: str
    look: str = ""


def told_text(label: str, text: str, look: str = "", most: int = 2000) -> list[Told]:
    """A text of several lines, its label beside the first."""
    parts = text.rstrip("\n").split("\n", most)[:most]
    if text.count("\n") > most:
        parts.append("…")
    return [Told(label if at == 0 else "", part, look) for at, part in enumerate(parts)]


class Page(Grid):
    """A grid of two columns, labels and texts."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, fit=False)

    @property
    def header_height(self) -> int:
        """No titles stand above the lines."""
        return 0

    def fill(self, lines: Sequence[Told], nothing: Notice) -> None:
        """Show lines, the cursor where it was; none tell why."""
        if not lines:
            self.tell(nothing)
            return
        label = max((width(safe(line.label, limit=_LABEL[1])) for line in lines), default=0)
        text = max((width(safe(line.text, limit=_TEXT)) for line in lines), default=0)
        columns = (
            Column("", max(_LABEL[0], min(label, _LABEL[1]))),
            Column("", max(20, min(text, _TEXT))),
        )
        kept = self.cursor
        self.show(columns, Listed(lines, _cells), kept)


def _cells(line: Told) -> Sequence[Cell]:
    return (Cell(line.label, "head"), Cell(line.text[: _TEXT + 1], line.look))
