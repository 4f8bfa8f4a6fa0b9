"""L5: the answer of a commit is lost, before or after it landed, and the client loads again."""

from __future__ import annotations

import random

from tests.battery.peers import lakes
from tests.battery.peers.lakes import Peer

_ROWS = 100
_SHORT, _LONG = 40, 200
_SHARE = 0.45


def prove(peer: Peer, long: bool, chance: random.Random) -> dict[str, str]:
    """Have so many loads made by a client that does again what was answered with an error."""
    count = _LONG if long else _SHORT
    with lakes.new(peer) as lake:
        told = peer.ask("insist", lake, count, _ROWS, chance.randrange(10**6), _SHARE)
        found = peer.loads(lake)
    lost = told["lost"]
    gave_up = f"; gave up {len(told['gave_up'])}" if told["gave_up"] else ""
    return {
        "L5 put through": f"{count} loads, answer lost {lost['before']} times before and "
        f"{lost['after']} times after the commit",
        "L5 loads doubled / missing": f"{len(lakes.doubled(found, _ROWS))} / "
        f"{len(set(range(count)) - found.keys())}{gave_up}",
    }
