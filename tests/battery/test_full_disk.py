"""The disk runs full at any point of a load: nothing is lost, nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import a_small_disk
import pytest
from battery_table import Figure
from lake_shell import environment

# A mount of one's own needs no rights where the kernel lets people have namespaces.
_ALONE = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount"]


def _can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    words = [*_ALONE, "mount", "-t", "tmpfs", "-o", "size=1m", "lake", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("times", [6, pytest.param(40, marks=pytest.mark.battery)])
def test_a_full_disk_costs_nothing_but_the_load(
    tmp_path: Path, figure: Figure, request: pytest.FixtureRequest, times: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not _can_mount(disk):
        pytest.skip("this machine lets us mount no disk of our own")
    seed = str(request.config.getoption("seed"))
    done = subprocess.run(
        [*_ALONE, sys.executable, a_small_disk.__file__, disk, str(times), seed],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == times
    refused = [one for one in told if one["refused"]]
    for one in told:
        assert (one["open"], one["orphans"], one["findings"]) == ([], [], []), one
        assert one["kept"], one
        assert one["again"], one
    for one in refused:
        assert "full" in one["refused"], one
    assert 0 < len(refused) < times
    figure(
        "L8",
        f"a disk of 6 MB that runs full at {times} points of a load",
        f"{times - len(refused)} loads had room, {len(refused)} were refused and said so; no file "
        "left, no write left open, every row of before readable, the same load then succeeded",
    )
