"""A whole lake looked at: every table, what lies between them, and what it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from catalog import sync
from catalog.doctor import surroundings, tables
from catalog.doctor.findings import Finding, Kind, Report, Severity
from catalog.doctor.tables import Examined
from catalog.errors import LakeError, NotAllowed, NotFound, OperationFailed
from catalog.handles import Handles
from catalog.metadata import audit
from catalog.metadata.audit import OpenIntent, Table
from catalog.names import parse_dataset
from catalog.storage import QUARANTINE

_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was seen; `report` is what is told of it."""

    tables: Sequence[Examined]
    unreadable: Sequence[Table]  # of which a row of ours is damaged
    dead: Sequence[OpenIntent]  # writes whose process is gone
    strays: dict[str, int]  # size by path of files in no table's folder
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
    if not handles.readonly:
        with suppress(LakeError):
            sync.sync(handles)
    known = audit.tables(handles.reader)
    wanted = {parse_dataset(name) for name in names}
    for name in wanted - {table.name for table in known}:
        raise NotFound(f"There is no dataset {name}.")
    chosen = [table for table in known if not wanted or table.name in wanted]
    seen, unreadable, findings = [], [], []
    for table in chosen:
        try:
            seen.append(tables.examine(handles, table, verify=verify))
            findings += seen[-1].findings
        except (OperationFailed, NotAllowed) as error:  # of this table alone
            unreadable.append(table)
            findings.append(_unreadable(table, error))
    dead = [] if wanted else [i for i in audit.open_intents(handles.reader) if i.is_dead]
    strays = {} if wanted or unreadable else _strays(handles)
    for one in seen:  # wherever our rows say that a table lies: what it refers to is no stray
        for path in one.inspection.metadata | one.inspection.files.keys():
            strays.pop(path, None)
    findings += [_dead(intent) for intent in dead]
    for path, size in [*(o for one in seen for o in one.orphans.items()), *strays.items()]:
        findings.append(_orphan(path, size))
    if not wanted:
        findings += surroundings.examine(handles)
    findings.sort(key=lambda f: _ORDER.index(f.severity))
    sizes = {path: size for one in seen for path, size in one.sizes.items()}
    report = Report(
        findings,
        len(chosen),
        len(sizes),
        sum(sizes.values()),
        verify,
        surroundings.sqlite_of(handles),
    )
    return Examination(seen, unreadable, dead, strays, report)


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


def _orphan(path: str, size: int) -> Finding:
    return Finding(
        Severity.LITTER, Kind.ORPHAN, f"Nothing refers to {path} ({size:,} bytes).",
        "lakectl doctor --repair removes it.", path=path,
    )  # fmt: skip


def _dead(intent: OpenIntent) -> Finding:
    return Finding(
        Severity.LITTER, Kind.INTENT,
        f"The write {intent.id} did not end: its process {intent.pid} is gone.",
        "lakectl doctor --repair closes it and removes what it left.", path=intent.location,
    )  # fmt: skip
