"""Futures of tasks, and the marks that arguments may carry.

Fifty thousand of them may be alive at once, so a future is five slots: what waits for it makes its
event only when somebody does wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from jobs.outcome import Outcome

_lock = threading.Lock()  # one for all: it is held for a few assignments
Listener = Callable[["Future"], None]


class Future:
    """A task run that may not have ended yet; given to another task it becomes its result.

    Attributes:
        number: of the task run in its run.
        name: of the task run.
    """

    __slots__ = ("_listeners", "_outcome", "identity", "looked_at", "name", "number")

    def __init__(self, number: int, name: str, identity: str = "") -> None:
        self.number = number
        self.name = name
        self.identity = identity  # by which another attempt knows the same task run
        self.looked_at = False  # whether anybody has learned what became of it
        self._outcome: Outcome | None = None
        self._listeners: list[Listener] | None = None

    def settle(self, outcome: Outcome) -> None:
        """Say what became of it; once."""
        with _lock:
            self._outcome = outcome
            listeners, self._listeners = self._listeners, None
        for listener in listeners or ():
            listener(self)

    def when_done(self, listener: Listener) -> None:
        """Call somebody when it has ended; at once if it has."""
        with _lock:
            if self._outcome is None:
                self._listeners = [*(self._listeners or ()), listener]
                return
        listener(self)

    def done(self) -> bool:
        """Whether it has ended."""
        return self._outcome is not None

    @property
    def outcome(self) -> Outcome | None:
        """What became of it, or None; does not count as having looked."""
        return self._outcome

    @property
    def state(self) -> Outcome | None:
        """What became of it, or None while it runs."""
        self.looked_at = self.looked_at or self._outcome is not None
        return self._outcome

    def wait(self, timeout: float | None = None) -> Outcome:
        """What became of it, as soon as it has ended.

        Args:
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: it had not ended by then.
        """
        if self._outcome is None:
            ended = threading.Event()
            self.when_done(lambda _: ended.set())
            if not ended.wait(timeout):
                raise TimeoutError(f"{self.name} has not ended after {timeout} s.")
        self.looked_at = True
        assert self._outcome is not None
        return self._outcome

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        """Its result, as soon as it has ended; if it failed, its error is raised, or given.

        Raises:
            TimeoutError: it had not ended by then.
            BaseException: what its function raised.
        """
        return self.wait(timeout).result(raise_on_failure)

    def __repr__(self) -> str:
        return f"<future of {self.name}: {self._outcome or 'not ended'}>"


class FutureList(list[Future]):
    """The futures of a `map`."""

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """What became of each."""
        return [future.wait(timeout) for future in self]

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[Any]:
        """The result of each, in their order."""
        return [future.result(timeout, raise_on_failure) for future in self]


class unmapped:  # noqa: N801 - Prefect's name, used as a function
    """An argument of `map` that is given to every call as it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class allow_failure:  # noqa: N801 - Prefect's name, used as a function
    """An argument that may have failed: the task then gets its error instead of a result."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


_DEEP = 4  # how far into lists and dicts futures are looked for


def futures_in(value: Any, depth: int = 0) -> Iterator[tuple[Future, bool]]:
    """The futures inside an argument, and whether each may have failed."""
    if isinstance(value, Future):
        yield value, False
    elif isinstance(value, allow_failure):
        yield from ((future, True) for future, _ in futures_in(value.value, depth))
    elif isinstance(value, unmapped):
        yield from futures_in(value.value, depth)
    elif depth < _DEEP and type(value) in {list, tuple, set, FutureList}:
        for item in value:
            yield from futures_in(item, depth + 1)
    elif depth < _DEEP and type(value) is dict:
        for item in value.values():
            yield from futures_in(item, depth + 1)


def resolved(value: Any, depth: int = 0) -> Any:
    """An argument with the results of its futures, which have ended, in their places.

    What holds no future is given on as it is, not as a copy.
    """
    if isinstance(value, Future):
        assert value.outcome is not None
        value.looked_at = True
        return value.outcome.result(raise_on_failure=False)
    if isinstance(value, unmapped | allow_failure):
        return resolved(value.value, depth)
    if depth >= _DEEP or next(futures_in(value, depth), None) is None:
        return value
    if isinstance(value, dict):
        return {k: resolved(item, depth + 1) for k, item in value.items()}
    kind = list if type(value) is FutureList else type(value)
    return kind(resolved(item, depth + 1) for item in value)
