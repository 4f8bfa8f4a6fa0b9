"""A small real lake, the dashboard over it, and pictures of what it shows."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from orders import OrdersBackend
from run_builder import MINUTE, RunBuilder, tell_work
from textual.pilot import Pilot

from catalog.altering import Annotation
from lakectl.dashboard import LakeBackend
from lakectl.root import Lake, init_lake, open_lake
from screens.app import LakeApp
from screens.shared import Shared

SIZES = ((80, 24), (140, 40))
PICTURES = Path(__file__).parent / "pictures"
_FACTS_OF_THE_RUN = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "2026-11-21 14:02:00"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?!:)"), "2026-11-21 14:02"),
    (re.compile(r"\d\.\d\d (?=kB)"), "1.00 "),
    (re.compile(r"\d\d\.\d (?=kB)"), "10.0 "),
    (re.compile(r"\d{3} (?=k?B\b)"), "100 "),
    (re.compile(r"\b\d\.\d\d s"), "0.00 s"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "0" * 32),
    (re.compile(r"\b01[0-9a-f]{5,29}(?=…)"), lambda found: "0" * len(found[0])),
    (re.compile(r"(?<!\d )\b\d\d:\d\d:\d\d\.\d{3}"), "14:02:00.000"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "14:02:00"),
    # An hour of which a dialog covers the rest.
    (re.compile(r"(?<=[▌ ] )\d\d?(?=[│╭╰])"), lambda found: "1" * len(found[0])),
)

# What anybody may write into a column name, a cell, an owner or a message.
HOSTILE = (
    "[/x] [bold red]loud[/] [@click=app.quit]click[/]",
    "[link=https://evil.example]bank[/link] [unclosed",
    "\x1b]0;owned\x07title",
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x9d52;c;b3duZWQ=\x9c",
    "bell\x07 back\x08 cr\r feed\x0c del\x7f so\x0e",
    "line\nbreak\ttab",
    "\u202eright to left\u202c \u2066isolated\u2069",
    "zero\u200bwidth \u2028 \U000e0041tag",
    "Z" + "\u0301" * 40 + "algo",
    "日本語の列 👩‍👩‍👧‍👦 🇫🇷",
    "x" * 5000,
    "",
)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake of six datasets with versions, a schema that grew, a tag and labels."""
    folder = tmp_path_factory.mktemp("lakes") / "demo-lake"
    init_lake(folder)
    with open_lake(folder) as lake:
        _fill(lake)
        yield lake


@pytest.fixture
def fresh_lake(tmp_path: Path) -> Iterator[Lake]:
    """Return a lake of its own, for tests that change it."""
    folder = tmp_path / "fresh-lake"
    init_lake(folder)
    with open_lake(folder) as lake:
        _fill(lake)
        yield lake


class Work(NamedTuple):
    """A lake in which flows ran, and what the dashboard asks of it."""

    backend: OrdersBackend
    runs: dict[str, str]  # ids by name
    build: RunBuilder


def _at_work(folder: Path) -> tuple[Lake, Work]:
    init_lake(folder)
    lake = open_lake(folder)
    _fill(lake)
    last = max(s.updated_at for s in lake.ls())
    start = int(last.timestamp() * 1000)
    runs = tell_work(lake, start)
    backend = OrdersBackend(lake, stands_at=last + timedelta(hours=2, seconds=30))
    return lake, Work(backend, runs, RunBuilder(lake, start + 119 * MINUTE))


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """Return a lake with runs in every state, that no test changes."""
    lake, work = _at_work(tmp_path_factory.mktemp("work") / "work-lake")
    with lake:
        yield work


@pytest.fixture
def fresh_work(tmp_path: Path) -> Iterator[Work]:
    """Return the same for tests that change it."""
    lake, work = _at_work(tmp_path / "fresh-work")
    with lake:
        yield work


def _fill(lake: Lake) -> None:
    trips = lake.dataset("nyc.trips")
    trips.append(_trips(0, 500), message="January")
    lake.tag("nyc.trips", "gold", 1)
    trips.append(_trips(500, 40), message="February")
    more = _trips(540, 60).append_column("tip", pa.array([i / 10 for i in range(60)]))
    trips.append(more, message="March brings tips", schema="evolve")
    lake.annotate(
        "nyc.trips",
        Annotation(owner="ana", description="Taxi trips of New York.", labels={"tier": "gold"}),
    )
    lake.dataset("nyc.zones").append(pa.table({"zone": ["Midtown", "Chelsea"], "id": [1, 2]}))
    for name, rows in (("mart.daily", 31), ("mart.tips", 12), ("ops.clicks", 3)):
        lake.dataset(name).append(pa.table({"n": list(range(rows))}))
    names = [f"column {i} {text[:60]}" for i, text in enumerate(HOSTILE[:-1])]
    columns = {name: [text] * 3 for name, text in zip(names, HOSTILE, strict=False)}
    raw = lake.dataset("raw.hostile")
    raw.append(pa.table({k: [_storable(v) for v in vs] for k, vs in columns.items()}))
    lake.annotate("raw.hostile", Annotation(owner=HOSTILE[0], description="".join(HOSTILE[:8])))


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _trips(start: int, rows: int) -> pa.Table:
    zones = ("Midtown", "LaGuardia", "East Village", "Chelsea")
    ids = range(start, start + rows)
    return pa.table(
        {
            "id": list(ids),
            "fare": [5 + i % 40 / 4 for i in ids],
            "zone": [zones[i % 4] for i in ids],
            "paid": [None if i % 5 == 0 else i % 2 == 0 for i in ids],
        }
    )


@pytest.fixture
def lake_backend(lake: Lake) -> LakeBackend:
    """Return the real backend over the lake that no test changes."""
    return LakeBackend(lake)


@pytest.fixture
def fresh_backend(fresh_lake: Lake) -> LakeBackend:
    """Return the real backend over a lake that the test may change."""
    return LakeBackend(fresh_lake)


def frozen_clock(backend: Any) -> Callable[[], datetime]:
    """A clock that stands two hours after the last change of the lake, or where it is told to."""
    told = getattr(backend, "stands_at", None)
    if told is not None:
        return lambda: told
    last = max((s.updated_at for s in backend.summaries()), default=datetime.now(UTC))
    return lambda: last + timedelta(hours=2, seconds=30)


class Driver:
    """The dashboard under a pilot: press keys, wait until nothing is under way, look."""

    def __init__(self, app: LakeApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they asked for is there.

        After a key that brings rows the next one waits for them, as a person would.
        """
        pressed: list[str] = []
        for key in keys:
            pressed.append(key)
            if key in {"enter", "right_square_bracket", "left_square_bracket", "f5"}:
                await self.pilot.press(*pressed)
                await self.settle()
                pressed.clear()
        await self.pilot.press(*pressed)
        await self.settle()

    async def settle(self) -> None:
        """Wait until no worker is under way and the screen is drawn."""
        for _ in range(2):
            await self.pilot.pause()
            while any(not worker.is_finished for worker in self.app.workers):
                await self.pilot.pause(0.01)

    @property
    def text(self) -> str:
        """What is on the screen, without what differs from run to run."""
        strips = self.app.screen._compositor.render_strips()
        shown = "\n".join("".join(s.text for s in strip).rstrip() for strip in strips)
        for pattern, fixed in _FACTS_OF_THE_RUN:
            shown = pattern.sub(fixed, shown)
        return shown + "\n"

    @property
    def terminal(self) -> str:
        """What the terminal would get as text, all filters applied."""
        filters = self.app.get_line_filters()
        background = self.app.screen.styles.background
        lines = self.app.screen._compositor.render_strips()
        for filter_ in filters:
            lines = [line.apply_filter(filter_, background) for line in lines]
        return "\n".join("".join(s.text for s in line) for line in lines)


@asynccontextmanager
async def driving(backend: Any, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
    """Open the dashboard over a backend, with a clock that stands still."""
    app = LakeApp(backend, Shared(backend, frozen_clock(backend)), poll=0)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        yield driver


@pytest.fixture
def drive() -> Callable[..., Any]:
    """Return the opener of the dashboard: `async with drive(backend) as driver`."""
    return driving


@pytest.fixture
def hostile() -> tuple[str, ...]:
    """Return the corpus of texts that nobody should trust."""
    return HOSTILE


@pytest.fixture(scope="session")
def hostile_texts() -> tuple[str, ...]:
    """Return the same as a store can keep them."""
    return tuple(map(_storable, HOSTILE))


@pytest.fixture
def same_picture() -> Callable[[str, str], None]:
    """Return a comparison with the picture of a name; LAKECTL_UPDATE_PICTURES=1 paints it anew."""

    def compare(name: str, shown: str) -> None:
        path = PICTURES / f"{name}.txt"
        if os.environ.get("LAKECTL_UPDATE_PICTURES"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown, encoding="utf-8")
        assert path.is_file(), f"no picture {path.name}: run with LAKECTL_UPDATE_PICTURES=1"
        assert shown == path.read_text(encoding="utf-8")

    return compare
