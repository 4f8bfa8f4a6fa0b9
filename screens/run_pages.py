"""Runs in pages by key: what is read when one scrolls on, and what is read again."""

from __future__ import annotations

from typing import NamedTuple

from jobs.model import Run
from screens.backend import Backend
from screens.run_filter import Wish

PAGE = 200
_AGAIN = 1000  # so many are read again when something moved; older ones stay as they are
_MOST = 20_000  # runs looked at for one page, where only words can tell which are meant


class Page(NamedTuple):
    """Some runs, newest first."""

    runs: list[Run]
    last: str | None  # the next page begins after this one; None: there are no older runs
    looked: int  # how many were looked at


def page_of(
    backend: Backend, wish: Wish, now: int, wanted: int = PAGE, before: str | None = None
) -> Page:
    """At least so many runs that are meant, unless there are not as many; blocking."""
    found: list[Run] = []
    looked = 0
    while len(found) < wanted and looked < _MOST:
        some = backend.runs(wish.filter, PAGE, before)
        looked += len(some)
        found += [run for run in some if wish.passes(run, now)]
        if len(some) < PAGE:
            return Page(found, None, looked)
        before = some[-1].id
    return Page(found, before, looked)


def again(backend: Backend, wish: Wish, now: int, shown: Page) -> Page:
    """The same runs as they stand now, with those that came; blocking."""
    wanted = max(PAGE, min(len(shown.runs), _AGAIN))
    fresh = page_of(backend, wish, now, wanted)
    if fresh.last is None:
        return fresh
    older = [run for run in shown.runs if run.id < fresh.last]
    if not older:
        return fresh
    return Page(fresh.runs + older, shown.last, max(fresh.looked, shown.looked))
