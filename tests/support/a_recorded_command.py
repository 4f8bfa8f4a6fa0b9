"""Run a command and record what it does to the files below a folder. Run as a script.

Arguments: where the record goes, the folder, the command. Its streams are ours, its exit code too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import system_calls


def main() -> int:
    """Run it to its end."""
    record, root, *command = sys.argv[1:]
    child = os.fork()
    if child == 0:
        system_calls.submit(system_calls.WRITES)
        os.execv(command[0], command)
    recorder = system_calls.Recorder()
    status = system_calls.watch(child, system_calls.WRITES, root, lambda call: None, recorder)
    recorder.save(Path(record))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
