"""A run told in lines: its facts, its error and how it ended, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jobs.model import Artifact, Details, Event, Run
from screens import standing
from screens.text import cell, cut_end, duration, exact, instant, safe, size, width
from screens.widgets.page import Told, told_text

_MOST_ROWS = 200  # of a table that is shown
_MOST_COLUMNS = 30
_WIDEST = 40
_LAST_LINES = ("last_lines", "log", "tail")


class Known(NamedTuple):
    """What is read of a run when it is opened, and again when it has moved."""

    run: Run
    details: Details
    events: Sequence[Event]


def why(known: Known) -> str | None:
    """The one line that tells why a run went wrong."""
    if known.run.state not in standing.WENT_WRONG:
        return None
    lines = [line for line in (known.details.error or "").strip().split("\n") if line.strip()]
    return lines[-1].strip() if lines else known.run.reason or "Nobody knows why."


def facts_of(known: Known, now: int) -> list[Told]:
    """Everything that is stored of a run; where it failed, that comes first."""
    run, details, events = known
    lines: list[Told] = []
    if details.error:
        lines += [*told_text("error", details.error, "bad"), Told("", "")]
    if details.post_mortem:
        lines += [*_post_mortem(details.post_mortem), Told("", "")]
    lines += _identity(run)
    lines += _mapping("parameters", details.parameters, "none")
    lines += _mapping("inputs", details.inputs)
    lines += _moves(events, now)
    lines += _mapping("code", details.code)
    lines += _mapping("options", details.options)
    return lines


def _identity(run: Run) -> list[Told]:
    known = {
        "id": run.id,
        "flow": run.flow,
        "origin": run.origin,
        "deployment": run.deployment,
        "worker": run.worker,
        "tags": " ".join(run.tags),
        "part of": run.parent,
        "again": f"a re-run of {run.rerun_of}" if run.rerun_of else None,
        "resumes": run.resume_of,
        "cancelled": f"asked for by {run.cancel_by}" if run.cancel_by else None,
    }
    return [*(Told(label, str(text)) for label, text in known.items() if text), Told("", "")]


def _mapping(title: str, values: Mapping[str, Any] | None, none: str = "") -> list[Told]:
    if not values:
        return [Told(title, none, "dim"), Told("", "")] if none else []
    shown = [f"{name} = {cell(value)}" for name, value in values.items()]
    return [*(Told(title if at == 0 else "", t) for at, t in enumerate(shown)), Told("", "")]


def _moves(events: Sequence[Event], now: int) -> list[Told]:
    lines = []
    for at, event in enumerate(events):
        until = events[at + 1].at if at + 1 < len(events) else now
        stands = standing.named(event.state.capitalize())
        lasted = "" if at + 1 == len(events) else f"  for {duration(until - event.at)}"
        tried = f"  attempt {event.attempt}" if event.attempt > 1 else ""
        reason = f"  {event.reason}" if event.reason else ""
        text = f"{exact(instant(event.at))}  {stands}{tried}{lasted}{reason}"
        lines.append(Told("moves" if at == 0 else "", text, stands.look if reason else ""))
    return [*lines, Told("", "")] if lines else []


def _post_mortem(found: Mapping[str, Any]) -> list[Told]:
    lines: list[Told] = []
    for name, value in found.items():
        if name in _LAST_LINES and isinstance(value, list | str):
            text = value if isinstance(value, str) else "\n".join(map(str, value))
            lines += told_text("", f"{name.replace('_', ' ')}:\n{text}", "dim")
        elif isinstance(value, int) and not isinstance(value, bool) and _is_bytes(name):
            lines.append(Told("", f"{name.replace('_', ' ')} = {size(value)}", "warn"))
        else:
            lines.append(Told("", f"{name.replace('_', ' ')} = {cell(value)}", "warn"))
    return [line._replace(label="post-mortem" if at == 0 else "") for at, line in enumerate(lines)]


def _is_bytes(name: str) -> bool:
    return name.endswith(("bytes", "_rss", "memory")) or name in {"rss", "peak"}


def artifacts_of(artifacts: Sequence[Artifact]) -> list[Told]:
    """What a run shows, each with its kind and key above it."""
    lines: list[Told] = []
    for artifact in artifacts:
        when = f"{instant(artifact.at):%H:%M:%S}"
        lines.append(Told(artifact.kind, f"{artifact.key}   {when}", "name"))
        lines += [Told("", line.text, line.look) for line in _body(artifact.kind, artifact.body)]
        lines.append(Told("", ""))
    return lines


def _body(kind: str, body: Any) -> list[Told]:
    if kind == "table":
        return _table(body)
    if kind == "markdown" and isinstance(body, str):
        return [Told("", line, _markdown_look(line)) for line in body.split("\n")[:2000]]
    if isinstance(body, Mapping):
        return [Told("", f"{name} = {cell(value)}") for name, value in body.items()]
    return told_text("", cell(body))


def _markdown_look(line: str) -> str:
    if line.startswith("#"):
        return "head"
    return "dim" if line.startswith((">", "```", "---")) else ""


def _table(body: Any) -> list[Told]:
    """A table in columns, whatever shape it came in: rows as mappings or lists, or columns."""
    titles, rows = _rows(body)
    if not rows:
        return told_text("", cell(body))
    shown = [[safe(cell(value), limit=200) for value in row] for row in rows[:_MOST_ROWS]]
    heads = [safe(title, limit=_WIDEST) for title in titles]
    columns = range(min(_MOST_COLUMNS, max(len(row) for row in [heads, *shown])))
    wide = [min(_WIDEST, max(width(_at(row, i)) for row in [heads, *shown])) for i in columns]
    lines = [Told("", _line(heads, wide), "head")] if heads else []
    lines += [Told("", _line(row, wide)) for row in shown]
    if len(rows) > _MOST_ROWS:
        lines.append(Told("", f"… and {len(rows) - _MOST_ROWS:,} more rows", "dim"))
    return lines


def _rows(body: Any) -> tuple[list[str], list[list[Any]]]:
    if isinstance(body, Mapping) and isinstance(body.get("rows"), list):
        titles = body.get("columns")
        heads = list(map(str, titles)) if isinstance(titles, list) else []
        return heads, [_row(row) for row in body["rows"]]
    if isinstance(body, Mapping) and body and all(isinstance(v, list) for v in body.values()):
        tall = max(len(v) for v in body.values())
        return list(map(str, body)), [[_at(v, i) for v in body.values()] for i in range(tall)]
    if isinstance(body, list) and body and all(isinstance(r, Mapping) for r in body):
        titles = list(dict.fromkeys(str(name) for row in body[:_MOST_ROWS] for name in row))
        return titles, [[row.get(t) for t in titles] for row in body]
    if isinstance(body, list) and body:
        return [], [_row(row) for row in body]
    return [], []


def _row(row: Any) -> list[Any]:
    if isinstance(row, Mapping):
        return list(row.values())
    return row if isinstance(row, list) else [row]


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else ""


def _line(row: Sequence[str], wide: Sequence[int]) -> str:
    cells = (cut_end(_at(row, i), columns) for i, columns in enumerate(wide))
    padded = (c + " " * (columns - width(c)) for c, columns in zip(cells, wide, strict=True))
    return "  ".join(padded).rstrip()
