"""A lake on a disk of six megabytes that runs full at many points. Run as a script, by `unshare`.

Arguments: a folder to mount the disk on, how often to fill it, a seed. It mounts a real tmpfs
there, which is gone with this process, and for each time leaves some space, loads a file, frees
the space and loads it again. What happened is lines of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from lake_builder import ask, litter, load, opened

import lakectl
from catalog.errors import LakeError

_SIZE = 6 << 20
_ROWS = 4000
_ENOUGH = 250_000  # bytes, more than a load takes


def _fill(folder: Path, leave: int) -> Path:
    """Take all space but so many bytes."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
    return ballast


def _turn(root: Path, file: Path, leave: int) -> dict[str, Any]:
    with opened(root) as lake:
        before = sum(d.rows for d in lake.ls())
    ballast = _fill(root.parent, leave)
    refused = ""
    try:
        with opened(root) as lake:
            load(lake, "n.t", file)
    except LakeError as error:
        refused = str(error.message)
    told: dict[str, Any] = {"refused": refused, "left": leave}
    told["open"] = [i for (i,) in ask(root, "SELECT id FROM intents WHERE state = 'open'")]
    told["orphans"] = sorted(litter(root))
    ballast.unlink()
    with opened(root) as lake:
        told["kept"] = sum(d.rows for d in lake.ls()) == before + (0 if refused else _ROWS)
        told["findings"] = [f.message for f in lake.doctor(verify=True).report.findings]
        told["again"] = load(lake, "n.t", file).skipped == (not refused)
    return told


def main() -> None:
    """Fill the disk as often as told."""
    place, times, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(sys.argv[3])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "lake", place], check=True)
    root = place / "lake"
    lakectl.init(root)
    source = place.with_name("source")
    source.mkdir()
    for number in range(times):
        file = source / f"{number}.csv"
        lines = (f"{number},{n},{chance.random()}" for n in range(_ROWS))
        file.write_text("load,n,x\n" + "\n".join(lines) + "\n")
        told = _turn(root, file, leave=number * _ENOUGH // (times - 1))
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
