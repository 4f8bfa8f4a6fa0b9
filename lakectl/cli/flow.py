"""Flows: what can be run, and running it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from lakectl.cli import output
from lakectl.cli.options import open_lake, output_option


@click.group()
def flow() -> None:
    """See which flows there are, and run them.

    A FLOW is file.py:function, the name of one in the lake's folder flows/, or a ready flow.
    """


@flow.command("ls")
@output_option
@click.pass_context
def ls(ctx: click.Context, output_form: str | None) -> None:
    """List the flows: the project's own, then the ready ones."""
    found = open_lake(ctx).runs.flows()
    rows = [
        (
            info.name,
            info.origin,
            ", ".join(p.name for p in info.parameters),
            info.problem or info.description,
        )
        for info in found
    ]
    if output_form in {"json", "jsonl"}:
        output.print_objects([_as_object(info) for info in found], output_form)
        return
    output.print_rows(("flow", "origin", "parameters", "description"), rows, output_form)


def _as_object(info: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(info)


@flow.command("show")
@click.argument("name", metavar="FLOW")
@output_option
@click.pass_context
def show(ctx: click.Context, name: str, output_form: str | None) -> None:
    """Tell what a flow does and what it takes."""
    from jobs import loader, parameters

    lake = open_lake(ctx)
    found = lake.runs.flow(name)
    info = loader.info_of(found)
    if output_form in {"json", "jsonl"}:
        output.print_json({**_as_object(info), "schema": parameters.schema_of(found)})
        return
    output.say(f"{info.name}  {info.origin}")
    if info.description:
        output.say(info.description)
    rows = [
        (p.name, p.kind, "" if p.required else (p.default or ""), p.description)
        for p in info.parameters
    ]
    output.blank_line()
    output.print_rows(("parameter", "kind", "default", "description"), rows, output_form)


@flow.command("run")
@click.argument("name", metavar="FLOW")
@click.option(
    "-p",
    "--param",
    "given",
    multiple=True,
    metavar="K=V",
    help="A parameter; JSON where it is no text.",
)
@click.option("--params-file", type=click.Path(dir_okay=False), help="Parameters as a JSON object.")
@click.option("--dry-run", is_flag=True, help="Tell what would happen; run nothing.")
@click.option(
    "--watch/--detach", default=True, help="Wait and show its log, or leave it to itself."
)
@click.option("--key", metavar="TEXT", help="The same key never makes two runs of a flow.")
@click.option("-t", "--tag", "tags", multiple=True, help="A tag of the run; repeatable.")
@output_option
@click.pass_context
def run(ctx: click.Context, /, name: str, output_form: str | None, **options: Any) -> None:
    """Run a flow in a process of its own; its log goes to stderr."""
    lake = open_lake(ctx, reaps=True)
    found = lake.runs.flow(name)
    values = values_of(found, options["given"], options["params_file"])
    if options["dry_run"]:
        from lakectl import dry_run

        _tell_plan(dry_run.plan(lake, found, values), output_form)
        return
    more: dict[str, Any] = {}
    if options["key"]:
        more["idempotency_key"] = options["key"]
    if options["tags"]:
        more["tags"] = (*found.options.tags, *options["tags"])
    ordered = lake.runs.orders.submit(found, values, **more)
    follow(ctx, lake, ordered, options["watch"], output_form)


def _tell_plan(plan: dict[str, Any], form: str | None) -> None:
    """What a run would do."""
    if form in {"json", "jsonl"}:
        output.print_json(plan)
        return
    output.say(f"{plan['flow']} would run  ({plan['origin']}); nothing was done")
    for name, value in plan["parameters"].items():
        output.say(f"  -p {name}={json.dumps(value, ensure_ascii=False)}")
    if plan["skips"]:
        output.say(f"  it would be skipped: {plan['skips']}")
    for name in plan["waits_for"]:
        output.say(f"  it would wait for {name}")
    if plan["judged_by"] is None:
        output.say("  it has never completed, so what it reads and writes is not known")
    for word, key in (("reads", "reads"), ("writes", "writes")):
        for line in plan[key]:
            now = f"now v{line['version']}" if line["version"] is not None else "not there now"
            output.say(f"  {word} {line['dataset']}  (v{line['last_time']} last time, {now})")
    for name in plan["cached"]:
        output.say(f"  cached {name}, last time")


def follow(ctx: click.Context, lake: Any, ordered: Any, watch: bool, form: str | None) -> None:
    """Give a run its process, here or apart, and leave with the code of its end."""
    from lakectl.cli.run import as_object, exit_code, tell_end

    if not watch:
        lake.runs.detach(ordered)
        if form in {"json", "jsonl"}:
            output.print_json(as_object(lake, ordered.run, whole=False))
        else:
            output.say(ordered.run.id)
            output.note(f"Look at it with: lakectl run logs {ordered.run.name} -f")
        return
    from lakectl.echo import show as echo

    ended = lake.runs.finish(ordered, echo)
    if form in {"json", "jsonl"}:
        output.print_json(as_object(lake, ended, whole=True))
    else:
        tell_end(ended)
    ctx.exit(exit_code(ended))


def values_of(found: Any, given: tuple[str, ...], file: str | None) -> dict[str, Any]:
    """The parameters of a command line; those of -p go before those of the file.

    Raises:
        InvalidInput: one is no K=V, or the file holds no JSON object.
    """
    from catalog.errors import InvalidInput
    from jobs import parameters

    texts = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise InvalidInput(f"{text!r} is no parameter.", "Write it as -p name=value.")
        texts[name] = value
    return {**_from_file(file), **parameters.from_texts(found, texts)}


def _from_file(file: str | None) -> dict[str, Any]:
    from catalog.errors import InvalidInput, NotFound

    if file is None:
        return {}
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInput(f"{file} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{file} holds no JSON object.", 'Write {"name": value, …}.')
    return found
