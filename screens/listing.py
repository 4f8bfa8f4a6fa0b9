"""The list of datasets as values: filtered, sorted, grouped. Pure, and fast on many thousands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from catalog.model import DatasetSummary

Test = Callable[["Entry"], bool]


class Entry:
    """A dataset with the text that filters look at, made once and not at every key."""

    __slots__ = ("_words", "name", "summary")

    def __init__(self, summary: DatasetSummary) -> None:
        self.summary = summary
        self.name = f"{summary.name.namespace}.{summary.name.name}"
        self._words: str | None = None

    @property
    def words(self) -> str:
        """Name, owner, labels and description in lower case."""
        if self._words is None:
            found = self.summary
            parts = (self.name, found.owner or "", *self.labels, found.description or "")
            self._words = "\n".join(parts).lower()
        return self._words

    @property
    def labels(self) -> list[str]:
        """The labels as they are shown and typed: `pii`, `tier=gold`."""
        return [f"{k}={v}" if v else k for k, v in self.summary.labels.items()]


class Group(NamedTuple):
    """The line of a namespace in the tree."""

    namespace: str
    members: int
    rows: int
    bytes: int
    open: bool


class Filter(NamedTuple):
    """A filter as typed: words that must all be found, `ns:`, `owner:`, `label:`, `!`, `~`."""

    text: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The plain words, to mark them where they are found."""
        return tuple(t for t in self.text.lower().split() if t[0] not in "!~" and ":" not in t)

    def apply(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries that pass, in their order."""
        passing = list(entries)
        for term in self.text.lower().split():
            if term[0] not in "!~" and ":" not in term:
                passing = [e for e in passing if term in e.words]
                continue
            test = _test_of(term)
            if test is not None:
                passing = [e for e in passing if test(e)]
        return passing


def _test_of(term: str) -> Test | None:
    if term.startswith("!"):
        positive = _test_of(term[1:])
        return (lambda e: not positive(e)) if positive is not None else None
    if term.startswith("~"):
        return _fuzzy(term[1:])
    key, colon, value = term.partition(":")
    if colon and key in _BY_KEY:
        return _BY_KEY[key](value) if value else None
    return (lambda e: term in e.words) if term else None


def _fuzzy(letters: str) -> Test | None:
    if not letters:
        return None
    found = re.compile(".*?".join(map(re.escape, letters))).search
    return lambda e: found(e.name) is not None


_BY_KEY: dict[str, Callable[[str], Test]] = {
    "ns": lambda value: lambda e: e.summary.name.namespace.startswith(value),
    "owner": lambda value: lambda e: value in (e.summary.owner or "").lower(),
    "label": lambda value: lambda e: any(label.lower().startswith(value) for label in e.labels),
    "kind": lambda value: lambda e: e.summary.kind.startswith(value),
}

_SORTS: dict[str, tuple[Callable[[Entry], Any], bool]] = {
    "NAME": (lambda e: e.name, False),
    "ROWS": (lambda e: e.summary.rows, True),
    "SIZE": (lambda e: e.summary.bytes, True),
    "VER": (lambda e: e.summary.version, True),
    "AGE": (lambda e: e.summary.updated_at, True),
    "OWNER": (lambda e: (not e.summary.owner, e.summary.owner or ""), False),
}
SORTS = tuple(_SORTS)


def ordered(entries: Iterable[Entry], by: str) -> list[Entry]:
    """The entries in the order of a column: names from a on, numbers and times from the top."""
    key, largest_first = _SORTS[by]
    return sorted(sorted(entries, key=lambda e: e.name), key=key, reverse=largest_first)


def grouped(entries: Sequence[Entry], folded: frozenset[str]) -> list[Entry | Group]:
    """The entries under their namespaces; those of folded namespaces are left out."""
    lines: list[Entry | Group] = []
    by_namespace = sorted(entries, key=_namespace)
    for namespace, group in groupby(by_namespace, key=_namespace):
        members = list(group)
        rows = sum(e.summary.rows for e in members)
        size = sum(e.summary.bytes for e in members)
        lines.append(Group(namespace, len(members), rows, size, namespace not in folded))
        if namespace not in folded:
            lines.extend(members)
    return lines


def _namespace(entry: Entry) -> str:
    return entry.summary.name.namespace


def hit(text: str, words: Sequence[str]) -> tuple[int, int] | None:
    """Where the first of the words stands in a text."""
    for word in words:
        start = text.lower().find(word)
        if start >= 0:
            return start, start + len(word)
    return None
