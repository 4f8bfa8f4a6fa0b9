"""A lake in which every text that others can write is a payload."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
from lake_builder import load, opened
from lake_shell import files_of
from payloads import PAYLOADS

import lakectl
from catalog.altering import Annotation

CELLS, COLUMNS, TOLD, BAD = "evil.cells", "evil.columns", "evil.told", "evil.bad"
EVERY = frozenset(range(len(PAYLOADS)))
NAMES = tuple(text for text in PAYLOADS if "\x00" not in text)  # what may name a column or a file
NAMED = EVERY - {PAYLOADS.index(text) for text in PAYLOADS if text not in NAMES}
NOTES = "note"  # datasets with hostile owners, labels and descriptions
NAMELESS = "nameless"  # datasets whose names are payloads
FOLDER = "\x1b]0;owned\x07 \u202elake"


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# Profiles whose names, keys and values are told in the header and in errors.
_PROFILES = f"""
[profiles.{_toml(NAMES[0])}]
warehouse = "warehouse"
database = "sqlite:///.lakectl/lake.db"
[profiles.{_toml(NAMES[1])}]
warehouse = {_toml(NAMES[2])}
{_toml(NAMES[3])} = 1
[profiles.{_toml(NAMES[4])}]
warehouse = "warehouse"
database = {_toml("".join(NAMES) + "://")}
"""


def fill(folder: Path) -> None:
    """Write payloads into a fresh lake on SQLite, by every way that leads into it."""
    with opened(folder) as lake:
        _cells(lake)
        _columns(lake)
        _bad_rows(lake, folder)
        lake.dataset(TOLD).append(pa.table({"n": [1]}), message="first")
        lake.tag(TOLD, "gold", 1)
        for namespace in (NOTES, NAMELESS):
            lake.dataset(f"{namespace}.first").append(pa.table({"n": [1]}))
    _multiply(folder)
    for number, text in enumerate(PAYLOADS):
        _litter(folder, number, text)
    with (folder / "lakectl.toml").open("a", encoding="utf-8") as settings:
        settings.write(_PROFILES)


def picture(folder: Path) -> dict[str, Any]:
    """Every byte of a lake on SQLite that a command or the dashboard could change."""
    with sqlite3.connect(folder / ".lakectl/lake.db") as store:
        rows = list(store.iterdump())
    store.close()
    return {"files": files_of(folder / "warehouse"), "rows": rows}


def _cells(lake: lakectl.Lake) -> None:
    whole = {
        "n": list(range(len(PAYLOADS))),
        "text": list(PAYLOADS),
        "many": [[text, text] for text in PAYLOADS],
        "pair": [{"inner": text} for text in PAYLOADS],
        "raw": [text.encode() for text in PAYLOADS],
    }
    handle = lake.dataset(CELLS)
    handle.append(pa.table(whole), message=PAYLOADS[0])
    handle.append(pa.table(whole), message="".join(PAYLOADS))


def _columns(lake: lakectl.Lake) -> None:
    """All columns come at once, so that the history tells their names too."""
    handle = lake.dataset(COLUMNS)
    handle.append(pa.table({"n": [1]}))
    wide = pa.table({"n": [2], **{name: [name] for name in NAMES}})
    inner = pa.array([dict.fromkeys(NAMES, 1)])
    handle.append(wide.append_column("nested", inner), schema="evolve")
    docs = dict(zip(NAMES, NAMES, strict=True))
    lake.annotate(COLUMNS, Annotation(owner=PAYLOADS[1], columns=docs))


def _bad_rows(lake: lakectl.Lake, folder: Path) -> None:
    source = folder / "bad.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["n", "text"])
        rows.writerows([n, "good"] for n in range(200))
    load(lake, BAD, source)
    with source.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([t, t] for t in NAMES)
    load(lake, BAD, source, on_bad_row="quarantine")


def _multiply(folder: Path) -> None:
    """Write what a co-worker with rights in the metadata store may write: anything, anywhere."""
    with sqlite3.connect(folder / ".lakectl/lake.db") as store:
        _copy(store, "datasets", f"namespace = '{NOTES}'", _note)
        _copy(store, "iceberg_tables", f"table_namespace = '{NOTES}'", _pointer)
        _copy(store, "datasets", f"namespace = '{NAMELESS}'", _nameless)
        _copy(store, "iceberg_tables", f"table_namespace = '{NAMELESS}'", _nameless_pointer)
        (told,) = store.execute("SELECT id FROM datasets WHERE name = 'told'").fetchone()
        _copy(store, "versions", f"dataset_id = '{told}'", _version)
        tags = dict.fromkeys(PAYLOADS, -1)
        store.execute("UPDATE datasets SET tags = ? WHERE id = ?", (json.dumps(tags), told))
    store.close()


def _copy(store: sqlite3.Connection, table: str, where: str, change: object) -> None:
    """For each payload a row like one that is there, changed."""
    assert callable(change)
    found = store.execute(f"SELECT * FROM {table} WHERE {where}")
    names = [column[0] for column in found.description]
    row = dict(zip(names, found.fetchone(), strict=True))
    marks = ", ".join("?" * len(names))
    for number, text in enumerate(PAYLOADS):
        changed = row | change(number, text)
        store.execute(f"INSERT INTO {table} VALUES ({marks})", [changed[n] for n in names])


def _note(number: int, text: str) -> dict[str, object]:
    return {
        "id": f"{number:032x}",
        "name": f"n{number:02d}",
        "owner": text,
        "description": text,
        "labels": json.dumps({text: text}),
        "tags": json.dumps({text: 1}),
    }


def _pointer(number: int, text: str) -> dict[str, object]:
    return {"table_name": f"n{number:02d}"}


def _nameless(number: int, text: str) -> dict[str, object]:
    return {"id": f"f{number:031x}", "name": text}


def _nameless_pointer(number: int, text: str) -> dict[str, object]:
    return {"table_name": text}


def _version(number: int, text: str) -> dict[str, object]:
    return {
        "version": number + 2,
        "snapshot_id": number + 2,
        "message": text,
        "run_id": text,
        "operation": text,
        "linear": 0,
    }


def _litter(folder: Path, number: int, text: str) -> None:
    """A file of a hostile name that doctor will tell of."""
    name = text.replace("/", "_").replace("\x00", "")
    (folder / "warehouse" / f"litter{number:02d}").mkdir(mode=0o700)
    (folder / "warehouse" / f"litter{number:02d}" / name).touch(mode=0o600)
