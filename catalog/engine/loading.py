"""Sources of any format as one typed SELECT.

`SourceSet` is opened over files, proposes fields, and then gives the SELECT that yields exactly
those fields, whatever mix of files is behind it. Text is cast by our own rules (`csvfiles`);
formats that carry types keep them, and are only widened where no value is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from catalog import types
from catalog.engine import csvfiles, csvrecords, csvtypes, footers, guards, jsonfiles, tallying
from catalog.engine.csvfiles import CsvFile
from catalog.engine.rejects import Rejects
from catalog.engine.session import translate
from catalog.engine.views import NO_HIVE, exact_path
from catalog.errors import InvalidInput, LakeError, OperationFailed, SchemaConflict
from catalog.names import ident, lit
from catalog.schema import Schema, SchemaPolicy, plan_evolution
from catalog.sources import SourceFile, TextOptions
from catalog.types import Field, Primitive, Type, duckdb_of


@dataclass(slots=True)
class _Part:
    """One file with the fields it has, and the SQL that reads it."""

    source: SourceFile
    fields: tuple[Field, ...]
    scan: str = ""  # for typed formats
    mixed: frozenset[str] = frozenset()  # of JSON: columns whose values are of several types
    csv: CsvFile | None = None


@dataclass(frozen=True, slots=True)
class SlowPass:
    """What the slow pass found."""

    fields: tuple[Field, ...]
    select: str  # the good rows of all files
    rejects: Rejects


class SourceSet:
    """Some files, opened in one connection.

    Args:
        con: where the SELECTs will run.
        files: what to read.
        options: what the person says of text files.
        scratch: for copies that are needed on the way.
        wanted: the dataset's types by column, which text takes where it can.
        as_is: typed formats keep their types, whatever they are: a SELECT comes after.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        files: Sequence[SourceFile],
        options: TextOptions,
        scratch: Path,
        wanted: Mapping[str, Type],
        *,
        as_is: bool = False,
    ) -> None:
        self._con = con
        self._as_is = as_is
        self._scratch = scratch
        self._numbers = count()
        csvtypes.reset_counter(con)  # a counting select does not bind without it
        self._parts: list[_Part] = []
        known = dict(wanted)
        for file in files:  # what the first files hold guides how the text of the next is read
            part = self._open(file, options, known)
            known = {**{f.name: f.type for f in part.fields}, **known}
            self._parts.append(part)
        guards.expect_loose(con, True)

    def _open(self, file: SourceFile, options: TextOptions, wanted: Mapping[str, Type]) -> _Part:
        if file.format == "csv":
            return self._open_csv(file, options, wanted)
        path = lit(exact_path(str(file.path)))
        if file.format == "parquet":
            scan = f"read_parquet({path}, {NO_HIVE})"
        elif file.format == "json":
            scan = jsonfiles.scan(file)
        else:
            scan = self._register_arrow(file)
        return self._described(file, scan)

    def _open_csv(
        self, file: SourceFile, options: TextOptions, wanted: Mapping[str, Type]
    ) -> _Part:
        shape = csvfiles.inspect(file, options, self._scratch)
        guards.expect_loose(self._con, shape.loose)
        try:
            fields = csvtypes.propose(self._con, shape, csvfiles.raw_scan(shape), wanted)
        except duckdb.Error:  # a broken row among the first: look at the sound ones only
            scan = csvrecords.sample(shape, self._scratch, csvfiles.SAMPLE_ROWS)
            fields = csvtypes.propose(self._con, shape, scan, wanted)
        return _Part(file, fields, csv=shape)

    def _described(self, file: SourceFile, scan: str) -> _Part:
        try:
            relation = self._con.sql(f"SELECT * FROM {scan}")
        except duckdb.Error as error:
            raise _unreadable(file, error) from error
        columns, kinds = list(relation.columns), list(relation.types)
        pairs = list(zip(columns, kinds, strict=True))
        mixed = jsonfiles.mixed(pairs) if file.format == "json" else frozenset()
        try:
            if file.format == "parquet":
                footers.refuse_bent(self._con, file.path)
            if file.format == "json":
                types.refuse_twins(jsonfiles.own_names(self._con, file, columns), "It")
                jsonfiles.refuse_rounded(self._con, file, pairs)
            fields = () if self._as_is else types.fields_from_duckdb(columns, kinds)
            return _Part(file, fields, scan, mixed)
        except InvalidInput as error:
            raise InvalidInput(f"{file.label}: {error.message}", error.hint) from error

    def _register_arrow(self, file: SourceFile) -> str:
        import pyarrow as pa
        import pyarrow.dataset as ds

        name = f"lakectl_arrow_{next(self._numbers)}"
        try:
            with file.path.open("rb") as opened:
                streamed = opened.read(4) == b"\xff\xff\xff\xff"
            opening = pa.ipc.open_stream if streamed else pa.ipc.open_file
            reader = opening(pa.memory_map(str(file.path)))
            types.refuse_unfit(reader.schema.names, file.label)
            if streamed:
                # A table, still in the file: a stream can be read once, and a load may look twice.
                source: Any = reader.read_all()
            else:
                source = ds.dataset(str(file.path), format="feather")
            self._con.register(name, source)
        except (pa.ArrowInvalid, OSError) as error:
            raise OperationFailed(
                f"{file.label} is not a whole Arrow file.",
                "It may have been cut while it was copied; fetch it again.",
            ) from error
        except duckdb.NotImplementedException as error:
            raise self._strange(
                file, [pa.schema([f]).empty_table() for f in source.schema]
            ) from error
        return name

    def _strange(self, file: SourceFile, columns: Sequence[Any]) -> InvalidInput:
        """Which column of an Arrow file DuckDB has no type for: found by offering each alone."""
        for alone in columns:
            (field,) = alone.schema
            try:
                self._con.register("lakectl_arrow_alone", alone)
            except duckdb.NotImplementedException:
                return InvalidInput(
                    f"{file.label}: column {field.name!r} has type {field.type}, "
                    "which DuckDB cannot read.",
                    "Write it as text, or as a decimal of at most 38 digits, and load that.",
                )
            self._con.unregister("lakectl_arrow_alone")
        return InvalidInput(f"{file.label}: DuckDB cannot read its types.", "Write it as Parquet.")

    @property
    def is_text(self) -> bool:
        """Whether any part is cast by our rules, so that rows can be bad."""
        return bool(self.texts)

    def notes(self) -> list[str]:
        """What a person should know of how the files were read."""
        mixed = [
            f"{p.source.label}: {name} holds values of several types, so it is text"
            for p in self._parts
            for name in sorted(p.mixed)
        ]
        folders = sorted({p for part in self._parts for p in _partition_folders(part)})
        told = "looks like a partition; only what is in the files is loaded"
        hive = [f"the folder {folder} {told}" for folder in folders]
        return (
            mixed
            + hive
            + [
                f"{p.source.label}: the first line was read as data, so its columns are column1, "
                "column2, …; if it names them, say --header"
                for p in self._parts
                if p.csv is not None and not p.csv.header and not p.csv.header_said
            ]
        )

    def fields(self, policy: SchemaPolicy) -> tuple[Field, ...]:
        """The columns of all files together, in order of appearance.

        Raises:
            SchemaConflict: the files do not fit each other under the policy.
        """
        parts = [p for p in self._parts if p.fields]
        if not parts:
            return ()
        merged = Schema(tuple(parts[0].fields))
        for number, part in enumerate(parts[1:], 1):
            arriving = _meet(merged, part) if part.csv is not None else part.fields
            widened = _widen_text(merged, arriving) if self.is_text else merged
            try:
                merged = plan_evolution(widened, arriving, policy, 0).schema
            except SchemaConflict as error:
                before = _bringer(parts[:number], error.message)
                message = error.message.replace("in the dataset", f"in {before}")
                message = message.replace("in the source", f"in {part.source.label}")
                raise SchemaConflict(message, error.hint, error.changes) from error
        return merged.fields

    def select(self, fields: Sequence[Field], *, counting: bool) -> str:
        """The rows of all files as exactly these fields.

        Args:
            fields: names and types; a file that lacks one gives NULL.
            counting: count bad rows of text files (see `csvtypes.reset_counter`).
        """
        union = " UNION ALL BY NAME " if self._as_is else " UNION ALL "
        return union.join(self._select(p, fields, counting=counting) for p in self._parts)

    def _select(self, part: _Part, fields: Sequence[Field], *, counting: bool) -> str:
        scan = part.scan
        if part.csv is not None:
            own = _own_fields(part, fields)
            typed = csvtypes.typed_select(own, csvfiles.raw_scan(part.csv), counting=counting)
            scan = f"({typed})"
        elif self._as_is:
            return f"SELECT * FROM {scan}"
        if part.mixed:
            scan = jsonfiles.unquoted(scan, part.mixed)
        return _shaped(part, scan, fields)

    @property
    def texts(self) -> list[CsvFile]:
        """The files whose values are cast by our rules."""
        return [part.csv for part in self._parts if part.csv is not None]

    def tally(self) -> tallying.Tally:
        """What the bytes of the text files tell; no row count where other formats add rows."""
        found = tallying.tally(self.texts)
        return found if len(self.texts) == len(self._parts) else replace(found, rows=None)

    def slow_pass(self, fields: Sequence[Field], *, widen: bool) -> SlowPass:
        """Look at every row of the text files again, to find the bad ones and why.

        Args:
            fields: the columns as they were proposed.
            widen: let a column take the wider type that holds every value of every row.
        """
        splits = {
            i: csvrecords.split(part.csv, self._scratch)
            for i, part in enumerate(self._parts)
            if part.csv is not None
        }
        wide = tuple(self._widened(f, list(splits.values())) for f in fields) if widen else fields
        rejects = Rejects()
        selects = []
        for i, part in enumerate(self._parts):
            if i not in splits:
                selects.append(self._select(part, wide, counting=False))
                continue
            own = _own_fields(part, wide)
            found = csvrecords.sort_rows(self._con, splits[i], own, self._scratch)
            selects.append(_shaped(part, f"({found.select})", wide))
            if found.rejected_rows:
                rejects.rows += found.rejected_rows
                rejects.files.append(found.rejects)
                rejects.first = rejects.first or found.first
        return SlowPass(tuple(wide), " UNION ALL ".join(selects), rejects)

    def _widened(self, column: Field, splits: Sequence[csvrecords.Split]) -> Field:
        scans = [s.scan for s in splits if column.name in s.file.names]
        kind = csvtypes.widest(self._con, scans, column) if scans else None
        return Field(0, column.name, kind) if kind is not None else column


def _partition_folders(part: _Part) -> list[str]:
    """Folders above a file that look like `year=2021`, unless the file has that column itself."""
    names = {f.name.lower() for f in part.fields}
    above = part.source.label.split("/")[:-1]
    return [f for f in above if "=" in f and f.split("=")[0].lower() not in names]


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


def _bringer(parts: Sequence[_Part], message: str) -> str:
    """The file that brought the column which a message is about."""
    for part in parts:
        if any(f"column {field.name!r} " in message for field in part.fields):
            return part.source.label
    return parts[0].source.label


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
    if "recursion depth" in text:
        return InvalidInput(
            f"{file.label} is nested deeper than 100 levels.", "Flatten it before loading."
        )
    if isinstance(error, duckdb.BinderException | duckdb.NotImplementedException):
        return InvalidInput(translate(error, f"Reading {file.label}").message)
    found = translate(error, f"Reading {file.label}")
    if "alformed JSON" in text or "Invalid Input" in text:
        hint = "Mend the line, or say --on-bad-row quarantine to load the others (NDJSON only)."
        return OperationFailed(found.message, hint)
    return found
