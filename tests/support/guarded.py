"""Child processes that cannot outlive the test process which started them.

Between the test process and the real program stands a guard: this file, run as a script. It
passes signals on, ends with the program's exit code, and when the test process is gone
(``kill -9`` included) it ends the program and removes its scratch folder. If the guard itself
is killed, Linux tells the program.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TypedDict, Unpack

_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_LOOK_EVERY = 0.2
_PATIENCE = 5.0
_PR_SET_PDEATHSIG = 1


class Streams(TypedDict, total=False):
    """The standard streams of a program, as `subprocess.Popen` takes them."""

    stdin: int | IO[bytes]
    stdout: int | IO[bytes]
    stderr: int | IO[bytes]


class _Orders(TypedDict):
    """What the guard is told; JSON on its command line."""

    parent: int
    command: list[str]
    env: dict[str, str] | None
    run_as: int | None
    farewell: int
    scratch: str | None


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    run_as: int | None = None,
    farewell: signal.Signals = signal.SIGKILL,
    scratch: Path | None = None,
    **streams: Unpack[Streams],
) -> subprocess.Popen[str]:
    """Start a program under guard.

    Args:
        command: The program and its arguments.
        env: The program's environment; that of this process when not given.
        run_as: User and group number to run the program as, for programs that refuse root.
        farewell: The signal that ends the program once this process is gone.
        scratch: A folder to remove then; on an orderly end it is the caller's to remove.
        **streams: The program's ``stdin``, ``stdout``, ``stderr``; nothing when not given.

    Returns:
        The guard. SIGINT, SIGQUIT and SIGTERM sent to it reach the program, and its exit code
        is the program's (128 + n after signal n).
    """
    orders: _Orders = {
        "parent": os.getpid(),
        "command": [str(word) for word in command],
        "env": dict(env) if env else None,
        "run_as": run_as,
        "farewell": farewell,
        "scratch": str(scratch) if scratch else None,
    }
    # A session of its own: Ctrl-C in the terminal is for pytest, whose fixtures then clean up.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, json.dumps(orders)],
        stdin=streams.get("stdin", subprocess.DEVNULL),
        stdout=streams.get("stdout", subprocess.DEVNULL),
        stderr=streams.get("stderr", subprocess.DEVNULL),
        encoding="utf-8",
        start_new_session=True,
    )


def stop(guard: subprocess.Popen[str], how: signal.Signals) -> None:
    """End a guarded program and wait for it; after ten seconds, kill it.

    Args:
        guard: What `start` returned. One that has ended already is left alone.
        how: The signal that asks the program to end.
    """
    guard.send_signal(how)
    try:
        guard.wait(2 * _PATIENCE)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def killed_after(seconds: float, guard: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the guarded program if the body takes longer than this.

    Args:
        seconds: How long the body may take.
        guard: What `start` returned.
    """
    timer = threading.Timer(seconds, guard.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _stand_guard(orders: _Orders) -> int:
    """Run the program to its end, or to the end of the test process."""

    def tie_to_guard() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, orders["farewell"])

    run_as = orders["run_as"]
    program = subprocess.Popen(
        orders["command"],
        env=orders["env"],
        user=run_as,
        group=run_as,
        extra_groups=None if run_as is None else [],
        # The kernel's tie is to the *thread* that forks and is cut by a change of user, so it
        # is made here, in a process of one thread, after the change.
        preexec_fn=tie_to_guard,
    )
    for number in _PASSED_ON:
        signal.signal(number, lambda received, _frame: program.send_signal(received))
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = program.wait(_LOOK_EVERY)
            return code if code >= 0 else 128 - code
        if os.getppid() != orders["parent"]:
            return _bury(program, orders)


def _bury(program: subprocess.Popen[bytes], orders: _Orders) -> int:
    """End the program of a test process that is gone, and remove what it leaves."""
    program.send_signal(orders["farewell"])
    try:
        program.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    if orders["scratch"]:
        shutil.rmtree(orders["scratch"], ignore_errors=True)
    return 1


if __name__ == "__main__":
    sys.exit(_stand_guard(json.loads(sys.argv[1])))
