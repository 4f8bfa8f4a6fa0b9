"""The slow pass over a CSV with bad rows: which lines they are, and why.

It splits the file into records by itself, so that it knows the line of each, and writes the sound
ones, their line in front, to a copy that DuckDB reads with the same rules as ever. So rows in are
rows loaded plus rows rejected, by construction, and the count is checked all the same.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import duckdb

from catalog.engine.csvfiles import (
    MAX_LINE,
    CsvFile,
    open_text,
    raw_scan,
    unpacking,
)
from catalog.engine.csvtypes import typed_select
from catalog.engine.guards import guard
from catalog.engine.session import only_row, told
from catalog.errors import OperationFailed
from catalog.names import free_name, ident, lit
from catalog.types import Field, Primitive, duckdb_of, text_of

# Line from 1, bytes without the line end, number of fields or None where quotes do not match.
_Record = tuple[int, bytes, int | None]

_MAX_LINES = 100_000  # of one quoted value; beyond that the quote was never closed
_RAW_SHOWN = 64 << 10


@dataclass(frozen=True, slots=True)
class Reject:
    """One reason why one row was not loaded; a row may have several."""

    file: str
    line: int  # the first line of the row, from 1
    column: str | None
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Split:
    """A file split into rows: the sound ones as a scan with their line in front."""

    file: CsvFile
    scan: str
    sound: int
    line: str  # the name of the column that holds it


@dataclass(slots=True)
class Sorted:
    """A file after the slow pass. The rejects lie in a file: there may be as many as rows."""

    select: str  # the good rows, typed
    rejects: Path  # NDJSON, one object a Reject, by line
    rows_in: int = 0
    rejected_rows: int = 0
    first: Reject | None = None


def split(file: CsvFile, scratch: Path) -> Split:
    """Copy the rows that are rows at all, each with its line in front."""
    clean = scratch / f"clean-{len(list(scratch.iterdir())):06d}.csv"
    with clean.open("wb") as out:
        sound = sum(_copy(out, file, record) for record in _rows(file))
    line = _line_name(file)
    return Split(file, raw_scan(file, clean, (line,)), sound, line)


def sort_rows(
    con: duckdb.DuckDBPyConnection, part: Split, fields: Sequence[Field], scratch: Path
) -> Sorted:
    """Tell good rows from bad ones in one file.

    Args:
        con: a connection.
        part: the file, split.
        fields: the types of its columns.
        scratch: where the list of rejects goes.

    Raises:
        OperationFailed: the counts do not add up; nothing may be loaded then.
    """
    file = part.file
    rejects = scratch / f"rejects-{len(list(scratch.iterdir())):06d}.ndjson"
    found = Sorted(typed_select(fields, part.scan, counting=False), rejects)
    uncast = _write_rejects(file, _uncast(con, part, fields), found)
    with told(f"Reading {file.source.label}"):
        (loaded,) = only_row(con, f"SELECT count(*) FROM ({found.select})")
    if part.sound != loaded + uncast or found.rows_in != loaded + found.rejected_rows:
        raise OperationFailed(
            f"The rows of {file.source.label} do not add up: {found.rows_in} in, {loaded} good, "
            f"{found.rejected_rows} bad. Nothing was loaded.",
            "Please report this with the file, or its first lines.",
        )
    return found


def sample(file: CsvFile, scratch: Path, rows: int) -> str:
    """A scan of the first sound rows, for a file whose head DuckDB cannot read."""
    clean = scratch / f"sample-{len(list(scratch.iterdir())):06d}.csv"
    with clean.open("wb") as out:
        for record in itertools.islice(_rows(file), rows):
            _copy(out, file, record)
    return raw_scan(file, clean, (_line_name(file),))


def _line_name(file: CsvFile) -> str:
    return free_name("line of the file", file.names)


def _copy(out: IO[bytes], file: CsvFile, record: _Record) -> bool:
    """Write a sound row with its line in front; say whether it was sound."""
    line, raw, count = record
    if _fault(file, raw, count) is not None:
        return False
    if count == len(file.names) + 1:
        raw = raw[: -len(file.delimiter)]
    out.write(b"%d%s%s\n" % (line, file.delimiter.encode(), raw))
    return True


def _rows(file: CsvFile) -> Iterator[_Record]:
    """The records that are rows: not the header, which is the first that is not blank."""
    records = (r for r in _records(file) if r[1] or len(file.names) == 1)
    if file.header:
        next((r for r in records if r[1]), None)
    return records


def _write_rejects(
    file: CsvFile,
    uncast: Iterator[tuple[int, list[tuple[str, str, str]]]],
    found: Sorted,
) -> int:
    """List every bad row with its raw text, in one walk along both; return how many were uncast."""
    waiting = next(uncast, None)
    number = 0
    with found.rejects.open("w", encoding="utf-8") as out:
        for line, raw, count in _rows(file):
            found.rows_in += 1
            why = _fault(file, raw, count)
            faults: list[tuple[str | None, str]] = [(None, why)] if why else []
            if waiting is not None and waiting[0] == line:
                faults = [(c, f"{v[:80]!r} is not of type {k}") for c, k, v in waiting[1]]
                waiting = next(uncast, None)
                number += 1
            if not faults:
                continue
            found.rejected_rows += 1
            shown = raw[:_RAW_SHOWN].decode("utf-8", "backslashreplace")
            for column, reason in faults:
                reject = Reject(file.source.label, line, column, reason, shown)
                found.first = found.first or reject
                out.write(json.dumps(asdict(reject)) + "\n")
    return number


def _fault(file: CsvFile, record: bytes, count: int | None) -> str | None:
    """What is wrong with a row as such, before any value is looked at.

    One delimiter too many at the very end is no fault: many programs write it.
    """
    expected = len(file.names)
    if count is None:
        return "a quote is not closed, or text follows a closed one"
    trailing = count == expected + 1 and record.endswith(file.delimiter.encode())
    if count != expected and not trailing:
        return f"{count} {'field' if count == 1 else 'fields'} where {expected} are expected"
    if len(record) > MAX_LINE - 100:
        return f"longer than {MAX_LINE} bytes"
    if b"\r" in record and b'"' not in record:
        return "a carriage return stands inside a value without quotes"
    if not record.isascii():
        try:
            record.decode("utf-8")
        except UnicodeDecodeError as error:
            return f"not UTF-8: byte 0x{record[error.start]:02x}"
    return None


def _uncast(
    con: duckdb.DuckDBPyConnection, part: Split, fields: Sequence[Field]
) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """(line, [(column, type, text)]) of each sound row with a value that is not of its type."""
    tests = []
    for f in fields:
        if f.type == Primitive("string"):
            continue
        column = ident(f.name)
        good = guard(f.type, column, f"TRY_CAST({column} AS {duckdb_of(f.type)})")
        fault = f"[{lit(f.name)}, {lit(text_of(f.type))}, {column}]"
        tests.append(f"CASE WHEN NOT {good} THEN {fault} END")
    if not tests:
        return
    faults = f"list_filter([{', '.join(tests)}], lambda x: x IS NOT NULL)"
    query = (
        f"SELECT * FROM (SELECT {ident(part.line)}::BIGINT AS line, {faults} AS f "
        f"FROM {part.scan}) "
        "WHERE len(f) > 0 ORDER BY line"
    )
    with told(f"Reading {part.file.source.label}"):
        cursor = con.cursor()
        cursor.execute(query)
        while rows := cursor.fetchmany(1000):
            for line, found in rows:
                yield line, [tuple(fault) for fault in found]


def _records(file: CsvFile) -> Iterator[_Record]:
    splitter = _Splitter(file.delimiter.encode())
    compression = file.source.compression if file.path == file.source.path else None
    with unpacking(file.source.label), open_text(file.path, compression) as opened:
        yield from splitter.records(opened)


class _Splitter:
    """Splits lines into records; a quoted value may hold line ends."""

    def __init__(self, delimiter: bytes) -> None:
        sign = re.escape(delimiter)
        value = rb' *"(?:[^"]|"")*" *|(?! *")[^' + sign + rb"\r\n]*"
        self._delimiter = delimiter
        self._whole = re.compile(rb"(?:" + value + rb")(?:" + sign + rb"(?:" + value + rb"))*")
        self._value = re.compile(rb"(?:" + value + rb")(?=" + sign + rb"|\Z)")
        self._open = re.compile(rb"(?:(?:" + value + rb")" + sign + rb')* *"(?:[^"]|"")*\Z')

    def count(self, record: bytes) -> int | None:
        """The number of fields, or None where quotes do not match."""
        if b'"' not in record:
            return record.count(self._delimiter) + 1
        if not self._whole.fullmatch(record):
            return None
        number = at = 0
        while True:
            found = self._value.match(record, at)
            assert found is not None
            number += 1
            at = found.end()
            if at >= len(record):
                return number
            at += 1

    def records(self, file: IO[bytes]) -> Iterator[_Record]:
        """The records of a file, blank ones too."""
        lines = iter(file)
        back: deque[bytes] = deque()
        number = 0

        def take() -> bytes | None:
            return back.popleft() if back else next(lines, None)

        while (line := take()) is not None:
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not (b'"' in line and self._open.fullmatch(line)):
                record = _without_end(line)
                yield number, record, self.count(record)
                continue
            parts, closed = self._rest(line, take)
            if not closed:  # only this line is bad; the others get their chance
                back.extendleft(reversed(parts[1:]))
                yield number, _without_end(line), None
                continue
            record = _without_end(b"".join(parts))
            yield number, record, self.count(record)
            number += len(parts) - 1

    def _rest(self, line: bytes, take: Callable[[], bytes | None]) -> tuple[list[bytes], bool]:
        """The lines up to the one that closes the quote that `line` leaves open, if one does."""
        parts, size = [line], len(line)
        while size < MAX_LINE and len(parts) < _MAX_LINES:
            more = take()
            if more is None:
                return parts, False
            parts.append(more)
            size += len(more)
            if b'"' in more and not self._open.fullmatch(b"".join(parts)):
                return parts, True
        return parts, False


def _without_end(line: bytes) -> bytes:
    line = line.removesuffix(b"\n")
    return line.removesuffix(b"\r")
