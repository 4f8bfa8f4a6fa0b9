"""What can be told of a Parquet file of which no checksum is kept: whether it can be read."""

from __future__ import annotations

import io
from typing import Any

from catalog.storage import Warehouse


def unreadable(warehouse: Warehouse, path: str, size: int, rows: int) -> str | None:
    """Why a file cannot be read to its end, as the rest of a sentence about it, or None.

    A changed byte that still makes a value is not seen.

    Args:
        warehouse: where it lies.
        path: the file; one that is not Parquet is passed over.
        size: its bytes.
        rows: how many its manifest lists.
    """
    if not path.endswith(".parquet"):
        return None
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(
            io.BufferedReader(_Ranges(warehouse, path, size), 1 << 20),
            page_checksum_verification=True,
        ) as file:
            there = sum(batch.num_rows for batch in file.iter_batches())
    except Exception as error:  # noqa: BLE001 - what it raises depends on which byte is wrong
        return f"cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}"
    return None if there == rows else f"holds {there:,} rows in place of {rows:,}"


class _Ranges(io.RawIOBase):
    """An object of the warehouse as a file that is read in parts."""

    def __init__(self, warehouse: Warehouse, path: str, size: int) -> None:
        self._warehouse, self._path, self._size, self._at = warehouse, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, into: Any, /) -> int:
        end = min(self._at + len(into), self._size)
        if end <= self._at:
            return 0
        part = self._warehouse.read_range(self._path, self._at, end)
        into[: len(part)] = part
        self._at += len(part)
        return len(part)
