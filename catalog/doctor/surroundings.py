"""What a lake stands on: file rights, the SQLite library, the program itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from catalog.doctor.findings import Finding, Kind, Severity
from catalog.handles import Handles
from catalog.metadata.database import SAFE_WAL
from catalog.metadata.dbapi import OF_DAMAGE, sqlite_path


def examine(handles: Handles) -> list[Finding]:
    """Everything that is not of one table."""
    return [*_rights(handles), *_sqlite(handles), *_programs()]


def _rights(handles: Handles) -> Iterator[Finding]:
    private = [handles.state]
    if not handles.warehouse.is_remote:
        private.append(Path(handles.warehouse.uri))
    if handles.database_url.startswith("sqlite"):
        private.append(Path(sqlite_path(handles.database_url)))
    for path in private:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            yield Finding(
                Severity.RISK, Kind.PERMISSIONS, f"{path} cannot be looked at: {error.strerror}.",
                path=str(path),
            )  # fmt: skip
            continue
        if mode & 0o077:
            yield Finding(
                Severity.RISK, Kind.PERMISSIONS,
                f"Others on this machine may use {path}: its mode is {mode:04o}.",
                f"chmod go= {path}", path=str(path),
            )  # fmt: skip


def _sqlite(handles: Handles) -> Iterator[Finding]:
    if not handles.database_url.startswith("sqlite"):
        return
    (state,) = handles.reader.rows("PRAGMA quick_check(1)")[0]
    if state != "ok":
        yield Finding(
            Severity.DAMAGE, Kind.SQLITE, f"The metadata store is damaged: {state}.",
            OF_DAMAGE, path=sqlite_path(handles.database_url),
        )  # fmt: skip


def sqlite_of(handles: Handles) -> str | None:
    """The SQLite library and how the lake uses it; None on Postgres.

    Below the safe version WAL can corrupt a file, so the rollback journal is used there.
    """
    if not handles.database_url.startswith("sqlite"):
        return None
    journal = "write-ahead log" if sqlite3.sqlite_version_info >= SAFE_WAL else "rollback journal"
    return f"{sqlite3.sqlite_version}, {journal}"


def _programs() -> Iterator[Finding]:
    own = Path(sys.executable).parent / "lakectl"
    found = shutil.which("lakectl")
    if found and own.exists() and not os.path.samefile(found, own):
        yield Finding(
            Severity.NOTE, Kind.PROGRAM,
            f"`lakectl` on the PATH is {found}, and this is {own}.", path=found,
        )  # fmt: skip
