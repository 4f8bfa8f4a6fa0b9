"""The way in and the way out: what is loaded first, and what a crash leaves behind."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

from screens.start import report


def test_a_crash_report_shows_places_and_no_values():
    def fail():
        password = "hunter2"
        raise ValueError(password)

    try:
        fail()
    except ValueError as error:
        told = report(error)
    assert "ValueError" in told
    assert "test_start.py" in told
    assert "hunter2" not in told


_RUN = """
import sys
from lakectl.dashboard import LakeBackend
from lakectl.root import open_lake
from screens.start import run

class Broken(LakeBackend):
    def summaries(self, limit=None):
        secret = "hunter2"
        raise KeyError(secret)

backend = Broken if sys.argv[2] == "broken" else LakeBackend
sys.exit(run(backend(open_lake(sys.argv[1]))))
"""


def _in_terminal(lake, kind, answers=()):
    """Run the dashboard in a terminal that tells no size; answer texts that appear with keys.

    Returns:
        The exit code and everything that was written.
    """
    parent, child = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(lake.settings.root), kind],
        stdin=child, stdout=child, stderr=child, env=env, start_new_session=True,
    )  # fmt: skip
    os.close(child)
    waiting, heard, since = list(answers), b"", time.monotonic()
    while time.monotonic() - since < 60:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        heard += part
        if not part:
            break
        if waiting and waiting[0][0] in heard:
            os.write(parent, waiting.pop(0)[1])
    else:
        process.kill()
    os.close(parent)
    return process.wait(30), heard.decode("utf-8", "replace")


def test_q_leaves_at_once_with_0_and_a_clean_terminal(lake):
    code, heard = _in_terminal(lake, "whole", [(b"raw.hostile", b"q")])
    assert code == 0
    assert heard.endswith("l")
    assert "\x1b[?1049l" in heard
    assert len(heard) < 200_000


def test_a_crash_restores_the_terminal_and_leaves_with_70(lake):
    code, heard = _in_terminal(lake, "broken")
    assert code == 70
    assert "KeyError" in heard
    assert "hunter2" not in heard
    assert heard.rindex("\x1b[?1049l") < heard.rindex("The dashboard stopped")


def test_the_first_screen_loads_no_widget_that_it_does_not_show():
    heavy = (
        "textual.widgets._text_area textual.widgets._data_table textual.widgets._header "
        "textual.widgets._footer screens.query screens.dataset "
        "jobs.model screens.runs screens.run screens.flows screens.launch "
        "duckdb pyarrow pyiceberg sqlalchemy pandas"
    ).split()
    probe = (
        "import sys, screens.app, lakectl.dashboard; "
        "print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", probe, *heavy],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == "[]"
