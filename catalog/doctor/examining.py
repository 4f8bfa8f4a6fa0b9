"""A whole lake looked at: every table, what lies between them, and what it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from catalog import sync
from catalog.doctor import strangers, surroundings, tables
from catalog.doctor.findings import Finding, Kind, Report, Severity
from catalog.doctor.tables import Examined
from catalog.errors import Conflict, LakeError, NotAllowed, NotFound, OperationFailed
from catalog.handles import Handles
from catalog.iceberg.tables import TableState
from catalog.metadata import audit, soundness
from catalog.metadata.audit import OpenIntent, Table
from catalog.names import DatasetName, parse_dataset
from catalog.storage import QUARANTINE

_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was seen; `report` is what is told of it."""

    tables: Sequence[Examined]
    unreadable: Sequence[Table]  # of which a row of ours is damaged
    dead: Sequence[OpenIntent]  # writes whose process is gone
    strays: dict[str, int]  # size by path of files in no table's folder
    strangers: Sequence[tuple[TableState, DatasetName]]  # tables that no row of ours names
    missing: Sequence[str]  # our own tables that are not there
    bad_intents: int  # writes under way that cannot be read
    report: Report


def examine(handles: Handles, names: Sequence[str] = (), *, verify: bool = False) -> Examination:
    """Look at a lake; nothing is changed but what any command brings up to date.

    Args:
        handles: the lake.
        names: only these datasets, and nothing around them; all by default.
        verify: read every byte and compare checksums.

    Raises:
        NotFound: there is no dataset of such a name.
    """
    if missing := soundness.missing_tables(handles.reader):
        return _without(handles, missing)
    if not handles.readonly:
        with suppress(LakeError):
            sync.sync(handles)
    chosen = _chosen(handles, names)
    looked = _Looked()
    for table in chosen:
        _look_at(handles, table, looked, verify=verify)
    if not names:
        _look_around(handles, looked)
    seen, findings = looked.seen, looked.findings
    for path, size in [*(o for one in seen for o in one.orphans.items()), *looked.strays.items()]:
        of_dead = any(tables.carries(path, intent.id) for intent in looked.dead)
        findings.append(_orphan(path, size, of_dead=of_dead))
    findings.sort(key=lambda f: _ORDER.index(f.severity))
    sizes = {path: size for one in seen for path, size in one.sizes.items()}
    report = Report(
        findings=findings,
        datasets=len(chosen),
        files=len(sizes),
        bytes=sum(sizes.values()),
        verified=verify,
        unknown=sum(len(one.unknown) for one in seen),
        sqlite=surroundings.sqlite_of(handles),
    )
    return Examination(
        tables=seen,
        unreadable=looked.unreadable,
        dead=looked.dead,
        strays=looked.strays,
        strangers=looked.strangers,
        missing=(),
        bad_intents=looked.bad_intents,
        report=report,
    )


@dataclass(slots=True)
class _Looked:
    """What has been seen so far; see `Examination`."""

    seen: list[Examined] = field(default_factory=list)
    unreadable: list[Table] = field(default_factory=list)
    held: list[Table] = field(default_factory=list)  # by another process
    dead: list[OpenIntent] = field(default_factory=list)
    strays: dict[str, int] = field(default_factory=dict)
    strangers: list[tuple[TableState, DatasetName]] = field(default_factory=list)
    bad_intents: int = 0
    findings: list[Finding] = field(default_factory=list)


def _without(handles: Handles, missing: Sequence[str]) -> Examination:
    """All that can be told where tables of ours are gone."""
    told = Finding(
        Severity.WRONG, Kind.STORE, f"Our tables {', '.join(missing)} are gone from the store.",
        "lakectl doctor --repair makes them anew, then from the warehouse what they held.",
    )  # fmt: skip
    report = Report([told], 0, 0, 0, False, 0, surroundings.sqlite_of(handles))
    return Examination((), (), (), {}, (), missing, 0, report)


def _chosen(handles: Handles, names: Sequence[str]) -> list[Table]:
    known = audit.tables(handles.reader)
    wanted = {parse_dataset(name) for name in names}
    for name in wanted - {table.name for table in known}:
        raise NotFound(f"There is no dataset {name}.")
    return [table for table in known if not wanted or table.name in wanted]


def _look_at(handles: Handles, table: Table, looked: _Looked, *, verify: bool) -> None:
    try:
        one = tables.examine(handles, table, verify=verify)
    except (OperationFailed, NotAllowed) as error:  # of this table alone
        looked.unreadable.append(table)
        looked.findings.append(_unreadable(table, error))
    except Conflict as error:
        looked.held.append(table)
        looked.findings.append(_held(table, error))
    else:
        looked.seen.append(one)
        looked.findings += one.findings


def _look_around(handles: Handles, looked: _Looked) -> None:
    """What is of no table: writes that did not end, files that nobody knows, the place itself."""
    looked.dead = [i for i in audit.open_intents(handles.reader) if i.is_dead]
    looked.findings += [_dead(intent) for intent in looked.dead]
    looked.bad_intents = soundness.unsound_intents(handles.reader)
    if looked.bad_intents:
        looked.findings.append(_bad_intents(looked.bad_intents))
    for namespace, name, pointer in handles.reader.foreign_pointers():
        looked.findings.append(_not_taken_in(namespace, name, pointer))
    looked.findings += surroundings.examine(handles)
    if looked.unreadable or looked.held:
        return  # whose files are whose is not known
    strays = _strays(handles)
    for one in looked.seen:  # wherever our rows say that a table lies: these are no strays
        for path in one.inspection.metadata | one.inspection.files.keys():
            strays.pop(path, None)
    found = strangers.look_for(handles, strays)
    looked.strangers = strangers.named(handles, found.whole.values())
    looked.findings += [strangers.told_of(*stranger) for stranger in looked.strangers]
    looked.findings += [strangers.told_of_broken(*each) for each in found.broken.items()]
    folders = tuple(f"{place}/" for place in (*found.whole, *found.broken))
    looked.strays = {p: size for p, size in strays.items() if not p.startswith(folders)}


def _strays(handles: Handles) -> dict[str, int]:
    """Files of the warehouse that lie in no table's folder and in that of no living write."""
    intents = audit.open_intents(handles.reader)
    walked = dict(handles.warehouse.walk())
    intents += audit.open_intents(handles.reader)
    folders = [f"{intent.location}/" for intent in intents if not intent.is_dead]
    # Only now: a table that was made meanwhile is known by the time its write is closed.
    folders += [f"{table.location}/" for table in audit.tables(handles.reader)]
    folders.append(f"{handles.warehouse.uri}/{QUARANTINE}/")
    return {path: size for path, size in walked.items() if not path.startswith(tuple(folders))}


def _unreadable(table: Table, error: LakeError) -> Finding:
    return Finding(
        Severity.NOTE if table.dropped else Severity.WRONG, Kind.SUMMARY,
        f"{table.name}: {error.message}",
        "lakectl doctor --repair makes our tables anew from the table's own files.",
        str(table.name), table.location,
    )  # fmt: skip


def _orphan(path: str, size: int, *, of_dead: bool) -> Finding:
    """A file that nothing refers to; of a write that is known to be dead it can go at once."""
    when = "" if of_dead else " once it is a day old; --older-than 0 at once"
    return Finding(
        Severity.LITTER, Kind.ORPHAN, f"Nothing refers to {path} ({size:,} bytes).",
        f"lakectl doctor --repair takes it away{when}.", path=path,
    )  # fmt: skip


def _held(table: Table, error: Conflict) -> Finding:
    return Finding(
        Severity.RISK, Kind.POINTER, f"{error.message} It was not looked at.", error.hint,
        str(table.name), table.location,
    )  # fmt: skip


def _bad_intents(count: int) -> Finding:
    return Finding(
        Severity.WRONG, Kind.INTENT,
        f"{count:,} rows of writes under way hold what cannot stand there.",
        "lakectl doctor --repair removes them.",
    )  # fmt: skip


def _not_taken_in(namespace: str, name: str, pointer: str) -> Finding:
    return Finding(
        Severity.WRONG, Kind.POINTER,
        f"The table {namespace}.{name} that another engine made or changed cannot be read.",
        "Another name, or another state of it, must come from the engine that wrote it.",
        path=pointer,
    )  # fmt: skip


def _dead(intent: OpenIntent) -> Finding:
    return Finding(
        Severity.LITTER, Kind.INTENT,
        f"The write {intent.id} did not end: its process {intent.pid} is gone.",
        "lakectl doctor --repair closes it and takes away what it left.", path=intent.location,
    )  # fmt: skip
