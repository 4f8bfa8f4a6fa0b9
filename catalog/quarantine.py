"""Where the rows that a load puts aside go, and how they are found again."""

from __future__ import annotations

import hashlib

from catalog.names import DatasetName


def name_for(name: DatasetName) -> DatasetName:
    """The dataset that keeps the rejected rows of another; a name has 63 characters at most."""
    return DatasetName(name.namespace, f"{name.name[:52]}_quarantine")


def key_for(key: str) -> str:
    """The write key of the rejected rows of the load that has this one."""
    return hashlib.blake2b(f"{key}:rejects".encode(), digest_size=16).hexdigest()
