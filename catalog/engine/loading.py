"""Sources of any format as one typed SELECT.

`SourceSet` is opened over files, proposes fields, and then gives the SELECT that yields exactly
those fields, whatever mix of files is behind it. Text is cast by our own rules (`csvfiles`);
formats that carry types keep them, and are only widened where no value is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from catalog import types
from catalog.engine import csvfiles, csvrecords
from catalog.engine.csvfiles import CsvFile
from catalog.engine.session import only_row, told, translate
from catalog.engine.views import exact_path
from catalog.errors import InvalidInput, LakeError, OperationFailed
from catalog.names import ident, lit
from catalog.schema import Schema, SchemaPolicy, plan_evolution
from catalog.sources import SourceFile, TextOptions
from catalog.types import Field, Primitive, Type, duckdb_of

_JSON_OPTIONS = (
    "sample_size=-1, maximum_depth=-1, union_by_name=true, convert_strings_to_integers=false, "
    "dateformat='%Y-%m-%d', timestampformat='%Y-%m-%dT%H:%M:%S'"
)


@dataclass(slots=True)
class _Part:
    """One file with the fields it has, and the SQL that reads it."""

    source: SourceFile
    fields: tuple[Field, ...]
    scan: str = ""  # for typed formats
    csv: CsvFile | None = None


@dataclass(slots=True)
class Rejects:
    """The rows that were not loaded."""

    rows: int = 0
    files: list[Path] = field(default_factory=list)  # NDJSON of csvrecords.Reject
    first: csvrecords.Reject | None = None


class SourceSet:
    """Some files, opened in one connection.

    Args:
        con: where the SELECTs will run.
        files: what to read.
        options: what the person says of text files.
        scratch: for copies that are needed on the way.
        wanted: the dataset's types by column, which text takes where it can.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        files: Sequence[SourceFile],
        options: TextOptions,
        scratch: Path,
        wanted: Mapping[str, Type],
    ) -> None:
        self._con = con
        self._scratch = scratch
        self._numbers = count()
        csvfiles.reset_counter(con)  # a counting select does not even bind without it
        self._parts = [self._open(file, options, wanted) for file in files]

    def _open(self, file: SourceFile, options: TextOptions, wanted: Mapping[str, Type]) -> _Part:
        if file.format == "csv":
            return self._open_csv(file, options, wanted)
        path = lit(exact_path(str(file.path)))
        if file.format == "parquet":
            scan = f"read_parquet({path})"
        elif file.format == "json":
            compression = file.compression or "none"
            scan = f"read_json({path}, compression='{compression}', {_JSON_OPTIONS})"
        else:
            scan = self._register_arrow(file)
        return _Part(file, self._described(file, scan), scan)

    def _open_csv(
        self, file: SourceFile, options: TextOptions, wanted: Mapping[str, Type]
    ) -> _Part:
        shape = csvfiles.inspect(file, options, self._scratch)
        try:
            fields = csvfiles.propose(self._con, shape, csvfiles.raw_scan(shape), wanted)
        except duckdb.Error:  # a broken row among the first: look at the sound ones only
            scan = csvrecords.sample(shape, self._scratch, csvfiles.SAMPLE_ROWS)
            fields = csvfiles.propose(self._con, shape, scan, wanted)
        return _Part(file, fields, csv=shape)

    def _described(self, file: SourceFile, scan: str) -> tuple[Field, ...]:
        try:
            relation = self._con.sql(f"SELECT * FROM {scan}")
        except duckdb.Error as error:
            raise _unreadable(file, error) from error
        try:
            return types.fields_from_duckdb(list(relation.columns), list(relation.types))
        except LakeError as error:
            raise type(error)(f"{file.label}: {error.message}", error.hint) from error

    def _register_arrow(self, file: SourceFile) -> str:
        import pyarrow as pa
        import pyarrow.dataset as ds

        name = f"lakectl_arrow_{next(self._numbers)}"
        try:
            with file.path.open("rb") as opened:
                streamed = opened.read(4) == b"\xff\xff\xff\xff"
            if streamed:
                source: Any = pa.ipc.open_stream(pa.memory_map(str(file.path)))
            else:
                source = ds.dataset(str(file.path), format="feather")
            self._con.register(name, source)
        except (pa.ArrowInvalid, OSError) as error:
            first = str(error).splitlines()[0]
            raise OperationFailed(f"{file.label} is not a whole Arrow file: {first}") from error
        return name

    @property
    def is_text(self) -> bool:
        """Whether any part is cast by our rules, so that rows can be bad."""
        return any(part.csv is not None for part in self._parts)

    def fields(self, policy: SchemaPolicy) -> tuple[Field, ...]:
        """The columns of all files together, in order of appearance.

        Raises:
            SchemaConflict: the files do not fit each other under the policy.
        """
        first = self._parts[0].fields
        merged = Schema(tuple(first))
        for part in self._parts[1:]:
            arriving = _meet(merged, part) if part.csv is not None else part.fields
            widened = _widen_text(merged, arriving) if self.is_text else merged
            merged = plan_evolution(widened, arriving, policy, 0).schema
        return merged.fields

    def select(self, fields: Sequence[Field], *, counting: bool) -> str:
        """The rows of all files as exactly these fields.

        Args:
            fields: names and types; a file that lacks one gives NULL.
            counting: count bad rows of text files (see `csvfiles.reset_counter`).
        """
        return " UNION ALL ".join(self._select(p, fields, counting=counting) for p in self._parts)

    def _select(self, part: _Part, fields: Sequence[Field], *, counting: bool) -> str:
        scan = part.scan
        if part.csv is not None:
            own = _own_fields(part, fields)
            scan = f"({csvfiles.typed_select(own, csvfiles.raw_scan(part.csv), counting=counting)})"
        return _shaped(part, scan, fields)

    def count_rows(self) -> int | None:
        """The rows of the text files, counted by another way than DuckDB's; None if that is slow.

        Compressed files would have to be unpacked a second time for it.
        """
        files = [part.csv for part in self._parts]
        if any(f is None or f.source.compression for f in files):
            return None
        return sum(csvfiles.count_rows(f) for f in files if f is not None)

    def sort_rows(self, fields: Sequence[Field]) -> tuple[str, Rejects]:
        """The slow pass: the SELECT of the good rows of all files, and the list of the others."""
        rejects = Rejects()
        selects = []
        for part in self._parts:
            if part.csv is None:
                selects.append(self._select(part, fields, counting=False))
                continue
            own = _own_fields(part, fields)
            found = csvrecords.sort_rows(self._con, part.csv, own, self._scratch)
            selects.append(_shaped(part, f"({found.select})", fields))
            if found.rejected_rows:
                rejects.rows += found.rejected_rows
                rejects.files.append(found.rejects)
                rejects.first = rejects.first or found.first
        return " UNION ALL ".join(selects), rejects

    def widened(self, fields: Sequence[Field]) -> tuple[Field, ...]:
        """The fields after text columns have taken the type that holds every value of every row."""
        files = [part.csv for part in self._parts if part.csv is not None]
        found = []
        for f in fields:
            wider = csvfiles.widest(self._con, files, f) if f.type != Primitive("string") else None
            narrow = wider is None or self._passes(files, f)
            found.append(f if narrow or wider is None else Field(0, f.name, wider))
        return tuple(found)

    def _passes(self, files: Sequence[CsvFile], column: Field) -> bool:
        """Whether every row already has a value of the column's own type."""
        name = ident(column.name)
        test = csvfiles.guard(column.type, name, f"TRY_CAST({name} AS {duckdb_of(column.type)})")
        for file in files:
            if column.name not in file.names:
                continue
            with told(f"Reading {file.source.label}"):
                query = f"SELECT bool_and({test}) FROM {csvfiles.raw_scan(file)}"
                (passes,) = only_row(self._con, query)
            if passes is False:
                return False
        return True


def _own_fields(part: _Part, fields: Sequence[Field]) -> list[Field]:
    """The fields of a CSV file in the file's order, with the types that are asked for."""
    asked = {f.name: f for f in fields}
    return [asked.get(f.name, Field(0, f.name, Primitive("string"))) for f in part.fields]


def _shaped(part: _Part, scan: str, fields: Sequence[Field]) -> str:
    """A scan as exactly some fields."""
    has = {f.name for f in part.fields}
    columns = (
        f"{ident(f.name) if f.name in has else 'NULL'}::{duckdb_of(f.type)} AS {ident(f.name)}"
        for f in fields
    )
    return f"SELECT {', '.join(columns)} FROM {scan}"


def _meet(merged: Schema, part: _Part) -> tuple[Field, ...]:
    """Text fields as the files before have them, where that type holds the proposal too."""
    found = []
    for f in part.fields:
        known = merged.find(f.name)
        fits = known is not None and (
            known.type == Primitive("string")
            or (f.type, known.type) == (Primitive("long"), Primitive("double"))
        )
        found.append(Field(0, f.name, known.type) if fits and known else f)
    return tuple(found)


def _widen_text(merged: Schema, arriving: Sequence[Field]) -> Schema:
    """The fields so far, integers made doubles where the next file's text has fractions."""
    doubles = {f.name for f in arriving if f.type == Primitive("double")}
    return Schema(
        tuple(
            Field(0, f.name, Primitive("double"))
            if f.name in doubles and f.type == Primitive("long")
            else f
            for f in merged.fields
        )
    )


def _unreadable(file: SourceFile, error: duckdb.Error) -> LakeError:
    text = str(error)
    if file.format == "parquet":
        first = translate(error, f"Reading {file.label}").message
        return OperationFailed(
            f"{file.label} is not a whole Parquet file. {first}",
            "It may have been cut while it was copied; fetch it again.",
        )
    if isinstance(error, duckdb.BinderException):
        return InvalidInput(translate(error, f"Reading {file.label}").message)
    found = translate(error, f"Reading {file.label}")
    if "alformed JSON" in text or "Invalid Input" in text:
        hint = "Mend the line, or say --on-bad-row quarantine to load the others (NDJSON only)."
        return OperationFailed(found.message, hint)
    return found


def sort_json_lines(file: SourceFile, scratch: Path) -> tuple[SourceFile, Rejects]:
    """The sound lines of an NDJSON file as a file of their own, and the list of the others."""
    number = len(list(scratch.iterdir()))
    clean, listed = scratch / f"clean-{number:06d}.ndjson", scratch / f"bad-{number:06d}.ndjson"
    rejects = Rejects(files=[listed])
    with (
        csvfiles.open_text(file.path, file.compression) as lines,
        clean.open("wb") as good,
        listed.open("w", encoding="utf-8") as bad,
    ):
        for line, raw in enumerate(lines, 1):
            if not raw.strip():
                continue
            why = _json_fault(raw)
            if why is None:
                good.write(raw if raw.endswith(b"\n") else raw + b"\n")
                continue
            shown = raw.rstrip(b"\r\n")[: 64 << 10].decode("utf-8", "backslashreplace")
            reject = csvrecords.Reject(file.label, line, None, why, shown)
            rejects.rows += 1
            rejects.first = rejects.first or reject
            bad.write(json.dumps(asdict(reject)) + "\n")
    return SourceFile(file.label, clean, "json", None, clean.stat().st_size), rejects


def _json_fault(raw: bytes) -> str | None:
    try:
        found = json.loads(raw)
    except ValueError as error:
        return f"not JSON: {error}"
    return None if isinstance(found, dict) else "not a JSON object"


REJECT_FIELDS = (
    Field(0, "loaded_at", Primitive("timestamptz")),
    Field(0, "file", Primitive("string")),
    Field(0, "line", Primitive("long")),
    Field(0, "column", Primitive("string")),
    Field(0, "reason", Primitive("string")),
    Field(0, "raw", Primitive("string")),
)


def rejects_select(rejects: Rejects) -> str:
    """The list of rejects as a SELECT of REJECT_FIELDS."""
    listed = ", ".join(lit(str(path)) for path in rejects.files)
    return (
        'SELECT now() AS loaded_at, file, line, "column", reason, raw FROM read_ndjson('
        f"[{listed}], columns={{file: 'VARCHAR', line: 'BIGINT', 'column': 'VARCHAR', "
        "reason: 'VARCHAR', raw: 'VARCHAR'})"
    )
