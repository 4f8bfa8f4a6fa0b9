"""doctor finds whatever is damaged, disagrees or lies about, and --repair mends what can be."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
import stories
from stories import forget, kinds, mend, mutant, rows_of

from catalog.doctor.findings import Kind, Severity
from catalog.errors import NotAllowed, NotFound
from catalog.metadata import tables
from lakectl.root import Lake, open_lake

Put = Callable[..., Any]


@pytest.fixture
def story(lake: Lake) -> Lake:
    """See `stories.tell`."""
    return stories.tell(lake)


_OF_T = "dataset_id = (SELECT id FROM datasets WHERE name = 't')"


def _files(lake: Lake, *parts: str) -> list[Path]:
    root = Path(lake.describe("n.t").location)
    return sorted(p for p in root.rglob("*") if p.is_file() and any(s in p.name for s in parts))


def test_a_lake_in_order_is_sound(story: Lake) -> None:
    assert kinds(story) == []
    report = story.doctor(verify=True).report
    assert report.is_sound
    walked = dict(story.handles.warehouse.walk())
    assert (report.datasets, report.files, report.bytes) == (2, len(walked), sum(walked.values()))
    assert story.repairs(story.doctor()) == []


def test_every_small_file_is_known_with_its_checksum(story: Lake) -> None:
    with story.handles.database.write() as conn:
        known = set(conn.execute(sa.select(tables.metadata_files.c.path)).scalars())
    walked = {path for path, _ in story.handles.warehouse.walk() if "/metadata/" in path}
    assert known == walked


@pytest.fixture
def damaged(story: Lake) -> Iterator[Callable[[Path, bytes], None]]:
    """Return a function that puts bytes in the place of a file, in the lake as it was made."""
    root = story.settings.root
    backup = root.parent / "backup"
    shutil.copytree(root, backup)

    def damage(path: Path, data: bytes) -> None:
        story.close()
        shutil.rmtree(root)
        shutil.copytree(backup, root)
        forget()
        path.write_bytes(data)

    yield damage
    shutil.rmtree(backup)


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_small_file_is_found_and_costs_no_version(
    story: Lake, damaged: Callable[[Path, bytes], None], seed: int
) -> None:
    chance, before = random.Random(seed), rows_of(story)
    files = {path: path.read_bytes() for path in _files(story, ".json", ".avro")}
    for path, data in files.items():
        damaged(path, mutant(data, chance)[1])
        found = [f.path for f in story.doctor(verify=True).report.findings
                 if f.severity in {Severity.DAMAGE, Severity.RISK}]  # fmt: skip
        assert found == [str(path)], seed
        assert rows_of(story) == before
        mend(story)
        assert rows_of(story) == before
        assert kinds(story) == [], seed
        story.dataset("n.t").append(pa.table({"id": [99], "s": ["z"], "new": [9.0]}))
        assert story.to_arrow("n.t").num_rows == len(before[5]) + 1


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_data_file_is_found_and_the_newest_whole_version_is_gone_to(
    story: Lake, damaged: Callable[[Path, bytes], None], seed: int
) -> None:
    chance, before = random.Random(seed), rows_of(story)
    held = {v: {f.path for f in story.handles.reader.files(
        story.describe("n.t"), next(x.snapshot_id for x in story.versions("n.t") if x.version == v)
    )} for v in before}  # fmt: skip
    files = {path: path.read_bytes() for path in _files(story, ".parquet")}
    for path, data in files.items():
        damaged(path, mutant(data, chance)[1])
        assert ("damage", "data") in kinds(story)
        done = mend(story)
        whole = {v: rows for v, rows in before.items() if str(path) not in held[v]}
        assert rows_of(story) == whole, (path, done)
        assert story.describe("n.t").summary.version == max((v for v in whole if v != 4), default=4)
        assert kinds(story, "n.t") == []
        assert any(path.name in str(p) for p in story.settings.root.rglob("*")), "set aside"


def test_a_missing_data_file_is_told_without_verify(story: Lake) -> None:
    gone = _files(story, ".parquet")[0]
    gone.unlink()
    (finding,) = (f for f in story.doctor().report.findings if f.kind is Kind.DATA)
    assert finding.path == str(gone)
    assert "is missing" in finding.message
    assert not story.doctor().report.is_sound


@pytest.mark.parametrize(
    ("sabotage", "kind"),
    [
        ("UPDATE datasets SET rows = rows + 1 WHERE name = 't'", Kind.SUMMARY),
        ("UPDATE datasets SET owner = 'mallory' WHERE name = 't'", Kind.SUMMARY),
        (f"DELETE FROM versions WHERE version = 2 AND {_OF_T}", Kind.VERSIONS),
        (f"DELETE FROM data_files WHERE version = 1 AND {_OF_T}", Kind.FILES),
        ("DELETE FROM file_removals", Kind.FILES),
        (f"UPDATE versions SET parent_id = snapshot_id WHERE {_OF_T}", Kind.VERSIONS),
        (f"UPDATE versions SET rows = 99 WHERE version = 3 AND {_OF_T}", Kind.VERSIONS),
        (f"UPDATE versions SET message = 'x' WHERE version = 3 AND {_OF_T}", Kind.VERSIONS),
        ("UPDATE ledger SET snapshot_id = 7 WHERE version = 2", Kind.LEDGER),
    ],
)
def test_our_tables_are_made_anew_where_they_disagree(
    story: Lake, sabotage: str, kind: Kind
) -> None:
    before = rows_of(story)
    told = [(v.version, v.operation, v.rows, v.message, v.run_id) for v in story.versions("n.t")]
    with story.handles.database.write() as conn:
        conn.execute(sa.text(sabotage))
    assert ("wrong", str(kind)) in kinds(story)
    assert mend(story) == ["Our tables of n.t are what its files say."]
    assert kinds(story) == []
    assert rows_of(story) == before
    assert told == [
        (v.version, v.operation, v.rows, v.message, v.run_id) for v in story.versions("n.t")
    ]


def test_bytes_that_were_loaded_are_still_known_after_our_tables_were_made_anew(
    lake: Lake, put: Put
) -> None:
    put("n.t", "a\n1\n")
    put("n.t", "a\n2\n", file="b.csv")
    with lake.handles.database.write() as conn:
        conn.execute(sa.text("UPDATE datasets SET rows = 7"))
    mend(lake)
    assert put("n.t", "a\n2\n", file="b.csv").skipped
    assert kinds(lake) == []


def test_orphans_are_told_exactly_and_young_ones_of_unknown_origin_stay(story: Lake) -> None:
    root = Path(story.describe("n.t").location)
    strays = [root / "data" / "x.parquet", root / "metadata" / "y.avro", root.parent / "z" / "q"]
    for path in strays:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"litter")
    found = {f.path for f in story.doctor().report.findings if f.kind is Kind.ORPHAN}
    assert found == {str(path) for path in strays}
    assert story.doctor().report.is_sound
    assert story.repairs(story.doctor()) == []
    os.utime(strays[0], (0, 0))
    assert mend(story) == ["Set aside: 1 file."]
    assert [path.exists() for path in strays] == [False, True, True]
    assert mend(story, older_than=0) == ["Set aside: 2 files."]
    assert kinds(story) == []


_A_LOAD_THAT_DIES = """
import os, signal, sys
import pyarrow as pa
import lakectl
from catalog import writing
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(writing, sys.argv[2], die)
lakectl.open(sys.argv[1]).dataset("n.t").append(pa.table({"id": [5], "s": ["k"], "new": [0.0]}))
"""


@pytest.mark.parametrize("point", ["publish", "_try", "_swap", "_tidy"])
def test_what_a_killed_load_left_is_told_and_removed_at_once(story: Lake, point: str) -> None:
    before = dict(story.handles.warehouse.walk())
    root = str(story.settings.root)
    killed = subprocess.run([sys.executable, "-c", _A_LOAD_THAT_DIES, root, point], check=False)
    assert killed.returncode == -9
    landed = point == "_tidy"
    left = dict(story.handles.warehouse.walk()).keys() - before.keys()
    assert left or landed
    found = {f.path for f in story.doctor().report.findings if f.kind is Kind.ORPHAN}
    assert found == (set() if landed else left)
    mend(story)
    assert kinds(story) == []
    assert story.to_arrow("n.t").num_rows == (7 if landed else 6)


def test_a_load_under_way_is_no_litter(story: Lake) -> None:
    from catalog import writing

    dataset = story.describe("n.t")
    with writing.intent(story.handles, dataset.id, dataset.location) as under_way:
        (under_way.staging / "part.parquet").write_bytes(b"half")
        Path(f"{dataset.location}/data/{under_way.id}-00000.parquet").write_bytes(b"whole")
        assert kinds(story) == []
        assert story.repairs(story.doctor(), older_than=0) == []
    Path(f"{dataset.location}/data/{under_way.id}-00000.parquet").unlink()


def test_one_dataset_may_be_asked_for_and_an_unknown_one_is_not_found(story: Lake) -> None:
    assert story.doctor("n.u").report.datasets == 1
    with pytest.raises(NotFound, match=r"n\.nothing"):
        story.doctor("n.nothing")


def test_a_dropped_dataset_is_looked_at_too(story: Lake) -> None:
    path = _files(story, ".parquet")[0]
    story.drop("n.t")
    assert kinds(story) == []
    path.write_bytes(b"x")
    assert kinds(story) == [("note", "data")]


def test_rights_that_let_others_in_are_a_risk(story: Lake) -> None:
    place = Path(story.handles.warehouse.uri)
    place.chmod(0o755)
    assert kinds(story) == [("risk", "permissions")]
    assert not story.doctor().report.is_sound
    place.chmod(0o700)


def test_a_lake_for_reading_is_looked_at_and_not_mended(
    story: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKECTL_READONLY", "1")
    with open_lake(story.settings.root) as reading:
        assert reading.doctor(verify=True).report.is_sound
        with pytest.raises(NotAllowed):
            reading.repairs(reading.doctor())


def test_a_table_that_cannot_be_mended_says_so_until_it_is_dropped(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"a": [1]}))
    for path in _files(lake, ".parquet"):
        path.unlink()
    seen = lake.doctor()
    assert lake.repairs(seen) == []
    assert "drop it and load it again" in str(seen.report.findings[0].remedy)
    lake.drop("n.t")
    assert kinds(lake) == [("note", "data")]
    assert lake.doctor().report.is_sound


@pytest.mark.parametrize("gone", [".json", "-m0.avro", "snap-", ".parquet"])
def test_what_is_missing_is_mended_like_what_is_damaged(story: Lake, gone: str) -> None:
    before = rows_of(story)
    _files(story, gone)[-1].unlink()
    assert not story.doctor().report.is_sound
    assert mend(story) != []
    assert kinds(story) == []
    assert gone == ".parquet" or rows_of(story) == before


def test_while_metadata_is_damaged_nothing_of_the_table_is_litter(story: Lake) -> None:
    before = rows_of(story)
    with story.handles.database.write() as conn:  # as of a lake from before they were kept
        conn.execute(tables.metadata_files.delete())
    Path(story.describe("n.t").metadata_location).write_text("{}")
    forget()
    found = story.doctor().report.findings
    assert [f.kind for f in found] == [Kind.METADATA]
    mend(story, older_than=0)
    assert rows_of(story) == before
    left = story.doctor(verify=True).report.findings  # its earlier states, which nothing names now
    assert {(f.kind, str(f.path)[-14:]) for f in left} == {(Kind.ORPHAN, ".metadata.json")}
    mend(story, older_than=0)
    assert (kinds(story), rows_of(story)) == ([], before)
    story.dataset("n.t").append(pa.table({"id": [99], "s": ["z"], "new": [9.0]}))


def test_all_metadata_of_a_table_may_be_gone(story: Lake) -> None:
    before = rows_of(story)
    for path in _files(story, ".json", ".avro"):
        path.unlink()
    mend(story)
    mend(story)  # once its metadata is there, the manifests that that names can be missed
    assert kinds(story) == []
    assert rows_of(story) == before


def test_names_that_go_with_a_lost_version_are_told_and_undo_goes_on(lake: Lake) -> None:
    handle = lake.dataset("n.t")
    for number in (1, 2, 3):
        handle.append(pa.table({"a": [number]}))
    lake.tag("n.t", "keep", 2)
    newest = lake.handles.reader.files(lake.describe("n.t"), lake.versions("n.t")[1].snapshot_id)
    Path(newest[-1].path).write_bytes(b"gone")
    forget()
    (step,) = lake.repairs(lake.doctor())
    assert "v2, v3, the tag keep" in step.sentence
    aside = step.do()
    assert "lost: v2, v3, the tag keep." in aside
    assert aside.count("Set aside:") == 2
    lake.dataset("n.u").append(pa.table({"a": [1]}))
    assert "n.u is gone" in lake.undo().sentence
    with pytest.raises(NotFound, match="nothing to undo"):
        lake.undo()
    assert kinds(lake) == []


@pytest.mark.parametrize("place", ["'/tmp/elsewhere'", "location || '2'"])
def test_no_file_of_a_dataset_is_litter_because_a_row_of_ours_is_wrong(
    story: Lake, place: str
) -> None:
    before = {path for path, _ in story.handles.warehouse.walk()}
    with story.handles.database.write() as conn:
        conn.execute(sa.text(f"UPDATE datasets SET location = {place} WHERE name = 't'"))
    mend(story, older_than=0)
    mend(story, older_than=0)
    assert {path for path, _ in story.handles.warehouse.walk()} >= before
