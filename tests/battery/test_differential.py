"""The same question gets the same answer from every reader, on every number of threads."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from battery_table import Figure
from independent_reader import IndependentReader
from lake_shell import Shell
from pyiceberg.table import StaticTable
from real_gcs import GcsServer

import lakectl

_ROWS = 40_000
_THREADS = ("1", "2", "4")


def _chunk(chance: random.Random, first: int, rows: int) -> pa.Table:
    def some(make: Callable[[], Any]) -> list[Any]:
        return [None if chance.random() < 0.1 else make() for _ in range(rows)]

    return pa.table(
        {
            "id": list(range(first, first + rows)),
            "zone": pa.array(some(lambda: chance.randrange(30)), pa.int32()),
            "fare": some(lambda: round(chance.uniform(-50, 500), 2)),
            "word": some(lambda: chance.choice(["a", "bb", "ccc", "ä", "%", "", "Z z"])),
            "day": pa.array(some(lambda: chance.randrange(20_000)), pa.int32()).cast(pa.date32()),
            "yes": some(lambda: chance.random() < 0.5),
        }
    )


def _fill(lake: lakectl.Lake, chance: random.Random) -> None:
    """A table of several files: appended to, merged into, partitioned by one of its columns."""
    trips = lake.dataset("nyc.trips")
    part = _ROWS // 4
    trips.append(_chunk(chance, 0, 2 * part), partition_by=["bucket(3, zone)"])
    trips.append(_chunk(chance, 2 * part, part))
    trips.merge(_chunk(chance, part, part), key=["id"])
    trips.append(_chunk(chance, 3 * part, part))


def question(chance: random.Random) -> str:
    """A random query over `t` whose rows come in one order only."""
    tests = [
        f"zone {chance.choice(['=', '<', '>=', '<>'])} {chance.randrange(30)}",
        f"fare BETWEEN {chance.randrange(-50, 200)} AND {chance.randrange(100, 500)}",
        f"word {chance.choice(['=', '<', 'LIKE'])} '{chance.choice(['a', 'bb', 'c%', 'ä', ''])}'",
        f"day > DATE '{chance.randrange(1971, 2024)}-03-01'",
        chance.choice(["yes", "NOT yes", "yes IS NULL", "zone IS NOT NULL"]),
        f"id % {chance.randrange(2, 9)} = {chance.randrange(2)}",
        f"zone IN ({', '.join(str(chance.randrange(30)) for _ in range(3))})",
    ]
    joined = f" {chance.choice(['AND', 'OR'])} ".join(chance.sample(tests, chance.randint(1, 3)))
    by = chance.choice(["zone", "word", "yes", "year(day)"])
    # No sum of floats: its last bit depends on the order of the rows, which threads change.
    return chance.choice(
        [
            f"SELECT count(*), count(fare), min(fare), max(day), min(word) FROM t WHERE {joined}",
            f"SELECT {by} AS k, count(*), sum(id), max(fare) FROM t WHERE {joined} "
            "GROUP BY 1 ORDER BY k NULLS FIRST",
            f"SELECT id, zone, fare, word FROM t WHERE {joined} ORDER BY id LIMIT 50",
            f"SELECT count(DISTINCT {by}), sum(zone) FROM t WHERE {joined}",
            f"SELECT word, id FROM t WHERE {joined} "
            "QUALIFY row_number() OVER (PARTITION BY word ORDER BY id DESC) <= 2 ORDER BY id",
        ]
    )


def _plain(rows: Any) -> list[tuple[str, ...]]:
    return [tuple(str(value) for value in row) for row in rows]


@pytest.mark.parametrize(
    ("queries", "rounds"), [(20, 3), pytest.param(200, 20, marks=pytest.mark.battery)]
)
@pytest.mark.parametrize("place", ["local", "gs://"])
def test_every_reader_gives_the_same_answer(
    request: pytest.FixtureRequest,
    chance: random.Random,
    oracle: IndependentReader,
    gcs: GcsServer,
    monkeypatch: pytest.MonkeyPatch,
    figure: Figure,
    place: str,
    queries: int,
    rounds: int,
) -> None:
    shell: Shell = request.getfixturevalue("lake" if place == "local" else "gcs_lake")
    for name, value in shell.env.items():
        monkeypatch.setenv(name, value)
    oracle.use_gcs(gcs.url)
    asked = [question(chance) for _ in range(queries)]
    with lakectl.open(shell.cwd) as lake:
        _fill(lake, chance)
        location = lake.describe("nyc.trips").metadata_location
    properties = {} if place == "local" else gcs.iceberg_properties
    t = StaticTable.from_metadata(location, properties).scan().to_arrow()
    assert t.num_rows == _ROWS
    second = duckdb.connect()
    second.register("t", t)
    expected = [_plain(second.execute(q).fetchall()) for q in asked]
    for q, rows in zip(asked, expected, strict=True):
        assert _plain(oracle.read(location, q)) == rows, q
    for turn in range(rounds):
        threads = _THREADS[turn % len(_THREADS)]
        monkeypatch.setenv("LAKECTL_THREADS", threads)
        with lakectl.open(shell.cwd) as lake:
            for q, rows in zip(asked, expected, strict=True):
                found = lake.sql(q.replace("FROM t", "FROM nyc.trips"))
                assert _plain(found.rows) == rows, (threads, turn, q)
    second.close()
    figure(
        "L13",
        f"{queries} random queries over {_ROWS:,} rows, {place}, {rounds} rounds on "
        f"{', '.join(_THREADS)} threads in turn",
        f"{queries * rounds:,} answers, none different from PyIceberg's and the "
        "independent reader's",
    )
