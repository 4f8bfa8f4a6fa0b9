"""The wheel holds exactly what a person needs to run lakectl."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import lakectl

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("lakectl", "screens", "jobs", "catalog")
_KINDS = {".py", ".tcss", ".mako", ".typed"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the wheel, built by pip from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*_PACKAGES, "tests"):
        shutil.copytree(_ROOT / name, source / name, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (_ROOT / name).exists():
            shutil.copy(_ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    built = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def _expected() -> set[str]:
    files = (p for package in _PACKAGES for p in (_ROOT / package).rglob("*") if p.is_file())
    return {
        str(p.relative_to(_ROOT))
        for p in files
        if p.suffix in _KINDS and "__pycache__" not in p.parts
    }


def test_the_wheel_holds_the_four_packages_whole_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {n for n in wheel.namelist() if ".dist-info/" not in n}
    assert names - _expected() == set()
    assert _expected() - names == set()
    assert {n.split("/")[0] for n in names} == set(_PACKAGES)


def test_the_wheel_carries_migrations_and_styles(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert "catalog/metadata/migrations/env.py" in names
    assert "catalog/metadata/migrations/versions/0001_first.py" in names
    assert any(n.startswith("screens/") and n.endswith(".tcss") for n in names)


def test_the_wheel_tells_its_version_licence_and_command(wheel: zipfile.ZipFile) -> None:
    folder = next(n.split("/")[0] for n in wheel.namelist() if ".dist-info/" in n)
    told = message_from_string(wheel.read(f"{folder}/METADATA").decode())
    assert told["Name"] == "lakectl"
    assert told["Version"] == lakectl.__version__
    assert told["License-Expression"] == "Apache-2.0"
    assert "lakectl = lakectl.__main__:main" in wheel.read(f"{folder}/entry_points.txt").decode()
