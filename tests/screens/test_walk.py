"""Nothing that is pressed, in whatever order, brings the dashboard down."""

from __future__ import annotations

import random

import pytest

KEYS = (
    *("up", "down", "left", "right", "pageup", "pagedown", "g", "G", "tab", "shift+tab"),
    *("enter", "escape", "space", "slash", "left_square_bracket", "right_square_bracket"),
    *("comma", "full_stop", "1", "2", "s", "S", "v", "t", "T", "r", "y", "Y", "R", "n", "z"),
    *("question_mark", "f1", "f5", "f7", "f8", "ctrl+p", "ctrl+j", "ctrl+c", "backspace"),
    *("ctrl+u", "ctrl+w", "home", "end", "a", "[", "x", "delete"),
    *("3", "4", "3", "4", "c", "X", "W", "w", "e", "d", "i", "f", "N", "o", "L"),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_random_walk_of_300_keys_never_raises(fresh_work, drive, seed):
    chance = random.Random(seed)
    fresh_work.backend.started = fresh_work.runs["busy-badger"]
    async with drive(fresh_work.backend, (100, 30)) as driver:
        for _ in range(10):
            await driver.pilot.press(*(chance.choice(KEYS) for _ in range(30)))
            await driver.pilot.resize_terminal(chance.choice((60, 100, 150)), 24)
        await driver.settle()
        assert driver.app.is_running
