"""Rows of any query as JSON, exact and fast: DuckDB writes each row, no type passes through Python.

Fetching Python values bends some in silence: an interval of a month becomes 30 days, a FLOAT 0.1
becomes 0.1000000015, infinity becomes the year 9999.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb

from catalog.model import QueryResult

# DuckDB writes no digit before the point of these, which is no number in JSON.
_BARE_DECIMAL = re.compile(r"DECIMAL\((\d+),\s?\1\)")
_SHORT_DECIMAL = re.compile(r"DECIMAL\((\d|1[0-5]),")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')  # a text, or a number that is none
_WRITTEN = "lakectl_row"


def run(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str, str]]:
    """Start a statement that reads; `encoded` then gives its rows.

    Returns:
        (name, DuckDB type) of each column.
    """
    body = _bare(sql)
    try:
        columns = [(n, t) for n, t, *_ in con.execute(f"DESCRIBE {body}\n").fetchall()]
    except duckdb.ParserException:  # EXPLAIN, DESCRIBE, SUMMARIZE, SHOW: they take no wrapper
        con.execute(sql)
        return [(str(name), str(kind)) for name, kind, *_ in con.description or ()]
    shown = ", ".join(as_json(f"#{place}", kind) for place, (_, kind) in enumerate(columns, 1))
    con.execute(f"SELECT CAST(json_array({shown}) AS VARCHAR) AS {_WRITTEN} FROM (\n{body}\n)")
    return columns


def encoded(con: duckdb.DuckDBPyConnection, size: int = 2048) -> Iterator[str]:
    """Each row of the statement that `run` started, as a JSON list."""
    description = con.description or []
    written = len(description) == 1 and description[0][0] == _WRITTEN
    while rows := con.fetchmany(size):
        for row in rows:
            yield _finite(row[0]) if written else json.dumps(row, default=str)


def decode(line: str) -> tuple[Any, ...]:
    """One row as Python values; numbers with a fraction as Decimal, so that no digit is lost."""
    return tuple(json.loads(line, parse_float=Decimal))


def fetch(con: duckdb.DuckDBPyConnection, sql: str, limit: int | None = None) -> QueryResult:
    """All rows of a statement, or the first `limit` and whether there are more."""
    columns = run(con, sql)
    rows: list[tuple[Any, ...]] = []
    for line in encoded(con):
        if limit is not None and len(rows) == limit:
            return QueryResult(*_heads(columns), tuple(rows), more=True)
        rows.append(decode(line))
    return QueryResult(*_heads(columns), tuple(rows))


def _heads(columns: list[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(name for name, _ in columns), tuple(kind for _, kind in columns)


def _bare(sql: str) -> str:
    """The statement without the semicolons at its end, and without what follows them."""
    raw = sql.encode()
    marks = [
        (start, raw[start : start + 1])
        for start, kind in duckdb.tokenize(sql)
        if kind != duckdb.token_type.comment
    ]
    while marks and marks[-1][1] == b";":
        raw = raw[: marks.pop()[0]]
    return raw.decode()


def as_json(value: str, kind: str) -> str:
    """SQL of a value as JSON that loses nothing: what is no number in JSON becomes text.

    Args:
        value: SQL of the value.
        kind: its DuckDB type.
    """
    roomy = _BARE_DECIMAL.sub(_with_a_digit, kind)
    if roomy != kind:
        value = f"CAST({value} AS {roomy})"
        if roomy == "VARCHAR":
            value = f"regexp_replace({value}, '^(-?)\\.', '\\10.')"
        kind = roomy
    text = f"to_json(CAST({value} AS VARCHAR))"
    if kind == "FLOAT":  # 0.1, not 0.10000000149011612
        exact = f"CAST(CAST({value} AS VARCHAR) AS JSON)"
        return f"CASE WHEN isfinite({value}) THEN {exact} ELSE {text} END"
    if kind == "DOUBLE":
        return f"CASE WHEN isfinite({value}) THEN to_json({value}) ELSE {text} END"
    if _SHORT_DECIMAL.match(kind):  # 0.10, not 0.1; longer ones would pass through a double
        return f"CAST(CAST({value} AS VARCHAR) AS JSON)"
    return f"to_base64({value})" if kind == "BLOB" else value


def _with_a_digit(found: re.Match[str]) -> str:
    digits = int(found[1])
    return f"DECIMAL({digits + 1},{digits})" if digits < 38 else "VARCHAR"


def _finite(text: str) -> str:
    """Quote the bare NaN and Infinity that DuckDB writes inside lists and structs."""
    if "NaN" not in text and "Infinity" not in text:
        return text
    return _TOKEN.sub(lambda found: found[0] if found[0][0] == '"' else f'"{found[0]}"', text)
