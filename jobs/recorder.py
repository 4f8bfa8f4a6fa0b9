"""Who is told what happens in a run.

Direct    writes to the store: moves at once, everything else in batches
Piped     (jobs/piped) sends it to the supervisor, which has a Direct
Nowhere   for a flow that is called where there is no lake
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from catalog.errors import StoreUnreachable
from catalog.metadata.dbapi import Connection
from jobs.logs import Echo, LogKeeper
from jobs.model import Holder
from jobs.secrets import masker
from jobs.states import State
from jobs.store.moves import PATIENCE, Moves, NewRun
from jobs.store.records import Batch, write

_EVERY = 0.2  # seconds between two batches
_FULL = 500  # lines that make a batch before its time
_MOST = 5_000  # lines not yet written; whoever tells more waits

Row = dict[str, Any]


class Recorder(Protocol):
    """What a run tells, and when it begins and ends."""

    def begin(self, new: NewRun) -> None:
        """A run begins in this process: a subflow, or one that was called here."""

    def end(self, run_id: str, state: State, reason: str | None, error: str | None) -> None:
        """A run that began so has ended."""

    def tell(self, kind: str, run_id: str, row: Row) -> None:
        """A line about a run: `task`, `log`, `read`, `artifact` or `progress`.

        Rows are those of `jobs/store/records`; of a log line `of` tells who says it, for people.
        """


class Nowhere:
    """Keeps nothing; log lines are shown."""

    def __init__(self, echo: Echo | None) -> None:
        self._echo = echo

    def begin(self, new: NewRun) -> None:
        """Nothing."""

    def end(self, run_id: str, state: State, reason: str | None, error: str | None) -> None:
        """Nothing."""

    def tell(self, kind: str, run_id: str, row: Row) -> None:
        """Show a log line."""
        if kind == "log" and self._echo is not None:
            self._echo({**row, **{name: masker.mask(row[name]) for name in ("message", "of")}})


class Direct:
    """Writes to the store.

    Args:
        connection: the store.
        now: the time in milliseconds.
        holder: the process that holds the runs.
        echo: shows each log line, which says `of` whom it is, and each word on progress.
        patience: for how many seconds a store that does not answer is asked again.
    """

    def __init__(
        self,
        connection: Connection,
        now: Callable[[], int],
        holder: Holder,
        echo: Echo | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.moves = Moves(connection, now, patience)
        self._patience = patience
        self._connection = connection
        self._now = now
        self._holder = holder
        self._echo = echo
        self._batches: dict[str, Batch] = {}
        self._keepers: dict[str, LogKeeper] = {}
        self._fences: dict[str, int] = {}
        self._changed = threading.Condition()
        self._waiting = 0  # lines told and not written
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    # -- runs ---------------------------------------------------------------------------------

    def open(self, run_id: str, fence: int, logged: int = 0) -> None:
        """From now on a run is told of, under a fence.

        Args:
            run_id: which.
            fence: what `Moves.claim` gave.
            logged: the number of its last log line, of an attempt before.
        """
        with self._changed:
            self._fences[run_id] = fence
            self._keepers[run_id] = LogKeeper(logged)

    def begin(self, new: NewRun) -> None:
        """Make a run that runs here."""
        self.moves.create(new, State.RUNNING, self._holder)
        self.open(new.id, 1)

    def end(self, run_id: str, state: State, reason: str | None, error: str | None) -> None:
        """Move a run to its end, after everything that it told."""
        self.settle(run_id, state, reason, error=error)

    def settle(self, run_id: str, state: State, reason: str | None, **told: Any) -> bool:
        """Write all that a run told, and then move it; it is told of no more.

        Returns:
            False if it was not ours any more.
        """
        fence = self._fences.get(run_id)
        if fence is None:
            return False
        for row in self._keepers[run_id].rest():
            self._add("log", run_id, row)
        reason = None if reason is None else masker.mask(reason)
        told = {name: masker.masked(value) for name, value in told.items()}
        with self._writing:  # what is being written now goes before
            with self._changed:
                batch = self._batches.pop(run_id, None)
                self._waiting = sum(map(len, self._batches.values()))
                self._changed.notify_all()
            moved = self.moves.move(run_id, state, fence, reason, batch=batch, **told)
        self.forget(run_id)
        return moved

    def forget(self, run_id: str) -> None:
        """Tell no more of a run."""
        with self._changed:
            self._fences.pop(run_id, None)
            self._keepers.pop(run_id, None)
            self._batches.pop(run_id, None)

    def held(self) -> dict[str, int]:
        """The runs that are told of now, with their fences."""
        with self._changed:
            return dict(self._fences)

    def logged(self, run_id: str) -> int:
        """The number of the last log line of a run."""
        keeper = self._keepers.get(run_id)
        return keeper.number if keeper is not None else 0

    # -- lines ----------------------------------------------------------------------------------

    def tell(self, kind: str, run_id: str, row: Row) -> None:
        """Take a line; it is written with the next batch."""
        if kind == "log":
            keeper = self._keepers.get(run_id)
            if keeper is None:
                return
            row = {**row, **{name: masker.mask(row[name]) for name in ("message", "of")}}
            if self._echo is not None:
                self._echo(row)
            kept = keeper.take(row)
            if kept is not None:
                self._add(kind, run_id, kept)
            return
        row = _masked(kind, row)
        if kind == "progress" and self._echo is not None:
            self._echo(row)
        self._add(kind, run_id, row)

    def _add(self, kind: str, run_id: str, row: Row) -> None:
        with self._changed:
            fence = self._fences.get(run_id)
            if fence is None:
                return
            while self._waiting >= _MOST and not self._closed:
                self._changed.wait(1.0)
            batch = self._batches.setdefault(run_id, Batch(run_id, fence))
            before = len(batch)
            if kind in {"task", "progress"}:
                kept = batch.tasks if kind == "task" else batch.progress
                kept[row["number"]] = row
            else:
                getattr(batch, _LISTS[kind]).append(row)
            self._waiting += len(batch) - before
            self._start()
            if not before or self._waiting >= _FULL:
                self._changed.notify_all()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._write_behind, daemon=True, name="lakectl-recorder"
            )
            self._thread.start()

    def _write_behind(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                self._changed.wait_for(lambda: self._closed or self._waiting >= _FULL, _EVERY)
                if self._closed:
                    return
            try:
                self._write_out()
            except StoreUnreachable:  # what is not written waits; whoever ends a run is told
                time.sleep(1.0)

    def flush(self) -> None:
        """Write everything that was told so far.

        Raises:
            StoreUnreachable: it stays silent.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._write_out()
                return
            except StoreUnreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _write_out(self) -> None:
        with self._writing:
            with self._changed:
                batches, self._batches = self._batches, {}
                self._changed.notify_all()
            if not batches:
                return
            try:
                write(self._connection, list(batches.values()))
            except BaseException:
                with self._changed:
                    self._put_back(batches)
                raise
            with self._changed:
                self._waiting = sum(map(len, self._batches.values()))
                self._changed.notify_all()

    def _put_back(self, batches: dict[str, Batch]) -> None:
        """What could not be written goes before what was told since."""
        for run_id, old in batches.items():
            new = self._batches.get(run_id)
            if new is not None:
                old.tasks |= new.tasks
                old.progress |= new.progress
                for name in _LISTS.values():
                    getattr(old, name).extend(getattr(new, name))
            self._batches[run_id] = old

    def close(self) -> None:
        """Write the rest and stop."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


_TEXTS = ("name", "task", "reason", "label")
_LISTS = {"log": "logs", "read": "reads", "artifact": "artifacts"}


def _masked(kind: str, row: Row) -> Row:
    """A row without secrets; the results of tasks are data and stay as they are."""
    if kind == "artifact":
        return {**row, "body": masker.masked(row["body"]), "key": masker.mask(row["key"])}
    texts = {name: masker.mask(row[name]) for name in _TEXTS if row.get(name)}
    return {**row, **texts}
