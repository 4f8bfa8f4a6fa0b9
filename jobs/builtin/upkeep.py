"""The ready flow `upkeep`: what is no longer needed goes."""

from __future__ import annotations

from jobs import retention
from jobs.context import current_run, lake_of_run
from jobs.flow import flow
from jobs.logs import get_run_logger


@flow(name="upkeep")
def upkeep(keep_runs_days: float = 90, keep_runs: int = 100, litter: bool = True) -> dict[str, int]:
    """Remove old runs, results that nobody keeps, and the files of loads that did not end.

    Args:
        keep_runs_days: runs that ended so many days ago go.
        keep_runs: but so many of each flow stay.
        litter: whether files that no version holds go too.

    Returns:
        How many runs, kept results and files went.
    """
    world = current_run("upkeep").world
    assert world.connection is not None  # a run with a lake has a store
    log = get_run_logger()
    runs = retention.prune_runs(world.connection, world.now(), keep_runs_days, keep_runs)
    log.info("%d runs were removed", runs)
    results = (
        0 if world.results is None else retention.prune_results(world.connection, world.results)
    )
    log.info("%d kept results were removed", results)
    files = 0
    if litter:
        lake = lake_of_run()
        for step in lake.repairs(lake.doctor()):
            if step.tidies:
                log.info("%s", step.sentence)
                step.do()
                files += 1
    return {"runs": runs, "results": results, "litter": files}
