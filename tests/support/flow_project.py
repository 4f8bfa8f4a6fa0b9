"""A lake in which flows are run, and questions to what they left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from jobs.model import Run, TaskRun
from jobs.states import TERMINAL
from lakectl.root import Lake

SECONDS = 60


class Project(NamedTuple):
    """A lake's folder and the open lake."""

    root: Path
    lake: Lake

    def write(self, text: str, name: str = "mine.py") -> Path:
        """Write a file of flows."""
        path = self.root / "flows" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return path

    def last(self, word: str = "latest") -> Run:
        """The newest run."""
        return self.lake.runs.find(word)

    def tasks(self, run: Run | None = None) -> dict[str, TaskRun]:
        """The tasks of a run by their names."""
        found = self.lake.runs.history.tasks((run or self.last()).id)
        return {task.name: task for task in found}

    def logged(self, run: Run | None = None) -> list[str]:
        """The messages of a run's log."""
        found = self.lake.runs.history.logs((run or self.last()).id, limit=100_000)
        return [line.message for line in found]

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the shell in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "lakectl", *words],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**os.environ, **environment},
        )

    def json(self, *words: str) -> Any:
        """What a command says with -o json."""
        done = self.command(*words, "-o", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def popen(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of the shell and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "lakectl", *words],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def ended(self, word: str = "latest", seconds: float = SECONDS) -> Run:
        """A run as soon as it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            run = self.lake.runs.find(word)
            if run.state in TERMINAL:
                return run
            assert time.monotonic() < deadline, f"{run.name} is {run.state} after {seconds} s"
            time.sleep(0.05)

    def until(self, what: Any, seconds: float = SECONDS) -> Any:
        """What a question answers as soon as the answer is true."""
        deadline = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < deadline, f"not true after {seconds} s"
            time.sleep(0.05)
        return found


def gone(pid: int) -> bool:
    """Whether a process is no longer there, or only waits to be counted."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"
