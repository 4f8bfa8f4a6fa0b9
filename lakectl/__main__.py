"""The command `lakectl`, and `python -m lakectl`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    if sys.argv[1:] == ["--version"]:  # answered before the parser is imported: a tenth of the time
        from lakectl import __version__

        try:
            sys.stdout.write(f"lakectl {__version__}\n")
            sys.stdout.flush()
        except OSError as error:  # its reader has gone, or its disk is full
            os._exit(0 if isinstance(error, BrokenPipeError) else 1)
        return
    from lakectl import _names

    _names.pin()
    # Collecting would find nothing among the modules that are being imported.
    gc.set_threshold(50_000)
    from lakectl.cli.main import run

    code = run(sys.argv[1:])
    with contextlib.suppress(OSError):  # told by now, or its reader has gone
        sys.stdout.flush()
        sys.stderr.flush()
    # Everything is closed by now. Taking a process of a thousand modules apart costs up to a third
    # of a second more than letting go of it.
    os._exit(code)


if __name__ == "__main__":
    main()
