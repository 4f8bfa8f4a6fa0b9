"""Whatever SQL is typed: it reads what it names, and does nothing else, however it is locked."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_sql
import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import opened
from lake_shell import ForkingShell, Server, files_of

import lakectl
from catalog.engine import box, landlock
from catalog.errors import LakeError

_CANARY = "canary-6f3a"
_SETTINGS = "SELECT name, value FROM duckdb_settings() ORDER BY name"
_UNLOCKED = "from catalog.engine import landlock; landlock.available = lambda: 0; "


@dataclass(frozen=True, slots=True)
class _Stage:
    """A lake with nyc.trips and a dataset that nobody names, and what lies around it."""

    home: Path  # of everything that is watched
    words: dict[str, str]
    server: socket.socket

    @property
    def folder(self) -> Path:
        return self.home / "lake"

    def statements(self) -> list[str]:
        found = []
        for text in hostile_sql.STATEMENTS:
            for name, value in self.words.items():
                text = text.replace("{" + name + "}", value)
            found.append(text)
        return found

    def was_called(self) -> bool:
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def stage(fresh_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Stage]:
    home = tmp_path / "home"
    shutil.copytree(fresh_lake, home / "lake")
    out = home / "out"
    out.mkdir()
    for name in ("secret.txt", "secret.csv"):
        (out / name).write_text(f"a\n{_CANARY}\n")
    with (home / "lake/lakectl.toml").open("a") as file:
        file.write(f"# {_CANARY}\n")
    with opened(home / "lake") as lake:
        lake.dataset("nyc.trips").append(pa.table({"id": [1, 2, 3]}))
        lake.dataset("nyc.secrets").append(pa.table({"text": [_CANARY]}))
        with lake.handles.database.write() as conn:
            conn.exec_driver_sql("UPDATE datasets SET owner = ?", (_CANARY,))
        paths = {n: _file(lake, n) for n in ("nyc.trips", "nyc.secrets")}
    link = Path(paths["nyc.trips"]).with_name("link.txt")
    link.symlink_to(out / "secret.txt")
    monkeypatch.setenv("CANARY", _CANARY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = str(server.getsockname()[1])
        words = {"out": str(out), "file": paths["nyc.trips"], "other": paths["nyc.secrets"],
                 "lake": str(home / "lake"), "link": str(link), "port": port,
                 "url": f"http://127.0.0.1:{port}"}  # fmt: skip
        yield _Stage(home, words, server)


def _file(lake: lakectl.Lake, name: str) -> str:
    dataset = lake.describe(name)
    return lake.handles.reader.files(dataset, dataset.snapshot_id)[0].path


def _faults(
    stage: _Stage, ask: Callable[[str], tuple[bool, str]], *, gated: bool = True
) -> tuple[int, list[str]]:
    """(statements refused, what is wrong); `ask` tells whether it was answered, and with what."""
    before = files_of(stage.home)
    faults, refused = [], 0
    probes = len(hostile_sql.PROBES)
    for number, text in enumerate(stage.statements()):
        answered, said = ask(text)
        refused += not answered
        if gated and answered and number < len(hostile_sql.STATEMENTS) - probes:
            faults.append(f"{text} was answered: {said[:200]}")
        if _CANARY in said or "root:" in said or (answered and "secret.txt" in said):
            faults.append(f"{text} shows {said[:300]}")
        if stage.was_called():
            faults.append(f"{text} called the server")
        after = files_of(stage.home)
        if after != before:
            faults.append(f"{text} changed {set(after.items()) ^ set(before.items())}")
            before = after
    return refused, faults


def _in_box(lake: lakectl.Lake, file: str, *, gated: bool) -> Callable[[str], tuple[bool, str]]:
    """Ask the box; without its gate, the statement goes to the child as it is."""
    prefix = "" if landlock.available() else "lake://"

    def ask(text: str) -> tuple[bool, str]:
        try:
            if gated:
                return True, repr(lake.sql(text, deadline=60).rows)
            plan = box.Plan(text.replace(file, prefix + file), (), (prefix + file,))
            return True, repr(lake.box.ask(plan, 100, 60).rows)
        except LakeError as error:
            return False, f"{error.message} {error.hint}"

    return ask


def _unlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Landlock away, here and in the child of the box."""
    real = subprocess.Popen

    def popen(words: list[str], **more: Any) -> Any:
        start = words[-1].replace("box_child.main()", _UNLOCKED + "box_child.main()")
        return real([*words[:-1], start], **more)

    monkeypatch.setattr(landlock, "available", lambda: 0)
    monkeypatch.setattr(box.subprocess, "Popen", popen)


_COUNT = len(hostile_sql.STATEMENTS)


@pytest.mark.parametrize(
    ("locked", "gated"),
    [
        pytest.param(True, True, id="landlock-gate"),
        pytest.param(False, False, id="no-landlock-no-gate"),
        pytest.param(True, False, id="landlock-no-gate", marks=pytest.mark.battery),
        pytest.param(False, True, id="no-landlock-gate", marks=pytest.mark.battery),
    ],
)
def test_no_statement_gets_out_of_the_box(
    stage: _Stage, monkeypatch: pytest.MonkeyPatch, figure: Figure, locked: bool, gated: bool
) -> None:
    if not locked:
        _unlock(monkeypatch)
    with opened(stage.folder) as lake:
        settings = lake.sql(_SETTINGS).rows
        variable_in_python = [1]
        assert variable_in_python
        refused, faults = _faults(
            stage, _in_box(lake, stage.words["file"], gated=gated), gated=gated
        )
        assert not faults, "\n".join(faults)
        assert lake.sql(_SETTINGS).rows == settings
        assert lake.sql("SELECT sum(id) FROM nyc.trips").rows == ((6,),)
    figure(
        "S1",
        f"{_COUNT} statements in the box, {'with' if locked else 'without'} Landlock, "
        f"{'with' if gated else 'without'} the gate",
        f"{refused} refused, {_COUNT - refused} answered harmlessly; 0 bytes read outside, 0 "
        "changed, 0 connections, 0 settings changed, 0 files made",
    )


@pytest.mark.battery
@pytest.mark.parametrize("locked", [True, False], ids=["landlock", "no-landlock"])
def test_no_statement_of_the_command_gets_out(
    stage: _Stage, fresh_lake: Path, figure: Figure, locked: bool
) -> None:
    server = Server("a_forking_command.py", fresh_lake, {"CANARY": _CANARY})
    shell = ForkingShell(stage.folder, server)
    env = {} if locked else {"WITHOUT_LANDLOCK": "1"}

    def ask(text: str) -> tuple[bool, str]:
        ran = shell.run("sql", text, "-o", "json", env=env)
        assert ran.code in {0, 1, 2, 3, 4, 5, 6}, ran
        assert "Traceback" not in ran.err
        return ran.code == 0, ran.out + ran.err

    try:
        refused, faults = _faults(stage, ask)
        assert not faults, "\n".join(faults)
        assert "6" in ask("SELECT sum(id) AS s FROM nyc.trips")[1]
    finally:
        server.close()
    figure(
        "S1",
        f"{_COUNT} statements to `lakectl sql`, {'with' if locked else 'without'} Landlock",
        f"{refused} refused, {_COUNT - refused} answered harmlessly; 0 bytes read outside, 0 "
        "changed, 0 connections, 0 files made",
    )
