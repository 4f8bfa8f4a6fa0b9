"""The command `lakectl`, and `python -m lakectl`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    if sys.argv[1:] == ["--version"]:  # answered before the parser is imported: a tenth of the time
        from lakectl import __version__

        sys.stdout.write(f"lakectl {__version__}\n")
        return
    from lakectl import _names

    _names.pin()
    from lakectl.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
