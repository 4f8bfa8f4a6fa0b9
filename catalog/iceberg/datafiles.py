"""The manifest entry of a file that DuckDB wrote, made from what COPY … RETURN_STATS told of it.

No footer is read again. Bounds follow the Iceberg specification, appendix D; where DuckDB's text
has no safe equal (infinities, years beyond 9999), there is no bound, which is always right.
"""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    PrimitiveType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from catalog.errors import OperationFailed
from catalog.model import WrittenFile

_STEP = re.compile(r'"((?:[^"]|"")*)"(?:\.|\Z)')
_KEPT = 16  # code points or bytes of a bound
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class _Leaf:
    id: int
    type: PrimitiveType
    repeated: bool  # inside a list or map, where bounds have no meaning


def data_file(written: WrittenFile, path: str, schema: Schema, spec: PartitionSpec) -> DataFile:
    """The entry of one file.

    Args:
        written: what DuckDB told of it.
        path: where it lies now.
        schema: the schema that its field ids come from.
        spec: the partitioning it was written under.

    Raises:
        KeyError: the file lacks a column of the schema, or has another.
    """
    known = _leaves(schema)
    kept: dict[str, dict[int, Any]] = defaultdict(dict)
    seen: set[tuple[str, ...]] = set()
    for name, stat in written.columns.items():
        if "column_size_bytes" not in stat:
            continue  # a struct, list or map itself
        steps = tuple(step.replace('""', '"') for step in _STEP.findall(name))
        seen.add(steps)
        _keep(kept, known[steps], stat)
    missing = [".".join(steps) for steps in known if steps not in seen]
    if missing:
        raise KeyError(f"no statistics for {', '.join(missing)} in {path}")
    return _entry(written, path, _partition(written, schema, spec), spec, kept)


def bare_data_file(
    written: WrittenFile, path: str, schema: Schema, spec: PartitionSpec
) -> DataFile:
    """The entry of a file whose statistics are not known: no bounds, which is always right."""
    return _entry(written, path, _partition(written, schema, spec), spec, defaultdict(dict))


def _keep(kept: dict[str, dict[int, Any]], leaf: _Leaf, stat: Mapping[str, str]) -> None:
    kept["column_sizes"][leaf.id] = int(stat["column_size_bytes"])
    kept["value_counts"][leaf.id] = int(stat["num_values"])
    kept["null_value_counts"][leaf.id] = int(stat["null_count"])
    if "nan_count" in stat:
        kept["nan_value_counts"][leaf.id] = int(stat["nan_count"])
    if leaf.repeated:
        return
    for side, word in (("lower_bounds", "min"), ("upper_bounds", "max")):
        exact = stat.get(f"{word}_is_exact") == "true"
        value = bound(leaf.type, stat.get(word), word == "max", exact)
        if value is not None:
            kept[side][leaf.id] = value


def _entry(
    written: WrittenFile,
    path: str,
    partition: Record,
    spec: PartitionSpec,
    kept: Mapping[str, dict[int, Any]],
) -> DataFile:
    made = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=partition,
        record_count=written.rows,
        file_size_in_bytes=written.bytes,
        column_sizes=kept["column_sizes"],
        value_counts=kept["value_counts"],
        null_value_counts=kept["null_value_counts"],
        nan_value_counts=kept["nan_value_counts"],
        lower_bounds=kept["lower_bounds"],
        upper_bounds=kept["upper_bounds"],
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
    )
    made.spec_id = spec.spec_id
    return made


def _leaves(schema: Schema) -> dict[tuple[str, ...], _Leaf]:
    """Every primitive of a schema by the path that RETURN_STATS gives it."""
    found: dict[tuple[str, ...], _Leaf] = {}

    def visit(path: tuple[str, ...], field_id: int, kind: IcebergType, repeated: bool) -> None:
        match kind:
            case StructType():
                for child in kind.fields:
                    visit((*path, child.name), child.field_id, child.field_type, repeated)
            case ListType():
                visit((*path, "element"), kind.element_id, kind.element_type, True)
            case MapType():
                visit((*path, "key"), kind.key_id, kind.key_type, True)
                visit((*path, "value"), kind.value_id, kind.value_type, True)
            case PrimitiveType():
                found[path] = _Leaf(field_id, kind, repeated)

    for top in schema.fields:
        visit((top.name,), top.field_id, top.field_type, False)
    return found


def _partition(written: WrittenFile, schema: Schema, spec: PartitionSpec) -> Record:
    """The partition record: DuckDB tells the values raw, and NULL as None, in the spec's order."""
    kinds = spec.partition_type(schema).fields
    try:
        return _record(kinds, written)
    except ValueError as error:
        raise OperationFailed(
            f"A partition value cannot be kept: {error}.",
            "Leave rows with infinite times or years beyond 9999 out with --select.",
        ) from error


def _record(kinds: Sequence[NestedField], written: WrittenFile) -> Record:
    return Record(
        *(
            None if text is None else _parse(f.field_type, text)
            for f, text in zip(kinds, written.partition, strict=True)
        )
    )


def _micros(stamp: datetime) -> int:
    away = stamp - datetime(1970, 1, 1, tzinfo=stamp.tzinfo)
    return (away.days * 86_400 + away.seconds) * 1_000_000 + away.microseconds


def _time_micros(text: str) -> int:
    t = time_of_day.fromisoformat(text)
    return ((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond


_PARSE: dict[type[IcebergType], Callable[[str], Any]] = {
    BooleanType: lambda text: text in {"1", "true"},
    IntegerType: int,
    LongType: int,
    FloatType: float,
    DoubleType: float,
    DecimalType: Decimal,
    DateType: lambda text: date.fromisoformat(text).toordinal() - _EPOCH,
    TimeType: _time_micros,
    TimestampType: lambda text: _micros(datetime.fromisoformat(text)),
    TimestamptzType: lambda text: _micros(datetime.fromisoformat(text).astimezone(UTC)),
    StringType: str,
    UUIDType: uuid.UUID,
    BinaryType: bytes.fromhex,
    FixedType: bytes.fromhex,
}


def _parse(kind: IcebergType, text: str) -> Any:
    """A value of DuckDB's text in Iceberg's inner form: days, microseconds, UUID, bytes."""
    return _PARSE[type(kind)](text)


def _round_up(value: str) -> str | None:
    """The least short string that is not below any string that starts with `value`."""
    chars = list(value[:_KEPT])
    while chars:
        code = ord(chars[-1]) + 1
        if code == 0xD800:  # surrogates have no UTF-8 form
            code = 0xE000
        if code <= 0x10FFFF:
            return "".join(chars[:-1]) + chr(code)
        chars.pop()
    return None


def _round_up_bytes(value: bytes) -> bytes | None:
    kept = value[:_KEPT].rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def bound(kind: PrimitiveType, text: str | None, upper: bool, exact: bool) -> bytes | None:
    """One bound as Iceberg writes it, or None where there is no safe one.

    Args:
        kind: the type of the column.
        text: DuckDB's text of the least or greatest value.
        upper: whether it is the greatest.
        exact: whether DuckDB has not cut it.
    """
    if text is None:
        return None
    try:
        value = _parse(kind, text)
    except (ValueError, ArithmeticError):
        return None
    if isinstance(value, float):
        if value != value:
            return None
        value = value or (0.0 if upper else -0.0)  # the statistics do not tell the sign of zero
    elif isinstance(value, str | bytes):
        value = _cut(value, upper, exact)
    elif not exact:
        return None
    return None if value is None else to_bytes(kind, value)


def _cut(value: str | bytes, upper: bool, exact: bool) -> str | bytes | None:
    if len(value) <= _KEPT and exact:
        return value
    if not upper:
        return value[:_KEPT]
    return _round_up(value) if isinstance(value, str) else _round_up_bytes(value)
