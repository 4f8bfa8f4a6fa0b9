"""One of several that open a new lake at once. Run as a script.

For each line of JSON on stdin, a folder and where its metadata go, it makes a lake there, or finds
one made, and loads into the same new dataset as the others, and once more with a key that all of
them use. Its argument is its number. `ok` or what went wrong is a line on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

import pyarrow as pa

import lakectl


def _arrive(folder: str, database: str, number: int) -> None:
    with suppress(lakectl.Conflict):  # another was faster
        lakectl.init(folder, database=database)
    os.environ["LAKECTL_DATABASE"] = database
    with lakectl.open(folder) as lake:
        trips = lake.dataset("nyc.trips")
        trips.append(pa.table({"who": [number]}))
        trips.append(pa.table({"who": [-1]}), write_key="the same")


def main() -> None:
    """Arrive as often as told."""
    number = int(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            _arrive(*json.loads(line), number)
        except Exception as error:  # noqa: BLE001 - the test tells it
            print(f"{type(error).__name__}: {error}", flush=True)
        else:
            print("ok", flush=True)


if __name__ == "__main__":
    main()
