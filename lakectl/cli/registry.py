"""Every command once: its name, where it lives, its sentence. Feeds help, palette and docs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: `module:function` is imported only when the command is run or helped."""

    name: str
    place: str
    sentence: str


SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Start": (
        Entry("init", "lakectl.cli.start:init", "Make a lake in a folder."),
        Entry("demo", "lakectl.cli.demo:demo", "Make a lake of real data and tell its story."),
        Entry("ui", "lakectl.cli.start:ui", "Open the dashboard (the same as no command at all)."),
    ),
    "Look": (
        Entry("ls", "lakectl.cli.browse:ls", "List the datasets."),
        Entry("show", "lakectl.cli.browse:show", "Tell everything about one dataset."),
        Entry("schema", "lakectl.cli.browse:schema", "Show the columns, or how they came to be."),
        Entry("versions", "lakectl.cli.browse:versions", "List the versions of a dataset."),
        Entry("search", "lakectl.cli.browse:search", "Find datasets by any word about them."),
        Entry("preview", "lakectl.cli.read:preview", "Show the first rows of any version."),
        Entry("stats", "lakectl.cli.read:stats", "Profile the columns of any version."),
        Entry("diff", "lakectl.cli.read:diff", "Tell what differs between two versions."),
        Entry("sql", "lakectl.cli.read:sql", "Query any datasets at any versions."),
    ),
    "Change": (
        Entry("ingest", "lakectl.cli.ingest:ingest", "Load files into a dataset: a new version."),
        Entry("rollback", "lakectl.cli.change:rollback", "Go back to an earlier version."),
        Entry("undo", "lakectl.cli.change:undo", "Take the last change back."),
        Entry("tag", "lakectl.cli.change:tag", "Name a version, and keep it for good."),
        Entry("branch", "lakectl.cli.change:branch", "Open a second line of versions."),
        Entry("annotate", "lakectl.cli.change:annotate", "Say who owns it and what it means."),
        Entry("rename", "lakectl.cli.change:rename", "Give a dataset another name."),
        Entry(
            "drop", "lakectl.cli.change:drop", "Take a dataset off the list; undrop brings it back."
        ),
        Entry("undrop", "lakectl.cli.change:undrop", "Bring a dropped dataset back."),
        Entry("export", "lakectl.cli.read:export", "Write a version to a file."),
    ),
    "Work": (
        Entry("flow", "lakectl.cli.flow:flow", "See which flows there are, and run them."),
        Entry("run", "lakectl.cli.run:run", "See runs, stop them, do them again, undo them."),
        Entry("limit", "lakectl.cli.limit:limit", "See and set how much may run at once."),
    ),
    "Keep": (
        Entry("doctor", "lakectl.cli.keep:doctor", "Check that the lake is whole, and mend it."),
    ),
}

COMMANDS: dict[str, Entry] = {e.name: e for entries in SECTIONS.values() for e in entries}
