"""A plain DuckDB connection in which every dataset is there by name.

Views are made without binding, over a function that says at query time which files a dataset has:
so ten thousand names cost nothing until one is used, and a query sees the newest version.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from typing import Any

from catalog import query
from catalog.handles import Handles
from catalog.names import ident, lit

_RESOLVER = "lakectl_select"
_MEMO_SECONDS = 0.5
_open: weakref.WeakSet[Any] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what people left open: DuckDB would report our function in it as a leak."""
    for con in list(_open):
        con.close()


def connect(handles: Handles) -> Any:
    """The connection; its catalogue is called `lake` and is the one in use.

    `lake_at(name, version)` gives the rows of any version.
    """
    from catalog.engine.session import connect as open_session
    from catalog.engine.session import provide_function

    con = open_session()
    _open.add(con)
    con.execute("RESET temp_directory")
    resolver = _Resolver(handles, con)
    # A self-join binds twice; it must not mix two versions, so answers are kept for a moment.
    provide_function(con, _RESOLVER, resolver.select)
    con.execute("ATTACH ':memory:' AS lake")
    con.execute("USE lake")
    con.execute(
        "CREATE MACRO lake_at(name, version) AS TABLE "
        f"FROM query({_RESOLVER}(name, version::VARCHAR))"
    )
    made: set[str] = set()
    for summary in handles.reader.summaries():
        name = summary.name
        if name.namespace not in made:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {ident(name.namespace)}")
            made.add(name.namespace)
        source = f"FROM query({_RESOLVER}({lit(str(name))}, NULL))"
        view = f"{ident(name.namespace)}.{ident(name.name)}"
        con.execute(f"CREATE VIEW {view} WITH (DEFER_BINDING) AS {source}")
    return con


class _Resolver:
    def __init__(self, handles: Handles, con: Any) -> None:
        self._handles = handles
        self._con = con
        self._memo: dict[tuple[str, str | None], tuple[float, str]] = {}
        self._lock = threading.Lock()

    def select(self, name: str, version: str | None) -> str:
        """The SELECT over the files of a version, as DuckDB's `query()` takes it."""
        from catalog.engine import remote
        from catalog.engine.views import select_version

        key = (name, version)
        with self._lock:
            held = self._memo.get(key)
            if held and time.monotonic() - held[0] < _MEMO_SECONDS:
                return held[1]
            found = query.readable_at(self._handles, name, version)
            paths = self._handles.readable(found.dataset.name, found.files)
            prefix = remote.attach(self._con, self._handles.warehouse, paths)
            text = select_version(found.schema, found.files, prefix, stored=True)
            self._memo[key] = (time.monotonic(), text)
            return text
