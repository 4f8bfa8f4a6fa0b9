"""Making a lake and opening the dashboard."""

from __future__ import annotations

import os
import sys

import click

from lakectl.cli import output
from lakectl.cli.options import open_lake


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False))
@click.option(
    "--warehouse",
    default="warehouse",
    show_default=True,
    metavar="URI",
    help="Where data lies: a folder, counted from the lake's, or gs://bucket/prefix.",
)
@click.option(
    "--database",
    default="sqlite:///.lakectl/lake.db",
    show_default=True,
    metavar="URL",
    help="Where metadata lies: sqlite:///path or postgresql://user@host/database.",
)
@click.option("--migrate", is_flag=True, help="Bring an existing lake's tables up to date.")
@click.option("--example", type=click.Choice(["taxi"]), help="Write a flow to begin with.")
@click.pass_context
def init(ctx: click.Context, /, folder: str, migrate: bool, **given: str | None) -> None:
    """Make a lake in FOLDER (here by default)."""
    from lakectl import root

    if migrate:
        notes = root.migrate(folder, (ctx.find_root().obj or {}).get("profile"))
        for sentence in (f"The lake in {folder} is up to date.", *notes):
            output.note(sentence)
        return
    found, notes = root.init_lake(
        folder, warehouse=str(given["warehouse"]), database=str(given["database"])
    )
    output.note(f"Made a lake in {found.root}")
    output.note(f"  warehouse  {found.warehouse}")
    for sentence in notes:
        output.note(f"  {sentence}")
    if given["example"]:
        place = root.write_example(found, given["example"])
        output.note(f"  example    {place}")
        here = "" if folder == "." else f"cd {folder}; "
        output.note(f"Run it: {here}lakectl flow run {given['example']} -p months=[1,2]")
        return
    output.note("Load something: lakectl ingest FILE --into namespace.name")


@click.command()
@click.pass_context
def ui(ctx: click.Context) -> None:
    """Open the dashboard."""
    from catalog.errors import NotAllowed

    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        raise NotAllowed(
            "The dashboard needs a terminal.", "In a script use the commands: lakectl --help"
        )
    lake = open_lake(ctx)
    from lakectl.dashboard import run_dashboard

    ctx.exit(run_dashboard(lake))
