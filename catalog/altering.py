"""How a dataset is altered without moving data, and the line that each leaves in the journal.

What each writes there, what was before and what is after, is what `catalog.undoing` puts back. It
then alters in its turn with `undoes`, the number of that line, and leaves none of its own: so that
the next undo goes one further back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from catalog import faults, query, writing
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.handles import Handles
from catalog.model import Dataset, Version
from catalog.names import DatasetName
from catalog.schema import Schema
from catalog.settling import settled

if TYPE_CHECKING:
    from catalog.iceberg.commits import Change
    from catalog.iceberg.tables import TableState


@dataclass(frozen=True, slots=True)
class Annotation:
    """What to say of a dataset; None leaves a thing as it is, an empty text takes it away."""

    owner: str | None = None
    description: str | None = None
    labels: Mapping[str, str] | None = None  # an empty value takes the label away
    columns: Mapping[str, str] | None = None  # docs by column

    def to_json(self) -> dict[str, Any]:
        """As it stands in the journal."""
        return {
            "owner": self.owner,
            "description": self.description,
            "labels": dict(self.labels or {}),
            "columns": dict(self.columns or {}),
        }


def move_main(
    handles: Handles,
    dataset: Dataset,
    version: Version,
    undoes: int | None = None,
    schema_id: int | None = None,
) -> Dataset:
    """Move main; its schema becomes the version's, or the one of an id that undo puts back."""
    schema = None if schema_id is None else handles.reader.schema(dataset, schema_id)
    if schema is None:
        schema = _with_docs_of(dataset.schema, query.schema_of(handles, dataset, version))
    head = dataset.snapshot_id

    def plan(_: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        from catalog.iceberg.commits import Change

        change = Change(main=version.snapshot_id, schema=schema, expected_head=head)
        before = {"version": now.summary.version if now else 0}
        journal: writing.Journal | None = None if undoes else ("rollback", before, {})
        return change, writing.Rows(journal=journal, undoes=undoes)

    return writing.commit_alone(handles, dataset, plan).dataset


def _with_docs_of(current: Schema, older: Schema) -> Schema:
    """An older schema with the docs of today: they describe columns, not versions."""
    docs = {f.id: f.doc for f in current.fields}
    fields = (replace(f, doc=docs.get(f.id, f.doc)) for f in older.fields)
    return replace(older, fields=tuple(fields))


def refs(dataset: Dataset, kind: str) -> Mapping[str, int]:
    """The snapshots that the tags or the branches of a dataset name."""
    return dataset.tags if kind == "tag" else dataset.branches


def write_ref(
    handles: Handles,
    dataset: Dataset,
    ref: str,
    snapshot: int | None,
    kind: str,
    undoes: int | None = None,
) -> Dataset:
    """Let a tag or branch name a snapshot; None takes it away."""

    def plan(_: TableState | None, now: Dataset | None) -> tuple[Change, writing.Rows]:
        from catalog.iceberg.commits import Change

        assert now is not None
        change = Change(tags={ref: snapshot}) if kind == "tag" else Change(branches={ref: snapshot})
        before = {"ref": ref, "at": refs(now, kind).get(ref)}
        journal = None if undoes else (kind, before, {"ref": ref, "at": snapshot})
        return change, writing.Rows(journal=journal, undoes=undoes)

    return writing.commit_alone(handles, dataset, plan).dataset


def write_annotation(
    handles: Handles, dataset: Dataset, said: Annotation, undoes: int | None = None
) -> Dataset:
    """Write properties and docs into the table.

    Raises:
        NotFound: there is no such column.
        InvalidInput: a label cannot be kept.
    """
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
        journal = None if undoes else ("annotate", annotation_of(now, said), said.to_json())
        return change, writing.Rows(journal=journal, undoes=undoes)

    return writing.commit_alone(handles, dataset, plan).dataset


def _documented(schema: Schema, docs: Mapping[str, str], name: DatasetName) -> Schema | None:
    if not docs:
        return None
    for column in docs:
        if schema.find(column) is None:
            known = ", ".join(schema.names[:12]) + (", …" if len(schema.names) > 12 else "")
            raise NotFound(f"{name} has no column {column!r}.", f"Its columns: {known}")
    fields = (replace(f, doc=docs[f.name] or None) if f.name in docs else f for f in schema.fields)
    return replace(schema, fields=tuple(fields))


def annotation_of(dataset: Dataset, said: Annotation) -> dict[str, Any]:
    """What the dataset says now of everything that is about to be said."""
    summary = dataset.summary
    docs = {f.name: f.doc or "" for f in dataset.schema.fields}
    return {
        "owner": (summary.owner or "") if said.owner is not None else None,
        "description": (summary.description or "") if said.description is not None else None,
        "labels": {k: summary.labels.get(k, "") for k in said.labels or {}},
        "columns": {c: docs[c] for c in said.columns or {}},
    }


def rename(
    handles: Handles, dataset: Dataset, wanted: DatasetName, undoes: int | None = None
) -> Dataset:
    """Give a dataset another name.

    Raises:
        Conflict: the name is taken.
    """
    from catalog.metadata import naming, records

    def is_done() -> bool:
        return handles.reader.id_of(wanted) == dataset.id

    with settled(handles, dataset.name, is_done), handles.database.write() as conn:
        if not naming.rename(conn, dataset, wanted):
            raise Conflict(f"There is a dataset {wanted} already.", "Take another name.")
        if undoes is None:
            names = {"name": str(dataset.name)}, {"name": str(wanted)}
            records.write_journal(conn, dataset, handles.now(), "rename", *names)
        else:
            records.mark_undone(conn, undoes)
        faults.reach("rename.written")
    return handles.reader.dataset(wanted)


def drop(handles: Handles, dataset: Dataset, undoes: int | None = None) -> None:
    """Take a dataset off the list.

    Raises:
        Conflict: it has changed since it was read.
    """
    from catalog.metadata import naming, records

    def is_done() -> bool:
        return not handles.reader.is_live(dataset.id)

    with settled(handles, dataset.name, is_done), handles.database.write() as conn:
        if not naming.drop(conn, dataset, handles.now()):
            raise Conflict(f"{dataset.name} has changed just now.", "Look at it and try again.")
        if undoes is None:
            state = {"name": str(dataset.name), "metadata_location": dataset.metadata_location}
            records.write_journal(conn, dataset, handles.now(), "drop", state, state)
        else:
            records.mark_undone(conn, undoes)
        faults.reach("drop.written")


def undrop(handles: Handles, dataset_id: str, undoes: int | None = None) -> Dataset:
    """Bring a dropped dataset back.

    Raises:
        Conflict: another one has its name now.
    """
    from catalog.metadata import naming, records

    def is_done() -> bool:
        return handles.reader.is_live(dataset_id)

    dataset = handles.reader.dataset_by_id(dataset_id)
    assert dataset is not None
    with settled(handles, dataset.name, is_done), handles.database.write() as conn:
        if not naming.undrop(conn, dataset):
            raise Conflict(
                f"Another dataset is called {dataset.name} now.",
                f"Rename that one first: lakectl rename {dataset.name} NEW",
            )
        if undoes is None:
            state = {"name": str(dataset.name)}
            records.write_journal(conn, dataset, handles.now(), "undrop", state, state)
        else:
            records.mark_undone(conn, undoes)
        faults.reach("undrop.written")
    return dataset
