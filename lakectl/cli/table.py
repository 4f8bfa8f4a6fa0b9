"""Tables for people: what fits the terminal, and a word on what does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from screens.text import cut_end, cut_middle, width

_MAX_CELL = 60
_GAP = 2
# No text is narrowed below this to make room for another column; the first one names the row.
_ENOUGH, _ENOUGH_OF_FIRST = 20, 30
_HEAD = 12  # of a title that is wider than all its values
_LEAST = 8  # a last column with less room than this is left out


class Drawn(NamedTuple):
    """A table as lines, and the titles of the columns that had no room."""

    lines: list[str]
    left_out: list[str]


def markdown(heads: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---:" if n else "---" for n in numeric], *cells]
    escaped = ("| " + " | ".join(c.replace("|", "\\|") for c in line) + " |\n" for line in lines)
    return "".join(escaped)


def draw(
    heads: Sequence[str],
    cells: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    room: int | None,
    *,
    cut: bool = True,
) -> Drawn:
    """A table of aligned columns.

    Args:
        heads: the titles.
        cells: the rows, as safe text of one line.
        numeric: which columns stand at the right and are never cut.
        room: the columns of the terminal; None for no limit.
        cut: shorten long values.
    """
    if cut:
        cells = [[cut_middle(c, _MAX_CELL) for c in row] for row in cells]
    values = [max((width(row[i]) for row in cells), default=0) for i in range(len(heads))]
    widths = [max(width(head), value) for head, value in zip(heads, values, strict=True)]
    shown = list(range(len(heads)))
    if room is not None and _total(widths) > room:
        shown = [i for i in shown if values[i] or not cells] or shown[:1]
        shown = _fitted(shown, widths, values, numeric, room)
    lines = [
        (" " * _GAP).join(_cell(i, row[i], widths[i], numeric[i]) for i in shown).rstrip()
        for row in ([head.upper() for head in heads], *cells)
    ]
    return Drawn(lines, [head for i, head in enumerate(heads) if i not in shown])


def _fitted(
    shown: Sequence[int],
    widths: list[int],
    values: Sequence[int],
    numeric: Sequence[bool],
    room: int,
) -> list[int]:
    """The columns that fit, their widths made so: first long titles give, then long texts."""
    for i in shown:
        widths[i] = max(values[i], min(widths[i], _HEAD))
    least = dict.fromkeys(shown, _ENOUGH) | {shown[0]: _ENOUGH_OF_FIRST}
    while _total([widths[i] for i in shown]) > room:
        texts = [i for i in shown if not numeric[i] and widths[i] > least[i]]
        if not texts:
            break
        widths[max(texts, key=lambda i: widths[i])] -= 1
    kept: list[int] = []
    for i in shown:
        left = room - sum(widths[k] + _GAP for k in kept)
        if widths[i] > left:
            if not kept or (not numeric[i] and left >= _LEAST):
                widths[i] = max(_LEAST, left)
                kept.append(i)
            break
        kept.append(i)
    return kept


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _cell(place: int, text: str, size: int, right: bool) -> str:
    """A value in its column; a first one names the row, and its end tells as much as its begin."""
    text = cut_end(text, size) if place else cut_middle(text, size)
    space = " " * max(0, size - width(text))
    return space + text if right else text + space
