"""What a statement names, by DuckDB's own parser, and its text with the past versions put in.

DuckDB parses `FROM nyc.trips AT (VERSION => 3)` but cannot bind it over a view. Its JSON of a
statement tells the byte range of each table reference; there the name and the AT clause are
replaced by the name of a view over that version. Everything else stays byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from catalog.engine.session import only_row, told
from catalog.errors import InvalidInput, NotAllowed
from catalog.names import ident

_NOWHERE = 2**64 - 1  # what DuckDB writes where it has lost the position: SUMMARIZE x, DESCRIBE x
# What an AT expression may be made of: it is worked out before the query, outside the box.
_PURE = frozenset(
    # `trunc` is what DuckDB makes of INTERVAL 1 HOUR
    "+ - * / || now today current_date get_current_timestamp date_trunc trunc".split()
)
_ALIAS_BEHIND = re.compile(
    r"\bAT\s*\(\s*(?:VERSION|TIMESTAMP)\s*=>[^()]*\)\s+(?:AS\s+)?"
    r"(?!WHERE|GROUP|ORDER|JOIN|LEFT|RIGHT|FULL|INNER|CROSS|ANTI|SEMI|ON|USING|UNION|LIMIT|SELECT)"
    r"[A-Z_]\w*\b",
    re.IGNORECASE,
)
_LONGEST = 100_000
_MOMENTS = "Write a moment as '2026-01-31 12:00' or now() - INTERVAL 1 DAY."
_LEAVES = frozenset({"CONSTANT", "CAST", "TYPE", "PARAMETER", "FUNCTION"})
_READ_ONLY_HINT = "Change data with the commands: lakectl ingest, rollback, export (see --help)."

_Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class At:
    """One AT clause: `unit` is VERSION or TIMESTAMP, `text` the expression as it was written."""

    unit: str
    text: str
    tree: _Node = field(compare=False, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """One place where the statement names a table; `path` is what was written, schema first."""

    path: tuple[str, ...]
    at: At | None
    start: int  # in bytes; -1 where DuckDB gives no position
    length: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that only reads."""

    text: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    text: str


def parse(con: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """Read a statement and list what it names.

    Args:
        con: only parses: it needs no data, no files and no threads.
        sql: what a person wrote.

    Raises:
        InvalidInput: it cannot be parsed, or is not one statement.
        NotAllowed: it does something else than read.
    """
    _refuse_unfit(sql)
    try:
        with told("The query"):
            found = con.extract_statements(sql)
    except InvalidInput as error:
        if _ALIAS_BEHIND.search(sql):
            hint = "An alias stands before AT: FROM nyc.trips AS t AT (VERSION => 3)."
            raise InvalidInput(error.message, hint) from error
        raise
    if len(found) != 1:
        many = f"One statement at a time; here are {len(found)}." if found else "There is no SQL."
        raise InvalidInput(many)
    kind = _kind(found[0])
    if kind == "MULTI":  # PIVOT without a list of values has no tree
        return Statement(sql, tuple(_by_tokens(sql)))
    if kind not in {"SELECT", "EXPLAIN"}:
        # DuckDB counts both under one kind.
        verb = "INSTALL" if kind == "LOAD" and re.match(r"\W*INSTALL", sql, re.IGNORECASE) else kind
        raise NotAllowed(
            f"Ad-hoc SQL only reads; {verb} changes something or reaches outside the lake.",
            _READ_ONLY_HINT,
        )
    offset = _explained(con, sql) if kind == "EXPLAIN" else 0
    tree = _tree(con, sql.encode()[offset:].decode())
    _refuse_writes(tree)
    return Statement(sql, tuple(_references(tree, sql.encode(), offset, frozenset())))


def _refuse_unfit(sql: str) -> None:
    """Parsing happens outside the box and takes some 500 bytes for each of the text."""
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("The query holds half a character, which is no text.") from error
    if size > _LONGEST:
        raise InvalidInput(
            f"The query is {size:,} bytes long; {_LONGEST:,} are the most.",
            "Load a long list of values as a dataset, and join it.",
        )


def _kind(statement: duckdb.Statement) -> str:
    """The kind of a statement; of those that DuckDB's Python does not know, the first word."""
    try:
        name: str = statement.type.name
    except ValueError:  # MERGE INTO in 2.0
        words = re.findall(r"\w+", statement.query) or ["it"]
        name = words[0].upper()
    return name


def splice(statement: Statement, names: Mapping[Reference, Sequence[str]]) -> str:
    """The text with each AT reference naming `names[reference]` instead."""
    raw = statement.text.encode()
    for ref in sorted((r for r in statement.references if r.at), key=lambda r: -r.start):
        body = raw[ref.start : ref.start + ref.length]
        tokens = _tokens(body)
        clause, close = _at_clause(tokens)
        head = ".".join(ident(part) for part in names[ref]).encode()
        # The range holds the alias, its columns and TABLESAMPLE too; those stay.
        kept = body[_name_end(tokens) : tokens[clause].start] + body[tokens[close].end :]
        raw = raw[: ref.start] + head + kept + raw[ref.start + ref.length :]
    return raw.decode()


def evaluate(con: duckdb.DuckDBPyConnection, at: At) -> str:
    """The value of an AT expression as text: literals, casts and arithmetic around now().

    Raises:
        InvalidInput: it is anything else.
    """
    hint = _MOMENTS if at.unit == "TIMESTAMP" else None
    for node in _nodes(at.tree):
        name = node.get("function_name", "")
        pure = not name or name in _PURE or name.startswith("to_")
        if ("class" in node and node["class"] not in _LEAVES) or not pure:
            raise InvalidInput(f"AT ({at.unit} => …) takes a value, not {at.text!r}.", hint)
    kind = "TIMESTAMPTZ" if at.unit == "TIMESTAMP" else "VARCHAR"
    try:
        (value,) = only_row(con, f"SELECT CAST(CAST(({at.text}\n) AS {kind}) AS VARCHAR)")
    except duckdb.Error as error:
        raise InvalidInput(
            f"AT ({at.unit} => {at.text}) has no value of that kind.", hint
        ) from error
    if value is None:
        raise InvalidInput(f"AT ({at.unit} => …) is NULL.")
    return str(value)


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> _Node:
    with told("The query"):
        found = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    tree: _Node = json.loads(found[0][0])
    if tree["error"]:
        raise InvalidInput(f"The query cannot be read: {tree.get('error_message', 'no reason')}.")
    return tree


def _nodes(node: object) -> Iterator[_Node]:
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            yield top
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)


def _refuse_writes(tree: _Node) -> None:
    """Find COPY, INSERT, DELETE and the like inside WITH, where the statement's type is SELECT."""
    for node in _nodes(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_QUERY_NODE"):
            what = kind.removesuffix("_QUERY_NODE")
            raise NotAllowed(f"Ad-hoc SQL only reads; this WITH holds a {what}.", _READ_ONLY_HINT)


def _references(node: object, raw: bytes, offset: int, ctes: frozenset[str]) -> Iterator[Reference]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item, raw, offset, ctes)
    if not isinstance(node, dict):
        return
    if node.get("type") == "BASE_TABLE":
        path = tuple(node["qualified_name"]["path"])
        if len(path) > 1 or path[0].casefold() not in ctes:
            yield _reference(node, path, raw, offset)
        elif node["at_clause"]:  # DuckDB would pass over it without a word
            raise InvalidInput(f"{path[0]} is a part of this WITH; only datasets have versions.")
        return
    for entry in (node.get("cte_map") or {}).get("map", ()):
        value, name = entry["value"], entry["key"].casefold()
        recursive = value["query_node"]["type"] == "RECURSIVE_CTE_NODE"
        yield from _references(value, raw, offset, ctes | {name} if recursive else ctes)
        ctes |= {name}  # seen by the parts after it and by the body
    for key, child in node.items():
        if key != "cte_map":
            yield from _references(child, raw, offset, ctes)


def _reference(node: _Node, path: tuple[str, ...], raw: bytes, offset: int) -> Reference:
    if node["query_location"] >= _NOWHERE:
        return Reference(path, None, -1, 0)
    start, length = node["query_location"] + offset, node["query_location_length"]
    if not node["at_clause"]:
        return Reference(path, None, start, length)
    body = raw[start : start + length]
    tokens = _tokens(body)
    clause, close = _at_clause(tokens)
    text = body[tokens[clause + 3].end : tokens[close].start].decode().strip()
    found = node["at_clause"]
    return Reference(path, At(found["unit"], text, found["expr"]), start, length)


def _tokens(raw: bytes) -> list[_Token]:
    """Text cut the way DuckDB cuts it, comments left out; offsets are bytes."""
    marks = duckdb.tokenize(raw.decode())
    ends = [start for start, _ in marks[1:]] + [len(raw)]
    found = []
    for (start, kind), end in zip(marks, ends, strict=True):
        if kind != duckdb.token_type.comment:
            text = raw[start:end].decode().strip()
            found.append(_Token(start, start + len(text.encode()), text))
    return found


def _name_end(tokens: Sequence[_Token]) -> int:
    last = 0
    while last + 2 < len(tokens) and tokens[last + 1].text == ".":
        last += 2
    return tokens[last].end


def _at_clause(tokens: Sequence[_Token]) -> tuple[int, int]:
    """The places of AT and of its closing bracket."""
    words = [t.text.upper() for t in tokens]
    at = next(
        i
        for i in range(len(words))
        if words[i : i + 2] == ["AT", "("] and words[i + 3] in {"=>", "="}
    )
    depth = 0
    for i in range(at + 1, len(words)):
        depth += (words[i] == "(") - (words[i] == ")")
        if not depth:
            return at, i
    raise InvalidInput("AT ( is never closed.")


def _explained(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Where the statement under EXPLAIN starts; EXPLAIN ANALYZE runs it, so it may only read."""
    tokens = _tokens(sql.encode())
    i = 2 if tokens[1].text.upper() == "ANALYZE" else 1
    if tokens[i].text == "(" and tokens[i + 1].text.upper() in {"FORMAT", "ANALYZE"}:
        i = next(k for k in range(i, len(tokens)) if tokens[k].text == ")") + 1
    inner = _kind(con.extract_statements(sql.encode()[tokens[i].start :].decode())[0])
    if inner != "SELECT":
        raise NotAllowed(f"EXPLAIN takes a SELECT here, not {inner}.", _READ_ONLY_HINT)
    return tokens[i].start


def _by_tokens(sql: str) -> Iterator[Reference]:
    """Everything that could name a dataset; too many does no harm."""
    tokens = _tokens(sql.encode())
    words = [t.text for t in tokens]
    if any(w.upper() == "AT" and words[i + 1 : i + 2] == ["("] for i, w in enumerate(words)):
        raise InvalidInput(
            "PIVOT reads a past version only with its values listed.",
            "Write PIVOT … ON column IN (value, …).",
        )
    i = 0
    while i < len(words):
        last = i
        while last + 2 < len(words) and words[last + 1] == ".":
            last += 2
        chain = words[i : last + 1 : 2]
        if all(w.startswith('"') or w.isidentifier() for w in chain):
            path = tuple(w[1:-1].replace('""', '"') if w[0] == '"' else w for w in chain)
            yield Reference(path, None, tokens[i].start, tokens[last].end - tokens[i].start)
        i = last + 1
