"""Every state of every screen, as text, on a small and on a large terminal."""

from __future__ import annotations

import pytest

STORIES = {
    "list": (),
    "list-filtered": ("slash", *"mart"),
    "list-filtered-to-nothing": ("slash", *"nosuchthing"),
    "list-tree": ("v", "down", "down"),
    "list-folded": ("v", "enter"),
    "list-absolute-times": ("T",),
    "help": ("question_mark",),
    "palette": ("ctrl+p", *"zon"),
    "schema": ("slash", *"trips", "enter", "enter"),
    "schema-as-of-first": ("slash", *"trips", "enter", "enter", "tab", "G"),
    "versions": ("slash", *"trips", "enter", "enter", "right_square_bracket", "down"),
    "diff": ("slash", *"trips", "enter", "enter", "right_square_bracket", "space", "down", "down"),
    "rollback": ("slash", *"trips", "enter", "enter", "right_square_bracket", "down", "down", "R"),
    "tag-refused": ("slash", *"trips", "enter", "enter", "t", "1", "2"),
    "preview": (
        "slash",
        *"trips",
        "enter",
        "enter",
        *["right_square_bracket"] * 2,
        "down",
        "right",
    ),
    "preview-older": ("slash", *"trips", "enter", "enter", *["right_square_bracket"] * 2, "comma"),
    "stats": ("slash", *"trips", "enter", "enter", "left_square_bracket"),
    "sql": ("2",),
    "sql-prefilled-at-old-version": (
        *("slash", *"trips", "enter", "enter", "right_square_bracket", "G", "s"),
    ),
    "sql-result": ("slash", *"zones", "enter", "s", "f5"),
    "sql-failed": ("2", *"selec", "f5"),
}


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("story", STORIES)
async def test_the_screen_looks_as_painted(lake_backend, drive, same_picture, story, size):
    async with drive(lake_backend, size) as driver:
        await driver.press(*STORIES[story])
        same_picture(f"{story}-{size[0]}x{size[1]}", driver.text)
