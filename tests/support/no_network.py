"""A program that the kernel ends as soon as it asks for a socket of the internet.

Run as a script: the rest of the command line is the program. Linux's seccomp looks at every system
call of it and of all its children; nothing has to be installed and no rights are needed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import sys

# By machine: how audit names it, and the number of socket().
_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of the filter's little machine
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def available() -> bool:
    """Whether this machine can be asked so."""
    return sys.platform == "linux" and platform.machine() in _CALLS


def forbid() -> None:
    """From now on this process and its children die of SIGSYS at socket(AF_INET…).

    Raises:
        OSError: the kernel does not take the filter.
    """
    machine, number = _CALLS[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),  # the machine
        (_EQUAL, 0, 6, machine),  # another one: no call of ours
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, 16),  # its first argument: the family
        (_EQUAL, 1, 0, int(socket.AF_INET)),
        (_EQUAL, 0, 1, int(socket.AF_INET6)),
        (_RETURN, 0, 0, _KILL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.addressof(held))
    kernel = ctypes.CDLL(None, use_errno=True)
    for words in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if kernel.prctl(*words) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no filter")


if __name__ == "__main__":
    forbid()
    os.execvp(sys.argv[1], sys.argv[1:])
