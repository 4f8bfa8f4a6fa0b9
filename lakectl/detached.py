"""A supervisor of one run that nobody waits for: `python -P -m lakectl.detached PROFILE`."""

from __future__ import annotations

import json
import os
import signal
import sys


def main() -> None:
    """Supervise the run that stdin tells of, and leave when it has ended."""
    from lakectl import _names

    _names.pin()
    told = json.loads(sys.stdin.buffer.read())
    from jobs.orders import Ordered
    from jobs.supervisor import Launch
    from lakectl.root import open_lake

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # its terminal may close
    with open_lake(os.environ["LAKECTL_LAKE"], profile=sys.argv[1]) as lake:
        launch = Launch(told["parameters"], told["retries"], told["delays"])
        lake.runs.finish(Ordered(lake.runs.find(told["run"]), launch))


if __name__ == "__main__":
    main()
