"""The ready flow `transform`: a SELECT over datasets into a dataset, whole or what is new."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, Literal

from catalog.errors import InvalidInput, NotFound
from catalog.names import lit
from catalog.planning import IngestRequest
from catalog.schema import SchemaPolicy
from jobs.context import lake_of_run
from jobs.flow import flow
from jobs.logs import get_run_logger

_HOLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


@flow(name="transform")
def transform(  # noqa: PLR0913 - each is a choice of its own
    sql: str,
    into: str,
    mode: Literal["overwrite", "append", "merge"] = "overwrite",
    key: list[str] = [],  # noqa: B006 - a default of a form, which nobody changes
    incremental: str | None = None,
    parameters: dict[str, Any] = {},  # noqa: B006 - as above
    schema: Literal["refuse", "widen", "evolve"] = "refuse",
    message: str | None = None,
) -> dict[str, Any]:
    """Run a SELECT over datasets and load its rows into a dataset.

    Args:
        sql: the path of a file that ends in .sql, or the statement itself; `{{ name }}` in it
            stands for a parameter's value, never for SQL.
        into: the dataset.
        mode: what its rows do to those that are there.
        key: the columns that tell rows apart, for merge.
        incremental: a dataset of which only the rows are seen that no run has seen yet. They are
            appended, or merged; where it did not only grow, everything is made anew.
        parameters: values by name.
        schema: what the rows may do to the schema.
        message: why; shown with the version.

    Returns:
        The fields of `catalog.model.IngestReport`.
    """
    lake = lake_of_run()
    request = IngestRequest(
        into=into,
        query=bound(_text_of(sql), parameters),
        mode=mode,
        key=tuple(key),
        schema=SchemaPolicy(schema),
        message=message,
        if_seen="load",
    )
    if incremental is not None:
        narrowed = _narrowed(lake, request, incremental)
        if narrowed is None:
            get_run_logger().info("Nothing new in %s; nothing was done", incremental)
            return {"dataset": into, "skipped": True, "rows_added": 0}
        request = narrowed
    return asdict(lake.ingest(request))


def _text_of(sql: str) -> str:
    if not sql.rstrip().endswith(".sql"):
        return sql
    path = Path(sql).expanduser()
    for place in (path, Path(lake_of_run().settings.root) / path):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise NotFound(f"There is no file {sql}.", "Give the path of a .sql file, or the SELECT.")


def bound(text: str, values: dict[str, Any]) -> str:
    """A statement with its `{{ name }}` replaced by values, each as one SQL literal.

    Raises:
        InvalidInput: a value is missing or is no plain value, or one is not used.
    """
    wanted = set(_HOLE.findall(text))
    if missing := sorted(wanted - values.keys()):
        raise InvalidInput(f"The statement needs a value for {', '.join(missing)}.",
                           "Give it as parameters={…}.")  # fmt: skip
    if unused := sorted(values.keys() - wanted):
        raise InvalidInput(f"The statement has no {{{{ {unused[0]} }}}}.")
    return _HOLE.sub(lambda found: _literal(values[found[1]], found[1]), text)


def _literal(value: Any, name: str) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            text = str(value)
            return text if text.lstrip("-")[:1].isdigit() else f"{lit(text)}::DOUBLE"
        case datetime():
            return f"TIMESTAMP {lit(value.isoformat(' '))}"
        case date():
            return f"DATE {lit(value.isoformat())}"
        case str():
            if "\x00" in value:
                raise InvalidInput(f"The value of {name} holds a NUL character.")
            return lit(value)
        case list() | tuple():
            return f"[{', '.join(_literal(item, name) for item in value)}]"
    raise InvalidInput(f"The value of {name} is a {type(value).__name__}; a plain value is needed.")


def _narrowed(lake: Any, request: IngestRequest, name: str) -> IngestRequest | None:
    """The request for what is new in a dataset; None where nothing is.

    Every version of the source that was taken in has a key in the ledger: so however a run ended,
    no version is taken in twice, and none is left out.
    """
    source = lake.describe(name)
    taken = _Taken(lake, request.into, source.id)
    versions = {version.snapshot_id: version for version in lake.versions(name)}
    line = []
    at = versions.get(source.snapshot_id)
    while at is not None and not taken.has(at.version):
        line.append(at)
        at = versions.get(at.parent_id)
    if not line:
        return None
    done, newest = at.version if at is not None else 0, line[0].version
    write_key = taken.free_key(newest)
    apart = [v for v in versions.values() if v.version > done and v not in line]
    grew = all(v.operation == "append" for v in line) and not any(
        taken.has(v.version)
        for v in apart  # taken in, and rolled back in the source since
    )
    if done and grew:
        mode = "merge" if request.mode == "merge" else "append"
        slices = {source.id: (done, newest)}
        return replace(request, mode=mode, slices=slices, write_key=write_key)
    slices = {source.id: (0, newest)}
    if not done and grew:  # nothing of it is there yet
        return replace(request, slices=slices, write_key=write_key)
    get_run_logger().warning("%s did not only grow since v%d: made anew", name, done)
    return replace(request, mode="overwrite", key=(), slices=slices, write_key=write_key)


class _Taken:
    """Which versions of a source a dataset holds, by the keys of the writes that took them in."""

    def __init__(self, lake: Any, into: str, source_id: str) -> None:
        self._reader = lake.handles.reader
        self._words = f"transform {into} {source_id}"
        self._line: set[int] = set()
        self._target = ""
        try:
            target = lake.describe(into)
        except NotFound:
            return
        self._target = target.id
        known = {version.snapshot_id: version for version in lake.versions(into)}
        at = known.get(target.snapshot_id)
        while at is not None:
            self._line.add(at.version)
            at = known.get(at.parent_id)

    def has(self, version: int) -> bool:
        """Whether a version was taken in, and not taken back since."""
        return any(
            dataset == self._target and landed in self._line
            for dataset, landed in self._writes(version)
        )

    def free_key(self, version: int) -> str:
        """The key of the next write that takes a version in: one that was taken back has one."""
        number = len(list(self._writes(version)))
        return self._key(version, number)

    def _writes(self, version: int) -> Iterator[tuple[str, int]]:
        for number in count():
            landed = self._reader.landed(self._key(version, number))
            if landed is None:
                return
            yield landed

    def _key(self, version: int, number: int) -> str:
        return blake2b(f"{self._words} {version} {number}".encode(), digest_size=24).hexdigest()
