"""Windows that ask before something is done."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from catalog.errors import InvalidName
from catalog.names import check_ref
from screens import messages
from screens.commands import tag_line
from screens.keys import bindings
from screens.steady import Window
from screens.widgets.facts import Facts, Line, wrapped
from screens.widgets.line_edit import LineEdit


class Answer(Widget, can_focus=True):
    """Two answers in one line. The focus starts on the harmless one."""

    DEFAULT_CSS = "Answer { height: 1; margin: 1 0 0 0; }"

    yes: reactive[bool] = reactive(False)

    class Given(Message):
        """One of the two was chosen."""

        def __init__(self, yes: bool) -> None:
            super().__init__()
            self.yes = yes

    def __init__(self, verb: str, back: str = "Cancel") -> None:
        super().__init__()
        self._verb = verb
        self._back = back

    def render(self) -> Content:
        """What changes nothing at the left, the deed at the right."""
        return Content.assemble(
            (f"[ {'' if self.yes else '▸ '}{self._back} ]", "dim" if self.yes else "reverse bold"),
            "   ",
            (f"[ {'▸ ' if self.yes else ''}{self._verb} ]",
             "$text-error reverse bold" if self.yes else "$text-error"),
            ("    y yes · n no · tab, enter", "dim"),
        )  # fmt: skip

    def on_key(self, event: events.Key) -> None:
        """Choose by letter, or move and press enter."""
        if event.key in {"y", "n"}:
            self.post_message(self.Given(event.key == "y"))
        elif event.key == "enter":
            self.post_message(self.Given(self.yes))
        elif event.key in {"left", "right", "tab", "shift+tab", "h", "l"}:
            self.yes = not self.yes
        else:
            return
        event.stop()
        event.prevent_default()


class ConfirmScreen(Window[bool]):
    """Tells what would happen, shows the shell line, and asks."""

    BINDINGS = bindings("window")
    CSS_PATH = "windows.tcss"

    def __init__(self, question: messages.Confirm) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The facts and the answers."""
        with Vertical(classes="window asking"):
            yield Facts()
            yield Answer(self._question.verb, self._question.back)

    def on_mount(self) -> None:
        """Fill in the facts."""
        self.query_one(".window").border_title = Content(self._question.title)
        told: list[Line] = [[(line, "")] for line in self._question.lines]
        facts = self.query_one(Facts)
        facts.lines = (*told, [], [("same as: ", "dim"), (self._question.same_as, "line")])
        facts.styles.height = len(facts.lines)
        self.set_focus(self.query_one(Answer))

    def on_answer_given(self, event: Answer.Given) -> None:
        """Close with the answer."""
        self.dismiss(event.yes)

    def action_close(self) -> None:
        """Escape means no."""
        self.dismiss(False)


class TagScreen(Window[str | None]):
    """Asks for the name of a tag and says at once when it cannot be one."""

    BINDINGS = bindings("window")
    CSS_PATH = "windows.tcss"

    def __init__(self, question: messages.AskTag) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """A line to type into, and what comes of it."""
        with Vertical(classes="window asking"):
            yield LineEdit(name="tag", label="name", hint="gold", changed=self._tell)
            yield Facts()

    def on_mount(self) -> None:
        """Show the line that it would be."""
        asked = self._question
        self.query_one(".window").border_title = Content(f"Tag {asked.dataset} v{asked.version}")
        self.query_one(Facts).styles.height = 5
        self.set_focus(self.query_one(LineEdit))
        self._tell("")

    def _refusal(self, name: str) -> str | None:
        try:
            check_ref(name)
        except InvalidName as error:
            return error.hint or error.message
        return None

    def _tell(self, name: str) -> None:
        asked = self._question
        line = tag_line(asked.dataset, name or "NAME", asked.version)
        refusal = self._refusal(name) if name else None
        facts = self.query_one(Facts)
        below: list[Line] = [[("enter tags, esc leaves", "dim")]]
        if refusal:
            below = wrapped(f"▲ {refusal}", facts.size.width, "warn")
        facts.lines = ([], [("same as: ", "dim"), (line, "line")], *below)

    def on_line_edit_submitted(self, event: LineEdit.Submitted) -> None:
        """Close with the name when it can be one."""
        if event.value and self._refusal(event.value) is None:
            self.dismiss(event.value)

    def on_line_edit_left(self) -> None:
        """Close without a name."""
        self.dismiss(None)

    def action_close(self) -> None:
        """Close without a name."""
        self.dismiss(None)
