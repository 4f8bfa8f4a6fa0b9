"""Several processes open a new lake at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import a_newcomer
import pytest
from battery_table import Figure
from lake_builder import opened
from lake_shell import environment


@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=pytest.mark.battery)])
@pytest.mark.parametrize("store", ["SQLite", "Postgres"])
def test_eight_processes_open_a_new_lake_at_once(
    tmp_path: Path,
    figure: Figure,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    rounds: int,
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
            database = f"sqlite:///{folder}/.lakectl/lake.db"
            if store == "Postgres":
                database = request.getfixturevalue("postgres").create_database()
            for one in running:
                assert one.stdin is not None
                one.stdin.write(json.dumps([str(folder), database]) + "\n")
                one.stdin.flush()
            assert [_line(one) for one in running] == ["ok"] * 8, number
            monkeypatch.setenv("LAKECTL_DATABASE", database)
            _check(folder)
            if store == "Postgres":
                request.getfixturevalue("postgres").drop_database(database)
    finally:
        for one in running:
            one.kill()
            one.communicate()
    figure(
        "L15",
        f"8 processes make, open and load into the same new lake on {store} at once, "
        f"{rounds} rounds",
        f"{8 * rounds} of {8 * rounds} succeeded; one table each, every load there once, also the "
        "one that all sent under the same key; no file left over",
    )


def _line(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    return one.stdout.readline().strip()


def _check(folder: Path) -> None:
    with opened(folder) as lake:
        assert [str(d.name) for d in lake.ls()] == ["nyc.trips"]
        assert sorted(lake.to_arrow("nyc.trips")["who"].to_pylist()) == list(range(-1, 8))
        assert [v.version for v in lake.versions("nyc.trips")] == list(range(9, 0, -1))
        assert list(lake.doctor(verify=True).report.findings) == []
