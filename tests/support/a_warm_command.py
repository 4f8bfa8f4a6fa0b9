"""The command line, one command line after the other in one process. Run as a script.

For each line of JSON on stdin, a list of words, it runs `lakectl WORDS` as the console script
does and answers with a line of JSON: exit code, stdout, stderr. It saves each of many commands the
seconds of imports; what a first command must import is for the tests that start real ones.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile


def main() -> None:
    """Answer until stdin ends."""
    from lakectl import _names

    _names.pin()
    from lakectl.cli.main import run

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            try:
                code = run(json.loads(line))
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
            told = []
            for stream in (out, err):
                stream.seek(0)
                told.append(base64.b64encode(stream.read()).decode())
        answers.write(json.dumps([code, *told]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
