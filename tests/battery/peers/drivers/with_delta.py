"""A Delta table on the local disk by delta-rs, as its documentation has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import loads
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake


class Lake:
    """One Delta table; there is no catalogue.

    The patient one tries a commit more often, and names each load as a transaction of its own, as
    the format has it for writes that are to happen once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._table = folder / "trips"
        self._patient = bool(os.environ.get("PATIENT"))
        self._fails: Callable[[str], bool] = lambda when: False

    def make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(self._table, pa.table(_typed(0, 0)).schema)

    def open(self) -> None:
        DeltaTable(self._table)

    def append(self, load: int, rows: int) -> None:
        commit = None
        if self._patient:
            if DeltaTable(self._table).transaction_version(f"load-{load}") is not None:
                return
            once = Transaction(f"load-{load}", 1)
            commit = CommitProperties(max_commit_retries=100, app_transactions=[once])
        self._lose("before")
        frame = pa.table(_typed(load, rows))
        write_deltalake(self._table, frame, mode="append", commit_properties=commit)
        self._lose("after")

    def read(self) -> Iterable[tuple[int, int, int]]:
        found = pa.table(DeltaTable(self._table).to_pyarrow_table())
        grouped = found.group_by("load").aggregate([("n", "count"), ("n", "count_distinct")])
        for row in grouped.to_pylist():
            yield row["load"], row["n_count"], row["n_count_distinct"]

    def named(self) -> Iterable[str]:
        yield from DeltaTable(self._table).file_uris()
        log = self._table / "_delta_log"
        for file in log.iterdir():
            if file.suffix in {".json", ".parquet"} or file.name == "_last_checkpoint":
                yield str(file)

    def listed(self) -> Iterable[str]:
        found = DeltaTable(self._table).vacuum(
            retention_hours=0, dry_run=True, enforce_retention_duration=False, full=True
        )
        return [str(self._table / name) for name in found]

    def lose_answers(self, fails: Callable[[str], bool]) -> None:
        self._fails = fails

    def _lose(self, when: str) -> None:
        if self._fails(when):
            raise loads.AnswerLost(f"{when} the commit")


def _typed(load: int, rows: int) -> dict[str, Any]:
    kinds = {"load": pa.int64(), "n": pa.int64(), "text": pa.string()}
    return {name: pa.array(c, kinds[name]) for name, c in loads.columns(load, rows).items()}


if __name__ == "__main__":
    loads.main(Lake)
