"""Making the rows of one table anew from its own files, keeping what those do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from catalog.metadata import tables as t
from catalog.metadata.soundness import drop_unsound

_OF_SOURCES = ("content", "source_bytes", "sources", "mode", "quarantined")


@dataclass(frozen=True, slots=True)
class Kept:
    """What no file of a table tells: checksums of its data files, the sources of its loads."""

    checksums: Sequence[tuple[str, str]]  # path, checksum
    loads: Sequence[dict[str, Any]]  # lines of the ledger


def forget(conn: sa.Connection, dataset_id: str) -> Kept:
    """Drop the rows of a table's live versions, files and loads, and all that are damaged."""
    drop_unsound(conn, dataset_id)
    files, log, ledger = t.data_files, t.versions, t.ledger
    known = sa.select(files.c.path, files.c.checksum).where(
        files.c.dataset_id == dataset_id, files.c.checksum.is_not(None)
    )
    checksums = [(path, checksum) for path, checksum in conn.execute(known)]
    for table in (files, t.file_removals, t.schemas):
        conn.execute(sa.delete(table).where(table.c.dataset_id == dataset_id))
    there = log.c.dataset_id == dataset_id
    conn.execute(sa.delete(log).where(there, log.c.expired_at.is_(None)))
    expired = sa.select(log.c.snapshot_id).where(there)
    live = ledger.c.dataset_id == dataset_id, ledger.c.snapshot_id.not_in(expired)
    loads = [dict(row) for row in conn.execute(sa.select(ledger).where(*live)).mappings()]
    conn.execute(sa.delete(ledger).where(*live))
    return Kept(checksums, loads)


def fill_heads(conn: sa.Connection, dataset_id: str, moves: Sequence[tuple[int, int]]) -> None:
    """Write those moves of main, (time in ms, snapshot), that are not known."""
    heads, log = t.heads.c, t.versions.c
    of_heads = sa.select(heads.at, heads.snapshot_id).where(heads.dataset_id == dataset_id)
    known = {(at, snapshot) for at, snapshot in conn.execute(of_heads)}
    of_dataset = sa.select(log.snapshot_id, log.version).where(log.dataset_id == dataset_id)
    versions = {row.snapshot_id: row.version for row in conn.execute(of_dataset)}
    rows = [
        {"dataset_id": dataset_id, "at": at, "snapshot_id": snap, "version": versions[snap]}
        for at, snap in moves
        if snap in versions and (at, snap) not in known
    ]
    if rows:
        conn.execute(sa.insert(t.heads), rows)


def keep(conn: sa.Connection, dataset_id: str, kept: Kept) -> None:
    """Put back what was kept, once the rows have been made anew.

    A load of which there is no version any more is not put back: it may be done again.
    """
    files, ledger = t.data_files, t.ledger
    for path, checksum in kept.checksums:
        of_path = files.c.dataset_id == dataset_id, files.c.path == path
        conn.execute(sa.update(files).where(*of_path).values(checksum=checksum))
    for load in kept.loads:
        told = {name: load[name] for name in _OF_SOURCES}
        conn.execute(sa.update(ledger).where(ledger.c.key == load["key"]).values(told))
