"""Cells of megabytes, emoji without end, piles of marks, a million rows: the screen keeps up."""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import pyarrow as pa
import pytest
from battery_table import Figure
from dashboards import dashboard, open_dataset
from lake_builder import opened
from lake_shell import Shell
from terminal import Terminal, key, paste

_ROWS = 20
_HEAVY = {
    "cell": "x" * 2_000_000,
    "emoji": "\U0001f468\u200d" * 200_000,
    "marks": "Z" + "\u0301" * 50_000,
}
_ROUNDS = 8
_FIRST_PAINT, _FRAME = 0.5, 0.05  # seconds that are promised
_BUSY = 3  # times as slow as harmless rows of the same moment may be on a machine that does more
_MOVES = ("down", "right", "pagedown", "up", "end", "left", "home", "down")


class Measured(NamedTuple):
    """Seconds."""

    paint: float
    query: float
    frame: float  # the median
    slowest: float


@pytest.fixture
def heavy(lake: Shell) -> Shell:
    """Datasets of heavy cells, one of a million rows, and one that does no harm."""
    with opened(lake.cwd) as inside:
        for name, text in {"harmless": "harmless", **_HEAVY}.items():
            cells = [f"row{number} {text}" for number in range(_ROWS)]
            inside.dataset(f"n.{name}").append(pa.table({"n": range(_ROWS), "text": cells}))
        many = pa.array(range(1_000_000))
        words = pa.array([f"row{number}" for number in range(1000)] * 1000)
        inside.dataset("n.many").append(pa.table({"n": many, "text": words}))
    return lake


def _reading(lake: Shell, name: str) -> float:
    """Seconds to read the rows of a dataset, without any screen."""
    with opened(lake.cwd) as inside:
        inside.preview("n.harmless", None, 1)
        begun = time.monotonic()
        inside.preview(f"n.{name}", None, 200)
        return time.monotonic() - begun


def _frames(screen: Terminal, rounds: int) -> list[float]:
    """Seconds from a key to the end of what it draws, for keys that draw anything."""
    taken = []
    for move in _MOVES * rounds:
        first = len(screen.heard)
        begun = time.monotonic()
        screen.send(key(move))
        last = begun
        while screen.listen(0.03 if len(screen.heard) > first else 0.25):
            last = time.monotonic()
        if len(screen.heard) > first:
            taken.append(last - begun)
    assert taken, "no key drew anything"
    return taken


def _measure(screen: Terminal, name: str, rounds: int) -> Measured:
    open_dataset(screen, f"n.{name}")
    screen.settle(0.3)
    begun, first = time.monotonic(), len(screen.pieces)
    screen.send(key("]"))
    screen.until("row0", first)
    paint = time.monotonic() - begun
    screen.press("]", until="row0")
    frames = _frames(screen, rounds)
    screen.press("1", "s")
    screen.send(paste(" LIMIT 500"))
    screen.settle()
    begun, first = time.monotonic(), len(screen.pieces)
    screen.send(key("f5"))
    screen.until("row0", first)
    query = time.monotonic() - begun
    screen.press("tab")
    frames += _frames(screen, rounds)
    screen.press("escape")
    return Measured(paint, query, statistics.median(frames), max(frames))


@pytest.mark.battery  # what it holds beside its figures, tests/screens holds
def test_heavy_cells_are_painted_as_fast_as_harmless_ones(heavy: Shell, figure: Figure) -> None:
    found = {}
    with dashboard(heavy.cwd, size=(140, 40)) as screen:
        screen.until("n.harmless")
        screen.settle(1.0)  # what later screens need is loaded by then
        _measure(screen, "harmless", 1)
        for name in ("harmless", *_HEAVY, "many"):
            found[name] = _measure(screen, name, _ROUNDS)
        screen.press("1", "q")
        assert screen.end() == 0
    usual = found["harmless"]
    for name, taken in found.items():
        told = f"{name}: {taken}, harmless: {usual}"
        read = _reading(heavy, name)
        assert taken.paint <= max(_FIRST_PAINT, _BUSY * usual.paint) + _BUSY * read, told
        assert taken.frame <= max(_FRAME, _BUSY * usual.frame), told
    figure(
        "T3",
        f"{_ROWS} cells of 2 MB, of 200,000 joined emoji, of 50,000 marks; a million rows",
        "; ".join(
            f"{name} {1000 * t.paint:.0f} ms to rows, {1000 * t.query:.0f} ms by SQL, frames "
            f"{1000 * t.frame:.0f} ms (slowest {1000 * t.slowest:.0f})"
            for name, t in found.items()
        ),
    )
