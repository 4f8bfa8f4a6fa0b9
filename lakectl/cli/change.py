"""Changing what is there: rollback, undo, tag, branch, annotate, rename, drop, undrop."""

from __future__ import annotations

from typing import Any

import click

from lakectl.cli import output
from lakectl.cli.options import confirm, open_lake, output_option, yes_option


def _tell(done: Any, output_form: str | None) -> None:
    if output_form in {"json", "jsonl"}:
        summary = done.dataset.summary
        output.print_json(
            {"dataset": str(summary.name), "version": summary.version, "done": done.sentence}
        )
    else:
        output.say(done.sentence)


@click.command()
@click.argument("name")
@click.option("--to", required=True, metavar="VERSION", help="v3, a tag, an id, '2h ago'.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@yes_option
@output_option
@click.pass_context
def rollback(
    ctx: click.Context, /, name: str, to: str, dry_run: bool, yes: bool, output_form: str | None
) -> None:
    """Make an earlier version of dataset NAME the current one.

    No version is lost by it: roll forward again, or undo it.
    """
    from catalog import query
    from screens.text import signed

    lake = open_lake(ctx, reaps=True)
    dataset, version = query.dataset_at(lake.handles, name, to)
    number = version.version if version else 0
    moved = (version.rows if version else 0) - dataset.summary.rows
    plan = f"{name} goes from v{dataset.summary.version} to v{number} ({signed(moved)} rows)."
    if dry_run and output_form == "json":
        now = dataset.summary.version
        output.print_json({"dataset": name, "from": now, "to": number, "rows_change": moved})
        return
    if dry_run:
        output.say(plan)
        return
    confirm(f"{plan} Go on?", yes)
    _tell(lake.rollback(name, to), output_form)


@click.command()
@click.argument("name", required=False)
@yes_option
@output_option
@click.pass_context
def undo(ctx: click.Context, name: str | None, yes: bool, output_form: str | None) -> None:
    """Take the last change back: of dataset NAME, or of the whole lake.

    A load, a rollback, a tag, a branch, an annotation, a rename, a drop: each can be undone, one
    after the other, as long as nobody has changed the same thing since. Without NAME it may be
    another person's change, so it asks first.
    """
    lake = open_lake(ctx, reaps=True)
    if name is None:
        confirm(f"Take back {lake.newest_change()}, the newest change of the lake?", yes)
    _tell(lake.undo(name), output_form)


def _ref_command(kind: str, sentence: str) -> click.Command:
    @click.command(kind, help=sentence)
    @click.argument("name")
    @click.argument("ref", metavar=kind.upper())
    @click.option("--at", "version", help="The version; the current one by default.")
    @click.option("--delete", is_flag=True, help=f"Take the {kind} away.")
    @output_option
    @click.pass_context
    def command(
        ctx: click.Context, /, name: str, ref: str, version: str | None, delete: bool, **given: Any
    ) -> None:
        lake = open_lake(ctx, reaps=True)
        if delete:
            done = lake.remove_ref(name, ref, kind)
        else:
            done = getattr(lake, kind)(name, ref, version)
        _tell(done, given["output_form"])

    return command


tag = _ref_command("tag", "Name a version of dataset NAME; it never expires while it has a tag.")
branch = _ref_command("branch", "Open a second line of versions of dataset NAME.")


@click.command()
@click.argument("name")
@click.option("--owner", help="Who answers for it.")
@click.option("--description", help="What it means.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Repeatable.")
@click.option("--column", "columns", multiple=True, metavar="COLUMN=DOC", help="Repeatable.")
@output_option
@click.pass_context
def annotate(ctx: click.Context, /, name: str, output_form: str | None, **given: Any) -> None:
    """Say who owns dataset NAME and what it and its columns mean.

    An empty value takes a thing away: --owner '' or --label team=.
    """
    from catalog.altering import Annotation
    from lakectl.root import labels_of

    said = Annotation(
        owner=given["owner"],
        description=given["description"],
        labels=labels_of(given["labels"]) or None,
        columns=labels_of(given["columns"]) or None,
    )
    _tell(open_lake(ctx, reaps=True).annotate(name, said), output_form)


@click.command()
@click.argument("name")
@click.argument("new")
@output_option
@click.pass_context
def rename(ctx: click.Context, name: str, new: str, output_form: str | None) -> None:
    """Give dataset NAME the name NEW; versions and files stay."""
    _tell(open_lake(ctx, reaps=True).rename(name, new), output_form)


@click.command()
@click.argument("name")
@yes_option
@output_option
@click.pass_context
def drop(ctx: click.Context, name: str, yes: bool, output_form: str | None) -> None:
    """Take dataset NAME off the list; nothing is deleted, undrop brings it back."""
    lake = open_lake(ctx, reaps=True)
    summary = lake.describe(name).summary
    confirm(f"Drop {name} (v{summary.version}, {summary.rows:,} rows)?", yes)
    _tell(lake.drop(name), output_form)


@click.command()
@click.argument("name")
@output_option
@click.pass_context
def undrop(ctx: click.Context, name: str, output_form: str | None) -> None:
    """Bring dropped dataset NAME back."""
    _tell(open_lake(ctx, reaps=True).undrop(name), output_form)
