"""The database that holds the metadata: how it is opened, created and kept safe for writers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy as sa
from sqlalchemy import event

from catalog import chance, faults
from catalog.errors import Conflict, OutcomeUnknown, StoreUnreachable
from catalog.metadata import turns
from catalog.metadata.dbapi import (
    BUSY_SECONDS,
    OF_DAMAGE,
    RESTART_SECONDS,
    sqlite_path,
    turn_file,
)

# Below this version two connections in WAL mode can corrupt the file: the WAL-reset race that
# sqlite.org/wal.html describes. The rollback journal has no such race.
SAFE_WAL = (3, 51, 3)


class Database:
    """The writing side of the metadata store, on SQLite or Postgres.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._answered = False

    @property
    def is_postgres(self) -> bool:
        """Whether the store is a Postgres server."""
        return self.url.startswith("postgresql")

    @cached_property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine; one per process."""
        if self.is_postgres:
            parts = urlsplit(self.url)
            address = urlunsplit(parts._replace(scheme="postgresql+psycopg2"))
            return sa.create_engine(address, pool_pre_ping=True, hide_parameters=True)
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=sqlite_path(self.url)),  # a folder may hold a `?`
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction; it commits on a clean exit and leaves nothing behind otherwise.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that first reads
        and then writes would otherwise fail, or double a claim, under a second writer.

        Raises:
            StoreUnreachable: the database does not answer, is locked for over a minute, or full;
                nothing was written.
            OutcomeUnknown: it went silent at the very commit.
        """
        with self._turn():
            conn, transaction = self._begin()
            try:
                yield conn
            except BaseException as error:
                _abandon(conn, transaction)
                if isinstance(error, faults.Lost) or _of_store(error):
                    raise unreachable(self.url, error) from error
                raise
            try:
                faults.reach("store.commit")
                transaction.commit()
                faults.reach("store.answer")
            except Exception as error:
                told = unreachable(self.url, error)
                raise OutcomeUnknown(told.message, told.hint) from error
            finally:
                with suppress(sa.exc.DBAPIError):
                    conn.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Queue for the store; a server keeps its own queue."""
        if self.is_postgres:
            yield
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(turns.turn(turn_file(self.url)))
            except OSError as error:
                raise unreachable(self.url, error) from error
            yield

    def _begin(self) -> tuple[sa.Connection, sa.RootTransaction]:
        """A transaction; nothing is done yet, so a server that is being restarted is waited for."""
        deadline = time.monotonic() + RESTART_SECONDS
        while True:
            conn = None
            try:
                conn = self.engine.connect()
                begun = conn, conn.begin()
            except sa.exc.DatabaseError as error:
                if conn is not None:
                    conn.close()
                waits = self.is_postgres and self._answered and time.monotonic() < deadline
                if not waits:
                    raise unreachable(self.url, error) from error
                chance.pause(0.5)
            else:
                self._answered = True
                return begun

    def close(self) -> None:
        """Let go of every connection."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def _abandon(conn: sa.Connection, transaction: sa.RootTransaction) -> None:
    with suppress(sa.exc.DBAPIError):  # a server that is gone has rolled back by itself
        transaction.rollback()
    with suppress(sa.exc.DBAPIError):
        conn.close()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, and only before a write: we begin them.
    connection.isolation_level = None
    journal = "WAL" if sqlite3.sqlite_version_info >= SAFE_WAL else "DELETE"
    # EXTRA: removing the journal is the commit, and FULL does not sync the folder after it, so a
    # power cut could bring the journal back and take an answered commit with it.
    for pragma in (f"journal_mode={journal}", "synchronous=EXTRA", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _of_store(error: BaseException) -> bool:
    """Whether the store failed, and not a statement of ours: SQLite has no class for damage."""
    return isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError


def unreachable(url: str, error: BaseException) -> StoreUnreachable:
    """The store's failure in words, without the password of the URL."""
    reason = str(getattr(error, "orig", error)).strip().splitlines()
    first = reason[0] if reason else type(error).__name__
    shown = hide_password(url)
    if "locked" in first or "busy" in first:
        hint = f"Another process has held it for over {BUSY_SECONDS} s; try again when it is done."
    elif "malformed" in first or "not a database" in first:
        hint = OF_DAMAGE
    elif "full" in first:
        hint = "Free some space on its disk; nothing of this change was kept."
    else:
        hint = "Check that it is there and that you may use it; --debug shows the cause."
    return StoreUnreachable(f"The metadata store {shown} failed: {first}.", hint)


def hide_password(url: str) -> str:
    """The URL with its password replaced by ***."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}{port}"))


def create(url: str) -> None:
    """Make the store and all its tables, or bring older ones to this program's revision.

    Raises:
        StoreUnreachable: the database cannot be opened or written.
        Conflict: a newer program has used it.
    """
    from alembic.util.exc import CommandError

    database = Database(url)
    if not database.is_postgres:
        path = Path(sqlite_path(url))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    try:
        try:
            _upgrade(database)
        except OutcomeUnknown:  # what was done is not done a second time
            _upgrade(database)
    except CommandError as error:
        raise Conflict(
            f"The metadata store {hide_password(url)} was used by a newer lakectl: {error}.",
            "Upgrade this one.",
        ) from error
    finally:
        database.close()


def _upgrade(database: Database) -> None:
    from alembic import command  # 0.3 s to import; only `init` and `migrate` need it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write() as conn:
        if database.is_postgres:  # several may create at once; SQLite's BEGIN already queues
            conn.exec_driver_sql("SELECT pg_advisory_xact_lock(7305131)")
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        faults.reach("migrate.written")
