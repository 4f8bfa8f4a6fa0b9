"""Runs: looked at, ended, done again, taken back."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lakectl.cli import output
from lakectl.cli.options import confirm, open_lake, output_option, yes_option

if TYPE_CHECKING:
    from jobs.model import Run
    from lakectl.root import Lake

_CODES = {"COMPLETED": 0, "SKIPPED": 0, "FAILED": 1, "CRASHED": 1, "CANCELLED": 8}
_COLUMNS = ("id", "name", "flow", "deployment", "state", "reason", "parameters", "created_at",
            "due_at", "started_at", "ended_at", "attempt", "worker")  # fmt: skip
_SHOWN = ("name", "flow", "state", "started", "took", "reason")


@click.group()
def run() -> None:
    """See runs, follow their logs, stop them, do them again, take back what they wrote.

    A RUN is named by its name (the newest of that name), its id or the begin of it, or `latest`.
    """


def moment(milliseconds: int | None) -> datetime | None:
    """A time of the store as a datetime in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def exit_code(ended: Run) -> int:
    """The exit code that tells how a run ended."""
    return _CODES.get(ended.state.value, 0)


def tell_end(ended: Run) -> None:
    """How a run ended, as a line on stdout."""
    output.say(f"{ended.name} {ended.state.value}" + (f": {ended.reason}" if ended.reason else ""))


def as_object(lake: Lake, found: Run, *, whole: bool) -> dict[str, Any]:
    """A run as the contract for scripts has it; `whole` with tasks, data and error."""
    history = lake.runs.history
    details = history.details(found.id)
    line = _line(found, details.parameters)
    if not whole:
        return line
    tasks = []
    after = 0
    while page := history.tasks(found.id, after):
        tasks += [
            {
                "name": t.name,
                "state": t.state.value,
                "attempt": t.attempt,
                "started_at": moment(t.started_at),
                "ended_at": moment(t.ended_at),
                "cached": t.cached,
                "reason": t.reason,
            }
            for t in page
        ]
        after = page[-1].number
    reads = [{"dataset": r.dataset, "version": r.version} for r in history.reads(found.id)]
    writes = [
        {"dataset": w.dataset, "version": w.version, "rows": w.rows}
        for w in history.writes(found.id)
    ]
    artifacts = [
        {"kind": a.kind, "key": a.key, "body": a.body} for a in history.artifacts(found.id)
    ]
    return {
        **line,
        "tasks": tasks,
        "reads": reads,
        "writes": writes,
        "error": details.error,
        "artifacts": artifacts,
        "post_mortem": details.post_mortem,
        "parent": found.parent,
        "rerun_of": found.rerun_of,
        "resume_of": found.resume_of,
        "tags": list(found.tags),
    }


def _line(found: Run, parameters: Any) -> dict[str, Any]:
    values = {name: getattr(found, name, None) for name in _COLUMNS}
    for name in ("created_at", "due_at", "started_at", "ended_at"):
        values[name] = moment(values[name])
    return {**values, "state": found.state.value, "parameters": parameters}


# -- looking --------------------------------------------------------------------------------------


@run.command("ls")
@click.option("--flow", "flow_name", metavar="NAME", help="Only runs of this flow.")
@click.option(
    "--state", "states", multiple=True, metavar="STATE", help="Only in this state; repeatable."
)
@click.option("--since", metavar="TIME", help="Made since then: '2h ago', 2026-01-31, 30m.")
@click.option("--until", metavar="TIME", help="Made before then.")
@click.option("--all", "all_runs", is_flag=True, help="Subflows too.")
@click.option(
    "-n", "--limit", default=50, show_default=True, type=click.IntRange(1), help="How many."
)
@click.option("--before", metavar="ID", help="The page after the run of this id.")
@output_option
@click.pass_context
def ls(ctx: click.Context, /, output_form: str | None, **given: Any) -> None:
    """List runs, newest first."""
    from jobs.model import RunFilter

    lake = open_lake(ctx)
    wanted = RunFilter(
        flow=given["flow_name"],
        states=tuple(_state(text) for text in given["states"]),
        since=_instant(given["since"]),
        until=_instant(given["until"]),
        top=not given["all_runs"],
    )
    found = lake.runs.page(wanted, given["limit"], given["before"])
    if not _for_people(output_form):
        parameters = lake.runs.history.parameters(r.id for r in found)
        rows = [tuple(_line(r, parameters.get(r.id, {})).values()) for r in found]
        output.print_rows(_COLUMNS, rows, output_form)
        return
    now = lake.handles.now()
    output.print_rows(_SHOWN, [_cells(r, now) for r in found], output_form)


def _for_people(form: str | None) -> bool:
    return form in {"table", "wide", "md"} or (form is None and sys.stdout.isatty())


def _cells(found: Run, now: int) -> tuple[Any, ...]:
    from jobs.states import shown
    from screens.text import age, duration, instant

    name = shown(found.state, reason=found.reason, attempt=found.attempt, due_at=found.due_at,
                 cached=False, now=now)  # fmt: skip
    when = took = ""
    if found.started_at is not None:
        when = age(instant(found.started_at), instant(now))
        took = duration((found.ended_at or now) - found.started_at)
    return (found.name, found.flow, name, when, took, found.reason or "")


def _state(text: str) -> Any:
    from catalog.errors import InvalidInput
    from jobs.states import State

    try:
        return State(text.upper())
    except ValueError as error:
        known = ", ".join(state.value.lower() for state in State)
        raise InvalidInput(f"There is no state {text!r}.", f"There are: {known}.") from error


def _instant(text: str | None) -> int | None:
    """A time as people write it, in milliseconds; `2h` is two hours ago.

    Raises:
        InvalidInput: it is no time.
    """
    from catalog.errors import InvalidInput
    from catalog.versions import parse_time

    if text is None:
        return None
    found = parse_time(text) or parse_time(f"{text} ago")
    if found is None:
        raise InvalidInput(f"{text!r} is no time.", "Write 30m, '2h ago' or 2026-01-31.")
    return int(found.timestamp() * 1000)


@run.command("show")
@click.argument("word", metavar="RUN")
@output_option
@click.pass_context
def show(ctx: click.Context, word: str, output_form: str | None) -> None:
    """Tell everything about a run: its tasks, what it read and wrote, why it failed."""
    lake = open_lake(ctx)
    found = lake.runs.find(word)
    if output_form in {"json", "jsonl"}:
        output.print_json(as_object(lake, found, whole=True))
        return
    from lakectl.cli import run_page

    run_page.show(lake, found)


@run.command("logs")
@click.argument("word", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("--level", default="debug", help="The least level: debug, info, warning, error.")
@output_option
@click.pass_context
def logs(ctx: click.Context, word: str, follow: bool, level: str, output_form: str | None) -> None:
    """Print the log of a run."""
    import logging

    from catalog.errors import InvalidInput

    least = logging.getLevelNamesMapping().get(level.upper())
    if least is None:
        raise InvalidInput(f"There is no level {level!r}.", "Use debug, info, warning or error.")
    lake = open_lake(ctx)
    found = lake.runs.find(word)
    after = 0
    while True:
        ended = not lake.runs.history.run(found.id).is_live
        after = _print_logs(lake, found.id, after, least, output_form)
        if ended or not follow:
            return
        sys.stdout.flush()
        time.sleep(0.3)


def _print_logs(lake: Lake, run_id: str, after: int, least: int, form: str | None) -> int:
    import logging

    from jobs.logs import line_of

    names: dict[int, str] = {}
    flow_run = f"Flow run {lake.runs.history.run(run_id).name!r}"
    while page := lake.runs.history.logs(run_id, after, level=least):
        for line in page:
            if form in {"json", "jsonl"}:
                told = {"at": moment(line.at), "level": logging.getLevelName(line.level),
                        "task": line.task, "message": line.message}  # fmt: skip
                output.print_json(told)
                continue
            if line.task is not None and line.task not in names:
                named = lake.runs.history.tasks(run_id, line.task - 1, 1)
                names[line.task] = named[0].name if named else str(line.task)
            of = f"Task run {names[line.task]!r}" if line.task is not None else flow_run
            output.print_line(line_of(line.at, line.level, of, line.message))
        after = page[-1].number
    return after


@run.command("why")
@click.argument("word", metavar="RUN")
@click.pass_context
def why(ctx: click.Context, word: str) -> None:
    """Tell why a run waits, was tried again, missed a cache, or ended as it did."""
    for sentence in open_lake(ctx, reaps=True).runs.why(word):
        output.say(sentence)


@run.command("wait")
@click.argument("word", metavar="RUN")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer.")
@output_option
@click.pass_context
def wait(ctx: click.Context, word: str, timeout: float | None, output_form: str | None) -> None:
    """Wait until a run has ended; the exit code tells how."""
    lake = open_lake(ctx, reaps=True)
    ended = lake.runs.wait(word, timeout)
    if output_form in {"json", "jsonl"}:
        output.print_json(as_object(lake, ended, whole=True))
    else:
        tell_end(ended)
    ctx.exit(exit_code(ended))


# -- ordering -------------------------------------------------------------------------------------


@run.command("cancel")
@click.argument("word", metavar="RUN")
@click.pass_context
def cancel(ctx: click.Context, word: str) -> None:
    """Ask a run to stop: it is interrupted, then terminated, then killed, within 20 seconds."""
    output.say(open_lake(ctx, reaps=True).runs.cancel(word))


@run.command("rerun")
@click.argument("word", metavar="RUN")
@click.option("-p", "--param", "given", multiple=True, metavar="K=V", help="A parameter to change.")
@click.option(
    "--watch/--detach", default=True, help="Wait and show its log, or leave it to itself."
)
@output_option
@click.pass_context
def rerun(
    ctx: click.Context, word: str, given: tuple[str, ...], watch: bool, output_form: str | None
) -> None:
    """Run the same again, with the same parameters or some of them changed."""
    from lakectl.cli.flow import follow, values_of

    lake = open_lake(ctx, reaps=True)
    changes: dict[str, Any] = {}
    if given:
        changes = values_of(lake.runs.flow(lake.runs.find(word).origin), given, None)
    follow(ctx, lake, lake.runs.rerun(word, changes), watch, output_form)


@run.command("resume")
@click.argument("word", metavar="RUN")
@click.option(
    "--watch/--detach", default=True, help="Wait and show its log, or leave it to itself."
)
@output_option
@click.pass_context
def resume(ctx: click.Context, word: str, watch: bool, output_form: str | None) -> None:
    """Go on where a failed run stopped: what it had finished is taken over."""
    from lakectl.cli.flow import follow

    lake = open_lake(ctx, reaps=True)
    follow(ctx, lake, lake.runs.resume(word), watch, output_form)


@run.command("undo")
@click.argument("word", metavar="RUN")
@yes_option
@click.option("--dry-run", is_flag=True, help="Tell what would happen; change nothing.")
@click.pass_context
def undo(ctx: click.Context, word: str, yes: bool, dry_run: bool) -> None:
    """Put every dataset back to what it was before a run, if nobody has written since."""
    lake = open_lake(ctx, reaps=True)
    found = lake.runs.find(word)
    planned = lake.runs.effects(word)
    for effect in planned:
        back = "would be dropped" if effect.to_version is None else f"→ v{effect.to_version}"
        told = f"stays: {effect.conflict}" if effect.conflict else back
        output.note(f"  {effect.dataset} v{effect.from_version} {told}")
    if not planned:
        output.say(f"{found.name} wrote nothing that is there.")
        return
    if dry_run:
        return
    if not any(effect.conflict for effect in planned):
        confirm(f"Take back what {found.name} wrote?", yes)
    done = lake.runs.undo(word)
    output.say(f"{found.name} is undone: {', '.join(effect.dataset for effect in done)}.")
