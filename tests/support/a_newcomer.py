"""One of several that open a new lake at once. Run as a script.

For each line on stdin, a folder, it makes a lake there, or finds one made, and loads into the same
new dataset as the others. Its argument is its number. `ok` or what went wrong is a line on stdout.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import pyarrow as pa

import lakectl


def _arrive(folder: str, number: int) -> None:
    with suppress(lakectl.Conflict):  # another was faster
        lakectl.init(folder)
    with lakectl.open(folder) as lake:
        lake.dataset("nyc.trips").append(pa.table({"who": [number], "n": [1]}))


def main() -> None:
    """Arrive as often as told."""
    number = int(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            _arrive(line.strip(), number)
        except Exception as error:  # noqa: BLE001 - the test tells it
            print(f"{type(error).__name__}: {error}", flush=True)
        else:
            print("ok", flush=True)


if __name__ == "__main__":
    main()
