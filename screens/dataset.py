"""One dataset: its schema and how it came to be, its versions, its rows at any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from catalog.errors import LakeError
from catalog.model import Dataset, DatasetDiff, QueryResult, SchemaRevision, Version
from screens import messages
from screens.commands import Context, tag_line
from screens.keys import bindings
from screens.lake_screen import LakeScreen
from screens.leaving import leaving
from screens.shared import Shared
from screens.text import count, short_count, size
from screens.widgets.bars import StatusLine, TabLine
from screens.widgets.grid import Grid
from screens.widgets.notice import Notice
from screens.widgets.results import notice_of, rounded, show_all, show_paged
from screens.widgets.rows import PAGE
from screens.widgets.schema_pane import SchemaPane
from screens.widgets.slider import Slider
from screens.widgets.users_pane import Use, UsersPane, uses_of
from screens.widgets.versions_pane import VersionsPane

TABS = ("Schema", "Versions", "Preview", "Stats", "Runs")
_FIRST = {"schema": "#fields", "versions": "#version-list", "preview": "#rows",
          "stats": "#profile", "runs": "#runs-pane"}  # fmt: skip
_EXACT = ("column", "type", "min", "max")
_NO_ROWS = Notice("No rows.", ("This version is empty.",))
_UNLOADED = Notice("Nothing to show yet.", ("Nothing was loaded into this dataset.",), "warn")


class DatasetScreen(LakeScreen):
    """The details of one dataset in five tabs.

    Args:
        shared: the lake and the clock.
        name: the dataset.
        version: begin at this version among the others, instead of with the schema.
    """

    PLACE = "dataset"
    CSS_PATH = "dataset.tcss"
    BINDINGS = bindings("dataset")

    def __init__(self, shared: Shared, name: str, version: int | None = None) -> None:
        super().__init__(shared)
        self.dataset_name = name
        self._dataset: Dataset | None = None
        self._versions: Sequence[Version] = ()
        self._schemas: Sequence[SchemaRevision] = ()
        self._tab = "schema" if version is None else "versions"
        self._version = version
        self._marked: int | None = None
        self._looks = False  # at rows that were opened from the versions
        self._read: dict[str, int | None] = {}  # the version that each grid holds

    def middle(self) -> Iterable[Widget]:
        """The tabs and their panes, of which one is shown."""
        yield TabLine(TABS)
        yield SchemaPane(self.shared.when)
        yield VersionsPane(self.shared.when)
        rows = Grid(name="rows", cells=True, numbers=True, fit=False)
        profile = Grid(name="profile", cells=True, fit=False)
        yield Container(Slider(id="slider"), rows, id="preview-pane", classes="pane")
        yield Container(profile, id="stats-pane", classes="pane")
        yield UsersPane(self.shared)

    def on_mount(self) -> None:
        """Paint, and only then ask."""
        self.lead("datasets", self.dataset_name)
        for grid in self.query(Grid):
            grid.tell(Notice("Reading …"))
        self._choose(self._tab)
        self.lake_changed()

    def on_resize(self) -> None:
        """Draw the slider for the new width."""
        self.call_after_refresh(self._show_tab)

    def context(self) -> Context:
        """The dataset, and the version under the cursor or shown."""
        focused = self.focused
        cell = focused.cell if isinstance(focused, Grid) else None
        if focused is not None and focused.id == "version-list" and self._version:
            cell = f"v{self._version}"  # its first column is a sign
        return Context(
            "dataset",
            tab=self._tab,
            dataset=self.dataset_name,
            version=self._version,
            current=self._dataset.summary.version if self._dataset else None,
            marked=self._marked,
            cell=cell,
            run=self._run_id,
        )

    @property
    def _run_id(self) -> str | None:
        """The run that wrote the version, or the one under the cursor of the last tab."""
        if self._tab == "runs":
            use = self.query_one(UsersPane).use
            return use.run_id if use else None
        return next((v.run_id for v in self._versions if v.version == self._version), None)

    def runs_changed(self) -> None:
        """Read again who read it: readers leave the dataset as it is."""
        if self._tab == "runs" and self._dataset is not None:
            self._show_runs()

    def lake_changed(self) -> None:
        """Read the dataset again; what is shown stays until the answer is there."""
        name, backend = self.dataset_name, self.backend

        def read() -> tuple[Dataset, list[Version], list[SchemaRevision]]:
            return backend.dataset(name), backend.versions(name), backend.schemas(name)

        self.ask("facts", read, self._take, self._failed)

    def _take(self, found: tuple[Dataset, list[Version], list[SchemaRevision]]) -> None:
        before = self._dataset
        self._dataset, self._versions, self._schemas = found
        self.trouble(False)
        summary = self._dataset.summary
        followed = before is not None and self._version == before.summary.version
        known = any(v.version == self._version for v in self._versions)
        if followed or not known:
            self._version = summary.version or None
        if before != self._dataset:
            self._read.clear()
        self._fill()

    def _failed(self, error: LakeError) -> None:
        self.trouble(True)
        if self._dataset is not None:
            self.complain(error)
            return
        for grid in self.query(Grid):
            grid.tell(notice_of(error, "The dataset cannot be read."))

    def time_passed(self) -> None:
        """Draw the ages anew, in the lists and above them."""
        super().time_passed()
        self.query_one(TabLine).show(self._tab.title(), self._facts())

    def times_changed(self) -> None:
        """Draw the ages anew."""
        if self._dataset is not None:
            self._fill()

    def _fill(self) -> None:
        self.query_one(SchemaPane).show(self._schemas)
        self.query_one(VersionsPane).show(self._versions, self._version)
        self.query_one(VersionsPane).mark(self._marked)
        self._show_tab()

    def _facts(self) -> str:
        if self._dataset is None:
            return ""
        found = self._dataset.summary
        owner = found.owner or "▲ no owner"
        if not found.version:
            return f"{found.kind} · nothing loaded yet · {owner}"
        sized = f"{short_count(found.rows)} rows · {size(found.bytes)}"
        return f"{sized} · v{found.version} · {self.shared.when(found.updated_at)} · {owner}"

    def _choose(self, tab: str) -> None:
        self._tab, self._looks = tab, False
        self.query_one(StatusLine).hush()
        for name in _FIRST:
            self.query_one(f"#{name}-pane").set_class(name == tab, "-chosen")
        self.set_focus(self.query_one(_FIRST[tab]))
        self._show_tab()

    def _show_tab(self) -> None:
        self.query_one(TabLine).show(self._tab.title(), self._facts())
        if self._dataset is not None:
            {"schema": lambda: None, "versions": self._show_version,
             "preview": self._show_preview, "stats": self._show_stats,
             "runs": self._show_runs}[self._tab]()  # fmt: skip
        self.update_bars()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """A tab was clicked."""
        self._choose(event.tab.lower())

    def on_versions_pane_moved(self, event: VersionsPane.Moved) -> None:
        """Another version is meant: show it, or what differs from the marked one."""
        if event.version != self._version:
            self._version = event.version
            if self._tab == "versions":
                self._show_version()
        self.update_bars()

    def on_grid_moved(self) -> None:
        """What can be copied is another cell now."""
        self.update_bars()

    def on_grid_chosen(self, event: Grid.Chosen) -> None:
        """A second click on a run opens it."""
        if event.grid.id == "runs-pane":
            self.action_command("reach")

    def _show_version(self) -> None:
        if self._marked is not None and self._version not in {None, self._marked}:
            self._show_differences(self._marked, self._version or 0)
            return
        self.query_one(VersionsPane).compare(None)
        self._fetch_rows(self.query_one("#peek", Grid), delay=0.08)

    def _show_preview(self) -> None:
        grid = self.query_one("#rows", Grid)
        if self._version is not None:
            slider = self.query_one(Slider)
            self.call_after_refresh(slider.show, self._versions, self._version)
        self._fetch_rows(grid)

    def _fetch_rows(self, grid: Grid, delay: float = 0.0) -> None:
        name, version, key = self.dataset_name, self._version, str(grid.id)
        if version is None:
            grid.tell(_UNLOADED)
            return
        if self._read.get(key, 0) == version:
            return
        grid.stale = True
        grid.border_title = Content(f"Rows of v{version} · reading …")
        total = next((v.rows for v in self._versions if v.version == version), 0)

        def shown(first: QueryResult) -> None:
            self._read[key] = version
            grid.border_title = Content(f"Rows of v{version} · {count(total)}")
            if not first.rows:
                grid.tell(_NO_ROWS)
                return
            show_paged(grid, first, total,
                       lambda offset, limit: self.backend.preview(name, version, offset, limit),
                       self.complain)  # fmt: skip

        self.ask(key, lambda: self.backend.preview(name, version, 0, PAGE), shown,
                 self._into(grid, f"v{version} cannot be shown."), delay)  # fmt: skip

    def _into(self, grid: Grid, title: str) -> Callable[[LakeError], None]:
        def failed(error: LakeError) -> None:
            self._read.pop(str(grid.id), None)
            grid.border_title = Content(title)
            grid.tell(notice_of(error, title))

        return failed

    def _show_differences(self, marked: int, version: int) -> None:
        before, after = sorted((marked, version))
        pane = self.query_one(VersionsPane)

        def shown(found: DatasetDiff) -> None:
            if self._marked == marked and self._version == version:
                pane.compare(found)

        self.ask("diff", lambda: self.backend.diff(self.dataset_name, before, after), shown,
                 delay=0.15)  # fmt: skip

    def _show_stats(self) -> None:
        grid, version = self.query_one("#profile", Grid), self._version
        if version is None:
            grid.tell(_UNLOADED)
            return
        if self._read.get("profile", 0) == version:
            return
        grid.stale = True
        grid.border_title = Content(f"Columns of v{version} · reading …")

        def shown(found: QueryResult) -> None:
            self._read["profile"] = version
            grid.border_title = Content(f"Columns of v{version}")
            show_all(grid, rounded(found, _EXACT), kinds=False)

        self.ask("profile", lambda: self.backend.stats(self.dataset_name, version), shown,
                 self._into(grid, f"v{version} cannot be profiled."))  # fmt: skip

    def _show_runs(self) -> None:
        name, versions = self.dataset_name, self._versions

        def shown(uses: Sequence[Use]) -> None:
            self.query_one(UsersPane).fill(uses)
            self.update_bars()

        self.ask("uses", lambda: uses_of(self.backend, name, versions), shown)

    def do_next_tab(self) -> None:
        """Go to the tab at the right."""
        self._turn(+1)

    def do_previous_tab(self) -> None:
        """Go to the tab at the left."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        tabs = list(_FIRST)
        self._choose(tabs[(tabs.index(self._tab) + step) % len(tabs)])

    def do_look(self) -> None:
        """Go to the rows of the version under the cursor, from where escape comes back."""
        self._choose("preview")
        self._looks = True

    def do_read(self) -> None:
        """Tell the whole comment of the column under the cursor."""
        column, comment = self.query_one(SchemaPane).comment
        nothing = "has no comment: lakectl annotate --column gives it one."
        self.say("tell", f"{column}: {comment}" if comment else f"{column} {nothing}")

    def do_reach(self) -> None:
        """Open the run under the cursor."""
        self.post_message(messages.OpenRun(self._run_id or ""))

    def do_version_run(self) -> None:
        """Open the run that wrote the version under the cursor."""
        self.post_message(messages.OpenRun(self._run_id or ""))

    def do_mark(self) -> None:
        """Mark the version under the cursor as A, or take the mark off."""
        self._marked = None if self._marked == self._version else self._version
        self.query_one(VersionsPane).mark(self._marked)
        self._show_version()

    def do_older(self) -> None:
        """Show the version before."""
        self._step(+1)

    def do_newer(self) -> None:
        """Show the version after."""
        self._step(-1)

    def _step(self, step: int) -> None:
        numbers = [v.version for v in self._versions]
        if self._version not in numbers:
            return
        at = numbers.index(self._version) + step
        if not 0 <= at < len(numbers):
            self.say("warn", "That was the oldest." if step > 0 else "That was the newest.")
            return
        self._version = numbers[at]
        self.query_one(VersionsPane).go_to(self._version)
        self._show_tab()

    def do_query(self) -> None:
        """Query the dataset at the version that is shown."""
        current = self._dataset.summary.version if self._dataset else None
        at = "" if self._version in {None, current} else f" AT (VERSION => {self._version})"
        self.post_message(messages.OpenQuery(f"SELECT *\nFROM {self.dataset_name}{at}"))

    def do_rollback(self) -> None:
        """Show what leaves the view, and roll back after a yes."""
        version = self._version or 0
        line = f"lakectl rollback {self.dataset_name} --to v{version}"

        def go() -> None:
            self.order(lambda: self.backend.rollback(self.dataset_name, version), line)

        lines = leaving(version, self._versions, self._dataset, self._schemas, self.shared.when)
        title = f"Roll {self.dataset_name} back to v{version}?"
        self.post_message(messages.Confirm(title, tuple(lines), line, "Roll back", go))

    def do_tag(self) -> None:
        """Ask for a name, and tag the version under the cursor."""
        version = self._version or 0

        def go(tag: str) -> None:
            line = tag_line(self.dataset_name, tag, version)
            self.order(lambda: self.backend.tag(self.dataset_name, tag, version), line)

        self.post_message(messages.AskTag(self.dataset_name, version, go))

    def do_up_screen(self) -> None:
        """Go back to the versions, take the mark off, or go back to the list."""
        if self._looks:
            self._choose("versions")
        elif self._marked is not None and self._tab == "versions":
            self._marked = None
            self.query_one(VersionsPane).mark(None)
            self._show_version()
        else:
            self.post_message(messages.Go("up"))
