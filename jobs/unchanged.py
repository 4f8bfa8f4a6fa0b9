"""Whether a run would find what the last one found: the same inputs, parameters and code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.errors import NotFound
from jobs.model import Write
from jobs.store.history import History

if TYPE_CHECKING:
    from jobs.context import World
    from jobs.flow import Flow
    from jobs.store.moves import NewRun


def _stands(lake: Any, write: Write) -> bool:
    """Whether a version that a run wrote is still part of what its dataset is now."""
    try:
        dataset = lake.describe(write.dataset)
    except NotFound:
        return False
    states = {v.version: v.state for v in lake.versions(write.dataset)}
    return dataset.id == write.dataset_id and states.get(write.version) in {"live", "current"}


def why_skipped(world: World, flow: Flow, new: NewRun, before: str | None = None) -> str | None:
    """The sentence that tells why a run need not be done; None if it must.

    What the last completed run of the flow read is compared with what is there now. A version that
    it wrote itself counts as the one that it had read.

    Args:
        world: of the runs.
        flow: whose run.
        new: the run that is to be made.
        before: the id of the run that was made for it already.
    """
    if world.connection is None or world.open_lake is None:
        return None
    history = History(world.connection)
    last = history.last_completed(flow.name, before or new.id)
    if last is None:
        return None
    details = history.details(last.id)
    if details.parameters != new.details.parameters:
        return None
    if details.code.get("source") != new.details.code.get("source"):
        return None
    reads, writes = history.reads(last.id), history.writes(last.id)
    # What a task took from a cache, or from a run before, it did not read in this one.
    if not reads or last.resume_of or any(task.cached for task in history.tasks(last.id)):
        return None
    if not all(_stands(world.open_lake(), write) for write in writes):
        return None  # it was taken back
    written = {write.dataset_id: write.version for write in writes}
    seen: dict[str, str] = {}
    for read in reads:
        now = world.open_lake().handles.reader.dataset_by_id(read.dataset_id)
        version = now.summary.version if now is not None else None
        if version not in {read.version, written.get(read.dataset_id)}:
            return None
        seen[read.dataset] = f"{read.dataset} v{version}"
    return f"inputs are those of {last.name}: {', '.join(seen.values())}"
