"""Tables on a terminal: no line is wider than it, and what had no room is named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lakectl.cli import table
from screens.text import safe, width

_TEXT = st.text(max_size=70).map(safe)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]], list[bool]]:
    heads = draw(st.lists(st.text("abcdefgh_", min_size=1, max_size=25), min_size=1, max_size=9))
    numeric = [draw(st.booleans()) for _ in heads]
    digits = st.text("0123456789", max_size=18)
    one_row = st.tuples(*(digits if number else _TEXT for number in numeric)).map(list)
    return heads, draw(st.lists(one_row, max_size=5)), numeric


@given(_tables(), st.integers(min_value=26, max_value=200))
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(
    given_table: tuple[list[str], list[list[str]], list[bool]], room: int
) -> None:
    heads, cells, numeric = given_table
    drawn = table.draw(heads, cells, numeric, room)
    assert all(width(line) <= room for line in drawn.lines)
    assert len(drawn.lines) == len(cells) + 1
    assert len(drawn.left_out) < len(heads)
    for i, head in enumerate(heads):
        if numeric[i] and head not in drawn.left_out:
            for row, line in zip(cells, drawn.lines[1:], strict=True):
                assert row[i] in line


@given(_tables())
def test_without_a_terminal_nothing_is_left_out(
    given_table: tuple[list[str], list[list[str]], list[bool]],
) -> None:
    heads, cells, numeric = given_table
    drawn = table.draw(heads, cells, numeric, None, cut=False)
    assert drawn.left_out == []
    for row, line in zip(cells, drawn.lines[1:], strict=True):
        assert all(value.rstrip() in line for value in row)


def test_columns_without_a_value_go_first_and_the_others_from_the_right() -> None:
    heads = ["name", "owner", "rows", "description", "more"]
    cells = [["nyc.trips_of_the_month", "", "1000", "x" * 40, "y" * 30]]
    numeric = [False, False, True, False, False]
    drawn = table.draw(heads, cells, numeric, 58)
    assert drawn.left_out == ["owner", "more"]
    assert drawn.lines == [
        "NAME                    ROWS  DESCRIPTION",
        f"nyc.trips_of_the_month  1000  {'x' * 19}…",
    ]
