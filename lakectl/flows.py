"""What people import for their flows, joined to the lake of this place."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from jobs import local, telling  # noqa: F401 - telling: lakectl.root looks for it
from jobs.cache import Cache as Cache
from jobs.cache import task_input_hash as task_input_hash
from jobs.flow import flow as flow
from jobs.flow import task as task
from jobs.futures import allow_failure as allow_failure
from jobs.futures import unmapped as unmapped
from jobs.logs import get_run_logger as get_run_logger
from jobs.retry import exponential_backoff as exponential_backoff
from jobs.runners import ProcessPoolTaskRunner as ProcessPoolTaskRunner
from jobs.runners import SequentialTaskRunner as SequentialTaskRunner
from jobs.runners import ThreadPoolTaskRunner as ThreadPoolTaskRunner
from jobs.telling import artifact as artifact
from jobs.telling import progress as progress
from lakectl.echo import show
from lakectl.root import Lake, open_lake

if TYPE_CHECKING:
    from jobs.local import Home

_lock = threading.Lock()
_homes: dict[str, Home] = {}
ConcurrentTaskRunner = ThreadPoolTaskRunner


def lake() -> Lake:
    """The lake of the run that is going on here; outside of a flow, the lake of this place.

    Raises:
        NotFound: there is none.
    """
    from jobs.context import run_scope

    scope = run_scope.get()
    if scope is None or scope.world.open_lake is None:
        return open_lake()
    found: Lake = scope.world.open_lake()
    return found


def _find_home() -> Home:
    """The lake in which flows that are called here are recorded; opened once a process."""
    place = f"{os.environ.get('LAKECTL_LAKE')} {os.getcwd()} {os.environ.get('LAKECTL_PROFILE')}"
    with _lock:
        if place not in _homes:
            opened = open_lake()
            quiet = os.environ.get("LAKECTL_QUIET")
            _homes[place] = local.home_of(opened, None if quiet else show)
        return _homes[place]


@atexit.register
def _close_homes() -> None:
    for home in _homes.values():
        home.keeper.stop()
        home.recorder.close()


local.find_home, local.echo = _find_home, show
