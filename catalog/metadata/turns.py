"""Taking turns at a lock file: the kernel hands it on in order, and frees it when its holder dies.

A turn only saves effort and keeps those who wait for it equal. What keeps the lake right is the
store's own transactions and the compare-and-swap of the pointer; so whoever has waited too long,
for a process that was stopped in the middle of its turn, goes on without one.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0  # seconds


@contextmanager
def turn(path: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """Hold a lock file for the length of the block.

    Args:
        path: the lock file; it is made if it is not there.
        patience: how many seconds to wait for it.

    Yields:
        Whether it is held; False when its holder has not let go of it for so long.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held = _wait(handle, patience)
    except BaseException:
        os.close(handle)
        raise
    else:
        held = True
    try:
        yield held
    finally:
        if held:
            os.close(handle)


def _wait(handle: int, patience: float) -> bool:
    """Queue for a lock in a thread, which alone can be left behind; it closes the handle then.

    Trying again and again would give up our place in the queue.
    """
    decided, settled = threading.Event(), threading.Lock()
    left = False

    def queue() -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with settled:
            decided.set()
            if left:
                os.close(handle)

    threading.Thread(target=queue, daemon=True).start()
    decided.wait(patience)
    with settled:
        left = not decided.is_set()
        return not left
