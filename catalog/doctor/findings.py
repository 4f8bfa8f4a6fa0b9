"""What an examination finds, as values that a script can rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    DAMAGE = "damage"  # bytes are lost or changed
    WRONG = "wrong"  # our tables disagree with the lake's files; they can be made anew
    RISK = "risk"  # nothing is lost yet
    LITTER = "litter"  # files that nobody refers to
    NOTE = "note"


class Kind(StrEnum):
    """What is found. The words are a contract for scripts."""

    METADATA = "metadata"  # a metadata file, manifest list or manifest
    DATA = "data"  # a data file
    POINTER = "pointer"  # the row of iceberg_tables
    VERSIONS = "versions"  # the version log against the snapshots
    FILES = "files"  # the file log against the manifests
    SUMMARY = "summary"  # the cached row of a dataset
    LEDGER = "ledger"
    INTENT = "intent"  # a write whose process died
    ORPHAN = "orphan"
    PERMISSIONS = "permissions"
    SQLITE = "sqlite"
    STORE = "store"  # our tables are older than the lake, or some of them are gone
    PROGRAM = "program"  # another lakectl on the PATH


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, in a sentence, and what would mend it."""

    severity: Severity
    kind: Kind
    message: str
    remedy: str | None = None
    dataset: str | None = None
    path: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As an object for scripts."""
        return {
            "severity": str(self.severity),
            "kind": str(self.kind),
            "dataset": self.dataset,
            "path": self.path,
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """An examination: what was looked at, and what was found, worst first."""

    findings: Sequence[Finding]
    datasets: int
    files: int
    bytes: int
    verified: bool  # whether every byte was read and compared
    unknown: int  # data files of which no checksum is kept, so that there is nothing to compare
    sqlite: str | None  # the library and its journal; None on Postgres

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong; litter and notes are no harm."""
        return all(f.severity in {Severity.LITTER, Severity.NOTE} for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As an object for scripts."""
        return {
            "sound": self.is_sound,
            "datasets": self.datasets,
            "files": self.files,
            "bytes": self.bytes,
            "verified": self.verified,
            "without_checksum": self.unknown,
            "sqlite": self.sqlite,
            "findings": [finding.to_json() for finding in self.findings],
        }
