"""What was done when no answer came: the store is asked until it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

from catalog import chance
from catalog.errors import LakeError, OutcomeUnknown, StoreUnreachable
from catalog.handles import Handles
from catalog.names import DatasetName

T = TypeVar("T")
_SECONDS, _TIMES = 60, 8


def ask(name: DatasetName, cause: LakeError, question: Callable[[], T]) -> T:
    """The answer of the store, as soon as there is one.

    Args:
        name: whose change it is about, for the sentence.
        cause: why it is not known.
        question: asks the store; raises StoreUnreachable where that is silent.

    Raises:
        OutcomeUnknown: it stays silent for a minute. The change may have been made.
    """
    deadline = time.monotonic() + _SECONDS
    pause = 0.05
    while True:
        try:
            return question()
        except StoreUnreachable:
            if time.monotonic() > deadline:
                raise OutcomeUnknown(
                    f"{cause.message} Whether the change to {name} was made is not known.",
                    "Look with lakectl versions when the store is back; running the same load "
                    "again will not double it.",
                ) from cause
            time.sleep(pause)
            pause = min(2.0, pause * 2)


def repeated(handles: Handles, work: Callable[[Any], None]) -> None:
    """Do a transaction until it is answered; it must be one that may be done again.

    Raises:
        StoreUnreachable: it is not answered time and again.
    """
    for attempt in count(1):
        try:
            with handles.database.write() as conn:
                work(conn)
            return
        except StoreUnreachable:
            if attempt == _TIMES:
                raise
        chance.pause(0.05 * attempt)


@contextmanager
def settled(handles: Handles, name: DatasetName, is_done: Callable[[], bool]) -> Iterator[None]:
    """A block with one transaction, which ends well if that was made, whether answered or not.

    Args:
        handles: the lake.
        name: the table whose row in `iceberg_tables` the transaction changes.
        is_done: asks our tables whether it was made.

    Raises:
        OutcomeUnknown: the store stays silent.
        StoreUnreachable: it was not made.
    """
    from catalog.metadata import records

    def question() -> bool:
        with handles.database.write() as conn:
            records.pointer(conn, name, lock=True)  # waits for one that a server still works at
        return is_done()

    try:
        yield
    except OutcomeUnknown as error:
        if not ask(name, error, question):
            raise StoreUnreachable(error.message, error.hint) from error
