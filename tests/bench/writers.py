"""Eight writers on one dataset, its metadata on SQLite: how long one waits for its turn.

python -m tests.bench.writers LAKE NUMBER COUNT START    is one of them: COUNT appends from the time
START on; it prints the seconds of each
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import lakes, measuring
from tests.bench.measuring import Broken, Figure

_WRITERS, _APPENDS = 8, 25
_HEAD_START = 6.0  # seconds in which all of them are imported and ready


def bench() -> Iterator[Figure]:
    """Wall time and the waits of 8 x 25 appends; there is no bound."""
    with lakes.empty() as lake:
        first = lake / "first.csv"
        first.write_text("writer,number\n-1,0\n", encoding="utf-8")
        lakes.ingest(lake, first, "bench.shared")
        start = time.time() + _HEAD_START
        command = [sys.executable, "-m", "tests.bench.writers", str(lake)]
        running = [
            subprocess.Popen(
                [*command, str(number), str(_APPENDS), str(start)],
                cwd=measuring.ROOT,
                env=measuring.environment(),
                stdout=subprocess.PIPE,
            )
            for number in range(_WRITERS)
        ]
        told = [child.communicate()[0] for child in running]
        if any(child.returncode for child in running):
            raise Broken("A writer was shown an error.")
        found = [json.loads(text.decode().splitlines()[-1]) for text in told]
        _check(lake)
    waits = sorted(1000 * seconds for one in found for seconds in one["seconds"])
    cuts = statistics.quantiles(waits, n=100)
    wall = max(one["end"] for one in found) - min(one["begin"] for one in found)
    yield Figure("8 writers x 25 appends to one dataset, wall", wall, "s")
    yield Figure("  an append, p50", cuts[49])
    yield Figure("  an append, p99", cuts[98])
    yield Figure("  an append, longest", waits[-1])


def _check(lake: Path) -> None:
    """Every row once.

    Raises:
        Broken: it is not so.
    """
    query = (
        "SELECT CASE WHEN count(*) = 200 AND count(DISTINCT (writer, number)) = 200 "
        "THEN 1 ELSE error('rows were lost or doubled') END FROM bench.shared WHERE writer >= 0"
    )
    measuring.run(measuring.lakectl("--lake", lake, "sql", query))


def _write(lake: Path, writer: int, count: int, start: float) -> dict[str, object]:
    import pyarrow as pa

    import catalog.iceberg.commits  # noqa: F401 - not to be paid for by the first append
    import lakectl as product

    found = []
    with product.open(lake) as opened:
        shared = opened.dataset("bench.shared")
        time.sleep(max(0.0, start - time.time()))
        begin = time.time()
        for number in range(count):
            frame = pa.table({"writer": [writer], "number": [number]})
            found.append(measuring.seconds_of(lambda frame=frame: shared.append(frame)))
    return {"seconds": found, "begin": begin, "end": time.time()}


if __name__ == "__main__":
    _lake, _writer, _count, _start = sys.argv[1:]
    print(json.dumps(_write(Path(_lake), int(_writer), int(_count), float(_start))))
