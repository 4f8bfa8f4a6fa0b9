"""The cache around one task run: what is kept of it, what is found, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from catalog.errors import LakeError, NotFound
from jobs import cache, logs, results
from jobs.outcome import Outcome
from jobs.states import State
from jobs.store.kept import Entry, Kept

if TYPE_CHECKING:
    from jobs.context import World
    from jobs.tasks import Job

_WARNING = 30


def _kept(world: World) -> Kept | None:
    return None if world.connection is None else Kept(world.connection, world.now)


def look(job: Job) -> Outcome | None:
    """The kept result of a call, or None; `job.key` and `job.cache_note` tell more."""
    options = job.task.options
    if options.cache is None and options.cache_key_fn is None:
        return None
    kept, folder = _kept(job.run.world), job.run.world.results
    if kept is None or folder is None:
        job.cache_note = "not cached: this run is not recorded"
        return None
    context = cache.CallContext(job.task, job.run.run_id, job.name)
    key = cache.key_of(job.task, job.values, context, _versions(job))
    if not isinstance(key, cache.Key):
        job.cache_note = key
        return None
    job.key = key
    if options.refresh_cache:
        job.cache_note = "cache passed over: refresh_cache"
        return None
    entry = kept.find(key.digest)
    if entry is None:
        job.cache_note = cache.why_missed(key, kept.last_parts(job.task.key))
        return None
    try:
        value = results.decode(entry.result, folder)
    except results.Lost as error:
        job.cache_note = f"cache miss: {error.message}"
        return None
    reason = f"cache hit: result of run {entry.run_id}"
    return Outcome(State.COMPLETED, value, reason=reason, cached=True)


def _versions(job: Job) -> dict[str, int]:
    """The current versions of the datasets that the key is made of."""
    names = cache.datasets_of(job.task)
    if not names or job.run.world.open_lake is None:
        return {}
    lake = job.run.world.open_lake()
    found = {}
    for name in names:
        try:
            found[name] = lake.describe(name).summary.version
        except NotFound:
            found[name] = 0
    return found


def keep(job: Job, outcome: Outcome) -> str | None:
    """The result as its row keeps it; in the cache too, if the task asked for that."""
    if outcome.state is not State.COMPLETED:
        return None
    world, options = job.run.world, job.task.options
    if world.results is None:
        return None
    key = job.key
    wanted = options.persist_result
    if wanted is None:
        wanted = bool(job.run.flow.options.persist_result) or key is not None
    try:
        text = results.keepable(outcome.result(), world.results if wanted else None)
    except results.Unkept as error:
        if wanted and not outcome.cached:
            logs.tell(_WARNING, f"The result of {job.name} is not kept: {error}")
            if key is not None:
                job.cache_note = f"not cached: {error}"
        return None
    if key is not None and not outcome.cached:
        _put(job, key, text)
    return text


def _put(job: Job, key: cache.Key, text: str) -> None:
    kept = _kept(job.run.world)
    assert kept is not None  # else there would be no key
    options = job.task.options
    lasts = options.cache_expiration
    if lasts is None and options.cache is not None:
        lasts = options.cache.expires
    now = job.run.world.now()
    until = None if lasts is None else now + lasts // timedelta(milliseconds=1)
    try:
        kept.keep(key.digest, job.task.key, key.parts, Entry(job.run.run_id, now, until, text))
    except LakeError as error:  # the work is done; only the next run must do it again
        logs.tell(_WARNING, f"The result of {job.name} was not cached: {error.message}")
