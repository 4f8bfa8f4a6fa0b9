"""What every driver answers to: the same words, whichever lake stands behind them.

A driver is a script, run by the interpreter of its lake's own environment; its lake is a class with
the methods of `Lake`. This module knows the standard library only.

    DRIVER make FOLDER                          a new lake with a table of (load, n, text)
    DRIVER append FOLDER FIRST COUNT ROWS       says "ready", waits for a line, appends COUNT loads;
                                                tells of each as a line of JSON
    DRIVER die FOLDER ROWS                      appends in processes of their own, killed as told on
                                                stdin; see forks.py
    DRIVER insist FOLDER COUNT ROWS SEED SHARE  loads whose commit's answer is lost so often, run
                                                again until one of them is told to be done
    DRIVER read FOLDER                          rows and distinct rows of every load
    DRIVER reread FOLDER                        the same for each line of stdin, in a new process
    DRIVER files FOLDER                         what the table refers to; what it lists as litter
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import forks

_TRIES = 20


class AnswerLost(Exception):
    """Told to the client in place of the commit's answer, where the lake has no error for it."""


class Lake(Protocol):
    """One table of one lake, used as its documentation says."""

    def __init__(self, folder: Path) -> None: ...

    def make(self) -> None:
        """Make the lake and its table."""

    def open(self) -> None:
        """Connect to it; the table is looked up in every call, as others may have changed it."""

    def append(self, load: int, rows: int) -> None:
        """Add the rows of a load in one commit."""

    def read(self) -> Iterable[tuple[int, int, int]]:
        """Load, rows, distinct rows."""

    def named(self) -> Iterable[str]:
        """Every file of data or metadata that the table refers to, in any version."""

    def listed(self) -> Iterable[str] | None:
        """The files that the lake itself tells to be litter; None if it has no means."""

    def lose_answers(self, fails: Callable[[str], bool]) -> None:
        """Have the client told an error before or after a commit, where `fails` says so."""


def columns(load: int, rows: int) -> dict[str, list[Any]]:
    """The rows of a load."""
    words = [f"some words {n}" for n in range(rows)]
    return {"load": [load] * rows, "n": list(range(rows)), "text": words}


def main(lake: type[Lake]) -> None:
    """Do what the command line says."""
    word, folder, *more = sys.argv[1:]
    here = lake(Path(folder))
    if word == "make":
        here.make()
        return
    if word == "die":
        rows = int(more[0])
        forks.append(Path(folder), lambda load: here.append(load, rows), here.open)
        return
    if word == "reread":
        forks.read(lambda: _read(here))
        return
    here.open()
    if word == "append":
        _append(here, *(int(one) for one in more))
    elif word == "insist":
        count, rows, seed, share = more
        _insist(here, int(count), int(rows), random.Random(int(seed)), float(share))
    elif word == "read":
        _tell(_counts(here))
    elif word == "files":
        listed = here.listed()
        told = None if listed is None else sorted(listed)
        _tell({"named": sorted(set(here.named())), "listed": told})
    else:
        raise SystemExit(f"There is no {word}.")


def _read(lake: Lake) -> dict[str, Any]:
    lake.open()
    return _counts(lake)


def _counts(lake: Lake) -> dict[str, Any]:
    return {"loads": {load: counts for load, *counts in lake.read()}}


def _append(lake: Lake, first: int, count: int, rows: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    for load in range(first, first + count):
        begun = time.perf_counter()
        error = _error_of(lambda load=load: lake.append(load, rows))
        _tell({"load": load, "seconds": time.perf_counter() - begun, "error": error})


def _insist(lake: Lake, count: int, rows: int, chance: random.Random, share: float) -> None:
    """Append loads, each again and again until no error is told."""
    lost = {"before": 0, "after": 0}
    calm = False

    def fails(when: str) -> bool:
        # A third of the lost answers is of commits that did not land.
        part = share / 3 if when == "before" else (2 * share / 3) / (1 - share / 3)
        found = not calm and chance.random() < part
        lost[when] += found
        return found

    lake.lose_answers(fails)
    gave_up = {}
    for load in range(count):
        calm = False
        for _ in range(_TRIES):
            error = _error_of(lambda load=load: lake.append(load, rows))
            if error is None:
                break
            calm = True  # one lost answer for a load: the next try is let through
        else:
            gave_up[load] = error
    _tell({"lost": lost, "gave_up": gave_up})


def _error_of(call: Callable[[], object]) -> str | None:
    """What a client is told: the error's name and first words."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the client is told
        return f"{type(error).__name__}: {error}"[:500]
    return None


def _tell(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)
