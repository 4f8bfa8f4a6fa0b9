"""Sources of every format: their types are kept, and nothing is bent on the way in."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
import zstandard

from catalog import types
from catalog.errors import Conflict, InvalidInput, LakeError, NotFound, OperationFailed
from catalog.ingest import IngestRequest
from catalog.schema import SchemaPolicy
from lakectl.root import Lake

Put = Callable[..., Any]
_TABLE = pa.table(
    {
        "id": pa.array([1, 2, None], pa.int64()),
        "name": pa.array(["x", None, "é'"]),
        "at": pa.array([0, 1, None], pa.timestamp("us", "UTC")),
        "s": pa.array(
            [{"a": [1, None]}, None, {"a": []}], pa.struct([("a", pa.list_(pa.int32()))])
        ),
        "m": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    }
)


def _ingest(lake: Lake, into: str, *sources: Path | str, **options: Any) -> Any:
    return lake.ingest(IngestRequest(into=into, sources=tuple(map(str, sources)), **options))


def _schema(lake: Lake, name: str) -> dict[str, str]:
    return {f.name: types.text_of(f.type) for f in lake.describe(name).schema.fields}


def _written(folder: Path, form: str) -> Path:
    path = folder / f"source.{form}"
    match form:
        case "parquet":
            pq.write_table(_TABLE, path)
        case "feather":
            feather.write_feather(_TABLE, path, compression="zstd")
        case "arrow":
            with ipc.new_file(path, _TABLE.schema) as file:
                file.write_table(_TABLE)
        case "arrows":
            with ipc.new_stream(path, _TABLE.schema) as stream:
                stream.write_table(_TABLE)
    return path


@pytest.mark.parametrize("form", ["parquet", "feather", "arrow", "arrows"])
def test_formats_with_types_keep_types_and_values(lake: Lake, tmp_path: Path, form: str) -> None:
    _ingest(lake, "n.t", _written(tmp_path, form))
    assert lake.to_arrow("n.t").to_pylist() == _TABLE.to_pylist()
    assert _schema(lake, "n.t") == {
        "id": "long",
        "name": "string",
        "at": "timestamptz",
        "s": "struct<a: list<int>>",
        "m": "map<string, long>",
    }


@pytest.mark.parametrize("form", ["parquet", "feather", "arrow", "arrows"])
def test_a_cut_file_is_an_error_of_the_lake_and_loads_nothing(
    lake: Lake, tmp_path: Path, form: str
) -> None:
    path = _written(tmp_path, form)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 8):
        path.write_bytes(whole[:cut])
        with pytest.raises(LakeError):
            _ingest(lake, "n.t", path)
    assert lake.ls() == []
    assert list(lake.handles.warehouse.walk()) == []


_LINES = b'{"a":1,"b":"x","c":{"d":[1.5]}}\n{"a":2,"b":null,"c":null}\n{"b":"z"}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", _LINES),
        ("a.jsonl.gz", gzip.compress(_LINES)),
        ("a.ndjson.zst", zstandard.compress(_LINES)),
        ("a.json", json.dumps([json.loads(line) for line in _LINES.splitlines()]).encode()),
        ("a.json", json.dumps([json.loads(n) for n in _LINES.splitlines()], indent=2).encode()),
    ],
    ids=["ndjson", "gzip", "zstd", "array", "indented"],
)
def test_json_is_read_in_each_of_its_shapes(
    lake: Lake, put: Put, name: str, content: bytes
) -> None:
    put("n.t", content, name)
    assert lake.to_arrow("n.t").to_pylist() == [
        {"a": 1, "b": "x", "c": {"d": [1.5]}},
        {"a": 2, "b": None, "c": None},
        {"a": None, "b": "z", "c": None},
    ]


def test_malformed_json_lines_are_refused_or_quarantined(lake: Lake, put: Put) -> None:
    body = b'{"a":1}\n{"a":\n[1]\n\n{"a":3}\n\xff\n'
    with pytest.raises(LakeError):
        put("n.t", body, "a.ndjson")
    assert lake.ls() == []
    report = put("n.t", body, "a.ndjson", on_bad_row="quarantine")
    assert (report.rows, report.quarantined) == (2, 3)
    assert sorted(r["line"] for r in lake.to_arrow("n.t_quarantine").to_pylist()) == [2, 3, 6]


@pytest.mark.parametrize(
    "lines",
    [
        '{"id":100000000000000000001}\n',
        '{"id":9007199254740993}\n{"id":1.5}\n',
        '{"id":18446744073709551615}\n',
    ],
    ids=["21 digits", "mixed with a fraction", "unsigned 64 bit"],
)
def test_a_large_integer_in_json_is_kept_or_refused_but_never_rounded(
    lake: Lake, put: Put, lines: str
) -> None:
    given = [json.loads(line)["id"] for line in lines.splitlines()]
    try:
        put("n.t", lines, "a.ndjson")
    except LakeError:
        assert lake.ls() == []
        return
    kept = [r["id"] for r in lake.to_arrow("n.t").to_pylist()]
    assert [Decimal(str(k)) for k in kept] == [Decimal(str(g)) for g in given]


@pytest.mark.parametrize("form", ["parquet", "ndjson", "feather"])
def test_names_that_differ_only_in_case_are_refused_in_every_format(
    lake: Lake, put: Put, tmp_path: Path, form: str
) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["Fare", "fare"])
    path = tmp_path / f"twins.{form}"
    if form == "ndjson":
        path.write_text('{"Fare":1,"fare":2}\n')
    elif form == "parquet":
        pq.write_table(table, path)
    else:
        feather.write_feather(table, path)
    with pytest.raises(InvalidInput, match="case"):
        _ingest(lake, "n.t", path)
    with pytest.raises(InvalidInput, match=r"case|twice"):
        lake.dataset("n.t").append(table)
    with pytest.raises(InvalidInput, match=r"case|twice"):
        lake.dataset("n.t").append(pa.table([pa.array([1])] * 2, names=["a", "a"]))
    assert lake.ls() == []


def test_a_column_that_is_called_like_a_renamed_twin_is_fine(lake: Lake, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "a_1": [2]}), tmp_path / "a.parquet")
    _ingest(lake, "n.t", tmp_path / "a.parquet")
    assert lake.to_arrow("n.t").to_pylist() == [{"a": 1, "a_1": 2}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.uint64(), 2**64 - 1),
        (pa.timestamp("ns"), 1),
        (pa.duration("us"), 1),
        (pa.month_day_nano_interval(), (1, 2, 3)),
        (pa.null(), None),
    ],
    ids=str,
)
def test_a_type_that_iceberg_lacks_is_refused_before_anything_is_written(
    lake: Lake, kind: pa.DataType, value: object
) -> None:
    with pytest.raises(InvalidInput, match="'v'") as told:
        lake.dataset("n.t").append(pa.table({"v": pa.array([value], kind)}))
    assert told.value.hint
    assert "SELECT" in told.value.hint
    assert lake.ls() == []
    assert list(lake.handles.warehouse.walk()) == []


def test_the_hint_for_a_refused_type_is_one_that_works(lake: Lake, tmp_path: Path) -> None:
    pq.write_table(pa.table({"v": pa.array([2**64 - 1], pa.uint64())}), tmp_path / "a.parquet")
    with pytest.raises(InvalidInput) as told:
        _ingest(lake, "n.t", tmp_path / "a.parquet")
    select = str(told.value.hint).split("'")[1]
    _ingest(lake, "n.t", tmp_path / "a.parquet", select=select)
    assert lake.to_arrow("n.t").to_pylist() == [{"v": Decimal(2**64 - 1)}]


def test_unsigned_integers_that_a_wider_type_holds_come_in_whole(lake: Lake) -> None:
    columns = {f"u{b}": pa.array([0, 2**b - 1], f"uint{b}") for b in (8, 16, 32)}
    lake.dataset("n.t").append(pa.table(columns))
    assert lake.to_arrow("n.t").to_pylist()[1] == {"u8": 255, "u16": 65535, "u32": 2**32 - 1}


def test_a_dictionary_column_becomes_text(lake: Lake) -> None:
    column = pa.array(["x", "y", "x", None]).dictionary_encode()
    lake.dataset("n.t").append(pa.table({"c": column}))
    assert [r["c"] for r in lake.to_arrow("n.t").to_pylist()] == ["x", "y", "x", None]


def test_columns_are_matched_by_name_nested_ones_too(lake: Lake) -> None:
    first = pa.table({"a": [1], "s": [{"x": 1, "y": "one"}]})
    turned = pa.struct([("y", pa.string()), ("x", pa.int64())])
    second = pa.table({"s": pa.array([{"y": "two", "x": 2}], turned), "a": [2]})
    lake.dataset("n.t").append(first)
    lake.dataset("n.t").append(second)
    assert sorted(lake.to_arrow("n.t").to_pylist(), key=str)[1] == {
        "a": 2,
        "s": {"x": 2, "y": "two"},
    }


def test_many_files_are_one_version_in_a_fixed_order(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for number in range(12):
        (folder / f"{number:02d}.csv").write_text(f"a,b\n{number},x\n")
    (folder / "deeper" / "z.csv.gz").write_bytes(gzip.compress(b"a,b\n12,x\n"))
    (folder / ".hidden" / "no.csv").write_text("a,b\n99,x\n")
    (folder / "_SUCCESS").write_text("")
    assert _ingest(lake, "n.folder", folder).rows == 13
    assert _ingest(lake, "n.glob", folder / "0*.csv").rows == 10
    assert _ingest(lake, "n.deep", f"{folder}/**/*.gz").rows == 1
    for name in ("n.folder", "n.glob"):
        read = [r["a"] for r in lake.to_arrow(name).to_pylist()]
        assert sorted(read) == list(range(len(read)))
        assert len(lake.versions(name)) == 1


def test_files_of_different_formats_and_columns_load_together(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,x\n1,one\n")
    (tmp_path / "b.ndjson").write_text('{"id":2,"y":2.5}\n')
    pq.write_table(pa.table({"id": pa.array([3], pa.int32())}), tmp_path / "c.parquet")
    files = [tmp_path / n for n in ("a.csv", "b.ndjson", "c.parquet")]
    _ingest(lake, "n.t", *files)
    assert sorted(lake.to_arrow("n.t").to_pylist(), key=str) == [
        {"id": 1, "x": "one", "y": None},
        {"id": 2, "x": None, "y": 2.5},
        {"id": 3, "x": None, "y": None},
    ]


def test_text_files_whose_columns_widen_from_one_to_the_next_are_met(
    lake: Lake, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("v,w\n1,1\n")
    (tmp_path / "b.csv").write_text("v,w\n1.5,2\n")
    _ingest(lake, "n.t", tmp_path / "a.csv", tmp_path / "b.csv")
    assert _schema(lake, "n.t") == {"v": "double", "w": "long"}


def test_files_that_do_not_fit_each_other_are_refused(lake: Lake, tmp_path: Path) -> None:
    pq.write_table(pa.table({"v": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"v": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(Conflict, match="'v'"):
        _ingest(lake, "n.t", tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert lake.ls() == []


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("none.csv", NotFound),
        ("none/*.csv", NotFound),
        ("empty-folder", NotFound),
        ("empty.csv", InvalidInput),
        ("strange.xyz", InvalidInput),
        ("ftp://host/a.csv", InvalidInput),
        ("s3://bucket/a.csv", InvalidInput),
        ("http://127.0.0.1:9/a.csv", LakeError),
        ("gs://bucket-that-is-not/a.csv", LakeError),
    ],
)
def test_a_source_that_cannot_be_read_is_told_in_one_sentence(
    lake: Lake, tmp_path: Path, source: str, error: type[LakeError], gcs: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "empty.csv").touch()
    (tmp_path / "strange.xyz").write_bytes(b"\x00\x01")
    named = source if "://" in source else str(tmp_path / source)
    with pytest.raises(error) as told:
        _ingest(lake, "n.t", named)
    assert "\n" not in told.value.message
    assert lake.ls() == []


def test_a_name_with_signs_of_a_glob_names_one_file(lake: Lake, tmp_path: Path) -> None:
    for name in ("a[1].csv", "a1.csv", "b*.csv", "bb.csv"):
        (tmp_path / name).write_text(f"v\n{1 if '[' in name or '*' in name else 2}\n")
    for number, name in enumerate(("a[1].csv", "b*.csv")):
        _ingest(lake, f"n.t{number}", tmp_path / name)
        assert lake.to_arrow(f"n.t{number}").to_pylist() == [{"v": 1}]


def test_objects_of_a_bucket_are_sources(
    lake: Lake, gcs: Any, gcs_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gcsfs

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    store = gcsfs.GCSFileSystem(**gcs.storage_options)
    for number in range(3):
        store.pipe_file(f"{gcs_bucket}/in/{number}.csv", f"a\n{number}\n".encode())
    assert _ingest(lake, "n.one", f"gs://{gcs_bucket}/in/1.csv").rows == 1
    assert _ingest(lake, "n.every", f"gs://{gcs_bucket}/in/*.csv").rows == 3


def test_the_stream_of_an_arrow_reader_is_loaded(lake: Lake) -> None:
    batches = pa.table({"a": list(range(10_000))}).to_batches(max_chunksize=1000)
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    assert lake.dataset("n.t").append(reader).rows == 10_000


def test_a_pandas_frame_is_loaded_and_comes_back(lake: Lake) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "s": ["x", None], "f": [1.5, math.nan]}, index=[7, 8])
    frame["t"] = pd.to_datetime(
        ["2024-01-01T00:00:00", "1969-12-31T23:59:59.999999"], format="ISO8601"
    ).as_unit("us")
    lake.dataset("n.t").append(frame)
    back = lake.dataset("n.t").to_pandas()
    assert list(back.columns) == ["a", "s", "f", "t"]
    assert back["t"].tolist() == frame["t"].tolist()
    assert back["a"].tolist() == [1, 2]


@pytest.mark.parametrize("frame", [[{"a": 1}], "text", None, 5])
def test_what_is_no_frame_is_refused(lake: Lake, frame: object) -> None:
    with pytest.raises(InvalidInput):
        lake.dataset("n.t").append(frame)


def test_select_filters_casts_renames_and_computes(lake: Lake, put: Put) -> None:
    put(
        "n.t",
        "id,fare,day\n1,1.50,2024-01-31\n2,x,2024-02-01\n",
        select="SELECT id AS trip, TRY_CAST(fare AS DECIMAL(9,2)) AS fare, month(day) AS m "
        "FROM source WHERE id < 2; ",
    )
    assert lake.to_arrow("n.t").to_pylist() == [{"trip": 1, "fare": Decimal("1.50"), "m": 1}]
    assert _schema(lake, "n.t")["fare"] == "decimal(9, 2)"


def test_a_select_may_end_in_a_comment(lake: Lake, put: Put) -> None:
    assert put("n.t", "a\n1\n", select="SELECT a -- the key\nFROM source -- all").rows == 1


@pytest.mark.parametrize(
    "select",
    [
        "SELECT nothing FROM source",
        "DELETE FROM source",
        "SELECT 1; SELECT 2",
        "COPY source TO '{d}/evil.csv'",
        "WITH d AS (COPY (SELECT 1 AS x) TO '{d}/evil.csv') SELECT * FROM source",
        "SELECT * FROM source) ; COPY (SELECT 1) TO '{d}/evil.csv' --",
        "ATTACH '{d}/evil.csv'",
        "SELECT sum(a) AS total FROM source",
        "SELECT a, a AS A FROM source",
        "SELECT FROM source",
        "",
    ],
)
def test_a_select_that_is_none_is_refused_and_writes_nothing(
    lake: Lake, put: Put, tmp_path: Path, select: str
) -> None:
    with pytest.raises(InvalidInput):
        put("n.t", "a\n1\n", select=select.replace("{d}", str(tmp_path)) or " ")
    assert not (tmp_path / "evil.csv").exists()
    assert lake.ls() == []


def test_memory_does_not_grow_with_the_rows_of_a_reader(lake: Lake) -> None:
    """A reader of 4 million rows passes in a box of 200 MB: it is streamed."""
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    batch = pa.record_batch([list(range(10_000)), ["x" * 50] * 10_000], schema=schema)
    reader = pa.RecordBatchReader.from_batches(schema, (batch for _ in range(400)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKECTL_MEMORY", "200MB")
        assert lake.dataset("n.t").append(reader).rows == 4_000_000


def test_a_schema_that_would_change_is_told_before_anything_is_written(
    lake: Lake, put: Put
) -> None:
    put("n.t", "a,b\n1,x\n")
    before = {path for path, _ in lake.handles.warehouse.walk()}
    with pytest.raises(Conflict, match="does not allow"):
        put("n.t", "a,b,c\n2,y,z\n")
    with pytest.raises(OperationFailed, match="'word' is not of type long"):
        put("n.t", "a,b\n2,y\n3,y\nword,y\n")
    with pytest.raises(Conflict, match="incompatible"):
        lake.dataset("n.t").append(pa.table({"a": ["word"], "b": ["y"]}), schema="evolve")
    assert {path for path, _ in lake.handles.warehouse.walk()} == before
    assert lake.describe("n.t").summary.version == 1
    report = put("n.t", "a,b,c\n2,y,z\n", schema=SchemaPolicy.EVOLVE)
    assert report.notes == ("+ c string (new, optional)",)
