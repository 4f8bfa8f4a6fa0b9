"""Until the dashboard shows a lake of ten thousand datasets, and until a key has filtered them.

Both programs run on a terminal of their own, of 140 x 40; what counts is when a text has arrived
there. The floor is a Textual app that shows one word.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import lakes, measuring
from tests.bench.measuring import Broken, Figure, Run

DATASETS = 10_000
_PAIRS = 9
_PATIENCE = 30.0
_STILL = 0.06  # seconds without output: a frame is whole; the details come later, after a pause
_SETTLED = 0.6  # seconds without output: nothing more will come by itself
_FIRST = b"orders_00"  # is in the name of every dataset on the first page
_TYPED = "7123"  # each key leaves fewer datasets
_SHOWN = rb"\d shown"  # how many the filter leaves, in the title of the list
_TRIVIAL = """
from textual.app import App
from textual.widgets import Static

class Trivial(App):
    def compose(self):
        yield Static("MARKER-OK")

Trivial().run()
"""


class Terminal:
    """A program on a terminal, and what it has written since it was last asked."""

    def __init__(self, command: Sequence[str], cwd: Path) -> None:
        self.started = time.perf_counter()
        self.cpu = 0.0
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            told = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execve(command[0], list(command), measuring.environment(told))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))

    def until(self, pattern: bytes, since: float) -> float:
        """The seconds from a moment until the pattern was written.

        Raises:
            Broken: it ended, or took too long.
        """
        written = b""
        while time.perf_counter() - since < _PATIENCE:
            more = self._read(0.2)
            written += more or b""
            if re.search(pattern, written):
                return time.perf_counter() - since
            if more is None:
                break
        raise Broken(f"{pattern!r} never came on the screen; it ends in {written[-300:]!r}.")

    def settle(self, quiet: float = _SETTLED) -> float:
        """Wait until nothing more is written; returns the moment of the last byte."""
        last = time.perf_counter()
        while self._read(quiet):
            last = time.perf_counter()
        return last

    def press(self, keys: str) -> float:
        """Press keys; returns the moment."""
        os.write(self._fd, keys.encode())
        return time.perf_counter()

    def _read(self, seconds: float) -> bytes | None:
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return b""
        try:
            return os.read(self._fd, 1 << 16)
        except OSError:  # the program has ended
            return None

    def end(self) -> None:
        """End the program and note the seconds of CPU that it took."""
        os.kill(self.pid, signal.SIGKILL)
        _, _, usage = os.wait4(self.pid, 0)
        self.cpu = usage.ru_utime + usage.ru_stime
        os.close(self._fd)


@contextmanager
def on_terminal(command: Sequence[str], cwd: Path) -> Iterator[Terminal]:
    """A program for the length of a block."""
    terminal = Terminal(command, cwd)
    try:
        yield terminal
    finally:
        terminal.end()


def bench() -> Iterator[Figure]:
    """First paint against a trivial app; every key of a filter until its frame is whole."""
    with lakes.of_many(DATASETS) as lake:
        ours, floor = measuring.lakectl("--lake", lake), measuring.python(_TRIVIAL)
        found = measuring.by_turns(
            lambda _: _paint(ours, lake, _FIRST),
            lambda _: _paint(floor, lake, b"MARKER-OK"),
            _PAIRS,
        )
        yield measuring.wall("dashboard of 10,000 | trivial Textual app", found, 1.5)
        keys = sorted(1000 * seconds for _ in range(4) for seconds in _filter(ours, lake))
        note = f"{keys[0]:.0f} to {keys[-1]:.0f} ms, {len(keys)} keys"
        middle = statistics.median(keys)
        yield Figure("  a filter key over 10,000, median", middle, bound=50.0, note=note)


def _paint(command: Sequence[str], cwd: Path, marker: bytes) -> Run:
    """Start a program and end it once its marker is on the screen."""
    with on_terminal(command, cwd) as terminal:
        seconds = terminal.until(marker, terminal.started)
    return Run(seconds, terminal.cpu, 0.0)


def _filter(command: Sequence[str], lake: Path) -> list[float]:
    """The seconds of each key typed into the filter, until the list shows what it leaves."""
    found = []
    with on_terminal(command, lake) as terminal:
        terminal.until(_FIRST, terminal.started)
        terminal.settle()
        terminal.press("/")
        terminal.settle()
        for key in _TYPED:
            pressed = terminal.press(key)
            terminal.until(_SHOWN, pressed)
            found.append(terminal.settle(_STILL) - pressed)
            terminal.settle()
    return found
