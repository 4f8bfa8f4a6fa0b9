"""The one-line bars at the edges of every screen, lighter than the stock header and footer."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from screens.commands import Command
from screens.text import cut_end, cut_middle, safe, width

SIGNS = {"good": "✔", "warn": "▲", "bad": "✖", "busy": "…", "tell": "›"}
_COLOURS = {
    "good": "$text-success", "warn": "$text-warning", "bad": "$text-error", "busy": "$text-muted",
    "tell": "$text-primary",
}  # fmt: skip
_TABS = (  # key, title, places, the command that goes there
    ("1", "datasets", ("datasets", "dataset"), "datasets"), ("2", "SQL", ("query",), "sql"),
    ("3", "flows", ("flows", "launch"), "flows"), ("4", "runs", ("runs", "run"), "runs"),
)  # fmt: skip


class TopLine(Widget):
    """Where one is, and where one can go by number."""

    DEFAULT_CSS = "TopLine { height: 1; dock: top; background: $boost; }"

    class Chosen(Message):
        """A place was clicked."""

        def __init__(self, command: str) -> None:
            super().__init__()
            self.command = command

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place
        self._crumbs: tuple[str, ...] = ()
        self._trouble = False
        self._first = 0  # the column at which the places begin

    def lead(self, *crumbs: str) -> None:
        """Show the way to this screen."""
        self._crumbs = crumbs
        self.refresh()

    def trouble(self, there_is: bool) -> None:
        """Show whether the lake answers."""
        if there_is != self._trouble:
            self._trouble = there_is
            self.refresh()

    def render(self) -> Content:
        """Crumbs at the left, places at the right."""
        sign = ("▲ no answer", "$text-error bold") if self._trouble else ("● live", "$text-success")
        right = Content.assemble(
            *((f"[{key}:{tab}]", "bold") if self._place in places else (f" {key}:{tab} ", "dim")
              for key, tab, places, _ in _TABS),
            " ",
            sign, " ",
        )  # fmt: skip
        room = max(0, self.size.width - right.cell_length - 2)
        self._first = self.size.width - right.cell_length
        crumbs = cut_middle(" › ".join(safe(c) for c in self._crumbs), room)
        gap = " " * max(1, self.size.width - right.cell_length - width(crumbs) - 1)
        return Content.assemble(" ", (crumbs, "$text-primary bold"), gap, right)

    def on_click(self, event: events.Click) -> None:
        """Go to the place that was clicked."""
        widths = [len(key) + len(tab) + 3 for key, tab, _, _ in _TABS]
        at = _stop_at(event.x - self._first, widths)
        if at is not None:
            self.post_message(self.Chosen(_TABS[at][3]))


def _stop_at(x: int, widths: Sequence[int]) -> int | None:
    """Which of some stops beside each other a column belongs to."""
    for at, wide in enumerate(widths):
        if 0 <= x < wide:
            return at
        x -= wide
    return None


class TabLine(Widget):
    """The tabs of a screen, and a few facts at the right."""

    DEFAULT_CSS = "TabLine { height: 1; }"

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self, tabs: Sequence[str]) -> None:
        super().__init__()
        self.tabs = tuple(tabs)
        self._chosen = self.tabs[0]
        self._facts = ""

    def show(self, chosen: str, facts: str) -> None:
        """Show which tab is chosen, and the facts."""
        self._chosen, self._facts = chosen, facts
        self.refresh()

    def render(self) -> Content:
        """The tabs, the chosen one in brackets, so that it shows without colour too."""
        tabs = Content.assemble(
            " ",
            *((f"[{t}]", "$accent bold") if t == self._chosen else (f" {t} ", "dim")
              for t in self.tabs)
        )  # fmt: skip
        facts = cut_end(safe(self._facts), max(0, self.size.width - tabs.cell_length - 2))
        gap = " " * max(1, self.size.width - tabs.cell_length - width(facts) - 1)
        return Content.assemble(tabs, gap, (facts, "$text-muted"))

    def on_click(self, event: events.Click) -> None:
        """Choose the tab that was clicked."""
        at = _stop_at(event.x - 1, [len(tab) + 2 for tab in self.tabs])
        if at is not None:
            self.post_message(self.Chosen(self.tabs[at]))


class StatusLine(Widget):
    """The shell line that does the same; or for some seconds, what has just happened."""

    DEFAULT_CSS = "StatusLine { height: auto; max-height: 4; min-height: 1; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._line = ""
        self._news: tuple[str, str] | None = None
        self._said = 0

    def same_as(self, line: str) -> None:
        """Show a shell line."""
        if line != self._line:
            self._line = line
            self.refresh()

    def say(self, look: str, sentence: str, seconds: float = 8.0) -> None:
        """Show a sentence for a while; `look` is one of good, warn, bad, busy, tell."""
        self._news = look, sentence
        self._said += 1
        said = self._said
        self.set_timer(seconds, lambda: self.hush(said))
        self.refresh(layout=True)

    def hush(self, said: int | None = None) -> None:
        """Show the shell line again, unless something newer was said."""
        if self._news is not None and said in {None, self._said}:
            self._news = None
            self.refresh(layout=True)

    def go_on(self) -> None:
        """The person does something else: what was said of the last key is no longer of use."""
        if self._news is not None and self._news[0] in {"warn", "tell"}:
            self.hush()

    @property
    def text(self) -> str:
        """What the line says."""
        return self._news[1] if self._news else self._line

    def render(self) -> Content:
        """A sign and a sentence, or the shell line."""
        if self._news is not None:
            look, sentence = self._news
            return Content.assemble(
                (f"{SIGNS[look]} ", f"{_COLOURS[look]} bold"), (safe(sentence), _COLOURS[look])
            )
        line = cut_end(safe(self._line), max(0, self.size.width - 9))
        return Content.assemble(("same as: ", "dim"), (line, "$text-secondary"))


class HintLine(Widget):
    """The keys that are of use now, the most useful first, as many as fit."""

    DEFAULT_CSS = "HintLine { height: 1; background: $boost; }"

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[tuple[str, str], ...] = ()

    def offer(self, commands: Sequence[Command]) -> None:
        """Show these commands; those of one name share their place."""
        keys: dict[str, list[str]] = {}
        for command in commands:
            keys.setdefault(command.name, []).append(command.key)
        hints = tuple((" ".join(found), name) for name, found in keys.items())
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def render(self) -> Content:
        """Key and name, key and name."""
        room = self.size.width - 1
        parts: list[tuple[str, str]] = [(" ", "")]
        for keys, name in self._hints:
            room -= width(keys) + width(name) + 3
            if room < 0:
                break
            parts += [(keys, "$accent bold"), (f" {name}  ", "")]
        return Content.assemble(*parts)
