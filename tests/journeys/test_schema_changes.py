"""Data of another shape is refused, widened or taken in, and told field by field."""

from __future__ import annotations

import json

import pytest
from lake_shell import Shell


@pytest.fixture
def lake(warm_lake: Shell) -> Shell:
    """An empty lake, all of whose commands run in one process."""
    return warm_lake


@pytest.fixture
def trips(lake: Shell) -> Shell:
    """A lake with nyc.trips(id long, fare float, price decimal, city string)."""
    lake.file("a.csv", ["id,fare,price,city", "1,1.5,2.50,Oslo", "2,2.5,3.50,Rome"])
    lake.ingest(
        *("a.csv", "--into", "nyc.trips", "--select"),
        "SELECT id::INTEGER AS id, fare::FLOAT AS fare, price::DECIMAL(5,2) AS price, city "
        "FROM source",
    )
    return lake


_WIDER = (
    "SELECT id::BIGINT AS id, fare::DOUBLE AS fare, price::DECIMAL(9,2) AS price, city FROM source"
)


def test_wider_types_are_refused_then_allowed_and_old_versions_keep_theirs(trips: Shell) -> None:
    big = 2**40
    trips.file("b.csv", ["id,fare,price,city", f"{big},0.1,1234567.89,Bonn"])
    before = trips.picture()
    words = ["ingest", "b.csv", "--into", "nyc.trips", "--select", _WIDER]
    told = trips.refused(4, *words)
    for line in (
        "~ id int -> long (widened)",
        "~ fare float -> double (widened)",
        "~ price decimal(5, 2) -> decimal(9, 2) (widened)",
    ):
        assert line in told
    assert "--schema widen" in told or "--schema evolve" in told
    assert trips.picture() == before

    ran = trips.ok(*words, "--schema", "widen")
    assert "~ id int -> long (widened)" in ran.err
    assert trips.sql("FROM nyc.trips ORDER BY id") == [
        {"id": 1, "fare": 1.5, "price": 2.5, "city": "Oslo"},
        {"id": 2, "fare": 2.5, "price": 3.5, "city": "Rome"},
        {"id": big, "fare": 0.1, "price": 1234567.89, "city": "Bonn"},
    ]
    first, second = trips.json("schema", "nyc.trips", "--history")
    assert (first["version"], first["changes"], second["version"]) == (1, [], 2)
    assert second["changes"] == [
        {"change": "widened", "field": "id", "before": "int", "after": "long"},
        {"change": "widened", "field": "fare", "before": "float", "after": "double"},
        {
            "change": "widened",
            "field": "price",
            "before": "decimal(5, 2)",
            "after": "decimal(9, 2)",
        },
    ]
    kinds = {f["name"]: f["type"] for f in trips.json("schema", "nyc.trips", "--at", "v1")}
    assert kinds == {"id": "int", "fare": "float", "price": "decimal(5, 2)", "city": "string"}
    typed = "SELECT DISTINCT typeof(id) AS t FROM nyc.trips"
    assert trips.one(f"{typed} AT (VERSION => 1)") == "INTEGER"
    assert trips.one(typed) == "BIGINT"
    assert trips.json("diff", "nyc.trips", "v1", "v2")["schema"] == second["changes"]


def test_new_and_absent_columns_come_in_only_by_evolving(trips: Shell) -> None:
    trips.file("c.ndjson", [json.dumps({"id": 3, "city": "Graz", "tip": {"cash": 1.5}})])
    shape = "SELECT id::INTEGER AS id, city, tip FROM source"
    words = ["ingest", "c.ndjson", "--into", "nyc.trips", "--select", shape]
    before = trips.picture()
    for policy in ("refuse", "widen"):
        told = trips.refused(4, *words, "--schema", policy)
        assert "+ tip struct<cash: double> (new, optional)" in told
        assert "--schema evolve" in told
    assert trips.picture() == before
    ran = trips.ok(*words, "--schema", "evolve")
    assert "+ tip struct<cash: double> (new, optional)" in ran.err
    assert "- fare float (absent here, filled with NULL)" in ran.err
    assert trips.sql("SELECT * FROM nyc.trips WHERE id > 1 ORDER BY id") == [
        {"id": 2, "fare": 2.5, "price": 3.5, "city": "Rome", "tip": None},
        {"id": 3, "fare": None, "price": None, "city": "Graz", "tip": {"cash": 1.5}},
    ]
    ids = [f["id"] for f in trips.json("show", "nyc.trips")["schema"]]
    assert ids[:4] == [1, 2, 3, 4]
    assert ids[4] > 4
    # The version before has its own columns again after a rollback, the newer ones after an undo.
    trips.ok("rollback", "nyc.trips", "--to", "v1", "-y")
    assert len(trips.json("schema", "nyc.trips")) == 4
    trips.ok("undo", "--yes")
    assert len(trips.json("schema", "nyc.trips")) == 5


def test_an_incompatible_type_is_refused_with_what_would_make_it_pass(trips: Shell) -> None:
    before = trips.picture()
    trips.file("d.csv", ["id,fare,price,city", "1,cheap,2.50,Oslo"])
    select = "SELECT id::INTEGER AS id, fare, price::DECIMAL(5,2) AS price, city FROM source"
    words = ["ingest", "d.csv", "--into", "nyc.trips", "--schema", "evolve", "--select", select]
    told = trips.refused(4, *words)
    assert "'fare' is float in the dataset and string in the source" in told
    assert "CAST" in told
    ran = trips.run(*words, "-o", "json")
    assert (ran.code, ran.out) == (4, "")
    assert (ran.error["code"], "fare" in ran.error["hint"]) == ("schema_conflict", True)
    assert ran.error["changes"] == ["! fare is float, here string"]
    assert trips.picture() == before


def test_a_column_spelled_in_other_case_is_not_a_second_column(trips: Shell) -> None:
    before = trips.picture()
    trips.file("e.csv", ["ID,fare,price,city", "1,1.5,2.50,Oslo"])
    told = trips.refused(4, "ingest", "e.csv", "--into", "nyc.trips", "--schema", "evolve")
    assert "'id'" in told
    assert "'ID'" in told
    assert trips.picture() == before


def test_text_takes_the_types_that_the_dataset_has(trips: Shell) -> None:
    trips.file("f.csv", ["city,id,fare,price", "Oslo,7,1,2"])
    trips.ingest("f.csv", "--into", "nyc.trips")
    assert trips.sql("SELECT id, fare, price FROM nyc.trips WHERE id = 7") == [
        {"id": 7, "fare": 1.0, "price": 2.0}
    ]


def test_a_nested_field_can_be_added(lake: Shell) -> None:
    old = {"id": 1, "who": {"name": "Ann", "tags": [{"k": "a"}]}}
    new = {"id": 2, "who": {"name": "Bob", "tags": [{"k": "b", "n": 5}], "age": 30}}
    lake.file("a.ndjson", [json.dumps(old)])
    lake.file("b.ndjson", [json.dumps(new)])
    lake.ingest("a.ndjson", "--into", "nyc.people")
    told = lake.refused(4, "ingest", "b.ndjson", "--into", "nyc.people")
    assert "+ who.age long (new, optional)" in told
    assert "+ who.tags.element.n long (new, optional)" in told
    lake.ingest("b.ndjson", "--into", "nyc.people", "--schema", "evolve")
    missing = {"id": 1, "who": {"name": "Ann", "tags": [{"k": "a", "n": None}], "age": None}}
    assert lake.sql("FROM nyc.people ORDER BY id") == [missing, new]


def test_a_json_column_without_a_value_takes_the_type_that_the_dataset_has(lake: Shell) -> None:
    # Every nightly file has such columns: nothing in them says what they would be.
    whole = {"id": 1, "n": 5, "x": 1.5, "who": {"age": 3}, "tags": ["a"], "days": [[1]]}
    bare = {"id": 2, "n": None, "x": None, "who": {"age": None}, "tags": [], "days": [[None]]}
    lake.file("a.ndjson", [json.dumps(whole)])
    lake.file("b.ndjson", [json.dumps(bare)])
    lake.ingest("a.ndjson", "--into", "nyc.sparse")
    lake.ingest("b.ndjson", "--into", "nyc.sparse")
    assert lake.sql("FROM nyc.sparse ORDER BY id") == [whole, bare]
    assert len(lake.json("schema", "nyc.sparse", "--history")) == 1


def test_the_schema_in_force_is_the_last_of_the_history_after_an_undo(trips: Shell) -> None:
    trips.file("fee.csv", ["id,fare,city,fee", "9,9.5,z,1.5"])
    trips.ingest("fee.csv", "--into", "nyc.trips", "--schema", "evolve")
    trips.ok("annotate", "nyc.trips", "--column", "fee=what the airport takes")
    trips.ok("rollback", "nyc.trips", "--to", "v1", "--yes")
    trips.ok("undo", "nyc.trips")
    names = [column["name"] for column in trips.json("schema", "nyc.trips")]
    assert "fee" in names
    last = trips.json("schema", "nyc.trips", "--history")[-1]
    assert last["columns"] == len(names)


def test_an_undo_of_nothing_named_asks_and_says_what_it_would_take_back(trips: Shell) -> None:
    trips.ok("tag", "nyc.trips", "gold")
    assert "Take back the tag of nyc.trips" in trips.refused(6, "undo")
    assert "gold" in trips.json("show", "nyc.trips")["tags"]
    trips.ok("undo", "--yes")
    assert "gold" not in trips.json("show", "nyc.trips")["tags"]
