"""The lake that tests of the door start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lake_shell import Shell


@pytest.fixture(scope="session")
def trips_lake(fresh_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two versions of nyc.trips and one of nyc.zones; copy it to change it."""
    folder = tmp_path_factory.mktemp("trips") / "lake"
    shutil.copytree(fresh_lake, folder)
    shell = Shell(folder)
    rows = ["id,zone,fare", *(f"{n},{n % 3},{n}.5" for n in range(10))]
    more = ["id,zone,fare", *(f"{n},{n % 3},{n}.25" for n in range(10, 15))]
    shell.file("trips.csv", rows)
    shell.file("more.csv", more)
    shell.file("zones.csv", ["zone,name", "0,Bronx", "1,Queens", "2,Harlem"])
    shell.ingest("trips.csv", "--into", "nyc.trips", "-m", "first")
    shell.ingest("more.csv", "--into", "nyc.trips", "-m", "second")
    shell.ingest("zones.csv", "--into", "nyc.zones")
    return folder


@pytest.fixture
def trips(trips_lake: Path) -> Shell:
    """The filled lake, for tests that only look."""
    return Shell(trips_lake)
