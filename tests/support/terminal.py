"""A terminal that a program runs in: keys go in, every byte that comes out is kept."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Any

from payloads import seen
from vt_parser import Parser, Piece, text_of

_PATIENCE = 20.0
_QUIET = 0.12  # seconds without output after which a screen counts as drawn
# Escape as the keyboard protocol has it: the byte alone would be waited for what may follow it.
_KEYS = {
    "enter": "\r", "escape": "\x1b[27u", "tab": "\t", "space": " ", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "home": "\x1b[H", "end": "\x1b[F",
    "f1": "\x1bOP", "f5": "\x1b[15~", "f7": "\x1b[18~", "f8": "\x1b[19~",
    "ctrl+p": "\x10", "ctrl+u": "\x15", "ctrl+c": "\x03", "ctrl+j": "\n",
}  # fmt: skip


def key(name: str) -> bytes:
    """What a terminal sends for a key: `enter`, `ctrl+p`, or a letter by itself."""
    return _KEYS.get(name, name).encode()


def paste(text: str) -> bytes:
    """What a terminal sends for a pasted text: as xterm does, without what could end the paste."""
    told = re.sub("[\x00\x04\x05\x08\x1b\x7f]", " ", text).encode("utf-8", "replace")
    return b"\x1b[200~" + told + b"\x1b[201~"


class Terminal:
    """A pseudo-terminal of a size with a program in it; it answers no question of the program.

    Args:
        command: the program and its words.
        cwd: where it runs.
        env: its whole environment.
        size: columns and lines.
    """

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        size: tuple[int, int] = (140, 40),
        **more: Any,
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        # How the line is set: echo, signals, the keys that mean them.
        self.modes_before = self.modes_after = termios.tcgetattr(self._theirs)
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            **more,
        )
        self.heard = bytearray()
        self.pieces: list[Piece] = []
        self._parser = Parser()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(_PATIENCE)
        os.close(self._ours)
        os.close(self._theirs)

    def listen(self, seconds: float) -> bool:
        """Take what comes within some seconds; returns whether anything came."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        part = os.read(self._ours, 1 << 16)
        self.heard += part
        self.pieces += self._parser.feed(part)
        return True

    def until(self, sign: str, after: int = 0, seconds: float = _PATIENCE) -> float:
        """Listen until a text or sequence is there after some pieces; returns for how long.

        Raises:
            AssertionError: it did not come in time.
        """
        return self.wait(lambda: sign in self.raw(after), f"no {sign!r}", seconds)

    def wait(self, there: Callable[[], bool], why: str, seconds: float = _PATIENCE) -> float:
        """Listen until something is there; returns for how long.

        Raises:
            AssertionError: it did not come in time.
        """
        begun = time.monotonic()
        while not there():
            left = begun + seconds - time.monotonic()
            ended = self.process.poll() is not None
            if not self.listen(0.0 if ended else max(0.0, left)) and (ended or left <= 0):
                shown = " ".join(self.text()[-6000:].replace("│", " ").split())
                raise AssertionError(f"{why}, but: {shown[-1500:]}")
        return time.monotonic() - begun

    def settle(self, quiet: float = _QUIET) -> None:
        """Listen until nothing has come for a while."""
        while self.listen(quiet):
            pass

    def send(self, raw: bytes) -> None:
        """Type or paste, in one piece where it fits, as a person's terminal does."""
        at = 0
        while at < len(raw):
            if select.select([], [self._ours], [], 0.02)[1]:
                at += os.write(self._ours, raw[at : at + 4000])
            self.listen(0.0)

    def press(
        self,
        *names: str,
        until: str = "",
        shows: Set[int] = frozenset(),
        quiet: float = _QUIET,
    ) -> str:
        """Press keys one after the other, each after the screen has settled.

        Args:
            names: of keys; a text of several letters is typed at once.
            until: what must be drawn then.
            shows: the payloads that must be drawn then.
            quiet: seconds without output after which the screen has settled.

        Returns:
            The text that was drawn meanwhile.
        """
        first = len(self.pieces)
        for name in names:
            self.send(key(name))
            self.settle(quiet)
        if until:
            self.until(until, first)
        if shows:
            found: set[int] = set()

            def all_there() -> bool:
                found.update(seen(self.text(first)))
                return shows <= found

            try:
                self.wait(all_there, "not every payload is shown")
            except AssertionError as error:
                raise AssertionError(f"not shown: {sorted(shows - found)}; {error}") from error
        self.settle()
        return self.text(first)

    def raw(self, first: int = 0) -> str:
        """What was sent since some piece, sequences and all."""
        return "".join(piece.raw for piece in self.pieces[first:])

    def text(self, first: int = 0) -> str:
        """The text since some piece."""
        return text_of(self.pieces[first:])

    def end(self, seconds: float = _PATIENCE) -> int:
        """Listen until the program has left; returns its exit code."""
        begun = time.monotonic()
        while self.process.poll() is None:
            assert time.monotonic() - begun < seconds, f"it does not leave: {self.text()[-2000:]}"
            self.listen(0.02)
        while self.listen(0.02):
            pass
        self.pieces += self._parser.feed(b"", final=True)
        self.modes_after = termios.tcgetattr(self._theirs)
        return self.process.returncode
