"""Types of columns: Iceberg's, as frozen values, and the gate through which DuckDB's types pass.

The JSON and text forms are those of the Iceberg specification, appendix C. The promotions are
those of its section on schema evolution (v2): int to long, float to double, decimal precision up
with the scale unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.errors import InvalidInput

MAX_DEPTH = 60  # PyIceberg takes twelve frames of the stack for each level of a schema
MAX_LISTS = 16  # DuckDB's Parquet reader takes twice as long for each list or map in another
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)\Z")

_ICEBERG_TO_DUCKDB = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
    "unknown": "VARCHAR",
}

# What DuckDB may hand us and what it becomes. Small unsigned types go to the next wider signed
# one: PyIceberg would keep the width and fail on the first value above its half.
_DUCKDB_TO_ICEBERG = {
    "BOOLEAN": "boolean",
    "TINYINT": "int",
    "SMALLINT": "int",
    "INTEGER": "int",
    "UTINYINT": "int",
    "USMALLINT": "int",
    "BIGINT": "long",
    "UINTEGER": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "string",
    "JSON": "string",
    "UUID": "uuid",
    "BLOB": "binary",
    '"NULL"': "unknown",
}
# A column of nothing but NULL: it takes the type that the dataset has, and no other has one.
UNKNOWN = "unknown"

# What Iceberg v2 cannot hold without loss, with the cast that would do.
_REFUSED = {
    "HUGEINT": (
        "a 128-bit integer (sum() gives one; a value beyond 64 bits fits a DECIMAL(38,0))",
        "CAST({c} AS BIGINT)",
    ),
    "UHUGEINT": ("an unsigned 128-bit integer", "CAST({c} AS DECIMAL(38,0))"),
    "UBIGINT": ("an unsigned 64-bit integer", "CAST({c} AS DECIMAL(20,0))"),
    "TIMESTAMP_NS": ("a timestamp in nanoseconds", "CAST({c} AS TIMESTAMP)"),
    "TIMESTAMP_NS WITH TIME ZONE": ("a timestamp in nanoseconds", "CAST({c} AS TIMESTAMPTZ)"),
    "TIME WITH TIME ZONE": ("a time of day with a zone", "CAST({c} AS TIME)"),
    "TIME_NS": ("a time of day in nanoseconds", "CAST({c} AS TIME)"),
    "INTERVAL": ("an interval", "date_part('epoch', {c})"),
    "BIT": ("a bit string", "CAST({c} AS VARCHAR)"),
    "BIGNUM": ("an integer of any length", "CAST({c} AS DECIMAL(38,0))"),
    "VARIANT": ("a variant", "CAST({c} AS VARCHAR)"),
    "GEOMETRY": ("a geometry", "ST_AsText({c})"),
    "UNION": ("a union of types", "CAST({c} AS VARCHAR)"),
}


@dataclass(frozen=True, slots=True)
class Primitive:
    """A type without parts, by its Iceberg text: `long`, `decimal(10, 2)`, `fixed[16]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a child of a struct. `id` is 0 until a schema has given it one."""

    id: int
    name: str
    type: Type
    required: bool = False
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct of named children."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; its child is always called `element`."""

    element: Field


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map; its children are always called `key` and `value`."""

    key: Field
    value: Field


Type = Primitive | Struct | ListOf | MapOf


def children(kind: Type) -> tuple[Field, ...]:
    """The fields directly inside a type; empty for a primitive."""
    match kind:
        case Struct(fields):
            return fields
        case ListOf(element):
            return (element,)
        case MapOf(key, value):
            return (key, value)
        case Primitive():
            return ()


def walk(fields: tuple[Field, ...]) -> Iterator[Field]:
    """Every field of a schema, parents before their children."""
    for field in fields:
        yield field
        yield from walk(children(field.type))


def decimal_parts(kind: Type) -> tuple[int, int] | None:
    """(precision, scale) of a decimal, else None."""
    match = _DECIMAL.match(kind.text) if isinstance(kind, Primitive) else None
    return (int(match[1]), int(match[2])) if match else None


def decimal(precision: int, scale: int) -> Primitive:
    """The decimal type in its Iceberg text."""
    return Primitive(f"decimal({precision}, {scale})")


def text_of(kind: Type) -> str:
    """The type as people and scripts see it: `struct<a: long, b: list<string>>`."""
    match kind:
        case Primitive(text):
            return text
        case Struct(fields):
            inner = ", ".join(f"{f.name}: {text_of(f.type)}" for f in fields)
            return f"struct<{inner}>"
        case ListOf(element):
            return f"list<{text_of(element.type)}>"
        case MapOf(key, value):
            return f"map<{text_of(key.type)}, {text_of(value.type)}>"


def duckdb_of(kind: Type) -> str:
    """The DuckDB type that holds the values of an Iceberg type, as SQL."""
    match kind:
        case Struct(fields):
            quoted = ('"' + f.name.replace('"', '""') + '" ' + duckdb_of(f.type) for f in fields)
            return f"STRUCT({', '.join(quoted)})"
        case ListOf(element):
            return f"{duckdb_of(element.type)}[]"
        case MapOf(key, value):
            return f"MAP({duckdb_of(key.type)}, {duckdb_of(value.type)})"
        case Primitive(text):
            parts = decimal_parts(kind)
            if parts:
                return f"DECIMAL({parts[0]},{parts[1]})"
            return "BLOB" if text.startswith("fixed[") else _ICEBERG_TO_DUCKDB[text]


def to_json(kind: Type) -> Any:
    """The type in the JSON form of Iceberg's table metadata."""
    match kind:
        case Primitive(text):
            return text
        case Struct(fields):
            return {"type": "struct", "fields": [field_to_json(f) for f in fields]}
        case ListOf(element):
            return {
                "type": "list",
                "element-id": element.id,
                "element": to_json(element.type),
                "element-required": element.required,
            }
        case MapOf(key, value):
            return {
                "type": "map",
                "key-id": key.id,
                "key": to_json(key.type),
                "value-id": value.id,
                "value": to_json(value.type),
                "value-required": value.required,
            }


def field_to_json(field: Field) -> dict[str, Any]:
    """A field in the JSON form of Iceberg's table metadata."""
    found: dict[str, Any] = {
        "id": field.id,
        "name": field.name,
        "type": to_json(field.type),
        "required": field.required,
    }
    return found | ({"doc": field.doc} if field.doc else {})


def from_json(found: Any) -> Type:
    """The type that Iceberg's JSON form tells.

    Raises:
        InvalidInput: the form is not one of Iceberg v2.
    """
    if isinstance(found, str):
        parts = _DECIMAL.match(found)
        return decimal(int(parts[1]), int(parts[2])) if parts else Primitive(found)
    match found:
        case {"type": "struct", "fields": fields}:
            return Struct(tuple(field_from_json(f) for f in fields))
        case {"type": "list"}:
            inner = from_json(found["element"])
            required = bool(found.get("element-required"))
            return ListOf(Field(found["element-id"], "element", inner, required))
        case {"type": "map"}:
            key = Field(found["key-id"], "key", from_json(found["key"]), required=True)
            required = bool(found.get("value-required"))
            return MapOf(
                key, Field(found["value-id"], "value", from_json(found["value"]), required)
            )
    raise InvalidInput(f"Not a type of Iceberg v2: {found!r}.")


def field_from_json(found: dict[str, Any]) -> Field:
    """The field that Iceberg's JSON form tells."""
    kind = from_json(found["type"])
    return Field(found["id"], found["name"], kind, bool(found.get("required")), found.get("doc"))


def from_duckdb(kind: Any, column: str, depth: int = 0, lists: int = 0) -> Type:
    """Let a DuckDB type through the gate.

    Args:
        kind: a DuckDB type object: `str()` gives its SQL, `.id` its family, `.children` its parts.
        column: the dotted name of the column, for the sentence.
        depth: how deep this type stands inside the column.
        lists: how many of the types around it are lists or maps.

    Returns:
        The Iceberg type that holds every one of its values; field ids are 0.

    Raises:
        InvalidInput: no type of Iceberg v2 holds it without loss; the hint is a cast that would do.
    """
    family = str(kind.id)
    lists += family in {"map", "list", "array"}
    if depth > MAX_DEPTH or lists > MAX_LISTS:
        most = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_LISTS} lists or maps"
        raise InvalidInput(
            f"Column {column.split('.')[0]!r} is nested deeper than {most}.",
            "Keep it as text: CAST(… AS VARCHAR) in --select.",
        )
    if family == "decimal":
        precision, scale = (int(value) for _, value in kind.children)
        return decimal(precision, scale)
    if family in {"struct", "map", "list", "array"}:
        return _nested(kind, family, column, (depth + 1, lists))
    name = "VARCHAR" if family == "enum" else str(kind)
    if family == "union":
        name = "UNION"
    if name in _DUCKDB_TO_ICEBERG:
        return Primitive(_DUCKDB_TO_ICEBERG[name])
    what, cast = _REFUSED.get(name, (f"of DuckDB's type {name}", "CAST({c} AS VARCHAR)"))
    quoted = '"' + column.split(".")[0].replace('"', '""') + '"'
    import shlex

    select = f"SELECT * REPLACE ({cast.format(c=quoted)} AS {quoted}) FROM source"
    raise InvalidInput(
        f"Column {column!r} is {what} ({name}); Iceberg v2 has no type that holds it.",
        f"Cast it while loading: --select {shlex.quote(select)}.",
    )


def _nested(kind: Any, family: str, column: str, inside: tuple[int, int]) -> Type:
    parts = [(str(n), t) for n, t in kind.children if n != "size"]
    if family == "struct":
        refuse_twins([n for n, _ in parts], f"struct {column!r}")
        inner = (Field(0, n, from_duckdb(t, f"{column}.{n}", *inside)) for n, t in parts)
        return Struct(tuple(inner))
    if family == "map":
        key = Field(0, "key", from_duckdb(parts[0][1], f"{column}.key", *inside), required=True)
        value = from_duckdb(parts[1][1], f"{column}.value", *inside)
        return MapOf(key, Field(0, "value", value))
    return ListOf(Field(0, "element", from_duckdb(parts[0][1], f"{column}.element", *inside)))


def refuse_twins(names: Sequence[str], where: str) -> None:
    """Refuse two columns whose names differ by case only, or not at all.

    Raises:
        InvalidInput: naming both.
    """
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise InvalidInput(
                f"{where} has two columns called {seen[name.lower()]!r} and {name!r}: "
                "names must differ by more than upper and lower case.",
                "Rename one of them there.",
            )
        seen[name.lower()] = name


def refuse_unfit(names: Sequence[str], where: str) -> None:
    """Refuse names of columns that DuckDB would change, or not take.

    Raises:
        InvalidInput: there is none, one is blank or has a NUL, at which DuckDB cuts what Arrow
            hands to it, or two are the same but for their case.
    """
    if not names:
        raise InvalidInput(f"{where} has no columns.")
    refuse_twins(names, where)
    if any(not name.strip() for name in names):
        raise InvalidInput(f"{where} has a column without a name.", "Name it in the file.")
    if any("\x00" in name for name in names):  # DuckDB would call it v0
        raise InvalidInput(f"{where} has a column with a NUL in its name.", "Rename it there.")


def fields_from_duckdb(names: list[str], kinds: list[Any]) -> tuple[Field, ...]:
    """The columns of a DuckDB result as fields without ids.

    Args:
        names: column names in order.
        kinds: DuckDB type objects in the same order.

    Raises:
        InvalidInput: a type or a name that the lake does not take.
    """
    if not names:
        raise InvalidInput("The source has no columns.")
    refuse_twins(names, "The source")
    for name in names:
        if not name.strip() or "\x00" in name:
            raise InvalidInput(f"A column of the source has no usable name: {name!r}.")
    pairs = zip(names, kinds, strict=True)
    return tuple(Field(0, n, from_duckdb(k, n)) for n, k in pairs)


def can_promote(old: Type, new: Type) -> bool:
    """Whether Iceberg v2 allows the type of a column to change from `old` to `new`."""
    if isinstance(old, Primitive) and isinstance(new, Primitive):
        before, after = decimal_parts(old), decimal_parts(new)
        if before and after:
            return after[1] == before[1] and after[0] > before[0]
        return (old.text, new.text) in {("int", "long"), ("float", "double")}
    return False


def fits_into(value: Type, column: Type) -> bool:
    """Whether every value of one primitive type is kept exactly by a column of another."""
    if not (isinstance(value, Primitive) and isinstance(column, Primitive)):
        return False
    if value == column or can_promote(value, column):
        return True
    whole = {"int": 10, "long": 19}.get(value.text)
    parts = decimal_parts(column)
    if whole and parts:
        return parts[0] - parts[1] >= whole
    return (value.text, column.text) == ("int", "double")


def with_ids(field: Field, next_id: Iterator[int]) -> Field:
    """The field with fresh ids for itself and all its children, parents first."""
    own = next(next_id)
    match field.type:
        case Struct(fields):
            kind: Type = Struct(tuple(with_ids(f, next_id) for f in fields))
        case ListOf(element):
            kind = ListOf(with_ids(element, next_id))
        case MapOf(key, value):
            kind = MapOf(with_ids(key, next_id), with_ids(value, next_id))
        case _:
            kind = field.type
    return replace(field, id=own, type=kind)
