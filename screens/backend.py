"""The facade: everything that a screen may ask or order.

The calls block; the dashboard makes each of them from a thread of its own, never from the event
loop, so an implementation must allow calls from several threads. The answers are frozen values.
Whatever goes wrong on purpose is a `catalog.errors.LakeError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from catalog.model import (
        Dataset,
        DatasetDiff,
        DatasetSummary,
        QueryResult,
        SchemaRevision,
        Version,
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

    def warm_up(self) -> None:
        """Import and open what the first preview or query would wait for."""
