"""Reading a version: pages, profiles, and every value as it was."""

from __future__ import annotations

import datetime
import math
import struct
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from independent_reader import IndependentReader

import lakectl
from catalog.errors import InvalidInput, NotFound, OperationFailed
from lakectl.root import Lake

_MIN = datetime.datetime.fromisoformat("0001-01-01")
_MAX = datetime.datetime.fromisoformat("9999-12-31T23:59:59.999999")
_EVE = datetime.datetime.fromisoformat("1969-12-31T23:59:59.999999")
_ZONED = [moment.replace(tzinfo=datetime.UTC) for moment in (_MIN, _MAX)]
_TEXTS = ["", "é'\"\\\n\t\x1b[2J", "e\u0301", "👩\u200d👧", "\u202e", "NULL", "a" * 100_000, None]
_NESTED_TYPE, _NESTED_VALUE = pa.int64(), 7
for _ in range(30):
    _NESTED_TYPE, _NESTED_VALUE = pa.struct([("a", _NESTED_TYPE)]), {"a": _NESTED_VALUE}

GOLDEN: dict[str, tuple[pa.DataType, list[Any]]] = {
    "double": (pa.float64(), [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308, None]),
    "float": (pa.float32(), [0.10000000149011612, -0.0, math.inf, -math.inf, math.nan, None]),
    "long": (pa.int64(), [2**63 - 1, -(2**63), 0, None]),
    "int": (pa.int32(), [2**31 - 1, -(2**31), None]),
    "decimal": (
        pa.decimal128(38, 10),
        [Decimal("9" * 28 + "." + "9" * 10), Decimal("-0.0000000001"), Decimal(0), None],
    ),
    "decimal0": (pa.decimal128(38, 0), [Decimal("-" + "9" * 38), Decimal(1), None]),
    "date": (pa.date32(), [_MIN.date(), _MAX.date(), datetime.date(1969, 12, 31), None]),
    "timestamp": (pa.timestamp("us"), [_MIN, _MAX, _EVE, None]),
    "timestamptz": (pa.timestamp("us", "UTC"), [*_ZONED, None]),
    "time": (pa.time64("us"), [datetime.time(0), datetime.time(23, 59, 59, 999999), None]),
    "string": (pa.string(), _TEXTS),
    "binary": (pa.binary(), [b"", b"\x00\xff'\\x41", bytes(range(256)), None]),
    "uuid": (pa.uuid(), [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), None]),
    "boolean": (pa.bool_(), [True, False, None]),
    "list": (pa.list_(pa.float64()), [[1.5, None, math.inf], [], None]),
    "map": (pa.map_(pa.string(), pa.list_(pa.int64())), [[("a b", [1, None])], [], None]),
    "nested": (_NESTED_TYPE, [_NESTED_VALUE, None]),
}  # fmt: skip


def _bits(value: Any) -> Any:
    """A value in a form in which equal means equal to the bit: -0.0 is not 0.0, NaN is NaN."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("d", value)
    if isinstance(value, dict):
        return {k: _bits(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_bits(v) for v in value]
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.mark.parametrize("kind", GOLDEN)
def test_every_value_comes_back_to_the_bit(lake: Lake, kind: str) -> None:
    arrow, values = GOLDEN[kind]
    table = pa.table({"v": pa.array(values, arrow), "n": list(range(len(values)))})
    lake.dataset("n.t").append(table)
    back = lake.to_arrow("n.t").sort_by("n")["v"].to_pylist()
    assert _bits(back) == _bits(table["v"].to_pylist())


@pytest.mark.parametrize("kind", sorted(GOLDEN.keys() - {"nested", "string"}))
def test_an_independent_reader_finds_every_value_by_its_bounds(
    lake: Lake, oracle: IndependentReader, kind: str
) -> None:
    """Bounds that cut off a value would make a filter lose rows in silence."""
    arrow, values = GOLDEN[kind]
    lake.dataset("n.t").append(pa.table({"v": pa.array(values, arrow)}))
    location = lake.describe("n.t").metadata_location
    count = "SELECT count(*), count(v), count(*) FILTER (v = v OR v IS NULL) FROM {}"
    assert oracle.read(location, count.format("t")) == [(len(values), len(values) - 1, len(values))]
    if kind in {"list", "map", "uuid", "binary"}:
        return
    for order in ("v >= (SELECT min(v) FROM {0})", "v <= (SELECT max(v) FROM {0})"):
        query = f"SELECT count(*) FROM {{0}} WHERE {order}"
        theirs = oracle.read(location, query.format("t"))
        assert (
            theirs == [tuple(r) for r in lake.sql(query.format("n.t")).rows] == [(len(values) - 1,)]
        )


def _fill(lake: Lake) -> Lake:
    for start in range(0, 40, 10):
        lake.dataset("n.t").append(pa.table({"a": list(range(start, start + 10))}))
    return lake


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake that nobody changes: n.t, four versions with 10 rows each, 0 to 39."""
    root = tmp_path_factory.mktemp("pages") / "lake"
    lakectl.init(root)
    with lakectl.open(root) as opened:
        yield _fill(opened)


@pytest.mark.parametrize(
    ("offset", "limit", "at"),
    [(0, 5, None), (8, 4, None), (35, 10, None), (0, 100, None), (40, 5, None), (1000, 5, None),
     (0, 0, None), (15, 10, 2), (9, 2, "v1"), (19, 1, 2)],
)  # fmt: skip
def test_a_page_holds_the_rows_that_it_should(
    filed: Lake, offset: int, limit: int, at: str | int | None
) -> None:
    total = {None: 40, 2: 20, "v1": 10}[at]
    found = filed.preview("n.t", at, limit, offset)
    assert [r[0] for r in found.rows] == list(range(total))[offset : offset + limit]
    assert found.more == (offset + limit < total)
    assert found.columns == ("a",)


def test_pages_laid_side_by_side_are_the_whole(filed: Lake) -> None:
    pages = [filed.preview("n.t", None, 7, offset).rows for offset in range(0, 42, 7)]
    assert [r[0] for page in pages for r in page] == list(range(40))


def test_a_page_opens_only_the_files_that_hold_its_rows(lake: Lake) -> None:
    filed = _fill(lake)
    dataset = filed.describe("n.t")
    files = filed.handles.reader.files(dataset, dataset.snapshot_id)
    for file in files[1:]:
        open(file.path, "wb").close()  # the others are ruined
    assert [r[0] for r in filed.preview("n.t", None, 3).rows] == [0, 1, 2]
    with pytest.raises(OperationFailed):
        filed.preview("n.t", None, 3, 10)


@pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (5, -1)])
def test_a_negative_page_is_refused(filed: Lake, limit: int, offset: int) -> None:
    with pytest.raises(InvalidInput):
        filed.preview("n.t", None, limit, offset)


@pytest.mark.parametrize("at", ["9", "none", "1999-01-01"])
def test_every_way_of_reading_says_that_a_version_is_not_there(filed: Lake, at: str) -> None:
    for read in (filed.preview, filed.stats, filed.to_arrow):
        with pytest.raises(NotFound):
            read("n.t", at)
    with pytest.raises(NotFound, match=r"n\.typo"):
        filed.preview("n.typo")


def test_the_hint_for_a_mistyped_dataset_names_the_near_one(filed: Lake) -> None:
    with pytest.raises(NotFound) as told:
        filed.describe("n.tt")
    assert told.value.hint == "Did you mean n.t?"


def test_a_profile_tells_counts_range_and_nulls(lake: Lake) -> None:
    lake.dataset("n.t").append(pa.table({"a": [1, 2, None, 4], "s": ["x", "x", "y", None]}))
    found = lake.stats("n.t")
    told = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [(t["column"], t["type"], t["rows"], t["nulls"], t["min"], t["max"]) for t in told] == [
        ("a", "BIGINT", 4, 1, "1", "4"),
        ("s", "VARCHAR", 4, 1, "x", "y"),
    ]


def test_a_profile_counts_nulls_exactly_among_many_rows(lake: Lake) -> None:
    values = [None, *range(100_000)]
    lake.dataset("n.t").append(pa.table({"a": pa.array(values, pa.int64())}))
    found = lake.stats("n.t")
    told = dict(zip(found.columns, found.rows[0], strict=True))
    assert (told["rows"], told["nulls"]) == (100_001, 1)


def test_the_cells_of_a_preview_are_exact(lake: Lake) -> None:
    table = pa.table(
        {
            "d": pa.array([Decimal("9" * 28 + "." + "9" * 10)], pa.decimal128(38, 10)),
            "f": pa.array([0.1], pa.float32()),
            "i": [2**63 - 1],
            "n": [math.nan],
            "l": [[math.inf, 1.5]],
            "t": [_MIN],
        }
    )
    lake.dataset("n.t").append(table)
    (row,) = lake.preview("n.t").rows
    assert [str(cell) for cell in row] == [
        "9" * 28 + "." + "9" * 10, "0.1", str(2**63 - 1), "nan",
        "['Infinity', Decimal('1.5')]", "0001-01-01 00:00:00",
    ]  # fmt: skip


def test_a_dataset_of_many_small_files_reads_whole_at_every_version(filed: Lake) -> None:
    for version in range(1, 5):
        read = filed.to_arrow("n.t", version)["a"].to_pylist()
        assert read == list(range(version * 10))


def test_rows_that_come_in_later_do_not_change_what_an_open_version_says(lake: Lake) -> None:
    filed = _fill(lake)
    handle = filed.dataset("n.t").at(2)
    before = handle.to_arrow()
    filed.dataset("n.t").overwrite(pa.table({"a": [99]}))
    assert handle.to_arrow() == before
    with pytest.raises(InvalidInput, match="past version"):
        handle.append(pa.table({"a": [1]}))
