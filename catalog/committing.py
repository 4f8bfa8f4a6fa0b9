"""The last step of a load: staged files become a version, by append, overwrite or merge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import merging, writing
from catalog.errors import Conflict, InvalidInput, LakeError, OutcomeUnknown
from catalog.handles import Handles
from catalog.metadata import audit
from catalog.model import DataFile, Dataset, IngestReport, Version, WrittenFile
from catalog.names import DatasetName
from catalog.partition import PartitionField
from catalog.schema import Schema
from catalog.seen import Seen

if TYPE_CHECKING:
    from catalog.iceberg.commits import Change
    from catalog.iceberg.tables import TableState


class Stale(Exception):
    """The dataset changed so that the staged files do not fit it; stage them again."""


@dataclass(frozen=True, slots=True)
class Load:
    """Everything that the commit of a load needs to know."""

    handles: Handles
    con: Any  # the DuckDB connection that staged the files
    name: DatasetName
    dataset: Dataset | None  # as it was when the files were staged
    schema: Schema
    parts: tuple[PartitionField, ...]
    mode: str
    key_columns: tuple[str, ...]
    branch: str
    message: str | None
    run_id: str | None
    write_key: str
    quarantined: int
    seen: Seen | None
    skip_seen: bool
    content: str | None = None  # of what is no file


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a load does to the rows: counts of people's rows, not of rewritten ones."""

    written: list[WrittenFile]
    replaced: tuple[DataFile, ...] = ()
    rows_added: int = 0
    rows_deleted: int = 0
    base: int | None = None  # the snapshot it was worked out against, where that matters


def commit_load(
    load: Load, target: writing.Intent, written: list[WrittenFile], notes: tuple[str, ...]
) -> IngestReport:
    """Make staged files a version.

    Raises:
        Stale: the dataset has changed; the files must be staged again.
        Conflict, StoreUnreachable: see `writing`.
    """
    effect = _effect(load, target, written)
    if not effect.written and not effect.replaced:
        writing.withdraw(load.handles, target.id)
        return _nothing(load, notes)
    published = writing.publish(load.handles, target, effect.written)
    try:
        outcome = _commit(load, target, effect, published)
    except OutcomeUnknown:
        raise
    except Exception:
        with suppress(LakeError):  # our tables have the last word before anything is removed
            known = audit.data_files(load.handles.reader, target.dataset_id)
            paths = [file.path for _, file in published]
            load.handles.warehouse.delete([path for path in paths if path not in known])
        raise
    files = [file for _, file in published]
    if load.mode == "merge" and effect.rows_deleted:
        notes = (*notes, f"rows replaced because their key came again: {effect.rows_deleted:,}")
    return _report(load, outcome.dataset, files, effect.rows_added, notes, outcome.version)


def landed(
    handles: Handles, key: str, dataset: Dataset | None, name: DatasetName
) -> IngestReport | None:
    """The report of a write whose key is in the ledger already, or None.

    Raises:
        Conflict: the key was used for another dataset.
    """
    found = handles.reader.landed(key)
    if found is None:
        return None
    if dataset is None or found[0] != dataset.id:
        raise Conflict(f"The write key {key!r} was used for another dataset than {name}.")
    summary = dataset.summary
    return IngestReport(
        dataset=str(name),
        version=summary.version,
        rows_added=0,
        rows=summary.rows,
        quarantined=0,
        files=0,
        bytes=0,
        seconds=0.0,
        skipped=True,
        notes=(f"This write landed before, as v{found[1]}; nothing was done.",),
    )


def head_of(dataset: Dataset, branch: str) -> int | None:
    """The snapshot that a branch of a dataset points to."""
    return dataset.snapshot_id if branch == "main" else dataset.branches.get(branch)


def _effect(load: Load, target: writing.Intent, written: list[WrittenFile]) -> _Effect:
    rows = sum(w.rows for w in written)
    if load.mode == "merge" and not written:
        return _Effect([])
    if load.mode == "merge" and load.dataset is not None:
        merged = merging.merge(load, target, written)
        return _Effect(
            merged.written,
            merged.replaced,
            merged.inserted + merged.updated,
            merged.updated,
            merged.base,
        )
    if load.mode == "merge":
        merging.check_key(load.con, load.key_columns, written)
        return _Effect(merging.repartition(load, target, written), rows_added=rows)
    if load.mode == "overwrite" and load.dataset is not None:
        head = head_of(load.dataset, load.branch)
        old = load.handles.reader.files(load.dataset, head)
        gone = sum(f.rows for f in old if not f.deletes)
        return _Effect(written, tuple(old), rows, gone, head)
    return _Effect(written, rows_added=rows)


def _nothing(load: Load, notes: tuple[str, ...]) -> IngestReport:
    """No rows came: an existing dataset stays as it is, a new one is not made."""
    if load.dataset is None:
        raise InvalidInput(
            f"The source has columns but no rows, so {load.name} was not made.",
            "Check the source, or the filter in --select.",
        )
    return _report(load, load.dataset, [], 0, (*notes, "The source has no rows; nothing was done."))


def _report(
    load: Load,
    after: Dataset,
    files: list[DataFile],
    rows_added: int,
    notes: tuple[str, ...],
    version: Version | None = None,
) -> IngestReport:
    return IngestReport(
        dataset=str(load.name),
        version=version.version if version else after.summary.version,
        rows_added=rows_added,
        rows=version.rows if version else after.summary.rows,
        quarantined=load.quarantined,
        files=len(files),
        bytes=sum(f.bytes for f in files),
        seconds=0.0,
        skipped=False,
        notes=notes,
    )


def _summary(load: Load, effect: _Effect) -> dict[str, str]:
    """The snapshot's own words: any engine sees them, and our tables can be rebuilt from them."""
    found = {
        "lakectl.key": load.write_key,
        "lakectl.rows-added": str(effect.rows_added),
        "lakectl.rows-deleted": str(effect.rows_deleted),
        "lakectl.run-id": load.run_id,
        "lakectl.message": load.message,
    }
    return {key: value for key, value in found.items() if value is not None}


def _commit(
    load: Load,
    target: writing.Intent,
    effect: _Effect,
    published: list[tuple[WrittenFile, DataFile]],
) -> writing.Outcome:
    from catalog.iceberg import tables
    from catalog.iceberg.properties import MADE_AS

    if load.dataset is None:
        metadata = tables.first_metadata(
            target.dataset_id,
            target.location,
            load.schema,
            load.parts,
            {MADE_AS: str(load.name), **_properties(load)},
        )
        spec, schema = metadata.spec(), metadata.schema()
        change = _change(load, target, effect, published, schema, spec)
        rows = _rows(load, effect, published, _journal(load, None, change))
        made = writing.commit_new(load.handles, target, load.name, metadata, (change, rows))
        if made is None:  # another first load was faster: this one is a second load now
            raise Stale
        return made
    prepared: dict[int, Change] = {}

    def plan(state: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        assert state is not None
        assert now is not None
        _still_fits(load, now, effect)
        if 0 not in prepared:  # once: a retry keeps its id and goes on with its numbers
            schema = tables.iceberg_schema(load.schema)
            prepared[0] = _change(load, target, effect, published, schema, state.metadata.spec())
        journal = _journal(load, now, prepared[0])
        return prepared[0], _rows(load, effect, published, journal)

    return writing.commit_existing(load.handles, load.dataset.id, target.id, plan)


def _still_fits(load: Load, now: Dataset, effect: _Effect) -> None:
    """Refuse a state that the files were not made for.

    Raises:
        Stale: schema, partitioning or, for a merge or overwrite, the head is another; or the same
            write or the same bytes have come in by another way since they were looked for.
    """
    planned = load.dataset
    assert planned is not None
    same = (now.schema.schema_id, now.partitioning) == (
        planned.schema.schema_id,
        planned.partitioning,
    )
    if load.handles.reader.landed(load.write_key) is not None:
        raise Stale
    if not same or (effect.base is not None and head_of(now, load.branch) != effect.base):
        raise Stale
    moved = now.metadata_location != planned.metadata_location
    if moved and load.skip_seen and load.seen is not None and load.seen.earlier(now):
        raise Stale


def _change(
    load: Load,
    target: writing.Intent,
    effect: _Effect,
    published: list[tuple[WrittenFile, DataFile]],
    schema: Any,
    spec: Any,
) -> Change:
    from catalog.iceberg import commits, datafiles

    added = [datafiles.data_file(w, file.path, schema, spec) for w, file in published]
    removed = frozenset(file.path for file in effect.replaced)
    write = commits.snapshot_write(load.mode, added, removed, _summary(load, effect), target.id)
    return commits.Change(
        write=write,
        branch=load.branch,
        schema=load.schema if load.dataset is not None else None,
        properties=_properties(load),
        expire=load.branch == "main",
    )


def _properties(load: Load) -> Mapping[str, str]:
    from catalog.iceberg.properties import KEY_COLUMNS

    return {KEY_COLUMNS: json.dumps(list(load.key_columns))} if load.key_columns else {}


def _journal(load: Load, now: Dataset | None, change: Change) -> writing.Journal:
    """What undo needs: of a load on a branch where that was and is, as of any ref that moves."""
    if load.branch == "main" or now is None:
        return ("ingest", {}, {"key": load.write_key})
    assert change.write is not None
    before = {"ref": load.branch, "at": now.branches.get(load.branch)}
    after = {"ref": load.branch, "at": change.write.snapshot_id, "key": load.write_key}
    return ("branch load", before, after)


def _rows(
    load: Load,
    effect: _Effect,
    published: list[tuple[WrittenFile, DataFile]],
    journal: writing.Journal,
) -> writing.Rows:
    from catalog.metadata.records import LedgerEntry

    seen = load.seen
    entry = LedgerEntry(
        key=load.write_key,
        mode=load.mode,
        content=seen.content() if seen else load.content,
        source_bytes=seen.size if seen else None,
        sources=seen.sources if seen else (),
        quarantined=load.quarantined,
    )
    return writing.Rows(
        added=tuple(file for _, file in published),
        removed=tuple(file.path for file in effect.replaced),
        ledger=entry,
        journal=journal,
    )
