"""DuckLake with its catalogue on SQLite, as its documentation advises for local clients."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import loads

# Neither META_BUSY_TIMEOUT nor META_JOURNAL_MODE 'WAL' lets more writers through: SQLite refuses at
# once to let two readers become writers, and DuckLake does not try again what was locked.
_PATIENT = ("ducklake_max_retry_count = 100", "ducklake_retry_backoff = 1.2")


class Lake:
    """A table of a DuckLake; the extensions come from wheels, nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection: Any = None
        self._fails: Callable[[str], bool] = lambda when: False

    def make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.open()
        self._connection.execute("CREATE TABLE trips (load BIGINT, n BIGINT, text VARCHAR)")

    def open(self) -> None:
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        for name in ("sqlite_scanner", "ducklake"):
            self._connection.execute(f"LOAD {_quoted(_extension(name))}")
        catalogue = _quoted(f"ducklake:sqlite:{self._folder}/metadata.sqlite")
        data = _quoted(f"{self._folder}/data/")
        self._connection.execute(f"ATTACH {catalogue} AS lake (DATA_PATH {data})")
        self._connection.execute("USE lake")
        for setting in _PATIENT if os.environ.get("PATIENT") else ():
            self._connection.execute(f"SET {setting}")

    def append(self, load: int, rows: int) -> None:
        connection = self._connection
        query = "INSERT INTO trips SELECT ?, i, 'some words ' || i FROM range(?) AS r(i)"
        connection.execute("BEGIN")
        try:
            connection.execute(query, [load, rows])
            self._lose("before")
            connection.execute("COMMIT")
        except Exception:
            _roll_back(connection)
            raise
        self._lose("after")

    def read(self) -> Iterable[tuple[int, int, int]]:
        query = "SELECT load, count(*), count(DISTINCT n) FROM trips GROUP BY load"
        yield from self._connection.execute(query).fetchall()

    def named(self) -> Iterable[str]:
        found = self._connection.execute("FROM ducklake_list_files('lake', 'trips')")
        names = [column[0] for column in found.description]
        place = names.index("data_file")
        return [row[place] for row in found.fetchall()]

    def listed(self) -> Iterable[str]:
        query = "CALL ducklake_delete_orphaned_files('lake', dry_run => true, cleanup_all => true)"
        return [path for (path,) in self._connection.execute(query).fetchall()]

    def lose_answers(self, fails: Callable[[str], bool]) -> None:
        self._fails = fails

    def _lose(self, when: str) -> None:
        if self._fails(when):
            raise loads.AnswerLost(f"{when} COMMIT")


def _extension(name: str) -> str:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.rglob("*.duckdb_extension")
    return str(file)


def _roll_back(connection: Any) -> None:
    """End a transaction that a failed COMMIT may have ended already."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error as error:
        if "no transaction is active" not in str(error):
            raise


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


if __name__ == "__main__":
    loads.main(Lake)
