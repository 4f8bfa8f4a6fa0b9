"""Where submitted tasks run: beside each other in threads, in processes, or one after the other."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

Job = Callable[[], None]
_MOST_QUEUED = 1_000


class TaskRunner:
    """How the submitted tasks of a flow run; given as `@flow(task_runner=…)`.

    Args:
        max_workers: how many at once.
    """

    processes = False

    def __init__(self, max_workers: int | None = None) -> None:
        self.max_workers = max_workers or min(32, 4 * (os.cpu_count() or 1))

    def start(self) -> Runner:
        """One that runs jobs."""
        return Runner(self.max_workers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"


class ThreadPoolTaskRunner(TaskRunner):
    """Threads of the flow's process; the default."""


class ProcessPoolTaskRunner(TaskRunner):
    """Processes of their own, which can be killed; arguments and results must be picklable."""

    processes = True

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__(max_workers or os.cpu_count() or 1)


class SequentialTaskRunner(TaskRunner):
    """One after the other, in the order in which they were submitted."""

    def __init__(self) -> None:
        super().__init__(1)


class Runner:
    """Threads that take jobs from one queue; they are started as jobs come.

    Args:
        most: how many threads at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: deque[Job] = deque()
        lock = threading.Lock()
        self._changed = threading.Condition(lock)
        self._room = threading.Condition(lock)
        self._full = 0  # how many wait for room
        self._threads = 0
        self._idle = 0
        self._closed = False

    def put(self, job: Job, *, patiently: bool = False) -> None:
        """Run a job as soon as a thread is free; it must not raise.

        Args:
            job: what to run.
            patiently: wait while very many are queued, so that they do not fill the memory. Not
                for a thread of this runner, which would wait for itself.
        """
        with self._changed:
            if patiently and len(self._jobs) >= _MOST_QUEUED:
                self._full += 1
                self._room.wait_for(lambda: len(self._jobs) < _MOST_QUEUED)
                self._full -= 1
            self._jobs.append(job)
            if self._idle:
                self._changed.notify()
            elif self._threads < self._most:
                self._grow()

    def replace_one(self) -> None:
        """Do without one thread, which is stuck: another may take its place."""
        with self._changed:
            self._most += 1
            if self._jobs and not self._idle:
                self._grow()

    def _grow(self) -> None:
        self._threads += 1
        name = f"lakectl-task-{self._threads}"
        threading.Thread(target=self._work, daemon=True, name=name).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._jobs or self._closed)
                self._idle -= 1
                if not self._jobs:
                    self._threads -= 1
                    return
                job = self._jobs.popleft()
                if self._full:
                    self._room.notify()
            with suppress(BaseException):  # it has been told; the thread serves the others
                job()
            del job  # an idle thread must not keep the last result alive

    def close(self) -> None:
        """Let the threads end when there are no jobs any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
