"""How PyIceberg reads and writes its small files: only through the warehouse's own verbs."""

from __future__ import annotations

from io import BytesIO
from types import TracebackType
from typing import Any

from pyiceberg.io import FileIO, InputFile, OutputFile

from catalog.model import MetadataFile
from catalog.storage import Warehouse, checksum_of_bytes


class LakeFileIO(FileIO):
    """Manifests and lists of one commit attempt.

    `created` holds every file that was written by its path, so that they can be removed when the
    attempt is known not to have landed. Paths are checked by the warehouse, whatever the metadata
    says.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__({})
        self.warehouse = warehouse
        self.created: dict[str, MetadataFile] = {}

    def new_input(self, location: str) -> InputFile:
        """A file to read, whole, into memory."""
        return _Input(location, self.warehouse)

    def new_output(self, location: str) -> OutputFile:
        """A file to be written once."""
        return _Output(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove a file that nothing refers to."""
        path = location if isinstance(location, str) else location.location
        self.warehouse.delete([path])

    def publish(self, location: str, data: bytes, *, settle: bool = False) -> None:
        """Write a file whole; its name is durable once the metadata file beside it is."""
        # Noted before it is written: a write that fails may have made its name already.
        self.created[location] = MetadataFile(location, len(data), checksum_of_bytes(data))
        self.warehouse.write(location, data, settle=settle)

    def forget(self) -> None:
        """Remove every file of this attempt."""
        self.warehouse.delete(self.created)
        self.created.clear()


class _Input(InputFile):
    def __init__(self, location: str, warehouse: Warehouse) -> None:
        super().__init__(location)
        self._warehouse = warehouse

    def __len__(self) -> int:
        return self._warehouse.size(self.location)

    def exists(self) -> bool:
        return self._warehouse.exists(self.location)

    def open(self, seekable: bool = True) -> Any:
        return BytesIO(self._warehouse.read(self.location))


class _Output(OutputFile):
    def __init__(self, location: str, io: LakeFileIO) -> None:
        super().__init__(location)
        self._io = io
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def exists(self) -> bool:
        return self._io.warehouse.exists(self.location)

    def to_input_file(self) -> InputFile:
        return self._io.new_input(self.location)

    def create(self, overwrite: bool = False) -> Any:
        return _Draft(self)

    def finish(self, data: bytes) -> None:
        """The draft is whole: publish it."""
        self._size = len(data)
        self._io.publish(self.location, data)


class _Draft:
    """Bytes in memory until close() makes them a file; after an error they are dropped."""

    def __init__(self, output: _Output) -> None:
        self._output, self._bytes, self.closed = output, BytesIO(), False

    def write(self, data: bytes) -> int:
        return self._bytes.write(data)

    def tell(self) -> int:
        return self._bytes.tell()

    def flush(self) -> None:
        """Nothing is visible before close()."""

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._output.finish(self._bytes.getvalue())

    def __enter__(self) -> _Draft:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self.closed = True
