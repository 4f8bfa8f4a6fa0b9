"""Watching a process at its system calls, and failing some: ptrace and seccomp, no tool needed.

For Linux on x86-64 only. The kernel stops the process, with all its threads and children, at those
calls alone that change files (or read them, or connect), so that the rest runs at full speed. At
each stop the watcher may let the call pass, refuse it with an error, cut a write short, or kill
the process: this reaches SQLite and DuckDB as well as our own code. See `man 2 ptrace` and
`man 2 seccomp`.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import json
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64"

WRITES = {
    1: "write", 18: "pwrite64", 20: "writev", 40: "sendfile", 74: "fsync", 75: "fdatasync",
    76: "truncate", 77: "ftruncate", 82: "rename", 83: "mkdir", 84: "rmdir", 86: "link",
    87: "unlink", 257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 265: "linkat",
    285: "fallocate", 296: "pwritev", 316: "renameat2", 326: "copy_file_range",
}  # fmt: skip
READS = {0: "read", 17: "pread64", 19: "readv", 257: "openat", 295: "preadv"}
SOCKETS = {42: "connect", 44: "sendto", 46: "sendmsg"}
_OF_FD = {"read", "pread64", "readv", "preadv", "write", "pwrite64", "writev", "pwritev", "fsync",
          "fdatasync", "ftruncate", "fallocate", "sendfile"}  # fmt: skip
_OPENAT, _SECCOMP_TRACE, _SECCOMP_ALLOW = 257, 0x7FF00000, 0x7FFF0000
_X86_64 = 0xC000003E
_SPACE = {"write", "pwrite64", "writev", "pwritev", "openat", "mkdir", "mkdirat", "link", "linkat",
          "ftruncate", "fallocate", "rename", "renameat", "renameat2", "copy_file_range",
          "sendfile"}  # fmt: skip

_TRACEME, _CONT, _GETREGS, _SETREGS, _SYSCALL = 0, 7, 12, 13, 24
_SETOPTIONS = 0x4200
# System calls marked; forks, clones and execs followed; stops at the filter; killed with us.
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000
_EVENT_SECCOMP = 7
_WALL = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class _Registers(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_ulonglong)
        for name in (
            "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags "
            "rsp ss fs_base gs_base ds es fs gs"
        ).split()
    ]


@dataclass(slots=True)
class Call:
    """A system call that is about to happen, or has happened when `result` is there."""

    thread: int
    name: str
    args: tuple[int, ...]
    paths: tuple[str, ...]  # of the files that it is about
    result: int | None = None

    def data(self) -> bytes:
        """The bytes of a write."""
        if self.name in {"write", "pwrite64"}:
            return _memory(self.thread, self.args[1], self.args[2])
        if self.name in {"writev", "pwritev"}:
            vector = _memory(self.thread, self.args[1], 16 * self.args[2])
            parts = struct.iter_unpack("QQ", vector)
            return b"".join(_memory(self.thread, at, size) for at, size in parts)
        return b""


Decide = Callable[[Call], "str | None"]  # what to do to a call: an error's name, SHORT or KILL


def applies(fault: str, call: Call) -> bool:
    """Whether a fault can befall a call: no lack of space at a read, no short fsync."""
    if fault == "SHORT":
        return call.name in {"write", "pwrite64"} and call.args[2] > 1
    return fault != "ENOSPC" or call.name in _SPACE


def submit(calls: dict[int, str]) -> None:
    """In the child: be watched by the parent from here on, at these calls; see `watch`."""
    _libc.ptrace(_TRACEME, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    program = _filter(calls)
    code = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    if _libc.prctl(38, 1, 0, 0, 0) or _libc.prctl(22, 2, ctypes.create_string_buffer(head), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp refused")


def _filter(calls: dict[int, str]) -> bytes:
    """A program that stops at these calls; at opens only those that make or empty a file."""
    whole_open = "read" in calls.values()
    plain = [n for n in calls if whole_open or n != _OPENAT]
    rest = [] if whole_open else [
        (0x15, 1, 0, _OPENAT),  # an open? then look at its flags
        (0x06, 0, 0, _SECCOMP_ALLOW),
        (0x20, 0, 0, 32),
        (0x45, 1, 0, os.O_CREAT | os.O_TRUNC),
    ]  # fmt: skip
    lines = [(0x20, 0, 0, 4), (0x15, 1, 0, _X86_64), (0x06, 0, 0, _SECCOMP_ALLOW), (0x20, 0, 0, 0)]
    lines += [(0x15, len(plain) - i + len(rest), 0, n) for i, n in enumerate(plain)]
    lines += [*rest, (0x06, 0, 0, _SECCOMP_ALLOW), (0x06, 0, 0, _SECCOMP_TRACE)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def watch(child: int, calls: dict[int, str], root: str, decide: Decide, done: Decide) -> int:
    """Let a child run to its end; returns its status, as `os.waitpid` gives it.

    Args:
        child: a fork that calls `submit`.
        calls: those to stop at.
        root: only files below this folder are told of; every socket is.
        decide: asked before each call.
        done: told after each call, with its result.
    """
    os.waitpid(child, 0)
    _libc.ptrace(_SETOPTIONS, child, None, _OPTIONS)
    _libc.ptrace(_CONT, child, None, None)
    inside: dict[int, Call] = {}
    while True:
        thread, status = os.waitpid(-1, _WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            inside.pop(thread, None)
            if thread == child:
                return status
            continue
        number, event = os.WSTOPSIG(status), status >> 16
        how, deliver = _CONT, 0
        if event == _EVENT_SECCOMP:
            call = _entered(thread, calls, root)
            if call is not None:
                _befall(child, call, decide(call))
                inside[thread], how = call, _SYSCALL
        elif number == signal.SIGTRAP | 0x80:
            if (finished := inside.pop(thread, None)) is not None:
                result = _registers(thread).rax
                finished.result = result - (1 << 64) if result >> 63 else result
                done(finished)
        elif not event and number not in {signal.SIGSTOP, signal.SIGTRAP}:
            deliver = number
        _libc.ptrace(how, thread, None, deliver)


def _registers(thread: int) -> _Registers:
    found = _Registers()
    _libc.ptrace(_GETREGS, thread, None, ctypes.addressof(found))
    return found


def _entered(thread: int, calls: dict[int, str], root: str) -> Call | None:
    regs = _registers(thread)
    name = calls[regs.orig_rax]
    args = (regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9)
    if name in SOCKETS.values():
        return Call(thread, name, args, ())
    paths = tuple(_paths(thread, name, args))
    return Call(thread, name, args, paths) if any(p.startswith(root) for p in paths) else None


def _befall(child: int, call: Call, fault: str | None) -> None:
    if fault is None:
        return
    if fault == "KILL":
        os.kill(child, signal.SIGKILL)
        return
    regs = _registers(call.thread)
    if fault == "SHORT":
        regs.rdx = regs.rdx // 2
    else:  # a call of number -1 does not happen, and gives what is in the register of results
        regs.orig_rax = (1 << 64) - 1
        regs.rax = (1 << 64) - getattr(errno, fault)
    _libc.ptrace(_SETREGS, call.thread, None, ctypes.addressof(regs))


def _memory(thread: int, at: int, size: int) -> bytes:
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), size, at)


def _text(thread: int, at: int) -> str:
    found = b""
    while b"\0" not in found:  # a part may reach the end of what is mapped: go by pages
        step = 4096 - (at + len(found)) % 4096
        found += _memory(thread, at + len(found), step)
    return os.fsdecode(found.split(b"\0", 1)[0])


def _paths(thread: int, name: str, args: tuple[int, ...]) -> Iterator[str]:
    def of_fd(number: int) -> str:
        try:
            return os.readlink(f"/proc/{thread}/fd/{number & 0xFFFFFFFF}")
        except OSError:
            return ""

    def beside(folder: int, at: int) -> str:
        text = _text(thread, at)
        if text.startswith("/"):
            return os.path.normpath(text)
        here = folder & 0xFFFFFFFF
        base = os.readlink(f"/proc/{thread}/cwd") if here == 0xFFFFFF9C else of_fd(folder)
        return os.path.normpath(f"{base}/{text}")

    current = 0xFFFFFF9C
    if name in _OF_FD:
        yield of_fd(args[0])
    elif name == "copy_file_range":
        yield of_fd(args[2])
    elif name in {"rename", "link"}:
        yield beside(current, args[0])
        yield beside(current, args[1])
    elif name in {"renameat", "renameat2", "linkat"}:
        yield beside(args[0], args[1])
        yield beside(args[2], args[3])
    elif name.endswith("at"):
        yield beside(args[0], args[1])
    else:
        yield beside(current, args[0])


class Recorder:
    """What a process did to the files below a folder, in order, with the bytes that it wrote."""

    def __init__(self) -> None:
        self.done: list[tuple[str, tuple[str, ...], int, bytes]] = []  # name, paths, offset, data

    def __call__(self, call: Call) -> None:
        """Take down a call that succeeded; `watch` calls it."""
        if call.result is None or call.result < 0:
            return
        offset, data = 0, b""
        if call.name in {"write", "writev", "pwrite64", "pwritev"}:
            data = call.data()[: call.result]
            offset = call.args[3] if call.name.startswith("p") else self._place(call) - len(data)
        elif call.name in {"ftruncate", "truncate"}:
            offset = call.args[1]
        elif call.name == "openat":
            offset = call.args[2]  # its flags
        elif call.name == "unlinkat":
            offset = call.args[2]
        self.done.append((call.name, call.paths, offset, data))

    def save(self, path: Path) -> None:
        """Write a line of JSON for each call; `power_loss.events_of` reads them."""
        lines = [
            json.dumps([name, paths, offset, base64.b64encode(data).decode()])
            for name, paths, offset, data in self.done
        ]
        path.write_text("".join(f"{line}\n" for line in lines))

    @staticmethod
    def _place(call: Call) -> int:
        """Where the descriptor stands after a write."""
        told = Path(f"/proc/{call.thread}/fdinfo/{call.args[0]}").read_text()
        return int(told.split()[1])
