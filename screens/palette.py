"""The palette: an action of the screen, a dataset or one of the last runs, by a few letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from catalog.errors import LakeError
from screens import commands
from screens.commands import Context
from screens.help import all_keys
from screens.keys import bindings
from screens.off_loop import Lane
from screens.shared import Shared
from screens.steady import Window
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.line_edit import LineEdit
from screens.widgets.notice import Notice
from screens.widgets.rows import Cell, Listed

MOST = 200
_RUNS = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the palette: a command, a dataset, or a run by its id."""

    text: str
    key: str = ""
    command: str = ""
    dataset: str = ""
    run: str = ""
    why_not: str | None = None


def matching(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """The choices that hold the letters in their order, those that hold them closest first."""
    typed = typed.lower().strip()
    if not typed:
        return list(choices[:MOST])
    fuzzy = re.compile(".*?".join(re.escape(c) for c in typed if c != " "))
    ranked = []
    for choice in choices:
        text = choice.text.lower()
        found = fuzzy.search(text)
        if found is not None:
            together = text.find(typed)
            far = 0 if together >= 0 else len(found[0])
            ranked.append(((far, not choice.command, together), choice))
    ranked.sort(key=lambda pair: pair[0])
    return [choice for _, choice in ranked[:MOST]]


class PaletteScreen(Window[Choice | None]):
    """Type, choose, enter."""

    BINDINGS = bindings("window")
    CSS_PATH = "windows.tcss"

    def __init__(self, shared: Shared, context: Context) -> None:
        super().__init__()
        self._shared = shared
        self._choices = [
            Choice(f"{c.name}: {c.sentence}", all_keys(c), command=c.id,
                   why_not=c.why_disabled(context))
            for c in commands.of_place(context.place) if c.id != "palette"
        ]  # fmt: skip

    def compose(self) -> ComposeResult:
        """A line to type into above what it finds."""
        with Vertical(id="palette", classes="window"):
            hint = "an action, a dataset or a run"
            yield LineEdit(name="typed", label="›", hint=hint, changed=self._find)
            yield Grid(name="found", classes="")

    def on_mount(self) -> None:
        """Show the commands, then bring the datasets and the runs."""
        self.query_one("#palette").border_title = Content("Go to   esc closes")
        self.query_one(Grid).can_focus = False
        self.set_focus(self.query_one(LineEdit))
        self._find("")
        self.run_worker(self._bring())

    async def _bring(self) -> None:
        try:
            self._choices += await Lane().ask(self._others)
        except LakeError:
            return  # the list below has told it already
        self._find(self.query_one(LineEdit).value)

    def _others(self) -> list[Choice]:
        from jobs.model import RunFilter

        backend = self._shared.backend
        names = sorted(str(s.name) for s in backend.summaries())
        runs = backend.runs(RunFilter(top=True), _RUNS)
        return [
            *(Choice(name, "dataset", dataset=name) for name in names),
            *(Choice(f"{run.name} of {run.flow}", "run", run=run.id) for run in runs),
        ]

    def _find(self, typed: str) -> None:
        grid = self.query_one(Grid)
        found = matching(self._choices, typed)
        if not found:
            grid.tell(Notice("Nothing is called like that.", ("fewer letters find more",), "warn"))
            return
        columns = [Column("", 90, least=20, rank=9), Column("", 10, right=True, rank=8)]
        grid.show(columns, Listed(found, _cells))

    def on_line_edit_stepped(self, event: LineEdit.Stepped) -> None:
        """Move over what was found."""
        getattr(self.query_one(Grid), f"action_{event.step.replace('page', 'page_')}")()

    def on_line_edit_submitted(self) -> None:
        """Do it."""
        grid = self.query_one(Grid)
        if isinstance(grid.rows, Listed) and grid.cursor < len(grid.rows):
            self.dismiss(grid.rows.items[grid.cursor])

    def on_grid_chosen(self) -> None:
        """A second click does it too."""
        self.on_line_edit_submitted()

    def on_line_edit_left(self) -> None:
        """Close without a choice."""
        self.dismiss(None)

    def action_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


def _cells(choice: Choice) -> Sequence[Cell]:
    text = choice.text
    if choice.why_not:  # in place of the sentence: both would not fit
        text = f"{text.partition(':')[0]}: {choice.why_not}"
    look = "dim" if choice.why_not else "" if choice.command else "name"
    return (Cell(text, look), Cell(choice.key, "accent" if choice.command else "dim"))
