"""Values as words: the one door for untrusted text, sizes, ages, cuts."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens import text

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)


@given(st.text(st.characters()))
def test_nothing_that_passes_the_door_can_command_a_terminal(raw):
    shown = text.safe(raw)
    refused = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not {unicodedata.category(c) for c in shown} & refused


def test_controls_become_visible_pictures(hostile):
    assert text.safe("a\x1b[2Jb\n\x7f") == "a␛[2Jb␊␡"
    assert text.safe("\x9d52;c;\x9c") == "⟨9D⟩52;c;⟨9C⟩"
    assert text.safe("\u202eabc") == "⟨202E⟩abc"
    assert all(text.safe(t).isprintable() for t in hostile)


def test_piles_of_marks_are_thinned_and_long_texts_are_cut():
    assert text.safe("Z" + "\u0301" * 40) == "Z" + "\u0301" * 4
    assert text.safe("x" * 5000) == "x" * 2000 + "…"
    assert text.safe("é" * 30, limit=10) == "é" * 10 + "…"


def test_markup_stays_what_it_is():
    assert text.safe("[/x] [@click=app.quit]") == "[/x] [@click=app.quit]"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (41_234, "41.2 kB"), (999_600, "1.00 MB"),
     (1_234_567_890, "1.23 GB"), (5 * 10**21, "5000 EB")],
)  # fmt: skip
def test_sizes_keep_three_digits(number, shown):
    assert text.size(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (9999, "9999"), (12_345, "12.3k"), (1_370_000, "1.37M"), (-41_203, "-41.2k")],
)
def test_counts_are_short(number, shown):
    assert text.short_count(number) == shown


@pytest.mark.parametrize(
    ("ago", "shown"),
    [(timedelta(0), "now"), (timedelta(seconds=42), "42s"), (timedelta(minutes=8), "8m"),
     (timedelta(hours=26), "26h"), (timedelta(days=3), "3d"), (timedelta(days=200), "7mo"),
     (timedelta(days=1200), "3y"), (timedelta(seconds=-5), "now"), (timedelta(days=-2), "ahead")],
)  # fmt: skip
def test_ages_take_one_unit(ago, shown):
    assert text.age(NOW - ago, NOW) == shown


def test_cuts_keep_to_the_columns_of_wide_characters():
    assert text.cut_middle("nyc.yellow_trips", 9) == "nyc.…rips"
    assert text.cut_end("日本日本", 5) == "日本…"
    assert text.width(text.cut_middle("日本日本日本", 6)) <= 6


@given(st.text(max_size=40), st.integers(0, 30))
def test_no_cut_is_wider_than_asked(raw, columns):
    shown = text.safe(raw)
    assert text.width(text.cut_end(shown, columns)) <= columns
    assert text.width(text.cut_middle(shown, columns)) <= columns
    assert all(text.width(line) <= columns for line in text.wrap(shown, columns))


def test_cells_of_every_kind_have_a_text():
    assert text.cell(None) == "·"
    assert text.cell(True) == "true"
    assert text.cell(Decimal("1.50")) == "1.50"
    assert text.cell(NOW) == "2026-11-21 14:02:00Z"
    assert text.cell(date(2026, 1, 2)) == "2026-01-02"
    assert text.cell(b"\x00\xff") == "00 ff"
    assert text.cell({"a": [1, None]}) == '{"a": [1, null]}'
    assert text.cell([Decimal(1)]) == '["1"]'


def test_a_sparkline_shows_the_last_values():
    assert text.sparkline([0, 5, 10], 10) == "▁▅█"
    assert text.sparkline([200_000, 200_006], 10) == "██"  # it did not grow eightfold
    assert text.sparkline(range(100), 4) == "████"
    assert text.sparkline([0, 0], 4) == "▁▁"
    assert text.sparkline([], 4) == ""


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (-5, "0 ms"),
        (43, "43 ms"),
        (3_249, "3.2 s"),
        (59_990, "59.9 s"),
        (250_000, "4 m 10 s"),
        (11_520_000, "3 h 12 m"),
        (187_200_000, "2 d 4 h"),
    ],
)
def test_durations_are_told_in_two_units_at_most(milliseconds, told):
    assert text.duration(milliseconds) == told


def test_a_time_that_no_calendar_has_is_cut():
    assert text.instant(10**30).year == 9999
    assert text.instant(-1).year == 1970
