"""What a power cut leaves of a folder: the bytes and names that were synced, and no others.

The model is the strictest that POSIX allows. Bytes of a file are safe once the file was synced;
its name is safe once its folder was. What was not synced is gone, or, where a seed says so, there
in part: a disk may write in any order. The input is what `system_calls.Recorder` took down.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Event = tuple[str, tuple[str, ...], int, bytes]  # call, paths, offset or flags, bytes


def events_of(record: Path) -> list[Event]:
    """The events of a record, in order."""
    found = []
    for line in record.read_text().splitlines():
        name, paths, offset, data = json.loads(line)
        found.append((name, tuple(paths), offset, b64decode(data)))
    return found


@dataclass(slots=True)
class _File:
    """A file: what is surely on the disk, and what was done to it since."""

    safe: bytes = b""
    since: list[tuple[str, int, bytes]] = field(default_factory=list)

    def left(self, chance: random.Random | None) -> bytes:
        """The bytes that a cut leaves."""
        kept = [one for one in self.since if chance is not None and chance.random() < 0.5]
        return _applied(self.safe, kept)


def _applied(data: bytes, changes: Sequence[tuple[str, int, bytes]]) -> bytes:
    found = bytearray(data)
    for kind, offset, new in changes:
        if kind == "cut":
            del found[offset:]
            found.extend(bytes(offset - len(found)))
        else:
            found.extend(bytes(max(0, offset + len(new) - len(found))))
            found[offset : offset + len(new)] = new
    return bytes(found)


class Disk:
    """A folder on a disk whose power may be cut after any event.

    Args:
        root: a folder that is there, and all of which is safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._now: dict[str, _File | None] = {}  # a path's file, None for a folder
        self._safe: dict[str, _File | None] = {}  # the same as the disk has it
        self._names: list[tuple[str, _File | None, bool]] = []  # changes of names not safe yet
        for path in root.rglob("*"):
            file = None if path.is_dir() else _File(path.read_bytes())
            self._now[str(path)] = file
        self._safe = dict(self._now)

    def apply(self, event: Event) -> None:
        """Let one call happen."""
        name, paths, offset, data = event
        inside = [path for path in paths if path.startswith(self._root)]
        if name in {"write", "pwrite64", "writev", "pwritev"}:
            self._file(paths[0]).since.append(("write", offset, data))
        elif name in {"ftruncate", "truncate"}:
            self._file(paths[0]).since.append(("cut", offset, b""))
        elif name == "openat":
            self._opened(paths[0], offset)
        elif name in {"fsync", "fdatasync"}:
            self._synced(paths[0])
        elif name in {"mkdir", "mkdirat"}:
            self._named(paths[0], None)
        elif name in {"unlink", "unlinkat", "rmdir"}:
            self._unnamed(paths[0])
        elif name in {"link", "linkat", "rename", "renameat", "renameat2"}:
            assert len(inside) == 2, event
            self._named(paths[1], self._file(paths[0]))
            if name.startswith("rename"):
                self._unnamed(paths[0])
        else:
            raise AssertionError(f"the model does not know {name}")

    def _file(self, path: str) -> _File:
        found = self._now[path]
        assert found is not None, path
        return found

    def _opened(self, path: str, flags: int) -> None:
        if path not in self._now:
            self._named(path, _File())
        elif flags & os.O_TRUNC:
            self._file(path).since.append(("cut", 0, b""))

    def _named(self, path: str, file: _File | None) -> None:
        self._now[path] = file
        self._names.append((path, file, True))

    def _unnamed(self, path: str) -> None:
        self._names.append((path, self._now.pop(path), False))

    def _synced(self, path: str) -> None:
        file = self._now.get(path)
        if file is not None:
            file.safe, file.since = _applied(file.safe, file.since), []
            return
        kept = []
        for change in self._names:
            if os.path.dirname(change[0]) == path:
                self._settle(self._safe, change)
            else:
                kept.append(change)
        self._names = kept

    @staticmethod
    def _settle(names: dict[str, _File | None], change: tuple[str, _File | None, bool]) -> None:
        path, file, there = change
        if there:
            names[path] = file
        else:
            names.pop(path, None)

    def unsafe(self, path: str) -> tuple[bool, bool]:
        """Whether bytes of a file, and its name, are not on the disk yet."""
        file = self._file(path)
        return bool(file.since), self._safe.get(path) is not file

    def cut(self, chance: random.Random | None = None, *, names_too: bool = True) -> None:
        """Put onto the real folder what a power cut at this instant leaves.

        Args:
            chance: keeps a part of what was not synced; without it all of that is lost.
            names_too: whether names that were not synced are lost as well, not bytes alone.
        """
        names = dict(self._safe if names_too else self._now)
        for change in self._names if names_too else ():
            if chance is not None and chance.random() < 0.5:
                self._settle(names, change)
        shutil.rmtree(self._root)
        Path(self._root).mkdir(mode=0o700)
        folders = {self._root}
        for path in sorted(names):
            if os.path.dirname(path) not in folders:
                continue  # the name of its folder is lost
            file = names[path]
            if file is None:
                os.mkdir(path, 0o700)
                folders.add(path)
            else:
                Path(path).write_bytes(file.left(chance))
                os.chmod(path, 0o600)
