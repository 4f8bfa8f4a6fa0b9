"""When a task need not run again: off unless asked for, and every hit and miss says why.

@task(cache=Cache())                                # the same arguments, the same code
@task(cache=Cache(dataset="nyc.trips"))             # … and the same version of a dataset
@task(cache_key_fn=task_input_hash, cache_expiration=timedelta(days=1))     # Prefect's words
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs import digests

if TYPE_CHECKING:
    from jobs.flow import Task


@dataclass(frozen=True)
class Cache:
    """What the key of a task's cache is made of.

    Args:
        inputs: the arguments.
        code: the function itself.
        dataset: the current version of one dataset, or of several.
        expires: how long a result is good; for ever by default.
    """

    inputs: bool = True
    code: bool = True
    dataset: str | tuple[str, ...] = ()
    expires: timedelta | None = None


class Key(NamedTuple):
    """A key, and the digests that it was made of, by name."""

    digest: str
    parts: Mapping[str, str]


class CallContext(NamedTuple):
    """What `cache_key_fn` gets as its first argument."""

    task: Task
    run_id: str
    task_run_name: str


def task_input_hash(context: CallContext, parameters: Mapping[str, Any]) -> str | None:
    """A key of the task's arguments and code, as `cache_key_fn`; None if they have no digest."""
    try:
        return digests.of_value([digests.of_code(context.task.fn), dict(parameters)])
    except digests.Undigested:
        return None


def key_of(
    task: Task, values: Mapping[str, Any], context: CallContext, versions: Mapping[str, int]
) -> Key | str | None:
    """The key of one call; a text that tells why there is none; None where no cache was asked for.

    Args:
        task: which.
        values: its arguments by name.
        context: for a `cache_key_fn`.
        versions: of the datasets that its cache names.
    """
    options = task.options
    parts: dict[str, str] = {}
    if options.cache_key_fn is not None:
        own = options.cache_key_fn(context, dict(values))
        if own is None:
            return "not cached: its cache_key_fn gave no key"
        parts["key"] = str(own)
    elif options.cache is None:
        return None
    else:
        try:
            if options.cache.code:
                parts["code"] = digests.of_code(task.fn)
            if options.cache.inputs:
                parts |= {f"argument {n}": digests.of_value(v) for n, v in values.items()}
        except digests.Undigested as error:
            return f"not cached: what it depends on has no digest: {error}"
        parts |= {f"dataset {name}": str(version) for name, version in versions.items()}
    whole = json.dumps([task.key, sorted(parts.items())])
    return Key(digests.of_value(whole), parts)


def datasets_of(task: Task) -> tuple[str, ...]:
    """The datasets whose versions are part of the key."""
    named = task.options.cache.dataset if task.options.cache else ()
    return (named,) if isinstance(named, str) else tuple(named)


def why_missed(key: Key, last: Mapping[str, str] | None) -> str:
    """Why there is no result of a key, in words.

    Args:
        key: the key.
        last: the parts of the newest result of the task, or None where there is none.
    """
    if last is None:
        return "cache miss: nothing was kept of this task"
    differs = [name for name in key.parts if last.get(name) != key.parts[name]]
    if not differs:
        return "cache miss: what was kept has expired"
    return f"cache miss: differs from the last by {', '.join(sorted(differs))}"
