"""When to try again: decided from numbers alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catalog.errors import InvalidInput

Backoff = Callable[[int], Sequence[float]]
Delays = float | Sequence[float] | Backoff

LONGEST = 24 * 3600.0  # seconds


def exponential_backoff(backoff_factor: float) -> Backoff:
    """Delays that double: the factor, twice it, four times it, … in seconds."""

    def delays(retries: int) -> list[float]:
        return [min(LONGEST, backoff_factor * 2.0**number) for number in range(retries)]

    return delays


def delay(spec: Delays, retries: int, attempt: int, jitter: float, chance: float) -> float:
    """Seconds to wait before the next attempt.

    Args:
        spec: a number, a list (its last number goes on for ever), or a function of the number of
            retries that gives a list.
        retries: how many there are in all.
        attempt: the one that failed, from 1.
        jitter: how much longer at most, as a part of the delay.
        chance: from 0 to 1, what decides it.

    Raises:
        InvalidInput: the delay is no number that can be waited for.
    """
    given = spec(retries) if callable(spec) else spec
    if isinstance(given, Sequence):
        chosen = given[min(attempt, len(given)) - 1] if given else 0
    else:
        chosen = given
    seconds = float(chosen) * (1 + jitter * chance)
    if not 0 <= seconds <= LONGEST * 2:
        raise InvalidInput(f"A delay of {seconds} s cannot be waited for.")
    return seconds
