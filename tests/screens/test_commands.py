"""The registry of commands: one truth for keys, help, footer and palette."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter

import click
import pytest
from click.testing import CliRunner

from lakectl.cli.registry import COMMANDS as CLI
from screens import commands
from screens.commands import Context
from screens.dataset import DatasetScreen
from screens.datasets import DatasetsScreen
from screens.flows import FlowsScreen
from screens.help import all_keys
from screens.launch import LaunchScreen
from screens.query import QueryScreen
from screens.run import RunScreen
from screens.runs import RunsScreen
from screens.widgets.grid import Grid

SCREENS = {
    "datasets": DatasetsScreen, "dataset": DatasetScreen, "query": QueryScreen,
    "flows": FlowsScreen, "launch": LaunchScreen, "runs": RunsScreen, "run": RunScreen,
}  # fmt: skip
TABS = {
    "dataset": ("schema", "versions", "preview", "stats", "runs"),
    "run": ("log", "tasks", "timeline", "data", "artifacts", "facts"),
}
WAYS = {
    "datasets": (), "dataset": ("enter",), "query": ("2",), "flows": ("3",),
    "launch": ("3", "enter"), "runs": ("4",), "run": ("4", "enter"),
}  # fmt: skip


@pytest.mark.parametrize("place", SCREENS)
def test_every_command_of_a_screen_has_a_hand_that_does_it(place):
    for command in commands.of_place(place):
        assert callable(getattr(SCREENS[place], f"do_{command.id}"))


def _contexts(place):
    """Whatever a screen can tell of itself."""
    for tab, version, text in itertools.product(TABS.get(place, ("",)), (None, 1, 2), ("", "x")):
        for running, marked in itertools.product((False, True), (None, 2)):
            yield Context(
                place, tab=tab, dataset=text or None, version=version, current=2, marked=marked,
                sql=text, running=running, cell=text or None, filter=text,
                run=text or None, live=running, wrote=marked is None, flow=text or None,
            )  # fmt: skip


@pytest.mark.parametrize("place", SCREENS)
def test_no_key_means_two_things_at_once(place):
    here = [*commands.of_place(place), *commands.of_place("grid")]
    for context in _contexts(place):
        useful = (c for c in here if not c.why_disabled(context))
        keys = Counter(key for command in useful for key in command.keys.split(","))
        assert [key for key, times in keys.items() if times > 1] == [], context


def test_a_key_that_two_commands_share_does_the_one_that_is_of_use():
    idle, running = Context("query"), Context("query", running=True)
    for pressed in ("cancel", "up_screen"):
        assert commands.on_key_of(pressed, "query", idle).id == "up_screen"
        assert commands.on_key_of(pressed, "query", running).id == "cancel"
    asleep = Context("dataset", tab="preview")
    assert commands.on_key_of("look", "dataset", asleep).id == "look"  # to say why not


def test_the_help_has_room_for_every_sentence_on_a_small_terminal():
    keys = max(len(all_keys(command)) for command in commands.COMMANDS)
    for command in commands.COMMANDS:
        assert keys + len(command.sentence) <= 62, command.sentence


@pytest.mark.parametrize("owner", [*SCREENS.values(), Grid])
def test_every_binding_comes_from_the_registry(owner):
    keys = {key for command in commands.COMMANDS for key in command.keys.split(",")}
    own = {key for binding in owner.BINDINGS for key in binding.key.split(",")}
    assert own <= keys


@pytest.mark.parametrize("place", SCREENS)
async def test_every_binding_of_a_screen_is_in_its_help(work, drive, place):
    async with drive(work.backend, (140, 60)) as driver:
        await driver.press(*WAYS[place], "f1")
        shown = driver.text
    for command in [*commands.of_place(place), *commands.of_place("grid")]:
        assert all_keys(command) in shown


def test_every_shell_line_names_a_command_that_there_is():
    context = Context("dataset", "versions", "nyc.trips", 2, 3, 1, "SELECT 'a'  FROM\nb", "x")
    lines = [c.line(context) for c in commands.COMMANDS if c.cli]
    places = [Context(p, t, "nyc.trips", 2, 3, 1)
              for p in SCREENS for t in TABS.get(p, ("",))]  # fmt: skip
    for line in [*lines, *map(commands.view_line, places)]:
        program, verb, *_ = shlex.split(line)
        assert program == "lakectl"
        assert verb in CLI


def test_shell_lines_can_be_read_by_the_command_line_itself():
    import importlib

    context = Context("dataset", "preview", "nyc.trips", 2, 3, 1, "SELECT 1")
    for command in commands.COMMANDS:
        if not command.cli:
            continue
        _, verb, *arguments = shlex.split(command.line(context))
        module, function = CLI[verb].place.split(":")
        parser = getattr(importlib.import_module(module), function)
        while isinstance(parser, click.Group):  # a noun: its verb reads the rest
            parser, arguments = parser.commands[arguments[0]], arguments[1:]
        with CliRunner().isolation():
            parser.make_context(verb, arguments).close()


def test_shell_lines_quote_what_a_shell_would_break():
    line = commands.view_line(Context("query", sql="SELECT 'a;b'\nFROM t"))
    assert shlex.split(line) == ["lakectl", "sql", "SELECT 'a;b' FROM t"]
    assert "--at" not in commands.view_line(Context("dataset", "preview", "a.b", 3, 3))
    assert commands.view_line(Context("dataset", "versions", "a.b", 1, 3, 3)).endswith("v1 v3")


def test_a_command_tells_why_it_is_of_no_use():
    rollback = commands.named("rollback")
    here = Context("dataset", "versions", "a.b", version=3, current=3)
    assert "current version already" in rollback.why_disabled(here)
    assert rollback.why_disabled(here._replace(version=2)) is None
    assert commands.named("query").why_disabled(Context()) == "No dataset is under the cursor."
    assert commands.named("copy").why_disabled(Context()) is not None
    assert "no version yet" in rollback.why_disabled(Context("dataset", current=0, dataset="a.b"))
