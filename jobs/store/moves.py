"""The moves of a run, each one conditional UPDATE and one row that tells of it.

A claim adds one to the run's fence; whoever holds the run names its fence with every word, and one
that is no longer the run's changes nothing. No answer at the commit is settled by asking for the
token that every move carries.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog import chance, faults
from catalog.errors import OutcomeUnknown, StoreUnreachable
from catalog.metadata.dbapi import Connection, Writer
from jobs import machine
from jobs.model import Details, Holder
from jobs.states import HELD, TERMINAL, State, sources
from jobs.store import records

LEASE = 30_000  # ms
PATIENCE = 60.0  # seconds for which a store that does not answer is asked again


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be made."""

    id: str
    name: str
    flow: str
    origin: str
    details: Details
    due_at: int
    created_at: int
    reason: str | None = None
    deployment: str | None = None
    parent: str | None = None
    root: str | None = None
    rerun_of: str | None = None
    resume_of: str | None = None
    idempotency_key: str | None = None
    tags: Sequence[str] = field(default=())


def new_id(now: int) -> str:
    """An identity that sorts by time: 12 hex digits of milliseconds, 20 of chance."""
    return f"{now:012x}{chance.new_uuid().hex[12:]}"


class Moves:
    """The writing side of runs.

    Args:
        connection: the store.
        now: the time in milliseconds.
        patience: for how many seconds a store that does not answer is asked again.
    """

    def __init__(
        self, connection: Connection, now: Callable[[], int], patience: float = PATIENCE
    ) -> None:
        self._connection = connection
        self._now = now
        self._patience = patience

    def create(
        self, new: NewRun, state: State = State.SCHEDULED, holder: Holder | None = None
    ) -> bool:
        """Make a run; False if the flow has one of this idempotency key already.

        Args:
            new: what it is.
            state: SCHEDULED, SKIPPED, or RUNNING where `holder` runs it itself.
            holder: who does.
        """
        row = {
            "id": new.id,
            "name": new.name,
            "flow": new.flow,
            "origin": new.origin,
            "deployment": new.deployment,
            "state": state.value,
            "reason": new.reason,
            "created": new.created_at,
            "due": new.due_at,
            "started": new.created_at if state is State.RUNNING else None,
            "ended": new.created_at if state is State.SKIPPED else None,
            "attempt": int(state is State.RUNNING),
            "fence": int(holder is not None),
            "parent": new.parent,
            "root": new.root or new.id,
            "rerun": new.rerun_of,
            "resume": new.resume_of,
            "key": new.idempotency_key,
            "tags": json.dumps(list(new.tags)),
            **self._held_by(holder),
        }

        def work(writer: Writer, token: str) -> bool:
            made = writer.execute(_CREATE, **row)
            if made != 1:
                return False
            _write_details(writer, new.id, new.details)
            self._tell(writer, new.id, token)
            faults.reach("run.created")
            return True

        return self._surely(new.id, work)

    def claim(self, run_id: str, holder: Holder) -> int | None:
        """Take a run that is scheduled; returns the fence.

        None where somebody else was faster, or as many runs of its flow go on as may: then the run
        is still scheduled.
        """

        def work(writer: Writer, token: str) -> bool:
            if _is_full(writer, run_id):
                return False
            moved = writer.execute(
                "UPDATE runs SET state = 'PENDING', reason = NULL, fence = fence + 1, "
                "attempt = attempt + 1, host = :host, boot = :boot, pid = :pid, "
                "pid_started = :ticks, worker = :worker, lease_until = :until, "
                "lease_uptime = :uptime WHERE id = :id AND state = 'SCHEDULED'",
                id=run_id,
                **self._held_by(holder),
            )
            if moved == 1:
                self._tell(writer, run_id, token)
                faults.reach("run.claimed")
            return moved == 1

        if not self._surely(run_id, work):
            return None
        return int(self._rows("SELECT fence FROM runs WHERE id = :id", run_id)[0][0])

    def move(
        self,
        run_id: str,
        after: State,
        fence: int,
        reason: str | None = None,
        **told: Any,
    ) -> bool:
        """Move a run that the caller holds; False if it does not hold it any more.

        Args:
            run_id: which.
            after: where to.
            fence: what `claim` gave.
            reason: why, for people.
            told: `due_at` of a run that is tried again; `error` and `post_mortem` of one that
                ended; `inputs`; a `batch` of what it told last, for the same transaction.
        """
        return self._moved(run_id, after, "holder", fence, {**told, "reason": reason})

    def reap(self, run_id: str, after: State, fence: int, reason: str, **told: Any) -> bool:
        """Move a run whose holder is gone; False if that has changed meanwhile."""
        return self._moved(run_id, after, "reaper", fence, {**told, "reason": reason})

    def _moved(
        self, run_id: str, after: State, who: str, fence: int, told: Mapping[str, Any]
    ) -> bool:
        before = ", ".join(f"'{state}'" for state in sources(after, who))
        assignments, values = _assignments(after, self._now(), told)

        def work(writer: Writer, token: str) -> bool:
            if told.get("batch") is not None:
                records.add(writer, told["batch"])
            moved = writer.execute(
                f"UPDATE runs SET {assignments} WHERE id = :id AND fence = :fence "
                f"AND state IN ({before})",
                id=run_id,
                fence=fence,
                **values,
            )
            if moved != 1:
                return False
            self._tell(writer, run_id, token)
            _add_details(writer, run_id, told)
            if after in TERMINAL:
                _close_tasks(writer, run_id, after, values["now"])
            if after not in HELD:
                writer.execute("DELETE FROM slots WHERE run_id = :id", id=run_id)
            faults.reach("run.moved")
            return True

        faults.reach("run.moving")
        return self._surely(run_id, work)

    def renew(self, run_id: str, fence: int) -> State | None:
        """Renew the lease; the run's state, or None where the caller holds it no longer."""
        with self._connection.write() as writer:
            held = writer.execute(
                "UPDATE runs SET lease_until = :until, lease_uptime = :uptime "
                "WHERE id = :id AND fence = :fence AND ended_at IS NULL AND state <> 'SCHEDULED'",
                id=run_id,
                fence=fence,
                until=self._now() + LEASE,
                uptime=machine.uptime() + LEASE,
            )
            if held != 1:
                return None
            return State(writer.rows("SELECT state FROM runs WHERE id = :id", id=run_id)[0][0])

    def ask_cancel(self, run_id: str, by: str) -> State | None:
        """Ask a run to stop; its state afterwards, None where it has ended already.

        One that nobody holds is cancelled at once; the holder of another hears of it.
        """
        now = self._now()

        def work(writer: Writer, token: str) -> bool:
            at_once = writer.execute(
                "UPDATE runs SET state = 'CANCELLED', ended_at = :now, cancel_at = :now, "
                "cancel_by = :by, reason = :reason WHERE id = :id AND state = 'SCHEDULED'",
                id=run_id,
                now=now,
                by=by,
                reason=f"cancelled by {by} before it started",
            )
            asked = at_once or writer.execute(
                "UPDATE runs SET state = 'CANCELLING', cancel_at = :now, cancel_by = :by, "
                "reason = :reason WHERE id = :id AND state IN ('PENDING', 'RUNNING')",
                id=run_id,
                now=now,
                by=by,
                reason=f"asked to stop by {by}",
            )
            if asked:
                self._tell(writer, run_id, token)
                faults.reach("run.cancelled")
            return bool(asked)

        if not self._surely(run_id, work):
            return None
        return State(self._rows("SELECT state FROM runs WHERE id = :id", run_id)[0][0])

    def _held_by(self, holder: Holder | None) -> dict[str, Any]:
        if holder is None:
            return dict.fromkeys(("host", "boot", "pid", "ticks", "worker", "until", "uptime"))
        return {
            "host": holder.host,
            "boot": holder.boot,
            "pid": holder.pid,
            "ticks": holder.pid_started,
            "worker": holder.worker,
            "until": self._now() + LEASE,
            "uptime": machine.uptime() + LEASE,
        }

    def _rows(self, statement: str, run_id: str) -> list[tuple[Any, ...]]:
        return self._connection.rows(statement, id=run_id)

    def _tell(self, writer: Writer, run_id: str, token: str) -> None:
        """Note the move that was just made."""
        writer.execute(
            "INSERT INTO run_events (run_id, number, at, state, reason, attempt, fence, token) "
            "SELECT id, (SELECT count(*) + 1 FROM run_events WHERE run_id = :id), :at, state, "
            "reason, attempt, fence, :token FROM runs WHERE id = :id",
            id=run_id,
            at=self._now(),
            token=token,
        )

    def _surely(self, run_id: str, work: Callable[[Writer, str], bool]) -> bool:
        """Do a transaction once, however often the store goes silent; see `settling`.

        Raises:
            StoreUnreachable: it stays silent.
        """
        token = chance.new_uuid().hex
        deadline = time.monotonic() + self._patience
        unknown = False
        while True:
            try:
                if unknown and self._connection.rows(
                    "SELECT 1 FROM run_events WHERE run_id = :id AND token = :token",
                    id=run_id,
                    token=token,
                ):
                    return True
                with self._connection.write() as writer:
                    return work(writer, token)
            except StoreUnreachable as error:
                unknown = unknown or isinstance(error, OutcomeUnknown)
                if time.monotonic() > deadline:
                    raise
                chance.pause(0.2)


def _is_full(writer: Writer, run_id: str) -> bool:
    """Whether the limit of a run's flow is used up; asked in the transaction of its claim."""
    lock = " FOR UPDATE" if writer.postgres else ""  # SQLite has one writer anyway
    allowed = writer.rows(
        "SELECT slots FROM limits WHERE name = 'flow:' || "
        f"(SELECT flow FROM runs WHERE id = :id){lock}",
        id=run_id,
    )
    if not allowed:
        return False
    held = writer.rows(
        "SELECT count(*) FROM runs WHERE flow = (SELECT flow FROM runs WHERE id = :id) "
        "AND ended_at IS NULL AND state IN ('PENDING', 'RUNNING', 'CANCELLING')",
        id=run_id,
    )
    return int(held[0][0]) >= int(allowed[0][0])


def _assignments(after: State, now: int, told: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The SET of a move, and its values."""
    parts = ["state = :after", "reason = :reason"]
    values: dict[str, Any] = {"after": after.value, "reason": told["reason"], "now": now}
    if after is State.RUNNING:
        parts.append("started_at = coalesce(started_at, :now)")
    if after in TERMINAL:
        parts.append("ended_at = :now")
    if after not in HELD:
        parts.append("lease_until = NULL, lease_uptime = NULL")
    if after is State.SCHEDULED:
        parts.append("due_at = :due")
        values["due"] = told.get("due_at", now)
    return ", ".join(parts), values


def _write_details(writer: Writer, run_id: str, details: Details) -> None:
    writer.execute(
        "INSERT INTO run_details (run_id, parameters, options, code, inputs) "
        "VALUES (:id, :parameters, :options, :code, :inputs)",
        id=run_id,
        parameters=json.dumps(details.parameters),
        options=json.dumps(details.options),
        code=json.dumps(details.code),
        inputs=None if details.inputs is None else json.dumps(details.inputs),
    )


def _add_details(writer: Writer, run_id: str, told: Mapping[str, Any]) -> None:
    texts = {
        "error": told.get("error"),
        "post_mortem": json.dumps(told["post_mortem"]) if told.get("post_mortem") else None,
        "inputs": json.dumps(told["inputs"]) if told.get("inputs") is not None else None,
    }
    for column, text in texts.items():
        if text is not None:
            writer.execute(
                f"UPDATE run_details SET {column} = :text WHERE run_id = :id", id=run_id, text=text
            )


def _close_tasks(writer: Writer, run_id: str, after: State, now: int) -> None:
    """No task is left open in a run that has ended."""
    state = State.CANCELLED if after is State.CANCELLED else State.CRASHED
    writer.execute(
        "UPDATE task_runs SET state = :state, ended_at = :now, reason = :reason "
        "WHERE run_id = :id AND state IN ('SCHEDULED', 'PENDING', 'RUNNING')",
        id=run_id,
        now=now,
        state=state.value,
        reason="its run ended before it",
    )


_CREATE = """
INSERT INTO runs (id, name, flow, origin, deployment, state, reason, created_at, due_at, started_at,
    ended_at, attempt, fence, worker, host, boot, pid, pid_started, lease_until, lease_uptime,
    parent, root, rerun_of, resume_of, idempotency_key, tags)
VALUES (:id, :name, :flow, :origin, :deployment, :state, :reason, :created, :due, :started,
    :ended, :attempt, :fence, :worker, :host, :boot, :pid, :ticks, :until, :uptime,
    :parent, :root, :rerun, :resume, :key, :tags)
ON CONFLICT DO NOTHING
"""
