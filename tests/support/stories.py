"""A lake with a history, for whoever breaks it; and what it tells, to be compared afterwards."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalog.iceberg import snapshots, tables
from lakectl.root import Lake, open_lake


def tell(lake: Lake) -> Lake:
    """n.t with five versions, partitions, a merge, an overwrite, a rollback, a tag; and n.u."""
    handle = lake.dataset("n.t")
    handle.append(
        pa.table({"id": [1, 2, 3], "s": ["a", "b", None]}), partition_by=["bucket(2, id)", "s"]
    )
    handle.append(pa.table({"id": [4], "s": ["d"], "new": [1.5]}), schema="evolve", message="more")
    handle.merge(pa.table({"id": [4, 5], "s": ["D", "e"], "new": [2.5, None]}), key=["id"])
    handle.overwrite(pa.table({"id": [8, 9], "s": ["x", "y"], "new": [0.5, None]}), run_id="run-7")
    lake.rollback("n.t", 3)
    handle.append(pa.table({"id": [7], "s": [None], "new": [1.0]}))
    lake.tag("n.t", "gold", 2)
    lake.dataset("n.u").append(pa.table({"id": [1]}))
    return lake


def rows_of(lake: Lake, name: str = "n.t") -> dict[int, list[str]]:
    """The rows of every version that can be read."""
    live = [v.version for v in lake.versions(name) if v.state != "expired"]
    return {v: sorted(map(str, lake.to_arrow(name, v).to_pylist())) for v in live}


def mend(lake: Lake, rounds: int = 1, **options: Any) -> list[str]:
    """What doctor finds, mended; returns what was done."""
    done = []
    for _ in range(rounds):
        forget()
        steps = lake.repairs(lake.doctor(verify=True), **options)
        done += [step.do() for step in steps]
        forget()
    return done


def kinds(lake: Lake, *names: str, verify: bool = True) -> list[tuple[str, str]]:
    """What doctor finds: severities and kinds."""
    report = lake.doctor(*names, verify=verify).report
    return [(str(f.severity), str(f.kind)) for f in report.findings]


def forget() -> None:
    """What this process remembers of files hides that they have been damaged."""
    tables._cache.clear()
    snapshots._lists.clear()


def mutant(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """How a file was damaged, and its bytes then: a bit, its end, or the order of its parts."""
    at = chance.randrange(len(data))
    how = chance.choice(["flip", "cut", "splice"])
    if how == "flip":
        return how, data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if how == "cut":
        return how, data[:at]
    moved = data[: at // 2] + data[at:] + data[at // 2 : at]
    return how, moved if moved != data else data + b"\x00"


def store_of(lake: Lake) -> Path:
    """The file of its metadata."""
    return lake.settings.root / ".lakectl" / "lake.db"


def reopened(lake: Lake) -> Lake:
    """The same lake, opened by somebody who remembers nothing."""
    lake.close()
    forget()
    return open_lake(lake.settings.root)
