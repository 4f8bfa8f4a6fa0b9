"""Questions off the loop: one at a time, cancelled ones do not pile up, leaving does not wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from catalog.errors import NotFound
from screens.off_loop import Lane, in_thread


async def test_an_answer_comes_from_another_thread():
    here = threading.current_thread()
    assert await Lane().ask(lambda: threading.current_thread() is not here)


async def test_an_error_reaches_whoever_asked():
    def fail():
        raise NotFound("gone")

    with pytest.raises(NotFound, match="gone"):
        await Lane().ask(fail)


async def test_a_cancelled_question_holds_the_lane_until_it_is_answered():
    lane, gate, started = Lane(), threading.Event(), []

    def ask(name):
        started.append(name)
        gate.wait(10)
        return name

    first = asyncio.create_task(lane.ask(lambda: ask("first")))
    await asyncio.sleep(0.05)
    first.cancel()
    second = asyncio.create_task(lane.ask(lambda: ask("second")))
    third = asyncio.create_task(lane.ask(lambda: ask("third")))
    await asyncio.sleep(0.05)
    second.cancel()
    assert started == ["first"]
    gate.set()
    assert await third == "third"
    assert started == ["first", "third"]


def test_nothing_that_is_under_way_keeps_the_program_alive():
    gate = threading.Event()
    in_thread(lambda: gate.wait(30))
    asking = [t for t in threading.enumerate() if t.name == "lakectl-question"]
    assert asking
    assert all(t.daemon for t in asking)
    gate.set()
