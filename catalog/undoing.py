"""Taking changes back: each puts what the journal tells was before, if nobody changed it since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from catalog import altering, quarantine, sync
from catalog.altering import Annotation
from catalog.changes import Done
from catalog.errors import Conflict, LakeError, NotFound
from catalog.handles import Handles
from catalog.metadata.values import damaged, object_of, parsed
from catalog.model import Dataset
from catalog.names import parse_dataset

_Made = tuple[dict[str, Any], dict[str, Any]]
_Undoer = Callable[[Handles, Dataset, _Made, int], Done]


class _Line(NamedTuple):
    """A line of the journal."""

    number: int
    dataset_id: str
    called: str
    action: str
    before: str
    after: str

    @property
    def made(self) -> _Made:
        """What was before, and what is after it.

        Raises:
            OperationFailed: the line is damaged.
        """
        made = (
            parsed(object_of, self.before, "journal", self.called),
            parsed(object_of, self.after, "journal", self.called),
        )
        for name, is_kind in _HOLDS.get(self.action, {}).items():
            if not all(name in one and is_kind(one[name]) for one in made):
                raise damaged("journal", self.called)
        return made


def _is_number(cell: object) -> bool:
    return cell is None or type(cell) is int


def _is_text(cell: object) -> bool:
    return isinstance(cell, str)


def _is_said(cell: object) -> bool:
    return cell is None or isinstance(cell, str)


def _are_said(cell: object) -> bool:
    return isinstance(cell, dict) and all(isinstance(value, str) for value in cell.values())


_Cells = dict[str, Callable[[object], bool]]
_OF_HEAD: _Cells = {"snapshot_id": _is_number}
_OF_REF: _Cells = {"ref": _is_text, "at": _is_number}
# What a line must hold, before and after, to be taken back.
_HOLDS: dict[str, _Cells] = {
    "ingest": _OF_HEAD,
    "rollback": _OF_HEAD,
    "tag": _OF_REF,
    "branch": _OF_REF,
    "branch load": _OF_REF,
    "annotate": {
        "owner": _is_said,
        "description": _is_said,
        "labels": _are_said,
        "columns": _are_said,
    },
    "rename": {"name": _is_text},
}


def newest(handles: Handles, name: str | None = None) -> str:
    """What `undo` would take back, in words: `the rollback of nyc.trips`.

    Raises:
        NotFound: there is nothing to take back.
    """
    line = _newest(handles, name)
    what = _WORDS.get(line.action, f"the {line.action} of")
    aside, is_last = _rejects(handles, line)
    more = f" and the rows that it put aside in {aside.called}" if aside and is_last else ""
    return f"{what} {line.called}{more}"


def undo(handles: Handles, name: str | None = None) -> Done:
    """Take the last change back: of one dataset, or of the whole lake.

    The rows that a load put aside go with it, unless others came after them.

    Raises:
        NotFound: there is nothing to take back.
        Conflict: something was changed since, by whom the message says as far as it is known.
    """
    line = _newest(handles, name)
    aside, is_last = _rejects(handles, line)
    done = _undo(handles, line)
    if aside is None:
        return done
    if not is_last and not _is_there(handles, aside, quarantine.key_for(line.made[1]["key"])):
        return done
    also = f"What it put aside stays: {aside.called} was changed since."
    if is_last:
        try:
            also = _undo(handles, aside).sentence
        except LakeError as error:
            also = f"What it put aside stays: {error.message}"
    return Done(f"{done.sentence} {also}", done.dataset)


def take_back_load(handles: Handles, key: str) -> None:
    """Take back the load that has a write key, unless another change came after it."""
    line, is_last = _last_after(handles, key)
    if line is not None and is_last:
        _undo(handles, line)


def _undo(handles: Handles, line: _Line) -> Done:
    undoer = _UNDO.get(line.action)
    if undoer is None:
        raise Conflict(f"The last change ({line.action} of {line.called}) cannot be taken back.")
    dataset = handles.reader.dataset_by_id(line.dataset_id)
    if dataset is None:
        raise NotFound(f"{line.called} is not known any more.")
    if handles.reader.is_live(dataset.id):
        dataset = sync.follow(handles, dataset)
    return undoer(handles, dataset, line.made, line.number)


def _newest(handles: Handles, name: str | None) -> _Line:
    handles.require_writable()
    line = handles.reader.last_change(_identity(handles, name) if name is not None else None)
    if line is None:
        raise NotFound("There is nothing to undo.")
    return _Line(*line)


def _rejects(handles: Handles, line: _Line) -> tuple[_Line | None, bool]:
    """The last change of the dataset where a load put rows aside, and whether it is just that."""
    key = line.made[1].get("key")
    return (None, False) if key is None else _last_after(handles, quarantine.key_for(key))


def _last_after(handles: Handles, key: str) -> tuple[_Line | None, bool]:
    """The last change of the dataset that a load went to, and whether it is that load."""
    found = handles.reader.landed(key)
    last = handles.reader.last_change(found[0]) if found else None
    if last is None:
        return None, False
    line = _Line(*last)
    return line, line.made[1].get("key") == key


def _is_there(handles: Handles, aside: _Line, key: str) -> bool:
    """Whether what a load put aside is in the dataset as it is now; it may have been taken back."""
    found = handles.reader.landed(key)
    dataset = handles.reader.dataset_by_id(aside.dataset_id)
    if found is None or dataset is None or not handles.reader.is_live(dataset.id):
        return False
    states = {v.version: v.state for v in handles.reader.versions(dataset)}
    return states.get(found[1]) in {"current", "live"}


def _identity(handles: Handles, name: str) -> str:
    wanted = parse_dataset(name)
    found = handles.reader.id_of(wanted)
    if found is None:
        found = next((s.id for s, _ in handles.reader.dropped() if s.name == wanted), None)
    return found or handles.reader.dataset(wanted).id


def _undo_head(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    """Take back an ingest or a rollback: main goes to where it was before."""
    before, after = made
    if dataset.snapshot_id != after["snapshot_id"]:
        raise Conflict(
            f"{dataset.name} has moved on to v{dataset.summary.version} since.",
            f"See who wrote what: lakectl versions {dataset.name}; go back with lakectl rollback.",
        )
    if before["snapshot_id"] is None:
        altering.drop(handles, dataset, number)
        return Done(f"{dataset.name} is gone again: this load had made it.", dataset)
    known = {v.snapshot_id: v for v in handles.reader.versions(dataset)}
    version = known.get(before["snapshot_id"])
    if version is None:
        raise damaged("journal", dataset.name)
    if version.state == "expired":
        raise NotFound(f"v{version.version} of {dataset.name} has expired.")
    state = altering.move_main(handles, dataset, version, number, before.get("schema_id"))
    return Done(f"{dataset.name} is back at v{version.version}.", state)


def _undo_ref(kind: str) -> _Undoer:
    def undoer(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
        before, after = made
        if altering.refs(dataset, kind).get(after["ref"]) != after["at"]:
            raise Conflict(f"The {kind} {after['ref']} of {dataset.name} was moved since.")
        state = altering.write_ref(handles, dataset, before["ref"], before["at"], kind, number)
        gone = "is gone again" if before["at"] is None else "is back where it was"
        return Done(f"The {kind} {before['ref']} of {dataset.name} {gone}.", state)

    return undoer


def _undo_annotate(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    parts = ("owner", "description", "labels", "columns")
    before, said = (Annotation(**{part: one[part] for part in parts}) for one in made)
    if altering.annotation_of(dataset, said) != said.to_json():
        raise Conflict(f"{dataset.name} was annotated again since.")
    state = altering.write_annotation(handles, dataset, before, number)
    return Done(f"{dataset.name} is described as before.", state)


def _undo_rename(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    before, after = made
    if str(dataset.name) != after["name"]:
        raise Conflict(f"{after['name']} was renamed again since.")
    state = altering.rename(handles, dataset, parse_dataset(before["name"]), number)
    return Done(f"{after['name']} is called {before['name']} again.", state)


def _undo_drop(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    if handles.reader.is_live(dataset.id):
        raise Conflict(f"{dataset.name} is back already.")
    state = altering.undrop(handles, dataset.id, number)
    return Done(f"{state.name} is back at v{state.summary.version}.", state)


def _undo_undrop(handles: Handles, dataset: Dataset, made: _Made, number: int) -> Done:
    altering.drop(handles, dataset, number)
    return Done(f"{dataset.name} is dropped again.", dataset)


_UNDO: dict[str, _Undoer] = {
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

_WORDS = {
    "ingest": "the load into",
    "branch load": "the load on a branch of",
    "annotate": "the annotation of",
}
