"""Log lines and bars of runs on stderr, for whoever runs a flow by hand."""

from __future__ import annotations

import logging
import sys
from typing import Any

from jobs import logs
from screens.text import safe

_CLEAR = "\r\x1b[K"
_LONGEST = 1 << 30  # characters: a log line is shown whole


def show(row: dict[str, Any]) -> None:
    """A log line, or where stderr is a terminal how far a loop is."""
    bars = sys.stderr.isatty()
    clear = _CLEAR if bars else ""
    if "label" in row:
        if bars:
            sys.stderr.write(f"{clear}{safe(_bar(row))}")
            sys.stderr.flush()
    elif row["level"] >= logging.INFO:
        text = logs.line_of(row["at"], row["level"], row["of"], row["message"])
        sys.stderr.write(f"{clear}{safe(text, limit=_LONGEST, multiline=True)}\n")


def _bar(row: dict[str, Any]) -> str:
    done, total = int(row["done"]), row["total"]
    if not total:
        return f"{row['label']} {done:,}"
    filled = min(20, done * 20 // int(total))
    return f"{row['label']} {'█' * filled}{'░' * (20 - filled)} {done:,}/{int(total):,}"
