"""The dashboard, in which one handler has a mistake: `PLACE:CLASS.METHOD` on the command line.

Its local variables and the text of its error hold a secret that nobody may see.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

CANARY = "hunter2-canary"


def _fails(*_: Any, **__: Any) -> NoReturn:
    password = CANARY
    raise RuntimeError(f"the password is {password}")


def main() -> None:
    """Break the handler, then be `lakectl`."""
    place, _, path = sys.argv.pop(1).partition(":")
    owner, _, method = path.partition(".")
    setattr(getattr(importlib.import_module(place), owner), method, _fails)
    from lakectl.__main__ import main as command

    command()


if __name__ == "__main__":
    main()
