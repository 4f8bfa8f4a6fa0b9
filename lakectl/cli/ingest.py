"""Loading files into a dataset."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from lakectl.cli import output
from lakectl.cli.options import open_lake, output_option


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option("--into", required=True, metavar="NS.NAME", help="The dataset; made if need be.")
@click.option(
    "--mode",
    type=click.Choice(["append", "overwrite", "merge"]),
    default="append",
    show_default=True,
    help="Add rows, replace them all, or replace those with the same key.",
)
@click.option("--key", metavar="A,B", help="The columns that tell rows apart, for merge.")
@click.option(
    "--partition-by",
    multiple=True,
    metavar="PART",
    help="A column, year(c), month(c), day(c), hour(c), truncate(W, c), bucket(N, c); repeatable.",
)
@click.option("--select", metavar="SQL", help="Cast, filter, rename: a SELECT over `source`.")
@click.option("--message", "-m", help="Why; shown with the version.")
@click.option(
    "--on-bad-row",
    type=click.Choice(["fail", "quarantine"]),
    default="fail",
    show_default=True,
    help="Refuse the load, or keep bad rows in NS.NAME_quarantine.",
)
@click.option(
    "--schema",
    "policy",
    type=click.Choice(["refuse", "widen", "evolve"]),
    default="refuse",
    show_default=True,
    help="What the source may do to the schema.",
)
@click.option(
    "--if-seen",
    type=click.Choice(["skip", "load"]),
    default="skip",
    show_default=True,
    help="What to do when these very bytes were loaded before.",
)
@click.option("--branch", default="main", show_default=True, help="The branch to write to.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "parquet", "arrow"]),
    help="Where the name does not tell it.",
)
@click.option("--delimiter", help="Of CSV; found by itself otherwise. \\t is a tab.")
@click.option("--header/--no-header", default=None, help="Whether the first line names columns.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of text files.")
@click.option("--null", "nulls", multiple=True, metavar="TEXT", help="A text that means NULL.")
@output_option
@click.pass_context
def ingest(
    ctx: click.Context, /, source: tuple[str, ...], output_form: str | None, **given: Any
) -> None:
    """Load SOURCE (files, globs, folders, - for stdin, http(s)://, gs://) into a dataset.

    Many files make one version. Nothing is changed unless everything goes well.
    """
    from catalog.errors import InvalidInput
    from catalog.model import IngestReport
    from jobs.builtin.ingest import ingest as flow

    lake = open_lake(ctx, reaps=True)
    delimiter = given["delimiter"]
    delimiter = "\t" if delimiter == "\\t" else delimiter
    if delimiter is not None and len(delimiter) != 1:
        raise InvalidInput(f"The delimiter {delimiter!r} is not one character.")
    values = {
        **given,
        "sources": list(source),
        "schema": given["policy"],
        "format": given["form"],
        "delimiter": delimiter,
        "key": [k.strip() for k in given["key"].split(",")] if given["key"] else [],
        "partition_by": list(given["partition_by"]),
        "nulls": list(given["nulls"]),
    }
    del values["policy"], values["form"]
    # Its parser has checked what pydantic would, which takes a tenth of a second to be imported.
    checked = flow.with_options(validate_parameters=False)
    report = IngestReport(**lake.runs.run_here(checked, values))
    if output_form in {"json", "jsonl"}:
        found = asdict(report)
        del found["notes"]
        output.print_json(found)
    else:
        output.narrate_load(report)
    for note in report.notes:
        output.note(f"  {note}")
