"""Mending a lake, step by step, after somebody has read the steps and agreed.

Nothing is deleted that a version could need: damaged files are moved aside, and only files that
nothing refers to are removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from catalog import clock, sync
from catalog.doctor import forgotten, restoring
from catalog.doctor.examining import Examination
from catalog.doctor.findings import Kind, Severity
from catalog.doctor.forgotten import Newer
from catalog.doctor.tables import Examined, carries, locked
from catalog.handles import Handles
from catalog.metadata import audit, naming, records, soundness
from catalog.metadata.audit import OpenIntent, Table

DAY = 86_400.0
T = TypeVar("T", Examined, Table)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, as a sentence; `do` returns what was done, as another."""

    sentence: str
    do: Callable[[], str]


def plan(handles: Handles, seen: Examination, *, older_than: float = DAY) -> list[Step]:
    """What would mend a lake, in order.

    Args:
        handles: the lake.
        seen: what was found.
        older_than: seconds; orphans of unknown origin that are younger stay, as another engine may
            be about to refer to them.
    """
    mending = [*_store(handles, seen), *_damage(handles, seen), *_rows(handles, seen)]
    if any(f.severity in {Severity.DAMAGE, Severity.WRONG} for f in seen.report.findings):
        return mending  # what a file is for is known only where everything else is in order
    return [*mending, *_dead_writes(handles, seen), *_orphans(handles, seen, older_than)]


def _store(handles: Handles, seen: Examination) -> Iterator[Step]:
    """What the store lacks: tables of ours, tables of the lake, versions of them."""
    if seen.missing:
        yield Step(
            f"Make our tables {', '.join(seen.missing)}, and then all that our tables hold of "
            "each dataset, anew from the warehouse.",
            partial(_make_missing, handles),
        )
    if seen.bad_intents:
        yield Step(
            f"Remove {seen.bad_intents:,} rows of writes under way that cannot be read.",
            partial(_drop_intents, handles),
        )
    for state, name in seen.strangers:
        yield Step(
            f"Take in the table in {state.metadata.location} as {name}.",
            partial(forgotten.take_in, handles, state, name),
        )
    for one in seen.tables:
        newer, name = one.newer, one.table.name
        if newer is None or one.table.dropped:
            continue
        if newer.follows:
            yield Step(
                f"Take in {newer.told} of {name} that our tables do not know.",
                partial(_step_forward, handles, one, newer),
            )
        elif newer.apart:
            yield Step(
                f"Set {_files(newer.apart)} of {name} aside: nothing needs them but {newer.told} "
                "that our tables do not know, and these went another way.",
                partial(restoring.other_line, handles, one, newer),
            )


def _make_missing(handles: Handles) -> str:
    with handles.database.write() as conn:
        soundness.make_missing(conn)
    sync.sync(handles)
    for table in audit.tables(handles.reader):
        if not table.dropped:
            _rebuild(handles, table)
    return "Our tables are all there."


def _drop_intents(handles: Handles) -> str:
    with handles.database.write() as conn:
        soundness.drop_unsound_intents(conn)
    return "What was left of those writes is litter now, if there is any."


def _step_forward(handles: Handles, one: Examined, newer: Newer) -> str:
    with locked(handles, one.table):
        return forgotten.step_forward(handles, one, newer)


def _damage(handles: Handles, seen: Examination) -> Iterator[Step]:
    for one in seen.tables:
        name = one.table.name
        if one.table.dropped or (one.newer is not None and one.newer.follows):
            continue  # what a newer state holds may be whole
        if one.inspection.state is None:
            yield _step(
                f"Write the metadata of {name} anew from our tables.",
                restoring.metadata, handles, one,
            )  # fmt: skip
        elif one.inspection.damage:
            count = _files([damage.path for damage in one.inspection.damage])
            yield _step(
                f"Write {count} of the metadata of {name} anew from our tables.",
                restoring.manifests, handles, one,
            )  # fmt: skip
        elif one.lost and one.whole and one.newer is None:  # else it may need the same files
            yield _step(
                f"Let go of what cannot be read any more of {name}: "
                f"{restoring.lost_of(handles, one)}. Set their files aside, and go to the newest "
                "version that is whole.",
                restoring.last_whole_version, handles, one,
            )  # fmt: skip
        if one.bad_past:
            yield _step(
                f"Let go of {_files(one.bad_past)} that only earlier states of {name} need.",
                restoring.past, handles, one,
            )  # fmt: skip


def _step(sentence: str, mend: Callable[[Handles, T], str], handles: Handles, one: T) -> Step:
    return Step(sentence, partial(mend, handles, one))


def _rows(handles: Handles, seen: Examination) -> Iterator[Step]:
    """Our tables anew, but never while files are damaged: then our tables may know more."""
    for one in seen.tables:
        wrong = any(f.severity is Severity.WRONG and f.kind is not Kind.STORE for f in one.findings)
        if wrong and not one.is_damaged and not one.table.dropped:
            yield _step(
                f"Make our tables of {one.table.name} anew from its own files.",
                _rebuild, handles, one.table,
            )  # fmt: skip
    for table in seen.unreadable:
        if not table.dropped:
            yield _step(
                f"Make our tables of {table.name} anew from its own files.",
                _rebuild, handles, table,
            )  # fmt: skip


def _rebuild(handles: Handles, table: Table) -> str:
    name = table.name
    with locked(handles, table):
        pointer = handles.reader.pointer(name) or table.metadata_location
        with handles.database.write() as conn:
            naming.put_back(conn, name, pointer)
        sync.rebuild(handles, table.id, name, pointer)
    return f"Our tables of {name} are what its files say."


def _dead_writes(handles: Handles, seen: Examination) -> Iterator[Step]:
    """Close the writes whose process is gone; what carries their id is theirs and can go."""
    for intent in seen.dead:
        left = [path for path in _unreferenced(seen) if carries(path, intent.id)]
        yield Step(
            f"Close the write {intent.id} and remove {_files(left)} that it left.",
            partial(_close, handles, intent, left),
        )


def _unreferenced(seen: Examination) -> dict[str, int]:
    return {p: s for one in seen.tables for p, s in one.orphans.items()} | seen.strays


def _close(handles: Handles, intent: OpenIntent, left: list[str]) -> str:
    handles.warehouse.delete(left)
    with handles.database.write() as conn:
        records.close_intent(conn, intent.id, "failed")
    return f"The write {intent.id} is closed; removed: {_files(left)}."


def _orphans(handles: Handles, seen: Examination, older_than: float) -> Iterator[Step]:
    found, now = _unreferenced(seen), clock.seconds()
    old = [
        path
        for path in found
        if not any(carries(path, intent.id) for intent in seen.dead)
        and now - handles.warehouse.modified(path) >= older_than
    ]
    if old:
        size = sum(found[path] for path in old)
        yield Step(
            f"Remove {_files(old)} that nothing refers to ({size:,} bytes).",
            partial(_remove, handles, old),
        )


def _remove(handles: Handles, paths: list[str]) -> str:
    handles.warehouse.delete(paths)
    return f"Removed: {_files(paths)}."


def _files(paths: Sequence[str]) -> str:
    return f"{len(paths):,} {'file' if len(paths) == 1 else 'files'}"
