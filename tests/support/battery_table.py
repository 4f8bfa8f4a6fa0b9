"""The battery's own table: what each proof was put through and what came of it.

A plugin of pytest. A test of tests/battery calls the fixture `figure` with what it counted; the
figures of all of them are printed at the end, and with ``--figures PAGE`` written into that page,
between its two marks. Chance comes from the fixture `chance`, which ``--seed`` decides.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import pytest

_SEED = 20261121
_BEGIN, _END = "<!-- figures -->\n", "<!-- end of figures -->\n"
_HEAD = "| proof | put through | what came of it |\n|---|---|---|\n"
_ROW = re.compile(r"\| (?P<code>[A-Z]\d+) \|.*\n")


class Figure(Protocol):
    """Tells what a proof was put through and what came of it; counts, not opinions."""

    def __call__(self, code: str, put_through: str, came_of_it: str) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("battery")
    group.addoption("--seed", type=int, default=_SEED, help="decides every random choice")
    group.addoption("--figures", type=Path, metavar="PAGE", help="write the figures into a page")


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.getoption('seed')}"


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random choices that ``--seed`` repeats; another test's choices do not change them."""
    seed = request.config.getoption("seed")
    request.node.add_report_section("setup", "seed", f"--seed {seed}")
    return random.Random(f"{seed} {request.node.nodeid}")


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Add a line to the battery's table; a proof that fails adds none."""

    def tell(code: str, put_through: str, came_of_it: str) -> None:
        assert "|" not in put_through + came_of_it
        request.node.user_properties.append(("figure", (code, put_through, came_of_it)))

    return tell


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "figure" and report.when == "call"
    ]
    if not rows:
        return
    lines = [f"| {' | '.join(row)} |\n" for row in sorted(rows, key=lambda r: _place(r[0]))]
    terminalreporter.section("what the battery counted")
    terminalreporter.write("".join(lines))
    if page := config.getoption("figures"):
        _write(page, lines)


def _place(code: str) -> tuple[int, int]:
    """Where a proof stands in the study's order: lake, bad input, SQL, terminal."""
    return ("LRBST".find(code[0]), int(code[1:]))


def _write(page: Path, lines: Iterable[str]) -> None:
    """Put the lines in place of those of the same proofs; a proof that did not run keeps its."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    table, _, after = rest.partition(_END)
    new = list(lines)
    ran = {_code(line) for line in new}
    kept = [match[0] for match in _ROW.finditer(table) if match["code"] not in ran]
    whole = sorted([*kept, *new], key=lambda line: _place(_code(line)))
    page.write_text(f"{before}{_BEGIN}\n{_HEAD}{''.join(whole)}\n{_END}{after}", encoding="utf-8")


def _code(line: str) -> str:
    found = _ROW.fullmatch(line)
    assert found is not None, line
    return found["code"]
