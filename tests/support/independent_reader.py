"""A second opinion on our Iceberg tables: DuckDB 1.5's own Iceberg reader, in C++.

It shares no code with PyIceberg nor with the DuckDB 2.0 this project reads with, so it lives in
a virtual environment of its own; `own_environment` makes and keeps it.

This file is both sides: imported, it starts the reader and asks; run as a script inside the
environment, it is the reader, answering a line of JSON with a line of JSON.

Read right here: every v2 type (lists, maps and structs inside one another too), renamed, added
and promoted fields, partitions and their evolution, tables without a snapshot, positional
deletes, local paths and ``file://`` with blanks in them, and ``gs://`` once `use_gcs` was called.

Not so: only the newest snapshot is ``t`` (write ``iceberg_scan('…', snapshot_from_id => …)`` for
another; branches and tags go by no name). Of two columns whose names differ only by case, the
second comes out as ``ID_1``. Dates beyond the year 9999 come out as text. S3 is not set up.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import json
import math
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import guarded
from own_environment import environment

_DUCKDB = "1.5.5"
_EXTENSIONS = ("httpfs", "avro", "iceberg")
_REQUIREMENTS = (
    f"duckdb=={_DUCKDB}",
    *(f"duckdb-extension-{name}=={_DUCKDB}" for name in _EXTENSIONS),
    "pytz",
)
_READ_TIMEOUT = 60.0


class CannotReadError(Exception):
    """The reader refused a table or a query, or died of it; the message is its own."""


class IndependentReader:
    """Reads tables in a process of its own; make one with `reader`.

    Questions from several threads wait for one another.
    """

    def __init__(self, python: Path) -> None:
        self._python = python
        self._turn = threading.Lock()
        self._gcs_url: str | None = None
        self._guard: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None

    def use_gcs(self, url: str) -> None:
        """Read ``gs://`` locations from this server from now on.

        Args:
            url: Where an object store that needs no key listens.
        """
        self._gcs_url = url

    def read(self, metadata_location: str, sql: str = "SELECT * FROM t") -> list[tuple[Any, ...]]:
        """Answer a query about one table.

        Args:
            metadata_location: The table's ``….metadata.json``.
            sql: A query in DuckDB's words over the view ``t``, the table's newest snapshot.

        Returns:
            The rows, in values that JSON has. Decimals and UUIDs come as their text; dates,
            times and timestamps in ISO form (with a zone: in UTC); bytes in hexadecimal; NaN
            and the infinities as ``"nan"``, ``"inf"``, ``"-inf"``; maps as a dict if every key
            is text, else as a list of ``[key, value]``; intervals as seconds.

        Raises:
            CannotReadError: The reader does not take the table or the query.
        """
        question = {"metadata": metadata_location, "sql": sql, "gcs": self._gcs_url}
        with self._turn:
            answer = self._ask(json.dumps(question))
        if "error" in answer:
            raise CannotReadError(answer["error"])
        return [tuple(row) for row in answer["rows"]]

    def stop(self) -> None:
        """Stop the process; the next `read` starts another."""
        if self._guard is not None:
            guarded.stop(self._guard, signal.SIGTERM)
            for pipe in (self._guard.stdin, self._guard.stdout, self._stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            self._guard = None

    def _ask(self, question: str) -> dict[str, Any]:
        if self._guard is None:
            self._start()
        assert self._guard is not None
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError), guarded.killed_after(_READ_TIMEOUT, self._guard):
            self._guard.stdin.write(question + "\n")
            self._guard.stdin.flush()
            line = self._guard.stdout.readline()
        if not line.endswith("\n"):
            raise CannotReadError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._guard = guarded.start(
            [self._python, "-E", "-s", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )

    def _last_words(self) -> str:
        assert self._guard is not None
        assert self._stderr is not None
        code = self._guard.wait()
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace")[-2000:]
        self.stop()
        return f"The reader died or took over {_READ_TIMEOUT:.0f} s (exit code {code}). {words}"


@contextlib.contextmanager
def reader() -> Iterator[IndependentReader]:
    """Have a reader for the length of the context; its process starts with the first question.

    Yields:
        The reader. Its environment is made first if it is not there.
    """
    asking = IndependentReader(environment(_REQUIREMENTS))
    try:
        yield asking
    finally:
        asking.stop()


def _answer_questions() -> None:
    """Be the reader: answer each line of standard input."""
    connection = _connect()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer: dict[str, Any] = {"rows": _rows(connection, question)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the asker wants to know
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, allow_nan=False), flush=True)


def _connect() -> Any:
    """Return a DuckDB connection with the extensions loaded from their wheels."""
    import duckdb

    # Nothing is fetched, and nothing remembered between two looks at the same path.
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_file_cache": False,
        }
    )
    for name in _EXTENSIONS:
        spec = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert spec is not None
        assert spec.origin is not None
        (file,) = Path(spec.origin).parent.rglob("*.duckdb_extension")
        connection.execute(f"LOAD {_quoted(str(file))}")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _rows(connection: Any, question: dict[str, Any]) -> list[list[Any]]:
    """Return the rows that answer a question, in JSON's values."""
    if question["gcs"]:
        scheme, _, address = question["gcs"].partition("://")
        connection.execute(
            f"CREATE OR REPLACE SECRET store (TYPE gcs, ENDPOINT {_quoted(address)},"
            f" USE_SSL {scheme == 'https'}, URL_STYLE 'path')"
        )
    location = _quoted(question["metadata"])
    connection.execute(f"CREATE OR REPLACE VIEW t AS FROM iceberg_scan({location})")
    rows = connection.execute(question["sql"]).fetchall()
    return [[_plain(value) for value in row] for row in rows]


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _plain(value: Any) -> Any:
    """Return a value of DuckDB as one that JSON has; `IndependentReader.read` tells how."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(item) for key, item in value.items()}
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    return str(value)


if __name__ == "__main__":
    _answer_questions()
