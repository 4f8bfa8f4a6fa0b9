"""lakectl: a data-lake manager that lives in the terminal.

    import lakectl

    lake = lakectl.open()                       # finds lakectl.toml upwards from here
    trips = lake.dataset("nyc.trips")
    trips.append(frame, message="January")      # a new version
    trips.at("v1").to_pandas()                  # an old one
    lakectl.connect().sql("FROM lake_at('nyc.trips', 1)")

Names are resolved at first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_DOORS = {
    "open": ("lakectl.root", "open_lake"),
    "connect": ("lakectl.root", "connect"),
    "init": ("lakectl.root", "init_lake"),
    "Lake": ("lakectl.root", "Lake"),
    "DatasetHandle": ("lakectl.root", "DatasetHandle"),
    "flow": ("lakectl.flows", "flow"),
    "task": ("lakectl.flows", "task"),
    "lake": ("lakectl.flows", "lake"),
    "get_run_logger": ("lakectl.flows", "get_run_logger"),
    "unmapped": ("lakectl.flows", "unmapped"),
    "allow_failure": ("lakectl.flows", "allow_failure"),
    "task_input_hash": ("lakectl.flows", "task_input_hash"),
    "Cache": ("lakectl.flows", "Cache"),
    "exponential_backoff": ("lakectl.flows", "exponential_backoff"),
    "progress": ("lakectl.flows", "progress"),
    "artifact": ("lakectl.flows", "artifact"),
    "ThreadPoolTaskRunner": ("lakectl.flows", "ThreadPoolTaskRunner"),
    "ConcurrentTaskRunner": ("lakectl.flows", "ConcurrentTaskRunner"),
    "SequentialTaskRunner": ("lakectl.flows", "SequentialTaskRunner"),
    "ProcessPoolTaskRunner": ("lakectl.flows", "ProcessPoolTaskRunner"),
    "LakeError": ("catalog.errors", "LakeError"),
    "Conflict": ("catalog.errors", "Conflict"),
    "InvalidInput": ("catalog.errors", "InvalidInput"),
    "InvalidName": ("catalog.errors", "InvalidName"),
    "NotAllowed": ("catalog.errors", "NotAllowed"),
    "NotFound": ("catalog.errors", "NotFound"),
    "OperationFailed": ("catalog.errors", "OperationFailed"),
    "SchemaConflict": ("catalog.errors", "SchemaConflict"),
    "StoreUnreachable": ("catalog.errors", "StoreUnreachable"),
}

__all__ = ["__version__", *_DOORS]

if TYPE_CHECKING:
    from catalog.errors import Conflict as Conflict
    from catalog.errors import InvalidInput as InvalidInput
    from catalog.errors import InvalidName as InvalidName
    from catalog.errors import LakeError as LakeError
    from catalog.errors import NotAllowed as NotAllowed
    from catalog.errors import NotFound as NotFound
    from catalog.errors import OperationFailed as OperationFailed
    from catalog.errors import SchemaConflict as SchemaConflict
    from catalog.errors import StoreUnreachable as StoreUnreachable
    from lakectl.flows import Cache as Cache
    from lakectl.flows import ConcurrentTaskRunner as ConcurrentTaskRunner
    from lakectl.flows import ProcessPoolTaskRunner as ProcessPoolTaskRunner
    from lakectl.flows import SequentialTaskRunner as SequentialTaskRunner
    from lakectl.flows import ThreadPoolTaskRunner as ThreadPoolTaskRunner
    from lakectl.flows import allow_failure as allow_failure
    from lakectl.flows import artifact as artifact
    from lakectl.flows import exponential_backoff as exponential_backoff
    from lakectl.flows import flow as flow
    from lakectl.flows import get_run_logger as get_run_logger
    from lakectl.flows import lake as lake
    from lakectl.flows import progress as progress
    from lakectl.flows import task as task
    from lakectl.flows import task_input_hash as task_input_hash
    from lakectl.flows import unmapped as unmapped
    from lakectl.root import DatasetHandle as DatasetHandle
    from lakectl.root import Lake as Lake
    from lakectl.root import connect as connect
    from lakectl.root import init_lake as init  # noqa: F401 - see __all__
    from lakectl.root import open_lake as open  # noqa: A004, F401 - the public name


def __getattr__(name: str) -> Any:
    if name not in _DOORS:
        raise AttributeError(f"module 'lakectl' has no attribute {name!r}")
    import importlib

    from lakectl import _names

    _names.pin()
    module, attribute = _DOORS[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
