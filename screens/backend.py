"""The facade: everything that a screen may ask or order.

The calls block; the dashboard makes each of them from a thread of its own, never from the event
loop, so an implementation must allow calls from several threads. The answers are frozen values.
Whatever goes wrong on purpose is a `catalog.errors.LakeError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalog.model import (
        Dataset,
        DatasetDiff,
        DatasetSummary,
        QueryResult,
        SchemaRevision,
        Version,
    )
    from jobs.model import (
        Artifact,
        Details,
        Effect,
        Event,
        FlowInfo,
        LogLine,
        Progress,
        Read,
        Run,
        RunFilter,
        TaskRun,
        Write,
    )


class Backend(Protocol):
    """A lake as the dashboard needs it."""

    def lake_name(self) -> str:
        """What to call this lake in the title; costs nothing."""

    def summaries(self, limit: int | None = None) -> list[DatasetSummary]:
        """The datasets by name with the state of their current versions.

        Args:
            limit: only so many, the first by name: what is painted before the rest is read.
        """

    def change_token(self) -> str:
        """A text that differs from the last one when anything in the lake has changed; cheap."""

    def dataset(self, name: str) -> Dataset:
        """Everything known of one dataset now."""

    def versions(self, name: str) -> list[Version]:
        """The versions of a dataset, newest first."""

    def schemas(self, name: str) -> list[SchemaRevision]:
        """The schemas that a dataset has had, oldest first."""

    def preview(self, name: str, version: int | None, offset: int, limit: int) -> QueryResult:
        """Rows of a version, in an order that is the same on every call for that version."""

    def stats(self, name: str, version: int | None) -> QueryResult:
        """One row a column: its profile at a version."""

    def diff(self, name: str, before: int, after: int) -> DatasetDiff:
        """What differs between two versions of a dataset."""

    def sql(self, text: str, limit: int) -> QueryResult:
        """The first rows of a query, run in the box where nothing can be changed."""

    def cancel_sql(self) -> None:
        """End the running query soon, so that its call of `sql` raises; else do nothing."""

    def rollback(self, name: str, to: int) -> str:
        """Make an earlier version the current one and tell in a sentence what happened."""

    def tag(self, name: str, tag: str, version: int) -> str:
        """Name a version and tell in a sentence what happened."""

    def newest_change(self) -> str:
        """What `undo` would take back, in words."""

    def undo(self) -> str:
        """Take the last change of the lake back and tell in a sentence what happened."""

    # -- runs -------------------------------------------------------------------------------------

    def runs_token(self) -> str:
        """A text that differs from the last one when a run was made or has moved; cheap."""

    def runs(self, wanted: RunFilter, limit: int, before: str | None = None) -> list[Run]:
        """A page of runs, newest first; `before` is the id of the last run of the page before."""

    def run(self, run_id: str) -> Run:
        """One run as it stands now, by its whole id or its name."""

    def run_details(self, run_id: str) -> Details:
        """Its parameters, its error and post-mortem."""

    def run_events(self, run_id: str) -> list[Event]:
        """Every move that it made."""

    def run_tasks(self, run_id: str, after: int, limit: int) -> list[TaskRun]:
        """Its tasks in the order of their calls, from after a number on."""

    def run_logs(self, run_id: str, after: int, limit: int) -> list[LogLine]:
        """Lines of its log from after a number on; an empty list when there are no more yet."""

    def run_progress(self, run_id: str) -> list[Progress]:
        """How far its loops have come."""

    def run_artifacts(self, run_id: str) -> list[Artifact]:
        """What it shows."""

    def run_reads(self, run_id: str) -> list[Read]:
        """The versions that it, or a subflow of it, read."""

    def run_writes(self, run_id: str) -> list[Write]:
        """The versions that it, or a subflow of it, wrote."""

    def readers(self, name: str) -> list[Read]:
        """Which runs read a dataset, newest first."""

    def cancel_run(self, run_id: str) -> str:
        """Ask a run to stop and tell in a sentence what happened."""

    def rerun(self, run_id: str) -> str:
        """Start a new run with the same parameters; returns its id."""

    def resume(self, run_id: str) -> str:
        """Start a new run that takes over what the old one finished; returns its id."""

    def undo_effects(self, run_id: str) -> list[Effect]:
        """What undoing the run would do, dataset by dataset."""

    def undo_run(self, run_id: str) -> str:
        """Put back every dataset that the run wrote and tell in a sentence what happened."""

    # -- flows ------------------------------------------------------------------------------------

    def flows(self) -> list[FlowInfo]:
        """The flows that can be run: the project's, then the ready ones. Imports them: slow."""

    def check_parameters(self, flow: str, texts: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with a filled form, by the name of the field; empty when all is well."""

    def launch(self, flow: str, texts: Mapping[str, str]) -> str:
        """Start a run with the texts of a form, apart from this process; returns its id."""

    def run_form(self, run_id: str) -> Mapping[str, str]:
        """The parameters of a run as the texts of a form, for one that is edited and run again."""

    # ---------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Import and open what the first preview or query would wait for."""
