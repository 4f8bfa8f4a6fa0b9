"""L6: the power is cut at random instants of some appends; every byte not synced by then is gone.

The calls of a process that appends are recorded with strace, contents and all, and replayed on a
model of a disk (`syscalls.Disk`) up to a random one of them. What would survive is put where the
lake was, and the lake's own reader reads it. The second pair of rows drops names as well, those
whose folder was not synced, and brings back those whose removal was not.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.battery.peers import lakes
from tests.battery.peers.lakes import Broken, Peer
from tests.battery.peers.syscalls import Call, Disk, calls, recorder

_ROWS = 500
_APPENDS = 5
_SHORT, _LONG = 25, 100


@dataclass
class _State:
    """A disk after a cut, and the loads that were answered before it."""

    files: dict[str, bytes]
    folders: set[str]
    answered: frozenset[int]
    times: int = 1


@dataclass
class _Order:
    """Of the files that an append made and the table refers to: what was synced by the answer."""

    files: int = 0
    unsynced: int = 0
    names: int = 0  # not synced in their folder
    answers: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


def prove(peer: Peer, long: bool, chance: random.Random) -> dict[str, str]:
    """Cut the power so often."""
    cuts = _LONG if long else _SHORT
    with lakes.new(peer) as lake:
        shutil.copytree(lake, lake.with_name("before"))
        record = lake.with_name("calls")
        _record(peer, lake, record)
        named = set(peer.ask("files", lake)["named"])
        shutil.rmtree(lake)
        shutil.copytree(lake.with_name("before"), lake)
        try:
            order, states = _replay(lake, record, named, cuts, chance)
        except NotImplementedError as error:
            raise Broken(f"the model does not know that {error}") from error
        found = {
            "L6 put through": f"{cuts} cuts in {_APPENDS} appends",
            "L6 files of an append / not synced when it was answered": _of_each(order),
            "L6 files whose name was not synced": f"{order.names / order.answers:.1f}",
        }
        for names_too, what in ((False, "bytes"), (True, "bytes and names")):
            found |= _judge(peer, lake, states[names_too], what)
    return found


def _record(peer: Peer, lake: Path, record: Path) -> None:
    """Append under strace.

    Raises:
        Broken: that failed; strace may be missing.
    """
    try:
        one = peer.start_by(recorder(record), "append", lake, 1000, _APPENDS, _ROWS)
    except FileNotFoundError as error:
        raise Broken("strace is not there") from error
    said, complained = one.communicate("\n", timeout=300)
    answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    if len(answers) != _APPENDS or any(answer["error"] for answer in answers):
        raise Broken(f"the recorded appends failed: {said[-300:]} {complained[-300:]}")


def _replay(
    lake: Path, record: Path, named: set[str], cuts: int, chance: random.Random
) -> tuple[_Order, dict[bool, list[_State]]]:
    """Replay the calls; returns what the order tells and the states at random cuts."""
    all_calls = list(calls(record))
    first, last = _busy(lake, all_calls)
    instants = Counter(chance.choices(range(first, last + 1), k=cuts))
    disk, order = Disk(lake), _Order()
    old = set(disk.names)
    answered: set[int] = set()
    states: dict[bool, dict[str, _State]] = {False: {}, True: {}}
    for number, call in enumerate(all_calls):
        disk.replay(call)
        if (load := _answer(call)) is not None:
            answered.add(load)
            _check(disk, (set(disk.names) & named) - old, order)
            old = set(disk.names)
        for names_too in (False, True) if instants[number] else ():
            files = disk.surviving(names_too)
            folders = disk.durable_folders if names_too else disk.folders
            state = _State(files, set(folders), frozenset(answered), instants[number])
            same = states[names_too].setdefault(_key(state), state)
            same.times += instants[number] if same is not state else 0
    return order, {names_too: list(found.values()) for names_too, found in states.items()}


def _busy(lake: Path, all_calls: list[Call]) -> tuple[int, int]:
    """The first call that changes the lake, and the last one."""
    disk, found = Disk(lake), []
    for number, call in enumerate(all_calls):
        before = disk.changes
        disk.replay(call)
        if disk.changes != before or _answer(call) is not None:
            found.append(number)
    return found[0], found[-1]


def _answer(call: Call) -> int | None:
    """The load whose success is told by this call."""
    if call.name == "write" and call.words[0] == "1" and b'"load"' in call.texts[0]:
        told: int = json.loads(call.texts[0])["load"]
        return told
    return None


def _check(disk: Disk, new: set[str], order: _Order) -> None:
    order.answers += 1
    for path in new:
        order.files += 1
        if not disk.names[path].synced:
            order.unsynced += 1
            order.kinds[Path(path).suffix or Path(path).name] += 1
        if disk.durable_names.get(path) is not disk.names[path]:
            order.names += 1


def _of_each(order: _Order) -> str:
    kinds = ", ".join(sorted(order.kinds))
    each = f"{order.files / order.answers:.1f} / {order.unsynced / order.answers:.1f}"
    return f"{each} ({kinds})" if kinds else each


def _key(state: _State) -> str:
    digest = hashlib.sha256(repr(sorted(state.answered)).encode())
    for path in sorted(state.files):
        digest.update(f"{path} {len(state.files[path])} ".encode() + state.files[path])
    return digest.hexdigest()


def _judge(peer: Peer, lake: Path, states: list[_State], what: str) -> dict[str, str]:
    """Have the lake read in each state."""
    cuts = sum(state.times for state in states)
    opened = kept = wrong = 0
    errors: Counter[str] = Counter()
    reader = peer.start("reread", lake)
    try:
        for state in states:
            told = _read(reader, lake, state)
            if "error" in told:
                errors[told["error"].partition(":")[0]] += state.times
                continue
            opened += state.times
            found = {int(load): tuple(counts) for load, counts in told["loads"].items()}
            whole = lakes.whole(found, _ROWS)
            kept += state.times if state.answered <= whole else 0
            wrong += state.times if found.keys() - whole else 0
    finally:
        reader.kill()
        reader.communicate()
    told_errors = "".join(f", {count} {kind}" for kind, count in errors.most_common(2))
    partly = f", {wrong} with a part of a load" if wrong else ""
    return {
        f"L6 unsynced {what} gone: table reads": f"{opened} of {cuts}{told_errors}",
        f"L6 unsynced {what} gone: and has all that was answered": f"{kept} of {cuts}{partly}",
    }


def _read(reader: subprocess.Popen[str], lake: Path, state: _State) -> dict[str, Any]:
    """Put the state where the lake was and read it."""
    shutil.rmtree(lake)
    for folder in sorted(state.folders | {str(lake)}):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for path, content in state.files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    line = reader.stdout.readline()
    if not line:
        raise Broken(f"the reader died: {reader.communicate()[1][-300:]}")
    told: dict[str, Any] = json.loads(line)
    return told
