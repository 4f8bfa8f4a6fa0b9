"""Mending a lake, step by step, after somebody has read the steps and agreed.

Nothing is deleted that a version could need, of this store or of one that it is an old copy of:
only what a write left that this store knows to have failed is removed. Everything else is moved
aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from catalog import clock, sync
from catalog.doctor import forgotten, restoring, strangers
from catalog.doctor.examining import Examination
from catalog.doctor.findings import Kind, Severity
from catalog.doctor.forgotten import METADATA, Newer
from catalog.doctor.tables import Examined, carries, locked
from catalog.errors import LakeError
from catalog.handles import Handles
from catalog.iceberg.commits import write_of
from catalog.metadata import audit, naming, records, soundness
from catalog.metadata.audit import OpenIntent, Table

DAY = 86_400.0
T = TypeVar("T", Examined, Table)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, as a sentence; `do` returns what was done, as another."""

    sentence: str
    do: Callable[[], str]
    tidies: bool = False  # it takes away what nobody needs, and mends nothing


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
    litter = [*_dead_writes(handles, seen), *_orphans(handles, seen, older_than)]
    return [*mending, *litter, *_unknown(handles, seen)]


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
            partial(strangers.take_in, handles, state, name),
        )
    for one in seen.tables:
        newer, name = one.newer, one.table.name
        if one.table.dropped:
            continue
        if one.unread:
            yield Step(
                f"Set {_files(one.unread)} of {name} aside that cannot be read.",
                partial(_set_aside, handles, one.unread),
            )
        if newer is not None and newer.follows:
            yield Step(
                f"Take in {newer.told} of {name} that our tables do not know.",
                partial(_step_forward, handles, one, newer),
            )
        elif newer is not None and newer.apart:
            why = "cannot be read whole" if newer.broken else "went another way"
            yield Step(
                f"Set {_files(newer.apart)} of {name} aside: nothing needs them but {newer.told} "
                f"that our tables do not know, and that {why}.",
                partial(restoring.other_line, handles, one, newer),
            )


def _make_missing(handles: Handles) -> str:
    with handles.database.write() as conn:
        soundness.make_missing(conn)
    sync.sync(handles)
    for table in audit.tables(handles.reader):
        if not table.dropped:
            _rebuild(handles, table)
            continue
        with suppress(LakeError):  # nobody's trouble until it is brought back
            sync.rebuild(handles, table.id, table.name, table.metadata_location)
        with handles.database.write() as conn:
            naming.mark_dropped(conn, table.id, handles.now())
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
    """Close the writes whose process is gone; what carries their id is theirs and can go.

    Not where they got as far as a state of the table: a store that was copied just then, and has
    been put back, does not know whether it landed.
    """
    for intent in seen.dead:
        left = [path for path in _unreferenced(seen) if carries(path, intent.id)]
        keeps = any(path.endswith(METADATA) for path in left)
        how = f"set aside {_files(left)}" if keeps else f"remove {_files(left)}"
        yield Step(
            f"Close the write {intent.id} and {how} that it left.",
            partial(_close, handles, intent, left, keeps=keeps),
            tidies=True,
        )


def _unreferenced(seen: Examination) -> dict[str, int]:
    return {p: s for one in seen.tables for p, s in one.orphans.items()} | seen.strays


def _close(handles: Handles, intent: OpenIntent, left: list[str], *, keeps: bool) -> str:
    if keeps:
        restoring.set_aside(handles, left)
    else:
        handles.warehouse.delete(left)
    with handles.database.write() as conn:
        records.close_intent(conn, intent.id, "failed")
    how = "set aside" if keeps else "removed"
    return f"The write {intent.id} is closed; {how}: {_files(left)}."


def _orphans(handles: Handles, seen: Examination, older_than: float) -> Iterator[Step]:
    """What nothing refers to: removed where this store knows why that is so, else set aside."""
    found, now = _unreferenced(seen), clock.seconds()
    old = [
        path
        for path in found
        if not any(carries(path, intent.id) for intent in seen.dead)
        and now - handles.warehouse.modified(path) >= older_than
    ]
    ended = audit.intents(handles.reader, filter(None, map(write_of, old)))
    expired = {p for one in seen.tables for p in handles.reader.unreachable_files(one.table.id)}
    own = [p for p in old if p in expired or ended.get(write_of(p) or "") == "failed"]
    others = [path for path in old if path not in set(own)]
    for paths, verb, whose, do in (
        (own, "Remove", "that failed writes and expired versions left", _remove),
        (others, "Set aside", "that nothing refers to", _set_aside),
    ):
        if paths:
            size = sum(found[path] for path in paths)
            yield Step(
                f"{verb} {_files(paths)} {whose} ({size:,} bytes).",
                partial(do, handles, paths),
                tidies=True,
            )


def _remove(handles: Handles, paths: list[str]) -> str:
    handles.warehouse.delete(paths)
    return f"Removed: {_files(paths)}."


def _set_aside(handles: Handles, paths: list[str]) -> str:
    return f"Set aside: {_files(restoring.set_aside(handles, paths))}."


def _unknown(handles: Handles, seen: Examination) -> Iterator[Step]:
    """What was read whole is from now on known by its checksum."""
    for one in seen.tables:
        noted = {path: checksum for path, checksum in one.unknown.items() if checksum is not None}
        if noted:
            yield Step(
                f"Note the checksums of {_files(list(noted))} of {one.table.name}, as they are now:"
                " none was kept.",
                partial(_note_checksums, handles, one, noted),
            )


def _note_checksums(handles: Handles, one: Examined, noted: dict[str, str]) -> str:
    with handles.database.write() as conn:
        records.note_checksums(conn, one.table.id, noted)
    return f"Noted: the checksums of {_files(list(noted))} of {one.table.name}."


def _files(paths: Sequence[str]) -> str:
    return f"{len(paths):,} {'file' if len(paths) == 1 else 'files'}"
