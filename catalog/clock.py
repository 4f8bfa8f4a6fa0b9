"""The time that the lake goes by. `LAKECTL_CLOCK=+3600` sets its clock an hour ahead, for tests."""

from __future__ import annotations

import os
import time
from functools import cache

from catalog.errors import InvalidInput


def seconds() -> float:
    """The time in seconds since 1970, UTC."""
    return time.time() + _ahead(os.environ.get("LAKECTL_CLOCK") or "0")


@cache
def _ahead(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(
            f"LAKECTL_CLOCK says {text!r}.", "It takes seconds, such as +3600 or -60."
        ) from error


def milliseconds() -> int:
    """The time in whole milliseconds since 1970, UTC."""
    return int(seconds() * 1000)
