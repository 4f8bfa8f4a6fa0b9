"""Lakes over the Python API, in this process: cheap enough to build nasty ones."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import lakectl


def opened(folder: Path) -> lakectl.Lake:
    """The lake in a folder, open in this process."""
    return lakectl.open(folder)


def load(lake: lakectl.Lake, into: str, *sources: Path, **options: Any) -> Any:
    """What `lakectl ingest` does, without a process."""
    from catalog.ingest import IngestRequest

    names = tuple(str(source) for source in sources)
    return lake.ingest(IngestRequest(into=into, sources=names, **options))


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of the lake's own tables, on SQLite."""
    with sqlite3.connect(folder / ".lakectl/lake.db", timeout=60) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


_TABLES = (
    "iceberg_tables", "datasets", "versions", "schemas", "data_files", "ledger", "journal"
)  # fmt: skip


def bytes_of(folder: Path) -> tuple[list[Any], dict[str, Any]]:
    """The lake as its own tables and its folder tell it; cheap enough to ask before each try."""
    rows = [ask(folder, f"SELECT * FROM {table}") for table in _TABLES]
    stats = {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in (folder / "warehouse").rglob("*")
        if path.is_file()
    }
    return rows, stats


def broken_rules(folder: Path) -> list[str]:
    """Every rule of a lake on SQLite that does not hold; empty for a sound one.

    Every referenced file is there with its recorded size; keys are unique; versions of a dataset
    strictly rise with their commits; each file on disk is referenced or named by an open intent.
    """
    found = [str(row) for row in ask(folder, "PRAGMA integrity_check") if row != ("ok",)]
    live = ask(
        folder,
        "SELECT path, bytes FROM data_files f WHERE NOT EXISTS "
        "(SELECT 1 FROM versions v WHERE v.dataset_id = f.dataset_id "
        "AND v.version = f.version AND v.expired_at IS NOT NULL)",
    )
    for path, size in live:
        if not Path(path).is_file():
            found.append(f"missing {path}")
        elif Path(path).stat().st_size != size:
            found.append(f"of another size: {path}")
    twins = ask(folder, "SELECT key FROM ledger GROUP BY key HAVING count(*) > 1")
    found += [f"key twice: {key}" for (key,) in twins]
    found += _unordered(folder)
    named = {path for (path,) in ask(folder, "SELECT path FROM data_files")}
    open_ones = {i for (i,) in ask(folder, "SELECT id FROM intents WHERE state = 'open'")}
    for path in (folder / "warehouse").rglob("data/*.parquet"):
        known = str(path) in named or path.name.rpartition("-")[0] in open_ones
        if not known and ".quarantine" not in path.parts:
            found.append(f"litter without a name: {path}")
    return found


def litter(folder: Path) -> set[str]:
    """The files of the warehouse that our tables do not know, by a walk of the disk."""
    known = {path for (path,) in ask(folder, "SELECT path FROM data_files")}
    known |= {path for (path,) in ask(folder, "SELECT path FROM metadata_files")}
    walked = (p for p in (folder / "warehouse").rglob("*") if p.is_file())
    return {str(p) for p in walked if ".quarantine" not in p.parts} - known


def seen_by_people(folder: Path) -> tuple[object, ...]:
    """What a person sees of a lake: the datasets, their versions, tags and rows."""
    with opened(folder) as lake:
        listed = [lake.describe(str(d.name)) for d in lake.ls()]
        told = [(str(d.name), d.summary.version, d.summary.rows, d.summary.owner, sorted(d.tags))
                for d in listed]  # fmt: skip
        rows = [sorted(map(str, lake.to_arrow(str(d.name)).to_pylist())) for d in listed
                if not d.name.name.endswith("quarantine")]  # fmt: skip
    return told, rows


def _unordered(folder: Path) -> list[str]:
    ordered = "SELECT dataset_id, version, committed_at FROM versions ORDER BY dataset_id, version"
    found = []
    before: tuple[str, int, int] = ("", 0, 0)
    for row in ask(folder, ordered):
        if row[0] == before[0] and not (row[1] > before[1] and row[2] >= before[2]):
            found.append(f"version {row[1]} was committed before {before[1]}")
        before = (row[0], row[1], row[2])
    return found
