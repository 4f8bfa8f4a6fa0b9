"""What the libraries do wrong, pinned: a red test here says that an upgrade has changed a trap.

Each names the rule of ours that stands against it. Where a library has been mended, the rule may
go; where it has become worse, the rule must follow. Found and described in the project's research.
"""

from __future__ import annotations

import datetime
import os
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg import types
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestFile, write_manifest_list
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from catalog.engine import rows


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[SqlCatalog]:
    """Return PyIceberg's own catalog with a namespace n."""
    (tmp_path / "warehouse").mkdir()
    uri = f"sqlite:///{tmp_path / 'stock.db'}"
    catalog = SqlCatalog("stock", uri=uri, warehouse=str(tmp_path / "warehouse"))
    catalog.create_namespace("n")
    yield catalog
    catalog.close()


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return DuckDB as it comes."""
    with duckdb.connect() as opened:
        yield opened


def _made(stock: SqlCatalog, kind: types.IcebergType, name: str = "t") -> Table:
    return stock.create_table(f"n.{name}", Schema(types.NestedField(1, "v", kind)))


# -- PyIceberg: schemas (our rule: catalog.schema decides, PyIceberg only records) -----------------


def test_pyiceberg_accepts_another_scale_of_a_decimal(stock: SqlCatalog) -> None:
    table = _made(stock, types.DecimalType(18, 2))
    with table.update_schema() as change:
        change.update_column("v", types.DecimalType(20, 4))
    assert table.schema().find_type("v") == types.DecimalType(20, 4)


def test_pyiceberg_accepts_binary_where_there_was_text(stock: SqlCatalog) -> None:
    table = _made(stock, types.StringType())
    with table.update_schema() as change:
        change.update_column("v", types.BinaryType())
    assert table.schema().find_type("v") == types.BinaryType()


def test_pyiceberg_makes_a_table_unreadable_when_told_to(stock: SqlCatalog) -> None:
    table = _made(stock, types.StringType())
    table.append(pa.table({"v": ["x"]}))
    with table.update_schema(allow_incompatible_changes=True) as change:
        change.update_column("v", types.LongType())
    with pytest.raises(Exception, match="promote"):
        table.scan().to_arrow()


def test_pyiceberg_takes_names_that_differ_only_in_case(stock: SqlCatalog) -> None:
    table = _made(stock, types.LongType())
    with table.update_schema() as change:
        change.union_by_name(Schema(types.NestedField(1, "V", types.LongType())))
    assert [f.name for f in table.schema().fields] == ["v", "V"]


def test_pyiceberg_stores_a_default_that_version_2_does_not_have(stock: SqlCatalog) -> None:
    table = _made(stock, types.LongType())
    with table.update_schema() as change:
        change.add_column("d", types.LongType(), default_value=7)
    assert table.format_version == 2
    assert table.schema().find_field("d").initial_default == 7


def test_pyiceberg_maps_unsigned_integers_to_a_type_that_overflows(stock: SqlCatalog) -> None:
    table = stock.create_table("n.u", pa.schema([("v", pa.uint32())]))
    assert table.schema().find_type("v") == types.IntegerType()
    with pytest.raises(Exception, match=r"int|range|format"):
        table.append(pa.table({"v": pa.array([2**32 - 1], pa.uint32())}))


# -- PyIceberg: writes (our rule: catalog.iceberg.snapshots and commits) ---------------------------


def test_pyiceberg_never_syncs_a_file(stock: SqlCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd))
    _made(stock, types.LongType()).append(pa.table({"v": [1]}))
    assert synced == []


def test_pyiceberg_takes_one_file_twice_under_two_spellings(
    stock: SqlCatalog, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"v": [1]}), tmp_path / "a.parquet")
    table = _made(stock, types.LongType())
    table.add_files([str(tmp_path / "a.parquet")])
    table.add_files([f"file://{tmp_path}/a.parquet"])
    assert table.scan().to_arrow().num_rows == 2


def test_pyiceberg_adds_a_file_from_outside_the_warehouse(
    stock: SqlCatalog, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"v": [1]}), tmp_path / "outside.parquet")
    table = _made(stock, types.LongType())
    table.add_files([str(tmp_path / "outside.parquet")])
    assert table.scan().to_arrow()["v"].to_pylist() == [1]


def test_pyiceberg_makes_a_branch_of_any_name_that_is_appended_to(stock: SqlCatalog) -> None:
    table = _made(stock, types.LongType())
    table.append(pa.table({"v": [1]}))
    table.append(pa.table({"v": [2]}), branch="typo")
    assert "typo" in table.metadata.refs
    snapshot = table.snapshot_by_name("typo")
    assert snapshot is not None
    assert snapshot.parent_snapshot_id is None


def test_pyiceberg_expires_snapshots_and_leaves_their_files(
    stock: SqlCatalog, tmp_path: Path
) -> None:
    table = _made(stock, types.LongType())
    for number in range(3):
        table.overwrite(pa.table({"v": [number]}))
    before = set(tmp_path.rglob("*.parquet"))
    old = [s.snapshot_id for s in table.snapshots()][:-1]
    table.maintenance.expire_snapshots().by_ids(old).commit()
    assert len(table.snapshots()) == 1
    assert set(tmp_path.rglob("*.parquet")) == before


def test_pyiceberg_follows_a_table_name_out_of_the_warehouse(
    stock: SqlCatalog, tmp_path: Path
) -> None:
    table = stock.create_table(("n", "../../esc"), pa.schema([("v", pa.int64())]))
    place = Path(table.metadata_location.removeprefix("file://")).resolve()
    assert not place.is_relative_to(tmp_path / "warehouse")


def test_pyiceberg_makes_what_a_table_property_names(
    stock: SqlCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named_by_data.py").write_text(
        "from pyiceberg.io.pyarrow import PyArrowFileIO\nclass Named(PyArrowFileIO): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    properties = {"py-io-impl": "named_by_data.Named"}
    stock.create_table("n.t", pa.schema([("v", pa.int64())]), properties=properties)
    loaded: FileIO = stock.load_table("n.t").io
    assert type(loaded).__name__ == "Named"


def test_the_writer_of_manifest_lists_stamps_the_objects_that_it_is_given(
    stock: SqlCatalog, tmp_path: Path
) -> None:
    """Our rule: `manifests_of` hands out copies, never what is cached."""
    table = _made(stock, types.LongType())
    table.append(pa.table({"v": [1]}))
    head = table.current_snapshot()
    assert head is not None
    manifest = ManifestFile(*head.manifests(table.io)[0]._data)
    manifest.sequence_number = -1
    out = table.io.new_output(str(tmp_path / "list.avro"))
    with write_manifest_list(2, out, head.snapshot_id, None, 42, "null") as writer:
        writer.add_manifests([manifest])
    assert manifest.sequence_number == 42


# -- DuckDB: CSV (our rule: catalog.engine.csvfiles) -----------------------------------------------


def test_duckdbs_csv_reader_rounds_a_late_fraction(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lines = "\n".join(["v", *map(str, range(60_000)), "1.5"])
    (tmp_path / "a.csv").write_text(lines + "\n")
    found = con.execute(f"SELECT typeof(any_value(v)), sum(v) FROM '{tmp_path}/a.csv'").fetchall()
    assert found == [("BIGINT", 1_799_970_002)]


def test_duckdbs_csv_reader_makes_one_column_of_a_ragged_file(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("a,b,c\n" + "1,2,3\n" * 5 + "1,2\n" + "1,2,3\n" * 5)
    assert len(con.sql(f"FROM '{tmp_path}/a.csv'").columns) == 1


def test_duckdbs_csv_reader_makes_long_decimals_doubles(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("v\n12345678901234567890123456789.5\n")
    assert [str(t) for t in con.sql(f"FROM '{tmp_path}/a.csv'").types] == ["DOUBLE"]


def test_duckdbs_csv_reader_guesses_the_order_of_a_date(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("d\n01/02/2021\n25/12/2021\n")
    assert con.execute(f"FROM '{tmp_path}/a.csv'").fetchall()[0] == (datetime.date(2021, 2, 1),)


def test_duckdb_reads_a_cut_zstandard_stream_as_if_it_were_whole(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    import zstandard

    (tmp_path / "a.csv.zst").write_bytes(zstandard.compress(b"v\n" + b"1\n" * 100_000)[:-20])
    found = con.execute(f"SELECT count(*) FROM '{tmp_path}/a.csv.zst'").fetchall()
    assert found[0][0] < 100_000


def test_duckdb_renames_columns_that_differ_only_in_case(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    pq.write_table(
        pa.table([pa.array([1]), pa.array([2])], names=["a", "A"]), tmp_path / "a.parquet"
    )
    assert con.sql(f"FROM '{tmp_path}/a.parquet'").columns == ["a", "A_1"]


def test_duckdb_rounds_large_integers_in_json(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text('{"v":9007199254740993}\n{"v":1.5}\n')
    found = con.execute(f"FROM read_json('{tmp_path}/a.json')").fetchall()
    assert found[0] == (9007199254740992.0,)


# -- DuckDB: files (our rule: catalog.engine.views and copying) ------------------------------------


def test_duckdb_copies_a_sum_of_integers_as_a_double(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    con.execute(
        f"COPY (SELECT sum(v) AS s FROM (SELECT 9007199254740993 AS v)) TO '{tmp_path}/a.parquet'"
    )
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == [{"s": 9007199254740992.0}]


def test_duckdb_copies_unsigned_integers_as_such(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    con.execute(f"COPY (SELECT 1::UINTEGER AS v) TO '{tmp_path}/a.parquet'")
    assert pq.read_schema(tmp_path / "a.parquet").field("v").type == pa.uint32()


def test_duckdb_reads_null_for_a_renamed_child_without_children(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = f"{tmp_path}/a.parquet"
    ids = "FIELD_IDS {s: {__duckdb_field_id: 1, old: 2, b: 3}}"
    con.execute(f"COPY (SELECT {{old: 5, b: 6}} AS s) TO '{path}' (FORMAT parquet, {ids})")

    def read(children: str) -> object:
        kind = 'STRUCT("new" INTEGER, b INTEGER)'
        entry = f"{{name: 's', type: '{kind}', default_value: NULL::VARCHAR{children}}}"
        found = f"SELECT s FROM read_parquet('{path}', schema=MAP {{1: {entry}}})"
        return con.execute(found).fetchall()

    leaf = "{{name: '{0}', type: 'INTEGER', default_value: NULL::VARCHAR}}"
    inner = f", children: MAP {{2: {leaf.format('new')}, 3: {leaf.format('b')}}}"
    assert read("") == [({"new": None, "b": 6},)]
    assert read(inner) == [({"new": 5, "b": 6},)]


def test_duckdb_reads_null_from_a_file_without_field_ids(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"v": [1, 2]}), tmp_path / "a.parquet")
    schema = "MAP {1: {name: 'v', type: 'BIGINT', default_value: NULL::VARCHAR}}"
    found = con.execute(f"SELECT v FROM read_parquet('{tmp_path}/a.parquet', schema={schema})")
    assert found.fetchall() == [(None,), (None,)]


def test_duckdb_takes_a_listed_name_for_a_glob(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for name in ("a*.parquet", "ab.parquet", "ac.parquet"):
        pq.write_table(pa.table({"v": [1]}), tmp_path / name)
    found = con.execute(f"SELECT count(*) FROM read_parquet(['{tmp_path}/a*.parquet'])").fetchall()
    assert found == [(3,)]


def test_duckdb_does_not_check_what_it_reads_against_a_checksum(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"v": list(range(1000))})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    raw = bytearray(path.read_bytes())
    place = raw.index((500).to_bytes(8, "little") + (501).to_bytes(8, "little"))
    raw[place] ^= 1
    path.write_bytes(raw)
    assert con.execute(f"SELECT count(*) FROM '{path}' WHERE v = 500").fetchall() == [(0,)]
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)


# -- DuckDB: the box (our rule: catalog.engine.box, not a gate) ------------------------------------


def test_duckdb_types_a_copy_inside_with_as_a_select_and_writes(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    text = f"WITH d AS (COPY (SELECT 1 AS x) TO '{tmp_path}/out.csv') SELECT * FROM d"
    assert con.extract_statements(text)[0].type.name == "SELECT"
    con.execute(text).fetchall()
    assert (tmp_path / "out.csv").exists()


def test_duckdbs_allowed_paths_allow_writing_too(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"v": list(range(1000))}), path)
    before = path.stat().st_size
    con.execute(f"SET allowed_paths = ['{path}']")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    con.execute(f"COPY (SELECT 1 AS v) TO '{path}' (FORMAT parquet, USE_TMP_FILE false)")
    assert path.stat().st_size != before


def test_duckdb_parses_at_and_cannot_bind_it_over_a_view(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE VIEW t AS SELECT 1 AS v")
    with pytest.raises(duckdb.BinderException, match="time travel"):
        con.execute("SELECT * FROM t AT (VERSION => 1)")


def test_duckdb_serialises_no_pivot_and_loses_the_place_of_summarize(
    con: duckdb.DuckDBPyConnection,
) -> None:
    def tree(text: str) -> str:
        found: Any = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchone()
        return str(found[0])

    assert con.extract_statements("PIVOT t ON a USING count(*)")[0].type.name == "MULTI"
    assert str(2**64 - 1) in tree("SUMMARIZE t")


# -- DuckDB: Python values (our rule: catalog.engine.rows) -----------------------------------------


def test_fetching_python_values_bends_some_of_them(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("SELECT INTERVAL 1 MONTH, 0.1::FLOAT").fetchall()[0]
    assert found == (datetime.timedelta(days=30), 0.10000000149011612)


def test_a_decimal_that_passes_through_json_as_text_loses_its_digits(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """So decimals are handed to json_array as they are."""
    exact = "1234567890123456789012345678.0123456789"
    query = "SELECT CAST(json_array(d, CAST(CAST(d AS VARCHAR) AS JSON)) AS VARCHAR) FROM "
    found = con.execute(f"{query} (SELECT {exact}::DECIMAL(38,10) AS d)").fetchall()
    assert found == [(f"[{exact},1.2345678901234569e27]",)]


@pytest.mark.parametrize("nested", ["{}", "[{}]", "{{'a': {}}}", "MAP {{'k': {}}}"])
def test_our_rows_keep_every_digit_of_a_decimal(
    con: duckdb.DuckDBPyConnection, nested: str
) -> None:
    exact = "1234567890123456789012345678.0123456789"
    found = rows.fetch(con, f"SELECT {nested.format(f'{exact}::DECIMAL(38,10)')} AS d").rows[0][0]
    while isinstance(found, list | dict):
        found = next(iter(found.values() if isinstance(found, dict) else found))
    assert found == Decimal(exact)


# -- SQLite (our rule: catalog.metadata.database) --------------------------------------------------


def test_pythons_sqlite_begins_no_transaction_before_a_select(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    one, two = sqlite3.connect(path), sqlite3.connect(path, timeout=0)
    one.execute("CREATE TABLE t (claimed)")
    one.execute("INSERT INTO t VALUES (0)")
    one.commit()
    one.execute("SELECT claimed FROM t").fetchall()
    assert not one.in_transaction
    two.execute("UPDATE t SET claimed = 2")
    two.commit()
    one.execute("UPDATE t SET claimed = 1")  # claims what was taken meanwhile, without an error
    one.commit()
    assert two.execute("SELECT claimed FROM t").fetchall() == [(1,)]
    one.close()
    two.close()
