"""The details of one dataset beside the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from screens.shared import Shared
from screens.text import count, exact, plural, short_count, signed, size, sparkline
from screens.widgets.facts import Facts, Line, wrapped

if TYPE_CHECKING:
    from catalog.model import DatasetSummary, SchemaRevision, Version


class Details(NamedTuple):
    """What is read of a dataset when the cursor stays on it."""

    name: str
    schemas: Sequence[SchemaRevision]  # oldest first
    versions: Sequence[Version]  # newest first


class SummaryPane(Facts):
    """Who owns it, what it holds, how it grew, what its columns are."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(id="summary", classes="framed")
        self._shared = shared
        self._found: DatasetSummary | None = None
        self._details: Details | None = None

    @property
    def on_screen(self) -> bool:
        """Whether there is room for the pane; its place is given by the look of the app."""
        return self.screen.size.width >= 100

    def show(self, found: DatasetSummary | None) -> None:
        """Show what the list knows already."""
        if found is not None and self._found == found and self.lines:
            return
        self._found, self._details = found, None
        if found is None:
            self.border_title = Content("")
            self.lines = ()
            return
        self.border_title = Content(str(found.name))
        self.lines = tuple(self._known(found))

    def add(self, details: Details) -> None:
        """Add what was read meanwhile."""
        found = self._found
        if found is None or str(found.name) != details.name:
            return
        self._details = details
        self.lines = (*self._known(found), *self._growth(details), *_columns(details))

    def time_passed(self) -> None:
        """Tell the ages anew."""
        if self._details is not None:
            self.add(self._details)

    def _known(self, found: DatasetSummary) -> list[Line]:
        lines: list[Line] = []
        if found.description:
            lines += [*wrapped(found.description, self.size.width)[:4], []]
        else:
            lines += [[("no description", "dim")], []]
        lines.append([("kind    ", "dim"), (str(found.kind), "")])
        lines.append(
            [("owner   ", "dim"), (found.owner or "▲ nobody", "" if found.owner else "warn")]
        )
        if found.labels:
            labels = " ".join(f"{k}={v}" if v else k for k, v in found.labels.items())
            lines.append([("labels  ", "dim"), (labels, "")])
        if found.version == 0:
            return [*lines, [], [("nothing loaded yet", "warn")]]
        lines.append([("rows    ", "dim"), (count(found.rows), "")])
        sized = f"{size(found.bytes)} in {plural(found.files, 'file')}"
        lines.append([("size    ", "dim"), (sized, "")])
        lines.append([("version ", "dim"), (f"v{found.version}", "")])
        lines.append([("updated ", "dim"), (exact(found.updated_at), "")])
        return lines

    def _growth(self, details: Details) -> list[Line]:
        kept = [v for v in details.versions if v.state in {"live", "current"}]
        bars = sparkline([v.rows for v in reversed(kept)], max(4, self.size.width - 8))
        lines: list[Line] = [[("growth  ", "dim"), (bars, "good")], []]
        for version in details.versions[:4]:
            change = signed(version.rows_added - version.rows_deleted)
            lines.append([
                (f"v{version.version:<5}", "name"),
                (f"{self._shared.when(version.committed_at):>5}  ", "dim"),
                (f"{version.operation:<10}", ""),
                (change, "good" if version.rows_added >= version.rows_deleted else "warn"),
                ("  " + " ".join(version.tags), "head"),
            ])  # fmt: skip
        if len(details.versions) > 4:
            lines.append([(f"… {short_count(len(details.versions))} in all", "dim")])
        return lines


def _columns(details: Details) -> list[Line]:
    from catalog.schema import diff  # the first paint does not wait for it
    from catalog.types import text_of

    if not details.schemas:
        return []
    last = details.schemas[-1]
    lines: list[Line] = [[], [(plural(len(last.schema.fields), "column"), "head")]]
    if len(details.schemas) > 1:
        changes = diff(details.schemas[-2].schema, last.schema)
        lines.append([(f"changed in v{last.version}:", "dim")])
        lines += [[(f"  {change}", "warn")] for change in changes[:4]]
    longest = max((len(f.name) for f in last.schema.fields), default=0)
    wide = min(longest, 24)
    lines += [[(f"{f.name:<{wide}}  ", ""), (text_of(f.type), "dim")] for f in last.schema.fields]
    return lines
