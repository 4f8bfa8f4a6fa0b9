"""Forty texts that nobody should trust: each tries to order a terminal, a screen or a command."""

from __future__ import annotations

_ESC, _BEL, _ST = "\x1b", "\x07", "\x1b\\"

_PLAIN: tuple[str, ...] = (
    f"{_ESC}]52;c;b3duZWQ={_BEL}",  # the clipboard
    f"{_ESC}]8;;https://evil.example{_ST}bank{_ESC}]8;;{_ST}",  # a link under another text
    f"{_ESC}]0;owned{_BEL}{_ESC}]2;owned{_ST}",  # the title
    f"{_ESC}]4;1;rgb:00/00/00{_BEL}{_ESC}]10;#000{_BEL}{_ESC}]11;?{_BEL}",  # colours
    f"{_ESC}[2J{_ESC}[H",  # an empty screen
    f"{_ESC}[6n{_ESC}[c{_ESC}[>q",  # answers that would be typed
    f"{_ESC}[?1049h",  # the other screen
    f"{_ESC}[5i secret {_ESC}[4i",  # the printer
    f"{_ESC}P+q544e{_ST}",  # DCS: a termcap question
    f"{_ESC}P$qm{_ST}",  # DECRQSS
    f"{_ESC}_an application{_ST}{_ESC}^a private{_ST}{_ESC}Xa string{_ST}",  # APC, PM, SOS
    "\x9b2J\x9b31m",  # CSI in one byte
    "\x9d52;c;b3duZWQ=\x9c",  # OSC in one byte
    "\x90$qm\x9c\x85\x8d",  # DCS, NEL, RI
    f"bell{_BEL}bell",
    "back\b\b\b\bforth",
    "written\rover",
    "down\x0bthe\x0cpage",
    "nul\x00del\x7fend",
    "shift\x0eout\x0fin",
    f"{_ESC}c{_ESC}#8{_ESC}(0",  # a full reset, a screen of E, another alphabet
    f"{_ESC}[201~rm -rf ~\r",  # the end of a paste
    "\u202egnp.exe\u202c",  # read from the right
    "\u2066isolated\u2069\u200f\u061c",
    "zero\u200bwidth\u2060\ufeff\u00ad",
    "tag\U000e0041\U000e0042\U000e007f",
    "line\u2028paragraph\u2029",
    "".join(["\U0001f468\u200d\U0001f469\u200d\U0001f467"] * 4),  # families of families
    "Z" + "\u0301" * 30 + "algo",
    "[bold red]loud[/] [/nope] [unclosed",
    "[@click=app.quit]press[/] [@click=screen.command('quit')]me[/]",
    "[link=https://evil.example]bank[/link] [$error]x[/]",
    f"{_ESC}Pq#0;2;0;0;0~~@@{_ST}",  # sixel
    f"{_ESC}_Gf=100,a=T;iVBORw0KGgo={_ST}",  # kitty's pictures
    f"{_ESC}]1337;File=inline=1:aGk={_BEL}",  # iTerm's files
    "two\nlines\r\nand\ta tab",
    "%s %n {} {0.__class__} ${HOME} $(id) `id`",
    "-rf --yes",
    "'; DROP TABLE x; --\" \\ \\x1b[2J",
    f"{_ESC}[31m{_ESC}[8mhidden{_ESC}[0m {_ESC}[1000;1000H{_ESC}[?25l{_ESC}[?1003h",
)


def sign(number: int) -> str:
    """A word that tells where a payload was shown."""
    return f"m{number:02d}"


# Each between two words that no screen shows by itself.
PAYLOADS: tuple[str, ...] = tuple(f"{sign(number)}{text}w" for number, text in enumerate(_PLAIN))
assert len(PAYLOADS) == 40


def seen(shown: str) -> set[int]:
    """The payloads whose sign is in a text."""
    return {number for number in range(len(PAYLOADS)) if sign(number) in shown}
