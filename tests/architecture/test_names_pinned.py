"""Our packages have common names; people's own of the same name must not be taken for ours."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import lakectl

_HOME = Path(lakectl.__file__).parent.parent
_SCRIPT = Path(sysconfig.get_path("scripts")) / "lakectl"
_THEIRS = "open('theirs-ran', 'w').close()\nfrom nowhere import nothing\n"


@pytest.fixture(params=["catalog.py", "catalog/__init__.py", "jobs/__init__.py", "screens.py"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder in which somebody has a package or module called like one of ours."""
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    path.write_text(_THEIRS)
    return tmp_path


def _run(project: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "."}
    return subprocess.run(
        list(map(str, command)),
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "lakectl", "init", "lake"],
        [_SCRIPT, "init", "lake"],
        [sys.executable, "-c", "import lakectl; lakectl.init('lake'); lakectl.open('lake').ls()"],
    ],
    ids=["module", "script", "library"],
)
def test_ours_win_beside_a_project_that_has_the_name(
    project: Path, command: list[str | Path]
) -> None:
    ran = _run(project, *command)
    assert ran.returncode == 0, ran.stderr
    assert (project / "lake" / "lakectl.toml").exists()
    assert not (project / "theirs-ran").exists()
    listed = (
        _run(project, *command[:-2], "--lake", "lake", "ls", "-o", "json")
        if "init" in command
        else None
    )
    assert listed is None or listed.stdout.strip() == "[]"


def test_a_query_in_the_box_is_not_led_astray_either(project: Path) -> None:
    assert _run(project, _SCRIPT, "init", "lake").returncode == 0
    ran = _run(project, _SCRIPT, "--lake", "lake", "sql", "SELECT 1 AS one", "-o", "json")
    assert ran.stdout.strip().replace(" ", "").replace("\n", "") == '[{"one":1}]', ran.stderr
    code = "import lakectl; print(lakectl.open('lake').sql('SELECT 1').rows)"
    assert _run(project, sys.executable, "-c", code).stdout.strip() == "((1,),)"
    assert not (project / "theirs-ran").exists()


@pytest.mark.parametrize("name", ["catalog", "jobs", "screens"])
def test_theirs_imported_first_is_refused_with_both_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("mine = True\n")
    code = f"import {name}, lakectl; lakectl.LakeError"
    ran = _run(tmp_path, sys.executable, "-c", code)
    assert ran.returncode != 0
    said = ran.stderr.strip().splitlines()[-1]
    assert said.startswith("ImportError")
    assert str(tmp_path / f"{name}.py") in said
    assert str(_HOME / name / "__init__.py") in said


def test_ours_imported_first_are_taken_as_they_are(tmp_path: Path) -> None:
    code = "import catalog.errors, lakectl; assert lakectl.LakeError is catalog.errors.LakeError"
    ran = _run(tmp_path, sys.executable, "-c", code)
    assert ran.returncode == 0, ran.stderr
