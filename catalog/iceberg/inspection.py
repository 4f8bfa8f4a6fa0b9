"""Reading a table through its own files and no cache: what refers to what, and what is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyiceberg.manifest import ManifestEntryStatus, ManifestFile, read_manifest_list
from pyiceberg.table.snapshots import Snapshot

from catalog.errors import LakeError, NotAllowed, NotFound
from catalog.iceberg.files import LakeFileIO
from catalog.iceberg.tables import TableState, parse
from catalog.model import MetadataFile
from catalog.storage import Warehouse, checksum_of_bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """A data or delete file as a manifest lists it."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A small file that does not say what it should."""

    path: str
    reason: str  # continues the sentence "The file … "


@dataclass(slots=True)
class Inspection:
    """A table as its files tell it."""

    state: TableState | None  # None: the metadata file itself cannot be read
    metadata: set[str] = field(default_factory=set)  # small files that it refers to
    snapshots: dict[int, dict[str, Listed]] = field(default_factory=dict)  # those that can be read
    # Of a snapshot that cannot be read whole, the manifests that can be, with their files.
    parts: dict[int, list[tuple[ManifestFile, dict[str, Listed]]]] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)

    @property
    def files(self) -> dict[str, Listed]:
        """Every data and delete file of any snapshot."""
        return {path: file for files in self.snapshots.values() for path, file in files.items()}


class _Reader:
    """Compares each small file with what was written before it is parsed."""

    def __init__(self, warehouse: Warehouse, known: Mapping[str, MetadataFile]) -> None:
        self.warehouse = warehouse
        self.known = known
        self.damage: dict[str, Damage] = {}
        self.entries: dict[str, dict[str, Listed] | None] = {}

    def sound(self, path: str) -> bytes | None:
        """The bytes of a file, or None when it is missing or differs from what was written."""
        try:
            data = self.warehouse.read(path)
        except (NotFound, NotAllowed) as error:
            self.tell(path, "is missing" if isinstance(error, NotFound) else "lies outside")
            return None
        except (OSError, LakeError) as error:
            self.tell(path, f"cannot be read: {error}")
            return None
        written = self.known.get(path)
        if written is not None and checksum_of_bytes(data) != written.checksum:
            self.tell(path, "is damaged: its checksum differs from what was written")
            return None
        return data

    def tell(self, path: str, reason: str) -> None:
        self.damage.setdefault(path, Damage(path, reason))

    def state(self, location: str) -> TableState | None:
        data = self.sound(location)
        if data is None:
            return None
        try:
            return parse(self.warehouse, location, data)
        except LakeError:
            self.tell(location, "is damaged: it is no table metadata")
            return None

    def manifests(self, path: str) -> list[ManifestFile] | None:
        if self.sound(path) is None:
            return None
        try:
            return list(read_manifest_list(LakeFileIO(self.warehouse).new_input(path)))
        except OSError as error:
            self.tell(path, f"cannot be read: {error}")
        except Exception:  # noqa: BLE001 - what Avro raises depends on which byte is wrong
            self.tell(path, "is damaged: it is no manifest list")
        return None

    def files(self, manifest: ManifestFile) -> dict[str, Listed] | None:
        path = manifest.manifest_path
        if path not in self.entries:
            self.entries[path] = self._files(manifest) if self.sound(path) is not None else None
        return self.entries[path]

    def _files(self, manifest: ManifestFile) -> dict[str, Listed] | None:
        try:
            entries = manifest.fetch_manifest_entry(
                LakeFileIO(self.warehouse), discard_deleted=False
            )
            return {
                self.warehouse.contain(e.data_file.file_path): Listed(
                    e.data_file.record_count, e.data_file.file_size_in_bytes
                )
                for e in entries
                if e.status != ManifestEntryStatus.DELETED
            }
        except NotAllowed as error:
            self.tell(manifest.manifest_path, f"names a file outside: {error.message}")
        except OSError as error:
            self.tell(manifest.manifest_path, f"cannot be read: {error}")
        except Exception:  # noqa: BLE001 - what Avro raises depends on which byte is wrong
            self.tell(manifest.manifest_path, "is damaged: it is no manifest")
        return None


def inspect(warehouse: Warehouse, location: str, known: Mapping[str, MetadataFile]) -> Inspection:
    """Follow every reference of a table from its metadata file on.

    Args:
        warehouse: where it lies.
        location: the metadata file that its pointer names.
        known: what the small files held when they were written, as far as it is known.
    """
    reader = _Reader(warehouse, known)
    found = Inspection(reader.state(location), {location})
    if found.state is not None:
        metadata = found.state.metadata
        found.metadata |= {entry.metadata_file for entry in metadata.metadata_log}
        found.metadata |= {statistics.statistics_path for statistics in metadata.statistics}
        for snapshot in metadata.snapshots:
            _inspect_snapshot(reader, found, snapshot)
    found.damage = list(reader.damage.values())
    return found


def _inspect_snapshot(reader: _Reader, found: Inspection, snapshot: Snapshot) -> None:
    found.metadata.add(snapshot.manifest_list)
    manifests = reader.manifests(snapshot.manifest_list)
    found.metadata |= {m.manifest_path for m in manifests or ()}
    told = [(m, files) for m in manifests or () if (files := reader.files(m)) is not None]
    if manifests is not None and len(told) == len(manifests):
        whole = {path: file for _, files in told for path, file in files.items()}
        found.snapshots[snapshot.snapshot_id] = whole
    else:
        found.parts[snapshot.snapshot_id] = told
