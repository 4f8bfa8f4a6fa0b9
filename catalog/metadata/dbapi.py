"""The metadata store by DB-API alone, for what must not wait for SQLAlchemy's import (0.3 s).

Statements use `:name` for both databases; values are always bound.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from catalog import chance, faults
from catalog.errors import OutcomeUnknown, StoreUnreachable
from catalog.metadata import turns

BUSY_SECONDS = 60
RESTART_SECONDS = 20  # how long a server that has answered before may be away
OF_DAMAGE = (
    "Move it away and restore it from a backup, be it an old one, or make a new one: "
    "lakectl init --migrate. Then lakectl doctor --repair takes in what it lacks."
)
T = TypeVar("T")
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")


def sqlite_path(url: str) -> str:
    """The file of a `sqlite:///` URL."""
    return url.removeprefix("sqlite:///")


def turn_file(url: str) -> Path:
    """The lock file at which the writers of a SQLite store queue.

    SQLite itself lets them try again at random: of sixteen some wait a minute, and fail.
    """
    return Path(f"{sqlite_path(url)}.lock")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


class Writer:
    """The statements of one transaction; `:name` and bound values, as in `Connection.rows`."""

    def __init__(self, cursor: Any, *, postgres: bool) -> None:
        self.cursor = cursor
        self.postgres = postgres

    def _text(self, statement: str) -> str:
        return _PARAMETER.sub(r"%(\1)s", statement) if self.postgres else statement

    def execute(self, statement: str, **values: Any) -> int:
        """Run a statement; returns how many rows it changed."""
        self.cursor.execute(self._text(statement), values)
        return int(self.cursor.rowcount)

    def many(self, statement: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once a row."""
        if not self.postgres:
            self.cursor.executemany(statement, list(rows))
            return
        from psycopg2.extras import execute_batch  # a round trip for a hundred rows, not for each

        execute_batch(self.cursor, self._text(statement), list(rows))

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        self.cursor.execute(self._text(statement), values)
        return [tuple(row) for row in self.cursor.fetchall()]


class Connection:
    """The metadata store by DB-API alone: one connection a thread, opened at its first use.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._local = threading.local()
        self._postgres = url.startswith("postgresql")
        self._answered = False

    @property
    def is_postgres(self) -> bool:
        """Whether the store is a Postgres server."""
        return self._postgres

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a SELECT.

        Raises:
            StoreUnreachable: the store is not there, is locked for over a minute, or is damaged.
        """
        text = _PARAMETER.sub(r"%(\1)s", statement) if self._postgres else statement

        def ask() -> list[tuple[Any, ...]]:
            cursor = self._connection().cursor()
            cursor.execute(text, values)
            found = cursor.fetchall()
            cursor.close()
            return [tuple(row) for row in found]

        return self._patiently(ask)

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do something that may be done again: a server that is being restarted comes back.

        A server that has never answered is not waited for, nor is a file.
        """
        deadline = time.monotonic() + RESTART_SECONDS
        pause = 0.05
        while True:
            try:
                return work()
            except Exception as error:
                self.close()
                if not self._may_retry(error) or time.monotonic() > deadline:
                    raise self._told(error) from error
                chance.pause(pause)
                pause = min(1.0, pause * 2)

    def insert(self, statement: str, **values: Any) -> None:
        """Add one row, durably, in a transaction of its own.

        The statement must do nothing the second time: it is tried again where no answer came.

        Raises:
            StoreUnreachable: as `rows`; nothing was written then.
        """
        text = _PARAMETER.sub(r"%(\1)s", statement) if self._postgres else statement

        def add() -> None:
            with self._transaction() as writer:
                writer.cursor.execute(text, values)

        self._patiently(add)

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """One transaction by DB-API; it commits on a clean exit and leaves nothing otherwise.

        Raises:
            StoreUnreachable: the store does not answer; nothing was written.
            OutcomeUnknown: it went silent at the very commit.
        """
        committing = False
        try:
            with self._transaction() as writer:
                yield writer
                committing = True
                faults.reach("store.commit")
            faults.reach("store.answer")
        except Exception as error:
            told = self._told(error)
            if isinstance(error, faults.Lost):
                told = StoreUnreachable(f"The metadata store went silent: {error}.")
            if not isinstance(told, StoreUnreachable):
                raise
            self.close()
            kind = OutcomeUnknown if committing else StoreUnreachable
            raise kind(told.message, told.hint) from error

    @contextmanager
    def _transaction(self) -> Iterator[Writer]:
        if self._postgres:
            import psycopg2

            connection = self._writing_connection()
            try:
                with connection, connection.cursor() as cursor:
                    yield Writer(cursor, postgres=True)
            except psycopg2.Error:
                self._close_writing()
                raise
            return
        connection = self._connection()
        # Else a power cut may bring the journal back; see `database._prepare_sqlite`.
        connection.execute("PRAGMA synchronous=EXTRA").close()
        with turns.turn(turn_file(self.url)):
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield Writer(cursor, postgres=False)
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled it back already
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def _writing_connection(self) -> Any:
        """On Postgres a session apart: the one that reads is set to read only."""
        if getattr(self._local, "writing", None) is None:
            import psycopg2

            self._local.writing = psycopg2.connect(self.url, connect_timeout=10)
        return self._local.writing

    def _close_writing(self) -> None:
        writing = getattr(self._local, "writing", None)
        self._local.writing = None
        if writing is not None:
            writing.close()

    def _connection(self) -> Any:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = self._connect()
        return self._local.connection

    def _connect(self) -> Any:
        if self._postgres:
            import psycopg2  # only lakes on Postgres pay for it

            connection = psycopg2.connect(self.url, connect_timeout=10)
            connection.set_session(readonly=True, autocommit=True)
            self._answered = True
            return connection
        path = sqlite_path(self.url)
        if not Path(path).exists():
            raise StoreUnreachable(
                f"The metadata store {path} is missing.",
                "Restore the file. Or make a new one, lakectl init --migrate, and take in what the "
                "warehouse tells: lakectl doctor --repair",
            )
        opened = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        opened.create_function("lower", 1, _lower, deterministic=True)  # its own knows ASCII only
        return opened

    def _may_retry(self, error: Exception) -> bool:
        names = {"OperationalError", "InterfaceError", "AdminShutdown", "CrashShutdown"}
        return self._answered and self._postgres and type(error).__name__ in names

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, StoreUnreachable):
            return error
        foreign = type(error).__module__.split(".")[0] in {"sqlite3", "psycopg2"}
        if not foreign and not isinstance(error, OSError):
            return error
        from catalog.metadata.database import unreachable

        return unreachable(self.url, error)

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()
        self._close_writing()
