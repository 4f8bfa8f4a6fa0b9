"""The questions that browsing asks of the metadata store, as plain SELECTs (see `dbapi`).

`ls`, `show`, `versions`, `sql` and the dashboard ask these; writes go through `records`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from catalog.errors import Conflict, NotFound, StoreUnreachable
from catalog.metadata.dbapi import OF_DAMAGE, Connection
from catalog.metadata.values import (
    DATASET,
    SUMMARY,
    VERSION,
    ancestry,
    dataset_of,
    listed,
    moment,
    parsed,
    schema_of,
    sound,
    version_of,
)
from catalog.model import DataFile, Dataset, DatasetSummary, SchemaRevision, Version
from catalog.names import DatasetName

if TYPE_CHECKING:
    from catalog.schema import Schema

TABLES = {  # that there are in the store, by whether it is Postgres
    False: "SELECT name FROM sqlite_master WHERE type = 'table'",
    True: "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
}
REVISION = "0004"  # the newest migration; tests hold it to be so


class Reader(Connection):
    """Questions to the metadata store; every answer is made of frozen values."""

    # -- the one write that a load waits for ------------------------------------------------

    def announce(self, intent: str, dataset_id: str, location: str, at: int) -> None:
        """Write an intent, before the first byte of a load."""
        self.insert(
            "INSERT INTO intents (id, dataset_id, location, state, host, pid, at) "
            "VALUES (:id, :dataset, :location, 'open', :host, :pid, :at) ON CONFLICT DO NOTHING",
            id=intent,
            dataset=dataset_id,
            location=location,
            host=socket.gethostname(),
            pid=os.getpid(),
            at=at,
        )

    # -- the lake -----------------------------------------------------------------------------

    def check_revision(self) -> None:
        """Refuse a store that this program does not fit.

        Raises:
            Conflict: it was made by a newer or an older program.
            StoreUnreachable: it holds no lake at all.
        """
        there = {str(name) for (name,) in self.rows(TABLES[self._postgres])}
        found = []
        if "alembic_version" in there:
            found = self.rows("SELECT version_num FROM alembic_version")
        if not found and "datasets" in there:
            raise StoreUnreachable(
                "The metadata store does not say at which revision it is.", OF_DAMAGE
            )
        if not found:
            raise StoreUnreachable(
                "The metadata store holds no lake.", "Make one with: lakectl init"
            )
        revision = str(found[0][0])
        if revision > REVISION:
            raise Conflict(
                f"The metadata store is at revision {revision}; this lakectl knows {REVISION}.",
                "It was used by a newer lakectl: upgrade this one.",
            )
        if revision < REVISION:
            raise Conflict(
                f"The metadata store is at revision {revision}; this lakectl needs {REVISION}.",
                "Bring it up to date with: lakectl init --migrate (older programs then stop).",
            )

    def info(self) -> dict[str, str]:
        """What the lake says of itself: its id, its warehouse, when it was made."""
        return {str(k): str(v) for k, v in self.rows("SELECT key, value FROM lake_info")}

    def change_token(self) -> str:
        """A text that differs once any dataset has changed, come or gone."""
        found = self.rows(
            "SELECT count(*), max(updated_at), max(dropped_at), "
            "(SELECT coalesce(max(id), 0) FROM journal), "
            "(SELECT count(*) FROM journal WHERE undone) FROM datasets"
        )
        return "-".join(str(value) for value in found[0])

    # -- datasets -----------------------------------------------------------------------------

    def summaries(
        self, namespace: str | None = None, limit: int | None = None
    ) -> list[DatasetSummary]:
        """The live datasets by name: all, those of one namespace, or the first of them."""
        where = "AND namespace = :namespace" if namespace else ""
        first = f"LIMIT {int(limit)}" if limit is not None else ""
        found = self.rows(
            f"SELECT {SUMMARY} FROM datasets WHERE dropped_at IS NULL {where} "
            f"ORDER BY namespace, name {first}",
            **({"namespace": namespace} if namespace else {}),
        )
        return [listed(row) for row in found]

    def dataset(self, name: DatasetName) -> Dataset:
        """One live dataset.

        Raises:
            NotFound: there is none of that name; the hint names the nearest.
        """
        found = self.rows(
            f"SELECT {DATASET} FROM datasets "
            "WHERE namespace = :namespace AND name = :name AND dropped_at IS NULL",
            namespace=name.namespace,
            name=name.name,
        )
        if not found:
            raise self._unknown(name)
        return dataset_of(found[0])

    def dataset_by_id(self, dataset_id: str) -> Dataset | None:
        """One dataset by its identity, dropped or not."""
        found = self.rows(f"SELECT {DATASET} FROM datasets WHERE id = :id", id=dataset_id)
        return dataset_of(found[0]) if found else None

    def id_of(self, name: DatasetName) -> str | None:
        """The identity of the live dataset of that name, or None."""
        found = self.rows(
            "SELECT id FROM datasets WHERE namespace = :namespace AND name = :name "
            "AND dropped_at IS NULL",
            namespace=name.namespace,
            name=name.name,
        )
        return str(found[0][0]) if found else None

    def is_live(self, dataset_id: str) -> bool:
        """Whether a dataset is there and not dropped."""
        query = "SELECT 1 FROM datasets WHERE id = :id AND dropped_at IS NULL"
        return bool(self.rows(query, id=dataset_id))

    def pointer(self, name: DatasetName) -> str | None:
        """Where the table's pointer points now, whoever moved it last."""
        found = self.rows(
            "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = :catalog "
            "AND table_namespace = :namespace AND table_name = :name",
            catalog="lakectl",
            namespace=name.namespace,
            name=name.name,
        )
        return str(found[0][0]) if found and found[0][0] is not None else None

    def named(self, words: Iterable[str]) -> list[Dataset]:
        """The live datasets whose name is one of some words, for planning a query."""
        listed = json.dumps(sorted(set(words)))
        source = (
            "SELECT json_array_elements_text(CAST(:words AS json))"
            if self._postgres
            else "SELECT value FROM json_each(:words)"
        )
        found = self.rows(
            f"SELECT {DATASET} FROM datasets WHERE dropped_at IS NULL AND name IN ({source})",
            words=listed,
        )
        return [dataset_of(row) for row in found]

    def dropped(self) -> list[tuple[DatasetSummary, datetime]]:
        """Dropped datasets that can come back, the last dropped first."""
        found = self.rows(
            f"SELECT {SUMMARY}, dropped_at FROM datasets WHERE dropped_at IS NOT NULL "
            "ORDER BY dropped_at DESC"
        )
        return [(listed(row), parsed(moment, row[-1], "datasets", row[2])) for row in found]

    def foreign_pointers(self) -> list[tuple[str, str, str]]:
        """(namespace, name, metadata location) of tables that another engine has written since."""
        return [
            (str(a), str(b), str(c))
            for a, b, c in self.rows(
                "SELECT t.table_namespace, t.table_name, t.metadata_location "
                "FROM iceberg_tables t LEFT JOIN datasets d ON d.namespace = t.table_namespace "
                "AND d.name = t.table_name AND d.dropped_at IS NULL "
                "WHERE t.catalog_name = :catalog AND (d.metadata_location IS NULL "
                "OR d.metadata_location <> t.metadata_location)",
                catalog="lakectl",
            )
        ]

    def _unknown(self, name: DatasetName) -> NotFound:
        import difflib

        known = [
            f"{n}.{m}"
            for n, m in self.rows("SELECT namespace, name FROM datasets WHERE dropped_at IS NULL")
        ]
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See what there is with: lakectl ls"
        return NotFound(f"There is no dataset {name}.", hint)

    def without_pointer(self) -> list[str]:
        """The ids of live datasets whose table another engine has dropped."""
        found = self.rows(
            "SELECT d.id FROM datasets d LEFT JOIN iceberg_tables t ON t.catalog_name = :catalog "
            "AND t.table_namespace = d.namespace AND t.table_name = d.name "
            "WHERE d.dropped_at IS NULL AND t.table_name IS NULL",
            catalog="lakectl",
        )
        return [str(row[0]) for row in found]

    # -- versions -----------------------------------------------------------------------------

    def versions(self, dataset: Dataset) -> list[Version]:
        """Every version ever committed, newest first, with its tags and what became of it."""
        found = self.rows(
            f"SELECT {VERSION} FROM versions WHERE dataset_id = :id ORDER BY version DESC",
            id=dataset.id,
        )
        sound(found, "iiIitiiiiiiTTI", "versions", dataset.name)
        by_snapshot = {int(row[1]): row for row in found}
        line = ancestry(by_snapshot, dataset.snapshot_id)
        for branch in dataset.branches.values():
            line |= ancestry(by_snapshot, branch)
        return [version_of(row, dataset, line) for row in found]

    def files(self, dataset: Dataset, snapshot_id: int | None) -> list[DataFile]:
        """The files of a version in the order they came; empty for a dataset without versions."""
        if snapshot_id is None:
            return []
        head = self.rows(
            "SELECT version, linear FROM versions WHERE dataset_id = :id AND snapshot_id = :snap",
            id=dataset.id,
            snap=snapshot_id,
        )
        if not head:
            raise NotFound(f"{dataset.name} has no snapshot {snapshot_id}.")
        version, linear = sound(head, "ib", "versions", dataset.name)[0]
        added = self.rows(
            "SELECT f.path, f.rows, f.bytes, f.checksum, f.has_ids, f.deletes, f.version, "
            "v.schema_id FROM data_files f LEFT JOIN versions v "
            "ON v.dataset_id = f.dataset_id AND v.version = f.version "
            "WHERE f.dataset_id = :id AND f.version <= :version ORDER BY f.id",
            id=dataset.id,
            version=version,
        )
        removed = self.rows(
            "SELECT path, version FROM file_removals "
            "WHERE dataset_id = :id AND version <= :version",
            id=dataset.id,
            version=version,
        )
        sound(added, "tiiTbbiI", "data_files", dataset.name)
        sound(removed, "ti", "file_removals", dataset.name)
        if linear:
            gone = {path for path, _ in removed}
        else:
            line = self._ancestor_versions(dataset.id, snapshot_id)
            added = [row for row in added if row[6] in line]
            gone = {path for path, at in removed if at in line}
        return [
            DataFile(path, rows, size, checksum, bool(has_ids), bool(deletes), schema_id)
            for path, rows, size, checksum, has_ids, deletes, _, schema_id in added
            if path not in gone
        ]

    def _ancestor_versions(self, dataset_id: str, snapshot_id: int) -> set[int]:
        found = self.rows(
            "SELECT version, snapshot_id, parent_id FROM versions WHERE dataset_id = :id",
            id=dataset_id,
        )
        sound(found, "iiI", "versions", dataset_id)
        by_snapshot = {int(snap): (version, snap, parent) for version, snap, parent in found}
        return {by_snapshot[snap][0] for snap in ancestry(by_snapshot, snapshot_id)}

    def unreachable_files(self, dataset_id: str) -> list[str]:
        """The files of expired versions that no remaining version holds.

        Only files that were removed, or came with a version that a rollback left behind, can be
        such: everything else is in the current version.
        """
        log = self.rows(
            "SELECT version, snapshot_id, parent_id, expired_at FROM versions "
            "WHERE dataset_id = :id",
            id=dataset_id,
        )
        files = self.rows(
            "SELECT f.path, f.version, r.version FROM data_files f LEFT JOIN file_removals r "
            "ON r.dataset_id = f.dataset_id AND r.path = f.path WHERE f.dataset_id = :id "
            "AND (r.version IS NOT NULL OR f.version IN (SELECT version FROM versions "
            "WHERE dataset_id = :id AND expired_at IS NOT NULL))",
            id=dataset_id,
        )
        sound(log, "iiII", "versions", dataset_id)
        sound(files, "tiI", "data_files", dataset_id)
        by_snapshot = {int(snap): (v, snap, parent) for v, snap, parent, _ in log}
        lines = [
            {by_snapshot[s][0] for s in ancestry(by_snapshot, int(snap))}
            for _, snap, _, gone in log
            if gone is None
        ]
        removals: dict[tuple[str, int], set[int]] = {}
        for path, added, removed in files:
            removals.setdefault((path, added), set()).update({removed} if removed else ())
        return [
            path
            for (path, added), removed in removals.items()
            if not any(added in line and not removed & line for line in lines)
        ]

    def schemas(self, dataset: Dataset) -> list[SchemaRevision]:
        """Which schema was in force from when on, oldest first; an earlier one may come back."""
        found = self.rows(
            "SELECT s.schema, l.at, l.version, l.run_id FROM schema_log l JOIN schemas s "
            "ON s.dataset_id = l.dataset_id AND s.schema_id = l.schema_id "
            "WHERE l.dataset_id = :id ORDER BY l.id",
            id=dataset.id,
        )
        sound(found, "tiiT", "schema_log", dataset.name)
        return [
            SchemaRevision(
                parsed(schema_of, text, "schemas", dataset.name),
                parsed(moment, at, "schema_log", dataset.name),
                version,
                run,
            )
            for text, at, version, run in found
        ]

    def schema(self, dataset: Dataset, schema_id: int) -> Schema | None:
        """The schema of a dataset that has that id, or None."""
        found = self.rows(
            "SELECT schema FROM schemas WHERE dataset_id = :id AND schema_id = :schema_id",
            id=dataset.id,
            schema_id=schema_id,
        )
        return parsed(schema_of, found[0][0], "schemas", dataset.name) if found else None

    def head_at(self, dataset: Dataset, milliseconds: int) -> int | None:
        """The snapshot that was current at a time, or None before the first."""
        found = self.rows(
            "SELECT snapshot_id FROM heads WHERE dataset_id = :id AND at <= :at "
            "ORDER BY at DESC, id DESC LIMIT 1",
            id=dataset.id,
            at=milliseconds,
        )
        return int(sound(found, "i", "heads", dataset.name)[0][0]) if found else None

    # -- loads and changes --------------------------------------------------------------------

    def loads_of_size(self, dataset_id: str, size: int) -> list[tuple[str, str, int, int]]:
        """(content, mode, version, time in ms) of landed loads of that many bytes."""
        found = self.rows(
            "SELECT content, mode, version, at FROM ledger "
            "WHERE dataset_id = :id AND source_bytes = :size ORDER BY version DESC",
            id=dataset_id,
            size=size,
        )
        sound(found, "Ttii", "ledger", dataset_id)
        return [(str(c), str(m), int(v), int(at)) for c, m, v, at in found]

    def landed(self, key: str) -> tuple[str, int] | None:
        """(dataset id, version) of the write with that key, or None if it never landed."""
        found = self.rows("SELECT dataset_id, version FROM ledger WHERE key = :key", key=key)
        return (str(found[0][0]), int(sound(found, "ti", "ledger", key)[0][1])) if found else None

    def landed_content(self, key: str) -> str | None:
        """The digest of what the write with that key held, where one was kept."""
        found = self.rows("SELECT content FROM ledger WHERE key = :key", key=key)
        return None if not found or found[0][0] is None else str(found[0][0])

    def last_change(self, dataset_id: str | None) -> tuple[Any, ...] | None:
        """(id, dataset id, dataset, action, before, after) of the last change not undone."""
        where = "AND dataset_id = :id" if dataset_id else ""
        found = self.rows(
            f"SELECT id, dataset_id, dataset, action, before, after FROM journal "
            f"WHERE NOT undone {where} ORDER BY id DESC LIMIT 1",
            **({"id": dataset_id} if dataset_id else {}),
        )
        return sound(found, "ittttt", "journal", found[0][2])[0] if found else None

    def searched(self, words: list[str]) -> list[Dataset]:
        """The live datasets in which every word occurs somewhere: names, columns, docs, tags."""
        # Labels are stored as JSON; `tier=gold` is how people see and search them.
        plain = """replace(labels, '": "', '=')"""
        text = "lower(namespace || '.' || name || ' ' || coalesce(owner, '') || ' ' || "
        text += "coalesce(description, '') || ' ' || " + plain + " || ' ' || tags || ' ' || schema)"
        wheres = " AND ".join(f"{text} LIKE :w{_letters(i)} ESCAPE '!'" for i in range(len(words)))
        values = {f"w{_letters(i)}": f"%{_like(word)}%" for i, word in enumerate(words)}
        found = self.rows(
            f"SELECT {DATASET} FROM datasets WHERE dropped_at IS NULL AND {wheres} "
            "ORDER BY namespace, name",
            **values,
        )
        return [dataset_of(row) for row in found]


def _letters(number: int) -> str:
    """A parameter name's ending: `:name` must not end in digits for both drivers' sake."""
    return "abcdefghijklmnopqrstuvwxyz"[number % 26] * (number // 26 + 1)


def _like(word: str) -> str:
    # The schema is stored as JSON text, where a quote or a backslash is escaped.
    escaped = json.dumps(word.lower(), ensure_ascii=False)[1:-1]
    return escaped.replace("!", "!!").replace("%", "!%").replace("_", "!_")
