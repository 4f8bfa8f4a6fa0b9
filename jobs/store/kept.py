"""Results that are kept for later runs, by the key of the call that gave them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from catalog.metadata.dbapi import Connection


class Entry(NamedTuple):
    """A result that is kept."""

    run_id: str
    made_at: int
    expires_at: int | None
    result: str


class Kept:
    """The cache of a lake.

    Args:
        connection: the store.
        now: the time in milliseconds.
    """

    def __init__(self, connection: Connection, now: Callable[[], int]) -> None:
        self._connection = connection
        self._now = now

    def find(self, key: str) -> Entry | None:
        """The result of a key, unless it has expired."""
        found = self._connection.rows(
            "SELECT run_id, made_at, expires_at, result FROM cache_entries WHERE key = :key",
            key=key,
        )
        if not found:
            return None
        entry = Entry(*found[0])
        return entry if entry.expires_at is None or entry.expires_at > self._now() else None

    def last_parts(self, task: str) -> Mapping[str, str] | None:
        """What the key of the newest result of a task was made of."""
        found = self._connection.rows(
            "SELECT parts FROM cache_entries WHERE task = :task ORDER BY made_at DESC LIMIT 1",
            task=task,
        )
        return dict(json.loads(found[0][0])) if found else None

    def keep(
        self,
        key: str,
        task: str,
        parts: Mapping[str, str],
        entry: Entry,
    ) -> None:
        """Keep a result; one of the same key gives way."""
        with self._connection.write() as writer:
            writer.execute(
                "INSERT INTO cache_entries (key, task, parts, run_id, made_at, expires_at, result) "
                "VALUES (:key, :task, :parts, :run, :at, :until, :result) "
                "ON CONFLICT (key) DO UPDATE SET parts = excluded.parts, run_id = excluded.run_id, "
                "made_at = excluded.made_at, expires_at = excluded.expires_at, "
                "result = excluded.result",
                key=key,
                task=task,
                parts=json.dumps(dict(parts)),
                run=entry.run_id,
                at=entry.made_at,
                until=entry.expires_at,
                result=entry.result,
            )
