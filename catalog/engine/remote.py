"""Reading the warehouse from DuckDB where it has no native way: `lake://` over positional reads.

DuckDB 2.0 seeks and reads one file handle from several threads, so a handle with one position
gives wrong rows without an error. Here every thread has its own position, and each read names its
offset. The filesystem knows exactly the files it was given and cannot write.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from fsspec import AbstractFileSystem

from catalog.storage import Warehouse

if TYPE_CHECKING:
    import duckdb

PREFIX = "lake://"
BLOCK = 1 << 20
_CACHE_BLOCKS = 256


class Source(Protocol):
    """Bytes of one file, by place."""

    size: int

    def pread(self, length: int, offset: int) -> bytes:
        """At most `length` bytes from `offset` on."""


class LocalSource:
    """One descriptor, shared: pread has no position to fight over."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def pread(self, length: int, offset: int) -> bytes:
        """See `Source`."""
        parts: list[bytes] = []
        while length > 0:
            part = os.pread(self._fd, length, offset)  # one call gives at most 2 GiB
            if not part:
                break
            parts.append(part)
            length, offset = length - len(part), offset + len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def __del__(self) -> None:
        os.close(self._fd)


class BlockCache:
    """Blocks of remote files: the least recently used go first, none is fetched twice at once."""

    def __init__(self, fetch: Callable[[str, int, int], bytes]) -> None:
        self._fetch = fetch
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._busy: dict[tuple[str, int], threading.Event] = {}
        self._lock = threading.Lock()

    def read(self, path: str, size: int, first: int, last: int) -> bytes:
        """Blocks `first` to `last` of a file of `size` bytes, joined."""
        have: dict[int, bytes] = {}
        while True:
            missing = [n for n in range(first, last + 1) if n not in have]
            if not missing:
                return b"".join(have[n] for n in range(first, last + 1))
            mine, waiting = self._claim(path, missing, have)
            if mine:
                have |= self._load(path, size, mine)
            elif waiting is not None:
                waiting.wait()

    def _claim(
        self, path: str, missing: list[int], have: dict[int, bytes]
    ) -> tuple[list[int], threading.Event | None]:
        """Take what is cached, claim a run of neighbours to fetch, or name whom to wait for."""
        mine: list[int] = []
        waiting = None
        with self._lock:
            for n in missing:
                key = (path, n)
                if key in self._blocks:
                    self._blocks.move_to_end(key)
                    have[n] = self._blocks[key]
                elif key in self._busy:
                    waiting = self._busy[key]
                elif not mine or mine[-1] == n - 1:
                    self._busy[key] = threading.Event()
                    mine.append(n)
        return mine, waiting

    def _load(self, path: str, size: int, run: list[int]) -> dict[int, bytes]:
        start, end = run[0] * BLOCK, min((run[-1] + 1) * BLOCK, size)
        loaded: dict[int, bytes] = {}
        try:
            data = self._fetch(path, start, end)
            if len(data) != end - start:
                raise OSError(f"{path}: asked for {end - start} bytes, got {len(data)}")
            loaded = {n: data[i * BLOCK : (i + 1) * BLOCK] for i, n in enumerate(run)}
        finally:
            with self._lock:
                for n, block in loaded.items():
                    self._blocks[path, n] = block
                while len(self._blocks) > _CACHE_BLOCKS:
                    self._blocks.popitem(last=False)
                for n in run:
                    self._busy.pop((path, n)).set()
        return loaded


class RemoteSource:
    """One object of a store, read by place through the block cache."""

    def __init__(self, cache: BlockCache, path: str, size: int) -> None:
        self._cache, self._path, self.size = cache, path, size

    def pread(self, length: int, offset: int) -> bytes:
        """See `Source`."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        first = offset // BLOCK
        data = self._cache.read(self._path, self.size, first, (end - 1) // BLOCK)
        return data[offset - first * BLOCK : end - first * BLOCK]


class _Handle:
    """What DuckDB holds; each thread has its own place in it."""

    closed = False
    mode = "rb"

    def __init__(self, source: Source) -> None:
        self._source, self.size = source, source.size
        self._here = threading.local()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.size}[whence]
        self._here.at = base + offset
        return base + offset

    def tell(self) -> int:
        return int(getattr(self._here, "at", 0))

    def read(self, length: int = -1) -> bytes:
        at = self.tell()
        data = self._source.pread(self.size - at if length < 0 else length, at)
        self._here.at = at + len(data)
        return data

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is ever written."""

    def close(self) -> None:
        """DuckDB closes a handle while another thread reads it; the source goes with its users."""


class LakeFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """`lake://<path>` for exactly the files it was given; reading only."""

    protocol = "lake"
    cachable = False

    def __init__(self, files: Mapping[str, Callable[[], Source]]) -> None:
        super().__init__()
        self._openers = dict(files)
        self._sources: dict[str, Source] = {}
        self._guard = threading.Lock()

    def _source(self, path: str) -> Source:
        name = path.removeprefix(PREFIX)
        with self._guard:
            if name not in self._openers:
                raise FileNotFoundError(path)
            if name not in self._sources:
                self._sources[name] = self._openers[name]()
            return self._sources[name]

    def open(self, path: str, mode: str = "rb", *args: Any, **options: Any) -> Any:
        """A handle for reading.

        Raises:
            PermissionError: for anything else.
        """
        if mode != "rb":
            raise PermissionError(f"{path}: the lake is read here, never written")
        return _Handle(self._source(path))

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Name and size of one of the files."""
        name = path.removeprefix(PREFIX)
        return {"name": name, "size": self._source(path).size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """DuckDB asks, to trust what it has cached: a data file never changes."""
        return datetime.fromtimestamp(0, UTC)

    def glob(self, path: str, **options: Any) -> list[str]:
        """The file of that name, with the brackets that make it exact taken off."""
        name = path.removeprefix(PREFIX)
        for sign in "*?[":
            name = name.replace(f"[{sign}]", sign)
        return [name] if name in self._openers else []

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """Refused: nobody may look around here."""
        raise PermissionError("the lake is not listed here")

    def _refuse(self, *args: Any, **options: Any) -> None:
        raise PermissionError("the lake is read here, never written")

    mkdir = makedirs = rm = rm_file = rmdir = mv = cp_file = touch = pipe_file = put_file = _refuse


def attach(con: duckdb.DuckDBPyConnection, warehouse: Warehouse, paths: Iterable[str]) -> str:
    """Make files of a warehouse readable and return what to put before each path.

    Local files are read by DuckDB itself: nothing is attached and the prefix is empty.
    """
    if not warehouse.is_remote:
        return ""
    cache = BlockCache(warehouse.read_range)
    opener = _remote_opener(cache, warehouse)
    con.register_filesystem(LakeFileSystem({path: opener(path) for path in paths}))
    return PREFIX


def _remote_opener(
    cache: BlockCache, warehouse: Warehouse
) -> Callable[[str], Callable[[], Source]]:
    def for_path(path: str) -> Callable[[], Source]:
        return lambda: RemoteSource(cache, path, warehouse.size(path))

    return for_path


def local_only(paths: Iterable[str]) -> LakeFileSystem:
    """The same filesystem over local files: for the box where the kernel cannot lock files."""

    def for_path(path: str) -> Callable[[], Source]:
        return lambda: LocalSource(path)

    return LakeFileSystem({path: for_path(path) for path in paths})
