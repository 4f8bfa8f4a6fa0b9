"""JSON and NDJSON: what DuckDB reads of them, and what it would bend without a word."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import duckdb

from catalog.engine import csvfiles
from catalog.engine.csvrecords import Reject
from catalog.engine.rejects import Rejects
from catalog.engine.session import only_row, told
from catalog.engine.views import NO_HIVE, exact_path
from catalog.errors import InvalidInput
from catalog.names import ident, lit
from catalog.sources import SourceFile

_DECODER = json.JSONDecoder()
_OPTIONS = (
    "sample_size=-1, maximum_depth=-1, union_by_name=true, convert_strings_to_integers=false, "
    "dateformat='%Y-%m-%d', timestampformat='%Y-%m-%dT%H:%M:%S'"
)


def scan(file: SourceFile) -> str:
    """The rows of a file as DuckDB types them."""
    return f"read_json({_path(file)}, {_packed(file)}, {NO_HIVE}, {_OPTIONS})"


def _objects(file: SourceFile) -> str:
    return f"read_json_objects({_path(file)}, {_packed(file)}, {NO_HIVE})"


def _path(file: SourceFile) -> str:
    return lit(exact_path(str(file.path)))


def _packed(file: SourceFile) -> str:
    return f"compression='{file.compression or 'none'}'"


def own_names(con: duckdb.DuckDBPyConnection, file: SourceFile, shown: Sequence[str]) -> list[str]:
    """The names as the file has them: DuckDB calls the second of two twins `name_1`."""
    known = {name.lower() for name in shown}
    doubtful = [n for n in shown if n.rpartition("_")[0].lower() in known]
    twins = []
    for name in doubtful:
        with told(f"Reading {file.label}"):
            exists = f"json_exists(json, {lit(_step(name))})"
            query = f"SELECT coalesce(bool_or({exists}), false) FROM {_objects(file)}"
            (real,) = only_row(con, query)
        twins += [] if real else [name.rpartition("_")[0]]
    return [*shown, *twins]


def _step(name: str, above: str = "$") -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{above}."{escaped}"'


def mixed(columns: Iterable[tuple[str, Any]]) -> frozenset[str]:
    """Of names and DuckDB types: the columns of several types, which DuckDB leaves as JSON."""
    return frozenset(name for name, kind in columns if str(kind) == "JSON")


def unquoted(source: str, names: Iterable[str]) -> str:
    """A scan in which the texts of some JSON columns are those texts, without quotation marks."""
    plain = (f"json_extract_string({ident(n)}, '$') AS {ident(n)}" for n in sorted(names))
    return f"(SELECT * REPLACE ({', '.join(plain)}) FROM {source})"


def refuse_rounded(
    con: duckdb.DuckDBPyConnection, file: SourceFile, columns: Iterable[tuple[str, Any]]
) -> None:
    """Refuse whole numbers that a double does not hold, and numbers beyond all doubles.

    DuckDB types a column of integers and fractions, or of integers beyond 64 bits, as doubles and
    rounds in silence. Digits behind the point are rounded as JSON's own standard expects
    (RFC 8259, section 6).

    Args:
        con: a connection.
        file: the source.
        columns: names and DuckDB types, as `scan` gives them.

    Raises:
        InvalidInput: with the column and the first such number.
    """
    paths = [(name, p) for name, kind in columns for p in _doubles(kind, _step(name))]
    if not paths:
        return
    bent = (
        "isinf(TRY_CAST(v AS DOUBLE)) OR (regexp_full_match(v, '-?[0-9]{16,}') "
        "AND format('{:.0f}', TRY_CAST(v AS DOUBLE)) <> v)"
    )
    asked = []
    for _, path in paths:
        found = f"json_extract_string(json, {lit(path)})"
        values = found if "*" in path else f"[{found}]"
        asked.append(f"min(list_filter({values}, lambda v: {bent})[1])")
    with told(f"Reading {file.label}"):
        firsts = only_row(con, f"SELECT {', '.join(asked)} FROM {_objects(file)}")
    for (name, _), first in zip(paths, firsts, strict=True):
        if first is not None:
            raise InvalidInput(
                f"column {name!r} holds {first}, which a double would change, "
                "and other values that are no 64-bit integers.",
                "Write such numbers as text where the file is made.",
            )


def _doubles(kind: Any, path: str) -> Iterator[str]:
    """The JSON paths of the doubles inside a type; `*` stands for any element."""
    family = str(kind.id)
    if family == "double":
        yield path
    elif family == "struct":
        for name, inner in kind.children:
            yield from _doubles(inner, _step(name, path))
    elif family == "list":
        yield from _doubles(kind.children[0][1], f"{path}[*]")
    elif family == "map":
        yield from _doubles(kind.children[1][1], f"{path}.*")


def sort_json_lines(file: SourceFile, scratch: Path) -> tuple[SourceFile, Rejects]:
    """The sound lines of an NDJSON file as a file of their own, and the list of the others."""
    number = len(list(scratch.iterdir()))
    clean, listed = scratch / f"clean-{number:06d}.ndjson", scratch / f"bad-{number:06d}.ndjson"
    rejects = Rejects(files=[listed])
    with (
        csvfiles.unpacking(file.label),
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
            reject = Reject(file.label, line, None, why, shown)
            rejects.rows += 1
            rejects.first = rejects.first or reject
            bad.write(json.dumps(asdict(reject)) + "\n")
    return replace(file, path=clean, compression=None), rejects


def _json_fault(raw: bytes) -> str | None:
    try:
        text, at = raw.decode("utf-8-sig").strip(), 0
        while at < len(text):  # several objects may share a line
            found, at = _DECODER.raw_decode(text, at)
            if not isinstance(found, dict):
                return "not a JSON object"
            at += len(text[at:]) - len(text[at:].lstrip())
    except ValueError as error:
        return f"not JSON: {error}"
    return None
