"""Every action of a person, declared once.

Footer, help, palette and key bindings all read this registry, so none of them can know an action
that the others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Context(NamedTuple):
    """What the keys would act on at this moment. A screen tells it, the registry judges by it."""

    place: str = "datasets"
    tab: str = ""
    dataset: str | None = None
    version: int | None = None  # the version under the cursor, or shown
    current: int | None = None  # the current version of the dataset
    marked: int | None = None
    sql: str = ""
    running: bool = False  # a query is under way
    cell: str | None = None
    filter: str = ""
    run: str | None = None  # the id of the run under the cursor, or shown
    live: bool = False  # that run has not ended
    wrote: bool = False  # that run may have written: it started once
    flow: str | None = None
    options: str = ""  # of the shell line: what a list is narrowed to, what a form holds


Check = Callable[[Context], str | None]


class Command(NamedTuple):
    """One action: where it works, by which key, and the shell line that does the same."""

    id: str
    name: str  # one or two words, for the footer
    sentence: str
    keys: str  # as Textual names them, the first is the one that is shown
    places: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    cli: str | None = None
    footer: int = 0  # 0: not in the footer; the lowest stands first
    first: bool = False  # goes before what the editor would do with the key

    @property
    def key(self) -> str:
        """The key as a person reads it."""
        return shown_key(self.keys.split(",")[0])

    def why_disabled(self, context: Context) -> str | None:
        """A sentence telling why the action is of no use now, or None when it is."""
        return next((why for check in self.checks if (why := check(context))), None)

    def line(self, context: Context) -> str | None:
        """The shell line that does the same as this action now."""
        return fill(self.cli, context) if self.cli else None


_KEY_SIGNS = {
    "slash": "/", "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]",
    "comma": ",", "full_stop": ".", "escape": "esc", "pageup": "pgup", "pagedown": "pgdn",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "f5": "F5", "f7": "F7", "f8": "F8",
}  # fmt: skip


def shown_key(key: str) -> str:
    """A key as a person reads it: `slash` is `/`."""
    return _KEY_SIGNS.get(key, key)


def fill(template: str, context: Context) -> str:
    """A shell line with the names of the context in it, quoted for a shell."""
    import shlex  # the first paint does not wait for it

    version = context.version if context.version is not None else context.current
    compared = sorted(v for v in (context.marked, version) if v is not None)
    return template.format(
        dataset=shlex.quote(context.dataset or "NAMESPACE.NAME"),
        version=f"v{version}" if version is not None else "VERSION",
        before=f"v{compared[0]}" if len(compared) == 2 else "VERSION",
        after=f"v{compared[-1]}" if compared else "VERSION",
        at=f" --at v{version}" if version is not None and version != context.current else "",
        sql=shlex.quote(" ".join(context.sql.split())) if context.sql.strip() else "'SELECT …'",
        run=shlex.quote(context.run or "RUN"),
        flow=shlex.quote(context.flow or "FLOW"),
        options=f" {context.options}" if context.options else "",
        follow=" -f" if context.live else "",
    )


def tag_line(dataset: str, tag: str, version: int) -> str:
    """The shell line that tags a version."""
    import shlex

    return f"lakectl tag {shlex.quote(dataset)} {shlex.quote(tag)} --at v{version}"


def _dataset(context: Context) -> str | None:
    return None if context.dataset else "No dataset is under the cursor."


def _version(context: Context) -> str | None:
    if context.current == 0:
        return f"{context.dataset} has no version yet: nothing was loaded into it."
    return None if context.version else "Move to a version first (tab Versions)."


def _versions_tab(context: Context) -> str | None:
    return None if context.tab == "versions" else "Works on the tab Versions."


def _preview_tab(context: Context) -> str | None:
    return None if context.tab in {"preview", "stats"} else "Works on the tabs Preview and Stats."


def _schema_tab(context: Context) -> str | None:
    return None if context.tab == "schema" else "Works on the tab Schema."


def _older(context: Context) -> str | None:
    if context.version == context.current:
        return f"v{context.current} is the current version already: move to an older one."
    return None


def _cell(context: Context) -> str | None:
    return None if context.cell else "There is nothing under the cursor to copy."


def _above(context: Context) -> str | None:
    if context.place == "datasets" and not context.filter:
        return "This is the top. q leaves."
    return _idle(context)


def _sql(context: Context) -> str | None:
    return None if context.sql.strip() else "Write a query first."


def _running(context: Context) -> str | None:
    return None if context.running else "No query is running."


def _idle(context: Context) -> str | None:
    return "A query is running: esc cancels it." if context.running else None


def _run(context: Context) -> str | None:
    return None if context.run else "No run is under the cursor."


def _live(context: Context) -> str | None:
    return None if context.live else "The run has ended: there is nothing to cancel."


def _ended(context: Context) -> str | None:
    return "The run has not ended yet: c cancels it." if context.live else None


def _wrote(context: Context) -> str | None:
    return None if context.wrote else "The run never started: there is nothing to undo."


def _flow(context: Context) -> str | None:
    return None if context.flow else "No flow is under the cursor."


def _tab(*tabs: str) -> Check:
    """The action belongs to some of the tabs of a screen that has tabs."""
    told = f"Works on the tab {' and '.join(t.title() for t in tabs)}."
    return lambda context: None if context.tab in tabs else told


SCREENS = ("datasets", "dataset", "query", "flows", "launch", "runs", "run")
_DATASETS, _DATASET, _QUERY = ("datasets",), ("dataset",), ("query",)
_EITHER = ("datasets", "dataset")
_RUNS, _RUN, _FLOWS, _FORM = ("runs",), ("run",), ("flows",), ("launch",)
_WORK = ("runs", "run")
_TABBED = ("dataset", "run")
_LISTS = ("datasets", "dataset", "flows", "runs", "run")

COMMANDS: tuple[Command, ...] = (
    Command("open", "open", "Open the dataset, or fold a namespace.", "enter", _DATASETS,
            (), "lakectl show {dataset}", 1),
    Command("filter", "filter", "Filter: words, ns:, owner:, label:, ~fuzzy, !not.", "slash",
            _DATASETS, (), None, 2),
    Command("sort", "sort", "Sort by the next column.", "S", _DATASETS, (), None, 8),
    Command("tree", "tree", "Group by namespace, or show one flat list.", "v", _DATASETS,
            (), None, 9),
    Command("fold", "fold", "Fold or unfold the namespace.", "space", _DATASETS),
    Command("previous_tab", "tab", "Go to the tab at the left.", "left_square_bracket", _TABBED,
            (), None, 2),
    Command("next_tab", "tab", "Go to the tab at the right.", "right_square_bracket", _TABBED,
            (), None, 2),
    Command("look", "rows", "Show the rows of the version under the cursor.", "enter", _DATASET,
            (_versions_tab, _version), "lakectl preview {dataset}{at}", 1),
    Command("read", "read", "Read the whole comment of the column.", "enter", _DATASET,
            (_schema_tab,), "lakectl schema {dataset}", 1),
    Command("mark", "mark A", "Mark a version; move to another: what differs?", "space",
            _DATASET, (_versions_tab, _version), "lakectl diff {dataset} {before} {after}", 1),
    Command("older", "older", "Show the version before.", "comma", _DATASET,
            (_preview_tab,), "lakectl preview {dataset}{at}", 2),
    Command("newer", "newer", "Show the version after.", "full_stop", _DATASET,
            (_preview_tab,), "lakectl preview {dataset}{at}", 2),
    Command("rollback", "roll back", "Make the version under the cursor the current one.", "R",
            _DATASET, (_version, _older), "lakectl rollback {dataset} --to {version}", 7),
    Command("tag", "tag", "Give the version a name that keeps it.", "t", _DATASET,
            (_version,), "lakectl tag {dataset} TAG --at {version}", 8),
    Command("query", "SQL on it", "Query this dataset at this version.", "s", _EITHER,
            (_dataset,), None, 6),
    Command("version_run", "its run", "Open the run that wrote the version.", "o", _DATASET,
            (_versions_tab, _version, _run), "lakectl run show {run}", 9),
    Command("reach", "run", "Open the run under the cursor.", "enter", _DATASET,
            (_tab("runs"), _run), "lakectl run show {run}", 1),
    Command("run", "run", "Run the query.", "ctrl+j,f5", _QUERY, (_sql, _idle),
            "lakectl sql {sql}", 1, True),
    Command("cancel", "cancel", "Cancel the running query.", "escape", _QUERY,
            (_running,), None, 2),
    Command("older_query", "history", "Bring back the query before.", "f7,alt+up", _QUERY,
            (), None, 6, True),
    Command("newer_query", "history", "Bring back the query after.", "f8,alt+down", _QUERY,
            (), None, 6, True),
    Command("filter_flows", "filter", "Filter by parts of names.", "slash", _FLOWS, (), None, 2),
    Command("form", "run", "Fill in the parameters of the flow, and run it.", "enter,x,L", _FLOWS,
            (_flow,), "lakectl flow run {flow}", 1),
    Command("flow_runs", "its runs", "List the runs of the flow.", "o", _FLOWS, (_flow,),
            "lakectl run ls --flow {flow}", 6),
    Command("launch", "run", "Run the flow with what stands in the form.", "ctrl+j,f5", _FORM,
            (), "lakectl flow run {flow}{options}", 1, True),
    Command("filter_runs", "filter", "Filter: words, state:, flow:, since:2h, until:.",
            "slash", _RUNS, (), None, 2),
    Command("open_run", "open", "Open the run.", "enter", _RUNS, (_run,),
            "lakectl run show {run}", 1),
    Command("follow_link", "go", "Open the dataset or the run under the cursor.", "enter", _RUN,
            (_tab("tasks", "timeline", "data"),), None, 1),
    Command("unfold", "unfold", "Show or hide the tasks of the subflow.", "space", _RUN,
            (_tab("tasks"),)),
    Command("find", "search", "Search the log.", "slash", _RUN, (_tab("log"),), None, 4),
    Command("find_next", "next", "Go to the next line that was found.", "n", _RUN,
            (_tab("log"),)),
    Command("find_previous", "previous", "Go to the line that was found before.", "N", _RUN,
            (_tab("log"),)),
    Command("level_debug", "debug", "Show every line of the log.", "d", _RUN, (_tab("log"),)),
    Command("level_info", "info", "Hide the debug lines of the log.", "i", _RUN, (_tab("log"),)),
    Command("level_warning", "levels", "Show only warnings and errors of the log.", "w", _RUN,
            (_tab("log"),), None, 9),
    Command("level_error", "levels", "Show only errors of the log.", "e", _RUN, (_tab("log"),),
            None, 9),
    Command("wrap", "wrap", "Break long lines of the log, or do not.", "W", _RUN, (_tab("log"),)),
    Command("follow", "follow", "Go to the end of the log and follow it.", "f", _RUN,
            (_tab("log"),), "lakectl run logs {run} -f", 8),
    Command("cancel_run", "cancel", "Ask the run to stop.", "c", _WORK, (_run, _live),
            "lakectl run cancel {run}", 6),
    Command("rerun", "again", "Run it again with the same parameters.", "x", _WORK, (_run,),
            "lakectl run rerun {run}", 7),
    Command("edit_run", "edit", "Change its parameters and run it again.", "X", _WORK, (_run,),
            "lakectl flow run {flow}", 8),
    Command("resume_run", "resume", "Run again only what it did not finish.", "R", _WORK,
            (_run, _ended), "lakectl run resume {run}", 8),
    Command("undo_run", "undo", "Put back every dataset that the run wrote.", "z", _WORK,
            (_run, _ended, _wrote), "lakectl run undo {run}", 10),
    Command("up_screen", "back", "Go back up; clear the filter or the mark first.", "escape",
            SCREENS, (_above,), None, 3),
    Command("undo", "undo", "Take the last change of the lake back.", "z", _EITHER,
            (), "lakectl undo", 10),
    Command("refresh", "refresh", "Read everything anew.", "r", _LISTS),
    Command("copy", "copy", "Copy the cell or the name under the cursor.", "y", SCREENS, (_cell,)),
    Command("copy_line", "copy CLI", "Copy the shell line that does the same.", "Y", SCREENS,
            (), None, 11),
    Command("absolute", "times", "Show times as ages or as dates.", "T", SCREENS),
    Command("datasets", "datasets", "Go to the list of datasets.", "1", SCREENS),
    Command("sql", "SQL", "Go to the SQL screen.", "2", SCREENS),
    Command("flows", "flows", "Go to the flows that can be run.", "3", SCREENS),
    Command("runs", "runs", "Go to the runs, the newest first.", "4", SCREENS),
    Command("palette", "palette", "Find an action, any dataset or a recent run.", "ctrl+p",
            SCREENS, (), None, 12),
    Command("help", "help", "Show all keys of this screen.", "question_mark,f1", SCREENS,
            (), None, 4),
    Command("quit", "quit", "Leave the dashboard.", "q", SCREENS, (), None, 5),
    Command("up", "up", "Move up.", "up,k", ("grid",)),
    Command("down", "down", "Move down.", "down,j", ("grid",)),
    Command("left", "left", "Move or scroll to the left.", "left,h", ("grid",)),
    Command("right", "right", "Move or scroll to the right.", "right,l", ("grid",)),
    Command("page_up", "page up", "Move up by a page.", "pageup,ctrl+u", ("grid",)),
    Command("page_down", "page down", "Move down by a page.", "pagedown,ctrl+d", ("grid",)),
    Command("top", "top", "Move to the first row.", "g,home", ("grid",)),
    Command("bottom", "bottom", "Move to the last row.", "G,end", ("grid",)),
    Command("next_pane", "pane", "Go to the next pane.", "tab", ("grid",)),
    Command("close", "close", "Close this window.", "escape", ("window",)),
)  # fmt: skip


def of_place(*places: str) -> Iterator[Command]:
    """The commands that work at one of the places, in the order of the registry."""
    return (c for c in COMMANDS if not set(places).isdisjoint(c.places))


def on_key_of(command: str, place: str, context: Context) -> Command:
    """Of the commands that share a key at a place, the one that is of use now; else this one."""
    meant = named(command)
    keys = set(meant.keys.split(","))
    sharing = [c for c in of_place(place) if not keys.isdisjoint(c.keys.split(","))]
    useful = [c for c in (meant, *sharing) if not c.why_disabled(context)]
    return useful[0] if useful else meant


def named(command: str) -> Command:
    """The command of this id."""
    return _BY_ID[command]


_BY_ID = {c.id: c for c in COMMANDS}

# The shell line that shows what a screen shows.
_VIEWS = {
    "datasets": "lakectl ls",
    "dataset.schema": "lakectl schema {dataset} --history",
    "dataset.versions": "lakectl versions {dataset}",
    "dataset.diff": "lakectl diff {dataset} {before} {after}",
    "dataset.preview": "lakectl preview {dataset}{at}",
    "dataset.stats": "lakectl stats {dataset}{at}",
    "dataset.runs": "lakectl versions {dataset}",
    "query": "lakectl sql {sql}",
    "flows": "lakectl flow ls",
    "launch": "lakectl flow run {flow}{options}",
    "runs": "lakectl run ls{options}",
    "run": "lakectl run show {run}",
    "run.log": "lakectl run logs {run}{follow}",
}


def view_line(context: Context) -> str:
    """The shell line that shows what the screen shows."""
    place = context.place
    if place == "dataset":
        compares = context.tab == "versions" and context.marked not in {None, context.version}
        place = "dataset.diff" if compares else f"dataset.{context.tab}"
    elif place == "run" and context.tab == "log":
        place = "run.log"
    elif place == "datasets" and context.dataset:
        return fill("lakectl show {dataset}", context)
    return fill(_VIEWS[place], context)
