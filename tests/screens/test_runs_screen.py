"""Stories of a person at the list of runs, over a real lake in which flows ran."""

from __future__ import annotations

import threading
from datetime import timedelta

from wrapped import Wrapped

from catalog.errors import StoreUnreachable
from jobs.states import State


async def test_the_runs_stand_newest_first_with_a_sign_and_a_word_each(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await driver.press("4")
        shown = driver.text
        words = ("▸ Running", "◌ Cancelling", "↻ Retrying", "↻ Awaiting retry", "○ Scheduled",
                 "▲ Late", "- Skipped", "◌ Cancelled", "✖ Timed out", "✖ Crashed", "✖ Failed",
                 "✔ Completed")  # fmt: skip
        assert [word for word in words if word not in shown] == []
        assert shown.index("busy-badger") < shown.index("sad-heron") < shown.index("brave-otter")
        assert "task fetch[2] failed" in shown
        assert "in 10m" in shown
        assert "brave-otter-load" not in shown


async def test_a_filter_asks_the_store_and_words_look_at_names_and_flows(work, drive):
    asked = []

    def runs(wanted, limit, before=None):
        asked.append(wanted)
        return work.backend.runs(wanted, limit, before)

    async with drive(Wrapped(work.backend, runs=runs)) as driver:
        await driver.press("4", "slash", *"state:failed flow:etl since:3h")
        await driver.pilot.pause(0.2)
        await driver.settle()
        assert "Runs 1" in driver.text
        assert "sad-heron" in driver.text
        assert asked[-1].states == (State.FAILED,)
        assert asked[-1].flow == "etl"
        assert "lakectl run ls --flow etl --state failed --since 3h" in driver.text
        await driver.press("escape", "slash", *"badger")
        await driver.pilot.pause(0.2)
        await driver.settle()
        assert "busy-badger" in driver.text
        assert "sad-heron" not in driver.text


async def test_a_term_that_is_not_understood_is_told(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("4", "slash", *"owner:ana", "enter")
        assert "owner: is no part of a run" in driver.text
        await driver.press("escape")
        assert "owner:" not in driver.text


async def test_filtered_to_nothing_is_not_an_empty_lake(work, lake_backend, drive):
    async with drive(work.backend) as driver:
        await driver.press("4", "slash", *"flow:et")
        await driver.pilot.pause(0.2)
        await driver.settle()
        assert "Filtered to nothing." in driver.text
        assert "flow: takes the whole name" in driver.text
    async with drive(lake_backend) as driver:
        await driver.press("4")
        assert "Nothing was run yet." in driver.text


async def test_a_run_that_is_made_shows_without_a_key_and_the_cursor_stays(fresh_work, drive):
    async with drive(fresh_work.backend) as driver:
        await driver.press("4", "down", "down")
        assert driver.app.screen.ordered_run().name == "firm-fox"
        await driver.app._compare()
        fresh_work.build.create("new-narwhal", "etl")
        await driver.app._compare()
        await driver.settle()
        assert "new-narwhal" in driver.text
        assert driver.app.screen.ordered_run().name == "firm-fox"


async def test_a_run_that_moves_shows_how_it_stands_now(fresh_work, drive):
    build = fresh_work.build
    run_id, fence = build.running("quick-quail", "etl")
    async with drive(fresh_work.backend) as driver:
        await driver.press("4")
        await driver.app._compare()
        assert "Running         quick-quail" in driver.text
        build.now += 4200
        build.end(run_id, fence, State.COMPLETED)
        await driver.app._compare()
        await driver.settle()
        assert "Completed       quick-quail" in driver.text
        assert "4.2 s" in driver.text


async def test_the_view_stays_on_its_runs_when_others_come_at_the_top(fresh_work, drive):
    build = fresh_work.build
    for n in range(60):
        build.now += 10
        build.create(f"many-{n:03}", "etl")
    async with drive(fresh_work.backend) as driver:
        await driver.press("4", *["down"] * 40)
        before = [line[:74] for line in driver.text.splitlines()[3:15]]
        await driver.app._compare()
        build.now += 10
        build.create("new-narwhal", "etl")
        await driver.app._compare()
        await driver.settle()
        assert [line[:74] for line in driver.text.splitlines()[3:15]] == before


async def test_older_runs_are_read_as_one_scrolls_and_never_counted(fresh_work, drive):
    build = fresh_work.build
    for n in range(450):
        build.now += 1
        build.create(f"many-{n:03}", "etl")
    asked = []

    def runs(wanted, limit, before=None):
        asked.append(before)
        return fresh_work.backend.runs(wanted, limit, before)

    async with drive(Wrapped(fresh_work.backend, runs=runs)) as driver:
        await driver.press("4")
        assert "Runs 200+" in driver.text
        assert asked == [None]
        await driver.press("G")
        assert "Runs 400+" in driver.text
        assert len(asked) == 2
        await driver.press("G")
        await driver.press("G")
        assert "Runs 462 " in driver.text
        assert "brave-otter" in driver.text


async def test_what_runs_goes_on_while_it_is_looked_at(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("4")
        assert "3 m 29 s" in driver.text
        now = driver.app.shared.now()
        driver.app.shared.now = lambda: now + timedelta(seconds=11)
        driver.app._pulse()
        await driver.settle()
        assert "3 m 40 s" in driver.text


async def test_a_store_that_is_away_is_told_and_what_was_read_stays(work, drive):
    def broken(*_):
        raise StoreUnreachable("The store does not answer.", "Is the disk there?")

    backend = Wrapped(work.backend, runs=broken)
    async with drive(backend) as driver:
        await driver.press("4")
        assert "The runs cannot be read." in driver.text
        assert "Is the disk there?" in driver.text
        assert "no answer" in driver.text
        backend.runs = work.backend.runs
        await driver.press("r")
        assert "busy-badger" in driver.text
        backend.runs = broken
        await driver.press("r")
        assert "busy-badger" in driver.text
        assert "The store does not answer." in driver.text


async def test_a_slow_store_stops_no_key(work, drive):
    gate = threading.Event()

    def slow(*told):
        gate.wait(10)
        return work.backend.runs(*told)

    async with drive(Wrapped(work.backend, runs=slow)) as driver:
        await driver.pilot.press("4", "slash", *"otter")
        assert "Reading the runs" in driver.text
        assert "otter" in driver.text
        gate.set()
        await driver.pilot.pause(0.2)
        await driver.settle()
        assert "brave-otter" in driver.text


async def test_a_run_is_cancelled_after_a_yes(work, drive):
    work.backend.orders.clear()
    async with drive(work.backend) as driver:
        await driver.press("4", "c")
        assert "Cancel busy-badger?" in driver.text
        assert "lakectl run cancel" in driver.text
        await driver.press("enter")
        assert work.backend.orders == []
        await driver.press("c", "y")
        assert work.backend.orders == [("cancel", work.runs["busy-badger"])]
        assert "It was asked to stop." in driver.text


async def test_a_run_that_has_ended_is_not_cancelled_and_says_why(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("4", "G", "c")
        assert "The run has ended: there is nothing to cancel." in driver.text


async def test_a_run_again_leads_to_the_new_run_and_escape_back(work, drive):
    work.backend.orders.clear()
    work.backend.started = work.runs["busy-badger"]
    async with drive(work.backend) as driver:
        await driver.press("4", "G", "x", "y")
        assert work.backend.orders == [("rerun", work.runs["brave-otter"])]
        assert "runs › busy-badger" in driver.text
        await driver.press("escape")
        assert "Runs 12" in driver.text
        await driver.press("G", "up", "R", "y")
        assert work.backend.orders[-1] == ("resume", work.runs["sad-heron"])


async def test_undoing_a_run_tells_what_happens_to_each_dataset_first(work, drive):
    work.backend.orders.clear()
    async with drive(work.backend) as driver:
        await driver.press("4", "G", "z")
        assert "nyc.trips  v4 → v3" in driver.text
        assert "mart.new  v1 → dropped: the run made it" in driver.text
        await driver.press("enter")
        assert work.backend.orders == []
        await driver.press("z", "y")
        assert work.backend.orders == [("undo", work.runs["brave-otter"])]


async def test_a_run_that_never_started_has_nothing_to_undo(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("4", "slash", *"shy", "enter")
        await driver.pilot.pause(0.2)
        await driver.settle()
        await driver.press("z")
        assert "The run never started" in driver.text


async def test_the_number_keys_go_between_flows_runs_and_the_rest(work, drive):
    async with drive(work.backend) as driver:
        for key, place in (("4", "runs"), ("3", "flows"), ("2", "query")):
            await driver.press(key)
            assert driver.app.screen.context().place == place
        await driver.press("tab", "4")
        assert driver.app.screen.context().place == "runs"
        assert len(driver.app.screen_stack) == 2
        await driver.press("1")
        assert len(driver.app.screen_stack) == 1


async def test_the_palette_finds_a_run_from_anywhere(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("ctrl+p")
        await driver.press(*"heron", "enter")
        assert "runs › sad-heron" in driver.text
