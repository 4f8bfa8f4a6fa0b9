"""Run the examples of a page and write what they print into it, so that no page can lie.

    python docs/run_examples.py docs/TOUR.md README.md

Console blocks hold commands (`$ …`, going on after a backslash) and pycon blocks Python (`>>> …`);
those of a page run in one folder, in order. A page whose first line names a demo lake
(`<!-- on a demo lake -->`) runs in one.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from jobs import naming

_BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ON_DEMO = "<!-- on a demo lake -->"
_HOME = "/home/ana"  # stands for the scratch folder
# What differs from run to run: moments, ages, sizes that follow them, seconds, ids.
_CHANGES = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00(:00)?|Z)?"), "MOMENT"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{3}\b"), "CLOCK"),
    (re.compile(r"\b\d+(\.\d+)? m?s\b"), "SECONDS"),
    (re.compile(r"\b(\d+(\.\d+)? (B|kB|MB)|\d+[smh]|now)\b"), "AMOUNT"),
    (re.compile(r"\b(\d{15,}|[0-9a-f]{32}|\d{5}-[0-9a-f-]{36})\b"), "ID"),
    (re.compile(rf"\b({'|'.join(naming.FIRST)})-({'|'.join(naming.SECOND)})\b"), "RUN"),
    (re.compile(r"\b(held|process) \d+\b"), "NUMBER"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
)
_SESSION = """
import contextlib, io, json, sys
names = {}
for source in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "<example>", "single"), names)
    sys.stdout.write(json.dumps(out.getvalue()) + "\\n")
"""


def main() -> None:
    """Rewrite the pages that are named."""
    for name in sys.argv[1:]:
        page = Path(name)
        with tempfile.TemporaryDirectory() as scratch:
            page.write_text(shown(page.read_text("utf-8"), Path(scratch)), encoding="utf-8")


def shown(page: str, home: Path) -> str:
    """The text of a page with the output of its examples, which run in `home`/lake."""
    lake = home / "lake"
    lake.mkdir()
    if page.startswith(_ON_DEMO):
        _run("lakectl demo . --no-ui", lake)
    return _BLOCK.sub(lambda found: f"```{found[1]}\n{_block(found[1], found[2], lake)}```", page)


def comparable(page: str) -> str:
    """A page without what differs from run to run."""
    for pattern, word in _CHANGES:
        page = pattern.sub(word, page)
    return page


def _block(kind: str, text: str, lake: Path) -> str:
    return _python(text, lake) if kind == "pycon" else _console(text, lake)


def _console(text: str, lake: Path) -> str:
    out, lines = "", iter(text.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            continue  # the output of another time
        command = [line]
        while command[-1].endswith("\\"):
            command.append(next(lines))
        while "<<" in command[0] and command[-1] != "> END":  # a text that goes to the command
            command.append(next(lines))
        text = "\n".join(re.sub(r"^> ?", "", line) for line in command)
        out += "\n".join(command) + "\n" + _run(text[2:], lake)
    return out


def _run(command: str, lake: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=lake,
        env={"PATH": path, "HOME": str(lake.parent), "COLUMNS": "100", "LAKECTL_OUTPUT": "table"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return _plain(ran.stdout, lake)


def _plain(text: str, lake: Path) -> str:
    lines = [line.rstrip() for line in text.replace(str(lake.parent), _HOME).splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _python(text: str, lake: Path) -> str:
    examples = doctest.DocTestParser().get_examples(text)
    ran = subprocess.run(
        [sys.executable, "-c", _SESSION],
        cwd=lake,
        input=json.dumps([e.source for e in examples]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    out = ""
    for example, line in zip(examples, ran.stdout.splitlines(), strict=True):
        first, *rest = example.source.splitlines()
        out += "\n".join([f">>> {first}", *(f"... {more}" for more in rest)]) + "\n"
        out += _plain(json.loads(line), lake)
    return out


if __name__ == "__main__":
    main()
