"""How wide the columns of a grid are, and which of them there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from screens.text import cut_end, cut_middle, safe, width

GAP = 2
_MOST = 40
Cut = Literal["end", "middle"]


class Column(NamedTuple):
    """A column of a grid. Where room is short, those of the lowest `rank` go first."""

    title: str
    width: int
    least: int | None = None  # how far it may be cut; None: not at all
    right: bool = False
    cut: Cut = "end"
    rank: int = 0
    kind: str = ""  # the type under the title


class Laid(NamedTuple):
    """A column with its place on the line, in columns of the terminal."""

    column: Column
    at: int  # which of the columns it is
    start: int
    width: int

    @property
    def end(self) -> int:
        """Where the next column starts."""
        return self.start + self.width + GAP


def cut(text: str, columns: int, how: Cut) -> str:
    """The text cut as the column wants it."""
    return cut_middle(text, columns) if how == "middle" else cut_end(text, columns)


def natural(columns: Sequence[Column]) -> tuple[Laid, ...]:
    """All columns at their own width."""
    return _placed([(i, c, c.width) for i, c in enumerate(columns)])


def fitted(columns: Sequence[Column], room: int) -> tuple[Laid, ...]:
    """The columns that fit: the last in rank are dropped, then those that may be cut are cut."""
    kept = [(i, c) for i, c in enumerate(columns)]
    while len(kept) > 1 and sum((c.least or c.width) + GAP for _, c in kept) > room + GAP:
        kept.remove(min(kept, key=lambda pair: (pair[1].rank, pair[0])))
    widths = {i: c.width for i, c in kept}
    excess = sum(w + GAP for w in widths.values()) - GAP - room
    for index, column in sorted(kept, key=lambda pair: (pair[1].rank, pair[0])):
        if excess > 0 and column.least is not None:
            taken = min(excess, column.width - column.least)
            widths[index] -= taken
            excess -= taken
    return _placed([(i, c, widths[i]) for i, c in kept])


def _placed(columns: Iterable[tuple[int, Column, int]]) -> tuple[Laid, ...]:
    laid: list[Laid] = []
    start = 0
    for index, column, columns_wide in columns:
        laid.append(Laid(column, index, start, max(1, columns_wide)))
        start = laid[-1].end
    return tuple(laid)


def measured(
    titles: Sequence[str], kinds: Sequence[str], rows: Iterable[Sequence[str]], most: int = _MOST
) -> list[Column]:
    """Columns as wide as their title, their type and these rows need, numbers at the right.

    Args:
        titles: names of the columns, raw.
        kinds: DuckDB type names, or empty texts.
        rows: raw texts of the cells of a sample of rows.
        most: no column is wider.
    """
    widths = [
        max(width(safe(t)), min(width(safe(k)), 12)) for t, k in zip(titles, kinds, strict=True)
    ]
    for row in rows:
        for index, text in enumerate(row):
            if widths[index] < most:
                widths[index] = max(widths[index], width(safe(text, limit=most + 1)))
    return [
        Column(title, min(found, most), right=is_number(kind), kind=kind)
        for title, kind, found in zip(titles, kinds, widths, strict=True)
    ]


def is_number(kind: str) -> bool:
    """Whether values of a DuckDB type are numbers, which stand at the right."""
    word = kind.split("(")[0].upper()
    return word.endswith("INT") or word in {"INTEGER", "DOUBLE", "FLOAT", "DECIMAL", "REAL"}
