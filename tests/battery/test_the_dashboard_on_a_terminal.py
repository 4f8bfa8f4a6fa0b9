"""The dashboard on a real terminal, over a lake in which every text is a payload."""

from __future__ import annotations

import random

import pytest
from battery_table import Figure
from dashboards import LARGE, WAYS, alone, dashboard, ill_mannered
from hostile_lake import EVERY, NAMES, picture
from lake_shell import Shell
from payloads import seen
from vt_parser import CLIPBOARD


@pytest.mark.parametrize(
    ("ways", "size"),
    [
        pytest.param(2, LARGE),
        pytest.param(8, LARGE, marks=pytest.mark.battery),
        pytest.param(0, LARGE, marks=pytest.mark.battery),
    ],
    ids=["some", "all", "alone"],
)
def test_no_screen_lets_a_payload_through(
    evil_lake: Shell, chance: random.Random, figure: Figure, ways: int, size: tuple[int, int]
) -> None:
    before = picture(evil_lake.cwd)
    chosen = chance.sample(WAYS, ways) or [alone]
    with dashboard(evil_lake.cwd, "--profile", NAMES[0], size=size) as screen:
        screen.until("evil.cells")
        screen.settle()
        for way in chosen:
            first = len(screen.pieces)
            way(screen)
            assert screen.process.poll() is None, way.__name__
            assert ill_mannered(way, screen.pieces[first:]) == []
        screen.press("1", "q")
        assert screen.end() == 0
    assert screen.modes_after == screen.modes_before
    assert picture(evil_lake.cwd) == before
    copies = sum(1 for piece in screen.pieces if CLIPBOARD.fullmatch(piece.raw))
    figure(
        "T1",
        f"{', '.join(way.__name__.replace('_', ' ') for way in chosen)}: "
        f"{len(seen(screen.text()) & EVERY)} payloads on screens of {size[0]}x{size[1]}",
        f"{len(screen.pieces):,} sequences and texts parsed, 0 of them not the dashboard's own; "
        f"0 crashes, 0 actions, {copies} copies that were asked for",
    )
