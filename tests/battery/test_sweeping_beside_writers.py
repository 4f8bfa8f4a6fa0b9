"""Litter is swept and versions expire while others write and read: nobody loses a file."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import broken_rules, opened
from lake_shell import ForkingShell
from writers import Writers

import lakectl
from catalog.errors import NotFound

_KEPT = 60.0  # simulated seconds that litter of unknown origin is kept


class _Reader(threading.Thread):
    """Somebody who looks at one version again and again, and must always see the same."""

    def __init__(self, folder: Path, at: str) -> None:
        super().__init__()
        self._folder, self._at = folder, at
        self._over = threading.Event()
        self.seen: set[str] = set()
        self.looks, self.expired = 0, False
        self.failed: Exception | None = None

    def run(self) -> None:
        """Look until told to end, or until the version is told to have expired."""
        while not self._over.is_set() and not self.expired and self.failed is None:
            try:
                with opened(self._folder) as lake:
                    rows = lake.to_arrow("nyc.trips", self._at).to_pylist()
                self.seen.add(hashlib.sha256(str(sorted(map(str, rows))).encode()).hexdigest())
                self.looks += 1
            except NotFound as error:
                self.expired = "expired" in error.message
                self.failed = None if self.expired else error
            except Exception as error:  # noqa: BLE001 - the test tells it
                self.failed = error

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


class _Sweeper:
    """Repairs the lake again and again, on a clock that runs ahead, beside litter and deaths."""

    def __init__(
        self, lake: ForkingShell, chance: random.Random, clock: pytest.MonkeyPatch, step: float
    ):
        self._lake, self._chance, self._clock = lake, chance, clock
        self._step = step  # simulated seconds of a round
        self._planted: dict[Path, float] = {}
        self.now, self.rounds, self.removed, self.killed = 0.0, 0, 0, 0

    def sweep(self, opened_lake: lakectl.Lake) -> None:
        """One round."""
        self.rounds += 1
        self.now += self._step
        self._clock.setenv("LAKECTL_CLOCK", f"+{self.now}")
        if self.rounds % 10 == 1:
            self._plant(opened_lake)
        if self.rounds % 40 == 5:
            words = ("ingest", "more.csv", "--into", "nyc.trips")
            point = self._chance.choice(["load.staged", "publish.done", "commit.staged"])
            ran = self._lake.run(*words, env={"LAKECTL_CRASH_AT": f"{point}:KILL"})
            assert ran.code == -9, ran.err
            self.killed += 1
        due = {path for path in self._planted if self._age(path) > _KEPT + 1}
        for step in opened_lake.repairs(opened_lake.doctor(), older_than=_KEPT):
            step.do()
        gone = {path for path in self._planted if not path.exists()}
        assert due <= gone
        for path in gone:
            assert self._age(path) >= _KEPT - 0.1, path
            del self._planted[path]
        self.removed += len(gone)

    def _age(self, path: Path) -> float:
        return self._time() - self._planted[path]

    def _time(self) -> float:
        """The sweeper's clock; files of the writers, dated by another, look ever older to it."""
        return time.time() + self.now

    def _plant(self, lake: lakectl.Lake) -> None:
        root = Path(lake.describe("nyc.trips").location)
        path = root / self._chance.choice(["data", "metadata"]) / f"litter-{self.rounds}.parquet"
        path.write_bytes(b"of another engine, perhaps")
        self._planted[path] = self._time()
        os.utime(path, (self._time(), self._time()))


@pytest.mark.parametrize(
    ("rounds", "step", "times"),
    [(40, 1.8, 5), pytest.param(250, 7.2, 150, marks=pytest.mark.battery)],
)
def test_no_file_that_somebody_needs_is_swept(
    forked: ForkingShell,
    chance: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    figure: Figure,
    rounds: int,
    step: float,
    times: int,
) -> None:
    forked.file("more.csv", ["writer,turn,n", "-2,0,0"])
    with opened(forked.cwd) as lake, ExitStack() as stack:
        handle = lake.dataset("nyc.trips")
        for turn in range(3):
            handle.append(pa.table({"writer": [-1] * 3, "turn": [turn] * 3, "n": [0, 1, 2]}))
        lake.tag("nyc.trips", "gold", 2)
        sweeper = _Sweeper(forked, chance, monkeypatch, step)
        running = stack.enter_context(Writers(forked, 4, times))
        readers = [_Reader(forked.cwd, at) for at in ("gold", "v1", "v3")]
        for reader in readers:
            reader.start()
        running.go()
        while sweeper.rounds < rounds or running.busy:
            sweeper.sweep(lake)
        for reader in readers:
            reader.end()
        assert len(running.wait()) == 4 * times
        for step in lake.repairs(lake.doctor(), older_than=0):
            step.do()
        monkeypatch.delenv("LAKECTL_CLOCK")
        assert [reader.failed for reader in readers] == [None] * 3
        assert [len(reader.seen) for reader in readers] == [1] * 3
        assert not readers[0].expired
        rows = lake.to_arrow("nyc.trips").filter(pa.compute.field("writer") >= 0).to_pylist()
        told = lake.doctor(verify=True).report.findings
        gone = sum(v.state == "expired" for v in lake.versions("nyc.trips"))
    assert len({tuple(row.values()) for row in rows}) == len(rows) == 4 * times * 10
    assert list(told) == []
    assert broken_rules(forked.cwd) == []
    figure(
        "L9",
        f"{sweeper.rounds} sweeps in {sweeper.now / 60:.0f} simulated minutes beside 4 writers of "
        f"{times} appends; {sweeper.killed} more writers killed",
        "no file that was referenced or on its way taken away; "
        f"{sweeper.removed} planted files taken away once they were old enough, none earlier",
    )
    looks = sum(reader.looks for reader in readers)
    figure(
        "L10",
        f"3 readers of one version each, {looks} looks beside {4 * times} commits, {gone} versions "
        "expiring",
        f"always the same rows; {sum(reader.expired for reader in readers)} were told that theirs "
        "has expired, the one of a tag never",
    )
