"""The only writer of errors: a sentence, a hint, an exit code. A traceback only with --debug."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import traceback

import click

from catalog.errors import LakeError
from lakectl.cli.output import json_text
from screens.text import safe

CRASH, INTERRUPTED = 70, 130
_LONGEST_TRACE = 100_000  # characters: its messages quote what others wrote
# What writes a lake's files tells such an error itself. What comes up here is of a file that is
# read, or of the output, which has no name.
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def tell(error: BaseException, arguments: list[str]) -> int:
    """Write an error to stderr and return the exit code that goes with it."""
    if isinstance(error, BrokenPipeError):
        return quiet_end()
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # a noun alone
        sys.stderr.write(f"{error.format_message()}\n")
        return error.exit_code
    if "--debug" in arguments or os.environ.get("LAKECTL_DEBUG"):
        trace = "".join(traceback.format_exception(error))
        sys.stderr.write(safe(trace, limit=_LONGEST_TRACE, multiline=True))
    code, message, hint, exit_code = _read(error)
    if _wants_json(arguments):
        told: dict[str, object] = {"code": code, "message": message, "hint": hint}
        changes = getattr(error, "changes", ())
        if changes:
            told["changes"] = list(changes)
        sys.stderr.write(json_text({"error": told}) + "\n")
        return exit_code
    if message:
        sys.stderr.write(f"lakectl: {safe(message, limit=4000)}\n")
    for line in getattr(error, "changes", ()):
        sys.stderr.write(f"  {safe(line)}\n")
    if hint:
        sys.stderr.write(f"  {safe(hint, limit=4000)}\n")
    return exit_code


def quiet_end() -> int:
    """Leave without an error: the reader has gone, as `head` does when it has seen enough."""
    try:  # Python would complain at exit of what it could not flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:  # a process that has locked itself for a query may not open even that
        os._exit(0)
    return 0


def _read(error: BaseException) -> tuple[str, str, str | None, int]:
    """(word, message, hint, exit code) of any error."""
    if isinstance(error, LakeError):
        return error.code, error.message, error.hint, error.exit_code
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt) or _stopped_duckdb(error):
        return (
            "interrupted",
            "Interrupted; whatever had landed by then is there, whole.",
            None,
            INTERRUPTED,
        )
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "lakectl"
        return "usage", error.format_message(), f"See: {path} --help", 2
    if isinstance(error, click.ClickException):
        return "usage", error.format_message(), None, 2
    if isinstance(error, MemoryError):
        hint = "Give it less to do at once, or DuckDB less to take: LAKECTL_MEMORY=1GB."
        return "failed", "There was not enough memory.", hint, 1
    if isinstance(error, OSError) and error.errno in _CLOSED and error.filename:
        hint = "Look at who owns it and how its disk is mounted."
        why = f"There is no access to {error.filename}: {error.strerror}."
        return "unreachable", why, hint, 5
    if isinstance(error, OSError) and error.errno in _FULL and error.filename:
        why = f"{error.filename} cannot be used: {error.strerror}."
        return "unreachable", why, "Look at its disk; lakectl doctor tells what became of it.", 5
    if isinstance(error, OSError) and error.errno in _FULL:
        hint = "Free some space there, or write to another place."
        return "failed", f"The output could not be written: {error.strerror}.", hint, 1
    name = type(error).__name__
    first = (str(error).strip() or name).splitlines()[0]
    hint = "This is a mistake in lakectl. Run it again with --debug and report what it shows."
    return "crash", f"Unexpected {name}: {first}", hint, CRASH


def _stopped_duckdb(error: BaseException) -> bool:
    """DuckDB answers ctrl-c in the middle of its work with an error of its own."""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"


def _wants_json(arguments: list[str]) -> bool:
    if os.environ.get("LAKECTL_OUTPUT", "").startswith("json"):
        return True
    for flag, value in itertools.pairwise([*arguments, ""]):
        if flag in {"-o", "--output"} and value.startswith("json"):
            return True
        if flag.startswith(("-ojson", "--output=json")):
            return True
    return False
