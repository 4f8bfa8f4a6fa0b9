"""Make sure that `catalog`, `jobs` and `screens` are ours.

Their names are common in people's own projects, and whichever folder comes first on `sys.path`
would win. So they are loaded from beside this package, by place, before anything else.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_SIBLINGS = ("catalog", "jobs", "screens")


def pin() -> None:
    """Put the three packages beside this one into `sys.modules`.

    Raises:
        ImportError: one of the names is already taken by another module in this process.
    """
    home = Path(__file__).parent.parent
    for name in _SIBLINGS:
        place = home / name / "__init__.py"
        loaded = sys.modules.get(name)
        if loaded is not None:
            if Path(getattr(loaded, "__file__", None) or "").resolve() != place.resolve():
                raise ImportError(
                    f"lakectl needs its own package {name!r} at {place}, but this process has "
                    f"already imported another one: {getattr(loaded, '__file__', loaded)}. "
                    "Import lakectl first, or rename yours."
                )
            continue
        spec = importlib.util.spec_from_file_location(
            name, place, submodule_search_locations=[str(place.parent)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"lakectl is not whole: {place} is missing. Install it again.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
