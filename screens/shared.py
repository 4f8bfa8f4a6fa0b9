"""What the screens share: the lake, the clock, and how times are shown."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from screens.backend import Backend
from screens.text import age, instant, moment

if TYPE_CHECKING:
    from catalog.model import DatasetSummary


@dataclass
class Shared:
    """The same object for every screen of a dashboard."""

    backend: Backend
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    absolute_times: bool = False
    head: Future[list[DatasetSummary]] | None = None  # the first datasets, asked for early

    def when(self, time: datetime) -> str:
        """A time as lists show it: an age, or a date after `T`."""
        return moment(time) if self.absolute_times else age(time, self.now())

    def since(self, milliseconds: int) -> str:
        """A time of a run as lists show it."""
        return self.when(instant(milliseconds))

    def around(self, milliseconds: int) -> str:
        """The same for a time that may lie ahead: `3m`, `in 20m`."""
        now = self.milliseconds
        if milliseconds > now and not self.absolute_times:
            return f"in {age(instant(now), instant(milliseconds))}"
        return self.since(milliseconds)

    @property
    def milliseconds(self) -> int:
        """The time now, as runs keep it."""
        return int(self.now().timestamp() * 1000)
