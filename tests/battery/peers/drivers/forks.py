"""Processes of their own, each a fork of one that has imported its lake and no more.

A fork connects to the lake by itself, and costs no start of Python. Only its parent, which has not
waited for it yet, kills it: the number cannot be another process's by then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOOK_EVERY = 0.0005


def append(folder: Path, append: Callable[[int], None], connect: Callable[[], None]) -> None:
    """For each line of stdin, `{"load", "seconds", "files"}`, one append in a process of its own.

    It is killed so many seconds after it connected, or as soon as it has made so many files, or not
    at all; what became of it is told as a line.
    """
    for line in sys.stdin:
        order = json.loads(line)
        before = _files(folder)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            os._exit(_child(writing, lambda order=order: append(order["load"]), connect))
        os.close(writing)
        with os.fdopen(reading, "r") as said:
            if said.readline():
                _let_live(child, folder, order, before)
            _, status = os.waitpid(child, 0)
            words = said.read()
        told = json.loads(words) if words.endswith("\n") else {}
        found = {**order, **told, "killed": os.WIFSIGNALED(status), "made": _files(folder) - before}
        print(json.dumps(found), flush=True)


def read(call: Callable[[], dict[str, Any]]) -> None:
    """For each line of stdin, what the call gives in a process of its own, or its error."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                told = call()
            except BaseException as error:  # noqa: BLE001 - a panic of Rust is no Exception
                told = {"error": f"{type(error).__name__}: {error}"[:500]}
            print(json.dumps(told), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"error": f"died of {status}"}), flush=True)


def _child(writing: int, append: Callable[[], None], connect: Callable[[], None]) -> int:
    """Append; the answer is one write, so that it is told whole or not at all."""
    told: dict[str, Any] = {"error": None}
    try:
        connect()
        os.write(writing, b"ready\n")
        begun = time.perf_counter()
        append()
        told["took"] = time.perf_counter() - begun
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        told["error"] = f"{type(error).__name__}: {error}"[:500]
    os.write(writing, json.dumps(told).encode() + b"\n")
    return 0


def _let_live(child: int, folder: Path, order: dict[str, Any], before: int) -> None:
    """Wait until the child has ended or its time has come, and kill it then."""
    begun = time.perf_counter()
    seconds, files = order["seconds"], order["files"]
    if seconds is None and files is None:
        return
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if seconds is not None and time.perf_counter() - begun >= seconds:
            break
        if files is not None and _files(folder) >= before + files:
            break
        time.sleep(_LOOK_EVERY)
    os.kill(child, signal.SIGKILL)


def _files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))
