"""Whether a commit costs the same after five hundred others.

Late commits of one dataset and early ones of another go by turns as well: what else the machine
does in the meantime then falls on both.

python -m tests.bench.commits LAKE     makes them and prints the figures as JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import lakes, measuring
from tests.bench.measuring import Figure

_COMMITS, _BY_TURNS = 500, 100


def bench() -> Iterator[Figure]:
    """500 appends of one row to one dataset of an open lake."""
    with lakes.empty() as lake:
        found = measuring.inside("commits", lake)
    long, short = found["long"], found["short"]
    late = long[400:]
    yield measuring.figure("commits 400-500 | 50-100 of one dataset", late, long[50:100], 1.3)
    yield measuring.figure("  450-500 | 50-100 of another, by turns", long[450:], short[50:], 1.3)
    yield Figure("  files in the metadata folder after 500", found["metadata"], "files")
    yield Figure("  size of the metadata store", found["store"] / 1e6, "MB")


def _session(lake: Path) -> dict[str, Any]:
    import lakectl as product

    found: dict[str, list[float]] = {"long": [], "short": []}
    with product.open(lake) as opened:

        def append(name: str) -> None:
            frame = _row(len(found[name]))
            append = opened.dataset(f"bench.{name}").append
            found[name].append(measuring.seconds_of(lambda: append(frame)))

        for number in range(_COMMITS):
            append("long")
            if number >= _COMMITS - _BY_TURNS:
                append("short")
        described = opened.describe("bench.long")
        assert described.summary.rows == described.summary.version == _COMMITS
        metadata = len(list((Path(described.location) / "metadata").iterdir()))
    store = (lake / ".lakectl" / "lake.db").stat().st_size
    return {**found, "metadata": metadata, "store": store}


def _row(number: int) -> Any:
    import pyarrow as pa

    return pa.table({"id": [number], "name": [f"row {number}"], "amount": [number / 2]})


if __name__ == "__main__":
    print(json.dumps(_session(Path(sys.argv[1]))))
