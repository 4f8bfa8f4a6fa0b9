"""Fields of a form: a text, one of some values, and what is wrong with it below."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from jobs.model import Parameter
from screens.text import cut_end, safe, widest
from screens.widgets.facts import Facts, wrapped
from screens.widgets.line_edit import LineEdit

_YES_OR_NO = "true or false"
_MOST_LABEL = 24


class ChoiceEdit(Widget, can_focus=True):
    """One of some values: space or the arrows take the next, a letter the one it begins.

    Args:
        label: what stands before it.
        choices: the values; an empty one stands for none.
        changed: called with every new value.
    """

    DEFAULT_CSS = "ChoiceEdit { height: 1; }"

    value: reactive[str] = reactive("")

    def __init__(
        self, *, label: str, choices: tuple[str, ...], value: str, changed: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._label = label
        self._choices = choices
        self._changed = changed
        self.set_reactive(ChoiceEdit.value, value)

    def render(self) -> Content:
        """The label, and the value between arrows."""
        shown = safe(self.value, limit=80) or "(none)"
        look = "reverse" if self.has_focus else ""
        at = self._choices.index(self.value) + 1 if self.value in self._choices else 0
        return Content.assemble(
            (f" {self._label} ", "$accent bold"), ("‹ ", "dim"), (shown, look), (" ›", "dim"),
            (f"  {at or '?'} of {len(self._choices)}", "dim"),
        )  # fmt: skip

    def set(self, value: str) -> None:
        """Take a value."""
        if value != self.value:
            self.value = value
            self._changed(value)

    def _turn(self, step: int) -> None:
        if not self._choices:
            return
        at = self._choices.index(self.value) + step if self.value in self._choices else 0
        self.set(self._choices[at % len(self._choices)])

    def on_click(self) -> None:
        """Take the next value."""
        self._turn(+1)

    def on_key(self, event: events.Key) -> None:
        """Take another value, or go to another field."""
        if event.key in {"space", "right", "l"}:
            self._turn(+1)
        elif event.key in {"left", "h"}:
            self._turn(-1)
        elif event.key in {"up", "down"}:
            self.post_message(Field.Stepped(event.key))
        elif event.key == "enter":
            self.post_message(Field.Stepped("down"))
        elif event.is_printable and event.character and self._begins(event.character):
            pass
        else:
            return
        event.stop()
        event.prevent_default()

    def _begins(self, letter: str) -> bool:
        found = [c for c in self._choices if c.lower().startswith(letter.lower())]
        if found:
            at = found.index(self.value) + 1 if self.value in found else 0
            self.set(found[at % len(found)])
        return bool(found)


class Field(Vertical):
    """A parameter: where it is typed or chosen, and below that what it is, or what is wrong."""

    DEFAULT_CSS = """
    Field { height: auto; margin: 0 0 1 0; }
    Field > Facts { height: 1; padding: 0 1; }
    """

    class Stepped(Message):
        """Another field is meant."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    class Changed(Message):
        """Another value stands in the field."""

    def __init__(self, parameter: Parameter, text: str | None, label: int) -> None:
        super().__init__()
        self.parameter = parameter
        self.initial = text if text is not None else parameter.default or ""
        self._label = label
        self.wrong: str | None = None
        self._edit = self._made()

    def _made(self) -> LineEdit | ChoiceEdit:
        found = self.parameter
        star = "*" if found.required else " "
        label = f"{cut_end(safe(found.name), self._label):>{self._label}}{star}"
        choices = found.choices
        if not choices and found.kind == _YES_OR_NO:
            choices = ("true", "false")
        if choices:
            values = choices if found.required or self.initial in choices else ("", *choices)
            return ChoiceEdit(label=label, choices=values, value=self.initial, changed=self._told)
        edit = LineEdit(name="", label=label, changed=self._told, hidden=found.secret)
        edit.set_reactive(LineEdit.value, self.initial)
        edit.set_reactive(LineEdit.place, len(self.initial))
        return edit

    def compose(self) -> ComposeResult:
        """Where it is typed, and a line below."""
        yield self._edit
        yield Facts()

    def on_mount(self) -> None:
        """Tell what the parameter is."""
        self.blame(None)

    def on_resize(self) -> None:
        """Break what is wrong at the new width."""
        self.call_after_refresh(self.blame, self.wrong)

    def _told(self, _: str) -> None:
        self.post_message(self.Changed())

    @property
    def text(self) -> str:
        """What stands in it."""
        return self._edit.value

    @property
    def is_given(self) -> bool:
        """Whether it is part of the call: an empty field that was empty is not."""
        return bool(self.text) or bool(self.initial)

    @property
    def is_changed(self) -> bool:
        """Whether it differs from what the flow takes by itself."""
        return self.text != (self.parameter.default or "")

    def enter(self) -> None:
        """Put the focus here."""
        self._edit.focus()

    @property
    def is_here(self) -> bool:
        """Whether the focus is here."""
        return self._edit.has_focus

    def blame(self, wrong: str | None) -> None:
        """Show what is wrong in place of what the parameter is."""
        self.wrong = wrong
        facts = self.query_one(Facts)
        indent = " " * (self._label + 2)
        if wrong:
            room = max(10, facts.size.width - len(indent) - 2)
            told = wrapped(f"✖ {wrong}", room, "bad")[:4]
            facts.lines = tuple([(indent, ""), *line] for line in told)
        else:
            kind = self.parameter.kind + (" · secret" if self.parameter.secret else "")
            about = f"{kind} · {self.parameter.description}".rstrip(" ·")
            facts.lines = ([(f"{indent}{about}", "dim")],)
        facts.styles.height = max(1, len(facts.lines))


def label_width(parameters: tuple[Parameter, ...]) -> int:
    """How wide the labels of a form are."""
    return widest((p.name for p in parameters), 4, _MOST_LABEL)


class StartButton(Widget, can_focus=True):
    """The last line of the form: enter or a click starts."""

    DEFAULT_CSS = "StartButton { height: 1; margin: 0 1; }"

    class Pressed(Message):
        """Start."""

    def render(self) -> Content:
        """A word between brackets."""
        shown = "[ ▸ Run ]" if self.has_focus else "[   Run ]"
        return Content.assemble(
            (shown, "$text-success reverse bold" if self.has_focus else "$text-success"),
            ("   ctrl+j or F5 from anywhere · tab next field · esc leaves", "dim"),
        )

    def on_key(self, event: events.Key) -> None:
        """Start, or go to another field."""
        if event.key in {"enter", "space"}:
            self.post_message(self.Pressed())
        elif event.key in {"up", "down"}:
            self.post_message(Field.Stepped(event.key))
        else:
            return
        event.stop()
        event.prevent_default()

    def on_click(self) -> None:
        """Start."""
        self.post_message(self.Pressed())
