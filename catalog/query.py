"""Queries over datasets by name, at any version: only what a statement names is planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog import sync, versions
from catalog.errors import InvalidInput, NotFound
from catalog.handles import Handles
from catalog.model import DataFile, Dataset, Version
from catalog.names import ident, parse_dataset

if TYPE_CHECKING:
    from catalog.engine.box import Plan
    from catalog.engine.rewrite import Reference, Statement
    from catalog.schema import Schema


def plan(
    handles: Handles, con: Any, text: str, slices: Mapping[str, tuple[int, int]] | None = None
) -> Plan:
    """Make a statement ready for the box.

    Args:
        handles: the lake.
        con: a connection that only parses.
        text: what a person wrote.
        slices: by the id of a dataset, the version after which it is looked at (0 for all), and
            the one up to which; instead of its current version.

    Raises:
        InvalidInput: it does not parse, or names a dataset ambiguously.
        NotAllowed: it does something else than read.
        NotFound: a dataset or version that it names is not there.
    """
    from catalog.engine import rewrite
    from catalog.engine.box import Plan

    statement = rewrite.parse(con, text)
    planner = _Planner(handles, con, slices or {})
    datasets = _named(handles, statement)
    spliced: dict[Reference, Sequence[str]] = {}
    for reference in statement.references:
        found = _find(reference, datasets)
        if found is None:
            continue
        if reference.at is None:
            planner.add_current(reference.path, found)
        else:
            spliced[reference] = planner.add_past(reference, found)
    return Plan(rewrite.splice(statement, spliced), tuple(planner.setup), tuple(planner.files))


def _named(handles: Handles, statement: Statement) -> list[Dataset]:
    words = {r.path[-1].lower() for r in statement.references}
    return [sync.follow(handles, d) for d in handles.reader.named(words)] if words else []


def _find(reference: Reference, datasets: list[Dataset]) -> Dataset | None:
    """The dataset that a reference means; None where it names none of ours.

    Raises:
        NotFound: it can only mean a dataset, and there is none of that name.
        InvalidInput: it names none of several alone.
    """
    path = [part.lower() for part in reference.path]
    fitting = [
        d
        for d in datasets
        if d.name.name == path[-1] and (len(path) < 2 or d.name.namespace == path[-2])
    ]
    if len(path) == 1 and len(fitting) > 1:
        listed = ", ".join(sorted(str(d.name) for d in fitting))
        raise InvalidInput(f"{reference.path[0]!r} could be any of {listed}.", "Name it in full.")
    if fitting:
        return fitting[0]
    if reference.at is not None or (len(path) == 2 and path[0] not in {"main", "pg_catalog"}):
        shown = ".".join(reference.path)
        if reference.start >= 0 and path[0] != "information_schema":
            raise NotFound(f"There is no dataset {shown}.", "See what there is: lakectl ls")
    return None


class _Planner:
    """Collects the views of one statement and the files behind them."""

    def __init__(self, handles: Handles, con: Any, slices: Mapping[str, tuple[int, int]]) -> None:
        from catalog.engine import landlock

        self._handles = handles
        self._slices = slices
        self._con = con
        remote = handles.warehouse.is_remote or not landlock.available()
        self._prefix = "lake://" if remote else ""
        self._made: set[tuple[str, ...]] = set()
        self.setup: list[str] = []
        self.files: list[str] = []

    def add_current(self, path: tuple[str, ...], dataset: Dataset) -> None:
        """A view of the current version under the name that the statement uses."""
        name = dataset.name
        self._view((name.namespace, name.name), dataset, dataset.snapshot_id, None)
        if len(path) == 1:
            self._view(("main", path[0]), dataset, dataset.snapshot_id, None)

    def add_past(self, reference: Reference, dataset: Dataset) -> Sequence[str]:
        """A view of a past version in a catalogue of its own, so that `trips.col` still works."""
        from catalog.engine import rewrite

        assert reference.at is not None
        value = rewrite.evaluate(self._con, reference.at)
        version = versions.resolve(self._handles.reader, dataset, value)
        number = version.version if version else 0
        snapshot = version.snapshot_id if version else None
        home = f"{dataset.name}@{number}"
        name = (home, dataset.name.namespace, dataset.name.name)
        if name not in self._made:
            self.setup.append(f"ATTACH ':memory:' AS {ident(home)}")
            self._view(name, dataset, snapshot, version)
        return name

    def _view(
        self, name: tuple[str, ...], dataset: Dataset, snapshot: int | None, version: Version | None
    ) -> None:
        from catalog.engine.views import select_version

        if name in self._made:
            return
        self._made.add(name)
        had: set[str] = set()
        if version is None and dataset.id in self._slices:
            reader = self._handles.reader
            after, up_to = self._slices[dataset.id]
            version = versions.resolve(reader, dataset, up_to)
            snapshot = version.snapshot_id if version else None
            old = versions.resolve(reader, dataset, after) if after else None
            had = {file.path for file in reader.files(dataset, old.snapshot_id)} if old else had
        schema = schema_of(self._handles, dataset, version)
        files = [f for f in self._handles.reader.files(dataset, snapshot) if f.path not in had]
        self._handles.note_read(dataset, version.version if version else dataset.summary.version)
        select = select_version(schema, files, self._prefix, stored=True)
        self.files += [self._prefix + path for path in self._handles.readable(dataset.name, files)]
        if name[:-1] != ("main",):
            schema_name = ".".join(ident(part) for part in name[:-1])
            self.setup.append(f"CREATE SCHEMA IF NOT EXISTS {schema_name}")
        full = ".".join(ident(part) for part in name)
        # Binding would open the files once now and once again for the query.
        self.setup.append(f"CREATE VIEW {full} WITH (DEFER_BINDING) AS {select}")


def _give_files(handles: Handles, con: Any, ready: Plan) -> bool:
    """Let a connection read those files of a plan that it cannot open itself; whether any is."""
    from catalog.engine import remote

    paths = [f.removeprefix(remote.PREFIX) for f in ready.files if f.startswith(remote.PREFIX)]
    if not paths:
        return False
    if handles.warehouse.is_remote:
        remote.attach(con, handles.warehouse, paths)
    else:
        con.register_filesystem(remote.local_only(paths))
    return True


def open_here(handles: Handles, con: Any, ready: Plan) -> None:
    """Make what a plan names readable on a connection of this process."""
    _give_files(handles, con, ready)
    for statement in ready.setup:
        con.execute(statement)


def schema_of(handles: Handles, dataset: Dataset, version: Version | None) -> Any:
    """The schema that a version was written with; the current one for the current version."""
    if version is None or version.snapshot_id == dataset.snapshot_id:
        return dataset.schema  # which may have changed since that snapshot was made
    return handles.reader.schema(dataset, version.schema_id) or dataset.schema


@contextmanager
def once(handles: Handles, text: str) -> Iterator[tuple[list[tuple[str, str]], Iterator[str]]]:
    """Run one query in this process, which is locked to its files from then on.

    Yields:
        The (name, type) of each column, and each row as a JSON list.
    """
    from catalog.engine import box, rows

    con = box.parser()
    ready = plan(handles, con, text)
    lockable = not _give_files(handles, con, ready)
    handles.close()
    with box.run_alone(con, ready, can_lock=lockable) as columns:
        yield columns, rows.encoded(con)


class Readable(NamedTuple):
    """A version that is about to be read."""

    dataset: Dataset
    version: Version | None  # None before the first load
    schema: Schema
    files: list[DataFile]


def readable_at(handles: Handles, name: str, at: str | int | None) -> Readable:
    """A version with its schema and files.

    Raises:
        NotFound: there is no such dataset or version.
    """
    dataset, version = dataset_at(handles, name, at)
    files = handles.reader.files(dataset, version.snapshot_id if version else None)
    handles.note_read(dataset, version.version if version else 0)
    return Readable(dataset, version, schema_of(handles, dataset, version), files)


def dataset_at(handles: Handles, name: str, at: str | int | None) -> tuple[Dataset, Version | None]:
    """A dataset and the version of it that is meant.

    Raises:
        NotFound: there is no such dataset or version.
    """
    dataset = sync.follow(handles, handles.reader.dataset(parse_dataset(name)))
    return dataset, versions.resolve(handles.reader, dataset, at)
