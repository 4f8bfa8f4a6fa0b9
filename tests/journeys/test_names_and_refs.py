"""Tags, branches, names, drops and descriptions: each can be changed, seen and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from lake_builder import broken_rules, opened
from lake_shell import Shell, WarmShell

import lakectl


@pytest.fixture
def trips(warm_lake: WarmShell) -> WarmShell:
    """A lake with nyc.trips in two versions, behind one process for many commands."""
    warm_lake.file("a.csv", ["id,city", "1,Oslo"])
    warm_lake.file("b.csv", ["id,city", "2,Rome"])
    warm_lake.ok("ingest", "a.csv", "--into", "nyc.trips")
    warm_lake.ok("ingest", "b.csv", "--into", "nyc.trips")
    return warm_lake


def _state(lake: Shell) -> object:
    listed = lake.json("ls")
    for one in listed:
        one.pop("updated_at")
    shown = [lake.json("show", one["name"]) for one in listed]
    for one in shown:
        one.pop("updated_at")
        one.pop("metadata_location")
    return listed, shown


_CHANGES: list[list[str]] = [
    ["tag", "nyc.trips", "gold", "--at", "v1"],
    ["tag", "nyc.trips", "gold"],  # moved
    ["tag", "nyc.trips", "gold", "--delete"],
    ["branch", "nyc.trips", "audit", "--at", "v1"],
    ["branch", "nyc.trips", "audit", "--delete"],
    ["annotate", "nyc.trips", "--owner", "Ann", "--label", "a=1", "--column", "id=The key"],
    [
        "annotate",
        "nyc.trips",
        "--owner",
        "",
        "--label",
        "a=",
        "--description",
        "Zürich \u2014 'all'",
    ],
    ["rollback", "nyc.trips", "--to", "v1", "--yes"],
    ["rename", "nyc.trips", "ny.rides"],
    ["drop", "ny.rides", "--yes"],
    ["undrop", "ny.rides"],
]


def test_each_change_shows_and_a_chain_of_undos_goes_back_through_all(trips: WarmShell) -> None:
    states = [_state(trips)]
    for words in _CHANGES:
        trips.ok(*words)
        states.append(_state(trips))
        assert states[-1] != states[-2], words
    for words, before in zip(reversed(_CHANGES), reversed(states[:-1]), strict=True):
        trips.ok("undo", "--yes")
        assert _state(trips) == before, f"undo of {words}"
    assert broken_rules(trips.cwd) == []


def test_undo_of_one_dataset_leaves_the_others_alone(trips: WarmShell) -> None:
    trips.ok("ingest", "a.csv", "--into", "nyc.other")
    trips.ok("undo", "nyc.trips")
    assert {one["name"]: one["version"] for one in trips.json("ls")} == {
        "nyc.trips": 1,
        "nyc.other": 1,
    }


def test_a_branch_grows_beside_main(trips: WarmShell) -> None:
    trips.file("c.csv", ["id,city", "3,Bonn", "4,Graz"])
    trips.ok("branch", "nyc.trips", "audit", "--at", "v1")
    trips.ok("ingest", "c.csv", "--into", "nyc.trips", "--branch", "audit")
    cities = [row["city"] for row in trips.json("preview", "nyc.trips", "--at", "audit")]
    assert sorted(cities) == ["Bonn", "Graz", "Oslo"]
    assert trips.json("show", "nyc.trips")["rows"] == 2
    assert trips.one("SELECT count(*) FROM nyc.trips AT (VERSION => 'audit')") == 3


def test_a_name_that_is_taken_is_not_given_twice(trips: WarmShell) -> None:
    trips.ok("ingest", "a.csv", "--into", "nyc.other")
    trips.refused(4, "rename", "nyc.trips", "nyc.other")
    trips.ok("drop", "nyc.trips", "--yes")
    trips.ok("rename", "nyc.other", "nyc.trips")
    told = trips.refused(4, "undrop", "nyc.trips")
    assert "rename" in told
    assert [one["name"] for one in trips.json("ls")] == ["nyc.trips"]
    trips.ok("rename", "nyc.trips", "nyc.other")
    trips.ok("undrop", "nyc.trips")
    assert [one["rows"] for one in trips.json("ls")] == [1, 2]


def test_refs_that_could_be_read_as_versions_are_refused(trips: WarmShell) -> None:
    for name in ("v3", "7", "main", "latest", "../x", "a b", "", "2h ago"):
        trips.refused(2, "tag", "nyc.trips", name)
        trips.refused(2, "branch", "nyc.trips", name)
    trips.ok("tag", "nyc.trips", "gold")
    trips.refused(4, "branch", "nyc.trips", "gold")
    trips.refused(3, "tag", "nyc.trips", "silver", "--delete")


def test_a_search_finds_by_every_word_said_of_a_dataset(trips: WarmShell) -> None:
    said = ["--owner", "Ann Lee", "--description", "Rides of the city", "--label", "team=core"]
    trips.ok("annotate", "nyc.trips", *said, "--column", "city=Where it ended")
    trips.ok("tag", "nyc.trips", "golden")
    trips.ok("ingest", "a.csv", "--into", "nyc.other")
    for words, found_in in (
        (["TRIPS"], "name"),
        (["ann"], "owner"),
        (["rides"], "description"),
        (["core"], "label team"),
        (["ended"], "column city"),
        (["golden"], "tag golden"),
        (["ann", "ended"], "owner"),
    ):
        hits = trips.json("search", *words)
        assert [hit["name"] for hit in hits] == ["nyc.trips"], words
        assert found_in in hits[0]["found_in"], words
    assert len(trips.json("search", "city")) == 2
    assert trips.json("search", "100%") == []
    assert trips.json("search", "_") == [] or all("_" in str(h) for h in trips.json("search", "_"))


def test_a_rollback_can_be_looked_at_before_it_is_done(trips: WarmShell) -> None:
    before = _state(trips)
    ran = trips.ok("rollback", "nyc.trips", "--to", "v1", "--dry-run")
    assert "from v2 to v1 (-1 rows)" in ran.out
    trips.refused(6, "rollback", "nyc.trips", "--to", "v1")  # nobody is there to confirm
    assert _state(trips) == before


def test_history_outlives_rename_and_drop(trips: WarmShell, tmp_path: Path) -> None:
    trips.ok("tag", "nyc.trips", "gold", "--at", "v1")
    trips.ok("rename", "nyc.trips", "ny.rides")
    trips.ok("drop", "ny.rides", "--yes")
    assert trips.json("ls") == []
    assert [one["name"] for one in trips.json("ls", "--dropped")] == ["ny.rides"]
    trips.ok("undrop", "ny.rides")
    with opened(trips.cwd) as lake:
        assert [v.version for v in lake.versions("ny.rides")] == [2, 1]
        assert lake.dataset("ny.rides").at("gold").to_arrow().num_rows == 1


@pytest.mark.parametrize("folder", ["a?b", "[c] d", "*", "it's 100%2e", "{e}"])
def test_a_lake_may_lie_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / "axb").mkdir()
    shell = Shell(tmp_path / folder)
    shell.ok("init")
    shell.file("a.csv", ["a", "1", "2"])
    shell.ingest("a.csv", "--into", "n.t")
    assert shell.one("SELECT sum(a) FROM n.t") == 3
    assert shell.json("preview", "n.t") == [{"a": 1}, {"a": 2}]
    with lakectl.open(tmp_path / folder) as lake:
        assert lake.sql("SELECT sum(a) FROM n.t").rows == ((3,),)
    assert {p.name for p in tmp_path.iterdir()} == {folder, "axb"}
