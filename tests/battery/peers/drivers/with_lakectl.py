"""This repository's own lake, over its Python API."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import loads
import pyarrow as pa

import catalog.engine.loading
import catalog.iceberg.commits
import catalog.iceberg.datafiles
import catalog.metadata.records
import catalog.upkeep  # noqa: F401 - as the others: a fork shall not import them again
import lakectl
from catalog import faults
from lakectl.root import init_lake

_TABLE = "nyc.trips"

# In the words of catalog/faults.py. The store's answer is lost to the lake, as PyIceberg's is to
# PyIceberg; the patient client is told an error itself, as those of the others are, and sends the
# key of its load again.
_LOSES = {"before": "store.commit:LOST", "after": "store.answer:LOST"}
if "PATIENT" in os.environ:
    _LOSES = {"before": "swap.recorded:ERROR", "after": "swap.committed:ERROR"}


class Lake:
    """A dataset of a lake in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lake: Any = None
        self._fails: Callable[[str], bool] = lambda when: False

    def make(self) -> None:
        init_lake(self._folder)
        with lakectl.open(self._folder) as lake:
            lake.dataset(_TABLE).append(pa.table(loads.columns(-1, 1)))

    def open(self) -> None:
        self._lake = lakectl.open(self._folder)

    def append(self, load: int, rows: int) -> None:
        self._arm()
        key = {"write_key": f"load-{load}"} if os.environ.get("PATIENT") else {}
        self._lake.dataset(_TABLE).append(pa.table(loads.columns(load, rows)), **key)

    def read(self) -> Iterable[tuple[int, int, int]]:
        found = self._lake.dataset(_TABLE).to_arrow()
        grouped = found.group_by("load").aggregate([("n", "count"), ("n", "count_distinct")])
        for row in grouped.to_pylist():
            if row["load"] >= 0:
                yield row["load"], row["n_count"], row["n_count_distinct"]

    def named(self) -> Iterable[str]:
        store = self._folder / ".lakectl" / "lake.db"
        with closing(sqlite3.connect(store, timeout=60)) as con:
            for table in ("data_files", "metadata_files"):
                for (path,) in con.execute(f"SELECT path FROM {table}"):
                    yield path

    def listed(self) -> Iterable[str]:
        findings = self._lake.doctor().report.findings
        return [str(one.path) for one in findings if one.kind == "orphan"]

    def lose_answers(self, fails: Callable[[str], bool]) -> None:
        self._fails = fails

    def _arm(self) -> None:
        """Order the fault of the coming commit through the environment."""
        os.environ.pop("LAKECTL_CRASH_AT", None)
        for when, fault in _LOSES.items():
            if self._fails(when):
                os.environ["LAKECTL_CRASH_AT"] = fault
                break
        faults.arm()


if __name__ == "__main__":
    loads.main(Lake)
