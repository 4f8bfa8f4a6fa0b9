"""One writer at a time commits to a dataset: a lock that the kernel or the server frees by itself.

The lock only saves effort and keeps writers fair; what keeps the lake right is the
compare-and-swap of the pointer. So a lock that is lost, or never taken by another engine, costs a
retry and nothing more.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from catalog.metadata.database import Database, unreachable


@contextmanager
def commit_lock(database: Database, folder: Path, dataset_id: str) -> Iterator[None]:
    """Hold the lock of one dataset for the length of the block.

    Args:
        database: the lake's store; a Postgres server holds the lock itself.
        folder: where the lock files of a lake on SQLite lie.
        dataset_id: whose commits to queue.
    """
    if database.is_postgres:
        with _advisory(database, dataset_id):
            yield
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One file for every 256 datasets' worth: a file a dataset would litter, and a collision only
    # makes two writers of different datasets take turns.
    name = f"{zlib.crc32(dataset_id.encode()) % 256:02x}.lock"
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _advisory(database: Database, dataset_id: str) -> Iterator[None]:
    key = int(dataset_id[:15], 16)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        conn = engine.connect()
        conn.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": key})
    except sa.exc.OperationalError as error:
        raise unreachable(database.url, error) from error
    try:
        yield
    finally:
        # Never an error from here: what was done under the lock is done. A server that was
        # restarted, or a connection that was cut, has freed the lock by itself.
        with suppress(sa.exc.SQLAlchemyError):
            if not conn.invalidated:
                conn.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        with suppress(sa.exc.SQLAlchemyError):
            conn.close()
