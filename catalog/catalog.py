"""The door of the package: every verb of the lake once, over the handles that are open.

A verb imports its room when it is used: browsing must not pay for DuckDB or PyIceberg.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catalog.handles import Handles
from catalog.metadata.reader import Reader
from catalog.model import (
    Dataset,
    DatasetDiff,
    DatasetSummary,
    IngestReport,
    QueryResult,
    SchemaRevision,
    Version,
)
from catalog.names import check_part, parse_dataset

if TYPE_CHECKING:
    from catalog.altering import Annotation
    from catalog.changes import Done
    from catalog.doctor.examining import Examination
    from catalog.doctor.repairing import Step
    from catalog.engine.box import Box
    from catalog.planning import IngestRequest
    from catalog.search import Hit

QUERY_SECONDS = 300.0


class Catalog:
    """One opened lake.

    Args:
        handles: its store, warehouse and clock.

    Raises:
        StoreUnreachable: the metadata store is not there or holds no lake.
        Conflict: it was made by a newer or older program.
    """

    def __init__(self, handles: Handles) -> None:
        self.handles = handles
        handles.reader.check_revision()

    def close(self) -> None:
        """Let go of every connection and process."""
        if "box" in self.__dict__:
            self.box.close()
        self.handles.close()

    # -- browsing: nothing heavy is imported ----------------------------------------------------

    def ls(self, namespace: str | None = None, *, limit: int | None = None) -> list[DatasetSummary]:
        """The datasets by name: all, those of one namespace, or the first of them."""
        if namespace is not None:
            check_part(namespace)
        return self._followed().summaries(namespace, limit)

    def _followed(self) -> Reader:
        """The reader, after tables that another engine wrote have been read anew."""
        reader = self.handles.reader
        if reader.foreign_pointers() or reader.without_pointer():
            self.sync()
        return reader

    def dropped(self) -> list[tuple[DatasetSummary, datetime]]:
        """Dropped datasets that can come back, and when each was dropped."""
        return self.handles.reader.dropped()

    def describe(self, name: str) -> Dataset:
        """Everything known of a dataset now."""
        from catalog import sync

        return sync.follow(self.handles, self.handles.reader.dataset(parse_dataset(name)))

    def versions(self, name: str) -> list[Version]:
        """Every version ever committed, newest first."""
        return self.handles.reader.versions(self.describe(name))

    def schemas(self, name: str) -> list[SchemaRevision]:
        """Which schema was in force from when on, oldest first, last the one that is now."""
        return self.handles.reader.schemas(self.describe(name))

    def search(self, text: str) -> list[Hit]:
        """The datasets in which every word occurs, best first."""
        from catalog import search

        self._followed()
        return search.search(self.handles, text)

    def change_token(self) -> str:
        """A text that differs once anything in the lake has changed."""
        return self.handles.reader.change_token()

    # -- reading --------------------------------------------------------------------------------

    def preview(
        self, name: str, at: str | int | None = None, limit: int = 20, offset: int = 0
    ) -> QueryResult:
        """Some rows of a version."""
        from catalog import reading

        return reading.preview(self.handles, name, at, limit, offset)

    def stats(self, name: str, at: str | int | None = None) -> QueryResult:
        """A profile of each column of a version."""
        from catalog import reading

        return reading.stats(self.handles, name, at)

    def diff(
        self,
        name: str,
        before: str | int,
        after: str | int | None = None,
        key: tuple[str, ...] = (),
        samples: int = 20,
    ) -> DatasetDiff:
        """What differs between two versions."""
        from catalog import diffing

        return diffing.diff(self.handles, name, before, after, key, samples)

    @cached_property
    def box(self) -> Box:
        """The warm child that runs ad-hoc SQL."""
        from catalog.engine.box import Box

        return Box(self.handles.warehouse.uri)

    def sql(self, text: str, limit: int = 10_000, deadline: float = QUERY_SECONDS) -> QueryResult:
        """Run a query in the box; datasets are there by name, `AT (VERSION => …)` too.

        Args:
            text: one statement that reads.
            limit: rows to return at most; `more` tells that there are others.
            deadline: seconds.
        """
        from catalog import boxed

        return boxed.run(self.handles, self.box, text, limit, deadline)

    def sql_once(
        self, text: str
    ) -> AbstractContextManager[tuple[list[tuple[str, str]], Iterator[str]]]:
        """Run one query in this process, which is locked to its files from then on."""
        from catalog import query

        self._followed()
        return query.once(self.handles, text)

    def to_arrow(self, name: str, at: str | int | None = None) -> Any:
        """All rows of a version as an Arrow table."""
        from catalog import reading

        return reading.to_arrow(self.handles, name, at)

    def export(
        self, name: str, to: str, at: str | int | None = None, form: str | None = None
    ) -> int:
        """Write a version to a file or a gs:// object; returns the number of rows."""
        from catalog import exporting

        return exporting.export(self.handles, name, at, to, form or exporting.form_of(to))

    # -- changing -------------------------------------------------------------------------------

    def ingest(self, request: IngestRequest) -> IngestReport:
        """Load sources into a dataset."""
        from catalog import ingest

        return ingest.ingest(self.handles, request)

    def rollback(self, name: str, to: str | int) -> Done:
        """Make another version the current one."""
        from catalog import changes

        return changes.rollback(self.handles, name, to)

    def newest_change(self, name: str | None = None) -> str:
        """What `undo` would take back, in words.

        Raises:
            NotFound: nothing was changed.
        """
        from catalog import undoing

        return undoing.newest(self.handles, name)

    def undo(self, name: str | None = None) -> Done:
        """Take the last change back."""
        from catalog import undoing

        return undoing.undo(self.handles, name)

    def tag(self, name: str, tag: str, at: str | int | None = None) -> Done:
        """Name a version for good."""
        from catalog import changes

        return changes.set_tag(self.handles, name, tag, at)

    def branch(self, name: str, branch: str, at: str | int | None = None) -> Done:
        """Open a branch, or move it."""
        from catalog import changes

        return changes.set_branch(self.handles, name, branch, at)

    def remove_ref(self, name: str, ref: str, kind: str) -> Done:
        """Take a tag or branch away."""
        from catalog import changes

        return changes.remove_ref(self.handles, name, ref, kind)

    def annotate(self, name: str, said: Annotation) -> Done:
        """Write owner, description, labels and column docs."""
        from catalog import changes

        return changes.annotate(self.handles, name, said)

    def rename(self, name: str, new: str) -> Done:
        """Give a dataset another name."""
        from catalog import changes

        return changes.rename(self.handles, name, new)

    def drop(self, name: str) -> Done:
        """Take a dataset off the list."""
        from catalog import changes

        return changes.drop(self.handles, name)

    def undrop(self, name: str) -> Done:
        """Bring a dropped dataset back."""
        from catalog import changes

        return changes.undrop(self.handles, name)

    def doctor(self, *names: str, verify: bool = False) -> Examination:
        """Hold the lake's promises against its files; `.report` tells what was found."""
        from catalog.doctor import examining

        return examining.examine(self.handles, names, verify=verify)

    def repairs(self, seen: Examination, *, older_than: float | None = None) -> list[Step]:
        """The steps that would mend what was found; nothing is done before `step.do()`.

        Args:
            seen: what `doctor` gave.
            older_than: seconds; orphans of unknown origin that are younger stay. A day by default.

        Raises:
            NotAllowed: the lake is open for reading only.
        """
        from catalog.doctor import repairing

        self.handles.require_writable()
        age = repairing.DAY if older_than is None else older_than
        return repairing.plan(self.handles, seen, older_than=age)

    def sync(self) -> list[str]:
        """Read anew the tables that another engine has written; returns their names."""
        from catalog import sync

        return sync.sync(self.handles)
