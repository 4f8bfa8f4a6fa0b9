"""What the proofs share: a lake with a past, and commands that are forks of a warm process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_shell import ForkingShell, Server, Shell


@pytest.fixture(scope="module")
def server(fresh_lake: Path) -> Iterator[Server]:
    """The process that the commands are forks of."""
    started = Server("a_forking_command.py", fresh_lake, {})
    yield started
    started.close()


@pytest.fixture
def forked(lake: Shell, server: Server) -> ForkingShell:
    """n.t with two versions of one row each, and files to load."""
    shell = ForkingShell(lake.cwd, server)
    shell.file("1.csv", ["a,b", "1,1"])
    shell.file("2.csv", ["a,b", "2,2"])
    shell.file("new.csv", ["a,b", "3,3", "4,4"])
    shell.file("dirty.csv", ["a,b", "3,x", "4,4"])
    shell.ok("ingest", "1.csv", "--into", "n.t")
    shell.ok("ingest", "2.csv", "--into", "n.t")
    return shell
