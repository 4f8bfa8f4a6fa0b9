"""Columns: which fit, how wide they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.columns import Column, fitted, is_number, measured, natural

NAME = Column("NAME", 30, least=10, rank=9)
ROWS = Column("ROWS", 6, rank=5)
NOTE = Column("NOTE", 20, least=8, rank=1)


def titles(laid):
    return [column.column.title for column in laid]


def test_all_columns_stand_where_there_is_room():
    laid = fitted((NAME, ROWS, NOTE), 80)
    assert titles(laid) == ["NAME", "ROWS", "NOTE"]
    assert [column.width for column in laid] == [30, 6, 20]


def test_columns_of_low_rank_are_cut_first_and_then_dropped():
    assert [column.width for column in fitted((NAME, ROWS, NOTE), 50)] == [30, 6, 10]
    assert titles(fitted((NAME, ROWS, NOTE), 24)) == ["NAME", "ROWS"]
    assert titles(fitted((NAME, ROWS, NOTE), 3)) == ["NAME"]


@given(st.integers(20, 200))
def test_what_is_laid_out_never_exceeds_the_room(room):
    laid = fitted((NAME, ROWS, NOTE), room)
    assert laid[-1].start + laid[-1].width <= room


def test_measured_columns_are_as_wide_as_their_rows_and_put_numbers_right():
    columns = measured(["id", "a"], ["BIGINT", "VARCHAR"], [["1", "x" * 90], ["1234567", "y"]])
    assert [(c.width, c.right) for c in columns] == [(7, True), (40, False)]
    assert [laid.start for laid in natural(columns)] == [0, 9]


def test_numbers_are_told_by_their_type():
    assert all(map(is_number, ("BIGINT", "DECIMAL(10,2)", "DOUBLE", "UTINYINT", "HUGEINT")))
    assert not any(map(is_number, ("VARCHAR", "TIMESTAMP", "BIGINT[]", "STRUCT(a INTEGER)")))
