"""Runs are kept for a while, then they go: in small steps, so that nobody waits for the store."""

from __future__ import annotations

import time
from pathlib import Path

from catalog.metadata.dbapi import Connection, Writer
from jobs import results

DAYS, LEAST = 90.0, 100  # how long runs are kept, and how many of each flow whatever their age
_STEP = 200  # runs in one transaction
_TABLES = ("run_details", "run_events", "task_runs", "run_logs", "run_reads", "run_artifacts",
           "run_progress", "slots")  # fmt: skip
_YOUNG = 3600  # seconds: a file that a task has just written may not be told of yet


def is_due(connection: Connection, now: int) -> bool:
    """Whether a day has gone since anybody looked for old runs; says so to everybody else too."""
    found = connection.rows("SELECT value FROM lake_info WHERE key = 'runs_pruned_at'")
    if found and int(found[0][0]) > now - 86_400_000:
        return False
    with connection.write() as writer:
        writer.execute(
            "INSERT INTO lake_info (key, value) VALUES ('runs_pruned_at', :now) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            now=str(now),
        )
    return True


def prune_runs(connection: Connection, now: int, days: float = DAYS, least: int = LEAST) -> int:
    """Remove runs that ended long ago, but for the newest of each flow; returns how many.

    Args:
        connection: the store.
        now: the time in milliseconds.
        days: how long they are kept.
        least: how many of each flow stay.
    """
    before = f"{max(0, int(now - days * 86_400_000)):012x}"
    flows = connection.rows("SELECT DISTINCT flow FROM runs WHERE id < :before", before=before)
    return sum(_prune_flow(connection, str(flow), before, least) for (flow,) in flows)


def _prune_flow(connection: Connection, flow: str, before: str, least: int) -> int:
    kept = connection.rows(
        "SELECT id FROM runs WHERE flow = :flow ORDER BY id DESC LIMIT 1 OFFSET :least",
        flow=flow,
        least=max(0, least),
    )
    if not kept:
        return 0
    edge = min(before, str(kept[0][0]) + "0")  # the run at the edge goes too
    gone = 0
    while True:
        found = connection.rows(
            f"SELECT id FROM runs WHERE flow = :flow AND id < :edge AND ended_at IS NOT NULL "
            f"ORDER BY id LIMIT {_STEP}",
            flow=flow,
            edge=edge,
        )
        if not found:
            return gone
        with connection.write() as writer:
            for (run_id,) in found:
                _remove(writer, str(run_id))
        gone += len(found)


def _remove(writer: Writer, run_id: str) -> None:
    for table in _TABLES:
        writer.execute(f"DELETE FROM {table} WHERE run_id = :id", id=run_id)
    writer.execute("DELETE FROM runs WHERE id = :id AND ended_at IS NOT NULL", id=run_id)


def prune_results(connection: Connection, folder: Path) -> int:
    """Remove the files of results that no task run and no cache entry names; returns how many."""
    if not folder.is_dir():
        return 0
    named = set()
    for table in ("task_runs", "cache_entries"):
        rows = connection.rows(f"SELECT result FROM {table} WHERE result LIKE '%\"file\"%'")
        named |= {results.file_of(text) for (text,) in rows}
    gone = 0
    for path in folder.iterdir():
        if path.name not in named and time.time() - path.stat().st_mtime > _YOUNG:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
