"""Schemas: what a dataset's columns are, and what becomes of them when other data arrives.

`plan_evolution` decides and performs nothing: it says what changes, whether the policy allows it,
and which schema results. The ids of fields are never given twice, so a column that is dropped and
added again is a new column, as the Iceberg specification asks.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from catalog import types
from catalog.errors import InvalidInput, SchemaConflict
from catalog.types import Field, ListOf, MapOf, Primitive, Struct


class SchemaPolicy(StrEnum):
    """What incoming data may do to the schema of a dataset."""

    REFUSE = "refuse"  # nothing: the columns must be the same
    WIDEN = "widen"  # types may widen: int to long, float to double, decimal precision
    EVOLVE = "evolve"  # types may widen, new optional columns come in, absent ones become NULL


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a dataset, with the id that Iceberg knows the schema by."""

    fields: tuple[Field, ...]
    schema_id: int = 0

    @classmethod
    def from_json(cls, found: dict[str, Any] | str) -> Schema:
        """Read the JSON form of Iceberg's table metadata."""
        parsed = json.loads(found) if isinstance(found, str) else found
        fields = tuple(types.field_from_json(f) for f in parsed["fields"])
        return cls(fields, parsed.get("schema-id", 0))

    def to_json(self) -> dict[str, Any]:
        """The JSON form of Iceberg's table metadata."""
        listed = [types.field_to_json(f) for f in self.fields]
        return {"type": "struct", "schema-id": self.schema_id, "fields": listed}

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [f.name for f in self.fields]

    def find(self, name: str) -> Field | None:
        """The column of exactly this name, or None."""
        return next((f for f in self.fields if f.name == name), None)

    def max_id(self) -> int:
        """The highest field id in use, 0 for none."""
        return max((f.id for f in types.walk(self.fields)), default=0)


class ChangeKind(StrEnum):
    """What can happen to one field."""

    ADDED = "added"
    REMOVED = "removed"
    WIDENED = "widened"
    RENAMED = "renamed"
    DOCUMENTED = "documented"
    ABSENT = "absent"  # the incoming data lacks an optional column; it is filled with NULL
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a schema diff. `before` and `after` are types, names or docs as text."""

    kind: ChangeKind
    field: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case ChangeKind.ADDED:
                return f"+ {self.field} {self.after} (new, optional)"
            case ChangeKind.REMOVED:
                return f"- {self.field} {self.before}"
            case ChangeKind.WIDENED:
                return f"~ {self.field} {self.before} -> {self.after} (widened)"
            case ChangeKind.RENAMED:
                return f"~ {self.before} -> {self.after} (renamed)"
            case ChangeKind.DOCUMENTED:
                return f"~ {self.field} {'documented' if self.after else 'no longer documented'}"
            case ChangeKind.ABSENT:
                return f"- {self.field} {self.before} (absent here, filled with NULL)"
            case ChangeKind.INCOMPATIBLE:
                return f"! {self.field} is {self.before}, here {self.after}"

    def to_json(self) -> dict[str, Any]:
        """The line as an object for scripts."""
        shown = {"change": str(self.kind), "field": self.field}
        return shown | {"before": self.before, "after": self.after}


def new_schema(fields: Iterable[Field]) -> Schema:
    """A first schema: ids from 1 up, parents before their children.

    Raises:
        InvalidInput: a column holds nothing but NULL, so that it has no type.
    """
    counter = itertools.count(1)
    fields = tuple(fields)
    for field in fields:
        _refuse_unknown(field)
    return Schema(tuple(types.with_ids(f, counter) for f in fields))


def diff(before: Schema, after: Schema) -> list[Change]:
    """What changed between two schemas of one dataset, matched by field id, nested ones too."""
    old = {f.id: (path, f) for path, f in _paths(before.fields)}
    new = {f.id: (path, f) for path, f in _paths(after.fields)}
    changes = []
    for key, (path, field) in old.items():
        if key not in new:
            changes.append(Change(ChangeKind.REMOVED, path, types.text_of(field.type)))
            continue
        changes.extend(_field_changes(path, field, *new[key]))
    for key, (path, field) in new.items():
        if key not in old:
            changes.append(Change(ChangeKind.ADDED, path, None, types.text_of(field.type)))
    return changes


def _field_changes(path: str, field: Field, new_path: str, new: Field) -> list[Change]:
    found = []
    if field.name != new.name:
        found.append(Change(ChangeKind.RENAMED, new_path, field.name, new.name))
    if isinstance(field.type, Primitive) and field.type != new.type:
        shown = types.text_of(field.type), types.text_of(new.type)
        found.append(Change(ChangeKind.WIDENED, new_path, *shown))
    if field.doc != new.doc:
        found.append(Change(ChangeKind.DOCUMENTED, new_path, field.doc, new.doc))
    return found


def _paths(fields: tuple[Field, ...], prefix: str = "") -> list[tuple[str, Field]]:
    found = []
    for field in fields:
        path = f"{prefix}{field.name}"
        found.append((path, field))
        found.extend(_paths(types.children(field.type), f"{path}."))
    return found


@dataclass(frozen=True, slots=True)
class Evolution:
    """What incoming columns would do to a schema."""

    schema: Schema  # the schema after the change; the same object when nothing changes
    changes: tuple[Change, ...]

    @property
    def changed(self) -> bool:
        """Whether the table's schema itself becomes another one."""
        return any(c.kind in {ChangeKind.ADDED, ChangeKind.WIDENED} for c in self.changes)


_ALLOWED = {
    SchemaPolicy.REFUSE: frozenset[ChangeKind](),
    SchemaPolicy.WIDEN: frozenset({ChangeKind.WIDENED}),
    SchemaPolicy.EVOLVE: frozenset({ChangeKind.WIDENED, ChangeKind.ADDED, ChangeKind.ABSENT}),
}


def plan_evolution(
    current: Schema, incoming: tuple[Field, ...], policy: SchemaPolicy, last_id: int
) -> Evolution:
    """Decide what incoming columns do to a schema; nothing is written.

    Columns are matched by name, case for case. A narrower incoming type is no change: its values
    are widened on the way in.

    Args:
        current: the dataset's schema.
        incoming: the columns that arrive, without ids.
        policy: what is allowed.
        last_id: the highest field id ever given in this dataset.

    Raises:
        SchemaConflict: a change is incompatible, or not allowed by the policy. It carries the
            whole diff, and the hint says what would make it pass.
    """
    counter = itertools.count(last_id + 1)
    arriving = {f.name: f for f in incoming}
    changes: list[Change] = []
    fields: list[Field] = []
    for field in current.fields:
        other = arriving.pop(field.name, None)
        if other is None:
            changes.append(Change(ChangeKind.ABSENT, field.name, types.text_of(field.type)))
            fields.append(field)
        else:
            merged, found = _merge(field, other, field.name, counter)
            fields.append(merged)
            changes.extend(found)
    for extra in arriving.values():
        changes.append(_arrival(current.names, "", extra))
        fields.append(types.with_ids(replace(extra, required=False), counter))
    _judge(changes, policy)
    after = Schema(tuple(fields), current.schema_id)
    plan = Evolution(after, tuple(changes))
    return plan if plan.changed else replace(plan, schema=current)


def _refuse_unknown(field: Field) -> None:
    if any(f.type == Primitive(types.UNKNOWN) for f in types.walk((field,))):
        quoted = '"' + field.name.replace('"', '""') + '"'
        raise InvalidInput(
            f"Column {field.name!r} holds nothing but NULL, so it has no type.",
            f"Give it one: --select 'SELECT * REPLACE (CAST({quoted} AS VARCHAR) AS {quoted}) "
            "FROM source'.",
        )


def _arrival(known: Sequence[str], path: str, extra: Field) -> Change:
    """What a new field is: an addition, or another spelling of one that is there."""
    _refuse_unknown(extra)
    twin = next((n for n in known if n.lower() == extra.name.lower()), None)
    if twin:
        spelled = f"spelled {twin!r}", f"spelled {extra.name!r}"
        return Change(ChangeKind.INCOMPATIBLE, f"{path}{twin}", *spelled)
    return Change(ChangeKind.ADDED, f"{path}{extra.name}", None, types.text_of(extra.type))


def _merge(
    field: Field, other: Field, path: str, counter: itertools.count[int]
) -> tuple[Field, list[Change]]:
    """The field after the other's values have come in, and what that changed."""
    kind, arriving = field.type, other.type
    if arriving == Primitive(types.UNKNOWN):
        return field, []
    if isinstance(kind, Primitive) and isinstance(arriving, Primitive):
        if types.fits_into(arriving, kind):
            return field, []
        shown = types.text_of(kind), types.text_of(arriving)
        if types.can_promote(kind, arriving):
            change = Change(ChangeKind.WIDENED, path, *shown)
            return replace(field, type=arriving), [change]
        return field, [Change(ChangeKind.INCOMPATIBLE, path, *shown)]
    match kind, arriving:
        case Struct(old), Struct(new):
            return _merge_struct(field, old, new, path, counter)
        case ListOf(old_one), ListOf(new_one):
            inner, found = _merge(old_one, new_one, f"{path}.element", counter)
            return replace(field, type=ListOf(inner)), found
        case MapOf(old_key, old_value), MapOf(new_key, new_value):
            key, key_changes = _merge(old_key, new_key, f"{path}.key", counter)
            value, found = _merge(old_value, new_value, f"{path}.value", counter)
            return replace(field, type=MapOf(key, value)), key_changes + found
    shown = types.text_of(kind), types.text_of(arriving)
    return field, [Change(ChangeKind.INCOMPATIBLE, path, *shown)]


def _merge_struct(
    field: Field,
    old: tuple[Field, ...],
    new: tuple[Field, ...],
    path: str,
    counter: itertools.count[int],
) -> tuple[Field, list[Change]]:
    arriving = {f.name: f for f in new}
    kept: list[Field] = []
    changes: list[Change] = []
    for child in old:
        other = arriving.pop(child.name, None)
        if other is None:
            absent = Change(ChangeKind.ABSENT, f"{path}.{child.name}", types.text_of(child.type))
            changes.append(absent)
            kept.append(child)
            continue
        merged, found = _merge(child, other, f"{path}.{child.name}", counter)
        kept.append(merged)
        changes.extend(found)
    for extra in arriving.values():
        changes.append(_arrival([f.name for f in old], f"{path}.", extra))
        kept.append(types.with_ids(replace(extra, required=False), counter))
    return replace(field, type=Struct(tuple(kept))), changes


def _judge(changes: list[Change], policy: SchemaPolicy) -> None:
    """Raise unless every change is allowed."""
    lines = tuple(str(c) for c in changes)
    broken = [c for c in changes if c.kind is ChangeKind.INCOMPATIBLE]
    if broken:
        first = broken[0]
        raise SchemaConflict(
            f"The schema is incompatible: column {first.field!r} is {first.before} in the dataset "
            f"and {first.after} in the source.",
            _remedy(first),
            lines,
        )
    refused = [c for c in changes if c.kind not in _ALLOWED[policy]]
    if refused:
        first = refused[0]
        needed = "widen" if first.kind is ChangeKind.WIDENED and len(refused) == 1 else "evolve"
        raise SchemaConflict(
            f"The source would change the schema, which --schema {policy} does not allow: {first}.",
            f"Allow it with --schema {needed}, or shape the source with --select.",
            lines,
        )


def _remedy(change: Change) -> str:
    if change.before and change.before.startswith("spelled"):
        return "Rename it while loading with --select, so that the spelling is the same."
    passing = f"It would pass if the source gave {change.before}"
    other = "or load it into a dataset of its own."
    before = change.before or ""
    if "." in change.field or "<" in before:  # nested: there is no one word to cast to
        return f"{passing}: shape it with --select; {other}"
    quoted = '"' + change.field.replace('"', '""') + '"'
    cast = f"CAST({quoted} AS {types.duckdb_of(types.from_json(before))}) AS {quoted}"
    nulls = f" (TRY_CAST makes NULL of what is no {before})" if change.after == "string" else ""
    return f"{passing}: --select 'SELECT * REPLACE ({cast}) FROM source'{nulls}; {other}"
