"""Waiting for a slot of a concurrency limit, before a task runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.store.slots import Slots

if TYPE_CHECKING:
    from jobs.context import RunScope

_FIRST, _LONGEST = 0.05, 1.0  # seconds between two looks


@contextmanager
def slot_for(
    run: RunScope, tags: Sequence[str], number: int, waiting: Callable[[str], None]
) -> Iterator[None]:
    """Hold a slot of every limit that the tags of a task name, for the length of the block.

    Args:
        run: whose task it is.
        tags: of the task and its flow.
        number: of the task run.
        waiting: told why, while there is none free.
    """
    connection = run.world.connection
    names = [f"tag:{tag}" for tag in tags]
    if connection is None or not names:
        yield
        return
    slots = Slots(connection, run.world.now)
    limited = slots.limits()
    if not any(name in limited for name in names):
        yield
        return
    pause = _FIRST
    while (full := slots.take(names, run.run_id, number)) is not None:
        holders = ", ".join(dict.fromkeys(use.run for use in slots.uses(full)))
        waiting(f"waits for {full}: {limited.get(full, 0)} at once, held by {holders}")
        time.sleep(pause)
        pause = min(_LONGEST, pause * 2)
    try:
        yield
    finally:
        slots.free(run.run_id, number)
