"""Noticing that the same bytes were loaded before, in the same way."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from catalog import sources
from catalog.errors import NotFound
from catalog.handles import Handles
from catalog.model import Dataset, IngestReport, Version
from catalog.sources import SourceFile


class Seen:
    """The content of one load: a hash over its bytes and over how they are loaded.

    The hash is taken in a thread beside the load, and before it only when the ledger knows a load
    of just as many bytes.

    Args:
        handles: the lake.
        files: the sources.
        manner: everything about the load that changes what it does with the bytes.
        dataset: where to, None for a new one.
    """

    def __init__(
        self,
        handles: Handles,
        files: Sequence[SourceFile],
        manner: Mapping[str, Any],
        dataset: Dataset | None,
    ) -> None:
        self._handles = handles
        self._files = files
        # Not the branch: the same rows may have come to it by another one.
        kept = {key: value for key, value in manner.items() if key != "branch"}
        self._manner = json.dumps(kept, sort_keys=True)
        self._branch = str(manner["branch"])
        self._dataset = dataset
        self._mode = str(manner["mode"])
        self._content = ""
        self._failed: NotFound | None = None
        self._thread: threading.Thread | None = None

    @property
    def size(self) -> int:
        """How many bytes the sources have together."""
        return sum(f.size for f in self._files)

    @property
    def sources(self) -> list[dict[str, Any]]:
        """What the ledger keeps of where the bytes came from."""
        return [{"name": f.label, "bytes": f.size} for f in self._files]

    def start(self) -> None:
        """Begin to hash, beside whatever comes next."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._hash, daemon=True)
            self._thread.start()

    def _hash(self) -> None:
        whole = hashlib.blake2b(self._manner.encode(), digest_size=32)
        try:
            whole.update(sources.digest(self._files).encode())
        except NotFound as error:
            self._failed = error
        self._content = whole.hexdigest()

    def content(self) -> str:
        """The hash as hex; waits for it.

        Raises:
            NotFound: a source cannot be read any more.
        """
        self.start()
        assert self._thread is not None
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._content

    def earlier(self, dataset: Dataset) -> Version | None:
        """The version that holds these bytes already, if they are still part of the dataset."""
        loads = self._handles.reader.loads_of_size(dataset.id, self.size)
        if not loads:
            return None
        line = self._line(dataset)
        places = {version.version: place for place, version in enumerate(line)}
        for content, mode, number, _ in loads:
            place = places.get(number)
            if place is not None and content == self.content() and _in_effect(line, place, mode):
                return line[place]
        return None

    def _line(self, dataset: Dataset) -> list[Version]:
        """The versions that the branch is made of, newest first."""
        known = {v.snapshot_id: v for v in self._handles.reader.versions(dataset)}
        line: list[Version] = []
        at = dataset.snapshot_id
        if self._branch != "main":
            at = dataset.branches.get(self._branch)
        while at is not None and at in known:
            line.append(known.pop(at))  # once: rows that were tampered with may lead in a circle
            at = line[-1].parent_id
        return line

    def report(self) -> IngestReport | None:
        """The report of a load that is not needed, or None when it is."""
        version = self.earlier(self._dataset) if self._dataset else None
        if version is None or self._dataset is None:
            return None
        summary = self._dataset.summary
        when = version.committed_at.strftime("%Y-%m-%d %H:%M")
        sentence = (
            f"The same bytes were loaded into {summary.name} as v{version.version} on {when} UTC; "
            "nothing was done. Load them again with --if-seen load."
        )
        return IngestReport(
            dataset=str(summary.name),
            version=summary.version,
            rows_added=0,
            rows=summary.rows,
            quarantined=0,
            files=0,
            bytes=0,
            seconds=0.0,
            skipped=True,
            notes=(sentence,),
        )


def _in_effect(line: Sequence[Version], place: int, mode: str) -> bool:
    """Whether what a load did is still part of the newest version of a line.

    An append is, unless it was overwritten since; an overwrite or a merge only while nothing came
    after it, as doing it again would change something then.
    """
    if mode != "append":
        return place == 0
    return not any(version.operation == "overwrite" for version in line[:place])
