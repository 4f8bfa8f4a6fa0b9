"""The log of a run as lines of a screen: a bounded window of it, filtered and broken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jobs.model import LogLine
from screens.backend import Backend
from screens.text import count, safe, width

WINDOW = 100_000  # lines that are kept; of a longer log the last ones
_SLACK = 20_000  # so many more come before the oldest are let go, all at once
_LONGEST = 4000  # columns of a line that are shown
_MESSAGE = 64_000  # characters of a message that are looked at
_CHUNK = (200, 5000)  # lines that are read at once, at first and at most
_HEAVY = 4_000_000  # characters in one chunk after which fewer lines are read at once
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
LEVELS = ((50, "CRIT", "bad"), (40, "ERROR", "bad"), (30, "WARN", "warn"), (20, "INFO", ""),
          (0, "DEBUG", "dim"))  # fmt: skip


class Line(NamedTuple):
    """A line of the screen: a message has as many as it has line feeds."""

    number: int  # of the message
    at: int
    level: int
    task: int | None
    text: str  # safe
    first: bool = True  # of its message


def level_of(level: int) -> tuple[str, str]:
    """The short name and the look of a level of Python's logging."""
    return next((name, look) for least, name, look in LEVELS if level >= least or not least)


def lines_of(message: LogLine) -> Iterator[Line]:
    """A message as lines, made safe; colours are left out, long ones are cut and say so."""
    text = message.message[:_MESSAGE]
    if len(message.message) > _MESSAGE:
        text += f"\n… {count(len(message.message) - _MESSAGE)} more characters"
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    first = True
    for part in text.rstrip("\n").split("\n"):
        shown = safe(part.rstrip("\r"), limit=_LONGEST)
        yield Line(message.number, message.at, message.level, message.task, shown, first)
        first = False


def broken(line: Line, columns: int) -> Iterator[Line]:
    """A line in pieces of at most so many columns."""
    number, at, level, task, text, first = line
    if text.isascii():  # nearly always; a hundred thousand lines must not be felt
        for start in range(0, len(text), columns):
            yield Line(number, at, level, task, text[start : start + columns], first)
            first = False
        if not text:
            yield line
        return
    while text:
        piece = text[:columns]
        while width(piece) > columns:
            piece = piece[:-1]
        piece = piece or text[:1]
        yield Line(number, at, level, task, piece, first)
        text, first = text[len(piece) :], False


class LogReader:
    """Reads the log of one run on, a chunk at a time; blocking."""

    def __init__(self, backend: Backend, run_id: str) -> None:
        self._backend = backend
        self._run_id = run_id
        self._after: int | None = None
        self._limit = _CHUNK[0]
        self.skipped = 0  # messages before the window

    def read(self) -> tuple[list[Line], bool]:
        """The lines that follow, and whether there may be more at once."""
        if self._after is None:
            self._after = self.skipped = self._start()
        found = self._backend.run_logs(self._run_id, self._after, self._limit)
        if found:
            self._after = found[-1].number
        more = len(found) == self._limit
        heavy = sum(len(line.message) for line in found) > _HEAVY
        self._limit = max(1, self._limit // 4) if heavy else min(_CHUNK[1], self._limit * 5)
        return [line for message in found for line in lines_of(message)], more

    def _there_is(self, after: int) -> bool:
        return bool(self._backend.run_logs(self._run_id, after, 1))

    def _start(self) -> int:
        """After which message to begin, so that about a window of them is left."""
        if not self._there_is(WINDOW):
            return 0
        low, high = WINDOW, WINDOW * 2
        while self._there_is(high):
            low, high = high, high * 2
        while high - low > WINDOW // 100:
            middle = (low + high) // 2
            low, high = (middle, high) if self._there_is(middle) else (low, middle)
        return high - WINDOW


class LogBook:
    """The lines of a log and those of them that are shown."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.shown: list[Line] = []
        self.longest = 0  # columns of the widest line that is shown
        self.dropped = 0  # lines that were let go at the begin
        self.level = 0
        self.wrap: int | None = None  # columns
        self.has_tasks = False

    def take(self, lines: Sequence[Line]) -> int:
        """Add lines at the end; returns how many shown ones had to go at the begin."""
        self.lines += lines
        self.has_tasks = self.has_tasks or any(line.task is not None for line in lines)
        self._show(lines)
        if len(self.lines) <= WINDOW + _SLACK:
            return 0
        gone = len(self.lines) - WINDOW
        self.dropped += gone
        del self.lines[:gone]
        before = len(self.shown)
        self._show_all()
        return before - len(self.shown)

    def choose(self, level: int, wrap: int | None) -> None:
        """Show only lines of a level on, and break what is wider than so many columns."""
        self.level, self.wrap = level, wrap
        self._show_all()

    def _show_all(self) -> None:
        self.shown, self.longest = [], 0
        self._show(self.lines)

    def _show(self, lines: Iterable[Line]) -> None:
        wanted = [line for line in lines if line.level >= self.level]
        if self.wrap is not None:
            columns = self.wrap
            wanted = [piece for line in wanted for piece in broken(line, columns)]
        self.shown += wanted
        self.longest = max(self.longest, max((width(line.text) for line in wanted), default=0))

    def at(self, number: int) -> int:
        """Where the first shown line of a message stands, or of the one that follows it."""
        low, high = 0, len(self.shown)
        while low < high:
            middle = (low + high) // 2
            if self.shown[middle].number < number:
                low = middle + 1
            else:
                high = middle
        return low

    def found(self, word: str) -> list[int]:
        """The shown lines that hold a word, whatever its case."""
        word = word.lower()
        return [i for i, line in enumerate(self.shown) if word in line.text.lower()]

    def last_error(self) -> int | None:
        """The first line of the last error that is shown."""
        for at in range(len(self.shown) - 1, -1, -1):
            if self.shown[at].level >= 40 and self.shown[at].first:
                return at
        return None
