"""Stories of a person who starts flows, over a real lake."""

from __future__ import annotations

import threading

from orders import OrdersBackend
from wrapped import Wrapped

from catalog.errors import OperationFailed
from screens import messages


async def form(driver, flow="etl", run_id=None):
    driver.app.post_message(messages.OpenForm(flow, run_id))
    await driver.settle()
    await driver.pilot.pause()


async def checked(driver):
    await driver.pilot.pause(0.35)
    await driver.settle()


async def test_flows_stand_with_what_they_do_and_how_the_last_run_ended(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await driver.press("3")
        assert "Flows 4" in driver.text
        assert "Loads the trips of a month." in driver.text
        line = next(text for text in driver.text.splitlines() if " etl " in text)
        assert "▸ Running" in line
        assert "✖ ModuleNotFoundError: No module named 'pandsa'" in driver.text


async def test_slow_flows_stop_no_key_and_the_screen_is_there_at_once(work, drive):
    gate = threading.Event()

    def slow():
        gate.wait(10)
        return work.backend.flows()

    async with drive(Wrapped(work.backend, flows=slow)) as driver:
        await driver.pilot.press("3")
        await driver.pilot.pause()
        assert "Reading the flows" in driver.text
        await driver.pilot.press("4")
        await driver.pilot.pause(0.1)
        assert "busy-badger" in driver.text
        gate.set()
        await driver.settle()
        await driver.press("3")
        assert "Flows 4" in driver.text


async def test_a_flow_that_cannot_be_run_says_why(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("3", "G", "enter")
        assert "broken cannot be run: ModuleNotFoundError" in driver.text.replace("\n ", " ")


async def test_a_lake_without_flows_and_flows_that_cannot_be_read_are_told_apart(work, drive):
    def broken():
        raise OperationFailed("flows/etl.py cannot be read.", "Is it yours?")

    backend = Wrapped(work.backend, flows=list)
    async with drive(backend) as driver:
        await driver.press("3")
        assert "There is no flow to run." in driver.text
    async with drive(Wrapped(work.backend, flows=broken)) as driver:
        await driver.press("3")
        assert "The flows cannot be read." in driver.text
        assert "Is it yours?" in driver.text


async def test_the_list_is_filtered_and_leads_to_the_runs_of_a_flow(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("3", "slash", *"exp", "enter")
        assert "Flows 4 · 1 shown" in driver.text
        await driver.press("o")
        await driver.pilot.pause(0.2)
        await driver.settle()
        assert driver.app.screen.context().place == "runs"
        assert "lost-mole" in driver.text
        assert "busy-badger" not in driver.text
        await driver.press("escape", "escape")
        assert driver.app.screen.context().place == "flows"


async def test_a_form_has_a_field_a_parameter_with_its_default(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("3", "enter")
        for told in ("year*", "the year of the trips", "month  1", "‹ yellow ›", "‹ false ›"):
            assert told in driver.text
        assert "lakectl flow run etl" in driver.text


async def test_what_is_wrong_stands_at_its_field_while_one_types(work, drive):
    async with drive(work.backend) as driver:
        await form(driver)
        await driver.press(*"2x")
        await checked(driver)
        assert "✖ '2x' is no whole number." in driver.text
        await driver.press("backspace")
        await checked(driver)
        assert "✖" not in driver.text


async def test_the_shell_line_does_the_same_and_shows_no_secret(work, drive):
    async with drive(work.backend, (140, 40)) as driver:
        await form(driver)
        await driver.press(*"2026", "tab", "tab", "space", "tab", "space", "tab", *"hunter2")
        line = "lakectl flow run etl -p year=2026 -p colour=green -p dry=true -p 'token=***'"
        assert line in driver.text
        assert "hunter2" not in driver.text
        assert "•••••••" in driver.text
        driver.app.screen.do_copy_line()
        assert driver.app.clipboard == line


async def test_starting_with_a_field_that_is_wrong_starts_nothing_and_goes_there(work, drive):
    work.backend.orders.clear()
    async with drive(work.backend) as driver:
        await form(driver)
        await driver.press("tab", "f5")
        assert work.backend.orders == []
        assert "✖ A value is needed." in driver.text
        assert "Nothing was started" in driver.text
        await driver.press("7")
        assert driver.app.screen.texts()["year"] == "7"


async def test_a_run_is_started_and_shown_in_place_of_the_form(work, drive):
    work.backend.orders.clear()
    work.backend.started = work.runs["busy-badger"]
    async with drive(work.backend) as driver:
        await driver.press("3", "enter")
        await driver.pilot.pause()
        await driver.press(*"2026", "ctrl+j")
        texts = {"year": "2026", "month": "1", "colour": "yellow", "dry": "false"}
        assert work.backend.orders == [("launch", "etl", texts)]
        assert "runs › busy-badger" in driver.text
        await driver.press("escape")
        assert driver.app.screen.context().place == "flows"


async def test_enter_goes_from_field_to_field_and_the_last_one_starts(work, drive):
    work.backend.orders.clear()
    work.backend.started = work.runs["busy-badger"]
    async with drive(work.backend) as driver:
        await form(driver)
        await driver.press(*"2026", "enter", "enter", "enter", "enter", "enter", "enter")
        assert work.backend.orders[0][0] == "launch"


async def test_a_run_that_cannot_be_started_is_told_and_the_form_stays(lake, work, drive):
    backend = OrdersBackend(lake)
    async with drive(backend) as driver:
        await form(driver)
        await driver.press(*"2026", "f5")
        assert "The queue is paused. lakectl queue resume default" in driver.text
        assert driver.app.screen.texts()["year"] == "2026"


async def test_editing_a_run_fills_the_form_with_its_parameters(work, drive):
    async with drive(work.backend) as driver:
        await driver.press("4", "G", "up", "X")
        await driver.pilot.pause()
        assert driver.app.screen.texts()["year"] == "2026"
        assert driver.app.screen.texts()["month"] == "12"
        assert "-p year=2026 -p month=12" in driver.text
        await driver.press("escape")
        assert driver.app.screen.context().place == "runs"


async def test_letters_typed_into_a_field_are_text_and_never_commands(work, drive):
    async with drive(work.backend) as driver:
        await form(driver)
        await driver.press("q", "1", "T", "question_mark")
        assert driver.app.screen.texts()["year"] == "q1T?"
        assert driver.app.is_running


async def test_a_choice_takes_letters_arrows_and_clicks(work, drive):
    async with drive(work.backend) as driver:
        await form(driver)
        await driver.press("tab", "tab", "f")
        assert driver.app.screen.texts()["colour"] == "fhv"
        await driver.press("left")
        assert driver.app.screen.texts()["colour"] == "green"
        await driver.press("up", "8")
        assert driver.app.screen.texts()["month"] == "18"


async def test_a_flow_that_is_gone_is_told(work, drive):
    async with drive(work.backend) as driver:
        await form(driver, "nosuch")
        assert "There is no flow 'nosuch' here." in driver.text
        await driver.press("f5", "escape")
        assert driver.app.is_running


async def test_a_run_that_starts_after_the_form_was_left_takes_nobody_away(work, drive):
    gate = threading.Event()

    def slow(flow, texts):
        gate.wait(10)
        return work.runs["busy-badger"]

    async with drive(Wrapped(work.backend, launch=slow)) as driver:
        await form(driver)
        await driver.pilot.press(*"2026", "f5")
        await driver.pilot.pause(0.1)
        await driver.pilot.press("escape")
        await driver.pilot.pause(0.1)
        gate.set()
        await driver.settle()
        assert driver.app.screen.context().place == "datasets"


async def test_the_last_line_of_the_form_can_be_clicked(work, drive):
    work.backend.orders.clear()
    work.backend.started = work.runs["busy-badger"]
    async with drive(work.backend) as driver:
        await form(driver)
        await driver.press(*"2026")
        await driver.pilot.click("StartButton")
        await driver.settle()
        assert work.backend.orders[0][0] == "launch"


async def test_the_form_does_not_read_again_what_the_list_knows(work, drive):
    asked = []

    def flows():
        asked.append(True)
        return work.backend.flows()

    async with drive(Wrapped(work.backend, flows=flows)) as driver:
        await driver.press("3", "enter")
        await driver.pilot.pause()
        assert "the year of the trips" in driver.text
        assert asked == [True]
