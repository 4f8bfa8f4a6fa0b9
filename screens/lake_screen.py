"""What every screen of the lake has in common: bars, commands, and questions off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker

from catalog.errors import LakeError
from screens import commands, messages
from screens.commands import Context
from screens.off_loop import Lane
from screens.shared import Shared
from screens.steady import Steady
from screens.widgets.bars import HintLine, StatusLine, TopLine
from screens.widgets.grid import Grid

T = TypeVar("T")


class LakeScreen(Steady, Screen[None]):
    """A screen with a line at the top, its own middle, and two lines at the bottom."""

    DEFAULT_CSS = """
    LakeScreen {
        #body { height: 1fr; }
        .framed {
            border: round $border-blurred;
            border-title-color: $text-muted;
            border-subtitle-color: $text-muted;
        }
        .framed:focus {
            border: round $border;
            border-title-color: $accent;
            border-title-style: bold;
        }
    }
    """
    AUTO_FOCUS = ""
    PLACE = ""

    def __init__(self, shared: Shared, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self.shared = shared
        self.backend = shared.backend
        self._lanes: dict[str, Lane] = {}

    def compose(self) -> ComposeResult:
        """The bars around the middle."""
        yield TopLine(self.PLACE)
        yield from self.middle()
        yield StatusLine()
        yield HintLine()

    def middle(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    def context(self) -> Context:
        """What the keys would act on now."""
        raise NotImplementedError

    def lake_changed(self) -> None:
        """Something in the lake is different: ask again what is shown."""
        raise NotImplementedError

    def runs_changed(self) -> None:
        """A run was made or has moved: ask again where runs are shown."""

    def pulse(self) -> None:
        """Twice a second, on the screen that is seen: bring what tells of itself only if asked."""

    def times_changed(self) -> None:
        """Times are shown in the other way from now on: draw them anew."""
        raise NotImplementedError

    def time_passed(self) -> None:
        """Draw what tells an age: it is computed where it is drawn."""
        for grid in self.query(Grid):
            grid.refresh()

    def lead(self, *crumbs: str) -> None:
        """Show the way to this screen at the top."""
        self.query_one(TopLine).lead(self.backend.lake_name(), *crumbs)

    def trouble(self, there_is: bool) -> None:
        """Show at the top whether the lake answers."""
        self.query_one(TopLine).trouble(there_is)

    def update_bars(self) -> None:
        """Let the bars follow what the keys would act on now."""
        if not self.is_mounted:
            return
        now = self.context()
        self.query_one(StatusLine).same_as(commands.view_line(now))
        offered = [c for c in commands.of_place(self.PLACE) if c.footer and not c.why_disabled(now)]
        if getattr(self.focused, "takes_letters", False):  # there a letter is text, no key
            offered = [c for c in offered if len(c.key) > 1]
        self.query_one(HintLine).offer(sorted(offered, key=lambda c: c.footer))

    def on_descendant_focus(self) -> None:
        """Offer the keys that work where the focus is now."""
        self.update_bars()

    def say(self, look: str, sentence: str) -> None:
        """Tell a person something in the line above the keys."""
        self.query_one(StatusLine).say(look, sentence)

    def complain(self, error: LakeError) -> None:
        """Tell a person what went wrong and what to do about it."""
        self.say("bad", f"{error.message} {error.hint or ''}".strip())

    def ask(
        self,
        group: str,
        question: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[LakeError], None] | None = None,
        delay: float = 0.0,
    ) -> None:
        """Ask the lake from a thread; of questions in one group only the newest is answered.

        Args:
            group: what the question is about.
            question: blocking.
            then: called on the event loop with the answer.
            failed: called with the error instead; without it the status line tells it.
            delay: seconds to wait for a newer question first.
        """
        lane = self._lanes.setdefault(group, Lane())

        async def answering() -> None:
            await _answer(lane, question, then, failed or self.complain, delay)

        _: Worker[None] = self.run_worker(answering, group=group, exclusive=True)

    def action_command(self, name: str) -> None:
        """Do the command, or another of the same key, or tell why it is of no use now."""
        self.query_one(StatusLine).go_on()
        now = self.context()
        command = commands.on_key_of(name, self.PLACE, now)
        why = command.why_disabled(now)
        if why is not None:
            self.say("warn", why)
            return
        getattr(self, f"do_{command.id}")()
        self.update_bars()

    def on_top_line_chosen(self, event: TopLine.Chosen) -> None:
        """A place was clicked."""
        self.action_command(event.command)

    def do_copy_line(self) -> None:
        """Copy the shell line that shows what the screen shows."""
        self._copy(commands.view_line(self.context()))

    def do_copy(self) -> None:
        """Copy what is under the cursor."""
        self._copy(self.context().cell or "")

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.say("good", f"Copied: {text}")

    def do_refresh(self) -> None:
        """Ask everything again."""
        self.lake_changed()

    def do_undo(self) -> None:
        """Ask, then take the last change of the lake back."""

        def confirm(what: str) -> None:
            lines = (f"This takes back {what}:", "the newest change of the lake, whoever made it.")
            title, same_as = "Undo the last change?", "lakectl undo"
            self.post_message(messages.Confirm(title, lines, same_as, "Undo", self._undo))

        self.ask("undo", self.backend.newest_change, confirm, self.complain)

    def _undo(self) -> None:
        self.order(self.backend.undo, "lakectl undo")

    def order(self, act: Callable[[], str], same_as: str) -> None:
        """Let the lake do something, tell what happened, and show the lake as it is then."""
        self.say("busy", "Working …")

        def done(sentence: str) -> None:
            self.say("good", f"{sentence}   same as: {same_as}")
            self.post_message(messages.LakeChanged())

        self.ask("order", act, done)

    def do_datasets(self) -> None:
        """Go to the list."""
        self.post_message(messages.Go("datasets"))

    def do_sql(self) -> None:
        """Go to the SQL screen."""
        self.post_message(messages.OpenQuery())

    def do_flows(self) -> None:
        """Go to the flows."""
        self.post_message(messages.Go("flows"))

    def do_runs(self) -> None:
        """Go to the runs."""
        self.post_message(messages.Go("runs"))

    def do_palette(self) -> None:
        """Open the palette."""
        self.post_message(messages.Go("palette"))

    def do_help(self) -> None:
        """Open the help."""
        self.post_message(messages.Go("help"))

    def do_absolute(self) -> None:
        """Show times in the other way."""
        self.post_message(messages.ToggleTimes())

    def do_quit(self) -> None:
        """Leave the dashboard."""
        self.post_message(messages.Go("out"))


async def _answer(
    lane: Lane,
    question: Callable[[], T],
    then: Callable[[T], None],
    failed: Callable[[LakeError], None],
    delay: float,
) -> None:
    if delay:
        await asyncio.sleep(delay)
    try:
        found = await lane.ask(question)
    except LakeError as error:
        failed(error)
        return
    then(found)
