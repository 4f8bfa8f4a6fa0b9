"""One writer at a time commits to a dataset: a lock that the kernel or the server frees by itself.

The lock only saves effort and keeps writers fair; what keeps the lake right is the
compare-and-swap of the pointer. So a lock that is lost, never taken by another engine, or not to
be had because its holder was stopped, costs a retry and nothing more.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from catalog.metadata import turns
from catalog.metadata.database import Database, unreachable

_LOCK_NOT_AVAILABLE = "55P03"  # postgresql.org/docs/current/errcodes-appendix.html


@contextmanager
def commit_lock(
    database: Database, folder: Path, dataset_id: str, patience: float = turns.PATIENCE
) -> Iterator[bool]:
    """Hold the lock of one dataset for the length of the block.

    Args:
        database: the lake's store; a Postgres server holds the lock itself.
        folder: where the lock files of a lake on SQLite lie.
        dataset_id: whose commits to queue.
        patience: how many seconds to wait for it.

    Yields:
        Whether it is held; see `turns.turn`.
    """
    if database.is_postgres:
        with _advisory(database, dataset_id, patience) as held:
            yield held
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One file for every 256 datasets' worth: a file a dataset would litter, and a collision only
    # makes two writers of different datasets take turns.
    name = f"{zlib.crc32(dataset_id.encode()) % 256:02x}.lock"
    with turns.turn(folder / name, patience) as held:
        yield held


@contextmanager
def _advisory(database: Database, dataset_id: str, patience: float) -> Iterator[bool]:
    key = zlib.crc32(dataset_id.encode())  # twins only take turns
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    held = True
    try:
        conn = engine.connect()
        conn.execute(sa.text(f"SET lock_timeout = '{int(patience * 1000)}ms'"))
        conn.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": key})
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise unreachable(database.url, error) from error
        held = False
    try:
        yield held
    finally:
        # Never an error from here: what was done under the lock is done. A server that was
        # restarted, or a connection that was cut, has freed the lock by itself.
        with suppress(sa.exc.SQLAlchemyError):
            if not conn.invalidated:
                conn.execute(sa.text("RESET lock_timeout"))
                if held:
                    conn.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        with suppress(sa.exc.SQLAlchemyError):
            conn.close()
