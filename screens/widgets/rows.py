"""Where a grid gets its rows from: a list in memory, or pages fetched as they come into view."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from catalog.errors import LakeError
from screens.off_loop import Lane

if TYPE_CHECKING:
    from textual.worker import Worker

    from screens.widgets.grid import Grid

T = TypeVar("T")
PAGE = 200
_PAGES_KEPT = 64


class Cell(NamedTuple):
    """What one cell shows. The text may be raw: the grid makes it safe."""

    text: str
    look: str = ""
    hit: tuple[int, int] | None = None  # the part that a filter found


class Rows(Protocol):
    """What a grid asks of its rows."""

    def __len__(self) -> int: ...

    def row(self, index: int) -> Sequence[Cell] | None:
        """The cells of a row, or None while they are under way."""

    def attach(self, grid: Grid) -> None:
        """Tell the rows which grid shows them."""

    def close(self) -> None:
        """The grid shows other rows from now on."""


class Listed(Generic[T]):
    """Rows of a list; the cells are made only of those that are on the screen."""

    def __init__(self, items: Sequence[T], cells: Callable[[T], Sequence[Cell]]) -> None:
        self.items = items
        self._cells = cells

    def __len__(self) -> int:
        return len(self.items)

    def row(self, index: int) -> Sequence[Cell] | None:
        """The cells of a row."""
        return self._cells(self.items[index])

    def attach(self, grid: Grid) -> None:
        """A list needs no grid."""

    def close(self) -> None:
        """A list holds nothing open."""


class Paged:
    """Rows fetched in pages from a thread: the page in view first, the newest wish wins.

    Args:
        total: how many rows there are.
        fetch: blocking; the cells of `limit` rows from `offset` on.
        first: rows from 0 on that are there already.
        failed: told when a page cannot be had.
    """

    def __init__(
        self,
        total: int,
        fetch: Callable[[int, int], Sequence[Sequence[Cell]]],
        first: Sequence[Sequence[Cell]] = (),
        failed: Callable[[LakeError], None] | None = None,
    ) -> None:
        self._total = total
        self._fetch = fetch
        self._failed = failed
        self._pages: OrderedDict[int, Sequence[Sequence[Cell]]] = OrderedDict()
        self._wanted: int | None = None
        self._bringing: Worker[None] | None = None
        self._grid: Grid | None = None
        for start in range(0, len(first), PAGE):
            self._pages[start // PAGE] = first[start : start + PAGE]

    def __len__(self) -> int:
        return self._total

    def row(self, index: int) -> Sequence[Cell] | None:
        """The cells of a row; asks for its page where that is not there yet."""
        page = self._pages.get(index // PAGE)
        if page is not None:
            self._pages.move_to_end(index // PAGE)
            return page[index % PAGE] if index % PAGE < len(page) else None
        self._want(index // PAGE)
        return None

    def attach(self, grid: Grid) -> None:
        """Remember the grid that draws the pages when they come."""
        self._grid = grid

    def close(self) -> None:
        """Stop listening for pages."""
        self._grid = None
        if self._bringing is not None:
            self._bringing.cancel()

    def _want(self, page: int) -> None:
        self._wanted = page
        if self._grid is not None and (self._bringing is None or self._bringing.is_finished):
            self._bringing = self._grid.run_worker(self._bring(), group="pages")

    async def _bring(self) -> None:
        lane = Lane()
        while self._wanted is not None and self._grid is not None:
            page, self._wanted = self._wanted, None
            if page in self._pages:
                continue
            try:
                found = await lane.ask(lambda page=page: self._fetch(page * PAGE, PAGE))  # type: ignore[misc]
            except LakeError as error:
                if self._failed is not None:
                    self._failed(error)
                return
            self._keep(page, found)

    def _keep(self, page: int, rows: Sequence[Sequence[Cell]]) -> None:
        self._pages[page] = rows
        while len(self._pages) > _PAGES_KEPT:
            self._pages.popitem(last=False)
        if self._grid is not None:
            self._grid.rows_arrived()
