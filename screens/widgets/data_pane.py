"""The versions that a run read and wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

from jobs.model import Read, Write
from screens.shared import Shared
from screens.text import short_count, widest
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

_NONE = Notice(
    "No dataset was read or written.",
    ("What the flow reads and writes through lakectl stands here.",),
)


class Link(NamedTuple):
    """A version that a run read or wrote."""

    wrote: bool
    dataset: str
    version: int
    at: int
    run_id: str  # the run itself, or a subflow of it
    rows: int | None = None
    operation: str = ""


class DataPane(Grid):
    """Inputs first, then outputs; enter goes to the dataset at that version."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(name="data")
        self._shared = shared
        self._run_id = ""

    def fill(self, run_id: str, reads: Sequence[Read], writes: Sequence[Write]) -> None:
        """Show what a run read and wrote, the cursor where it was."""
        self._run_id = run_id
        self.border_title = Content(f"Data · {len(reads)} read · {len(writes)} written")
        links = [Link(False, r.dataset, r.version, r.at, r.run_id) for r in reads]
        links += [
            Link(True, w.dataset, w.version, w.at, w.run_id, w.rows, w.operation) for w in writes
        ]
        if not links:
            self.tell(_NONE)
            return
        age = 16 if self._shared.absolute_times else 5
        columns = [
            Column("", 7, rank=9),
            Column("DATASET", widest((x.dataset for x in links), 16, 48), least=16,
                   cut="middle", rank=8),
            Column("VER", 6, right=True, rank=7),
            Column("OP", 9, rank=4),
            Column("ROWS", 7, right=True, rank=5),
            Column("AGE", age, right=True, rank=6),
            Column("BY", 12, least=7, rank=2),
        ]  # fmt: skip
        kept = self.cursor
        self.show(columns, Listed(links, self._link_cells), kept)

    @property
    def link(self) -> Link | None:
        """The version under the cursor."""
        if isinstance(self.rows, Listed) and self.cursor < len(self.rows):
            link: Link = self.rows.items[self.cursor]
            return link
        return None

    def _link_cells(self, link: Link) -> Sequence[Cell]:
        return (
            Cell("→ wrote" if link.wrote else "← read", "good" if link.wrote else "dim"),
            Cell(link.dataset, "name"),
            Cell(f"v{link.version}"),
            Cell(link.operation, "dim"),
            Cell("" if link.rows is None else f"+{short_count(link.rows)}", "good"),
            Cell(self._shared.since(link.at), "dim"),
            Cell("itself" if link.run_id == self._run_id else "a subflow", "dim"),
        )
