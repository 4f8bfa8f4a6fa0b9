"""Tasks in processes of their own: `isolated=True`, and every task of a ProcessPoolTaskRunner.

Such a process is forked from a template that the flow's process starts once, so it costs little,
and it can be killed: for its time, or because its run is. Python objects go between the two
through a pair of sockets that nobody else has, as `multiprocessing` sends them; none is stored.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from catalog import chance
from catalog.errors import InvalidInput, OperationFailed
from jobs import loader, template
from jobs.context import RunScope, TaskScope, World, run_scope, task_scope
from jobs.errors import TimedOut
from jobs.flow import Flow, FlowOptions, Task
from jobs.logs import prints_logged
from jobs.secrets import masker

if TYPE_CHECKING:
    from jobs.tasks import Job

_lock = threading.Lock()
_workers: _Workers | None = None


def wanted(job: Job) -> bool:
    """Whether a task runs in a process of its own."""
    if job.task.options.isolated:
        return True
    runner = job.run.flow.options.task_runner
    return bool(getattr(runner, "processes", False)) and job.submitted


def call(job: Job, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Run one attempt of a task in a process of its own.

    Raises:
        InvalidInput: its function stands where no other process finds it, or cannot be sent.
        TimedOut: its time was over; the process is gone.
        OperationFailed: the process ended before the task did.
        BaseException: what the task raised.
    """
    global _workers
    with _lock:
        if _workers is None or _workers.process != os.getpid():
            _workers = _Workers()
    return _workers.call(job, args, kwargs)


def _address(task: Task) -> dict[str, str]:
    file, name = task.file, task.fn.__qualname__
    if file is None or "<" in name:
        raise InvalidInput(
            f"Task {task.name!r} cannot run in a process of its own: no other process finds it.",
            "Define it at the top level of a file.",
        )
    return {"file": str(file), "name": name, "module": task.fn.__module__}


class _Workers:
    """The template of task processes, and the sockets of those that run."""

    def __init__(self) -> None:
        self.process = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._template = subprocess.Popen(
            [sys.executable, "-P", "-m", "lakectl.child", str(theirs.fileno()), "--tasks"],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": template.python_path()},
        )
        theirs.close()
        self._control = ours
        self._sending = threading.Lock()
        self._statuses: dict[str, int] = {}
        self._ended = threading.Condition()
        threading.Thread(target=self._hear, daemon=True, name="lakectl-isolation").start()

    def _hear(self) -> None:
        while (told := template.receive(self._control)) is not None:
            if "status" in told[0]:
                with self._ended:
                    self._statuses[told[0]["key"]] = told[0]["status"]
                    self._ended.notify_all()

    def call(self, job: Job, args: list[Any], kwargs: dict[str, Any]) -> Any:
        key = chance.new_uuid().hex
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        message = {"key": key, "task": _address(job.task), "about": _about(job),
                   "secrets": masker.known()}  # fmt: skip
        with theirs, self._sending:
            template.send(self._control, message, (theirs.fileno(),))
        with Connection(ours.detach()) as line:
            try:
                line.send((args, kwargs))
            except OSError:
                pass  # it is gone already, which is told below
            except Exception as error:  # any class may refuse in any way
                raise InvalidInput(
                    f"The arguments of {job.name} cannot be sent to another process: {error}."
                ) from error
            return self._listen(job, line, key)

    def _listen(self, job: Job, line: Connection, key: str) -> Any:
        seconds = job.task.options.timeout_seconds
        deadline = None if seconds is None else time.monotonic() + seconds
        pid = None
        try:
            while True:
                if not line.poll(None if deadline is None else max(0, deadline - time.monotonic())):
                    raise TimedOut(f"timed out after {seconds:g} s")
                kind, content = line.recv()
                if kind == "pid":
                    pid = content
                elif kind == "line":
                    job.run.world.recorder.tell(content[0], job.run.run_id, content[1])
                elif kind == "value":
                    return content
                else:
                    failure: BaseException = content
                    break
        except (EOFError, ConnectionError) as error:
            raise OperationFailed(f"The process of {job.name} {self._how(key)}.") from error
        finally:
            if pid is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
        raise failure

    def _how(self, key: str) -> str:
        with self._ended:
            self._ended.wait_for(lambda: key in self._statuses, 2.0)
            status = self._statuses.pop(key, None)
        if status is None:
            return "is gone"
        if os.WIFSIGNALED(status):
            return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
        return f"left with exit code {os.waitstatus_to_exitcode(status)}"


def _about(job: Job) -> dict[str, Any]:
    scope = job.scope
    return {
        "run_id": job.run.run_id,
        "run_name": job.run.name,
        "flow": job.run.flow.name,
        "root": job.run.root,
        "number": job.future.number,
        "name": job.name,
        "identity": job.identity,
        "log_prints": scope.log_prints if scope is not None else False,
    }


# -- in the other process -----------------------------------------------------------------------


class _Line:
    """A recorder that sends lines to the flow's process."""

    def __init__(self, to: Connection) -> None:
        self._to = to
        self._lock = threading.Lock()

    def begin(self, new: Any) -> None:
        """Refused: the run would have no process of its own to end with."""
        raise InvalidInput("A task in a process of its own starts no subflow.")

    def end(self, run_id: str, state: Any, reason: str | None, error: str | None) -> None:
        """Nothing begins here, so nothing ends."""

    def tell(self, kind: str, run_id: str, row: Mapping[str, Any]) -> None:
        """A line of the run."""
        self.send("line", (kind, row))

    def send(self, kind: str, content: Any) -> None:
        """Anything else: `pid`, `value`, `error`."""
        with self._lock:
            self._to.send((kind, content))


def serve_one(told: dict[str, Any], files: list[int], open_lake: Callable[[], Any]) -> int:
    """In a forked process: run one attempt of a task.

    Args:
        told: `task` (file, name, module), `about` (of the run and the task run), `secrets`.
        files: the socket of the flow's process.
        open_lake: opens the lake.

    Returns:
        The exit code of the process.
    """
    connection = Connection(files[0])
    line = _Line(connection)
    line.send("pid", os.getpid())
    masker.learn(*told["secrets"])
    masker.learn_environment()
    try:
        fn = _function(told["task"])
        args, kwargs = connection.recv()
        line.send("value", _run(told["about"], fn, args, kwargs, line, open_lake))
    except BaseException as error:  # noqa: BLE001 - it goes to the flow's process, as it is
        _send_error(line, error)
        return 1
    return 0


def _function(address: Mapping[str, str]) -> Callable[..., Any]:
    from pathlib import Path

    module = loader.import_file(Path(address["file"]))
    sys.modules.setdefault(address["module"], module)  # by which its classes are pickled
    if address["module"] == "__main__":
        sys.modules["__main__"] = module
    found: Any = module
    for part in address["name"].split("."):
        found = getattr(found, part)
    return found.fn if isinstance(found, Task) else found


def _run(
    about: Mapping[str, Any],
    fn: Callable[..., Any],
    args: list[Any],
    kwargs: dict[str, Any],
    line: _Line,
    open_lake: Callable[[], Any],
) -> Any:
    opened: list[Any] = []

    def lake() -> Any:
        if not opened:
            opened.append(open_lake())
        return opened[0]

    world = World(line, lambda: time.time_ns() // 1_000_000, open_lake=lake)
    flow = Flow(fn, FlowOptions(about["flow"]))
    scope = RunScope(world, about["run_id"], about["run_name"], flow, about["root"], {})
    task = TaskScope(scope, about["number"], about["name"], about["identity"], about["log_prints"])
    run_scope.set(scope)
    task_scope.set(task)
    with prints_logged():
        return fn(*args, **kwargs)


def _send_error(line: _Line, error: BaseException) -> None:
    """An error as the other process can raise it; one that cannot travel is told in words."""
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # noqa: BLE001 - any class may refuse in any way
        error = OperationFailed(f"{type(error).__name__}: {error}")
    line.send("error", error)
