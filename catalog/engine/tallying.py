"""What the bytes of text files tell without being parsed: their rows, and whether one may be loose.

A second opinion on what DuckDB read, and cheap: it runs beside the COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import stringzilla

from catalog.engine.guards import FORGIVEN

if TYPE_CHECKING:
    from catalog.engine.csvfiles import CsvFile

_CHUNK = 1 << 19  # bytes: what stays in the cache while it is searched for one sign after another


@dataclass(frozen=True, slots=True)
class Tally:
    """What the bytes of text files tell without being parsed."""

    rows: int | None  # None where counting would mean unpacking a second time
    loose: bool  # whether a value may be (see `guards.LOOSE`)


def tally(files: Sequence[CsvFile]) -> Tally:
    """The rows of files, counted by another way than DuckDB's, and whether a value may be loose.

    Rows are line ends outside quotes, less the headers.
    """
    if any(file.source.compression for file in files):
        return Tally(None, loose=True)
    each = [_tally(file) for file in files]
    return Tally(sum(one.rows or 0 for one in each), any(one.loose for one in each))


def _tally(file: CsvFile) -> Tally:
    rows, inside, last, loose = 0, 0, b"\n", False
    with file.path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            if not loose:
                begins = file.header and opened.tell() == len(chunk)
                own = below_header(chunk) if begins else chunk
                seam = last + chunk[:1]
                loose = may_be_loose(own, file.delimiter) or may_be_loose(seam, file.delimiter)
            if inside or b'"' in chunk:
                parts = chunk.split(b'"')
                rows += sum(part.count(b"\n") for part in parts[inside::2])
                inside ^= (len(parts) - 1) & 1
            else:
                rows += stringzilla.count(chunk, b"\n")
            last = chunk[-1:]
    return Tally(
        rows + (last != b"\n") - file.header - file.blank_lines,
        loose or last in FORGIVEN,
    )


def may_be_loose(text: bytes, delimiter: str) -> bool:
    """Whether there is an underscore, or a blank or a point at the end of a value."""
    if stringzilla.find(text, b"_") >= 0:
        return True
    breaks = b'\r\n"' + delimiter.encode()[:1]
    ends = [end for end in breaks if end in text]
    signs = [sign for sign in FORGIVEN if sign not in breaks and sign in text]
    return any(stringzilla.find(text, bytes((s, e))) >= 0 for s in signs for e in ends)


def below_header(head: bytes) -> bytes:
    """The beginning of a file without its first line."""
    return head.lstrip(b"\r\n").partition(b"\n")[2]
