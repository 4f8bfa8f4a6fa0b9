"""Which properties of a table are believed. Data never names code, places or credentials.

PyIceberg lets a table's own properties choose the class that reads its files (`py-io-impl`), the
server and keys it talks to (`s3.endpoint`, `gcs.*`) and where it writes. Whoever can write a
metadata file could so run code here. Only an allow-list is looked at; what is unknown and harmless
is carried along for other engines; what could name code or a place is gone at the next commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NUMBER_OR_FLAG = re.compile(r"-?\d{1,18}(\.\d{1,9})?|true|false", re.IGNORECASE)
_WORD = re.compile(r"[\w.\-]{1,100}")
_ANY = re.compile(r".{0,1000000}", re.DOTALL)
_ALLOWED = (
    (re.compile(r"commit\..+|history\..+|write\.metadata\..+"), _NUMBER_OR_FLAG),
    (re.compile(r"write\.parquet\..+"), _WORD),
    (re.compile(r"owner|comment|lakectl\..+|schema\.name-mapping\.default"), _ANY),
)
_DANGEROUS = re.compile(
    r".*impl|(s3|gcs|adls|hdfs|hf|client|oss)\..*|write\.(data|metadata|object-storage)\.path"
    r"|write\.object-storage\..*|write\.folder-storage\.path|uri|token|credential|warehouse"
    r"|header\..*",
    re.IGNORECASE,
)

# What every table is made with; the reasons are in docs/ARCHITECTURE.md, "A commit stays cheap".
TABLE_DEFAULTS = {
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "30",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "commit.retry.num-retries": "20",
}

OWNER, DESCRIPTION = "owner", "comment"  # the names that Spark and Trino use
LABEL = "lakectl.label."
KEY_COLUMNS = "lakectl.key-columns"
MADE_AS = "lakectl.made-as"  # its first name, for whoever finds it without a store


@dataclass(frozen=True, slots=True)
class SortedProperties:
    """The properties of a table by what becomes of them."""

    kept: dict[str, str]  # seen by our code
    carried: dict[str, str]  # unknown and harmless: written back unseen
    dropped: tuple[str, ...]  # could name code, places or credentials


def sort_properties(found: Mapping[str, str]) -> SortedProperties:
    """Split the properties of a table."""
    kept: dict[str, str] = {}
    carried: dict[str, str] = {}
    dropped: list[str] = []
    for name, value in found.items():
        if _DANGEROUS.fullmatch(name):
            dropped.append(name)
        elif any(n.fullmatch(name) and v.fullmatch(value) for n, v in _ALLOWED):
            kept[name] = value
        else:
            carried[name] = value
    return SortedProperties(kept, carried, tuple(sorted(dropped)))
