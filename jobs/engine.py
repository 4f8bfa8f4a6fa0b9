"""One run of a flow in this process: its body, its tasks, its end. Who keeps it is the recorder's.

A flow that is called in a flow is a subflow: a run of its own in the same process. One that is
called anywhere else is a run in this process (`jobs/local`). The supervisor starts a process for a
run and calls `execute` in it (`jobs/child`).
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import InvalidInput, LakeError
from jobs import digests, hooks, logs, making, parameters, results, retry
from jobs.context import RunScope, run_scope, task_scope
from jobs.deadlines import limited
from jobs.errors import Cancelled, InvalidParameters, TimedOut, UnfinishedWork
from jobs.futures import Future, futures_in, resolved
from jobs.model import TaskRun
from jobs.outcome import Outcome
from jobs.secrets import masker
from jobs.states import State
from jobs.store.history import History
from jobs.tasks import described

if TYPE_CHECKING:
    from jobs.flow import Flow

_INFO, _ERROR = 20, 40
_DEEPEST = 20  # subflows inside each other


def call(
    flow: Flow, args: Sequence[Any], kwargs: Mapping[str, Any], *, return_state: bool, wait_for: Any
) -> Any:
    """Run a flow here, and give its result, or with `return_state` what became of it.

    Raises:
        InvalidParameters: it cannot be called so.
        BaseException: what the function raised, after its last attempt.
    """
    from jobs import loader, local

    if threading.get_ident() in loader.importing:
        raise InvalidInput(
            f"Flow {flow.name!r} was called while its file is imported.",
            "Put the call under: if __name__ == '__main__':",
        )
    parent = run_scope.get()
    values = _bound(flow, args, kwargs)
    if parent is None or parent.is_foreign():
        outcome = local.run(flow, parameters.check(flow, values))
    else:
        outcome = _subflow(parent, flow, values, wait_for)
    return outcome if return_state else outcome.result()


def _bound(flow: Flow, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name, those that were given."""
    try:
        return dict(flow.signature.bind(*args, **kwargs).arguments)
    except TypeError:
        try:
            given = dict(flow.signature.bind_partial(*args, **kwargs).arguments)
        except TypeError as error:
            raise InvalidParameters(flow.name, _unknown(flow, kwargs, error)) from error
        parameters.check(flow, given)  # tells all that is missing
        raise


def _unknown(flow: Flow, kwargs: Mapping[str, Any], error: TypeError) -> dict[str, str]:
    extra = [name for name in kwargs if name not in flow.signature.parameters]
    return dict.fromkeys(extra, "there is no such parameter") or {"(arguments)": str(error)}


# -- one run --------------------------------------------------------------------------------------


def execute(scope: RunScope) -> Outcome:
    """Run the body of a flow and wait for its tasks; whatever it raises is the outcome."""
    tokens = run_scope.set(scope), task_scope.set(None)
    try:
        logs.tell(_INFO, f"Beginning flow run {scope.name!r} for flow {scope.flow.name!r}")
        outcome = _body(scope)
        hooks.after_flow(scope, outcome)
        level = _ERROR if outcome.state is State.FAILED else _INFO
        if level is _ERROR and not isinstance(outcome.error, LakeError):
            logs.tell(_ERROR, error_text(outcome.error) or "")
        logs.tell(level, f"Finished in state {outcome!r}")
        return outcome
    finally:
        if scope.runner is not None:
            scope.runner.close()
        task_scope.reset(tokens[1])
        run_scope.reset(tokens[0])


def _body(scope: RunScope) -> Outcome:
    args, kwargs = scope.flow.spread(scope.values)
    options = scope.flow.options
    try:
        with ExitStack() as stack:
            stack.enter_context(logs.prints_logged())
            stack.enter_context(limited(options.timeout_seconds, scope.name, lambda: _stuck(scope)))
            value = scope.flow.fn(*args, **kwargs)
            for future in scope.children:
                _await(future)
        return _judged(scope, value)
    except TimedOut as error:
        return Outcome(State.FAILED, error=error, reason=str(error))
    except KeyboardInterrupt as error:
        reason = None if isinstance(error, Cancelled) else "interrupted"
        return Outcome(State.CANCELLED, error=error, reason=reason)
    except BaseException as error:  # noqa: BLE001 - whatever a flow raises is its outcome
        return Outcome(State.FAILED, error=error, reason=described(error))


def _await(future: Future) -> None:
    """Wait for a task without having looked at what became of it."""
    looked = future.looked_at
    future.wait()
    future.looked_at = looked


def _stuck(scope: RunScope) -> None:
    if scope.world.give_up is not None:
        seconds = scope.flow.options.timeout_seconds
        scope.world.give_up(scope.run_id, f"timed out after {seconds:g} s")


def _judged(scope: RunScope, value: Any) -> Outcome:
    """Whether a flow that came to its end completed: by what it returned, and by its tasks."""
    if isinstance(value, Outcome):
        return _handed_on(value)
    if isinstance(value, list | tuple) and value and all(isinstance(v, Outcome) for v in value):
        bad = next((v for v in value if v.state is not State.COMPLETED), None)
        return _handed_on(bad) if bad else Outcome(State.COMPLETED, [v.result() for v in value])
    for future, may_fail in futures_in(value):
        outcome = future.wait()
        if outcome.state is not State.COMPLETED and not may_fail:
            return Outcome(State.FAILED, error=outcome.error, reason=f"{future.name} failed")
    unseen = [f for f in scope.unfinished.values() if not f.looked_at]
    if unseen:
        names = ", ".join(f.name for f in unseen[:5]) + (", …" if len(unseen) > 5 else "")
        many = f"{len(unseen)} tasks did" if len(unseen) > 1 else "A task did"
        error = UnfinishedWork(f"{many} not complete: {names}.")
        error.__cause__ = next((f.outcome.error for f in unseen if f.outcome), None)
        return Outcome(State.FAILED, error=error, reason=error.message)
    return Outcome(State.COMPLETED, resolved(value))


def _handed_on(outcome: Outcome) -> Outcome:
    if outcome.state is State.COMPLETED:
        return Outcome(State.COMPLETED, outcome.result())
    return Outcome(State.FAILED, error=outcome.error, reason=outcome.reason)


def error_text(error: BaseException | None) -> str | None:
    """The traceback of an error in people's own code, without a line of ours.

    Of an error that ours raised on purpose the sentence says all.
    """
    if error is None or isinstance(error, KeyboardInterrupt):
        return None
    told = traceback.TracebackException.from_exception(error, limit=-40)
    seen: traceback.TracebackException | None = told
    while seen is not None:
        theirs = [frame for frame in seen.stack if not _is_ours(frame.filename)]
        seen.stack[:] = theirs if theirs or isinstance(error, LakeError) else seen.stack
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return masker.mask("".join(told.format()))[-64_000:]


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS)


_HERE = Path(__file__).parent.parent
_OURS = tuple(f"{_HERE / name}/" for name in ("catalog", "jobs", "lakectl", "screens"))


# -- subflows -------------------------------------------------------------------------------------


def _subflow(parent: RunScope, flow: Flow, given: Mapping[str, Any], wait_for: Any) -> Outcome:
    _refuse_cycle(parent, flow)
    for future, _ in futures_in([*given.values(), wait_for]):
        future.wait()
    values = parameters.check(flow, {name: resolved(value) for name, value in given.items()})
    counted = parent.count(f"flow {flow.name}")
    identity = parent.identity(f"flow {flow.name} {digests.but_for_tables(values)}")
    number = parent.number()
    old = parent.adopted.get(identity)
    if old is not None and old.state is State.COMPLETED and old.result is not None:
        folder = parent.world.results
        assert folder is not None  # else nothing would have been adopted
        with suppress(results.Lost):  # then it runs again
            return Outcome(State.COMPLETED, results.decode(old.result, folder), cached=True)
    line = {"number": number, "name": f"{flow.name}-{counted}", "task": flow.name,
            "inputs": identity, "started": parent.world.now()}  # fmt: skip
    outcome = Outcome(State.FAILED)
    for attempt in range(1, flow.options.retries + 2):
        outcome = _child_run(parent, flow, values, {**line, "attempt": attempt})
        if outcome.state is not State.FAILED or attempt > flow.options.retries:
            break
        _pause(flow, attempt, outcome)
    if outcome.state is State.CANCELLED and outcome.error is not None:
        raise outcome.error
    return outcome


def _child_run(
    parent: RunScope, flow: Flow, values: dict[str, Any], line: dict[str, Any]
) -> Outcome:
    """One run of a subflow, and the line of its parent that stands for it."""
    world = parent.world
    now = world.now()
    root = blake2b(f"{parent.root} {line['inputs']}".encode(), digest_size=16).hexdigest()
    new = making.new_run(flow, values, now, parent=parent.run_id, root=root)
    world.recorder.begin(new)
    told = {**line, "child": new.id}

    def tell(state: State, **more: Any) -> None:
        row = {**told, "state": state.value, **more}
        world.recorder.tell("task", parent.run_id, row)

    tell(State.RUNNING)
    adopted = _adopted_of(parent, line["inputs"])
    scope = RunScope(world, new.id, new.name, flow, root, values, parent, adopted)
    outcome = execute(scope)
    world.recorder.end(new.id, outcome.state, outcome.reason, error_text(outcome.error))
    kept = kept_result(scope, outcome)
    tell(outcome.state, reason=outcome.reason, ended=world.now(), result=kept)
    return outcome


def _adopted_of(parent: RunScope, identity: str) -> dict[str, TaskRun]:
    """What the same subflow of the resumed run had finished."""
    old = parent.adopted.get(identity)
    if old is None or old.child_run is None or parent.world.connection is None:
        return {}
    return adopted_from(History(parent.world.connection), old.child_run)


def adopted_from(history: History, run_id: str) -> dict[str, TaskRun]:
    """The task runs of a run by their identity, for one that resumes it."""
    found: dict[str, TaskRun] = {}
    after = 0
    while page := history.tasks(run_id, after):
        found |= {task.inputs: task for task in page if task.inputs and _is_of_use(task)}
        after = page[-1].number
    return found


def _is_of_use(task: TaskRun) -> bool:
    return task.child_run is not None or task.state is State.COMPLETED


def kept_result(scope: RunScope, outcome: Outcome) -> str | None:
    """The result of a flow as the line of its parent keeps it."""
    folder = scope.world.results
    if outcome.state is not State.COMPLETED or folder is None:
        return None
    try:
        wanted = folder if scope.flow.options.persist_result else None
        return results.keepable(outcome.result(), wanted)
    except results.Unkept:
        return None


def _refuse_cycle(parent: RunScope, flow: Flow) -> None:
    """A flow that calls itself for ever ends here, told by its chain.

    Raises:
        RecursionError: as Python's own, with the names of the flows.
    """
    chain: list[str] = [flow.name]
    scope: RunScope | None = parent
    while scope is not None:
        chain.append(scope.flow.name)
        scope = scope.parent
    if len(chain) > _DEEPEST:
        told = " > ".join(reversed(chain[: chain[1:].index(flow.name) + 2]))
        raise RecursionError(f"Subflows call each other in a circle, {_DEEPEST} deep: {told}")


def _pause(flow: Flow, attempt: int, outcome: Outcome) -> None:
    options = flow.options
    seconds = retry.delay(options.retry_delay_seconds, options.retries, attempt, 0, 0)
    logs.tell(30, f"Attempt {attempt} of flow {flow.name!r} failed: {outcome.reason}; "
                  f"the next in {seconds:g} s")  # fmt: skip
    time.sleep(seconds)
