"""SQL that wants all the time, memory or disk there is ends alone, and the next query answers."""

from __future__ import annotations

import contextlib
import os
import random
import time
from pathlib import Path

import pytest
from battery_table import Figure
from lake_builder import opened
from lake_shell import Shell

import lakectl
from catalog.errors import LakeError

_BOMBS = {
    "a cross join": "SELECT count(*) FROM range(10000000) a, range(10000000) b "
    "WHERE a.range = -b.range - 1",
    "endless recursion": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) "
    "SELECT max(n) FROM r",
    "a text of 3 GB": "SELECT length(repeat('x', 3000000000))",
    "a row of 900 MB": "SELECT repeat('x', 900000000)",
    "rows of 100 MB": "SELECT repeat('x', 100000000) FROM range(100)",
    "a sort that spills": "SELECT max(x) FROM (SELECT random() || repeat('x', 200) AS x "
    "FROM range(100000000) ORDER BY x)",
    "a sorted list": "SELECT len(list_sort(range(50000000).list_reverse()))",
    "5,000 parentheses": "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "50,000 operators": "SELECT " + "+".join(["1"] * 50_000),
    "an IN of 200,000 values": "SELECT count(*) FROM range(1000) WHERE range::VARCHAR IN ("
    + ",".join(f"'{n}'" for n in range(200_000)) + ")",
    "a series of 10^12": "SELECT sum(x) FROM generate_series(1, 1000000000000) t(x)",
    "a regex": "SELECT count(*) FROM range(10000000) WHERE regexp_matches("
    "repeat('a', 5000) || range, '(a+)+(a+)+(a|aa)+b')",
    "an unnest": "SELECT count(*) FROM (SELECT unnest(range(100000)) a, range FROM "
    "range(1000000)) t, LATERAL (SELECT unnest(range(1000)))",
    "a text of all rows": "SELECT length(string_agg(range::VARCHAR, ',')) FROM range(2000000000)",
    "a window": "SELECT max(s) FROM (SELECT list(a.range) OVER (ORDER BY a.range ROWS "
    "BETWEEN 100000 PRECEDING AND 100000 FOLLOWING)::VARCHAR AS s FROM range(10000000) a)",
    "a padded text": "SELECT length(lpad('x', 2000000000, 'y'))",
    "a format": "SELECT length(printf('%2000000000d', 1))",
    "a list of all rows": "SELECT list(range) FROM range(100000000)",
    "factorials": "SELECT sum(length((2::BIGNUM ** 10000000)::VARCHAR))",
}  # fmt: skip
_PARSED = {"5,000 parentheses", "50,000 operators"}  # they go off before there is a box
_DEADLINE = 2.0


def _peak() -> int:
    """The most memory this process has held since it was asked last, in bytes."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    Path("/proc/self/clear_refs").write_text("5")
    return int(line.split()[1]) << 10


def _blow(lake: lakectl.Lake, text: str) -> tuple[str, float, int]:
    """(what came of it, seconds, bytes that this process took for it)."""
    lake.sql("SELECT 1")
    _peak()
    before, begun = _peak(), time.monotonic()
    try:
        lake.sql(text, deadline=_DEADLINE)
        came = "answered"
    except LakeError as error:
        came = type(error).__name__
    took = time.monotonic() - begun
    return came, took, _peak() - before


@pytest.mark.parametrize("few", [4, pytest.param(None, marks=pytest.mark.battery)])
def test_a_bomb_goes_off_alone(
    lake: Shell,
    monkeypatch: pytest.MonkeyPatch,
    chance: random.Random,
    figure: Figure,
    few: int | None,
) -> None:
    monkeypatch.setenv("LAKECTL_MEMORY", "300MB")
    names = chance.sample(sorted(_BOMBS), few) if few else list(_BOMBS)
    faults, came_of = [], []
    slowest = largest = 0.0
    lake.file("1.csv", ["a", "1"])
    with opened(lake.cwd) as here:
        lake.ok("ingest", "1.csv", "--into", "n.t")
        for name in names:
            came, took, grew = _blow(here, _BOMBS[name])
            came_of.append(came)
            slowest = max(slowest, took - _DEADLINE)
            if name not in _PARSED:
                largest = max(largest, grew / 1e6)
            if took > _DEADLINE + 0.5 or grew > (100e6 if name in _PARSED else 20e6):
                faults.append(f"{name}: {came} after {took:.2f} s, {grew / 1e6:.0f} MB")
            if here.sql("SELECT a FROM n.t").rows != ((1,),):
                faults.append(f"{name}: the next query is not answered")
            pids = [c for c in _children() if "box_child" in c]
            if len(pids) > 1:
                faults.append(f"{name}: {len(pids)} children are left")
    assert not faults, "\n".join(faults)
    counts = ", ".join(f"{came_of.count(kind)} {kind}" for kind in sorted(set(came_of)))
    figure(
        "S2",
        f"{len(names)} of {len(_BOMBS)} bombs, {_DEADLINE:.0f} s each",
        f"{counts}; at most {slowest:.2f} s late, {largest:.0f} MB taken here (parser: 100), "
        "the next query answered each time",
    )


def _children() -> list[str]:
    """The command lines of this process's children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.append((folder / "cmdline").read_text())
    return found
