"""Several processes open a new lake at the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import a_newcomer
import pytest
from battery_table import Figure
from lake_builder import broken_rules, litter, opened
from lake_shell import environment


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.battery)])
def test_eight_processes_open_a_new_lake_at_once(
    tmp_path: Path, figure: Figure, rounds: int
) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, a_newcomer.__file__, str(number)],
            env=environment(tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    try:
        assert [_line(one) for one in running] == ["ready"] * 8
        for number in range(rounds):
            folder = tmp_path / str(number)
            for one in running:
                assert one.stdin is not None
                one.stdin.write(f"{folder}\n")
                one.stdin.flush()
            assert [_line(one) for one in running] == ["ok"] * 8, number
            _check(folder)
    finally:
        for one in running:
            one.kill()
            one.communicate()
    figure(
        "L15",
        f"8 processes make, open and load into the same new lake at once, {rounds} rounds",
        f"{8 * rounds} of {8 * rounds} succeeded; one table each, every load there once, no file "
        "left over",
    )


def _line(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    return one.stdout.readline().strip()


def _check(folder: Path) -> None:
    with opened(folder) as lake:
        assert [str(d.name) for d in lake.ls()] == ["nyc.trips"]
        assert sorted(lake.to_arrow("nyc.trips")["who"].to_pylist()) == list(range(8))
        assert [v.version for v in lake.versions("nyc.trips")] == list(range(8, 0, -1))
    assert litter(folder) == set()
    assert broken_rules(folder) == []
