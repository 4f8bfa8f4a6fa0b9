"""The child of the box: locked before DuckDB is imported, a fresh database for every query."""

from __future__ import annotations

import json
import os
import resource
import select
import struct
import sys
import sysconfig
import threading
from typing import Any, BinaryIO, cast

_HEAD = struct.Struct("!QQ")  # bytes of the JSON header, bytes of the body after it
_SYSTEM = ("/usr/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/proc/self/cgroup", "/sys/fs/cgroup")


def send(pipe: Any, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(header).encode()
    pipe.write(_HEAD.pack(len(text), len(body)) + text)
    pipe.write(body)
    pipe.flush()


def receive(pipe: Any) -> tuple[dict[str, Any], bytes] | None:
    """One message, or None at the end."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    header, body = _HEAD.unpack(head)
    return json.loads(pipe.read(header)), pipe.read(body)


def main() -> None:
    """Lock this process as the first message says, then answer questions until the pipe ends."""
    source, answers = sys.stdin.buffer, cast(BinaryIO, os.fdopen(os.dup(1), "wb"))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # nothing that DuckDB prints can look like an answer
    first = receive(source)
    if first is None:
        return
    setup = first[0]
    _lock(setup)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    spare = _open(setup)
    send(answers, {"ready": os.getpid()})
    while message := receive(source):
        _answer(spare, message[0], answers)
        spare.close()
        spare = _open(setup)  # nothing that one query made is there for the next


def _lock(setup: dict[str, Any]) -> None:
    from catalog.engine import landlock
    from catalog.engine.views import globbed_folders

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if landlock.available():
        code = {sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")}
        places = [*setup["read"], *code, setup["home"], *_SYSTEM]
        names = {folder for place in setup["read"] for folder in globbed_folders(place)}
        landlock.restrict([p for p in places if os.path.exists(p)], [setup["scratch"]], names)


def _leave_with_parent() -> None:
    poll = select.poll()
    poll.register(0, 0)  # only the hang-up
    poll.poll()
    os._exit(0)


def _open(setup: dict[str, Any]) -> Any:
    import duckdb  # its threads must be born inside the lock

    from catalog.engine.session import SEALS

    con = duckdb.connect(config={"async_threads": 0})
    settings = {
        **SEALS,
        "memory_limit": f"'{setup['memory']}'",
        "threads": str(setup["threads"]),
        "temp_directory": f"'{setup['scratch']}'",
        "max_temp_directory_size": "'10GB'",
    }
    for name, value in settings.items():
        con.execute(f"SET {name} = {value}")
    return con


def _answer(con: Any, question: dict[str, Any], answers: BinaryIO) -> None:
    import duckdb

    from catalog.engine import landlock, remote, rows
    from catalog.engine.session import translate
    from catalog.engine.views import exact_path
    from catalog.names import lit

    try:
        files = question["files"]
        if not landlock.available():
            con.register_filesystem(remote.local_only(f.removeprefix("lake://") for f in files))
        allowed = {path for file in files for path in (file, exact_path(file))}
        con.execute(f"SET allowed_paths = [{', '.join(lit(p) for p in sorted(allowed))}]")
        con.execute("SET enable_external_access = false")
        for statement in question["setup"]:
            con.execute(statement)
        con.execute("SET lock_configuration = true")
        columns = rows.run(con, question["text"])
        lines: list[str] = []
        more = False
        for line in rows.encoded(con):
            if len(lines) == question["limit"]:
                more = True
                break
            lines.append(line)
        send(answers, {"columns": columns, "more": more}, "\n".join(lines).encode())
    except duckdb.Error as error:
        told = translate(error, "The query")
        send(answers, {"error": type(told).__name__, "message": told.message, "hint": told.hint})
    except Exception as error:  # noqa: BLE001 - an answer either way; the parent tells it
        send(answers, {"error": type(error).__name__, "message": f"The query failed: {error}"})
