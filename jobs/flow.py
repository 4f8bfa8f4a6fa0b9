"""Flows and tasks: plain functions with a few words about how to run them.

    @task(retries=3)
    def extract(month: int) -> pd.DataFrame: ...

    @flow
    def taxi(months: list[int]) -> None:
        frames = extract.map(months)

Decorating does nothing but remember; what happens when one is called is `jobs/engine` for flows and
`jobs/tasks` for tasks. The names of the arguments are Prefect's, so that its flow files run here.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, overload

from catalog.errors import InvalidInput
from jobs.cache import Cache
from jobs.retry import Delays

Hook = Callable[[Any, Any, Any], object]
KeyFunction = Callable[[Any, dict[str, Any]], str | None]


@dataclass(frozen=True)
class FlowOptions:
    """How a flow is run; the arguments of `flow`."""

    name: str
    description: str = ""
    retries: int = 0
    retry_delay_seconds: Delays = 0
    timeout_seconds: float | None = None
    validate_parameters: bool = True
    persist_result: bool | None = None
    log_prints: bool = False
    tags: tuple[str, ...] = ()
    flow_run_name: str | Callable[[], str] | None = None
    task_runner: Any = None
    skip_if_unchanged: bool = False
    on_completion: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()
    on_cancellation: tuple[Hook, ...] = ()
    on_crashed: tuple[Hook, ...] = ()


@dataclass(frozen=True)
class TaskOptions:
    """How a task is run; the arguments of `task`."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    retries: int = 0
    retry_delay_seconds: Delays = 0
    retry_jitter_factor: float = 0.0
    retry_condition_fn: Callable[[Any, Any, Any], bool] | None = None
    timeout_seconds: float | None = None
    cache: Cache | None = None
    cache_key_fn: KeyFunction | None = None
    cache_expiration: timedelta | None = None
    refresh_cache: bool = False
    persist_result: bool | None = None
    log_prints: bool | None = None
    task_run_name: str | Callable[[], str] | None = None
    isolated: bool = False
    on_completion: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()


class _Wrapped:
    """What flows and tasks share: the function, and where it stands."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fn)  # type: ignore[arg-type]  # it calls like its function
        self.fn = fn

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The parameters of the function."""
        return inspect.signature(self.fn)

    @property
    def file(self) -> Path | None:
        """The file that the function stands in, or None where there is none."""
        name = self.fn.__code__.co_filename
        return None if name.startswith("<") else Path(name).resolve()

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name, with defaults.

        Raises:
            TypeError: they do not fit the function.
        """
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def spread(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments by name as a call needs them."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in self.signature.parameters.items():
            if name not in values:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                args.extend(values[name])
            elif parameter.kind is parameter.VAR_KEYWORD:
                kwargs.update(values[name])
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[name] = values[name]
            else:
                args.append(values[name])
        return args, kwargs


class Flow(_Wrapped):
    """A function whose every call is a run of its own."""

    def __init__(self, fn: Callable[..., Any], options: FlowOptions) -> None:
        super().__init__(fn)
        self.options = options
        self.origin: str | None = None  # the words by which another process finds it

    @property
    def name(self) -> str:
        """What it is called in lists."""
        return self.options.name

    def __call__(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run it here and now; a subflow if a flow calls it.

        Args:
            args: of the function.
            return_state: give the state it ended in instead of its result, and never raise.
            wait_for: futures that must end first.
            kwargs: of the function.

        Raises:
            InvalidParameters: the arguments do not pass; every one that does not is named.
        """
        from jobs import engine

        return engine.call(self, args, kwargs, return_state=return_state, wait_for=wait_for)

    def with_options(self, **changes: Any) -> Flow:
        """The same flow, run in another way."""
        changed = Flow(self.fn, _changed(self.options, changes))
        changed.origin = self.origin
        return changed

    def __repr__(self) -> str:
        return f"<flow {self.name}>"


class Task(_Wrapped):
    """A function whose every call inside a flow is seen, and may be retried, cached, fanned out."""

    def __init__(self, fn: Callable[..., Any], options: TaskOptions) -> None:
        super().__init__(fn)
        self.options = options

    @property
    def name(self) -> str:
        """What it is called in lists."""
        return self.options.name

    @property
    def key(self) -> str:
        """Its identity: what its function is called in its file, whatever the file is called."""
        return self.fn.__qualname__

    def __call__(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run it and wait for its result; outside of a flow it is the plain function."""
        from jobs import tasks

        return tasks.call(self, args, kwargs, return_state=return_state, wait_for=wait_for)

    def submit(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Let it run beside the flow; returns a future, or with `return_state` what became of it.

        Raises:
            InvalidInput: no flow is running here.
        """
        from jobs import tasks

        future = tasks.submit(self, args, kwargs, wait_for=wait_for)
        return future.wait() if return_state else future

    def map(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Let it run once for every item of its arguments, which must be of one length.

        What is no list (a text, a number, `unmapped(…)`) is given to each. Returns the futures.

        Raises:
            InvalidInput: the lengths differ, or nothing can be gone through.
        """
        from jobs import tasks

        futures = tasks.map_over(self, args, kwargs, wait_for=wait_for)
        return [future.wait() for future in futures] if return_state else futures

    def with_options(self, **changes: Any) -> Task:
        """The same task, run in another way."""
        return Task(self.fn, _changed(self.options, changes))

    def __repr__(self) -> str:
        return f"<task {self.name}>"


_PLURALS = ("tags", "on_completion", "on_failure", "on_cancellation", "on_crashed")


def _changed(options: Any, changes: Mapping[str, Any]) -> Any:
    return replace(options, **_tidied(type(options), changes))


def _tidied(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a decorator, checked.

    Raises:
        InvalidInput: there is no such argument, or its value makes no sense.
    """
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]  # both are dataclasses
    for name in given:
        if name not in known and name not in _IGNORED:
            word = "flow" if kind is FlowOptions else "task"
            raise InvalidInput(f"A {word} has no option {name!r}.", f"Known: {sorted(known)}.")
    if given.get("cache_policy") is not None:
        warnings.warn(
            "cache_policy is not known here and does nothing; say cache=Cache()", stacklevel=4
        )
    found = {name: value for name, value in given.items() if name in known}
    for name in _PLURALS:
        if name in found:
            found[name] = tuple(_listed(found[name]))
    for name in ("retries", "timeout_seconds"):
        value = found.get(name)
        if value is not None and (isinstance(value, bool) or value < 0):
            raise InvalidInput(f"{name} is {value!r}; it takes a number that is not negative.")
    return found


# Arguments of Prefect's decorators that have no meaning without its server.
_IGNORED = {"version", "result_storage", "result_serializer", "cache_result_in_memory",
            "result_storage_key", "viz_return_value", "on_running", "cache_policy",
            "result_storage_key_fn"}  # fmt: skip


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple | set | frozenset) else (value,) if value else ()


def _options(kind: type, fn: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """The options of a function; name and description are the function's own by default."""
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidInput(
            f"{fn.__qualname__} is an async function, which lakectl does not run.",
            "Write def; tasks that wait run beside each other with .submit() or .map().",
        )
    told = dict(given)
    name = told.pop("name", None) or fn.__name__.replace("_", "-" if kind is FlowOptions else "_")
    doc = inspect.getdoc(fn) or ""
    told.setdefault("description", doc.split("\n\n")[0].replace("\n", " "))
    return kind(name=name, **told)


@overload
def flow(fn: Callable[..., Any], /) -> Flow: ...


@overload
def flow(**options: Any) -> Callable[[Callable[..., Any]], Flow]: ...


def flow(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a flow: every call of it is a run, recorded with its parameters and tasks.

    Args:
        fn: the function.
        options: those of `FlowOptions`: `name`, `retries`, `retry_delay_seconds`,
            `timeout_seconds`, `log_prints`, `tags`, `validate_parameters`, `flow_run_name`,
            `task_runner`, `skip_if_unchanged`, `on_completion` and the other hooks.

    Raises:
        InvalidInput: there is no such option, or the function is async.
    """
    told = _tidied(FlowOptions, options)

    def make(function: Callable[..., Any]) -> Flow:
        return Flow(function, _options(FlowOptions, function, told))

    return make if fn is None else make(fn)


@overload
def task(fn: Callable[..., Any], /) -> Task: ...


@overload
def task(**options: Any) -> Callable[[Callable[..., Any]], Task]: ...


def task(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a task: every call of it in a flow is seen, and may be retried or cached.

    Args:
        fn: the function.
        options: those of `TaskOptions`: `name`, `retries`, `retry_delay_seconds`,
            `retry_jitter_factor`, `retry_condition_fn`, `timeout_seconds`, `cache`,
            `cache_key_fn`, `cache_expiration`, `refresh_cache`, `persist_result`, `log_prints`,
            `tags`, `task_run_name`, `isolated`, hooks.

    Raises:
        InvalidInput: there is no such option, or the function is async.
    """
    told = _tidied(TaskOptions, options)

    def make(function: Callable[..., Any]) -> Task:
        return Task(function, _options(TaskOptions, function, told))

    return make if fn is None else make(fn)
