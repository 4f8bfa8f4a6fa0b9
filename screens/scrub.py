"""The last door before the terminal: deletes whatever control character slipped through."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from screens.text import UNSEEN

_JOINER = "\u200d"  # stays in what a person types: emoji would fall apart into wider ones


class Scrub(LineFilter):
    """Removes what may not reach a terminal; such characters have no width, so nothing moves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line without forbidden characters."""
        if not any(UNSEEN.search(segment.text) for segment in segments):
            return segments
        return [Segment(_without(text), style, control) for text, style, control in segments]


def _without(text: str) -> str:
    return UNSEEN.sub(lambda found: _JOINER if found[0] == _JOINER else "", text)
