"""What a run would do, without running a line of the flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobs import making, parameters, unchanged
from jobs.context import World
from jobs.recorder import Nowhere
from jobs.states import State

if TYPE_CHECKING:
    from jobs.flow import Flow
    from lakectl.root import Lake


def plan(lake: Lake, flow: Flow, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of a flow would do, as far as that can be known before.

    What it reads and writes is told from its last completed run, because a flow is a program: only
    running it tells for certain.

    Args:
        lake: the lake.
        flow: which.
        values: its parameters.

    Returns:
        `parameters`, `origin`, `retries`, `timeout_seconds`, `skips` (the reason, or None),
        `waits_for` (limits that are used up), `reads` and `writes` (each with the version now),
        `cached` (tasks whose results its last run kept).

    Raises:
        InvalidParameters: it cannot be called so.
    """
    checked = parameters.check(flow, values)
    handles = lake.handles
    new = making.new_run(flow, checked, handles.now())
    world = World(Nowhere(None), handles.now, handles.reader, open_lake=lambda: lake)
    skips = unchanged.why_skipped(world, flow, new) if flow.options.skip_if_unchanged else None
    history = lake.runs.history
    last = history.last_completed(flow.name, new.id)
    limits = lake.runs.slots.limits()
    name = f"flow:{flow.name}"
    full = name in limits and lake.runs.slots.held_of_flow(flow.name) >= limits[name]
    return {
        "flow": flow.name,
        "origin": new.origin,
        "parameters": dict(new.details.parameters),
        "retries": flow.options.retries,
        "timeout_seconds": flow.options.timeout_seconds,
        "skips": skips,
        "waits_for": [name] if full else [],
        "judged_by": last.name if last else None,
        "reads": [_now(lake, r.dataset, r.version) for r in history.reads(last.id)] if last else [],
        "writes": [_now(lake, w.dataset, w.version) for w in history.writes(last.id)]
        if last
        else [],
        "cached": _cached(lake, last.id) if last else [],
    }


def _now(lake: Lake, dataset: str, then: int) -> dict[str, Any]:
    from catalog.errors import NotFound

    try:
        version = lake.describe(dataset).summary.version
    except NotFound:
        return {"dataset": dataset, "version": None, "last_time": then}
    return {"dataset": dataset, "version": version, "last_time": then}


def _cached(lake: Lake, run_id: str) -> list[str]:
    """The tasks of the last run that came from a cache."""
    found = lake.runs.history.tasks(run_id, states=(State.COMPLETED,))
    return [task.name for task in found if task.cached]
