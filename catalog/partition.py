"""Partitioning: Iceberg's transforms, read from text and written as SQL.

The transforms and their result types are those of the Iceberg specification, section
"Partition transforms". The hash of `bucket` is not SQL; `catalog.engine` provides the function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from catalog.errors import InvalidInput
from catalog.names import ident
from catalog.schema import Schema
from catalog.types import Field, Primitive, decimal_parts, duckdb_of

_CALL = re.compile(r"(?P<name>[a-z_]+)\s*\((?P<args>.*)\)\Z", re.DOTALL)
_TIMES = frozenset({"timestamp", "timestamptz"})
_MOST = 0x7FFF_FFFF  # Iceberg's widths are 32-bit integers
_BUCKETS = frozenset("int long date time timestamp timestamptz string uuid binary".split())
HASH_BYTES, HASH_LONG, HASH_DECIMAL = "ice_hash_bytes", "ice_hash_long", "ice_hash_decimal"


@dataclass(frozen=True, slots=True)
class PartitionField:
    """One part of a partition: `transform` in Iceberg's text over the column `source_id`."""

    source_id: int
    field_id: int  # 1000 and up, Iceberg's own range for partition fields
    name: str
    transform: str  # identity, year, month, day, hour, truncate[W], bucket[N]

    def to_json(self) -> dict[str, Any]:
        """The JSON form of Iceberg's table metadata."""
        return {
            "source-id": self.source_id,
            "field-id": self.field_id,
            "name": self.name,
            "transform": self.transform,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> PartitionField:
        """Read the JSON form of Iceberg's table metadata."""
        return cls(found["source-id"], found["field-id"], found["name"], found["transform"])

    def text(self, schema: Schema) -> str:
        """The part as people write it: `month(ts)`, `bucket(16, id)`, `region`."""
        column = next((f.name for f in schema.fields if f.id == self.source_id), "?")
        if self.transform == "identity":
            return column
        name, _, size = self.transform.rstrip("]").partition("[")
        return f"{name}({size}, {column})" if size else f"{name}({column})"


def parse(texts: tuple[str, ...], schema: Schema) -> tuple[PartitionField, ...]:
    """Read parts such as `month(ts)` or `bucket(16, id)` against a schema.

    Raises:
        InvalidInput: an unknown transform or column, or a type that the transform does not take.
    """
    found: list[PartitionField] = []
    for number, text in enumerate(texts):
        transform, column = _split(text)
        field = schema.find(column)
        if field is None:
            known = ", ".join(schema.names[:12])
            raise InvalidInput(
                f"Cannot partition by {text!r}: there is no column {column!r}.",
                f"The columns are {known}.",
            )
        _check(transform, field, text)
        suffix = "" if transform == "identity" else "_" + transform.split("[")[0]
        name = f"{column}{suffix}"
        if any(f.name == name for f in found):
            raise InvalidInput(f"The partition part {text!r} is given twice.")
        found.append(PartitionField(field.id, 1000 + number, name, transform))
    return tuple(found)


def _split(text: str) -> tuple[str, str]:
    call = _CALL.match(text.strip())
    if call is None:
        return "identity", text.strip()
    name, args = call["name"], call["args"].strip()
    if name in {"year", "month", "day", "hour", "identity"}:
        return name, args
    if name in {"bucket", "truncate"}:
        size, _, column = args.partition(",")
        if size.strip().isdigit() and 0 < int(size) <= _MOST and column.strip():
            return f"{name}[{int(size)}]", column.strip()
        told = f"Write {name} as {name}(N, column), not {text!r}."
        raise InvalidInput(told, f"N is a whole number from 1 to {_MOST}.")
    raise InvalidInput(
        f"{name!r} is no partition transform.",
        "Use a column, or year(c), month(c), day(c), hour(c), truncate(W, c), bucket(N, c).",
    )


def _check(transform: str, field: Field, text: str) -> None:
    """Refuse a transform over a type that Iceberg does not define it for."""
    kind = field.type.text if isinstance(field.type, Primitive) else "nested"
    base = transform.split("[")[0]
    is_decimal = decimal_parts(field.type) is not None
    allowed = {
        "identity": kind not in {"nested", "float", "double", "binary"},
        "year": kind in _TIMES | {"date"},
        "month": kind in _TIMES | {"date"},
        "day": kind in _TIMES | {"date"},
        "hour": kind in _TIMES,
        "truncate": kind in {"int", "long", "string"} or is_decimal,
        "bucket": kind in _BUCKETS or is_decimal,
    }[base]
    if not allowed:
        raise InvalidInput(
            f"Cannot partition by {text!r}: {base} does not take a column of type {kind}."
        )


def result_type(part: PartitionField, schema: Schema) -> str:
    """The Iceberg type of the values of a part, as text."""
    base = part.transform.split("[")[0]
    if base in {"identity", "truncate"}:
        source = next(f for f in schema.fields if f.id == part.source_id)
        assert isinstance(source.type, Primitive)
        return source.type.text
    return "date" if base == "day" else "int"


def sql(part: PartitionField, schema: Schema) -> str:
    """The SQL expression that computes the value of a part for each row; NULL stays NULL."""
    field = next(f for f in schema.fields if f.id == part.source_id)
    column = ident(field.name)
    base, _, size = part.transform.rstrip("]").partition("[")
    kind = field.type.text if isinstance(field.type, Primitive) else ""
    # Iceberg counts a timestamptz in UTC; the session's zone is UTC (see engine.session).
    match base:
        case "identity":
            return column
        case "year":
            return f"(year({column}) - 1970)::INTEGER"
        case "month":
            return f"((year({column}) - 1970) * 12 + month({column}) - 1)::INTEGER"
        case "day":
            return f"{column}::DATE"
        case "hour":
            # Not by dividing microseconds: DuckDB divides doubles, which round at far times.
            return f"date_diff('hour', '1970-01-01'::{duckdb_of(field.type)}, {column})::INTEGER"
        case "truncate" if kind == "string":
            return f"left({column}, {size})"
        case "truncate":
            width = _truncate_width(field, size)
            rest = f"((({column} % {width}) + {width}) % {width})"  # never negative
            return f"({column} - {rest})::{duckdb_of(field.type)}"
        case _:
            return f"({_hash(column, field)} % {size})::INTEGER"


def _truncate_width(field: Field, size: str) -> str:
    parts = decimal_parts(field.type)
    if not parts or not parts[1]:
        return size
    digits = size.rjust(parts[1] + 1, "0")  # the width counts units of the last digit
    return f"{digits[: -parts[1]]}.{digits[-parts[1] :]}"


def _hash(column: str, field: Field) -> str:
    """The call that hashes a value as Iceberg does (specification, appendix B); 31 bits, NULL kept.

    The three functions over bytes, longs and unscaled decimals are made by `engine.session`.
    """
    kind = field.type.text if isinstance(field.type, Primitive) else ""
    if decimal_parts(field.type):
        return f"{HASH_DECIMAL}(replace({column}::VARCHAR, '.', ''))"
    as_bytes = {
        "string": f"encode({column})",
        "uuid": f"unhex(replace({column}::VARCHAR, '-', ''))",
        "binary": column,
    }
    if kind in as_bytes:
        return f"{HASH_BYTES}({as_bytes[kind]})"
    as_long = {
        "date": f"date_diff('day', DATE '1970-01-01', {column})",
        "time": f"epoch_us(DATE '1970-01-01' + {column})",
        "timestamp": f"epoch_us({column})",
        "timestamptz": f"epoch_us({column})",
    }
    return f"{HASH_LONG}({as_long.get(kind, column)}::BIGINT)"
