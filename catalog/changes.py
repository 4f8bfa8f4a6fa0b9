"""Changes that move no data: refs, names, owners and drops, by the name of their dataset."""

from __future__ import annotations

from dataclasses import dataclass

from catalog import altering, query
from catalog.altering import Annotation, refs
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.handles import Handles
from catalog.model import Dataset
from catalog.names import check_ref, parse_dataset


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
    after = altering.move_main(handles, dataset, version)
    was = dataset.summary.version
    return Done(f"{name} is at v{version.version} again (was v{was}).", after)


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
    if ref not in refs(dataset, kind):
        raise NotFound(f"{name} has no {kind} {ref!r}.")
    after = altering.write_ref(handles, dataset, ref, None, kind)
    return Done(f"The {kind} {ref} of {name} is gone.", after)


def _set_ref(handles: Handles, name: str, ref: str, at: str | int | None, kind: str) -> Done:
    handles.require_writable()
    check_ref(ref)
    dataset, version = query.dataset_at(handles, name, at)
    if version is None:
        raise NotFound(f"{name} has no version to name yet.")
    other = "branch" if kind == "tag" else "tag"
    if ref in refs(dataset, other):
        raise Conflict(f"{name} has a {other} called {ref!r} already.")
    if refs(dataset, kind).get(ref) == version.snapshot_id:
        told = f"{kind.capitalize()} {ref} of {name} is v{version.version} already."
        return Done(told, dataset)
    after = altering.write_ref(handles, dataset, ref, version.snapshot_id, kind)
    return Done(f"{kind.capitalize()} {ref} of {name} is v{version.version}.", after)


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
    after = altering.write_annotation(handles, dataset, said)
    return Done(f"{name} is annotated.", after)


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
    after = altering.rename(handles, dataset, wanted)
    return Done(f"{name} is called {wanted} now.", after)


def drop(handles: Handles, name: str) -> Done:
    """Take a dataset off the list; nothing of it is deleted, `undrop` brings it back."""
    handles.require_writable()
    dataset, _ = query.dataset_at(handles, name, None)
    altering.drop(handles, dataset)
    return Done(f"{name} is dropped. Bring it back with: lakectl undrop {name}", dataset)


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
    after = altering.undrop(handles, found.id)
    return Done(f"{name} is back at v{after.summary.version}.", after)
