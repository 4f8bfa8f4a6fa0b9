"""What the formats of sources would bend in silence: it comes in as it is, or it is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.errors import InvalidInput, NotFound
from catalog.ingest import IngestRequest
from lakectl.root import Lake, init_lake, open_lake

Put = Callable[..., Any]
Rows = Callable[..., list[dict[str, Any]]]
_LONG = Decimal("123456789012345678901234567890123456789")  # 39 digits


@pytest.mark.parametrize("select", [None, "SELECT a::VARCHAR AS a FROM source"])
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('{"a":9007199254740993}\n{"a":1.5}\n', "9007199254740993"),
        ('{"a":{"x":9007199254740993}}\n{"a":{"x":1.5}}\n', "9007199254740993"),
        ('{"a":[1.5]}\n{"a":[2.5,-9007199254740993]}\n', "-9007199254740993"),
        ('{"a":[{"b c":[9007199254740993,1.5]}]}\n', "9007199254740993"),
        ('{"a":123456789012345678901234567890123456789012}\n', "123456789012345678901234567890"),
        ('{"a":1e400}\n', "1e400"),
    ],
)
def test_a_json_number_that_no_double_holds_is_refused_wherever_it_stands(
    lake: Lake, put: Put, lines: str, told: str, select: str | None
) -> None:
    with pytest.raises(InvalidInput, match="column 'a' holds") as refused:
        put("n.t", lines, "source.ndjson", select=select)
    assert told in refused.value.message
    assert "--select" not in (refused.value.hint or "")
    assert lake.ls() == []


def test_a_json_integer_that_a_double_holds_exactly_may_stand_among_fractions(
    put: Put, rows: Rows
) -> None:
    put("n.t", '{"a":10000000000000000}\n{"a":-36028797018963968}\n{"a":0.5}\n', "s.ndjson")
    assert {row["a"] for row in rows("n.t")} == {1e16, -36028797018963968.0, 0.5}


def test_texts_among_other_json_values_keep_their_own_length(put: Put, rows: Rows) -> None:
    lines = '{"a":1}\n{"a":"x"}\n{"a":"\\"q\\""}\n{"a":{"b":[1]}}\n{"a":null}\n{}\n'
    report = put("n.t", lines, "source.ndjson")
    found = [row["a"] for row in rows("n.t")]
    assert sorted(v for v in found if v is not None) == ['"q"', "1", "x", '{"b":[1]}']
    assert found.count(None) == 2
    assert any("several types" in note for note in report.notes)


def test_objects_may_share_a_line_also_when_bad_lines_are_put_aside(put: Put, rows: Rows) -> None:
    lines = '\ufeff{"a":1} {"a":2}{"a":3}\n{"a":\n{"a":4}\n'
    report = put("n.t", lines, "source.ndjson", on_bad_row="quarantine")
    assert report.quarantined == 1
    assert sorted(row["a"] for row in rows("n.t")) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (pa.table({"a": pa.array([_LONG], pa.decimal256(39, 0))}), "39 digits"),
        (pa.table({"a": pa.array([[_LONG]], pa.list_(pa.decimal256(39, 0)))}), "39 digits"),
        (pa.table({"x": pa.array([{"a": 1, "A": 2}])}), "two columns called 'a' and 'A'"),
        (pa.table({"": [1]}), "without a name"),
        (pa.table([pa.array([1]), pa.array([2])], names=["a", "A"]), "two columns called"),
    ],
)
@pytest.mark.parametrize("select", [None, "SELECT 1 AS one FROM source"])
def test_a_parquet_file_that_would_come_in_bent_is_refused(
    lake: Lake, tmp_path: Path, table: pa.Table, told: str, select: str | None
) -> None:
    path = tmp_path / "source.parquet"
    pq.write_table(table, path)
    with pytest.raises(InvalidInput, match=told):
        lake.ingest(IngestRequest(into="n.t", sources=(str(path),), select=select))
    assert lake.ls() == []


@pytest.mark.parametrize("opening", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize(
    ("table", "told"),
    [
        (pa.table({}), "has no columns"),
        (pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), "two columns called"),
        (pa.table({"": [1]}), "without a name"),
        (pa.table({"a\x00b": [1]}), "NUL in its name"),
    ],
)
def test_an_arrow_file_with_unfit_names_is_refused(
    lake: Lake, tmp_path: Path, opening: Any, table: pa.Table, told: str
) -> None:
    path = tmp_path / "source.arrow"
    with pa.OSFile(str(path), "wb") as sink, opening(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(InvalidInput, match=told):
        lake.ingest(IngestRequest(into="n.t", sources=(str(path),)))
    assert lake.ls() == []


def test_a_frame_with_a_name_that_would_be_cut_is_refused(lake: Lake) -> None:
    with pytest.raises(InvalidInput, match="NUL in its name"):
        lake.dataset("n.t").append(pa.table({"a\x00b": [1]}))
    assert lake.ls() == []


def test_what_is_no_file_in_a_folder_is_told_and_not_passed_over(
    lake: Lake, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("a\n1\n")
    (folder / "b.csv").symlink_to(tmp_path / "nowhere")
    for source in (folder, folder / "*.csv"):
        with pytest.raises(NotFound, match="link to a file"):
            lake.ingest(IngestRequest(into="n.t", sources=(str(source),)))
    (folder / "b.csv").unlink()
    os.mkfifo(folder / "b.csv")
    with pytest.raises(InvalidInput, match="no file that could be read"):
        lake.ingest(IngestRequest(into="n.t", sources=(str(folder),)))
    assert lake.ls() == []


def test_a_merge_of_no_rows_changes_nothing(lake: Lake, put: Put) -> None:
    put("n.t", "id,v\n1,a\n")
    report = put("n.t", "id,v\n", mode="merge", key=("id",))
    assert (report.version, report.rows_added, report.rows) == (1, 0, 1)
    assert lake.describe("n.t").summary.version == 1


def test_a_folder_that_looks_like_a_partition_changes_no_value(tmp_path: Path) -> None:
    home = tmp_path / "id=7"
    home.mkdir()
    init_lake(home / "lake")
    pq.write_table(pa.table({"id": [1, 2], "v": ["a", "b"]}), home / "t.parquet")
    (home / "t.ndjson").write_text('{"id":1,"v":"a"}\n{"id":2,"v":"b"}\n')
    (home / "t.csv").write_text("id,v\n1,a\n2,b\n")
    (home / "bad.csv").write_text("id,v\n9,z\nx,c\n")
    (home / "more.csv").write_text("id,v\n2,B\n3,C\n")
    whole = [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    with open_lake(home / "lake") as lake:
        for form in ("parquet", "ndjson", "csv"):
            name = f"n.{form}"
            source = (str(home / f"t.{form}"),)
            lake.ingest(IngestRequest(into=name, sources=source))
            assert lake.to_arrow(name).to_pylist() == whole
            assert lake.sql(f"SELECT * FROM {name} ORDER BY id").rows == ((1, "a"), (2, "b"))
            assert lake.preview(name).rows == ((1, "a"), (2, "b"))
        bad = (str(home / "bad.csv"),)
        lake.ingest(IngestRequest(into="n.csv", sources=bad, on_bad_row="quarantine"))
        assert lake.sql("SELECT line, raw FROM n.csv_quarantine").rows == ((3, "x,c"),)
        more = (str(home / "more.csv"),)
        lake.ingest(IngestRequest(into="n.csv", sources=more, mode="merge", key=("id",)))
        assert lake.sql("SELECT id, v FROM n.csv ORDER BY id").rows == (
            (1, "a"),
            (2, "B"),
            (3, "C"),
            (9, "z"),
        )


def test_a_partition_that_only_the_folder_names_is_told(
    lake: Lake, tmp_path: Path, rows: Rows
) -> None:
    folder = tmp_path / "trips" / "year=2021"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1]}), folder / "t.parquet")
    report = lake.ingest(IngestRequest(into="n.t", sources=(str(tmp_path / "trips"),)))
    assert rows("n.t") == [{"id": 1}]
    assert any("year=2021 looks like a partition" in note for note in report.notes)


@pytest.mark.parametrize("wrap", [pa.list_, lambda kind: pa.map_(pa.string(), kind)])
def test_lists_in_lists_are_refused_where_reading_them_would_take_for_ever(
    lake: Lake, wrap: Callable[[pa.DataType], pa.DataType]
) -> None:
    kind = pa.int64()
    for _ in range(16):
        kind = wrap(kind)
    lake.dataset("n.t").append(pa.table({"a": pa.array([None], kind)}))
    with pytest.raises(InvalidInput, match="'a' is nested deeper than 16 lists or maps"):
        lake.dataset("n.u").append(pa.table({"a": pa.array([None], wrap(kind))}))
    assert [str(d.name) for d in lake.ls()] == ["n.t"]
