"""From sources to versions: modes, keys, schemas, partitions, quarantine, exactly once."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from independent_reader import IndependentReader

from catalog import types
from catalog.errors import (
    Conflict,
    InvalidInput,
    LakeError,
    NotAllowed,
    NotFound,
    SchemaConflict,
)
from catalog.ingest import IngestRequest
from catalog.schema import SchemaPolicy
from lakectl.root import Lake

Put = Callable[..., Any]
Rows = Callable[..., list[dict[str, Any]]]


def _files(lake: Lake) -> set[str]:
    return {path for path, _ in lake.handles.warehouse.walk()}


def test_an_append_adds_and_an_overwrite_replaces_and_both_leave_the_past(
    lake: Lake, put: Put, rows: Rows
) -> None:
    put("n.t", "a,b\n1,x\n", message="first", run_id="r1")
    put("n.t", "a,b\n2,y\n")
    report = put("n.t", "a,b\n3,z\n4,z\n", mode="overwrite")
    assert (report.version, report.rows_added, report.rows) == (3, 2, 2)
    assert [r["a"] for r in rows("n.t")] == [3, 4]
    assert [r["a"] for r in rows("n.t", 2)] == [1, 2]
    assert [r["a"] for r in rows("n.t", 1)] == [1]
    told = [
        (v.version, v.operation, v.rows_added, v.rows_deleted, v.rows, v.message, v.run_id)
        for v in lake.versions("n.t")
    ]
    assert told == [
        (3, "overwrite", 2, 2, 2, None, None),
        (2, "append", 1, 0, 2, None, None),
        (1, "append", 1, 0, 1, "first", "r1"),
    ]


def test_a_merge_replaces_what_is_there_and_adds_what_is_not(
    lake: Lake, put: Put, rows: Rows
) -> None:
    put("n.t", "id,day,v\n1,2024-01-01,old\n2,2024-01-01,old\n")
    put("n.t", "id,day,v\n1,2024-01-02,old\n")
    report = put(
        "n.t", "id,day,v\n2,2024-01-01,new\n9,2024-01-01,new\n", mode="merge", key=("id", "day")
    )
    assert (report.rows_added, report.rows) == (2, 4)
    assert {(r["id"], r["day"].day): r["v"] for r in rows("n.t")} == {
        (1, 1): "old",
        (2, 1): "new",
        (1, 2): "old",
        (9, 1): "new",
    }
    newest = lake.versions("n.t")[0]
    assert (newest.operation, newest.rows_added, newest.rows_deleted) == ("merge", 2, 1)
    assert lake.describe("n.t").key_columns == ("id", "day")


def test_a_merge_writes_only_the_files_that_hold_a_key_anew(lake: Lake, put: Put) -> None:
    for number in range(3):
        put("n.t", f"id,v\n{number},x\n")
    before = {f.path for f in lake.handles.reader.files(*_head(lake, "n.t"))}
    put("n.t", "id,v\n1,new\n", mode="merge", key=("id",))
    after = {f.path for f in lake.handles.reader.files(*_head(lake, "n.t"))}
    assert len(before & after) == 2


def _head(lake: Lake, name: str) -> tuple[Any, int | None]:
    found = lake.describe(name)
    return found, found.snapshot_id


@pytest.mark.parametrize(
    ("content", "words"),
    [("id,v\n1,a\n1,b\n", "more than once"), ("id,v\n,a\n2,b\n", "source without id: 1")],
)
def test_a_merge_whose_key_does_not_tell_rows_apart_changes_nothing(
    lake: Lake, put: Put, rows: Rows, content: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        put("n.new", content, mode="merge", key=("id",))
    put("n.t", "id,v\n1,x\n")
    before = _files(lake)
    with pytest.raises(InvalidInput, match=words):
        put("n.t", content, mode="merge", key=("id",))
    assert rows("n.t") == [{"id": 1, "v": "x"}]
    assert [str(s.name) for s in lake.ls()] == ["n.t"]
    assert _files(lake) == before


def test_a_merge_that_fails_leaves_no_quarantine_either(lake: Lake, put: Put) -> None:
    put("n.t", "id,v\n1,x\n", mode="merge", key=("id",))
    with pytest.raises(InvalidInput):
        put("n.t", "id,v\n2,x\n2,y\n3,z,z\n", mode="merge", key=("id",), on_bad_row="quarantine")
    assert [str(s.name) for s in lake.ls()] == ["n.t"]


def test_rows_that_are_all_bad_are_kept_aside_and_told_as_bad(lake: Lake, put: Put) -> None:
    put("n.t", "a,b\n1,2\n")
    report = put("n.t", "a,b\n1,2,3\n1\n", on_bad_row="quarantine")
    assert (report.rows_added, report.quarantined, report.rows) == (0, 2, 1)
    assert lake.describe("n.t_quarantine").summary.rows == 2


def _header() -> Any:
    from catalog.sources import TextOptions

    return TextOptions(header=True)


def test_no_bad_row_is_lost_and_each_tells_where_it_came_from(
    lake: Lake, put: Put, tmp_path: Path
) -> None:
    put("n.t", "a,b\n1,2\n")
    report = put("n.t", 'a,b\n2,2\nx,y\n3\n"two\nlines",5\n6,6\n', on_bad_row="quarantine")
    assert (report.rows_added, report.quarantined) == (2, 3)
    kept = lake.to_arrow("n.t_quarantine").to_pylist()
    told = sorted((r["line"], r["column"] or "", r["raw"]) for r in kept)
    assert told == [
        (3, "a", "x,y"),
        (3, "b", "x,y"),
        (4, "", "3"),
        (5, "a", '"two\nlines",5'),
    ]
    assert {r["file"] for r in kept} == {str(tmp_path / "source.csv")}
    assert all(r["reason"] for r in kept)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "upsert"},
        {"mode": "merge"},
        {"key": ("a",)},
        {"mode": "merge", "key": ("none",)},
        {"on_bad_row": "drop"},
        {"if_seen": "maybe"},
        {"partition_by": ("none",)},
        {"format": "xml"},
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused_and_changes_nothing(
    lake: Lake, put: Put, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        put("n.t", "a\n1\n", **options)
    assert lake.ls() == []
    assert _files(lake) == set()


# -- schema policies ------------------------------------------------------------------------------


def test_evolve_takes_new_columns_and_wider_types_and_records_them(lake: Lake, rows: Rows) -> None:
    trips = lake.dataset("n.t")
    trips.append(pa.table({"i": pa.array([1], pa.int32()), "f": pa.array([1.5], pa.float32()),
                           "d": pa.array([Decimal("1.50")], pa.decimal128(9, 2))}))  # fmt: skip
    wider = pa.table(
        {
            "i": pa.array([2**40], pa.int64()),
            "f": pa.array([0.1], pa.float64()),
            "d": pa.array([Decimal("12345678901.25")], pa.decimal128(20, 2)),
            "new": ["x"],
        }
    )
    with pytest.raises(SchemaConflict) as told:
        trips.append(wider)
    assert len(told.value.changes) == 4
    with pytest.raises(SchemaConflict, match="new"):
        trips.append(wider, schema="widen")
    trips.append(wider, schema="evolve")
    kinds = {f.name: types.text_of(f.type) for f in lake.describe("n.t").schema.fields}
    assert kinds == {"i": "long", "f": "double", "d": "decimal(20, 2)", "new": "string"}
    assert rows("n.t")[0] == {"i": 1, "f": 1.5, "d": Decimal("1.50"), "new": None}
    history = [(r.version, r.schema.names) for r in lake.schemas("n.t")]
    assert history == [(1, ["i", "f", "d"]), (2, ["i", "f", "d", "new"])]
    assert rows("n.t", 1) == [{"i": 1, "f": 1.5, "d": Decimal("1.50")}]


def test_widen_takes_wider_types_alone(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"i": pa.array([1], pa.int32())}))
    lake.dataset("n.t").append(pa.table({"i": pa.array([2**40], pa.int64())}), schema="widen")
    assert lake.describe("n.t").schema.fields[0].type == types.Primitive("long")


def test_a_narrower_type_is_no_change(lake: Lake, rows: Rows) -> None:
    lake.dataset("n.t").append(pa.table({"v": pa.array([1.5], pa.float64())}))
    lake.dataset("n.t").append(pa.table({"v": pa.array([2], pa.int32())}))
    assert rows("n.t") == [{"v": 1.5}, {"v": 2.0}]
    assert len(lake.schemas("n.t")) == 1


def test_an_absent_column_is_filled_with_null_only_where_that_is_allowed(
    lake: Lake, put: Put, rows: Rows
) -> None:
    put("n.t", "a,b\n1,x\n")
    with pytest.raises(SchemaConflict, match="b string"):
        put("n.t", "a\n2\n")
    put("n.t", "a\n2\n", schema=SchemaPolicy.EVOLVE)
    assert rows("n.t") == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_an_independent_reader_agrees_after_evolution_merge_and_rollback(
    lake: Lake, oracle: IndependentReader
) -> None:
    trips = lake.dataset("n.t")
    trips.append(
        pa.table({"id": [1, 2], "s": [{"a": 1}, {"a": 2}]}), partition_by=["bucket(4, id)"]
    )
    trips.append(pa.table({"id": [3], "s": [{"a": 3, "b": "x"}], "new": [1.5]}), schema="evolve")
    trips.merge(pa.table({"id": [1], "s": [{"a": 9, "b": "z"}], "new": [2.5]}), key=["id"])
    trips.append(pa.table({"id": [7], "s": [{"a": 7, "b": "z"}], "new": [0.5]}))
    lake.rollback("n.t", 3)
    query = "SELECT id, s.a, s.b, new FROM {} ORDER BY id"
    theirs = oracle.read(lake.describe("n.t").metadata_location, query.format("t"))
    ours = lake.sql(query.format("n.t")).rows
    assert theirs == [(1, 9, "z", 2.5), (2, 2, None, None), (3, 3, "x", 1.5)]
    assert [tuple(float(v) if isinstance(v, Decimal) else v for v in r) for r in ours] == theirs


# -- seen before ----------------------------------------------------------------------------------


def test_the_same_bytes_are_loaded_once_unless_asked_for(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n", "one.csv")
    again = put("n.t", "a\n1\n", "two.csv")
    assert again.skipped
    assert (again.version, again.rows_added, again.rows) == (1, 0, 1)
    assert "same bytes" in again.notes[0]
    assert put("n.t", "a\n1\n", if_seen="load").rows == 2
    assert not put("n.t", "a\n2\n").skipped  # as many bytes, others
    assert not put("n.u", "a\n1\n").skipped  # another dataset


@pytest.mark.parametrize(
    "manner", [{"select": "SELECT a + 1 AS a FROM source"}, {"mode": "merge", "key": ("a",)}]
)
def test_the_same_bytes_in_another_manner_are_another_load(
    lake: Lake, put: Put, manner: dict[str, Any]
) -> None:
    put("n.t", "a\n1\n")
    assert not put("n.t", "a\n1\n", **manner).skipped


def test_bytes_that_a_rollback_took_out_are_loaded_again(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    put("n.t", "a\n2\n")
    lake.rollback("n.t", 1)
    report = put("n.t", "a\n2\n")
    assert not report.skipped
    assert report.rows == 2
    assert put("n.t", "a\n1\n").skipped
    lake.undo("n.t")
    assert not put("n.t", "a\n2\n").skipped


def test_bytes_that_an_overwrite_replaced_are_loaded_again(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    put("n.t", "a\n2\n", mode="overwrite")
    assert put("n.t", "a\n2\n", mode="overwrite").skipped
    assert not put("n.t", "a\n1\n").skipped
    assert not put("n.t", "a\n2\n", mode="overwrite").skipped  # it would change something now


def test_bytes_of_a_dropped_dataset_are_loaded_again(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    lake.drop("n.t")
    assert not put("n.t", "a\n1\n").skipped
    assert lake.describe("n.t").summary.version == 1


# -- exactly once ---------------------------------------------------------------------------------


def test_a_write_with_a_key_lands_once(lake: Lake, put: Put) -> None:
    for _ in range(3):
        report = put("n.t", "a\n1\n", write_key="load-2024-01", if_seen="load")
    assert (report.version, report.rows) == (1, 1)
    assert put("n.t", "a\n1\n", write_key="load-2024-02", if_seen="load").rows == 2


def test_a_key_that_another_dataset_used_is_a_conflict(lake: Lake, put: Put, rows: Rows) -> None:
    put("n.t", "a\n1\n", write_key="k")
    put("n.u", "a\n1\n")
    for name in ("n.u", "n.new"):
        with pytest.raises(Conflict):
            put(name, "a\n2\n", write_key="k")
    assert rows("n.u") == [{"a": 1}]


def test_a_key_of_a_dropped_dataset_is_a_conflict_and_no_crash(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n", write_key="k")
    lake.drop("n.t")
    with pytest.raises(Conflict):
        put("n.t", "a\n2\n", write_key="k")


def test_a_write_with_a_key_quarantines_once(lake: Lake, put: Put) -> None:
    put("n.t", "a\n0\n")
    for _ in range(2):
        put(
            "n.t",
            "a\n1\nx\n",
            write_key="k",
            on_bad_row="quarantine",
            if_seen="load",
            text=_header(),
        )
    assert lake.describe("n.t").summary.rows == 2
    assert lake.describe("n.t_quarantine").summary.rows == 1


def test_a_failed_first_load_leaves_neither_dataset_nor_file(lake: Lake, put: Put) -> None:
    for content, options in (
        ("a\n1\nx\n" * 3, {"select": "SELECT a::INTEGER AS a FROM source"}),
        ("a\n1\n", {"mode": "merge", "key": ("b",)}),
        ("a\n", {}),
    ):
        with pytest.raises(LakeError):
            put("n.t", content, text=_header(), **options)
    assert lake.ls() == []
    assert _files(lake) == set()
    assert list((lake.settings.state / "scratch").iterdir()) == []


def test_a_load_of_no_rows_leaves_a_dataset_as_it_is(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    before = _files(lake)
    report = put("n.t", "a\n", text=_header())
    assert (report.version, report.rows_added, report.rows) == (1, 0, 1)
    assert _files(lake) == before


def test_a_dataset_that_was_made_meanwhile_is_added_to_or_a_conflict_is_told(
    lake: Lake,
) -> None:
    code = (
        "import sys, pyarrow as pa, lakectl\n"
        "lake = lakectl.open(sys.argv[1]); done = 0\n"
        "for n in range(5):\n"
        "    while True:\n"
        "        row = pa.table({'a': [int(sys.argv[2]) * 5 + n]})\n"
        "        try: lake.dataset('n.t').append(row); break\n"
        "        except lakectl.Conflict as e: assert 'just made' in str(e), e\n"
    )
    root = str(lake.settings.root)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, root, str(n)], stderr=subprocess.PIPE, text=True
        )
        for n in range(4)
    ]
    ends = [p.communicate()[1] for p in running]
    assert [p.returncode for p in running] == [0] * 4, ends
    assert sorted(lake.to_arrow("n.t")["a"].to_pylist()) == list(range(20))
    assert [v.version for v in lake.versions("n.t")] == list(range(20, 0, -1))


# -- partitions -----------------------------------------------------------------------------------

_MOMENTS = [
    datetime.datetime.fromisoformat(t)
    for t in ("1969-12-31T23:59:59.999999", "1970-01-01", "2024-02-29T12:00", "2024-02-29T13:00")
]


@pytest.mark.parametrize(
    ("part", "files"),
    [
        ("year(ts)", 4), ("month(ts)", 4), ("day(ts)", 4), ("hour(ts)", 5), ("truncate(2, s)", 3),
        ("bucket(3, id)", None), ("s", 5), ("id", 5), ("b", 3), ("d", 5), ("year(ts),s", None),
    ],
)  # fmt: skip
def test_every_transform_splits_the_rows_and_loses_none(
    lake: Lake, oracle: IndependentReader, part: str, files: int | None
) -> None:
    table = pa.table(
        {
            "id": [1, 2, 3, 4, None],
            "ts": pa.array([*_MOMENTS, None], pa.timestamp("us")),
            "s": ["abc", "abd", "ab", None, "*?[1]/%2e='"],
            "b": [True, False, True, None, None],
            "d": pa.array(
                [Decimal("1.50"), Decimal("-1.50"), None, Decimal(0), Decimal(9)],
                pa.decimal128(9, 2),
            ),
        }
    )
    parts = part.split(",") if "(" not in part or part.startswith("year(ts),") else [part]
    report = lake.dataset("n.t").append(table, partition_by=parts)
    assert report.rows == 5
    if files is not None:
        assert report.files == files
    query = "SELECT count(*), count(id), sum(id), min(ts), max(ts) FROM {}"
    found = lake.describe("n.t")
    theirs = oracle.read(found.metadata_location, query.format("t"))
    assert theirs == [(5, 4, 10, "1969-12-31T23:59:59.999999", "2024-02-29T13:00:00")]
    for where in (
        "ts < '1970-01-01'",
        "ts = '2024-02-29 13:00'",
        "s = 'abd'",
        "id = 3",
        "NOT b",
        "d = -1.5",
    ):
        count = f"SELECT count(*) FROM {{}} WHERE {where}"
        assert oracle.read(found.metadata_location, count.format("t")) == [(1,)], where
        assert lake.sql(count.format("n.t")).rows == ((1,),), where
    told = [p.text(found.schema) for p in found.partitioning]
    assert told == parts


def test_the_partitioning_is_set_by_the_first_load(lake: Lake, put: Put) -> None:
    put("n.t", "a,b\n1,x\n", partition_by=("b",))
    put("n.t", "a,b\n2,y\n")
    put("n.t", "a,b\n3,y\n", partition_by=("b",))
    assert len(lake.handles.reader.files(*_head(lake, "n.t"))) == 3
    with pytest.raises(Conflict, match="partitioned by b"):
        put("n.t", "a,b\n4,y\n", partition_by=("a",))


def test_a_merge_and_an_overwrite_keep_the_partitioning(lake: Lake, put: Put, rows: Rows) -> None:
    put("n.t", "a,b\n1,x\n2,y\n", partition_by=("b",), mode="merge", key=("a",))
    put("n.t", "a,b\n2,x\n3,z\n", mode="merge", key=("a",))
    assert rows("n.t") == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}, {"a": 3, "b": "z"}]
    put("n.t", "a,b\n5,u\n6,v\n", mode="overwrite")
    assert len(lake.handles.reader.files(*_head(lake, "n.t"))) == 2


@pytest.mark.parametrize(
    "value", ["x" * 2000, "", " ", "NULL", "__HIVE_DEFAULT_PARTITION__", "é/..", "\n"]
)
def test_a_partition_value_may_be_any_text(lake: Lake, rows: Rows, value: str) -> None:
    table = pa.table({"s": [value, None], "a": [1, 2]})
    lake.dataset("n.t").append(table, partition_by=["s"])
    assert {r["a"]: r["s"] for r in rows("n.t")} == {1: value, 2: None}
    assert lake.sql(f"SELECT a FROM n.t WHERE s = '{value}'").rows == ((1,),)


def test_partitions_by_bytes_and_far_dates_work_or_are_refused_in_a_sentence(lake: Lake) -> None:
    blobs = pa.table({"b": pa.array([b"\x00\xff", b"ab", b"", None])})
    far = pa.table(
        {"t": pa.array([2**63 - 1, -(2**63) + 1, 253402300800000000, 0], pa.timestamp("us"))}
    )
    for number, (table, part) in enumerate(
        [(blobs, "b"), (far, "t"), (far, "day(t)"), (far, "year(t)")]
    ):
        name = f"n.t{number}"
        try:
            lake.dataset(name).append(table, partition_by=[part])
        except LakeError:
            assert name not in {str(s.name) for s in lake.ls()}
        else:
            assert lake.sql(f"SELECT count(*) FROM {name}").rows == ((4,),)


# -- branches -------------------------------------------------------------------------------------


def test_loads_into_a_branch_leave_main_alone_and_build_on_the_branch(
    lake: Lake, put: Put, rows: Rows
) -> None:
    put("n.t", "a\n1\n")
    lake.branch("n.t", "dev")
    report = put("n.t", "a\n2\n", branch="dev")
    assert (report.version, report.rows) == (2, 2)
    assert rows("n.t") == [{"a": 1}]
    assert rows("n.t", "dev") == [{"a": 1}, {"a": 2}]
    put("n.t", "a\n3\n")
    assert rows("n.t") == [{"a": 1}, {"a": 3}]
    assert rows("n.t", "dev") == [{"a": 1}, {"a": 2}]


def test_an_overwrite_of_a_branch_replaces_the_rows_of_the_branch(
    lake: Lake, put: Put, rows: Rows
) -> None:
    put("n.t", "a\n1\n")
    lake.branch("n.t", "dev")
    put("n.t", "a\n2\n", branch="dev")
    put("n.t", "a\n9\n", branch="dev", mode="overwrite")
    assert rows("n.t", "dev") == [{"a": 9}]
    assert rows("n.t") == [{"a": 1}]


def test_a_merge_into_a_branch_finds_the_keys_of_the_branch(
    lake: Lake, put: Put, rows: Rows
) -> None:
    put("n.t", "a,v\n1,x\n")
    lake.branch("n.t", "dev")
    put("n.t", "a,v\n2,x\n", branch="dev")
    put("n.t", "a,v\n2,new\n", branch="dev", mode="merge", key=("a",))
    assert rows("n.t", "dev") == [{"a": 1, "v": "x"}, {"a": 2, "v": "new"}]
    assert rows("n.t") == [{"a": 1, "v": "x"}]


def test_a_branch_that_is_not_there_is_not_made_by_a_load(lake: Lake, put: Put) -> None:
    put("n.t", "a\n1\n")
    lake.tag("n.t", "gold")
    for branch in ("typo", "gold"):
        with pytest.raises((NotFound, Conflict)):
            put("n.t", "a\n2\n", branch=branch)
    with pytest.raises(NotFound):
        put("n.new", "a\n2\n", branch="dev")
    assert lake.describe("n.t").branches == {}


def test_a_lake_on_an_object_store_and_postgres_does_all_the_same(
    gcs: Any, gcs_bucket: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakectl.root import init_lake, open_lake

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    monkeypatch.setenv("LAKECTL_DATABASE", postgres_url)
    init_lake(tmp_path / "team", warehouse=f"gs://{gcs_bucket}/lake", database=postgres_url)
    with open_lake(tmp_path / "team") as team:
        trips = team.dataset("n.t")
        trips.append(pa.table({"id": [1, 2], "s": ["a", "b"]}), partition_by=["s"])
        trips.merge(pa.table({"id": [2, 3], "s": ["z", "c"]}), key=["id"])
        team.tag("n.t", "gold")
        trips.overwrite(pa.table({"id": [9], "s": ["q"]}))
        team.rollback("n.t", "gold")
        assert sorted(trips.to_arrow()["id"].to_pylist()) == [1, 2, 3]
        assert team.sql("SELECT s FROM n.t AT (VERSION => 3) WHERE id = 9").rows == (("q",),)
        assert team.sql("SELECT s FROM n.t WHERE id = 2").rows == (("z",),)
        with pytest.raises(NotAllowed):
            team.sql("SELECT * FROM read_text('/etc/hostname')")
        locations = [path for path, _ in team.handles.warehouse.walk()]
        assert locations
        assert all(path.startswith(f"gs://{gcs_bucket}/lake/") for path in locations)


def test_an_ingest_request_needs_a_source(lake: Lake) -> None:
    with pytest.raises(InvalidInput, match="nothing to load"):
        lake.ingest(IngestRequest(into="n.t"))


def test_what_a_killed_load_left_aside_is_gone_after_the_next(lake: Lake, put: Put) -> None:
    scratch = lake.handles.state / "scratch"
    put("n.t", "a\n1\n")
    assert list(scratch.iterdir()) == []
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = os.uname().nodename
    left, running = scratch / f"{host}.{dead.pid}.x", scratch / f"{host}.{os.getppid()}.x"
    elsewhere = scratch / f"another-host.{dead.pid}.x"
    for folder in (left, running, elsewhere):
        folder.mkdir()
        (folder / "clean-0.ndjson").write_text("{}")
    put("n.t", "a\n2\n")
    assert sorted(scratch.iterdir()) == sorted([running, elsewhere])
