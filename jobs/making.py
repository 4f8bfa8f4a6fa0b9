"""A run that is to be made: its name, its parameters as they are kept, where its code is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs import digests, naming, parameters
from jobs.model import Details
from jobs.secrets import masker
from jobs.store.moves import NewRun, new_id

if TYPE_CHECKING:
    from jobs.flow import Flow

_LONGEST_NAME = 500  # characters


def new_run(flow: Flow, values: Mapping[str, Any], now: int, **more: Any) -> NewRun:
    """A run that is to be made, with a name.

    Args:
        flow: which.
        values: its parameters, checked.
        now: the time in milliseconds.
        more: other fields of `NewRun`; `inputs` of its details.
    """
    run_id = new_id(now)
    name = naming.two_words(int(run_id[12:20], 16))
    if flow.options.flow_run_name is not None:
        name = naming.from_template(flow.options.flow_run_name, values, f"flow {flow.name!r}")
    name = masker.mask(name)[:_LONGEST_NAME]
    options = {
        "retries": flow.options.retries,
        "timeout_seconds": flow.options.timeout_seconds,
        "skip_if_unchanged": flow.options.skip_if_unchanged,
    }
    details = Details(
        parameters.stored(flow, values), options, code_of(flow), more.pop("inputs", None)
    )
    origin = more.pop("origin", None) or origin_of(flow)
    return NewRun(
        run_id, name, flow.name, origin, details, now, now, **{"tags": flow.options.tags, **more}
    )


def origin_of(flow: Flow) -> str:
    """Where another process finds a flow: `path:function`, or `session` if it cannot."""
    if flow.origin is not None:
        return flow.origin
    if flow.fn.__module__.startswith("jobs.builtin."):
        return f"ready:{flow.name}"
    file, name = flow.file, flow.fn.__qualname__
    return "session" if file is None or "<" in name or not file.exists() else f"{file}:{name}"


def code_of(flow: Flow) -> dict[str, Any]:
    """What tells the code of a run: its file's digest, and the commit of its repository."""
    told: dict[str, Any] = {"source": _source_of(flow), "cwd": os.getcwd()}
    if flow.file is not None:
        told |= {"file": str(flow.file), "line": flow.fn.__code__.co_firstlineno}
        if not str(flow.file).startswith(str(Path(__file__).parent)):
            told |= _commit_of(flow.file.parent)
    return told


def _source_of(flow: Flow) -> str:
    """A digest of all the code that a run of a flow may be: its whole file, where it has one."""
    if flow.file is not None and flow.file.is_file():
        return hashlib.blake2b(flow.file.read_bytes(), digest_size=20).hexdigest()
    return digests.of_code(flow.fn)


@lru_cache(maxsize=64)
def _commit_of(folder: Path) -> dict[str, Any]:
    """The commit that is checked out, read from the files of git: to ask git takes 10 ms."""
    for place in (folder, *folder.parents):
        head = place / ".git" / "HEAD"
        try:
            text = head.read_text().strip()
        except OSError:
            continue
        if not text.startswith("ref: "):
            return {"commit": text}
        try:
            return {"commit": (place / ".git" / text[5:]).read_text().strip(), "ref": text[5:]}
        except OSError:
            return {"ref": text[5:]}
    return {}
