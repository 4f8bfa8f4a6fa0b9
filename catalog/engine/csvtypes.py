"""The types of a CSV file: every value is text until our own rules have cast it.

DuckDB's sniffer damages data in silence: a late `1.5` in a column of integers becomes 2, one ragged
row turns a table into one column, long decimals lose digits, 01/02/2021 is guessed at. Here a
sample only proposes types; then every row is read as text with fixed columns, cast, and compared.
A value that is not exactly of the column's type makes its row a bad row, which is counted in the
same pass. Only if there are any does the slow pass (`csvrecords`) look for their lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from catalog.engine.csvfiles import SAMPLE_ROWS, CsvFile
from catalog.engine.guards import guard, is_castable
from catalog.engine.session import only_row, told
from catalog.names import free_name, ident
from catalog.types import Field, Primitive, Type, duckdb_of

# Columns that are cast and compared before the next ones: all at once would fall out of the cache.
# Every step costs the binder as much as there are columns, so there are few.
_TOGETHER, _STEPS = 6, 8
_ASKED = 32  # columns that one query over the sample asks about
_COUNTER = "lakectl_bad_rows"
_WIDER = {"int": ("long", "double"), "long": ("double",), "date": ("timestamp",)}


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
        counting: count the other rows (see `bad_rows`); else they are dropped.
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
    keep = f"CASE WHEN {good} THEN true ELSE nextval('{_COUNTER}') < 0 END" if counting else good
    outer = (f"{cast_names.get(f.name, ident(f.name))} AS {ident(f.name)}" for f in fields)
    return f"SELECT {', '.join(outer)} FROM {rows} WHERE {keep}"


def reset_counter(con: duckdb.DuckDBPyConnection) -> None:
    """Start counting bad rows from none."""
    con.execute(f"CREATE OR REPLACE SEQUENCE {_COUNTER}")


def bad_rows(con: duckdb.DuckDBPyConnection) -> int:
    """How many rows the counting select has left out since `reset_counter`."""
    try:
        (counted,) = only_row(con, f"SELECT currval('{_COUNTER}')")
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
