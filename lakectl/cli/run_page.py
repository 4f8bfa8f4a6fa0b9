"""One run for people: state and times, parameters, tasks, data, artifacts, error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobs.states import shown
from lakectl.cli import output
from screens.text import duration, exact, instant, plural, size

if TYPE_CHECKING:
    from jobs.model import Run
    from lakectl.root import Lake

_MOST_TASKS = 50


def show(lake: Lake, found: Run) -> None:
    """Print it on stdout."""
    history = lake.runs.history
    now = lake.handles.now()
    details = history.details(found.id)
    state = shown(found.state, reason=found.reason, attempt=found.attempt, due_at=found.due_at,
                  cached=False, now=now)  # fmt: skip
    output.say(f"{found.name}  {state}" + (f": {found.reason}" if found.reason else ""))
    facts = [("flow", f"{found.flow}  ({found.origin})"), ("id", found.id)]
    facts += [(what, exact(instant(at))) for what, at in _times(found) if at is not None]
    if found.started_at is not None:
        facts.append(("took", duration((found.ended_at or now) - found.started_at)))
    facts += _more(found)
    for name, value in details.parameters.items():
        if value not in (None, [], {}):
            facts.append(("parameter", f"{name}={json.dumps(value, ensure_ascii=False)}"))
    for label, value in facts:
        output.say(f"  {label:<12} {value}")
    _tasks(lake, found, now)
    _data(lake, found)
    _artifacts(lake, found)
    if details.error:
        output.blank_line()
        output.print_line(details.error.rstrip())
    _post_mortem(details.post_mortem)


def _times(found: Run) -> list[tuple[str, int | None]]:
    return [
        ("made", found.created_at),
        ("started", found.started_at),
        ("ended", found.ended_at),
    ]


def _more(found: Run) -> list[tuple[str, str]]:
    told = []
    if found.attempt > 1:
        told.append(("attempt", str(found.attempt)))
    if found.worker and found.is_live:
        told.append(("worker", found.worker))
    told += [
        (what.replace("_", " "), value)
        for what in ("resume_of", "rerun_of", "parent")
        if (value := getattr(found, what))
    ]
    if found.tags:
        told.append(("tags", ", ".join(found.tags)))
    return told


def _tasks(lake: Lake, found: Run, now: int) -> None:
    page = lake.runs.history.tasks(found.id, limit=_MOST_TASKS + 1)
    if not page:
        return
    rows = []
    for task in page[:_MOST_TASKS]:
        took = ""
        if task.started_at is not None:
            took = duration((task.ended_at or now) - task.started_at)
        state = "Cached" if task.cached else task.state.value.capitalize()
        rows.append((task.name, state, task.attempt, took, task.reason or ""))
    output.blank_line()
    output.print_rows(("task", "state", "attempt", "took", "reason"), rows, "table")
    if len(page) > _MOST_TASKS:
        counts = lake.runs.history.task_counts(found.id)
        told = ", ".join(f"{number:,} {state.value.lower()}" for state, number in counts.items())
        output.note(f"… {told}; -o json lists them all")


def _data(lake: Lake, found: Run) -> None:
    lines: list[tuple[str, str, str]] = []
    lines += [("read", f"{r.dataset} v{r.version}", "") for r in lake.runs.history.reads(found.id)]
    lines += [
        ("wrote", f"{w.dataset} v{w.version}", f"+{plural(w.rows, 'row')}")
        for w in lake.runs.history.writes(found.id)
    ]
    if lines:
        output.blank_line()
    for what, which, rows in lines:
        output.say(f"  {what:<6} {which}  {rows}".rstrip())


def _artifacts(lake: Lake, found: Run) -> None:
    for artifact in lake.runs.history.artifacts(found.id):
        output.blank_line()
        output.say(f"{artifact.kind} {artifact.key}")
        if artifact.kind == "table":
            output.print_rows(artifact.body["columns"], artifact.body["rows"], "table")
        else:
            body = artifact.body
            whole = isinstance(body, float) and body.is_integer()
            output.print_line(str(int(body) if whole else body))


def _post_mortem(told: Any) -> None:
    if not told:
        return
    output.blank_line()
    output.say("Post-mortem")
    for name, value in told.items():
        if name == "last_lines":
            continue
        if value not in (None, []):
            told_as = size(value) if name == "peak_memory" else value
            output.say(f"  {name.replace('_', ' '):<12} {told_as}")
    if told.get("last_lines"):
        output.say(f"  the last {plural(len(told['last_lines']), 'line')} of its log:")
        for line in told["last_lines"]:
            output.print_line(f"  | {line}")
