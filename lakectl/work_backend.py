"""What the dashboard may ask of runs and flows, answered by jobs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from jobs.store.history import History
    from lakectl.root import Lake


class WorkBackend:
    """The part of `screens.backend.Backend` that is about work; called from worker threads."""

    _lake: Lake

    @cached_property
    def _history(self) -> History:
        from jobs.store.history import History  # the first paint does not wait for it

        return History(self._lake.handles.reader)

    def runs_token(self) -> str:
        """Differs once a run was made or has moved."""
        return self._history.change_token()

    def runs(self, wanted: RunFilter, limit: int, before: str | None = None) -> list[Run]:
        """A page of runs, newest first."""
        return self._history.page(wanted, limit, before)

    def run(self, run_id: str) -> Run:
        """One run."""
        return self._history.find(run_id)

    def run_details(self, run_id: str) -> Details:
        """What lists leave out."""
        return self._history.details(run_id)

    def run_events(self, run_id: str) -> list[Event]:
        """Its moves."""
        return self._history.events(run_id)

    def run_tasks(self, run_id: str, after: int, limit: int) -> list[TaskRun]:
        """Its tasks."""
        return self._history.tasks(run_id, after, limit)

    def run_logs(self, run_id: str, after: int, limit: int) -> list[LogLine]:
        """Its log."""
        return self._history.logs(run_id, after, limit)

    def run_progress(self, run_id: str) -> list[Progress]:
        """How far its loops have come."""
        return self._history.progress(run_id)

    def run_artifacts(self, run_id: str) -> list[Artifact]:
        """What it shows."""
        return self._history.artifacts(run_id)

    def run_reads(self, run_id: str) -> list[Read]:
        """What it read."""
        return self._history.reads(run_id)

    def run_writes(self, run_id: str) -> list[Write]:
        """What it wrote."""
        return self._history.writes(run_id)

    def readers(self, name: str) -> list[Read]:
        """Which runs read a dataset."""
        return self._history.readers(self._lake.describe(name).id)
