"""One line of text to type into, as light as a label: it is on the first screen."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from screens.text import safe


class LineEdit(Widget, can_focus=True):
    """A line to type into. Letters type; other keys go on to the screen.

    Args:
        label: what stands before the text.
        hint: what stands in place of an empty text.
        hidden: show a dot for each letter.
        changed: called with every new text. No message: that would be read only after the line was
            drawn, and the line and what it filters shall come in one frame.
    """

    DEFAULT_CSS = "LineEdit { height: 1; }"
    takes_letters = True

    value: reactive[str] = reactive("")
    place: reactive[int] = reactive(0)

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, edit: LineEdit) -> None:
            super().__init__()
            self.edit = edit
            self.value = edit.value

    class Left(Submitted):
        """Escape was pressed."""

    class Stepped(Submitted):
        """An arrow up or down was pressed: the list beside is meant."""

        def __init__(self, edit: LineEdit, step: str) -> None:
            super().__init__(edit)
            self.step = step

    def __init__(
        self,
        *,
        name: str,
        label: str,
        changed: Callable[[str], None],
        hint: str = "",
        hidden: bool = False,
    ) -> None:
        super().__init__(id=name or None)
        self._label = label
        self._hint = hint
        self._hidden = hidden
        self._changed = changed

    def render(self) -> Content:
        """The label, the text and the cursor."""
        label = (f" {self._label} ", "$accent bold")
        if not self.value:
            cursor = (self._hint[:1] or " ", "reverse" if self.has_focus else "dim")
            return Content.assemble(label, cursor, (self._hint[1:], "dim"))
        shown = "•" * len(self.value) if self._hidden else self.value
        before, rest = shown[: self.place], shown[self.place :]
        cursor = (safe(rest[:1]) or " ", "reverse" if self.has_focus else "")
        return Content.assemble(label, safe(before), cursor, safe(rest[1:]))

    def set(self, text: str) -> None:
        """Put another text in, the cursor at its end."""
        self._become(text, len(text))

    def _become(self, text: str, place: int) -> None:
        changed = text != self.value
        self.set_reactive(LineEdit.value, text)
        self.set_reactive(LineEdit.place, max(0, min(place, len(text))))
        if changed:
            self._changed(text)
        self.refresh()

    def _type(self, text: str) -> None:
        self._become(
            self.value[: self.place] + text + self.value[self.place :], self.place + len(text)
        )

    def on_paste(self, event: events.Paste) -> None:
        """Take the first line of what is pasted."""
        event.stop()
        self._type("".join(event.text.splitlines()[:1]))

    def on_key(self, event: events.Key) -> None:
        """Type letters, edit with the usual keys, and let everything else go on."""
        edit = _EDITS.get(event.key)
        if edit is not None:
            self._become(*edit(self.value, self.place))
        elif event.key in {"up", "down", "pageup", "pagedown"}:
            self.post_message(self.Stepped(self, event.key))
        elif event.key == "enter":
            self.post_message(self.Submitted(self))
        elif event.key == "escape":
            self.post_message(self.Left(self))
        elif event.is_printable and event.character:
            self._type(event.character)
        else:
            return
        event.stop()
        event.prevent_default()


def _without_word(text: str, place: int) -> tuple[str, int]:
    kept = text[:place].rstrip()
    kept = kept[: kept.rfind(" ") + 1]
    return kept + text[place:], len(kept)


_EDITS: dict[str, Callable[[str, int], tuple[str, int]]] = {
    "left": lambda text, place: (text, place - 1),
    "right": lambda text, place: (text, place + 1),
    "home": lambda text, place: (text, 0),
    "end": lambda text, place: (text, len(text)),
    "ctrl+a": lambda text, place: (text, 0),
    "ctrl+e": lambda text, place: (text, len(text)),
    "ctrl+u": lambda text, place: (text[place:], 0),
    "ctrl+w": _without_word,
    "delete": lambda text, place: (text[:place] + text[place + 1 :], place),
    "backspace": lambda text, place: (text[: max(0, place - 1)] + text[place:], place - 1),
}
