"""What the dashboard may ask of the lake, answered by the catalog."""

from __future__ import annotations

from catalog.model import (
    Dataset,
    DatasetDiff,
    DatasetSummary,
    QueryResult,
    SchemaRevision,
    Version,
)
from lakectl.order_backend import OrderBackend
from lakectl.root import Lake
from lakectl.work_backend import WorkBackend


class LakeBackend(WorkBackend, OrderBackend):
    """`screens.backend.Backend` over an open lake; called from worker threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def lake_name(self) -> str:
        """The lake's name for the header."""
        return self._lake.name

    def summaries(self, limit: int | None = None) -> list[DatasetSummary]:
        """The datasets by name, or the first of them."""
        return self._lake.ls(limit=limit)

    def change_token(self) -> str:
        """Differs once anything has changed."""
        return self._lake.change_token()

    def dataset(self, name: str) -> Dataset:
        """One dataset as it is now."""
        return self._lake.describe(name)

    def versions(self, name: str) -> list[Version]:
        """Its versions, newest first."""
        return self._lake.versions(name)

    def schemas(self, name: str) -> list[SchemaRevision]:
        """The history of its schema, oldest first."""
        return self._lake.schemas(name)

    def preview(self, name: str, version: int | None, offset: int, limit: int) -> QueryResult:
        """Some rows of a version."""
        return self._lake.preview(name, version, limit, offset)

    def stats(self, name: str, version: int | None) -> QueryResult:
        """A profile of the columns of a version."""
        return self._lake.stats(name, version)

    def diff(self, name: str, before: int, after: int) -> DatasetDiff:
        """What differs between two versions."""
        return self._lake.diff(name, before, after)

    def sql(self, text: str, limit: int) -> QueryResult:
        """Run a query in the box."""
        return self._lake.sql(text, limit)

    def cancel_sql(self) -> None:
        """Stop the query that is running."""
        self._lake.box.cancel()

    def rollback(self, name: str, to: int) -> str:
        """Make another version the current one."""
        return self._lake.rollback(name, to).sentence

    def tag(self, name: str, tag: str, version: int) -> str:
        """Name a version."""
        return self._lake.tag(name, tag, version).sentence

    def newest_change(self) -> str:
        """What undo would take back."""
        return self._lake.newest_change()

    def undo(self) -> str:
        """Take the last change back."""
        return self._lake.undo().sentence

    def warm_up(self) -> None:
        """Import and start what the first preview and query need."""
        import catalog.engine.session  # noqa: F401 - for its import alone

        self._lake.box.warm_up()


def run_dashboard(lake: Lake) -> int:
    """Open the dashboard and return its exit code."""
    from screens.start import run

    backend = LakeBackend(lake)
    try:
        return run(backend)
    finally:
        backend.close_desk()
