"""Options that many commands share, and how a command opens the lake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lakectl.root import Lake

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("table", "wide", "tsv", "csv", "json", "jsonl", "md", "parquet", "arrow")


def _no_bytes_on_a_terminal(_ctx: click.Context, _option: object, form: str | None) -> str | None:
    if form in {"parquet", "arrow"} and sys.stdout.isatty():
        raise click.UsageError(f"{form} is no text for a terminal. Write it to a file: … > FILE")
    return form


def output_option(function: F) -> F:
    """`-o FORMAT`: a table on a terminal and TSV in a pipe unless said otherwise."""
    return click.option(
        "-o",
        "--output",
        "output_form",
        type=click.Choice(FORMATS),
        default=lambda: os.environ.get("LAKECTL_OUTPUT"),
        callback=_no_bytes_on_a_terminal,
        help="How to print; a table on a terminal, TSV in a pipe.",
    )(function)


def yes_option(function: F) -> F:
    """`--yes`: do not ask."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")(function)


def open_lake(ctx: click.Context, *, reaps: bool = False) -> Lake:
    """The lake that the flags, the environment and the working directory mean.

    With `reaps` the runs whose holder is gone are ended first, and told of.
    """
    from lakectl.root import open_lake as opener

    options = ctx.find_root().obj or {}
    lake = opener(options.get("lake"), profile=options.get("profile"))
    ctx.call_on_close(lake.close)
    if reaps:
        from lakectl.cli import output

        for sentence in lake.runs.reap():
            output.note(sentence)
    return lake


def confirm(question: str, yes: bool) -> None:
    """Ask before something is taken away.

    Raises:
        NotAllowed: nobody can be asked, or the answer was no.
    """
    import sys

    from catalog.errors import NotAllowed
    from screens.text import safe

    if yes:
        return
    if not sys.stdin.isatty() or os.environ.get("LAKECTL_NO_INPUT"):
        raise NotAllowed(f"{question} Nobody is there to confirm.", "Say so with --yes.")
    if not click.confirm(safe(question), err=True):
        raise NotAllowed("Left as it was.")
