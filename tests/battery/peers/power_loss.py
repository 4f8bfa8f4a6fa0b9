"""L6: the power is cut at random instants of some appends; every byte not synced by then is gone.

The system calls of processes that append are recorded, contents and all, and replayed on the model
of a disk that the battery's own proof uses, up to a random one of them. What would survive is put
where the lake was, and the lake's own reader reads it. The second pair of rows drops names as well,
those whose folder was not synced, and brings back those whose removal was not.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import a_recorded_command
from power_loss import Disk, Event, events_of

from tests.battery.peers import lakes
from tests.battery.peers.lakes import Broken, Peer

_ROWS = 500
_APPENDS = 5
_SHORT, _LONG = 25, 100


def prove(peer: Peer, long: bool, chance: random.Random) -> dict[str, str]:
    """Cut the power so often."""
    cuts = _LONG if long else _SHORT
    with lakes.new(peer) as lake:
        before = lake.with_name("before")
        shutil.copytree(lake, before)
        old = _named(peer, lake)
        appends, brought = [], []
        for number in range(_APPENDS):
            appends.append(_recorded(peer, lake, number))
            named = _named(peer, lake)
            brought.append({path for path in named - old if path.startswith(str(lake))})
            old |= named
        try:
            found = _synced(before, lake, appends, brought)
            for names_too, what in ((False, "bytes"), (True, "bytes and names")):
                points = sorted(chance.choices(range(sum(map(len, appends))), k=cuts))
                _restore(before, lake)
                found |= _cut(peer, lake, appends, points, names_too, what)
        except AssertionError as error:
            raise Broken(f"the model of the disk: {error}") from error
    return {"L6 put through": f"{cuts} cuts in {_APPENDS} appends", **found}


def _named(peer: Peer, lake: Path) -> set[str]:
    """The files that the table refers to."""
    return set(peer.ask("files", lake)["named"])


def _recorded(peer: Peer, lake: Path, load: int) -> list[Event]:
    """What one append does.

    Raises:
        Broken: it failed.
    """
    record = lake.with_name("record")
    script = [sys.executable, a_recorded_command.__file__, str(record), str(lake)]
    one = peer.start_by(script, "append", lake, load, 1, _ROWS)
    said, complained = one.communicate("\n", timeout=300)
    answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    if len(answers) != 1 or answers[0]["error"]:
        raise Broken(f"a recorded append failed: {said[-300:]} {complained[-300:]}")
    return events_of(record)


def _restore(before: Path, lake: Path) -> None:
    shutil.rmtree(lake)
    shutil.copytree(before, lake)


def _synced(
    before: Path, lake: Path, appends: list[list[Event]], brought: list[set[str]]
) -> dict[str, str]:
    """Of the files that an append made: what was on the disk when it was answered."""
    _restore(before, lake)
    disk = Disk(lake)
    files = bytes_missing = names_missing = 0
    for events, new in zip(appends, brought, strict=True):
        for event in events:
            disk.apply(event)
        states = [disk.unsafe(path) for path in new]
        files += len(states)
        bytes_missing += sum(data for data, _ in states)
        names_missing += sum(name for _, name in states)
    each = f"{files / _APPENDS:.1f} / {bytes_missing / _APPENDS:.1f}"
    return {
        "L6 files of an append / not synced when it was answered": each,
        "L6 files whose name was not synced": f"{names_missing / _APPENDS:.1f}",
    }


def _cut(
    peer: Peer,
    lake: Path,
    appends: list[list[Event]],
    points: list[int],
    names_too: bool,
    what: str,
) -> dict[str, str]:
    """Have the lake read after each cut."""
    ends = [sum(map(len, appends[: number + 1])) for number in range(len(appends))]
    events = [event for one in appends for event in one]
    disk, at = Disk(lake), 0
    opened = kept = partly = 0
    errors: Counter[str] = Counter()
    reader = peer.start("reread", lake)
    try:
        for point in points:
            for event in events[at : point + 1]:
                disk.apply(event)
            at = point + 1
            disk.cut(names_too=names_too)
            told = lakes.exchange(reader)
            if "error" in told:
                errors[told["error"].partition(":")[0]] += 1
                continue
            opened += 1
            found = {int(load): tuple(counts) for load, counts in told["loads"].items()}
            whole = lakes.whole(found, _ROWS)
            kept += {n for n, end in enumerate(ends) if end <= at} <= whole
            partly += bool(found.keys() - whole)
    finally:
        reader.kill()
        reader.communicate()
    told_errors = "".join(f", {count} {kind}" for kind, count in errors.most_common(2))
    parts = f", {partly} with a part of a load" if partly else ""
    head, cuts = f"L6 unsynced {what} gone", len(points)
    return {
        f"{head}: table reads": f"{opened} of {cuts}{told_errors}",
        f"{head}: and has all that was answered": f"{kept} of {cuts}{parts}",
    }
