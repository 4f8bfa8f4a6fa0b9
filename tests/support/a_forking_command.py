"""The command line, each line in a fork of a warm process. Run as a script.

For each line of JSON on stdin, `[words, folder, environment, watch]`, it runs `lakectl WORDS` in a
child of its own, everything imported, and answers with a line of JSON: exit code (negative for a
signal), stdout, stderr, and the system calls that were seen. The child can be killed at a named
point (see `catalog.faults`) at the price of a fork, not of a start. With a `watch` one of its
system calls fails, or all that change files are recorded (see `system_calls`).
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import system_calls

_GROUPS = {
    "writes": system_calls.WRITES,
    "reads": system_calls.READS,
    "sockets": system_calls.SOCKETS,
}


def _import_all() -> None:
    """Everything that a command imports; nothing here starts a thread."""
    import google_crc32c  # noqa: F401 - for its import alone

    import catalog.doctor.repairing
    import catalog.engine.csvrecords
    import catalog.engine.loading
    import catalog.iceberg.commits
    import catalog.iceberg.datafiles
    import catalog.metadata.records
    import catalog.upkeep  # noqa: F401 - for its import alone


def _child(words: list[str], environment: dict[str, str]) -> int:
    from catalog import faults
    from catalog.engine import landlock
    from lakectl.cli.main import run

    if environment.pop("WITHOUT_LANDLOCK", None):
        landlock.available = lambda: 0
    os.environ.update(environment)
    faults.arm()
    code = run(words)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _watch(child: int, order: dict[str, Any]) -> tuple[int, list[tuple[str, str]]]:
    """Watch a child to its end; returns its status and the calls that the fault could befall."""
    seen: list[tuple[str, str]] = []
    fault, number = order.get("fault"), order.get("number")
    recorder = system_calls.Recorder()

    def decide(call: system_calls.Call) -> str | None:
        if fault is not None and not system_calls.applies(fault, call):
            return None
        seen.append((call.name, call.paths[-1] if call.paths else ""))
        return fault if len(seen) == number else None

    root = order["root"]
    status = system_calls.watch(child, _GROUPS[order["calls"]], root, decide, recorder)
    if "record" in order:
        recorder.save(Path(order["record"]))
    return status, seen


def main() -> None:
    """Answer until stdin ends."""
    from lakectl import _names

    _names.pin()
    _import_all()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        words, folder, environment, watch = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                os.chdir(folder)
                if watch:
                    system_calls.submit(_GROUPS[watch["calls"]])
                os._exit(_child(words, environment))
            status, seen = _watch(child, watch) if watch else (os.waitpid(child, 0)[1], [])
            told = []
            for stream in (out, err):
                stream.seek(0)
                told.append(base64.b64encode(stream.read()).decode())
        answers.write(json.dumps([os.waitstatus_to_exitcode(status), *told, seen]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
