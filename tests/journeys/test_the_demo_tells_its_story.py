"""`lakectl demo`: the story runs to its end, and a second start goes on where it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def _lakectl(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lakectl", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_demo_tells_its_whole_story_and_a_second_start_finds_it_told(tmp_path: Path) -> None:
    told = _lakectl("demo", "d", "--rows", "2000", "--no-ui", cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    commands = [line for line in told.stdout.splitlines() if line.startswith("$ lakectl")]
    assert len(commands) == 28
    assert "Traceback" not in told.stderr

    listed = json.loads(_lakectl("--lake", "d", "ls", "-o", "json", cwd=tmp_path).stdout)
    rows = {one["name"]: one["rows"] for one in listed}
    assert rows["nyc.flights"] == 336_776  # all of the wheel's rows
    assert rows["taxi.raw_quarantine"] == 2
    assert rows["taxi.raw"] == 2000 + 6  # eight rows of the dirty file, two of them set aside
    assert {one["name"]: one["owner"] for one in listed}["taxi.trips"] == "ana"

    again = _lakectl("demo", "d", "--no-ui", cwd=tmp_path)
    assert again.returncode == 0
    assert "$ lakectl" not in again.stdout


def test_a_demo_that_was_stopped_goes_on_at_its_next_command(tmp_path: Path) -> None:
    assert _lakectl("demo", "d", "--rows", "100", "--no-ui", cwd=tmp_path).returncode == 0
    progress = tmp_path / "d" / ".lakectl" / "demo.json"
    progress.write_text(json.dumps({"finished": 26}))
    rest = _lakectl("demo", "d", "--no-ui", cwd=tmp_path)
    assert rest.returncode == 0
    commands = [line for line in rest.stdout.splitlines() if line.startswith("$ lakectl")]
    assert commands == ["$ lakectl ls", "$ lakectl versions taxi.trips"]
