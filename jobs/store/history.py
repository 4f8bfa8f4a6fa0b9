"""The questions about runs: pages by key, never a count, never an offset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.errors import InvalidInput, NotFound
from catalog.metadata.dbapi import Connection
from jobs.model import (
    Artifact,
    Details,
    Event,
    LogLine,
    Progress,
    Read,
    Run,
    RunFilter,
    TaskRun,
    Write,
)
from jobs.states import LIVE, State
from jobs.store import rows

_FAMILY = (
    "WITH RECURSIVE family(id) AS (SELECT CAST(:id AS VARCHAR) UNION ALL "
    "SELECT runs.id FROM runs JOIN family ON runs.parent = family.id) "
)


@dataclass(frozen=True, slots=True)
class Lease:
    """What is known of the holder of a run."""

    run: Run
    host: str | None
    boot: str | None
    pid: int | None
    pid_started: int | None
    lease_until: int | None
    lease_uptime: int | None


class History:
    """The reading side of runs.

    Args:
        connection: the store.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(
        self, wanted: RunFilter | None = None, limit: int = 50, before: str | None = None
    ) -> list[Run]:
        """Runs, newest first.

        Args:
            wanted: which; all without it.
            limit: how many at most.
            before: the id of the last run of the page before this one.
        """
        conditions, values = _conditions(wanted or RunFilter())
        if before is not None:
            conditions.append("id < :before")
            values["before"] = before
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        found = self._connection.rows(
            f"SELECT {rows.RUN} FROM runs {where} ORDER BY id DESC LIMIT {int(limit)}", **values
        )
        return [rows.run_of(row) for row in found]

    def parameters(self, run_ids: Iterable[str]) -> dict[str, Any]:
        """The parameters of some runs, by id."""
        found = self._by_ids("SELECT run_id, parameters FROM run_details WHERE run_id", run_ids)
        return {str(run): rows.parameters_of(text) for run, text in found}

    def names(self, run_ids: Iterable[str]) -> dict[str, str]:
        """The names of some runs, by id; those that retention has removed are not there."""
        found = self._by_ids("SELECT id, name FROM runs WHERE id", run_ids)
        return {str(run): str(name) for run, name in found}

    def _by_ids(self, statement: str, run_ids: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement that ends before IN (…), a few hundred ids at a time."""
        wanted = list(run_ids)
        for start in range(0, len(wanted), 300):
            some = {f"id{_letters(i)}": run for i, run in enumerate(wanted[start : start + 300])}
            marks = ", ".join(f":{name}" for name in some)
            yield from self._connection.rows(f"{statement} IN ({marks})", **some)

    def run(self, run_id: str) -> Run:
        """One run by its whole id.

        Raises:
            NotFound: there is none.
        """
        found = self._connection.rows(f"SELECT {rows.RUN} FROM runs WHERE id = :id", id=run_id)
        if not found:
            raise NotFound(f"There is no run {run_id!r}.", "See them with: lakectl run ls")
        return rows.run_of(found[0])

    def find(self, word: str) -> Run:
        """One run as people name it: its id or the begin of it, its name, or `latest`.

        Of several runs of one name the newest is meant.

        Raises:
            NotFound: no run is called so.
            InvalidInput: an id is too short to tell one run.
        """
        if word in {"latest", "last"}:
            newest = self.page(RunFilter(top=True), 1)
            if not newest:
                raise NotFound("There is no run yet.", "Start one: lakectl flow run FLOW")
            return newest[0]
        named = self.page(RunFilter(name=word), 1)
        if named:
            return named[0]
        digits = word.lower()
        if len(digits) < 4 or set(digits) - set("0123456789abcdef"):
            raise NotFound(f"There is no run {word!r}.", "See them with: lakectl run ls")
        if len(digits) == 32:
            return self.run(digits)
        found = self._connection.rows(
            f"SELECT {rows.RUN} FROM runs WHERE id >= :low AND id < :high ORDER BY id LIMIT 2",
            low=digits,
            high=digits + "g",
        )
        if not found:
            raise NotFound(f"There is no run {word!r}.", "See them with: lakectl run ls")
        if len(found) > 1:
            raise InvalidInput(
                f"Several runs have ids that begin with {word!r}.", "Say more of it."
            )
        return rows.run_of(found[0])

    def details(self, run_id: str) -> Details:
        """Parameters, error and the like of a run."""
        found = self._connection.rows(
            f"SELECT {rows.DETAILS} FROM run_details WHERE run_id = :id", id=run_id
        )
        return rows.details_of(found[0]) if found else Details({})

    def tasks(
        self,
        run_id: str,
        after: int = 0,
        limit: int = 1000,
        states: Sequence[State] = (),
    ) -> list[TaskRun]:
        """Task runs in the order of their calls, from after a number on."""
        chosen = ", ".join(f"'{State(state)}'" for state in states)
        having = f"AND state IN ({chosen})" if chosen else ""
        found = self._connection.rows(
            f"SELECT {rows.TASK} FROM task_runs WHERE run_id = :id AND number > :after {having} "
            f"ORDER BY number LIMIT {int(limit)}",
            id=run_id,
            after=after,
        )
        return [rows.task_of(row) for row in found]

    def task_counts(self, run_id: str) -> dict[State, int]:
        """How many task runs of one run are in each state."""
        found = self._connection.rows(
            "SELECT state, count(*) FROM task_runs WHERE run_id = :id GROUP BY state", id=run_id
        )
        return {State(state): int(number) for state, number in found}

    def logs(self, run_id: str, after: int = 0, limit: int = 1000, level: int = 0) -> list[LogLine]:
        """Lines of a run's log from after a number on."""
        found = self._connection.rows(
            f"SELECT {rows.LOG} FROM run_logs WHERE run_id = :id AND number > :after "
            f"AND level >= :level ORDER BY number LIMIT {int(limit)}",
            id=run_id,
            after=after,
            level=level,
        )
        return [rows.log_of(row) for row in found]

    def last_logs(self, run_id: str, limit: int = 50) -> list[LogLine]:
        """The last lines of a run's log, in their order."""
        found = self._connection.rows(
            f"SELECT {rows.LOG} FROM run_logs WHERE run_id = :id "
            f"ORDER BY number DESC LIMIT {int(limit)}",
            id=run_id,
        )
        return [rows.log_of(row) for row in reversed(found)]

    def events(self, run_id: str) -> list[Event]:
        """Every move of a run, in order."""
        found = self._connection.rows(
            f"SELECT {rows.EVENT} FROM run_events WHERE run_id = :id ORDER BY number", id=run_id
        )
        return [rows.event_of(row) for row in found]

    def reads(self, run_id: str) -> list[Read]:
        """The versions that a run and its subflows read."""
        found = self._connection.rows(
            f"{_FAMILY}SELECT {rows.READ} FROM run_reads WHERE run_id IN (SELECT id FROM family) "
            "ORDER BY at, dataset, version",
            id=run_id,
        )
        return [rows.read_of(row) for row in found]

    def writes(self, run_id: str) -> list[Write]:
        """The versions that a run and its subflows wrote, in the order of their commits."""
        found = self._connection.rows(
            f"{_FAMILY}SELECT v.run_id, v.dataset_id, d.namespace, d.name, v.version, "
            "v.rows_added, v.committed_at, v.operation FROM versions v "
            "JOIN datasets d ON d.id = v.dataset_id WHERE v.run_id IN (SELECT id FROM family) "
            "ORDER BY v.committed_at, v.version",
            id=run_id,
        )
        return [rows.write_of(row) for row in found]

    def readers(self, dataset_id: str, limit: int = 50) -> list[Read]:
        """Which runs read a dataset, newest first."""
        found = self._connection.rows(
            f"SELECT {rows.READ} FROM run_reads WHERE dataset_id = :id "
            f"ORDER BY run_id DESC LIMIT {int(limit)}",
            id=dataset_id,
        )
        return [rows.read_of(row) for row in found]

    def artifacts(self, run_id: str) -> list[Artifact]:
        """What a run and its subflows show."""
        found = self._connection.rows(
            f"{_FAMILY}SELECT {rows.ARTIFACT} FROM run_artifacts "
            "WHERE run_id IN (SELECT id FROM family) ORDER BY at, number",
            id=run_id,
        )
        return [rows.artifact_of(row) for row in found]

    def progress(self, run_id: str) -> list[Progress]:
        """How far the loops of a run have come."""
        found = self._connection.rows(
            f"SELECT {rows.PROGRESS} FROM run_progress WHERE run_id = :id ORDER BY number",
            id=run_id,
        )
        return [rows.progress_of(row) for row in found]

    def live(self) -> list[Lease]:
        """The runs that somebody holds, or seems to; those too that wait for another attempt."""
        found = self._connection.rows(
            f"SELECT {rows.RUN}, host, boot, pid, pid_started, lease_until, lease_uptime FROM runs "
            "WHERE ended_at IS NULL AND (state IN ('PENDING', 'RUNNING', 'CANCELLING') "
            "OR (state = 'SCHEDULED' AND attempt > 0))"
        )
        return [Lease(rows.run_of(row[:21]), *row[21:]) for row in found]

    def last_completed(self, flow: str, before: str) -> Run | None:
        """The newest run of a flow that completed, made before another."""
        wanted = RunFilter(flow=flow, states=(State.COMPLETED,))
        found = self.page(wanted, 1, before)
        return found[0] if found else None

    def change_token(self) -> str:
        """A text that differs once any run was made or has moved; cheap at any size."""
        newest = self._connection.rows("SELECT max(id) FROM runs")[0][0]
        live = ", ".join(f"'{state}'" for state in sorted(LIVE))
        now = self._connection.rows(
            f"SELECT id, state, attempt FROM runs WHERE ended_at IS NULL AND state IN ({live}) "
            "ORDER BY id DESC LIMIT 200"
        )
        return f"{newest}-{hash(tuple(now))}"


def _letters(number: int) -> str:
    """A number in letters: names of bound values have no digits."""
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text += chr(97 + rest)
        if not number:
            return text


def _conditions(wanted: RunFilter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for column in ("flow", "name", "parent"):
        value = getattr(wanted, column)
        if value is not None:
            conditions.append(f"{column} = :{column}")
            values[column] = value
    if wanted.states:
        conditions.append(f"state IN ({', '.join(repr(State(s).value) for s in wanted.states)})")
    if wanted.since is not None:
        conditions.append("id >= :since")
        values["since"] = f"{max(0, wanted.since):012x}"
    if wanted.until is not None:
        conditions.append("id < :until")
        values["until"] = f"{max(0, wanted.until):012x}"
    if wanted.top:
        conditions.append("parent IS NULL")
    return conditions, values
