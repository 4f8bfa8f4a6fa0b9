"""What our tables claim of a dataset and of the writes under way, to be held against the files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import NamedTuple

from catalog.metadata.reader import Reader
from catalog.metadata.values import is_sound, parsed, schema_of, sound
from catalog.model import Dataset, MetadataFile
from catalog.names import DatasetName
from catalog.schema import Schema


class OpenIntent(NamedTuple):
    """A write that was announced and did not say yet how it ended."""

    id: str
    dataset_id: str
    location: str  # of the table
    host: str
    pid: int
    at: int  # milliseconds since 1970

    @property
    def is_dead(self) -> bool:
        """Whether its process is known to be gone; of another host nothing is known."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it runs, and belongs to somebody else
            return False
        return False


class Table(NamedTuple):
    """A dataset of our tables, dropped ones included."""

    id: str
    name: DatasetName
    location: str
    metadata_location: str
    dropped: bool


def open_intents(reader: Reader) -> list[OpenIntent]:
    """Every write that is under way, or whose process died; damaged rows are passed over."""
    found = reader.rows(
        "SELECT id, dataset_id, location, host, pid, at FROM intents WHERE state = 'open'"
    )
    return [OpenIntent(*row) for row in found if is_sound(row, "ttttii")]


def intents(reader: Reader, ids: Iterable[str]) -> dict[str, str]:
    """How those writes of some stand that were announced to this store: open, done, failed."""
    query = "SELECT state FROM intents WHERE id = :id"
    return {one: str(state) for one in ids for (state,) in reader.rows(query, id=one)}


def tables(reader: Reader) -> list[Table]:
    """Every dataset by name, dropped ones last."""
    found = reader.rows(
        "SELECT id, namespace, name, location, metadata_location, dropped_at IS NOT NULL "
        "FROM datasets ORDER BY dropped_at IS NOT NULL, namespace, name"
    )
    return [
        Table(str(key), DatasetName(str(namespace), str(name)), str(at), str(metadata), bool(gone))
        for key, namespace, name, at, metadata, gone in found
    ]


def metadata_files(reader: Reader, dataset_id: str) -> dict[str, MetadataFile]:
    """The small files of a table as they were written, by path; files of others are not known."""
    found = reader.rows(
        "SELECT path, bytes, checksum FROM metadata_files WHERE dataset_id = :id", id=dataset_id
    )
    sound(found, "tit", "metadata_files", dataset_id)
    return {path: MetadataFile(path, size, checksum) for path, size, checksum in found}


def data_files(reader: Reader, dataset_id: str) -> dict[str, tuple[int, str | None]]:
    """(bytes, checksum) of every data file that any version has held, by path."""
    found = reader.rows(
        "SELECT path, bytes, checksum FROM data_files WHERE dataset_id = :id", id=dataset_id
    )
    sound(found, "tiT", "data_files", dataset_id)
    return {path: (size, checksum) for path, size, checksum in found}


def added_by(reader: Reader, dataset_id: str) -> dict[str, tuple[int, int]]:
    """(snapshot id, version) of the write that brought each data file, by path."""
    found = reader.rows(
        "SELECT f.path, v.snapshot_id, f.version FROM data_files f JOIN versions v "
        "ON v.dataset_id = f.dataset_id AND v.version = f.version WHERE f.dataset_id = :id",
        id=dataset_id,
    )
    sound(found, "tii", "data_files", dataset_id)
    return {path: (int(snapshot), int(version)) for path, snapshot, version in found}


def schemas(reader: Reader, dataset: Dataset) -> list[Schema]:
    """Every schema that a table has had."""
    found = reader.rows(
        "SELECT schema FROM schemas WHERE dataset_id = :id ORDER BY schema_id", id=dataset.id
    )
    return [parsed(schema_of, text, "schemas", dataset.name) for (text,) in found]


def snapshots(reader: Reader, dataset_id: str) -> dict[int, int]:
    """The version of each snapshot that has not expired."""
    found = reader.rows(
        "SELECT snapshot_id, version FROM versions WHERE dataset_id = :id AND expired_at IS NULL",
        id=dataset_id,
    )
    sound(found, "ii", "versions", dataset_id)
    return {int(snapshot): int(version) for snapshot, version in found}


def expired(reader: Reader, dataset_id: str) -> set[int]:
    """The snapshots of the versions that have expired; of a damaged row nothing is believed."""
    found = reader.rows(
        "SELECT snapshot_id FROM versions WHERE dataset_id = :id AND expired_at IS NOT NULL",
        id=dataset_id,
    )
    return {snapshot for (snapshot,) in found if isinstance(snapshot, int)}


def ledger_without_version(reader: Reader, dataset_id: str) -> list[str]:
    """The keys of writes that the ledger says have landed, and of which there is no version."""
    found = reader.rows(
        "SELECT key FROM ledger l WHERE dataset_id = :id AND NOT EXISTS (SELECT 1 FROM versions v "
        "WHERE v.dataset_id = l.dataset_id AND v.snapshot_id = l.snapshot_id)",
        id=dataset_id,
    )
    return [str(key) for (key,) in found]


def keys_of(reader: Reader, dataset_id: str, content: str) -> set[str]:
    """The keys of the writes that brought these bytes into a dataset."""
    found = reader.rows(
        "SELECT key FROM ledger WHERE dataset_id = :id AND content = :content",
        id=dataset_id,
        content=content,
    )
    return {str(key) for (key,) in found}
