"""States of a table that our tables have never heard of.

There are some when an older copy of the store was put back. What a commit left that was killed
looks alike, but its write was announced and its files carry the id: one that no row of `intents`
names belongs to a store that is not this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import faults, sync
from catalog.errors import Conflict, LakeError
from catalog.handles import Handles
from catalog.iceberg import commits, tables
from catalog.iceberg.inspection import Inspection, inspect
from catalog.iceberg.tables import TableState
from catalog.metadata import audit, records
from catalog.model import Dataset

if TYPE_CHECKING:
    from catalog.doctor.tables import Examined

METADATA = ".metadata.json"


@dataclass(frozen=True, slots=True)
class Newer:
    """A state of a table beyond the one that our tables know."""

    state: TableState
    versions: int  # that our tables do not know
    follows: bool  # whether it came from the one that our tables know, and can be read whole
    broken: str | None  # else what of it cannot be read, as a sentence without its end
    apart: Sequence[str]  # files that nothing but it, or another such state, refers to

    @property
    def told(self) -> str:
        """What it holds, as words."""
        return versions_told(self.versions) if self.versions else "a change without a version"


@dataclass(frozen=True, slots=True)
class _Line:
    """What is known of a table, to be held against a state that is not."""

    pointer: str
    dataset: Dataset | None
    knows_itself: bool  # whether the write of its own state was announced to this store

    def goes_on_to(self, state: TableState) -> bool:
        """Whether a state came from this one; where its log is too short, its versions tell."""
        if not self.knows_itself or self.dataset is None:
            return False  # a store that lost its intents takes what was killed for unheard of
        log = {entry.metadata_file for entry in state.metadata.metadata_log}
        if self.pointer in log:
            return True
        if min(map(commits.number_of, {*log, state.location})) <= commits.number_of(self.pointer):
            return False
        head, version = self.dataset.snapshot_id, self.dataset.summary.version
        snapshots = {s.snapshot_id: s.sequence_number or 0 for s in state.metadata.snapshots}
        return head is None or head in snapshots or all(n > version for n in snapshots.values())


def look_ahead(handles: Handles, one: Examined) -> tuple[Newer | None, list[str]]:
    """The newest state of a table that our tables have never heard of, if there is any.

    A metadata file that nothing refers to tells of one if the write that its name carries was never
    announced to this store. Other engines announce nothing: of theirs it must come two or more
    commits after the current one, as nobody stages so far ahead.

    Args:
        handles: the lake.
        one: the table, of which the current metadata may be missing: the store is so old then that
            the file which it names has gone since.

    Returns:
        The state, and the metadata files that may tell of one and cannot be read.
    """
    told = one.inspection.metadata | audit.metadata_files(handles.reader, one.table.id).keys()
    read = {path: state_at(handles, path) for path in _unheard(handles, one, told)}
    if not read or _has_moved(handles, one):
        return None, []
    now = one.inspection.state
    own = now.metadata.table_uuid.hex if now is not None else one.table.id
    states = [
        state
        for state in read.values()
        if state is not None
        and lies_in(handles, state, one.table.location)
        and state.metadata.table_uuid.hex == own
    ]
    return _newest(handles, one, states), sorted(path for path in read if read[path] is None)


def _newest(handles: Handles, one: Examined, states: Sequence[TableState]) -> Newer | None:
    if not states:
        return None
    line = _line(handles, one)
    # A state names those before it, and those that it names no more are removed.
    logged = {entry.metadata_file for s in states for entry in s.metadata.metadata_log}
    heads = [state for state in states if state.location not in logged]
    seen = {head.location: inspect(handles.warehouse, head.location, {}) for head in heads}
    apart = _apart(one, list(seen.values()))
    for state in sorted(filter(line.goes_on_to, states), key=age, reverse=True):
        if not (seen.get(state.location) or inspect(handles.warehouse, state.location, {})).damage:
            return Newer(state, _unknown_versions(handles, one, state), True, None, apart)
    head = max(heads, key=lambda head: (line.goes_on_to(head), age(head)))
    damage = next((d for d in seen[head.location].damage), None) if line.goes_on_to(head) else None
    broken = f"{damage.path} {damage.reason}" if damage else None
    return Newer(head, _unknown_versions(handles, one, head), False, broken, apart)


def _line(handles: Handles, one: Examined) -> _Line:
    write = commits.write_of(one.pointer)
    knows = write is None or write in audit.intents(handles.reader, [write])
    return _Line(one.pointer, handles.reader.dataset_by_id(one.table.id), knows)


def _apart(one: Examined, seen: Sequence[Inspection]) -> list[str]:
    if any(each.damage for each in seen):  # what a damaged one refers to is not known
        return sorted(one.orphans)
    needed = {path for each in seen for path in (*each.metadata, *each.files)}
    return sorted(needed & one.orphans.keys())


def _unknown_versions(handles: Handles, one: Examined, state: TableState) -> int:
    reader, table = handles.reader, one.table.id
    known = {*audit.snapshots(reader, table), *audit.expired(reader, table)}
    return len({snapshot.snapshot_id for snapshot in state.metadata.snapshots} - known)


def _has_moved(handles: Handles, one: Examined) -> bool:
    """Whether the pointer is another by now: a lake for reading is looked at beside its writers."""
    now = handles.reader.pointer(one.table.name) or one.pointer
    return not one.table.dropped and now != one.pointer


def _unheard(handles: Handles, one: Examined, told: set[str]) -> Iterator[str]:
    """The metadata files of writes that this store does not know, or knows to come later."""
    found = [path for path in one.sizes.keys() - told if path.endswith(METADATA)]
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


def step_forward(handles: Handles, one: Examined, found: Newer) -> str:
    """Let a table be at its newest state; returns what was done.

    Raises:
        Conflict: somebody has committed meanwhile.
    """
    name = one.table.name
    with handles.database.write() as conn:
        if not records.swap(conn, name, one.pointer, found.state.location):
            raise Conflict(f"{name} has changed meanwhile.", "Run doctor again.")
        hear_of(handles, conn, one.table.id, found.state)
    faults.reach("repair.known")
    sync.rebuild(handles, one.table.id, name, found.state.location)
    return f"{name} is at the newest state that there is; taken in: {found.told}."


def hear_of(handles: Handles, conn: Any, dataset_id: str, state: TableState) -> None:
    """Note that the write of a state has landed, as of one that was announced here."""
    write = commits.write_of(state.location)
    if write is not None:
        records.note_landed(conn, write, dataset_id, state.metadata.location, handles.now())


def versions_told(count: int) -> str:
    """So many versions, as words."""
    return f"{count:,} version{'' if count == 1 else 's'}"


def state_at(handles: Handles, path: str) -> TableState | None:
    """What a metadata file tells, or None if it cannot be read."""
    try:
        return tables.parse(handles.warehouse, path, handles.warehouse.read(path))
    except (LakeError, OSError):
        return None


def lies_in(handles: Handles, state: TableState, folder: str) -> bool:
    """Whether a table says of itself that it lies in a folder."""
    inside = handles.warehouse.contain
    return inside(f"{state.metadata.location}/x") == inside(f"{folder}/x")


def age(state: TableState) -> tuple[int, int]:
    """By what the states of one table are ordered."""
    return commits.number_of(state.location), state.metadata.last_updated_ms
