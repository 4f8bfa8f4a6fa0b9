"""Changes that move no data: refs, names, owners, drops, and taking any change back.

Each leaves a line in the journal with what was before and what is after it; `undo` compares the
state with "after" and, if nobody has changed it since, puts "before" back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from catalog import query, sync, writing
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.handles import Handles
from catalog.model import Dataset, Version
from catalog.names import DatasetName, check_ref, parse_dataset
from catalog.schema import Schema

if TYPE_CHECKING:
    from catalog.iceberg.commits import Change
    from catalog.iceberg.tables import TableState


@dataclass(frozen=True, slots=True)
class Done:
    """What a change did, as a sentence and as the dataset's state after it."""

    sentence: str
    dataset: Dataset


def rollback(handles: Handles, name: str, to: str | int) -> Done:
    """Make an earlier (or later) version the current one; no version is removed by it.

    Raises:
        NotFound: there is no such version, or it has expired.
        Conflict: it is the current one already.
    """
    handles.require_writable()
    dataset, version = query.dataset_at(handles, name, to)
    if version is None:
        raise NotFound(f"{name} has no version yet.")
    if version.snapshot_id == dataset.snapshot_id:
        raise Conflict(f"{name} is at v{version.version} already.")
    after = _move_main(handles, dataset, version, None)
    was = dataset.summary.version
    return Done(f"{name} is at v{version.version} again (was v{was}).", after)


def _move_main(
    handles: Handles,
    dataset: Dataset,
    version: Version,
    undoes: int | None,
    schema_id: int | None = None,
) -> Dataset:
    """Move main; its schema becomes the version's, or the one of an id that undo puts back."""
    schema = _with_docs_of(dataset.schema, query.schema_of(handles, dataset, version))
    for revision in handles.reader.schemas(dataset.id):
        if revision.schema.schema_id == schema_id:
            schema = revision.schema
    head = dataset.snapshot_id

    def plan(_: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        from catalog.iceberg.commits import Change

        change = Change(main=version.snapshot_id, schema=schema, expected_head=head)
        before = {"version": now.summary.version if now else 0}
        journal: tuple[str, dict[str, Any], dict[str, Any]] | None = ("rollback", before, {})
        if undoes is not None:  # so that the next undo goes one further back
            journal = None
        return change, writing.Rows(journal=journal, undoes=undoes)

    return writing.commit_existing(handles, dataset.id, plan).dataset


def _with_docs_of(current: Schema, older: Schema) -> Schema:
    """An older schema with the docs of today: they describe columns, not versions."""
    docs = {f.id: f.doc for f in current.fields}
    fields = (replace(f, doc=docs.get(f.id, f.doc)) for f in older.fields)
    return replace(older, fields=tuple(fields))


def set_tag(handles: Handles, name: str, tag: str, at: str | int | None) -> Done:
    """Name a version for good: it does not expire while the tag is there.

    Raises:
        InvalidName: the name could be read as a version or a path.
        Conflict: a branch has that name.
    """
    return _set_ref(handles, name, tag, at, "tag")


def set_branch(handles: Handles, name: str, branch: str, at: str | int | None) -> Done:
    """Open a branch at a version, or move it there."""
    return _set_ref(handles, name, branch, at, "branch")


def remove_ref(handles: Handles, name: str, ref: str, kind: str) -> Done:
    """Take a tag or branch away.

    Raises:
        NotFound: there is none of that name.
    """
    handles.require_writable()
    dataset, _ = query.dataset_at(handles, name, None)
    if ref not in _refs(dataset, kind):
        raise NotFound(f"{name} has no {kind} {ref!r}.")
    after = _write_ref(handles, dataset, ref, None, kind, None)
    return Done(f"The {kind} {ref} of {name} is gone.", after)


def _set_ref(handles: Handles, name: str, ref: str, at: str | int | None, kind: str) -> Done:
    handles.require_writable()
    check_ref(ref)
    dataset, version = query.dataset_at(handles, name, at)
    if version is None:
        raise NotFound(f"{name} has no version to name yet.")
    other = "branch" if kind == "tag" else "tag"
    if ref in _refs(dataset, other):
        raise Conflict(f"{name} has a {other} called {ref!r} already.")
    if _refs(dataset, kind).get(ref) == version.snapshot_id:
        told = f"{kind.capitalize()} {ref} of {name} is v{version.version} already."
        return Done(told, dataset)
    after = _write_ref(handles, dataset, ref, version.snapshot_id, kind, None)
    return Done(f"{kind.capitalize()} {ref} of {name} is v{version.version}.", after)


def _refs(dataset: Dataset, kind: str) -> Mapping[str, int]:
    return dataset.tags if kind == "tag" else dataset.branches


def _write_ref(
    handles: Handles,
    dataset: Dataset,
    ref: str,
    snapshot: int | None,
    kind: str,
    undoes: int | None,
) -> Dataset:
    def plan(_: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        from catalog.iceberg.commits import Change

        assert now is not None
        change = Change(tags={ref: snapshot}) if kind == "tag" else Change(branches={ref: snapshot})
        before = {"ref": ref, "at": _refs(now, kind).get(ref)}
        journal = None if undoes else (kind, before, {"ref": ref, "at": snapshot})
        return change, writing.Rows(journal=journal, undoes=undoes)

    return writing.commit_existing(handles, dataset.id, plan).dataset


@dataclass(frozen=True, slots=True)
class Annotation:
    """What to say of a dataset; None leaves a thing as it is, an empty text takes it away."""

    owner: str | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None  # an empty value takes the label away
    columns: Mapping[str, str] | None = None  # docs by column


def annotate(handles: Handles, name: str, said: Annotation) -> Done:
    """Write owner, description, labels and column docs into the table itself.

    They are Iceberg's own properties and docs, so other engines show them too.

    Raises:
        NotFound: there is no such dataset or column.
        InvalidInput: there is nothing to say, or a label that cannot be kept.
    """
    handles.require_writable()
    dataset, _ = query.dataset_at(handles, name, None)
    if said == Annotation():
        raise InvalidInput("There is nothing to say.", "Use --owner, --description, --label, …")
    after = _write_annotation(handles, dataset, said, None)
    return Done(f"{name} is annotated.", after)


def _write_annotation(
    handles: Handles, dataset: Dataset, said: Annotation, undoes: int | None
) -> Dataset:
    for label in said.labels or {}:
        if not label or any(c in label for c in "= \t\n"):
            raise InvalidInput(f"{label!r} cannot be a label.", "Write labels as key=value.")

    def plan(_: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        from catalog.iceberg.commits import Change
        from catalog.iceberg.properties import DESCRIPTION, LABEL, OWNER

        assert now is not None
        texts = {OWNER: said.owner, DESCRIPTION: said.description}
        texts |= {f"{LABEL}{key}": value for key, value in (said.labels or {}).items()}
        wanted = {k: v for k, v in texts.items() if v is not None}
        schema = _documented(now.schema, said.columns or {}, now.name)
        change = Change(
            properties={k: v for k, v in wanted.items() if v},
            drop_properties=[k for k, v in wanted.items() if not v],
            schema=schema,
        )
        journal = None if undoes else ("annotate", _annotation_of(now, said), _said(said))
        return change, writing.Rows(journal=journal, undoes=undoes)

    return writing.commit_existing(handles, dataset.id, plan).dataset


def _documented(schema: Schema, docs: Mapping[str, str], name: DatasetName) -> Schema | None:
    if not docs:
        return None
    for column in docs:
        if schema.find(column) is None:
            known = ", ".join(schema.names[:12])
            raise NotFound(f"{name} has no column {column!r}.", f"Its columns: {known}.")
    fields = (replace(f, doc=docs[f.name] or None) if f.name in docs else f for f in schema.fields)
    return replace(schema, fields=tuple(fields))


def _annotation_of(dataset: Dataset, said: Annotation) -> dict[str, Any]:
    """What the dataset says now of everything that is about to be said."""
    summary = dataset.summary
    docs = {f.name: f.doc or "" for f in dataset.schema.fields}
    return {
        "owner": (summary.owner or "") if said.owner is not None else None,
        "description": (summary.description or "") if said.description is not None else None,
        "labels": {k: summary.labels.get(k, "") for k in said.labels or {}},
        "columns": {c: docs[c] for c in said.columns or {}},
    }


def _said(said: Annotation) -> dict[str, Any]:
    return {
        "owner": said.owner,
        "description": said.description,
        "labels": dict(said.labels or {}),
        "columns": dict(said.columns or {}),
    }


def rename(handles: Handles, name: str, new: str) -> Done:
    """Give a dataset another name; its history and its files stay where they are.

    Raises:
        Conflict: the name is taken.
    """
    handles.require_writable()
    dataset, _ = query.dataset_at(handles, name, None)
    wanted = parse_dataset(new)
    if wanted == dataset.name:
        raise Conflict(f"{name} is called so already.")
    after = _rename(handles, dataset, wanted, None)
    return Done(f"{name} is called {wanted} now.", after)


def _rename(handles: Handles, dataset: Dataset, wanted: DatasetName, undoes: int | None) -> Dataset:
    from catalog.metadata import records

    with handles.database.write() as conn:
        if not records.rename(conn, dataset, wanted):
            raise Conflict(f"There is a dataset {wanted} already.", "Take another name.")
        if undoes is None:
            names = {"name": str(dataset.name)}, {"name": str(wanted)}
            records.write_journal(conn, dataset, handles.now(), "rename", *names)
        else:
            records.mark_undone(conn, undoes)
    return handles.reader.dataset(wanted)


def drop(handles: Handles, name: str) -> Done:
    """Take a dataset off the list; nothing of it is deleted, `undrop` brings it back."""
    handles.require_writable()
    dataset, _ = query.dataset_at(handles, name, None)
    _drop(handles, dataset, None)
    return Done(f"{name} is dropped. Bring it back with: lakectl undrop {name}", dataset)


def _drop(handles: Handles, dataset: Dataset, undoes: int | None) -> None:
    from catalog.metadata import records

    with handles.database.write() as conn:
        if not records.drop(conn, dataset, handles.now()):
            raise Conflict(f"{dataset.name} has changed just now.", "Look at it and try again.")
        if undoes is None:
            state = {"name": str(dataset.name), "metadata_location": dataset.metadata_location}
            records.write_journal(conn, dataset, handles.now(), "drop", state, state)
        else:
            records.mark_undone(conn, undoes)


def undrop(handles: Handles, name: str) -> Done:
    """Bring a dropped dataset back, the one of that name dropped last.

    Raises:
        NotFound: none of that name was dropped.
        Conflict: another dataset has the name now.
    """
    handles.require_writable()
    wanted = parse_dataset(name)
    found = next((s for s, _ in handles.reader.dropped() if s.name == wanted), None)
    if found is None:
        raise NotFound(f"No dataset {name} was dropped.", "See them: lakectl ls --dropped")
    after = _undrop(handles, found.id, None)
    return Done(f"{name} is back at v{after.summary.version}.", after)


def _undrop(handles: Handles, dataset_id: str, undoes: int | None) -> Dataset:
    from catalog.metadata import records

    dataset = handles.reader.dataset_by_id(dataset_id)
    assert dataset is not None
    with handles.database.write() as conn:
        if not records.undrop(conn, dataset):
            raise Conflict(
                f"Another dataset is called {dataset.name} now.",
                f"Rename that one first: lakectl rename {dataset.name} NEW",
            )
        if undoes is None:
            state = {"name": str(dataset.name)}
            records.write_journal(conn, dataset, handles.now(), "undrop", state, state)
        else:
            records.mark_undone(conn, undoes)
    return dataset


def newest(handles: Handles, name: str | None = None) -> str:
    """What `undo` would take back, in words: `the rollback of nyc.trips`.

    Raises:
        NotFound: there is nothing to take back.
    """
    _, _, called, action, _, _ = _newest(handles, name)
    what = {
        "ingest": "the load into",
        "branch load": "the load on a branch of",
        "annotate": "the annotation of",
    }.get(str(action))
    return f"{what or f'the {action} of'} {called}"


def _newest(handles: Handles, name: str | None) -> tuple[Any, ...]:
    handles.require_writable()
    change = handles.reader.last_change(_identity(handles, name) if name is not None else None)
    if change is None:
        raise NotFound("There is nothing to undo.")
    return change


def undo(handles: Handles, name: str | None = None) -> Done:
    """Take the last change back: of one dataset, or of the whole lake.

    Raises:
        NotFound: there is nothing to take back.
        Conflict: something was changed since, by whom the message says as far as it is known.
    """
    number, owner, called, action, before, after = _newest(handles, name)
    undoer = _UNDO.get(str(action))
    if undoer is None:
        raise Conflict(f"The last change ({action} of {called}) cannot be taken back.")
    made = json.loads(before), json.loads(after)
    dataset = handles.reader.dataset_by_id(str(owner))
    if dataset is None:
        raise NotFound(f"{called} is not known any more.")
    if handles.reader.is_live(dataset.id):
        dataset = sync.follow(handles, dataset)
    return undoer(handles, dataset, made, int(number))


def _identity(handles: Handles, name: str) -> str:
    wanted = parse_dataset(name)
    found = handles.reader.id_of(wanted)
    if found is None:
        found = next((s.id for s, _ in handles.reader.dropped() if s.name == wanted), None)
    return found or handles.reader.dataset(wanted).id


_Made = tuple[dict[str, Any], dict[str, Any]]


def _undo_head(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    """Take back an ingest or a rollback: main goes to where it was before."""
    before, after = made
    if dataset.snapshot_id != after["snapshot_id"]:
        raise Conflict(
            f"{dataset.name} has moved on to v{dataset.summary.version} since.",
            f"See who wrote what: lakectl versions {dataset.name}; go back with lakectl rollback.",
        )
    if before["snapshot_id"] is None:
        _drop(handles, dataset, number)
        return Done(f"{dataset.name} is dropped again: it was new.", dataset)
    known = {v.snapshot_id: v for v in handles.reader.versions(dataset)}
    version = known[before["snapshot_id"]]
    if version.state == "expired":
        raise NotFound(f"v{version.version} of {dataset.name} has expired.")
    state = _move_main(handles, dataset, version, number, before.get("schema_id"))
    return Done(f"{dataset.name} is back at v{version.version}.", state)


def _undo_ref(kind: str) -> Callable[[Handles, Dataset, _Made, int], Done]:
    def undoer(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
        before, after = made
        if _refs(dataset, kind).get(after["ref"]) != after["at"]:
            raise Conflict(f"The {kind} {after['ref']} of {dataset.name} was moved since.")
        state = _write_ref(handles, dataset, before["ref"], before["at"], kind, number)
        gone = "is gone again" if before["at"] is None else "is back where it was"
        return Done(f"The {kind} {before['ref']} of {dataset.name} {gone}.", state)

    return undoer


def _undo_annotate(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    parts = ("owner", "description", "labels", "columns")
    before, said = (Annotation(**{part: one[part] for part in parts}) for one in made)
    if _annotation_of(dataset, said) != _said(said):
        raise Conflict(f"{dataset.name} was annotated again since.")
    state = _write_annotation(handles, dataset, before, number)
    return Done(f"{dataset.name} is described as before.", state)


def _undo_rename(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    before, after = made
    if str(dataset.name) != after["name"]:
        raise Conflict(f"{after['name']} was renamed again since.")
    state = _rename(handles, dataset, parse_dataset(before["name"]), number)
    return Done(f"{after['name']} is called {before['name']} again.", state)


def _undo_drop(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    if handles.reader.is_live(dataset.id):
        raise Conflict(f"{dataset.name} is back already.")
    state = _undrop(handles, dataset.id, number)
    return Done(f"{state.name} is back at v{state.summary.version}.", state)


def _undo_undrop(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    _drop(handles, dataset, number)
    return Done(f"{dataset.name} is dropped again.", dataset)


_UNDO: dict[str, Callable[[Handles, Dataset, _Made, int], Done]] = {
    "ingest": _undo_head,
    "rollback": _undo_head,
    "tag": _undo_ref("tag"),
    "branch": _undo_ref("branch"),
    "branch load": _undo_ref("branch"),
    "annotate": _undo_annotate,
    "rename": _undo_rename,
    "drop": _undo_drop,
    "undrop": _undo_undrop,
}
