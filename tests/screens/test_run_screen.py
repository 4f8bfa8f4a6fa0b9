"""Stories of a person at one run, over a real lake in which flows ran."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from run_builder import SECOND, log_row, task_row
from wrapped import Wrapped

from catalog.errors import StoreUnreachable
from jobs.states import State
from screens import messages
from screens.widgets.bars import TabLine, TopLine
from screens.widgets.log_pane import LogPane


async def opened(driver, run_id):
    driver.app.post_message(messages.OpenRun(run_id))
    await driver.settle()


def later(driver, milliseconds):
    now = driver.app.shared.now()
    driver.app.shared.now = lambda: now + timedelta(milliseconds=milliseconds)


async def pulse(driver):
    driver.app._pulse()
    await driver.settle()


async def test_a_run_that_failed_shows_why_first(work, drive):
    async with drive(work.backend) as driver:
        await opened(driver, work.runs["sad-heron"])
        assert "✖ Failed  etl" in driver.text
        assert "task fetch[2] failed" in driver.text
        assert "why: ConnectionError: HTTP 503 from https://tlc.example" in driver.text
        assert "▌ 14:02:00  ERROR  fetch[2] failed" in driver.text


async def test_the_facts_begin_with_the_error_and_how_the_process_ended(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await opened(driver, work.runs["sad-heron"])
        await driver.press("left_square_bracket")
        shown = driver.text
        for told in ("error        Traceback", "exit code = 1", "peak memory = 213 MB",
                     "closing connections", "year = 2026", "✖ Failed", "for 12.3 s"):  # fmt: skip
            assert told in shown


async def test_a_live_log_grows_while_it_is_looked_at(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        assert "No line yet." in driver.text
        assert "lakectl run logs 00000000000000000000000000000000 -f" in driver.text
        build.log(run_id, fence, [f"line {n}" for n in range(1, 31)])
        await pulse(driver)
        assert "Log · 30 lines" in driver.text
        assert "line 30" in driver.text
        assert "▼ following" in driver.text


async def test_looking_at_an_older_line_is_not_disturbed_by_new_ones(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    build.log(run_id, fence, [f"line {n}" for n in range(1, 61)])
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        await driver.press("pageup", "pageup")
        before = driver.text.splitlines()[5:15]
        build.log(run_id, fence, [f"line {n}" for n in range(61, 71)], first=61)
        await pulse(driver)
        assert [line[:60] for line in driver.text.splitlines()[5:15]] == [
            line[:60] for line in before
        ]
        assert "▼ 10 new lines · f follows" in driver.text
        await driver.press("f")
        assert "line 70" in driver.text
        assert "▼ following" in driver.text


async def test_the_wheel_stops_the_following_too(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    build.log(run_id, fence, [f"line {n}" for n in range(1, 61)])
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        grid = driver.app.screen.query_one(LogPane).grid
        grid.scroll_to(y=5, animate=False)
        await driver.settle()
        build.log(run_id, fence, ["line 61"], first=61)
        await pulse(driver)
        assert grid.scroll_offset.y == 5
        assert "▼ 1 new line · f follows" in driver.text


async def test_levels_hide_lines_and_bring_them_back(work, drive):
    async with drive(work.backend) as driver:
        await opened(driver, work.runs["sad-heron"])
        await driver.press("e")
        assert "level ≥ ERROR" in driver.text
        assert "try 1 of 3" not in driver.text
        await driver.press("w")
        assert "try 1 of 3" in driver.text
        assert "fetching 2 files" not in driver.text
        await driver.press("i")
        assert "fetching 2 files" in driver.text
        assert "closing connections" not in driver.text
        await driver.press("d")
        assert "closing connections" in driver.text


async def test_the_log_is_searched_and_n_goes_on(work, drive):
    async with drive(work.backend) as driver:
        await opened(driver, work.runs["sad-heron"])
        await driver.press("g", "slash", *"503", "enter")
        assert "4 found" in driver.text
        assert "▌ 14:02:00  WARN   try 1 of 3: HTTP 503" in driver.text
        await driver.press("n")
        assert "▌ 14:02:00  WARN   try 2 of 3: HTTP 503" in driver.text
        await driver.press("N", "N")
        assert "▌                  ConnectionError: HTTP 503" in driver.text
        await driver.press("escape")
        assert "found" not in driver.text
        await driver.press("n")
        assert "Nothing is searched" in driver.text


async def test_long_lines_are_scrolled_or_broken(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    build.log(run_id, fence, ["begin " + "x" * 150 + " end", "next"])
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        assert " end" not in driver.text
        await driver.press(*["right"] * 14)
        assert " end" in driver.text
        await driver.press(*["left"] * 14, "W")
        assert "wrapped" in driver.text
        assert " end" in driver.text
        await driver.press("W")
        assert " end" not in driver.text


async def test_loops_that_run_show_how_far_they_have_come(work, drive):
    async with drive(work.backend) as driver:
        await opened(driver, work.runs["busy-badger"])
        assert "62 %  122k of 198k" in driver.text
        assert "retries  3 …" in driver.text
        await opened(driver, work.runs["brave-otter"])
        assert "122k" not in driver.text


async def test_tasks_stand_in_their_order_and_a_subflow_opens_its_run(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await opened(driver, work.runs["brave-otter"])
        await driver.press("right_square_bracket")
        assert "Tasks 4 · ✔ 4" in driver.text
        assert "✔ Cached" in driver.text
        assert "▸ load" in driver.text
        await driver.press("G", "space")
        assert "▾ load" in driver.text
        assert "  write[nyc.trips]" in driver.text
        await driver.press("space")
        assert "write[nyc.trips]" not in driver.text
        await driver.press("enter")
        assert "runs › brave-otter-load" in driver.text
        await driver.press("escape")
        assert "[Tasks]" in driver.text
        await driver.press("g", "enter")
        assert "This task is no subflow" in driver.text


async def test_tasks_of_a_live_run_move_without_a_key(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    at = build.now
    build.tell(run_id, fence, tasks=[task_row(1, "fetch", State.RUNNING, at, None)])
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        await driver.press("right_square_bracket")
        assert "▸ Running" in driver.text.split("TASK")[1]
        done = task_row(1, "fetch", State.COMPLETED, at, at + 3 * SECOND)
        build.tell(run_id, fence, tasks=[done, task_row(2, "load", State.RUNNING, at, None)])
        await pulse(driver)
        assert "✔ Completed       fetch" in driver.text
        assert "Tasks 2" in driver.text


async def test_bars_of_what_runs_grow_with_the_axis(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await opened(driver, work.runs["busy-badger"])
        await driver.press("right_square_bracket", "right_square_bracket")
        assert "Timeline · 3 m 29 s" in driver.text
        assert "█▸" in driver.text
        later(driver, 60_000)
        await pulse(driver)
        assert "Timeline · 4 m 29 s" in driver.text
        await driver.press("T")
        assert "╷14:02:00" in driver.text


async def test_data_is_linked_both_ways(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await opened(driver, work.runs["brave-otter"])
        await driver.press(*["right_square_bracket"] * 3)
        assert "← read   nyc.zones" in driver.text
        assert "→ wrote  nyc.trips" in driver.text
        await driver.press("G", "enter")
        assert "[Versions]" in driver.text
        assert driver.app.screen.context().dataset == "nyc.trips"
        assert driver.app.screen.context().version == 4
        await driver.press("o")
        assert "runs › brave-otter-load" in driver.text
        await driver.press("escape", "escape")
        assert "[Data]" in driver.text


async def test_a_dataset_tells_which_runs_wrote_and_read_it(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await driver.press("slash", *"nyc.zones", "enter", "enter", "left_square_bracket")
        assert "Runs · 0 wrote · 1 read" in driver.text
        assert "← read" in driver.text
        assert "brave-otter" in driver.text
        await driver.press("enter")
        assert "runs › brave-otter" in driver.text


async def test_artifacts_are_told_in_lines(work, drive):
    async with drive(work.backend, (100, 40)) as driver:
        await opened(driver, work.runs["brave-otter"])
        await driver.press(*["right_square_bracket"] * 4)
        for told in ("# November", "zone     rows", "Midtown  150", "value = 198122",
                     "url = https://tlc.example/trips", "plots/fares.png"):  # fmt: skip
            assert told in driver.text


async def test_a_run_that_ends_while_it_is_looked_at_says_so(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        await driver.app._compare()
        build.log(run_id, fence, ["last words"])
        build.now += 5 * SECOND
        build.end(run_id, fence, State.FAILED, "it broke", error="Boom: it broke badly\n")
        await driver.app._compare()
        await driver.settle()
        assert "✖ Failed" in driver.text
        assert "why: Boom: it broke badly" in driver.text
        assert "last words" in driver.text


async def test_a_run_that_is_not_there_is_told(work, drive):
    async with drive(work.backend) as driver:
        await opened(driver, "f" * 32)
        assert "The run cannot be read." in driver.text
        assert "lakectl run ls" in driver.text
        await driver.press(*["right_square_bracket"] * 6, "x", "c", "R", "z", "X", "n", "W", "f")
        assert driver.app.is_running


async def test_a_store_that_goes_away_leaves_what_was_read(work, drive):
    backend = Wrapped(work.backend)
    async with drive(backend) as driver:
        await opened(driver, work.runs["busy-badger"])

        def broken(*_):
            raise StoreUnreachable("The store does not answer.", "Is the disk there?")

        backend.run_logs = backend.run = broken
        await pulse(driver)
        assert "batch 59" in driver.text
        assert "The store does not answer." in driver.text
        assert "no answer" in driver.text


async def test_an_id_that_only_looks_like_a_run_opens_none(work, drive):
    async with drive(work.backend) as driver:
        await opened(driver, "latest")
        assert "There is no run with the id 'latest'." in driver.text


async def test_tabs_places_and_runs_can_be_clicked(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        top = driver.app.screen.query_one(TopLine)
        await driver.pilot.click(TopLine, offset=(top._first + 30, 0))
        await driver.settle()
        assert driver.app.screen.context().place == "runs"
        for _ in range(2):
            await driver.pilot.click("#runs", offset=(30, 4))
        await driver.settle()
        assert driver.app.screen.context().place == "run"
        await driver.pilot.click(TabLine, offset=(9, 0))
        await driver.settle()
        assert driver.app.screen.context().tab == "tasks"


async def test_growing_and_shrinking_keeps_everything_in_its_place(work, drive):
    ways = (("4",), ("enter",), *[("right_square_bracket",)] * 5, ("3",), ("enter",))
    async with drive(work.backend) as driver:
        for way in ways:
            await driver.press(*way)
            for size in ((140, 40), (20, 5), (1, 1), (80, 24)):
                await driver.pilot.resize_terminal(*size)
                await driver.settle()
        assert driver.app.screen.context().place == "launch"


async def test_a_cancelled_run_shows_so_before_the_next_look(fresh_work, drive):
    run_id, _ = fresh_work.build.running("quick-quail", "etl")

    def cancel(asked):
        fresh_work.build.moves.ask_cancel(asked, "ana")
        return "It was asked to stop."

    async with drive(Wrapped(fresh_work.backend, cancel_run=cancel)) as driver:
        await opened(driver, run_id)
        await driver.press("c", "y")
        assert "◌ Cancelling" in driver.text
        assert "asked to stop by ana" in driver.text


async def test_states_show_without_colour(work, drive, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with drive(work.backend) as driver:
        for keys in (("4",), ("G", "up", "enter"), ("right_square_bracket",), ("3", "enter")):
            await driver.press(*keys)
            lines = driver.app.screen._compositor.render_strips()
            background = driver.app.screen.styles.background
            for filter_ in driver.app.get_line_filters():
                lines = [line.apply_filter(filter_, background) for line in lines]
            styles = [s.style for line in lines for s in line if s.style]
            colours = [c for s in styles for c in (s.color, s.bgcolor) if c and not c.is_default]
            assert colours == []


@pytest.mark.slow
async def test_a_hundred_thousand_lines_stop_no_key(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("chatty-crow", "etl")
    at = build.now
    for first in range(1, 100_001, 20_000):
        rows = [log_row(n, at + n, f"line {n} of many") for n in range(first, first + 20_000)]
        build.tell(run_id, fence, logs=rows)
    rows = [log_row(100_001, at, "y" * 1_000_000)]
    build.tell(run_id, fence, logs=rows)
    async with drive(fresh_work.backend) as driver:
        driver.app.post_message(messages.OpenRun(run_id))
        worst, until = 0.0, time.monotonic() + 60
        while "yyyy" not in driver.text and time.monotonic() < until:
            before = time.perf_counter()
            await driver.pilot.pause(0)
            worst = max(worst, time.perf_counter() - before)
        await driver.settle()
        assert "yyyy" in driver.text
        drawn = []
        pane = driver.app.screen.query_one(LogPane)
        cells = pane._cells
        pane._cells = lambda line: drawn.append(line) or cells(line)
        before = time.perf_counter()
        await driver.press("e", "d", "slash", *"line 77777", "enter", "pageup", "G", "g")
        assert time.perf_counter() - before < 15
        assert len(drawn) < 2000
        assert worst < 2, worst


@pytest.mark.slow
async def test_fifty_thousand_tasks_stop_no_key(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("busy-bee", "etl")
    at = build.now
    for first in range(1, 50_001, 10_000):
        rows = [task_row(n, f"clean[{n}]", State.COMPLETED, at + n, at + n + 900)
                for n in range(first, first + 10_000)]  # fmt: skip
        rows[-1]["state"], rows[-1]["ended"] = "RUNNING", None
        build.tell(run_id, fence, tasks=rows)
    async with drive(fresh_work.backend) as driver:
        await opened(driver, run_id)
        await driver.press("right_square_bracket")
        await driver.settle()
        assert "Tasks 50,000 · ✔ 49,995 · ▸ 5" in driver.text
        before = time.perf_counter()
        await driver.press("G", "pageup", "g", "right_square_bracket", "G", "pageup")
        assert "clean[49" in driver.text
        for _ in range(5):
            await pulse(driver)
        assert time.perf_counter() - before < 15
