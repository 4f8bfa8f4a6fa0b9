"""The shape of a CSV file: encoding, delimiter, header, names, and a scan of its values as text."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from catalog.engine import tallying
from catalog.engine.views import NO_HIVE, exact_path
from catalog.errors import InvalidInput, OperationFailed
from catalog.names import lit
from catalog.sources import SourceFile, TextOptions
from catalog.types import refuse_unfit

SAMPLE_ROWS = 10_000
_FIRST_ROWS = 200
MAX_LINE = 8_000_000
_HEAD = 1 << 16
csv.field_size_limit(MAX_LINE)  # by default a name of 130 KB ends in an error of Python's own
_DELIMITERS = (",", "\t", ";", "|")
# What the first rows look like, and which wider type to try on the sample after it. The guards
# below are the law; these patterns only save asking every guard about every column.
_LOOKS: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    ("long", re.compile(r"-?(0|[1-9]\d{0,18})"), ("long", "double")),
    ("double", re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"), ("double",)),
    ("date", re.compile(r"\d{4}-\d\d-\d\d"), ("date", "timestamp")),
    ("timestamp", re.compile(r"\d{4}-\d\d-\d\d([ T][\d:.]+)?"), ("timestamp",)),
    ("timestamptz", re.compile(r"\d{4}-\d\d-\d\d[ T][\d:.]+ ?\S+"), ("timestamptz",)),
    ("boolean", re.compile(r"true|false", re.IGNORECASE), ("boolean",)),
)


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file whose shape is known."""

    source: SourceFile
    path: Path  # in UTF-8; the source itself unless it had to be transcoded
    delimiter: str
    header: bool
    names: tuple[str, ...]
    nulls: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...]  # of each column: the types to try, narrowest first
    blank_lines: int = 0  # before the first row
    header_said: bool = False  # a person said whether there is a header
    loose: bool = True  # the rows of the sample may hold what a cast forgives (see `guards.LOOSE`)


def inspect(source: SourceFile, options: TextOptions, scratch: Path) -> CsvFile:
    """Find the delimiter, the header and the names of a file.

    Raises:
        InvalidInput: it is not text in the encoding, or its header is not usable.
    """
    with unpacking(source.label):
        path = _in_utf8(source, options.encoding, scratch)
        packing = source.compression if path == source.path else None
        with open_text(path, packing) as file:
            head = _head(file, source)
    if b"\r" in head and b"\n" not in head:  # line ends of old Macs, which DuckDB does not know
        path = _in_utf8(source, options.encoding, scratch, copy=True)
        packing = None
        with path.open("rb") as file:
            head = _head(file, source)
    text = _decoded(head, source, options.encoding).removeprefix("\ufeff")
    if not text.strip():
        raise InvalidInput(f"{source.label} holds no rows and no header.")
    delimiter = options.delimiter or _delimiter(text)
    if len(delimiter) != 1 or delimiter in '"\r\n\x00':
        raise InvalidInput(f"{delimiter!r} cannot be a delimiter: it takes one sign, no quote.")
    opened = io.StringIO(text, newline="")
    rows = csv.reader(opened, delimiter=delimiter)
    first = next(row for row in rows if row)
    header = options.header if options.header is not None else _is_header(first)
    if header:
        _check_header(first, text[: opened.tell()], len(text) if len(head) >= _HEAD else -1, source)
    names = tuple(first) if header else tuple(f"column{i}" for i in range(1, len(first) + 1))
    seen = list(itertools.islice(rows, _FIRST_ROWS))
    # The last row of the head may be cut in the middle.
    seen = ([] if header else [first]) + (seen[:-1] if len(seen) > 1 else seen)
    candidates = tuple(_candidates(seen, i, options.nulls) for i in range(len(names)))
    blank = len(text) - len(text.lstrip("\r\n"))
    blank = text[:blank].count("\n")
    return CsvFile(
        source,
        path,
        delimiter,
        header,
        names,
        options.nulls,
        candidates,
        blank_lines=blank,
        header_said=options.header is not None,
        loose=_loose_in_sample(path, packing, delimiter, header),
    )


def _head(file: IO[bytes], source: SourceFile) -> bytes:
    """The beginning of a text file, its first line whole."""
    head = file.read(_HEAD)
    if len(head) == _HEAD and b"\n" not in head and b"\r" not in head:
        head += file.readline(MAX_LINE)
    if len(head) > MAX_LINE and b"\r" not in head:
        raise InvalidInput(f"The first line of {source.label} is longer than {MAX_LINE} bytes.")
    return head


def _check_header(names: Sequence[str], above: str, cut_at: int, source: SourceFile) -> None:
    """Refuse a header that does not name every column, or that DuckDB would see end elsewhere.

    Args:
        names: its values.
        above: the text of the file up to its end.
        cut_at: where the text was cut, -1 if it is whole.
        source: whose header it is.
    """
    if len(above) == cut_at and "\n" in names[-1]:
        raise InvalidInput(
            f"The header of {source.label} does not end within its first {_HEAD} bytes.",
            "A quote in it may not be closed.",
        )
    if re.search(r"\r(?!\n)", re.sub(r'"[^"]*"', "", above)):
        raise InvalidInput(
            f"The header of {source.label} ends with a carriage return alone, other lines do not.",
            "Give all lines the same end.",
        )
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise InvalidInput(
                f"Column {number} of {source.label} has no name in the header.",
                "Say --no-header if the first line is data, or name it in the file.",
            )
    refuse_unfit(names, f"The header of {source.label}")


def _loose_in_sample(path: Path, packing: str | None, delimiter: str, header: bool) -> bool:
    with open_text(path, packing) as lines:
        text = b"".join(itertools.islice(lines, SAMPLE_ROWS))
    return tallying.may_be_loose(tallying.below_header(text) if header else text, delimiter)


def _candidates(
    rows: Sequence[Sequence[str]], column: int, nulls: Sequence[str]
) -> tuple[str, ...]:
    """The types that a column may have by its first values; none of them for text."""
    cells = (row[column] for row in rows if column < len(row))
    values = [cell for cell in cells if cell and cell not in nulls]
    if not values:
        return tuple(kind for kind, _, _ in _LOOKS)
    for _, pattern, kinds in _LOOKS:
        if all(pattern.fullmatch(value) for value in values):
            return kinds
    return ()


def open_text(path: Path, compression: str | None) -> IO[bytes]:
    """A text file as plain bytes."""
    if compression == "gzip":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


@contextmanager
def unpacking(label: str) -> Iterator[None]:
    """Tell of a damaged gzip file in the block as a sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OperationFailed(f"{label} is cut short or damaged: {error}.") from error


def _in_utf8(source: SourceFile, encoding: str, scratch: Path, *, copy: bool = False) -> Path:
    """The file itself, or a copy in UTF-8 with plain line ends where it needs one."""
    import codecs

    try:
        plain = codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}
    except LookupError as error:
        raise InvalidInput(
            f"There is no encoding {encoding!r}.", "Use a name like latin-1, cp1252 or utf-16."
        ) from error
    if plain and not copy:
        return source.path
    target = scratch / f"utf8-{len(list(scratch.iterdir())):06d}.csv"
    with (
        io.TextIOWrapper(open_text(source.path, source.compression), encoding) as old,
        target.open("w", encoding="utf-8", newline="") as new,
    ):
        try:
            while chunk := old.read(1 << 20):
                new.write(chunk)
        except UnicodeError as error:
            raise InvalidInput(f"{source.label} is not text in {encoding}: {error}.") from error
    return target


def _decoded(head: bytes, source: SourceFile, encoding: str) -> str:
    lines = head.split(b"\n")
    if len(head) >= _HEAD:  # the last line may be cut in the middle of a character
        lines = lines[:-1]
    broken = sum(1 for line in lines if not _is_utf8(line))
    if broken * 20 <= len(lines):  # a few broken rows are bad rows, not another encoding
        head = head.decode("utf-8", "replace").encode() if broken else head
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 4 and len(head) >= _HEAD:  # a character cut by the read
            return head[: error.start].decode("utf-8")
        line = head[: error.start].count(b"\n") + 1
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            hint = "It begins like UTF-16: say --encoding utf-16."
        else:
            hint = "Say in which encoding it is, for example --encoding latin-1."
        raise InvalidInput(
            f"{source.label} is not in UTF-8: line {line} has the byte 0x{head[error.start]:02x}.",
            hint,
        ) from error


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: str) -> str:
    """The sign that splits the first lines most evenly; a comma where none does."""
    lines = [line for line in text.splitlines()[:20] if line]
    best, score = ",", 0
    for sign in _DELIMITERS:
        counts = [len(row) - 1 for row in csv.reader(lines, delimiter=sign)]
        even = min(counts, default=0)
        if even > score:
            best, score = sign, even
    return best


def _is_header(first: Sequence[str]) -> bool:
    """A first line with a number or a date in it is data; one without is a header, gaps and all."""
    for cell in first:
        stripped = cell.strip()
        try:
            float(stripped)
        except ValueError:
            if stripped[:4].isdigit() and stripped[4:5] == "-":
                return False
            continue
        return False
    return True


def raw_scan(file: CsvFile, path: Path | None = None, extra: Sequence[str] = ()) -> str:
    """All values of a file as text, NULL for empty ones.

    Args:
        file: its shape.
        path: a cleaned copy of it without header, with `extra` columns in front.
        extra: their names.
    """
    names = [*extra, *file.names]
    columns = ", ".join(f"{lit(n)}: 'VARCHAR'" for n in names)
    nulls = ", ".join(lit(n) for n in ("", *file.nulls))
    header = file.header and path is None
    skip = file.blank_lines if path is None else 0
    compression = (file.source.compression or "none") if path is None else "none"
    if path is None and file.path != file.source.path:
        compression = "none"
    # Never `new_line`: a wrong one loads no rows and says nothing.
    return (
        f"read_csv({lit(exact_path(str(path or file.path)))}, auto_detect=false, {NO_HIVE}, "
        f"header={str(header).lower()}, skip={skip}, delim={lit(file.delimiter)}, "
        "quote='\"', escape='\"', "
        f"strict_mode=true, null_padding=false, max_line_size={MAX_LINE}, "
        f"buffer_size={2 * MAX_LINE}, compression='{compression}', nullstr=[{nulls}], "
        f"columns={{{columns}}})"
    )
