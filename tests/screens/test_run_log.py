"""The log of a run as lines of a screen."""

from __future__ import annotations

import pytest
from run_builder import RunBuilder
from wrapped import Wrapped

from jobs.model import LogLine
from lakectl.dashboard import LakeBackend
from lakectl.root import init_lake, open_lake
from screens import run_log
from screens.run_log import LogBook, LogReader, broken, lines_of
from screens.text import width


def message(number, text, level=20):
    return LogLine("r", number, 1_795_000_000_000 + number, level, "flow", None, text)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A lake in which nothing but runs is."""
    folder = tmp_path_factory.mktemp("logs") / "lake"
    init_lake(folder)
    with open_lake(folder) as lake:
        yield LakeBackend(lake), RunBuilder(lake, 1_795_000_000_000)


def logged(store, texts):
    """A run that has logged some lines: its backend, its id, and what is asked of its log."""
    backend, build = store
    build.now += 1000
    run_id, fence = build.running("chatty-crow", "etl")
    build.log(run_id, fence, texts)
    asked = []

    def run_logs(run_id, after, limit):
        asked.append((after, limit))
        return backend.run_logs(run_id, after, limit)

    return Wrapped(backend, run_logs=run_logs), run_id, asked


def test_a_message_has_as_many_lines_as_it_has_line_feeds():
    lines = list(lines_of(message(7, "one\r\ntwo\n\nfour\n")))
    assert [line.text for line in lines] == ["one", "two", "", "four"]
    assert [line.first for line in lines] == [True, False, False, False]


def test_colours_are_left_out_and_orders_to_the_terminal_become_visible():
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eback"
    assert next(lines_of(message(1, text))).text == "red ␛]0;title␇ ⟨202E⟩back"


def test_a_message_of_a_megabyte_is_cut_and_says_so():
    lines = list(lines_of(message(1, "x" * 1_000_000)))
    assert len(lines[0].text) == 4001
    assert lines[1].text == "… 936,000 more characters"


def test_long_lines_are_broken_at_the_width_and_nothing_is_lost():
    line = next(lines_of(message(1, "日本語" * 30 + "abc" * 30)))
    pieces = list(broken(line, 20))
    assert all(width(piece.text) <= 20 for piece in pieces)
    assert "".join(piece.text for piece in pieces) == line.text
    assert [piece.first for piece in pieces] == [True] + [False] * (len(pieces) - 1)


def test_a_level_hides_lines_and_brings_them_back():
    book = LogBook()
    lines = [line for n in range(1, 9) for line in lines_of(message(n, f"l{n}", 10 * (n % 5)))]
    book.take(lines)
    book.choose(30, None)
    assert [line.text for line in book.shown] == ["l3", "l4", "l8"]
    assert book.shown[book.last_error()].text == "l4"
    book.take(list(lines_of(message(9, "l9", 40))))
    assert book.shown[-1].text == "l9"
    book.choose(0, None)
    assert len(book.shown) == 9
    assert book.shown[book.at(6)].text == "l6"


def test_what_is_searched_is_found_whatever_its_case():
    book = LogBook()
    book.take([line for n in range(1, 5) for line in lines_of(message(n, f"HTTP {n}"))])
    assert book.found("http 3") == [2]


def test_a_window_is_kept_of_a_log_without_end(monkeypatch):
    monkeypatch.setattr(run_log, "WINDOW", 100)
    monkeypatch.setattr(run_log, "_SLACK", 20)
    book = LogBook()
    gone = 0
    for n in range(1, 301):
        gone += book.take(list(lines_of(message(n, f"l{n}"))))
    assert len(book.lines) <= 120
    assert book.lines[-1].text == "l300"
    assert gone == book.dropped == 300 - len(book.lines)


@pytest.mark.parametrize("size", [0, 1, 90, 101, 150, 799, 5000])
def test_a_long_log_is_read_from_near_its_end(monkeypatch, store, size):
    monkeypatch.setattr(run_log, "WINDOW", 100)
    backend, run_id, asked = logged(store, [f"l{n}" for n in range(1, size + 1)])
    reader = LogReader(backend, run_id)
    found, more = [], True
    while more:
        lines, more = reader.read()
        found += lines
    assert min(size, 99) <= len(found) <= 102
    assert not found or found[-1].text == f"l{size}"
    assert len(asked) < 40


def test_heavy_lines_are_read_a_few_at_a_time(monkeypatch, store):
    monkeypatch.setattr(run_log, "_HEAVY", 40_000)
    backend, run_id, asked = logged(store, ["x" * 1000] * 900)
    reader = LogReader(backend, run_id)
    more = True
    while more:
        _, more = reader.read()
    assert max(limit for _, limit in asked) <= 250
