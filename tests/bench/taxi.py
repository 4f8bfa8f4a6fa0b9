"""Taxi trips in the shape and dirt of the TLC's yellow-taxi CSV of January 2021.

18 columns; of 1,369,765 rows, 98,352 lack vendor, passenger count, rate code, flag and payment type
(they are the last ones, as in the original), about 2 % carried nobody. A row is made from the hash
of its number, so a file is the same every time. Files are kept in the home of the bench.

    python -m tests.bench.taxi FILE ROWS     writes one, as CSV or Parquet by its name
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.bench import measuring

MONTH = 1_369_765
_BARE = 98_352  # rows of the month that lack what the driver's terminal did not send
_SHAPE = 1  # of these files; another number makes new ones


def home() -> Path:
    """Where files are kept between runs: LAKECTL_BENCH_HOME, or a folder of this user's."""
    default = Path(tempfile.gettempdir()) / f"lakectl-bench-{os.getuid()}"
    folder = Path(os.environ.get("LAKECTL_BENCH_HOME") or default)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def trips(rows: int, form: str) -> Path:
    """A file of that many trips, `csv` or `parquet`; made if it is not there."""
    path = home() / f"taxi-{_SHAPE}-{rows}.{form}"
    if not path.exists():
        part = path.with_name(f"{os.getpid()}-{path.name}")
        measuring.run([sys.executable, "-m", "tests.bench.taxi", str(part), str(rows)])
        part.rename(path)
    return path


def select(rows: int) -> str:
    """The SELECT of that many trips, in the order of their numbers."""
    bare = rows - round(rows * _BARE / MONTH)
    step = 31 * 86_400 / max(rows, 1)
    return f"""
WITH number AS (
  SELECT i, i >= {bare} AS bare, hash(i, 1, 1) AS h1, hash(i, 1, 2) AS h2, hash(i, 1, 3) AS h3,
    hash(i, 1, 4) AS h4, hash(i, 1, 5) AS h5
  FROM range({rows}) r(i)),
trip AS (
  SELECT *, round(0.3 + power((h2 % 10000) / 10000.0, 3) * 22, 2) AS miles,
    TIMESTAMP '2021-01-01' + to_seconds((i * {step!r} + h1 % 1800)::BIGINT) AS pickup
  FROM number)
SELECT CASE WHEN NOT bare THEN 1 + (h1 % 2)::INT END AS "VendorID",
  pickup AS tpep_pickup_datetime,
  pickup + to_seconds(120 + (miles * 170)::BIGINT + (h3 % 400)::BIGINT) AS tpep_dropoff_datetime,
  CASE WHEN bare THEN NULL WHEN h3 % 48 = 0 THEN 0 WHEN h3 % 48 IN (11, 12, 13, 34, 35) THEN 2
    WHEN h3 % 48 BETWEEN 14 AND 17 THEN (h3 % 48)::INT - 11 ELSE 1 END AS passenger_count,
  miles AS trip_distance,
  CASE WHEN NOT bare THEN [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 5][1 + (h4 % 12)::INT] END
    AS "RatecodeID",
  CASE WHEN bare THEN NULL WHEN h4 % 66 = 0 THEN 'Y' ELSE 'N' END AS store_and_fwd_flag,
  (1 + h4 % 265)::INT AS "PULocationID", (1 + h5 % 265)::INT AS "DOLocationID",
  CASE WHEN NOT bare THEN [1, 1, 1, 2, 3][1 + (h5 % 5)::INT] END AS payment_type,
  round(2.5 + miles * 2.6, 1) AS fare_amount,
  [0, 0.5, 1, 2.5, 3][1 + (h1 % 5)::INT] AS extra, 0.5 AS mta_tax,
  round(CASE WHEN h5 % 5 < 3 THEN miles * 0.55 ELSE 0 END, 2) AS tip_amount,
  CASE WHEN h2 % 20 = 0 THEN 6.12 ELSE 0 END AS tolls_amount, 0.3 AS improvement_surcharge,
  round(3.8 + miles * 3.2, 2) AS total_amount,
  CASE WHEN h3 % 4 = 0 THEN 0 ELSE 2.5 END AS congestion_surcharge
FROM trip"""


def _write(path: Path, rows: int) -> None:
    import duckdb

    options = "FORMAT parquet, COMPRESSION zstd"
    if path.suffix == ".csv":
        options = "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S'"
    con = duckdb.connect()
    # Streamed, and in the order of the numbers, which DuckDB keeps unless it is told otherwise.
    con.execute(f"COPY ({select(rows)}) TO '{path}' ({options})")


if __name__ == "__main__":
    _write(Path(sys.argv[1]), int(sys.argv[2]))
