"""What the warehouse tells and our tables have never heard of.

So it is when an older copy of the store was put back, or when a new store was made beside a
warehouse that is there. What a commit left that was killed looks alike, but its write was announced
and its files carry the id: one that no row of `intents` names belongs to a store that is not this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import faults, sync
from catalog.doctor.findings import Finding, Kind, Severity
from catalog.errors import Conflict, LakeError
from catalog.handles import Handles
from catalog.iceberg import commits, tables
from catalog.iceberg.inspection import inspect
from catalog.iceberg.properties import MADE_AS
from catalog.iceberg.tables import TableState
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
    apart: Sequence[str]  # files that nothing but it, or another such state, refers to

    @property
    def told(self) -> str:
        """What it holds, as words."""
        return versions_told(self.versions) if self.versions else "a change without a version"


def newer(handles: Handles, one: Examined) -> Newer | None:
    """The newest state of a table that our tables have never heard of, or None.

    A metadata file that nothing refers to tells of one if the write that its name carries was never
    announced to this store. Other engines announce nothing: of theirs it must come two or more
    commits after the current one, as nobody stages so far ahead.

    Args:
        handles: the lake.
        one: the table, of which the current metadata may be missing: the store is so old then that
            the file which it names has gone since.
    """
    reader, table = handles.reader, one.table.id
    told = one.inspection.metadata | audit.metadata_files(reader, table).keys()
    now = one.inspection.state
    own = now.metadata.table_uuid.hex if now is not None else table
    read = [_state(handles, path) for path in _unheard(handles, one.sizes.keys() - told, one)]
    there = [s for s in read if s is not None and _lies_in(handles, s, one.table.location)]
    states = [s for s in there if s.metadata.table_uuid.hex == own]
    if not states or _has_moved(handles, one):
        return None
    # A state names those before it, and those that it names no more are removed.
    logs = {s.location: {e.metadata_file for e in s.metadata.metadata_log} for s in states}
    heads = [s for s in states if not any(s.location in log for log in logs.values())]

    def follows(state: TableState) -> bool:
        return one.pointer in logs[state.location] or one.pointer not in one.sizes

    state = max(heads, key=lambda head: (follows(head), _age(head)))
    known = {*audit.snapshots(reader, table), *audit.expired(reader, table)}
    versions = {snapshot.snapshot_id for snapshot in state.metadata.snapshots} - known
    seen = [inspect(handles.warehouse, head.location, {}) for head in heads]
    needed = {path for each in seen for path in (*each.metadata, *each.files)}
    apart = sorted(needed & one.orphans.keys())
    return Newer(state, len(versions), follows(state), apart)


def _has_moved(handles: Handles, one: Examined) -> bool:
    """Whether the pointer is another by now: a lake for reading is looked at beside its writers."""
    now = handles.reader.pointer(one.table.name) or one.pointer
    return not one.table.dropped and now != one.pointer


def _unheard(handles: Handles, paths: Iterable[str], one: Examined) -> Iterator[str]:
    """The metadata files of writes that this store does not know, or knows to come later."""
    found = [path for path in paths if path.endswith(_METADATA)]
    ended = audit.intents(handles.reader, filter(None, map(commits.write_of, found)))
    current = commits.number_of(one.pointer)
    for path in found:
        ahead, write = commits.number_of(path) - current, commits.write_of(path)
        if write is None:
            is_so = ahead > 1
        else:
            is_so = write not in ended or (ended[write] == "done" and ahead > 0)
        if is_so:
            yield path


def unknown_tables(handles: Handles, strays: Iterable[str]) -> list[TableState]:
    """The newest state of every table that no row of ours names."""
    newest: dict[str, TableState] = {}
    for path in strays:
        folder, _, name = path.rpartition("/metadata/")
        if not folder or not name.endswith(_METADATA):
            continue
        write = commits.write_of(path) or ""
        if audit.intents(handles.reader, [write]).get(write, "done") != "done":
            continue  # it was announced to this store, and did not land
        state = _state(handles, path)
        if state is None or not _lies_in(handles, state, folder):
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
    faults.reach("repair.known")
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
    faults.reach("repair.known")
    sync.rebuild(handles, one.table.id, name, found.state.location)
    return f"{name} is at the newest state that there is; taken in: {found.told}."


def versions_told(count: int) -> str:
    """So many versions, as words."""
    return f"{count:,} version{'' if count == 1 else 's'}"


def _state(handles: Handles, path: str) -> TableState | None:
    try:
        return tables.parse(handles.warehouse, path, handles.warehouse.read(path))
    except (LakeError, OSError):
        return None


def _lies_in(handles: Handles, state: TableState, folder: str) -> bool:
    inside = handles.warehouse.contain
    return inside(f"{state.metadata.location}/x") == inside(f"{folder}/x")


def _age(state: TableState) -> tuple[int, int]:
    return commits.number_of(state.location), state.metadata.last_updated_ms
