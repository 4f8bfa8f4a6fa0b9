"""Stories of a person at the dashboard, over a real lake."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from textual import events
from textual.geometry import Size
from wrapped import Wrapped

from catalog.altering import Annotation
from catalog.errors import StoreUnreachable
from catalog.names import DatasetName
from screens.app import LakeApp
from screens.listing import Entry, Filter


async def test_a_filter_narrows_with_every_letter_and_escape_brings_all_back(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"trips")
        assert "nyc.trips" in driver.text
        assert "nyc.zones" not in driver.text
        assert "6 · 1 shown" in driver.text
        await driver.press("escape")
        assert "nyc.zones" in driver.text


async def test_letters_typed_right_after_the_slash_are_text_and_never_commands(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", "q", "R", "2", "z")
        assert "qR2z" in driver.text
        assert driver.app.is_running


async def test_arrows_move_over_the_list_while_the_filter_is_typed(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"nyc", "down")
        assert driver.app.screen.context().dataset == "nyc.zones"


async def test_folding_leaves_the_cursor_on_the_namespace_that_was_folded(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("v", "G")
        name = driver.app.screen.context().dataset
        last = name.partition(".")[0]
        await driver.press("space")
        assert f"▸ {last}" in driver.text
        await driver.press("space")
        assert f"▾ {last}" in driver.text
        await driver.press("G")
        assert driver.app.screen.context().dataset == name


async def test_copying_from_the_versions_gives_the_version(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"trips", "enter", "enter", "right_square_bracket")
        await driver.press("y")
        assert "Copied: v" in driver.text


async def test_the_cursor_stays_on_its_dataset_when_others_come_and_go(
    fresh_backend, fresh_lake, drive
):
    async with drive(fresh_backend) as driver:
        await driver.press("down", "down")
        assert driver.app.screen.context().dataset == "nyc.trips"
        fresh_lake.dataset("aaa.first").append(pa.table({"n": [1]}))
        fresh_lake.drop("mart.tips")
        await driver.press("r")
        assert "aaa.first" in driver.text
        assert driver.app.screen.context().dataset == "nyc.trips"
        await driver.press("S", "v")
        assert driver.app.screen.context().dataset == "nyc.trips"


async def test_a_change_by_somebody_else_shows_without_a_key(fresh_backend, fresh_lake, drive):
    async with drive(fresh_backend) as driver:
        await driver.app._compare()
        fresh_lake.dataset("zzz.new").append(pa.table({"n": [1]}))
        await driver.app._compare()
        await driver.settle()
        assert "zzz.new" in driver.text


async def test_moving_over_the_versions_shows_the_rows_of_each(lake_backend, drive):
    async with drive(lake_backend, (140, 40)) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", "right_square_bracket")
        assert "Rows of v3 · 600" in driver.text
        assert " tip " in driver.text
        await driver.press("down", "down")
        assert "Rows of v1 · 500" in driver.text
        assert " tip " not in driver.text.split("Rows of v1")[1]


async def test_the_preview_walks_through_time_and_the_cursor_stays(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", *["right_square_bracket"] * 2)
        await driver.press("down", "down", "right")
        await driver.press("comma", "comma")
        assert "Rows of v1" in driver.text
        assert "lakectl preview nyc.trips --at v1" in driver.text
        grid = driver.app.screen.query_one("#rows")
        assert (grid.cursor, grid.column) == (2, 1)
        await driver.press("comma")
        assert "That was the oldest." in driver.text


async def test_the_last_row_of_a_version_can_be_reached(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", *["right_square_bracket"] * 2)
        await driver.press("G")
        assert "599" in driver.text


async def test_a_rollback_asks_first_and_enter_means_no(fresh_backend, fresh_lake, drive):
    async with drive(fresh_backend) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", "right_square_bracket")
        await driver.press("down", "R")
        assert "1 version would leave the view" in driver.text
        assert "lakectl rollback nyc.trips --to v2" in driver.text
        await driver.press("enter")
        assert fresh_lake.describe("nyc.trips").summary.rows == 600
        await driver.press("R", "y")
        assert fresh_lake.describe("nyc.trips").summary.rows == 540
        assert "same as: lakectl rollback nyc.trips --to v2" in driver.text.replace("\n ", " ")


async def test_what_was_rolled_back_comes_back_with_z(fresh_backend, fresh_lake, drive):
    async with drive(fresh_backend) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", "right_square_bracket")
        await driver.press("down", "R", "y")
        await driver.press("z", "y")
        assert fresh_lake.describe("nyc.trips").summary.rows == 600


async def test_the_current_version_cannot_be_rolled_back_to_and_says_why(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", "right_square_bracket", "R")
        assert "v3 is the current version already" in driver.text


async def test_a_tag_is_given_from_its_prompt(fresh_backend, fresh_lake, drive):
    async with drive(fresh_backend) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", "right_square_bracket", "down")
        await driver.press("t", *"feb", "enter")
        tagged = {v.version: v.tags for v in fresh_lake.versions("nyc.trips")}
        assert tagged[2] == ("feb",)


async def test_sql_on_an_old_version_is_written_for_you(lake_backend, drive):
    async with drive(lake_backend, (140, 40)) as driver:
        await driver.press("slash", *"nyc.trips", "enter", "enter", "right_square_bracket", "down")
        await driver.press("s")
        assert "FROM nyc.trips AT (VERSION => 2)" in driver.text
        await driver.press("ctrl+j")
        assert "Result · 540 rows" in driver.text


async def test_older_queries_come_back(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("2", *"SELECT 41 AS a", "f5")
        editor = driver.app.screen.query_one("#editor")
        editor.text = "SELECT 42 AS b"
        await driver.press("f5")
        await driver.press("f7")
        assert editor.text == "SELECT 41 AS a"
        await driver.press("f8")
        assert editor.text == "SELECT 42 AS b"


async def test_a_cancelled_query_says_cancelled_and_not_failed(lake_backend, drive):
    started = threading.Event()

    def sql(text, limit):
        started.set()
        return lake_backend.sql(
            "SELECT sum(a.range * b.range * c.range) FROM range(100000) a, range(100000) b, "
            "range(100000) c", limit,
        )  # fmt: skip

    async with drive(Wrapped(lake_backend, sql=sql)) as driver:
        await driver.pilot.press("2", *"SELECT 1", "f5")
        while not started.is_set():
            await driver.pilot.pause(0.05)
        await driver.pilot.pause(1.5)
        assert "running" in driver.text
        await driver.press("escape")
        assert "Cancelled." in driver.text


async def test_loading_empty_failed_and_filtered_are_told_apart(lake_backend, drive):
    gate = threading.Event()

    def slow(limit=None):
        gate.wait(10)
        return []

    def broken(limit=None):
        raise StoreUnreachable("The store does not answer.", "Is the disk there?")

    backend = Wrapped(lake_backend)
    async with drive(backend) as driver:
        backend.summaries = slow
        driver.app.screen._loaded = False
        driver.app.screen._entries = driver.app.screen._ordered = []
        driver.app.screen._list()
        await driver.pilot.press("r")
        assert "Reading the list" in driver.text
        gate.set()
        await driver.settle()
        assert "This lake is empty." in driver.text
    async with drive(lake_backend) as driver:
        driver.app.screen.backend = Wrapped(lake_backend, summaries=broken)
        driver.app.screen._loaded = False
        await driver.press("r")
        assert "The lake cannot be read." in driver.text
        assert "Is the disk there?" in driver.text
        assert "no answer" in driver.text


async def test_a_question_that_fails_leaves_what_is_shown(lake_backend, drive):
    def broken(limit=None):
        raise StoreUnreachable("The store does not answer.", "Is the disk there?")

    async with drive(lake_backend) as driver:
        driver.app.screen.backend = Wrapped(lake_backend, summaries=broken)
        await driver.press("r")
        assert "nyc.trips" in driver.text
        assert "The store does not answer." in driver.text


async def test_what_is_copied_is_told(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("y")
        assert driver.app.clipboard == "mart.daily"
        await driver.press("Y")
        assert driver.app.clipboard == "lakectl show mart.daily"
        assert "Copied" in driver.text


async def test_the_palette_opens_a_dataset_and_does_a_command(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("ctrl+p")
        await driver.press(*"zones", "enter")
        assert "nyc.zones" in driver.text
        assert driver.app.screen.context().dataset == "nyc.zones"
        await driver.press("ctrl+p")
        await driver.press(*"shell line", "enter")
        assert driver.app.clipboard == "lakectl schema nyc.zones --history"


async def test_escape_goes_up_step_by_step_and_q_leaves(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"trips", "enter", "enter", "right_square_bracket", "space")
        await driver.press("escape")
        assert driver.app.screen.context().marked is None
        await driver.press("escape")
        assert driver.app.screen.context().place == "datasets"
        await driver.press("escape", "escape")
        assert "This is the top. q leaves." in driver.text
        await driver.pilot.press("q")
        await driver.pilot.pause()
        assert not driver.app.is_running


async def test_escape_comes_back_from_rows_to_the_versions_they_were_opened_from(
    lake_backend, drive
):
    async with drive(lake_backend) as driver:
        await driver.press("slash", *"trips", "enter", "enter", "right_square_bracket", "down")
        await driver.press("enter")
        assert "[Preview]" in driver.text
        await driver.press("escape")
        assert "[Versions]" in driver.text
        assert driver.app.screen.context().version == 2
        await driver.press("escape")
        assert driver.app.screen.context().place == "datasets"


async def test_escape_leaves_the_sql_screen_when_no_query_runs(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("2")
        assert "esc back" in driver.text
        assert "SELECT * FROM mart.daily AT (VERSION => 1)" in driver.text
        await driver.press("escape")
        assert driver.app.screen.context().place == "datasets"


async def test_the_result_of_a_query_does_not_stand_below_another_one(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("2", *"zz", "f5")
        assert "Result · failed" in driver.text
        await driver.press("escape", "s")
        assert "SELECT *" in driver.text
        assert "This query was not run yet." in driver.text
        assert "failed" not in driver.text


async def test_what_was_said_of_a_key_is_gone_with_the_next(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("escape")
        assert "This is the top. q leaves." in driver.text
        await driver.press("v")
        assert "This is the top" not in driver.text


async def test_a_comment_that_is_cut_in_the_list_can_be_read_in_full(
    fresh_backend, fresh_lake, drive
):
    comment = "what the rider paid at the end of the ride, tips and tolls not counted, in dollars"
    fresh_lake.annotate("nyc.trips", Annotation(columns={"fare": comment}))
    async with drive(fresh_backend) as driver:
        await driver.press("slash", *"trips", "enter", "enter", "down")
        assert comment not in " ".join(driver.text.split())
        await driver.press("enter")
        assert f"fare: {comment}" in " ".join(driver.text.split())
        await driver.press("down", "enter")
        assert "zone has no comment" in driver.text


async def test_two_versions_are_compared_row_by_row_in_a_table(lake_backend, drive):
    async with drive(lake_backend, (80, 24)) as driver:
        await driver.press("slash", *"trips", "enter", "enter", "right_square_bracket")
        await driver.press("space", "down", "down")
        await driver.pilot.pause(0.2)
        await driver.settle()
        assert "+100 added" in driver.text
        shown = [line for line in driver.text.splitlines() if " added  " in line]
        assert len(shown) >= 4


async def test_ages_go_on_while_nothing_happens(lake_backend, drive):
    async with drive(lake_backend, (140, 40)) as driver:
        assert " 2h" in driver.text
        now = driver.app.shared.now()
        driver.app.shared.now = lambda: now + timedelta(hours=3)
        driver.app._age()
        await driver.settle()
        assert " 5h" in driver.text
        assert " 2h" not in driver.text


async def test_the_number_keys_go_between_the_screens(lake_backend, drive):
    async with drive(lake_backend) as driver:
        await driver.press("enter", "2")
        assert driver.app.screen.context().place == "query"
        await driver.press("escape", "1")
        assert driver.app.screen.context().place == "datasets"


async def test_growing_and_shrinking_keeps_everything_in_its_place(lake_backend, drive):
    async with drive(lake_backend) as driver:
        for size in ((140, 40), (20, 5), (1, 1), (300, 100), (80, 24)):
            await driver.pilot.resize_terminal(*size)
            await driver.settle()
        assert "nyc.trips" in driver.text


async def test_a_storm_of_sizes_settles_on_the_last_one(lake_backend, drive):
    async with drive(lake_backend) as driver:
        screen = driver.app.screen
        for size in (Size(90, 30), Size(70, 20)) * 5:
            screen.post_message(events.Resize(size, size))
        heard = []
        screen._screen_resized = lambda size: heard.append(size)
        await driver.settle()
        assert heard == []
        await driver.press("down")
        assert screen.size == driver.app.size


async def test_no_colour_is_no_colour(lake_backend, drive, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with drive(lake_backend) as driver:
        lines = driver.app.screen._compositor.render_strips()
        background = driver.app.screen.styles.background
        for filter_ in driver.app.get_line_filters():
            lines = [line.apply_filter(filter_, background) for line in lines]
        styles = [s.style for line in lines for s in line if s.style]
        coloured = [s for s in styles for c in (s.color, s.bgcolor) if c and not c.is_default]
        assert coloured == []
        assert "▌" in driver.text


async def test_a_letter_typed_over_ten_thousand_datasets_draws_only_what_is_in_view(
    lake_backend, drive, monkeypatch
):
    some = lake_backend.summaries()
    many = [
        replace(some[i % 6], id=f"{i:032x}", name=DatasetName(f"ns_{i % 40}", f"trips_{i:05}"))
        for i in range(10_000)
    ]
    async with drive(Wrapped(lake_backend, summaries=lambda limit=None: many)) as driver:
        screen = driver.app.screen
        drawn = []
        cells = screen._cells
        monkeypatch.setattr(screen, "_cells", lambda line: drawn.append(line) or cells(line))
        await driver.press("slash", "9")
        assert "10,000 · " in driver.text
        assert len(drawn) < 200


def test_a_filter_reads_the_text_of_a_dataset_once_however_many_letters(lake_backend):
    entries = [Entry(summary) for summary in lake_backend.summaries()]
    Filter("trips").apply(entries)
    words = [entry.words for entry in entries]
    Filter("trips z").apply(entries)
    assert all(entry.words is text for entry, text in zip(entries, words, strict=True))


@pytest.mark.parametrize("keys", ["s q enter ?", "z q ? 1", "2 ? q 2 ?", "enter q 1 ?"])
async def test_q_leaves_while_a_screen_is_on_its_way_and_keys_wait(lake_backend, keys):
    app = LakeApp(lake_backend, poll=0)
    async with app.run_test() as pilot:
        await pilot.pause()
        for key in keys.split():  # typed ahead: none waits for what the one before it does
            name = {"?": "question_mark"}.get(key, key)
            app.post_message(events.Key(name, key if len(key) == 1 else None))
        while app.is_running:
            await asyncio.sleep(0.01)
    assert app.crash is None
    assert app.return_code == 0


@pytest.mark.parametrize("window", ["ctrl+p", "question_mark", "z"])
async def test_escape_pressed_twice_closes_a_window_once(lake_backend, drive, window):
    async with drive(lake_backend) as driver:
        await driver.press("enter", window)
        screen = driver.app.screen
        for _ in range(2):
            driver.app.post_message(events.Key("escape", None))
        screen.dismiss(None)
        await driver.settle()
        assert driver.app.crash is None
