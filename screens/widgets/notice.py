"""What stands in a grid where there are no rows."""

from __future__ import annotations

from typing import NamedTuple

from screens.text import safe, wrap


class Notice(NamedTuple):
    """Why there are no rows, and what to do about it."""

    title: str
    lines: tuple[str, ...] = ()
    look: str = "dim"

    def told(self, columns: int) -> list[str]:
        """The lines as they are shown, broken at a width."""
        title, *below = (wrap(safe(text), columns) for text in (self.title, *self.lines))
        return [*title, "", *(line for lines in below for line in lines)]
