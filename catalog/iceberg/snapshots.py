"""One snapshot: its manifests, its manifest list and its summary.

PyIceberg's own producers copy the whole table metadata about fourteen times a commit, which costs
a millisecond for each snapshot the table keeps. Here the same files are written with its manifest
writers, and the metadata is touched once (see `commits`).
"""

from __future__ import annotations

import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    read_manifest_list,
    write_manifest_list,
)
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import (
    Operation,
    Snapshot,
    SnapshotSummaryCollector,
    Summary,
    update_snapshot_summaries,
)
from pyiceberg.utils.bin_packing import ListPacker

from catalog import chance
from catalog.errors import Conflict
from catalog.iceberg.files import LakeFileIO

MERGE_COUNT, MERGE_BYTES = 20, 8 << 20
_CACHED_LISTS = 64


class _OneBlock(AvroOutputFile[Any]):
    """An Avro file of one block: PyIceberg compresses and frames every entry on its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: list[Any] = []

    def write_block(self, objects: list[Any]) -> None:
        self._held.extend(objects)

    def flush_block(self) -> None:
        """Write what was held; not done after an error, so that no half file looks whole."""
        super().write_block(self._held)


class _Manifest(ManifestWriterV2):
    def new_writer(self) -> AvroOutputFile[ManifestEntry]:
        return _OneBlock(
            output_file=self._output_file,
            file_schema=self._with_partition(self.version),
            schema_name="manifest_entry",
            metadata=self._meta,
        )


@dataclass(slots=True)
class _Pending:
    """A manifest that is not written yet."""

    spec_id: int
    entries: list[ManifestEntry]


_lists: OrderedDict[str, tuple[ManifestFile, ...]] = OrderedDict()


def manifests_of(io: LakeFileIO, snapshot: Snapshot) -> list[ManifestFile]:
    """The manifests of a snapshot, as fresh objects.

    Lists never change, so they are cached; copies are given because PyIceberg's writer stamps the
    objects that it is handed.
    """
    path = snapshot.manifest_list
    if path not in _lists:
        _remember(path, read_manifest_list(io.new_input(path)))
    return [ManifestFile(*m._data) for m in _lists[path]]


def _remember(path: str, manifests: Iterable[ManifestFile]) -> None:
    _lists[path] = tuple(ManifestFile(*m._data) for m in manifests)
    while len(_lists) > _CACHED_LISTS:
        _lists.popitem(last=False)


def _as(
    status: ManifestEntryStatus, entry: ManifestEntry, snapshot_id: int | None
) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def _new_snapshot_id() -> int:
    """A positive number of 63 bits, as the specification wants one."""
    return chance.new_uuid().int >> 65


@dataclass(slots=True)
class SnapshotWrite:
    """A snapshot to be. It keeps its id over retries; each try writes its files anew."""

    operation: Operation
    added: Sequence[DataFile] = ()
    removed: frozenset[str] = frozenset()
    summary: Mapping[str, str] = field(default_factory=dict)
    snapshot_id: int = field(default_factory=_new_snapshot_id)
    commit_uuid: uuid.UUID = field(default_factory=chance.new_uuid)
    _attempts: count[int] = field(default_factory=count)
    _numbers: count[int] = field(default_factory=count)

    def stage(
        self, io: LakeFileIO, metadata: TableMetadata, head: Snapshot | None, timestamp: int
    ) -> Snapshot:
        """Write manifests and list on top of `head` and return the snapshot to commit.

        Raises:
            Conflict: a file to be removed is not there any more.
        """
        gone: list[DataFile] = []
        plan = self._without_removed(io, manifests_of(io, head) if head else [], gone)
        if self.added:
            status = ManifestEntryStatus.ADDED
            entries = [
                ManifestEntry.from_args(status=status, snapshot_id=self.snapshot_id, data_file=f)
                for f in self.added
            ]
            plan.insert(0, _Pending(metadata.default_spec_id, entries))
        manifests = [self._written(io, part, metadata) for part in self._merged(io, plan)]
        sequence = metadata.next_sequence_number()
        return Snapshot(
            snapshot_id=self.snapshot_id,
            parent_snapshot_id=head.snapshot_id if head else None,
            sequence_number=sequence,
            timestamp_ms=timestamp,
            manifest_list=self._write_list(io, metadata, manifests, head, sequence),
            summary=self._summary(metadata, head, gone),
            schema_id=metadata.current_schema_id,
        )

    def _without_removed(
        self, io: LakeFileIO, parents: list[ManifestFile], gone: list[DataFile]
    ) -> list[ManifestFile | _Pending]:
        """The manifests without the removed files.

        One that held such a file is written anew, its other files as EXISTING and the removed
        ones as DELETED.
        """
        missing = set(self.removed)
        plan: list[ManifestFile | _Pending] = []
        for manifest in parents:
            if not (manifest.has_added_files() or manifest.has_existing_files()):
                continue
            data = manifest.content == ManifestContent.DATA
            entries = manifest.fetch_manifest_entry(io) if missing and data else []
            hit = {e.data_file.file_path for e in entries} & missing
            if not hit:
                plan.append(manifest)
                continue
            missing -= hit
            gone += [e.data_file for e in entries if e.data_file.file_path in hit]
            kept = [self._kept_or_deleted(e, hit) for e in entries]
            plan.append(_Pending(manifest.partition_spec_id, kept))
        if missing:
            raise Conflict("The files that this write replaces have been replaced meanwhile.")
        return plan

    def _kept_or_deleted(self, entry: ManifestEntry, hit: set[str]) -> ManifestEntry:
        if entry.data_file.file_path in hit:
            return _as(ManifestEntryStatus.DELETED, entry, self.snapshot_id)
        return _as(ManifestEntryStatus.EXISTING, entry, entry.snapshot_id)

    def _merged(
        self, io: LakeFileIO, plan: list[ManifestFile | _Pending]
    ) -> list[ManifestFile | _Pending]:
        """Merge small manifests of a spec once there are MERGE_COUNT of them.

        Smallest first, and a larger one only joins when it is no larger than what is gathered so
        far: every entry is rewritten O(log n) times, not once in MERGE_COUNT commits for ever.
        """
        out = [part for part in plan if not _mergeable(part)]
        groups: dict[int, list[ManifestFile | _Pending]] = defaultdict(list)
        for part in plan:
            if _mergeable(part):
                groups[_spec_of(part)].append(part)
        for spec_id, group in groups.items():
            if len(group) < MERGE_COUNT:
                out += group
                continue
            group.sort(key=_entry_count)
            taken, total = 0, 0
            while taken < len(group) and (taken < 2 or _entry_count(group[taken]) <= total):
                total += _entry_count(group[taken])
                taken += 1
            packer: ListPacker[Any] = ListPacker(MERGE_BYTES, lookback=1, largest_bin_first=False)
            bins = packer.pack_end(group[:taken], _size_of)
            out += [b[0] if len(b) == 1 else _Pending(spec_id, _gather(io, b)) for b in bins]
            out += group[taken:]
        return out

    def _written(
        self, io: LakeFileIO, part: ManifestFile | _Pending, metadata: TableMetadata
    ) -> ManifestFile:
        if isinstance(part, ManifestFile):
            return part
        location = f"{metadata.location}/metadata/{self.commit_uuid}-m{next(self._numbers)}.avro"
        spec = metadata.specs()[part.spec_id]
        output = io.new_output(location)
        with _Manifest(spec, metadata.schema(), output, self.snapshot_id, "deflate") as writer:
            for entry in part.entries:
                writer.add_entry(entry)
            cast(_OneBlock, writer._writer).flush_block()
        return writer.to_manifest_file()

    def _write_list(
        self,
        io: LakeFileIO,
        metadata: TableMetadata,
        manifests: list[ManifestFile],
        head: Snapshot | None,
        sequence: int,
    ) -> str:
        name = f"snap-{self.snapshot_id}-{next(self._attempts)}-{self.commit_uuid}.avro"
        location = f"{metadata.location}/metadata/{name}"
        parent = head.snapshot_id if head else None
        out = io.new_output(location)
        with write_manifest_list(2, out, self.snapshot_id, parent, sequence, "deflate") as writer:
            writer.add_manifests(manifests)
        _remember(location, manifests)  # stamped with their sequence numbers by now
        return location

    def _summary(
        self, metadata: TableMetadata, head: Snapshot | None, gone: list[DataFile]
    ) -> Summary:
        collector, specs, schema = SnapshotSummaryCollector(), metadata.specs(), metadata.schema()
        for file in self.added:
            collector.add_file(file, schema, specs[metadata.default_spec_id])
        for file in gone:
            collector.remove_file(file, schema, specs[file.spec_id])
        counted = Summary(self.operation, **collector.build(), **self.summary)
        total = update_snapshot_summaries(counted, head.summary if head else None)
        return Summary(self.operation, **total.additional_properties)


def relist(
    io: LakeFileIO,
    metadata: TableMetadata,
    snapshot: Snapshot,
    kept: Sequence[ManifestFile],
    entries: Sequence[ManifestEntry],
) -> Snapshot:
    """A snapshot with a manifest list written anew.

    Args:
        io: writes it.
        metadata: of the table.
        snapshot: as it was.
        kept: those of its manifests that can be read.
        entries: its other files.
    """
    write = SnapshotWrite(Operation.APPEND, snapshot_id=snapshot.snapshot_id)
    manifests = [ManifestFile(*manifest._data) for manifest in kept]
    if entries:
        pending = _Pending(metadata.default_spec_id, list(entries))
        manifests.append(write._written(io, pending, metadata))
    parent = snapshot.parent_snapshot_id
    head = metadata.snapshot_by_id(parent) if parent is not None else None
    number = snapshot.sequence_number or 0
    path = write._write_list(io, metadata, manifests, head, number)
    return snapshot.model_copy(update={"manifest_list": path})


def _gather(io: LakeFileIO, sources: list[ManifestFile | _Pending]) -> list[ManifestEntry]:
    entries: list[ManifestEntry] = []
    for source in sources:
        if isinstance(source, _Pending):
            entries += source.entries
        else:
            found = source.fetch_manifest_entry(io)
            entries += [_as(ManifestEntryStatus.EXISTING, e, e.snapshot_id) for e in found]
    return entries


def _mergeable(part: ManifestFile | _Pending) -> bool:
    if isinstance(part, _Pending):
        return True
    return part.content == ManifestContent.DATA and part.manifest_length < MERGE_BYTES


def _spec_of(part: ManifestFile | _Pending) -> int:
    return part.spec_id if isinstance(part, _Pending) else part.partition_spec_id


def _entry_count(part: ManifestFile | _Pending) -> int:
    if isinstance(part, _Pending):
        return len(part.entries)
    return (part.added_files_count or 0) + (part.existing_files_count or 0)


def _size_of(part: ManifestFile | _Pending) -> int:
    # About 400 bytes an entry, measured on files of 18 columns.
    return 400 * len(part.entries) if isinstance(part, _Pending) else part.manifest_length
