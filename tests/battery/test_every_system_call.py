"""Fail the k-th system call of a change, for k = 1, 2, 3 … until none fails.

The calls are those that change a file of the lake, whoever makes them: our code, DuckDB, SQLite.
Whichever fails, the change is done or not done, and the next one succeeds.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import system_calls
from battery_table import Figure
from lake_builder import litter, seen_by_people
from lake_shell import ForkingShell, Ran

pytestmark = pytest.mark.skipif(
    not system_calls.SUPPORTED, reason="the watch of system calls speaks Linux on x86-64"
)

_LOAD = ("ingest", "new.csv", "--into", "n.t")
_CHANGES = {
    "load": _LOAD,
    "first load": ("ingest", "new.csv", "--into", "n.other"),
    "merge": (*_LOAD, "--mode", "merge", "--key", "a"),
    "rollback": ("rollback", "n.t", "--to", "v1", "--yes"),
    "drop": ("drop", "n.t", "--yes"),
    "rename": ("rename", "n.t", "n.s"),
}
_QUESTIONS = {
    "versions": ("versions", "n.t"),
    "preview": ("preview", "n.t"),
    "sql": ("sql", "SELECT * FROM n.t ORDER BY ALL"),
    "doctor": ("doctor", "--verify"),
}
_CODES = {"KILL": {-9, 0}, "EIO": {0, 1, 5}, "ENOSPC": {0, 1, 5}, "SHORT": {0, 1, 5}}
_UNREAD = {0, 1, 3, 5}  # 3: the source, which is no file of the lake, cannot be read


@pytest.fixture
def again(forked: ForkingShell, tmp_path: Path) -> Callable[[], None]:
    """A function that brings the lake back to where it was; its files name their places."""
    shutil.copytree(forked.cwd, tmp_path / "before")

    def restore() -> None:
        shutil.rmtree(forked.cwd)
        shutil.copytree(tmp_path / "before", forked.cwd)

    return restore


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ("load", 29),
        *(pytest.param(change, 1, marks=pytest.mark.battery) for change in _CHANGES),
    ],
)
def test_a_change_survives_every_failing_call(
    forked: ForkingShell, again: Callable[[], None], figure: Figure, change: str, step: int
) -> None:
    words = _CHANGES[change]
    before = seen_by_people(forked.cwd)
    forked.ok(*words)
    states = before, seen_by_people(forked.cwd)
    ended: Counter[str] = Counter()
    for first, fault in enumerate(_CODES):  # with a step, each fault meets other calls
        number = 1 + first * (step > 1)
        while True:
            again()
            ran = forked.watched(*words, fault=fault, number=number)
            if len(ran.calls) < number:
                break
            where = f"{change}, {fault} at call {number}: {ran.calls[-1]}"
            ended[f"{fault} {_done_or_not_done(forked, ran, _CODES[fault], states, where)}"] += 1
            number += step
    counted = ", ".join(f"{count} {how}" for how, count in ended.items())
    figure(
        "L2",
        f"{change}: {', '.join(_CODES)} at each system call that changes a file" + _every(step),
        f"done or not done, the next run right; {counted}",
    )


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.battery)])
def test_a_load_survives_every_failing_read(
    forked: ForkingShell, again: Callable[[], None], figure: Figure, step: int
) -> None:
    before = seen_by_people(forked.cwd)
    forked.ok(*_LOAD)
    states = before, seen_by_people(forked.cwd)
    ended: Counter[str] = Counter()
    number = 1
    while True:
        again()
        ran = forked.watched(*_LOAD, calls="reads", fault="EIO", number=number)
        if len(ran.calls) < number:
            break
        where = f"EIO at read {number}: {ran.calls[-1]}"
        ended[_done_or_not_done(forked, ran, _UNREAD, states, where)] += 1
        number += step
    counted = ", ".join(f"{count} {how}" for how, count in ended.items())
    figure(
        "L2",
        f"load: EIO at each system call that reads a file{_every(step)}",
        f"done or not done, the next run right; {counted}",
    )


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.battery)])
@pytest.mark.parametrize("question", _QUESTIONS)
def test_a_failing_read_gives_a_sentence_or_the_whole_answer(
    forked: ForkingShell, figure: Figure, question: str, step: int
) -> None:
    words = _QUESTIONS[question]
    whole = forked.ok(*words).out
    ended: Counter[str] = Counter()
    number = 1
    while True:
        ran = forked.watched(*words, calls="reads", fault="EIO", number=number)
        if len(ran.calls) < number:
            break
        where = f"{question}, EIO at read {number}: {ran.calls[-1]}"
        assert "Traceback" not in ran.err, (where, ran.err)
        if ran.code == 0:
            assert ran.out == whole, (where, ran.out)
        elif ran.code == 7:  # doctor tells it as a finding
            assert question == "doctor", where
            told = "cannot be read" in ran.out or "metadata store is damaged" in ran.out
            assert told, (where, ran.out)
        else:
            assert ran.code in {1, 5}, (where, ran.code, ran.err)
            assert ran.err.startswith("lakectl: "), (where, ran.err)
        ended[{0: "the whole answer", 7: "a finding"}.get(ran.code, "a sentence")] += 1
        number += step
    assert forked.ok(*words).out == whole
    counted = ", ".join(f"{count} {how}" for how, count in ended.items())
    figure("L2", f"{question}: EIO at each system call that reads a file{_every(step)}", counted)


def _every(step: int) -> str:
    return f", every {step}th" if step > 1 else ""


def _done_or_not_done(
    lake: ForkingShell, ran: Ran, codes: set[int], states: tuple[object, object], where: str
) -> str:
    """Check a lake after a change that was hit; returns how that ended, in a word."""
    assert ran.code in codes, (where, ran.code, ran.err)
    assert "Traceback" not in ran.err, (where, ran.err)
    told = lake.run("doctor", "--verify", "-o", "json")
    findings = told.json["findings"]
    assert {f["severity"] for f in findings} <= {"litter"}, (where, findings)
    assert {f["path"] for f in findings if f["kind"] == "orphan"} == litter(lake.cwd), where
    now = seen_by_people(lake.cwd)
    assert now in states, (where, now)
    if ran.code > 0:
        assert now == states[0] or "not known" in ran.err, (where, ran.err)
    if ran.code == 0:
        assert now == states[1], (where, ran.err)
    if now == states[0]:
        redone = lake.run(*ran.words)
        assert redone.code == 0, (where, redone.err)
        assert seen_by_people(lake.cwd) == states[1], where
    return "done" if now == states[1] else "not done"
