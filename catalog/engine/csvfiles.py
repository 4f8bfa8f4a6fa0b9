"""Reading CSV without being lied to: every value is text until our own rules have cast it.

DuckDB's sniffer damages data in silence: a late `1.5` in a column of integers becomes 2, one ragged
row turns a table into one column, long decimals lose digits, 01/02/2021 is guessed at. Here a
sample only proposes types; then every row is read as text with fixed columns, cast, and compared.
A value that is not exactly of the column's type makes its row a bad row, which is counted in the
same pass. Only if there are any does the slow pass (`csvrecords`) look for their lines.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import duckdb

from catalog.engine import tallying
from catalog.engine.guards import guard, is_castable
from catalog.engine.session import only_row, told
from catalog.engine.views import NO_HIVE, exact_path
from catalog.errors import InvalidInput, OperationFailed
from catalog.names import free_name, ident, lit
from catalog.sources import SourceFile, TextOptions
from catalog.types import Field, Primitive, Type, duckdb_of, refuse_twins

SAMPLE_ROWS = 10_000
# Columns that are cast and compared before the next ones: all at once would fall out of the cache.
# Every step costs the binder as much as there are columns, so there are few.
_TOGETHER, _STEPS = 6, 8
_ASKED = 32  # columns that one query over the sample asks about
_FIRST_ROWS = 200
MAX_LINE = 8_000_000
BAD_COUNTER = "lakectl_bad_rows"
_HEAD = 1 << 16
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
            head = file.read(_HEAD)
    if b"\r" in head and b"\n" not in head:  # line ends of old Macs, which DuckDB does not know
        path = _in_utf8(source, options.encoding, scratch, copy=True)
        packing = None
        head = path.read_bytes()[:_HEAD]
    text = _decoded(head, source, options.encoding).removeprefix("\ufeff")
    if not text.strip():
        raise InvalidInput(f"{source.label} holds no rows and no header.")
    delimiter = options.delimiter or _delimiter(text)
    if len(delimiter) != 1 or delimiter in '"\r\n\x00':
        raise InvalidInput(f"{delimiter!r} cannot be a delimiter: it takes one sign, no quote.")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    first = next(row for row in rows if row)
    header = options.header if options.header is not None else _is_header(first)
    names = tuple(first) if header else tuple(f"column{i}" for i in range(1, len(first) + 1))
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise InvalidInput(
                f"Column {number} of {source.label} has no name in the header.",
                "Say --no-header if the first line is data, or name it in the file.",
            )
    refuse_twins(names, f"The header of {source.label}")
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
    if len(head) == _HEAD:  # the last line may be cut in the middle of a character
        lines = lines[:-1]
    broken = sum(1 for line in lines if not _is_utf8(line))
    if broken * 20 <= len(lines):  # a few broken rows are bad rows, not another encoding
        head = head.decode("utf-8", "replace").encode() if broken else head
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 4 and len(head) == _HEAD:  # a character cut by the read
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


def propose(
    con: duckdb.DuckDBPyConnection, file: CsvFile, scan: str, wanted: Mapping[str, Type]
) -> tuple[Field, ...]:
    """The types that the first rows of a file suggest.

    Args:
        con: a connection.
        file: its shape.
        scan: gives its rows as text, or a sample of them.
        wanted: types to take where the sample allows them, by column: those of the dataset.

    Returns:
        One field a column, without ids. A column without any value is taken as wanted, else text.

    Raises:
        duckdb.Error: a row of the sample is broken.
    """
    sample = f"SELECT * FROM {scan} LIMIT {SAMPLE_ROWS}"
    columns = list(zip(file.names, file.candidates, strict=True))
    asked = [_first_question(ident(n), kinds[:1], wanted.get(n)) for n, kinds in columns]
    found: dict[str, Type] = {}
    doubtful: dict[str, tuple[str, ...]] = {}
    answers = _asked_of_sample(con, asked, sample)
    for (name, kinds), (has_values, as_wanted, fits) in zip(columns, answers, strict=True):
        if name in wanted and (as_wanted or not has_values):
            found[name] = wanted[name]
        elif fits and has_values:
            found[name] = Primitive(kinds[0])
        elif has_values and kinds[1:]:
            doubtful[name] = kinds[1:]
    # The wider types are asked in a second turn: most columns never come to it.
    asked = [f"[{', '.join(_all_fit(k, ident(n)) for k in ks)}]" for n, ks in doubtful.items()]
    answers = _asked_of_sample(con, asked, sample)
    for (name, kinds), tests in zip(doubtful.items(), answers, strict=True):
        fitting = [kind for kind, fits in zip(kinds, tests, strict=True) if fits]
        if fitting:
            found[name] = Primitive(fitting[0])
    return tuple(Field(0, name, found.get(name, Primitive("string"))) for name in file.names)


def _first_question(column: str, kinds: Sequence[str], own: Type | None) -> str:
    """Has a column values at all, are half of them of the dataset's type, are all of this one?

    Where the dataset has a type, half of the values decide: the others are bad rows.
    """
    share = "false"
    if own is not None and is_castable(own):
        good = f"{column} IS NOT NULL AND {_fits(own, column)}"
        share = f"count(*) FILTER ({good}) * 2 >= count({column})"
    fits = [_all_fit(kind, column) for kind in kinds] or ["false"]
    return f"[count({column}) > 0, {share}, {fits[0]}]"


def _all_fit(kind: str, column: str) -> str:
    """An aggregate: whether every value of a column is of a type; true for none."""
    return f"coalesce(bool_and({_fits(Primitive(kind), column)}), true)"


def _asked_of_sample(
    con: duckdb.DuckDBPyConnection, exprs: Sequence[str], sample: str
) -> list[Any]:
    """The values of aggregates over a sample, some at a time: planning many grows by the square."""
    rows = f"({sample})"
    if len(exprs) > _ASKED:
        con.execute(f"CREATE OR REPLACE TEMP TABLE lakectl_sample AS {sample}")
        rows = "lakectl_sample"
    found: list[Any] = []
    for start in range(0, len(exprs), _ASKED):
        some = ", ".join(exprs[start : start + _ASKED])
        found += only_row(con, f"SELECT {some} FROM {rows}")
    return found


def _fits(kind: Type, column: str) -> str:
    return "true" if kind == Primitive("string") else guard(kind, column, _cast(column, kind))


def _cast(column: str, kind: Type) -> str:
    return f"TRY_CAST({column} AS {duckdb_of(kind)})"


def typed_select(fields: Sequence[Field], scan: str, *, counting: bool) -> str:
    """The rows of a scan whose every value is of its column's type, cast once.

    Args:
        fields: the columns and the types to give them.
        scan: gives them as text.
        counting: count the other rows in the sequence BAD_COUNTER; else they are dropped.
    """
    taken = [f.name for f in fields]
    typed = [f for f in fields if f.type != Primitive("string")]
    cast_names = {f.name: ident(free_name(f"cast {i}", taken)) for i, f in enumerate(typed)}
    rows, tests = scan, []
    together = max(_TOGETHER, -(-len(typed) // _STEPS))
    for start in range(0, len(typed), together):
        some = typed[start : start + together]
        casts = ", ".join(f"{_cast(ident(f.name), f.type)} AS {cast_names[f.name]}" for f in some)
        good = " AND ".join(guard(f.type, ident(f.name), cast_names[f.name]) for f in some)
        texts = ", ".join(ident(f.name) for f in some)
        tests.append(ident(free_name(f"good {start}", taken)))
        cast_rows = f"(SELECT *, {casts} FROM {rows})"
        rows = f"(SELECT * EXCLUDE ({texts}), {good} AS {tests[-1]} FROM {cast_rows})"
    good = " AND ".join(tests) or "true"
    keep = f"CASE WHEN {good} THEN true ELSE nextval('{BAD_COUNTER}') < 0 END" if counting else good
    outer = (f"{cast_names.get(f.name, ident(f.name))} AS {ident(f.name)}" for f in fields)
    return f"SELECT {', '.join(outer)} FROM {rows} WHERE {keep}"


_WIDER = {"int": ("long", "double"), "long": ("double",), "date": ("timestamp",)}


def reset_counter(con: duckdb.DuckDBPyConnection) -> None:
    """Start counting bad rows from none."""
    con.execute(f"CREATE OR REPLACE SEQUENCE {BAD_COUNTER}")


def bad_rows(con: duckdb.DuckDBPyConnection) -> int:
    """How many rows the counting select has left out since `reset_counter`."""
    try:
        (counted,) = only_row(con, f"SELECT currval('{BAD_COUNTER}')")
    except duckdb.Error:  # currval before the first nextval
        return 0
    return int(counted)


def widest(con: duckdb.DuckDBPyConnection, scans: Sequence[str], column: Field) -> Primitive | None:
    """The narrowest type of a column, its own or a wider one, that holds every value; or None.

    Integers may become doubles where no value loses a digit, dates timestamps.

    Args:
        con: a connection.
        scans: give the sound rows of the files that have the column, as text.
        column: its name and the type that was proposed.
    """
    if not isinstance(column.type, Primitive) or column.type.text == "string":
        return None
    name = ident(column.name)
    kinds = [column.type.text, *_WIDER.get(column.type.text, ())]
    tests = ", ".join(_all_fit(kind, name) for kind in kinds)
    rows = " UNION ALL ".join(f"SELECT {name} FROM {scan}" for scan in scans)
    with told("Reading the source"):
        found = only_row(con, f"SELECT {tests} FROM ({rows})")
    fitting = [kind for kind, fits in zip(kinds, found, strict=True) if fits]
    return Primitive(fitting[0]) if fitting else None
