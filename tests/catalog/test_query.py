"""SQL over datasets at any version; and the box that holds whatever SQL is typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakectl
from catalog.engine import rewrite
from catalog.engine.box import parser
from catalog.engine.session import threads
from catalog.errors import (
    InvalidInput,
    LakeError,
    NotAllowed,
    NotFound,
    OperationFailed,
)
from lakectl.root import Lake

Put = Callable[..., Any]


def _fill(lake: Lake) -> Lake:
    handle = lake.dataset("nyc.trips")
    handle.append(pa.table({"id": [1, 2], "zone": ["a", "b"]}))
    handle.append(pa.table({"id": [3], "zone": ["a"], "fare": [1.5]}), schema="evolve")
    lake.tag("nyc.trips", "gold", 1)
    lake.dataset("nyc.zones").append(pa.table({"zone": ["a", "b"], "name": ["Außen", "Bronx"]}))
    return lake


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake that nobody changes, for all the queries here.

    nyc.trips: v1 has ids 1 to 2, v2 adds 3 with a new column; tag gold at v1. nyc.zones: v1.
    """
    root = tmp_path_factory.mktemp("queries") / "lake"
    lakectl.init(root)
    with lakectl.open(root) as opened:
        yield _fill(opened)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT count(*) FROM nyc.trips", [(3,)]),
        ("SELECT count(*) FROM trips", [(3,)]),
        ("FROM nyc.trips AT (VERSION => 1) SELECT max(id)", [(2,)]),
        ("SELECT max(id) FROM nyc.trips AT (VERSION => 'gold')", [(2,)]),
        ("SELECT max(id) FROM nyc.trips AT (VERSION => 'v2')", [(3,)]),
        ("SELECT max(trips.id) FROM nyc.trips AT (VERSION => 1)", [(2,)]),
        ("SELECT max(t.id) FROM nyc.trips AS t AT (VERSION => 1)", [(2,)]),
        ("SELECT max(id) FROM nyc.trips AT (TIMESTAMP => now())", [(3,)]),
        ("SELECT max(id) FROM nyc.trips AT (TIMESTAMP => '2999-01-01'::DATE + 1)", [(3,)]),
        ("SELECT max(id) FROM nyc.trips AT (TIMESTAMP => now() + INTERVAL 1 HOUR)", [(3,)]),
        ("SELECT max(id) FROM nyc.trips AT (TIMESTAMP => now() + INTERVAL '2' DAY)", [(3,)]),
        ("SELECT count(fare) FROM nyc.trips", [(1,)]),
        (
            "SELECT id FROM nyc.trips n ANTI JOIN nyc.trips o AT (VERSION => 1) USING (id)",
            [(3,)],
        ),
        (
            "SELECT name, count(*) FROM trips JOIN zones USING (zone) GROUP BY ALL ORDER BY ALL",
            [("Außen", 2), ("Bronx", 1)],
        ),
        ("WITH trips AS (SELECT 7 AS id) SELECT * FROM trips", [(7,)]),
        ("WITH x AS (SELECT * FROM nyc.trips AT (VERSION=>1)) SELECT count(*) FROM x", [(2,)]),
        ("SELECT (SELECT count(*) FROM nyc.trips AT (VERSION => 1)), 'é AT (VERSION => 9)'",
         [(2, "é AT (VERSION => 9)")]),
        ("/* ü AT (VERSION => 9) */ SELECT count(*) FROM trips AT (VERSION => 1) -- AT (", [(2,)]),
        ("SELECT count(*) FROM nyc.trips AT (VERSION => 1 -- the first\n)", [(2,)]),
        ("SELECT count(*) FROM nyc.trips;", [(3,)]),
        ("VALUES (1), (2)", [(1,), (2,)]),
        ("SELECT count(*) FROM trips AT (VERSION => 1) UNION ALL FROM (SELECT count(*) FROM trips)",
         [(2,), (3,)]),
        ("SELECT count(*) FROM NYC.Trips", [(3,)]),
        ('SELECT count(*) FROM "nyc"."trips" AT (VERSION => 1)', [(2,)]),
        ("PIVOT nyc.trips ON zone USING count(*) GROUP BY id ORDER BY id LIMIT 1", [(1, 1, 0)]),
        ("SELECT column_name, max FROM (SUMMARIZE nyc.trips) LIMIT 1", [("id", "3")]),
        ("SELECT count(*) FROM nyc.trips TABLESAMPLE 100%", [(3,)]),
        ("SELECT id FROM nyc.trips t(id, z) AT (VERSION => 1) WHERE z = 'b'", [(2,)]),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) "
         "SELECT max(n), (SELECT count(*) FROM trips) FROM r", [(3, 3)]),
    ],
)  # fmt: skip
def test_a_query_reads_the_versions_that_it_names(
    trips: Lake, text: str, rows: list[tuple[Any, ...]]
) -> None:
    assert list(trips.sql(text).rows) == rows


def test_the_one_shot_and_the_warm_box_agree(trips: Lake) -> None:
    text = (
        "SELECT t.id, o.id FROM trips t LEFT JOIN trips o AT (VERSION => 1) USING (id) ORDER BY 1"
    )
    import subprocess
    import sys

    code = (
        "import sys, lakectl\nlake = lakectl.open(sys.argv[1])\n"
        "with lake.sql_once(sys.argv[2]) as (columns, rows): print('\\n'.join(rows))"
    )
    root = str(trips.settings.root)
    ran = subprocess.run([sys.executable, "-c", code, root, text], capture_output=True, text=True)
    assert ran.stdout.splitlines() == ["[1,1]", "[2,2]", "[3,null]"], ran.stderr
    assert trips.sql(text).rows == ((1, 1), (2, 2), (3, None))


@pytest.mark.parametrize(
    "statement",
    [
        "DESCRIBE nyc.trips",
        "SUMMARIZE nyc.trips",
        "SHOW TABLES",
        "SHOW nyc.trips",
        "EXPLAIN SELECT * FROM nyc.trips AT (VERSION => 1)",
        "EXPLAIN ANALYZE SELECT * FROM nyc.trips",
    ],
)
def test_statements_that_tell_of_data_are_answered(trips: Lake, statement: str) -> None:
    assert trips.sql(statement).columns


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT * FROM nyc.none", NotFound),
        ("SELECT * FROM nyc.trips AT (VERSION => 99)", NotFound),
        ("SELECT * FROM nyc.trips AT (VERSION => 'none')", NotFound),
        ("SELECT * FROM nyc.trips AT (TIMESTAMP => TIMESTAMP '1999-01-01')", NotFound),
        ("SELECT * FROM none AT (VERSION => 1)", NotFound),
        ("SELECT * FROM nyc.trips AT (VERSION => (SELECT 1))", InvalidInput),
        ("SELECT * FROM nyc.trips AT (VERSION => NULL)", InvalidInput),
        ("SELECT * FROM nyc.trips AT (TIMESTAMP => 'yesterday')", InvalidInput),
        ("SELECT * FROM nyc.trips AT (TIMESTAMP => 1/0)", InvalidInput),
        ("WITH x AS (SELECT 1) SELECT * FROM x AT (VERSION => 1)", InvalidInput),
        ("SELECT none FROM nyc.trips", InvalidInput),
        ("SELEC 1", InvalidInput),
        ("", InvalidInput),
        ("-- nothing", InvalidInput),
        ("SELECT 1; SELECT 2", InvalidInput),
        ("PIVOT nyc.trips AT (VERSION => 1) ON zone USING count(*)", InvalidInput),
        ("SELECT 1 / 0 FROM none", InvalidInput),
        ("SELECT CAST('x' AS INTEGER)", LakeError),
        ("SELECT error('ü')", OperationFailed),
    ],
)
def test_a_query_that_cannot_be_answered_says_why_in_one_sentence(
    trips: Lake, text: str, error: type[LakeError]
) -> None:
    with pytest.raises(error) as told:
        trips.sql(text)
    assert "\n" not in told.value.message
    assert trips.sql("SELECT 1").rows == ((1,),)


def test_a_name_that_two_namespaces_have_must_be_said_in_full(lake: Lake) -> None:
    trips = _fill(lake)
    trips.dataset("tlc.trips").append(pa.table({"id": [5]}))
    with pytest.raises(InvalidInput, match=r"nyc\.trips, tlc\.trips|tlc\.trips, nyc\.trips"):
        trips.sql("SELECT * FROM trips")
    assert trips.sql("SELECT * FROM tlc.trips").rows == ((5,),)
    joined = "SELECT n.id FROM nyc.trips n JOIN tlc.trips t ON n.id + 2 = t.id"
    assert trips.sql(joined).rows == ((3,),)


@pytest.mark.parametrize(
    "text",
    [
        "COPY nyc.trips TO 'x'",
        "WITH d AS (COPY (SELECT 1 AS x) TO 'x') SELECT * FROM d",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'",
        "MERGE INTO nyc.trips USING (SELECT 1 AS id) s ON false WHEN NOT MATCHED THEN INSERT",
        "DROP VIEW nyc.trips",
        "SET threads = 1",
    ],
)
def test_writing_is_refused_as_not_allowed_with_what_to_do(trips: Lake, text: str) -> None:
    with pytest.raises(NotAllowed) as told:
        trips.sql(text)
    assert told.value.hint


def test_a_killed_child_is_replaced(trips: Lake) -> None:
    pid = trips.sql("SELECT 1") and trips.box._child.pid  # type: ignore[union-attr]  # it runs
    os.kill(pid, 9)
    trips.box._child.wait()  # type: ignore[union-attr]  # it runs
    assert trips.sql("SELECT 2").rows == ((2,),)


def test_a_query_has_as_many_threads_as_one_allows(
    trips: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKECTL_THREADS", "3")
    with lakectl.open(trips.settings.root) as lake:
        assert lake.sql("SELECT current_setting('threads')").rows == ((3,),)
    for wrong in ("0", "many", "-1", "²"):
        monkeypatch.setenv("LAKECTL_THREADS", wrong)
        with pytest.raises(InvalidInput, match="no number of threads"):
            threads()


def test_the_limit_cuts_and_says_so(trips: Lake) -> None:
    found = trips.sql("SELECT * FROM range(10)", limit=4)
    assert [r[0] for r in found.rows] == [0, 1, 2, 3]
    assert found.more
    assert not trips.sql("SELECT * FROM range(4)", limit=4).more


def test_a_query_leaves_nothing_for_the_next(trips: Lake) -> None:
    trips.sql("SELECT setseed(0.5)")
    with pytest.raises(NotFound):
        trips.sql("SELECT * FROM nyc.gone")
    with pytest.raises(InvalidInput):
        trips.sql("SELECT * FROM trips_at")
    assert trips.sql("SELECT current_setting('TimeZone')").rows == (("UTC",),)


def test_a_connection_has_every_dataset_by_name_and_sees_the_newest_version(trips: Lake) -> None:
    con = lakectl.connect(trips.settings.root)
    try:
        assert con.execute("SELECT count(*) FROM nyc.trips").fetchall() == [(3,)]
        assert con.execute("SELECT count(*) FROM lake_at('nyc.trips', 1)").fetchall() == [(2,)]
        assert con.execute("SELECT count(*) FROM lake_at('nyc.trips', 'gold')").fetchall() == [(2,)]
        joined = "SELECT count(*) FROM nyc.trips JOIN nyc.zones USING (zone)"
        assert con.execute(joined).fetchall() == [(3,)]
    finally:
        con.close()


# -- rewriting, as a rule -------------------------------------------------------------------------

_WORDS = st.sampled_from(["é", "'AT (VERSION => 1)'", "日本", "1", "'ü'''", '"AT"', "$$ AT ( $$"])
_FILL = st.sampled_from(["", " ", "\n", "/* AT (VERSION => 1) ü */", "-- AT ( é\n", "\t"])


@st.composite
def _queries(draw: st.DrawFn, depth: int = 3) -> tuple[str, str]:
    """A query with AT clauses and the same with the names of views instead."""
    fill = lambda: draw(_FILL) or " "  # noqa: E731 - as short as it is
    said = draw(_WORDS)
    select = f"SELECT {said if said[0] in chr(39) + '1$' else repr('x')} AS{fill()}c"
    shape = draw(st.integers(0, 5 if depth else 1))
    if shape == 0:
        version = draw(st.integers(1, 9))
        name = draw(st.sampled_from(["n.t", '"n"."t"', "t", "N.t", f"n{fill()}.{fill()}t"]))
        alias = draw(st.sampled_from(["", " AS x", " x", ' "ü é"', " x(c, d)"]))
        at = f" {fill()}AT{fill()}({fill()}VERSION{fill()}=>{fill()}{version}{fill()})"
        view = f'"v{version}"."n"."t"'
        return f"{select} FROM{fill()}{name}{alias}{at}", f"{select} FROM {view}{alias}"
    if shape == 1:
        return f"{select} FROM n.t", f"{select} FROM n.t"
    one, two = draw(_queries(depth - 1)), draw(_queries(depth - 1))
    pairs = zip(one, two, strict=True)
    text = {
        2: "SELECT a.c FROM ({}) a, ({}) b",
        3: "WITH é AS ({}), z AS ({}) SELECT é.c FROM é JOIN z ON true",
        4: "({}) UNION ALL ({})",
        5: "SELECT c FROM ({}) q WHERE EXISTS ({})",
    }[shape]
    left, right = (text.format(a, b) for a, b in pairs)
    return left, right


@given(_queries())
def test_the_rewritten_query_is_the_one_that_names_the_views(pair: tuple[str, str]) -> None:
    given_text, expected = pair
    con = parser()
    try:
        statement = rewrite.parse(con, given_text)
        names = {r: (f"v{r.at.text.strip()}", "n", "t") for r in statement.references if r.at}
        cleaned = {r: (_number(n[0]), *n[1:]) for r, n in names.items()}
        found = rewrite.splice(statement, cleaned)
        assert _tree(con, found) == _tree(con, expected)
    finally:
        con.close()


def _number(text: str) -> str:
    import re

    bare = re.sub(r"/\*.*?\*/|--[^\n]*(\n|$)", "", text)
    return f"v{bare.strip('v').strip()}"


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> object:
    """The parse tree without places."""
    import json

    row = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    assert row is not None
    tree = json.loads(row[0])
    assert not tree["error"], sql

    def bare(node: object) -> object:
        if isinstance(node, dict):
            return {k: bare(v) for k, v in node.items() if not k.startswith("query_location")}
        return [bare(v) for v in node] if isinstance(node, list) else node

    return bare(tree)
