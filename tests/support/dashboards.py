"""The dashboard in a terminal, and the ways through it on which payloads are shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hostile_lake import CELLS, COLUMNS, EVERY, NAMED, NAMES, TOLD
from lake_shell import command, environment
from payloads import PAYLOADS, seen
from terminal import Terminal, key, paste
from vt_parser import CLIPBOARD, DASHBOARD, Piece, violations

# Sixty lines show forty payloads at once.
LARGE = (200, 60)
_OPENED = "[Schema]"  # the tab that a dataset opens with
_ENDED = re.compile(r"Result · (?:[\d,]+ rows|first [\d,]+ rows|failed)")
_SHOWN_AT_ONCE = NAMED & frozenset(range(30))  # by a screen that keeps some lines for itself


def dashboard(
    folder: Path,
    *words: str,
    size: tuple[int, int] = LARGE,
    program: Sequence[str] | None = None,
    **env: str,
) -> Terminal:
    """The dashboard over the lake in a folder, in colours, nothing pressed yet."""
    surroundings = environment(folder, env)
    for name in ("NO_COLOR", "COLUMNS", "LINES"):  # the terminal tells its size itself
        surroundings.pop(name, None)
    surroundings |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return Terminal([*(program or command()), *words], folder, surroundings, size)


def open_dataset(screen: Terminal, name: str) -> None:
    """Go to a dataset from wherever one is, but an editor."""
    first = len(screen.pieces)
    _filter(screen, name)
    for _ in range(10):  # the first leaves the line of the filter, the next may come too early
        screen.press("enter")
        if _OPENED in screen.text(first):
            return
    raise AssertionError(f"{name} does not open: {screen.text()[-3000:]}")


def _filter(screen: Terminal, text: str) -> None:
    """Go to the list, and type into its empty filter once that is there."""
    screen.press("1", "escape")
    screen.press("/", until="~fuzzy")
    screen.press(text)


def the_list(screen: Terminal) -> None:
    """Owners and labels in the list; one description after the other beside it."""
    _filter(screen, "note.n")
    screen.press("enter", "T", shows=EVERY)
    screen.press("v", "S", "S", "v", "T", "g", "y")
    screen.press("down", "down", "down", shows={2, 3})
    screen.press("?", "escape", "ctrl+p", "n07", "escape")


def names(screen: Terminal) -> None:
    """Datasets whose names nobody could have given them here."""
    _filter(screen, "nameless")
    screen.press("enter")
    screen.press("T", "T", shows=EVERY)
    screen.press("down", "y", "Y")
    screen.press("enter", until="cannot be read")
    screen.press("ctrl+p", "m07", until="m07")
    screen.press("escape", "1", "R", "z", until="Undo the last change?")
    screen.press("escape", "s", until="SELECT")
    screen.press("tab", "escape", "1")


def schema(screen: Terminal) -> None:
    """Names of columns, nested ones too, their comments and how they came to be."""
    open_dataset(screen, COLUMNS)
    screen.press("down", "enter", until="m00")
    screen.press("G", "k", "tab", "down", "G", "y", "?", "escape")
    screen.wait(lambda: seen(screen.text()) >= NAMED, "not every column was shown")


def differences(screen: Terminal) -> None:
    """What differs between two versions: their columns, their rows."""
    open_dataset(screen, COLUMNS)
    screen.press("]", until="Rows of v2 · 2")
    screen.press("G", until="Rows of v1 · 1")
    screen.press("space", until="A = v1")
    screen.press("g", until="Differences", shows={0, 1, 2})
    screen.press("tab", "l", "l", "y", "Y", "escape")
    open_dataset(screen, CELLS)
    screen.press("]", until="Rows of v2 · 80")
    screen.press("space", until="A = v2")
    screen.press("G", until="Differences")
    screen.press("escape", "escape")


def versions(screen: Terminal) -> None:
    """Messages, runs, operations and tags; what a rollback would take away."""
    open_dataset(screen, TOLD)
    screen.press("]", shows=_SHOWN_AT_ONCE)
    screen.press("G", "k", "k", "R", until="would leave the view")
    screen.press("escape", "t")
    screen.send(paste(PAYLOADS[0]))
    screen.settle()
    screen.press("enter", "escape", "T", "T", "y", "z", "escape")


def preview(screen: Terminal) -> None:
    """Cells of every kind, of every version, and clicks on what says it could be clicked."""
    open_dataset(screen, CELLS)
    screen.press("]", until="Rows of v2")
    screen.press("]", until="m00")
    screen.press("G", shows={39})
    for line in range(5, 58):
        screen.send(f"\x1b[<0;20;{line}M\x1b[<0;20;{line}m".encode())
    screen.settle()
    screen.press("l", "y", "Y", "l", "l", "l", "l", ",", ".")
    screen.press("]", until="Columns of v2")
    screen.press("l", "l", "l", "l", "l", "l", "y")


def wide(screen: Terminal) -> None:
    """Titles of columns over their rows and their profile."""
    open_dataset(screen, COLUMNS)
    screen.press("]", until="Rows of v2 · 2")
    screen.press("]")
    for _ in range(8):
        screen.press("lllll")
    screen.press("]", until="BIGINT", shows=_SHOWN_AT_ONCE)
    open_dataset(screen, "quarantine")
    screen.press("]", "]", until="Rows of v1")


def queries(screen: Terminal) -> None:
    """Results, titles, and errors that quote a query; payloads pasted wherever one can type."""
    screen.press("1")
    screen.press("2", until="[2:SQL]")
    for text in (
        f"FROM {CELLS}",
        f"FROM {COLUMNS} WHERE false",
        f"SELECT error(string_agg(text, '')) FROM {CELLS}",
        "SELECT '" + "".join(NAMES).replace("'", "''") + "' AS a",
        "SELEC " + "".join(NAMES),
    ):
        _query(screen, text)
    screen.press("tab", "y", "Y", "tab", "f7", "f7", "f8")
    screen.press("tab", "escape", "1", "/")
    screen.send(paste("".join(PAYLOADS)))
    screen.press("x", "escape", "ctrl+p")
    screen.send(paste("".join(PAYLOADS)))
    screen.press("x", "escape")


def alone(screen: Terminal) -> None:
    """Each payload by itself as a query, in a column's name and in an error."""
    screen.press("1")
    screen.press("2", until="[2:SQL]")
    for text in NAMES:
        _query(screen, f'SELECT 1 AS "{text.replace(chr(34), chr(34) * 2)}"')
        _query(screen, text)
    screen.press("tab", "escape", "1")


def _query(screen: Terminal, text: str) -> None:
    """Write a query in place of the one that is there, run it, and wait for what comes of it."""
    screen.send(key("ctrl+u") + (key("backspace") + key("ctrl+u")) * 24)
    screen.settle()
    screen.send(paste(text))
    screen.settle()
    first = len(screen.pieces)
    for _ in range(10):  # a first F5 may come before what was pasted
        screen.press("f5")
        for _ in range(20):
            if _ENDED.search(screen.text(first)):
                screen.settle()
                return
            screen.listen(0.2)
    raise AssertionError(f"no end of {text!r}: {screen.text(first)[-2000:]}")


WAYS: tuple[Callable[[Terminal], None], ...] = (
    the_list, names, schema, differences, versions, preview, wide, queries,
)  # fmt: skip

# Where a person types, marks and the joiner of emoji are left in what was typed.
_TYPED = (queries, alone)


def ill_mannered(way: Callable[[Terminal], None], pieces: Iterable[Piece]) -> list[str]:
    """What a terminal should not have heard on a way.

    A person may copy a cell: its text goes to the clipboard in an alphabet that orders nothing.
    """
    kept = []
    for piece in pieces:
        copied = CLIPBOARD.fullmatch(piece.raw)
        if copied is None:
            kept.append(piece)
        else:
            base64.b64decode(copied[1], validate=True)
    found = violations(kept, DASHBOARD)
    return [v for v in found if way not in _TYPED or not v.startswith(("Cf U+200D", "a pile"))]
