"""A mistake in any handler of any screen: the terminal is as before, and nothing secret is told."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from a_crashing_dashboard import CANARY
from battery_table import Figure
from dashboards import dashboard
from lake_builder import opened
from lake_shell import Shell
from vt_parser import DASHBOARD, census, violations

_DATASETS, _DATASET = "screens.datasets:DatasetsScreen", "screens.dataset:DatasetScreen"
_QUERY, _CONFIRM = "screens.query:QueryScreen", "screens.confirm:ConfirmScreen"
_GRID, _BACKEND = "screens.widgets.grid:Grid", "lakectl.dashboard:LakeBackend"
_OPEN = ("enter",)
_ASKED = "Undo the last change?"
# By screen: handlers, and the keys that bring them about; a text is waited for.
_HANDLERS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "datasets": (
        (f"{_DATASETS}.on_mount", ()),
        (f"{_DATASETS}._cells", ()),
        (f"{_DATASETS}.do_sort", ("S",)),
        (f"{_DATASETS}._filter_by", ("/", "x")),
        (f"{_GRID}.render_line", ()),
        (f"{_GRID}.action_down", ("down",)),
        ("screens.widgets.bars:StatusLine.render", ()),
        ("screens.widgets.summary_pane:SummaryPane.render", ()),
        (f"{_BACKEND}.summaries", ()),
        (f"{_BACKEND}.change_token", ()),
    ),
    "dataset": (
        (f"{_DATASET}.compose", _OPEN),
        (f"{_DATASET}._take", _OPEN),
        (f"{_DATASET}.do_next_tab", (*_OPEN, "]")),
        (f"{_BACKEND}.versions", _OPEN),
        (f"{_BACKEND}.preview", (*_OPEN, "]")),
        ("screens.widgets.slider:Slider.render", (*_OPEN, "]", "]")),
        ("screens.widgets.versions_pane:VersionsPane.show", _OPEN),
    ),
    "query": (
        (f"{_QUERY}.on_mount", ("2",)),
        (f"{_QUERY}._tick", ("2",)),
        (f"{_QUERY}.do_run", ("s", "f5")),
        (f"{_QUERY}._show", ("s", "f5")),
        (f"{_BACKEND}.sql", ("s", "f5")),
    ),
    "help": (("screens.help:HelpScreen.on_mount", ("?",)),),
    "palette": (
        ("screens.palette:PaletteScreen._find", ("ctrl+p",)),
        ("screens.palette:PaletteScreen._bring_datasets", ("ctrl+p",)),
    ),
    "confirm": (
        (f"{_CONFIRM}.on_mount", ("z",)),
        (f"{_CONFIRM}.on_answer_given", ("z", _ASKED, "n")),
        (f"{_BACKEND}.undo", ("z", _ASKED, "y")),
    ),
    "tag": (("screens.confirm:TagScreen._tell", (*_OPEN, "t")),),
}
_OFF = ("?1049l", "?25h", "?1000l", "?1003l", "?1004l", "?1006l", "?1015l", "?2004l", "<u")


@pytest.fixture
def small_lake(lake: Shell) -> Shell:
    """A lake of one dataset."""
    with opened(lake.cwd) as inside:
        inside.dataset("n.t").append(pa.table({"a": [1, 2]}))
    return lake


def _crash(lake: Shell, handler: str, keys: tuple[str, ...]) -> None:
    """Let a handler fail; everything that is promised of such an end is looked at."""
    script = Path(__file__).parents[1] / "support" / "a_crashing_dashboard.py"
    program = [sys.executable, str(script), handler]
    with dashboard(lake.cwd, "ui", program=program, size=(120, 30)) as screen:
        screen.until("\x1b[?2004h")
        screen.settle(0.3)
        for name in keys:
            if name == _ASKED:
                screen.until(name)
            elif screen.process.poll() is None:
                screen.press(name, quiet=0.3)
        assert screen.end(30) == 70, handler
    assert violations(screen.pieces, DASHBOARD) == [], handler
    assert screen.modes_after == screen.modes_before, handler
    sent = census(screen.pieces)
    assert all(sent[f"\\x1b[{mode}"] for mode in _OFF), (handler, sent)
    last = screen.raw().rpartition("\x1b[?1049l")[2]
    assert "The dashboard stopped because of an error in lakectl" in last, handler
    assert "RuntimeError" in last
    assert "_fails" in last
    assert CANARY not in screen.heard.decode()
    assert not list(lake.cwd.glob("*crash*"))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.battery)])
def test_a_crash_in_any_screen_restores_the_terminal_and_tells_no_value(
    small_lake: Shell, chance: random.Random, figure: Figure, every: bool
) -> None:
    cases = [(screen, case) for screen, of in _HANDLERS.items() for case in of]
    chosen = cases if every else chance.sample(cases, 4)
    for _, (handler, keys) in chosen:
        _crash(small_lake, handler, keys)
    figure(
        "T4",
        f"{len(chosen)} crashes in handlers of {len({screen for screen, _ in chosen})} screens",
        "each left with 70, the terminal and its modes as before; 0 values of variables told",
    )
