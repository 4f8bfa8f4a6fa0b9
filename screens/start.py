"""The way into the dashboard, and its last line of defence."""

from __future__ import annotations

import gc
import os
import sys
import traceback

from screens.backend import Backend
from screens.off_loop import in_thread

CRASHED = 70
_HEAD = 200  # datasets for the first paint: more than any screen shows at once


def run(backend: Backend) -> int:
    """Open the dashboard and return the exit code of the program when it is left."""
    gc.disable()  # collecting would find nothing among what is being imported
    # The first datasets are read while the imports below take their time.
    head = in_thread(lambda: backend.summaries(_HEAD))
    from screens.app import LakeApp
    from screens.shared import Shared

    crash: BaseException | None = None
    app = LakeApp(backend, Shared(backend, head=head))
    try:
        app.run()
    except Exception as error:  # noqa: BLE001  # the border: the report replaces a traceback
        crash = error
    crash = app.crash or crash
    if crash is None:
        return app.return_code or 0
    sys.stderr.write(report(crash))
    return CRASHED


def report(crash: BaseException) -> str:
    """What is printed after a crash: where it happened, and never the value of a variable."""
    from screens.text import safe

    frames = traceback.extract_tb(crash.__traceback__)
    where = [f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames[-6:]]
    lines = [
        f"The dashboard stopped because of an error in lakectl ({type(crash).__name__}).",
        "What was ordered before is done or not done as a whole. The last calls were:",
        *where,
        "Please report it with these lines.",
    ]
    return "\n".join(safe(line) for line in lines) + "\n"
