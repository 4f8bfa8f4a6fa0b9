"""Concurrency limits. A slot in use is a row, and it is free once its run is no longer live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from catalog.metadata.dbapi import Connection, Writer


class Use(NamedTuple):
    """A slot in use."""

    name: str
    run_id: str
    run: str
    task: int
    at: int


class Slots:
    """The limits of a lake.

    Args:
        connection: the store.
        now: the time in milliseconds.
    """

    def __init__(self, connection: Connection, now: Callable[[], int]) -> None:
        self._connection = connection
        self._now = now

    def limits(self) -> dict[str, int]:
        """How many may run at once, by name: `tag:NAME` of tasks or `flow:NAME`."""
        return {
            str(name): int(slots)
            for name, slots in self._connection.rows("SELECT name, slots FROM limits ORDER BY name")
        }

    def set_limit(self, name: str, slots: int | None) -> None:
        """Allow so many at once; None lifts the limit."""
        with self._connection.write() as writer:
            if slots is None:
                writer.execute("DELETE FROM limits WHERE name = :name", name=name)
                return
            writer.execute(
                "INSERT INTO limits (name, slots) VALUES (:name, :slots) "
                "ON CONFLICT (name) DO UPDATE SET slots = excluded.slots",
                name=name,
                slots=slots,
            )

    def take(self, names: Sequence[str], run_id: str, task: int) -> str | None:
        """Take a slot of every limit of these names, or none.

        Returns:
            None when they are taken; else the name of a limit that is used up.
        """
        with self._connection.write() as writer:
            for name in sorted(set(names)):
                allowed = writer.rows(
                    "SELECT slots FROM limits WHERE name = :name" + _LOCK[writer.postgres],
                    name=name,
                )
                if allowed and _used(writer, name) >= int(allowed[0][0]):
                    return name
            for name in sorted(set(names)):
                writer.execute(
                    "INSERT INTO slots (name, run_id, task, at) VALUES (:name, :run, :task, :at) "
                    "ON CONFLICT DO NOTHING",
                    name=name,
                    run=run_id,
                    task=task,
                    at=self._now(),
                )
        return None

    def free(self, run_id: str, task: int) -> None:
        """Give back what a task of a run has taken."""
        with self._connection.write() as writer:
            writer.execute(
                "DELETE FROM slots WHERE run_id = :run AND task = :task", run=run_id, task=task
            )

    def held_of_flow(self, flow: str) -> int:
        """How many runs of a flow are under way."""
        found = self._connection.rows(
            "SELECT count(*) FROM runs WHERE flow = :flow AND ended_at IS NULL "
            "AND state IN ('PENDING', 'RUNNING', 'CANCELLING')",
            flow=flow,
        )
        return int(found[0][0])

    def uses(self, name: str) -> list[Use]:
        """Who holds the slots of a limit."""
        found = self._connection.rows(
            "SELECT s.name, s.run_id, r.name, s.task, s.at FROM slots s "
            "JOIN runs r ON r.id = s.run_id WHERE s.name = :name AND r.ended_at IS NULL "
            "ORDER BY s.at",
            name=name,
        )
        return [Use(*row) for row in found]


_LOCK = {False: "", True: " FOR UPDATE"}  # SQLite has one writer anyway


def _used(writer: Writer, name: str) -> int:
    found = writer.rows(
        "SELECT count(*) FROM slots s JOIN runs r ON r.id = s.run_id "
        "WHERE s.name = :name AND r.ended_at IS NULL AND r.state <> 'SCHEDULED'",
        name=name,
    )
    return int(found[0][0])
