"""What every room of the lake needs to do its work: the store, the warehouse and the clock."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from catalog import chance, clock
from catalog.errors import NotAllowed, OperationFailed, told_of
from catalog.metadata.reader import Reader
from catalog.storage import Warehouse, checksum_at, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from catalog.metadata.database import Database
    from catalog.model import DataFile, Dataset
from catalog.names import DatasetName


class Handles:
    """One opened lake. Nothing heavy is imported or connected before it is used.

    Args:
        database_url: `sqlite:///absolute/path` or `postgresql://…`.
        warehouse_uri: an absolute folder or `gs://bucket/prefix`.
        state: a folder of this machine for locks and scratch space.
        readonly: refuse every change.
        verify: compare the checksum of every data file before it is first read.
    """

    def __init__(
        self,
        database_url: str,
        warehouse_uri: str,
        state: Path,
        *,
        readonly: bool = False,
        verify: bool = False,
    ) -> None:
        self.database_url = database_url
        self.warehouse_uri = warehouse_uri
        self.state = state
        self.readonly = readonly
        self.verify = verify
        self.on_read: Callable[[Dataset, int], None] | None = None  # told what is about to be read
        self._verified: set[str] = set()

    @cached_property
    def reader(self) -> Reader:
        """Questions to the metadata store."""
        return Reader(self.database_url)

    @cached_property
    def database(self) -> Database:
        """Writes to the metadata store."""
        from catalog.metadata.database import Database

        return Database(self.database_url)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The place of all files."""
        return open_warehouse(self.warehouse_uri)

    def require_writable(self) -> None:
        """Refuse to go on with a change when the lake was opened for reading.

        Raises:
            NotAllowed: it was.
        """
        if self.readonly:
            raise NotAllowed(
                "This lake is open for reading only.",
                "Its profile says readonly = true, or LAKECTL_READONLY is set.",
            )

    def note_read(self, dataset: Dataset, version: int) -> None:
        """Tell whoever wants to know that a version is about to be read."""
        if self.on_read is not None:
            self.on_read(dataset, version)

    def readable(self, name: DatasetName, files: Iterable[DataFile]) -> list[str]:
        """The paths of the data files of a dataset that are about to be read.

        Raises:
            NotFound: a file is missing.
            OperationFailed: it is damaged, which is looked for only with `verify`.
            NotAllowed: it lies outside the warehouse.
        """
        with told_of(name):
            return self._readable(files)

    def _readable(self, files: Iterable[DataFile]) -> list[str]:
        listed = [(self.warehouse.contain(file.path), file) for file in files]
        self.warehouse.require(path for path, _ in listed)
        for path, file in listed if self.verify else ():
            if file.checksum is None or path in self._verified:
                continue
            if checksum_at(self.warehouse, path, file.bytes) != file.checksum:
                raise OperationFailed(
                    f"The file {path} is damaged: its checksum differs from what was written.",
                    "See what is lost and what would mend it: lakectl doctor --verify",
                )
            self._verified.add(path)
        return [path for path, _ in listed]

    def now(self) -> int:
        """The time in milliseconds since 1970, UTC."""
        return clock.milliseconds()

    def new_id(self) -> str:
        """A fresh identity: 32 hex digits."""
        return chance.new_uuid().hex

    def close(self) -> None:
        """Let go of every connection."""
        if "reader" in self.__dict__:
            self.reader.close()
        if "database" in self.__dict__:
            self.database.close()
