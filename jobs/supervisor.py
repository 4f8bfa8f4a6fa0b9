"""Watches flow processes: starts them, hears them, ends them, tells the store what became of them.

One loop serves any number of runs. Nothing of a run's end depends on its process being able to say
so: a result is believed when it came, and the kernel's word about the process is believed always.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog import chance, faults
from catalog.metadata.dbapi import Connection
from jobs import ending, machine, retry, template
from jobs.leases import Keeper
from jobs.logs import Echo
from jobs.piped import Lines, new_run_of
from jobs.recorder import Direct
from jobs.secrets import masker
from jobs.states import State
from jobs.store.history import History

_PERSISTENCE = 3600.0  # seconds for which a store that is away is asked again
_PATIENCE = 7.0  # seconds between SIGINT, SIGTERM and SIGKILL
_OWN_WORD = 0.5  # seconds after its time is over in which a flow may end by itself
_TURN = 0.5  # seconds between two tries of a run that has to wait for others of its flow
_CHUNK = 1 << 18
_TAIL = 50  # lines of its log that a post-mortem shows


@dataclass
class Launch:
    """How a run is started: what the store must not hold, and what it needs not tell.

    Args:
        parameters: with their secrets.
        retries: how often it is tried again.
        delays: between its attempts, in seconds: a number or a list.
    """

    parameters: dict[str, Any]
    retries: int = 0
    delays: Any = 0


@dataclass
class Watched:
    """A run that is watched."""

    run_id: str
    launch: Launch
    fence: int
    attempt: int
    key: str
    events: int
    output: int
    pid: int | None = None
    lines: Lines = field(default_factory=Lines)
    text: Lines = field(default_factory=lambda: Lines(64 << 10))
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    open_runs: list[str] = field(default_factory=list)  # subflows that have not ended
    result: dict[str, Any] | None = None
    deadline: float | None = None
    timeout: float | None = None
    stop_at: float | None = None  # when the next, harder signal goes out
    signals: list[int] = field(default_factory=list)
    why: str | None = None  # why it is being ended: cancel, timeout, lost, stuck
    stuck: str | None = None
    status: int | None = None
    peak_kb: int = 0


class Supervisor:
    """One process's watch over flow processes.

    Args:
        connection: the store.
        now: the time in milliseconds.
        root: the lake's folder; `profile` of it.
        echo: shows log lines, where somebody looks.
        warm: import everything before the first fork: for one that starts many.
    """

    def __init__(
        self,
        connection: Connection,
        now: Callable[[], int],
        root: Path,
        profile: str,
        echo: Echo | None = None,
        *,
        warm: bool = False,
    ) -> None:
        self.recorder = Direct(connection, now, machine.this_process(), echo, _PERSISTENCE)
        self.history = History(connection)
        self._now = now
        self._about = {"root": str(root), "profile": profile}
        self._warm = warm
        self._runs: dict[str, Watched] = {}
        self._later: list[tuple[float, str, Launch]] = []  # runs that are tried again
        self._selector = selectors.DefaultSelector()
        self._keeper = Keeper(self.recorder, connection, self.ask, self._lose)
        self._asked: deque[tuple[str, str]] = deque()  # from the keeper's thread
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        masker.learn_environment()
        self._start_template()
        self._keeper.start()

    # -- the template ---------------------------------------------------------------------------

    def _start_template(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        words = ["--warm"] if self._warm else []
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lakectl.child", str(theirs.fileno()), *words],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to hand on
            env={
                **os.environ,
                "PYTHONPATH": template.python_path(),
                "LAKECTL_CRASH_AT": os.environ.get("LAKECTL_CRASH_AT_CHILD", ""),
            },
        )
        theirs.close()
        self._control = ours
        self._selector.register(ours, selectors.EVENT_READ, "control")

    # -- starting -------------------------------------------------------------------------------

    def start(self, run_id: str, launch: Launch) -> bool:
        """Claim a scheduled run and start its process; False where `Moves.claim` gives no fence."""
        logged = self.history.last_logs(run_id, 1)
        fence = self.recorder.moves.claim(run_id, machine.this_process())
        if fence is None:
            return False
        self.recorder.open(run_id, fence, logged[-1].number if logged else 0)
        run = self.history.run(run_id)
        events_read, events_write = os.pipe2(os.O_CLOEXEC)
        output_read, output_write = os.pipe2(os.O_CLOEXEC)
        key = chance.new_uuid().hex
        watched = Watched(run_id, launch, fence, run.attempt, key, events_read, output_read)
        self._runs[key] = watched
        for file in (events_read, output_read):
            os.set_blocking(file, False)
            self._selector.register(file, selectors.EVENT_READ, watched)
        where = self.history.details(run_id).code.get("cwd")
        about = {"id": run.id, "name": run.name, "root": run.root, "resume_of": run.resume_of,
                 "attempt": run.attempt}  # fmt: skip
        message = {
            "key": key,
            "run": about,
            "origin": run.origin,
            "lake": self._about,
            "cwd": where,
            "parameters": launch.parameters,
            "secrets": masker.known(),
        }
        try:
            template.send(self._control, message, (events_write, output_write))
        except OSError:  # its end is told by the socket, where it is dealt with
            watched.why = "template"
        finally:
            os.close(events_write)
            os.close(output_write)
        return True

    # -- the loop -------------------------------------------------------------------------------

    def wait(self, run_id: str) -> None:
        """Serve all runs until one has ended for good."""
        while self.watches(run_id):
            self.step()

    def watched(self) -> list[Watched]:
        """The runs that have a process now."""
        return list(self._runs.values())

    def watches(self, run_id: str) -> bool:
        """Whether a run is under way here, or waits for its next attempt."""
        waiting = any(later[1] == run_id for later in self._later)
        return waiting or any(watched.run_id == run_id for watched in self._runs.values())

    def step(self, patience: float = 0.5) -> None:
        """Hear what has happened, for so many seconds at most, and do what is due."""
        for key, _ in self._selector.select(self._until_due(patience)):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            elif key.data == "control":
                self._hear_template()
            elif key.data.key in self._runs:  # else its end was heard a moment ago
                self._hear(key.data, int(key.fd))
        self._do_asked()
        self._do_due()

    def _do_asked(self) -> None:
        """End the runs that somebody else wants ended, or has taken."""
        while self._asked:
            run_id, why = self._asked.popleft()
            for watched in list(self._runs.values()):
                if watched.run_id == run_id or run_id in watched.open_runs:
                    self._end(watched, why)

    def _do_due(self) -> None:
        """Do what its time has come for: deadlines, harder signals, next attempts."""
        now = time.monotonic()
        for watched in list(self._runs.values()):
            if watched.deadline is not None and now >= watched.deadline and watched.why is None:
                self._end(watched, "timeout")
            if watched.stop_at is not None and now >= watched.stop_at:
                self._harder(watched)
        self._start_later(now)

    def _until_due(self, patience: float) -> float:
        now = time.monotonic()
        dues = [w.deadline for w in self._runs.values() if w.deadline is not None and not w.why]
        dues += [w.stop_at for w in self._runs.values() if w.stop_at is not None]
        dues += [later[0] for later in self._later]
        return max(0.0, min([patience, *(due - now for due in dues)]))

    def _start_later(self, now: float) -> None:
        due = [later for later in self._later if later[0] <= now]
        for later in due:
            self._later.remove(later)
            _, run_id, launch = later
            started = self.start(run_id, launch)
            if not started and self.history.run(run_id).state is State.SCHEDULED:
                self._later.append((now + _TURN, run_id, launch))

    # -- hearing ------------------------------------------------------------------------------

    def _hear(self, watched: Watched, file: int) -> None:
        try:
            content = os.read(file, _CHUNK)
        except BlockingIOError:
            return
        if not content:
            self._selector.unregister(file)
            return
        if file == watched.events:
            for line in watched.lines.take(content):
                self._take(watched, line)
        else:
            for line in watched.text.take(content):
                self._take_output(watched, line)

    def _take(self, watched: Watched, line: bytes) -> None:
        told = ending.message_of(line)
        match told.get("k"):
            case "log" | "task" | "read" | "artifact" | "progress":
                if told["k"] == "log":
                    watched.tail.append(masker.mask(str(told["row"]["message"])))
                self.recorder.tell(told["k"], told["run"], told["row"])
            case "started":
                self.recorder.moves.move(watched.run_id, State.RUNNING, watched.fence)
                if told["timeout"] is not None:
                    watched.timeout = told["timeout"]
                    watched.deadline = time.monotonic() + told["timeout"] + _OWN_WORD
            case "begin":
                new = new_run_of(told["new"])
                self.recorder.begin(new)
                watched.open_runs.append(new.id)
            case "end":
                if told["run"] in watched.open_runs:
                    watched.open_runs.remove(told["run"])
                self.recorder.end(told["run"], State(told["state"]), told["reason"], told["error"])
            case "stuck":
                watched.stuck = told["reason"]
                self._end(watched, "stuck")
            case "result":
                watched.result = told
                watched.deadline = None

    def _take_output(self, watched: Watched, line: bytes) -> None:
        """A line that the process printed past the log."""
        text = line.decode("utf-8", "backslashreplace").rstrip("\r")
        watched.tail.append(masker.mask(text))
        row = {"at": self._now(), "level": 20, "logger": "output", "task": None, "message": text,
               "of": "Output"}  # fmt: skip
        self.recorder.tell("log", watched.run_id, row)

    def _hear_template(self) -> None:
        told = template.receive(self._control)
        if told is None:
            self._template_died()
            return
        message = told[0]
        watched = self._runs.get(message["key"])
        if watched is None:
            return
        if "pid" in message:
            watched.pid = message["pid"]
            return
        watched.status = message["status"]
        watched.peak_kb = message["peak_kb"]
        self._settle(watched)

    def _template_died(self) -> None:
        """Every child went with it; the next ones get a new template."""
        self._selector.unregister(self._control)
        self._control.close()
        self._process.wait()
        self._start_template()
        for watched in list(self._runs.values()):
            watched.status = signal.SIGKILL
            self._settle(watched)

    # -- ending -------------------------------------------------------------------------------

    def cancel(self, run_id: str) -> None:
        """End a run that is watched here; from the thread of the loop."""
        self._later = [later for later in self._later if later[1] != run_id]
        for watched in self._runs.values():
            if watched.run_id == run_id:
                self._end(watched, "cancel")

    def kill(self, run_id: str) -> None:
        """End a run that is watched here at once; from the thread of the loop."""
        for watched in self._runs.values():
            if watched.run_id == run_id:
                self._signal(watched, signal.SIGKILL)

    def ask(self, run_id: str) -> None:
        """Have a run ended that is watched here; from any thread, or a signal's handler."""
        self._asked.append((run_id, "cancel"))
        os.write(self._wake_write, b"c")

    def _lose(self, run_id: str) -> None:
        self._asked.append((run_id, "lost"))
        os.write(self._wake_write, b"l")

    def _end(self, watched: Watched, why: str) -> None:
        """Begin to end a process: gently for a cancel, at once where nobody waits for its word."""
        if watched.why is not None:
            return
        watched.why = why
        if why in {"stuck", "lost"}:
            self._signal(watched, signal.SIGKILL)
        elif why == "timeout":
            self._signal(watched, signal.SIGTERM, 0.5)
        else:
            self._signal(watched, signal.SIGINT)

    def _harder(self, watched: Watched) -> None:
        steps = [signal.SIGTERM, signal.SIGKILL]
        if watched.why == "cancel":
            steps.insert(0, signal.SIGINT)
        left = [number for number in steps if number not in watched.signals]
        self._signal(watched, left[0] if left else signal.SIGKILL)

    def _signal(self, watched: Watched, number: int, patience: float = _PATIENCE) -> None:
        """Send a signal to all of a run's process, and look again after a while."""
        if watched.pid is None:  # not forked yet; the next step tries again
            watched.stop_at = time.monotonic() + 0.05
            return
        watched.stop_at = time.monotonic() + patience
        watched.signals.append(number)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(watched.pid, number)

    def _settle(self, watched: Watched) -> None:
        """A process is over: hear its last words, and tell the store."""
        self._drain(watched)
        self._runs.pop(watched.key, None)
        faults.reach("run.ending")
        state, reason, told = ending.judge(watched)
        for run_id in reversed(watched.open_runs):
            self.recorder.end(run_id, ending.of_subflow(state), reason, None)
        if watched.why == "lost":
            self.recorder.forget(watched.run_id)
            return
        cancelling = self.history.run(watched.run_id).state is State.CANCELLING
        if cancelling and state in {State.CRASHED, State.SKIPPED}:
            state = State.CANCELLED
        may = state in {State.FAILED, State.CRASHED} and not cancelling
        if may and watched.attempt <= watched.launch.retries:
            self._try_again(watched, reason)
            return
        if state is State.CANCELLED:
            by = self.history.run(watched.run_id).cancel_by
            reason = f"cancelled by {by}" if by else reason
        if not self.recorder.settle(watched.run_id, state, reason, **told):
            # Somebody asked it to stop in this very moment: that is all it may still become.
            self.recorder.moves.move(watched.run_id, State.CANCELLED, watched.fence, reason)

    def _drain(self, watched: Watched) -> None:
        """Hear the rest of what a process has said."""
        for file in (watched.events, watched.output):
            with suppress(BlockingIOError):
                while content := os.read(file, _CHUNK):
                    taken = watched.lines if file == watched.events else watched.text
                    each = self._take if file == watched.events else self._take_output
                    for line in taken.take(content):
                        each(watched, line)
            with suppress(KeyError):
                self._selector.unregister(file)
            os.close(file)
        for line in watched.text.last():
            self._take_output(watched, line)

    def _try_again(self, watched: Watched, reason: str | None) -> None:
        launch = watched.launch
        seconds = retry.delay(launch.delays, launch.retries, watched.attempt, 0, chance.fraction())
        due = self._now() + int(seconds * 1000)
        why = f"attempt {watched.attempt} of {launch.retries + 1} failed: {reason}"
        if self.recorder.settle(watched.run_id, State.SCHEDULED, why, due_at=due):
            self._later.append((time.monotonic() + seconds, watched.run_id, launch))
        else:  # it was asked to stop in this very moment
            self.recorder.moves.move(watched.run_id, State.CANCELLED, watched.fence, reason)

    def close(self) -> None:
        """Stop watching; what still runs is ended with the template."""
        self._keeper.stop()
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self.recorder.close()
        self._selector.close()
