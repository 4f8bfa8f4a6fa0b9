"""The command `lakectl` as a person or a script runs it: a real process in a folder."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATIENCE = 180.0


def command() -> list[str]:
    """The console script beside this interpreter, else the module."""
    script = Path(sys.executable).with_name("lakectl")
    return [str(script)] if script.exists() else [sys.executable, "-m", "lakectl"]


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any word that the lake listens to."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LAKECTL_", "PG", "STORAGE_", "GOOGLE_", "PYTEST_", "COV_"))
    }
    kept |= {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200", "PYTHONUTF8": "1"}
    return kept | dict(more or {})


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    words: tuple[str, ...]
    code: int
    raw: bytes
    err: str
    calls: list[tuple[str, str]] = field(default_factory=list)  # seen by a watch: name, path

    @property
    def out(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error object that `-o json` puts on stderr."""
        (line,) = self.err.splitlines()
        told = json.loads(line)
        assert set(told) == {"error"}, told
        found: dict[str, Any] = told["error"]
        return found


@dataclass
class Shell:
    """A folder to type commands in."""

    cwd: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        *words: str | Path,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Ran:
        """Run `lakectl WORDS` to its end, whatever comes of it."""
        told = [*command(), *(str(word) for word in words)]
        done = subprocess.run(
            told,
            cwd=cwd or self.cwd,
            env=environment(self.cwd, {**self.env, **(env or {})}),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        err = done.stderr.decode("utf-8", "replace")
        return Ran(tuple(told[1:]), done.returncode, done.stdout, err)

    def ok(self, *words: str | Path, stdin: bytes | None = None) -> Ran:
        """Run a command that must succeed."""
        ran = self.run(*words, stdin=stdin)
        assert ran.code == 0, f"{' '.join(ran.words)} -> {ran.code}\n{ran.out}{ran.err}"
        assert "Traceback" not in ran.err
        return ran

    def json(self, *words: str | Path, stdin: bytes | None = None) -> Any:
        """The JSON value of a command that must succeed."""
        return self.ok(*words, "-o", "json", stdin=stdin).json

    def refused(self, code: int, *words: str | Path, stdin: bytes | None = None) -> str:
        """Run a command that must fail so, in one clear sentence; returns what it said."""
        ran = self.run(*words, stdin=stdin)
        assert ran.code == code, f"{' '.join(ran.words)} -> {ran.code}\n{ran.out}{ran.err}"
        assert ran.out == "", f"an error belongs on stderr: {ran.out}"
        assert "Traceback" not in ran.err, ran.err
        assert ran.err.startswith("lakectl: "), ran.err
        first = ran.err.splitlines()[0].removeprefix("lakectl: ")
        assert 10 < len(first) < 600, f"no sentence: {first!r}"
        assert first[-1] in ".?)" or first.endswith("--help"), f"no sentence: {first!r}"
        return ran.err

    def ingest(self, *words: str | Path, stdin: bytes | None = None) -> dict[str, Any]:
        """The report of a load that must succeed."""
        found: dict[str, Any] = self.json("ingest", *words, stdin=stdin)
        return found

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query as objects."""
        found: list[dict[str, Any]] = self.json("sql", query)
        return found

    def one(self, query: str) -> Any:
        """The only value of the only row."""
        (row,) = self.sql(query)
        (value,) = row.values()
        return value

    def file(self, name: str, content: str | bytes | Sequence[str]) -> Path:
        """Write a file into the folder; a list is lines."""
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        else:
            path.write_text("".join(f"{line}\n" for line in content), encoding="utf-8")
        return path

    def picture(self) -> dict[str, Any]:
        """Everything that must stay the same when a command fails: names, versions, bytes."""
        listed = self.json("ls")
        known = {one["name"]: self.json("versions", one["name"]) for one in listed}
        return {"ls": listed, "versions": known, "files": files_of(self.cwd / "warehouse")}


class Server:
    """A process beside us that runs commands: a line of JSON in, a line of JSON out."""

    def __init__(self, script: str, cwd: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(script))],
            cwd=cwd,
            env=environment(cwd, env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: Sequence[str | Path], order: Callable[[list[str]], Any]) -> Ran:
        """What becomes of a command; `order` is what the process is told of its words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = [str(word) for word in words]
        self._process.stdin.write(json.dumps(order(told)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{' '.join(told)} ended its process"
        code, out, err, *seen = json.loads(line)
        said = base64.b64decode(err).decode("utf-8", "replace")
        calls = [(name, path) for name, path in seen[0]] if seen else []
        return Ran(tuple(told), code, base64.b64decode(out), said, calls)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


class WarmShell(Shell):
    """A shell whose commands run one after another in one process; `sql`, which locks it, apart."""

    _server: Server | None = None

    def run(
        self,
        *words: str | Path,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Ran:
        """See `Shell`."""
        if words[0] == "sql" or stdin is not None or env is not None or cwd is not None:
            return super().run(*words, stdin=stdin, env=env, cwd=cwd)
        self._server = self._server or Server("a_warm_command.py", self.cwd, self.env)
        return self._server.run(words, lambda told: told)

    def close(self) -> None:
        """End the process."""
        if self._server is not None:
            self._server.close()


class ForkingShell(Shell):
    """A shell whose commands run each in a fork of a warm process, and may be killed there.

    Args:
        cwd: the folder.
        server: `Server("a_forking_command.py", …)`, which many shells may share.
    """

    def __init__(self, cwd: Path, server: Server) -> None:
        super().__init__(cwd)
        self._server = server

    def run(
        self,
        *words: str | Path,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Ran:
        """See `Shell`; a killed command has the negative number of its signal as its code."""
        if stdin is not None:
            return super().run(*words, stdin=stdin, env=env, cwd=cwd)
        place = str(cwd or self.cwd)
        return self._server.run(words, lambda told: [told, place, dict(env or {}), None])

    def watched(self, *words: str | Path, calls: str = "writes", **order: str | int | Path) -> Ran:
        """Run a command under a watch of its system calls below the folder.

        Args:
            *words: the command.
            calls: `writes`, `reads` or `sockets`.
            **order: `fault` and `number` fail the so-manieth call that the fault can befall;
                `record` is a file for everything that was done.
        """
        watch = {"root": str(self.cwd), "calls": calls}
        watch |= {key: str(v) if isinstance(v, Path) else v for key, v in order.items()}
        return self._server.run(words, lambda told: [told, str(self.cwd), {}, watch])


def files_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
