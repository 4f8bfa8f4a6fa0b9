"""What a terminal was told: text, controls and sequences, and which of them it should never hear.

Strict on purpose. A terminal forgives and guesses; here whatever is not on the list of what the
dashboard or a command is known to send is a violation, and so is a character in a text that
orders, hides or reorders anything.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<csi>\x1b\[[0-?]*[ -/]*[@-~])"
    r"|(?P<osc>\x1b\][^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\))"
    r"|(?P<string>\x1b[PX^_][^\x1b\x18\x1a]*\x1b\\)"  # DCS, SOS, PM, APC
    r"|(?P<esc>\x1b[ -/]*[0-OQ-WYZ\\`-~])"
    r"|(?P<c0>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<c1>[\x80-\x9f])"
    r"|(?P<broken>\x1b)"
)
# A sequence of which the rest may still come.
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x18\x1a]*|[PX^_][^\x18\x1a]*|[ -/]*)\Z")
_NO_TEXT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKS_IN_A_ROW = 4


class Piece(NamedTuple):
    """A run of text, a control or a sequence."""

    kind: str  # the name of a group of the grammar above
    raw: str

    def __str__(self) -> str:
        return f"{self.kind} {self.raw[:60]!a}"


class Parser:
    """Takes bytes as they come and gives the pieces that are complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._begun = ""

    def feed(self, heard: bytes, final: bool = False) -> list[Piece]:
        """The pieces that these bytes complete; all that is left with `final`."""
        text = self._begun + self._decoder.decode(heard, final)
        self._begun = ""
        found = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            assert match is not None
            begun = match.lastgroup in {"broken", "esc"} and _BEGUN.match(text, at)
            if begun and not final:
                self._begun = text[at:]
                break
            found.append(Piece(str(match.lastgroup), match[0]))
            at = match.end()
        return found


def pieces(heard: bytes) -> list[Piece]:
    """All the pieces of what was heard from beginning to end."""
    return Parser().feed(heard, final=True)


class Manners(NamedTuple):
    """What a program is known to say; everything else is a violation."""

    sequences: re.Pattern[str]
    controls: frozenset[str]
    piles: bool = False  # of combining marks


_STYLE, _PLACE = r"\x1b\[[0-9;]*m", r"\x1b\[\d+;\d+H"
# Mouse, focus, the other screen, paste, the cursor, the wrapping of lines.
_MODES = r"\x1b\[\?(?:1000|1003|1004|1006|1015|1049|2004|25|7)[hl]"
_ASKED = r"\x1b\[\?(?:2026|2048)\$p"  # whether it knows frames, and sizes in the stream
_KEYBOARD = r"\x1b\[(?:>25|<)u"
_POINTER = r"\x1b\]22;(?:default|text)\x07"
DASHBOARD = Manners(
    re.compile("|".join((_STYLE, _PLACE, _MODES, _ASKED, _KEYBOARD, _POINTER))), frozenset("\r\n")
)
# A terminal puts a carriage return before the line feed of a program.
COMMAND = Manners(re.compile(r"(?!)"), frozenset("\r\n"))
JSON = COMMAND._replace(piles=True)  # where every mark of a value is kept
TSV = COMMAND._replace(controls=frozenset("\r\n\t"))
STORY = Manners(re.compile(r"\x1b\[(?:1;36|0)m"), frozenset("\r\n"))  # `lakectl demo` has headings
CLIPBOARD = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/]*={0,2})\x07")


def violations(found: Iterable[Piece], manners: Manners) -> list[str]:
    """What should not have been sent, each with a word on why."""
    return list(_violations(found, manners))


def _violations(found: Iterable[Piece], manners: Manners) -> Iterator[str]:
    before = ""
    for piece in found:
        if piece.kind == "text":
            yield from _in_text(piece.raw, manners.piles)
        elif piece.kind == "c0":
            if piece.raw not in manners.controls:
                yield str(piece)
        elif not manners.sequences.fullmatch(piece.raw):
            yield str(piece)
        if manners is not DASHBOARD and before == "\r" and piece.raw != "\n":
            yield f"a line written over before {piece}"
        before = piece.raw


def _in_text(text: str, piles: bool) -> Iterator[str]:
    if text.isascii():
        return
    marks = 0
    for at, char in enumerate(text):
        category = unicodedata.category(char)
        if category in _NO_TEXT:
            yield f"{category} U+{ord(char):04X} in {text[max(0, at - 10) : at + 10]!a}"
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks == _MARKS_IN_A_ROW + 1 and not piles:
            yield f"a pile of marks on {text[max(0, at - 6) : at]!a}"


def text_of(found: Iterable[Piece]) -> str:
    """The text alone; moves of the cursor separate, colours do not."""
    shown = []
    for piece in found:
        if piece.kind == "text":
            shown.append(piece.raw)
        elif not re.fullmatch(_STYLE, piece.raw):
            shown.append("\n")
    return "".join(shown)


def census(found: Iterable[Piece]) -> Counter[str]:
    """How often each sequence or control was sent, its numbers left out."""
    return Counter(
        re.sub(r"(?<!\?)(?<!\d)\d+(?=[;mH])", "n", ascii(piece.raw)[1:-1])
        for piece in found
        if piece.kind != "text"
    )
