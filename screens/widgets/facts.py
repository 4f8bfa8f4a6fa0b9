"""A quiet pane of lines: labels, values, little headings."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from screens.text import cut_end, safe, width, wrap

Line = Sequence[tuple[str, str]]  # texts with their looks; a text may be raw
STYLES = {
    "": "", "dim": "$text-muted", "head": "$accent bold", "good": "$text-success",
    "warn": "$text-warning", "bad": "$text-error", "name": "bold", "line": "$text-secondary",
    "accent": "$text-accent bold",
}  # fmt: skip


class Facts(Widget):
    """Lines of text that are drawn as they are, each cut at the width of the pane."""

    lines: reactive[tuple[Line, ...]] = reactive(())

    def render(self) -> Content:
        """All the lines, made safe."""
        return Content("\n").join(self._line(line) for line in self.lines)

    def _line(self, line: Line) -> Content:
        room = self.size.width
        parts: list[tuple[str, str]] = []
        for text, look in line:
            shown = cut_end(safe(text, limit=400), room)
            room -= width(shown)
            if shown:
                parts.append((shown, STYLES[look]))
        return Content.assemble(*parts)


def wrapped(text: str, columns: int, look: str = "") -> list[Line]:
    """A text broken into lines between its words."""
    return [[(line, look)] for line in wrap(safe(text), columns)]
