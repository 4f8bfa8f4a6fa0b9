"""What a flow's process tells its supervisor, line by line, through a pipe.

A line that was written is in the pipe: it reaches the supervisor however the process ends.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jobs.model import Details
from jobs.states import State
from jobs.store.moves import NewRun


class Piped:
    """A recorder that sends everything to the supervisor.

    Args:
        file: the end of the pipe that is written to.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._process = os.getpid()

    def begin(self, new: NewRun) -> None:
        """A subflow begins."""
        self.send({"k": "begin", "new": asdict(new)})

    def end(self, run_id: str, state: State, reason: str | None, error: str | None) -> None:
        """A subflow has ended."""
        told = {"run": run_id, "state": state.value, "reason": reason, "error": error}
        self.send({"k": "end", **told})

    def tell(self, kind: str, run_id: str, row: dict[str, Any]) -> None:
        """A line of a run."""
        self.send({"k": kind, "run": run_id, "row": row})

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one line; a copy of the process, which a task forked, says nothing."""
        if os.getpid() != self._process:
            return
        # A time limit may end the writing of a line in its middle: so each begins on a new one.
        text = json.dumps(message, ensure_ascii=False)
        line = b"\n" + text.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            left = memoryview(line)
            while left:
                left = left[os.write(self._file, left) :]


class Lines:
    """Cuts what comes through a pipe into lines; one without an end is kept for later.

    Args:
        longest: a line that is longer is cut there.
    """

    def __init__(self, longest: int = 64 << 20) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._longest = longest

    def take(self, content: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends."""
        first, *others = content.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        lines = []
        for part in others:
            lines.append(self._whole())
            self._parts, self._size = [part], len(part)
        if self._size > self._longest:
            lines.append(self._whole())
        return lines

    def _whole(self) -> bytes:
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        return line

    def last(self) -> list[bytes]:
        """What is left at the end, if anything is."""
        line = self._whole()
        return [line] if line else []


def new_run_of(told: Mapping[str, Any]) -> NewRun:
    """A run as `begin` sent it."""
    return NewRun(**{**told, "details": Details(**told["details"]), "tags": tuple(told["tags"])})
