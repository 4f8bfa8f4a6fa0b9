"""The time that the lake goes by. `LAKECTL_CLOCK=+3600` sets its clock an hour ahead, for tests."""

from __future__ import annotations

import os
import time


def seconds() -> float:
    """The time in seconds since 1970, UTC."""
    return time.time() + float(os.environ.get("LAKECTL_CLOCK") or 0)


def milliseconds() -> int:
    """The time in whole milliseconds since 1970, UTC."""
    return int(seconds() * 1000)
