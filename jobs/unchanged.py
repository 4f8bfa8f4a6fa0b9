"""Whether a run would find what the last one found: the same inputs, parameters and code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.store.history import History

if TYPE_CHECKING:
    from jobs.context import World
    from jobs.flow import Flow
    from jobs.store.moves import NewRun


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
    reads = history.reads(last.id)
    if not reads:
        return None
    written = {write.dataset_id: write.version for write in history.writes(last.id)}
    seen: dict[str, str] = {}
    for read in reads:
        now = world.open_lake().handles.reader.dataset_by_id(read.dataset_id)
        version = now.summary.version if now is not None else None
        if version not in {read.version, written.get(read.dataset_id)}:
            return None
        seen[read.dataset] = f"{read.dataset} v{version}"
    return f"inputs are those of {last.name}: {', '.join(seen.values())}"
