"""Several processes that append to one dataset at once; `a_writer` is what one of them does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import a_writer
from lake_shell import Shell, environment

_PATIENCE = 900


class Writers:
    """Writers of `nyc.trips`, ready to go.

    Args:
        lake: where.
        number: how many.
        times: how often each of them appends.
        word_of_the_server: the only word that they may say on stderr.
    """

    def __init__(self, lake: Shell, number: int, times: int, word_of_the_server: str = "") -> None:
        self._word = word_of_the_server
        self.answers: list[dict[str, Any]] = []
        script = [sys.executable, a_writer.__file__, str(lake.cwd), "nyc.trips"]
        self._running = [
            subprocess.Popen(
                [*script, str(n), str(times)],
                env=environment(lake.cwd, lake.env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(number)
        ]
        for one in self._running:
            assert one.stdout is not None
            if one.stdout.readline() != "ready\n":
                raise AssertionError(self.end())

    def __enter__(self) -> Writers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def busy(self) -> bool:
        """Whether any of them still writes."""
        return any(listener.is_alive() for listener in self._listeners)

    def go(self, on_answer: Callable[[int], None] = lambda count: None) -> None:
        """Let all of them begin; each answer is counted out to `on_answer`."""
        turn = threading.Lock()

        def listen(one: subprocess.Popen[str]) -> None:
            assert one.stdout is not None
            for line in one.stdout:
                if line == "done\n":
                    return
                with turn:
                    self.answers.append(json.loads(line))
                    on_answer(len(self.answers))

        self._listeners = [threading.Thread(target=listen, args=(o,)) for o in self._running]
        for one, listener in zip(self._running, self._listeners, strict=True):
            listener.start()
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()

    def wait(self) -> list[dict[str, Any]]:
        """Let all of them come to their end; returns every answer that any of them got."""
        for listener in self._listeners:
            listener.join(_PATIENCE)
        said = self.end()
        assert set(said) <= {(0, ""), (0, self._word)}, said
        return self.answers

    def end(self) -> list[tuple[int, str]]:
        """End those who run; returns the code of each, and what it said on stderr."""
        for one in self._running:
            if one.stdin is not None and not one.stdin.closed:
                one.stdin.close()
        said = []
        for one in self._running:
            assert one.stderr is not None
            assert one.stdout is not None
            said.append((one.wait(_PATIENCE), "" if one.stderr.closed else one.stderr.read()))
            one.stderr.close()
            one.stdout.close()
        return said
