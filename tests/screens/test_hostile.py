"""What anybody wrote into the lake neither crashes the dashboard nor reaches the terminal raw."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from orders import OrdersBackend
from run_builder import tell_hostile
from textual.app import App

from jobs.model import Effect, FlowInfo, Parameter
from lakectl.root import init_lake, open_lake
from screens import messages
from screens.confirm import ConfirmScreen
from screens.scrub import Scrub
from screens.shared import Shared
from screens.widgets.bars import StatusLine, TabLine, TopLine
from screens.widgets.facts import Facts
from screens.widgets.line_edit import LineEdit

WALKS = {
    "list": (),
    "filter": ("slash", *"owner:[/x]"),
    "schema": ("slash", *"raw", "enter", "enter"),
    "versions": ("slash", *"raw", "enter", "enter", "right_square_bracket", "tab", "right"),
    "preview": ("slash", *"raw", "enter", "enter", *["right_square_bracket"] * 2, *["right"] * 9),
    "stats": ("slash", *"raw", "enter", "enter", *["left_square_bracket"] * 2, *["right"] * 4),
    "copy": ("slash", *"raw", "enter", "enter", *["right_square_bracket"] * 2, "right", "y"),
    "sql": ("slash", *"raw", "enter", "s", "f5"),
    "tag": ("slash", *"raw", "enter", "enter", "t", *"[/x]"),
    "palette": ("ctrl+p", *"[/x]"),
}


def is_clean(text):
    return all(char.isprintable() or char in "\n\u200d" for char in text)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("walk", WALKS)
async def test_hostile_data_is_shown_and_does_nothing(lake_backend, drive, walk, size):
    async with drive(lake_backend, size) as driver:
        await driver.press(*WALKS[walk])
        assert driver.app.is_running
        assert is_clean(driver.text)
        assert is_clean(driver.terminal)


RIGHT = "right_square_bracket"
RUN_WALKS = {
    "runs": ("4", "down", "y"),
    "runs filtered": ("4", "slash", *"flow:[/x] state:\\[ [link="),
    "log": ("4", "enter", "g", "W", "slash", *"[/x]", "enter", "n", "y"),
    "tasks": ("4", "enter", RIGHT, "G", "y", "space"),
    "subflow": ("4", "enter", RIGHT, "g", "enter"),
    "timeline": ("4", "enter", RIGHT, RIGHT, "T"),
    "data": ("4", "enter", *[RIGHT] * 3, "y", "G"),
    "read dataset": ("4", "enter", *[RIGHT] * 3, "enter"),
    "artifacts": ("4", "enter", *[RIGHT] * 4, *["pagedown"] * 9, *["right"] * 20),
    "facts": ("4", "enter", *[RIGHT] * 5, *["pagedown"] * 5),
    "palette": ("ctrl+p", *"of"),
    "orders": ("4", "c", "escape", "x", "escape", "R", "escape", "z"),
    "flows": ("3", "down", "y", "down"),
    "form": ("3", "enter", *"[/x]", "f5", "Y"),
    "form of a run": ("4", "enter", "X", "tab", "tab", "space", "Y"),
}


@pytest.fixture(scope="module")
def hostile_work(tmp_path_factory, hostile_texts):
    """A lake in which somebody who means no good ran flows."""
    folder = tmp_path_factory.mktemp("hostile") / "work"
    init_lake(folder)
    with open_lake(folder) as lake:
        start = int(datetime.now(UTC).timestamp() * 1000)
        tell_hostile(lake, start, hostile_texts)
        backend = OrdersBackend(lake)
        whole = "".join(hostile_texts)
        parameters = [
            Parameter(text or "none", text, n % 2 == 0, text, (text, whole) if n % 3 else (), text)
            for n, text in enumerate(hostile_texts)
        ]
        flows = [FlowInfo(t, t, t, tuple(parameters), (t,)) for t in (whole, *hostile_texts)]
        flows += [FlowInfo(text, text, problem=text or whole) for text in hostile_texts]
        backend.found_flows = tuple(flows)
        backend.effects = [Effect(text, 1, None, text or None) for text in hostile_texts]
        backend.check_parameters = lambda flow, texts: {p.name: whole for p in parameters}
        yield backend


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("walk", RUN_WALKS)
async def test_hostile_work_is_shown_and_does_nothing(hostile_work, drive, walk, size):
    async with drive(hostile_work, size) as driver:
        await driver.press(*RUN_WALKS[walk])
        await driver.pilot.pause(0.4)
        await driver.settle()
        assert driver.app.is_running
        assert is_clean(driver.text)
        assert is_clean(driver.terminal)


class Hosts(App[None]):
    def __init__(self, text):
        super().__init__()
        self.text = text

    def compose(self):
        yield TopLine("datasets")
        yield TabLine(("Schema", "Stats"))
        yield Facts()
        yield LineEdit(name="edit", label="/", changed=lambda text: None)
        yield StatusLine()

    def on_mount(self):
        self.query_one(TopLine).lead(self.text, self.text)
        self.query_one(TabLine).show("Schema", self.text)
        self.query_one(Facts).lines = ([(self.text, "bad")], [(self.text, "")])
        self.query_one(LineEdit).set(self.text)
        self.query_one(StatusLine).say("bad", self.text)


@pytest.mark.one_form
async def test_no_bar_pane_or_line_takes_markup_or_controls_from_data(hostile, figure):
    for text in (*hostile, "\ud800 lone"):
        app = Hosts(text)
        async with app.run_test(size=(60, 20)) as pilot:
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            assert is_clean("".join(s.text for strip in strips for s in strip))
    figure(
        "T2",
        f"{len(hostile) + 1} texts with markup or controls in every bar, pane, line and message",
        "each shown as it is; no error of markup, no control on the screen",
    )


async def test_a_question_shows_what_it_is_told_as_it_is(hostile):
    for text in hostile:
        asked = messages.Confirm(text, (text, text), text, "Go", lambda: None)
        app = App()
        async with app.run_test(size=(60, 20)) as pilot:
            await app.push_screen(ConfirmScreen(asked))
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            shown = Scrub().apply([s for strip in strips for s in strip], None)
            assert is_clean("".join(s.text for s in shown))


def test_the_last_door_deletes_what_slipped_through():
    from rich.segment import Segment

    dirty = Segment("a\x1b]0;t\x07b\x9d\u202e\u2028\ud800c")
    assert [s.text for s in Scrub().apply([dirty], None)] == ["a]0;tbc"]
    clean = [Segment("plain 日本 ⟨9D⟩")]
    assert Scrub().apply(clean, None) is clean


def test_the_clock_is_shared_by_all(lake_backend):
    shared = Shared(lake_backend)
    moment = shared.now()
    assert shared.when(moment) == "now"
    shared.absolute_times = True
    assert shared.when(moment).startswith("20")
