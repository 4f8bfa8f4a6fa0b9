"""What the dashboard may order of runs and flows; people's code is imported at a desk apart."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catalog.errors import DeadlineExceeded, InvalidInput, OperationFailed

if TYPE_CHECKING:
    from jobs.model import Effect, FlowInfo
    from lakectl.root import Lake

_SECONDS = 60.0  # for which an answer of the desk is waited for: importing may take its time


class OrderBackend:
    """The part of `screens.backend.Backend` that starts and ends runs; called from threads."""

    _lake: Lake
    _desk: Desk | None = None
    _making_desk = threading.Lock()

    def _ask(self, question: str, **about: Any) -> Any:
        with self._making_desk:
            if self._desk is None:
                self._desk = Desk(self._lake)
        return self._desk.ask(question, **about)

    def close_desk(self) -> None:
        """End the process that imports flows; runs that were started go on."""
        if self._desk is not None:
            self._desk.end()

    def flows(self) -> list[FlowInfo]:
        """What can be run."""
        from jobs.model import FlowInfo, Parameter

        found = []
        for told in self._ask("flows"):
            fields = tuple(
                Parameter(**{**field, "choices": tuple(field["choices"])})
                for field in told.pop("parameters")
            )
            told["tags"] = tuple(told["tags"])
            found.append(FlowInfo(**told, parameters=fields))
        return found

    def check_parameters(self, flow: str, texts: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with a filled form, by field."""
        return dict(self._ask("check", flow=flow, texts=dict(texts)))

    def launch(self, flow: str, texts: Mapping[str, str]) -> str:
        """Start a run apart from this process."""
        return str(self._ask("launch", flow=flow, texts=dict(texts)))

    def rerun(self, run_id: str) -> str:
        """Start the same again."""
        return str(self._ask("rerun", run=run_id))

    def resume(self, run_id: str) -> str:
        """Go on where a run stopped."""
        return str(self._ask("resume", run=run_id))

    def run_form(self, run_id: str) -> Mapping[str, str]:
        """The parameters of a run as a form shows them; a secret is empty, as it is not kept."""
        from jobs import parameters

        kept = self._lake.runs.history.details(run_id).parameters
        texts = parameters.texts_of(kept)
        return {n: "" if parameters.has_masked(kept[n]) else text for n, text in texts.items()}

    def cancel_run(self, run_id: str) -> str:
        """Ask a run to stop."""
        return self._lake.runs.cancel(run_id)

    def undo_effects(self, run_id: str) -> list[Effect]:
        """What undoing a run would do."""
        return list(self._lake.runs.effects(run_id))

    def undo_run(self, run_id: str) -> str:
        """Take back what a run wrote."""
        done = self._lake.runs.undo(run_id)
        if not done:
            return "It wrote nothing that is there."
        return "Undone: " + ", ".join(effect.dataset for effect in done) + "."


class Desk:
    """The process that imports people's flows, started anew when their files have changed."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: tuple[Any, ...] = ()

    def ask(self, question: str, **about: Any) -> Any:
        """The answer to a question.

        Raises:
            InvalidInput: what was asked for makes no sense; in the desk's words.
            OperationFailed: the desk ended, as when a flow file leaves the program.
            DeadlineExceeded: it did not answer for a minute.
        """
        with self._lock:
            process = self._fresh()
            line = json.dumps({"ask": question, **about}).encode() + b"\n"
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(line)
                process.stdin.flush()
                told = json.loads(self._answer(process))
            except (OSError, ValueError) as error:
                self.end()
                raise OperationFailed(
                    "The process that imports flows has ended.", "Look at them: lakectl flow ls"
                ) from error
        if "error" in told:
            raise InvalidInput(told["error"], told["hint"])
        return told["answer"]

    def _answer(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        deadline = time.monotonic() + _SECONDS
        found = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not found.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.end()
                    raise DeadlineExceeded(
                        f"A flow file was not imported within {_SECONDS:.0f} s.",
                        "Look which: lakectl flow ls",
                    )
                part = os.read(process.stdout.fileno(), 1 << 20)
                if not part:
                    raise OSError("the desk has ended")
                found += part
        return bytes(found)

    def _fresh(self) -> subprocess.Popen[bytes]:
        from jobs import loader, template

        files = loader.project_files(self._lake.settings.root)
        seen = tuple((path, path.stat().st_mtime_ns) for path in files)
        alive = self._process is not None and self._process.poll() is None
        if self._process is not None and alive and seen == self._seen:
            return self._process
        self.end()
        self._seen = seen
        found = self._lake.settings
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lakectl.desk", found.profile],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": template.python_path(),
                "LAKECTL_LAKE": str(found.root),
            },
        )
        return self._process

    def end(self) -> None:
        """Let go of the process; the next question starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
