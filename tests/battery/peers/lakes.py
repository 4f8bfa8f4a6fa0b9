"""The lakes that stand side by side: their environments, and their drivers as processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import own_environment

ROOT = Path(__file__).resolve().parents[3]  # of the repository
_DRIVERS = Path(__file__).with_name("drivers")
_PATIENCE = 900.0
_DUCKDB = "1.5.5"


class Broken(Exception):
    """A driver failed where nothing was done to it: there is nothing to count."""


@dataclass(frozen=True)
class Peer:
    """A lake to put through the proofs.

    Args:
        name: its column.
        driver: the script that speaks to it.
        requirements: what its environment has; nothing for ours.
        patient: whether the settings and means that its documentation has against conflicts and
            lost answers are used; by default everything is as it comes.
        proofs: what it is put through.
    """

    name: str
    driver: str
    requirements: tuple[str, ...] = ()
    patient: bool = False
    proofs: tuple[str, ...] = ("L1", "L3", "L5", "L6")

    @property
    def version(self) -> str:
        """What is named at the head of its column."""
        return ", ".join(self.requirements[:2]) or "this repository"

    def command(self, word: str, folder: Path, *more: object) -> list[str]:
        """The command line of its driver."""
        python = own_environment.environment(self.requirements) if self.requirements else None
        script = str(_DRIVERS / f"{self.driver}.py")
        words = [word, str(folder), *(str(one) for one in more)]
        return [str(python or sys.executable), script, *words]

    def environment(self) -> dict[str, str]:
        """This process's environment without any word that a lake listens to."""
        dropped = ("LAKECTL_", "PYICEBERG_", "PATIENT", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        kept |= {"PYTHONUTF8": "1"}
        if not self.requirements:
            kept["PYTHONPATH"] = str(ROOT)
        return kept | ({"PATIENT": "1"} if self.patient else {})

    def start(self, word: str, folder: Path, *more: object) -> subprocess.Popen[str]:
        """Start its driver; the process is the caller's to end."""
        return self.start_by([], word, folder, *more)

    def start_by(
        self, before: Sequence[str], word: str, folder: Path, *more: object
    ) -> subprocess.Popen[str]:
        """Start its driver by another program, whose command line ends with the driver's."""
        return subprocess.Popen(
            [*before, *self.command(word, folder, *more)],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, word: str, folder: Path, *more: object) -> Any:
        """What its driver tells in its last line, None if that is nothing.

        Raises:
            Broken: it failed.
        """
        one = self.start(word, folder, *more)
        try:
            said, complained = one.communicate("\n", timeout=_PATIENCE)
        finally:
            one.kill()
        if one.returncode:
            raise Broken(f"{self.name} {word} left with {one.returncode}: {complained[-600:]}")
        return json.loads(said.splitlines()[-1]) if said.strip() else None

    def loads(self, folder: Path) -> dict[int, tuple[int, int]]:
        """Rows and distinct rows of every load that a reader finds.

        Raises:
            Broken: the table cannot be read.
        """
        found = self.ask("read", folder)["loads"]
        return {int(load): (rows, distinct) for load, (rows, distinct) in found.items()}


def exchange(driver: subprocess.Popen[str], order: object = None) -> dict[str, Any]:
    """Give an order to a driver that goes on, a line of JSON, and read the one that it answers.

    Raises:
        Broken: it died.
    """
    assert driver.stdin is not None
    assert driver.stdout is not None
    driver.stdin.write(json.dumps(order) + "\n")
    driver.stdin.flush()
    answer = driver.stdout.readline()
    if not answer:
        raise Broken(f"the driver died: {driver.communicate()[1][-600:]}")
    told: dict[str, Any] = json.loads(answer)
    return told


PYICEBERG = ("pyiceberg[sql-sqlite,pyarrow]==0.12.0", "pyarrow==26.0.1")
DUCKLAKE = (
    f"duckdb=={_DUCKDB}",
    f"duckdb-extension-ducklake=={_DUCKDB}",
    f"duckdb-extension-sqlite-scanner=={_DUCKDB}",
)
DELTA = ("deltalake==1.6.6", "pyarrow==26.0.1")

_MATTERS = ("L3", "L5")  # where patience does

PEERS = (
    Peer("lakectl", "with_lakectl"),
    Peer("pyiceberg", "with_pyiceberg", PYICEBERG),
    Peer("ducklake", "with_ducklake", DUCKLAKE),
    Peer("delta", "with_delta", DELTA),
    Peer("lakectl-patient", "with_lakectl", patient=True, proofs=("L5",)),
    Peer("pyiceberg-patient", "with_pyiceberg", PYICEBERG, patient=True, proofs=_MATTERS),
    Peer("ducklake-patient", "with_ducklake", DUCKLAKE, patient=True, proofs=_MATTERS),
    Peer("delta-patient", "with_delta", DELTA, patient=True, proofs=_MATTERS),
)


@contextmanager
def new(peer: Peer) -> Iterator[Path]:
    """A new lake of a peer, in a folder of its own."""
    home = Path(tempfile.mkdtemp(prefix=f"peer-{peer.name}-"))
    try:
        peer.ask("make", home / "lake")
        yield home / "lake"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def whole(found: dict[int, tuple[int, int]], rows: int) -> set[int]:
    """The loads that are there once, with all their rows."""
    return {load for load, counts in found.items() if counts == (rows, rows)}


def doubled(found: dict[int, tuple[int, int]], rows: int) -> set[int]:
    """The loads of which a row is there more than once."""
    return {load for load, (count, distinct) in found.items() if count > distinct}


def partial(found: dict[int, tuple[int, int]], rows: int) -> set[int]:
    """The loads of which a row is missing."""
    return {load for load, (_, distinct) in found.items() if distinct != rows}
