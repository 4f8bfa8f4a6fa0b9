"""One of several writers: appends again and again over the Python API. Run as a script.

Arguments: the lake's folder, the dataset, the writer's number, how many appends. A line on stdin
starts it; each append that was answered is a line of JSON on stdout, with the
seconds that it took.
"""

from __future__ import annotations

import json
import sys
import time

import pyarrow as pa

import lakectl


def main() -> None:
    """Append as told."""
    folder, dataset, writer, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    lake = lakectl.open(folder)
    handle = lake.dataset(dataset)
    lake.dataset(f"warm.w{writer}").append(pa.table({"n": [1]}))  # imports are nobody's wait
    print("ready", flush=True)
    sys.stdin.readline()
    for turn in range(times):
        rows = pa.table({"writer": [writer] * 10, "turn": [turn] * 10, "n": list(range(10))})
        begun = time.monotonic()
        report = handle.append(rows, message=f"{writer}/{turn}")
        waited = time.monotonic() - begun
        told = {"version": report.version, "rows": report.rows_added, "seconds": waited}
        print(json.dumps(told), flush=True)
    print("done", flush=True)
    sys.stdin.readline()  # the end of a process takes a core from those who still write


if __name__ == "__main__":
    main()
