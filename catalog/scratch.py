"""A private folder for what a load needs on its way; what killed loads left is swept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import StoreUnreachable
from catalog.handles import Handles
from catalog.storage import FULL_DISK

_HOST = f"{os.uname().nodename}."  # the folders are called HOST.PID.XXXX


def _sweep(place: Path) -> None:
    """Remove what loads of this host left that were killed."""
    for entry in place.iterdir():
        pid = entry.name.removeprefix(_HOST).split(".")[0]
        if not entry.name.startswith(_HOST) or not pid.isdigit():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(entry, ignore_errors=True)
        except OSError:  # it runs, and belongs to somebody else
            continue


@contextmanager
def scratch_of(handles: Handles) -> Iterator[Path]:
    """A folder of this process, gone after the block.

    Raises:
        StoreUnreachable: the disk is full.
    """
    place = handles.state / "scratch"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{_HOST}{os.getpid()}.", dir=place))
    try:
        yield folder
    except OSError as error:
        elsewhere = error.filename is not None and not str(error.filename).startswith(str(place))
        if error.errno not in FULL_DISK or elsewhere:
            raise
        raise StoreUnreachable(
            f"The disk is full: {place} could not take what the load needs on the way.",
            "Free some space and run it again; what has landed is not loaded twice.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
