"""The form from which a flow is started: a field a parameter, checked while one types."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from catalog.errors import LakeError, NotFound
from jobs.model import FlowInfo
from screens import messages
from screens.commands import Context
from screens.keys import bindings
from screens.lake_screen import LakeScreen
from screens.shared import Shared
from screens.widgets.facts import Facts, wrapped
from screens.widgets.form import Field, StartButton, label_width
from screens.widgets.line_edit import LineEdit

_SECRET = "***"  # what stands for one
_CHECK_AFTER = 0.3


class LaunchScreen(LakeScreen):
    """The parameters of one flow, filled with its defaults or with those of a run.

    Args:
        shared: the lake and the clock.
        flow: the name of the flow.
        run_id: the run whose parameters stand in the fields.
        known: what was read of the flow already.
    """

    DEFAULT_CSS = """
    LaunchScreen {
        #form { height: 1fr; padding: 0 1; }
        #about { height: auto; max-height: 4; margin: 0 1 1 1; }
    }
    """
    PLACE = "launch"
    BINDINGS = bindings("launch")

    def __init__(
        self,
        shared: Shared,
        flow: str,
        run_id: str | None = None,
        known: FlowInfo | None = None,
    ) -> None:
        super().__init__(shared)
        self._flow = flow
        self._run_id = run_id
        self._known = known
        self._starting = False

    def middle(self) -> Iterable[Widget]:
        """What the flow is, then its fields."""
        form = VerticalScroll(Facts(id="about"), id="form", classes="framed", can_focus=False)
        form.border_title = Content(f"Run {self._flow}")
        yield form

    def on_mount(self) -> None:
        """Paint, and only then ask for the fields."""
        self.lead("flows", self._flow, "run")
        self.query_one("#about", Facts).lines = ([("Reading the flow …", "dim")],)
        self.ask("form", self._read, self._fill, self._failed)
        self.update_bars()

    def _read(self) -> tuple[FlowInfo, Mapping[str, str]]:
        found = self._known
        if found is None:
            found = next((f for f in self.backend.flows() if f.name == self._flow), None)
        if found is None:
            raise NotFound(
                f"There is no flow {self._flow!r} here.", "See them with: lakectl flow ls"
            )
        if self._run_id is None:
            return found, {}
        return found, self.backend.run_form(self._run_id)

    def _failed(self, error: LakeError) -> None:
        about = self.query_one("#about", Facts)
        told = f"{error.message} {error.hint or ''}".strip()
        about.lines = tuple(wrapped(f"✖ {told}", max(20, about.size.width), "bad"))
        self.complain(error)

    def _fill(self, found: tuple[FlowInfo, Mapping[str, str]]) -> None:
        flow, texts = found
        about = self.query_one("#about", Facts)
        none = "" if flow.parameters else "It takes no parameters."
        told = flow.problem or " ".join(filter(None, (flow.description, none)))
        look = "bad" if flow.problem else "dim"
        about.lines = tuple(wrapped(told or "no description", max(20, about.size.width), look))
        if flow.problem is not None:
            return
        wide = label_width(flow.parameters)
        fields = [Field(p, texts.get(p.name), wide) for p in flow.parameters]
        self.query_one("#form").mount(*fields, StartButton())
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._stops[0].focus()
        self.update_bars()

    @property
    def _fields(self) -> Sequence[Field]:
        return list(self.query(Field))

    @property
    def _stops(self) -> Sequence[Widget]:
        """What can have the focus, from above."""
        return [widget for widget in self.query_one("#form").query("*") if widget.can_focus]

    def texts(self) -> dict[str, str]:
        """What the form says, by parameter."""
        return {f.parameter.name: f.text for f in self._fields if f.is_given}

    def context(self) -> Context:
        """The flow, and the options that the fields stand for."""
        changed = [f for f in self._fields if f.is_given and f.is_changed]
        options = " ".join(_option(f) for f in changed)
        return Context("launch", flow=self._flow, options=options, cell=self._cell)

    @property
    def _cell(self) -> str | None:
        here = next((f for f in self._fields if f.is_here), None)
        return None if here is None or here.parameter.secret else here.text or None

    def lake_changed(self) -> None:
        """A form stands as it is filled."""

    def times_changed(self) -> None:
        """A form shows no times."""

    def on_field_changed(self) -> None:
        """The shell line follows, and what is wrong is told a moment later."""
        self.update_bars()
        self.check()

    def check(self) -> None:
        """Ask whether the flow would take what stands in the form."""
        texts = self.texts()
        self.ask("check", lambda: self.backend.check_parameters(self._flow, texts),
                 self._blame, delay=_CHECK_AFTER)  # fmt: skip

    def _blame(self, wrong: Mapping[str, str]) -> None:
        known = {f.parameter.name for f in self._fields}
        for field in self._fields:
            field.blame(wrong.get(field.parameter.name))
        rest = [told for name, told in wrong.items() if name not in known]
        if rest:
            self.say("bad", rest[0])

    def do_launch(self) -> None:
        """Check, start, and go to the run; or go to the first field that is wrong."""
        if self._starting or not self.query(StartButton):
            self.say("busy", "Not yet: the form is being read, or the run is being started.")
            return
        self._starting = True
        self.say("busy", "Starting …")
        texts = self.texts()

        def start() -> tuple[dict[str, str], str]:
            wrong = self.backend.check_parameters(self._flow, texts)
            return wrong, "" if wrong else self.backend.launch(self._flow, texts)

        self.ask("launch", start, self._started, self._not_started)

    def _started(self, found: tuple[Mapping[str, str], str]) -> None:
        wrong, run_id = found
        self._starting = False
        if not wrong:
            self.post_message(messages.Started(run_id))
            return
        self._blame(wrong)
        first = next((f for f in self._fields if f.wrong), None)
        if first is not None:
            first.enter()
            self.say("bad", "Nothing was started: look at the fields.")

    def _not_started(self, error: LakeError) -> None:
        self._starting = False
        self.complain(error)

    def on_start_button_pressed(self) -> None:
        """The same as the key."""
        self.action_command("launch")

    def on_field_stepped(self, event: Field.Stepped) -> None:
        """Go to the field above or below."""
        self._go(+1 if event.step == "down" else -1)

    def on_line_edit_stepped(self, event: LineEdit.Stepped) -> None:
        """Go to the field above or below."""
        self._go(+1 if event.step in {"down", "pagedown"} else -1)

    def on_line_edit_submitted(self) -> None:
        """Go to the next field."""
        self._go(+1)

    def on_line_edit_left(self) -> None:
        """Leave the form."""
        self.do_up_screen()

    def _go(self, step: int) -> None:
        stops = self._stops
        at = next((i for i, widget in enumerate(stops) if widget.has_focus), 0) + step
        if 0 <= at < len(stops):
            stops[at].focus()

    def do_up_screen(self) -> None:
        """Go back."""
        self.post_message(messages.Go("up"))


def _option(field: Field) -> str:
    value = _SECRET if field.parameter.secret else field.text
    return f"-p {shlex.quote(f'{field.parameter.name}={value}')}"
