"""What the bytes of text files tell without being parsed: their rows, and whether one may be loose.

A second opinion on what DuckDB read, and cheap: it runs beside the COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.engine.guards import FORGIVEN

if TYPE_CHECKING:
    from catalog.engine.csvfiles import CsvFile


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
        while chunk := opened.read(1 << 20):
            if not loose:
                begins = file.header and opened.tell() == len(chunk)
                own = below_header(chunk) if begins else last + chunk
                loose = may_be_loose(own, file.delimiter)
            if inside or b'"' in chunk:
                parts = chunk.split(b'"')
                rows += sum(part.count(b"\n") for part in parts[inside::2])
                inside ^= (len(parts) - 1) & 1
            else:
                rows += chunk.count(b"\n")
            last = chunk[-1:]
    return Tally(
        rows + (last != b"\n") - file.header - file.blank_lines,
        loose or last in FORGIVEN,
    )


def may_be_loose(text: bytes, delimiter: str) -> bool:
    """Whether there is an underscore, or a blank or a point at the end of a value."""
    signs = bytearray(range(256))
    signs[1] = signs[2] = 0
    for sign in FORGIVEN:
        signs[sign] = 1
    for sign in b'\r\n"' + delimiter.encode()[:1]:
        signs[sign] = 2
    return b"_" in text or b"\1\2" in text.translate(signs)


def below_header(head: bytes) -> bytes:
    """The beginning of a file without its first line."""
    return head.lstrip(b"\r\n").partition(b"\n")[2]
