"""Names: checked once here, quoted always. The only maker of SQL identifiers and literals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.errors import InvalidName

_PART = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_REF = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,62}\Z")
_LOOKS_LIKE_VERSION = re.compile(r"v?\d+\Z", re.IGNORECASE)

# The words that DuckDB and Spark reserve: a dataset of such a name could not be written in SQL
# without quotes in one of them. https://duckdb.org/docs/sql/keywords_and_identifiers
RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric between both case cast check collate
    column constraint create cross current_date current_time current_timestamp default deferrable
    delete desc describe distinct do drop else end except exists false fetch filter for foreign
    from full grant group having in initially inner insert intersect interval into is isnull join
    lambda lateral leading left like limit natural not notnull null offset on only or
    order outer overlaps pg_catalog pivot pivot_longer pivot_wider placing positional primary
    qualify references returning right row select set show similar some summarize symmetric
    system table tablesample temp then to trailing true try_cast union unique unpivot update user
    using values variadic verbose when where window with information_schema""".split()
)


@dataclass(frozen=True, slots=True, order=True)
class DatasetName:
    """The name of a dataset, `namespace.name`; both parts match `[a-z_][a-z0-9_]{0,62}`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}"


def parse_dataset(text: str) -> DatasetName:
    """Read `namespace.name`.

    Raises:
        InvalidName: the text is not two plain, unreserved words with a dot between them.
    """
    parts = text.split(".")
    if len(parts) != 2:
        raise InvalidName(
            f"{text!r} is not the name of a dataset.",
            "Name it namespace.name, for example nyc.trips.",
        )
    for part in parts:
        check_part(part)
    return DatasetName(*parts)


def check_part(part: str) -> None:
    """Refuse a namespace or dataset name that SQL, a shell or another engine could stumble over.

    Raises:
        InvalidName: with the rule that it breaks.
    """
    if not _PART.match(part):
        raise InvalidName(
            f"{part!r} cannot name a dataset or namespace.",
            "Use lower-case letters, digits and _ (63 at most, no digit first); "
            "columns may be named freely.",
        )
    if part in RESERVED:
        raise InvalidName(
            f"{part!r} is a reserved word of SQL and cannot name a dataset or namespace.",
            f"Take another name, for example {part}_ or {part}_data.",
        )


def check_ref(name: str) -> None:
    """Refuse a tag or branch name that could be read as a version number, a time or a path.

    Raises:
        InvalidName: with the rule that it breaks.
    """
    if not _REF.match(name) or ".." in name:
        raise InvalidName(
            f"{name!r} cannot name a tag or branch.",
            "Start with a letter or _; then letters, digits, '_', '-' and '.', 63 at most.",
        )
    if _LOOKS_LIKE_VERSION.match(name) or name in {"main", "latest"}:
        raise InvalidName(
            f"{name!r} cannot name a tag or branch: it would be read as a version.",
            "Take a word, for example gold or before-cleanup.",
        )


def ident(name: str) -> str:
    """The SQL identifier for any text, always quoted."""
    return '"' + name.replace('"', '""') + '"'


def free_name(base: str, taken: Iterable[str]) -> str:
    """A name like `base` that none of some names is, whatever the case."""
    held = {name.lower() for name in taken}
    while base.lower() in held:
        base += "_"
    return base


def lit(text: str) -> str:
    """The SQL string literal for any text."""
    return "'" + text.replace("'", "''") + "'"
