"""Ad-hoc SQL for a session: planned here, run by the warm child of the box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import query
from catalog.errors import NotAllowed
from catalog.handles import Handles
from catalog.model import QueryResult

if TYPE_CHECKING:
    from catalog.engine.box import Box


def run(handles: Handles, box: Box, text: str, limit: int, deadline: float) -> QueryResult:
    """Plan a query and run it in the box.

    Raises:
        NotAllowed: it does not only read.
        InvalidInput, NotFound: it names what is not there.
        OperationFailed, DeadlineExceeded: it failed or took too long.
    """
    if handles.warehouse.is_remote:
        return _run_here(handles, text, limit)
    with box.parsing() as con:
        plan = query.plan(handles, con, text)
    return box.ask(plan, limit, deadline)


def _run_here(handles: Handles, text: str, limit: int) -> QueryResult:
    """Run over remote files in this process.

    DuckDB has no right to any file here: it reads the planned objects through a filesystem that
    cannot write, and nothing else.
    """
    from catalog.engine import box as box_room
    from catalog.engine import remote, rows

    con = box_room.parser()
    plan = query.plan(handles, con, text)
    if not all(path.startswith(remote.PREFIX) for path in plan.files):
        raise NotAllowed("A remote lake was planned over local files.")
    remote.attach(con, handles.warehouse, [p.removeprefix(remote.PREFIX) for p in plan.files])
    with box_room.run_alone(con, plan, can_lock=False) as columns:
        found: list[tuple[object, ...]] = []
        for line in rows.encoded(con):
            if len(found) == limit:
                break
            found.append(rows.decode(line))
        names, kinds = tuple(n for n, _ in columns), tuple(k for _, k in columns)
        return QueryResult(names, kinds, tuple(found), more=len(found) == limit)
