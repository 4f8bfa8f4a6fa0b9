"""The line that filters runs, as typed: what the store is asked, and what is looked at here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from jobs.model import Run, RunFilter
from jobs.states import LIVE, TERMINAL, State
from screens import standing

_SPAN = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# The stored states of those whose names are derived from more than the state.
_STORED = {
    "late": State.SCHEDULED,
    "awaitingretry": State.SCHEDULED,
    "retrying": State.RUNNING,
    "timedout": State.FAILED,
}
_GROUPS = {"live": LIVE, "ended": TERMINAL}


class Wish(NamedTuple):
    """Which runs are wanted."""

    text: str = ""
    filter: RunFilter = RunFilter(top=True)
    words: tuple[str, ...] = ()  # parts of a name or of a flow
    names: frozenset[str] = frozenset()  # derived states, in lower case; empty: any
    why: str | None = None  # what of the text was not understood
    since: str = ""  # as typed

    def passes(self, run: Run, now: int) -> bool:
        """Whether a run that the store found is meant."""
        if self.names and standing.of_run(run, now).name.lower() not in self.names:
            return False
        if not self.words:
            return True
        text = f"{run.name}\n{run.flow}".lower()
        return all(word in text for word in self.words)

    @property
    def line(self) -> str:
        """The options of `lakectl run ls` that ask for the same."""
        import shlex  # seldom needed

        asked = self.filter
        parts = [f"--flow {shlex.quote(asked.flow)}"] if asked.flow else []
        parts += [f"--state {state.value.lower()}" for state in asked.states]
        if self.since:
            parts.append(f"--since {shlex.quote(self.since)}")
        return " ".join(parts)


def wish_of(text: str, now: int) -> Wish:
    """A filter line read: `state:failed flow:etl since:2h until:2026-11-21 words`.

    Args:
        text: as typed.
        now: milliseconds.
    """
    asked = _Asked(now)
    for term in text.split():
        key, colon, value = term.partition(":")
        reader = _KEYS.get(key.lower()) if colon else None
        if reader is None and colon and key:
            asked.why = asked.why or f"{key}: is no part of a run: state, flow, since, until, sub."
        elif reader is None:
            asked.words.append(term.lower())
        elif value:
            reader(asked, value)
    return asked.wish(text)


class _Asked:
    def __init__(self, now: int) -> None:
        self.now = now
        self.words: list[str] = []
        self.names: set[str] = set()
        self.states: set[State] = set()
        self.flow: str | None = None
        self.times: dict[str, tuple[int, str]] = {}
        self.top = True
        self.why: str | None = None

    def wish(self, text: str) -> Wish:
        since, until = self.times.get("since"), self.times.get("until")
        asked = RunFilter(
            flow=self.flow,
            states=tuple(sorted(self.states)),
            since=since[0] if since else None,
            until=until[0] if until else None,
            top=self.top,
        )
        told = since[1] if since else ""
        return Wish(text, asked, tuple(self.words), frozenset(self.names), self.why, told)


def _state(asked: _Asked, value: str) -> None:
    """States by the begin of their names, or `live` and `ended`; several with commas between."""
    for word in filter(None, value.lower().split(",")):
        if word in _GROUPS:
            asked.states |= _GROUPS[word]
            asked.names |= {n.lower() for n in standing.NAMES if _stored(n) in _GROUPS[word]}
            continue
        found = [name for name in standing.NAMES if name.lower().startswith(word)]
        exact = [name for name in found if name.lower() == word]
        if not found:
            asked.why = asked.why or f"There is no state {value!r}."
        for name in exact or found:
            asked.states.add(_stored(name))
            asked.names.add(name.lower())
            if _stored(name).value.lower() == name.lower():  # all of them, whatever is derived
                asked.names |= {n.lower() for n in standing.NAMES if _stored(n) is _stored(name)}


def _stored(name: str) -> State:
    low = name.lower()
    if low in _STORED:
        return _STORED[low]
    return State.COMPLETED if low == "cached" else State(name.upper())


def _flow(asked: _Asked, value: str) -> None:
    asked.flow = value


def _sub(asked: _Asked, value: str) -> None:
    asked.top = not "yes".startswith(value.lower())


def _time(which: str) -> Callable[[_Asked, str], None]:
    def read(asked: _Asked, value: str) -> None:
        when = _instant(value, asked.now)
        if when is None:
            asked.why = asked.why or f"{which}: takes 30m, 2h, 7d, 2w or 2026-11-21."
        else:
            asked.times[which] = when, value

    return read


def _instant(value: str, now: int) -> int | None:
    span = _SPAN.fullmatch(value)
    if span is not None:
        return now - int(span[1]) * _UNITS[span[2]] * 1000
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1000)


_KEYS: dict[str, Callable[[_Asked, str], None]] = {
    "state": _state,
    "flow": _flow,
    "since": _time("since"),
    "until": _time("until"),
    "sub": _sub,
}
