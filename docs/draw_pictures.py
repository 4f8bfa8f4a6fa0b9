"""Draw the README's pictures: the dashboard on the demo lake. Run by `make pictures`.

usage: draw_pictures.py LAKE   ->  docs/pictures/*.svg
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from lakectl.dashboard import LakeBackend
from lakectl.root import open_lake
from screens.app import LakeApp
from screens.shared import Shared

HERE = Path(__file__).parent / "pictures"
SIZES = ((140, 36), (80, 24))
_QUERY = ("s", "f5")
SCENES: dict[str, tuple[str, ...]] = {
    "datasets": ("down",) * 7,
    "versions": (*("down",) * 7, "enter", "]"),
    "preview": (*("down",) * 7, "enter", "]", "]"),
    "query": (*("down",) * 7, *_QUERY),
}


async def _draw(
    backend: LakeBackend, name: str, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    app = LakeApp(backend, Shared(backend))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.0)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.4)
        await pilot.pause(3.0)
        svg = app.export_screenshot(title="lakectl")
    # The font is fetched from a server otherwise; a reader's own monospace will do.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (HERE / f"{name}-{size[0]}x{size[1]}.svg").write_text(svg, encoding="utf-8")


def main(lake: str) -> None:
    """Draw every scene at every size."""
    HERE.mkdir(exist_ok=True)
    with open_lake(lake) as opened:
        backend = LakeBackend(opened)
        for name, keys in SCENES.items():
            for size in SIZES:
                asyncio.run(_draw(backend, name, keys, size))


if __name__ == "__main__":
    main(sys.argv[1])
