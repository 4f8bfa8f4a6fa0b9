"""The template of flow processes, started by a supervisor: `python -P -m lakectl.child SOCKET`."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any


def main() -> None:
    """Serve the supervisor at the other end of a socket that this process inherited."""
    from lakectl import _names

    _names.pin()
    from jobs import template

    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    template.preload(template.WARM if "--warm" in sys.argv else template.WARM[:1])
    template.Template(control, _run_task if "--tasks" in sys.argv else _run).serve()
    os._exit(0)


def _run(told: dict[str, Any], files: list[int]) -> int:
    """In a forked child: run the flow that is asked for."""
    import lakectl.flows  # noqa: F401 - joins what flows import to the lake of this place
    from jobs import supervised
    from lakectl.root import open_lake

    about = told["lake"]
    # Whatever the flow opens by itself, or starts, is the same lake.
    os.environ["LAKECTL_LAKE"] = about["root"]
    os.environ["LAKECTL_PROFILE"] = about["profile"]
    os.environ["LAKECTL_CHILD_OF"] = told["key"]
    return supervised.run(told, files, lambda: open_lake(about["root"], profile=about["profile"]))


def _run_task(told: dict[str, Any], files: list[int]) -> int:
    """In a forked child: run one task of the flow whose process started this template."""
    import lakectl.flows  # noqa: F401 - joins what tasks import to the lake of this place
    from jobs import isolation
    from lakectl.root import open_lake

    return isolation.serve_one(told, files, open_lake)


if __name__ == "__main__":
    main()
