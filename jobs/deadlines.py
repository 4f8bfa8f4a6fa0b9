"""Time limits of code that runs in this process.

At its deadline the code is interrupted as a Ctrl-C would: by a signal in the main thread, which
also ends a sleep or a query, and between two steps of Python in another. What cannot be
interrupted, a call into C, is given a second and then told of: it ends with its process only.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from jobs.errors import TimedOut

GRACE = 1.0  # seconds


@dataclass(order=True)
class _Limit:
    at: float
    order: int
    what: str = field(compare=False)
    seconds: float = field(compare=False)
    thread: int = field(compare=False)
    on_stuck: Callable[[], None] = field(compare=False)
    expired: bool = field(default=False, compare=False)
    over: bool = field(default=False, compare=False)  # the block has ended


class _Expired(TimedOut):
    """Raised into a thread, which can only be given a class."""

    def __init__(self) -> None:
        super().__init__("its time is over")


class _Watch:
    """One thread that waits for the nearest deadline."""

    def __init__(self) -> None:
        self._limits: list[_Limit] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._numbers = itertools.count()

    def add(self, limit: _Limit) -> None:
        with self._changed:
            limit.order = next(self._numbers)
            heapq.heappush(self._limits, limit)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name="lakectl-deadlines"
                )
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._limits and self._limits[0].over:
                    heapq.heappop(self._limits)
                if not self._limits:
                    self._changed.wait()
                    continue
                left = self._limits[0].at - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                due = heapq.heappop(self._limits)
            self._expire(due)

    def _expire(self, limit: _Limit) -> None:
        with _ending:
            if limit.over:
                return
            if limit.expired:
                stuck = True
            else:
                stuck = False
                limit.expired = True
                _interrupt(limit.thread)
        if stuck:
            limit.on_stuck()
            return
        limit.at = time.monotonic() + GRACE
        self.add(limit)


_watch = _Watch()
_ending = threading.Lock()  # between the end of a block and its interruption


def _interrupt(thread: int) -> None:
    main = threading.main_thread().ident
    if thread == main and signal.getsignal(signal.SIGALRM) is _raise_expired:
        signal.pthread_kill(thread, signal.SIGALRM)
        return
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Expired))


def _raise_expired(_signal: int, _frame: FrameType | None) -> None:
    raise _Expired


@contextmanager
def limited(seconds: float | None, what: str, on_stuck: Callable[[], None]) -> Iterator[None]:
    """A block that may take so long.

    Args:
        seconds: how long; None for ever.
        what: the name of the work, for the sentence.
        on_stuck: called from another thread when the block goes on a second after its interruption.

    Raises:
        TimedOut: it took longer.
    """
    if seconds is None:
        yield
        return
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
        signal.signal(signal.SIGALRM, _raise_expired)
    limit = _Limit(time.monotonic() + seconds, 0, what, seconds, threading.get_ident(), on_stuck)
    _watch.add(limit)
    try:
        try:
            yield
        finally:
            with _ending:
                limit.over = True
    except _Expired as error:
        if not limit.expired:
            raise  # of a block around this one
        raise TimedOut(f"timed out after {seconds:g} s") from error
    except RuntimeError as error:
        # DuckDB answers an interruption in the middle of its work with an error of its own.
        if limit.expired and "nterrupted" in str(error):
            raise TimedOut(f"timed out after {seconds:g} s") from error
        raise
    if limit.expired:
        raise TimedOut(f"timed out after {seconds:g} s")
