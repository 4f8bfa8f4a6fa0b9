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
    "stats": ("slash", *"trips", "enter", "enter", *["left_square_bracket"] * 2),
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


RIGHT = "right_square_bracket"
OTTER = ("4", "G", "enter")
HERON = ("4", "G", "up", "enter")
WORK_STORIES = {
    "runs": ("4",),
    "runs-filtered": ("4", "slash", *"state:ended otter"),
    "runs-filtered-to-nothing": ("4", "slash", *"flow:nosuch"),
    "runs-absolute-times": ("4", "T"),
    "run-live": ("4", "enter"),
    "run-live-tasks": ("4", "enter", RIGHT),
    "run-live-timeline": ("4", "enter", RIGHT, RIGHT),
    "run-failed": HERON,
    "run-failed-searched": (*HERON, "w", "slash", *"503", "enter"),
    "run-failed-wrapped": (*HERON, "W"),
    "run-failed-facts": (*HERON, "left_square_bracket"),
    "run-tasks-unfolded": (*OTTER, RIGHT, "G", "space"),
    "run-data": (*OTTER, RIGHT, RIGHT, RIGHT),
    "run-artifacts": (*OTTER, *[RIGHT] * 4),
    "run-no-artifact": ("4", "enter", *[RIGHT] * 4),
    "run-facts": (*OTTER, *[RIGHT] * 5),
    "run-undo": (*OTTER, "z"),
    "run-help": (*OTTER, "question_mark"),
    "flows": ("3",),
    "form": ("3", "enter", "tab"),
    "form-wrong": ("3", "enter", *"2x", "f5"),
    "form-of-a-run": (*HERON, "X"),
    "dataset-runs": ("slash", *"nyc.trips", "enter", "enter", "left_square_bracket"),
    "dataset-versions-with-runs": ("slash", *"nyc.trips", "enter", "enter", RIGHT),
}


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("story", WORK_STORIES)
async def test_work_looks_as_painted(work, drive, same_picture, story, size):
    async with drive(work.backend, size) as driver:
        await driver.press(*WORK_STORIES[story])
        await driver.pilot.pause(0.2)
        await driver.settle()
        same_picture(f"{story}-{size[0]}x{size[1]}", driver.text)
