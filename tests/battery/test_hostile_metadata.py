"""Metadata files that somebody with rights in the bucket has written: nothing is run or called."""

from __future__ import annotations

import random
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_metadata
import pyarrow as pa
import pytest
from battery_table import Figure
from hostile_metadata import CASES, Case, Places
from lake_builder import opened

import lakectl
from catalog.errors import LakeError

_SECRET = "canary-8d1f"


@dataclass(frozen=True, slots=True)
class _Stage:
    """A lake with n.t (1 and 2, v2) and n.other, and all that must not be touched."""

    folder: Path
    places: Places
    server: socket.socket
    proof: Path  # made by the module that nobody may import

    def calls(self) -> int:
        """How often the server was called since it was asked last."""
        number = 0
        while True:
            try:
                self.server.accept()[0].close()
            except BlockingIOError:
                return number
            number += 1


@pytest.fixture
def stage(fresh_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Stage]:
    folder, proof = tmp_path / "lake", tmp_path / "proof"
    shutil.copytree(fresh_lake, folder)
    (tmp_path / "evil_module.py").write_text(f"open({str(proof)!r}, 'w').close()\nEvil = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with opened(folder) as lake:
        for name in ("n.t", "n.other"):
            lake.dataset(name).append(pa.table({"a": [1]}))
            lake.dataset(name).append(pa.table({"a": [2]}))
        home = Path(lake.describe("n.t").location)
        other = lake.describe("n.other").location
    outside = tmp_path / "outside"
    shutil.copytree(home / "metadata", outside)
    for path in outside.iterdir():
        path.write_bytes(path.read_bytes() + _SECRET.encode())
    (home / "metadata/link").symlink_to(outside)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield _Stage(folder, Places(url, outside, other), server, proof)


def _asked(lake: lakectl.Lake) -> dict[str, Any]:
    """What comes of everything that reads n.t: an error of the lake, or what it gave."""
    found: dict[str, Any] = {}
    for verb, ask in {
        "doctor": lambda: [f.dataset for f in lake.doctor().report.findings],
        "show": lambda: lake.describe("n.t").summary.rows,
        "versions": lambda: len(lake.versions("n.t")),
        "schema": lambda: len(lake.schemas("n.t")),
        "preview": lambda: lake.preview("n.t").rows,
        "sql": lambda: lake.sql("SELECT a FROM n.t").rows,
        "append": lambda: lake.dataset("n.t").append(pa.table({"a": [3]})).version,
    }.items():
        try:
            found[verb] = ask()
        except LakeError as error:
            found[verb] = error
        except Exception as error:  # noqa: BLE001 - just what must not be
            found[verb] = f"{type(error).__name__}: {str(error)[:200]}"
    return found


def _faults_of(found: dict[str, Any], case: Case) -> Iterator[str]:
    """What is wrong with what came of everything that reads n.t."""
    for verb, came in found.items():
        said = came.message if isinstance(came, LakeError) else str(came)
        if isinstance(came, str) or _SECRET in said:
            yield f"{verb}: {said}"
    read, told = found["preview"], found["doctor"]
    if case.refused is None:
        if isinstance(read, LakeError) or not {(1,), (2,)} <= set(read):
            yield f"preview: {read}"
    elif not isinstance(read, LakeError) or case.refused not in read.message:
        yield f"preview gives {read!r}, and no word of {case.refused!r}"
    elif not isinstance(found["append"], LakeError):
        yield "rows were added to it"
    elif "n.t" not in told:
        yield f"doctor tells of {told} only"


def _faults(stage: _Stage, lake: lakectl.Lake, case: Case, number: int) -> Iterator[str]:
    """What is wrong with how the lake takes a hostile file."""
    store = stage.folder / ".lakectl/lake.db"
    whole = store.read_bytes()
    sound = Path(lake.describe("n.t").metadata_location)
    evil = hostile_metadata.write(case, sound, stage.places, number)
    with lake.handles.database.write() as conn:
        moved = "UPDATE iceberg_tables SET metadata_location = ? WHERE table_name = 't'"
        conn.exec_driver_sql(moved, (str(evil),))
    yield from _faults_of(_asked(lake), case)
    if lake.sql("SELECT sum(a) FROM n.other").rows != ((3,),) or not lake.ls():
        yield "the other table is not usable"
    lake.handles.close()
    evil.unlink()
    store.write_bytes(whole)
    if stage.calls():
        yield "the server was called"
    if stage.proof.exists() or "evil_module" in sys.modules:
        yield "the module was imported"


@pytest.mark.parametrize("few", [15, pytest.param(None, marks=pytest.mark.battery)])
def test_hostile_metadata_run_call_and_read_nothing(
    stage: _Stage, chance: random.Random, figure: Figure, few: int | None
) -> None:
    beside = {p.name for p in stage.folder.parent.iterdir()}
    cases = chance.sample(CASES, few) if few else CASES
    with opened(stage.folder) as lake:
        faults = [
            f"{case.what}: {fault}"
            for number, case in enumerate(cases, 100)
            for fault in _faults(stage, lake, case, number)
        ]
    assert not faults, "\n".join(faults)
    assert {p.name for p in stage.folder.parent.iterdir()} == beside
    unseen = sum(case.refused is None for case in cases)
    figure(
        "S3",
        f"{len(cases)} of {len(CASES)} hostile metadata files",
        f"0 imports, 0 connections, 0 bytes read outside; {unseen} not believed and read past, "
        f"{len(cases) - unseen} refused by name and told by `doctor`; the other table usable",
    )
