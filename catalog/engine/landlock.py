"""Locking this process, by the kernel, to the paths that it may use (Linux 5.13 and later).

Landlock needs no rights and cannot be undone. It binds the calling thread and whatever that thread
starts: so it must come before DuckDB has threads. See `man 7 landlock`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable

_CREATE, _ADD, _SELF = 444, 445, 446  # system calls; one number on every architecture
_NO_NEW_PRIVS = 38
_EXECUTE, _WRITE, _READ, _READ_DIR, _REMOVE_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_ON_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL  # the rest has a meaning on folders only
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # by ABI: how many rights it knows; 16 from ABI 5 on
_TCP, _SCOPES = 0b11, 0b11  # bind and connect (ABI 4); abstract sockets and signals (ABI 6)
_EVERY_THREAD = 1 << 3  # ABI 8: the whole process, not only this thread


def _call(number: int, *args: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def available() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except (OSError, AttributeError):  # not built in, filtered away, or no such call at all
        return 0


def alone() -> bool:
    """Whether this is the only thread, so that a lock would hold for the process."""
    return len(os.listdir("/proc/self/task")) == 1


def restrict(read: Iterable[str], write: Iterable[str] = (), names: Iterable[str] = ()) -> None:
    """Allow reading beneath some paths, reading and writing beneath others, and nothing else.

    Args:
        read: files and folders.
        write: folders.
        names: folders of which only the names of what lies beneath may be read.

    Raises:
        OSError: there is no Landlock here, or a path does not exist.
    """
    abi = available()
    if not abi:
        raise OSError(errno.ENOSYS, "this kernel has no Landlock")
    every = (1 << _RIGHTS.get(abi, 16)) - 1
    rules = struct.pack("QQQ", every, _TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _call(_CREATE, rules, ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in read:
            _allow(ruleset, path, _READ | _READ_DIR)
        for path in names:
            _allow(ruleset, path, _READ_DIR)
        for path in write:
            _allow(ruleset, path, every & ~(_EXECUTE | _IOCTL))
            # Else nobody in here could remove the scratch folder itself at the end.
            _allow(ruleset, os.path.dirname(path), _REMOVE_DIR)
        if ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs refused")
        _call(_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(_EVERY_THREAD if abi >= 8 else 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)  # follows links: the rule is on the target
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            rights &= _ON_FILE
        rule = struct.pack("=Qi", rights, beneath)
        _call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(beneath)
