"""Lakes to tell stories in: each test has its own, on real parts. A plugin of pytest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_shell import Shell, WarmShell
from real_gcs import GcsServer


@pytest.fixture(scope="session")
def fresh_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `lakectl init` has run; lakes on local files are copies of it."""
    folder = tmp_path_factory.mktemp("fresh")
    Shell(folder).ok("init")
    return folder


@pytest.fixture
def lake(fresh_lake: Path, tmp_path: Path) -> Shell:
    """An empty lake on SQLite and a local folder."""
    shutil.copytree(fresh_lake, tmp_path / "lake")
    return Shell(tmp_path / "lake")


@pytest.fixture(scope="session")
def evil_lake(fresh_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A lake full of payloads, in a folder whose name is one; no test may change it."""
    import hostile_lake

    folder = tmp_path_factory.mktemp("evil") / hostile_lake.FOLDER
    shutil.copytree(fresh_lake, folder)
    hostile_lake.fill(folder)
    return Shell(folder)


@pytest.fixture
def warm_lake(lake: Shell) -> Iterator[WarmShell]:
    """The same, its commands one after another in one process: for stories of many commands."""
    shell = WarmShell(lake.cwd)
    yield shell
    shell.close()


@pytest.fixture
def postgres_lake(postgres_url: str, tmp_path: Path) -> Shell:
    """An empty lake whose metadata lie on a Postgres server."""
    (tmp_path / "lake").mkdir()
    shell = Shell(tmp_path / "lake", {"LAKECTL_DATABASE": postgres_url})
    shell.ok("init", "--database", postgres_url)
    return shell


@pytest.fixture
def gcs_shell(gcs: GcsServer, tmp_path: Path) -> Shell:
    """A folder to type in, from which the object store of the tests can be reached."""
    (tmp_path / "lake").mkdir()
    quiet = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
    return Shell(tmp_path / "lake", {"STORAGE_EMULATOR_HOST": gcs.url, **quiet})


@pytest.fixture
def gcs_lake(gcs_shell: Shell, gcs_bucket: str) -> Shell:
    """An empty lake whose warehouse lies in an object store."""
    gcs_shell.ok("init", "--warehouse", f"gs://{gcs_bucket}/lake")
    return gcs_shell


@pytest.fixture(params=["local", "postgres", "gcs"])
def any_lake(request: pytest.FixtureRequest) -> Shell:
    """An empty lake on each of the supported stores in turn."""
    named = {"local": "lake", "postgres": "postgres_lake", "gcs": "gcs_lake"}
    shell: Shell = request.getfixturevalue(named[request.param])
    return shell
