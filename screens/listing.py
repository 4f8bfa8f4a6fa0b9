"""The list of datasets as values: filtered, sorted, grouped. Pure, and fast on many thousands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from catalog.model import DatasetSummary

Test = Callable[["Entry"], bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset with the texts that filters look at, made once and not at every key."""

    summary: DatasetSummary
    name: str
    owner: str
    labels: tuple[str, ...]
    words: str  # name, owner, labels and description in lower case

    @classmethod
    def of(cls, summary: DatasetSummary) -> Entry:
        """The entry of a dataset."""
        labels = tuple(f"{k}={v}".lower() if v else k.lower() for k, v in summary.labels.items())
        owner = (summary.owner or "").lower()
        name = str(summary.name)
        parts = (name, owner, *labels, (summary.description or "").lower())
        return cls(summary, name, owner, labels, "\n".join(parts))


@dataclass(frozen=True, slots=True)
class Group:
    """The line of a namespace in the tree."""

    namespace: str
    count: int
    rows: int
    bytes: int
    open: bool


@dataclass(frozen=True, slots=True)
class Filter:
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
    "owner": lambda value: lambda e: value in e.owner,
    "label": lambda value: lambda e: any(label.startswith(value) for label in e.labels),
    "kind": lambda value: lambda e: e.summary.kind.startswith(value),
}

_SORTS: dict[str, tuple[Callable[[Entry], Any], bool]] = {
    "NAME": (lambda e: e.name, False),
    "ROWS": (lambda e: e.summary.rows, True),
    "SIZE": (lambda e: e.summary.bytes, True),
    "VER": (lambda e: e.summary.version, True),
    "AGE": (lambda e: e.summary.updated_at, True),
    "OWNER": (lambda e: (not e.owner, e.owner), False),
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
