"""Whatever others wrote into the lake, a terminal hears nothing of it but text."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from battery_table import Figure
from hostile_lake import BAD, CELLS, COLUMNS, EVERY, NAMED, NAMES, TOLD, picture
from lake_shell import Shell, command, environment
from payloads import PAYLOADS, seen
from terminal import Terminal
from vt_parser import COMMAND, JSON, TSV, Manners, violations

_SOME = pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.battery)])
# What shows payloads, and which.
_SHOWING: tuple[tuple[tuple[str, ...], frozenset[int]], ...] = (
    (("ls", "note"), EVERY),
    (("ls", "-o", "wide"), EVERY),
    (("ls", "nameless"), EVERY),
    (("show", TOLD), EVERY),
    (("show", COLUMNS), NAMED),
    (("show", "note.n07", "-o", "wide"), frozenset({7})),
    (("schema", COLUMNS), NAMED),
    (("schema", COLUMNS, "--history", "-o", "wide"), NAMED),
    (("versions", TOLD), EVERY),
    (("versions", TOLD, "-o", "wide"), EVERY),
    (("versions", CELLS, "-o", "wide"), EVERY),
    (("search", "note", "-o", "wide"), EVERY),
    (("preview", CELLS, "-n", "99"), EVERY),
    (("preview", CELLS, "-n", "99", "-o", "csv"), EVERY),
    (("preview", CELLS, "-n", "99", "-o", "tsv"), EVERY),
    (("preview", CELLS, "-n", "99", "-o", "md"), EVERY),
    (("preview", CELLS, "-n", "99", "-o", "json"), EVERY),
    (("preview", CELLS, "-n", "99", "-o", "jsonl"), EVERY),
    (("preview", COLUMNS, "-o", "wide"), NAMED),
    (("preview", COLUMNS, "-o", "tsv"), NAMED),
    (("preview", f"{BAD}_quarantine", "-n", "99", "-o", "wide"), NAMED),
    (("stats", CELLS, "-o", "wide"), frozenset({0, 39})),
    (("stats", COLUMNS), NAMED),
    (("diff", CELLS, "1", "2", "-n", "99"), EVERY),
    (("diff", COLUMNS, "1", "2"), NAMED),
    (("sql", f"FROM {CELLS}"), EVERY),
    (("sql", f"FROM {COLUMNS}", "-o", "json"), NAMED),
    (("doctor",), EVERY),
    (("doctor", "-o", "json"), EVERY),
    (("export", CELLS, "--to", "out.csv", "--format", "csv"), frozenset()),
)
# Commands that quote what they were told; X stands for the payloads.
_QUOTING = (
    "X", "--X", "--lake X ls", "--profile X ls", "ls X", "ls a.X", "show X", "schema X",
    "versions X", "search X", "preview X", f"preview {CELLS} --at X", "stats X",
    f"diff {CELLS} X", f"diff {CELLS} 1 2 --key X", "sql X", "sql -f X",
    "sql SELECT_1_AS_X", "sql SELECT_error(X)", "sql SELECT_*_FROM_X", "ingest X --into a.b",
    "ingest bad.csv --into X", "ingest bad.csv --into a.b --mode X",
    "ingest bad.csv --into a.b --mode merge --key X", "ingest bad.csv --into a.b --select X",
    "ingest bad.csv --into a.b --partition-by X", "ingest bad.csv --into a.b --delimiter X",
    "ingest bad.csv --into a.b --encoding X", "ingest bad.csv --into a.b --branch X",
    "ingest bad.csv --into a.b --format X", f"rollback {CELLS} --to X", "rollback X --to 1",
    "undo X --yes", f"tag {CELLS} X", "tag X gold", f"tag {CELLS} X --delete", f"branch {CELLS} X",
    "annotate X --owner a", f"annotate {CELLS} --label =X", f"annotate {CELLS} --column X=1",
    f"rename {CELLS} X", "rename X a.b", "drop X --yes", "undrop X", f"export {CELLS} --to X",
    f"export {CELLS} --to a --format X", "export X --to a.csv", "doctor X", "init X", "ls -o X",
    "--debug show X", "--debug sql X", "-o json show X",
)  # fmt: skip
_VARIABLES = ("LAKECTL_LAKE", "LAKECTL_PROFILE", "LAKECTL_DATABASE", "LAKECTL_OUTPUT")


@pytest.fixture
def unchanged(evil_lake: Shell) -> Iterator[Shell]:
    """The lake full of payloads, which must be the same afterwards."""
    before = picture(evil_lake.cwd)
    yield evil_lake
    assert picture(evil_lake.cwd) == before


def _on_terminal(
    shell: Shell, *words: str, env: dict[str, str] | None = None, size: tuple[int, int] = (200, 60)
) -> Terminal:
    """What a command says on a terminal; stdin answers `n` to a question."""
    surroundings = environment(shell.cwd, env)
    for name in ("COLUMNS", "LINES"):  # the terminal tells its size itself
        surroundings.pop(name, None)
    with Terminal([*command(), *words], shell.cwd, surroundings, size) as terminal:
        terminal.send(b"n\n")
        terminal.end()
    return terminal


def _manners(words: tuple[str, ...]) -> Manners:
    if {"json", "jsonl"} & set(words):
        return JSON
    return TSV if "tsv" in words else COMMAND


def _heard(terminal: Terminal, words: tuple[str, ...]) -> list[str]:
    """What should not have been said; the echo of what was typed is the terminal's own."""
    found = [f"{words}: {v}" for v in violations(terminal.pieces, _manners(words))]
    assert b"Traceback" not in terminal.heard or "--debug" in words
    assert terminal.process.returncode not in {70, -11, -6}, (words, terminal.text())
    return found


@_SOME
def test_no_command_shows_a_payload_as_anything_but_text(
    unchanged: Shell, chance: random.Random, figure: Figure, whole: bool
) -> None:
    shown = 0
    chosen = _SHOWING if whole else chance.sample(_SHOWING, 7)
    for words, which in chosen:
        terminal = _on_terminal(unchanged, *words)
        assert _heard(terminal, words) == []
        assert which <= seen(terminal.text()), words
        shown += len(seen(terminal.text()))
    figure(
        "T1",
        f"{len(chosen)} commands on a terminal, over a lake in which every text is one of "
        f"{len(PAYLOADS)} payloads",
        f"{shown} payloads shown as text; 0 sequences, 0 crashes",
    )


def _words(template: str, text: str) -> tuple[str, ...]:
    quoted = {"SELECT_1_AS_X": f'SELECT 1 AS "{text.replace(chr(34), chr(34) * 2)}"'}
    quoted["SELECT_error(X)"] = "SELECT error('" + text.replace("'", "''") + "')"
    quoted["SELECT_*_FROM_X"] = f'SELECT * FROM "{text.replace(chr(34), chr(34) * 2)}"'
    filled = (quoted.get(w, w.replace("X", text)) for w in template.split())
    if template.startswith("-o json "):
        return (*list(filled)[2:], "-o", "json")
    return tuple(filled)


@_SOME
def test_no_command_says_back_what_it_was_told_as_anything_but_text(
    unchanged: Shell, chance: random.Random, figure: Figure, whole: bool
) -> None:
    every = "".join(NAMES)
    quoting = _QUOTING if whole else chance.sample(_QUOTING, 7)
    told = [_words(template, every) for template in quoting]
    for text in NAMES if whole else chance.sample(NAMES, 2):  # alone, each at some command
        told += [_words(template, text) for template in chance.sample(_QUOTING, 2)]
    for words in told:
        assert _heard(_on_terminal(unchanged, *words), words) == []
    for name in _VARIABLES if whole else _VARIABLES[:1]:
        said = _on_terminal(unchanged, "ls", env={name: every})
        assert _heard(said, (name,)) == []
    for profile in (NAMES[0], NAMES[1], NAMES[4]):
        assert _heard(_on_terminal(unchanged, "--profile", profile, "ls"), ("--profile",)) == []
    figure(
        "T1",
        f"{len(told)} command lines that hold payloads, mistaken ones and whole ones",
        "each said back as text; 0 sequences, 0 crashes, 0 changes",
    )


_RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@_SOME
def test_a_pipe_gets_pictures_in_tables_and_exact_values_in_csv(
    unchanged: Shell, chance: random.Random, whole: bool
) -> None:
    forms = ["table", "wide", "md", "json", "jsonl"]
    for form in forms if whole else chance.sample(forms, 2):
        for name in (CELLS, COLUMNS):
            piped = unchanged.ok("preview", name, "-n", "99", "-o", form).out
            assert not _RAW.search(piped)
            assert seen(piped) >= NAMED
    exact = unchanged.ok("sql", f"SELECT DISTINCT n, text FROM {CELLS}", "-o", "csv").raw
    assert all(text.replace('"', '""').encode() in exact for text in PAYLOADS)
