"""The flows that can be run here, and those that cannot, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from catalog.errors import LakeError
from jobs.model import FlowInfo, Run, RunFilter
from screens import messages, standing
from screens.commands import Context
from screens.keys import bindings
from screens.lake_screen import LakeScreen
from screens.listing import hit
from screens.shared import Shared
from screens.text import count, plural, widest
from screens.widgets.columns import Column
from screens.widgets.grid import Grid
from screens.widgets.line_edit import LineEdit
from screens.widgets.notice import Notice
from screens.widgets.results import notice_of
from screens.widgets.rows import Cell, Listed

_MOST_LAST = 200  # flows whose last run is looked up
_LOADING = Notice("Reading the flows …", ("They are imported, which may take some seconds.",))
_EMPTY = Notice(
    "There is no flow to run.",
    ("A flow is a function: from lakectl import flow, then @flow above it.",
     "lakectl flow ls tells where they are looked for."),
    "accent",
)  # fmt: skip


class FlowsScreen(LakeScreen):
    """The list of flows, each with how its last run ended."""

    DEFAULT_CSS = """
    FlowsScreen { #filter { background: $boost; } }
    """
    PLACE = "flows"
    BINDINGS = bindings("flows")

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._flows: Sequence[FlowInfo] = ()
        self._last: Mapping[str, Run] = {}
        self._loaded = False
        self._words: tuple[str, ...] = ()

    def middle(self) -> Iterable[Widget]:
        """The list, and the line to type a filter into."""
        yield Horizontal(Grid(name="flows"), id="body")
        yield LineEdit(name="filter", label="/", hint="parts of names", changed=self._filter_by)

    def on_mount(self) -> None:
        """Paint, and only then ask."""
        self.lead("flows")
        self._grid.tell(_LOADING)
        self._grid.border_title = Content("Flows …")
        self._edit.display = False
        self._grid.focus(scroll_visible=False)
        self.lake_changed()

    def on_screen_resume(self) -> None:
        """How the last runs ended may be different by now."""
        self.runs_changed()

    @property
    def _grid(self) -> Grid:
        return self.query_one("#flows", Grid)

    @property
    def _edit(self) -> LineEdit:
        return self.query_one("#filter", LineEdit)

    @property
    def _flow(self) -> FlowInfo | None:
        rows = self._grid.rows
        if isinstance(rows, Listed) and self._grid.cursor < len(rows):
            flow: FlowInfo = rows.items[self._grid.cursor]
            return flow
        return None

    def context(self) -> Context:
        """The flow under the cursor."""
        flow = self._flow
        name = flow.name if flow else None
        return Context("flows", cell=name, flow=name, filter=" ".join(self._words))

    def lake_changed(self) -> None:
        """Flows are files, and no change of the lake changes them: read them when told to."""
        if not self._loaded:
            self.do_refresh()

    def do_refresh(self) -> None:
        """Import the flows anew."""
        self.ask("flows", self.backend.flows, self._take, self._failed)

    def _take(self, flows: Sequence[FlowInfo]) -> None:
        self._flows, self._loaded = flows, True
        self.trouble(False)
        self._list()
        self.runs_changed()

    def _failed(self, error: LakeError) -> None:
        if self._loaded:
            self.complain(error)
        else:
            self._grid.tell(notice_of(error, "The flows cannot be read."))

    def runs_changed(self) -> None:
        """Look up how the last runs ended."""
        names = [flow.name for flow in self._flows[:_MOST_LAST] if flow.problem is None]

        def read() -> dict[str, Run]:
            found = {name: self.backend.runs(RunFilter(flow=name), 1) for name in names}
            return {name: runs[0] for name, runs in found.items() if runs}

        def taken(last: Mapping[str, Run]) -> None:
            self._last = last
            self._grid.refresh()

        if names:
            self.ask("last", read, taken)

    def times_changed(self) -> None:
        """Draw the ages anew."""
        self._list()

    def _list(self) -> None:
        shown = [flow for flow in self._flows if self._is_meant(flow)]
        grid, kept = self._grid, self._flow
        total, some = len(self._flows), f" · {count(len(shown))} shown"
        grid.border_title = Content(f"Flows {count(total)}{some if len(shown) != total else ''}")
        if not shown:
            grid.tell(self._why_none())
        else:
            at = next((i for i, f in enumerate(shown) if kept and f.name == kept.name), 0)
            grid.show(self._columns(shown), Listed(shown, self._cells), at)
        self.update_bars()

    def _is_meant(self, flow: FlowInfo) -> bool:
        text = f"{flow.name}\n{' '.join(flow.tags)}\n{flow.description}".lower()
        return all(word in text for word in self._words)

    def _why_none(self) -> Notice:
        if not self._loaded:
            return _LOADING
        if not self._flows:
            return _EMPTY
        told = f"None of {plural(len(self._flows), 'flow')} is called like that."
        return Notice("Filtered to nothing.", (told, "esc clears the filter"), "warn")

    def _columns(self, shown: Sequence[FlowInfo]) -> Sequence[Column]:
        age = 16 if self.shared.absolute_times else 6
        tags = widest((" ".join(flow.tags) for flow in shown), 0, 24)
        told = widest((_told(flow) for flow in shown), 16, 70)
        return (
            Column("FLOW", widest((f.name for f in shown), 16, 36), least=16, cut="middle", rank=9),
            Column("LAST RUN", standing.WIDEST, rank=7),
            Column("AGE", age, right=True, rank=6),
            Column("WHAT IT DOES", told, least=min(told, 28), rank=8),
            Column("ORIGIN", widest((f.origin for f in shown), 10, 40), least=10, rank=3),
            *((Column("TAGS", max(tags, 4), least=4, rank=4),) if tags else ()),
        )

    def _cells(self, flow: FlowInfo) -> Sequence[Cell]:
        last = self._last.get(flow.name)
        stands = standing.of_run(last, self.shared.milliseconds) if last else None
        since = self.shared.around(last.started_at or last.due_at) if last else ""
        bad = flow.problem is not None
        return (
            Cell(flow.name, "bad" if bad else "name", hit(flow.name, self._words)),
            Cell(str(stands) if stands else "-", stands.look if stands else "dim"),
            Cell(since, "dim"),
            Cell(_told(flow), "bad" if bad else ""),
            Cell(flow.origin, "dim"),
            Cell(" ".join(flow.tags), "dim"),
        )

    def on_grid_moved(self) -> None:
        """Offer what fits the flow under the cursor."""
        self.update_bars()

    def on_grid_chosen(self) -> None:
        """A second click opens the form."""
        self.action_command("form")

    def do_form(self) -> None:
        """Open the form of the flow, or tell why it cannot be run."""
        flow = self._flow
        if flow is None:
            return
        if flow.problem is not None:
            self.say("bad", f"{flow.name} cannot be run: {flow.problem}")
            return
        self.post_message(messages.OpenForm(flow.name, known=flow))

    def do_flow_runs(self) -> None:
        """List the runs of the flow."""
        if self._flow is not None:
            self.post_message(messages.OpenRuns(f"flow:{self._flow.name}"))

    def do_filter_flows(self) -> None:
        """Go into the filter line."""
        self._edit.display = True
        self.set_focus(self._edit)

    def _filter_by(self, text: str) -> None:
        self._words = tuple(text.lower().split())
        self._list()

    def on_line_edit_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self._edit.display = bool(self._words)
        self.set_focus(self._grid)

    def on_line_edit_left(self) -> None:
        """Clear the filter and go back to the list."""
        self._clear_filter()

    def on_line_edit_stepped(self, event: LineEdit.Stepped) -> None:
        """Move over the list without leaving the filter."""
        getattr(self._grid, f"action_{event.step.replace('page', 'page_')}")()

    def _clear_filter(self) -> None:
        self._edit.set("")
        self._edit.display = False
        self.set_focus(self._grid)

    def do_up_screen(self) -> None:
        """Clear the filter, or go back."""
        if self._words:
            self._clear_filter()
        else:
            self.post_message(messages.Go("up"))


def _told(flow: FlowInfo) -> str:
    return flow.description if flow.problem is None else f"✖ {flow.problem}"
