"""What the warehouse tells and our tables have never heard of.

So it is when an older copy of the store was put back, or when a new store was made beside a
warehouse that is there. What a load left that was killed looks alike, but its write was announced:
an id that no row of `intents` names belongs to a store that is not this one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import sync
from catalog.doctor.findings import Finding, Kind, Severity
from catalog.errors import Conflict, LakeError
from catalog.handles import Handles
from catalog.iceberg import commits, tables
from catalog.iceberg.properties import MADE_AS
from catalog.iceberg.tables import Origin, TableState, origins
from catalog.metadata import audit, records
from catalog.names import DatasetName, parse_dataset

if TYPE_CHECKING:
    from catalog.doctor.tables import Examined

_METADATA = ".metadata.json"
_FOUND = "found"  # the namespace of tables that do not say under which name they were made


@dataclass(frozen=True, slots=True)
class Newer:
    """A state of a table beyond the one that our tables know."""

    state: TableState
    versions: int  # that our tables do not know
    follows: bool  # whether it came from the one that our tables know


def newer(handles: Handles, one: Examined) -> Newer | None:
    """The newest state of a table that our tables have never heard of, or None.

    A metadata file that nothing refers to tells of one if a write of it was not announced to this
    store, or if it comes two or more commits after the current one: nobody stages so far ahead.

    Args:
        handles: the lake.
        one: the table, of which the current metadata may be missing: the store is so old then that
            the file which it names has gone since.
    """
    reader, table = handles.reader, one.table.id
    known = {*audit.snapshots(reader, table), *audit.expired(reader, table)}
    told = one.inspection.metadata | audit.metadata_files(reader, table).keys()
    now = one.inspection.state
    own = now.metadata.table_uuid.hex if now is not None else table
    found = []
    for path in one.sizes.keys() - told:
        state = _state(handles, path) if path.endswith(_METADATA) else None
        if state is None or state.metadata.table_uuid.hex != own:
            continue
        new = {s: origin for s, origin in origins(state).items() if s not in known}
        far = commits.number_of(path) > commits.number_of(one.pointer) + 1
        # Of another engine's nothing is told: it announces its writes to nobody.
        if far or any(origin.is_ours for origin in _may_have_landed(handles, new.values())):
            found.append((_age(state), state, len(new)))
    if not found:
        return None
    _, state, versions = max(found, key=lambda one: one[0])
    # A state names those before it, and those that it names no more are removed.
    before = {entry.metadata_file for entry in state.metadata.metadata_log}
    return Newer(state, versions, one.pointer in before or one.pointer not in one.sizes)


def unknown_tables(handles: Handles, strays: Iterable[str]) -> list[TableState]:
    """The newest state of every table that no row of ours names."""
    newest: dict[str, TableState] = {}
    for path in strays:
        folder, _, name = path.rpartition("/metadata/")
        if not folder or not name.endswith(_METADATA):
            continue
        state = _state(handles, path)
        if state is None or handles.warehouse.contain(f"{state.metadata.location}/x") != (
            f"{folder}/x"
        ):
            continue
        if not _may_have_landed(handles, origins(state).values()):
            continue
        if folder not in newest or _age(state) > _age(newest[folder]):
            newest[folder] = state
    return list(newest.values())


def told_of(state: TableState, name: DatasetName) -> Finding:
    """That there is a table which our tables do not know."""
    place = state.metadata.location
    versions = len(state.metadata.snapshots)
    return Finding(
        Severity.WRONG, Kind.STORE,
        f"Our tables do not know the table in {place}, {versions_told(versions)}: an older copy of "
        "the store was put back, or another lake lies in this warehouse.",
        f"lakectl doctor --repair takes it in as {name}; say no if that other "
        "lake is in use.", path=place,
    )  # fmt: skip


def named(handles: Handles, states: Iterable[TableState]) -> list[tuple[TableState, DatasetName]]:
    """Tables with the names under which they were made.

    One whose name is taken, or that tells none, gets one of its own. Of two that were made under
    one name the one that was changed last has it.
    """
    found: dict[DatasetName, TableState] = {}
    for state in sorted(states, key=lambda state: -state.metadata.last_updated_ms):
        name = DatasetName(_FOUND, f"t_{state.metadata.table_uuid.hex[:12]}")
        with suppress(LakeError):
            made_as = parse_dataset(state.metadata.properties.get(MADE_AS, ""))
            if made_as not in found and not handles.reader.pointer(made_as):
                name = made_as
        found[name] = state
    return [(state, name) for name, state in found.items()]


def take_in(handles: Handles, state: TableState, name: DatasetName) -> str:
    """Let our tables know a table; returns what was done.

    Raises:
        Conflict: a table of its name was made meanwhile.
    """
    with handles.database.write() as conn:
        if not records.swap(conn, name, None, state.location):
            raise Conflict(f"There is a dataset {name} by now.", "Run doctor again.")
    sync.adopt(handles, state.metadata.table_uuid.hex, name, state.location)
    return f"{name} is known, {versions_told(len(state.metadata.snapshots))}."


def step_forward(handles: Handles, one: Examined, found: Newer) -> str:
    """Let a table be at its newest state; returns what was done.

    Raises:
        Conflict: somebody has committed meanwhile.
    """
    name = one.table.name
    with handles.database.write() as conn:
        if not records.swap(conn, name, one.pointer, found.state.location):
            raise Conflict(f"{name} has changed meanwhile.", "Run doctor again.")
    sync.rebuild(handles, one.table.id, name, found.state.location)
    return f"{name} has {versions_told(found.versions)} more that our tables did not know."


def versions_told(count: int) -> str:
    """So many versions, as words."""
    return f"{count:,} version{'' if count == 1 else 's'}"


def _state(handles: Handles, path: str) -> TableState | None:
    try:
        return tables.parse(handles.warehouse, path, handles.warehouse.read(path))
    except (LakeError, OSError):
        return None


def _age(state: TableState) -> tuple[int, int]:
    return commits.number_of(state.location), state.metadata.last_updated_ms


def _may_have_landed(handles: Handles, found: Collection[Origin]) -> list[Origin]:
    """Those whose write did, or was never announced to this store."""
    not_so = audit.unlanded(handles.reader, {origin.write for origin in found})
    return [origin for origin in found if origin.write not in not_so]
