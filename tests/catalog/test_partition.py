"""Partition transforms: DuckDB's SQL against PyIceberg's own transforms, value by value."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.transforms import parse_transform

from catalog import partition, types
from catalog.engine.session import connect, provide_hashes
from catalog.errors import InvalidInput
from catalog.iceberg.datafiles import _parse
from catalog.schema import Schema, new_schema
from catalog.types import Field, Primitive, Type

_EPOCH = datetime.datetime.fromisoformat("1970-01-01")
_FIRST = datetime.datetime.fromisoformat("0001-01-01")
_LAST = datetime.datetime.fromisoformat("9999-12-31T23:59:59.999999")
_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
# Any moment, and those around the turn of an hour.
_TURNS = st.builds(
    lambda hour, micro: _EPOCH + datetime.timedelta(hours=hour, microseconds=micro),
    st.integers(-17_259_887, 70_389_526),
    st.sampled_from([-1, 0, 1]),
)
_STAMPS = st.datetimes() | _TURNS


@pytest.fixture(scope="module")
def hashing() -> Any:
    """Return a connection with the hash functions of bucket."""
    opened = connect()
    provide_hashes(opened)
    yield opened
    opened.close()


def _schema(kind: Type) -> Schema:
    return new_schema([Field(0, 'the "c"', kind)])


def _ours(
    con: duckdb.DuckDBPyConnection, text: str, kind: Type, values: Sequence[Any]
) -> tuple[list[Any], str]:
    """The values of a transform by our SQL, in Iceberg's inner form, and the DuckDB type."""
    schema = _schema(kind)
    part = partition.parse((text.replace("c)", 'the "c")') if "(" in text else 'the "c"',), schema)[
        0
    ]
    into = types.duckdb_of(kind)
    held = ", ".join(f"(?::{into})" for _ in values)
    query = f'SELECT {partition.sql(part, schema)} AS p FROM (VALUES {held}) t("the ""c""")'
    relation = con.execute(query, [str(v) if isinstance(v, uuid.UUID) else v for v in values])
    kind_name = relation.description[0][1]
    inner = IcebergSchema.model_validate(schema.to_json()).find_field(1).field_type
    result = parse_transform(part.transform).result_type(inner)
    found = [
        None if v is None else _parse(result, v.hex() if isinstance(v, bytes) else str(v))
        for (v,) in relation.fetchall()
    ]
    assert str(result) == partition.result_type(part, schema)
    return found, str(kind_name)


def _theirs(text: str, kind: Type, values: Sequence[Any]) -> list[Any]:
    """The same by PyIceberg, from values in Iceberg's inner form."""
    schema = IcebergSchema.model_validate(_schema(kind).to_json())
    name, _, rest = text.partition("(")
    size = rest.partition(",")[0].strip() if "," in rest else ""
    spelled = f"{name}[{size}]" if size else name if rest else "identity"
    function = parse_transform(spelled).transform(schema.find_field(1).field_type)
    return [function(_inner(v)) for v in values]


def _inner(value: Any) -> Any:
    match value:
        case datetime.datetime():
            away = value.replace(tzinfo=None) - _EPOCH
            return (away.days * 86_400 + away.seconds) * 1_000_000 + away.microseconds
        case datetime.date():
            return value.toordinal() - _EPOCH.toordinal()
        case datetime.time():
            return (
                (value.hour * 60 + value.minute) * 60 + value.second
            ) * 10**6 + value.microsecond
    return value


def _agree(con: Any, text: str, kind: Type, values: Sequence[Any]) -> None:
    found, _ = _ours(con, text, kind, values)
    assert found == _theirs(text, kind, values), (text, values)


@pytest.mark.parametrize("text", ["year(c)", "month(c)", "day(c)", "hour(c)", "bucket(16, c)"])
@given(values=st.lists(st.none() | _STAMPS, min_size=1, max_size=8))
@example(values=[_FIRST, _LAST, _EPOCH, _EPOCH - datetime.timedelta(microseconds=1)])
def test_transforms_of_timestamps_agree_with_pyiceberg(
    hashing: Any, text: str, values: list[datetime.datetime | None]
) -> None:
    _agree(hashing, text, Primitive("timestamp"), values)
    zoned = [None if v is None else v.replace(tzinfo=datetime.UTC) for v in values]
    _agree(hashing, text, Primitive("timestamptz"), zoned)


@pytest.mark.parametrize("text", ["year(c)", "month(c)", "day(c)", "bucket(7, c)", "c"])
@given(values=st.lists(st.none() | st.dates(), min_size=1, max_size=8))
@example(values=[datetime.date(1969, 12, 31), datetime.date(1, 1, 1), datetime.date(1968, 2, 29)])
def test_transforms_of_dates_agree_with_pyiceberg(
    hashing: Any, text: str, values: list[datetime.date | None]
) -> None:
    _agree(hashing, text, Primitive("date"), values)


@pytest.mark.parametrize(("kind", "bits"), [("int", 31), ("long", 63)])
@given(data=st.data())
def test_truncate_and_bucket_of_integers_agree_with_pyiceberg(
    hashing: Any, kind: str, bits: int, data: st.DataObject
) -> None:
    width = data.draw(st.integers(1, 1000))
    least = -(2**bits) + width  # below, the result would not fit the type
    numbers = st.none() | st.integers(least, 2**bits - 1)
    values = data.draw(st.lists(numbers, min_size=1, max_size=8))
    for text in (f"truncate({width}, c)", f"bucket({width}, c)", "c"):
        _agree(hashing, text, Primitive(kind), values)


@given(
    size=st.integers(1, 50),
    values=st.lists(st.none() | _TEXT, min_size=1, max_size=8),
)
@example(size=1, values=["👩‍👩‍👧", "e\u0301", "", "é", "日本"])
def test_truncate_and_bucket_of_texts_agree_with_pyiceberg(
    hashing: Any, size: int, values: list[str | None]
) -> None:
    for text in (f"truncate({size}, c)", f"bucket({size}, c)"):
        _agree(hashing, text, Primitive("string"), values)


@given(data=st.data())
def test_truncate_and_bucket_of_decimals_agree_with_pyiceberg(
    hashing: Any, data: st.DataObject
) -> None:
    precision = data.draw(st.integers(2, 38))
    scale = data.draw(st.integers(0, precision))
    width = data.draw(st.integers(1, 10 ** min(precision - 1, 3)))
    most = 10**precision - 1 - width
    unscaled = st.integers(-most, most) if most > 0 else st.just(0)
    decimals = st.none() | unscaled.map(lambda n: Decimal(n).scaleb(-scale))
    values = data.draw(st.lists(decimals, min_size=1, max_size=6))
    for text in (f"truncate({width}, c)", f"bucket({width}, c)"):
        _agree(hashing, text, types.decimal(precision, scale), values)


@given(
    size=st.integers(1, 2**20),
    uuids=st.lists(st.none() | st.uuids(), min_size=1, max_size=5),
    blobs=st.lists(st.none() | st.binary(max_size=20), min_size=1, max_size=5),
    times=st.lists(st.none() | st.times(), min_size=1, max_size=5),
)
def test_buckets_of_uuids_bytes_and_times_agree_with_pyiceberg(
    hashing: Any, size: int, uuids: list[Any], blobs: list[Any], times: list[Any]
) -> None:
    _agree(hashing, f"bucket({size}, c)", Primitive("uuid"), uuids)
    _agree(hashing, f"bucket({size}, c)", Primitive("binary"), blobs)
    _agree(hashing, f"bucket({size}, c)", Primitive("time"), times)


@pytest.mark.parametrize(
    ("value", "kind", "hashed"),
    [
        ("34::INTEGER", "int", 2017239379),
        ("34::BIGINT", "long", 2017239379),
        ("14.20::DECIMAL(9,2)", "decimal(9, 2)", -500754589 & 0x7FFFFFFF),
        ("DATE '2017-11-16'", "date", -653330422 & 0x7FFFFFFF),
        ("TIME '22:31:08'", "time", -662762989 & 0x7FFFFFFF),
        ("TIMESTAMP '2017-11-16 22:31:08'", "timestamp", -2047944441 & 0x7FFFFFFF),
        ("TIMESTAMPTZ '2017-11-16 14:31:08-08'", "timestamptz", -2047944441 & 0x7FFFFFFF),
        ("'iceberg'", "string", 1210000089),
        ("UUID 'f79c3e09-677c-4bbd-a479-3f349cb785e7'", "uuid", 1488055340),
        (r"'\x00\x01\x02\x03'::BLOB", "binary", -188683207 & 0x7FFFFFFF),
    ],
)
def test_the_hash_gives_the_values_in_the_specification(
    hashing: Any, value: str, kind: str, hashed: int
) -> None:
    schema = new_schema([Field(0, "c", Primitive(kind))])
    part = partition.parse((f"bucket({2**31 - 1}, c)",), schema)[0]
    found = hashing.execute(f"SELECT {partition.sql(part, schema)} FROM (SELECT {value} AS c)")
    assert found.fetchall() == [(hashed % (2**31 - 1),)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("year(c)", "string"), ("hour(c)", "date"), ("month(c)", "long"), ("c", "double"),
        ("c", "float"), ("truncate(4, c)", "double"), ("truncate(4, c)", "date"),
        ("bucket(4, c)", "double"), ("bucket(4, c)", "boolean"), ("truncate(0, c)", "long"),
        ("bucket(-1, c)", "long"), ("bucket(c)", "long"), ("bucket(4 c)", "long"),
        ("week(c)", "date"), ("d", "long"), ("year(d)", "date"), ("year(c); DROP", "date"),
        ("", "long"), ("()", "long"), ("bucket(x, c)", "long"), ("void(c)", "long"),
    ],
)  # fmt: skip
def test_a_transform_that_makes_no_sense_is_refused(text: str, kind: str) -> None:
    with pytest.raises(InvalidInput):
        partition.parse((text,), new_schema([Field(0, "c", Primitive(kind))]))


def test_a_nested_column_cannot_be_partitioned_by() -> None:
    nested = types.Struct((Field(0, "a", Primitive("long")),))
    with pytest.raises(InvalidInput, match="nested"):
        partition.parse(("s",), new_schema([Field(0, "s", nested)]))


def test_the_same_part_twice_is_refused_and_the_same_column_twice_is_not() -> None:
    schema = new_schema([Field(0, "c", Primitive("timestamp"))])
    found = partition.parse(("year(c)", "month(c)"), schema)
    assert [p.name for p in found] == ["c_year", "c_month"]
    with pytest.raises(InvalidInput, match="twice"):
        partition.parse(("year(c)", "year( c )"), schema)


@pytest.mark.parametrize(
    "text", ["c", "year(c)", "month(c)", "day(c)", "hour(c)", "truncate(4, s)", "bucket(16, c)"]
)
def test_a_part_is_told_as_it_was_written(text: str) -> None:
    fields = [Field(0, "c", Primitive("timestamp")), Field(0, "s", Primitive("string"))]
    schema = new_schema(fields)
    part = partition.parse((text,), schema)[0]
    assert part.text(schema) == text
    assert partition.PartitionField.from_json(part.to_json()) == part


def test_the_hash_of_a_column_keeps_nulls(hashing: Any) -> None:
    table = pa.table({"c": pa.array([None, "iceberg"], pa.string())})
    hashing.register("texts", table)
    found = hashing.execute("SELECT ice_hash_bytes(encode(c)) FROM texts ORDER BY 1 NULLS FIRST")
    assert found.fetchall() == [(None,), (1210000089,)]
