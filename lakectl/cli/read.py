"""Reading rows: preview, stats, diff, sql, export."""

from __future__ import annotations

import sys
from typing import Any

import click

from lakectl.cli import output
from lakectl.cli.options import open_lake, output_option


@click.command()
@click.argument("name")
@click.option("--at", "version", help="A version: v3, a tag, a snapshot id, '2h ago'.")
@click.option("-n", "limit", default=20, show_default=True, help="How many rows.")
@output_option
@click.pass_context
def preview(
    ctx: click.Context, /, name: str, version: str | None, limit: int, output_form: str | None
) -> None:
    """Show the first rows of dataset NAME."""
    lake = open_lake(ctx)
    found = lake.preview(name, version, limit)
    output.print_rows(found.columns, found.rows, output_form)


@click.command()
@click.argument("name")
@click.option("--at", "version", help="A version: v3, a tag, a snapshot id, '2h ago'.")
@output_option
@click.pass_context
def stats(ctx: click.Context, name: str, version: str | None, output_form: str | None) -> None:
    """Profile the columns of dataset NAME: nulls, distinct values, range, quartiles."""
    lake = open_lake(ctx)
    found = lake.stats(name, version)
    output.print_rows(found.columns, found.rows, output_form, _short)


def _short(column: str, value: Any) -> str:
    """A statistic as a person reads it: five digits are enough for a mean."""
    from decimal import Decimal

    from screens.text import cell, count

    if column in {"rows", "nulls", "distinct_about"}:
        return count(int(value))
    text = str(value)
    if column in {"mean", "std", "q25", "median", "q75", "min", "max"} and "." in text:
        try:
            return f"{Decimal(text):.5g}" if len(text) > 9 else text
        except ArithmeticError:
            return text[:19]  # a time, without its fractions
    return cell(value)


@click.command()
@click.argument("name")
@click.argument("before")
@click.argument("after", required=False)
@click.option("--key", metavar="A,B", help="The columns that tell rows apart.")
@click.option("-n", "limit", default=20, show_default=True, help="How many rows to show.")
@click.option("--exit-code", is_flag=True, help="Leave with 7 when anything differs.")
@output_option
@click.pass_context
def diff(
    ctx: click.Context, /, name: str, before: str, output_form: str | None, **given: Any
) -> None:
    """Tell what differs between versions BEFORE and AFTER (the current one) of dataset NAME."""
    lake = open_lake(ctx)
    key = tuple(k.strip() for k in given["key"].split(",")) if given["key"] else ()
    found = lake.diff(name, before, given["after"], key, given["limit"])
    rows = found.rows
    if output_form in {"json", "jsonl"}:
        output.print_json(
            {
                "schema": [c.to_json() for c in found.schema],  # type: ignore[attr-defined]
                "rows": {"added": rows.added, "removed": rows.removed, "changed": rows.changed},
                "files": {"added": found.files_added, "removed": found.files_removed},
            }
        )
    else:
        _narrate_diff(name, found, output_form)
    differs = found.schema or rows.added or rows.removed or rows.changed
    if given["exit_code"] and differs:
        ctx.exit(7)


def _narrate_diff(name: str, found: Any, output_form: str | None) -> None:
    from screens import text

    rows = found.rows
    by = f" by {', '.join(rows.key)}" if rows.key else " as whole rows (no key)"
    output.note(f"{name} v{found.before} -> v{found.after}")
    for change in found.schema or ("schema unchanged",):
        output.note(f"  {change}")
    come, gone = text.signed(found.files_added), text.signed(-found.files_removed)
    output.note(f"  files {come} added, {gone} removed")
    changed = f", {text.count(rows.changed)} changed" if rows.key else ""
    counts = f"{text.signed(rows.added)} added, {text.signed(-rows.removed)} removed{changed}"
    output.note(f"  rows  {counts}{by}")
    if rows.samples is not None:
        output.print_rows(rows.samples.columns, rows.samples.rows, output_form)


@click.command()
@click.argument("query", required=False)
@click.option("--file", "-f", "path", type=click.Path(dir_okay=False), help="Read the query.")
@output_option
@click.pass_context
def sql(ctx: click.Context, query: str | None, path: str | None, output_form: str | None) -> None:
    """Run QUERY over datasets by name; from a file or stdin otherwise.

    \b
    lakectl sql "SELECT count(*) FROM nyc.trips AT (VERSION => 3)"
    lakectl sql "FROM nyc.trips AT (TIMESTAMP => now() - INTERVAL 1 HOUR)"

    It only reads, and reads nothing but the files of the datasets that it names.
    """  # noqa: D301 - click wants the sign itself
    from catalog.engine.rows import decode

    lake = open_lake(ctx)
    text = _query_text(query, path)
    if output_form in {"parquet", "arrow"}:  # before the process locks itself
        import pyarrow.parquet  # noqa: F401
    with lake.sql_once(text) as (columns, lines):
        names = [name for name, _ in columns]
        output.print_rows(names, (decode(line) for line in lines), output_form)


def _query_text(query: str | None, path: str | None) -> str:
    from catalog.errors import InvalidInput, NotFound

    if query is not None and query != "-" and path is not None:
        raise InvalidInput("Give the query as an argument or in a file, not both.")
    if path is not None:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError as error:
            raise NotFound(f"There is no file {path}.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} cannot be read: {error}.") from error
    if query is not None and query != "-":
        return query
    if sys.stdin.isatty():
        raise InvalidInput("There is no query.", 'Write one: lakectl sql "SELECT …"')
    return sys.stdin.read()


@click.command()
@click.argument("name")
@click.option("--to", required=True, metavar="FILE|URI", help="A file or gs:// object.")
@click.option("--at", "version", help="A version: v3, a tag, a snapshot id, '2h ago'.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "json", "jsonl", "parquet", "arrow"]),
    help="Told by the name otherwise.",
)
@click.pass_context
def export(ctx: click.Context, name: str, to: str, version: str | None, form: str | None) -> None:
    """Write a version of dataset NAME to a file; whole or not at all."""
    from screens.text import plural

    lake = open_lake(ctx)
    rows = lake.export(name, to, version, form)
    output.note(f"Wrote {plural(rows, 'row')} of {name} to {to}")
