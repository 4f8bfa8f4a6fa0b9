"""Concurrency limits: how many tasks of a tag, or runs of a flow, may go on at once."""

from __future__ import annotations

import click

from lakectl.cli import output
from lakectl.cli.options import open_lake, output_option


@click.group()
def limit() -> None:
    """See and set how much may run at once, by `tag:NAME` of tasks or `flow:NAME`."""


@limit.command("ls")
@output_option
@click.pass_context
def ls(ctx: click.Context, output_form: str | None) -> None:
    """List the limits, and who holds their slots."""
    slots = open_lake(ctx, reaps=True).runs.slots
    rows = []
    for name, allowed in slots.limits().items():
        flow = name.removeprefix("flow:")
        uses = slots.uses(name)
        held = slots.held_of_flow(flow) if flow != name else len(uses)
        rows.append((name, allowed, held, ", ".join(sorted({use.run for use in uses}))))
    output.print_rows(("name", "slots", "used", "held_by"), rows, output_form)


@limit.command("set")
@click.argument("name")
@click.argument("slots", type=click.IntRange(1))
@click.pass_context
def set_limit(ctx: click.Context, name: str, slots: int) -> None:
    """Let at most SLOTS of NAME (tag:NAME or flow:NAME) run at once."""
    lake = open_lake(ctx, reaps=True)
    lake.handles.require_writable()
    _check(name)
    lake.runs.slots.set_limit(name, slots)
    output.say(f"{name}: {slots} at once.")


@limit.command("rm")
@click.argument("name")
@click.pass_context
def rm(ctx: click.Context, name: str) -> None:
    """Lift the limit of NAME."""
    from catalog.errors import NotFound

    lake = open_lake(ctx, reaps=True)
    lake.handles.require_writable()
    if name not in lake.runs.slots.limits():
        raise NotFound(f"There is no limit {name!r}.", "See them with: lakectl limit ls")
    lake.runs.slots.set_limit(name, None)
    output.say(f"{name}: no limit.")


def _check(name: str) -> None:
    from catalog.errors import InvalidInput

    kind, colon, rest = name.partition(":")
    if kind not in {"tag", "flow"} or not colon or not rest:
        raise InvalidInput(f"{name!r} cannot be limited.", "Write tag:NAME or flow:NAME.")
