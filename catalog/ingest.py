"""From a raw source to a new version: the journey of one load.

Sources are collected, types proposed, the schema decided, data files written, and one commit makes
them a version. Everything that can be refused is refused before a data file is written; everything
that fails later leaves the lake as it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import (
    committing,
    faults,
    merging,
    names,
    quarantine,
    sources,
    staging,
    sync,
    types,
    writing,
)
from catalog.committing import Stale
from catalog.errors import (
    Conflict,
    InvalidInput,
    LakeError,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
)
from catalog.handles import Handles
from catalog.model import Dataset, IngestReport, WrittenFile
from catalog.names import DatasetName
from catalog.planning import IngestRequest, Plan, check, plan_for
from catalog.schema import SchemaPolicy
from catalog.scratch import scratch_of
from catalog.seen import Seen
from catalog.sources import SourceFile
from catalog.types import Field

if TYPE_CHECKING:
    from catalog.engine.loading import SourceSet
    from catalog.engine.rejects import Rejects

_RETRIES = 6


def ingest(handles: Handles, request: IngestRequest) -> IngestReport:
    """Load sources into a dataset; it is made if there is none of that name.

    Returns:
        What was done; `skipped` when these very bytes are there already.

    Raises:
        LakeError: with the lake unchanged (see `catalog.errors` for which).
    """
    started = time.monotonic()
    handles.require_writable()
    check(request)
    name = names.parse_dataset(request.into)
    with scratch_of(handles) as scratch:
        files = sources.collect(request.sources, scratch, request.format)
        if request.frame is not None:
            request = replace(request, frame=_held(request.frame, scratch))
        key = request.write_key or handles.new_id()
        for _ in range(_RETRIES):
            try:
                report = _attempt(handles, replace(request, write_key=key), name, files, scratch)
                return replace(report, seconds=round(time.monotonic() - started, 3))
            except Stale:
                continue
    raise Conflict(f"{name} kept changing while this was loaded.", "Try it again.")


def _held(frame: Any, scratch: Path) -> Any:
    """An Arrow table as it is; a reader, which can be read once only, as a table on disk.

    Raises:
        InvalidInput: a batch of the reader differs from what it said of itself.
    """
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    path = str(scratch / "frame.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, frame.schema) as out:
        for batch in frame:
            if not batch.schema.equals(frame.schema):
                said = ", ".join(f"{field.name} {field.type}" for field in batch.schema)
                raise InvalidInput(
                    f"A batch of the stream has other columns than its first: {said}.",
                    "Give all batches one schema, or load them one after the other.",
                )
            out.write_batch(batch)
    return pa.ipc.open_file(pa.memory_map(path)).read_all()


@contextmanager
def _importing_commit_side() -> Iterator[None]:
    """Import what only the commit needs beside the block: PyIceberg takes most of a second.

    To be entered when the block leaves the interpreter to others, as DuckDB does: two threads that
    import at once wait for each other.
    """

    def load() -> None:
        with suppress(ImportError, OSError):  # the commit imports them too, and tells
            import catalog.iceberg.commits
            import catalog.iceberg.datafiles
            import catalog.metadata.records  # noqa: F401 - for its import alone

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _attempt(
    handles: Handles,
    request: IngestRequest,
    name: DatasetName,
    files: list[SourceFile],
    scratch: Path,
) -> IngestReport:
    dataset = _existing(handles, name)
    key = request.write_key or handles.new_id()
    done = committing.landed(handles, key, dataset, name)
    if done is not None and not request.same_rows:
        return done
    if request.branch != "main" and (dataset is None or request.branch not in dataset.branches):
        raise NotFound(f"{name} has no branch {request.branch!r}.")
    seen = Seen(handles, files, _manner(request), dataset)
    skips = files and request.if_seen == "skip" and done is None
    skipped = seen.report() if skips else None
    if skipped is not None:
        return skipped
    if files:
        seen.start()
    if done is not None:
        content = seen.content() if files else _content_of(request)
        _require_same(handles, key, content, name)
        return done
    from catalog.engine.session import connect

    con = connect(scratch)
    work = staging.Work(handles, con, scratch, key, seen if files else None)
    try:
        return _load_all(work, request, name, dataset, files)
    finally:
        con.close()


def _content_of(request: IngestRequest) -> str | None:
    """A digest of the rows of a frame, where another load may have to be compared with them."""
    if not request.same_rows or request.frame is None:
        return None
    from blake3 import blake3

    digest = blake3()
    for batch in request.frame.combine_chunks().to_batches():
        digest.update(batch.serialize())
    return str(digest.hexdigest())


def _require_same(handles: Handles, key: str, content: str | None, name: DatasetName) -> None:
    """Refuse to take a write for one that landed before if it holds something else.

    Raises:
        Conflict: it does.
    """
    landed = handles.reader.landed_content(key)
    if landed is not None and content is not None and landed != content:
        raise Conflict(
            f"This write to {name} was made before, by an earlier attempt, with other content.",
            "Make what an attempt writes depend on its arguments alone, or name each write: "
            'append(…, write_key="…").',
        )


def _load_all(
    work: staging.Work,
    request: IngestRequest,
    name: DatasetName,
    dataset: Dataset | None,
    files: list[SourceFile],
) -> IngestReport:
    from catalog.engine import loading
    from catalog.engine.session import told

    with _importing_commit_side():
        if request.query is not None:
            return _load_query(work, request, name, dataset)
        if request.frame is not None:
            types.refuse_unfit(request.frame.schema.names, "The frame")
            with told("Reading the frame"):
                work.con.register("lakectl_frame", request.frame)
            return _load_frame(work, request, name, dataset)
        known = dataset if request.select is None else None
        wanted = {f.name: f.type for f in known.schema.fields} if known else {}
        files, bad_json = _sound_json(request, files, work.scratch)
        as_is = request.select is not None
        opened = loading.SourceSet(work.con, files, request.text, work.scratch, wanted, as_is=as_is)
        plan = _decide(work.con, request, name, dataset, opened)
        plan.notes += opened.notes()
        return _load(work, plan, opened, bad_json)


def _manner(request: IngestRequest) -> dict[str, Any]:
    """What about a load changes what becomes of the same bytes."""
    text = request.text
    return {
        "mode": request.mode,
        "key": request.key,
        "select": request.select,
        "branch": request.branch,
        "format": request.format,
        "text": [text.delimiter, text.header, text.encoding, text.nulls],
    }


def _existing(handles: Handles, name: DatasetName) -> Dataset | None:
    if handles.reader.id_of(name) is None:
        return None
    return sync.follow(handles, handles.reader.dataset(name))


def _sound_json(
    request: IngestRequest, files: list[SourceFile], scratch: Path
) -> tuple[list[SourceFile], Rejects | None]:
    """NDJSON files without their malformed lines, when those are to be quarantined."""
    if request.on_bad_row != "quarantine":
        return files, None
    from catalog.engine import jsonfiles
    from catalog.engine.rejects import Rejects

    total = Rejects()
    kept = []
    for file in files:
        if file.format != "json" or _is_one_document(file):
            kept.append(file)
            continue
        clean, rejects = jsonfiles.sort_json_lines(file, scratch)
        kept.append(clean)
        if rejects.rows:
            total.rows += rejects.rows
            total.files += rejects.files
            total.first = total.first or rejects.first
    return kept, total


def _is_one_document(file: SourceFile) -> bool:
    from catalog.engine.csvfiles import open_text

    with open_text(file.path, file.compression) as opened:
        return opened.read(4096).lstrip()[:1] == b"["


def _decide(
    con: Any, request: IngestRequest, name: DatasetName, dataset: Dataset | None, opened: SourceSet
) -> Plan:
    """Find every schema change and every mistake before anything is written."""
    policy = request.schema if dataset else SchemaPolicy.EVOLVE
    fields = opened.fields(policy)
    return plan_for(con, request, name, dataset, fields, opened.select(fields, counting=True))


def _load(
    work: staging.Work, plan: Plan, opened: SourceSet, bad_json: Rejects | None
) -> IngestReport:
    from catalog.engine.rejects import Rejects

    rejects = bad_json or Rejects()
    with _announced(work.handles, plan) as target:
        written = staging.first_pass(work, plan, opened, target)
        if written is None:
            plan, more = staging.slow_pass(work, plan, opened)
            _judge_rejects(plan.request, more)
            rejects.rows += more.rows
            rejects.files += more.files
            rejects.first = rejects.first or more.first
            written = staging.copy(work, plan, target)
        faults.reach("load.staged")
        if rejects.rows:
            _check_before_quarantine(work, plan, written, rejects)
            with _put_aside(work, plan, rejects):
                faults.reach("quarantine.committed")
                return _finish(work, plan, target, written, rejects.rows)
        return _finish(work, plan, target, written, 0)


def _announced(handles: Handles, plan: Plan) -> Any:
    dataset_id = plan.dataset.id if plan.dataset else handles.new_id()
    warehouse = handles.warehouse.uri
    location = plan.dataset.location if plan.dataset else f"{warehouse}/{dataset_id}"
    return writing.intent(handles, dataset_id, location)


def _judge_rejects(request: IngestRequest, rejects: Rejects) -> None:
    """Fail, naming the first bad row, unless bad rows are to be quarantined."""
    if not rejects.rows or request.on_bad_row == "quarantine":
        return
    first = rejects.first
    assert first is not None
    column = f", column {first.column!r}" if first.column else ""
    more = f" {rejects.rows} rows are bad in all." if rejects.rows > 1 else ""
    raise OperationFailed(
        f"{first.file}, line {first.line}{column}: {first.reason}.{more} Nothing was loaded.",
        "Load the others and keep the bad ones aside with --on-bad-row quarantine, "
        "or cast the column with --select.",
    )


def _check_before_quarantine(
    work: staging.Work, plan: Plan, written: list[WrittenFile], rejects: Rejects
) -> None:
    """Refuse now what would be refused later, so that a refused load leaves nothing behind."""
    if plan.request.mode == "merge":
        merging.check_key(work.con, plan.request.key, written)
    if not written and plan.dataset is None:
        first = rejects.first
        assert first is not None
        raise OperationFailed(
            f"None of the {rejects.rows} rows fits, so {plan.name} was not made. The first: "
            f"{first.file}, line {first.line}: {first.reason}.",
            "Look at the types and the delimiter, or shape the source with --select.",
        )


@contextmanager
def _put_aside(work: staging.Work, plan: Plan, rejects: Rejects) -> Iterator[None]:
    """The bad rows are kept before the good ones become visible, and taken back if those do not.

    A load that found its dataset changed stages its files again: its bad rows stay kept.
    """
    from catalog import undoing

    key = quarantine.key_for(work.key)
    if work.handles.reader.landed(key) is None:
        for left in quarantine.left_behind(work.handles, plan.name, work.seen):
            undoing.take_back_load(work.handles, left)
        _quarantine(work, plan, rejects, key)
    try:
        yield
    except (Stale, OutcomeUnknown):
        raise
    except BaseException:
        with suppress(LakeError):
            undoing.take_back_load(work.handles, key)
        raise


def _quarantine(work: staging.Work, plan: Plan, rejects: Rejects, key: str) -> None:
    from catalog.engine.rejects import REJECT_FIELDS, rejects_select

    name = quarantine.name_for(plan.name)
    request = IngestRequest(
        into=str(name),
        message=f"rejected while loading {plan.name}",
        run_id=plan.request.run_id,
        write_key=key,
        if_seen="load",
    )
    select = rejects_select(rejects)
    dataset = _existing(work.handles, name)
    aside = plan_for(work.con, request, name, dataset, REJECT_FIELDS, select)
    with _announced(work.handles, aside) as target:
        written = staging.copy(work, aside, target)
        _finish(work, aside, target, written, 0)


def _load_query(
    work: staging.Work, request: IngestRequest, name: DatasetName, dataset: Dataset | None
) -> IngestReport:
    """Load what a SELECT over the lake's own datasets gives."""
    from catalog import query
    from catalog.engine.session import told

    assert request.query is not None
    ready = query.plan(work.handles, work.con, request.query, request.slices)
    query.open_here(work.handles, work.con, ready)
    with told("The query"):
        relation = work.con.sql(ready.text)
        types.refuse_twins(list(relation.columns), "The query")
        fields = types.fields_from_duckdb(list(relation.columns), list(relation.types))
    plan = plan_for(work.con, request, name, dataset, fields, f"SELECT * FROM (\n{ready.text}\n)")
    with _announced(work.handles, plan) as target:
        written = staging.copy(work, plan, target)
        return _finish(work, plan, target, written, 0)


def _load_frame(
    work: staging.Work, request: IngestRequest, name: DatasetName, dataset: Dataset | None
) -> IngestReport:
    """Load an Arrow table or reader that Python holds."""
    from catalog.engine.session import told

    with told("Reading the frame"):
        relation = work.con.sql("SELECT * FROM lakectl_frame")
        fields: tuple[Field, ...] = ()
        if not request.select:  # else only what the SELECT gives passes the gate
            fields = types.fields_from_duckdb(list(relation.columns), list(relation.types))
    plan = plan_for(work.con, request, name, dataset, fields, "SELECT * FROM lakectl_frame")
    with _announced(work.handles, plan) as target:
        written = staging.copy(work, plan, target)
        return _finish(work, plan, target, written, 0)


def _finish(
    work: staging.Work,
    plan: Plan,
    target: writing.Intent,
    written: list[WrittenFile],
    quarantined: int,
) -> IngestReport:
    job = committing.Load(
        handles=work.handles,
        con=work.con,
        name=plan.name,
        dataset=plan.dataset,
        schema=plan.schema,
        parts=plan.parts,
        mode=plan.request.mode,
        key_columns=plan.request.key,
        branch=plan.request.branch,
        message=plan.request.message,
        run_id=plan.request.run_id,
        write_key=plan.request.write_key or work.key,
        quarantined=quarantined,
        seen=work.seen,
        skip_seen=plan.request.if_seen == "skip",
        content=_content_of(plan.request),
    )
    return committing.commit_load(job, target, written, tuple(plan.notes))
