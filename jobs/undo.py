"""Taking back what a run wrote: every dataset as it was before, if nobody has written since."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from catalog.errors import Conflict, NotFound
from jobs.errors import RunConflict
from jobs.model import Effect, Write
from jobs.states import LIVE
from jobs.store.history import History

if TYPE_CHECKING:
    from catalog.model import Version
    from jobs.model import Run


def effects(lake: Any, history: History, run: Run) -> list[Effect]:
    """What undoing a run would do, dataset by dataset; nothing is done.

    Args:
        lake: the open lake.
        history: of its runs.
        run: which.

    Raises:
        RunConflict: it has not ended.
    """
    if run.state in LIVE:
        raise RunConflict(
            f"{run.name} has not ended.", f"Stop it first: lakectl run cancel {run.name}"
        )
    writes = sorted(history.writes(run.id), key=lambda write: (write.dataset_id, write.version))
    return [
        found
        for _, group in groupby(writes, key=lambda write: write.dataset_id)
        if (found := _effect(lake, history, list(group))) is not None
    ]


def _effect(lake: Any, history: History, writes: list[Write]) -> Effect | None:
    """What undoing does to one dataset; None where it has been undone already."""
    name = writes[0].dataset
    own = {write.version for write in writes}
    try:
        dataset = lake.describe(name)
    except NotFound:
        return None  # it was dropped
    if dataset.id != writes[0].dataset_id:
        return None
    versions: list[Version] = lake.versions(name)
    by_snapshot = {version.snapshot_id: version for version in versions}
    head = by_snapshot.get(dataset.snapshot_id)
    line = []
    while head is not None:
        line.append(head)
        head = by_snapshot.get(head.parent_id) if head.parent_id is not None else None
    if not any(version.version in own for version in line):
        return None
    first = min(own & {version.version for version in line})
    later = [v for v in line if v.version > first and v.version not in own]
    before = next((v for v in line if v.version < first), None)
    conflict = None
    if later:
        conflict = f"v{later[0].version} was written since by {_who(history, later[0])}"
    elif before is not None and before.state == "expired":
        conflict = f"v{before.version}, the one before it, has expired"
    target = before.version if before is not None else None
    return Effect(name, line[0].version, target, conflict)


def _who(history: History, version: Version) -> str:
    if version.run_id is None:
        return f"{version.operation} ({version.message or 'outside of a run'})"
    return f"run {history.names([version.run_id]).get(version.run_id, version.run_id)}"


def undo(lake: Any, history: History, run: Run) -> list[Effect]:
    """Put back every dataset that a run wrote; what it made is dropped, and can be undropped.

    All or nothing is decided before the first: then they are done one after the other, and what a
    failure leaves undone the same call does later.

    Returns:
        What was done.

    Raises:
        Conflict: somebody has written since; nothing was done.
    """
    planned = effects(lake, history, run)
    blocked = [effect for effect in planned if effect.conflict]
    if blocked:
        told = "; ".join(f"{effect.dataset}: {effect.conflict}" for effect in blocked)
        raise Conflict(
            f"{run.name} cannot be undone: {told}. Nothing was changed.",
            "Look with lakectl versions; go back by hand: lakectl rollback DATASET --to VERSION",
        )
    for effect in planned:
        if effect.to_version is None:
            lake.drop(effect.dataset)
        else:
            lake.rollback(effect.dataset, effect.to_version)
    return planned
