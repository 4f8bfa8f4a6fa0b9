"""Tables of the warehouse that no row of ours names.

There are some when the store was made anew, when an older copy of it was put back, or when two
lakes share a warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from catalog import faults, sync
from catalog.doctor.findings import Finding, Kind, Severity
from catalog.doctor.forgotten import METADATA, age, hear_of, lies_in, state_at, versions_told
from catalog.errors import Conflict, LakeError
from catalog.handles import Handles
from catalog.iceberg import commits
from catalog.iceberg.inspection import inspect
from catalog.iceberg.properties import MADE_AS
from catalog.iceberg.tables import TableState
from catalog.metadata import audit, records
from catalog.names import DatasetName, parse_dataset

_FOUND = "found"  # the namespace of tables that do not say under which name they were made


class Strangers(NamedTuple):
    """The tables that were found, by the folder in which each lies."""

    whole: Mapping[str, TableState]  # the newest state that can be read whole
    broken: Mapping[str, str]  # why none can, as the rest of a sentence about the table


def look_for(handles: Handles, strays: Iterable[str]) -> Strangers:
    """The tables whose metadata files are among some that belong to no table of ours."""
    folders: dict[str, list[str]] = {}
    for path in strays:
        folder, _, name = path.rpartition("/metadata/")
        if folder and name.endswith(METADATA):
            folders.setdefault(folder, []).append(path)
    whole, broken = {}, {}
    for folder, paths in folders.items():
        found = _newest_whole(handles, folder, [p for p in paths if _may_have_landed(handles, p)])
        if isinstance(found, TableState):
            whole[folder] = found
        elif found is not None:
            broken[folder] = found
    return Strangers(whole, broken)


def _newest_whole(handles: Handles, folder: str, paths: Iterable[str]) -> TableState | str | None:
    """The newest state that can be read whole, or why none can; None where there is no table."""
    why, states = None, []
    for path in paths:
        state = state_at(handles, path)
        if state is None:
            why = f"{path} cannot be read"
        elif lies_in(handles, state, folder):
            states.append(state)
    for state in sorted(states, key=age, reverse=True):
        damage = inspect(handles.warehouse, state.location, {}).damage
        if not damage:
            return state
        why = f"{damage[0].path} {damage[0].reason}"
    return why


def _may_have_landed(handles: Handles, path: str) -> bool:
    """Whether a write landed as far as is known, or was never announced to this store."""
    write = commits.write_of(path) or ""
    return audit.intents(handles.reader, [write]).get(write, "done") == "done"


def told_of(state: TableState, name: DatasetName) -> Finding:
    """That there is a table which our tables do not know."""
    place = state.metadata.location
    versions = len(state.metadata.snapshots)
    return Finding(
        Severity.WRONG, Kind.STORE,
        f"Our tables do not know the table in {place}, {versions_told(versions)}: the store was "
        "made anew, an older copy of it was put back, or another lake lies in this warehouse.",
        f"lakectl doctor --repair takes it in as {name}; say no if that other "
        "lake is in use.", path=place,
    )  # fmt: skip


def told_of_broken(folder: str, why: str) -> Finding:
    """That there is such a table, and that it cannot be taken in."""
    return Finding(
        Severity.DAMAGE, Kind.STORE,
        f"Our tables do not know the table in {folder}, and it cannot be taken in: {why}.",
        "Restore that file from a backup, or move the folder away.", path=folder,
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
    dataset_id = state.metadata.table_uuid.hex
    with handles.database.write() as conn:
        if not records.swap(conn, name, None, state.location):
            raise Conflict(f"There is a dataset {name} by now.", "Run doctor again.")
        hear_of(handles, conn, dataset_id, state)
    faults.reach("repair.known")
    sync.adopt(handles, dataset_id, name, state.location)
    return f"{name} is known, {versions_told(len(state.metadata.snapshots))}."
