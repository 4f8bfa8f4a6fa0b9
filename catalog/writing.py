"""How a change becomes true: intent, files, lock, swap, record.

1. An intent row names the write before its first byte; every file of it carries the intent's id,
   so that it is always known of a file whether this store has heard of who wrote it.
2. Data files are written and made durable beside the table; nobody refers to them yet.
3. Under the dataset's lock the next metadata is staged on the newest state.
4. One SQL transaction swaps the pointer, if it is still where it was, and writes every row that
   tells of the commit: the ledger with the key of the write, the version log, the files.

An attempt ends as done, not done, or unknown. Only "not done" is cleaned up and tried again;
"unknown" asks the store, by key and by pointer, until it answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import chance, faults, settling
from catalog.errors import Conflict, LakeError, NotFound, OutcomeUnknown, StoreUnreachable
from catalog.handles import Handles
from catalog.model import DataFile, Dataset, Version, WrittenFile
from catalog.names import DatasetName

if TYPE_CHECKING:
    from catalog.iceberg.commits import Change, Staged
    from catalog.iceberg.tables import TableState
    from catalog.metadata.records import Commit

TRIES = 12


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that has been announced."""

    id: str
    dataset_id: str
    location: str  # of the table
    staging: Path  # a private local folder for files under way


@contextmanager
def announced(handles: Handles, dataset_id: str, location: str) -> Iterator[str]:
    """Announce a write; returns its id.

    If the block fails, the write is withdrawn: whatever it published was removed. If the process
    dies, the row stays open and names the litter.
    """
    handles.require_writable()
    write_id = chance.new_write().hex
    handles.reader.announce(write_id, dataset_id, location, handles.now())
    try:
        faults.reach("intent.announced")
        yield write_id
    except OutcomeUnknown:
        raise
    except BaseException:
        withdraw(handles, write_id)
        raise


def withdraw(handles: Handles, write_id: str) -> None:
    """Say that a write is over and that nothing of it is there, or let doctor find that out."""
    from catalog.metadata import records

    with suppress(LakeError), handles.database.write() as conn:
        records.close_intent(conn, write_id, "failed")


@contextmanager
def intent(handles: Handles, dataset_id: str, location: str) -> Iterator[Intent]:
    """Announce a write of data files, give it a staging folder, and clear up behind it."""
    with announced(handles, dataset_id, location) as write_id:
        staging = handles.warehouse.staging(f"{location}/data", write_id)
        try:
            yield Intent(write_id, dataset_id, location, staging)
        finally:  # before the intent is closed: the store too needs space to write
            shutil.rmtree(staging, ignore_errors=True)


def publish(
    handles: Handles, write: Intent, files: Sequence[WrittenFile]
) -> list[tuple[WrittenFile, DataFile]]:
    """Give staged files their final names and make them durable.

    The names are flat and hold no partition value: such a value may be anything, a glob included.
    """
    published: list[tuple[WrittenFile, DataFile]] = []
    names: list[str] = []  # of one that failed too: it may have its name already
    try:
        for number, file in enumerate(files):
            path = f"{write.location}/data/{write.id}-{number:05d}.parquet"
            names.append(path)
            checksum = handles.warehouse.publish(Path(file.path), path)
            published.append((file, DataFile(path, file.rows, file.bytes, checksum)))
        faults.reach("publish.done")
    except Exception:
        handles.warehouse.delete(names)
        raise
    return published


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is true after a commit."""

    dataset: Dataset
    version: Version | None


Journal = tuple[str, Mapping[str, Any], Mapping[str, Any]]  # an action, what was, what is


@dataclass(frozen=True, slots=True)
class Rows:
    """What a commit writes into our tables besides what the new state itself tells."""

    added: Sequence[DataFile] = ()
    removed: Sequence[str] = ()
    ledger: Any = None  # catalog.metadata.records.LedgerEntry
    journal: Journal | None = None
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """Which table a commit is for; `before` is None for one that is to be made."""

    write: str  # under which the commit was announced
    attempt: int  # counts from 0; no two make a file of one name
    id: str
    name: DatasetName
    before: Dataset | None


Planner = Callable[["TableState | None", Dataset | None], "tuple[Change, Rows]"]


def commit_alone(handles: Handles, dataset: Dataset, plan: Planner) -> Outcome:
    """Announce and commit a change that brings no data files; see `commit_existing`."""
    now, state = _newest(handles, dataset.id)
    plan(state, now)  # what is refused announces nothing
    with announced(handles, dataset.id, dataset.location) as write:
        return commit_existing(handles, dataset.id, write, plan)


def commit_existing(handles: Handles, dataset_id: str, write: str, plan: Planner) -> Outcome:
    """Commit a change to a table that is there.

    Args:
        handles: the lake.
        dataset_id: which table.
        write: the id under which it was announced.
        plan: given the newest state under the lock, says what to do; called again for each try.

    Raises:
        NotFound: the table was dropped meanwhile.
        Conflict: the plan does not fit the newest state.
    """
    from catalog.metadata.locks import commit_lock

    tries = count()

    def once() -> Outcome | None:
        with commit_lock(handles.database, handles.state / "locks", dataset_id):
            dataset, state = _newest(handles, dataset_id)
            change, rows = plan(state, dataset)
            target = _Target(write, next(tries), dataset_id, dataset.name, dataset)
            return _try(handles, target, state, change, rows)

    for attempt in range(TRIES):
        outcome = _patiently(handles, once)
        if outcome is not None:
            return outcome
        _pause(attempt)
    raise Conflict(
        f"Another writer was faster {TRIES} times in a row.", "Try it again; nothing was changed."
    )


def commit_new(
    handles: Handles,
    made: Intent,
    name: DatasetName,
    metadata: Any,
    plan: tuple[Change, Rows],
) -> Outcome | None:
    """Make a table together with its first snapshot: a failed first load leaves no table.

    Args:
        handles: the lake.
        made: the write; it knows the id of the table to be.
        name: of the table.
        metadata: its first metadata.
        plan: what to do.

    Returns:
        None when a dataset of that name was made meanwhile.
    """
    from catalog.metadata.locks import commit_lock

    change, rows = plan
    tries = count()

    def once() -> Outcome | None:
        with commit_lock(handles.database, handles.state / "locks", made.dataset_id):
            target = _Target(made.id, next(tries), made.dataset_id, name, None)
            return _try(handles, target, metadata, change, rows)

    return _patiently(handles, once)


def _patiently(handles: Handles, once: Callable[[], Outcome | None]) -> Outcome | None:
    """Try again what the store went away from: a server is restarted, a file does not come back."""
    for attempt in count():
        try:
            return once()
        except OutcomeUnknown:
            raise
        except StoreUnreachable:
            if not handles.database.is_postgres or attempt == TRIES - 1:
                raise
        _pause(attempt)
    raise AssertionError


def _newest(handles: Handles, dataset_id: str) -> tuple[Dataset, TableState]:
    from catalog import sync
    from catalog.iceberg import tables

    dataset = handles.reader.dataset_by_id(dataset_id)
    if dataset is None or not handles.reader.is_live(dataset_id):
        raise NotFound("The dataset was dropped meanwhile.", "Bring it back with: lakectl undrop")
    dataset = sync.follow(handles, dataset)
    return dataset, tables.load(handles.warehouse, dataset.metadata_location)


def _try(
    handles: Handles, target: _Target, base: Any, change: Change, rows: Rows
) -> Outcome | None:
    """One attempt; None when the race was surely lost and nothing of it is left."""
    from catalog.iceberg import commits, tables

    staged = commits.stage(handles.warehouse, base, change, target.write, target.attempt)
    after = tables.describe(staged.state, target.id, target.name)
    version = tables.version_of(staged.snapshot) if staged.snapshot else None
    outcome = Outcome(after, version)
    try:
        record = _commit_record(target, outcome, rows, staged)
        forgotten = commits.forgotten_metadata(base, staged.state) if target.before else []
        record = replace(
            record,
            metadata_files=list(staged.created.created.values()),
            forgotten=forgotten,
            expired=(*staged.expired, *change.forget),
        )
        faults.reach("commit.staged")
        done = _swap(handles, target, record)
    except OutcomeUnknown as error:
        done = _settle(handles, target, staged, error)
        if not done:
            staged.created.forget()
            raise StoreUnreachable(error.message, error.hint) from error
    except Exception:  # surely not done; an interrupt, which may come at any point, leaves litter
        staged.created.forget()
        raise
    if not done:
        staged.created.forget()
        return None
    faults.reach("swap.committed")
    _tidy(handles, target.before, base, staged, forgotten)
    return outcome


def _commit_record(target: _Target, outcome: Outcome, rows: Rows, staged: Staged) -> Commit:
    from catalog.metadata.records import Commit

    before, after = target.before, outcome.dataset
    old_head = before.snapshot_id if before else None
    journal = rows.journal
    if journal is not None:  # what undo compares with: where main was and where it is now
        old_schema = before.schema.schema_id if before else None
        heads = (
            {"snapshot_id": old_head, "schema_id": old_schema},
            {"snapshot_id": after.snapshot_id, "schema_id": after.schema.schema_id},
        )
        journal = (journal[0], {**heads[0], **journal[1]}, {**heads[1], **journal[2]})
    return Commit(
        dataset=after,
        previous_metadata=before.metadata_location if before else None,
        at=staged.state.metadata.last_updated_ms,
        version=outcome.version,
        added=rows.added,
        removed=rows.removed,
        new_schema=before is None or after.schema.schema_id != before.schema.schema_id,
        head_moved=after.snapshot_id != old_head,
        ledger=rows.ledger,
        intent=target.write,
        journal=journal,
        undoes=rows.undoes,
    )


def _swap(handles: Handles, target: _Target, record: Commit) -> bool:
    """The pointer and our rows, in one transaction; False when the pointer was not ours to move."""
    from catalog.metadata import records

    new = record.dataset.metadata_location
    with handles.database.write() as conn:
        if not records.swap(conn, target.name, record.previous_metadata, new):
            return False
        faults.reach("swap.moved")
        records.record(conn, record)
        faults.reach("swap.recorded")
    return True


def _settle(handles: Handles, target: _Target, staged: Staged, cause: LakeError) -> bool:
    """After no answer: was it done?

    Raises:
        OutcomeUnknown: the store stays silent. The files are kept: the commit may have landed.
    """
    from catalog.iceberg import tables
    from catalog.metadata import audit, records

    def pointer() -> str | None:
        with handles.database.write() as conn:
            return records.pointer(conn, target.name, lock=True)

    now = settling.ask(target.name, cause, pointer)
    if now is None or now == staged.state.location:
        return now is not None
    if staged.snapshot is not None:  # the log may be too short by now, the versions are not
        return staged.snapshot.snapshot_id in audit.snapshots(handles.reader, target.id)
    log = tables.load(handles.warehouse, now).metadata.metadata_log
    return any(entry.metadata_file == staged.state.location for entry in log)


def _tidy(
    handles: Handles, dataset: Dataset | None, base: Any, staged: Staged, forgotten: Sequence[str]
) -> None:
    """Remove what a landed commit made superfluous; failing at it never fails the commit."""
    from catalog import upkeep

    if dataset is None:
        return
    try:
        handles.warehouse.delete(forgotten)
        faults.reach("tidy.metadata")
        if staged.expired:
            upkeep.remove_expired(handles, dataset.id, base, staged)
    except (LakeError, OSError):
        return


def _pause(attempt: int) -> None:
    chance.pause(min(2.0, 0.05 * 2**attempt))
