"""Blocking questions, asked from a thread so that the event loop never waits.

The threads are daemons on purpose: `q` leaves at once, also while a store does not answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_thread(question: Callable[[], T]) -> Future[T]:
    """The answer to come of a blocking question, which a thread of its own asks at once."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            found = question()
        except BaseException as error:  # noqa: BLE001  # handed to whoever asked, not swallowed
            answer.set_exception(error)
        else:
            answer.set_result(found)

    threading.Thread(target=work, daemon=True, name="lakectl-question").start()
    return answer


class Lane:
    """One question at a time.

    A caller that is cancelled no longer listens, but its question goes on in its thread and holds
    the lane until it is answered: a person who moves fast does not pile up threads.
    """

    def __init__(self) -> None:
        self._free = asyncio.Lock()

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer to a blocking question, or the error that it raised."""
        await self._free.acquire()
        answer = asyncio.wrap_future(in_thread(question))
        answer.add_done_callback(self._settled)
        return await asyncio.shield(answer)

    def _settled(self, answer: asyncio.Future[T]) -> None:
        self._free.release()
        if not answer.cancelled():
            answer.exception()  # an answer that nobody waits for any more is not an error
