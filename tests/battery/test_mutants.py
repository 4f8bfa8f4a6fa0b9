"""Bits flip, files are cut, parts change places: damage is found, and never shown as data."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from battery_table import Figure
from lake_builder import opened
from lake_shell import ForkingShell
from stories import forget, mutant

import lakectl
from catalog.errors import LakeError

Damage = Callable[[Path], bytes]


@pytest.fixture
def story(forked: ForkingShell) -> ForkingShell:
    """n.t with four versions of all kinds, and n.u, which nobody damages."""
    with opened(forked.cwd) as lake:
        handle = lake.dataset("n.t")
        handle.merge(pa.table({"a": [2, 3], "b": [20, 30]}), key=["a"])
        wide = pa.table({"a": list(range(2000)), "b": [n * 7 for n in range(2000)]})
        handle.append(wide)
        lake.tag("n.t", "gold", 3)
        lake.dataset("n.u").append(pa.table({"a": [1]}))
    return forked


def _files(folder: Path, suffixes: set[str]) -> list[Path]:
    with opened(folder) as lake:
        root = Path(lake.describe("n.t").location)
    return sorted(p for p in root.rglob("*") if p.is_file() and p.suffix in suffixes)


def _rows(lake: lakectl.Lake, name: str = "n.t") -> list[str]:
    return sorted(map(str, lake.to_arrow(name).to_pylist()))


@pytest.mark.parametrize("mutants", [15, pytest.param(1000, marks=pytest.mark.battery)])
def test_a_damaged_data_file_is_found_and_not_read(
    story: ForkingShell,
    chance: random.Random,
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
    mutants: int,
) -> None:
    files = {path: path.read_bytes() for path in _files(story.cwd, {".parquet"})}
    monkeypatch.setenv("LAKECTL_VERIFY", "1")
    kinds: Counter[str] = Counter()
    with opened(story.cwd) as lake:
        before = _rows(lake)
        newest = lake.describe("n.t")
        live = {f.path for f in lake.handles.reader.files(newest, newest.snapshot_id)}
        assert 0 < len(live) < len(files)
    for number in range(mutants):
        path = chance.choice(list(files))
        how, data = mutant(files[path], chance)
        path.write_bytes(data)
        where = f"mutant {number}: {how} of {path.name}"
        with opened(story.cwd) as lake:
            found = [f.path for f in lake.doctor(verify=True).report.findings]
            assert found == [str(path)], where
            for read in (lambda lake=lake: _rows(lake), lambda lake=lake: _asked(lake)):
                if str(path) in live:
                    with pytest.raises(LakeError, match=path.name):
                        read()
                else:
                    assert read() == before, where
            assert _rows(lake, "n.u") == ["{'a': 1}"]
        if number % 20 == 0:  # the commands, without verification: they may fail, and not die
            for words in (("preview", "n.t"), ("stats", "n.t"), ("sql", "FROM n.t")):
                ran = story.run(*words)
                assert ran.code in {0, 1}, (where, words, ran.code, ran.err)
                assert "Traceback" not in ran.err, where
        path.write_bytes(files[path])
        kinds[how] += 1
    figure(
        "L11",
        f"{mutants} mutants of data files ({_told(kinds)})",
        f"{mutants} found by `doctor --verify`, each by its path; with verification on none read; "
        "without it no command died",
    )


def _asked(lake: lakectl.Lake) -> list[str]:
    found = lake.sql("FROM n.t", limit=10_000)
    return sorted(str(dict(zip(found.columns, row, strict=True))) for row in found.rows)


@pytest.mark.parametrize(
    ("mutants", "repairs"), [(15, 3), pytest.param(1000, 100, marks=pytest.mark.battery)]
)
def test_damaged_metadata_is_found_named_and_mended(
    story: ForkingShell,
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
    mutants: int,
    repairs: int,
) -> None:
    files = {path: path.read_bytes() for path in _files(story.cwd, {".json", ".avro"})}
    shutil.copytree(story.cwd, tmp_path / "before")
    kinds: Counter[str] = Counter()
    with opened(story.cwd) as lake:
        before = _rows(lake)
        versions = [v.version for v in lake.versions("n.t")]
    for number in range(mutants):
        path = chance.choice(list(files))
        how, data = mutant(files[path], chance)
        path.write_bytes(data)
        where = f"mutant {number}: {how} of {path.name}"
        forget()
        with opened(story.cwd) as lake:
            seen = lake.doctor(verify=True)
            named = {f.path for f in seen.report.findings if f.severity != "litter"}
            assert named == {str(path)}, (where, seen.report.findings)
            assert _rows(lake) == before, where  # our own tables know the files of each version
            assert _rows(lake, "n.u") == ["{'a': 1}"]
            if number < repairs:
                for step in lake.repairs(seen):
                    step.do()
        if number < repairs:
            forget()
            with opened(story.cwd) as lake:
                assert lake.doctor(verify=True).report.is_sound, where
                assert [v.version for v in lake.versions("n.t")] == versions, where
                assert _rows(lake) == before, where
                lake.dataset("n.t").append(pa.table({"a": [-1], "b": [-1]}))
            shutil.rmtree(story.cwd)
            shutil.copytree(tmp_path / "before", story.cwd)
        path.write_bytes(files[path])
        kinds[how] += 1
    forget()
    figure(
        "L12",
        f"{mutants} mutants of metadata files, lists and manifests ({_told(kinds)}); {repairs} of "
        "them repaired",
        f"{mutants} found by `doctor --verify`, each by its path; rows read the same all the "
        f"while; {repairs} of {repairs} repairs lost no version, and the next load succeeded",
    )


def _told(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {how}" for how, count in sorted(kinds.items()))
