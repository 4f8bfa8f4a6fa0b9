"""The first rows of ten million, against those of a thousand of the same columns.

python -m tests.bench.preview LAKE     measures it in one session and prints the figures as JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import lakes, measuring, taxi
from tests.bench.measuring import Figure, Run, lakectl

_SMALL, _BIG = "nyc.small", "nyc.big"
_TURNS = 25


def bench() -> Iterator[Figure]:
    """`lakectl preview` as a process, and `Lake.preview` in an open lake."""
    with lakes.empty() as lake:
        lakes.ingest(lake, taxi.trips(1_000, "parquet"), _SMALL)
        lakes.ingest(lake, taxi.trips(10_000_000, "parquet"), _BIG)

        def preview(name: str) -> Run:
            return measuring.run(lakectl("--lake", lake, "preview", name))

        found = measuring.by_turns(lambda _: preview(_BIG), lambda _: preview(_SMALL), 9)
        yield measuring.wall("preview of 10 million rows | of 1,000", found, 1.3)
        session = measuring.inside("preview", lake)
        yield measuring.figure(
            "  preview in an open lake, the same", session[_BIG], session[_SMALL], 1.3
        )


def _session(lake: Path) -> dict[str, list[float]]:
    import lakectl as product

    found: dict[str, list[float]] = {_SMALL: [], _BIG: []}
    with product.open(lake) as opened:
        for turn in range(_TURNS + 3):
            for name, times in found.items():
                seconds = measuring.seconds_of(lambda name=name: opened.preview(name))
                if turn >= 3:
                    times.append(seconds)
    return found


if __name__ == "__main__":
    print(json.dumps(_session(Path(sys.argv[1]))))
