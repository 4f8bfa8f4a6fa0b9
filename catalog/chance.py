"""What the lake leaves to chance: identities and pauses. `LAKECTL_SEED=7` repeats it, for tests."""

from __future__ import annotations

import os
import random
import time
import uuid

_seeded: tuple[str, random.Random] | None = None


def _source() -> random.Random | None:
    """The repeated source of chance, or None where nobody asked for one."""
    global _seeded
    seed = os.environ.get("LAKECTL_SEED")
    if not seed:
        return None
    if _seeded is None or _seeded[0] != seed:
        _seeded = (seed, random.Random(seed))
    return _seeded[1]


def new_uuid() -> uuid.UUID:
    """A fresh identity."""
    source = _source()
    return uuid.UUID(int=source.getrandbits(128), version=4) if source else uuid.uuid4()


def new_write() -> uuid.UUID:
    """A fresh identity of a write: a UUID of version 8, which is anybody's own (RFC 9562, 5.8).

    So files that carry it are told from those of other engines, whose UUIDs are of version 4 or 7.
    """
    return uuid.UUID(int=new_uuid().int & ~(0xF << 76) | 8 << 76)


def pause(longest: float) -> None:
    """Wait for a random part of so many seconds, so that those who collided do not again."""
    time.sleep((_source() or random).uniform(0, longest))


def fraction() -> float:
    """A number from 0 to 1."""
    return (_source() or random).random()


def hits(percent: float) -> bool:
    """Whether something happens that happens so often."""
    return (_source() or random).uniform(0, 100) < percent
