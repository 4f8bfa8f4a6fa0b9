"""Keeping runs: their leases are renewed, and whoever was asked to cancel one is heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from catalog.errors import StoreUnreachable
from catalog.metadata.dbapi import Connection
from jobs.recorder import Direct
from jobs.states import State
from jobs.store.moves import LEASE

RENEW = 10.0  # seconds
LOOK = 0.5  # seconds between two looks for a cancel


class Keeper:
    """A thread that keeps the runs of a recorder.

    Args:
        recorder: whose runs.
        connection: the store.
        on_cancel: called with the id of a run that is to stop, once.
        on_lost: called with the id of a run that is no longer ours, once.
    """

    def __init__(
        self,
        recorder: Direct,
        connection: Connection,
        on_cancel: Callable[[str], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._recorder = recorder
        self._connection = connection
        self._on_cancel = on_cancel
        self._on_lost = on_lost
        self._told: set[tuple[str, int]] = set()
        self._renewed: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="lakectl-keeper")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is held then is no longer kept."""
        self._stop.set()

    def _work(self) -> None:
        next_renewal = time.monotonic() + RENEW
        while not self._stop.wait(LOOK):
            held = self._recorder.held()
            if not held:
                continue
            if time.monotonic() >= next_renewal:
                self._renew(held)
                next_renewal = time.monotonic() + RENEW
            else:
                self._look(held)

    def _renew(self, held: dict[str, int]) -> None:
        for run_id, fence in held.items():
            now = time.monotonic()
            try:
                state = self._recorder.moves.renew(run_id, fence)
            except StoreUnreachable:
                since = self._renewed.setdefault(run_id, now)
                # Nobody else has seen the lease end while the store is away for all; a server may
                # be away for this machine only, so there the run ends before its lease does.
                if self._connection.is_postgres and now - since > LEASE / 1000 - 5:
                    self._judge(run_id, fence, None)
                continue
            self._renewed[run_id] = now
            self._judge(run_id, fence, state)

    def _look(self, held: dict[str, int]) -> None:
        for run_id, fence in held.items():
            try:
                found = self._connection.rows(
                    "SELECT state, fence FROM runs WHERE id = :id", id=run_id
                )
            except StoreUnreachable:
                return
            ours = found and int(found[0][1]) == fence
            self._judge(run_id, fence, State(found[0][0]) if ours else None)

    def _judge(self, run_id: str, fence: int, state: State | None) -> None:
        """Tell of what was found; not of a run that has ended, or was claimed anew, meanwhile."""
        if self._recorder.held().get(run_id) != fence or (run_id, fence) in self._told:
            return
        if state is None:
            self._told.add((run_id, fence))
            self._on_lost(run_id)
        elif state is State.CANCELLING:
            self._told.add((run_id, fence))
            self._on_cancel(run_id)
