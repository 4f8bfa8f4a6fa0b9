"""Values as words and signs for people, and the one door for text that others wrote.

Everything here is pure and imports nothing beyond the standard library: the commands of the shell
use it too, and they must start fast.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

NULL = "·"
_LAST = 253_402_300_799_000  # the last second of the year 9999
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CODED = frozenset({"Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKS_IN_A_ROW = 4
# What orders a terminal, hides or reorders text, or cannot be written: C0, DEL, C1, the marks of
# category Cf, the separators of lines and paragraphs, lone surrogates, tags.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_BARS = "▁▂▃▄▅▆▇█"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def safe(value: object, limit: int = 2000, multiline: bool = False) -> str:
    """Text that cannot command a terminal, whoever wrote it.

    Control characters become their pictures, marks that reorder or hide text become their number
    in ⟨⟩, piles of combining marks are thinned out, and the whole is cut at `limit` characters.

    Args:
        value: anything; `str()` is taken of it.
        limit: how many characters to look at.
        multiline: keep line feeds.
    """
    text = value if isinstance(value, str) else str(value)
    head, more = text[:limit], "…" if len(text) > limit else ""  # what is cut is not looked at
    if head.isascii() and head.isprintable():
        return head + more
    shown: list[str] = []
    marks = 0
    for char in head:
        category = unicodedata.category(char)
        if category in {"Mn", "Me"}:
            marks += 1
            if marks <= _MARKS_IN_A_ROW:
                shown.append(char)
            continue
        marks = 0
        if char == "\n" and multiline:
            shown.append(char)
        elif char != "\u200d":  # joins emoji into clusters that terminals draw in other widths
            shown.append(_visible(char, category))
    return "".join(shown) + more


def _visible(char: str, category: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if 0x80 <= code <= 0x9F or char in _BIDI or category in _CODED:
        return f"⟨{code:X}⟩"
    return char


def width(text: str) -> int:
    """How many columns of a terminal a safe text takes."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def widest(texts: Iterable[str], least: int, most: int) -> int:
    """The columns that the widest of some texts takes, within bounds."""
    return max(least, min(most, max((width(safe(t, limit=most)) for t in texts), default=0)))


def wrap(text: str, columns: int) -> list[str]:
    """A safe text broken between its words into lines of at most so many columns."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer) <= columns:
            lines[-1] = longer
        else:
            lines.append(cut_end(word, columns))
    return lines


def cut_end(text: str, columns: int) -> str:
    """The text in at most `columns` columns, with … at its end where it was cut."""
    if width(text) <= columns:
        return text
    return _head(text, columns - 1) + "…" if columns > 0 else ""


def cut_middle(text: str, columns: int) -> str:
    """The text in at most `columns` columns, with … in its middle where it was cut."""
    if width(text) <= columns:
        return text
    if columns <= 2:
        return cut_end(text, columns)
    tail = (columns - 1) // 2
    return _head(text, columns - 1 - tail) + "…" + _head(text[::-1], tail)[::-1]


def _head(text: str, columns: int) -> str:
    taken = 0
    for index, char in enumerate(text):
        taken += _char_width(char)
        if taken > columns:
            return text[:index]
    return text


def count(number: int) -> str:
    """A whole number with thin groups: `1,234,567`."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """A whole number in at most six columns: `954`, `12.3k`, `1.37M`."""
    if abs(number) < 10_000:
        return str(number)
    value = float(number)
    for unit in ("k", "M", "G", "T"):
        value /= 1000
        if abs(value) < 999.5 or unit == "T":
            return f"{_three_digits(value)}{unit}"
    return str(number)


def size(number: int) -> str:
    """Bytes for people, in powers of 1000: `0 B`, `41 kB`, `1.21 GB`."""
    value = float(number)
    for unit in _UNITS:
        if abs(value) < 999.5 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{_three_digits(value)} {unit}"
        value /= 1000
    return str(number)


def _three_digits(value: float) -> str:
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}"


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in one unit: `now`, `42s`, `8m`, `3h`, `12d`, `7mo`, `2y`."""
    seconds = (now - moment).total_seconds()
    if seconds < 0:
        return "now" if seconds > -60 else "ahead"
    for below, unit, word in ((1, 1, "now"), (60, 1, "s"), (3600, 60, "m"), (172_800, 3600, "h")):
        if seconds < below:
            return word if word == "now" else f"{seconds // unit:.0f}{word}"
    days = seconds / 86_400
    if days < 90:
        return f"{days:.0f}d"
    return f"{days / 30.44:.0f}mo" if days < 730 else f"{days / 365.25:.0f}y"


def duration(milliseconds: int) -> str:
    """How long something took: `43 ms`, `3.2 s`, `4 m 10 s`, `3 h 12 m`, `2 d 4 h`."""
    if milliseconds < 1000:
        return f"{max(0, milliseconds)} ms"
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{milliseconds // 100 / 10:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} m"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def instant(milliseconds: int) -> datetime:
    """The time that runs keep as milliseconds since 1970; what no calendar has is cut."""
    return datetime.fromtimestamp(max(0, min(milliseconds, _LAST)) / 1000, UTC)


def moment(when: datetime) -> str:
    """A time as it stands in lists: `2026-11-21 14:02` in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def exact(when: datetime) -> str:
    """A time as it stands in details, with its zone: `2026-11-21 14:02:07 UTC`."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def signed(number: int) -> str:
    """A difference with its sign: `+41,203`, `-1,002`, `0`."""
    return f"{number:+,}" if number else "0"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 dataset`, `2,318 datasets`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def sparkline(values: Sequence[float], columns: int) -> str:
    """The last values as a row of bars that stand on zero, so that none looks larger than it is."""
    shown = list(values)[-columns:] if columns > 0 else []
    if not shown:
        return ""
    low, high = min(0, *shown), max(shown)
    span = high - low or 1
    top = len(_BARS) - 1
    return "".join(_BARS[round((v - low) / span * top)] for v in shown)


def cell(value: object) -> str:
    """A value of a row as the raw text of a cell; give it to `safe` before it is shown."""
    match value:
        case None:
            return NULL
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}" if abs(value) >= 1e15 else str(value)
        case Decimal() | int():
            return str(value)
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case datetime() | date() | time() | timedelta():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value[:40]).hex(" ")
        case Mapping() | list() | tuple():
            return _as_json(value)
    return str(value)


def _as_json(value: object) -> str:
    import json  # seldom needed, and the first paint waits for every import

    return json.dumps(value, ensure_ascii=False, default=cell)
