"""What other programs rely on: the keys and types of `-o json`, on stdout alone."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest
from lake_shell import Shell

_TEXT, _MAYBE = (str,), (str, type(None))
_LS = {
    "name": _TEXT,
    "kind": _TEXT,
    "version": (int,),
    "rows": (int,),
    "bytes": (int,),
    "files": (int,),
    "owner": _MAYBE,
    "description": _MAYBE,
    "labels": (dict,),
    "updated_at": _TEXT,
}
_SHOW = _LS | {
    "schema": (list,),
    "partitioning": (list,),
    "location": _TEXT,
    "metadata_location": _TEXT,
    "snapshot_id": (int,),
    "tags": (dict,),
    "branches": (dict,),
}
_FIELD = {"id": (int,), "name": _TEXT, "type": _TEXT, "required": (bool,), "doc": _MAYBE}
_VERSION = {
    "version": (int,),
    "snapshot_id": (int,),
    "committed_at": _TEXT,
    "operation": _TEXT,
    "rows_added": (int,),
    "rows_deleted": (int,),
    "rows": (int,),
    "files": (int,),
    "schema_id": (int,),
    "run_id": _MAYBE,
    "message": _MAYBE,
    "tags": (list,),
    "state": _TEXT,  # beyond the contract: live, current, undone or expired
}
_INGEST = {
    "dataset": _TEXT,
    "version": (int,),
    "rows_added": (int,),
    "rows": (int,),
    "quarantined": (int,),
    "files": (int,),
    "bytes": (int,),
    "seconds": (float,),
    "skipped": (bool,),
}


def _has(found: Mapping[str, Any], contract: Mapping[str, tuple[type, ...]]) -> None:
    assert list(found) == list(contract)
    for key, kinds in contract.items():
        assert type(found[key]) in kinds, (key, found[key])


@pytest.fixture
def trips(warm_lake: Shell) -> Shell:
    """A lake with one dataset of two versions, described and tagged."""
    lake = warm_lake
    lake.file("a.csv", ["id,city", *(f"{n},c{n}" for n in range(10))])
    lake.file("b.csv", ["id,city", "9,other", "10,new", "11,new"])
    _has(lake.ingest("a.csv", "--into", "nyc.trips", "-m", "first"), _INGEST)
    merge = ["--mode", "merge", "--key", "id"]
    report = lake.ingest("b.csv", "--into", "nyc.trips", *merge)
    _has(report, _INGEST)
    assert (report["rows_added"], report["rows"], report["version"]) == (3, 12, 2)
    said = ["--owner", "Ann", "--description", "All of it", "--label", "team=ride"]
    lake.ok("annotate", "nyc.trips", *said, "--column", "city=Where to")
    lake.ok("tag", "nyc.trips", "gold", "--at", "v1")
    lake.ok("branch", "nyc.trips", "audit", "--at", "v1")
    return lake


def test_every_answer_has_the_keys_and_types_that_scripts_rely_on(trips: Shell) -> None:
    (listed,) = trips.json("ls")
    _has(listed, _LS)
    assert (listed["name"], listed["kind"], listed["rows"]) == ("nyc.trips", "table", 12)
    assert (listed["owner"], listed["labels"]) == ("Ann", {"team": "ride"})
    assert datetime.datetime.fromisoformat(listed["updated_at"]).tzinfo is not None

    shown = trips.json("show", "nyc.trips")
    _has(shown, _SHOW)
    assert {key: shown[key] for key in _LS} == listed
    for field in shown["schema"]:
        _has(field, _FIELD)
    assert [f["doc"] for f in shown["schema"]] == [None, "Where to"]
    assert shown["tags"] == {"gold": 1}
    assert shown["branches"]["audit"] == 1
    assert shown["metadata_location"].startswith(shown["location"])

    versions = trips.json("versions", "nyc.trips")
    for version in versions:
        _has(version, _VERSION)
    assert [v["version"] for v in versions] == [2, 1]
    assert [v["operation"] for v in versions] == ["merge", "append"]
    assert [(v["rows_added"], v["rows_deleted"], v["rows"]) for v in versions] == [
        (3, 1, 12),
        (10, 0, 10),
    ]
    assert versions[0]["snapshot_id"] == shown["snapshot_id"]
    assert versions[1]["tags"] == ["gold"]

    told = trips.json("diff", "nyc.trips", "1", "2")
    assert list(told) == ["schema", "rows", "files"]
    assert told["rows"] == {"added": 2, "removed": 0, "changed": 1}
    assert told["files"] == {"added": 1, "removed": 1}
    assert trips.run("diff", "nyc.trips", "1", "2", "--exit-code").code == 7
    assert trips.run("diff", "nyc.trips", "2", "2", "--exit-code").code == 0

    assert trips.json("preview", "nyc.trips", "--at", "1", "-n", "2") == [
        {"id": 0, "city": "c0"},
        {"id": 1, "city": "c1"},
    ]
    assert trips.sql("SELECT id FROM nyc.trips WHERE id > 9 ORDER BY id") == [
        {"id": 10},
        {"id": 11},
    ]
    assert trips.sql("SELECT id FROM nyc.trips WHERE false") == []

    skipped = trips.ingest("a.csv", "--into", "nyc.trips")
    _has(skipped, _INGEST)
    assert skipped["skipped"] is True


def test_errors_are_one_object_on_stderr(trips: Shell) -> None:
    for words, code, word in (
        (["show", "nyc.none"], 3, "not_found"),
        (["ls", "--nope"], 2, "usage"),
        (["ingest", "a.csv", "--into", "Bad"], 2, "invalid_name"),
        (["rollback", "nyc.trips", "--to", "v2", "-y"], 4, "conflict"),
        (["drop", "nyc.trips"], 6, "not_allowed"),
    ):
        ran = trips.run(*words, "-o", "json")
        assert (ran.code, ran.out) == (code, ""), ran
        assert set(ran.error) >= {"code", "message", "hint"}
        assert ran.error["code"] == word
        assert isinstance(ran.error["message"], str)
    assert json.loads(trips.run("show", "nyc.none", "-ojson").err)["error"]["code"] == "not_found"
