"""The process from which every flow process is forked: imports done, no thread ever started.

It is told by its supervisor through a socket to fork, with the ends of pipes that the child writes
to; it tells how each child ended. When the supervisor is gone its socket ends, and then every child
and whatever they started is killed: nothing of a run outlives the one who watches it.
"""

from __future__ import annotations

import array
import ctypes
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LENGTH = struct.Struct("!I")
# What runs import sooner or later; none of these starts a thread when it is imported.
WARM = ("jobs.supervised", "catalog.catalog", "catalog.ingest", "catalog.metadata.records",
        "pydantic", "duckdb", "pyarrow", "pandas", "catalog.iceberg.commits",
        "catalog.iceberg.datafiles", "catalog.engine.session")  # fmt: skip


def send(to: socket.socket, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    """Send a message and open files along with it."""
    content = json.dumps(message).encode()
    ancillary = []
    if files:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    to.sendmsg([_LENGTH.pack(len(content))], ancillary)
    to.sendall(content)


def receive(of: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A message and its files; None when the other end is gone."""
    files: list[int] = []
    try:
        head, ancillary, _, _ = of.recvmsg(_LENGTH.size, socket.CMSG_SPACE(4 * 8))
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % 4])
                files += numbers
        while 0 < len(head) < _LENGTH.size:
            head += of.recv(_LENGTH.size - len(head))
        if not head:
            return None
        (left,) = _LENGTH.unpack(head)
        parts = []
        while left:
            part = of.recv(min(left, 1 << 20))
            if not part:
                return None
            parts.append(part)
            left -= len(part)
    except OSError:
        return None
    return json.loads(b"".join(parts)), files


class Template:
    """The template process.

    Args:
        control: the socket of the supervisor.
        run: what a child does with the message that asked for it and the files that came along.
    """

    def __init__(
        self, control: socket.socket, run: Callable[[dict[str, Any], list[int]], int]
    ) -> None:
        self._control = control
        self._run = run
        self._children: dict[int, str] = {}  # pid to the key by which the supervisor knows it
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Fork as asked until the supervisor is gone."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the supervisor to hand on
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._control and not self._obey():
                        self._end_all()
                        return
                with suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()

    def _obey(self) -> bool:
        told = receive(self._control)
        if told is None:
            return False
        message, files = told
        pid = os.fork()
        if not pid:
            self._become_child(message, files)
        for file in files:
            os.close(file)
        self._children[pid] = message["key"]
        self._tell({"key": message["key"], "pid": pid})
        return True

    def _become_child(self, message: dict[str, Any], files: list[int]) -> None:
        code = 70
        try:
            os.setsid()
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._control.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            code = self._run(message, files)
        except BaseException:  # noqa: BLE001 - the last line of this process
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            key = self._children.pop(pid, None)
            if key is None:  # something that a child had started and left behind
                continue
            _kill_group(pid)
            _kill_left_behind(key)
            self._tell({"key": key, "status": status, "peak_kb": usage.ru_maxrss})

    def _tell(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # the supervisor is gone: the next look at its socket ends us
            send(self._control, message)

    def _end_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)
        for key in self._children.values():
            _kill_left_behind(key)


def _prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):  # there is none but on Linux
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_left_behind(key: str) -> None:
    """End what a run has started in sessions of its own: it carries the run's mark."""
    mark = f"LAKECTL_CHILD_OF={key}".encode()
    with suppress(OSError):
        for place in os.scandir("/proc"):
            if not place.name.isdigit():
                continue
            with suppress(OSError), open(f"/proc/{place.name}/environ", "rb") as environment:
                if mark in environment.read().split(b"\0"):
                    os.kill(int(place.name), signal.SIGKILL)


def preload(names: tuple[str, ...]) -> None:
    """Import what the children will need; what is not there is not needed."""
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)


def python_path() -> str:
    """What the template needs to find lakectl where it is not installed."""
    home = str(Path(__file__).parent.parent)
    given = os.environ.get("PYTHONPATH")
    return f"{given}{os.pathsep}{home}" if given else home
