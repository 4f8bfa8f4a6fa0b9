"""Loads killed at any instant: what was answered is there once; the rest is whole or gone."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from lake_builder import ask, broken_rules
from lake_shell import Shell, command, environment

_ROWS = 500
_SEED = 20261121


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


def _kill_at_random(lake: Shell, times: int) -> tuple[set[int], set[int]]:
    """Kill so many loads; returns (those killed, those answered).

    Every other one dies at an instant of its life, the others at a file of their commit: data
    file, manifest, manifest list, metadata, or between the metadata and the swap.
    """
    chance = random.Random(_SEED)
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


def _open_intents_name_the_litter(lake: Shell) -> None:
    known = {path for (path,) in ask(lake.cwd, "SELECT path FROM data_files")}
    lost = [p for p in _data(lake) if str(p) not in known]
    named = {name for (name,) in ask(lake.cwd, "SELECT id FROM intents WHERE state = 'open'")}
    assert {path.name.rpartition("-")[0] for path in lost} <= named


def _data(lake: Shell) -> list[Path]:
    return [p for p in (lake.cwd / "warehouse").rglob("data/*.parquet") if p.is_file()]


def test_eight_killed_loads_leave_every_answered_row_once(lake: Shell) -> None:
    killed, answered = _kill_at_random(lake, 8)
    _open_intents_name_the_litter(lake)
    _check(lake, killed, answered)


@pytest.mark.slow
def test_fifty_killed_loads_leave_every_answered_row_once(lake: Shell) -> None:
    killed, answered = _kill_at_random(lake, 50)
    there = {row["load"] for row in lake.sql("SELECT DISTINCT load FROM nyc.trips")}
    print(f"50 killed: {len(killed & there)} had committed, {len(killed & answered)} had answered")
    _open_intents_name_the_litter(lake)
    _check(lake, killed, answered)
