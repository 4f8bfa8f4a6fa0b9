"""Where the warehouse lies: a local folder or an object store, behind one short list of verbs.

Promises, the same on both: an object is either wholly there or not there; nothing is overwritten
(`publish` and `write` create only); what was published is durable when the call returns, so a
pointer written afterwards never points at less than it should; and every path passes `contain`,
so nothing that a table's metadata says can lead out of the warehouse.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from catalog import chance, faults
from catalog.errors import (
    Conflict,
    InvalidInput,
    LakeError,
    NotAllowed,
    NotFound,
    StoreUnreachable,
)

_CHUNK = 4 << 20
FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV}  # file systems without them


class Warehouse(Protocol):
    """The verbs that the rest of the lake uses; paths are absolute paths or URIs."""

    uri: str
    is_remote: bool

    def contain(self, path: str) -> str:
        """The path in its one normal form.

        Raises:
            NotAllowed: it lies outside the warehouse.
        """

    def prepare(self, folder: str) -> None:
        """Make a folder ready to be published into."""

    def staging(self, folder: str, name: str) -> Path:
        """A private local folder beside the place where files will be published.

        `name` is the id of the write, so that what a killed one left can be told.
        """

    def publish(self, staged: Path, path: str) -> str:
        """Move a finished local file to its place and return its checksum, `crc32c:` + hex."""

    def write(self, path: str, data: bytes, *, settle: bool = True) -> None:
        """Create a small object whole.

        With `settle=False` its name is durable only after the next write to the same folder that
        settles; a commit of several files pays for one sync of the folder that way.
        """

    def read(self, path: str) -> bytes:
        """A small object, whole.

        Raises:
            NotFound: it is not there.
        """

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """The bytes of an object from `start` up to, not including, `end`."""

    def require(self, paths: Iterable[str]) -> None:
        """Refuse to go on where data files are known to be missing.

        An object store is not asked: it tells once it is read.

        Raises:
            NotFound: naming the first.
        """

    def exists(self, path: str) -> bool:
        """Whether the object is there."""

    def size(self, path: str) -> int:
        """The size of an object in bytes.

        Raises:
            NotFound: it is not there.
        """

    def modified(self, path: str) -> float:
        """When the object was written, in seconds since 1970.

        Raises:
            NotFound: it is not there.
        """

    def set_aside(self, path: str) -> str:
        """Move an object out of its table's way, to the quarantine; returns where it lies now.

        Raises:
            NotFound: it is not there.
        """

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; those that are gone already are passed over."""

    def walk(self, folder: str = "") -> Iterator[tuple[str, int]]:
        """(path, size in bytes) of every object below a folder of the warehouse."""


def open_warehouse(uri: str) -> Warehouse:
    """The warehouse at an absolute folder or a `gs://bucket/prefix`.

    Raises:
        InvalidInput: a scheme that the lake does not speak, or a relative folder.
    """
    if uri.startswith("gs://"):
        from catalog.gcs import GcsWarehouse  # a local lake does not need it

        return GcsWarehouse(uri.rstrip("/"))
    if "://" in uri:
        raise InvalidInput(
            f"A warehouse cannot lie at {uri!r}.", "Use a local folder or gs://bucket/prefix."
        )
    if not os.path.isabs(uri):
        raise InvalidInput(f"The warehouse folder {uri!r} is not absolute.")
    return LocalWarehouse(uri)


def missing(path: str) -> NotFound:
    """The error for a file that a table names and that is not there."""
    return NotFound(
        f"The file {path} is missing from the warehouse.",
        "See what is lost and what would mend it: lakectl doctor",
    )


QUARANTINE = ".quarantine"


def quarantined(path: str, uri: str) -> str:
    """Where a damaged object of the warehouse is moved to."""
    return f"{uri}/{QUARANTINE}/{chance.new_uuid().hex[:8]}/{path.removeprefix(uri + '/')}"


def checksum_of(path: Path) -> str:
    """The CRC-32C of a local file, as `crc32c:` + 8 hex digits."""
    import google_crc32c

    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            crc = google_crc32c.extend(crc, chunk)
    return f"crc32c:{crc:08x}"


def checksum_at(warehouse: Warehouse, path: str, size: int) -> str:
    """The checksum of an object of so many bytes, read in parts.

    Raises:
        NotFound: it is not there.
    """
    import google_crc32c

    crc = 0
    for start in range(0, size, _CHUNK):
        part = warehouse.read_range(path, start, min(start + _CHUNK, size))
        crc = google_crc32c.extend(crc, part)
    return f"crc32c:{crc:08x}"


def checksum_of_bytes(data: bytes) -> str:
    """The CRC-32C of bytes in memory, written as that of a file."""
    import google_crc32c

    return f"crc32c:{google_crc32c.value(data):08x}"


def outside(path: str, uri: str) -> NotAllowed:
    """The error for a path that leads out of the warehouse."""
    return NotAllowed(
        f"The path {path!r} lies outside the warehouse {uri}.",
        "A table's metadata names it, so that table may have been tampered with; it was not read.",
    )


def _full(error: OSError, path: str) -> LakeError:
    if isinstance(error, FileExistsError):
        return Conflict(f"{path} is there already; nothing was overwritten.")
    if error.errno in FULL_DISK:
        return StoreUnreachable(
            f"The disk is full: {path} could not be written.",
            "Free some space and run it again; the lake is unchanged.",
        )
    return StoreUnreachable(f"{path} could not be written: {error.strerror or error}.")


class LocalWarehouse:
    """A warehouse in a folder of this machine."""

    is_remote = False

    def __init__(self, uri: str) -> None:
        self.uri = os.path.realpath(uri)
        self._known_folders: set[str] = set()

    def contain(self, path: str) -> str:
        """See `Warehouse`; symbolic links are followed before the comparison."""
        plain = path.removeprefix("file://") if path.startswith("file:///") else path
        if "\x00" in plain or "://" in plain or not os.path.isabs(plain):
            raise outside(path, self.uri)
        real = os.path.realpath(plain)
        if not real.startswith(self.uri + os.sep):
            raise outside(path, self.uri)
        return real

    def prepare(self, folder: str) -> None:
        """See `Warehouse`. A new folder's own entry is synced too."""
        folder = folder if os.path.realpath(folder) == self.uri else self.contain(folder)
        missing = []
        at = folder
        while at not in self._known_folders and not os.path.isdir(at):
            missing.append(at)
            at = os.path.dirname(at)
        for new in reversed(missing):
            try:
                os.mkdir(new, 0o700)
            except FileExistsError:
                pass
            except OSError as error:
                raise _full(error, new) from error
            _sync_folder(os.path.dirname(new))
        self._known_folders.add(folder)

    def staging(self, folder: str, name: str) -> Path:
        """See `Warehouse`: a hidden folder inside, so that publishing is a rename."""
        self.prepare(folder)
        path = Path(self.contain(folder)) / f".staging-{name}"
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            raise _full(error, str(path)) from error
        return path

    def publish(self, staged: Path, path: str) -> str:
        """See `Warehouse`."""
        final = self.contain(path)
        checksum = checksum_of(staged)
        try:
            os.chmod(staged, 0o600)
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            faults.reach("publish.synced")
            self._place(str(staged), final)
            faults.reach("publish.placed")
        except OSError as error:
            raise _full(error, final) from error
        return checksum

    def write(self, path: str, data: bytes, *, settle: bool = True) -> None:
        """See `Warehouse`."""
        final = self.contain(path)
        self.prepare(os.path.dirname(final))
        draft = f"{os.path.dirname(final)}/.{os.path.basename(final)}.{chance.new_uuid().hex}.tmp"
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                faults.reach("write.synced")
                self._place(draft, final, settle)
                faults.reach("write.placed")
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _full(error, final) from error

    def _place(self, draft: str, final: str, settle: bool = True) -> None:
        """Give a synced file its name, never over another, and make the name durable."""
        try:
            os.link(draft, final)
            os.unlink(draft)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.rename(draft, final)  # names carry a fresh UUID: there is nothing to overwrite
        if settle:
            _sync_folder(os.path.dirname(final))

    def read(self, path: str) -> bytes:
        """See `Warehouse`."""
        try:
            return Path(self.contain(path)).read_bytes()
        except FileNotFoundError as error:
            raise missing(path) from error

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """See `Warehouse`."""
        try:
            with open(self.contain(path), "rb") as file:
                return os.pread(file.fileno(), end - start, start)
        except FileNotFoundError as error:
            raise missing(path) from error

    def require(self, paths: Iterable[str]) -> None:
        """See `Warehouse`."""
        for path in paths:
            if not os.path.exists(path):
                raise missing(path)

    def exists(self, path: str) -> bool:
        """See `Warehouse`."""
        return os.path.exists(self.contain(path))

    def size(self, path: str) -> int:
        """See `Warehouse`."""
        try:
            return os.path.getsize(self.contain(path))
        except FileNotFoundError as error:
            raise missing(path) from error

    def modified(self, path: str) -> float:
        """See `Warehouse`."""
        try:
            return os.path.getmtime(self.contain(path))
        except FileNotFoundError as error:
            raise missing(path) from error

    def set_aside(self, path: str) -> str:
        """See `Warehouse`."""
        inside = self.contain(path)
        target = quarantined(inside, self.uri)
        self.prepare(os.path.dirname(target))
        try:
            self._place(inside, target)
            _sync_folder(os.path.dirname(inside))
        except FileNotFoundError as error:
            raise missing(path) from error
        except OSError as error:
            raise _full(error, target) from error
        return target

    def delete(self, paths: Iterable[str]) -> None:
        """See `Warehouse`."""
        for path in paths:
            Path(self.contain(path)).unlink(missing_ok=True)

    def walk(self, folder: str = "") -> Iterator[tuple[str, int]]:
        """See `Warehouse`."""
        top = os.path.join(self.uri, folder) if folder else self.uri
        for root, _, names in os.walk(top, onerror=_unless_gone):
            for name in names:
                path = os.path.join(root, name)
                with suppress(FileNotFoundError):  # a draft that got its name meanwhile
                    yield path, os.path.getsize(path)


def _unless_gone(error: OSError) -> None:
    # os.walk passes over what it cannot list: to doctor all of it would be missing.
    if not isinstance(error, FileNotFoundError):
        raise error


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
