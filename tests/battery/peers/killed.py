"""L1: appends killed by SIGKILL at random instants, each a process of its own."""

from __future__ import annotations

import json
import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.battery.peers import lakes
from tests.battery.peers.lakes import Broken, Peer

_ROWS = 500
_SHORT, _LONG = 20, 200
_PATIENCE = 180.0  # seconds; on a busy machine fewer are killed, and the table tells how many


@dataclass
class _Counted:
    """What became of the loads."""

    killed: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)


def prove(peer: Peer, long: bool, chance: random.Random) -> dict[str, str]:
    """Kill so many appends and look at what is left."""
    times = _LONG if long else _SHORT
    with lakes.new(peer) as lake:
        counted = _kill(peer, lake, times, chance)
        found = peer.loads(lake)
        unknown = found.keys() - counted.answered
        told = f"{len(counted.killed)} of {len(counted.killed | counted.answered)} appends killed"
        return {
            "L1 put through": told,
            "L1 answered / of them missing": f"{len(counted.answered)} / "
            f"{len(counted.answered - found.keys())}",
            "L1 loads doubled / partial": f"{len(lakes.doubled(found, _ROWS))} / "
            f"{len(lakes.partial(found, _ROWS))}",
            "L1 killed, not answered, yet landed": str(len(unknown)),
            "L1 later appends that failed": _failures(counted.failed),
            **_litter(peer, lake),
        }


def _kill(peer: Peer, lake: Path, times: int, chance: random.Random) -> _Counted:
    """Kill appends until so many died of it.

    Every other one dies at an instant of its life after it connected; the others shortly after they
    made a file, so that all that lies between two of them is met often.
    """
    counted = _Counted()
    begun = time.monotonic()
    driver = peer.start("die", lake, _ROWS)
    try:
        seconds, files = _usual(driver)
        counted.answered |= {0, 1, 2}
        for load in range(3, 6 * times):
            if load % 2:
                order = {"load": load, "seconds": seconds * chance.uniform(0.0, 1.2), "files": None}
            else:
                order = {"load": load, "seconds": None, "files": chance.randint(1, files)}
            told = lakes.exchange(driver, order)
            counted.killed |= {load} if told["killed"] else set()
            if told.get("error"):
                counted.failed[load] = told["error"]
            elif "took" in told:
                counted.answered.add(load)
            late = time.monotonic() - begun > _PATIENCE
            if len(counted.killed) == times or (counted.killed and late):
                return counted
    finally:
        driver.kill()
        driver.communicate()
    raise Broken("too few appends could be killed")


def _usual(driver: subprocess.Popen[str]) -> tuple[float, int]:
    """Seconds and files of an append that nobody kills; the first one makes folders too.

    Raises:
        Broken: it failed.
    """
    found = [
        lakes.exchange(driver, {"load": load, "seconds": None, "files": None}) for load in range(3)
    ]
    if any(one["error"] for one in found):
        raise Broken(f"an append failed by itself: {found}")
    return max(one["took"] for one in found[1:]), max(one["made"] for one in found[1:])


def _failures(failed: dict[int, str]) -> str:
    if not failed:
        return "0"
    first = next(iter(failed.values())).replace("|", "/").replace("\n", " ")
    return f"{len(failed)} ({first[:80]})"


def _litter(peer: Peer, lake: Path) -> dict[str, str]:
    """Compare what lies in the folders of data and metadata with what the table refers to."""
    told = peer.ask("files", lake)
    homes = {Path(path).parent for path in told["named"]}
    top = {home for home in homes if not any(other in home.parents for other in homes)}
    walked = {str(p) for home in top for p in home.rglob("*") if p.is_file()}
    orphans = walked - set(told["named"])
    cut = [path for path in orphans if _final(Path(path), lake) and _truncated(Path(path))]
    if told["listed"] is None:
        listed = "no means to list them"
    else:
        seen = orphans & set(told["listed"])
        wrong = set(told["listed"]) & set(told["named"])
        listed = f"{len(seen)} of {len(orphans)}" + (f", {len(wrong)} wrongly" if wrong else "")
    return {
        "L1 orphan files / truncated under a final name": f"{len(orphans)} / {len(cut)}",
        "L1 orphans that it lists itself": listed,
    }


def _final(path: Path, lake: Path) -> bool:
    """Whether the name is one that a finished file has, and its folder none for unfinished ones."""
    hidden = any(part.startswith(".") for part in path.relative_to(lake).parts)
    return path.suffix in {".parquet", ".avro", ".json"} and not hidden


def _truncated(path: Path) -> bool:
    """Whether the end of a file is missing."""
    content = path.read_bytes()
    if path.suffix == ".parquet":
        return len(content) < 12 or content[-4:] != b"PAR1"
    if path.suffix == ".avro":  # each block ends with the mark that ends the header
        return len(content) < 20 or content[-16:] not in content[:-16]
    try:
        for line in content.splitlines() if path.parent.name == "_delta_log" else [content]:
            json.loads(line)
    except ValueError:
        return True
    return not content
