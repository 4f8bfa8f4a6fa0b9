"""A warehouse in a bucket of Google Cloud Storage."""

from __future__ import annotations

import base64
import os
import posixpath
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from catalog.errors import LakeError, NotFound, StoreUnreachable
from catalog.storage import checksum_of, checksum_of_bytes, missing, outside, quarantined

_CHUNK = 8 << 20  # of an upload; a multiple of 256 KiB, as the protocol asks


class GcsWarehouse:
    """A warehouse in a bucket of Google Cloud Storage, or of a server that speaks its protocol.

    Credentials are Google's default ones; `STORAGE_EMULATOR_HOST` names another server.
    """

    is_remote = True

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def filesystem(self) -> Any:
        """The gcsfs filesystem; made at first use, as its import is slow."""
        return open_gcs()

    def contain(self, path: str) -> str:
        """See `Warehouse`."""
        inside = path.startswith(self.uri + "/") and "\x00" not in path
        if not inside or posixpath.normpath(path[5:]) != path[5:]:
            raise outside(path, self.uri)
        return path

    def prepare(self, folder: str) -> None:
        """See `Warehouse`; object stores have no folders."""

    def staging(self, folder: str, name: str) -> Path:
        """See `Warehouse`: under the local temporary folder, as DuckDB writes local files only."""
        import tempfile

        return Path(tempfile.mkdtemp(prefix=f"lakectl-{name}-"))

    def publish(self, staged: Path, path: str) -> str:
        """See `Warehouse`."""
        checksum = checksum_of(staged)
        final = self.contain(path)

        def upload() -> None:
            self.filesystem.put_file(str(staged), final, mode="create", chunksize=_CHUNK)

        self._create(upload, final, checksum)
        staged.unlink()
        return checksum

    def write(self, path: str, data: bytes, *, settle: bool = True) -> None:
        """See `Warehouse`; an object is durable at once."""
        final = self.contain(path)
        checksum = checksum_of_bytes(data)
        self._create(lambda: self.filesystem.pipe_file(final, data, mode="create"), final, checksum)

    def _create(self, upload: Any, path: str, checksum: str) -> None:
        """Upload to a name that must be new, and see that what lies there is what was meant.

        A lost answer makes gcsfs ask again, and the store then says that the name is taken: by us
        if the checksum is ours.
        """
        try:
            upload()
        except FileExistsError:
            pass
        except Exception as error:
            raise _unreachable(path, error) from error
        found = self._info(path)
        crc = int.from_bytes(base64.b64decode(found["crc32c"]), "big")
        if f"crc32c:{crc:08x}" != checksum:
            raise StoreUnreachable(
                f"{path} does not hold what was uploaded: its checksum differs.",
                "Nothing of this change was kept. Check who else writes into this bucket.",
            )

    def _info(self, path: str) -> dict[str, Any]:
        inside = self.contain(path)
        try:
            found: dict[str, Any] = self.filesystem.info(inside)
        except FileNotFoundError as error:
            raise missing(path) from error
        except Exception as error:
            raise _unreachable(path, error) from error
        return found

    def read(self, path: str) -> bytes:
        """See `Warehouse`."""
        inside = self.contain(path)
        try:
            return bytes(self.filesystem.cat_file(inside))
        except FileNotFoundError as error:
            raise missing(path) from error
        except Exception as error:
            raise _unreachable(path, error) from error

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """See `Warehouse`."""
        inside = self.contain(path)
        try:
            return bytes(self.filesystem.cat_file(inside, start=start, end=end))
        except FileNotFoundError as error:
            raise missing(path) from error

    def require(self, paths: Iterable[str]) -> None:
        """See `Warehouse`; a store is asked when it is read."""

    def exists(self, path: str) -> bool:
        """See `Warehouse`."""
        try:
            self._info(path)
        except NotFound:
            return False
        return True

    def size(self, path: str) -> int:
        """See `Warehouse`."""
        return int(self._info(path)["size"])

    def modified(self, path: str) -> float:
        """See `Warehouse`."""
        return float(self._info(path)["mtime"].timestamp())

    def set_aside(self, path: str) -> str:
        """See `Warehouse`: a copy by the store itself, then the old name goes."""
        inside = self.contain(path)
        target = quarantined(inside, self.uri)
        try:
            self.filesystem.mv(inside, target)
        except FileNotFoundError as error:
            raise missing(path) from error
        return target

    def delete(self, paths: Iterable[str]) -> None:
        """See `Warehouse`."""
        for path in paths:
            try:
                self.filesystem.rm_file(self.contain(path))
            except FileNotFoundError:
                continue

    def walk(self, folder: str = "") -> Iterator[tuple[str, int]]:
        """See `Warehouse`."""
        top = f"{self.uri}/{folder}" if folder else self.uri
        for path, info in self.filesystem.find(top, detail=True).items():
            yield f"gs://{path}", int(info["size"])


def open_gcs() -> Any:
    """A gcsfs filesystem that asks the store itself every time and never guesses."""
    server = os.environ.get("STORAGE_EMULATOR_HOST")
    if server:
        # Without this gcsfs asks the kind of each bucket over TLS, which a plain server lets hang
        # for a minute. It must be set before the first import.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    import gcsfs

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if server:
        options |= {"token": "anon", "endpoint_url": server, "project": "lakectl"}
    else:
        options["token"] = "google_default"
    return gcsfs.GCSFileSystem(**options)


def _unreachable(path: str, error: Exception) -> LakeError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return StoreUnreachable(
        f"The object store did not take or give {path}: {first}",
        "Check the network, the bucket and your Google credentials "
        "(gcloud auth application-default login).",
    )
