"""The command line, each line in a fork of a warm process. Run as a script.

For each line of JSON on stdin, `[words, folder, environment]`, it runs `lakectl WORDS` in a child
of its own, everything imported, and answers with a line of JSON: exit code (negative for a signal),
stdout, stderr. The child can be killed at a named point (see `catalog.faults`) at the price of a
fork, not of a start.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile


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


def main() -> None:
    """Answer until stdin ends."""
    from lakectl import _names

    _names.pin()
    _import_all()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        words, folder, environment = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                os.chdir(folder)
                os._exit(_child(words, environment))
            _, status = os.waitpid(child, 0)
            told = []
            for stream in (out, err):
                stream.seek(0)
                told.append(base64.b64encode(stream.read()).decode())
        answers.write(json.dumps([os.waitstatus_to_exitcode(status), *told]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
