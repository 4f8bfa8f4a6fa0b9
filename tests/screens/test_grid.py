"""The grid: draws what is in view, asks for what is in view, moves without surprise."""

from __future__ import annotations

import threading

import pytest
from textual.app import App

from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.rows import PAGE, Cell, Listed, Paged

WIDE = tuple(Column(f"c{i}", 12, right=i % 2 == 0) for i in range(30))


class GridApp(App[None]):
    def __init__(self, **options):
        super().__init__()
        self.grid = Grid(name="grid", classes="", **options)
        self.heard = []

    def compose(self):
        yield self.grid

    def on_grid_moved(self, event):
        self.heard.append((event.grid.cursor, event.grid.column))

    def on_grid_chosen(self):
        self.heard.append("chosen")

    def on_grid_head_clicked(self, event):
        self.heard.append(event.title)


def lines(app):
    return ["".join(s.text for s in strip) for strip in app.screen._compositor.render_strips()]


async def idle(pilot):
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.pause(0.01)
    await pilot.pause()


async def test_a_million_rows_cost_what_the_screen_shows():
    made = []

    def cells(number):
        made.append(number)
        return (Cell(f"row {number}"),)

    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([Column("N", 12)], Listed(range(1_000_000), cells))
        await pilot.pause()
        await pilot.press("G")
        assert "row 999999" in lines(app)[-1]
        assert len(set(made)) < 40


async def test_pages_are_fetched_when_they_come_into_view_and_only_then():
    asked = []

    def fetch(offset, limit):
        asked.append((offset, limit, threading.current_thread() is threading.main_thread()))
        return [(Cell(f"r{i}"),) for i in range(offset, offset + limit)]

    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        first = [(Cell(f"r{i}"),) for i in range(PAGE)]
        app.grid.show([Column("N", 12)], Paged(10_000_000, fetch, first))
        await idle(pilot)
        assert asked == []
        await pilot.press("G")
        await idle(pilot)
        assert asked == [(9_999_800, PAGE, False)]
        assert "r9999999" in lines(app)[-1]
        await pilot.press("g")
        await idle(pilot)
        assert "r0 " in lines(app)[1]
        assert len(asked) == 1


async def test_a_page_under_way_shows_dots_and_does_not_stop_the_keys():
    gate = threading.Event()

    def fetch(offset, limit):
        gate.wait(10)
        return [(Cell(f"r{i}"),) for i in range(offset, offset + limit)]

    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([Column("N", 12)], Paged(1000, fetch))
        await pilot.press("down", "down")
        assert app.grid.cursor == 2
        assert "…" in lines(app)[1]
        gate.set()
        await idle(pilot)
        assert "r0" in lines(app)[1]


async def test_the_cell_cursor_scrolls_sideways_to_what_it_is_on():
    app = GridApp(cells=True, fit=False, numbers=True)
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show(WIDE, Listed(range(50), lambda n: [Cell(f"{n}:{i}") for i in range(30)]))
        await pilot.press(*["right"] * 29, "down")
        assert app.grid.cell == "1:29"
        assert "1:29" in lines(app)[2]
        assert lines(app)[2].startswith("▌  2 ")
        await pilot.press(*["left"] * 29)
        assert "1:0" in lines(app)[2]


async def test_every_line_is_exactly_as_wide_as_the_screen():
    odd = ("日本語の列の値", "👩‍👩‍👧 family", "Z" + "\u0301" * 9, "", "x" * 99)
    app = GridApp(cells=True, fit=False)
    async with app.run_test(size=(41, 12)) as pilot:
        rows = Listed(range(50), lambda n: [Cell(odd[(n + i) % 5]) for i in range(30)])
        app.grid.show(WIDE, rows)
        for keys in ((), ("right",) * 7, ("G",)):
            await pilot.press(*keys)
            region = app.grid.scrollable_content_region
            for y in range(region.height):
                assert app.grid.render_line(y).cell_length == region.width


async def test_the_cursor_stays_within_the_rows_whatever_is_pressed():
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([Column("N", 5)], Listed([1, 2, 3], lambda n: (Cell(str(n)),)))
        await pilot.press("up", "pageup", "down", "down", "down", "down", "pagedown")
        assert app.grid.cursor == 2
        app.grid.show([Column("N", 5)], Listed([1], lambda n: (Cell(str(n)),)), cursor=2)
        assert app.grid.cursor == 0
        app.grid.show([Column("N", 5)], Listed([], lambda n: ()))
        await pilot.press("down", "G", "right")
        assert app.grid.cursor == 0
        assert app.grid.cell is None


async def test_a_click_moves_a_second_one_chooses_and_the_title_sorts():
    app = GridApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.grid.show([Column("N", 5)], Listed([1, 2, 3], lambda n: (Cell(str(n)),)))
        await pilot.click(Grid, offset=(3, 2))
        await pilot.click(Grid, offset=(3, 2))
        await pilot.click(Grid, offset=(3, 0))
        await pilot.click(Grid, offset=(3, 8))
        assert app.heard[-2:] == ["chosen", "N"]
        assert app.grid.cursor == 1


async def test_a_notice_is_broken_into_lines_instead_of_being_cut():
    app = GridApp()
    async with app.run_test(size=(30, 12)) as pilot:
        app.grid.tell(Notice("No result.", ("a sentence that is longer than the grid is wide",)))
        await pilot.pause()
        shown = " ".join("\n".join(lines(app)).split())
        assert "No result. a sentence that is longer than the grid is wide" in shown


@pytest.mark.parametrize("text", ["[/x]", "\x1b[2J", "\x9d52;c\x9c", "a\nb", "\u202eb", "\ud800"])
async def test_no_cell_title_or_type_reaches_the_screen_raw(text):
    app = GridApp(fit=False)
    async with app.run_test(size=(60, 10)) as pilot:
        app.grid.show([Column(text, 30, kind=text)], Listed([text], lambda t: (Cell(t),)))
        await pilot.pause()
        shown = "".join(lines(app))
        assert all(ch.isprintable() for ch in shown)
