"""Many writers append to one dataset at once: none fails, nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import broken_rules, opened
from lake_shell import Shell, command, environment
from real_postgres import PostgresServer
from writers import Writers

_PATIENCE = 600

# libpq, not we, writes this to stderr when the server is stopped while it lets somebody in: a
# driver can take notices over only once the connection is made.
_WORD_OF_THE_SERVER = "WARNING:  terminating connection due to immediate shutdown command\n"


def _seed(lake: Shell) -> None:
    """A first version, of no writer."""
    lake.ingest("-", "--into", "nyc.trips", stdin=b'{"writer": -1, "turn": 0, "n": 0}\n')


def _check(lake: Shell, writers: int, times: int, answers: list[dict[str, Any]]) -> None:
    total = writers * times
    assert len(answers) == total
    assert sorted(a["version"] for a in answers) == list(range(2, total + 2))
    assert {a["rows"] for a in answers} == {10}
    assert lake.sql(
        "SELECT count(*) AS n, count(DISTINCT (writer, turn, n)) AS d, "
        "count(DISTINCT writer) AS w FROM nyc.trips WHERE writer >= 0"
    ) == [{"n": total * 10, "d": total * 10, "w": writers}]
    versions = lake.json("versions", "nyc.trips")
    assert [v["version"] for v in versions] == list(range(total + 1, 0, -1))
    moments = [v["committed_at"] for v in versions]
    assert moments == sorted(moments, reverse=True)
    each = {f"{writer}/{turn}" for writer in range(writers) for turn in range(times)}
    assert {v["message"] for v in versions} == each | {None}
    assert [v["rows"] for v in versions] == [(v["version"] - 1) * 10 + 1 for v in versions]


@pytest.mark.parametrize(
    ("writers", "times"),
    [
        (4, 10),
        pytest.param(8, 25, marks=pytest.mark.battery),
        pytest.param(16, 50, marks=pytest.mark.battery),
    ],
)
def test_writers_on_sqlite_all_get_through_and_take_turns(
    lake: Shell, figure: Figure, writers: int, times: int
) -> None:
    _seed(lake)
    with Writers(lake, writers, times) as running:
        running.go()
        answers = running.wait()
    _check(lake, writers, times, answers)
    assert broken_rules(lake.cwd) == []
    waits = sorted(answer["seconds"] for answer in answers)
    if writers == 16:
        assert waits[-1] <= min(5.0, 4 * statistics.median(waits))
    figure("L3", f"{writers} writers x {times} appends at once on SQLite", _told(answers))


def _told(answers: list[dict[str, Any]]) -> str:
    """What the writers had to wait for."""
    waits = sorted(answer["seconds"] for answer in answers)
    median, longest = statistics.median(waits), waits[-1]
    return (
        f"{len(answers)} of {len(answers)} answered, none lost or doubled; median wait "
        f"{median:.2f} s, longest {longest:.2f} s ({longest / median:.1f} x)"
    )


@pytest.mark.parametrize(
    ("writers", "times", "restarts"),
    [(4, 10, 1), pytest.param(16, 50, 10, marks=pytest.mark.battery)],
)
def test_writers_get_through_restarts_of_postgres(
    postgres_lake: Shell,
    postgres: PostgresServer,
    figure: Figure,
    writers: int,
    times: int,
    restarts: int,
) -> None:
    every = writers * times // (restarts + 1)
    restarted = []
    _seed(postgres_lake)

    def restart(count: int) -> None:
        if count % every == 0 and len(restarted) < restarts:
            postgres.restart(immediate=True)
            restarted.append(count)

    with Writers(postgres_lake, writers, times, _WORD_OF_THE_SERVER) as running:
        running.go(restart)
        answers = running.wait()
    assert len(restarted) == restarts
    _check(postgres_lake, writers, times, answers)
    assert postgres_lake.json("doctor", "--verify")["findings"] == []
    figure(
        "L4",
        f"{writers} writers x {times} appends at once on Postgres, which is stopped at once and "
        f"started again {restarts} times",
        _told(answers),
    )


def test_a_lock_whose_connection_is_cut_costs_no_load_and_no_file(
    postgres_lake: Shell, postgres_url: str
) -> None:
    # The lock only saves effort: a commit that landed stays landed when its lock is lost.
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks "
        "WHERE locktype = 'advisory' AND granted"
    )
    _seed(postgres_lake)
    connection = psycopg2.connect(postgres_url)
    connection.autocommit = True
    cuts = 0

    def cut_the_lock(count: int) -> None:
        nonlocal cuts
        with connection.cursor() as cursor:
            cursor.execute(cut)
            row = cursor.fetchone()
            cuts += row[0] if row else 0

    with Writers(postgres_lake, 3, 10) as running:
        running.go(cut_the_lock)
        answers = running.wait()
    connection.close()
    assert cuts > 0
    _check(postgres_lake, 3, 10, answers)


def test_commands_that_load_a_new_dataset_at_once_all_get_through(lake: Shell) -> None:
    running = []
    for number in range(4):
        lake.file(f"{number}.csv", ["id,n", *(f"{number},{n}" for n in range(5))])
        words = [*command(), "ingest", f"{number}.csv", "--into", "nyc.trips", "-o", "json"]
        running.append(
            subprocess.Popen(
                words,
                cwd=lake.cwd,
                env=environment(lake.cwd),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    done = [(*one.communicate(timeout=_PATIENCE), one.returncode) for one in running]
    assert [(err, code) for _, err, code in done] == [("", 0)] * 4
    assert sorted(json.loads(out)["version"] for out, _, _ in done) == [1, 2, 3, 4]
    assert lake.one("SELECT count(DISTINCT (id, n)) FROM nyc.trips") == 20
    assert lake.one("SELECT count(*) FROM nyc.trips") == 20
    assert broken_rules(lake.cwd) == []


def test_a_reader_is_loaded_whole_although_the_dataset_changed_meanwhile(lake: Shell) -> None:
    lake.ingest("-", "--into", "nyc.trips", stdin=b'{"n": -1}\n')
    schema = pa.schema([("n", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([list(range(10))], schema=schema)
        lake.ok("annotate", "nyc.trips", "--column", "n=a number")
        yield pa.record_batch([list(range(10, 20))], schema=schema)

    with opened(lake.cwd) as here:
        rows = pa.RecordBatchReader.from_batches(schema, batches())
        report = here.dataset("nyc.trips").append(rows)
    assert (report.rows_added, report.rows) == (20, 21)
    assert lake.sql("SELECT count(*) AS c, sum(n) AS s FROM nyc.trips") == [{"c": 21, "s": 189}]
    assert lake.json("schema", "nyc.trips")[0]["doc"] == "a number"
