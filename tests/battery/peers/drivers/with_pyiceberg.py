"""PyIceberg with its SqlCatalog on SQLite, as its documentation has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import loads
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.exc import OperationalError

_TABLE = "nyc.trips"
_PATIENT = {
    "commit.retry.num-retries": "100",
    "commit.retry.min-wait-ms": "100",
    "commit.retry.max-wait-ms": "2000",
}


class Lake:
    """A table in a catalogue on SQLite, its files in the folder beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._catalog: Any = None

    def make(self) -> None:
        (self._folder / "warehouse").mkdir(parents=True)
        self.open()
        self._catalog.create_namespace("nyc")
        properties = _PATIENT if os.environ.get("PATIENT") else {}
        self._catalog.create_table(_TABLE, pa.table(_typed(0, 0)).schema, properties=properties)

    def open(self) -> None:
        self._catalog = SqlCatalog(
            "default",
            uri=f"sqlite:///{self._folder}/catalog.db",
            warehouse=f"file://{self._folder}/warehouse",
        )

    def append(self, load: int, rows: int) -> None:
        self._catalog.load_table(_TABLE).append(pa.table(_typed(load, rows)))

    def read(self) -> Iterable[tuple[int, int, int]]:
        found = self._catalog.load_table(_TABLE).scan().to_arrow()
        grouped = found.group_by("load").aggregate([("n", "count"), ("n", "count_distinct")])
        for row in grouped.to_pylist():
            yield row["load"], row["n_count"], row["n_count_distinct"]

    def named(self) -> Iterable[str]:
        table = self._catalog.load_table(_TABLE)
        yield _path(table.metadata_location)
        yield from (_path(entry.metadata_file) for entry in table.metadata.metadata_log)
        for snapshot in table.snapshots():
            yield _path(snapshot.manifest_list)
        found = table.inspect
        yield from (_path(one) for one in found.all_manifests()["path"].to_pylist())
        yield from (_path(one) for one in found.all_files()["file_path"].to_pylist())

    def listed(self) -> None:
        return None

    def lose_answers(self, fails: Callable[[str], bool]) -> None:
        commit = self._catalog.commit_table

        def commit_table(*args: Any, **named: Any) -> Any:
            if fails("before"):
                raise _disconnected()
            answer = commit(*args, **named)
            if fails("after"):
                raise _disconnected()
            return answer

        self._catalog.commit_table = commit_table


def _typed(load: int, rows: int) -> dict[str, Any]:
    kinds = {"load": pa.int64(), "n": pa.int64(), "text": pa.string()}
    return {name: pa.array(c, kinds[name]) for name, c in loads.columns(load, rows).items()}


def _path(location: str) -> str:
    return unquote(urlparse(location).path)


def _disconnected() -> OperationalError:
    return OperationalError("COMMIT", None, Exception("server closed the connection unexpectedly"))


if __name__ == "__main__":
    loads.main(Lake)
