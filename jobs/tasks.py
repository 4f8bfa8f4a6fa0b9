"""One task run, from its call to its end: wait, look into the cache, take slots, try, try again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalog import chance, faults
from catalog.errors import InvalidInput, LakeError
from jobs import caching, digests, hooks, isolation, logs, naming, results, retry
from jobs.context import RunScope, TaskScope, current_run, run_scope, task_scope
from jobs.deadlines import limited
from jobs.errors import TimedOut, UpstreamFailed
from jobs.futures import Future, FutureList, allow_failure, futures_in, resolved, unmapped
from jobs.outcome import Outcome
from jobs.secrets import masker
from jobs.slots import slot_for
from jobs.states import State

if TYPE_CHECKING:
    from jobs.cache import Key
    from jobs.flow import Task

INFO, WARNING, ERROR = 20, 30, 40


@dataclass(slots=True)
class Job:
    """A task run under way."""

    run: RunScope
    task: Task
    values: dict[str, Any]
    future: Future
    identity: str
    waits: tuple[tuple[Future, bool], ...]  # what it needs, and whether that may have failed
    submitted: bool = False  # it runs beside the flow, in a thread of its runner
    started: int | None = None
    attempt: int = 1
    key: Key | None = None  # of the cache
    cache_note: str | None = None  # why the cache gave nothing
    scope: TaskScope | None = None  # of the attempt that is going on
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """Of the task run."""
        return self.future.name


# -- calls ----------------------------------------------------------------------------------------


def call(
    task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], *, return_state: bool, wait_for: Any
) -> Any:
    """Run a task here, and give its result, or with `return_state` what became of it.

    Raises:
        BaseException: what the function raised, after its last attempt.
    """
    run = run_scope.get()
    if run is None or run.is_foreign():
        return _plainly(task, args, kwargs, return_state)
    job = _prepare(run, task, args, kwargs, wait_for)
    for future, _ in job.waits:
        if not future.done():
            future.wait()
    _perform(job)
    outcome = job.future.wait()
    return outcome if return_state else outcome.result()


def _plainly(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], return_state: bool) -> Any:
    """Outside of a run a task is the function that it was made of."""
    if not return_state:
        return task.fn(*args, **kwargs)
    try:
        return Outcome(State.COMPLETED, task.fn(*args, **kwargs))
    except Exception as error:  # noqa: BLE001 - asked for as a value
        return Outcome(State.FAILED, error=error, reason=described(error))


def submit(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], *, wait_for: Any) -> Future:
    """Let a task run beside the flow, as soon as what it needs has ended.

    Raises:
        InvalidInput: no flow is running here.
        TypeError: the arguments do not fit the function.
    """
    run = current_run(f"{task.name}.submit()")
    job = _prepare(run, task, args, kwargs, wait_for)
    job.submitted = True
    run.children.append(job.future)
    missing = [future for future, _ in job.waits if not future.done()]
    if not missing:
        _put(job)
        return job.future
    left = [len(missing)]

    def one_less(_: Future) -> None:
        with job.lock:
            left[0] -= 1
            ready = not left[0]
        if ready:
            _put(job)

    for future in missing:
        future.when_done(one_less)
    return job.future


def map_over(
    task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], *, wait_for: Any
) -> FutureList:
    """Submit a task once for every item.

    Raises:
        InvalidInput: no flow is running, the lengths differ, or there is nothing to go through.
    """
    current_run(f"{task.name}.map()")
    bound = task.signature.bind(*args, **kwargs)
    given = dict(bound.arguments)
    many = {name: _listed(value) for name, value in given.items() if _is_many(value)}
    lengths = {name: len(items) for name, items in many.items()}
    if not many:
        raise InvalidInput(f"{task.name}.map() was given nothing to go through.", _MAP_HINT)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InvalidInput(
            f"{task.name}.map() was given lists of several lengths: {told}.", _MAP_HINT
        )
    futures = FutureList()
    for number in range(next(iter(lengths.values()))):
        item = {name: many[name][number] if name in many else given[name] for name in given}
        values, named = task.spread(item)
        futures.append(submit(task, values, named, wait_for=wait_for))
    return futures


_MAP_HINT = "Give it lists of one length; unmapped(value) gives one value to every call."


def _is_many(value: Any) -> bool:
    if isinstance(value, unmapped | str | bytes | Mapping | Future):
        return False
    return hasattr(value, "__iter__") and not hasattr(value, "columns")


def _listed(value: Any) -> Any:
    return value if hasattr(value, "__getitem__") and hasattr(value, "__len__") else list(value)


def _prepare(
    run: RunScope, task: Task, args: Sequence[Any], kwargs: Mapping[str, Any], wait_for: Any
) -> Job:
    values = task.bind(args, kwargs)
    counted = run.count(f"task {task.name}")
    needed = tuple(futures_in(list(values.values())))
    if wait_for is not None:
        needed += tuple(futures_in(wait_for if isinstance(wait_for, list) else [wait_for]))
    above = task_scope.get()
    inside = f"{above.identity} " if above is not None and above.run is run else ""
    identity = run.identity(f"{inside}{task.key} {_told_apart(values)}")
    future = Future(run.number(), f"{task.name}-{counted}", identity)
    return Job(run, task, values, future, identity, needed)


def _told_apart(values: Mapping[str, Any]) -> str:
    """What tells two calls of one task from each other; futures by the task that gives them."""
    return digests.but_for_tables({name: _named_futures(value) for name, value in values.items()})


def _named_futures(value: Any) -> Any:
    if isinstance(value, Future):
        return f"future {value.identity}"
    if isinstance(value, unmapped | allow_failure):
        return _named_futures(value.value)
    if isinstance(value, list | tuple):
        return [_named_futures(item) for item in value]
    if isinstance(value, dict):
        return {name: _named_futures(item) for name, item in value.items()}
    return value


def _put(job: Job) -> None:
    run = job.run
    if run.runner is None:
        from jobs.runners import ThreadPoolTaskRunner

        chosen = run.flow.options.task_runner or ThreadPoolTaskRunner()
        run.runner = (chosen() if isinstance(chosen, type) else chosen).start()
    # A task that submits others stands in a thread of the runner itself.
    run.runner.put(lambda: _in_thread(job, _perform), patiently=task_scope.get() is None)


def _in_thread(job: Job, work: Callable[[Job], None]) -> None:
    """Do something of a job in a thread that knows no run yet."""
    token = run_scope.set(job.run)
    try:
        work(job)
    finally:
        run_scope.reset(token)


# -- one run --------------------------------------------------------------------------------------


def _perform(job: Job) -> None:
    """Everything up to the end, whatever happens; the future is settled then."""
    try:
        _begin(job)
    except BaseException as error:
        _settle(job, _failed(error))
        if not isinstance(error, Exception):  # a cancelled run ends here, after it was told
            raise


def _begin(job: Job) -> None:
    failed = next((f for f, may in job.waits if not may and not _completed(f)), None)
    if failed is not None:
        failed.looked_at = True
        why = UpstreamFailed(f"{job.name} was not run: {failed.name} did not complete.")
        _settle(job, Outcome(State.SKIPPED, error=why, reason=f"{failed.name} did not complete"))
        return
    job.values = {name: resolved(value) for name, value in job.values.items()}
    job.future.name = _named(job)[:500]
    found = _adopted(job) or caching.look(job)
    if found is not None:
        _settle(job, found)
        return
    job.started = job.run.world.now()
    with slot_for(job.run, job.task.options.tags, job.future.number, _waiting(job)):
        _attempts(job)


def _completed(future: Future) -> bool:
    return future.outcome is not None and future.outcome.state is State.COMPLETED


def _named(job: Job) -> str:
    template = job.task.options.task_run_name
    if template is None:
        return job.name
    return naming.from_template(template, job.values, f"task {job.task.name!r}")


def _waiting(job: Job) -> Any:
    return lambda why: _tell(job, State.PENDING, why)


def _adopted(job: Job) -> Outcome | None:
    """The result that the run which this one resumes had already."""
    old = job.run.adopted.get(job.identity)
    folder = job.run.world.results
    if old is None or folder is None or old.child_run is not None:
        return None
    if old.result is None:
        _say(job, INFO, "Runs again: its result was not kept; persist_result=True keeps it")
        return None
    try:
        value = results.decode(old.result, folder)
    except (results.Lost, ValueError, TypeError, KeyError) as error:
        _say(job, WARNING, f"Runs again: {error}")
        return None
    return Outcome(State.COMPLETED, value, reason="taken over from the resumed run", cached=True)


def _attempts(job: Job) -> None:
    options = job.task.options
    while True:
        _tell(job, State.RUNNING, None)
        outcome = _attempt(job)
        if outcome is None:  # it was given up from outside
            return
        if outcome.state is State.COMPLETED or not _may_retry(job, outcome):
            _settle(job, outcome)
            return
        seconds = retry.delay(
            options.retry_delay_seconds,
            options.retries,
            job.attempt,
            options.retry_jitter_factor,
            chance.fraction(),
        )
        why = f"attempt {job.attempt} of {options.retries + 1} failed: {outcome.reason}"
        later = f"; the next in {seconds:g} s" if seconds else ""
        logs.tell(WARNING, f"Task run {job.name!r}: {why}{later}")
        _tell(job, State.RUNNING, f"{why}{later}")
        time.sleep(seconds)
        job.attempt += 1


def _may_retry(job: Job, outcome: Outcome) -> bool:
    options = job.task.options
    if job.attempt > options.retries or not isinstance(outcome.error, Exception):
        return False
    condition = options.retry_condition_fn
    return condition is None or bool(condition(job.task, hooks.told_of(job), outcome))


def _attempt(job: Job) -> Outcome | None:
    """One attempt; None when its time was over and it could not be stopped."""
    options = job.task.options
    prints = options.log_prints
    if prints is None:
        prints = bool(job.run.flow.options.log_prints)
    scope = TaskScope(job.run, job.future.number, job.name, job.identity, prints)
    job.scope = scope
    token = task_scope.set(scope)
    try:
        args, kwargs = job.task.spread(job.values)
        if isolation.wanted(job):
            value = isolation.call(job, args, kwargs)
        else:
            with limited(options.timeout_seconds, job.name, lambda: _give_up(job, scope)):
                value = job.task.fn(*args, **kwargs)
        _refuse_twins(job)
        outcome = Outcome(State.COMPLETED, value)
    except Exception as error:  # noqa: BLE001 - whatever a task raises is its outcome
        _refuse_twins(job)
        outcome = _failed(error)
    finally:
        task_scope.reset(token)
    return None if scope.abandoned else outcome


def _refuse_twins(job: Job) -> None:
    """A task that forked must not go on twice: the copy ends where its task does."""
    if job.run.is_foreign():
        os._exit(0)


def _give_up(job: Job, scope: TaskScope) -> None:
    """Its time is over and it does not stop: leave its thread behind, or end the whole run."""
    seconds = job.task.options.timeout_seconds
    reason = f"timed out after {seconds:g} s, in code that cannot be interrupted"
    run = job.run
    if not job.submitted:
        if run.world.give_up is not None:
            run.world.give_up(run.run_id, f"task {job.name} {reason}")
        return
    scope.abandoned = True
    if run.runner is not None:
        run.runner.replace_one()
    outcome = Outcome(State.FAILED, error=TimedOut(f"{job.name} {reason}"), reason=reason)
    try:
        again = run.runner is not None and _may_retry(job, outcome)
    except Exception:  # noqa: BLE001 - people's own condition; nobody else would settle the task
        again = False
    if again and run.runner is not None:
        job.attempt += 1
        run.runner.put(lambda: _in_thread(job, _attempts))
        return
    _settle(job, outcome)


def _failed(error: BaseException) -> Outcome:
    if isinstance(error, TimedOut):
        return Outcome(State.FAILED, error=error, reason=str(error))
    if isinstance(error, KeyboardInterrupt):
        return Outcome(State.CANCELLED, error=error, reason="its run was asked to stop")
    if not isinstance(error, Exception):
        return Outcome(State.CRASHED, error=error, reason=described(error))
    return Outcome(State.FAILED, error=error, reason=described(error))


def described(error: BaseException) -> str:
    """An error in one line: its kind and its message."""
    try:
        text = error.message if isinstance(error, LakeError) else str(error)
    except Exception:  # noqa: BLE001 - people's errors may fail at telling of themselves
        text = "its message cannot be told"
    text = masker.mask(text)  # before it is cut: half a secret is one too
    first = text.strip().splitlines()[0] if text.strip() else ""
    kind = type(error).__name__
    return f"{kind}: {first}"[:1000] if first else kind


# -- telling --------------------------------------------------------------------------------------


def _settle(job: Job, outcome: Outcome) -> None:
    """Keep and tell what became of it, and let go of its arguments."""
    with job.lock:
        if job.future.done():
            return
        kept = caching.keep(job, outcome)
        if outcome.state is not State.COMPLETED:
            job.run.unfinished[job.future.number] = job.future
        faults.reach("task.ended")
        _tell(job, outcome.state, outcome.reason or job.cache_note, outcome, kept)
    level = INFO if outcome.state in {State.COMPLETED, State.SKIPPED} else ERROR
    _say(job, level, f"Finished in state {outcome!r}")
    hooks.after_task(job, outcome)
    job.values = {}
    job.waits = ()
    job.future.settle(outcome)


def _say(job: Job, level: int, message: str) -> None:
    token = task_scope.set(TaskScope(job.run, job.future.number, job.name, job.identity))
    try:
        logs.tell(level, message)
    finally:
        task_scope.reset(token)


def _tell(
    job: Job,
    state: State,
    reason: str | None,
    outcome: Outcome | None = None,
    kept: str | None = None,
) -> None:
    row = {
        "number": job.future.number,
        "name": job.name,
        "task": job.task.name,
        "state": state.value,
        "reason": reason,
        "attempt": job.attempt,
        "started": job.started,
        "ended": job.run.world.now() if outcome is not None else None,
        "cached": outcome is not None and outcome.cached,
        "waits": [future.number for future, _ in job.waits],
        "inputs": job.identity,
        "result": kept,
    }
    job.run.world.recorder.tell("task", job.run.run_id, row)
