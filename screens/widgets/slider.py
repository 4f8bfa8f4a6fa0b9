"""The versions of a dataset as a line in time, the one that is shown in its middle."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.model import Version
from screens.text import exact, width
from screens.widgets.facts import Facts, Line

_HELP = "   , older  . newer"


class Slider(Facts):
    """`as of  v2 ─ v3 gold ─ ◉ v4 ─ v5   2026-11-21 14:02:00 UTC`."""

    def show(self, versions: Sequence[Version], chosen: int) -> None:
        """Show the neighbours of a version; `versions` are newest first."""
        oldest_first = list(reversed(versions))
        at = next((i for i, v in enumerate(oldest_first) if v.version == chosen), None)
        if at is None:
            self.lines = ()
            return
        here = oldest_first[at]
        when = f"   {exact(here.committed_at)}"
        room = self.size.width - width(when) - width(_HELP) - 8
        first, last = _window([width(_stop(v)) + 3 for v in oldest_first], at, room)
        parts: list[tuple[str, str]] = [("as of ", "dim"), ("… " if first else "", "dim")]
        for index in range(first, last + 1):
            stop = oldest_first[index]
            if index > first:
                parts.append((" ─ ", "dim"))
            parts.append((f"◉ {_stop(stop)}", "head") if index == at else (_stop(stop), ""))
        parts.append((" …" if last < len(oldest_first) - 1 else "", "dim"))
        line: Line = [*parts, (when, "dim"), (_HELP, "dim")]
        self.lines = (line,)


def _stop(version: Version) -> str:
    return " ".join((f"v{version.version}", *version.tags[:1]))


def _window(widths: Sequence[int], at: int, room: int) -> tuple[int, int]:
    """The first and the last stop that fit around one of them."""
    first = last = at
    room -= widths[at] + 2
    while True:
        grown = False
        if first > 0 and widths[first - 1] <= room:
            first -= 1
            room -= widths[first]
            grown = True
        if last < len(widths) - 1 and widths[last + 1] <= room:
            last += 1
            room -= widths[last]
            grown = True
        if not grown:
            return first, last
