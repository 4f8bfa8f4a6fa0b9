"""The power fails at any instant: what was acknowledged is there, and nothing half is."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
import system_calls
from battery_table import Figure
from lake_builder import ask, litter, seen_by_people
from lake_shell import ForkingShell
from power_loss import Disk, Event, events_of

pytestmark = pytest.mark.skipif(
    not system_calls.SUPPORTED, reason="the watch of system calls speaks Linux on x86-64"
)

_CHANGES = (
    ("ingest", "new.csv", "--into", "n.t"),
    ("ingest", "new.csv", "--into", "n.other"),
    ("tag", "n.t", "gold"),
    ("ingest", "1.csv", "--into", "n.t", "--mode", "merge", "--key", "a"),
    ("rollback", "n.t", "--to", "v2", "--yes"),
    ("rename", "n.other", "n.another"),
    ("drop", "n.t", "--yes"),
)


def _recorded(lake: ForkingShell, record: Path, *words: str) -> list[Event]:
    ran = lake.watched(*words, record=record)
    assert ran.code == 0, ran.err
    return events_of(record)


@pytest.mark.parametrize("points", [5, pytest.param(100, marks=pytest.mark.battery)])
@pytest.mark.parametrize("torn", [False, True], ids=["all-lost", "some-lost"])
def test_what_was_acknowledged_outlives_a_power_cut(
    forked: ForkingShell,
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
    points: int,
    torn: bool,
) -> None:
    shutil.copytree(forked.cwd, tmp_path / "before")
    states, ends, events = [seen_by_people(forked.cwd)], [0], []
    for words in _CHANGES:
        events += _recorded(forked, tmp_path / "record", *words)
        ends.append(len(events))
        states.append(seen_by_people(forked.cwd))
    shutil.rmtree(forked.cwd)
    shutil.copytree(tmp_path / "before", forked.cwd)
    disk, at = Disk(forked.cwd), 0
    ended: Counter[str] = Counter()
    for point in sorted(chance.sample(range(1, len(events) + 1), points)):
        for event in events[at:point]:
            disk.apply(event)
        at = point
        disk.cut(chance if torn else None)
        acknowledged = max(n for n, end in enumerate(ends) if end <= point)
        now = seen_by_people(forked.cwd)
        where = f"after event {point}: {events[point - 1][:3]}"
        assert now in states[acknowledged : acknowledged + 2], (where, now)
        ended["done" if now != states[acknowledged] else "not done"] += 1
        _is_sound_and_goes_on(forked, where)
    figure(
        "L6",
        f"power cut at {points} of {len(events)} instants of {len(_CHANGES)} changes, "
        f"{'a random half' if torn else 'all'} of what was not synced lost",
        f"every acknowledged change there; of those under way {ended['done']} done, "
        f"{ended['not done']} not done; no file short or missing; the next load succeeded",
    )


def _is_sound_and_goes_on(lake: ForkingShell, where: str) -> None:
    told = lake.run("doctor", "--verify", "-o", "json")
    findings = told.json["findings"]
    assert {f["severity"] for f in findings} <= {"litter"}, (where, findings)
    assert {f["path"] for f in findings if f["kind"] == "orphan"} == litter(lake.cwd), where
    lake.file("after.csv", ["a,b", "9,9"])
    lake.ok("ingest", "after.csv", "--into", "n.after")


@pytest.mark.one_form
def test_every_file_is_safe_before_the_pointer_moves(
    forked: ForkingShell, tmp_path: Path, figure: Figure
) -> None:
    before = _referenced(forked.cwd)
    events = _recorded(forked, tmp_path / "record", "ingest", "new.csv", "--into", "n.t")
    files = _referenced(forked.cwd) - before
    assert {Path(path).suffix for path in files} == {".parquet", ".avro", ".json"}
    store, journal = _store(forked.cwd), f"{_store(forked.cwd)}-journal"
    # The last transaction is the swap: from the synced journal on it overwrites the store.
    swap = _last(events, store, "pwrite64")
    while events[swap - 1][1] == (store,):
        swap -= 1
    for path in files:
        named = next(n for n, event in enumerate(events) if event[1][-1] == path)
        draft = events[named][1][0]
        written = max(_last(events, draft, call) for call in ("write", "pwrite64"))
        folder = events[named:].index(("fsync", (str(Path(path).parent),), 0, b"")) + named
        assert written < _last(events, draft, "fsync") < named < folder < swap, path
    assert _last(events, journal, "unlink") < _last(events, str(Path(store).parent), "fdatasync")
    figure(
        "L7",
        f"the {len(events)} system calls of one append, in order",
        f"{len(files)} of {len(files)} files written, synced, named and their folder synced before "
        "the pointer moves; the journal's end synced before the answer",
    )


def _store(folder: Path) -> str:
    return str(folder / ".lakectl/lake.db")


def _last(events: list[Event], path: str, call: str) -> int:
    """The place of the last such call on a path; -1 for none."""
    return max((n for n, e in enumerate(events) if e[0] == call and e[1] == (path,)), default=-1)


def _referenced(folder: Path) -> set[str]:
    found = {path for (path,) in ask(folder, "SELECT path FROM data_files")}
    return found | {path for (path,) in ask(folder, "SELECT path FROM metadata_files")}
