"""Rows of a query put into a grid."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from catalog.errors import LakeError
from catalog.model import QueryResult
from screens.text import NULL, cell, count
from screens.widgets.columns import Column, measured
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed, Paged

_SAMPLE = 200
_FRACTION = re.compile(r"-?\d+\.\d+\Z")


def cells_of(row: Sequence[object]) -> list[Cell]:
    """The cells of a row of values; NULL is dim, so that it is not taken for a text."""
    return [Cell(NULL, "dim") if value is None else Cell(cell(value)) for value in row]


def rounded(result: QueryResult, exact: Collection[str]) -> QueryResult:
    """Measurements with six digits, since the last ones of a mean say nothing; counts in groups.

    Args:
        result: the rows.
        exact: columns that stay as they are.
    """
    kept = [name in exact for name in result.columns]

    def shown(row: Sequence[object]) -> tuple[object, ...]:
        return tuple(v if keep else _six_digits(v) for keep, v in zip(kept, row, strict=True))

    return replace(result, rows=tuple(map(shown, result.rows)))


def _six_digits(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    if isinstance(value, float) or (isinstance(value, str) and _FRACTION.match(value)):
        number = float(value)
        return f"{number:.6g}" if abs(number) < 1e6 else f"{number:,.0f}"
    return value


def columns_of(result: QueryResult, kinds: bool = True) -> list[Column]:
    """Columns as wide as the first rows need.

    Args:
        result: the rows.
        kinds: show the types below the titles.
    """
    sample = [[cell(v) for v in row] for row in result.rows[:_SAMPLE]]
    columns = measured(result.columns, result.kinds, sample)
    if kinds:
        return columns
    return [Column(c.title, c.width, right=c.right) for c in columns]


def show_all(grid: Grid, result: QueryResult, kinds: bool = True) -> None:
    """Show a result that is in memory."""
    grid.show(columns_of(result, kinds), Listed(result.rows, cells_of), grid.cursor)


def show_paged(
    grid: Grid,
    first: QueryResult,
    total: int,
    fetch: Callable[[int, int], QueryResult],
    failed: Callable[[LakeError], None],
) -> None:
    """Show a result of which only the first rows are there; the cursor stays where it is."""

    def page(offset: int, limit: int) -> list[list[Cell]]:
        return [cells_of(row) for row in fetch(offset, limit).rows]

    shown = total if first.more else len(first.rows)
    rows = Paged(shown, page, [cells_of(row) for row in first.rows], failed)
    grid.show(columns_of(first), rows, grid.cursor)


def notice_of(error: LakeError, title: str) -> Notice:
    """An error in place of rows: what happened, and what to do."""
    return Notice(title, tuple(filter(None, (error.message, error.hint))), "bad")
