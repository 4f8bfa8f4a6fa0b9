"""The main journey: raw files become versions that can be seen, queried, compared and undone."""

from __future__ import annotations

from lake_shell import Shell

_JANUARY = ["id,city,fare", "1,Oslo,10.5", "2,Rome,20", "3,Bonn,30.25"]
_FEBRUARY = ["id,city,fare", "4,Riga,40", "5,Oslo,50"]
_CORRECTIONS = ["id,city,fare", "2,Rome,21", "6,Graz,60"]


def test_the_main_story_holds_on_every_store(any_lake: Shell) -> None:
    lake = any_lake
    lake.file("jan.csv", _JANUARY)
    lake.file("feb.csv", _FEBRUARY)
    lake.file("fix.csv", _CORRECTIONS)

    first = lake.ingest("jan.csv", "--into", "nyc.trips", "--message", "January")
    assert (first["version"], first["rows_added"], first["rows"]) == (1, 3, 3)
    second = lake.ingest("feb.csv", "--into", "nyc.trips")
    assert (second["version"], second["rows_added"], second["rows"]) == (2, 2, 5)
    merged = lake.ingest("fix.csv", "--into", "nyc.trips", "--mode", "merge", "--key", "id")
    assert (merged["version"], merged["rows"]) == (3, 6)

    # Every version can be seen, by number and beside another.
    assert lake.sql("SELECT id, fare FROM nyc.trips ORDER BY id") == [
        {"id": 1, "fare": 10.5},
        {"id": 2, "fare": 21.0},
        {"id": 3, "fare": 30.25},
        {"id": 4, "fare": 40.0},
        {"id": 5, "fare": 50.0},
        {"id": 6, "fare": 60.0},
    ]
    assert lake.sql(
        "SELECT now.id, was.fare AS old, now.fare AS new FROM nyc.trips AS now "
        "JOIN nyc.trips AS was AT (VERSION => 1) ON was.id = now.id WHERE was.fare <> now.fare"
    ) == [{"id": 2, "old": 20.0, "new": 21.0}]
    told = lake.json("diff", "nyc.trips", "v2", "v3")
    assert told["rows"] == {"added": 1, "removed": 0, "changed": 1}
    assert [
        (v["version"], v["rows"], v["message"]) for v in lake.json("versions", "nyc.trips")
    ] == [
        (3, 6, None),
        (2, 5, None),
        (1, 3, "January"),
    ]

    # Nothing is lost by going back, and going back is undone too.
    lake.ok("tag", "nyc.trips", "gold", "--at", "v2")
    lake.ok("rollback", "nyc.trips", "--to", "v1", "--yes")
    assert lake.sql(
        "SELECT (SELECT count(*) FROM nyc.trips) AS now, "
        "(SELECT count(*) FROM nyc.trips AT (VERSION => 'gold')) AS gold, "
        "(SELECT count(*) FROM nyc.trips AT (VERSION => 3)) AS newest"
    ) == [{"now": 3, "gold": 5, "newest": 6}]
    lake.ok("undo", "--yes")
    assert lake.one("SELECT sum(fare) FROM nyc.trips") == 211.75


def test_everything_can_be_undone_back_to_the_empty_lake(warm_lake: Shell) -> None:
    lake = warm_lake
    lake.file("jan.csv", _JANUARY)
    lake.file("feb.csv", _FEBRUARY)
    lake.ingest("jan.csv", "--into", "nyc.trips")
    lake.ingest("feb.csv", "--into", "nyc.trips")
    lake.ok("tag", "nyc.trips", "gold", "--at", "v1")
    lake.ok("rollback", "nyc.trips", "--to", "gold", "--yes")
    lake.ok("undo", "--yes")  # the rollback
    assert lake.json("show", "nyc.trips")["rows"] == 5
    lake.ok("undo", "--yes")  # the tag
    assert lake.json("show", "nyc.trips")["tags"] == {}
    lake.ok("undo", "--yes")  # February
    assert lake.one("SELECT count(*) FROM nyc.trips") == 3
    lake.ok("undo", "--yes")  # January
    assert lake.json("ls") == []
    assert "Nobody is there to confirm" not in lake.refused(3, "undo")
    assert "nothing to undo" in lake.refused(3, "undo", "--yes")
    lake.ok("undrop", "nyc.trips")
    assert lake.one("SELECT sum(fare) FROM nyc.trips") == 60.75


def test_a_version_is_reached_by_every_name_it_has(warm_lake: Shell) -> None:
    lake = warm_lake
    lake.file("jan.csv", _JANUARY)
    lake.file("feb.csv", _FEBRUARY)
    lake.ingest("jan.csv", "--into", "nyc.trips")
    lake.ingest("feb.csv", "--into", "nyc.trips")
    newest, oldest = lake.json("versions", "nyc.trips")
    lake.ok("tag", "nyc.trips", "before-feb", "--at", "1")
    lake.ok("branch", "nyc.trips", "audit", "--at", "v1")
    for said in ("v1", "before-feb", "audit", str(oldest["snapshot_id"]), oldest["committed_at"]):
        assert len(lake.json("preview", "nyc.trips", "--at", said)) == 3, said
    for said in ("2", "latest", "main", newest["committed_at"]):
        assert len(lake.json("preview", "nyc.trips", "--at", said)) == 5, said
    moment = oldest["committed_at"].removesuffix("Z")
    for clause in (
        "VERSION => 1",
        "VERSION => 'v1'",
        "VERSION => 'before-feb'",
        "VERSION => 'audit'",
        f"VERSION => {oldest['snapshot_id']}",
        f"TIMESTAMP => TIMESTAMP '{moment}'",
    ):
        assert lake.one(f"SELECT count(*) FROM trips AT ({clause})") == 3, clause
    assert lake.one("SELECT count(*) FROM nyc.trips AT (TIMESTAMP => now())") == 5
    assert "'1s ago'" not in lake.refused(3, "preview", "nyc.trips", "--at", "2w ago")
