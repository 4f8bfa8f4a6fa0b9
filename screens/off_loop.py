"""Blocking questions, asked from a thread so that the event loop never waits.

The threads are daemons on purpose: `q` leaves at once, also while a store does not answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """One question at a time; of those that wait for their turn, the caller keeps the newest.

    A caller that is cancelled no longer listens, but its question goes on in its thread and holds
    the lane until it is answered: a person who moves fast does not pile up threads.
    """

    def __init__(self) -> None:
        self._free = asyncio.Lock()

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer to a blocking question, or the error that it raised."""
        await self._free.acquire()
        try:
            answer = _in_thread(question)
        except BaseException:
            self._free.release()
            raise
        answer.add_done_callback(self._settled)
        return await asyncio.shield(answer)

    def _settled(self, answer: asyncio.Future[T]) -> None:
        self._free.release()
        if not answer.cancelled():
            answer.exception()  # an answer that nobody waits for any more is not an error


def _in_thread(question: Callable[[], T]) -> asyncio.Future[T]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:
            if not loop.is_closed():  # a closed loop only means that the dashboard is gone
                raise

    def work() -> None:
        try:
            found = question()
        except BaseException as error:  # noqa: BLE001  # handed to the caller, not swallowed
            problem = error
            tell(lambda: answer.set_exception(problem))
        else:
            tell(lambda: answer.set_result(found))

    threading.Thread(target=work, daemon=True, name="lakectl-question").start()
    return answer
