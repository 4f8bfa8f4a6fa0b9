"""The log of a run: who says what, how much of it is kept, and how a line looks.

17:09:44.049 | INFO    | Task run 'transform_data-0' - Finished in state Completed()
"""

from __future__ import annotations

import builtins
import io
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jobs import context

Row = dict[str, Any]
Echo = Callable[[Row], None]

FIRST, LAST = 8 << 20, 1 << 20  # characters of a log that are kept of its begin and of its end
_LONGEST = 64 << 10  # characters of one line


def line_of(at: int, level: int, of: str, message: str) -> str:
    """A log line as people read it; the time is that of this place."""
    clock = time.strftime("%H:%M:%S", time.localtime(at / 1000))
    name = logging.getLevelName(level)
    return f"{clock}.{at % 1000:03d} | {name:<7} | {of} - {message}"


class LogKeeper:
    """Numbers the lines of one run, and keeps the begin and the end of a flood.

    Args:
        number: of the last line that is there already.
    """

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._size = 0
        self._end: deque[Row] = deque()
        self._end_size = 0
        self._left_out = 0
        self._left_out_size = 0
        self._lock = threading.Lock()

    def take(self, row: Row) -> Row | None:
        """A line with its number, or None while it is not known whether it will be kept."""
        message = row["message"]
        if len(message) > _LONGEST:
            cut = len(message) - _LONGEST
            message = f"{message[:_LONGEST]} … ({cut:,} more characters were left out)"
        with self._lock:
            self.number += 1
            kept = {**row, "message": message, "number": self.number}
            kept.pop("of", None)
            self._size += len(message)
            if self._size <= FIRST:
                return kept
            self._end.append(kept)
            self._end_size += len(message)
            while self._end_size > LAST:
                gone = self._end.popleft()
                self._end_size -= len(gone["message"])
                self._left_out += 1
                self._left_out_size += len(gone["message"])
        return None

    def rest(self) -> Iterator[Row]:
        """The end of a flood, after a line that tells what is missing."""
        with self._lock:
            end, self._end = self._end, deque()
            if self._left_out:
                words = (
                    f"{self._left_out:,} lines ({self._left_out_size >> 20:,} MB) were left out "
                    "here: a run keeps the first 8 MB of its log and the last"
                )
                first = end[0]
                note = {"at": first["at"], "level": logging.WARNING, "logger": "lakectl"}
                yield {**note, "task": None, "number": first["number"] - 1, "message": words}
                self._left_out = 0
        yield from end


class _Handler(logging.Handler):
    """Hands what is logged in a run to its recorder."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = self.format(record)
        except Exception:  # noqa: BLE001 - a wrong format is the caller's, and must not end its run
            message = f"{record.msg!r} {record.args!r} (this line cannot be formatted)"
        tell(record.levelno, message, record.name)


def tell(level: int, message: str, logger: str = "lakectl.run") -> None:
    """Add a line to the log of the run, and of the task, that is going on here."""
    run = context.run_scope.get()
    if run is None or run.is_foreign():
        return
    task = context.task_scope.get()
    if task is not None and task.run is not run:
        task = None
    row = {
        "at": run.world.now(),
        "level": level,
        "logger": logger,
        "task": task.number if task else None,
        "message": message,
        "of": f"Task run {task.name!r}" if task else f"Flow run {run.name!r}",
    }
    run.world.recorder.tell("log", run.run_id, row)


def get_run_logger() -> logging.Logger:
    """The logger of the run that is going on here.

    Raises:
        InvalidInput: none is.
    """
    context.current_run("get_run_logger()")
    logger = logging.getLogger("lakectl.run")
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        logger.addHandler(_Handler())
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # a project's own logging does not show every line twice
    return logger


# -- print ----------------------------------------------------------------------------------------

_plain_print = builtins.print
_printing = 0
_print_lock = threading.Lock()


def _wanted() -> bool:
    task = context.task_scope.get()
    run = context.run_scope.get()
    if run is None or run.is_foreign():
        return False
    if task is not None and task.run is run:
        return task.log_prints
    return bool(run.flow.options.log_prints)


def _print(*values: Any, **options: Any) -> None:
    if options.get("file") not in {None, sys.stdout} or not _wanted():
        _plain_print(*values, **options)
        return
    text = io.StringIO()
    _plain_print(*values, **{**options, "file": text, "end": ""})
    tell(logging.INFO, text.getvalue(), "print")


@contextmanager
def prints_logged() -> Iterator[None]:
    """While this lasts, `print` goes to the log of those runs and tasks that say log_prints."""
    global _printing
    with _print_lock:
        _printing += 1
        builtins.print = _print
    try:
        yield
    finally:
        with _print_lock:
            _printing -= 1
            if not _printing:
                builtins.print = _plain_print
