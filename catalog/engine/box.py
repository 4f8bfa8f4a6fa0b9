"""The box: SQL that people type runs where it can read the planned files and do nothing else.

Statement types alone do not hold on DuckDB 2.0: `WITH d AS (COPY …) SELECT` writes. So the process
that runs a query is locked by the kernel first. Where the kernel has no Landlock, or the files are
remote, DuckDB gets no right to any file at all and reads through a filesystem that cannot write.

`run_alone` locks this very process, for one query and for good; `Box` keeps a warm child.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.engine import landlock
from catalog.engine.box_child import receive, send
from catalog.engine.session import SEALS, memory_limit, threads, translate
from catalog.errors import DeadlineExceeded, InvalidInput, NotAllowed, OperationFailed
from catalog.model import QueryResult
from catalog.names import lit

if TYPE_CHECKING:
    import duckdb

SPILL_LIMIT = "10GB"
_HEEDED_WITHIN = 1.0  # seconds from ctrl-c to the end of the process
# DuckDB asks here how much memory it may take, and aborts the process when it may not ask.
_CGROUP = ("/proc/self/cgroup", "/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Plan:
    """A query ready to run: every dataset that it names is a view made by `setup`."""

    text: str
    setup: tuple[str, ...]
    files: tuple[str, ...]  # local paths, or lake:// ones


def parser() -> duckdb.DuckDBPyConnection:
    """A connection without any thread but this one, so that the process can still be locked."""
    import duckdb

    return duckdb.connect(config={"threads": 1, "async_threads": 0})


@contextlib.contextmanager
def run_alone(
    con: duckdb.DuckDBPyConnection, plan: Plan, *, can_lock: bool
) -> Iterator[list[tuple[str, str]]]:
    """Lock this process to the plan's files and start its query in `con`.

    The lock holds for the rest of the process: what must be opened must be open.

    Args:
        con: made by `parser`.
        plan: what to run.
        can_lock: the files are local and read by DuckDB itself.

    Yields:
        (name, type) of each column; `rows.encoded(con)` gives the rows.
    """
    import duckdb

    from catalog.engine import rows
    from catalog.engine.views import globbed_folders

    with tempfile.TemporaryDirectory(prefix="lakectl-") as scratch:
        if can_lock and landlock.available() and landlock.alone():
            code = {sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")}
            home = str(Path(__file__).parent.parent.parent)  # where our own packages lie
            names = {folder for file in plan.files for folder in globbed_folders(file)}
            landlock.restrict(_rules(plan.files, [*code, home, *_CGROUP]), [scratch], names)
        try:
            _seal(con, plan.files, scratch)
            for statement in plan.setup:
                con.execute(statement)
            con.execute("SET lock_configuration = true")
            with _heeding_interrupts(con, scratch):
                yield rows.run(con, plan.text)
        except duckdb.Error as error:
            raise translate(error, "The query") from error
        finally:
            con.close()


@contextlib.contextmanager
def _heeding_interrupts(con: duckdb.DuckDBPyConnection, scratch: str) -> Iterator[None]:
    """Let ctrl-c end a query: DuckDB looks for it between steps, and one step may take for ever.

    Python hands signals to the main thread, which waits inside DuckDB; so a thread of its own is
    woken, interrupts the query, and ends the process when that is not heeded.
    """
    import duckdb

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    over = threading.Event()

    def watch() -> None:
        while number := os.read(reads, 1):
            if number[0] == signal.SIGINT:
                with contextlib.suppress(duckdb.Error):  # it has heeded by itself and is closed
                    con.interrupt()
                if not over.wait(_HEEDED_WITHIN):
                    shutil.rmtree(scratch, ignore_errors=True)
                    os._exit(128 + signal.SIGINT)
        os.close(reads)

    before = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writes)


def _rules(files: Sequence[str], code: Sequence[str]) -> list[str]:
    """One rule a file; one a folder where there are so many that the rules would cost more."""
    named = list(files) if len(files) <= 2000 else sorted({os.path.dirname(f) for f in files})
    return [path for path in [*named, *code] if os.path.exists(path)]


def _seal(con: duckdb.DuckDBPyConnection, files: Sequence[str], scratch: str) -> None:
    from catalog.engine.views import exact_path

    allowed = {path for file in files for path in (file, exact_path(file))}
    settings = {
        **SEALS,
        "memory_limit": lit(memory_limit("60%")),
        "temp_directory": lit(scratch),
        "max_temp_directory_size": lit(SPILL_LIMIT),
        "allowed_paths": "[" + ", ".join(lit(p) for p in sorted(allowed)) + "]",
        "enable_external_access": "false",
        "threads": str(threads()),
    }
    for name, value in settings.items():
        con.execute(f"SET {name} = {value}")


class Box:
    """A warm child that runs one query after the other; may be asked from any thread.

    Args:
        folder: the warehouse, the only place the child can read.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._parsing = threading.Lock()
        self._parser: duckdb.DuckDBPyConnection | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._cancelled = False

    def ask(self, plan: Plan, limit: int, deadline: float) -> QueryResult:
        """Run a query.

        Args:
            plan: what to run.
            limit: how many rows to return at most.
            deadline: seconds; the child is killed when they are over.

        Raises:
            DeadlineExceeded: it took too long.
            OperationFailed: it failed, was cancelled, or took the child with it.
        """
        from catalog.engine import rows

        until = time.monotonic() + deadline
        question = {**asdict(plan), "limit": limit}
        with self._lock:
            self._cancelled = False
            header, body = self._exchange(question, until)
        if "error" in header:
            raise _told(header)
        lines = body.decode().split("\n") if body else []
        names = tuple(name for name, _ in header["columns"])
        kinds = tuple(kind for _, kind in header["columns"])
        found = tuple(rows.decode(line) for line in lines)
        return QueryResult(names, kinds, found, bool(header["more"]))

    def cancel(self) -> None:
        """Stop the query that is running; the next one gets a new child."""
        child = self._child
        if child is not None and self._lock.locked():
            self._cancelled = True
            child.kill()

    @contextlib.contextmanager
    def parsing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to parse with; opening one costs more than most queries, so it is kept."""
        with self._parsing:
            if self._parser is None:
                self._parser = parser()
            yield self._parser

    def warm_up(self) -> None:
        """Start the child before it is needed."""
        with self.parsing():
            pass
        with self._lock:
            self._alive(time.monotonic() + 30)

    def close(self) -> None:
        """End the child."""
        with self._parsing:
            if self._parser is not None:
                self._parser.close()
            self._parser = None
        with self._lock:
            self._kill()

    def _exchange(self, question: dict[str, Any], until: float) -> tuple[dict[str, Any], bytes]:
        child = self._alive(until)
        assert child.stdin is not None
        try:
            send(child.stdin, question)
        except BrokenPipeError:  # it died between two questions: once more, with a new one
            self._kill()
            child = self._alive(until)
            assert child.stdin is not None
            send(child.stdin, question)
        return self._read(child, until)

    def _alive(self, until: float) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._kill()
        self._scratch = tempfile.TemporaryDirectory(prefix="lakectl-box-")
        home = str(Path(__file__).parent.parent.parent)
        start = f"import sys; sys.path.insert(0, {home!r}); "
        start += "from catalog.engine import box_child; box_child.main()"
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-I", "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )
        setup = {"read": [self._folder], "scratch": self._scratch.name, "home": home}
        assert self._child.stdin is not None
        send(self._child.stdin, {**setup, "memory": memory_limit("60%"), "threads": threads()})
        self._read(self._child, until)
        return self._child

    def _read(self, child: subprocess.Popen[bytes], until: float) -> tuple[dict[str, Any], bytes]:
        """Wait for a whole answer; the killer holds the deadline for its first and last byte."""
        killer = threading.Timer(max(0.0, until - time.monotonic()), child.kill)
        killer.start()
        assert child.stdout is not None
        try:
            message = receive(child.stdout)
        except ValueError:  # cut short: JSON that ends in the middle
            message = None
        finally:
            killer.cancel()
        if message is not None:
            return message
        late = time.monotonic() >= until
        self._kill()
        if self._cancelled:
            raise OperationFailed("The query was cancelled; nothing is shown.")
        if late:
            raise DeadlineExceeded("The query took too long and was stopped.")
        raise OperationFailed(
            "The query ended its process.", "It may have needed too much memory: LAKECTL_MEMORY."
        )

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.cleanup()


def _told(header: dict[str, Any]) -> Exception:
    """The child's error as one of ours."""
    message, hint = str(header["message"]), header.get("hint")
    known = {"InvalidInput": InvalidInput, "NotAllowed": NotAllowed}
    return known.get(header["error"], OperationFailed)(message, hint)
