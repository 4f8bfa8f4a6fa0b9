"""Virtual environments for programs that cannot share ours: another DuckDB, another lake.

They live in the folder named by ``LAKECTL_ORACLE_HOME``, else in ``.oracle/`` at the top of the
repository. Each is made on first use, from the network or from whatever index pip is set up for,
and kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import guarded


def environment(requirements: Sequence[str]) -> Path:
    """Return the Python of the environment that has these, made here if need be.

    Args:
        requirements: What pip is asked for; a change of them, or of our interpreter, makes a new
            environment.

    Returns:
        The interpreter.

    Raises:
        RuntimeError: They could not be had.
    """
    top = Path(__file__).resolve().parents[2]
    home = Path(os.environ.get("LAKECTL_ORACLE_HOME") or top / ".oracle")
    home.mkdir(parents=True, exist_ok=True)
    recipe = "\n".join((*requirements, sys.version, sys.base_prefix))
    folder = home / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    python = folder / "bin" / "python"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ((folder / "complete").exists() and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", folder])
            _run([python, "-I", "-m", "pip", "install", "--quiet", *requirements])
            (folder / "complete").touch()
    return python


def _run(command: list[str | Path]) -> None:
    guard = guarded.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = guard.communicate()
    if guard.returncode:
        words = " ".join(str(word) for word in command)
        raise RuntimeError(f"Making an environment failed: {words}\n{output[-4000:]}")
