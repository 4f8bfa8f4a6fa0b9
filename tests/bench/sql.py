"""An aggregate over the taxi month, against DuckDB over the same Parquet files.

python -m tests.bench.sql LAKE     measures it in open sessions and prints the figures as JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench import lakes, measuring, taxi
from tests.bench.measuring import Figure, Run, lakectl

_BARE = "import duckdb, sys; print(duckdb.connect().sql(sys.argv[1]).fetchall())"
_TURNS = 25


def bench() -> Iterator[Figure]:
    """The whole process, and a query in an open session: the connection and the box."""
    with lakes.empty() as lake:
        lakes.ingest(lake, taxi.trips(taxi.MONTH, "csv"), lakes.TRIPS)
        ours = lakes.AGGREGATE.format(source=lakes.TRIPS)

        def whole(_turn: int) -> Run:
            return measuring.run(lakectl("--lake", lake, "sql", ours))

        def bare(_turn: int) -> Run:
            return measuring.run(measuring.python(_BARE, _over_files(lake)))

        found = measuring.by_turns(whole, bare, 9)
        yield measuring.wall("lakectl sql, aggregate | duckdb process", found, 2.0)
        session = measuring.inside("sql", lake)
        for name, said, floor in (
            ("execute", "connect().execute", "bare_execute"),
            ("sql", "connect().sql", "bare_sql"),
            ("box", "Lake.sql, the box", "bare_sql"),
        ):
            what = f"  open session, {said} | duckdb"
            yield measuring.figure(what, session[name], session[floor], 1.1)


def _over_files(lake: Path) -> str:
    return lakes.AGGREGATE.format(source=f"read_parquet({lakes.files_of(lake)})")


def _session(lake: Path) -> dict[str, list[float]]:
    """Seconds of each query by turns, after three that do not count."""
    import duckdb

    import lakectl as product

    text = lakes.AGGREGATE.format(source=lakes.TRIPS)
    mine: Any = product.connect(lake)
    bare = duckdb.connect()
    opened = product.open(lake)
    over_files = _over_files(lake)
    calls: dict[str, Callable[[], object]] = {
        "bare_execute": lambda: bare.execute(over_files).fetchall(),
        "execute": lambda: mine.execute(text).fetchall(),
        "bare_sql": lambda: bare.sql(over_files).fetchall(),
        "sql": lambda: mine.sql(text).fetchall(),
        "box": lambda: opened.sql(text),
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_TURNS + 3):
        for name, call in calls.items():
            seconds = measuring.seconds_of(call)
            if turn >= 3:
                found[name].append(seconds)
    mine.close()
    opened.close()
    return found


if __name__ == "__main__":
    print(json.dumps(_session(Path(sys.argv[1]))))
