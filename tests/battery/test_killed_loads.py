"""Loads killed at any instant: what was answered is there once; the rest is whole or gone."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import time

import pytest
from battery_table import Figure
from lake_builder import broken_rules, litter
from lake_shell import Shell, command, environment

_ROWS = 500


def _start(lake: Shell, number: int) -> subprocess.Popen[bytes]:
    lines = ["load,n,text", *(f"{number},{n},some words {n}" for n in range(_ROWS))]
    lake.file(f"in/{number}.csv", lines)
    return subprocess.Popen(
        [*command(), "ingest", f"in/{number}.csv", "--into", "nyc.trips", "-o", "json"],
        cwd=lake.cwd,
        env=environment(lake.cwd),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _answered(one: subprocess.Popen[bytes]) -> bool:
    """Whether the load was acknowledged: its whole report came out."""
    out, _ = one.communicate()
    return out.endswith(b"}\n") and json.loads(out)["rows_added"] == _ROWS


def _files(lake: Shell) -> int:
    return sum(len(names) for _, _, names in os.walk(lake.cwd / "warehouse"))


def _kill_at(one: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        one.wait(seconds)
    except subprocess.TimeoutExpired:
        one.kill()


def _kill_at_file(lake: Shell, one: subprocess.Popen[bytes], number: int) -> None:
    """Kill as soon as the load has made so many files: in the middle of writing or committing."""
    before = _files(lake)
    while one.poll() is None:
        if _files(lake) >= before + number:
            one.kill()
            return


def _kill_at_random(lake: Shell, chance: random.Random, times: int) -> tuple[set[int], set[int]]:
    """Kill so many loads; returns (those killed, those answered).

    Every other one dies at an instant of its life, the others at a file of their commit: data
    file, manifest, manifest list, metadata, or between the metadata and the swap.
    """
    killed: set[int] = set()
    begun = time.monotonic()
    answered = {-1} if _answered(_start(lake, -1)) else set()
    assert answered, "the first load failed by itself"
    usual = time.monotonic() - begun
    for number in itertools.count():
        if len(killed) == times:
            return killed, answered
        assert number < 4 * times, "too few loads could be killed"
        one = _start(lake, number)
        begun = time.monotonic()
        if number % 2:
            _kill_at_file(lake, one, chance.randint(1, 4))
        else:
            _kill_at(one, usual * chance.uniform(0.0, 1.05))
        if _answered(one):
            answered.add(number)
        if one.returncode:
            assert one.returncode == -9
            killed.add(number)
        else:
            usual = time.monotonic() - begun  # the machine is faster or slower than it was
    raise AssertionError


def _check(lake: Shell, killed: set[int], answered: set[int]) -> None:
    rows = lake.sql("SELECT load, count(*) AS c, count(DISTINCT n) AS d FROM nyc.trips GROUP BY 1")
    there = {row["load"] for row in rows}
    assert {(row["c"], row["d"]) for row in rows} == {(_ROWS, _ROWS)}, "a part of a load is seen"
    assert answered <= there, "an answered load is missing"
    assert there <= answered | killed
    assert broken_rules(lake.cwd) == []
    # The next one succeeds, and what was killed can simply be loaded again: never twice.
    after = _start(lake, 10_000)
    assert _answered(after)
    for number in sorted(killed)[:3]:
        lake.ok("ingest", f"in/{number}.csv", "--into", "nyc.trips")
    again = lake.sql("SELECT load, count(*) AS c FROM nyc.trips GROUP BY 1")
    assert {row["c"] for row in again} == {_ROWS}
    assert {row["load"] for row in again} == there | {10_000} | set(sorted(killed)[:3])
    assert broken_rules(lake.cwd) == []


def _doctor_lists_what_a_walk_finds(lake: Shell) -> int:
    """Compare the orphans that doctor lists with a walk of the disk; returns how many."""
    told = lake.run("doctor", "-o", "json").json
    listed = {f["path"] for f in told["findings"] if f["kind"] == "orphan"}
    assert listed == litter(lake.cwd)
    assert {f["severity"] for f in told["findings"]} <= {"litter"}
    return len(listed)


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.battery)])
def test_killed_loads_leave_every_answered_row_once(
    lake: Shell, chance: random.Random, figure: Figure, times: int
) -> None:
    killed, answered = _kill_at_random(lake, chance, times)
    there = {row["load"] for row in lake.sql("SELECT DISTINCT load FROM nyc.trips")}
    orphans = _doctor_lists_what_a_walk_finds(lake)
    _check(lake, killed, answered)
    figure(
        "L1",
        f"{times} of {len(killed | answered)} loads killed by SIGKILL at random instants",
        f"{len(answered)} answered, each there once; {len(killed & there)} of the killed had "
        f"committed; no part of a load seen; {orphans} orphans, as `doctor` lists them",
    )
