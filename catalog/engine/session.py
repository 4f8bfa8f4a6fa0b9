"""DuckDB connections for the lake's own work: sealed, in UTC, with bounded memory.

They read and write exactly the files that the code names. SQL that people type runs in the box
(`box`), never here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb.func import FunctionNullHandling, PythonUDFType

from catalog.errors import (
    LOOK_AT_FILES,
    InvalidInput,
    LakeError,
    NotAllowed,
    OperationFailed,
    StoreUnreachable,
)
from catalog.names import lit
from catalog.partition import HASH_BYTES, HASH_DECIMAL, HASH_LONG

SEALS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    # A home inside a writable folder would let INSTALL work again.
    "home_directory": "'/nonexistent'",
    "extension_directory": "'/nonexistent/ext'",
    "secret_directory": "'/nonexistent/sec'",
    "TimeZone": "'UTC'",
}
_WRAPPED = re.compile(r'\{"exception_type":.*"exception_message":.*\}', re.DOTALL)
_ENDS = re.compile(
    r"\n\s*\n|\nLINE \d+:|\n\s*Possible|\nStack|[\s,.]+try (?:setting|ignore_errors)", re.IGNORECASE
)
_MEMORY = re.compile(r"\d+(\.\d+)?\s?(%|[KMGT]i?B)\Z", re.IGNORECASE)


def memory_limit(default: str) -> str:
    """The memory that DuckDB may take: LAKECTL_MEMORY (`512MB`, `4GB`, `50%`) or the default.

    Raises:
        InvalidInput: the variable holds something else.
    """
    asked = os.environ.get("LAKECTL_MEMORY") or default
    if not _MEMORY.match(asked):
        raise InvalidInput(f"LAKECTL_MEMORY={asked!r} is no amount of memory.", "Write it as 4GB.")
    return asked


def threads() -> int:
    """How many threads DuckDB may have: LAKECTL_THREADS, or one for each core.

    Raises:
        InvalidInput: the variable is no number above 0.
    """
    asked = os.environ.get("LAKECTL_THREADS") or str(os.cpu_count() or 1)
    if not asked.isascii() or not asked.isdigit() or not 0 < int(asked) < 1000:
        raise InvalidInput(f"LAKECTL_THREADS={asked!r} is no number of threads.", "Write it as 4.")
    return int(asked)


def connect(scratch: Path | None = None, *, memory: str = "60%") -> duckdb.DuckDBPyConnection:
    """A connection in memory.

    Args:
        scratch: a private folder to spill to; None lets nothing spill.
        memory: the limit unless LAKECTL_MEMORY says otherwise.
    """
    con = duckdb.connect(":memory:")
    seal(con)
    con.execute(f"SET memory_limit = {lit(memory_limit(memory))}")
    con.execute(f"SET threads = {threads()}")
    con.execute(f"SET temp_directory = {lit(str(scratch) if scratch else '')}")
    con.execute("SET parquet_metadata_cache = true")  # data files never change
    return con


def seal(con: duckdb.DuckDBPyConnection) -> None:
    """Turn off everything that reaches for the network, for Python's variables or for a home."""
    for name, value in SEALS.items():
        con.execute(f"SET {name} = {value}")


def provide_hashes(con: duckdb.DuckDBPyConnection) -> None:
    """Make the three hash functions of Iceberg's bucket transform (specification, appendix B)."""
    import mmh3
    import pyarrow as pa

    def over(encode: Any) -> Any:
        def hashed(column: Any) -> Any:
            values = (
                None if v is None else mmh3.hash(encode(v)) & 0x7FFF_FFFF
                for v in column.to_pylist()
            )
            return pa.array(values, pa.int32())

        return hashed

    def unscaled(text: str) -> bytes:
        number = int(text)
        # The shortest two's complement form; one more bit holds the sign.
        return number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)

    for name, kind, encode in (
        (HASH_BYTES, "BLOB", bytes),
        (HASH_LONG, "BIGINT", lambda n: int(n).to_bytes(8, "little", signed=True)),
        (HASH_DECIMAL, "VARCHAR", unscaled),
    ):
        arrow = PythonUDFType.ARROW
        con.create_function(name, over(encode), [kind], "INTEGER", type=arrow)


def provide_function(
    con: duckdb.DuckDBPyConnection, name: str, function: Callable[[str, str | None], str]
) -> None:
    """Make a function of two texts, of which the second may be NULL, callable in SQL."""
    special = FunctionNullHandling.SPECIAL
    con.create_function(name, function, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling=special)


def only_row(con: duckdb.DuckDBPyConnection, statement: str) -> tuple[Any, ...]:
    """The one row of a statement, read to its end.

    `fetchone` would leave the result open, and an open result blocks the connection in 2.0.
    """
    found: tuple[Any, ...] = con.execute(statement).fetchall()[0]
    return found


@contextmanager
def told(doing: str, hint: str | None = None) -> Iterator[None]:
    """Turn DuckDB's errors inside the block into sentences of the lake.

    Args:
        doing: what was being done, to begin the sentence with: `Reading trips.csv`.
        hint: what to do where the error itself does not tell.
    """
    try:
        yield
    except duckdb.Error as error:
        found = translate(error, doing)
        found.hint = found.hint or hint
        raise found from error


_FULL = ("No space left", "Disk quota", "File too large", "max_temp_directory_size")


def translate(error: duckdb.Error, doing: str) -> LakeError:
    """A DuckDB error as an error of the lake."""
    first = _first_sentence(str(error))
    text = str(error)
    if any(words in text for words in _FULL):
        return StoreUnreachable(
            f"{doing} failed: the disk is full ({first}).",
            "Free some space and run it again; the lake is unchanged.",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        hint = "Give it more by LAKECTL_MEMORY, such as 8GB, or do less at once."
        return OperationFailed(f"{doing} needs more memory than it may take: {first}.", hint)
    if isinstance(error, duckdb.PermissionException):
        hint = "SQL reads the datasets of the lake and nothing else; lakectl ingest loads files."
        return NotAllowed(f"{doing} is not allowed to do that: {first}.", hint)
    if isinstance(error, duckdb.InterruptException):
        return OperationFailed(f"{doing} was stopped.")
    unfit = duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException
    if isinstance(error, unfit | duckdb.NotImplementedException):
        return InvalidInput(f"{doing} failed: {first}.")
    return OperationFailed(f"{doing} failed: {first}.", _hint(error, text))


def _hint(error: duckdb.Error, text: str) -> str | None:
    if isinstance(error, duckdb.ConversionException):
        return "TRY_CAST gives NULL where a value does not fit."
    return LOOK_AT_FILES if ".parquet" in text else None


def _first_sentence(text: str) -> str:
    """DuckDB's message without its class, its excerpt of the statement, its stack and its advice.

    The advice names options of its reader, which nobody here can set.
    """
    wrapped = _WRAPPED.search(text)  # an error that passed through another thread
    text = json.loads(wrapped[0])["exception_message"] if wrapped else text
    line = _ENDS.split(text.strip())[0]
    line = re.sub(r"\A[A-Z][\w ]* Error: ", "", line)
    return " ".join(line.split()).rstrip(".")
