"""The last door before the terminal: deletes whatever control character slipped through."""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# C0, DEL, C1, marks that reorder text, and the code points that no terminal can draw.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


class Scrub(LineFilter):
    """Removes what may not reach a terminal; such characters have no width, so nothing moves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line without forbidden characters."""
        if not any(_FORBIDDEN.search(segment.text) for segment in segments):
            return segments
        return [
            Segment(_FORBIDDEN.sub("", text), style, control) for text, style, control in segments
        ]
