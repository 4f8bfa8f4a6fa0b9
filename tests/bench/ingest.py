"""From CSV to a version, against DuckDB's bare COPY of the same file to Parquet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import lakes, measuring, taxi
from tests.bench.measuring import Figure, Run

_COPY = """
import duckdb, sys
duckdb.connect().execute(
    f"COPY (SELECT * FROM read_csv('{sys.argv[1]}')) TO '{sys.argv[2]}' "
    "(FORMAT parquet, COMPRESSION zstd)"
)
"""


def bench() -> Iterator[Figure]:
    """Time and memory of `lakectl ingest` of the taxi month, and memory of ten months."""
    measuring.require_thin()
    small, big = taxi.trips(taxi.MONTH, "csv"), taxi.trips(10 * taxi.MONTH, "csv")
    with lakes.empty() as lake:

        def bare(_turn: int, source: Path = small) -> Run:
            target = lake / "bare.parquet"
            return measuring.run(measuring.python(_COPY, source, target))

        def ours(turn: int) -> Run:
            return lakes.ingest(lake, small, f"nyc.month_{turn}")

        found = measuring.by_turns(ours, bare)
        yield measuring.wall("ingest taxi month | bare COPY", found, 1.6)
        memory = [[run.megabytes for run in runs] for runs in found]
        yield measuring.figure("  peak memory", memory[0], memory[1], 1.3, "MB")
        ten = [lakes.ingest(lake, big, "nyc.ten")]
        of_ten = [run.megabytes for run in ten]
        yield measuring.figure("  peak memory, 10 months | 1 month", of_ten, memory[0], 1.25, "MB")
        bare_ten = [bare(0, big)]
        yield measuring.wall("  10 months | bare COPY (scale)", (ten, bare_ten), None)
        stock = [measuring.run(_stock(small, lake / f"stock-{n}")) for n in range(2)]
        yield measuring.wall("  stock PyIceberg from Arrow | bare COPY", (stock, found[1]), None)


def _stock(source: Path, folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.bench.ingest", str(source), str(folder)]


def _load_by_pyiceberg(source: str, folder: Path) -> None:
    import pyarrow.csv
    from pyiceberg.catalog.sql import SqlCatalog

    folder.mkdir()
    rows = pyarrow.csv.read_csv(source)
    catalog = SqlCatalog("stock", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}")
    catalog.create_namespace("nyc")
    catalog.create_table("nyc.trips", rows.schema).append(rows)


if __name__ == "__main__":
    _load_by_pyiceberg(sys.argv[1], Path(sys.argv[2]))
