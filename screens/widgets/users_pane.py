"""The runs that wrote a dataset, and those that read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

from catalog.errors import NotFound
from catalog.model import Version
from jobs.model import Read, Run
from screens import standing
from screens.backend import Backend
from screens.shared import Shared
from screens.text import duration, instant, widest
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

_MOST = 100  # runs that are looked up by name
_NONE = Notice(
    "No run wrote or read it.", ("Loads by hand are no runs: they stand among the versions.",)
)


class Use(NamedTuple):
    """A version that a run wrote or read."""

    wrote: bool
    version: int
    at: int
    run_id: str
    run: Run | None  # None: nothing is known of it but its id


def uses_of(backend: Backend, name: str, versions: Sequence[Version]) -> list[Use]:
    """Who wrote and who read a dataset, newest first; blocking."""
    reads: Sequence[Read] = backend.readers(name)
    found = [
        Use(True, v.version, int(v.committed_at.timestamp() * 1000), v.run_id, None)
        for v in versions
        if v.run_id
    ]
    found += [Use(False, r.version, r.at, r.run_id, None) for r in reads]
    found.sort(key=lambda use: use.at, reverse=True)
    runs: dict[str, Run | None] = {}
    for use in found:
        if use.run_id not in runs and len(runs) < _MOST:
            runs[use.run_id] = _run(backend, use.run_id)
    return [use._replace(run=runs.get(use.run_id)) for use in found]


def _run(backend: Backend, run_id: str) -> Run | None:
    """A run by its whole id: a load may carry any text as the id of what made it."""
    try:
        run = backend.run(run_id)
    except NotFound:
        return None
    return run if run.id == run_id else None


class UsersPane(Grid):
    """Enter opens the run."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(name="runs-pane", classes="framed pane")
        self._shared = shared

    def fill(self, uses: Sequence[Use]) -> None:
        """Show who wrote and read, the cursor where it was."""
        wrote = sum(use.wrote for use in uses)
        self.border_title = Content(f"Runs · {wrote} wrote · {len(uses) - wrote} read")
        if not uses:
            self.tell(_NONE)
            return
        age = 16 if self._shared.absolute_times else 5
        columns = (
            Column("", 7, rank=9),
            Column("VER", 6, right=True, rank=7),
            Column("AGE", age, right=True, rank=6),
            Column("RUN", widest((_name(use) for use in uses), 12, 32), least=12, rank=8),
            Column("STATE", standing.WIDEST, least=11, rank=5),
            Column("FLOW", 24, least=10, cut="middle", rank=4),
            Column("TOOK", 9, right=True, rank=3),
        )
        kept = self.cursor
        self.show(columns, Listed(uses, self._use_cells), kept)

    @property
    def use(self) -> Use | None:
        """The line under the cursor."""
        if isinstance(self.rows, Listed) and self.cursor < len(self.rows):
            use: Use = self.rows.items[self.cursor]
            return use
        return None

    def _use_cells(self, use: Use) -> Sequence[Cell]:
        verb = Cell("→ wrote" if use.wrote else "← read", "good" if use.wrote else "dim")
        known = (verb, Cell(f"v{use.version}"), Cell(self._shared.when(instant(use.at)), "dim"))
        if use.run is None:
            return (*known, Cell(use.run_id, "dim"), Cell(""), Cell(""), Cell(""))
        now = self._shared.milliseconds
        stands, taken = standing.of_run(use.run, now), standing.took(use.run, now)
        return (
            *known,
            Cell(use.run.name, "name"),
            Cell(str(stands), stands.look),
            Cell(use.run.flow),
            Cell("-" if taken is None else duration(taken), "dim"),
        )


def _name(use: Use) -> str:
    return use.run.name if use.run else use.run_id
