"""Whatever stops a change, wherever: it is done or not done, and the next one succeeds."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from lake_builder import litter, seen_by_people
from lake_shell import ForkingShell

from catalog import faults

_LOAD = "ingest new.csv --into n.t"
_COMMIT = ("commit.staged", "swap.moved", "swap.recorded", "swap.committed")
# What reaches a point: the commands before it, and the one that is stopped there.
_WAYS: dict[str, tuple[str, ...]] = {
    "intent.announced": (_LOAD,),
    "load.staged": (_LOAD,),
    "publish.synced": (_LOAD,),
    "publish.placed": (_LOAD,),
    "publish.done": (_LOAD,),
    "quarantine.committed": ("ingest dirty.csv --into n.t --on-bad-row quarantine",),
    "write.synced": (_LOAD,),
    "write.placed": (_LOAD,),
    "store.commit#2": (_LOAD,),  # the first makes the run of the load
    "store.answer#2": (_LOAD,),
    **dict.fromkeys(_COMMIT, (_LOAD,)),
    "tidy.metadata": (_LOAD,),
    "rename.written": ("rename n.t n.s",),
    "drop.written": ("drop n.t --yes",),
    "undrop.written": ("drop n.t --yes", "undrop n.t"),
    "migrate.written": ("init --migrate",),
    "rebuild.forgotten": ("UPDATE datasets SET rows = 7", "doctor --repair --yes"),
    "repair.known": ("an old store", "doctor --repair --yes"),
    "repair.put": ("{}", "doctor --repair --yes"),
}
_OTHER_CHANGES = (
    "rollback n.t --to v1 --yes", "tag n.t gold", "annotate n.t --owner ana", "undo n.t",
    "ingest new.csv --into n.new", "ingest new.csv --into n.t --mode overwrite",
    "ingest new.csv --into n.t --mode merge --key a",
)  # fmt: skip
_CASES = [
    *((point, way) for point, way in _WAYS.items()),
    *((point, (change,)) for change in _OTHER_CHANGES for point in _COMMIT),
    ("repair.known", ("no store", "doctor --repair --yes")),
    *((f"write.{at}#{n}", (_LOAD,)) for at in ("synced", "placed") for n in (2, 3)),
]
_APART = {
    "upkeep.files",  # tests/catalog/test_iceberg_commits.py: it takes a hundred versions
    *(p for p in faults.POINTS if p.startswith(("run.", "child.", "task."))),  # test_crashed_runs
}


def test_every_point_of_the_program_is_reached_here() -> None:
    assert {point.partition("#")[0] for point in _WAYS} | _APART == set(faults.POINTS)


def _prepare(lake: ForkingShell, way: str) -> None:
    if way.startswith("UPDATE"):
        with sqlite3.connect(lake.cwd / ".lakectl/lake.db") as connection:
            connection.execute(way)
        connection.close()
    elif way in {"an old store", "no store"}:
        store = lake.cwd / ".lakectl/lake.db"
        shutil.copy(store, lake.cwd / "old.db")
        lake.ok("ingest", "new.csv", "--into", "n.t")
        store.unlink()
        if way == "no store":
            lake.ok("init", "--migrate")
        else:
            shutil.move(lake.cwd / "old.db", store)
    elif way == "{}":
        Path(lake.json("show", "n.t")["metadata_location"]).write_text(way)
    else:
        lake.ok(*way.split())


def _chosen() -> list[object]:
    """Every point with every fault; what `make test` leaves to `make battery` is marked."""
    found: list[object] = []
    for fault in ("KILL", "ERROR", "ENOSPC", "EIO"):
        for point, ways in _CASES:
            quick = (fault == "KILL" and ways == _WAYS.get(point)) or (
                fault == "EIO" and ways == (_LOAD,)
            )
            marks = () if quick else (pytest.mark.battery,)
            name = f"{point}-{fault}-{ways[-1]}".replace(" ", "_")
            found.append(pytest.param(point, ways, fault, marks=marks, id=name))
    return found


@pytest.mark.parametrize(("point", "ways", "fault"), _chosen())
def test_a_change_that_is_stopped_is_done_or_not_done(
    forked: ForkingShell, point: str, ways: tuple[str, ...], fault: str
) -> None:
    for way in ways[:-1]:
        _prepare(forked, way)
    mends = ways[-1].startswith("doctor")
    before = None if mends else seen_by_people(forked.cwd)
    stopped = forked.run(*ways[-1].split(), env={"LAKECTL_CRASH_AT": f"{point}:{fault}"})
    late = point in {
        "store.answer#2",
        "swap.committed",
        "tidy.metadata",
        "repair.put",
        "repair.known",
    }
    allowed = {"KILL": {-9}, "ERROR": {70}, "ENOSPC": {1, 5}, "EIO": {1, 5}}[fault]
    allowed |= {5} if point == "store.commit#2" else set()  # whatever it is, the store went silent
    assert stopped.code in allowed | ({0} if late else set()), (stopped.code, stopped.err)
    assert "Traceback" not in stopped.err

    told = forked.run("doctor", "--verify", "-o", "json").json
    serious = [f for f in told["findings"] if f["severity"] in {"damage", "wrong"}]
    if not mends:
        assert serious == []
        listed = {f["path"] for f in told["findings"] if f["kind"] == "orphan"}
        assert listed == litter(forked.cwd)
        if fault != "KILL" and not late:  # what is known not to have landed is cleared up at once
            assert (listed, seen_by_people(forked.cwd)) == (set(), before)

    again = forked.run(*ways[-1].split())
    landed_before = not mends and seen_by_people(forked.cwd) != before
    assert again.code == 0 or ((late or fault == "KILL") and landed_before), again.err
    mended = forked.run("doctor", "--verify", "--repair", "--older-than", "0", "--yes",
                        "-o", "json")  # fmt: skip
    assert mended.code == 0, mended.err
    assert [f for f in mended.json["findings"] if f["kind"] == "orphan"] == []
    taken_in = point == "repair.known"
    assert taken_in or litter(forked.cwd) == set()  # of small files as of others no note is taken
    if "quarantine" in ways[-1]:
        assert forked.one("SELECT count(*) FROM n.t_quarantine") == 1
    if taken_in or ways[-1] == _LOAD:
        assert forked.sql("FROM n.t ORDER BY a") == [{"a": n, "b": n} for n in (1, 2, 3, 4)]
