"""A disk as the system calls of a program left it: what is there, and what would survive a cut.

The calls are read from strace's output, contents and all. The model knows files and their names:
bytes survive once their file was synced, names once their folder was. It stops with an error at a
call that it does not know how to replay, rather than to guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_CALLS = (
    "open,openat,creat,close,dup,dup2,dup3,fcntl,lseek,write,pwrite64,writev,pwritev,pwritev2,"
    "ftruncate,truncate,fallocate,copy_file_range,sendfile,mmap,fsync,fdatasync,sync,syncfs,"
    "sync_file_range,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,"
    "mkdir,mkdirat,msync"
)
_WHOLE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<told>.*)\) += (?P<gave>-?\d+|\?)")
_BEGUN = re.compile(r"(?P<pid>\d+) +(?P<begin>\w+\(.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<end>.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def recorder(into: Path) -> list[str]:
    """The beginning of a command line that records the program which follows."""
    return ["strace", "-f", "-xx", "-s", "100000000", "-e", f"trace={_CALLS}", "-o", str(into)]


@dataclass(frozen=True)
class Call:
    """One successful call: its texts, and its other words in their order."""

    name: str
    texts: tuple[bytes, ...]
    words: tuple[str, ...]
    gave: int

    def path(self, number: int) -> str:
        """One of its texts as a path."""
        return self.texts[number].decode()

    def number(self, place: int) -> int:
        """One of its words as a number."""
        return int(self.words[place], 0)


def calls(record: Path) -> Iterator[Call]:
    """The calls that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    with record.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if found := _BEGUN.match(line):
                begun[found["pid"]] = found["begin"]
                continue
            if found := _ENDED.match(line):
                line = f"{found['pid']} {begun.pop(found['pid'])}{found['end']}"
            found = _WHOLE.match(line)
            if found and found["gave"] != "?" and int(found["gave"]) >= 0:
                yield _call(found["name"], found["told"], int(found["gave"]))


def _call(name: str, told: str, gave: int) -> Call:
    texts = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(told))
    words = tuple(word.strip() for word in _TEXT.sub("", told).split(","))
    return Call(name, texts, words, gave)


@dataclass(eq=False)
class File:
    """Its content now, and the content that was synced last."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytes | None = None  # None as long as it never was

    @property
    def synced(self) -> bool:
        """Whether all of it would survive."""
        return self.durable == self.content


@dataclass
class _Open:
    path: str
    file: File | None  # None for a folder
    offset: int = 0
    appends: bool = False


class Disk:
    """What lies under a folder while the calls are replayed, one by one."""

    def __init__(self, folder: Path) -> None:
        self._top = str(folder)
        self.names: dict[str, File] = {}
        self.folders = {self._top}
        for path in folder.rglob("*"):
            if path.is_dir():
                self.folders.add(str(path))
            else:
                content = path.read_bytes()
                self.names[str(path)] = File(bytearray(content), content)
        self.durable_names = dict(self.names)
        self.durable_folders = set(self.folders)
        self.changes = 0  # calls that changed something here
        self._open: dict[int, _Open] = {}

    def surviving(self, names_too: bool) -> dict[str, bytes]:
        """The files after a cut of the power.

        Args:
            names_too: also a name is gone that its folder was not synced for, and one that was
                taken away comes back; else only bytes are gone.
        """
        if not names_too:
            return {path: file.durable or b"" for path, file in self.names.items()}
        return {
            path: file.durable or b""
            for path, file in self.durable_names.items()
            if _parent(path) in self.durable_folders
        }

    def replay(self, call: Call) -> None:
        """Do what the call did.

        Raises:
            NotImplementedError: it changed a file here in a way that is not modelled.
        """
        way = getattr(self, f"_{call.name.rstrip('2346')}", None) or self._other
        way(call)

    def _here(self, path: str) -> bool:
        return path.startswith(self._top + "/") or path == self._top

    def _opened(self, call: Call, flags: str, path: str) -> None:
        self._open.pop(call.gave, None)
        if not self._here(path):
            return
        if path in self.folders:
            self._open[call.gave] = _Open(path, None)
            return
        if path not in self.names:
            self.names[path] = File()
            self.changes += 1
        file = self.names[path]
        if "O_TRUNC" in flags and file.content:
            del file.content[:]
            self.changes += 1
        self._open[call.gave] = _Open(path, file, appends="O_APPEND" in flags)

    def _openat(self, call: Call) -> None:
        path = call.path(0)
        if not path.startswith("/") and call.words[0].isdigit():
            base = self._open.get(int(call.words[0]))
            path = f"{base.path}/{path}" if base else path
        self._opened(call, call.words[2], path)

    def _close(self, call: Call) -> None:
        self._open.pop(call.number(0), None)

    def _dup(self, call: Call) -> None:
        self._open.pop(call.gave, None)
        if one := self._open.get(call.number(0)):
            self._open[call.gave] = one

    def _fcntl(self, call: Call) -> None:
        if call.words[1].startswith("F_DUPFD"):
            self._dup(call)

    def _lseek(self, call: Call) -> None:
        if one := self._open.get(call.number(0)):
            one.offset = call.gave

    def _put(self, call: Call, offset: int | None) -> None:
        one = self._open.get(call.number(0))
        if one is None or one.file is None:
            return
        data = b"".join(call.texts)[: call.gave]
        content = one.file.content
        at = offset if offset is not None else len(content) if one.appends else one.offset
        content.extend(b"\0" * (at - len(content)))
        content[at : at + len(data)] = data
        if offset is None:
            one.offset = at + len(data)
        self.changes += 1

    def _write(self, call: Call) -> None:
        self._put(call, None)

    _writev = _write

    def _pwrite(self, call: Call) -> None:
        self._put(call, int(call.words[-1]))

    _pwritev = _pwrite

    def _ftruncate(self, call: Call) -> None:
        one = self._open.get(call.number(0))
        if one and one.file:
            size = call.number(1)
            del one.file.content[size:]
            one.file.content.extend(b"\0" * (size - len(one.file.content)))
            self.changes += 1

    def _fsync(self, call: Call) -> None:
        one = self._open.get(call.number(0))
        if one is None:
            return
        self.changes += 1
        if one.file:
            one.file.durable = bytes(one.file.content)
            return
        for path in {*self.names, *self.durable_names}:
            if _parent(path) == one.path:
                self.durable_names.pop(path, None)
                if path in self.names:
                    self.durable_names[path] = self.names[path]
        self.durable_folders |= {path for path in self.folders if _parent(path) == one.path}

    _fdatasync = _fsync

    def _rename(self, call: Call) -> None:
        old, new = call.path(0), call.path(1)
        if old in self.names:
            self.names[new] = self.names.pop(old)
            self.changes += 1

    _renameat = _rename

    def _link(self, call: Call) -> None:
        if call.path(0) in self.names:
            self.names[call.path(1)] = self.names[call.path(0)]
            self.changes += 1

    _linkat = _link

    def _unlink(self, call: Call) -> None:
        if self.names.pop(call.path(0), None):
            self.changes += 1

    _unlinkat = _unlink

    def _mkdir(self, call: Call) -> None:
        if self._here(call.path(0)):
            self.folders.add(call.path(0))
            self.changes += 1

    _mkdirat = _mkdir

    def _mmap(self, call: Call) -> None:
        words = ",".join(call.words)
        one = self._open.get(int(call.words[4])) if call.words[4].isdigit() else None
        if one and "MAP_SHARED" in words and "PROT_WRITE" in words and "-shm" not in one.path:
            raise NotImplementedError(f"{one.path} is written through memory")

    def _other(self, call: Call) -> None:
        numbers = [int(word) for word in call.words if word.isdigit()]
        if any(number in self._open for number in numbers[:3]):
            raise NotImplementedError(f"{call.name} on a file of the lake")


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
