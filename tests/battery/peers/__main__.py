"""The battery's proofs of loads and commits, put to lakectl's peers and to lakectl itself.

    python -m tests.battery.peers                       every lake, the short forms
    python -m tests.battery.peers delta --long          one lake, the long forms
    python -m tests.battery.peers --proofs L3 L5        some of the proofs

Each peer has a virtual environment of its own, made on first use where
tests/support/own_environment.py says; L6 needs Linux on x86-64. A peer is used as its documentation
says, with what it sets by default; the patient ones use its settings for conflicts and its means
against doubled loads, and are run where these matter. It asserts nothing: the table that it prints
is for people to read. Waits are of this machine, with whatever else runs on it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from tests.battery.peers.lakes import PEERS, Broken, Peer

_PROOFS = {"L1": "killed", "L3": "writers", "L5": "lost_answers", "L6": "power_loss"}
_SEED = 20261121


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.battery.peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [peer.name for peer in PEERS]
    parser.add_argument("peers", nargs="*", choices=[[], *names], metavar="PEER")
    parser.add_argument("--proofs", nargs="+", choices=_PROOFS, default=list(_PROOFS))
    parser.add_argument("--long", action="store_true", help="the long forms")
    parser.add_argument("--seed", type=int, default=_SEED, help="decides every random choice")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # drivers end with us
    columns: dict[str, dict[str, str]] = {}
    for peer in (one for one in PEERS if one.name in (asked.peers or names)):
        columns[peer.name] = {"version": peer.version}
        for code in asked.proofs:
            if code in peer.proofs:
                columns[peer.name] |= _prove(peer, code, asked.long, asked.seed)
    print(f"\n`{' '.join(['python -m tests.battery.peers', *sys.argv[1:]])}`")
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end\n")
    print(_table(columns))
    return 0


def _prove(peer: Peer, code: str, long: bool, seed: int) -> dict[str, str]:
    """One proof of one peer; one that cannot be run is told as such."""
    begun = time.monotonic()
    module = importlib.import_module(f"tests.battery.peers.{_PROOFS[code]}")
    try:
        found: dict[str, str] = module.prove(peer, long, random.Random(f"{seed} {code}"))
    except Broken as error:
        found = {f"{code} put through": f"could not be counted: {_one_line(error)}"}
    print(f"{peer.name} {code}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    for what, told in found.items():
        print(f"    {what}: {told}", file=sys.stderr, flush=True)
    return found


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).replace("|", "/")[-300:]


def _table(columns: dict[str, dict[str, str]]) -> str:
    """Rows are what was counted, columns the peers; in Markdown."""
    rows: dict[str, None] = {}
    for column in columns.values():
        rows |= dict.fromkeys(column)
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for what in sorted(rows, key=lambda row: (row != "version", row[:2])):
        told = (column.get(what, "") for column in columns.values())
        lines.append(f"| {what} | " + " | ".join(told) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
