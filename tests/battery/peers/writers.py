"""L3: many processes append to one table at once."""

from __future__ import annotations

import json
import random
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from tests.battery.peers import lakes
from tests.battery.peers.lakes import Peer

_ROWS = 100
_SHORT, _LONG = (4, 10), (16, 50)
_PATIENCE = 1800.0


def prove(peer: Peer, long: bool, chance: random.Random) -> dict[str, str]:
    """Let them loose together; nobody tries again what failed."""
    writers, times = _LONG if long else _SHORT
    with lakes.new(peer) as lake:
        answers = _together(peer, lake, writers, times)
        found = peer.loads(lake)
    done = {one["load"] for one in answers if one["error"] is None}
    errors = Counter(_kind(one["error"]) for one in answers if one["error"] is not None)
    waits = sorted(one["seconds"] for one in answers if one["error"] is None)
    silent = writers * times - len(answers)
    told = ", ".join(f"{count} {kind}" for kind, count in errors.most_common(3)) or "0"
    return {
        "L3 put through": f"{writers} writers × {times} appends",
        "L3 answered / of them lost": f"{len(done)} / {len(done - found.keys())}",
        "L3 loads doubled / partial": f"{len(lakes.doubled(found, _ROWS))} / "
        f"{len(lakes.partial(found, _ROWS))}",
        "L3 errors told to a writer": told + (f"; {silent} never answered" if silent else ""),
        "L3 told an error, yet landed": str(len(found.keys() - done)),
        "L3 wait p50 / p99 / max": _waits(waits),
        "L3 max / median": f"{waits[-1] / statistics.median(waits):.0f}" if waits else "-",
    }


def _together(peer: Peer, lake: Path, writers: int, times: int) -> list[dict[str, Any]]:
    running = [peer.start("append", lake, w * times, times, _ROWS) for w in range(writers)]
    try:
        for one in running:
            assert one.stdout is not None
            one.stdout.readline()
        for one in running:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        said = [one.communicate(timeout=_PATIENCE)[0] for one in running]
    finally:
        for one in running:
            one.kill()
            one.wait()
    return [json.loads(line) for text in said for line in text.splitlines()]


def _waits(waits: list[float]) -> str:
    if not waits:
        return "-"
    at = [waits[int(share * (len(waits) - 1))] for share in (0.5, 0.99, 1.0)]
    return " / ".join(f"{seconds:.2f}" for seconds in at) + " s"


def _kind(error: str) -> str:
    """An error without what differs from one to the next: its class and last words."""
    name, _, words = error.partition(": ")
    short = " ".join(word for word in words.split() if not any(c.isdigit() for c in word))
    return f"{name} “…{short[-60:]}”".replace("|", "/")
