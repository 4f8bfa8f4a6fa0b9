"""The data files of a load: written once, and looked at again only where text holds bad rows."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import types, writing
from catalog.errors import InvalidInput, OperationFailed
from catalog.handles import Handles
from catalog.model import WrittenFile
from catalog.planning import Plan, plan_for
from catalog.schema import Schema
from catalog.seen import Seen

if TYPE_CHECKING:
    from catalog.engine.loading import SourceSet
    from catalog.engine.rejects import Rejects

ORDERED_BYTES = 1 << 30  # of sources; a load up to here keeps the order of its rows


@dataclass(frozen=True, slots=True)
class Work:
    """The tools of one attempt."""

    handles: Handles
    con: Any  # a DuckDB connection
    scratch: Path
    key: str  # of the write: the same over all attempts
    seen: Seen | None = None


def copy(work: Work, plan: Plan, target: writing.Intent) -> list[WrittenFile]:
    """Write the rows of a plan as files in the staging folder of a write."""
    from catalog.engine.copying import copy_to_parquet

    in_order = work.seen is None or work.seen.size <= ORDERED_BYTES
    # A merge needs the rows as a whole first; see `merging`.
    merge = plan.request.mode == "merge"
    parts = () if merge else plan.parts
    schema = Schema(plan.schema.fields) if merge else plan.schema
    staging = target.staging
    return copy_to_parquet(work.con, plan.select, schema, parts, staging, in_order=in_order)


def first_pass(
    work: Work, plan: Plan, opened: SourceSet, target: writing.Intent
) -> list[WrittenFile] | None:
    """Write the files, or None when text holds rows that are not what they should be."""
    from catalog.engine import guards

    if not opened.is_text:
        return copy(work, plan, target)
    guess = any(file.loose for file in opened.texts)
    with ThreadPoolExecutor(1) as beside:
        tally = beside.submit(opened.tally)
        written = _counted_copy(work, plan, target, loose=guess)
        found = tally.result()
    if found.loose and not guess:  # later rows hold some, and nobody looked at them
        _empty(target.staging)
        written = _counted_copy(work, plan, target, loose=True)
    guards.expect_loose(work.con, True)
    if written is not None and not plan.request.select and found.rows is not None:
        whole = sum(w.rows for w in written) == found.rows
        written = written if whole else None
    if written is None:
        _empty(target.staging)
    return written


def _counted_copy(
    work: Work, plan: Plan, target: writing.Intent, *, loose: bool
) -> list[WrittenFile] | None:
    """Write the files; None when a row was left out, or could not even be split."""
    from catalog.engine import csvtypes, guards

    csvtypes.reset_counter(work.con)
    guards.expect_loose(work.con, loose)
    try:
        written = copy(work, plan, target)
    except (OperationFailed, InvalidInput):  # the slow pass says which row it was
        return None
    return None if csvtypes.bad_rows(work.con) else written


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def slow_pass(work: Work, plan: Plan, opened: SourceSet) -> tuple[Plan, Rejects]:
    """Widen what may be widened, then find the rows that are bad all the same."""
    request, dataset = plan.request, plan.dataset
    free = dataset is None or request.select is not None
    found = opened.slow_pass(plan.text_fields, widen=free)
    better = plan_for(work.con, request, plan.name, dataset, found.fields, found.select)
    for before, after in zip(plan.text_fields, found.fields, strict=True):
        if before.type != after.type:
            text = types.text_of(after.type)
            better.notes.append(f"{after.name} was taken as {text}: a later row needs it")
    return better, found.rejects
