"""The lakes that benches work on: made anew in every run by the product itself, and removed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.bench import measuring, taxi
from tests.bench.measuring import lakectl

TRIPS = "nyc.trips"
AGGREGATE = (
    "SELECT passenger_count, count(*) AS trips, avg(total_amount) AS fare "
    "FROM {source} GROUP BY passenger_count ORDER BY passenger_count"
)


@contextmanager
def empty() -> Iterator[Path]:
    """A new lake in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lake-", dir=taxi.home()))
    try:
        measuring.run(lakectl("init", folder))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ingest(lake: Path, source: Path, into: str) -> measuring.Run:
    """Load a file by the command."""
    return measuring.run(lakectl("--lake", lake, "ingest", source, "--into", into))


def files_of(lake: Path) -> str:
    """A DuckDB list of the data files of a lake that holds one dataset."""
    found = sorted((lake / "warehouse").glob("*/data/*.parquet"))
    return "[" + ", ".join(f"'{path}'" for path in found) + "]"


_NAMESPACES = "finance marketing logistics web ops hr research sales support iot".split()
_OWNERS = (None, "ada", "grace", "data-platform")
_LABELS = ("{}", '{"tier": "gold"}', '{"tier": "raw", "pii": "no"}')


@contextmanager
def of_many(count: int) -> Iterator[Path]:
    """A lake of ten thousand datasets or so.

    One is made through the product: three versions of a few columns. The others are its rows in the
    metadata store once more, under ids and names of their own; they share its files.
    """
    with empty() as folder:
        source = folder / "orders.csv"
        for n in range(3):
            source.write_text(
                "id,customer,amount,placed_at\n"
                + "".join(f"{i},c{i},{i}.5,2024-01-0{n + 1} 10:00:00\n" for i in range(n, n + 20)),
                encoding="utf-8",
            )
            ingest(folder, source, "finance_00.orders_00000")
        with closing(sqlite3.connect(folder / ".lakectl" / "lake.db")) as con, con:
            _clone(con, count)
        yield folder


def name_of(number: int) -> tuple[str, str]:
    """Namespace and name of a dataset of the lake of many."""
    namespace = f"{_NAMESPACES[number % 10]}_{number % 100 // 10:02d}"
    return namespace, f"orders_{number:05d}"


def _clone(con: sqlite3.Connection, count: int) -> None:
    con.execute("CREATE TEMP TABLE clones (id, namespace, name, owner, labels, age)")
    con.executemany(
        "INSERT INTO clones VALUES (?, ?, ?, ?, ?, ?)",
        (
            (f"{n:032x}", *name_of(n), _OWNERS[n % 4], _LABELS[n % 3], n * 61_000)
            for n in range(1, count)
        ),
    )
    new = {
        "table_namespace": "c.namespace",
        "table_name": "c.name",
        "namespace": "c.namespace",
        "name": "c.name",
        "dataset": "c.namespace || '.' || c.name",
        "dataset_id": "c.id",
        "owner": "c.owner",
        "labels": "c.labels",
        "updated_at": "t.updated_at - c.age",
    }
    for table, own in (
        ("iceberg_tables", {}),
        ("datasets", {"id": "c.id"}),
        ("versions", {}),
        ("schemas", {}),
        ("heads", {"id": None}),
        ("data_files", {"id": None}),
        ("journal", {"id": None}),
        ("ledger", {"key": "t.key || c.id"}),
    ):
        columns = [row[1] for row in con.execute(f"PRAGMA table_info({table})")]
        wanted = [
            c for c in columns if own.get(c, "") is not None
        ]  # the others count by themselves
        values = ", ".join(own.get(c) or new.get(c) or f't."{c}"' for c in wanted)
        names = ", ".join(f'"{c}"' for c in wanted)
        con.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t CROSS JOIN clones c"
        )
    properties = ", ".join(("catalog_name", "namespace", "property_key", "property_value"))
    con.execute(
        f"INSERT OR IGNORE INTO iceberg_namespace_properties ({properties}) SELECT DISTINCT "
        "p.catalog_name, c.namespace, p.property_key, p.property_value "
        "FROM iceberg_namespace_properties p CROSS JOIN clones c"
    )
