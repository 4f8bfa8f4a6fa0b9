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
    "open": ("lakectl.lake", "open_lake"),
    "connect": ("lakectl.lake", "connect"),
    "init": ("lakectl.lake", "init_lake"),
    "Lake": ("lakectl.lake", "Lake"),
    "DatasetHandle": ("lakectl.lake", "DatasetHandle"),
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
    from lakectl.lake import DatasetHandle as DatasetHandle
    from lakectl.lake import Lake as Lake
    from lakectl.lake import connect as connect
    from lakectl.lake import init_lake as init  # noqa: F401 - see __all__
    from lakectl.lake import open_lake as open  # noqa: A004, F401 - the public name


def __getattr__(name: str) -> Any:
    if name not in _DOORS:
        raise AttributeError(f"module 'lakectl' has no attribute {name!r}")
    import importlib

    from lakectl import _names

    _names.pin()
    module, attribute = _DOORS[name]
    return getattr(importlib.import_module(module), attribute)
