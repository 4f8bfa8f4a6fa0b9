"""Where the rows that a load puts aside go, and how they are found again."""

from __future__ import annotations

import hashlib

from catalog.handles import Handles
from catalog.metadata import audit
from catalog.names import DatasetName
from catalog.seen import Seen


def name_for(name: DatasetName) -> DatasetName:
    """The dataset that keeps the rejected rows of another; a name has 63 characters at most."""
    return DatasetName(name.namespace, f"{name.name[:52]}_quarantine")


def key_for(key: str) -> str:
    """The write key of the rejected rows of the load that has this one."""
    return hashlib.blake2b(f"{key}:rejects".encode(), digest_size=16).hexdigest()


def left_behind(handles: Handles, name: DatasetName, seen: Seen | None) -> set[str]:
    """The keys of writes that put rows of these bytes aside for a load that never landed.

    The rows put aside are committed first: a load that was killed in between has left them.

    Args:
        handles: the lake.
        name: the dataset that is loaded into.
        seen: the content of the load; None where nobody knows it.
    """
    if seen is None:
        return set()
    reader = handles.reader
    aside, loaded = reader.id_of(name_for(name)), reader.id_of(name)
    if aside is None:
        return set()
    put = audit.keys_of(reader, aside, seen.content())
    landed = audit.keys_of(reader, loaded, seen.content()) if loaded is not None else set()
    return put - {key_for(key) for key in landed}
