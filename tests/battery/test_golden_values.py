"""Values at the edges of their types: bit for bit the same out as in, or refused at the door."""

from __future__ import annotations

import datetime
import json
import struct
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from battery_table import Figure
from independent_reader import IndependentReader
from lake_builder import broken_rules, bytes_of, load, opened
from lake_shell import WarmShell

import lakectl
from catalog.errors import LakeError

_D = datetime.datetime
_UTC = datetime.UTC
_NAN = struct.unpack("d", struct.pack("Q", 0x7FF8000000000001))[0]  # a NaN with bits of its own
_BIG = 10**38 - 1


def _deep(levels: int) -> tuple[pa.DataType, Any]:
    """A struct of so many levels and a value of it."""
    kind, value = pa.int64(), 7
    for _ in range(levels):
        kind, value = pa.struct([("x", kind)]), {"x": value}  # type: ignore[assignment]  # nested
    return kind, value


GOLDEN: dict[str, tuple[pa.DataType, list[Any]]] = {
    "double": (pa.float64(), [float("nan"), _NAN, float("inf"), float("-inf"), -0.0, 0.0, 5e-324,
                              1.7976931348623157e308, 0.1, 2.0**53 + 2]),
    "float": (pa.float32(), [float("nan"), float("inf"), float("-inf"), -0.0, 1.401298464324817e-45,
                             3.4028234663852886e38]),
    "long": (pa.int64(), [2**63 - 1, -(2**63), 0, -1]),
    "int": (pa.int32(), [2**31 - 1, -(2**31), 0]),
    "decimal": (pa.decimal128(38, 0), [Decimal(_BIG), Decimal(-_BIG), Decimal(0)]),
    "scaled": (pa.decimal128(38, 38), [Decimal("0." + "9" * 38), Decimal("0." + "0" * 37 + "1")]),
    "small": (pa.decimal128(9, 2), [Decimal("9999999.99"), Decimal("-0.01")]),
    "date": (pa.date32(), [datetime.date(1, 1, 1), datetime.date(9999, 12, 31),
                           datetime.date(1969, 12, 31), datetime.date(1582, 10, 10)]),
    "timestamp": (pa.timestamp("us"), [_D(1, 1, 1), _D(9999, 12, 31, 23, 59, 59, 999999),
                                       _D(1969, 12, 31, 23, 59, 59, 999999),
                                       _D(2024, 2, 29, 12, 0, 0, 1)]),
    "timestamptz": (pa.timestamp("us", "UTC"), [_D(1, 1, 1, tzinfo=_UTC),
                                                _D(9999, 12, 31, 23, 59, 59, 999999, tzinfo=_UTC)]),
    "time": (pa.time64("us"), [datetime.time(0), datetime.time(23, 59, 59, 999999)]),
    "boolean": (pa.bool_(), [True, False]),
    "string": (pa.string(), ["", "\x00", "a\x00b", "é", "e\u0301", "😀", "\u202e", "\r\n", "'\"\\",
                             "NULL", "\ufeff", "\U0010ffff"]),
    "binary": (pa.binary(), [b"", bytes(range(256)), b"\xff\xfe"]),
    "list": (pa.list_(pa.float64()), [[], [None], [-0.0, float("inf")], [0.1] * 1000]),
    "map": (pa.map_(pa.string(), pa.int64()), [[], [("", 2**63 - 1), ("\x00", None)]]),
    "struct": (pa.struct([("a b", pa.int64()), ('"', pa.string())]),
               [{"a b": -(2**63), '"': "\x00"}, {"a b": None, '"': None}]),
    "deep": (_deep(50)[0], [_deep(50)[1]]),
}  # fmt: skip
_LATER: dict[str, tuple[pa.DataType, list[Any]]] = {"64 MB": (pa.string(), ["é" * (32 << 20)])}
REFUSED: dict[str, tuple[pa.DataType, list[Any], str]] = {
    "39 digits": (pa.decimal256(39, 0), [Decimal(10**38)], "39"),
    "unsigned": (pa.uint64(), [2**64 - 1], "unsigned"),
    "nanoseconds": (pa.timestamp("ns"), [1], "nanoseconds"),
    "an interval": (pa.month_day_nano_interval(), [pa.MonthDayNano([1, 2, 3])], "interval"),
    "a duration": (pa.duration("us"), [1], "interval"),
    "62 levels": (_deep(62)[0], [_deep(62)[1]], "deep"),
}


def _table(golden: dict[str, tuple[pa.DataType, list[Any]]]) -> pa.Table:
    """One column a type, filled up with NULL."""
    height = 1 + max(len(values) for _, values in golden.values())
    columns = {
        name: pa.array([*values, *[None] * (height - len(values))], kind)
        for name, (kind, values) in golden.items()
    }
    return pa.table({"n": list(range(height)), **columns})


def _bits(value: Any) -> Any:
    """A value so that only the same bits are equal; every NaN is one."""
    if isinstance(value, float):
        return "nan" if value != value else struct.pack("d", value)
    if isinstance(value, dict):
        return {name: _bits(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_bits(inner) for inner in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(_UTC)
    return value


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: [_bits(v) for v in table[name].to_pylist()] for name in table.column_names}


def _by_parquet(lake: lakectl.Lake, into: str, table: pa.Table, folder: Path) -> None:
    pq.write_table(table, folder / "golden.parquet")
    load(lake, into, folder / "golden.parquet")


def _by_arrow(lake: lakectl.Lake, into: str, table: pa.Table, folder: Path) -> None:
    if "deep" in table.column_names:
        table = table.drop_columns("deep")  # Arrow's own files hold 64 levels
    path = str(folder / "golden.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    load(lake, into, folder / "golden.arrow")


def _by_frame(lake: lakectl.Lake, into: str, table: pa.Table, folder: Path) -> None:
    lake.dataset(into).append(table)


_WAYS: dict[str, Callable[[lakectl.Lake, str, pa.Table, Path], None]] = {
    "parquet": _by_parquet, "arrow": _by_arrow, "frame": _by_frame,
}  # fmt: skip


def _faults(lake: WarmShell, here: lakectl.Lake, name: str, table: pa.Table) -> list[str]:
    """Where a dataset is not what went in: read as Arrow, previewed, and in an export."""
    expected = _columns(table)
    if name.endswith("arrow"):
        expected.pop("deep", None)
    out = lake.cwd / f"{name}.parquet"
    lake.ok("export", name, "--to", out)
    ways = {"to_arrow": here.to_arrow(name), "export": pq.read_table(out)}
    faults = []
    for way, found in ways.items():
        columns = _columns(found)
        for column, values in expected.items():
            if columns[column] != values:
                faults.append(f"{way} of {name}.{column}: {str(columns[column])[:300]}")
    shown = here.preview(name, limit=1000)
    if [row[0] for row in shown.rows] != table["n"].to_pylist():
        faults.append(f"preview of {name} has other rows")
    return faults


@pytest.mark.parametrize(
    "ways", [["frame"], pytest.param(list(_WAYS), marks=pytest.mark.battery)], ids=["some", "all"]
)
def test_golden_values_come_out_as_they_went_in(
    warm_lake: WarmShell, tmp_path: Path, figure: Figure, ways: list[str]
) -> None:
    table = _table(GOLDEN)
    faults = []
    with opened(warm_lake.cwd) as here:
        for way in ways:
            _WAYS[way](here, f"n.{way}", table, tmp_path)
            faults += _faults(warm_lake, here, f"n.{way}", table)
            if len(ways) > 1:
                _WAYS[way](here, f"n.{way}_long", _table(_LATER), tmp_path)
                faults += _faults(warm_lake, here, f"n.{way}_long", _table(_LATER))
        # Our SQL agrees where JSON can hold the value, and where text can.
        found = here.sql(
            f'SELECT "long", "decimal"::VARCHAR, hex("binary") FROM n.{ways[0]} LIMIT 3'
        ).rows
        assert found[0] == (2**63 - 1, str(_BIG), "")
        assert found[1][2] == bytes(range(256)).hex().upper()
    assert not faults, "\n".join(faults)
    assert broken_rules(warm_lake.cwd) == []
    values = sum(len(values) for _, values in GOLDEN.values())
    figure(
        "B3",
        f"{values} values at the edges of {len(GOLDEN)} types, as {', '.join(ways)}",
        "bit for bit the same by to_arrow, in SQL and in an export to Parquet",
    )


def test_what_cannot_be_held_is_refused_before_a_byte_is_written(
    warm_lake: WarmShell, tmp_path: Path
) -> None:
    with opened(warm_lake.cwd) as here:
        before = bytes_of(warm_lake.cwd)
        for what, (kind, values, says) in REFUSED.items():
            for way in ("frame", "arrow") if what != "62 levels" else ("frame",):
                with pytest.raises(LakeError) as told:
                    _WAYS[way](here, "n.t", pa.table({"v": pa.array(values, kind)}), tmp_path)
                assert says in f"{told.value.message} {told.value.hint}", (what, way)
                assert bytes_of(warm_lake.cwd) == before, (what, way)
        for text in ('{"v": "\\ud800"}\n', b'{"v": "\xff"}\n'):
            path = tmp_path / "v.ndjson"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            with pytest.raises(LakeError):
                load(here, "n.t", path)
            assert bytes_of(warm_lake.cwd) == before, text


# The columns that another engine is asked for, and what its JSON is made into.
_READ: dict[str, Callable[[Any], Any]] = {
    "double": float, "long": int, "decimal": Decimal, "string": str,
    "date": str, "timestamp": lambda v: str(v).replace("T", " "),
}  # fmt: skip
_TEXTS = ["9223372036854775807", "-9223372036854775808", "1e308", "5e-324", "-0.0", "0.1"]


@pytest.mark.battery
def test_golden_values_of_text_formats_come_out_as_they_went_in(
    warm_lake: WarmShell, oracle: IndependentReader, figure: Figure, tmp_path: Path
) -> None:
    strings = [v for v in GOLDEN["string"][1] if v and v != "NULL"]
    with opened(warm_lake.cwd) as here:
        path = tmp_path / "s.ndjson"
        path.write_text("".join(json.dumps({"v": v}) + "\n" for v in strings))
        load(here, "n.json", path)
        assert here.to_arrow("n.json")["v"].to_pylist() == strings
        for number, text in enumerate(_TEXTS):
            path = tmp_path / f"{number}.csv"
            path.write_text(f"v\n{text}\n")
            load(here, f"n.csv{number}", path)
            (value,) = here.to_arrow(f"n.csv{number}")["v"].to_pylist()
            exact = _bits(float(text)) if isinstance(value, float) else None
            assert _bits(value) == exact or str(value) == text, text
        _by_frame(here, "n.t", _table(GOLDEN).select(["n", *_READ]), tmp_path)
        location = here.describe("n.t").metadata_location
    for name, make in _READ.items():
        query = f'SELECT "{name}" FROM t WHERE "{name}" IS NOT NULL ORDER BY n'
        found = [_bits(make(value)) for (value,) in oracle.read(location, query)]
        assert found == [_bits(make(value)) for value in GOLDEN[name][1]], name
    figure(
        "B3",
        f"{len(strings) + len(_TEXTS)} values as NDJSON and CSV; {len(_READ)} columns elsewhere",
        "the same; DuckDB 1.5's Iceberg reader reads the same bits",
    )
